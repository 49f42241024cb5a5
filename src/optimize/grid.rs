//! The combinations to try: axes of values, constraints, and the order of all combinations.

use crate::config::{ConfigError, RawGrid};
use crate::script::{Constraints, Origin, ParameterError, Parameters, Value, Written};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashSet};

/// Combinations that are gone through one by one at most.
pub const COMBINATIONS_MOST: u64 = 10_000_000;

/// One parameter and the values it takes; `None` is null, which is off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    pub name: String,
    pub values: Vec<Option<Value>>,
}

impl Axis {
    pub fn written(&self, index: usize) -> Written {
        match self.values.get(index) {
            Some(Some(value)) => Written::Value(value.clone()),
            _ => Written::Null,
        }
    }

    /// A value as files and tables show it; `--set` takes it so.
    pub fn label(&self, index: usize) -> String {
        match self.values.get(index) {
            Some(Some(value)) => value.to_string(),
            _ => "null".to_owned(),
        }
    }
}

/// Every combination of the values of some parameters that meets the constraints. Combinations are numbered
/// from 0, those that a constraint excludes included: the first parameter varies slowest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    pub axes: Vec<Axis>,
    pub constraints: Vec<String>,
}

impl Grid {
    /// Checks a grid against the parameters it is for. `fixed`: parameters that were set to one value on the
    /// command line, which wins over the grid.
    pub fn new(raw: &RawGrid, parameters: &Parameters, fixed: &[&str]) -> Result<Grid, ConfigError> {
        let mut axes = Vec::new();
        for axis in raw.axes.iter().filter(|axis| !fixed.contains(&axis.name.as_str())) {
            let mut checked = parameters.clone();
            let mut values = Vec::with_capacity(axis.values.len());
            let mut seen = HashSet::new();
            for value in &axis.values {
                let written = value.clone().map_or(Written::Null, Written::Value);
                let set = checked.set(&axis.name, &written);
                set.map_err(|error| {
                    let remedy = match error {
                        ParameterError::Unknown { closest: None, .. } => {
                            "; `mista check SCRIPT` lists the parameters"
                        }
                        _ => "",
                    };
                    ConfigError::new(&*axis.place, format!("{error}{remedy}"))
                })?;
                let value = checked.get(&axis.name).cloned().unwrap_or(Value::Bool(false));
                if !seen.insert(told_apart(&value)) {
                    let message =
                        format!("`{}`: {written} is there twice (null and 0 are the same: off)", axis.name);
                    let message = match value {
                        Value::Float(0.0) | Value::Int(0) | Value::Bool(false) => message,
                        _ => format!("`{}`: {written} is there twice", axis.name),
                    };
                    return Err(ConfigError::new(&*axis.place, message));
                }
                // As checked: 20.0 for a whole number is 20.
                values.push(match written {
                    Written::Null => None,
                    _ => Some(value),
                });
            }
            axes.push(Axis { name: axis.name.clone(), values });
        }
        let grid = Grid { axes, constraints: raw.constraints.clone() };
        let error = |message: String| ConfigError::new(&*raw.constraints_place, message);
        grid.check_constraints(parameters).map_err(error)?;
        Ok(grid)
    }

    /// Evaluates the constraints once, so that a typo in one is found before anything runs.
    fn check_constraints(&self, parameters: &Parameters) -> Result<(), String> {
        // Each by itself: one that is not met would hide the others.
        for text in &self.constraints {
            let mut one = Judge::new(std::slice::from_ref(text), &self.axes, parameters)?;
            one.holds(&vec![0; self.axes.len()])?;
        }
        Ok(())
    }

    /// How many combinations there are before the constraints; `None` beyond what can be counted.
    pub fn len(&self) -> Option<u64> {
        self.axes.iter().try_fold(1u64, |product, axis| product.checked_mul(axis.values.len() as u64))
    }

    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }

    /// The index on each axis of a combination.
    pub fn point(&self, mut number: u64) -> Vec<usize> {
        let mut point = vec![0; self.axes.len()];
        for (index, axis) in point.iter_mut().zip(&self.axes).rev() {
            let values = (axis.values.len() as u64).max(1);
            *index = (number % values) as usize;
            number /= values;
        }
        point
    }

    /// The number of the combination at `point`.
    pub fn number(&self, point: &[usize]) -> u64 {
        self.axes
            .iter()
            .zip(point)
            .fold(0, |number, (axis, &index)| number * axis.values.len() as u64 + index as u64)
    }

    /// The combinations one step away on one axis.
    pub fn neighbours(&self, number: u64) -> Vec<u64> {
        let point = self.point(number);
        let mut neighbours = Vec::new();
        for (axis, values) in self.axes.iter().map(|axis| axis.values.len()).enumerate() {
            for step in [-1isize, 1] {
                let Some(index) = point[axis].checked_add_signed(step).filter(|index| *index < values) else {
                    continue;
                };
                let mut other = point.clone();
                other[axis] = index;
                neighbours.push(self.number(&other));
            }
        }
        neighbours
    }

    /// Puts the values of a combination into `parameters`.
    pub fn apply(&self, number: u64, parameters: &mut Parameters) -> Result<(), ParameterError> {
        let point = self.point(number);
        self.axes
            .iter()
            .zip(point)
            .try_for_each(|(axis, index)| parameters.set(&axis.name, &axis.written(index)))
    }

    /// The values of a combination, by parameter.
    pub fn labels(&self, number: u64) -> Vec<String> {
        self.axes.iter().zip(self.point(number)).map(|(axis, index)| axis.label(index)).collect()
    }

    /// The combinations that `search` tries, in order.
    pub fn selected(&self, search: Search, parameters: &Parameters) -> Result<Kept, String> {
        match search {
            Search::Grid => self.kept(parameters),
            Search::Random { samples, seed } => self.sampled(samples, seed, parameters),
        }
    }

    /// Different combinations that meet the constraints, drawn with equal chances; all where there are no more.
    fn sampled(&self, samples: u64, seed: u64, parameters: &Parameters) -> Result<Kept, String> {
        let mut random = fastrand::Rng::with_seed(seed);
        let len =
            self.len().ok_or("the grid has more combinations than can be counted: take fewer values")?;
        if len <= COMBINATIONS_MOST {
            let kept = self.kept(parameters)?;
            if kept.len() <= samples {
                return Ok(kept);
            }
            // Floyd: each number is drawn once, and as likely as any other.
            let mut drawn = BTreeSet::new();
            for last in kept.len() - samples..kept.len() {
                let index = random.u64(0..=last);
                drawn.insert(if drawn.contains(&index) { last } else { index });
            }
            return Ok(Kept::Some(drawn.into_iter().filter_map(|index| kept.get(index)).collect()));
        }
        if samples > COMBINATIONS_MOST {
            return Err(format!(
                "--samples {samples}: of so large a grid at most {COMBINATIONS_MOST} are drawn"
            ));
        }
        let mut judge = Judge::new(&self.constraints, &self.axes, parameters)?;
        let mut drawn = BTreeSet::new();
        for _ in 0..samples.saturating_mul(1000) {
            let number = random.u64(0..len);
            if !drawn.contains(&number) && judge.holds(&self.point(number))? {
                drawn.insert(number);
                if drawn.len() as u64 == samples {
                    break;
                }
            }
        }
        Ok(Kept::Some(drawn.into_iter().collect()))
    }

    /// The combinations that meet the constraints, in order.
    fn kept(&self, parameters: &Parameters) -> Result<Kept, String> {
        let len = self.len().filter(|len| *len <= COMBINATIONS_MOST);
        let len = len.ok_or_else(|| format!("more than {COMBINATIONS_MOST} combinations"))?;
        if self.constraints.is_empty() {
            return Ok(Kept::All(len));
        }
        let mut judge = Judge::new(&self.constraints, &self.axes, parameters)?;
        let mut kept = Vec::new();
        for number in 0..len {
            if judge.holds(&self.point(number))? {
                kept.push(number);
            }
        }
        Ok(Kept::Some(kept))
    }
}

/// A text that differs where values do.
fn told_apart(value: &Value) -> String {
    match value {
        // Not -0.
        Value::Float(value) => format!("{:?}", Value::Float(value + 0.0)),
        value => format!("{value:?}"),
    }
}

/// Which combinations of a grid are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Search {
    /// All.
    Grid,
    /// So many, drawn at random.
    Random { samples: u64, seed: u64 },
}

/// Numbers of combinations, rising.
#[derive(Debug, Clone, PartialEq)]
pub enum Kept {
    /// All of so many.
    All(u64),
    Some(Vec<u64>),
}

impl Kept {
    pub fn len(&self) -> u64 {
        match self {
            Kept::All(len) => *len,
            Kept::Some(numbers) => numbers.len() as u64,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of the `index`-th.
    pub fn get(&self, index: u64) -> Option<u64> {
        match self {
            Kept::All(len) => (index < *len).then_some(index),
            Kept::Some(numbers) => numbers.get(index as usize).copied(),
        }
    }

    /// Where a combination stands among those that are kept.
    pub fn index_of(&self, number: u64) -> Option<u64> {
        match self {
            Kept::All(len) => (number < *len).then_some(number),
            Kept::Some(numbers) => numbers.binary_search(&number).ok().map(|index| index as u64),
        }
    }
}

/// Says of combinations whether they meet the constraints.
struct Judge<'a> {
    constraints: Constraints,
    axes: &'a [Axis],
    /// Parameters that are not on an axis. A base rule that is off is null.
    others: Vec<(&'a str, Option<&'a Value>)>,
}

impl<'a> Judge<'a> {
    fn new(texts: &[String], axes: &'a [Axis], parameters: &'a Parameters) -> Result<Judge<'a>, String> {
        let constraints = Constraints::new(texts).map_err(|error| error.to_string())?;
        let on_axis = |name: &str| axes.iter().any(|axis| axis.name == name);
        let others = parameters.entries().iter().filter(|entry| !on_axis(&entry.name));
        // A base rule that is off by default and was not set.
        let value = |entry: &'a crate::script::Parameter| match (&entry.value, entry.origin) {
            (Value::Float(0.0) | Value::Int(0), Origin::Base | Origin::Limit)
                if entry.value == entry.default =>
            {
                None
            }
            (value, _) => Some(value),
        };
        let others = others.map(|entry| (entry.name.as_str(), value(entry))).collect();
        Ok(Judge { constraints, axes, others })
    }

    fn holds(&mut self, point: &[usize]) -> Result<bool, String> {
        let on_axes = self
            .axes
            .iter()
            .zip(point)
            .map(|(axis, index)| (axis.name.as_str(), axis.values.get(*index).and_then(Option::as_ref)));
        let values = self.others.iter().copied().chain(on_axes);
        self.constraints.hold(values).map_err(|error| error.to_string())
    }
}
