//! A candle file line by line, in one pass and bounded memory: bytes are hashed as they are read, one line is
//! held at a time, and only what [`Rows`] keeps of it grows.
//!
//! Lines are split here, not by a general CSV reader. A candle row never spans lines, so a stray quote cannot
//! swallow the rest of the file, and line numbers in messages are those of an editor, whatever the line ends,
//! comments and blank lines.

use super::clock::{Clock, ClockFault, Instant};
use super::error::{Column, DataError, Excerpt, Fault, MissingColumn, PRICE_MAX};
use crate::model::{Candle, Candles};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::path::Path;

const BUFFER_BYTES: usize = 256 * 1024;
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// Rows after which their mean length says how many will follow.
const SAMPLE_ROWS: usize = 1000;

const UTF8_BOM: &[u8] = b"\xef\xbb\xbf";

/// The exchange's public dumps, which come without a header.
const DUMP_COLUMNS: [&str; 12] = [
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
];

/// The columns a candle needs, in the order of [`Layout::needed`], each with its other names, best first.
const NEEDED: [(&str, &[&str]); 6] = [
    ("open_time", &["opentime", "timestamp", "time", "date", "datetime", "date_time", "unix"]),
    ("open", &[]),
    ("high", &[]),
    ("low", &[]),
    ("close", &[]),
    ("volume", &[]),
];
const CLOSE_TIME: (&str, &[&str]) = ("close_time", &["closetime"]);

/// Hashes what passes through.
struct Hashing<R> {
    source: R,
    sha256: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.source.read(buffer)?;
        self.sha256.update(&buffer[..count]);
        Ok(count)
    }
}

struct Lines<'a, R> {
    path: &'a Path,
    reader: BufReader<Hashing<R>>,
    line: Vec<u8>,
    /// Of the line in hand, from 1.
    number: u64,
}

impl<'a, R: Read> Lines<'a, R> {
    fn new(path: &'a Path, source: R) -> Self {
        let source = Hashing { source, sha256: Sha256::new() };
        Lines { path, reader: BufReader::with_capacity(BUFFER_BYTES, source), line: Vec::new(), number: 0 }
    }

    /// Refuses what is no text at all, by its first bytes.
    fn sniff(&mut self) -> Result<(), DataError> {
        let path = self.path.to_owned();
        let start = match self.reader.fill_buf() {
            Ok(start) => start,
            Err(source) => return Err(DataError::Read { path, source }),
        };
        let packed: [(&[u8], &str); 6] = [
            (b"\x1f\x8b", "gzip file"),
            (b"PK\x03\x04", "zip archive or a spreadsheet"),
            (b"\x28\xb5\x2f\xfd", "zstd file"),
            (b"\xfd7zXZ", "xz file"),
            (b"BZh", "bzip2 file"),
            (b"PAR1", "Parquet file"),
        ];
        if let Some((_, kind)) = packed.iter().find(|(magic, _)| start.starts_with(magic)) {
            return Err(DataError::Packed { path, kind });
        }
        if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
            return Err(DataError::Utf16 { path });
        }
        if start.contains(&0) {
            return Err(DataError::Binary { path });
        }
        if start.starts_with(UTF8_BOM) {
            self.reader.consume(UTF8_BOM.len());
        }
        Ok(())
    }

    /// Takes the next line that is neither blank nor a `#` comment in hand, without its end; false at the
    /// end.
    fn advance(&mut self) -> Result<bool, DataError> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut bounded = (&mut self.reader).take(LINE_BYTES_MAX);
            match bounded.read_until(b'\n', &mut self.line) {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(source) => return Err(DataError::Read { path: self.path.to_owned(), source }),
            }
            if self.line.last() == Some(&b'\n') {
                self.line.pop();
                if self.line.last() == Some(&b'\r') {
                    self.line.pop();
                }
            } else if self.line.len() as u64 == LINE_BYTES_MAX {
                return Err(DataError::LongLine {
                    path: self.path.to_owned(),
                    line: self.number,
                    limit: LINE_BYTES_MAX,
                });
            }
            match self.line.first() {
                Some(b'#') => {}
                Some(first) if first.is_ascii_digit() => return Ok(true),
                _ if self.line.trim_ascii().is_empty() => {}
                _ => return Ok(true),
            }
        }
    }
}

/// Which column is where.
struct Layout {
    names: Vec<String>,
    /// Indices of [`NEEDED`].
    needed: [usize; 6],
    close_time: Option<usize>,
}

impl Layout {
    fn dump() -> Layout {
        Layout {
            names: DUMP_COLUMNS.map(str::to_owned).to_vec(),
            needed: [0, 1, 2, 3, 4, 5],
            close_time: Some(6),
        }
    }

    fn of_header(path: &Path, line: u64, header: &str) -> Result<Layout, DataError> {
        let mut names: Vec<String> = header.split(',').map(|name| unquoted(name).to_owned()).collect();
        if names.len() > 1 && names.last().is_some_and(String::is_empty) {
            names.pop();
        }
        let keys: Vec<String> =
            names.iter().map(|name| name.to_lowercase().replace([' ', '-'], "_")).collect();
        let column = |index: usize| Column { number: index + 1, name: names[index].clone() };
        let find = |(name, others): (&str, &[&str])| -> Result<Option<usize>, DataError> {
            for name in std::iter::once(&name).chain(others) {
                let mut places =
                    keys.iter().enumerate().filter(|(_, key)| key == name).map(|(index, _)| index);
                match (places.next(), places.next()) {
                    (Some(first), Some(second)) => {
                        return Err(DataError::DuplicateColumn {
                            path: path.to_owned(),
                            line,
                            first: first + 1,
                            second: column(second),
                        });
                    }
                    (Some(place), None) => return Ok(Some(place)),
                    (None, _) => {}
                }
            }
            Ok(None)
        };
        let close_time = find(CLOSE_TIME)?;
        let mut needed = [0; 6];
        let mut absent = Vec::new();
        for (place, wanted) in needed.iter_mut().zip(NEEDED) {
            match find(wanted)? {
                Some(index) => *place = index,
                None => absent.push(wanted.0),
            }
        }
        if absent.is_empty() {
            return Ok(Layout { names, needed, close_time });
        }
        let known = |key: &str| {
            NEEDED.iter().chain([&CLOSE_TIME]).any(|(name, others)| *name == key || others.contains(&key))
        };
        let spare: Vec<usize> = (0..keys.len()).filter(|index| !known(&keys[*index])).collect();
        let missing = absent
            .into_iter()
            .map(|name| MissingColumn {
                name,
                similar: spare
                    .iter()
                    .map(|index| (unlikeness(name, &keys[*index]), *index))
                    .filter(|(unlikeness, _)| *unlikeness <= 2)
                    .min()
                    .map(|(_, index)| column(index)),
            })
            .collect();
        Err(DataError::MissingColumns { path: path.to_owned(), line, missing })
    }

    fn column(&self, index: usize) -> Column {
        Column { number: index + 1, name: self.names.get(index).cloned().unwrap_or_default() }
    }
}

/// Edits between two names, fewer where one begins with the other.
fn unlikeness(wanted: &str, given: &str) -> usize {
    if given.len() >= 2 && (wanted.starts_with(given) || given.starts_with(wanted)) {
        return 1;
    }
    let given: Vec<char> = given.chars().collect();
    let mut row: Vec<usize> = (0..=given.len()).collect();
    for (i, a) in wanted.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in given.iter().enumerate() {
            let edits = (diagonal + usize::from(a != *b)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = std::mem::replace(&mut row[j + 1], edits);
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

fn unquoted(text: &str) -> &str {
    if let [first, .., last] = text.as_bytes()
        && first.is_ascii_graphic()
        && last.is_ascii_graphic()
        && *first != b'"'
    {
        return text;
    }
    let text = text.trim();
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).map_or(text, str::trim)
}

/// Finds out the layout from the first line. The flag says whether that line is already a row.
fn layout(path: &Path, line: u64, first: &[u8]) -> Result<(Layout, bool), DataError> {
    let path = || path.to_owned();
    if first.contains(&b'\r') {
        return Err(DataError::CarriageReturns { path: path(), line });
    }
    if !first.contains(&b',') {
        let separators = [(b';', "semicolons"), (b'\t', "tabs"), (b'|', "vertical bars")];
        if let Some((_, separator)) = separators.iter().find(|(byte, _)| first.contains(byte)) {
            return Err(DataError::Separator { path: path(), line, separator });
        }
    }
    let Ok(text) = std::str::from_utf8(first) else {
        return Err(DataError::HeaderNotUtf8 { path: path(), line });
    };
    if unquoted(text.split(',').next().unwrap_or_default()).starts_with(|c: char| c.is_ascii_digit()) {
        let mut ends = Vec::new();
        split(first, &mut ends, DUMP_COLUMNS.len());
        if ends.len() != DUMP_COLUMNS.len() {
            return Err(DataError::NoHeader { path: path(), line, found: ends.len() });
        }
        return Ok((Layout::dump(), true));
    }
    Layout::of_header(&path(), line, text).map(|layout| (layout, false))
}

/// The end of each field of `line`. An empty field after the last of `columns` is a trailing comma, and left
/// out.
fn split(line: &[u8], ends: &mut Vec<usize>, columns: usize) {
    ends.clear();
    ends.extend(line.iter().enumerate().filter(|(_, byte)| **byte == b',').map(|(index, _)| index));
    if ends.len() != columns || ends.last().is_none_or(|last| !line[last + 1..].trim_ascii().is_empty()) {
        ends.push(line.len());
    }
}

/// A row split into fields.
pub(super) struct Row<'a> {
    layout: &'a Layout,
    line: &'a [u8],
    /// The whole line, if it is UTF-8: checked once for all its fields.
    utf8: Option<&'a str>,
    ends: &'a [usize],
}

impl<'a> Row<'a> {
    fn span(&self, index: usize) -> Range<usize> {
        let start = if index == 0 { 0 } else { self.ends[index - 1] + 1 };
        start..self.ends[index]
    }

    pub(super) fn text(&self, index: usize) -> Result<&'a str, Fault> {
        let span = self.span(index);
        let text = match self.utf8 {
            Some(line) => Some(&line[span]),
            None => std::str::from_utf8(&self.line[span]).ok(),
        };
        match text.map(unquoted) {
            Some("") => Err(Fault::Empty { at: self.layout.column(index) }),
            Some(text) => Ok(text),
            None => {
                let (at, text) = self.quote(index);
                Err(Fault::NotUtf8 { at, text })
            }
        }
    }

    #[cold]
    pub(super) fn quote(&self, index: usize) -> (Column, Excerpt) {
        let bytes = &self.line[self.span(index)];
        let text = std::str::from_utf8(bytes).map_or(bytes, |text| unquoted(text).as_bytes());
        (self.layout.column(index), Excerpt::of(text))
    }

    pub(super) fn number(&self, index: usize) -> Result<f64, Fault> {
        match self.text(index)?.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            Ok(_) => {
                let (at, text) = self.quote(index);
                Err(Fault::NotFinite { at, text })
            }
            Err(_) => {
                let (at, text) = self.quote(index);
                Err(Fault::NotANumber { at, text })
            }
        }
    }

    fn price(&self, index: usize) -> Result<f64, Fault> {
        let price = self.number(index)?;
        if price > 0.0 && price <= PRICE_MAX {
            return Ok(price);
        }
        let (at, text) = self.quote(index);
        Err(if price > 0.0 { Fault::TooHigh { at, text } } else { Fault::NotPositive { at, text } })
    }

    fn time(&self, index: usize, clock: &mut Clock, line: u64) -> Result<Instant, Fault> {
        clock.read(self.text(index)?, line).map_err(|fault| {
            let (at, text) = self.quote(index);
            match fault {
                ClockFault::NotATime => Fault::NotATime { at, text },
                ClockFault::OutOfRange => Fault::TimeOutOfRange { at, text },
                ClockFault::OtherUnit { unit, before, since } => {
                    Fault::UnitChange { at, text, unit, before, since }
                }
            }
        })
    }
}

#[derive(Default)]
struct Clocks {
    open_time: Clock,
    close_time: Clock,
}

/// Reads a row. Without a column for it, `close_time` is left at `open_time`.
fn candle(row: &Row<'_>, clocks: &mut Clocks, line: u64, before: Option<i64>) -> Result<Candle, Fault> {
    let expected = row.layout.names.len();
    if row.ends.len() != expected {
        return Err(Fault::FieldCount { expected, found: row.ends.len() });
    }
    let [time_at, open_at, high_at, low_at, close_at, volume_at] = row.layout.needed;
    let open_time = row.time(time_at, &mut clocks.open_time, line)?.ms;
    if let Some(before) = before
        && open_time <= before
    {
        let (at, text) = row.quote(time_at);
        return Err(if open_time == before {
            Fault::Repeated { at, text, time: open_time }
        } else {
            Fault::OutOfOrder { at, text, time: open_time, before }
        });
    }
    let (open, high) = (row.price(open_at)?, row.price(high_at)?);
    let (low, close) = (row.price(low_at)?, row.price(close_at)?);
    let volume = row.number(volume_at)?;
    if volume < 0.0 {
        let (at, text) = row.quote(volume_at);
        return Err(Fault::NegativeVolume { at, text });
    }
    for (other, value) in [("open", open), ("close", close)] {
        if high < value {
            let (at, text) = row.quote(high_at);
            return Err(Fault::HighTooLow { at, text, other, value });
        }
        if low > value {
            let (at, text) = row.quote(low_at);
            return Err(Fault::LowTooHigh { at, text, other, value });
        }
    }
    let mut close_time = open_time;
    if let Some(index) = row.layout.close_time {
        let instant = row.time(index, &mut clocks.close_time, line)?;
        // A close time is inclusive: 04:59:59 without a fraction means to the end of that second.
        close_time = instant.ms + if instant.whole_second { 999 } else { 0 };
        if close_time < open_time {
            let (at, text) = row.quote(index);
            return Err(Fault::ClosesBeforeOpening { at, text, close_time, open_time });
        }
    }
    Ok(Candle { open_time, close_time, open, high, low, close, volume })
}

/// What is kept of the rows of a file.
pub(super) trait Rows {
    /// Learns what the columns are called, once, before the first row.
    fn columns(&mut self, _names: &[String]) {}
    fn count(&self) -> usize;
    fn last_open_time(&self) -> Option<i64>;
    /// Takes a row that has passed all checks of a candle. `needed` are the columns of open, high, low, close and
    /// volume.
    fn take(&mut self, row: &Row<'_>, needed: [usize; 5], candle: Candle) -> Result<(), Fault>;
    /// Makes room for `more` rows. Only an estimate: if the room is not to be had now, the columns grow as usual.
    fn reserve(&mut self, more: usize);
    /// Gives back room that stayed unused, where it is much.
    fn shrink(&mut self);
}

impl Rows for Candles {
    fn count(&self) -> usize {
        self.len()
    }

    fn last_open_time(&self) -> Option<i64> {
        self.open_time.last().copied()
    }

    #[inline]
    fn take(&mut self, _: &Row<'_>, _: [usize; 5], candle: Candle) -> Result<(), Fault> {
        self.push(candle);
        Ok(())
    }

    fn reserve(&mut self, more: usize) {
        for column in [&mut self.open_time, &mut self.close_time] {
            let _ = column.try_reserve_exact(more);
        }
        for column in floats(self) {
            let _ = column.try_reserve_exact(more);
        }
    }

    fn shrink(&mut self) {
        let len = self.len();
        for column in [&mut self.open_time, &mut self.close_time] {
            if wasteful(column.capacity(), len) {
                column.shrink_to_fit();
            }
        }
        for column in floats(self) {
            if wasteful(column.capacity(), len) {
                column.shrink_to_fit();
            }
        }
    }
}

/// What a file holds, before an interval is known.
pub(super) struct Content<R> {
    pub rows: R,
    /// Whether the file has close times; where not, they are still to be set.
    pub has_close_time: bool,
    pub faults: Vec<(u64, Fault)>,
    pub sha256: String,
}

/// Reads into `rows` `source`, `size` bytes long (0: not known), called `path` in messages. With `repair`, rows with a
/// fault are left out and listed.
pub(super) fn read<R: Rows>(
    mut rows: R,
    path: &Path,
    source: impl Read,
    size: u64,
    repair: bool,
) -> Result<Content<R>, DataError> {
    let mut lines = Lines::new(path, source);
    lines.sniff()?;
    if !lines.advance()? {
        return Err(DataError::Empty { path: path.to_owned() });
    }
    let (layout, mut in_hand) = layout(path, lines.number, &lines.line)?;
    let columns = layout.names.len();
    rows.columns(&layout.names);
    let [_, needed @ ..] = layout.needed;
    let (mut faults, mut clocks) = (Vec::new(), Clocks::default());
    let mut ends = Vec::with_capacity(columns + 1);
    let mut sampled_bytes = 0;
    while std::mem::take(&mut in_hand) || lines.advance()? {
        split(&lines.line, &mut ends, columns);
        let utf8 = std::str::from_utf8(&lines.line).ok();
        let row = Row { layout: &layout, line: &lines.line, utf8, ends: &ends };
        let taken = candle(&row, &mut clocks, lines.number, rows.last_open_time())
            .and_then(|candle| rows.take(&row, needed, candle));
        match taken {
            Ok(()) => {
                if rows.count() <= SAMPLE_ROWS {
                    sampled_bytes += lines.line.len() + 1;
                    if rows.count() == SAMPLE_ROWS {
                        // Their mean length says how many will follow, and a few more: so no column is copied to
                        // a bigger place as it grows.
                        let all = size / (sampled_bytes / SAMPLE_ROWS) as u64;
                        let all = usize::try_from(all + all / 50).unwrap_or(0);
                        rows.reserve(all.saturating_sub(SAMPLE_ROWS));
                    }
                }
            }
            Err(fault) if repair && fault.repairable() => {
                faults.push((lines.number, fault));
                if faults.len() > SAMPLE_ROWS && faults.len() > rows.count() {
                    return Err(beyond_repair(path, rows.count(), faults));
                }
            }
            Err(fault) => {
                return Err(DataError::Row {
                    path: path.to_owned(),
                    line: lines.number,
                    fault: Box::new(fault),
                });
            }
        }
    }
    if rows.count() == 0 {
        return Err(beyond_repair(path, 0, faults));
    }
    rows.shrink();
    let digest = lines.reader.into_inner().sha256.finalize();
    Ok(Content {
        rows,
        has_close_time: layout.close_time.is_some(),
        faults,
        sha256: digest.iter().fold(String::with_capacity(64), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }),
    })
}

fn beyond_repair(path: &Path, kept: usize, faults: Vec<(u64, Fault)>) -> DataError {
    let (path, dropped) = (path.to_owned(), faults.len());
    match faults.into_iter().next() {
        None => DataError::NoCandles { path },
        Some((line, first)) => {
            DataError::BeyondRepair { path, dropped, rows: kept + dropped, line, first: Box::new(first) }
        }
    }
}

/// Whether room for `capacity` rows is much more than `len` of them need.
fn wasteful(capacity: usize, len: usize) -> bool {
    capacity > len + len / 8 + SAMPLE_ROWS
}

fn floats(candles: &mut Candles) -> [&mut Vec<f64>; 5] {
    let Candles { open, high, low, close, volume, .. } = candles;
    [open, high, low, close, volume]
}
