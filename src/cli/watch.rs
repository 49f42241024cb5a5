//! `mista run --watch`: run again on every save, and print what changed in the result.

use super::run::{RunArguments, once};
use super::{Exit, Failure, complain};
use crate::report::Metrics;
use notify::{EventKind, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

/// Editors write a file in several steps; a save counts once it has been quiet for this long.
const SETTLE: Duration = Duration::from_millis(100);

pub fn watch(arguments: &RunArguments) -> Result<(), Failure> {
    let failed =
        |error: notify::Error| Failure::new(Exit::Failed, format!("cannot watch for saves: {error}"));
    let (sender, events) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event| {
        // The receiver is gone only when the process ends.
        let _ = sender.send(event);
    })
    .map_err(failed)?;
    let mut watched: BTreeSet<PathBuf> = BTreeSet::new();
    let mut last: Option<Metrics> = None;
    loop {
        let mut used = match once(arguments, last.as_ref()) {
            Ok((metrics, used)) => {
                last = Some(metrics);
                used
            }
            Err(failure) => {
                complain(&failure.message);
                vec![arguments.script.clone()]
            }
        };
        used.extend([&arguments.job.config, &arguments.job.params].into_iter().flatten().cloned());
        // Folders are watched, not files: an editor that saves by renaming replaces the file.
        for folder in used.iter().filter_map(|file| folder_of(file)) {
            if watched.insert(folder.clone()) {
                watcher.watch(&folder, RecursiveMode::NonRecursive).map_err(failed)?;
            }
        }
        complain(&format!("watching {}: save to run again, Ctrl-C to stop", arguments.script.display()));
        wait_for_save(&events, &used)?;
    }
}

fn folder_of(file: &Path) -> Option<PathBuf> {
    let folder = file.parent()?;
    Some(if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() })
}

/// Returns once one of `files` was saved and no further event came for a moment.
fn wait_for_save(
    events: &mpsc::Receiver<notify::Result<notify::Event>>,
    files: &[PathBuf],
) -> Result<(), Failure> {
    let names: BTreeSet<_> = files.iter().filter_map(|file| file.file_name()).collect();
    let concerns = |event: &notify::Event| {
        !matches!(event.kind, EventKind::Access(_))
            && event.paths.iter().any(|path| path.file_name().is_some_and(|name| names.contains(name)))
    };
    loop {
        match events.recv() {
            Ok(Ok(event)) if concerns(&event) => break,
            Ok(_) => continue,
            Err(_) => return Err(Failure::new(Exit::Failed, "the file watcher stopped")),
        }
    }
    while events.recv_timeout(SETTLE).is_ok() {}
    Ok(())
}
