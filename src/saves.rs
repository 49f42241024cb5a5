//! L4: waits for files to be saved.
//!
//! A save counts once it has settled: nothing was heard of the files for a moment, and their sizes and times stay
//! as they are. Folders are watched, not files, as an editor that saves by renaming replaces the file. What the
//! operating system tells only makes it fast: files are looked at every second too, so a folder that goes away
//! and comes back, or one that cannot be watched, does no harm.

use notify::event::ModifyKind;
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::{Duration, Instant, SystemTime};

/// Editors write a file in several steps; a save counts once it has been quiet for this long.
const SETTLE: Duration = Duration::from_millis(100);
/// How often files are looked at without being told.
const LOOK: Duration = Duration::from_secs(1);

/// What [`Saves::wait`] waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// One of the files was saved, renamed, removed, or touched.
    Saved,
    /// [`Waker::wake`].
    Woken,
    /// [`Waker::end`].
    Ended,
}

enum Signal {
    Event(notify::Result<Event>),
    Wake,
    End,
}

/// Ends the waiting from elsewhere.
#[derive(Clone)]
pub struct Waker(Sender<Signal>);

impl Waker {
    pub fn wake(&self) {
        // Nobody waits any more: nobody is to be woken.
        let _ = self.0.send(Signal::Wake);
    }

    pub fn end(&self) {
        let _ = self.0.send(Signal::End);
    }
}

/// Size and time of a file, if it is there.
type Stamp = Option<(u64, Option<SystemTime>)>;

pub struct Saves {
    watcher: RecommendedWatcher,
    signals: Receiver<Signal>,
    waker: Waker,
    files: BTreeMap<PathBuf, Stamp>,
    /// Folders that are watched, as files name them and as events do.
    watched: BTreeMap<PathBuf, PathBuf>,
    /// Heard while something else was done.
    saved: bool,
    woken: bool,
    ended: bool,
}

impl Saves {
    pub fn start() -> Result<Saves, notify::Error> {
        let (sender, signals) = mpsc::channel();
        let events = sender.clone();
        let watcher = notify::recommended_watcher(move |event| {
            let _ = events.send(Signal::Event(event));
        })?;
        Ok(Saves {
            watcher,
            signals,
            waker: Waker(sender),
            files: BTreeMap::new(),
            watched: BTreeMap::new(),
            saved: false,
            woken: false,
            ended: false,
        })
    }

    pub fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Waits for these files from now on. They need not be there yet.
    pub fn watch<'a>(&mut self, files: impl IntoIterator<Item = &'a Path>) {
        let known = std::mem::take(&mut self.files);
        let stamped =
            |file: &Path| (file.to_owned(), known.get(file).copied().unwrap_or_else(|| stamp(file)));
        self.files = files.into_iter().map(stamped).collect();
        self.watch_folders();
    }

    /// Folders that cannot be watched now are tried again when the files are looked at.
    fn watch_folders(&mut self) {
        let folders: BTreeSet<PathBuf> = self.files.keys().filter_map(|file| folder_of(file)).collect();
        for folder in folders {
            if !self.watched.contains_key(&folder)
                && self.watcher.watch(&folder, RecursiveMode::NonRecursive).is_ok()
            {
                let absolute = std::path::absolute(&folder).unwrap_or_else(|_| folder.clone());
                self.watched.insert(folder, absolute);
            }
        }
    }

    /// Returns when something was saved and has settled, or somebody wakes it.
    pub fn wait(&mut self) -> Heard {
        loop {
            if self.ended {
                return Heard::Ended;
            }
            if std::mem::take(&mut self.woken) {
                return Heard::Woken;
            }
            if std::mem::take(&mut self.saved) {
                self.settle();
                return if self.ended { Heard::Ended } else { Heard::Saved };
            }
            match self.signals.recv_timeout(LOOK) {
                Ok(signal) => self.hear(signal),
                Err(_) => self.look(),
            }
        }
    }

    /// Whether something was saved since the last wait.
    pub fn has_news(&mut self) -> bool {
        while let Ok(signal) = self.signals.try_recv() {
            self.hear(signal);
        }
        self.saved || self.ended
    }

    fn hear(&mut self, signal: Signal) {
        match signal {
            Signal::Wake => self.woken = true,
            Signal::End => self.ended = true,
            Signal::Event(Ok(event)) => {
                if matches!(event.kind, EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))) {
                    self.forget(&event.paths);
                }
                self.saved |= self.concerns(&event);
            }
            Signal::Event(Err(_)) => self.look(),
        }
    }

    /// Watches a folder anew that was itself removed or renamed.
    fn forget(&mut self, gone: &[PathBuf]) {
        let is_lost = |(_, absolute): &(&PathBuf, &PathBuf)| gone.contains(absolute);
        let lost: Vec<PathBuf> = self.watched.iter().filter(is_lost).map(|(it, _)| it.clone()).collect();
        for folder in &lost {
            // It may be gone, which is why.
            let _ = self.watcher.unwatch(folder);
            self.watched.remove(folder);
        }
        if !lost.is_empty() {
            self.look();
        }
    }

    fn concerns(&self, event: &Event) -> bool {
        let named = |path: &PathBuf| self.files.keys().any(|file| file.file_name() == path.file_name());
        event.need_rescan() || (!matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(named))
    }

    fn look(&mut self) {
        self.watched.retain(|folder, _| folder.is_dir());
        self.watch_folders();
        self.saved |= self.stamps() != self.files;
    }

    fn stamps(&self) -> BTreeMap<PathBuf, Stamp> {
        self.files.keys().map(|file| (file.clone(), stamp(file))).collect()
    }

    /// Waits until nothing happens to the files any more.
    fn settle(&mut self) {
        loop {
            self.files = self.stamps();
            let mut quiet = Instant::now() + SETTLE;
            let left = |quiet: Instant| quiet.saturating_duration_since(Instant::now());
            while let Ok(signal) = self.signals.recv_timeout(left(quiet)) {
                self.hear(signal);
                if self.ended {
                    return;
                }
                if std::mem::take(&mut self.saved) {
                    quiet = Instant::now() + SETTLE;
                }
            }
            if self.stamps() == self.files {
                return;
            }
        }
    }
}

fn folder_of(file: &Path) -> Option<PathBuf> {
    let folder = file.parent()?;
    Some(if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder.to_owned() })
}

fn stamp(file: &Path) -> Stamp {
    let data = std::fs::metadata(file).ok()?;
    Some((data.len(), data.modified().ok()))
}
