//! Time as UTC milliseconds since 1970. Pure arithmetic: nothing here asks what time it is.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Utc};
use std::fmt;
use std::str::FromStr;

pub const HOUR_MS: i64 = 3_600_000;
pub const DAY_MS: i64 = 24 * HOUR_MS;

/// Days since 1970-01-01 (UTC).
pub fn day_of(ms: i64) -> i64 {
    ms.div_euclid(DAY_MS)
}

/// Hour of the UTC day, 0 to 23.
pub fn hour_of(ms: i64) -> i64 {
    ms.rem_euclid(DAY_MS) / HOUR_MS
}

/// Day of the week, 1 = Monday to 7 = Sunday (ISO 8601).
pub fn weekday_of(ms: i64) -> i64 {
    (day_of(ms) + 3).rem_euclid(7) + 1
}

/// `2021-03-04T05:06:07Z`, with milliseconds only where there are any.
pub fn iso(ms: i64) -> String {
    match DateTime::<Utc>::from_timestamp_millis(ms) {
        Some(t) if ms.rem_euclid(1000) == 0 => t.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        Some(t) => t.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        None => format!("{ms} ms"),
    }
}

/// `2021-03-04`.
pub fn iso_date(ms: i64) -> String {
    match DateTime::<Utc>::from_timestamp_millis(ms) {
        Some(t) => format!("{:04}-{:02}-{:02}", t.year(), t.month(), t.day()),
        None => format!("{ms} ms"),
    }
}

/// Reads an ISO 8601 date (`2021-03-04`, meaning 00:00 UTC) or time (`2021-03-04T05:06:07[.123][Z|+hh:mm]`,
/// a space instead of `T` allowed, UTC where no offset is given) as milliseconds.
pub fn parse_iso(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis());
    }
    if let Ok(time) = DateTime::parse_from_rfc3339(&text.replacen(' ', "T", 1)) {
        return Some(time.timestamp_millis());
    }
    let naive = text.trim_end_matches('Z');
    ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|format| NaiveDateTime::parse_from_str(naive, format).ok())
        .map(|time| time.and_utc().timestamp_millis())
}

/// Length of a candle, as the exchange names it: `1m` `5m` `1h` `1d` …
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interval {
    ms: i64,
}

const UNITS: [(char, i64); 5] =
    [('w', 7 * DAY_MS), ('d', DAY_MS), ('h', HOUR_MS), ('m', 60_000), ('s', 1000)];

impl Interval {
    pub const MINUTE: Interval = Interval { ms: 60_000 };

    pub fn from_ms(ms: i64) -> Option<Interval> {
        (ms > 0).then_some(Interval { ms })
    }

    pub fn ms(self) -> i64 {
        self.ms
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an interval: write a number and a unit, such as 1m, 5m, 1h, 4h, 1d or 1w")]
pub struct IntervalError(String);

impl FromStr for Interval {
    type Err = IntervalError;

    fn from_str(text: &str) -> Result<Interval, IntervalError> {
        let fault = || IntervalError(text.to_owned());
        let unit = text.chars().last().ok_or_else(fault)?;
        let ms = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(fault)?.1;
        let count: i64 = text[..text.len() - 1].parse().map_err(|_| fault())?;
        count.checked_mul(ms).and_then(Interval::from_ms).ok_or_else(fault)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, ms)| self.ms % ms == 0) {
            Some((unit, ms)) => write!(f, "{}{unit}", self.ms / ms),
            None => write!(f, "{}ms", self.ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_hours_and_weekdays_of_the_epoch_and_before() {
        assert_eq!((day_of(0), hour_of(0), weekday_of(0)), (0, 0, 4), "1970-01-01 was a Thursday");
        assert_eq!((day_of(-1), hour_of(-1), weekday_of(-1)), (-1, 23, 3));
    }

    #[test]
    fn iso_times_are_read_and_written() {
        assert_eq!(parse_iso("2017-08-17"), Some(1_502_928_000_000));
        for text in
            ["2017-08-17T04:00:00Z", "2017-08-17 04:00:00", "2017-08-17T06:00:00+02:00", "2017-08-17T04:00"]
        {
            assert_eq!(parse_iso(text), Some(1_502_942_400_000), "{text}");
        }
        assert_eq!(iso(1_502_942_400_000), "2017-08-17T04:00:00Z");
        assert_eq!(iso(1_502_942_400_123), "2017-08-17T04:00:00.123Z");
        assert_eq!(parse_iso("yesterday"), None);
    }

    #[test]
    fn intervals_are_read_and_written() {
        for text in ["1m", "5m", "1h", "4h", "1d", "1w", "30s"] {
            assert_eq!(text.parse::<Interval>().unwrap().to_string(), text);
        }
        for text in ["", "h", "0m", "-1h", "1x", "99999999999999w", "é"] {
            assert!(text.parse::<Interval>().is_err(), "{text}");
        }
    }
}
