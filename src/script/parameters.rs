//! Parameters: the ones a script declares, the base rules and risk limits every script gets, and their
//! values in force.

use crate::engine::{AtrFilter, Hours, Limits, Rules};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A parameter's value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Int(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value}"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Text(value) => f.write_str(value),
        }
    }
}

/// What a parameter takes.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A whole number in `[least, most]`.
    Int {
        least: i64,
        most: i64,
    },
    /// A number in `[least, most]`.
    Float {
        least: f64,
        most: f64,
    },
    /// A number at or above 0 and below `below`; 0 is off.
    Fraction {
        below: f64,
    },
    Flag,
    /// One of these.
    Choice(Vec<Value>),
    /// Hours of the day, `from-to`.
    Hours,
    /// Symbols separated by commas.
    Symbols,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Int { least, most: i64::MAX } => write!(f, "a whole number from {least} up"),
            Kind::Int { least, most } => write!(f, "a whole number from {least} to {most}"),
            Kind::Float { least, most } if most.is_infinite() => write!(f, "a number from {least} up"),
            Kind::Float { least, most } => write!(f, "a number from {least} to {most}"),
            Kind::Fraction { below } if below.is_infinite() => f.write_str("a number from 0 up (0 = off)"),
            Kind::Fraction { below } => write!(f, "a fraction from 0 to below {below} (0 = off, 0.02 = 2 %)"),
            Kind::Flag => f.write_str("true or false"),
            Kind::Choice(options) => {
                let options: Vec<String> = options.iter().map(|option| format!("{option}")).collect();
                write!(f, "one of {}", options.join(", "))
            }
            Kind::Hours => f.write_str("hours of the UTC day such as \"5-17\" or \"22-4\" (to may be 24)"),
            Kind::Symbols => f.write_str("symbols such as \"SOLUSDT,SUIUSDT\", or an empty text for all"),
        }
    }
}

/// Where a parameter comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Script,
    Base,
    Limit,
}

/// One parameter with its value in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    pub name: String,
    pub kind: Kind,
    /// What a base parameter takes, where the script narrows it.
    pub base: Option<Kind>,
    pub origin: Origin,
    pub default: Value,
    pub value: Value,
}

impl Parameter {
    /// Checks a value: by its own kind and, for a base parameter, by that one's; what switches a base
    /// parameter off always fits.
    fn check(&self, written: &Written) -> Option<Value> {
        let Some(base) = &self.base else { return self.kind.check(written) };
        match base.check(written)? {
            off @ (Value::Int(0) | Value::Bool(false)) => Some(off),
            Value::Float(0.0) => Some(Value::Float(0.0)),
            _ => self.kind.check(written),
        }
    }
}

/// A value as someone wrote it, before it is checked.
#[derive(Debug, Clone, PartialEq)]
pub enum Written {
    /// Nothing, `null`: off.
    Null,
    Value(Value),
    /// Text that may stand for any kind, as on a command line.
    Text(String),
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Written::Null => f.write_str("null"),
            Written::Value(Value::Text(text)) | Written::Text(text) => write!(f, "\"{text}\""),
            Written::Value(Value::Float(value)) => write!(f, "{value:?}"),
            Written::Value(value) => write!(f, "{value}"),
        }
    }
}

/// Why a value is refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ParameterError {
    #[error("unknown parameter `{name}`{}", suggestion(.closest))]
    Unknown { name: String, closest: Option<String> },
    #[error("`{name}` takes {kind}, {given} given")]
    Value { name: String, kind: Kind, given: String },
}

fn suggestion(closest: &Option<String>) -> String {
    closest.as_ref().map(|name| format!(": did you mean `{name}`?")).unwrap_or_default()
}

impl Kind {
    /// Checks a value. Whole numbers are taken where a number is wanted.
    pub fn check(&self, written: &Written) -> Option<Value> {
        let value = match written {
            Written::Null => return self.off(),
            Written::Value(value) => value.clone(),
            Written::Text(text) => self.parse(text.trim())?,
        };
        let number = match value {
            Value::Int(value) => value as f64,
            Value::Float(value) => value,
            _ => f64::NAN,
        };
        match self {
            Kind::Int { least, most } => match value {
                Value::Int(value) if (*least..=*most).contains(&value) => Some(Value::Int(value)),
                // 5.0 is a whole number to whoever wrote it.
                Value::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => {
                    self.check(&Written::Value(Value::Int(value as i64)))
                }
                _ => None,
            },
            Kind::Float { least, most } => {
                (number >= *least && number <= *most && number.is_finite()).then_some(Value::Float(number))
            }
            Kind::Fraction { below } => (number >= 0.0 && number < *below).then_some(Value::Float(number)),
            Kind::Flag => matches!(value, Value::Bool(_)).then_some(value),
            Kind::Choice(options) => options
                .iter()
                .find(|option| match (option, &value) {
                    (Value::Float(option), _) => *option == number,
                    (option, value) => *option == value,
                })
                .cloned(),
            Kind::Hours => match &value {
                Value::Text(text) => parse_hours(text).map(|_| value),
                _ => None,
            },
            Kind::Symbols => matches!(value, Value::Text(_)).then_some(value),
        }
    }

    /// The value that switches it off, if it can be.
    fn off(&self) -> Option<Value> {
        match self {
            Kind::Fraction { .. } => Some(Value::Float(0.0)),
            Kind::Int { least, .. } if *least <= 0 => Some(Value::Int(0)),
            Kind::Flag => Some(Value::Bool(false)),
            Kind::Symbols => Some(Value::Text(String::new())),
            _ => None,
        }
    }

    fn parse(&self, text: &str) -> Option<Value> {
        // What a choice or a text may say is not what it says to a number.
        let literal = matches!(self, Kind::Choice(_));
        if !literal && matches!(text, "null" | "~" | "off") {
            return self.off();
        }
        match self {
            Kind::Int { .. } => text.parse().ok().map(Value::Int),
            Kind::Float { .. } | Kind::Fraction { .. } => text.parse().ok().map(Value::Float),
            Kind::Flag => text.parse().ok().map(Value::Bool),
            Kind::Hours | Kind::Symbols => Some(Value::Text(text.to_owned())),
            Kind::Choice(options) => {
                let number: Option<f64> = text.parse().ok();
                let fits = |option: &&Value| match option {
                    Value::Float(option) => Some(*option) == number,
                    option => option.to_string() == text,
                };
                options.iter().find(fits).cloned()
            }
        }
    }
}

/// Reads `from-to`: from 0 to 23, to 1 to 24 (or 0), not equal.
pub fn parse_hours(text: &str) -> Option<Hours> {
    let (from, to) = text.split_once('-')?;
    let (from, to): (u8, u8) = (from.trim().parse().ok()?, to.trim().parse().ok()?);
    (from < 24 && to <= 24 && from != to).then_some(Hours { from, to })
}

const STOP: Kind = Kind::Fraction { below: 1.0 };
const AMOUNT: Kind = Kind::Fraction { below: f64::INFINITY };
const COUNT: Kind = Kind::Int { least: 0, most: i64::MAX };
const PERIOD_MAX: i64 = crate::indicators::PERIOD_MAX as i64;

/// The base rules and the risk limits with their defaults, as engine.md lists them.
pub fn base_parameters() -> Vec<Parameter> {
    let base = |name: &str, kind: Kind, default: Value| Parameter {
        name: name.to_owned(),
        kind,
        base: None,
        origin: Origin::Base,
        default: default.clone(),
        value: default,
    };
    let limit = |name, kind, default| Parameter { origin: Origin::Limit, ..base(name, kind, default) };
    let text = |text: &str| Value::Text(text.to_owned());
    vec![
        base("stop_loss_pct", STOP, Value::Float(0.0)),
        base("take_profit_pct", AMOUNT, Value::Float(0.0)),
        base("trailing_stop_loss_pct", STOP, Value::Float(0.0)),
        base("apply_atr_filter", Kind::Flag, Value::Bool(false)),
        base("atr_filter_period", Kind::Int { least: 1, most: PERIOD_MAX }, Value::Int(14)),
        base("atr_filter_multiplier", AMOUNT, Value::Float(1.5)),
        base("atr_filter_sma_period", Kind::Int { least: 0, most: PERIOD_MAX }, Value::Int(100)),
        base("apply_seasonality_filter", Kind::Flag, Value::Bool(false)),
        base("allowed_trading_hours_utc", Kind::Hours, text("5-17")),
        base("apply_seasonality_to_symbols", Kind::Symbols, text("")),
        base("cooldown_candles", COUNT, Value::Int(0)),
        base("max_holding_candles", COUNT, Value::Int(0)),
        limit("max_cumulative_loss", AMOUNT, Value::Float(0.0)),
        limit("max_daily_loss", AMOUNT, Value::Float(0.0)),
        limit("max_drawdown_limit", STOP, Value::Float(0.0)),
        limit("max_consecutive_losses", COUNT, Value::Int(0)),
    ]
}

/// Whether a base parameter of this name is a limit.
pub fn is_limit(name: &str) -> bool {
    base_parameters().iter().any(|base| base.origin == Origin::Limit && base.name == name)
}

/// All parameters of one script with the values in force: its own first, in the order it declares them.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameters {
    entries: Vec<Parameter>,
}

impl Parameters {
    /// `own`: what the script declares. A declaration under a base name replaces that one's default (and
    /// range).
    pub fn new(own: Vec<Parameter>) -> Self {
        let base = base_parameters().into_iter().filter(|base| own.iter().all(|own| own.name != base.name));
        let entries = own.iter().cloned().chain(base).collect();
        Parameters { entries }
    }

    pub fn entries(&self) -> &[Parameter] {
        &self.entries
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| &entry.value)
    }

    /// The names and values one has to write down to have them again: the script's own, and of the base
    /// parameters and limits those that are not at their defaults.
    pub fn written(&self) -> impl Iterator<Item = &Parameter> {
        self.entries.iter().filter(|entry| {
            entry.origin == Origin::Script || entry.base.is_some() || entry.value != entry.default
        })
    }

    /// Checks and takes a value.
    pub fn set(&mut self, name: &str, written: &Written) -> Result<(), ParameterError> {
        let Some(entry) = self.entries.iter_mut().find(|entry| entry.name == name) else {
            let names = self.entries.iter().map(|entry| entry.name.as_str());
            return Err(ParameterError::Unknown {
                name: name.to_owned(),
                closest: crate::script::suggest::nearest(name, names).map(str::to_owned),
            });
        };
        entry.value = entry.check(written).ok_or_else(|| ParameterError::Value {
            name: name.to_owned(),
            kind: match &entry.base {
                Some(base) if base.check(written).is_none() => base.clone(),
                _ => entry.kind.clone(),
            },
            given: written.to_string(),
        })?;
        Ok(())
    }

    fn number(&self, name: &str) -> f64 {
        match self.get(name) {
            Some(Value::Float(value)) => *value,
            Some(Value::Int(value)) => *value as f64,
            _ => 0.0,
        }
    }

    /// A number, or `None` where it is 0: off.
    fn optional(&self, name: &str) -> Option<f64> {
        Some(self.number(name)).filter(|value| *value != 0.0)
    }

    fn count(&self, name: &str) -> u32 {
        match self.get(name) {
            Some(Value::Int(value)) => u32::try_from(*value).unwrap_or(u32::MAX),
            _ => 0,
        }
    }

    fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Value::Text(text)) => text,
            _ => "",
        }
    }

    fn flag(&self, name: &str) -> bool {
        self.get(name) == Some(&Value::Bool(true))
    }

    /// The base rules in force for `symbol`.
    pub fn rules(&self, symbol: &str) -> Rules {
        let symbols = self.text("apply_seasonality_to_symbols").split(',').map(str::trim);
        let mut symbols = symbols.filter(|listed| !listed.is_empty()).peekable();
        let listed = symbols.peek().is_none() || symbols.any(|listed| listed.eq_ignore_ascii_case(symbol));
        Rules {
            stop_loss_pct: self.optional("stop_loss_pct"),
            take_profit_pct: self.optional("take_profit_pct"),
            trailing_stop_loss_pct: self.optional("trailing_stop_loss_pct"),
            atr_filter: self.flag("apply_atr_filter").then(|| AtrFilter {
                period: self.count("atr_filter_period") as usize,
                multiplier: self.number("atr_filter_multiplier"),
                sma_period: self.count("atr_filter_sma_period") as usize,
            }),
            seasonality: (self.flag("apply_seasonality_filter") && listed)
                .then(|| parse_hours(self.text("allowed_trading_hours_utc")))
                .flatten(),
            cooldown_candles: self.count("cooldown_candles"),
            max_holding_candles: self.count("max_holding_candles"),
        }
    }

    /// The risk limits in force.
    pub fn limits(&self) -> Limits {
        Limits {
            max_cumulative_loss: self.optional("max_cumulative_loss"),
            max_daily_loss: self.optional("max_daily_loss"),
            max_drawdown_limit: self.optional("max_drawdown_limit"),
            max_consecutive_losses: Some(self.count("max_consecutive_losses")).filter(|limit| *limit > 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_and_nonsense_is_not() {
        assert_eq!(parse_hours("5-17"), Some(Hours { from: 5, to: 17 }));
        assert_eq!(parse_hours(" 22 - 4"), Some(Hours { from: 22, to: 4 }));
        assert_eq!(parse_hours("0-24"), Some(Hours { from: 0, to: 24 }));
        for text in ["", "5", "5-5", "24-5", "5-25", "-1-5", "a-b", "5-17-20"] {
            assert_eq!(parse_hours(text), None, "{text}");
        }
    }

    #[test]
    fn null_zero_and_off_switch_a_rule_off() {
        let mut parameters = Parameters::new(Vec::new());
        for written in [Written::Null, Written::Value(Value::Int(0)), Written::Text("off".into())] {
            parameters.set("stop_loss_pct", &Written::Value(Value::Float(0.02))).unwrap();
            assert_eq!(parameters.rules("X").stop_loss_pct, Some(0.02));
            parameters.set("stop_loss_pct", &written).unwrap();
            assert_eq!(parameters.rules("X").stop_loss_pct, None);
        }
    }

    #[test]
    fn bad_values_are_refused_with_what_would_fit() {
        let mut parameters = Parameters::new(Vec::new());
        let mut message = |name: &str, text: &str| {
            parameters.set(name, &Written::Text(text.into())).map_err(|error| error.to_string())
        };
        assert_eq!(
            message("stop_loss_pct", "1.0"),
            Err("`stop_loss_pct` takes a fraction from 0 to below 1 (0 = off, 0.02 = 2 %), \"1.0\" given"
                .into())
        );
        assert_eq!(
            message("stop_los_pct", "0.1"),
            Err("unknown parameter `stop_los_pct`: did you mean `stop_loss_pct`?".into())
        );
        assert!(message("take_profit_pct", "1.5").is_ok());
        assert!(message("cooldown_candles", "-1").is_err());
        assert!(message("max_daily_loss", "NaN").is_err());
        assert!(message("max_daily_loss", "inf").is_err());
        assert!(message("allowed_trading_hours_utc", "5-5").is_err());
    }

    #[test]
    fn the_seasonality_filter_spares_symbols_that_are_not_listed() {
        let mut parameters = Parameters::new(Vec::new());
        parameters.set("apply_seasonality_filter", &Written::Text("true".into())).unwrap();
        assert!(parameters.rules("BTCUSDT").seasonality.is_some());
        parameters.set("apply_seasonality_to_symbols", &Written::Text("SOLUSDT, SUIUSDT".into())).unwrap();
        assert!(parameters.rules("BTCUSDT").seasonality.is_none());
        assert!(parameters.rules("SUIUSDT").seasonality.is_some());
    }
}
