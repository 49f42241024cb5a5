//! What the exchange's dumps are called, and what time each covers.

use crate::model::{DAY_MS, parse_iso};
use std::ops::Range;

/// How much time a dump covers: the longer comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Span {
    Month,
    Day,
}

/// A dump by its name: `BTCUSDT-1h-2024-01.zip`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DumpName {
    pub span: Span,
    /// Open times of its candles (exclusive at the end), in UTC milliseconds.
    pub times: Range<i64>,
}

/// Reads a file's name as that of a dump of these candles; `None` where it is something else.
pub fn dump_name(name: &str, symbol: &str, interval: &str) -> Option<DumpName> {
    let stem = name.strip_suffix(".zip").or_else(|| name.strip_suffix(".csv"))?;
    let date = stem.strip_prefix(symbol)?.strip_prefix('-')?.strip_prefix(interval)?.strip_prefix('-')?;
    let digits = |text: &str, count| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    match date.split('-').collect::<Vec<_>>()[..] {
        [year, month] if digits(year, 4) && digits(month, 2) => {
            let from = parse_iso(&format!("{year}-{month}-01"))?;
            let (year, month): (i32, u32) = (year.parse().ok()?, month.parse().ok()?);
            let (year, month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
            let to = parse_iso(&format!("{year:04}-{month:02}-01"))?;
            Some(DumpName { span: Span::Month, times: from..to })
        }
        [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2) => {
            let from = parse_iso(&format!("{year}-{month}-{day}"))?;
            Some(DumpName { span: Span::Day, times: from..from + DAY_MS })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::iso_date;

    #[test]
    fn names_say_what_time_they_cover() {
        let read = |name: &str| {
            let DumpName { span, times } = dump_name(name, "BTCUSDT", "1h")?;
            Some((span, iso_date(times.start), iso_date(times.end)))
        };
        let some = |span, from: &str, to: &str| Some((span, from.to_owned(), to.to_owned()));
        assert_eq!(read("BTCUSDT-1h-2024-01.zip"), some(Span::Month, "2024-01-01", "2024-02-01"));
        assert_eq!(read("BTCUSDT-1h-2024-12.csv"), some(Span::Month, "2024-12-01", "2025-01-01"));
        assert_eq!(read("BTCUSDT-1h-2024-02-29.zip"), some(Span::Day, "2024-02-29", "2024-03-01"));
        for other in [
            "BTCUSDT-1h-2024-13.zip",
            "BTCUSDT-1h-2023-02-29.zip",
            "BTCUSDT-1h-2024.zip",
            "BTCUSDT-1h-2024-1.zip",
            "BTCUSDT-1h-2024-01.zip.CHECKSUM",
            "BTCUSDT-1m-2024-01.zip",
            "ETHBTCUSDT-1h-2024-01.zip",
            "BTCUSDT_1h.csv",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
