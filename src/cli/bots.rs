//! Bots by the files they leave: which there are, and what their journals say.

use super::{Exit, Failure};
use crate::live::journal::Entry;
use crate::live::journal::{JournalError, Reader};
use crate::live::record::Record;
use crate::live::state_manager::{Files, StateError};
use std::path::Path;

/// Where a trader keeps its state.
pub const STATE: &str = "results/state";

/// Names of the bots that have a journal in `folder`, sorted.
pub fn names(folder: &Path) -> Result<Vec<String>, Failure> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            let text = format!("{}: cannot read the folder: {error}", folder.display());
            return Err(Failure::new(Exit::Failed, text));
        }
    };
    let mut names: Vec<String> = entries
        .filter_map(|entry| {
            entry.ok()?.file_name().into_string().ok()?.strip_suffix(".journal").map(str::to_owned)
        })
        .filter(|name| Files::new(folder, name).is_ok())
        .collect();
    names.sort();
    Ok(names)
}

/// The files of `bot`; an error that lists those there are, if it is none of them.
pub fn files(folder: &Path, bot: &str) -> Result<Files, Failure> {
    let files = Files::new(folder, bot).map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    if files.journal().is_file() {
        return Ok(files);
    }
    let there = match names(folder)?.as_slice() {
        [] => {
            "there is none yet: a trader leaves its state there, and --state names another folder".to_owned()
        }
        names => format!("there are {}", names.join(", ")),
    };
    Err(Failure::new(Exit::Usage, format!("no bot named {bot} in {}: {there}", folder.display())))
}

/// The only bot in the folder, where none is named.
pub fn only(folder: &Path) -> Result<String, Failure> {
    let mut names = names(folder)?;
    match (names.pop(), names.len()) {
        (Some(name), 0) => Ok(name),
        (Some(name), _) => {
            let text = format!("name one of the bots in {}: {}, {name}", folder.display(), names.join(", "));
            Err(Failure::new(Exit::Usage, text))
        }
        (None, _) => Err(Failure::new(
            Exit::Usage,
            format!(
                "no bot in {}: a trader leaves its state there, and --state names another folder",
                folder.display()
            ),
        )),
    }
}

/// Hands each record of the journal on. What is half written at its end, by a kill or at this moment, is a note.
pub fn each_record(
    files: &Files,
    mut on: impl FnMut(&Entry<Record>),
) -> Result<Option<String>, JournalError> {
    let mut reader = Reader::<Record>::open(&files.journal())?;
    for entry in reader.by_ref() {
        on(&entry?);
    }
    Ok(reader.cut().map(|cut| cut.to_string()))
}

pub fn unreadable(error: impl Into<StateError>) -> Failure {
    Failure::new(Exit::Failed, error.into().to_string())
}

/// The wall clock, ms.
pub fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
