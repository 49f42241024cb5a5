//! A session once more: the same inputs must give the same decisions.

use super::journal::{JournalError, Reader};
use super::record::Record;
use super::recovery::{Difference, RecoveryError, Walk};
use std::path::Path;

/// What a replay found.
#[derive(Debug)]
pub struct Replayed {
    pub bot: String,
    pub records: u64,
    pub decisions: u64,
    pub trades: u64,
    pub requests: u64,
    pub restarts: u64,
    pub swaps: u64,
    /// The first decision that does not come out the same.
    pub difference: Option<Difference>,
}

#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
}

/// Feeds the journal at `path` through the engine and the scripts it names. Changes nothing.
pub fn replay(path: &Path) -> Result<Replayed, ReplayError> {
    let mut reader = Reader::<Record>::open(path)?;
    // A session begins with itself and with candles before it.
    let mut head = Vec::new();
    let mut next = None;
    for entry in reader.by_ref() {
        let entry = entry?;
        if matches!(entry.record, Record::Session(_) | Record::Warmup { .. }) {
            head.push(entry);
        } else {
            next = Some(entry);
            break;
        }
    }
    let (mut walk, _) = Walk::begin(&head)?;
    let mut replayed = Replayed {
        bot: walk.session.bot.clone(),
        records: head.len() as u64,
        decisions: 0,
        trades: 0,
        requests: 0,
        restarts: 0,
        swaps: 0,
        difference: None,
    };
    for entry in next.into_iter().map(Ok).chain(reader) {
        let entry = entry?;
        replayed.records += 1;
        match &entry.record {
            Record::Decision(_) => replayed.decisions += 1,
            Record::Trade(_) => replayed.trades += 1,
            Record::Request { .. } => replayed.requests += 1,
            Record::Restart { .. } => replayed.restarts += 1,
            Record::Swap(_) => replayed.swaps += 1,
            _ => {}
        }
        match walk.step(&entry) {
            Ok(()) => {}
            Err(RecoveryError::Differs(difference)) => {
                replayed.difference = Some(*difference);
                break;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(replayed)
}
