//! `config/runtime_config.yaml` while a trader runs: read whole, checked whole, and what has changed by it.

use crate::config::{Apply, ConfigError, InForce, RuntimeConfig};
use crate::script::{Parameters, Value, is_limit};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Longest file that is taken for a runtime config, in bytes.
const LENGTH_MAX: u64 = 256 << 10;

/// The distances that protect. A target does not: nearer is not safer.
const STOPS: [&str; 2] = ["stop_loss_pct", "trailing_stop_loss_pct"];

/// The file as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Missing,
    Bytes(Vec<u8>),
    Unreadable(String),
}

/// Watches the file by looking at it. It is small and read whole each time: times of change are too coarse to be
/// trusted with what may stop a loss.
#[derive(Debug)]
pub struct RuntimeConfigManager {
    path: PathBuf,
    /// At the last look.
    last: Option<Found>,
    /// What was judged last, and for which parameters.
    judged: Option<(Found, Parameters)>,
    taken: RuntimeConfig,
    /// Why the file that is there is not in force.
    standing: Option<ConfigError>,
}

impl RuntimeConfigManager {
    /// For the file at `path`, which need not be there.
    pub fn new(path: &Path) -> RuntimeConfigManager {
        RuntimeConfigManager {
            path: path.to_owned(),
            last: None,
            judged: None,
            taken: RuntimeConfig::default(),
            standing: None,
        }
    }

    /// The last good one.
    pub fn config(&self) -> &RuntimeConfig {
        &self.taken
    }

    /// Why the file that is there now is not in force, if it is not.
    pub fn standing_error(&self) -> Option<&ConfigError> {
        self.standing.as_ref()
    }

    /// Looks at the file: between candles, and a few times a second. The first look always has an answer. Later
    /// ones have one when the file says something else, becomes bad (once per fault), or good again; and only when
    /// it was found the same twice in a row, so that a file that is being written is not taken for a whole one.
    ///
    /// An error changes nothing: [`RuntimeConfigManager::config`] stays in force. It is for the log too, which is
    /// up to the caller; what is not an answer (no file, good again) is logged here.
    pub fn check(&mut self, in_force: InForce<'_>) -> Option<Result<RuntimeConfig, ConfigError>> {
        let found = find(&self.path);
        let is_first = self.judged.is_none();
        let is_settled = is_first || self.last.as_ref() == Some(&found);
        self.last = Some(found.clone());
        let is_judged = self.standing.is_none()
            && self.judged.as_ref().is_some_and(|(seen, by)| *seen == found && by == in_force.parameters);
        if !is_settled || is_judged {
            return None;
        }
        let is_gone = found == Found::Missing
            && self.judged.as_ref().is_none_or(|(before, _)| *before != Found::Missing);
        let answer = self.judge(&found, in_force);
        self.judged = Some((found, in_force.parameters.clone()));
        match answer {
            Ok(config) => {
                let path = self.path.display();
                if is_gone {
                    tracing::info!(%path, "there is no runtime config: everything is as started");
                }
                let was_bad = self.standing.take().is_some();
                if was_bad {
                    tracing::info!(%path, "the runtime config is good again");
                }
                let is_news = is_first || was_bad || config != self.taken;
                self.taken = config.clone();
                is_news.then_some(Ok(config))
            }
            Err(error) => {
                let is_news = self.standing.as_ref() != Some(&error);
                self.standing = Some(error.clone());
                is_news.then_some(Err(error))
            }
        }
    }

    fn judge(&self, found: &Found, in_force: InForce<'_>) -> Result<RuntimeConfig, ConfigError> {
        let wrong = |message: &str| Err(ConfigError::new(self.path.display().to_string(), message));
        match found {
            Found::Missing => Ok(RuntimeConfig::default()),
            Found::Unreadable(why) => wrong(why),
            Found::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => RuntimeConfig::read(&self.path, text, in_force),
                Err(_) => wrong("it is not a text in UTF-8"),
            },
        }
    }
}

fn find(path: &Path) -> Found {
    let read = || -> io::Result<Found> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Ok(Found::Unreadable("it is a folder, not a YAML file".to_owned()));
        }
        if !metadata.is_file() {
            return Ok(Found::Unreadable("it is not a file".to_owned()));
        }
        let mut bytes = Vec::new();
        file.take(LENGTH_MAX + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LENGTH_MAX {
            return Ok(Found::Unreadable(format!("it is longer than {} KiB", LENGTH_MAX >> 10)));
        }
        Ok(Found::Bytes(bytes))
    };
    read().unwrap_or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Found::Missing,
        _ => Found::Unreadable(error.to_string()),
    })
}

/// One setting that is another one now. A text that is `None` is "as started".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub name: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "as started".to_owned());
        write!(f, "{}: {} → {}", self.name, text(&self.from), text(&self.to))
    }
}

/// What another runtime config means for a trader.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// Before the next candle: the pause, limits, the log level, a stop that comes nearer; everything with
    /// `apply: now`.
    pub at_once: Vec<Change>,
    /// When no position is open: the strategy, its parameters, protective distances.
    pub when_flat: Vec<Change>,
    /// What is in force until then; the new config itself if nothing waits.
    pub until_flat: RuntimeConfig,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.at_once.is_empty() && self.when_flat.is_empty()
    }
}

/// What changes from `old`, which is in force, to `new`. `started` are the parameters of the script in force before
/// any runtime config: what a distance falls back to.
pub fn changes(old: &RuntimeConfig, new: &RuntimeConfig, started: &Parameters) -> Changes {
    let until_flat = match new.apply {
        Apply::Now => new.clone(),
        Apply::WhenFlat => until_flat(old, new, started),
    };
    Changes { at_once: differences(old, &until_flat), when_flat: differences(&until_flat, new), until_flat }
}

/// The part of `new` that need not wait, over the rest of `old`.
fn until_flat(old: &RuntimeConfig, new: &RuntimeConfig, started: &Parameters) -> RuntimeConfig {
    let nearer: Vec<&str> = STOPS.into_iter().filter(|name| is_nearer(name, old, new, started)).collect();
    let kept = old.params.iter().filter(|(name, _)| !is_limit(name) && !nearer.contains(&name.as_str()));
    let taken = new.params.iter().filter(|(name, _)| is_limit(name));
    let pair = |(name, value): (&String, &Value)| (name.clone(), value.clone());
    let stop = |name: &str, own: Option<f64>| match nearer.contains(&name) {
        true => new.values().get(name).and_then(number),
        false => own,
    };
    RuntimeConfig {
        strategy: old.strategy.clone(),
        params: kept.chain(taken).map(pair).collect(),
        stop_loss_pct: stop("stop_loss_pct", old.stop_loss_pct),
        take_profit_pct: old.take_profit_pct,
        trailing_stop_loss_pct: stop("trailing_stop_loss_pct", old.trailing_stop_loss_pct),
        ..new.clone()
    }
}

/// Whether `new` sets a stop where there was none, or a nearer one.
fn is_nearer(name: &str, old: &RuntimeConfig, new: &RuntimeConfig, started: &Parameters) -> bool {
    let was = distance(old, name, started);
    // Of another strategy, only what is written is known here.
    let will = match old.strategy == new.strategy {
        true => distance(new, name, started),
        false => new.values().get(name).and_then(number),
    };
    match (was, will) {
        (Some(was), Some(will)) => will > 0.0 && (was == 0.0 || will < was),
        _ => false,
    }
}

/// A distance in force under a config; 0 is off.
fn distance(config: &RuntimeConfig, name: &str, started: &Parameters) -> Option<f64> {
    config.values().get(name).or_else(|| started.get(name)).and_then(number)
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(value) => Some(*value as f64),
        Value::Float(value) => Some(*value),
        Value::Bool(_) | Value::Text(_) => None,
    }
}

fn differences(old: &RuntimeConfig, new: &RuntimeConfig) -> Vec<Change> {
    let (old, mut new) = (settings(old), settings(new));
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    let names: Vec<String> = names.into_iter().cloned().collect();
    names
        .into_iter()
        .map(|name| Change { from: old.get(&name).cloned(), to: new.remove(&name), name })
        .filter(|change| change.from != change.to)
        .collect()
}

/// Everything that is written, by name; `apply` says when, and is nothing that changes by itself.
fn settings(config: &RuntimeConfig) -> BTreeMap<String, String> {
    let mut settings: BTreeMap<String, String> =
        config.values().into_iter().map(|(name, value)| (name.to_owned(), value.to_string())).collect();
    settings.insert("paused".to_owned(), config.paused.to_string());
    let others = [
        ("strategy", config.strategy.as_ref().map(|path| path.display().to_string())),
        ("max_order_notional", config.max_order_notional.map(|most| most.to_string())),
        ("log_level", config.log_level.map(|level| level.name().to_owned())),
    ];
    settings.extend(others.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    settings
}
