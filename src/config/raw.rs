//! YAML files exactly as written.

use super::ConfigError;
use crate::model::Instrument;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_yaml::{Mapping, Value};
use std::path::{Path, PathBuf};

/// `config/backtest.yaml`. Every key may be left out; the names are those of the command line.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawBacktest {
    pub data: Option<PathBuf>,
    pub detail: Option<PathBuf>,
    pub symbol: Option<String>,
    pub interval: Option<String>,
    pub start: Option<String>,
    pub end: Option<String>,
    pub balance: Option<f64>,
    pub commission_bps: Option<f64>,
    pub slippage_bps: Option<f64>,
    /// `equity_pct=95` or `{ equity_pct: 95 }`.
    pub size: Option<Value>,
    pub allow_short: Option<bool>,
    pub instrument: Option<RawInstrument>,
    /// The script's parameters, base parameters and risk limits.
    pub params: Option<Mapping>,
}

/// Order filters of the exchange for the symbol. Texts or numbers; texts keep every digit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawInstrument {
    #[serde(default)]
    pub tick_size: Option<Value>,
    #[serde(default)]
    pub step_size: Option<Value>,
    #[serde(default)]
    pub min_qty: Option<Value>,
    #[serde(default)]
    pub min_notional: Option<Value>,
}

impl RawInstrument {
    pub fn of(instrument: &Instrument) -> RawInstrument {
        let text = |value: Decimal| Some(Value::String(value.to_string()));
        RawInstrument {
            tick_size: text(instrument.tick_size),
            step_size: text(instrument.step_size),
            min_qty: text(instrument.min_qty),
            min_notional: text(instrument.min_notional),
        }
    }
}

impl RawBacktest {
    pub fn load(path: &Path) -> Result<(RawBacktest, String), ConfigError> {
        let text = read(path)?;
        if is_blank(&text) {
            return Ok((RawBacktest::default(), text));
        }
        let raw = serde_yaml::from_str(&text).map_err(|error| ConfigError::yaml(path, &error))?;
        Ok((raw, text))
    }
}

/// A parameter file: a map of names to values, or one with such a map under `parameters`.
pub fn load_parameters(path: &Path) -> Result<(Mapping, String), ConfigError> {
    let text = read(path)?;
    if is_blank(&text) {
        return Ok((Mapping::new(), text));
    }
    let value: Value = serde_yaml::from_str(&text).map_err(|error| ConfigError::yaml(path, &error))?;
    let Value::Mapping(map) = value else {
        return Err(ConfigError::shape(path, "the file must be a map, a `name: value` line per parameter"));
    };
    match map.get("parameters") {
        Some(Value::Mapping(inner)) => Ok((inner.clone(), text)),
        Some(_) => {
            Err(ConfigError::shape(path, "`parameters` must be a map, a `name: value` line per parameter"))
        }
        None => Ok((map, text)),
    }
}

/// Whether a file is YAML at all, whatever it is for.
pub fn check_yaml(path: &Path) -> Result<(), ConfigError> {
    serde_yaml::from_str::<Value>(&read(path)?).map(|_| ()).map_err(|error| ConfigError::yaml(path, &error))
}

pub(super) fn read(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|error| ConfigError::read(path, &error))
}

pub(super) fn is_blank(text: &str) -> bool {
    text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
}
