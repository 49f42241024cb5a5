//! Time columns: whatever unit a file is written in, read as UTC milliseconds.

use crate::model::parse_iso;
use std::fmt;

/// 2000-01-01 and 2100-01-01 in seconds. Every supported unit puts these years in a range of its own, so the
/// magnitude alone says which one is meant.
const FROM_S: i64 = 946_684_800;
const TO_S: i64 = 4_102_444_800;

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
    /// ISO 8601.
    Text,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unit::Seconds => "seconds",
            Unit::Milliseconds => "milliseconds",
            Unit::Microseconds => "microseconds",
            Unit::Nanoseconds => "nanoseconds",
            Unit::Text => "ISO 8601",
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum ClockFault {
    NotATime,
    OutOfRange,
    OtherUnit { unit: Unit, before: Unit, since: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Instant {
    pub ms: i64,
    /// Written without any fraction of a second, so it names a whole second.
    pub whole_second: bool,
}

/// Reads one time column. The first row fixes the unit: a file that changes it half-way was glued together
/// from two.
#[derive(Debug, Default)]
pub(super) struct Clock {
    unit: Option<(Unit, u64)>,
    /// The last ISO date and its milliseconds: most rows share it with the row before.
    day: Option<([u8; 10], i64)>,
}

impl Clock {
    pub fn read(&mut self, text: &str, line: u64) -> Result<Instant, ClockFault> {
        let (unit, ms, whole_second) = match integer(text) {
            Some(number) => {
                let (unit, ms) = scale(number).ok_or(ClockFault::OutOfRange)?;
                (unit, ms, unit == Unit::Seconds)
            }
            None => {
                let ms = self.iso(text).ok_or(ClockFault::NotATime)?;
                if !(FROM_S * 1000..TO_S * 1000).contains(&ms) {
                    return Err(ClockFault::OutOfRange);
                }
                (Unit::Text, ms, !text.contains('.'))
            }
        };
        match self.unit {
            Some((before, since)) if before != unit => Err(ClockFault::OtherUnit { unit, before, since }),
            Some(_) => Ok(Instant { ms, whole_second }),
            None => {
                self.unit = Some((unit, line));
                Ok(Instant { ms, whole_second })
            }
        }
    }

    fn iso(&mut self, text: &str) -> Option<i64> {
        let bytes = text.as_bytes();
        if let Some((date, day_ms)) = self.day
            && bytes.starts_with(&date)
            && let Some(ms) = bytes.get(10..).and_then(time_of_day)
        {
            return Some(day_ms + ms);
        }
        let ms = parse_iso(text)?;
        if let Some(date) = bytes.first_chunk::<10>() {
            self.day = text.get(..10).and_then(parse_iso).map(|day_ms| (*date, day_ms));
        }
        Some(ms)
    }
}

/// `T05:06:07` or ` 05:06:07`, with or without `Z`: by far the commonest spelling. Others take the long way.
fn time_of_day(text: &[u8]) -> Option<i64> {
    let [b'T' | b' ', h1, h2, b':', m1, m2, b':', s1, s2] = text.strip_suffix(b"Z").unwrap_or(text) else {
        return None;
    };
    let two = |tens: &u8, ones: &u8| {
        (tens.is_ascii_digit() && ones.is_ascii_digit())
            .then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
    };
    let (hours, minutes, seconds) = (two(h1, h2)?, two(m1, m2)?, two(s1, s2)?);
    (hours < 24 && minutes < 60 && seconds < 60).then_some(((hours * 60 + minutes) * 60 + seconds) * 1000)
}

/// A whole number, also when a spreadsheet or data frame wrote it as `1609459200.0`.
fn integer(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| {
        let (whole, zeros) = text.split_once('.')?;
        zeros.bytes().all(|b| b == b'0').then(|| whole.parse().ok())?
    })
}

fn scale(number: i64) -> Option<(Unit, i64)> {
    let within = |per_second: i64| (FROM_S * per_second..TO_S * per_second).contains(&number);
    if within(1000) {
        Some((Unit::Milliseconds, number))
    } else if within(1_000_000) {
        Some((Unit::Microseconds, number.div_euclid(1000)))
    } else if within(1) {
        Some((Unit::Seconds, number * 1000))
    } else if within(1_000_000_000) {
        Some((Unit::Nanoseconds, number.div_euclid(1_000_000)))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(i64, bool), ClockFault> {
        Clock::default().read(text, 2).map(|at| (at.ms, at.whole_second))
    }

    #[test]
    fn every_unit_is_told_by_its_magnitude() {
        let ms = 1_502_942_400_000;
        for (text, whole_second) in [
            ("1502942400", true),
            ("1502942400.0", true),
            ("1502942400000", false),
            ("1502942400000000", false),
            ("1502942400000999", false),
            ("1502942400000000000", false),
            ("2017-08-17T04:00:00Z", true),
            ("2017-08-17 04:00:00", true),
            ("2017-08-17 04:00:00.000", false),
            ("2017-08-17T06:00:00+02:00", true),
        ] {
            assert_eq!(read(text), Ok((ms, whole_second)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_between_2000_and_2100_is_refused() {
        for text in ["0", "-1", "20210101", "946684799", "4102444800", "9223372036854775807", "1999-12-31"] {
            assert_eq!(read(text), Err(ClockFault::OutOfRange), "{text}");
        }
        for text in [
            "",
            "noon",
            "1.6E+12",
            "1502942400.5",
            "17/08/2017",
            "2017-08-17 25:00:00",
            "99999999999999999999",
        ] {
            assert_eq!(read(text), Err(ClockFault::NotATime), "{text}");
        }
    }

    #[test]
    fn the_short_way_for_iso_times_agrees_with_the_long_one() {
        let mut clock = Clock::default();
        for text in [
            "2020-02-28 23:59:59",
            "2020-02-28T23:59:59Z",
            "2020-02-29 00:00:00",
            "2020-02-29T00:00:01.250Z",
            "2020-02-29T00:00:02+01:00",
            "2020-02-29",
            "2020-02-29 12:34",
        ] {
            assert_eq!(clock.read(text, 1).map(|at| at.ms).ok(), parse_iso(text), "{text}");
        }
        assert_eq!(clock.read("2020-02-29 24:00:00", 9), Err(ClockFault::NotATime));
    }

    #[test]
    fn a_unit_once_seen_is_kept() {
        let mut clock = Clock::default();
        clock.read("1502942400000", 7).unwrap();
        assert_eq!(
            clock.read("1502942400", 8),
            Err(ClockFault::OtherUnit { unit: Unit::Seconds, before: Unit::Milliseconds, since: 7 })
        );
    }
}
