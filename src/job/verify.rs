//! A result that is run again: is it still the same?

use super::result::DIGITS;
use super::{Recipe, RecipeError, RunResult};
use crate::model::iso;
use crate::report::Metrics;
use serde_json::{Map, Value};
use std::path::Path;

#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error("{path}: {message}")]
    File { path: String, message: String },
    #[error(transparent)]
    Recipe(#[from] RecipeError),
}

/// What a file says of a run.
#[derive(Debug)]
pub struct Capsule {
    pub recipe: Recipe,
    /// Figures by key.
    metrics: Map<String, Value>,
    trades_digest: Option<String>,
    equity_sha256: Option<String>,
}

impl Capsule {
    /// Reads a report page, what `--json` printed, or a file of best parameters.
    pub fn load(path: &Path) -> Result<Capsule, VerifyError> {
        let file = |message: String| VerifyError::File { path: path.display().to_string(), message };
        let text = std::fs::read_to_string(path).map_err(|error| {
            file(match error.kind() {
                std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
                std::io::ErrorKind::InvalidData => "it is not a text in UTF-8".to_owned(),
                _ if path.is_dir() => "it is a folder; name a file in it".to_owned(),
                _ => error.to_string(),
            })
        })?;
        let unknown = || {
            file("it is no result of mista: give a report (.html), the output of --json (.json), or best parameters (.yaml)".to_owned())
        };
        let value: Value = if let Some((_, rest)) = text.split_once("id=\"capsule\">") {
            let capsule = rest.split("</script>").next().unwrap_or_default();
            serde_json::from_str(capsule)
                .map_err(|error| file(format!("its capsule cannot be read: {error}")))?
        } else if text.trim_start().starts_with('{') {
            serde_json::from_str(&text).map_err(|error| file(format!("it is no JSON: {error}")))?
        } else {
            serde_yaml::from_str(&text).map_err(|_| unknown())?
        };
        let Value::Object(object) = value else { return Err(unknown()) };
        if object.get("results").is_some_and(Value::is_array) {
            return Err(file("it holds several results: verify the files it names, one by one".to_owned()));
        }
        let part = |key: &str| object.get(key).and_then(Value::as_str).map(str::to_owned);
        let (trades_digest, equity_sha256) = (part("trades_digest"), part("equity_sha256"));
        let metrics = match object.get("metrics") {
            Some(Value::Object(metrics)) => metrics.clone(),
            _ => object.clone(),
        };
        if !metrics.contains_key("final_balance") || !object.contains_key("script_sha256") {
            return Err(unknown());
        }
        let recipe = serde_json::from_value(Value::Object(object)).map_err(|error| {
            file(format!("it cannot be run again; another version may have written it: {error}"))
        })?;
        Ok(Capsule { recipe, metrics, trades_digest, equity_sha256 })
    }

    /// The first thing in which `again` differs from what was written down.
    pub fn difference(&self, again: &RunResult<'_>) -> std::io::Result<Option<String>> {
        let now = again.json()?;
        // A trade says more than the sums over all of them.
        if let (Some(before), Some(after)) = (&self.trades_digest, now["trades_digest"].as_str()) {
            let count = |digest: &str| digest.len() / DIGITS;
            let same = before.bytes().zip(after.bytes()).take_while(|(a, b)| a == b).count() / DIGITS;
            if before != after {
                let time = again.outcome.trades.get(same).map(|trade| iso(trade.entry_time));
                return Ok(Some(match time {
                    Some(time) if same < count(before) => {
                        format!("trade {} (now entered {time}) is another", same + 1)
                    }
                    Some(time) => format!("trade {} (entered {time}) was not there", same + 1),
                    None => format!(
                        "trade {} is gone: there were {}, now {}",
                        same + 1,
                        count(before),
                        count(after)
                    ),
                }));
            }
        }
        for key in Metrics::KEYS {
            let (before, after) = (self.metrics.get(*key), now.get(*key));
            let number = |value: Option<&Value>| value.and_then(Value::as_f64);
            if number(before) != number(after) {
                let text = |value: Option<&Value>| value.map_or_else(|| "null".to_owned(), Value::to_string);
                return Ok(Some(format!("{key} was {}, is {}", text(before), text(after))));
            }
        }
        for key in ["vetoes", "refusals", "exits"] {
            let (before, after) = (self.metrics.get(key), now.get(key));
            if before.is_some() && before != after {
                let text = |value: Option<&Value>| value.map(Value::to_string).unwrap_or_default();
                return Ok(Some(format!("{key} were {}, are {}", text(before), text(after))));
            }
        }
        if let Some(before) = &self.equity_sha256
            && now["equity_sha256"].as_str() != Some(before)
        {
            return Ok(Some(
                "the equity curve is another, though all trades and figures are equal".to_owned(),
            ));
        }
        // What was run, as far as it makes no difference to what came of it: a name, a count.
        let (before, after) = (serde_json::to_value(&self.recipe)?, serde_json::to_value(again.recipe())?);
        let keys = before.as_object().into_iter().flat_map(Map::iter).filter(|(key, _)| *key != "version");
        for (key, before) in keys {
            let after = after.get(key).unwrap_or(&Value::Null);
            if !same(before, after) {
                return Ok(Some(format!("{key} was {before}, is {after}")));
            }
        }
        Ok(None)
    }
}

/// Whether two values are equal; 1 and 1.0 are.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (a, b) => a == b,
    }
}
