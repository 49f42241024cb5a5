//! The candles of a local exchange: files as series, where the market begins in them, and their dates.

use super::{RehearsalError, RehearsalOptions};
use crate::data::{LoadOptions, LoadedSeries, load_series, symbol_of};
use crate::job::{BUNDLED, JobError};
use crate::model::{DAY_MS, HOUR_MS, Interval, iso_date};
use crate::venues::local::market::Series;
use std::path::{Path, PathBuf};

/// Where the market begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With the first candle that all symbols have.
    First,
    /// With the last one.
    Last,
    /// In ms: with the first candle that opens no earlier.
    At(i64),
}

/// What a file covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    pub symbol: String,
    pub interval: Interval,
    /// Open times of the first and the last candle, in ms.
    pub from: i64,
    pub to: i64,
    pub candles: usize,
    pub file: PathBuf,
}

impl Range {
    pub(super) fn of(loaded: &LoadedSeries) -> Range {
        let (from, to) = first_and_last(loaded);
        Range {
            symbol: loaded.series.symbol().to_owned(),
            interval: loaded.series.interval(),
            from,
            to,
            candles: loaded.series.len(),
            file: loaded.path.clone(),
        }
    }
}

pub(super) fn load(options: &RehearsalOptions) -> Result<Vec<LoadedSeries>, RehearsalError> {
    let files = match options.data.as_slice() {
        [] if Path::new(BUNDLED).exists() => vec![BUNDLED.to_owned()],
        [] => return Err(JobError::NotBundled.into()),
        files => files.to_vec(),
    };
    let options = LoadOptions { interval: options.interval, repair: options.repair };
    let mut loaded: Vec<LoadedSeries> = Vec::new();
    for file in &files {
        let (symbol, path) = match file.split_once('=') {
            Some((symbol, path)) if symbol_of(Path::new(symbol)).as_deref() == Some(symbol) => {
                (Some(symbol.to_owned()), PathBuf::from(path))
            }
            _ => (None, PathBuf::from(file)),
        };
        let symbol = symbol
            .or_else(|| symbol_of(&path))
            .ok_or_else(|| RehearsalError::NoSymbol { path: path.clone() })?;
        if let Some(other) = loaded.iter().find(|other| other.series.symbol() == symbol) {
            return Err(RehearsalError::Twice { symbol, first: other.path.clone(), second: path });
        }
        loaded.push(load_series(&path, &symbol, &options).map_err(JobError::Data)?);
    }
    Ok(loaded)
}

fn first_and_last(loaded: &LoadedSeries) -> (i64, i64) {
    let times = loaded.series.open_times();
    (times.first().copied().unwrap_or(0), times.last().copied().unwrap_or(0))
}

/// Where the market begins: inside the time that all files cover.
pub(super) fn start(start: Option<Start>, loaded: &[LoadedSeries]) -> Result<i64, RehearsalError> {
    let first = loaded.iter().map(|it| first_and_last(it).0).max().unwrap_or(0);
    let last = loaded.iter().map(|it| first_and_last(it).1).min().unwrap_or(0);
    if first > last {
        let covers: Vec<String> = loaded
            .iter()
            .map(|it| {
                let (first, last) = first_and_last(it);
                format!("{} {} to {}", it.series.symbol(), iso_date(first), iso_date(last))
            })
            .collect();
        return Err(RehearsalError::Apart { covers: covers.join(", ") });
    }
    match start.unwrap_or(Start::At(first + (last - first) / 5 * 4)) {
        Start::First => Ok(first),
        Start::Last => Ok(last),
        Start::At(time) if start.is_some() && !(first..=last).contains(&time) => {
            Err(RehearsalError::StartsOutside { first, last })
        }
        // The opening of a candle.
        Start::At(time) => {
            let times = loaded.first().map(|it| it.series.open_times()).unwrap_or_default();
            let row = times.partition_point(|open| *open < time);
            Ok(times.get(row).copied().unwrap_or(last).min(last))
        }
    }
}

/// Moves the candles so that the market's time is the wall clock's, and the start on to there: by threes of weeks, so
/// that klines of 3 days and of weeks open where they did, or by less where so much is not left of the candles.
/// Returns the start, and how far they were moved.
pub(super) fn move_to_today(loaded: &mut [LoadedSeries], start: i64) -> (i64, i64) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
    let left = loaded.iter().map(|it| first_and_last(it).1).min().unwrap_or(start).saturating_sub(start);
    let longest = loaded.iter().map(|it| it.series.interval().ms()).max().unwrap_or(DAY_MS);
    // Twice over, so that some of the market is still to come.
    let units = [21 * DAY_MS, 7 * DAY_MS, DAY_MS, HOUR_MS.max(longest)];
    let unit = units.into_iter().find(|unit| unit.saturating_mul(2) <= left).unwrap_or(longest);
    let shift = now.saturating_sub(start).div_euclid(unit) * unit;
    for one in loaded.iter_mut() {
        let nothing = Series::new("", one.series.interval());
        one.series = std::mem::replace(&mut one.series, nothing).shifted(shift);
    }
    let times = loaded.first().map(|it| it.series.open_times()).unwrap_or_default();
    let row = times.partition_point(|open| *open <= now).saturating_sub(1);
    (times.get(row).copied().unwrap_or(now), shift)
}
