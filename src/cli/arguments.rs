//! Flags that several verbs share: which candles, and how to run a script over them.

use super::Failure;
use crate::config::{Overrides, parse_date, parse_size};
use crate::data::LoadOptions;
use crate::job::{Job, Market};
use crate::model::{Interval, Size};
use crate::script::Tier;
use clap::Args;
use std::path::{Path, PathBuf};

/// Flags that say which candles to use.
#[derive(Debug, Clone, Default, PartialEq, Args)]
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
#[derive(Debug, Clone, Default, PartialEq, Args)]
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
    /// What executes the script: machine code where it can be compiled, machine code or an error, or the interpreter
    #[arg(long, value_name = "auto|native|interpreter", default_value = "auto")]
    pub tier: Tier,
    /// Parameter values, a `name: value` line each
    #[arg(long, value_name = "FILE.yaml")]
    pub params: Option<PathBuf>,
    /// Set a parameter of the script, a base parameter or a risk limit; repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_assignment)]
    pub set: Vec<(String, String)>,
    /// Starting balance in quote currency [default: 10000]
    #[arg(long, value_name = "QUOTE", allow_negative_numbers = true)]
    pub balance: Option<f64>,
    /// Commission per side, in 1/100 percent of the notional [default: 10]
    #[arg(long, value_name = "BPS", allow_negative_numbers = true)]
    pub commission_bps: Option<f64>,
    /// Slippage per market fill, in 1/100 percent of the price [default: 0]
    #[arg(long, value_name = "BPS", allow_negative_numbers = true)]
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

/// What it may be is for others to say.
pub fn parse_amount(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| "write a number, such as 500".to_owned())
}

pub fn parse_assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("write NAME=VALUE, such as entry_period=30".to_owned()),
    }
}

/// One of several names.
pub fn parse_name(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("a name is empty: separate names by single commas".to_owned()),
        name => Ok(name.to_owned()),
    }
}

/// A count: a whole number from 1.
pub fn parse_positive(text: &str) -> Result<u64, String> {
    text.parse().ok().filter(|count| *count > 0).ok_or_else(|| "it must be a whole number from 1".to_owned())
}

/// A number that may be 0.
pub fn parse_count<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "it must be a whole number from 0".to_owned())
}

impl DataArguments {
    pub fn options(&self) -> LoadOptions {
        LoadOptions { interval: self.interval, repair: self.repair }
    }
}

impl JobArguments {
    /// Reads and checks the script and everything the flags name.
    pub fn load(&self, script: &Path) -> Result<Job, Failure> {
        let mut job = Job::load(script, self.config.as_deref(), &self.overrides())?;
        job.script.set_tier(self.tier)?;
        Ok(job)
    }

    /// The files that are read, by what messages call them.
    pub fn inputs<'a>(&'a self, script: &'a Path, market: &'a Market) -> Vec<(&'static str, &'a Path)> {
        let mut inputs = vec![("the script", script)];
        inputs.extend(market.files());
        inputs.extend(self.config.iter().map(|path| ("the settings", path.as_path())));
        inputs.extend(self.params.iter().map(|path| ("the parameter file", path.as_path())));
        inputs
    }

    pub fn overrides(&self) -> Overrides {
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
            repair: self.data.repair,
            params: self.params.clone(),
            set: self.set.clone(),
        }
    }
}
