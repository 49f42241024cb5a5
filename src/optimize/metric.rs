//! What an optimization looks for: one figure of a run, and which way is better.

use crate::report::{Metrics, figures};
use crate::script::suggest::nearest;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Names of other days for figures.
const ALIASES: [(&str, &str); 2] = [("max_drawdown", "max_drawdown_pct"), ("win_rate", "win_rate_pct")];

/// A figure by which runs are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// As it was asked for, which may be an alias.
    name: &'static str,
    key: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no metric `{name}`{}", advice(.name))]
pub struct MetricError {
    name: String,
}

fn advice(name: &str) -> String {
    let aliases = ALIASES.iter().map(|(alias, _)| *alias);
    match nearest(name, Metrics::KEYS.iter().copied().chain(aliases)) {
        Some(key) => format!(": did you mean `{key}`?"),
        None => format!("; the metrics are {}", Metrics::KEYS.join(", ")),
    }
}

impl Metric {
    /// The name it was asked for by: file names have it.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// The key in JSON.
    pub fn key(self) -> &'static str {
        self.key
    }

    pub fn higher_is_better(self) -> bool {
        // Nobody looks for as many losses as possible.
        !figures::less_is_better(self.key) && self.key != "trades_lost"
    }

    /// Index among [`Metrics::KEYS`].
    pub fn index(self) -> usize {
        Metrics::KEYS.iter().position(|key| *key == self.key).unwrap_or_default()
    }

    /// A number that is higher for what is better.
    pub fn score(self, value: f64) -> f64 {
        if self.higher_is_better() { value } else { -value }
    }
}

impl FromStr for Metric {
    type Err = MetricError;

    fn from_str(name: &str) -> Result<Metric, MetricError> {
        if let Some(&(name, key)) = ALIASES.iter().find(|(alias, _)| *alias == name) {
            return Ok(Metric { name, key });
        }
        let key = Metrics::KEYS.iter().find(|key| **key == name);
        let key = key.ok_or_else(|| MetricError { name: name.to_owned() })?;
        Ok(Metric { name: key, key })
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Serialize for Metric {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for Metric {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Metric, D::Error> {
        String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
    }
}
