//! `mista optimize`: every figure of every trial is that of a run by itself, the best is the best, the number
//! of threads changes nothing, and a trial or a task that fails stops no other.

use crate::playground::{Playground, same};
use crate::support::SCRIPTS;
use mista::config::{Overrides, parse_date};
use mista::job::Job;
use mista::optimize::overfitting::ReturnSums;
use mista::optimize::trials::{Shard, Trials};
use mista::optimize::{Findings, Metric, Study};
use mista::report::Metrics;
use std::fmt::Write as _;

/// 76 days of hours, with two weeks before them to warm up.
const DAYS: [&str; 2] = ["2019-12-20", "2020-03-05"];

fn bundled(script: &str) -> Playground {
    Playground::bundled(script, 20_000..22_400)
}

fn period() -> String {
    format!("--data BTCUSDT_1h.csv --grid grid.yaml --start {} --end {}", DAYS[0], DAYS[1])
}

/// A details file: its columns and rows, as text.
struct Details {
    names: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Details {
    fn read(text: &str) -> Details {
        let mut csv = csv::Reader::from_reader(text.as_bytes());
        let texts = |row: &csv::StringRecord| row.iter().map(str::to_owned).collect();
        let names = texts(csv.headers().unwrap());
        Details { names, rows: csv.records().map(|row| texts(&row.unwrap())).collect() }
    }

    /// How many columns are parameters: those between the number and the first figure.
    fn axes(&self) -> usize {
        self.names.iter().position(|name| name == Metrics::KEYS[0]).unwrap() - 1
    }

    /// Name and value of the parameters of a row, as `--set` takes them.
    fn set(&self, row: usize) -> Vec<(String, String)> {
        let axes = 1..=self.axes();
        axes.map(|axis| (self.names[axis].clone(), self.rows[row][axis].clone())).collect()
    }

    /// The figures of a row, null where the cell is empty.
    fn figures(&self, row: usize) -> Vec<Option<f64>> {
        let first = self.axes() + 1;
        let cells = &self.rows[row][first..first + Metrics::KEYS.len()];
        cells.iter().map(|cell| (!cell.is_empty()).then(|| cell.parse().unwrap())).collect()
    }

    fn cell(&self, row: usize, name: &str) -> &str {
        &self.rows[row][self.names.iter().position(|known| known == name).unwrap()]
    }
}

/// A run as `mista run --set ...` does it.
fn job(play: &Playground, script: &str, set: Vec<(String, String)>) -> Job {
    let overrides = Overrides {
        data: Some(play.path("BTCUSDT_1h.csv")),
        start: Some(parse_date(DAYS[0]).unwrap()),
        end: Some(parse_date(DAYS[1]).unwrap()),
        slippage_bps: Some(3.0),
        allow_short: true,
        set,
        ..Overrides::default()
    };
    Job::load(&play.path(&format!("{script}.rhai")), None, &overrides).unwrap()
}

/// Rows of each script that are run again.
const SAMPLED: usize = 32;

/// Searches the shipped grid and runs some of its trials again, one by one.
fn reproduce(script: &str, combinations: usize) {
    let play = bundled(script);
    let settings = format!("{} --slippage-bps 3 --allow-short", period());
    play.mista(&format!("optimize {script}.rhai {settings} --save-details --out out --quiet")).ok();
    let details = Details::read(&play.read(&play.one("out/details", ".csv")));
    assert_eq!(details.rows.len(), combinations, "{script}");

    let mut traded = 0;
    for sample in 0..SAMPLED {
        let row = sample * combinations / SAMPLED;
        assert_eq!(details.cell(row, "trial"), (row + 1).to_string());
        assert_eq!(details.cell(row, "error"), "");
        let set = details.set(row);
        let mut job = job(&play, script, set.clone());
        let result = job.result().unwrap();
        let bits = |figure: Option<f64>| figure.map(f64::to_bits);
        for (key, written) in Metrics::KEYS.iter().zip(details.figures(row)) {
            let found = result.metrics.get(key).unwrap();
            assert_eq!(bits(written), bits(found), "{script}: {set:?}: {key} is {written:?}, run {found:?}");
        }
        let outcome = &result.outcome;
        let sharpe = ReturnSums::of(outcome.initial_balance, &outcome.equity).sharpe;
        let written: f64 = details.cell(row, "sharpe_per_candle").parse().unwrap();
        assert_eq!(written.to_bits(), sharpe.to_bits(), "{script}: {set:?}");
        traded += usize::from(result.metrics.trades_total > 0);
    }
    assert!(traded > SAMPLED / 2, "{script}: {traded} of {SAMPLED} traded");

    for row in [0, combinations / 2, combinations - 1] {
        let mut arguments = format!("run {script}.rhai --json --no-report {settings}");
        arguments = arguments.replace("--grid grid.yaml ", "");
        for (name, value) in details.set(row) {
            let _ = write!(arguments, " --set {name}={value}");
        }
        let json = play.mista(&arguments).ok().json();
        for (key, written) in Metrics::KEYS.iter().zip(details.figures(row)) {
            assert_eq!(json[*key].as_f64(), written, "{script}: {arguments}: {key}");
        }
    }
}

macro_rules! every_row_is_reproduced {
    ($($script:ident: $combinations:literal),*) => {
        $(#[test]
        fn $script() {
            super::reproduce(stringify!($script), $combinations);
        })*

        #[test]
        fn none_is_forgotten() {
            assert_eq!(crate::support::SCRIPTS, [$(stringify!($script)),*]);
        }
    };
}

/// The combinations of the shipped grids, counted by hand.
mod details {
    every_row_is_reproduced! {
        // 5 · 5 · 2 · 2
        ma_crossover: 100,
        // 3 · 3 less 13 < 13, · 3 · 2 · 2
        scalping: 96,
        // 5 · 4 · 2 · 2
        bollinger_reversion: 80,
        // 4 · 3 · 3 · 2
        momentum: 72,
        // 4 · 3 · 3 · 2
        mean_reversion: 72,
        // (2 + 3 + 4 + 4 of 4 · 4 with exit_period <= entry_period) · 3 · 3
        breakout: 117,
        // 3 · 2 · 2 · 2 · 3
        hybrid: 72
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let play = bundled("ma_crossover");
    for (name, flags) in [
        ("grid", "--save-details"),
        ("walked", "--walk-forward 3 --metric max_drawdown"),
        ("drawn", "--search random --samples 40 --seed 5 --save-details --walk-forward 2 --anchored"),
    ] {
        let run = |threads: usize| {
            let out = format!("{name}{threads}");
            let arguments =
                format!("optimize ma_crossover.rhai {} {flags} --threads {threads} --out {out}", period());
            let said = play.mista(&arguments).ok();
            let files = play.files(&out);
            assert!(!files.keys().any(|name| name.ends_with(".trials")), "{:?}", files.keys());
            (said.out.replace(&out, "out"), files)
        };
        let (said, files) = run(1);
        assert!(files.len() > 2);
        for threads in [2, 5] {
            let (again, others) = run(threads);
            same(&format!("{name}, {threads} threads"), &files, &others);
            assert_eq!(said, again, "{name}, {threads} threads");
        }
    }
}

/// The best of `rows`, chosen as simply as can be: the first of those with enough trades, of those that have
/// the figure, of those with the best value of it.
fn brute_force(rows: &[Vec<Option<f64>>], metric: Metric, least: f64) -> usize {
    let figure =
        |row: &[Option<f64>], key: &str| row[Metrics::KEYS.iter().position(|known| *known == key).unwrap()];
    let enough: Vec<usize> =
        (0..rows.len()).filter(|&row| figure(&rows[row], "trades_total").unwrap() >= least).collect();
    let all: Vec<usize> = (0..rows.len()).collect();
    let pool = if enough.is_empty() { all } else { enough };
    let with: Vec<usize> =
        pool.iter().copied().filter(|&row| figure(&rows[row], metric.key()).is_some()).collect();
    let pool = if with.is_empty() { pool } else { with };
    let lower = matches!(
        metric.key(),
        "volatility_pct"
            | "max_drawdown_pct"
            | "max_drawdown_quote"
            | "max_drawdown_days"
            | "trades_lost"
            | "longest_losing_streak"
            | "commission_paid"
            | "slippage_paid"
            | "ambiguous_exits"
    );
    let mut best = pool[0];
    for &row in &pool[1..] {
        let (a, b) = (figure(&rows[row], metric.key()), figure(&rows[best], metric.key()));
        if let (Some(a), Some(b)) = (a, b)
            && (if lower { a < b } else { a > b })
        {
            best = row;
        }
    }
    best
}

/// A grid with a parameter that has no effect (no volume filter, whatever its period), and one that seldom has.
const TIES: &str = "breakout:
  entry_period: [20, 40, 400]
  volume_period: [10, 20]
  volume_factor: [0.0]
  exit_period: [10, 20]
  stop_loss_pct: [null, 0.9]
";

#[test]
fn the_best_is_the_best_by_every_metric_and_the_first_of_equals() {
    let play = bundled("breakout").with("grid.yaml", TIES);
    // Every combination, run by itself.
    let mut rows = Vec::new();
    let mut sets = Vec::new();
    for entry in ["20", "40", "400"] {
        for volume in ["10", "20"] {
            for exit in ["10", "20"] {
                for stop in ["null", "0.9"] {
                    let set = [
                        ("entry_period", entry),
                        ("volume_period", volume),
                        ("volume_factor", "0"),
                        ("exit_period", exit),
                        ("stop_loss_pct", stop),
                    ];
                    let set = set.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
                    let mut job = job(&play, "breakout", set.clone());
                    let metrics = job.result().unwrap().metrics;
                    rows.push(Metrics::KEYS.iter().map(|key| metrics.get(key).unwrap()).collect());
                    sets.push(set);
                }
            }
        }
    }
    // One search, judged by every metric: its trials are kept as a shard.
    let settings = format!("breakout.rhai {} --slippage-bps 3 --allow-short", period());
    play.mista(&format!("optimize {settings} --shard 1/1 --out out --quiet")).ok();
    let file = Trials::open(&play.path(&play.one("out", ".trials"))).unwrap();
    assert_eq!(file.header.shard, Shard::WHOLE);
    let mut plan = file.header.plan.clone();
    // It was run in another folder than this test is.
    plan.recipe.script = play.path("breakout.rhai");
    plan.recipe.data = play.path("BTCUSDT_1h.csv");
    let mut study = Study::new(plan, None).unwrap();
    let mut firsts = 0;
    for name in Metrics::KEYS.iter().copied().chain(["max_drawdown", "win_rate"]) {
        for least in [0, 1, 8, 1000] {
            study.plan.metric = name.parse().unwrap();
            study.plan.min_trades = least;
            let findings = Findings::of(&study, std::slice::from_ref(&file), None).unwrap();
            let expected = brute_force(&rows, study.plan.metric, least as f64);
            let labels = study.plan.grid.labels(findings.best.number);
            assert_eq!(findings.best.number, expected as u64, "{name}, {least} trades: {labels:?}");
            assert_eq!(findings.best.figures.metrics.to_vec(), rows[expected], "{name}");
            // No effect: never the second value.
            assert_eq!(labels[1], "10", "{name}, {least}");
            firsts += usize::from(labels[4] == "null");
            // The list beside it is in order, without gaps, each trial once.
            let mut seen: Vec<u64> = findings.top.iter().map(|found| found.number).collect();
            assert_eq!(seen[0], findings.best.number);
            seen.sort();
            seen.dedup();
            assert_eq!(seen.len(), 20);
        }
    }
    assert!(firsts > 100, "{firsts}");

    // And through the binary, from the first flag to the file.
    for metric in ["max_drawdown", "cumulative_profit", "commission_paid", "profit_factor"] {
        let arguments = format!("optimize {settings} --metric {metric} --out found --json");
        let json = play.mista(&arguments).ok().json();
        let best = brute_force(&rows, metric.parse().unwrap(), 1.0);
        let key = metric.parse::<Metric>().unwrap().key();
        let index = Metrics::KEYS.iter().position(|known| *known == key).unwrap();
        assert_eq!(json["value"].as_f64(), rows[best][index], "{metric}");
        assert_eq!(json["metric"], metric);
        for (name, value) in &sets[best] {
            let found = &json["parameters"][name];
            let off = value == "null" && (found.is_null() || *found == 0.0);
            assert!(off || found.as_f64() == value.parse().ok(), "{metric}: {name} is {found}, not {value}");
        }
        let path = format!("found/{metric}_best_params_breakout_BTCUSDT_1h.yaml");
        assert_eq!(json["files"]["best_parameters"], path);
        assert!(play.read(&path).contains(&format!("\nvalue: {:?}\n", rows[best][index].unwrap())));
    }
}

#[test]
fn candles_to_come_change_nothing() {
    // A file that goes on behind the period, and one that ends with it.
    let all = bundled("momentum");
    let cut = Playground::bundled("momentum", 20_000..22_237);
    let details = |play: &Playground| {
        play.mista(&format!("optimize momentum.rhai {} --save-details --out out --quiet", period())).ok();
        play.read(&play.one("out/details", ".csv"))
    };
    assert!(details(&all) == details(&cut));
}

/// Throws for one value of a parameter while it runs, cannot be prepared for another.
const MOODY: &str = r#"fn params() { #{ period: int(5, 0, 20), factor: float(1.0, 0.0, 2.0) } }

fn init(p) { #{ mean: sma(close, p.period) } }

fn on_candle(ctx, p) {
    if p.period == 5 { throw "five, \"5\", is\nnot to be"; }
    if ctx.is_flat && ctx.close > ctx.mean { ctx.enter_long("above"); }
    if ctx.is_long && ctx.close < ctx.mean { ctx.exit("below"); }
}
"#;

#[test]
fn a_trial_that_fails_stops_no_other() {
    let play = Playground::good()
        .with("moody.rhai", MOODY)
        .with("grid.yaml", "moody:\n  period: [0, 3, 5, 7]\n  factor: [0.5, 1.0]\n");
    let arguments = "optimize moody.rhai --data BTCUSDT_1h.csv --grid grid.yaml --save-details --out out";
    let said = play.mista(arguments).ok();
    assert!(said.out.contains("8 combinations (grid)") && said.out.contains("; 4 failed"), "{}", said.out);
    let details = Details::read(&play.read("out/details/sharpe_ratio_moody_BTCUSDT_1h.csv"));
    assert_eq!(details.rows.len(), 8);
    let errors: Vec<&str> = (0..8).map(|row| details.cell(row, "error")).collect();
    insta::assert_snapshot!(errors.join("\n"));
    for (row, error) in errors.iter().enumerate() {
        assert_eq!(details.cell(row, "final_balance").is_empty(), !error.is_empty());
    }
    let yaml = play.read("out/sharpe_ratio_best_params_moody_BTCUSDT_1h.yaml");
    assert!(yaml.contains("  combinations: 8\n  failed: 4\n"), "{yaml}");
    assert!(yaml.contains("  period: 7\n  factor: 0.5\n"), "{yaml}");
    let page = play.read("out/reports/sharpe_ratio_moody_BTCUSDT_1h.html");
    assert!(page.contains("4 of 8 trials failed; the first (0, 0.5)"));

    // In a walk-forward too, and with the same result however many threads.
    let arguments = arguments.replace("--out out", "--out walk") + " --walk-forward 1 --threads";
    for threads in ["1", "3"] {
        play.mista(&format!("{arguments} {threads} --quiet")).ok();
        std::fs::rename(play.path("walk"), play.path(threads)).unwrap();
    }
    same("three threads", &play.files("1"), &play.files("3"));
}

#[test]
fn what_ran_before_makes_no_difference_to_a_trial() {
    // `init` declares `slow` with some parameters only, and one trial misses it.
    const FORGETFUL: &str = r#"fn params() { #{ period: int(2, 2, 20) } }

fn init(p) {
    let names = #{ mean: sma(close, p.period) };
    if p.period != 3 && p.period != 2 { names["slow"] = sma(close, 9); }
    names
}

fn on_candle(ctx, p) {
    if p.period == 3 && ctx.close > ctx.slow { ctx.enter_long("never"); }
    if ctx.is_flat && ctx.close > ctx.mean { ctx.enter_long("above"); }
    if ctx.is_long && ctx.close < ctx.mean { ctx.exit("below"); }
}
"#;
    let play = Playground::good().with("forgetful.rhai", FORGETFUL);
    let search = |periods: &str, threads: usize| {
        play.write("grid.yaml", format!("forgetful:\n  period: {periods}\n"));
        let arguments =
            "optimize forgetful.rhai --data BTCUSDT_1h.csv --grid grid.yaml --save-details --quiet";
        play.mista(&format!("{arguments} --out out --threads {threads}")).ok();
        let details = Details::read(&play.read("out/details/sharpe_ratio_forgetful_BTCUSDT_1h.csv"));
        let mut rows: Vec<Vec<String>> = details.rows.into_iter().map(|row| row[1..].to_vec()).collect();
        rows.sort();
        rows
    };
    let first = search("[3, 4, 5, 6, 7]", 1);
    assert!(first[0].last().is_some_and(|error| error.contains("`slow`")), "{:?}", first[0]);
    assert!(first == search("[7, 6, 5, 4, 3]", 1), "in the other order");
    assert!(first == search("[4, 3, 5, 7, 6]", 4), "on other threads");
}

#[test]
fn a_window_that_cannot_be_traded_loses_nothing_else() {
    // Throws late, and only with the period that is best before that.
    const LATE: &str = r#"fn params() { #{ period: int(5, 2, 20) } }

fn init(p) { #{ mean: sma(close, p.period) } }

fn on_candle(ctx, p) {
    if p.period == 7 && ctx.index > 200 { throw "too late"; }
    if p.period == 7 && ctx.is_flat { ctx.enter_long("hold"); }
}
"#;
    let play = Playground::good().with("late.rhai", LATE).with("grid.yaml", "late:\n  period: [5, 7]\n");
    let said = play
        .mista("optimize late.rhai --data BTCUSDT_1h.csv --grid grid.yaml --walk-forward 1 --out out")
        .ok();
    assert!(said.out.contains("failed"), "{}", said.out);
    let page = play.read("out/reports/sharpe_ratio_late_BTCUSDT_1h.html");
    assert!(page.contains("too late"), "the page says why");
}

#[test]
fn a_script_that_changes_meanwhile_costs_no_trial() {
    let play = bundled("hybrid");
    let arguments = format!("optimize hybrid.rhai {} --out out --quiet", period());
    play.mista(&arguments.replace("--out out", "--out calm")).ok();
    let mut child = play.begin(&arguments);
    let trials = play.path("out/hybrid_BTCUSDT_1h.trials");
    while std::fs::read(&trials).map_or(0, |bytes| bytes.len()) < 4000 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let text = play.read("hybrid.rhai");
    play.write("hybrid.rhai", format!("{text}\n// edited\n"));
    assert!(!child.wait().unwrap().success());
    play.write("hybrid.rhai", text);
    play.mista(&format!("{arguments} --resume")).ok();
    same("resumed", &play.files("calm"), &play.files("out"));
}

#[test]
fn the_verdict_is_about_the_best_and_not_about_another_trial() {
    let play = bundled("breakout");
    let judged = |metric: &str| {
        let arguments =
            format!("optimize breakout.rhai {} --metric {metric} --json --out {metric}", period());
        play.mista(&arguments).ok().json()["overfitting"].clone()
    };
    let (by_sharpe, by_drawdown) = (judged("sharpe_ratio"), judged("max_drawdown"));
    for figure in ["dsr", "pbo", "sharpe", "expected_max"] {
        assert_eq!(by_sharpe[figure], by_drawdown[figure], "{figure} is of all trials");
    }
    assert_ne!(by_sharpe["sentence"], by_drawdown["sentence"]);

    // Each figure says of which of the two it is, the sentence's first.
    let said = play.mista(&format!("optimize breakout.rhai {} --metric max_drawdown", period())).ok().out;
    let figure = |name: &str| said.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    let highest = format!("{:.3}", by_sharpe["dsr"].as_f64().unwrap());
    assert_eq!(figure("Deflated Sharpe ratio, highest Sharpe"), Some(highest.as_str()), "{said}");
    let best: f64 = figure("Deflated Sharpe ratio of the best").unwrap().parse().unwrap();
    let words = format!("{:.0} % certain", (best * 100.0).floor());
    assert!(by_drawdown["sentence"].as_str().unwrap().contains(&words), "{words}: {said}");
    let said = play.mista(&format!("optimize breakout.rhai {}", period())).ok().out;
    assert!(said.contains(&format!("Deflated Sharpe ratio                  {highest}")), "{said}");
}

#[test]
fn where_no_trial_made_the_trades_asked_for_it_is_said() {
    let play = Playground::good();
    let arguments = "optimize good.rhai --data BTCUSDT_1h.csv --grid grid.yaml --out";
    let words = "No combination made 1,000 trades (--min-trades): the most were ";
    let said = play.mista(&format!("{arguments} out --min-trades 1000 --save-details")).ok();
    let text = said.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("looking for the highest Sharpe ratio; none made 1,000 trades #"), "{text}");
    assert!(text.contains(words) && !text.contains("mista forward-test"), "{text}");
    let details = Details::read(&play.read("out/details/sharpe_ratio_good_BTCUSDT_1h.csv"));
    let trades = |row| details.cell(row, "trades_total").parse::<u64>().unwrap();
    let most = (0..details.rows.len()).map(trades).max().unwrap();
    assert!(text.contains(&format!("{words}{most}.")), "{text}");
    assert!(text.contains(&format!("next: search again with --min-trades {most} or less")), "{text}");
    assert!(play.read("out/reports/sharpe_ratio_good_BTCUSDT_1h.html").contains(words));
    let json = play.mista(&format!("{arguments} json --min-trades 1000 --json")).ok().json();
    assert!(json["overfitting"]["sentence"].as_str().unwrap().ends_with(&format!("{words}{most}.")));

    let said = play.mista(&format!("{arguments} enough --min-trades {most}")).ok();
    assert!(said.out.contains("next:  mista forward-test") && !said.out.contains("--min-trades"));

    let play = shop();
    let said = play.mista("optimize --all --strategies good --symbols BTCUSDT --min-trades 1000").ok().out;
    let words = format!("good BTCUSDT 1h: {words}");
    let text = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(&words) && !text.contains("next:"), "{said}");
    assert!(play.read("results/optimize/index.html").contains(&words));
}

#[test]
fn one_combination_is_counted_as_one() {
    let play = Playground::good();
    let fixed = "--set period=3 --set factor=1 --set stop_loss_pct=0.02";
    let said = play
        .mista(&format!(
            "optimize good.rhai --data BTCUSDT_1h.csv --grid grid.yaml --end 2021-01-04T01:00:00Z {fixed}"
        ))
        .ok()
        .out;
    assert!(said.contains("· 1 candle\n1 combination (grid)"), "{said}");
    assert!(!said.contains("BEST"), "nothing was chosen: {said}");
    let best = play.read(&play.one("results/optimize", ".yaml"));
    assert!(best.starts_with("# The best of 1 combination by sharpe_ratio."), "{best}");
    let page = play.read(&play.one("results/optimize/reports", ".html"));
    for word in [">1 candle<", ">1 trial<"] {
        assert!(page.contains(word), "{word}");
    }
}

#[test]
fn where_every_trial_fails_nothing_is_written() {
    let play = Playground::good()
        .with("moody.rhai", MOODY)
        .with("grid.yaml", "moody:\n  period: [0, 5]\n  factor: [0.5, 1.0]\n");
    let said = play
        .mista("optimize moody.rhai --data BTCUSDT_1h.csv --grid grid.yaml --save-details --out out")
        .failed(3, "all 4 trials failed; the first says: moody.rhai:3:");
    assert!(said.out.is_empty(), "{}", said.out);
    let files: Vec<String> = play.files("out").into_keys().filter(|name| !name.ends_with('/')).collect();
    assert_eq!(files, [""; 0]);
}

/// Two scripts that can be searched, one that always throws, one that does not load, and two symbols.
fn shop() -> Playground {
    Playground::good()
        .with("strategies/good.rhai", crate::playground::GOOD)
        .with("strategies/other.rhai", crate::playground::GOOD)
        .with("strategies/throws.rhai", "fn on_candle(ctx, p) { throw \"never\"; }\n")
        .with("strategies/broken.rhai", "fn on_candle(ctx, p) { ctx.clsoe }\n")
        .with("data/1h/BTCUSDT_1h.csv", crate::playground::waves(240))
        .with("data/1h/ETHUSDT_1h.csv", crate::playground::waves(300))
        .with("data/1h/README.md", "")
        .with(
            "config/optimize_params.yaml",
            "good: { period: [3, 5], factor: [1] }\nother: { period: { from: 4, to: 8, step: 2 } }\n\
             throws: { cooldown_candles: [1, 2] }\nbroken: { cooldown_candles: [1] }\n",
        )
}

#[test]
fn a_task_that_fails_stops_no_other() {
    let play = shop();
    let said = play.mista("optimize --all --json --save-details").failed(1, "error: 4 of 8 tasks failed");
    let json = said.json();
    let tasks: Vec<String> = json["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| {
            format!("{} {} {}", result["strategy"], result["symbol"], result["search"]["combinations"])
        })
        .collect();
    insta::assert_snapshot!(format!(
        "{}\n{:#}\n{}\n{}",
        tasks.join("\n"),
        json["failed"],
        said.err.trim_end(),
        play.files("results/optimize").into_keys().collect::<Vec<_>>().join("\n")
    ));
    let index = play.read("results/optimize/index.html");
    for word in [
        "never",
        "clsoe",
        "throws ETHUSDT 1h",
        "broken BTCUSDT 1h",
        "reports/sharpe_ratio_other_ETHUSDT_1h.html",
    ] {
        assert!(index.contains(word), "{word}");
    }

    // What one task gives alone is what it gives among others.
    let alone = shop();
    alone.mista("optimize strategies/other.rhai --data data/1h/ETHUSDT_1h.csv --save-details --quiet").ok();
    for file in
        ["sharpe_ratio_best_params_other_ETHUSDT_1h.yaml", "details/sharpe_ratio_other_ETHUSDT_1h.csv"]
    {
        let file = format!("results/optimize/{file}");
        assert_eq!(play.read(&file), alone.read(&file));
    }

    // And the same bytes with another number of threads.
    let again = shop();
    again.mista("optimize --all --quiet --save-details --threads 5").failed(1, "4 of 8 tasks failed");
    same("five threads", &play.files("results"), &again.files("results"));
}

#[test]
fn where_every_task_fails_the_index_stays_as_it_was() {
    let play = shop();
    for flags in ["--strategies god", "--symbols XUSDT", "--strategies throws,broken"] {
        let said = play.mista(&format!("optimize --all {flags}")).failed(1, "failed, see above");
        assert!(said.out.contains("failed") && !said.out.contains("next:"), "{flags}: {}", said.out);
        assert!(!said.out.contains("index.html"), "{flags}: {}", said.out);
        let left = play.files("results").into_keys().filter(|name| !name.is_empty() && !name.ends_with('/'));
        assert_eq!(left.collect::<Vec<_>>(), [""; 0], "{flags}");
    }
    let said = play.mista("optimize --all --strategies good").ok();
    assert!(said.out.contains("next:  mista forward-test --all"), "{}", said.out);
    let before = play.files("results");
    play.mista("optimize --all --strategies god").failed(1, "failed, see above");
    same("after a search that failed", &before, &play.files("results"));
}

#[test]
fn of_tasks_with_one_name_the_first_is_run() {
    let play = shop().with("run.yaml", "symbol: XUSDT\n");
    play.mista("optimize --all --strategies good,good,strategies/good.rhai --symbols BTCUSDT,ETHUSDT --config run.yaml")
        .failed(1, "failed: good ETHUSDT 1h: strategies/good.rhai: another task has these names too");
    let found = play.files("results/optimize").into_keys().filter(|name| name.ends_with(".yaml"));
    assert_eq!(
        found.collect::<Vec<_>>(),
        ["sharpe_ratio_best_params_good_BTCUSDT_1h.yaml", "sharpe_ratio_best_params_good_ETHUSDT_1h.yaml"]
    );
}

#[test]
fn the_shipped_grids_fit_the_shipped_scripts() {
    let grids = mista::config::GridFile::load(&crate::support::root().join("config/optimize_params.yaml"));
    let grids = grids.unwrap();
    let mut named: Vec<&str> = grids.strategies().collect();
    let mut scripts = SCRIPTS;
    named.sort();
    scripts.sort();
    assert_eq!(named, scripts);
}
