//! Random strategies do the same in both tiers: answers, wishes, slots and failures, to the last bit. The long run
//! is `cargo run --profile fuzz --example tiers`.

#![allow(dead_code)]

#[path = "../../examples/tiers/compare.rs"]
mod compare;
#[path = "../../examples/tiers/generator/mod.rs"]
mod generator;
#[path = "../../examples/tiers/shrink.rs"]
mod shrink;
#[path = "../../examples/tiers/tally.rs"]
mod tally;
#[path = "../../examples/tiers/world.rs"]
mod world;

use compare::{Failure, compare, compare_scripts};
use generator::{Program, generate};
use mista::script::Script;
use std::path::Path;
use std::time::Duration;
use tally::Tally;
use world::World;

/// Programs of the short run.
const PROGRAMS: u64 = 1_500;

fn check(seeds: std::ops::Range<u64>) -> Tally {
    let (mut tally, world) = (Tally::default(), World::new());
    for seed in seeds {
        let program = generate(seed);
        match compare(&program, &world) {
            Ok(compared) => tally.note(&program, &compared, Duration::ZERO),
            Err(Failure::Refused(error)) => panic!("program {seed} was refused at load\n{error}"),
            Err(Failure::Differs(difference)) => {
                let (small, less) = shrink::shrink(&program, &world, *difference);
                panic!("program {seed} differs, as does\n{}\nwith {:?}\n{less}", small.text, small.values)
            }
        }
    }
    tally
}

#[test]
fn random_programs_do_the_same() {
    let middle = PROGRAMS / 2;
    let [a, b] = std::thread::scope(|scope| {
        let big = || std::thread::Builder::new().stack_size(mista::script::STACK);
        let parts = [0..middle, middle..PROGRAMS]
            .map(|seeds| big().spawn_scoped(scope, move || check(seeds)).unwrap());
        parts.map(|part| part.join().unwrap())
    });
    let mut all = a;
    all.add(b);
    assert_eq!(all.programs, PROGRAMS);
    assert!(all.calls > 80_000, "{}", all.shown(Duration::ZERO));
    #[cfg(feature = "native")]
    assert!(all.quiet > 2_000, "{}", all.shown(Duration::ZERO));
    // Most programs go well, and many do not.
    let failing = all.faulty_programs as f64 / all.programs as f64;
    assert!((0.07..0.5).contains(&failing), "{failing}: {}", all.shown(Duration::ZERO));
    let never = all.never_written();
    assert!(never.len() <= 3, "{never:?}");
}

/// What two texts that differ by a word do.
fn told_apart(one: &str, other: &str) -> Result<(), String> {
    let [mut a, mut b] = [one, other].map(|body| {
        let text = format!("fn init(p) {{ #{{ n: 0, x: 0.0 }} }}\nfn on_candle(ctx, p) {{\n{body}\n}}\n");
        Script::compile("two.rhai", &text, Path::new(".")).unwrap()
    });
    let program =
        Program { seed: 10, text: String::new(), values: Default::default(), constructs: Default::default() };
    match compare_scripts(&program, &World::new(), &mut a, &mut b) {
        Ok(_) => Ok(()),
        Err(Failure::Differs(difference)) => Err(difference.to_string()),
        Err(Failure::Refused(error)) => panic!("{error}"),
    }
}

#[test]
fn what_differs_is_seen() {
    let same = "ctx.n += 1; if ctx.index == 9 { throw \"nine\"; } ctx.log(ctx.n);";
    assert_eq!(told_apart(same, same), Ok(()));
    for (one, other) in [
        ("ctx.x = 0.0;", "ctx.x = -0.0;"),
        ("ctx.n += 1;", "ctx.n += 1 % 2; ctx.n += 1;"),
        ("ctx.enter_long(\"a\");", "ctx.enter_long(\"b\");"),
        ("ctx.stop_at(0.0);", "ctx.stop_at(-0.0);"),
        ("ctx.size_units(1);", "ctx.size_quote(1);"),
        ("ctx.plot(\"a\", 1);", "ctx.plot(\"b\", 1);"),
        ("ctx.log(1);", "ctx.log(1.0);"),
        ("throw 1;", " throw 1;"),
        ("ctx.n += 1;", "ctx.n += 1; if ctx.index == 70 { throw 1; }"),
        ("if ctx.index == 50 { ctx.exit(); }", ""),
    ] {
        let found = told_apart(one, other).unwrap_err();
        assert!(found.contains("--- interpreter"), "{found}");
    }
    assert_eq!(told_apart("ctx.x = 0.0 / 0.0;", "ctx.x = -(0.0 / 0.0);"), Ok(()));
}

/// What random programs found different once.
#[cfg(feature = "native")]
#[test]
fn what_differed_once_does_not_again() {
    use mista::script::Tier;
    // A value that stands in a case twice is asked about twice.
    let twice = "switch ctx.index % 6 {\n\
        1 | 1 if asked(ctx) => ctx.exit(),\n\
        3 | 2 | 3 | 3 if asked(ctx) => ctx.exit(),\n\
        2..6 | 1..=4 | 4..5 if asked(ctx) => ctx.exit(),\n\
        _ => ctx.log(\"none\"),\n\
    }";
    let text = format!(
        "fn init(p) {{ #{{ n: 0 }} }}\nfn asked(ctx) {{ ctx.n += 1; false }}\nfn on_candle(ctx, p) {{\n{twice}\n}}\n"
    );
    let [mut a, mut b] = [Tier::Interpreter, Tier::Native].map(|tier| {
        let mut script = Script::compile("once.rhai", &text, Path::new(".")).unwrap();
        script.set_tier(tier).unwrap();
        script
    });
    let program =
        Program { seed: 10, text: String::new(), values: Default::default(), constructs: Default::default() };
    if let Err(Failure::Differs(difference)) = compare_scripts(&program, &World::new(), &mut a, &mut b) {
        panic!("{difference}");
    }
}

/// The memory of code is written or executed, never both, and given back.
#[cfg(all(feature = "native", target_os = "linux"))]
#[test]
fn code_cannot_be_written_and_is_given_back() {
    use mista::script::{Tier, TierInUse};
    // Other tests compile at the same time: only what is written and executed at once is a fault for certain.
    let maps = || std::fs::read_to_string("/proc/self/maps").unwrap();
    let executable = || maps().lines().filter(|line| line.contains("r-xp") && line.ends_with(" 0 ")).count();
    let before = executable();
    for number in 0..300 {
        let text = format!("fn on_candle(ctx, p) {{ if ctx.close > {number}.0 {{ ctx.enter_long(); }} }}");
        let mut script = Script::compile("one.rhai", &text, Path::new(".")).unwrap();
        script.set_tier(Tier::Native).unwrap();
        assert_eq!(script.tier(), TierInUse::Native { left: Vec::new() });
        assert!(!maps().contains("rwx"), "{}", maps());
    }
    assert!(executable() < before + 100, "{before} to {}", executable());
}

/// What is not compiled is named with its place, as a whole or where it stands in a branch.
#[cfg(feature = "native")]
#[test]
fn what_is_left_to_the_interpreter_is_said() {
    let said = |body: &str| {
        let text = format!(
            "fn init(p) {{ #{{ n: 0, fast: sma(close, 3) }} }}\nfn on_candle(ctx, p) {{\n{body}\n}}\n"
        );
        Script::compile("one.rhai", &text, Path::new(".")).unwrap().tier().to_string()
    };
    for (body, expected) in [
        ("ctx.n += 1;", "native"),
        ("let all = [1, 2]; ctx.n += all[0];", "interpreter (an array, at 3:11)"),
        ("if ctx.is_flat { ctx.log(\"n is \" + ctx.n); }", "native (but for building a text, at 3:34)"),
        ("try { ctx.n += 1; } catch { ctx.exit(); }", "interpreter (try and catch, at 3:1)"),
        (
            "let x = 0; if ctx.is_flat { x = \"a\"; } ctx.log(x);",
            "interpreter (a value of several types, at 3:44)",
        ),
        ("for x in [1, 2] { ctx.n += x; }", "interpreter (a loop over something else than a range, at 3:10)"),
        ("let x = 0; for i in 0..3 { x += ctx.fast[i]; } ctx.plot(\"x\", x);", "native"),
        (
            "switch ctx.fast { 1.0 => ctx.exit(), _ => () }",
            "interpreter (a `switch` on something else than a whole number or a text, at 3:1)",
        ),
    ] {
        assert_eq!(said(body), expected, "{body}");
    }
}

/// As many as the interpreter refuses must not pass in code.
#[cfg(feature = "native")]
#[test]
fn very_many_variables_are_left_to_the_interpreter() {
    let script = |count: usize| {
        let lets: String = (0..count).map(|number| format!("let v{number} = {number};\n")).collect();
        let text = format!("fn on_candle(ctx, p) {{\n{lets}ctx.log(v0);\n}}\n");
        Script::compile("many.rhai", &text, Path::new(".")).unwrap()
    };
    assert_eq!(script(400).tier().to_string(), "native");
    assert_eq!(script(600).tier().to_string(), "interpreter (so many variables, at 500:1)");
}

/// Code that was bound to columns is not, once parameters were refused: nobody holds those columns then.
#[cfg(feature = "native")]
#[test]
fn refused_parameters_leave_nothing_bound() {
    use mista::engine::{Rules, Strategy};
    use mista::script::{Value, Written};
    let text = "fn params() { #{ n: int(3, 1, 9) } }\n\
        fn init(p) { if p.n > 5 { throw \"too many\"; } #{ fast: sma(close, p.n) } }\n\
        fn on_candle(ctx, p) { if ctx.fast > 1e300 { ctx.enter_long(); } }\n";
    let mut script = Script::compile("bound.rhai", text, Path::new(".")).unwrap();
    let world = World::new();
    let mut parameters = script.parameters();
    script.prepare(&parameters).unwrap();
    let data = script.data(&Rules::default(), &world.of(0));
    let told = world::told(0, data.candles(), 10);
    script.on_candle(&data, &told[0].moment(), &mut Default::default()).unwrap();
    assert_eq!(script.quiet(&data, None, false, 20..90), 70);
    parameters.set("n", &Written::Value(Value::Int(6))).unwrap();
    assert!(script.prepare(&parameters).is_err());
    assert_eq!(script.quiet(&data, None, false, 20..90), 0);
}

/// Columns that a run never reads are not computed for it.
#[cfg(feature = "native")]
#[test]
fn a_column_that_no_candle_reads_is_not_computed() {
    use mista::backtest::Backtest;
    use mista::engine::{ColumnCache, Settings};
    let text = "fn params() { #{ far: float(1e300, 0.0, 1e301) } }\n\
        fn init(p) { #{ read: sma(close, 3), late: sma(close, 5), never: sma(close, 7), after: sma(close, 9) } }\n\
        fn on_candle(ctx, p) {\n\
            if ctx.read > p.far { if ctx.never > 0.0 { ctx.enter_long(); } }\n\
            if ctx.index > 50 && ctx.late > 0.0 { if ctx.is_flat { ctx.enter_long(\"late\"); } }\n\
            else if ctx.allow_short && ctx.after[1] > 0.0 { ctx.exit(); }\n\
        }\n";
    let mut script = Script::compile("unread.rhai", text, Path::new(".")).unwrap();
    let parameters = script.parameters();
    script.prepare(&parameters).unwrap();
    let candles = World::new().of(0).candles().clone();
    let settings = Settings { symbol: "TESTUSDT".into(), ..Settings::default() };
    let data = script.data(&settings.rules, &ColumnCache::new(candles.clone()));
    assert_eq!(data.first_warm(), 9);
    let backtest = Backtest { settings: &settings, data: &data, rows: 0..candles.len(), detail: None };
    let outcome = backtest.run(&mut script).unwrap();
    assert_eq!(outcome.trades.len(), 1);
    assert_eq!(script.tier().to_string(), "native");
    let known: Vec<bool> = data.columns().iter().map(|column| column.known().is_some()).collect();
    let names: Vec<String> = script.specs().iter().map(|spec| spec.to_string()).collect();
    let known: Vec<_> = names.iter().zip(known).map(|(name, known)| format!("{name} {known}")).collect();
    assert_eq!(
        known,
        ["sma(close, 3) true", "sma(close, 5) true", "sma(close, 7) false", "sma(close, 9) false"]
    );
}

/// Columns that every candle reads, over one run: computed as the candles pass, and whole once somebody goes back.
#[cfg(feature = "native")]
#[test]
fn a_column_that_every_candle_reads_passes_without_being_kept() {
    use mista::backtest::{Backtest, Outcome};
    use mista::engine::{ColumnCache, Settings};
    use mista::script::Tier;
    // A stop, so that what was foreseen comes to nothing; fields of one indicator; values far back, by a fixed number
    // and by one that is computed.
    let text = "fn init(p) { #{ fast: sma(close, 5), bands: bollinger(close, 20, 1.5), slow: ema(close, 30), any: sma(close, 9) } }\n\
        fn on_candle(ctx, p) {\n\
            let far = ctx.slow[25] + ctx.any[ctx.index % 7];\n\
            if ctx.is_flat && ctx.fast > ctx.bands.upper && far > 0.0 {\n\
                ctx.enter_long(\"above\");\n\
                ctx.stop_at(ctx.close * 0.995);\n\
                ctx.target_at(ctx.close * 1.01);\n\
            }\n\
            if crossed_below(ctx.fast, ctx.bands.lower) { ctx.exit(\"below\"); }\n\
            if ctx.is_long && ctx.index % 3 == 0 && ctx.close > ctx.bands.middle * 1.02 { ctx.exit(\"far\"); }\n\
        }\n";
    // The interpreter decides the first candles, as there is too little before them, and reads whole columns.
    let deep = text.replace("slow[25]", "slow[200]");
    let settings = Settings { symbol: "TESTUSDT".into(), ..Settings::default() };
    let known = |columns: &[mista::engine::Column]| -> Vec<bool> {
        columns.iter().map(|column| column.known().is_some()).collect()
    };
    for (text, rows) in
        [60, 127, 128, 1_500, 9_000, 20_001].map(|rows| (text, rows)).into_iter().chain([(&*deep, 9_000)])
    {
        let candles = std::sync::Arc::new(walk(rows));
        let run = |script: &mut Script, cache: &ColumnCache, rows: std::ops::Range<usize>| {
            let data = script.data(&settings.rules, cache);
            let backtest = Backtest { settings: &settings, data: &data, rows, detail: None };
            (backtest.run(script).unwrap(), data)
        };
        let make = |tier| {
            let mut script = Script::compile("passing.rhai", text, Path::new(".")).unwrap();
            script.set_tier(tier).unwrap();
            script.prepare(&script.parameters()).unwrap();
            script
        };
        let same = |one: &Outcome, other: &Outcome| {
            assert_eq!(one.trades, other.trades, "{rows} rows");
            let bits = |outcome: &Outcome| outcome.equity.iter().map(|it| it.to_bits()).collect::<Vec<_>>();
            assert!(bits(one) == bits(other), "{rows} rows");
        };
        for range in [0..rows, rows / 3..rows] {
            let (expected, _) =
                run(&mut make(Tier::Interpreter), &ColumnCache::new(candles.clone()), range.clone());
            assert!(
                rows < 5_000 || expected.trades.len() > 3,
                "{rows} rows: {} trades",
                expected.trades.len()
            );
            let mut native = make(Tier::Native);
            let cache = ColumnCache::for_one_run(candles.clone());
            let (first, data) = run(&mut native, &cache, range.clone());
            same(&first, &expected);
            // sma(close, 9) is read anywhere; of the others none is kept.
            let kept = if text == deep && range.start == 0 {
                vec![true; 8]
            } else {
                [vec![false; 7], vec![true]].concat()
            };
            assert_eq!(known(data.columns()), kept, "{rows} rows");
            // The same data once more: from the first row again.
            let backtest = Backtest { settings: &settings, data: &data, rows: range.clone(), detail: None };
            same(&backtest.run(&mut native).unwrap(), &expected);
            if rows >= 1_000 {
                assert_eq!(known(data.columns()), vec![true; 8], "{rows} rows");
            }
        }
    }
}

/// What follows the best price follows it from the entry on, however late and under whatever name a script asks for it:
/// candles that nobody asks about are passed over otherwise.
#[test]
fn the_best_price_counts_from_the_entry_on() {
    use mista::backtest::Backtest;
    use mista::engine::{ColumnCache, Settings};
    use mista::model::{Candle, ExitReason};
    use mista::script::Tier;
    // Up by a tenth, back to where it is asked for, and down.
    let close = |row: usize| -> f64 {
        match row {
            0..20 => 100.0,
            20..40 => 110.0,
            40 => 102.5,
            41..60 => 103.0,
            _ => 90.0,
        }
    };
    let candle = |row: usize| {
        let (open, close) = (close(row.saturating_sub(1)), close(row));
        let open_time = row as i64 * 60_000;
        let (high, low) = (open.max(close), open.min(close));
        Candle { open_time, close_time: open_time + 59_999, open, high, low, close, volume: 1.0 }
    };
    let candles = std::sync::Arc::new((0..80).map(candle).collect::<mista::model::Candles>());
    let settings = Settings { symbol: "TESTUSDT".into(), ..Settings::default() };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("late.rhai"), "fn arm(ctx) { ctx.break_even_after(0.05); }\n").unwrap();
    let at_entry = (ExitReason::StopLoss, 100.0, 60 * 60_000);
    let asks = [
        ("ctx.break_even_after(0.05);", at_entry),
        ("Fn(\"break_even\" + \"_after\").call(ctx, 0.05);", at_entry),
        ("[0.05].reduce(\"break_even\" + \"_after\", ctx);", at_entry),
        ("import \"late\" as late; late::arm(ctx);", at_entry),
        ("if ctx.peak_profit_pct > 0.05 { ctx.stop_at(100.0); }", at_entry),
        ("ctx.trail_pct(0.05);", (ExitReason::TrailingStop, 102.5, 41 * 60_000)),
    ];
    for (asks, exit) in asks {
        for tier in [Tier::Interpreter, Tier::Auto] {
            let text = format!(
                "fn on_candle(ctx, p) {{\n\
                    if ctx.is_flat && ctx.close == 100.0 {{ ctx.enter_long(); }}\n\
                    if ctx.close == 102.5 {{ {asks} }}\n\
                }}\n"
            );
            let mut script = Script::compile("peak.rhai", &text, folder.path()).unwrap();
            script.set_tier(tier).unwrap();
            script.prepare(&script.parameters()).unwrap();
            let data = script.data(&settings.rules, &ColumnCache::for_one_run(candles.clone()));
            let backtest =
                Backtest { settings: &settings, data: &data, rows: 0..candles.len(), detail: None };
            let outcome = backtest.run(&mut script).unwrap();
            let exits: Vec<_> = outcome
                .trades
                .iter()
                .map(|trade| (trade.exit_reason, trade.exit_price, trade.exit_time))
                .collect();
            assert_eq!(exits, [exit], "{asks} in {tier:?}");
        }
    }
}

/// A walk without an end.
fn walk(rows: usize) -> mista::model::Candles {
    let mut random = fastrand::Rng::with_seed(5);
    let mut close: f64 = 100.0;
    let candle = |row: usize| {
        let open = close;
        close *= 1.0 + 0.004 * (random.f64() - 0.5);
        let open_time = row as i64 * 60_000;
        mista::model::Candle {
            open_time,
            close_time: open_time + 59_999,
            open,
            high: open.max(close) * 1.0004,
            low: open.min(close) * 0.9996,
            close,
            volume: random.f64(),
        }
    };
    (0..rows).map(candle).collect()
}
