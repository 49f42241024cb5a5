use super::*;
use rhai::module_resolvers::StaticModuleResolver;
use rhai::packages::{Package, StandardPackage};
use rhai::{AST, Dynamic, Engine, EvalAltResult, Module, OptimizationLevel, Scope};

const NAME: &str = "strategy.rhai";
const MODULE: &str = "fn pivot(x) {\n    let y = x / 0;\n    y\n}\n";

#[derive(Debug, Clone)]
struct Series;

fn engine() -> Engine {
    let mut engine = Engine::new_raw();
    StandardPackage::new().register_into_engine(&mut engine);
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_max_expr_depths(64, 64);
    engine.set_max_operations(5_000);
    engine.set_max_call_levels(16);
    engine.set_max_array_size(100);
    engine.set_max_string_size(100);
    engine.register_type_with_name::<Series>("Series");
    engine.register_get("value", |_: &mut Series| 1.0);
    engine.register_indexer_get(|_: &mut Series, n: i64| n as f64);
    engine.register_fn("crossed_above", |_: Series, _: Series| true);
    engine.register_fn("stop_at", |_: f64| -> Result<(), Box<EvalAltResult>> {
        Err("the price is not a finite number".into())
    });
    let mut resolver = StaticModuleResolver::new();
    let mut ast = engine.compile(MODULE).unwrap();
    ast.set_source("lib/levels.rhai");
    let mut module = Module::eval_ast_as_new(Scope::new(), &ast, &engine).unwrap();
    module.set_id("lib/levels.rhai");
    resolver.insert("lib/levels", module);
    engine.set_module_resolver(resolver);
    engine
}

fn compile(engine: &Engine, source: &str) -> Result<AST, Diagnostic> {
    let mut ast = engine.compile(source).map_err(|error| from_parse_error(&error, source, NAME))?;
    ast.set_source(NAME);
    Ok(ast)
}

/// What the author of the script sees when it is loaded and `on_candle` called.
fn check(source: &str) -> String {
    let engine = engine();
    let limits = Limits { operations: Some(5_000), call_levels: Some(16) };
    let mut scope = Scope::new();
    let found = match compile(&engine, source) {
        Err(diagnostic) => diagnostic,
        Ok(ast) => match engine.call_fn::<Dynamic>(&mut scope, &ast, "on_candle", (Series, 1_i64)) {
            Ok(value) => return format!("no error: {value:?}\n"),
            Err(error) => from_rhai_with(&error, source, NAME, limits),
        },
    };
    let mut sources = Sources::one(NAME, source);
    sources.insert("lib/levels.rhai", MODULE);
    render_plain(&[found], &sources)
}

fn table(name: &str, cases: &[(&str, &str)]) {
    let shown: String =
        cases.iter().map(|(name, source)| format!("== {name}\n\n{}\n", check(source))).collect();
    insta::assert_snapshot!(name, shown);
}

/// `on_candle(ctx, p)` with a body.
fn candles(name: &str, cases: &[(&str, &str)]) {
    let cases: Vec<(&str, String)> = cases
        .iter()
        .map(|(name, body)| (*name, format!("fn on_candle(ctx, p) {{\n    {body}\n}}")))
        .collect();
    let cases: Vec<(&str, &str)> = cases.iter().map(|(name, source)| (*name, source.as_str())).collect();
    table(name, &cases);
}

#[test]
fn run_errors() {
    candles(
        "run_errors",
        &[
            ("endless loop", "let x = 0;\n    loop { x += 1; }"),
            ("array too large", "let a = [];\n    while true { a.push(1); }"),
            ("text too large", "let t = \"abc\";\n    while true { t += t; }"),
            ("overflow", "9223372036854775807 + p"),
            ("division by zero", "let n = 0;\n    p / n"),
            ("modulo zero", "p % 0"),
            ("wrong argument types", "crossed_above(true, 1)"),
            ("function with a text", "crossed_above(ctx, \"abc\")"),
            ("no such function", "frobnicate()"),
            ("operator on the wrong types", "let m = #{};\n    p + m"),
            ("operator on nothing", "let m = #{};\n    p + m.gone"),
            ("text times number", "\"abc\" * 2"),
            ("unary operator", "-\"abc\""),
            ("unknown variable", "p + clsoe"),
            ("unknown property", "ctx.vlaue"),
            ("read-only property", "ctx.value = 2.0;"),
            ("property of a number", "p.upper"),
            ("index of the wrong type", "ctx[\"a\"]"),
            ("index of something else", "true[1]"),
            ("array bounds", "let a = [1, 2];\n    a[2]"),
            ("text bounds", "let a = \"ab\";\n    a[5]"),
            ("condition that is a number", "if p { 1 } else { 2 }"),
            ("and of numbers", "p && true"),
            ("loop over a number", "for x in p { }"),
            ("thrown text", "throw \"no volume\";"),
            ("thrown map", "throw #{ code: 3 };"),
            ("error of a host function", "stop_at(0.0 / 0.0);"),
            ("no this", "this.x"),
            ("constant", "const X = [1];\n    X.push(2);"),
            ("no such module", "import \"lib/gone\" as gone;"),
            ("a closure in a variable called as a function", "let f = |x| x + 1;\n    f(1)"),
            ("unicode and tabs before it", "\tlet é = \"ü→\"; é.boom"),
        ],
    );
}

#[test]
fn errors_in_helpers() {
    table(
        "errors_in_helpers",
        &[
            ("helper", "fn half(x) {\n    x / 0\n}\nfn on_candle(ctx, p) {\n    let y = half(p);\n    y\n}"),
            (
                "helpers of helpers",
                "fn a(x) { b(x) }\nfn b(x) { c(x) }\nfn c(x) {\n    x.boom\n}\nfn on_candle(ctx, p) {\n    a(p)\n}",
            ),
            ("closure", "fn on_candle(ctx, p) {\n    let f = |x| x / 0;\n    f.call(p)\n}"),
            ("closure in an array method", "fn on_candle(ctx, p) {\n    [1, 2].map(|x| x / 0)\n}"),
            ("endless recursion", "fn deep(x) { deep(x + 1) }\nfn on_candle(ctx, p) {\n    deep(p)\n}"),
            (
                "endless loop in a helper",
                "fn spin(x) {\n    loop { x += 1; }\n}\nfn on_candle(ctx, p) {\n    spin(p)\n}",
            ),
            ("module", "import \"lib/levels\" as levels;\nfn on_candle(ctx, p) {\n    levels::pivot(p)\n}"),
            ("thrown in a helper", "fn no() { throw \"no\" }\nfn on_candle(ctx, p) {\n    no()\n}"),
            ("outside functions", "let x = 1 / 0;\nfn on_candle(ctx, p) { }"),
        ],
    );
}

#[test]
fn syntax_errors() {
    table(
        "syntax_errors",
        &[
            ("missing semicolon", "fn on_candle(ctx, p) {\n    let a = 1 // one\n    let b = 2;\n}"),
            ("missing semicolon on one line", "fn on_candle(ctx, p) { let a = 1 let b = 2; }"),
            ("missing brace", "fn on_candle(ctx, p) {\n    if p > 1 {\n        let a = 1;\n}\n"),
            ("missing brace before a function", "fn init(p) {\n    if p > 1 {\n}\nfn on_candle(ctx, p) { }"),
            ("missing parenthesis", "fn on_candle(ctx, p) {\n    crossed_above(ctx, p;\n}"),
            ("missing bracket", "fn on_candle(ctx, p) {\n    let a = [1, 2;\n}"),
            ("missing comma in a map", "fn init(p) {\n    #{\n        a: 1\n        b: 2,\n    }\n}"),
            ("missing colon in a map", "fn init(p) {\n    #{ a 1 }\n}"),
            ("open text", "fn on_candle(ctx, p) {\n    let a = \"abc;\n}"),
            ("single quotes", "fn on_candle(ctx, p) {\n    let a = 'abc';\n}"),
            ("and", "fn on_candle(ctx, p) {\n    if p > 1 and p < 2 { }\n}"),
            ("three equals", "fn on_candle(ctx, p) {\n    if p === 1 { }\n}"),
            ("plus plus", "fn on_candle(ctx, p) {\n    p++;\n}"),
            ("ternary", "fn on_candle(ctx, p) {\n    let a = p > 1 ? 2 : 3;\n}"),
            ("assignment as condition", "fn on_candle(ctx, p) {\n    if p = 1 { }\n}"),
            ("if without condition", "fn on_candle(ctx, p) {\n    if { }\n}"),
            ("var", "fn on_candle(ctx, p) {\n    var a = 1;\n}"),
            ("null", "fn on_candle(ctx, p) {\n    let a = null;\n}"),
            ("match", "fn on_candle(ctx, p) {\n    match p { 1 => 2 }\n}"),
            ("else if", "fn on_candle(ctx, p) {\n    if p > 1 { } elseif p > 2 { }\n}"),
            ("function in a function", "fn on_candle(ctx, p) {\n    fn inner() { }\n}"),
            ("function without parentheses", "fn on_candle {\n}"),
            ("function without body", "fn on_candle(ctx, p);"),
            ("function defined twice", "fn a(x) { }\nfn a(y) { }"),
            ("parameter twice", "fn a(x, x) { }"),
            ("key twice", "fn init(p) { #{ a: 1, a: 2 } }"),
            ("constant assigned", "fn on_candle(ctx, p) {\n    const A = 1;\n    A = 2;\n}"),
            ("number assigned", "fn on_candle(ctx, p) {\n    1 = p;\n}"),
            ("condition that is a text", "fn on_candle(ctx, p) {\n    if \"abc\" { }\n}"),
            ("break outside", "fn on_candle(ctx, p) {\n    break;\n}"),
            ("dot without a name", "fn on_candle(ctx, p) {\n    ctx.;\n}"),
            ("dot at the end of a line", "fn on_candle(ctx, p) {\n    ctx.\n    5;\n}"),
            ("comma too many", "fn init(p) {\n    #{ a: sma(close, 3),, b: 1 }\n}"),
            ("entry without a name", "fn init(p) {\n    #{ a: 1, 5 }\n}"),
            ("bad number", "fn on_candle(ctx, p) {\n    let a = 1_000_x;\n}"),
            ("brace too many", "fn on_candle(ctx, p) {\n}\n}"),
            ("doc comment in a body", "fn on_candle(ctx, p) {\n    /// note\n    let a = 1;\n}"),
        ],
    );
}

#[test]
fn many_are_shown_in_order() {
    let source = "let one = 1;\nlet two = 2;\n\tlet é = \"→\"; three";
    let found = [
        Diagnostic::error(3, 15, "third").with_help("a help text that is long enough that it has to be broken into two lines, since it is wider than the terminal"),
        Diagnostic::warning(1, 5, "first").in_source(NAME),
        Diagnostic::error(2, 0, "whole line").in_source(NAME),
        Diagnostic::error(2, 5, "too far").with_length(500).in_source(NAME),
        Diagnostic::error(99, 7, "beyond the end").in_source(NAME),
        Diagnostic::error(0, 0, "nowhere").in_source(NAME),
        Diagnostic::error(4, 2, "in a text that is not at hand").in_source("lib/other.rhai"),
    ]
    .map(|d| if d.source_name.is_empty() { d.in_source(NAME) } else { d });
    insta::assert_snapshot!("many_are_shown_in_order", render_plain(&found, &Sources::one(NAME, source)));
}

#[test]
fn colours_change_nothing_but_colours() {
    let found = [Diagnostic::error(1, 5, "first").with_help("help").in_source(NAME)];
    let sources = Sources::one(NAME, "let one = 1;");
    let coloured = render_coloured(&found, &sources);
    assert!(coloured.contains('\u{1b}'));
    let mut plain = String::new();
    let mut rest = coloured.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    plain.push_str(rest);
    assert_eq!(plain, render_plain(&found, &sources));
}

/// Rhai overwrites the position of an error about limits at every call it passes, and the host's call has
/// none. Run as statements, `on_candle` keeps it.
#[test]
fn limits_have_positions_when_the_body_runs_as_statements() {
    let engine = engine();
    let source = "fn spin(x) {\n    loop { x += 1; }\n}\nfn on_candle(ctx, p) {\n    let y = p;\n    let z = spin(y);\n}";
    let ast = compile(&engine, source).unwrap();
    let mut only = ast.clone_functions_only();
    only.retain_functions(|_, _, name, _| name == "on_candle");
    let mut body = Vec::new();
    only.walk(&mut |path: &[rhai::ASTNode]| {
        if let [rhai::ASTNode::Stmt(statement)] = path {
            body.push((*statement).clone());
        }
        true
    });
    let mut scope = Scope::new();
    scope.push("ctx", Series).push("p", 1_i64);
    let called = engine.call_fn::<Dynamic>(&mut scope, &ast, "on_candle", (Series, 1_i64)).unwrap_err();
    assert_eq!(from_rhai(&called, source, NAME).line, 0);
    let run = engine.run_ast_with_scope(&mut scope, &AST::new(body, ast.shared_lib().clone())).unwrap_err();
    let found = from_rhai(&run, source, NAME);
    assert_eq!((found.line, found.column), (6, 13));
}
