//! Candles fetched into files: from the exchange, or from its public dumps on disk.
//!
//! | file | job |
//! |---|---|
//! | `row` | a candle as a row, exact to the digit |
//! | `store` | the file on disk, and what it lacks |
//! | `part`, `sink` | rows on their way into it |
//! | `rest` | where they come from: the exchange |
//! | `dumps`, `archive`, `dump_names` | where they come from: files of the exchange |
//!
//! Invariants: a file is complete or not there at all; what was fetched is never fetched twice, whenever the program
//! was killed; no row on disk is changed but by [`Task::refetch`]; a candle that is missing was asked for three times.

mod archive;
mod dump_names;
mod dumps;
mod error;
mod part;
mod rest;
mod row;
mod sink;
mod store;

pub use error::{FetchError, Trouble};
pub use rest::Exchange;
pub use row::HEADER;
pub use store::Task;

use super::GapReport;
use std::ops::Range;
use std::path::{Path, PathBuf};
use store::{Held, Store};

/// Intervals of candles that the exchange has. Its month (`1M`) is left out: it has no fixed length, which all of
/// mista's candles have.
pub const INTERVALS: [&str; 15] =
    ["1s", "1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "8h", "12h", "1d", "3d", "1w"];

/// What was used of the exchange so far, and what it gave.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Questions that were answered, however often they had to be asked.
    pub requests: u64,
    pub candles: u64,
    /// The most that was used of the limit on weight within its window.
    pub weight_highest: u64,
    /// 0: nothing was said about it.
    pub weight_limit: u64,
}

/// Looks on.
pub trait Watch {
    /// Candles of `name` are there up to `at`, and wanted for `times`.
    fn page(&mut self, name: &str, times: Range<i64>, at: i64, counts: Counts);
}

/// Where candles come from.
#[derive(Clone, Copy)]
pub enum Source<'a> {
    Exchange(&'a Exchange),
    /// A folder with dumps in it.
    Dumps(&'a Path),
}

/// What came of a file.
#[derive(Debug)]
pub struct Fetched {
    pub path: PathBuf,
    /// Rows that were not there before.
    pub new: u64,
    /// Open times of the first and the last candle.
    pub first: i64,
    pub last: i64,
    pub gaps: GapReport,
    pub notes: Vec<String>,
}

/// Brings the file of `task` up to what is asked. When this is given up half-way, what has come is kept.
pub async fn fetch(task: Task, source: Source<'_>, watch: &mut dyn Watch) -> Result<Fetched, FetchError> {
    let path = task.path.clone();
    let mut store = Store::open(task)?;
    let mut segments = store.segments()?;
    for segment in &mut segments {
        let notes = match source {
            Source::Exchange(exchange) => exchange.fetch(&store.task, segment, watch).await?,
            Source::Dumps(folder) => dumps::read(&store.task, folder, segment, watch).await?,
        };
        store.note(notes);
    }
    let Held { gaps, first, last, new } = store.finish(segments)?;
    Ok(Fetched { path, new, first, last, gaps, notes: std::mem::take(&mut store.notes) })
}
