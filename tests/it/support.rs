//! What several modules need: bundled candles, and one way to run a script on a part of them.

use mista::backtest::{Backtest, Outcome, Trace};
use mista::data::{LoadOptions, load};
use mista::engine::{ColumnCache, Settings};
use mista::model::{Candles, parse_iso};
use mista::script::{Script, Written};
use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

pub const BTC_1H: &str = "data/1h/BTCUSDT_1h.csv";
pub const BTC_5M: &str = "data/5m/BTCUSDT_5m.csv";
pub const ETH_5M: &str = "data/5m/ETHUSDT_5m.csv";

/// The seven scripts that come with the repository.
pub const SCRIPTS: [&str; 7] =
    ["ma_crossover", "scalping", "bollinger_reversion", "momentum", "mean_reversion", "breakout", "hybrid"];

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn script_path(name: &str) -> PathBuf {
    root().join("strategies").join(name).with_extension("rhai")
}

/// A bundled candle file, read once however many tests use it.
pub fn candles(file: &'static str) -> Arc<Candles> {
    static READ: Mutex<Option<HashMap<&str, Arc<Candles>>>> = Mutex::new(None);
    let mut read = READ.lock().unwrap();
    let known = read.get_or_insert_default();
    let load = || load(&root().join(file), &LoadOptions::default()).unwrap().candles;
    known.entry(file).or_insert_with(load).clone()
}

/// One run of a bundled script.
pub struct Job<'a> {
    pub script: &'a str,
    pub data: &'static str,
    /// First day inclusive, last day exclusive; the candles before warm the indicators.
    pub days: [&'a str; 2],
    /// `name=value`, as `--set` takes them.
    pub set: &'a [&'a str],
    pub settings: Settings,
}

pub struct Ran {
    pub settings: Settings,
    pub candles: Arc<Candles>,
    pub rows: Range<usize>,
    pub outcome: Outcome,
    pub trace: Trace,
}

pub fn run(job: &Job<'_>) -> Ran {
    let candles = candles(job.data);
    let mut script = Script::load(&script_path(job.script)).unwrap();
    let mut parameters = script.parameters();
    for assignment in job.set {
        let (name, value) = assignment.split_once('=').unwrap();
        parameters.set(name, &Written::Text(value.to_owned())).unwrap();
    }
    script.prepare(&parameters).unwrap();
    let settings = Settings {
        symbol: "TESTUSDT".into(),
        rules: parameters.rules("TESTUSDT"),
        limits: parameters.limits(),
        ..job.settings.clone()
    };
    let data = script.data(&settings.rules, &ColumnCache::for_one_run(candles.clone()));
    let [from, to] = job.days.map(|day| candles.first_at_or_after(parse_iso(day).unwrap()));
    let backtest = Backtest { settings: &settings, data: &data, rows: from..to, detail: None };
    let (outcome, trace) = backtest.run_traced(&mut script).unwrap();
    Ran { candles: candles.clone(), rows: from..to, outcome, trace, settings }
}
