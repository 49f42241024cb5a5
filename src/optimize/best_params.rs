//! The file an optimization leaves: the best parameters, what they promised, how far that is to be believed,
//! and what all of it was computed from. A forward test takes it, and `mista run --params` does.

use super::findings::Findings;
use super::overfitting::Overfitting;
use super::study::{Plan, Study};
use crate::job::{Recipe, sha256};
use crate::model::{Candles, parse_iso};
use crate::report::Metrics;
use crate::report::number::counted;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::Path;

/// What it holds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BestParams {
    /// What was optimized: a metric, and what it was of the best.
    pub metric: String,
    pub value: Option<f64>,
    /// The best trial. Its period is the training period, its parameters are the best.
    #[serde(flatten)]
    pub recipe: Recipe,
    /// First candle's open time, and the exclusive end.
    pub train: Period,
    pub search: Searched,
    pub overfitting: Judged,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub walk_forward: Option<WalkedForward>,
    /// Of the training, by key.
    pub metrics: serde_json::Map<String, Value>,
    /// Candles from the first in the file to the last of the training.
    pub candles_read: usize,
    /// Of these candles, as they were read.
    pub candles_sha256: String,
    pub grid_sha256: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    pub start: String,
    pub end: String,
    pub candles: usize,
}

/// How the best was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Searched {
    /// `grid`, or `random` with samples and seed.
    pub method: super::Search,
    pub combinations: u64,
    pub failed: u64,
    pub without_trades: u64,
}

/// What is to be made of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// `sound`, `doubtful`, `overfit`, `losing` or `untraded`.
    pub verdict: String,
    pub sentence: String,
    #[serde(flatten)]
    pub figures: Overfitting,
}

/// The stitched out-of-sample parts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WalkedForward {
    pub windows: usize,
    pub anchored: bool,
    /// By key.
    pub out_of_sample: serde_json::Map<String, Value>,
}

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BestParamsError {
    #[error("{path}: {message}")]
    Unusable { path: String, message: String },
}

const CHECKSUM: &str = "checksum: ";

impl BestParams {
    /// `recipe` and `metrics` are those of the best trial.
    pub fn of(study: &Study, findings: &Findings, recipe: Recipe, metrics: &Metrics) -> BestParams {
        let plan = &study.plan;
        BestParams {
            metric: plan.metric.name().to_owned(),
            value: findings.best.figures.get(plan.metric.key()),
            train: Period { start: recipe.start.clone(), end: recipe.end.clone(), candles: recipe.candles },
            search: Searched {
                method: plan.search,
                combinations: findings.trials,
                failed: findings.failed,
                without_trades: findings.untraded,
            },
            overfitting: Judged {
                verdict: findings.verdict.word().to_owned(),
                sentence: findings.sentence(),
                figures: findings.overfitting,
            },
            walk_forward: findings.walked.as_ref().zip(plan.walk_forward).map(|(walked, walk)| {
                WalkedForward {
                    windows: walk.windows,
                    anchored: walk.anchored,
                    out_of_sample: as_map(&walked.metrics),
                }
            }),
            metrics: as_map(metrics),
            candles_read: study.setup.rows.end,
            candles_sha256: candles_sha256(study.setup.candles(), study.setup.rows.end),
            grid_sha256: grid_sha256(plan),
            recipe,
        }
    }

    /// The file's text, its checksum last.
    pub fn text(&self) -> Result<String, serde_yaml::Error> {
        let head = format!(
            "# The best of {} by {}. Written by mista optimize; edited, it is no longer what was found:\n# `mista run --params` takes it all the same, `mista forward-test` does not.\n",
            counted(self.search.combinations, "combination"),
            self.metric
        );
        let body = format!("{head}{}", serde_yaml::to_string(self)?);
        Ok(format!("{body}{CHECKSUM}{}\n", sha256(body.as_bytes())))
    }

    /// Reads a file and checks that it is as it was written.
    pub fn load(path: &Path) -> Result<BestParams, BestParamsError> {
        let unusable =
            |message: String| BestParamsError::Unusable { path: path.display().to_string(), message };
        let text = std::fs::read_to_string(path).map_err(|error| {
            unusable(match error.kind() {
                std::io::ErrorKind::NotFound => {
                    "there is no such file; `mista optimize` writes it".to_owned()
                }
                std::io::ErrorKind::InvalidData => "it is not a text in UTF-8".to_owned(),
                _ if path.is_dir() => "it is a folder; name a file in it, or say --all".to_owned(),
                _ => error.to_string(),
            })
        })?;
        let Some((body, as_written)) = checked(&text) else {
            return Err(unusable(
                "it is no file of best parameters as `mista optimize` writes them; parameters by hand go to `mista run --params`"
                    .to_owned(),
            ));
        };
        if !as_written {
            return Err(unusable(
                "it was edited since it was written (its checksum does not fit), so it promises nothing: run `mista optimize` again, or try parameters of your own with `mista run --params`"
                    .to_owned(),
            ));
        }
        serde_yaml::from_str(body).map_err(|error| {
            unusable(format!("it cannot be read; another version of mista may have written it: {error}"))
        })
    }

    /// Whether a text is such a file, and not as it was written.
    pub fn is_edited(text: &str) -> bool {
        checked(text).is_some_and(|(_, as_written)| !as_written)
    }

    /// The exclusive end of the training, UTC milliseconds.
    pub fn trained_until(&self) -> Option<i64> {
        parse_iso(&self.train.end)
    }

    /// A figure of the training.
    pub fn promised(&self, key: &str) -> Option<f64> {
        self.metrics.get(key).and_then(Value::as_f64)
    }
}

/// What a text's checksum is of, and whether it fits; `None` if it is no such file.
fn checked(text: &str) -> Option<(&str, bool)> {
    let is_one = text.contains("\ncandles_sha256: ") && text.contains("\ngrid_sha256: ");
    let (body, checksum) = text.split_at(text.rfind(&format!("\n{CHECKSUM}")).filter(|_| is_one)? + 1);
    let checksum = checksum.trim_end().strip_prefix(CHECKSUM);
    Some((body, checksum == Some(sha256(body.as_bytes()).as_str())))
}

fn as_map(metrics: &Metrics) -> serde_json::Map<String, Value> {
    match serde_json::to_value(metrics) {
        Ok(Value::Object(map)) => map,
        _ => serde_json::Map::new(),
    }
}

/// Of the grid with its constraints.
fn grid_sha256(plan: &Plan) -> String {
    // Strings and numbers always serialize.
    sha256(&serde_json::to_vec(&plan.grid).unwrap_or_default())
}

/// Of what was read of the first `rows` candles, whatever the file holds after them.
pub fn candles_sha256(candles: &Candles, rows: usize) -> String {
    let mut hash = Sha256::new();
    for times in [&candles.open_time, &candles.close_time] {
        times.iter().take(rows).for_each(|time| hash.update(time.to_le_bytes()));
    }
    for column in [&candles.open, &candles.high, &candles.low, &candles.close, &candles.volume] {
        column.iter().take(rows).for_each(|value| hash.update(value.to_le_bytes()));
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
