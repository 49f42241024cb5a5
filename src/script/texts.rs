//! A script as plain data, that can be kept and go to another thread.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// All that is needed to compile a script again: see [`Script::of`](super::Script::of).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Texts {
    /// As it was named; messages show it.
    pub path: String,
    pub source: String,
    /// What it imports, by paths below the script's folder, endings included.
    pub imports: BTreeMap<PathBuf, String>,
}

impl Texts {
    /// Of the script's text and everything it imports, in lower-case hex.
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(&self.source);
        self.imports.values().for_each(|text| hash.update(text));
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Why slots do not fit a script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SlotsError {
    #[error("state `{name}` is gone")]
    Gone { name: String },
    #[error("state `{name}` was {was} and is {is} now")]
    Type { name: String, was: &'static str, is: &'static str },
}

impl SlotsError {
    /// The slot that does not fit.
    pub fn name(&self) -> &str {
        match self {
            SlotsError::Gone { name } | SlotsError::Type { name, .. } => name,
        }
    }
}
