//! A script, its parameters and its candles, brought together: what every verb that runs a script needs.

use super::{Exit, Failure};
use crate::backtest::{Backtest, Outcome, Trace};
use crate::config::{BacktestRunConfig, Overrides, parse_date, parse_size};
use crate::data::{LoadOptions, Loaded, load, symbol_of};
use crate::engine::{ColumnCache, DataHandler, Settings};
use crate::model::{Candles, Interval, Size};
use crate::script::{Parameters, Script};
use clap::Args;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Candles that come with the repository.
pub const BUNDLED: &str = "data/1h/BTCUSDT_1h.csv";

/// Flags that say which candles to use.
#[derive(Debug, Clone, Args)]
pub struct DataArguments {
    /// Candle file [default: the bundled data/1h/BTCUSDT_1h.csv]
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// Length of a candle, such as 1h [default: from the candles]
    #[arg(long, value_name = "INTERVAL")]
    pub interval: Option<Interval>,
    /// Drop and list rows that are not sane instead of stopping
    #[arg(long)]
    pub repair: bool,
}

/// Flags that say what to run on and how.
#[derive(Debug, Clone, Args)]
pub struct JobArguments {
    #[command(flatten)]
    pub data: DataArguments,
    /// Symbol of the run [default: from the file name]
    #[arg(long)]
    pub symbol: Option<String>,
    /// First day or time (ISO, UTC, inclusive); candles before it warm the indicators
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub start: Option<i64>,
    /// Last day or time (ISO, UTC, exclusive)
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    pub end: Option<i64>,
    /// Parameter values, a `name: value` line each
    #[arg(long, value_name = "FILE.yaml")]
    pub params: Option<PathBuf>,
    /// Set a parameter of the script, a base parameter or a risk limit; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_assignment)]
    pub set: Vec<(String, String)>,
    /// Starting balance in quote currency [default: 10000]
    #[arg(long, value_name = "QUOTE")]
    pub balance: Option<f64>,
    /// Commission per side, in 1/100 percent of the notional [default: 10]
    #[arg(long, value_name = "BPS")]
    pub commission_bps: Option<f64>,
    /// Slippage per market fill, in 1/100 percent of the price [default: 0]
    #[arg(long, value_name = "BPS")]
    pub slippage_bps: Option<f64>,
    /// Entry size: equity_pct=95, units=.., quote=.. or risk_pct=.. [default: equity_pct=95]
    #[arg(long, value_name = "KIND=X", value_parser = parse_size)]
    pub size: Option<Size>,
    /// Let the script go short (Binance spot cannot)
    #[arg(long)]
    pub allow_short: bool,
    /// Finer candles to walk inside each candle, such as 1m inside 1h
    #[arg(long, value_name = "FILE")]
    pub detail: Option<PathBuf>,
    /// The same settings as a YAML file, such as config/backtest.yaml; flags win
    #[arg(long, value_name = "FILE.yaml")]
    pub config: Option<PathBuf>,
}

fn parse_assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write NAME=VALUE, such as entry_period=30".to_owned()),
    }
}

impl JobArguments {
    fn overrides(&self) -> Overrides {
        Overrides {
            data: self.data.data.clone(),
            detail: self.detail.clone(),
            symbol: self.symbol.clone(),
            interval: self.data.interval,
            start: self.start,
            end: self.end,
            balance: self.balance,
            commission_bps: self.commission_bps,
            slippage_bps: self.slippage_bps,
            size: self.size,
            allow_short: self.allow_short,
            params: self.params.clone(),
            set: self.set.clone(),
        }
    }
}

/// Loads candles, or the bundled ones.
pub fn load_candles(path: Option<&Path>, arguments: &DataArguments) -> Result<Loaded, Failure> {
    let options = LoadOptions { interval: arguments.interval, repair: arguments.repair };
    let path = path.or(arguments.data.as_deref());
    if path.is_none() && !Path::new(BUNDLED).exists() {
        let message = format!(
            "the bundled candles {BUNDLED} are not here: run from the repository's folder, or name a file with --data"
        );
        return Err(Failure::new(Exit::Data, message));
    }
    Ok(load(path.unwrap_or(Path::new(BUNDLED)), &options)?)
}

/// Everything that is needed to run a script, checked.
pub struct Job {
    pub script: Script,
    pub parameters: Parameters,
    pub settings: Settings,
    pub loaded: Loaded,
    pub detail: Option<Loaded>,
    pub candles: Arc<Candles>,
    pub rows: Range<usize>,
    pub data: DataHandler,
}

impl Job {
    /// Reads and checks everything; nothing is written.
    pub fn load(script: &Path, arguments: &JobArguments) -> Result<Job, Failure> {
        let config = BacktestRunConfig::load(arguments.config.as_deref(), &arguments.overrides())?;
        let mut script = Script::load(script)?;
        let mut parameters = script.parameters();
        config.apply(&mut parameters)?;
        script.prepare(&parameters)?;

        let interval = DataArguments { interval: config.interval, ..arguments.data.clone() };
        let mut loaded = load_candles(config.data.as_deref(), &interval)?;
        let fine = DataArguments { interval: None, ..arguments.data.clone() };
        let detail = config.detail.as_deref().map(|path| load_candles(Some(path), &fine)).transpose()?;
        if let Some(detail) = &detail
            && detail.interval.ms() >= loaded.interval.ms()
        {
            let message = format!(
                "{}: --detail needs finer candles than {}; these are {}",
                detail.path.display(),
                loaded.interval,
                detail.interval
            );
            return Err(Failure::new(Exit::Usage, message));
        }
        let symbol =
            config.symbol.clone().or_else(|| symbol_of(&loaded.path)).unwrap_or_else(|| "UNKNOWN".to_owned());
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
            let message = format!(
                "{}: no candle between --start and --end; the file covers {} to {}",
                loaded.path.display(),
                crate::model::iso(candles.open_time.first().copied().unwrap_or(0)),
                crate::model::iso(candles.close_time.last().copied().unwrap_or(0)),
            );
            return Err(Failure::new(Exit::Usage, message));
        }
        let data = script.data(&candles, &settings.rules, &mut ColumnCache::default());
        tracing::info!(
            candles = candles.len(),
            warm_up = data.first_warm(),
            "loaded {} and {}",
            script.path(),
            loaded.path.display()
        );
        Ok(Job { script, parameters, settings, loaded, detail, candles, rows: from..to, data })
    }

    /// Runs the script once.
    pub fn run(&mut self) -> Result<(Outcome, Trace), Failure> {
        let backtest = Backtest {
            settings: &self.settings,
            data: &self.data,
            rows: self.rows.clone(),
            detail: self.detail.as_ref().map(|detail| &detail.candles),
        };
        Ok(backtest.run_traced(&mut self.script)?)
    }
}
