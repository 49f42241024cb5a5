//! One dump, opened: a zip with one CSV in it, or the CSV; compared with its `.CHECKSUM`.

use super::error::FetchError;
use super::row::Row;
use crate::venues::binance::wire::Kline;
use rust_decimal::Decimal;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use zip::ZipArchive;

/// Bytes of an unpacked dump at most: more than a month of seconds has.
const UNPACKED_MAX: u64 = 1 << 30;

/// Bytes of a line at most.
const LINE_MAX: u64 = 4096;

const COLUMNS: usize = 12;

const AGAIN: &str = "Download it again.";

fn fault(path: &Path, why: impl Into<String>, remedy: &'static str) -> FetchError {
    FetchError::Dump { path: path.to_owned(), why: why.into(), remedy }
}

fn io(path: &Path) -> impl Fn(io::Error) -> FetchError {
    let path = path.to_owned();
    move |source| FetchError::Io { path: path.clone(), source }
}

/// Compares a file with its `.CHECKSUM`. False: there is none.
pub fn verify(path: &Path) -> Result<bool, FetchError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".CHECKSUM");
    let beside = PathBuf::from(beside);
    let mut text = String::new();
    match File::open(&beside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(io(&beside)(error)),
        Ok(file) => match file.take(LINE_MAX).read_to_string(&mut text) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::InvalidData => text.clear(),
            Err(error) => return Err(io(&beside)(error)),
        },
    }
    let (sum, name) = text.trim().split_once(char::is_whitespace).unwrap_or_default();
    let name = name.trim_start().trim_start_matches('*');
    if sum.len() != 64 || !sum.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(fault(&beside, "this is no checksum: 64 hex digits and a file's name", AGAIN));
    }
    if path.file_name().and_then(|name| name.to_str()) != Some(name) {
        return Err(fault(&beside, format!("it is of another file, {name}"), AGAIN));
    }
    let mut file = File::open(path).map_err(io(path))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(io(path))? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    let found = hash.finalize().iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    match found.eq_ignore_ascii_case(sum) {
        true => Ok(true),
        false => Err(fault(path, "it is not what its .CHECKSUM says", "Download both again.")),
    }
}

/// The rows of the dump at `path`, which covers the open times `times`, in order.
pub fn rows(
    path: &Path,
    times: Range<i64>,
    interval_ms: i64,
    mut each: impl FnMut(Row) -> Result<(), FetchError>,
) -> Result<(), FetchError> {
    let file = File::open(path).map_err(io(path))?;
    if path.extension().is_none_or(|ending| ending != "zip") {
        return read(path, BufReader::new(file), times, interval_ms, &mut each);
    }
    let packed = |error: zip::result::ZipError| match error {
        zip::result::ZipError::Io(error) => fault(path, format!("it cannot be unpacked: {error}"), AGAIN),
        error => fault(path, format!("it is no zip file that can be read: {error}"), AGAIN),
    };
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(packed)?;
    if archive.len() != 1 {
        let why = format!("there are {} files in it, where a dump has one", archive.len());
        return Err(fault(path, why, AGAIN));
    }
    let entry = archive.by_index(0).map_err(packed)?;
    if entry.size() > UNPACKED_MAX {
        return Err(fault(path, too_large(), AGAIN));
    }
    read(path, BufReader::with_capacity(1 << 16, entry), times, interval_ms, &mut each)
}

fn too_large() -> String {
    format!("it unpacks to more than {} MiB, which no dump does", UNPACKED_MAX >> 20)
}

fn read(
    path: &Path,
    mut source: impl BufRead,
    times: Range<i64>,
    interval_ms: i64,
    each: &mut impl FnMut(Row) -> Result<(), FetchError>,
) -> Result<(), FetchError> {
    let (mut line, mut number, mut bytes) = (Vec::new(), 0, 0);
    let mut before = None;
    loop {
        line.clear();
        number += 1;
        let count = (&mut source).take(LINE_MAX).read_until(b'\n', &mut line);
        match count.map_err(|error| fault(path, format!("it cannot be read: {error}"), AGAIN))? {
            0 => return Ok(()),
            // What the zip says of its size need not be true.
            count => bytes += count as u64,
        }
        if bytes > UNPACKED_MAX {
            return Err(fault(path, too_large(), AGAIN));
        }
        let wrong = |why: String| FetchError::DumpRow { path: path.to_owned(), line: number, why };
        let text = std::str::from_utf8(&line).map_err(|_| wrong("this is no text".to_owned()))?.trim();
        let first = text.split(',').next().unwrap_or_default();
        if text.is_empty() || (number == 1 && !first.starts_with(|c: char| c.is_ascii_digit())) {
            continue;
        }
        let row = row(text).ok_or_else(|| wrong(format!("this is no row of {COLUMNS} columns")))?;
        if let Some(fault) = row.fault(interval_ms) {
            return Err(wrong(fault));
        }
        if before.is_some_and(|before| before >= row.open_time()) {
            return Err(wrong("it does not open after the one before".to_owned()));
        }
        if !times.contains(&row.open_time()) {
            return Err(wrong("it is not of the time that the file's name says".to_owned()));
        }
        before = Some(row.open_time());
        each(row)?;
    }
}

/// Reads a line of a dump.
fn row(line: &str) -> Option<Row> {
    let fields: [&str; COLUMNS] = line.split(',').collect::<Vec<_>>().try_into().ok()?;
    let [open_time, open, high, low, close, volume, close_time, quote, trades, base, taker_quote, _] = fields;
    let number = |text: &str| Decimal::from_str_exact(text).ok();
    Some(Row(Kline {
        open_time: time(open_time)?,
        close_time: time(close_time)?,
        open: number(open)?,
        high: number(high)?,
        low: number(low)?,
        close: number(close)?,
        volume: number(volume)?,
        quote_volume: number(quote)?,
        trades: trades.parse().ok()?,
        taker_buy_volume: number(base)?,
        taker_buy_quote_volume: number(taker_quote)?,
    }))
}

/// In milliseconds, or, from 2025 on, in microseconds.
fn time(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    Some(if number >= 100_000_000_000_000 { number / 1000 } else { number })
}
