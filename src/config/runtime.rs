//! `config/runtime_config.yaml`: what may be changed while a trader runs.

use super::raw::{is_blank, read};
use super::settings::{ConfigError, collect, lay, place_of, single};
use crate::script::suggest::nearest;
use crate::script::{ParameterError, Parameters, Script, Value as ParameterValue, Written, similar_script};
use serde::{Deserialize, Serialize};
use serde_yaml::{Mapping, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The file exactly as written. Every key may be left out; null is the same as left out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRuntime {
    paused: Option<bool>,
    strategy: Option<String>,
    params: Option<Mapping>,
    stop_loss_pct: Option<Value>,
    take_profit_pct: Option<Value>,
    trailing_stop_loss_pct: Option<Value>,
    max_cumulative_loss: Option<Value>,
    max_daily_loss: Option<Value>,
    max_drawdown_limit: Option<Value>,
    max_consecutive_losses: Option<Value>,
    max_order_notional: Option<f64>,
    log_level: Option<String>,
    apply: Option<String>,
}

impl RawRuntime {
    fn read(path: &Path, text: &str) -> Result<RawRuntime, ConfigError> {
        match is_blank(text) {
            true => Ok(RawRuntime::default()),
            false => serde_yaml::from_str(text).map_err(|error| ConfigError::yaml(path, &error)),
        }
    }
}

/// Whether a file can be a runtime config, whatever script is in force.
pub fn check_runtime(path: &Path) -> Result<(), ConfigError> {
    RawRuntime::read(path, &read(path)?).map(|_| ())
}

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

impl LogLevel {
    const ALL: [(&'static str, LogLevel); 4] = [
        ("error", LogLevel::Error),
        ("warn", LogLevel::Warn),
        ("info", LogLevel::Info),
        ("debug", LogLevel::Debug),
    ];

    pub fn name(self) -> &'static str {
        name_in(&LogLevel::ALL, self)
    }
}

/// When a change of the strategy, its parameters or its protective distances takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Apply {
    /// When no position is open.
    #[default]
    WhenFlat,
    /// At the next candle, with a position or without.
    Now,
}

impl Apply {
    const ALL: [(&'static str, Apply); 2] = [("when_flat", Apply::WhenFlat), ("now", Apply::Now)];

    pub fn name(self) -> &'static str {
        name_in(&Apply::ALL, self)
    }
}

fn name_in<T: Copy + PartialEq>(all: &[(&'static str, T)], value: T) -> &'static str {
    all.iter().find(|(_, other)| *other == value).map_or("", |(name, _)| name)
}

/// The file, checked: what it lays over the settings that the trader was started with. `None` is as started, 0
/// of a distance or a limit is off.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuntimeConfig {
    /// No entries; exits and protection go on.
    pub paused: bool,
    /// A script to trade instead of the one that the trader was started with.
    pub strategy: Option<PathBuf>,
    /// Values of the script's parameters, base parameters and limits.
    pub params: BTreeMap<String, ParameterValue>,
    /// Fractions of the entry price; they win over `params`.
    pub stop_loss_pct: Option<f64>,
    pub take_profit_pct: Option<f64>,
    pub trailing_stop_loss_pct: Option<f64>,
    /// Limits as the engine takes them; they win over `params`. Quote currency.
    pub max_cumulative_loss: Option<f64>,
    pub max_daily_loss: Option<f64>,
    /// A fraction.
    pub max_drawdown_limit: Option<f64>,
    pub max_consecutive_losses: Option<u32>,
    /// Largest entry, quote currency; above 0.
    pub max_order_notional: Option<f64>,
    pub log_level: Option<LogLevel>,
    pub apply: Apply,
}

/// The script that a runtime config is laid over: the one in force.
#[derive(Debug, Clone, Copy)]
pub struct InForce<'a> {
    pub path: &'a Path,
    /// What it was started with, before any runtime config.
    pub parameters: &'a Parameters,
}

impl RuntimeConfig {
    /// Reads and checks the file's whole `text`. A `strategy` that it names is loaded and its parameters are what
    /// `params` is checked against; the path is relative to the folder that the trader was started in.
    pub fn read(path: &Path, text: &str, in_force: InForce<'_>) -> Result<RuntimeConfig, ConfigError> {
        let raw = RawRuntime::read(path, text)?;
        let at = |key: &str| place_of_top(path, text, key);
        let strategy = raw.strategy.as_deref().map(Path::new);
        let refused = |message: String| ConfigError::new(at("strategy"), message);
        let mut other = match strategy.filter(|script| !is_same(script, in_force.path)) {
            Some(script) => Some(load(script, in_force.path).map_err(refused)?),
            None => None,
        };
        let mut parameters = other.as_ref().map_or_else(|| in_force.parameters.clone(), Script::parameters);
        let mut written = Vec::new();
        if let Some(params) = &raw.params {
            collect(params, path, text, &["params"], &mut written)?;
        }
        let mut params = BTreeMap::new();
        for (name, value, place) in &written {
            lay(&mut parameters, name, value, place)?;
            if let Some(value) = parameters.get(name) {
                params.insert(name.clone(), value.clone());
            }
        }
        // Laid over the parameters, and kept only where they are written.
        let mut top = |name: &str, value: &Option<Value>| match value {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let place = at(name);
                let value = single(name, value).map_err(|message| ConfigError::new(&*place, message))?;
                lay(&mut parameters, name, &value, &place)?;
                Ok(parameters.get(name).and_then(number))
            }
        };
        let config = RuntimeConfig {
            paused: raw.paused.unwrap_or(false),
            strategy: strategy.map(Path::to_owned),
            params,
            stop_loss_pct: top("stop_loss_pct", &raw.stop_loss_pct)?,
            take_profit_pct: top("take_profit_pct", &raw.take_profit_pct)?,
            trailing_stop_loss_pct: top("trailing_stop_loss_pct", &raw.trailing_stop_loss_pct)?,
            max_cumulative_loss: top("max_cumulative_loss", &raw.max_cumulative_loss)?,
            max_daily_loss: top("max_daily_loss", &raw.max_daily_loss)?,
            max_drawdown_limit: top("max_drawdown_limit", &raw.max_drawdown_limit)?,
            max_consecutive_losses: top("max_consecutive_losses", &raw.max_consecutive_losses)?
                .map(|count| count as u32),
            max_order_notional: notional(raw.max_order_notional)
                .map_err(|message| ConfigError::new(at("max_order_notional"), message))?,
            log_level: choice("log_level", raw.log_level.as_deref(), &LogLevel::ALL)
                .map_err(|message| ConfigError::new(at("log_level"), message))?,
            apply: choice("apply", raw.apply.as_deref(), &Apply::ALL)
                .map_err(|message| ConfigError::new(at("apply"), message))?
                .unwrap_or_default(),
        };
        // Its `init` may refuse what each parameter by itself may be.
        if let Some(script) = &mut other {
            script
                .prepare(&parameters)
                .map_err(|error| refused(format!("`strategy`: {}", error.in_line())))?;
        }
        Ok(config)
    }

    /// Lays params, distances and limits over `parameters`, those of the script that is to run.
    pub fn apply(&self, parameters: &mut Parameters) -> Result<(), ParameterError> {
        for (name, value) in self.values() {
            parameters.set(name, &Written::Value(value))?;
        }
        Ok(())
    }

    /// Every parameter that is written, once, with the value that rules.
    pub(crate) fn values(&self) -> BTreeMap<&str, ParameterValue> {
        let mut values: BTreeMap<&str, ParameterValue> =
            self.params.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let floats = [
            ("stop_loss_pct", self.stop_loss_pct),
            ("take_profit_pct", self.take_profit_pct),
            ("trailing_stop_loss_pct", self.trailing_stop_loss_pct),
            ("max_cumulative_loss", self.max_cumulative_loss),
            ("max_daily_loss", self.max_daily_loss),
            ("max_drawdown_limit", self.max_drawdown_limit),
        ];
        values.extend(
            floats.into_iter().filter_map(|(name, value)| Some((name, ParameterValue::Float(value?)))),
        );
        let count = self.max_consecutive_losses.map(|count| ParameterValue::Int(i64::from(count)));
        values.extend(count.map(|count| ("max_consecutive_losses", count)));
        values
    }
}

/// Whether two paths lead to one file.
fn is_same(a: &Path, b: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    a == b || whole(a).is_some_and(|a| whole(b) == Some(a))
}

fn load(path: &Path, in_force: &Path) -> Result<Script, String> {
    if path.is_file() {
        return Script::load(path).map_err(|error| format!("`strategy`: {}", error.in_line()));
    }
    let shown = path.display();
    if path.as_os_str().is_empty() {
        return Err("`strategy` is empty: name a script, or leave the line out".to_owned());
    }
    if path.is_dir() {
        return Err(format!("`strategy`: {shown} is a folder: name a script in it"));
    }
    let similar = similar_script(path, in_force.parent().unwrap_or(Path::new("")));
    let similar = similar.map(|similar| format!(": did you mean {}?", similar.display()));
    Err(format!("`strategy`: there is no script {shown}{}", similar.unwrap_or_default()))
}

fn number(value: &ParameterValue) -> Option<f64> {
    match value {
        ParameterValue::Int(value) => Some(*value as f64),
        ParameterValue::Float(value) => Some(*value),
        ParameterValue::Bool(_) | ParameterValue::Text(_) => None,
    }
}

fn notional(value: Option<f64>) -> Result<Option<f64>, String> {
    match value.filter(|value| !(*value > 0.0 && value.is_finite())) {
        Some(value) => Err(format!(
            "`max_order_notional` must be a number above 0, {value} given; null is no limit, and `paused: true` \
             stops entries"
        )),
        None => Ok(value),
    }
}

fn choice<T: Copy>(key: &str, text: Option<&str>, all: &[(&str, T)]) -> Result<Option<T>, String> {
    let Some(text) = text else { return Ok(None) };
    let found = all.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| Some(*value)).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        let similar = nearest(text, names.iter().copied()).map(|name| format!(": did you mean {name}?"));
        format!("`{key}` is one of {}, \"{text}\" given{}", names.join(", "), similar.unwrap_or_default())
    })
}

/// Where a key of the outermost map stands: `params` may have one of the same name.
fn place_of_top(path: &Path, text: &str, key: &str) -> String {
    let is_key = |line: &str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'));
    match text.lines().position(is_key) {
        Some(line) => format!("{}:{}:1", path.display(), line + 1),
        None => place_of(path, text, key),
    }
}
