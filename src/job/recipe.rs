//! What a result was made of, as data: enough to run it again, and to see whether it still is the same.

use super::{Job, JobError, Setup};
use crate::config::{BacktestRunConfig, ConfigError, Overrides, RawBacktest, RawInstrument};
use crate::model::iso;
use crate::script::{Parameters, Script, Value};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::path::{Path, PathBuf};

/// Everything a run depends on. A part of every result this program writes, with these keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    pub strategy: String,
    pub symbol: String,
    pub interval: String,
    /// Open time of the first candle, UTC.
    pub start: String,
    /// UTC, exclusive.
    pub end: String,
    /// Candles between them.
    pub candles: usize,
    /// The script's own, and the base parameters and limits that are not at their defaults.
    #[serde(with = "in_order")]
    pub parameters: Vec<(String, Value)>,
    /// Starting balance, quote currency.
    pub balance: f64,
    pub commission_bps: f64,
    pub slippage_bps: f64,
    /// `equity_pct=95`.
    pub size: String,
    pub allow_short: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instrument: Option<RawInstrument>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repair: bool,
    pub script: PathBuf,
    /// Of the script and what it imports.
    pub script_sha256: String,
    pub data: PathBuf,
    pub data_sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail_sha256: Option<String>,
    /// Of the program.
    pub version: String,
}

/// Why a recipe cannot be followed: the result is not of what is there now.
#[derive(Debug, thiserror::Error)]
pub enum RecipeError {
    #[error(
        "{path} is not the script of the result: it has changed since, or is another one (sha256 {there}, not {recipe})"
    )]
    Script { path: String, there: String, recipe: String },
    #[error(
        "{path} does not hold the candles of the result: the file has changed since, or is another one (sha256 {there}, not {recipe})"
    )]
    Data { path: String, there: String, recipe: String },
    #[error(transparent)]
    Job(#[from] JobError),
}

impl From<ConfigError> for RecipeError {
    fn from(error: ConfigError) -> Self {
        RecipeError::Job(error.into())
    }
}

impl Recipe {
    pub fn of(script: &Script, parameters: &Parameters, setup: &Setup) -> Recipe {
        let (settings, rows) = (&setup.settings, setup.rows.clone());
        let candles = setup.candles();
        let detail = setup.market.detail.as_ref();
        let time = |times: &[i64], row: usize| times.get(row).copied().unwrap_or_default();
        // The next candle may open before this one was due to close.
        let next = candles.open_time.get(rows.end).copied().unwrap_or(i64::MAX);
        let end = next.min(time(&candles.close_time, rows.end.saturating_sub(1)).saturating_add(1));
        Recipe {
            strategy: script.name().to_owned(),
            symbol: settings.symbol.clone(),
            interval: setup.interval(),
            start: iso(time(&candles.open_time, rows.start)),
            end: iso(end),
            candles: rows.len(),
            parameters: parameters.written().map(|entry| (entry.name.clone(), entry.value.clone())).collect(),
            balance: settings.initial_balance,
            commission_bps: settings.costs.commission_bps,
            slippage_bps: settings.costs.slippage_bps,
            size: settings.size.to_string(),
            allow_short: settings.allow_short,
            instrument: settings.instrument.as_ref().map(RawInstrument::of),
            repair: std::iter::once(&setup.market.loaded).chain(detail).any(|file| !file.repaired.is_empty()),
            script: script.path().into(),
            script_sha256: script.sha256(),
            data: setup.market.loaded.path.clone(),
            data_sha256: setup.market.loaded.sha256.clone(),
            detail: detail.map(|detail| detail.path.clone()),
            detail_sha256: detail.map(|detail| detail.sha256.clone()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// The settings of the run. `overrides` win, as they do over a config file.
    pub fn config(&self, overrides: &Overrides) -> Result<BacktestRunConfig, ConfigError> {
        let parameter = |(name, value): &(String, Value)| {
            (serde_yaml::Value::from(name.as_str()), serde_yaml::to_value(value).unwrap_or_default())
        };
        let raw = RawBacktest {
            data: Some(self.data.clone()),
            detail: self.detail.clone(),
            symbol: Some(self.symbol.clone()),
            interval: Some(self.interval.clone()),
            start: Some(self.start.clone()),
            end: Some(self.end.clone()),
            balance: Some(self.balance),
            commission_bps: Some(self.commission_bps),
            slippage_bps: Some(self.slippage_bps),
            size: Some(self.size.as_str().into()),
            allow_short: Some(self.allow_short),
            instrument: self.instrument.clone(),
            params: Some(self.parameters.iter().map(parameter).collect()),
        };
        let overrides = Overrides { repair: self.repair || overrides.repair, ..overrides.clone() };
        BacktestRunConfig::of(raw, Path::new("the recorded settings"), "", &overrides)
    }

    /// The script, if it still is the one of the recipe.
    pub fn script(&self, path: &Path) -> Result<Script, RecipeError> {
        let script = Script::load(path).map_err(JobError::from)?;
        let there = script.sha256();
        if there != self.script_sha256 {
            let (path, recipe) = (path.display().to_string(), self.script_sha256.clone());
            return Err(RecipeError::Script { path, there, recipe });
        }
        Ok(script)
    }

    /// The run, ready to be done again, if its files are those it was done with.
    pub fn job(&self) -> Result<Job, RecipeError> {
        let job = Job::of(self.script(&self.script)?, &self.config(&Overrides::default())?)?;
        self.check(&job.setup)?;
        Ok(job)
    }

    /// Whether the candle files are those of the recipe.
    pub fn check(&self, setup: &Setup) -> Result<(), RecipeError> {
        let detail = setup.market.detail.as_ref();
        let files =
            [(Some(&setup.market.loaded), Some(&self.data_sha256)), (detail, self.detail_sha256.as_ref())];
        for (loaded, recipe) in files {
            let (Some(loaded), Some(recipe)) = (loaded, recipe) else { continue };
            if loaded.sha256 != *recipe {
                let path = loaded.path.display().to_string();
                return Err(RecipeError::Data { path, there: loaded.sha256.clone(), recipe: recipe.clone() });
            }
        }
        Ok(())
    }
}

/// Pairs as a map that keeps their order.
mod in_order {
    use super::*;

    pub fn serialize<S: Serializer>(pairs: &[(String, Value)], to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(pairs.iter().map(|(name, value)| (name, value)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(String, Value)>, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Vec<(String, Value)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map of parameters")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(pairs)
            }
        }
        from.deserialize_map(Pairs)
    }
}
