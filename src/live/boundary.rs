//! Places where a process can be killed on purpose: before and after everything that is written, sent or received.
//! `mista torture` counts them and kills at each in turn; without it they cost one load of a number.

use std::sync::atomic::{AtomicU64, Ordering};

/// Passes that are left until the process kills itself; 0: never.
static LEFT: AtomicU64 = AtomicU64::new(0);

/// From now on: the process ends at the `count`-th boundary, without a chance to do anything more.
pub fn arm(count: u64) {
    LEFT.store(count, Ordering::Relaxed);
}

/// A boundary.
pub fn pass() {
    if LEFT.load(Ordering::Relaxed) != 0 && LEFT.fetch_sub(1, Ordering::Relaxed) == 1 {
        kill();
    }
}

#[cfg(unix)]
fn kill() {
    use rustix::process::{Signal, getpid, kill_process};
    // What follows is not reached.
    let _ = kill_process(getpid(), Signal::KILL);
    std::process::abort();
}

#[cfg(not(unix))]
fn kill() {
    std::process::abort();
}
