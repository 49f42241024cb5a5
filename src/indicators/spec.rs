//! A request for an indicator: which one, of what, with which parameters. Equal requests are one column.

use super::{Definition, PERIOD_MAX, Parameter, Stream};
use crate::model::Price;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What an indicator reads: a price of the candle, or one field of another indicator.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    Price(Price),
    Output { spec: Arc<Spec>, field: usize },
}

/// One argument of an indicator, checked against its [`Parameter`].
#[derive(Debug, Clone)]
pub enum Argument {
    Source(Source),
    /// A number of candles.
    Period(usize),
    Real(f64),
}

impl PartialEq for Argument {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Argument::Source(a), Argument::Source(b)) => a == b,
            (Argument::Period(a), Argument::Period(b)) => a == b,
            (Argument::Real(a), Argument::Real(b)) => a.to_bits() == b.to_bits(),
            _ => false,
        }
    }
}

impl Eq for Argument {}

impl Hash for Argument {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Argument::Source(source) => source.hash(state),
            Argument::Period(period) => period.hash(state),
            Argument::Real(value) => value.to_bits().hash(state),
        }
    }
}

/// An indicator with its arguments.
#[derive(Clone)]
pub struct Spec {
    pub definition: &'static Definition,
    pub arguments: Vec<Argument>,
}

/// Why arguments do not fit an indicator. `index` counts arguments from 0.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ArgumentError {
    #[error("`{signature}` takes {expected} arguments, {given} given")]
    Count { signature: String, expected: usize, given: usize },
    #[error(
        "`{parameter}` of `{signature}` must be a series such as `close` or another indicator, {given} given"
    )]
    NotASource { signature: String, parameter: &'static str, index: usize, given: String },
    #[error(
        "`{parameter}` of `{signature}` must be a whole number of candles from {least} to {PERIOD_MAX}, {given} given"
    )]
    Period { signature: String, parameter: &'static str, index: usize, least: usize, given: String },
    #[error("`{parameter}` of `{signature}` must be a number from {least} to {most}, {given} given")]
    Real { signature: String, parameter: &'static str, index: usize, least: f64, most: f64, given: String },
}

/// An argument as a caller has it, before it is checked.
#[derive(Debug, Clone)]
pub enum Given {
    Source(Source),
    Integer(i64),
    Real(f64),
    /// Anything else, described for the error message.
    Other(String),
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Given::Source(source) => write!(f, "the series `{source}`"),
            Given::Integer(value) => write!(f, "{value}"),
            Given::Real(value) => write!(f, "{value:?}"),
            Given::Other(text) => f.write_str(text),
        }
    }
}

impl Spec {
    /// Checks arguments against what the indicator takes.
    pub fn new(definition: &'static Definition, given: Vec<Given>) -> Result<Spec, ArgumentError> {
        let expected = definition.parameters.len();
        if given.len() != expected {
            return Err(ArgumentError::Count {
                signature: definition.signature(),
                expected,
                given: given.len(),
            });
        }
        let arguments = definition
            .parameters
            .iter()
            .zip(given)
            .enumerate()
            .map(|(index, (parameter, given))| check(definition, index, parameter, given))
            .collect::<Result<_, _>>()?;
        Ok(Spec { definition, arguments })
    }

    /// The sources among the arguments, in order.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.arguments.iter().filter_map(|argument| match argument {
            Argument::Source(source) => Some(source),
            _ => None,
        })
    }

    /// The arguments that are periods, in order.
    pub fn periods(&self) -> Vec<usize> {
        self.arguments
            .iter()
            .filter_map(|argument| if let Argument::Period(n) = argument { Some(*n) } else { None })
            .collect()
    }

    /// The arguments that are real numbers, in order.
    pub fn reals(&self) -> Vec<f64> {
        self.arguments
            .iter()
            .filter_map(|argument| if let Argument::Real(x) = argument { Some(*x) } else { None })
            .collect()
    }

    /// A fresh, cold instance.
    pub fn build(&self) -> Box<dyn Stream> {
        (self.definition.build)(self)
    }
}

fn check(
    definition: &'static Definition,
    index: usize,
    parameter: &Parameter,
    given: Given,
) -> Result<Argument, ArgumentError> {
    let signature = || definition.signature();
    match (*parameter, given) {
        (Parameter::Source, Given::Source(source)) => Ok(Argument::Source(source)),
        (Parameter::Source, given) => Err(ArgumentError::NotASource {
            signature: signature(),
            parameter: definition.parameter_name(index),
            index,
            given: given.to_string(),
        }),
        (Parameter::Period { name, least }, given) => match given {
            Given::Integer(n) if n >= least as i64 && n <= PERIOD_MAX as i64 => {
                Ok(Argument::Period(n as usize))
            }
            given => Err(ArgumentError::Period {
                signature: signature(),
                parameter: name,
                index,
                least,
                given: given.to_string(),
            }),
        },
        (Parameter::Real { name, least, most }, given) => match given {
            Given::Real(x) if x >= least && x <= most => Ok(Argument::Real(x)),
            Given::Integer(n) if n as f64 >= least && n as f64 <= most => Ok(Argument::Real(n as f64)),
            given => Err(ArgumentError::Real {
                signature: signature(),
                parameter: name,
                index,
                least,
                most,
                given: given.to_string(),
            }),
        },
    }
}

impl PartialEq for Spec {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.definition, other.definition) && self.arguments == other.arguments
    }
}

impl Eq for Spec {}

impl Hash for Spec {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.name.hash(state);
        self.arguments.hash(state);
    }
}

impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The expression that asks for it: `sma(close, 20)`.
impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.definition.name)?;
        for (index, argument) in self.arguments.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            match argument {
                Argument::Source(source) => write!(f, "{source}")?,
                Argument::Period(period) => write!(f, "{period}")?,
                Argument::Real(value) => write!(f, "{value}")?,
            }
        }
        f.write_str(")")
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Price(price) => f.write_str(price.name()),
            Source::Output { spec, .. } if spec.definition.fields.len() == 1 => write!(f, "{spec}"),
            Source::Output { spec, field } => write!(f, "{spec}.{}", spec.definition.fields[*field]),
        }
    }
}
