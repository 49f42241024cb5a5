//! Checked settings of a backtest, from all the places they can come from.

use super::raw::{RawBacktest, RawInstrument, load_parameters};
use crate::engine::{Costs, Settings};
use crate::model::money::plain;
use crate::model::{Instrument, Interval, Size, parse_iso};
use crate::script::suggest::nearest;
use crate::script::{Kind, ParameterError, Parameters, Value as ParameterValue, Written};
use rust_decimal::Decimal;
use serde_yaml::{Mapping, Value};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What is wrong with a configuration, where, and what to do.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct ConfigError {
    /// File, line and column, or the name of a flag.
    pub place: String,
    pub message: String,
}

impl ConfigError {
    pub(crate) fn new(place: impl Into<String>, message: impl Into<String>) -> Self {
        ConfigError { place: place.into(), message: message.into() }
    }

    pub(super) fn read(path: &Path, error: &std::io::Error) -> Self {
        let message = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::InvalidData => "it is not a text in UTF-8".to_owned(),
            _ if path.is_dir() => "it is a folder, not a YAML file".to_owned(),
            _ => error.to_string(),
        };
        ConfigError::new(path.display().to_string(), message)
    }

    pub(super) fn yaml(path: &Path, error: &serde_yaml::Error) -> Self {
        let text = error.to_string();
        let Some(location) = error.location() else {
            return ConfigError::new(path.display().to_string(), in_plain_words(&text));
        };
        let place = format!("{}:{}:{}", path.display(), location.line(), location.column());
        let message = text.split(" at line ").next().unwrap_or(&text);
        ConfigError::new(place, in_plain_words(&with_suggestion(message)))
    }

    pub(super) fn shape(path: &Path, message: &str) -> Self {
        ConfigError::new(path.display().to_string(), message)
    }
}

/// Adds to an unknown key the one that was probably meant.
fn with_suggestion(message: &str) -> String {
    let meant = || {
        let (before, keys) = message.split_once(", expected one of ")?;
        let (_, written) = before.split_once("unknown field ")?;
        let meant = nearest(written.trim_matches('`'), keys.split(", ").map(|key| key.trim_matches('`')))?;
        Some(format!("{before}: did you mean `{meant}`? The keys are {keys}"))
    };
    meant().unwrap_or_else(|| message.to_owned())
}

/// What the YAML reader says, in the words of someone who writes a file and not a program.
fn in_plain_words(message: &str) -> String {
    let words = [
        ("expected f64", "a number is needed"),
        ("expected i64", "a whole number is needed"),
        ("expected a boolean", "true or false is needed"),
        ("expected a string", "a text is needed"),
        ("expected struct RawBacktest", "a map is needed, a `name: value` line per setting"),
        ("expected struct RawRuntime", "a map is needed, a `name: value` line per setting"),
        ("expected struct RawNotifications", "a map is needed, a `name: value` line per setting"),
        ("expected a YAML mapping", "a map is needed, a `name: value` line each"),
        ("expected a sequence", "a list is needed, such as [a, b]"),
        ("expected struct RawInstrument", "a map is needed, such as { step_size: 0.001 }"),
        ("invalid type: string", "this is the text"),
        ("invalid type: floating point", "this is the number"),
        ("invalid type: integer", "this is the number"),
        ("invalid value: integer", "this is the number"),
        ("invalid type: boolean", "this is"),
        ("invalid type: sequence", "this is a list"),
        ("invalid type: map", "this is a map"),
        ("duplicate field", "there twice: the key"),
        ("duplicate entry with key", "there twice: the key"),
        (" as u128, expected any YAML value", ", which is too large"),
        (", while scanning for the next token", ""),
        ("found unexpected end of stream", "a text in quotes has no end"),
        ("unknown field", "there is no key"),
        (", expected one of", "; the keys are"),
        (
            "deserializing from YAML containing more than one document is not supported",
            "`---` begins a second document: one is needed",
        ),
        (
            "found character that cannot start any token",
            "this cannot start a value (if it is a tab: YAML is indented with spaces)",
        ),
    ];
    words.iter().fold(message.to_owned(), |text, (theirs, ours)| text.replace(theirs, ours))
}

/// Where a key stands in a YAML text, as `file:line:column`.
pub(super) fn place_of(path: &Path, text: &str, key: &str) -> String {
    place_in(path, text, &[key])
}

/// Where the last of `keys` stands, each looked for after the one before it.
pub(super) fn place_in(path: &Path, text: &str, keys: &[&str]) -> String {
    let mut found = None;
    let mut rest = text.lines().enumerate();
    for key in keys {
        let start = rest.clone();
        found = rest.find_map(|(line, content)| Some((line + 1, column_of(content, key)? + 1)));
        if let Some((line, _)) = found {
            // Another key may stand on the same line: `s: { a: [1] }`.
            rest = text.lines().enumerate();
            if line > 1 {
                rest.nth(line - 2);
            }
        } else {
            rest = start;
        }
    }
    match found {
        Some((line, column)) => format!("{}:{line}:{column}", path.display()),
        None => path.display().to_string(),
    }
}

/// Where in a line `key` stands as a key.
fn column_of(line: &str, key: &str) -> Option<usize> {
    line.match_indices(key).map(|(start, _)| start).find(|start| {
        let before = line[..*start].trim_start_matches([' ', '{', ',', '-', '\t']);
        let quoted = before.is_empty() || before.ends_with([' ', '{', ',', '"', '\'']);
        let after = line[start + key.len()..].trim_start_matches(['"', '\'', ' ']);
        quoted && after.starts_with(':')
    })
}

/// What the command line says; it wins over the files.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    pub data: Option<PathBuf>,
    pub detail: Option<PathBuf>,
    pub symbol: Option<String>,
    pub interval: Option<Interval>,
    /// UTC milliseconds.
    pub start: Option<i64>,
    pub end: Option<i64>,
    pub balance: Option<f64>,
    pub commission_bps: Option<f64>,
    pub slippage_bps: Option<f64>,
    pub size: Option<Size>,
    pub allow_short: bool,
    /// Drop rows of the candle files that are not sane.
    pub repair: bool,
    pub params: Option<PathBuf>,
    /// `name`, `value` of each `--set`.
    pub set: Vec<(String, String)>,
}

/// The settings of one backtest, checked. The seed called its counterpart BacktestRunConfig.
#[derive(Debug, Clone)]
pub struct BacktestRunConfig {
    pub data: Option<PathBuf>,
    pub detail: Option<PathBuf>,
    pub symbol: Option<String>,
    pub interval: Option<Interval>,
    pub start: Option<i64>,
    pub end: Option<i64>,
    pub repair: bool,
    pub settings: Settings,
    /// Values for parameters with the place they were written at, in the order in which they are laid over
    /// each other.
    written: Vec<(String, Written, String)>,
}

impl BacktestRunConfig {
    /// Defaults, then `config`, then the parameter file, then the command line.
    pub fn load(config: Option<&Path>, overrides: &Overrides) -> Result<BacktestRunConfig, ConfigError> {
        let (raw, text, path) = match config {
            Some(path) => {
                let (raw, text) = RawBacktest::load(path)?;
                (raw, text, path)
            }
            None => (RawBacktest::default(), String::new(), Path::new("")),
        };
        BacktestRunConfig::of(raw, path, &text, overrides)
    }

    /// The same from settings that have been read; `text` is what they were read from, to point into.
    pub fn of(
        raw: RawBacktest,
        path: &Path,
        text: &str,
        overrides: &Overrides,
    ) -> Result<BacktestRunConfig, ConfigError> {
        let at = |key: &str| place_of(path, text, key);
        let interval = raw.interval.as_deref().map(Interval::from_str).transpose();
        let interval = interval.map_err(|error| ConfigError::new(at("interval"), error.to_string()))?;
        let date = |key: &str, text: &Option<String>| {
            text.as_deref().map(parse_date).transpose().map_err(|message| ConfigError::new(at(key), message))
        };
        let (start, end) = (date("start", &raw.start)?, date("end", &raw.end)?);
        let size = raw.size.as_ref().map(size_from_yaml).transpose();
        let size = size.map_err(|message| ConfigError::new(at("size"), message))?;
        let instrument = raw.instrument.as_ref().map(|raw| instrument(raw, &at)).transpose()?;

        let number = |key: &str, flag: Option<f64>, raw: Option<f64>, takes: Takes| {
            let (value, place) = match (flag, raw) {
                (Some(value), _) => (Some(value), format!("--{}", key.replace('_', "-"))),
                (None, value) => (value, at(key)),
            };
            match value.filter(|value| !takes.contains(*value)) {
                Some(value) => {
                    Err(ConfigError::new(place, format!("`{key}` must be {takes}, {} given", short(value))))
                }
                None => Ok(value),
            }
        };
        let default = Settings::default();
        let settings = Settings {
            initial_balance: number("balance", overrides.balance, raw.balance, Takes::Balance)?
                .unwrap_or(default.initial_balance),
            costs: Costs {
                commission_bps: number(
                    "commission_bps",
                    overrides.commission_bps,
                    raw.commission_bps,
                    Takes::BasisPoints,
                )?
                .unwrap_or(default.costs.commission_bps),
                slippage_bps: number(
                    "slippage_bps",
                    overrides.slippage_bps,
                    raw.slippage_bps,
                    Takes::BasisPoints,
                )?
                .unwrap_or(default.costs.slippage_bps),
            },
            size: overrides.size.or(size).unwrap_or(default.size),
            allow_short: overrides.allow_short || raw.allow_short.unwrap_or(default.allow_short),
            instrument,
            ..default
        };
        let (start, end) = (overrides.start.or(start), overrides.end.or(end));
        if let (Some(start), Some(end)) = (start, end)
            && start >= end
        {
            let message = "`end` must be later than `start`; the end is exclusive";
            return Err(ConfigError::new(
                if overrides.end.is_some() { "--end".into() } else { at("end") },
                message,
            ));
        }

        let mut written = Vec::new();
        if let Some(params) = &raw.params {
            collect(params, path, text, &["params"], &mut written)?;
        }
        if let Some(path) = &overrides.params {
            let (map, text) = load_parameters(path)?;
            collect(&map, path, &text, &[], &mut written)?;
        }
        for (name, value) in &overrides.set {
            written.push((name.clone(), Written::Text(value.clone()), format!("--set {name}={value}")));
        }

        Ok(BacktestRunConfig {
            data: overrides.data.clone().or(raw.data),
            detail: overrides.detail.clone().or(raw.detail),
            symbol: overrides.symbol.clone().or(raw.symbol),
            interval: overrides.interval.or(interval),
            start,
            end,
            repair: overrides.repair,
            settings,
            written,
        })
    }

    /// Lays the written values over a script's defaults.
    pub fn apply(&self, parameters: &mut Parameters) -> Result<(), ConfigError> {
        for (name, written, place) in &self.written {
            lay(parameters, name, written, place)?;
        }
        Ok(())
    }
}

/// Takes a written value into `parameters`, or says where it stands, and what to do.
pub(super) fn lay(
    parameters: &mut Parameters,
    name: &str,
    written: &Written,
    place: &str,
) -> Result<(), ConfigError> {
    parameters.set(name, written).map_err(|error| {
        let remedy = match &error {
            ParameterError::Unknown { closest: None, .. } => {
                "; `mista check SCRIPT` lists the parameters".to_owned()
            }
            ParameterError::Unknown { .. } => String::new(),
            ParameterError::Value { kind, .. } => {
                meant(kind, written).map(|meant| format!("; did you mean {meant}?")).unwrap_or_default()
            }
        };
        ConfigError::new(place, format!("{error}{remedy}"))
    })
}

/// What was probably meant where a fraction is wanted: 2 or "2%" for 0.02, a loss below 0 for the same above it.
fn meant(kind: &Kind, written: &Written) -> Option<String> {
    let Kind::Fraction { below } = kind else { return None };
    let (text, is_percent) = match written {
        Written::Null => return None,
        Written::Text(text) | Written::Value(ParameterValue::Text(text)) => {
            let text = text.trim();
            text.strip_suffix('%').map_or((text.to_owned(), false), |text| (text.trim().to_owned(), true))
        }
        Written::Value(value) => (value.to_string(), false),
    };
    let exact = Decimal::from_str(&text).ok().filter(|exact| !exact.is_zero())?;
    let (size, below) = (exact.abs(), Decimal::try_from(*below).unwrap_or(Decimal::MAX));
    let is_percent = is_percent || size >= below;
    let value = if is_percent { size.checked_div(Decimal::ONE_HUNDRED)? } else { size };
    (value < below).then(|| plain(value))
}

/// The numbers a setting takes.
#[derive(Clone, Copy)]
enum Takes {
    Balance,
    BasisPoints,
}

impl Takes {
    const BALANCE_MAX: f64 = 1e15;
    const BPS_BELOW: f64 = 10_000.0;

    fn contains(self, value: f64) -> bool {
        match self {
            Takes::Balance => value > 0.0 && value <= Self::BALANCE_MAX,
            Takes::BasisPoints => (0.0..Self::BPS_BELOW).contains(&value),
        }
    }
}

impl std::fmt::Display for Takes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Takes::Balance => "a number above 0 and at most 1e15",
            Takes::BasisPoints => "a number from 0 to below 10000 (100 %)",
        })
    }
}

/// A number in as many digits as help.
fn short(value: f64) -> String {
    if value.abs() < 1e15 { value.to_string() } else { format!("{value:e}") }
}

/// Parameters as written, with where they stand: below the keys `within`.
pub(super) fn collect(
    map: &Mapping,
    path: &Path,
    text: &str,
    within: &[&str],
    written: &mut Vec<(String, Written, String)>,
) -> Result<(), ConfigError> {
    for (key, value) in map {
        let Value::String(name) = key else {
            let message = "every parameter's name must be a text";
            return Err(ConfigError::new(path.display().to_string(), message));
        };
        let place = place_in(path, text, &[within, &[name]].concat());
        let value = single(name, value).map_err(|message| ConfigError::new(&*place, message))?;
        written.push((name.clone(), value, place));
    }
    Ok(())
}

/// A parameter's value as written: one, or nothing.
pub(super) fn single(name: &str, value: &Value) -> Result<Written, String> {
    match value {
        Value::Null => Ok(Written::Null),
        Value::Bool(value) => Ok(Written::Value(ParameterValue::Bool(*value))),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Ok(Written::Value(ParameterValue::Int(value))),
            (None, Some(value)) => Ok(Written::Value(ParameterValue::Float(value))),
            _ => Err(format!("`{name}`: {number} is too large")),
        },
        Value::String(text) => Ok(Written::Value(ParameterValue::Text(text.clone()))),
        _ => Err(format!("`{name}` takes one value, not a list or a map")),
    }
}

fn instrument(raw: &RawInstrument, at: &dyn Fn(&str) -> String) -> Result<Instrument, ConfigError> {
    let decimal = |key: &str, value: &Option<Value>| match value {
        None | Some(Value::Null) => Ok(Decimal::ZERO),
        Some(value) => {
            let text = match value {
                Value::Number(number) => number.to_string(),
                Value::String(text) => text.clone(),
                _ => String::new(),
            };
            Decimal::from_str(&text)
                .or_else(|_| Decimal::from_scientific(&text))
                .ok()
                .filter(|value| !value.is_sign_negative())
                .ok_or_else(|| ConfigError::new(at(key), format!("`{key}` must be a number from 0 up")))
        }
    };
    Ok(Instrument {
        tick_size: decimal("tick_size", &raw.tick_size)?,
        step_size: decimal("step_size", &raw.step_size)?,
        min_qty: decimal("min_qty", &raw.min_qty)?,
        min_notional: decimal("min_notional", &raw.min_notional)?,
    })
}

fn size_from_yaml(value: &Value) -> Result<Size, String> {
    match value {
        Value::String(text) => parse_size(text),
        Value::Mapping(map) if map.len() == 1 => {
            let (key, value) = map.iter().next().unwrap_or((&Value::Null, &Value::Null));
            match (key.as_str(), value.as_f64()) {
                (Some(key), Some(value)) => parse_size(&format!("{key}={value}")),
                _ => Err(SIZE_HELP.to_owned()),
            }
        }
        _ => Err(SIZE_HELP.to_owned()),
    }
}

const SIZE_HELP: &str =
    "`size` is one of equity_pct=95, units=0.5, quote=1000 or risk_pct=1, with a number above 0";

/// Reads `equity_pct=95`, `units=0.5`, `quote=1000` or `risk_pct=1`.
pub fn parse_size(text: &str) -> Result<Size, String> {
    let help = || format!("{SIZE_HELP}; \"{text}\" given");
    let (kind, value) = text.split_once('=').ok_or_else(help)?;
    let value: f64 = value.trim().parse().map_err(|_| help())?;
    if !(value > 0.0 && value.is_finite()) {
        return Err(help());
    }
    match kind.trim() {
        "equity_pct" => Ok(Size::EquityPct(value)),
        "units" => Ok(Size::Units(value)),
        "quote" => Ok(Size::Quote(value)),
        "risk_pct" => Ok(Size::RiskPct(value)),
        _ => Err(help()),
    }
}

/// Reads an ISO date or time, UTC, as milliseconds.
pub fn parse_date(text: &str) -> Result<i64, String> {
    parse_iso(text)
        .ok_or_else(|| format!("\"{text}\" is not a date: write 2021-03-04 or 2021-03-04T05:00:00Z (UTC)"))
}
