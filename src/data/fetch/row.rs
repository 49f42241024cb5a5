//! A candle as a row of a file: read, judged and written, exact to the digit.

use super::super::PRICE_MAX;
use crate::venues::binance::wire::Kline;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::fmt::{self, Write as _};

/// The first line of every file that is written here.
pub const HEADER: &str =
    "open_time,open,high,low,close,volume,close_time,quote_volume,trades,taker_buy_base,taker_buy_quote";

pub const COLUMNS: usize = 11;

/// Times taken for real, in ms: 2000 to 2099.
const TIMES: std::ops::Range<i64> = 946_684_800_000..4_102_444_800_000;

/// A candle with all its columns. Times are UTC milliseconds, both inclusive. Two are equal where all their numbers
/// are, however many zeros these are written with.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(pub Kline);

impl Row {
    pub fn open_time(&self) -> i64 {
        self.0.open_time
    }

    /// Reads a line of a file that was written here, without its end.
    pub fn read(line: &str) -> Option<Row> {
        let fields: [&str; COLUMNS] = line.split(',').collect::<Vec<_>>().try_into().ok()?;
        let [open_time, open, high, low, close, volume, close_time, quote, trades, base, taker_quote] =
            fields;
        let number = |text: &str| Decimal::from_str_exact(text).ok();
        Some(Row(Kline {
            open_time: open_time.parse().ok()?,
            close_time: close_time.parse().ok()?,
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

    /// What is wrong with it, if anything, as whoever loads it would find; `interval_ms` is how long it should be.
    pub fn fault(&self, interval_ms: i64) -> Option<String> {
        let row = &self.0;
        if !TIMES.contains(&row.open_time) {
            return Some("its open time is not between 2000 and 2100".to_owned());
        }
        if row.close_time < row.open_time {
            return Some("it closes before it opens".to_owned());
        }
        // A little longer than its interval is what a candle may be by a quirk of the exchange; twice as long is
        // another interval.
        if row.close_time - row.open_time >= interval_ms.saturating_mul(2) {
            return Some("it is much longer than its interval".to_owned());
        }
        let prices = [("open", row.open), ("high", row.high), ("low", row.low), ("close", row.close)];
        for (name, price) in prices {
            if price <= Decimal::ZERO {
                return Some(format!("its {name} {price} is not above zero"));
            }
            if price.to_f64().is_none_or(|price| price > PRICE_MAX) {
                return Some(format!("its {name} {price} is higher than any price taken for real"));
            }
        }
        for (name, price) in [("open", row.open), ("close", row.close)] {
            if row.high < price {
                return Some(format!("its high {} is below its {name} {price}", row.high));
            }
            if row.low > price {
                return Some(format!("its low {} is above its {name} {price}", row.low));
            }
        }
        let amounts = [
            ("volume", row.volume),
            ("quote volume", row.quote_volume),
            ("taker volume", row.taker_buy_volume),
            ("taker quote volume", row.taker_buy_quote_volume),
        ];
        let negative = amounts.into_iter().find(|(_, amount)| *amount < Decimal::ZERO);
        negative.map(|(name, amount)| format!("its {name} {amount} is negative"))
    }

    /// Appends the line, with its end.
    pub fn write(&self, to: &mut String) {
        // Writing to a text cannot fail.
        let _ = writeln!(to, "{self}");
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let row = &self.0;
        write!(f, "{}", row.open_time)?;
        for price in [row.open, row.high, row.low, row.close, row.volume] {
            number(f, price)?;
        }
        write!(f, ",{}", row.close_time)?;
        number(f, row.quote_volume)?;
        write!(f, ",{}", row.trades)?;
        number(f, row.taker_buy_volume)?;
        number(f, row.taker_buy_quote_volume)
    }
}

/// Without zeros at the end, but for one after the point: as the bundled files have it.
fn number(f: &mut fmt::Formatter<'_>, number: Decimal) -> fmt::Result {
    let short = number.normalize();
    match short.scale() {
        0 => write!(f, ",{short}.0"),
        _ => write!(f, ",{short}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "1502942400000,4261.48,4313.62,4261.32,4308.0,47.181009,1502945999999,202366.13839304,171,35.160503,150952.47794304";

    #[test]
    fn a_line_comes_out_as_it_went_in() {
        let row = Row::read(LINE).unwrap();
        assert_eq!(row.to_string(), LINE);
        assert_eq!(row.fault(3_600_000), None);
        assert_eq!(Row::read(&LINE.replace("4308.0", "4308.00000000")), Some(row));
    }

    #[test]
    fn what_is_no_row_is_none() {
        let short = &LINE[..LINE.len() - 20];
        for text in ["", "a,b", short, &format!("{LINE},0"), &LINE.replace("4308.0", "x"), "\0\0\0"] {
            assert_eq!(Row::read(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_row_that_is_not_sane_says_why() {
        for (from, to, expected) in [
            ("4261.48", "4400", "its high 4313.62 is below its open 4400"),
            ("4261.32", "4270", "its low 4270 is above its open 4261.48"),
            ("4308.0", "0", "its close 0 is not above zero"),
            ("4261.32", "-1", "its low -1 is not above zero"),
            ("47.181009", "-1", "its volume -1 is negative"),
            ("1502945999999", "1502942399999", "it closes before it opens"),
            ("1502945999999", "1503028799999", "it is much longer than its interval"),
            ("1502942400000", "7", "its open time is not between 2000 and 2100"),
        ] {
            let row = Row::read(&LINE.replacen(from, to, 1)).unwrap();
            assert_eq!(row.fault(3_600_000).as_deref(), Some(expected));
        }
    }
}
