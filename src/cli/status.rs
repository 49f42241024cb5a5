//! `mista status`: what a trader does, or did, from its files alone.

use super::bots::{STATE, each_record, files, names, now, unreadable};
use super::{Failure, print};
use crate::live::desk::DeskState;
use crate::live::state_manager::{Files, StateError, is_running};
use crate::live::status::{Life, Status, StatusFold};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
#[command(after_help = HELP)]
pub struct StatusArguments {
    /// Name of the bot [default: a line for each there is]
    bot: Option<String>,
    /// Folder with the state of the bots
    #[arg(long, value_name = "FOLDER", default_value = STATE)]
    state: PathBuf,
    /// Print JSON instead of lines
    #[arg(long)]
    json: bool,
}

const HELP: &str = "It reads the bot's files and nothing else: it needs no key and no network, and disturbs no trader that runs.
It ends with 0 for a trader that does not run, too; in JSON, process.state says which.";

pub fn status(arguments: &StatusArguments) -> Result<(), Failure> {
    let folder = arguments.state.as_path();
    let Some(bot) = &arguments.bot else { return all(folder, arguments.json) };
    let files = files(folder, bot)?;
    match read(folder, &files)? {
        Some(status) if arguments.json => print(&format!("{:#}\n", as_json(&status)?)),
        Some(status) => print(&status.text()),
        None if arguments.json => print("null\n"),
        None => print(&format!("{bot}: {EMPTY}\n")),
    }
}

const EMPTY: &str = "its journal is empty: it never began";

fn all(folder: &Path, as_values: bool) -> Result<(), Failure> {
    let names = names(folder)?;
    let mut lines = String::new();
    let mut values = Vec::new();
    for name in &names {
        let status = match files(folder, name) {
            Ok(files) => read(folder, &files),
            Err(failure) => Err(failure),
        };
        match status {
            Ok(Some(status)) => {
                lines.push_str(&status.short());
                values.push(as_json(&status)?);
            }
            Ok(None) => {
                lines.push_str(&format!("{name:<24} {EMPTY}"));
                values.push(json!({ "bot": name, "error": EMPTY }));
            }
            // One that cannot be read hides no other.
            Err(failure) => {
                lines.push_str(&format!("{name:<24} unreadable: {}", failure.message));
                values.push(json!({ "bot": name, "error": failure.message }));
            }
        }
        lines.push('\n');
    }
    if as_values {
        return print(&format!("{:#}\n", Value::Array(values)));
    }
    if names.is_empty() {
        lines = format!("no bot in {}\n", folder.display());
    }
    print(&lines)
}

fn as_json(status: &Status) -> Result<Value, Failure> {
    serde_json::to_value(status).map_err(|error| Failure::new(super::Exit::Failed, error.to_string()))
}

/// `None`: nothing began yet.
fn read(folder: &Path, files: &Files) -> Result<Option<Status>, Failure> {
    let mut fold = StatusFold::new();
    let mut last = 0;
    let cut = each_record(files, |entry| {
        fold.on(entry);
        last = entry.n;
    });
    let cut = cut.map_err(unreadable)?;
    let running = is_running(folder, files.bot());
    let Some(mut status) = fold.status(now(), running) else { return Ok(None) };
    match files.load::<Value>() {
        // Only what is as new as the journal knows more than it.
        Ok(saved) => {
            if let Some(desk) = desk_in(saved.state).filter(|_| saved.records == last) {
                status.refine(&desk);
            }
            status.notes.extend(saved.note);
        }
        Err(StateError::JournalOnly(_) | StateError::Absent(_)) => {}
        Err(error) => status.notes.push(error.to_string()),
    }
    // A line that is being written is nothing to speak of.
    if status.process.state != Life::Running {
        status.notes.extend(cut);
    }
    Ok(Some(status))
}

/// The desk's state, which is the snapshot's or a part of it.
fn desk_in(mut state: Value) -> Option<DeskState> {
    let inner = state.get_mut("desk").map(Value::take);
    serde_json::from_value(inner.unwrap_or(state)).ok()
}
