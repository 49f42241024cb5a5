//! What can be wrong with a candle file. A [`Fault`] is of one row, and repair can drop the row; any other
//! [`DataError`] is of the file.

use super::clock::Unit;
use crate::model::{Interval, iso};
use std::fmt;
use std::path::PathBuf;

/// The highest price taken for real.
pub const PRICE_MAX: f64 = 1e15;

/// Characters of a file that a message quotes.
const QUOTED_MAX: usize = 40;

/// Text from a file, cut to a length fit for a message, shown in quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt(String);

impl Excerpt {
    pub(super) fn of(bytes: &[u8]) -> Excerpt {
        let head = &bytes[..bytes.len().min(4 * QUOTED_MAX + 4)];
        let text = String::from_utf8_lossy(head);
        let mut cut: String = text.chars().take(QUOTED_MAX).collect();
        if text.chars().nth(QUOTED_MAX).is_some() {
            cut.push('…');
        }
        Excerpt(cut)
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

/// A column by number, counted from 1, and by the name the file gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub number: usize,
    pub name: String,
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {} `{}`", self.number, Excerpt::of(self.name.as_bytes()).0)
    }
}

/// What is wrong with one row.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Fault {
    #[error("{found} {} where the file has {expected} columns", if *.found == 1 { "field" } else { "fields" })]
    FieldCount { expected: usize, found: usize },
    #[error("{at}: {text} is not UTF-8 text")]
    NotUtf8 { at: Column, text: Excerpt },
    #[error("{at} is empty")]
    Empty { at: Column },
    #[error("{at}: {text} is not a number")]
    NotANumber { at: Column, text: Excerpt },
    #[error("{at}: {text} is not a finite number")]
    NotFinite { at: Column, text: Excerpt },
    #[error("{at}: {text} is not a price, which must be above zero")]
    NotPositive { at: Column, text: Excerpt },
    #[error("{at}: {text} is higher than any price taken for real ({PRICE_MAX:e})")]
    TooHigh { at: Column, text: Excerpt },
    #[error("{at}: {text} is negative, which a volume cannot be")]
    NegativeVolume { at: Column, text: Excerpt },
    #[error("{at}: {text} is not a whole number of trades")]
    NotACount { at: Column, text: Excerpt },
    #[error("{at}: {text} has more digits than can be kept (18)")]
    TooLong { at: Column, text: Excerpt },
    #[error("{at}: {text} is below the {other} {value}")]
    HighTooLow { at: Column, text: Excerpt, other: &'static str, value: f64 },
    #[error("{at}: {text} is above the {other} {value}")]
    LowTooHigh { at: Column, text: Excerpt, other: &'static str, value: f64 },
    #[error(
        "{at}: {text} is not a time, neither s, ms, µs or ns since 1970 nor ISO 8601 such as 2021-03-04T05:06:07Z"
    )]
    NotATime { at: Column, text: Excerpt },
    #[error("{at}: {text} is not a time between 2000 and 2100, in s, ms, µs or ns since 1970 or ISO 8601")]
    TimeOutOfRange { at: Column, text: Excerpt },
    #[error("{at}: {text} is a time in {unit}, but from line {since} on they were in {before}")]
    UnitChange { at: Column, text: Excerpt, unit: Unit, before: Unit, since: u64 },
    #[error("{at}: {text} repeats the time of the candle before ({})", iso(*.time))]
    Repeated { at: Column, text: Excerpt, time: i64 },
    #[error("{at}: {text} ({}) is earlier than the candle before ({})", iso(*.time), iso(*.before))]
    OutOfOrder { at: Column, text: Excerpt, time: i64, before: i64 },
    #[error("{at}: {text} ({}) is earlier than the open time ({})", iso(*.close_time), iso(*.open_time))]
    ClosesBeforeOpening { at: Column, text: Excerpt, close_time: i64, open_time: i64 },
}

impl Fault {
    /// Whether dropping the row mends the file.
    pub fn repairable(&self) -> bool {
        !matches!(self, Fault::UnitChange { .. })
    }

    fn remedy(&self) -> &'static str {
        match self {
            Fault::UnitChange { .. } => "Write all times in one unit, or split the file here.",
            Fault::OutOfOrder { .. } => {
                "Sort the file by open time, or run with --repair to drop what is out of order."
            }
            _ => "Fix the row, or run with --repair to drop it.",
        }
    }
}

impl serde::Serialize for Fault {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// A name the header lacks, and the column that may be meant by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingColumn {
    pub name: &'static str,
    pub similar: Option<Column>,
}

fn listed(missing: &[MissingColumn]) -> String {
    let item = |column: &MissingColumn| match &column.similar {
        Some(similar) => format!("`{}` (did you mean {similar}?)", column.name),
        None => format!("`{}`", column.name),
    };
    missing.iter().map(item).collect::<Vec<_>>().join(", ")
}

/// Why a candle file could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    #[error("{}: no such file. Check the path; docs/data.md says where candles come from.", .path.display())]
    NoSuchFile { path: PathBuf },
    #[error("{}: this is a directory. Name a file in it, such as BTCUSDT_1h.csv.", .path.display())]
    Directory { path: PathBuf },
    #[error("{}: the file cannot be read: {source}.", .path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}: the file is empty. A candle file has a header and one row per candle.", .path.display())]
    Empty { path: PathBuf },
    #[error("{}: there is a header but no candle. Download the file again, or choose another.", .path.display())]
    NoCandles { path: PathBuf },
    #[error("{}: this is a {kind}, not CSV text. Unpack or export it to a .csv file first.", .path.display())]
    Packed { path: PathBuf, kind: &'static str },
    #[error("{}: this is UTF-16 text. Save it as UTF-8.", .path.display())]
    Utf16 { path: PathBuf },
    #[error("{}: this is not text but binary data. Export it to a .csv file first.", .path.display())]
    Binary { path: PathBuf },
    #[error("{}:{line}: the header is not UTF-8 text. Save the file as UTF-8.", .path.display())]
    HeaderNotUtf8 { path: PathBuf, line: u64 },
    #[error(
        "{}:{line}: the line is longer than {limit} bytes. Candle files have one row per line; check its line ends.",
        .path.display()
    )]
    LongLine { path: PathBuf, line: u64, limit: u64 },
    #[error("{}:{line}: lines end in a carriage return alone. Save the file with LF or CRLF line ends.", .path.display())]
    CarriageReturns { path: PathBuf, line: u64 },
    #[error("{}:{line}: columns are separated by {separator}. Save the file with commas.", .path.display())]
    Separator { path: PathBuf, line: u64, separator: &'static str },
    #[error(
        "{}:{line}: there is no header, and {found} columns instead of the 12 of the exchange's own dumps. \
         Add a header line that names the columns, such as open_time,open,high,low,close,volume.",
        .path.display()
    )]
    NoHeader { path: PathBuf, line: u64, found: usize },
    #[error(
        "{}:{line}: the header has no column {}. Rename or add it; needed are open_time, open, high, low, close and \
         volume.",
        .path.display(), listed(.missing)
    )]
    MissingColumns { path: PathBuf, line: u64, missing: Vec<MissingColumn> },
    #[error("{}:{line}: {second} has the name of column {first}. Rename or remove one of them.", .path.display())]
    DuplicateColumn { path: PathBuf, line: u64, first: usize, second: Column },
    #[error("{}:{line}: {fault}. {}", .path.display(), .fault.remedy())]
    Row { path: PathBuf, line: u64, fault: Box<Fault> },
    #[error(
        "{}: {dropped} of {rows} rows are faulty, too many to repair. The first is line {line}: {first}. Fix the file \
         at its source.",
        .path.display()
    )]
    BeyondRepair { path: PathBuf, dropped: usize, rows: usize, line: u64, first: Box<Fault> },
    #[error(
        "{}: the interval cannot be told from {}, nor from the file name. Give it with --interval, or name the \
         file like BTCUSDT_1h.csv.",
        .path.display(), evidence(*.candles)
    )]
    IntervalUnknown { path: PathBuf, candles: usize },
    #[error(
        "{}: the candles are {found} apart, closer than the interval {given} that was given. Give {found}, or choose \
         another file.",
        .path.display()
    )]
    IntervalTooLong { path: PathBuf, found: Interval, given: Interval },
}

fn evidence(candles: usize) -> &'static str {
    if candles == 1 { "one candle" } else { "candles so irregularly spaced" }
}
