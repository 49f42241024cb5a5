//! The indicators that scripts see: name, parameters, fields, and how to build one.

use super::{OnSource, Sma, Spec, Stream};

/// What an indicator takes in one place of its argument list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Parameter {
    /// A series.
    Source,
    /// A number of candles, from `least` to [`super::PERIOD_MAX`].
    Period { name: &'static str, least: usize },
    /// A number from `least` to `most`.
    Real { name: &'static str, least: f64, most: f64 },
}

impl Parameter {
    pub fn name(&self) -> &'static str {
        match self {
            Parameter::Source => "src",
            Parameter::Period { name, .. } | Parameter::Real { name, .. } => name,
        }
    }
}

/// One indicator as scripts see it.
pub struct Definition {
    pub name: &'static str,
    /// One line: what it is, with the formula where it is short.
    pub summary: &'static str,
    pub parameters: &'static [Parameter],
    /// Names of the output fields; a single one is called `value` and may be left out by scripts.
    pub fields: &'static [&'static str],
    pub build: fn(&Spec) -> Box<dyn Stream>,
}

impl Definition {
    /// `sma(src, n)`.
    pub fn signature(&self) -> String {
        let names: Vec<&str> = self.parameters.iter().map(Parameter::name).collect();
        format!("{}({})", self.name, names.join(", "))
    }
}

/// Finds an indicator by name.
pub fn definition(name: &str) -> Option<&'static Definition> {
    REGISTRY.iter().find(|definition| definition.name == name)
}

const fn period(name: &'static str, least: usize) -> Parameter {
    Parameter::Period { name, least }
}

/// Every indicator, in the order in which `mista api` lists them.
pub static REGISTRY: &[Definition] = &[Definition {
    name: "sma",
    summary: "simple moving average: mean of the last n values",
    parameters: &[Parameter::Source, period("n", 1)],
    fields: &["value"],
    build: |spec| Box::new(OnSource(Sma::new(spec.periods()[0]))),
}];
