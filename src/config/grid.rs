//! `config/optimize_params.yaml`: for each strategy, the values to try of each parameter.

use super::raw::read;
use super::settings::{ConfigError, place_in};
use crate::script::Value as ParameterValue;
use crate::script::suggest::nearest;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_yaml::{Mapping, Value};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Values of one parameter at most.
pub const VALUES_MOST: usize = 100_000;

/// The file, as read.
#[derive(Debug, Clone)]
pub struct GridFile {
    path: PathBuf,
    text: String,
    strategies: Mapping,
}

/// What to try for one strategy, as written.
#[derive(Debug, Clone, PartialEq)]
pub struct RawGrid {
    pub axes: Vec<RawAxis>,
    pub constraints: Vec<String>,
    /// Where the constraints stand.
    pub constraints_place: String,
    /// Where the strategy stands.
    pub place: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RawAxis {
    pub name: String,
    /// `None` is null.
    pub values: Vec<Option<ParameterValue>>,
    pub place: String,
}

impl GridFile {
    pub fn load(path: &Path) -> Result<GridFile, ConfigError> {
        let text = read(path).map_err(|mut error| {
            if !path.exists() {
                error.message +=
                    ": name one with --grid, a map of strategies, each with a `parameter: [values]` line each";
            }
            error
        })?;
        let value: Value = serde_yaml::from_str(&text).map_err(|error| ConfigError::yaml(path, &error))?;
        let strategies = match value {
            Value::Mapping(map) => map,
            Value::Null => Mapping::new(),
            _ => {
                return Err(ConfigError::shape(
                    path,
                    "the file must be a map of strategies, each with a map of parameters and their values",
                ));
            }
        };
        Ok(GridFile { path: path.to_owned(), text, strategies })
    }

    /// The strategies that have a grid, in the order of the file.
    pub fn strategies(&self) -> impl Iterator<Item = &str> {
        self.strategies.keys().filter_map(Value::as_str)
    }

    /// The grid of a strategy.
    pub fn grid(&self, strategy: &str) -> Result<RawGrid, ConfigError> {
        let Some(section) = self.strategies.get(strategy) else {
            let there = match nearest(strategy, self.strategies()) {
                Some(name) => format!("; did you mean `{name}`?"),
                None => format!(
                    "; add one, with the values to try of each parameter (`mista check` lists them):\n{strategy}:\n  NAME: [10, 20, 40]"
                ),
            };
            return Err(ConfigError::shape(&self.path, &format!("there is no grid for `{strategy}`{there}")));
        };
        let place = self.place(&[strategy]);
        let Value::Mapping(section) = section else {
            let message = format!("`{strategy}` must be a map, a `parameter: [values]` line each");
            return Err(ConfigError::new(place, message));
        };
        let mut axes = Vec::new();
        let mut constraints = Vec::new();
        for (key, value) in section {
            let Some(name) = key.as_str() else {
                return Err(ConfigError::new(place, "every parameter's name must be a text"));
            };
            let place = self.place(&[strategy, name]);
            if name == "constraints" {
                constraints = texts(value).ok_or_else(|| {
                    let message = "`constraints` must be a list of texts: [\"fast_period < slow_period\"]";
                    ConfigError::new(place, message)
                })?;
                continue;
            }
            let values =
                values(value).map_err(|message| ConfigError::new(&*place, format!("`{name}`: {message}")))?;
            axes.push(RawAxis { name: name.to_owned(), values, place });
        }
        if axes.is_empty() {
            let message = format!(
                "the grid of `{strategy}` is empty: list values of its parameters, NAME: [10, 20, 40]"
            );
            return Err(ConfigError::new(place, message));
        }
        let constraints_place = self.place(&[strategy, "constraints"]);
        Ok(RawGrid { axes, constraints, constraints_place, place })
    }

    fn place(&self, keys: &[&str]) -> String {
        place_in(&self.path, &self.text, keys)
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Null => Some(Vec::new()),
        Value::Sequence(list) => list.iter().map(|text| text.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
}

fn values(value: &Value) -> Result<Vec<Option<ParameterValue>>, String> {
    match value {
        Value::Sequence(list) if list.is_empty() => {
            Err("the list is empty: name at least one value".to_owned())
        }
        Value::Sequence(list) => list.iter().map(single).collect(),
        Value::Mapping(map) => range(map),
        value => Ok(vec![single(value)?]),
    }
}

fn single(value: &Value) -> Result<Option<ParameterValue>, String> {
    match value {
        Value::Null => Ok(None),
        Value::Bool(value) => Ok(Some(ParameterValue::Bool(*value))),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(value), _) => Ok(Some(ParameterValue::Int(value))),
            (None, Some(value)) if value.is_finite() => Ok(Some(ParameterValue::Float(value))),
            _ => Err(format!("{number} is no number to try")),
        },
        Value::String(text) => Ok(Some(ParameterValue::Text(text.clone()))),
        _ => Err("a list takes single values, not lists or maps".to_owned()),
    }
}

const RANGE: &str = "a range is { from: 30, to: 120, step: 10 }";

/// `{ from, to, step }`, stepped in decimal so that `to` is met where a step lands on it.
fn range(map: &Mapping) -> Result<Vec<Option<ParameterValue>>, String> {
    if let Some(key) = map.keys().find(|key| !matches!(key.as_str(), Some("from" | "to" | "step"))) {
        let key = key.as_str().unwrap_or("?");
        return Err(format!("there is no key `{key}` in a range; {RANGE}"));
    }
    let number = |key: &str| match map.get(key) {
        Some(Value::Number(number)) => {
            let text = number.to_string();
            let exact = Decimal::from_str(&text).or_else(|_| Decimal::from_scientific(&text));
            exact.map(|exact| (exact, number.is_f64())).map_err(|_| format!("`{key}` {text} is out of reach"))
        }
        Some(_) => Err(format!("`{key}` must be a number; {RANGE}")),
        None => Err(format!("`{key}` is missing; {RANGE}")),
    };
    let ((from, from_real), (to, to_real), (step, step_real)) =
        (number("from")?, number("to")?, number("step")?);
    if step <= Decimal::ZERO {
        return Err(format!("`step` must be above 0; {RANGE}"));
    }
    if to < from {
        return Err(format!("`to` must not be below `from`; {RANGE}"));
    }
    let steps =
        to.checked_sub(from).and_then(|span| span.checked_div(step)).and_then(|n| n.floor().to_usize());
    let steps = steps.filter(|steps| *steps < VALUES_MOST).ok_or_else(|| {
        format!("from {from} to {to} by {step} are more than {VALUES_MOST} values: take a larger step")
    })?;
    let real = from_real || to_real || step_real;
    let at = |index: usize| {
        let value = Decimal::from(index).checked_mul(step)?.checked_add(from)?;
        if real { value.to_f64().map(ParameterValue::Float) } else { value.to_i64().map(ParameterValue::Int) }
    };
    (0..=steps)
        .map(|index| at(index).map(Some).ok_or_else(|| format!("a value is out of reach; {RANGE}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<RawGrid, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grid.yaml");
        std::fs::write(&path, text).unwrap();
        let shown = format!("{}/", folder.path().display());
        GridFile::load(&path)
            .and_then(|file| file.grid("s"))
            .map_err(|error| error.to_string().replace(&shown, ""))
    }

    fn shown(text: &str) -> String {
        match read(text) {
            Ok(grid) => {
                let value = |value: &Option<ParameterValue>| match value {
                    None => "null".to_owned(),
                    Some(ParameterValue::Float(value)) => format!("{value:?}"),
                    Some(value) => value.to_string(),
                };
                let axis = |axis: &RawAxis| {
                    format!("{}: {}", axis.name, axis.values.iter().map(value).collect::<Vec<_>>().join(" "))
                };
                grid.axes
                    .iter()
                    .map(axis)
                    .chain(grid.constraints.iter().cloned())
                    .collect::<Vec<_>>()
                    .join("; ")
            }
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn values_are_lists_ranges_or_single() {
        insta::assert_snapshot!(
            [
                "s: { a: [1, 2.5, null, x, true], b: 7, c: null }",
                "s: { a: { from: 30, to: 120, step: 30 } }",
                "s: { a: { from: 30, to: 119, step: 30 } }",
                "s: { a: { from: 0.1, to: 0.3, step: 0.1 }, b: { from: 1, to: 2, step: 0.5 } }",
                "s: { a: { from: 1e-3, to: 2e-3, step: 1e-3 }, b: { from: -2, to: -2, step: 9 } }",
                "t: { a: [0] }\ns:\n  z: [1]\n  a: [2]\n  constraints: [\"z < a\"]",
            ]
            .map(shown)
            .join("\n")
        );
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        insta::assert_snapshot!(
            [
                "",
                "[1]",
                "S: { a: [1] }",
                "t:\n  a: [1]\ns: 3",
                "t:\n  a: [1]\ns:\n",
                "s: {}",
                "s: { constraints: [\"a < b\"] }",
                "t:\n  a: [1]\ns:\n  a: []",
                "s: { a: [[1]] }",
                "s: { a: [1], constraints: a < b }",
                "s: { a: { from: 1, to: 3 } }",
                "s: { a: { from: 1, to: 3, step: 0 } }",
                "s: { a: { from: 1, to: 3, step: -1 } }",
                "s: { a: { from: 3, to: 1, step: 1 } }",
                "s: { a: { from: x, to: 1, step: 1 } }",
                "s: { a: { from: 1, to: 3, by: 1 } }",
                "s: { a: { from: 1, to: 3000000, step: 1 } }",
                "s: { a: { from: 1, to: 1e300, step: 1 } }",
                "s: { a: [.nan] }",
                "s: { a: [1], a: [2] }",
                "s: [",
            ]
            .map(shown)
            .join("\n")
        );
    }
}
