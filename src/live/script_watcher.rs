//! Watches the script in force and what it imports, and judges each save of them on a thread of its own.
//!
//! How things stand it asks the trader at the time of the save, by a message: so what is judged fits the slots,
//! parameters and candles of that moment, and nobody has to keep a copy up to date. The trader answers between two
//! candles with an [`Arc`](std::sync::Arc) of its candles, which costs it nothing; should it push the next candle
//! before they are copied here, that push copies them once.
//!
//! What is [`Found`] takes the place of what was found before: of ten saves in a row the last one counts. What
//! is in force may still change between the question and the answer. The trader compares, and calls
//! [`ScriptWatcher::again`] where something else is in force. It does not call that after it rolled a script back,
//! or the same text would come again.

use super::candidate::{Candidate, InForce, Rejected, Snapshot};
use crate::saves::{Heard, Saves, Waker};
use crate::script::{STACK, Script};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

/// What came of a save.
pub enum Found {
    Candidate(Box<Candidate>),
    Rejected(Rejected),
    /// The text that is in force was saved again: a candidate that still waits does not count any more.
    InForce(InForce),
}

#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    #[error("cannot watch for saves: {0}")]
    Notify(#[from] notify::Error),
    #[error("cannot start a thread that watches for saves: {0}")]
    Thread(#[from] io::Error),
}

/// Watches until it is dropped. A save that is being judged then is not heard of any more.
pub struct ScriptWatcher {
    waker: Waker,
}

impl ScriptWatcher {
    /// Watches the script at `path`; where it is another one than the one in force, that counts as a save.
    ///
    /// `ask` asks the trader how things stand and waits for the answer; `None` if it is over. `tell` hands over
    /// what was found; `false` if nobody listens any more. Both are called on the watcher's threads.
    pub fn start(
        path: &Path,
        ask: impl Fn() -> Option<Snapshot> + Send + Sync + 'static,
        tell: impl Fn(Found) -> bool + Send + 'static,
    ) -> Result<ScriptWatcher, WatchError> {
        let mut saves = Saves::start()?;
        saves.watch([path]);
        let waker = saves.waker();
        let mut watch = Watch {
            path: path.to_owned(),
            files: BTreeSet::from([path.to_owned()]),
            seen: BTreeMap::new(),
            saves,
            ask,
            is_first: true,
        };
        thread::Builder::new().name("script watcher".into()).spawn(move || watch.run(&tell))?;
        Ok(ScriptWatcher { waker })
    }

    /// Judges the files as they are now, though nothing was saved.
    pub fn again(&self) {
        self.waker.wake();
    }
}

impl Drop for ScriptWatcher {
    fn drop(&mut self) {
        self.waker.end();
    }
}

/// Hashes of files; `None` for one that cannot be read.
type Seen = BTreeMap<PathBuf, Option<Vec<u8>>>;

struct Watch<A> {
    path: PathBuf,
    /// The script, and what it asked to import when it was last loaded.
    files: BTreeSet<PathBuf>,
    /// As they were when they were last judged.
    seen: Seen,
    saves: Saves,
    ask: A,
    is_first: bool,
}

impl<A: Fn() -> Option<Snapshot> + Send + Sync> Watch<A> {
    fn run(&mut self, tell: &impl Fn(Found) -> bool) {
        let mut found = self.judge_apart();
        loop {
            // While it was judged there may have been another save.
            if !self.saves.has_news()
                && let Some(found) = found.take()
                && !tell(found)
            {
                return;
            }
            match self.saves.wait() {
                Heard::Ended => return,
                Heard::Woken => found = self.judge_apart(),
                // Touched, or saved as it was.
                Heard::Saved if hashes(&self.files) == self.seen => {}
                Heard::Saved => found = self.judge_apart(),
            }
        }
    }

    /// On a thread with a stack that scripts need. What goes wrong there beyond reason is a rejection too.
    fn judge_apart(&mut self) -> Option<Found> {
        let path = self.path.display().to_string();
        let failed = |why: &str| Some(Found::Rejected(Rejected::new(&path, why)));
        thread::scope(|scope| {
            let builder = thread::Builder::new().name("script candidate".into()).stack_size(STACK);
            match builder.spawn_scoped(scope, || self.judge()) {
                Ok(thread) => {
                    thread.join().unwrap_or_else(|_| failed("judging it failed: please report this"))
                }
                Err(error) => failed(&format!("cannot start a thread to judge it: {error}")),
            }
        })
    }

    fn judge(&mut self) -> Option<Found> {
        let is_first = std::mem::take(&mut self.is_first);
        let loaded = loop {
            // First watched, then hashed, then read: what is saved in between is noticed.
            self.saves.watch(self.files.iter().map(PathBuf::as_path));
            self.seen = hashes(&self.files);
            let mut asked = BTreeSet::from([self.path.clone()]);
            let loaded = Script::load_noting(&self.path, &mut asked);
            let is_known = asked.is_subset(&self.files);
            self.files.append(&mut asked.clone());
            if is_known {
                self.files = asked;
                self.seen.retain(|file, _| self.files.contains(file));
                break loaded;
            }
        };
        let script = match loaded {
            Ok(script) => script,
            Err(error) => return Some(Found::Rejected(error.into())),
        };
        let snapshot = (self.ask)()?;
        let in_force = snapshot.in_force();
        if script.sha256() == in_force.sha256 {
            return (!is_first).then_some(Found::InForce(in_force));
        }
        Some(match Candidate::prepare(script, snapshot) {
            Ok(candidate) => Found::Candidate(Box::new(candidate)),
            Err(rejected) => Found::Rejected(rejected),
        })
    }
}

fn hashes(files: &BTreeSet<PathBuf>) -> Seen {
    let hash = |file: &PathBuf| std::fs::read(file).ok().map(|bytes| Sha256::digest(&bytes).to_vec());
    files.iter().map(|file| (file.clone(), hash(file))).collect()
}
