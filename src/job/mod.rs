//! L4: a script, its parameters and its candles, brought together: what everything that runs a script starts
//! with.
//!
//! - [`Market`]: candle files as loaded, shared by all who run on them.
//! - [`Setup`]: a market with the settings of a run on it. No script yet, so threads can share it.
//! - [`Job`]: a setup with a script in force, ready to run.
//! - [`Proof`]: that a script does not look ahead.
//! - [`Recipe`]: the same as data, to be written down and run again; [`RunResult`]: what came of a run.

mod proof;
mod recipe;
mod result;
mod verify;

pub use proof::{Proof, Verdict};
pub use recipe::{Recipe, RecipeError};
pub use result::{DIGITS, PageOptions, RunResult, parameter_rows, provenance, sha256};

pub use verify::{Capsule, VerifyError};

use crate::backtest::{Backtest, Outcome, Trace};
use crate::config::{BacktestRunConfig, ConfigError, Overrides};
use crate::data::{DataError, LoadOptions, Loaded, load, symbol_of};
use crate::engine::{ColumnCache, DataHandler, Settings, StrategyFault};
use crate::model::{Candles, iso};
use crate::script::{Parameters, Script, ScriptError};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

/// Candles that come with the repository.
pub const BUNDLED: &str = "data/1h/BTCUSDT_1h.csv";

/// Why a job cannot be run, or did not end.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Script(#[from] ScriptError),
    #[error(transparent)]
    Data(#[from] DataError),
    #[error(transparent)]
    Fault(#[from] StrategyFault),
    #[error(
        "the bundled candles {BUNDLED} are not here: run from the repository's folder, or name a file with --data"
    )]
    NotBundled,
    #[error("{path}: --detail needs candles finer than {interval}; these are {detail}")]
    CoarseDetail { path: String, interval: String, detail: String },
    #[error(
        "{path}: these are not the same market: in {outside} of the {covered} candles they cover, their prices lie outside the candle. --detail takes finer candles of the same symbol"
    )]
    ForeignDetail { path: String, outside: usize, covered: usize },
    #[error("{path}: no candle between --start and --end; the file covers {first} to {last}")]
    EmptyRange { path: String, first: String, last: String },
}

/// Loads candles, or the bundled ones.
pub fn load_candles(path: Option<&Path>, options: &LoadOptions) -> Result<Loaded, JobError> {
    match path {
        Some(path) => Ok(load(path, options)?),
        None if Path::new(BUNDLED).exists() => Ok(load(Path::new(BUNDLED), options)?),
        None => Err(JobError::NotBundled),
    }
}

/// The candles of a symbol, and finer ones to walk inside them.
#[derive(Debug)]
pub struct Market {
    pub loaded: Loaded,
    pub detail: Option<Loaded>,
}

impl Market {
    pub fn load(config: &BacktestRunConfig) -> Result<Market, JobError> {
        let repair = config.repair;
        let loaded =
            load_candles(config.data.as_deref(), &LoadOptions { interval: config.interval, repair })?;
        let fine = LoadOptions { interval: None, repair };
        let detail = config.detail.as_deref().map(|path| load_candles(Some(path), &fine)).transpose()?;
        if let Some(detail) = &detail
            && detail.interval.ms() >= loaded.interval.ms()
        {
            return Err(JobError::CoarseDetail {
                path: detail.path.display().to_string(),
                interval: loaded.interval.to_string(),
                detail: detail.interval.to_string(),
            });
        }
        Ok(Market { loaded, detail })
    }

    /// The files it was read from, by what messages call them.
    pub fn files(&self) -> Vec<(&'static str, &Path)> {
        let detail = self.detail.iter().map(|detail| ("the finer candles", detail.path.as_path()));
        std::iter::once(("the candles", self.loaded.path.as_path())).chain(detail).collect()
    }
}

/// What to run on and how, whatever the script.
#[derive(Debug, Clone)]
pub struct Setup {
    pub market: Arc<Market>,
    /// The base rules and limits in it are those of the parameters in force.
    pub settings: Settings,
    /// Rows the script decides on.
    pub rows: Range<usize>,
    /// How many of them have finer candles.
    pub detailed: usize,
}

impl Setup {
    pub fn new(config: &BacktestRunConfig, market: Arc<Market>) -> Result<Setup, JobError> {
        let loaded = &market.loaded;
        let candles = &loaded.candles;
        let symbol = config.symbol.clone().or_else(|| symbol_of(&loaded.path));
        let symbol = symbol.unwrap_or_else(|| "UNKNOWN".to_owned());
        let from = config.start.map_or(0, |start| candles.first_at_or_after(start));
        let to = config.end.map_or(candles.len(), |end| candles.first_at_or_after(end));
        if from >= to {
            return Err(JobError::EmptyRange {
                path: loaded.path.display().to_string(),
                first: iso(candles.open_time.first().copied().unwrap_or(0)),
                last: iso(candles.close_time.last().copied().unwrap_or(0)),
            });
        }
        let detailed = match &market.detail {
            Some(detail) => detailed(candles, from..to, detail)?,
            None => 0,
        };
        let settings = Settings { symbol, ..config.settings.clone() };
        Ok(Setup { market, settings, rows: from..to, detailed })
    }

    pub fn candles(&self) -> &Arc<Candles> {
        &self.market.loaded.candles
    }

    /// `BTCUSDT`.
    pub fn symbol(&self) -> &str {
        &self.settings.symbol
    }

    /// `1h`.
    pub fn interval(&self) -> String {
        self.market.loaded.interval.to_string()
    }

    /// The settings with the rules and limits of `parameters`.
    pub fn settings_for(&self, parameters: &Parameters) -> Settings {
        Settings {
            rules: parameters.rules(&self.settings.symbol),
            limits: parameters.limits(),
            ..self.settings.clone()
        }
    }
}

/// Everything that is needed to run a script, checked.
pub struct Job {
    pub script: Script,
    pub parameters: Parameters,
    pub setup: Setup,
    pub data: DataHandler,
}

impl Job {
    /// Reads and checks everything; nothing is written.
    pub fn load(script: &Path, config: Option<&Path>, overrides: &Overrides) -> Result<Job, JobError> {
        Job::of(Script::load(script)?, &BacktestRunConfig::load(config, overrides)?)
    }

    /// Reads the candles and puts the parameters of `config` in force.
    pub fn of(mut script: Script, config: &BacktestRunConfig) -> Result<Job, JobError> {
        let mut parameters = script.parameters();
        config.apply(&mut parameters)?;
        script.prepare(&parameters)?;
        let setup = Setup::new(config, Arc::new(Market::load(config)?))?;
        Ok(Job::on(script, parameters, setup))
    }

    /// `parameters` are in force in `script`.
    pub fn on(script: Script, parameters: Parameters, mut setup: Setup) -> Job {
        setup.settings = setup.settings_for(&parameters);
        let cache = ColumnCache::for_one_run(setup.candles().clone());
        let data = script.data(&setup.settings.rules, &cache);
        tracing::info!(
            candles = setup.candles().len(),
            first_warm = data.first_warm(),
            "loaded {} and {}",
            script.path(),
            setup.market.loaded.path.display()
        );
        Job { script, parameters, setup, data }
    }

    /// The candles in the file.
    pub fn candles(&self) -> &Arc<Candles> {
        self.setup.candles()
    }

    /// Runs the script once and keeps a trace of what happened.
    pub fn run(&mut self) -> Result<(Outcome, Trace), StrategyFault> {
        let backtest = Backtest {
            settings: &self.setup.settings,
            data: &self.data,
            rows: self.setup.rows.clone(),
            detail: self.setup.market.detail.as_ref().map(|detail| &*detail.candles),
        };
        backtest.run_traced(&mut self.script)
    }
}

/// How many candles of `rows` have finer ones; an error if those are evidently of another market.
fn detailed(candles: &Candles, rows: Range<usize>, detail: &Loaded) -> Result<usize, JobError> {
    let finer = &detail.candles;
    let (mut covered, mut outside) = (0, 0);
    for row in rows {
        let from = finer.first_at_or_after(candles.open_time[row]);
        if finer.open_time.get(from).is_some_and(|&time| time <= candles.close_time[row]) {
            covered += 1;
            // A part of the candle's own prices; a rounding apart at most.
            let apart =
                finer.low[from] > candles.high[row] * 1.01 || finer.high[from] < candles.low[row] * 0.99;
            outside += usize::from(apart);
        }
    }
    if outside * 2 > covered {
        return Err(JobError::ForeignDetail { path: detail.path.display().to_string(), outside, covered });
    }
    Ok(covered)
}
