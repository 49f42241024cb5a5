use super::*;
use crate::script::diagnostic::{Sources, render_plain};
use proptest::prelude::*;
use rhai::{Engine, OptimizationLevel};

const NAME: &str = "strategy.rhai";

/// A host's vocabulary, as the specification has it, with a script's `upper`, `lower`, `bands`, `armed`, `count`.
fn vocabulary() -> Vocabulary {
    use Phase::{Any, Candle, Init, Params};
    let f = FunctionSignature::new;
    let strings = |names: &str| names.split_whitespace().map(str::to_string).collect::<Vec<_>>();
    let mut ctx_properties = Vec::new();
    for name in strings("open high low close volume hl2 hlc3 ohlc4 upper lower") {
        ctx_properties.push(Property::new(&name, false, PropertyKind::Series));
    }
    for name in strings(
        "time hour weekday index quantity entry_price candles_held profit_pct peak_profit_pct stop_price \
         target_price equity cash",
    ) {
        ctx_properties.push(Property::new(&name, false, PropertyKind::Number));
    }
    for name in strings("is_flat is_long is_short allow_short filters_pass atr_filter_pass hours_pass") {
        ctx_properties.push(Property::new(&name, false, PropertyKind::Bool));
    }
    let fields = strings("upper middle lower");
    ctx_properties.push(Property::new("bands", false, PropertyKind::Multi { fields }));
    ctx_properties.push(Property::new("armed", true, PropertyKind::Bool));
    ctx_properties.push(Property::new("count", true, PropertyKind::Number));
    Vocabulary {
        constants: strings("open high low close volume hl2 hlc3 ohlc4 PI"),
        functions: vec![
            f("int(default, least, most)", 3, 3, Params),
            f("float(default, least, most)", 3, 3, Params),
            f("flag(default)", 1, 1, Params),
            f("choice(default, options)", 2, 2, Params),
            f("sma(src, n)", 2, 2, Init),
            f("ema(src, n)", 2, 2, Init),
            f("highest(src, n)", 2, 2, Init),
            f("lowest(src, n)", 2, 2, Init),
            f("atr(n)", 1, 1, Init),
            f("bollinger(src, n, width)", 3, 3, Init),
            f("crossed_above(a, b)", 2, 2, Candle),
            f("crossed_below(a, b)", 2, 2, Candle),
            f("rising(s, n)", 2, 2, Candle),
            f("min(a, b)", 2, 2, Any),
            f("max(a, b)", 2, 2, Any),
            f("abs(x)", 1, 1, Any),
            f("sqrt(x)", 1, 1, Any),
            f("round(x, digits)", 1, 2, Any),
            f("stop_price_pct(price, pct)", 2, 2, Any),
        ],
        builtins: [packages::MATH, packages::STRINGS, packages::ARRAYS, packages::MAPS, packages::ITERATORS]
            .concat()
            .iter()
            .map(ToString::to_string)
            .collect(),
        ctx_properties,
        ctx_methods: vec![
            f("enter_long(reason)", 1, 1, Candle),
            f("enter_short(reason)", 1, 1, Candle),
            f("exit(reason)", 1, 1, Candle),
            f("stop_at(price)", 1, 1, Candle),
            f("target_at(price)", 1, 1, Candle),
            f("size_units(x)", 1, 1, Candle),
            f("log(text)", 1, 1, Candle),
            f("plot(name, value)", 2, 2, Candle),
        ],
        parameters: strings("stop_pct entry_period atr_stop"),
        fill_properties: strings("price quantity side fee"),
        trade_properties: strings("entry_price exit_price profit_pct reason"),
        modules: [("levels".to_string(), strings("pivot support"))].into(),
        ..Vocabulary::default()
    }
}

fn engine() -> Engine {
    let mut engine = Engine::new_raw();
    engine.set_optimization_level(OptimizationLevel::None);
    // Rhai's default in a debug build refuses the example.
    engine.set_max_expr_depths(64, 64);
    engine
}

/// The findings about a script as its author sees them.
fn check(source: &str) -> String {
    let mut ast = match engine().compile(source) {
        Ok(ast) => ast,
        Err(error) => return format!("does not parse: {error}\n"),
    };
    ast.set_source(NAME);
    let found = Reading::of(&ast, source).findings(&ast, &vocabulary());
    if found.is_empty() {
        return "clean\n".to_string();
    }
    render_plain(&found, &Sources::one(NAME, source))
}

/// A script whose `on_candle` is `body`.
fn candle(body: &str) -> String {
    format!("fn on_candle(ctx, p) {{\n{body}\n}}\n")
}

fn table(cases: &[(&str, String)]) -> String {
    cases.iter().map(|(name, source)| format!("== {name}\n\n{}\n", check(source))).collect()
}

fn snapshot(name: &str, shown: String) {
    insta::assert_snapshot!(name, shown);
}

fn candles(cases: &[(&str, &str)]) -> String {
    table(&cases.iter().map(|(name, body)| (*name, candle(body))).collect::<Vec<_>>())
}

fn scripts(cases: &[(&str, &str)]) -> String {
    table(&cases.iter().map(|(name, source)| (*name, (*source).to_string())).collect::<Vec<_>>())
}

const EXAMPLE: &str = r#"//! Breakout: buy when the close clears the highest high of the last `entry_period` candles,
//! leave when it falls under the lowest low of the last `exit_period`.

fn params() {
    #{
        entry_period:  int(20, 5, 100),          // default, least, most
        exit_period:   int(10, 5, 50),
        volume_period: int(20, 5, 100),
        volume_factor: float(1.0, 0.0, 5.0),
        atr_period:    int(14, 2, 100),
        atr_stop:      float(2.0, 0.0, 10.0),    // 0 = off
    }
}

fn init(p) {
    #{
        upper:      highest(high, p.entry_period),
        lower:      lowest(low, p.exit_period),
        avg_volume: sma(volume, p.volume_period),
        atr:        atr(p.atr_period),
    }
}

fn on_candle(ctx, p) {
    if ctx.is_flat {
        if ctx.close > ctx.upper[1] && ctx.volume >= p.volume_factor * ctx.avg_volume {
            ctx.enter_long("close above the channel");
            if p.atr_stop > 0.0 { ctx.stop_at(ctx.close - p.atr_stop * ctx.atr); }
        }
    } else if ctx.close < ctx.lower[1] {
        ctx.exit("close below the channel");
    }
}
"#;

#[test]
fn the_example_is_clean() {
    assert_eq!(check(EXAMPLE), "clean\n");
}

#[test]
fn variables() {
    snapshot(
        "variables",
        candles(&[
            (
                "misspelt local",
                "    let level = ctx.close * 1.01;\n    if ctx.high > levle { ctx.exit(\"x\"); }",
            ),
            ("property without ctx", "    if is_flat { ctx.enter_long(\"x\"); }"),
            ("misspelt property without ctx", "    if entry_prise > 3.0 { ctx.exit(\"x\"); }"),
            ("parameter without p", "    if ctx.close > entry_period { ctx.exit(\"x\"); }"),
            ("assigned but never declared", "    total = 3;"),
            ("a host constant assigned", "    close = 3.0;"),
            ("out of scope", "    if ctx.is_flat { let a = 1.0; ctx.stop_at(a); }\n    ctx.stop_at(a);"),
            ("its own initial value", "    let fresh = fresh + 1;\n    ctx.stop_at(fresh);"),
            (
                "loop variable after the loop",
                "    for i in 0..3 { ctx.stop_at(ctx.close[i]); }\n    ctx.log(i);",
            ),
            (
                "catch variable outside",
                "    try { ctx.log(\"a\"); } catch (err) { ctx.log(err); }\n    ctx.log(err);",
            ),
            ("inside a closure", "    let f = |x| x + ofset;\n    ctx.stop_at(f.call(1.0));"),
            ("inside a text", "    ctx.log(`close ${ctx.close} of ${symbol}`);"),
            (
                "known in all these places",
                "    let a = [1.0, 2.0];\n    for (x, i) in a { ctx.plot(`a${i}`, x + PI); }\n    let a = a.map(|x| x + ctx.close);\n    const B = 2;\n    try { ctx.log(a); } catch (err) { ctx.log(`${err} ${B}`); }\n    switch B { 1 => ctx.log(\"one\"), 2..5 if a.len() > 2 => { let c = 1; ctx.log(c) }, _ => () }\n    do { let d = 1; ctx.log(d); } while B < 1;",
            ),
        ]),
    );
}

#[test]
fn top_level() {
    snapshot(
        "top_level",
        scripts(&[
            (
                "constant without global",
                "const FACTOR = 2.0;\nlet seen = 0;\nfn on_candle(ctx, p) {\n    ctx.stop_at(FACTOR * global::FACTOR);\n    ctx.log(seen);\n    ctx.log(global::FACTR);\n    ctx.log(global::seen);\n}",
            ),
            (
                "ctx in init",
                "fn init(p) {\n    #{ upper: highest(ctx.high, 3) }\n}\nfn on_candle(ctx, p) { ctx.log(ctx.upper); }",
            ),
            (
                "p not passed on",
                "fn far(ctx) { ctx.close > p.stop_pct }\nfn on_candle(ctx, p) { if far(ctx) { ctx.exit(\"x\"); } }",
            ),
            (
                "module names",
                "import \"lib/levels\" as levels;\nfn on_candle(ctx, p) {\n    ctx.stop_at(levels::pivot(ctx));\n    ctx.stop_at(levels::pivto(ctx));\n    ctx.stop_at(level::pivot(ctx));\n}",
            ),
            (
                "import of a computed path",
                "import \"lib/\" + \"levels\" as levels;\nfn on_candle(ctx, p) { ctx.stop_at(levels::pivot(ctx)); }",
            ),
            (
                "known in a function",
                "import \"other\" as other;\nconst A = 1;\nfn double(x) { x * 2 }\nfn on_candle(ctx, p) {\n    import \"more\" as more;\n    let f = double;\n    ctx.log(f.call(global::A) + other::B + more::f(2) + Fn(\"double\").call(2));\n}",
            ),
        ]),
    );
}

#[test]
fn functions() {
    snapshot(
        "functions",
        candles(&[
            ("misspelt host function", "    if cross_above(ctx.close, ctx.upper) { ctx.exit(\"x\"); }"),
            ("too few arguments", "    if crossed_above(ctx.close) { ctx.exit(\"x\"); }"),
            ("too many arguments", "    ctx.stop_at(round(ctx.close, 2, 3));"),
            ("a method called as a function", "    enter_long(\"x\");"),
            ("a property called as a function", "    if is_flat() { ctx.exit(\"x\"); }"),
            ("a price called as a function", "    if close(1) > 3.0 { ctx.exit(\"x\"); }"),
            ("print", "    print(\"x\");"),
            ("nothing like it", "    frobnicate();"),
            (
                "a closure called as a function",
                "    let far = |x| x > 1.0;\n    if far(ctx.close) { ctx.exit(\"x\"); }",
            ),
            ("a function pointer to nothing", "    let f = Fn(\"dubble\");\n    ctx.log(f.call(1));"),
            ("indicator in on_candle", "    if ctx.close > sma(close, 20) { ctx.enter_long(\"x\"); }"),
            ("parameter in on_candle", "    let n = int(20, 5, 100);\n    ctx.log(n);"),
            ("misspelt method of ctx", "    ctx.enterlong(\"x\");\n    ctx.enter_lnog(\"x\");"),
            ("wrong number of arguments of a method", "    ctx.enter_long();\n    ctx.plot(\"a\");"),
            ("property with parentheses", "    if ctx.is_flat() { ctx.exit(\"x\"); }"),
            (
                "function written as a method of ctx",
                "    if ctx.crossed_above(ctx.close, ctx.upper) { ctx.exit(\"x\"); }",
            ),
            (
                "method of something else",
                "    let a = [1.0];\n    a.psuh(2.0);\n    a.push(ctx.close.abs());\n    a.exit(\"x\");\n    p.enter_long(\"x\");",
            ),
            (
                "closures in maps are methods",
                "    let m = #{ far: |x| x > 1.0 };\n    if m.far(ctx.close) { ctx.exit(\"x\"); }",
            ),
        ]),
    );
}

#[test]
fn own_functions() {
    snapshot(
        "own_functions",
        scripts(&[
            (
                "wrong number of arguments",
                "fn far(ctx, x) { ctx.close > x }\nfn on_candle(ctx, p) { if far(ctx) { ctx.exit(\"x\"); } }",
            ),
            (
                "misspelt",
                "fn far(ctx, x) { ctx.close > x }\nfn on_candle(ctx, p) { if fra(ctx, 1.0) && far(ctx, 1.0) { ctx.exit(\"x\"); } }",
            ),
            (
                "ctx through helpers, under other names",
                "fn outer(c, q) { inner(q, c) }\nfn inner(a, b) {\n    let d = b;\n    d.clsoe > a.stop_pc\n}\nfn on_candle(context, q) { if outer(context, q) { context.eixt(\"x\"); } }",
            ),
            (
                "ctx as this",
                "fn far(x) { this.clsoe > x }\nfn on_candle(ctx, p) { if ctx.far(1.0) { ctx.exit(\"x\"); } }",
            ),
            (
                "ctx in a closure",
                "fn on_candle(ctx, p) {\n    let far = |x| ctx.clsoe > x;\n    if far.call(1.0) { ctx.exit(\"x\"); }\n}",
            ),
            (
                "recursion keeps what is known",
                "fn deep(ctx, n) { if n > 0 { deep(ctx, n - 1) } else { ctx.clsoe } }\nfn on_candle(ctx, p) { ctx.stop_at(deep(ctx, 2)); }",
            ),
            (
                "two kinds in one parameter are not checked",
                "fn near(x) { x.clsoe }\nfn on_candle(ctx, p) { ctx.stop_at(near(ctx) + near(#{ clsoe: 1.0 })); }",
            ),
            (
                "indicator in a helper of on_candle",
                "fn level(n) { highest(high, n) }\nfn init(p) { #{ top: level(3) } }\nfn on_candle(ctx, p) { ctx.stop_at(ctx.top + level(3)); }",
            ),
            (
                "candle function in init",
                "fn init(p) { #{ up: crossed_above(close, open) } }\nfn on_candle(ctx, p) { if ctx.up { ctx.exit(\"x\"); } }",
            ),
            (
                "indicator in params",
                "fn params() { #{ n: sma(close, 3) } }\nfn on_candle(ctx, p) { ctx.log(p.n); }",
            ),
        ]),
    );
}

#[test]
fn properties() {
    snapshot(
        "properties",
        candles(&[
            ("misspelt", "    if ctx.clsoe > ctx.upper[1] { ctx.exit(\"x\"); }"),
            (
                "several in one script",
                "    if ctx.isflat && ctx.volum > 0.0 {\n        ctx.exit(ctx.reason);\n    }",
            ),
            ("method without parentheses", "    if ctx.is_long { ctx.exit; }"),
            ("parameter of ctx", "    ctx.log(ctx.entry_period);"),
            ("indicator that init does not declare", "    ctx.log(ctx.atr);\n    ctx.log(ctx.slow);"),
            ("misspelt field", "    if ctx.close > ctx.bands.uper { ctx.exit(\"x\"); }"),
            ("unlike any field", "    if ctx.close > ctx.bands.width[1] { ctx.exit(\"x\"); }"),
            (
                "field of a single series",
                "    let u = ctx.upper;\n    if ctx.close > u.value { ctx.exit(\"x\"); }",
            ),
            ("misspelt parameter", "    if p.entry_perod > 3 { ctx.exit(\"x\"); }"),
            ("property of ctx on p", "    if p.is_flat { ctx.exit(\"x\"); }"),
            ("undeclared parameter", "    if p.magic > 3 { ctx.exit(\"x\"); }"),
            ("by a text", "    ctx.log(p[\"entry_perod\"]);"),
            ("look-ahead", "    if ctx.close[-1] > ctx.bands.upper[-2] { ctx.exit(\"x\"); }"),
            ("index that is no number of candles", "    if ctx.close[0.5] > 1.0 { ctx.exit(\"x\"); }"),
            ("history of a number", "    if ctx.equity[1] > ctx.equity { ctx.exit(\"x\"); }"),
            ("history of several fields", "    ctx.log(ctx.bands[1]);"),
            ("safe navigation", "    ctx.log(ctx?.clsoe ?? p?.entry_perod);"),
        ]),
    );
}

#[test]
fn fills_and_trades() {
    snapshot(
        "fills_and_trades",
        scripts(&[(
            "properties of fill and trade",
            "fn on_candle(ctx, p) { }\nfn on_fill(ctx, p, fill) {\n    ctx.log(fill.prise);\n    fill.price = 2.0;\n}\nfn on_exit(ctx, p, trade) {\n    ctx.log(`${trade.reason} ${trade.weather}`);\n}",
        )]),
    );
}

#[test]
fn assignments() {
    snapshot(
        "assignments",
        candles(&[
            ("built-in", "    ctx.close = 1.0;"),
            ("series", "    ctx.upper[1] = 1.0;"),
            ("field", "    ctx.bands.upper += 1.0;"),
            ("the stop", "    ctx.stop_price = ctx.close * 0.9;"),
            ("parameter", "    p.stop_pct *= 2.0;"),
            ("undeclared slot", "    ctx.wins = 1;"),
            ("misspelt slot", "    ctx.amred = true;"),
            ("wrong type", "    ctx.armed = 1;\n    ctx.count = true;"),
            (
                "slots are fine",
                "    ctx.armed = !ctx.armed;\n    ctx.count += 1;\n    ctx.count = ctx.count * 2;",
            ),
        ]),
    );
}

#[test]
fn handlers() {
    snapshot(
        "handlers",
        scripts(&[
            ("empty script", ""),
            ("misspelt on_candle", "fn on_candel(ctx, p) {\n    ctx.exit(\"x\");\n}"),
            (
                "misspelt init",
                "fn inti(p) { #{ slow: sma(close, 20) } }\nfn on_candle(ctx, p) { ctx.log(\"x\"); }",
            ),
            ("unknown handler", "fn on_tick(ctx, p) { }\nfn on_candle(ctx, p) { }"),
            (
                "wrong parameters",
                "fn params(x) { #{} }\nfn init() { #{} }\nfn on_candle(ctx) { }\nfn on_fill(ctx, p) { }",
            ),
            (
                "a helper with a near name is fine",
                "fn on_candles(ctx) { ctx.exit(\"x\") }\nfn on_candle(ctx, p) { on_candles(ctx); }",
            ),
        ]),
    );
}

#[test]
fn nothing_is_unused_where_a_handler_is_not_known() {
    for handler in ["fn on_candel(ctx, p)", "fn decide(ctx, p)", "fn on_candle(p)"] {
        let found = check(&EXAMPLE.replace("fn on_candle(ctx, p)", handler));
        assert!(found.contains('×') && !found.contains("is never used"), "{handler}: {found}");
    }
    let found = check(&EXAMPLE.replace("fn on_candle(ctx, p)", "fn on_candel(ctx, p)"));
    assert_eq!(found.matches(['×', '⚠']).count(), 1, "{found}");
}

#[test]
fn warnings() {
    snapshot(
        "warnings",
        candles(&[
            ("comparison for assignment", "    ctx.armed == true;"),
            ("comparison", "    if ctx.is_flat { ctx.close > ctx.upper; }\n    ctx.log(\"x\");"),
            ("calculation", "    ctx.close * 2.0;"),
            ("value", "    ctx.close;\n    ctx.is_flat && ctx.armed;"),
            ("result of a host function", "    crossed_above(ctx.close, ctx.upper);"),
            (
                "unused variables",
                "    let a = ctx.close;\n    let b = 1;\n    let _c = 2;\n    b = 3;\n    if ctx.is_flat { const D = 2; }",
            ),
            ("shadowed before it is used", "    let a = 1;\n    let a = 2;\n    ctx.log(a);"),
            ("unreachable", "    if ctx.is_flat { return; }\n    return;\n    ctx.exit(\"x\");"),
            (
                "calls that act are fine",
                "    ctx.is_flat && { ctx.enter_long(\"x\"); true };\n    if ctx.is_long { ctx.exit(\"x\") }",
            ),
        ]),
    );
}

#[test]
fn declarations() {
    snapshot(
        "declarations",
        scripts(&[
            (
                "never used",
                "fn params() {\n    #{\n        entry_n: int(20, 5, 100),\n        exit_n: int(10, 5, 100),\n        stop_pct: 2.0,\n    }\n}\nfn init(p) {\n    let m = #{ fast: sma(close, p.entry_n) };\n    m.slow = sma(close, 50);\n    m[\"on\"] = false;\n    m\n}\nfn on_candle(ctx, p) {\n    if ctx.close > ctx.fast { ctx.exit(\"x\"); }\n}",
            ),
            (
                "used through an alias and by a helper",
                "fn params() { #{ n: int(20, 5, 100) } }\nfn init(p) { #{ fast: sma(close, take(p)), slow: sma(close, 9) } }\nfn take(q) { q.n }\nfn on_candle(ctx, p) {\n    let c = ctx;\n    if c.fast > ctx.slow { ctx.exit(\"x\"); }\n}",
            ),
            (
                "not followed into a map",
                "fn init(p) { #{ fast: sma(close, 3) } }\nfn on_candle(ctx, p) { ctx.log(#{ it: ctx }); }",
            ),
            (
                "declared series and slots are known",
                "fn init(p) { #{ fast: sma(close, 3), on: false, n: 0 } }\nfn on_candle(ctx, p) {\n    ctx.on = true;\n    ctx.n += 1;\n    ctx.fast = 1.0;\n    ctx.on = 3;\n    ctx.log(ctx.fst);\n}",
            ),
            (
                "results that init drops",
                "fn init(p) {\n    sma(close, 3);\n    #{ }\n}\nfn on_candle(ctx, p) { }",
            ),
        ]),
    );
}

#[test]
fn what_a_script_declares() {
    let source = "import \"a/b\" as b;\nfn params() { #{ n: int(1, 2, 3), base: 2 } }\nfn init(p) {\n    import \"c\" as c;\n    let m = #{ x: sma(close, 3), inner: #{ no: 1 } };\n    m.y = true;\n    m[\"z\"] = -1.5;\n    m\n}\nfn on_candle(ctx, p) { #{ not: 1 } }";
    let ast = engine().compile(source).unwrap();
    let declared = Reading::of(&ast, "").declared().clone();
    let lines = |list: &[Declaration]| -> Vec<String> {
        list.iter().map(|d| format!("{} {:?} {}:{}", d.name, d.value, d.line, d.column)).collect()
    };
    let imports: Vec<String> =
        imports(&ast).iter().map(|(path, alias, at)| format!("{path} as {alias} {at:?}")).collect();
    let shown =
        [lines(&declared.params), lines(&declared.init), imports].map(|lines| lines.join("\n")).join("\n\n");
    snapshot("what_a_script_declares", shown);
}

#[test]
fn modules_have_no_handlers() {
    let source = "fn pivot(ctx) { (ctx.high + ctx.lwo + ctx.close) / 3.0 }\nfn on_tick() { frobnicate() }";
    let ast = engine().compile(source).unwrap();
    let found = Reading::of(&ast, source).module_findings(&ast, &vocabulary());
    let shown: Vec<&str> = found.iter().map(|d| d.message.as_str()).collect();
    assert_eq!(shown, ["unknown function `frobnicate`"]);
}

/// Everything the language has; only that it is walked without a panic matters.
const ODD: &[&str] = &[
    "",
    ";;;",
    "let f = |x, y| |z| x + y + z; f.call(1, 2).call(3);",
    "let x = 1; let f = || { x += 1; x }; f.call(); x",
    "switch x { 1 | 2 => 3, 4..6 => { 5 }, 7..=9 if x > 8 => (), \"a\" => 'b', true => 1.0, #{a: 1} => 1, [1] => 2, _ => 9 }",
    "let y = switch 3 { 3 if false => 1, 3 => 2 };",
    "try { throw #{ code: 1 } } catch (e) { throw; }",
    "try { } catch { }",
    "let m = #{ a: #{ b: [1, #{ c: 2 }] }, \"d e\": 3 }; m.a.b[1].c = m[\"d e\"]; m.a[\"b\"][0] += 1;",
    "let s = `a${1 + `b${2}`}c`; s[0]; s[1..2]; s[-1];",
    "do { break; } until true; do { continue } while false;",
    "let v = loop { break 3 }; let w = while true { break 1; };",
    "for x in [1, 2].map(|x| x * 2).filter(|x| x > 2) { } for (a, b) in 0..=3 { } for x in .. { }",
    "a?.b?[0]?.c ?? d ?? return; a?.b();",
    "let r = 0..10; let r = 0..; let r = ..3; let r = ..=3;",
    "x += 1; x -= 1; x *= 2; x /= 2; x %= 2; x **= 2; x <<= 1; x >>= 1; x &= 1; x |= 1; x ^= 1;",
    "fn f() { this.x = 1; this } let o = #{}; o.f(); o.f().f().x;",
    "fn int.g() { this } fn string.g() { this.len } fn g() { this[0] } 1.g();",
    "fn f(x) { f(x) } fn f(x, y) { f(x) + y } f(1, 2) f!(1)",
    "let x = 1; let x = x; { let x = x + 1; x } x",
    "private fn h() { } export const A = 1; let b = 2; export b as c; import \"x\"; import \"y\" as y; y::z::f(y::A);",
    "if a { } else if b { } else { } if a { 1 } else { 2 }.to_string()",
    "let a = if b { 1 } else { 2 } + switch c { _ => 1 };",
    "(a.b)[0].c; (a[0])[1]; a[b[c]].d[e.f].g; a.b(c)[d].e(f).g; [1, 2][0]; #{a: 1}.a; \"abc\"[0]; 1.abs(); (1 + 2).x;",
    "!a && b || c ^ d; a in b; a !in b; -a; +a; a == b != c; -9223372036854775808",
    "let f = Fn(\"f\"); f.call(); call(f); curry(f, 1); f.curry(1, 2).call(3); is_def_fn(\"f\", 1); type_of(f);",
    "const X = 1; fn f() { global::X + global::y } fn init() { } fn on_candle() { return; } fn params() { throw 1 }",
    "fn on_candle(ctx, p) { ctx = p; p = ctx; ctx.close; ctx[0]; ctx[\"close\"]; ctx[p]; ctx.a.b.c[0].d(); ctx.f(ctx).g(p); this.x; }",
    "fn on_candle(ctx, p) { let f = || ctx; f.call().clsoe; [ctx].len(); #{c: ctx}.c; return ctx; }",
    "fn on_candle(_, __) { } fn on_fill(a, b, c) { c.d = c; c[0] = 1; c.price.x.y = 2; }",
    "fn init(p) { p } fn params() { let m = #{}; m.a.b = 1; m[0] = 2; m += #{ c: 3 }; m }",
    "/* c /* d */ */ // e\n/// f\nfn doc() { } \"\\u0041\\n\" 'x' '\\'' `\\``",
    "let é = \"ü\";",
    "#\"raw \"quoted\" \"#.len",
    "fn a() { || || || 1 } let b = || { fn_x(|| y) };",
    "return; 1; break_me; throw",
    "let x; const Y; x = Y;",
    "{ { { 1; } } } { 3; }",
    "while x { x -= 1; if x == 3 { continue; } else { break; } }",
];

#[test]
fn odd_scripts_do_not_panic() {
    let mut parsed = 0;
    for source in ODD {
        parsed += usize::from(!check(source).starts_with("does not parse"));
        // Also as the optimizer leaves it.
        if let Ok(ast) = Engine::new_raw().compile(source) {
            Reading::of(&ast, source).findings(&ast, &vocabulary());
            Reading::of(&ast, "").findings(&ast, &Vocabulary::default());
            Reading::of(&ast, "fn").module_findings(&ast, &vocabulary());
        }
    }
    assert!(parsed > ODD.len() * 3 / 4, "only {parsed} of {} parse", ODD.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Valid scripts with tokens moved, doubled, dropped and swapped for others.
    #[test]
    fn mutated_scripts_do_not_panic(
        start in 0..ODD.len() + 1,
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8, any::<prop::sample::Index>()), 0..6),
    ) {
        let source = if start == ODD.len() { EXAMPLE } else { ODD[start] };
        let pieces = |text: &str| -> Vec<String> {
            let mut pieces: Vec<String> = vec![String::new()];
            for c in text.chars() {
                let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '"';
                let joins = pieces.last().and_then(|p| p.chars().last()).is_some_and(|l| is_word(l) && is_word(c));
                if joins { pieces.last_mut().unwrap().push(c) } else { pieces.push(c.to_string()) }
            }
            pieces
        };
        let all: Vec<String> = ODD.iter().flat_map(|text| pieces(text)).chain(pieces(EXAMPLE)).collect();
        let mut text = pieces(source);
        for (at, what, other) in edits {
            let at = at.index(text.len());
            match what {
                0 if text.len() > 1 => { text.remove(at); }
                1 => { let piece = text[at].clone(); text.insert(at, piece); }
                2 => { text[at] = all[other.index(all.len())].clone(); }
                _ => { let other = other.index(text.len()); text.swap(at, other); }
            }
        }
        let text = text.concat();
        match engine().compile(&text) {
            Ok(ast) => { check(&text); imports(&ast); }
            Err(error) => {
                let found = crate::script::diagnostic::from_parse_error(&error, &text, NAME);
                render_plain(&[found], &Sources::one(NAME, text));
            }
        }
    }
}
