//! A script, its parameters and its candles, brought together: what everything that runs a script starts with.

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

/// Everything that is needed to run a script, checked.
pub struct Job {
    pub script: Script,
    pub parameters: Parameters,
    pub settings: Settings,
    /// The candle file; its candles are in `candles`.
    pub loaded: Loaded,
    pub detail: Option<Loaded>,
    /// Candles of the range that have finer ones.
    pub detailed: usize,
    pub candles: Arc<Candles>,
    /// Rows the script decides on.
    pub rows: Range<usize>,
    pub data: DataHandler,
}

impl Job {
    /// Reads and checks everything; nothing is written. `repair` drops insane rows of the candle files.
    pub fn load(
        script: &Path,
        config: Option<&Path>,
        overrides: &Overrides,
        repair: bool,
    ) -> Result<Job, JobError> {
        let config = BacktestRunConfig::load(config, overrides)?;
        let mut script = Script::load(script)?;
        let mut parameters = script.parameters();
        config.apply(&mut parameters)?;
        script.prepare(&parameters)?;

        let options = LoadOptions { interval: config.interval, repair };
        let mut loaded = load_candles(config.data.as_deref(), &options)?;
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
        let symbol = config.symbol.clone().or_else(|| symbol_of(&loaded.path));
        let symbol = symbol.unwrap_or_else(|| "UNKNOWN".to_owned());
        let settings = Settings {
            rules: parameters.rules(&symbol),
            limits: parameters.limits(),
            symbol,
            ..config.settings
        };
        let candles = Arc::new(std::mem::take(&mut loaded.candles));
        let from = config.start.map_or(0, |start| candles.first_at_or_after(start));
        let to = config.end.map_or(candles.len(), |end| candles.first_at_or_after(end));
        if from >= to {
            return Err(JobError::EmptyRange {
                path: loaded.path.display().to_string(),
                first: iso(candles.open_time.first().copied().unwrap_or(0)),
                last: iso(candles.close_time.last().copied().unwrap_or(0)),
            });
        }
        let detailed = match &detail {
            Some(detail) => detailed(&candles, from..to, detail)?,
            None => 0,
        };
        let data = script.data(&candles, &settings.rules, &mut ColumnCache::default());
        tracing::info!(
            candles = candles.len(),
            first_warm = data.first_warm(),
            "loaded {} and {}",
            script.path(),
            loaded.path.display()
        );
        Ok(Job { script, parameters, settings, loaded, detail, detailed, candles, rows: from..to, data })
    }

    /// Runs the script once and keeps a trace of what happened.
    pub fn run(&mut self) -> Result<(Outcome, Trace), StrategyFault> {
        let backtest = Backtest {
            settings: &self.settings,
            data: &self.data,
            rows: self.rows.clone(),
            detail: self.detail.as_ref().map(|detail| &detail.candles),
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
