//! All trials of all studies as one queue, worked off by every core; finished trials are written in order.

use super::study::{Place, Runner, Study};
use super::trials::{Shard, Trial, Writer};
use crate::script::STACK;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How far a study's trials may run ahead of the first one that has not ended: what is held in memory.
const AHEAD: u64 = 4096;

/// How often the watcher is called when nothing ends.
const TICK: Duration = Duration::from_millis(200);

/// The trials of a study that are to be run.
pub struct Work<'a> {
    pub study: &'a Study,
    pub shard: Shard,
    /// Trials of the shard that are there already.
    pub done: u64,
}

impl Work<'_> {
    /// Trials of the shard, done or not.
    pub fn len(&self) -> u64 {
        self.shard.len(self.study.trials())
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How a study's trials ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    Complete,
    /// By request, before all had been run.
    Stopped,
    Failed(String),
}

/// Looks on while trials are run.
pub trait Watcher {
    /// A trial of the `work`-th study has ended. Called in the order of the trials.
    fn trial(&mut self, work: usize, place: Place, trial: &Trial);
    /// Called a few times a second.
    fn tick(&mut self) {}
}

/// What the threads share.
struct Queue<'a> {
    work: &'a [Work<'a>],
    /// The next to be run: study, position in its shard.
    next: Mutex<(usize, u64)>,
    /// Positions up to here are written, by study.
    written: Vec<AtomicU64>,
    /// Studies that cannot go on.
    failed: Vec<AtomicBool>,
    stop: &'a AtomicBool,
}

impl Queue<'_> {
    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn take(&self) -> Option<(usize, u64)> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let (index, position) = *next;
            let work = self.work.get(index)?;
            if position >= work.len() || self.failed[index].load(Ordering::Relaxed) {
                *next = (index + 1, self.work.get(index + 1).map_or(0, |work| work.done));
                continue;
            }
            next.1 += 1;
            return Some((index, position));
        }
    }

    /// Waits while too much is held back by a trial that takes long.
    fn wait(&self, index: usize, position: u64) {
        while position.saturating_sub(self.written[index].load(Ordering::Relaxed)) > AHEAD
            && !self.stopped()
            && !self.failed[index].load(Ordering::Relaxed)
        {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

enum Message {
    Trial { work: usize, position: u64, place: Place, trial: Box<Trial> },
    Failed { work: usize, error: String },
}

/// Runs all trials on `threads` threads and writes them, a writer for each study. What is written does not
/// depend on the number of threads.
pub fn run(
    work: &[Work<'_>],
    writers: &mut [Writer],
    threads: usize,
    stop: &AtomicBool,
    watcher: &mut dyn Watcher,
) -> Vec<Ended> {
    let queue = Queue {
        work,
        next: Mutex::new((0, work.first().map_or(0, |work| work.done))),
        written: work.iter().map(|work| AtomicU64::new(work.done)).collect(),
        failed: work.iter().map(|_| AtomicBool::new(false)).collect(),
        stop,
    };
    let mut collected: Vec<Collected> =
        work.iter().map(|work| Collected { next: work.done, early: BTreeMap::new(), error: None }).collect();
    std::thread::scope(|scope| {
        let (sender, messages) = mpsc::channel();
        for _ in 0..threads.max(1) {
            let (sender, queue) = (sender.clone(), &queue);
            let thread = std::thread::Builder::new().stack_size(STACK);
            if let Err(error) = thread.spawn_scoped(scope, move || serve(queue, &sender)) {
                // Those that could be started do the work.
                tracing::warn!("cannot start a thread: {error}");
            }
        }
        drop(sender);
        loop {
            match messages.recv_timeout(TICK) {
                Ok(Message::Trial { work, position, place, trial }) => {
                    let into = &mut collected[work];
                    into.early.insert(position, (place, trial));
                    while let Some((place, trial)) = into.early.remove(&into.next) {
                        if let Err(error) = writers[work].append(place, &trial) {
                            let path = writers[work].path().display();
                            into.error =
                                Some(format!("cannot write {path}: {error}; --resume goes on from here"));
                            queue.failed[work].store(true, Ordering::Relaxed);
                            into.early.clear();
                            break;
                        }
                        into.next += 1;
                        queue.written[work].store(into.next, Ordering::Relaxed);
                        watcher.trial(work, place, &trial);
                    }
                }
                Ok(Message::Failed { work, error }) => {
                    collected[work].error.get_or_insert(error);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            watcher.tick();
        }
    });
    let ended = |(work, collected): (&Work<'_>, Collected)| match collected.error {
        Some(error) => Ended::Failed(error),
        None if collected.next < work.len() => Ended::Stopped,
        None => Ended::Complete,
    };
    work.iter().zip(collected).map(ended).collect()
}

/// Trials of a study as they come in.
struct Collected {
    /// Position of the next to be written.
    next: u64,
    /// Those that ended before it.
    early: BTreeMap<u64, (Place, Box<Trial>)>,
    error: Option<String>,
}

/// Ends the others when a thread breaks down: its trial would never come, and they would wait for it.
struct Alarm<'a>(&'a Queue<'a>);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.failed.iter().for_each(|failed| failed.store(true, Ordering::Relaxed));
        }
    }
}

/// Runs what the queue gives, until it has no more.
fn serve(queue: &Queue<'_>, sender: &mpsc::Sender<Message>) {
    let _alarm = Alarm(queue);
    let mut runner: Option<(usize, Runner<'_>)> = None;
    while let Some((work, position)) = queue.take() {
        if queue.stopped() {
            return;
        }
        let study = queue.work[work].study;
        if runner.as_ref().is_none_or(|(of, _)| *of != work) {
            runner = match Runner::new(study) {
                Ok(runner) => Some((work, runner)),
                Err(error) => {
                    queue.failed[work].store(true, Ordering::Relaxed);
                    // The collector is gone only when this thread's work is of no more use.
                    let _ = sender.send(Message::Failed { work, error: error.to_string() });
                    continue;
                }
            };
        }
        queue.wait(work, position);
        let place = study.place(queue.work[work].shard.trial(position));
        let (Some((_, runner)), Some(place)) = (&mut runner, place) else { continue };
        let trial = Box::new(runner.trial(place));
        if sender.send(Message::Trial { work, position, place, trial }).is_err() {
            return;
        }
    }
}
