//! Strategies as people write them who come from other frameworks: each loads without a warning, trades, and does
//! the same in both tiers, trade by trade, with every line it logs and every value it plots.

use crate::support::{BTC_1H, candles, root};
use mista::backtest::{Backtest, Outcome, Trace};
use mista::engine::{ColumnCache, Settings};
use mista::model::{iso, parse_iso};
use mista::script::{Script, Tier, TierInUse};
use std::fmt::Write;

/// The scripts, by name.
fn names() -> Vec<String> {
    let files = std::fs::read_dir(root().join("tests/fixtures/corpus")).unwrap();
    let name = |path: std::path::PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<String> = files.map(|file| name(file.unwrap().path())).collect();
    names.sort();
    names
}

fn script(name: &str) -> Script {
    let script = Script::load(&root().join("tests/fixtures/corpus").join(name).with_extension("rhai"));
    script.unwrap_or_else(|error| panic!("{error}"))
}

struct Ran {
    outcome: Outcome,
    trace: Trace,
    plots: Vec<String>,
    tier: TierInUse,
}

/// Two years in which the market rose and fell, shorts allowed.
fn run(name: &str, tier: Tier) -> Ran {
    let candles = candles(BTC_1H);
    let mut script = script(name);
    script.set_tier(tier).unwrap();
    let parameters = script.parameters();
    script.prepare(&parameters).unwrap();
    let settings = Settings {
        symbol: "TESTUSDT".into(),
        allow_short: true,
        rules: parameters.rules("TESTUSDT"),
        limits: parameters.limits(),
        ..Settings::default()
    };
    let data = script.data(&settings.rules, &ColumnCache::new(candles.clone()));
    let [from, to] =
        ["2021-01-01", "2023-01-01"].map(|day| candles.first_at_or_after(parse_iso(day).unwrap()));
    let backtest = Backtest { settings: &settings, data: &data, rows: from..to, detail: None };
    let (outcome, trace) = backtest.run_traced(&mut script).unwrap_or_else(|fault| panic!("{fault}"));
    Ran { outcome, trace, plots: script.plot_names(), tier: script.tier() }
}

#[test]
fn every_script_loads_and_trades() {
    let mut table = String::new();
    for name in names() {
        assert_eq!(script(&name).render_warnings(false), "", "{name}");
        let Ran { outcome, trace, .. } = run(&name, Tier::Interpreter);
        let [first, .., last] = outcome.trades.as_slice() else { panic!("{name} hardly trades") };
        let net: f64 = outcome.trades.iter().map(|trade| trade.pnl).sum();
        let day = |ms: i64| iso(ms)[..16].replace('T', " ");
        writeln!(
            table,
            "{name:<20} {:>4} trades {net:>11.2} net, first {} → {} {:>9.2}, last {} → {} {:>9.2}, {} lines, {} values",
            outcome.trades.len(),
            day(first.entry_time),
            day(first.exit_time),
            first.pnl,
            day(last.entry_time),
            day(last.exit_time),
            last.pnl,
            trace.logs.len(),
            trace.plots.len(),
        )
        .unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn both_tiers_do_the_same() {
    let mut native = 0;
    let names = names();
    for name in &names {
        let [expected, found] = [Tier::Interpreter, Tier::Auto].map(|tier| run(name, tier));
        let whole = TierInUse::Native { left: Vec::new() };
        assert_ne!(expected.tier, whole, "{name}");
        native += usize::from(found.tier == whole);
        // As texts: they show every digit, and take NaN for NaN.
        let lines = |ran: &Ran| format!("{:#?}{:#?}{:?}", ran.outcome, ran.trace, ran.plots);
        let (expected, found) = (lines(&expected), lines(&found));
        let differs = expected.lines().zip(found.lines()).enumerate().find(|(_, (a, b))| a != b);
        assert_eq!(differs, None, "{name}");
        assert_eq!(expected.len(), found.len(), "{name}");
    }
    assert_eq!(names.len(), 16);
    // How many of the scripts the compiled tier takes.
    assert_eq!(native, NATIVE);
}

/// Of the sixteen; `voting` is written with what the interpreter alone runs.
const NATIVE: usize = if cfg!(feature = "native") { 15 } else { 0 };
