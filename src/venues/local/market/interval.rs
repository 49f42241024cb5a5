//! The intervals of klines, and where on the calendar each of them opens.

use crate::model::{DAY_MS, HOUR_MS};
use chrono::{DateTime, Datelike, Months, NaiveDate};

const MINUTE_MS: i64 = 60_000;

/// 1970-01-05, the first Monday.
const MONDAY_MS: i64 = 4 * DAY_MS;

/// An interval of klines, as the protocol names it; case matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KlineInterval {
    S1,
    M1,
    M3,
    M5,
    M15,
    M30,
    H1,
    H2,
    H4,
    H6,
    H8,
    H12,
    D1,
    D3,
    W1,
    Month,
}

impl KlineInterval {
    pub const ALL: [KlineInterval; 16] = [
        KlineInterval::S1,
        KlineInterval::M1,
        KlineInterval::M3,
        KlineInterval::M5,
        KlineInterval::M15,
        KlineInterval::M30,
        KlineInterval::H1,
        KlineInterval::H2,
        KlineInterval::H4,
        KlineInterval::H6,
        KlineInterval::H8,
        KlineInterval::H12,
        KlineInterval::D1,
        KlineInterval::D3,
        KlineInterval::W1,
        KlineInterval::Month,
    ];

    pub fn name(self) -> &'static str {
        match self {
            KlineInterval::S1 => "1s",
            KlineInterval::M1 => "1m",
            KlineInterval::M3 => "3m",
            KlineInterval::M5 => "5m",
            KlineInterval::M15 => "15m",
            KlineInterval::M30 => "30m",
            KlineInterval::H1 => "1h",
            KlineInterval::H2 => "2h",
            KlineInterval::H4 => "4h",
            KlineInterval::H6 => "6h",
            KlineInterval::H8 => "8h",
            KlineInterval::H12 => "12h",
            KlineInterval::D1 => "1d",
            KlineInterval::D3 => "3d",
            KlineInterval::W1 => "1w",
            KlineInterval::Month => "1M",
        }
    }

    /// `None` for a word that is no interval.
    pub fn of(name: &str) -> Option<KlineInterval> {
        KlineInterval::ALL.into_iter().find(|interval| interval.name() == name)
    }

    /// Length in milliseconds; a month has none of its own.
    pub fn ms(self) -> Option<i64> {
        Some(match self {
            KlineInterval::S1 => 1000,
            KlineInterval::M1 => MINUTE_MS,
            KlineInterval::M3 => 3 * MINUTE_MS,
            KlineInterval::M5 => 5 * MINUTE_MS,
            KlineInterval::M15 => 15 * MINUTE_MS,
            KlineInterval::M30 => 30 * MINUTE_MS,
            KlineInterval::H1 => HOUR_MS,
            KlineInterval::H2 => 2 * HOUR_MS,
            KlineInterval::H4 => 4 * HOUR_MS,
            KlineInterval::H6 => 6 * HOUR_MS,
            KlineInterval::H8 => 8 * HOUR_MS,
            KlineInterval::H12 => 12 * HOUR_MS,
            KlineInterval::D1 => DAY_MS,
            KlineInterval::D3 => 3 * DAY_MS,
            KlineInterval::W1 => 7 * DAY_MS,
            KlineInterval::Month => return None,
        })
    }

    /// The kline that `time` falls in, from its open time to the one after it (exclusive), where days begin
    /// `offset_ms` before 00:00 UTC: +8 h for UTC+8.
    pub fn span(self, time: i64, offset_ms: i64) -> (i64, i64) {
        let local = time.saturating_add(offset_ms);
        let (from, to) = match self.ms() {
            Some(ms) => {
                let origin = if self == KlineInterval::W1 { MONDAY_MS } else { 0 };
                let from = local.saturating_sub(local.saturating_sub(origin).rem_euclid(ms));
                (from, from.saturating_add(ms))
            }
            None => month(local).unwrap_or((i64::MIN, i64::MAX)),
        };
        (from.saturating_sub(offset_ms), to.saturating_sub(offset_ms))
    }
}

impl std::fmt::Display for KlineInterval {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The month around `time`; `None` beyond the years that the calendar knows.
fn month(time: i64) -> Option<(i64, i64)> {
    let first = DateTime::from_timestamp_millis(time)?.date_naive().with_day(1)?;
    let ms = |day: NaiveDate| Some(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis());
    Some((ms(first)?, ms(first.checked_add_months(Months::new(1))?)?))
}
