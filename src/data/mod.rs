//! L4: candle files, read and checked. Nothing is invented: a row is taken as it is, refused with its place
//! in the file, or, where repair is asked for, dropped and listed; a missing candle is reported as part of a
//! gap.
//!
//! # What is read
//! - mista's own format: a header that names the columns, in any order and whatever the case. `open_time`,
//!   `open`, `high`, `low`, `close` and `volume` are needed, `close_time` may be there, all else is ignored
//!   unread. `timestamp`, `time`, `date`, `datetime` and `unix` are understood as `open_time`.
//! - the exchange's public dumps: no header, 12 columns.
//!
//! [`load_series`] also reads quote volume, number of trades and what takers bought, where there are such columns,
//! and keeps every digit: what the local exchange needs.
//!
//! Times are s, ms, µs or ns since 1970, told apart by their magnitude, or ISO 8601, UTC where there is no
//! offset. All of a column are in one unit. A part of a millisecond is cut off. Only 2000 to 2099 is taken
//! for real.
//!
//! Harmless and accepted: a UTF-8 byte order mark, CRLF, blank lines, lines that start with `#`, spaces or
//! double quotes around a field, one comma at the end of a line.
//!
//! # What is refused
//! A row with a wrong number of fields, with text where a number or time belongs, with a price that is not
//! above zero and at most [`PRICE_MAX`], a negative volume, a high or low that does not enclose open and
//! close, an open time not later than the one before, or a close time before the open time: such a row has a
//! [`Fault`], which repair drops. Anything wrong with the file as a whole, such as a column missing or a time
//! unit that changes half-way, repair does not touch.
//!
//! # Close times
//! `close_time` is inclusive. Without that column it is `open_time + interval - 1`. Written to whole seconds
//! (`04:59:59`) it means the end of that second. One later than `open_time + interval - 1`, as in files that
//! name the next open instead, is set to that, and counted in the report; an earlier one is kept: the
//! exchange may have stopped.

mod candle_file;
mod clock;
mod error;
pub mod fetch;
mod gaps;
mod series_file;

pub use clock::Unit;
pub use error::{Column, DataError, Excerpt, Fault, MissingColumn, PRICE_MAX};
pub use gaps::{Gap, GapReport};
pub use series_file::{LoadedSeries, load_series};

use crate::model::{Candles, Interval};
use candle_file::Content;
use serde::Serialize;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How to load a candle file.
#[derive(Debug, Clone, Copy, Default)]
pub struct LoadOptions {
    /// Length of the candles. Without it, the shortest step between open times that is common (a tenth of
    /// all), else what the file name says.
    pub interval: Option<Interval>,
    /// Drop rows that have a fault, and list them, instead of refusing the file. A repeated or out-of-order
    /// row is judged by the one before it that was kept.
    pub repair: bool,
}

/// A row that repair dropped.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Repair {
    pub line: u64,
    pub fault: Fault,
}

impl std::fmt::Display for Repair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.fault)
    }
}

/// A candle file that passed all checks. There is at least one candle, and open times rise strictly.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub candles: Arc<Candles>,
    pub interval: Interval,
    pub gaps: GapReport,
    pub repaired: Vec<Repair>,
    /// Of the bytes of the file, in lower-case hex.
    pub sha256: String,
    pub path: PathBuf,
}

/// Loads the candle file at `path`.
pub fn load(path: &Path, options: &LoadOptions) -> Result<Loaded, DataError> {
    let (file, size) = open(path)?;
    load_from(path, file, size, options)
}

/// The file at `path` and its size in bytes.
fn open(path: &Path) -> Result<(File, u64), DataError> {
    let failed = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => DataError::NoSuchFile { path: path.to_owned() },
        _ => DataError::Read { path: path.to_owned(), source },
    };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(DataError::Directory { path: path.to_owned() });
    }
    Ok((File::open(path).map_err(failed)?, metadata.len()))
}

/// Loads what `source` holds, `size` bytes if known and else 0, under the name `path`.
fn load_from(path: &Path, source: impl Read, size: u64, options: &LoadOptions) -> Result<Loaded, DataError> {
    let Content { rows: mut candles, has_close_time, faults, sha256 } =
        candle_file::read(Candles::default(), path, source, size, options.repair)?;
    let interval = interval(path, &candles.open_time, options.interval)?;
    let mut gaps = GapReport::new(&candles.open_time, interval);
    gaps.late_closes = bound_close_times(&mut candles, interval, has_close_time);
    let candles = Arc::new(candles);
    Ok(Loaded { candles, interval, gaps, repaired: repairs(faults), sha256, path: path.to_owned() })
}

fn repairs(faults: Vec<(u64, Fault)>) -> Vec<Repair> {
    faults.into_iter().map(|(line, fault)| Repair { line, fault }).collect()
}

fn interval(path: &Path, open_times: &[i64], given: Option<Interval>) -> Result<Interval, DataError> {
    let found = gaps::usual_step(open_times).and_then(Interval::from_ms);
    match (given, found) {
        (Some(given), Some(found)) if found.ms() < given.ms() => {
            Err(DataError::IntervalTooLong { path: path.to_owned(), found, given })
        }
        (Some(interval), _) | (None, Some(interval)) => Ok(interval),
        (None, None) => interval_of(path)
            .ok_or_else(|| DataError::IntervalUnknown { path: path.to_owned(), candles: open_times.len() }),
    }
}

/// Sets close times that are later than the interval allows, or all if the file has none. Returns how many
/// were late.
fn bound_close_times(candles: &mut Candles, interval: Interval, has_close_time: bool) -> usize {
    let mut late = 0;
    for (open_time, close_time) in candles.open_time.iter().zip(&mut candles.close_time) {
        let end = open_time.saturating_add(interval.ms() - 1);
        if !has_close_time {
            *close_time = end;
        } else if *close_time > end {
            *close_time = end;
            late += 1;
        }
    }
    late
}

/// The symbol a file is named after: its name up to the first character that is not A–Z or 0–9.
pub fn symbol_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let end = name.find(|c: char| !c.is_ascii_uppercase() && !c.is_ascii_digit()).unwrap_or(name.len());
    (end > 0).then(|| name[..end].to_owned())
}

/// The interval in a file name such as `SOLUSDT_1h.csv` or `SOLUSDT-15m-2023-01.csv`.
fn interval_of(path: &Path) -> Option<Interval> {
    let name = path.file_name()?.to_str()?;
    name.split(['_', '-', '.', ' ']).skip(1).find_map(|part| part.parse().ok())
}

#[cfg(test)]
mod tests;
