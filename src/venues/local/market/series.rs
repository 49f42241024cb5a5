//! The candles of one symbol with all that the exchange tells of them, exact to the digit.
//!
//! Figures are whole numbers of a unit per column, of the last decimal that occurs in it: 84 bytes a candle.

use crate::model::{Interval, iso};
use crate::venues::sim::path::Path;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// Decimals kept of any figure, as many as the protocol writes.
const DECIMALS_MAX: u32 = 8;

/// Decimals of prices, quantities and quote amounts of a file that has fewer: whole dollars are no grid to trade on.
const PRICE_DECIMALS_MIN: u32 = 2;
const BASE_DECIMALS_MIN: u32 = 5;
const QUOTE_DECIMALS_MIN: u32 = 8;

/// Trades of a candle of which the file does not tell.
const TRADES_UNTOLD: u64 = 1000;

/// One candle as it is put in. Times are UTC milliseconds, both inclusive; prices are above zero and lie between
/// low and high.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeriesRow {
    pub open_time: i64,
    pub close_time: i64,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
    /// In base asset.
    pub volume: Decimal,
    /// In quote asset. `None`: not known, so it is the volume at the mean of open, high, low and close.
    pub quote_volume: Option<Decimal>,
    /// `None`: not known, so there are a thousand, or as many as the volume has units.
    pub trades: Option<u64>,
    /// `None`: not known, so it is half the volume.
    pub taker_buy_base: Option<Decimal>,
    /// `None`: not known, so it is half the quote volume.
    pub taker_buy_quote: Option<Decimal>,
}

/// Why a candle cannot be part of a series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeriesError {
    #[error("{0} has more digits than the local exchange can keep (18)")]
    TooLarge(Decimal),
    #[error("the candle of {} does not open after the one before it, or closes before it opens", iso(*.0))]
    OutOfOrder(i64),
    #[error("the prices of the candle of {} are not above zero, or not between its low and high", iso(*.0))]
    Prices(i64),
}

/// Candles of one symbol, oldest first.
#[derive(Debug, Clone)]
pub struct Series {
    symbol: String,
    interval: Interval,
    open_time: Vec<i64>,
    /// `close_time - open_time`.
    length: Vec<u32>,
    /// Open, high, low, close.
    prices: Column<4>,
    /// Volume, and what of it takers bought.
    base: Column<2>,
    quote: Column<2>,
    /// Trades before each candle, and at the end those before the next.
    trades_before: Vec<u64>,
}

/// One candle in units of its columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    pub open_time: i64,
    pub close_time: i64,
    pub ohlc: [i64; 4],
    pub base: [i64; 2],
    pub quote: [i64; 2],
    pub first_trade: u64,
    pub trades: u64,
}

impl Row {
    pub fn path(&self) -> Path {
        Path::new(self.open_time, self.close_time, self.ohlc)
    }

    /// In milliseconds, at least 1.
    pub fn duration(&self) -> i64 {
        self.close_time - self.open_time + 1
    }
}

impl Series {
    pub fn new(symbol: impl Into<String>, interval: Interval) -> Series {
        Series {
            symbol: symbol.into(),
            interval,
            open_time: Vec::new(),
            length: Vec::new(),
            prices: Column::new(PRICE_DECIMALS_MIN),
            base: Column::new(BASE_DECIMALS_MIN),
            quote: Column::new(QUOTE_DECIMALS_MIN),
            trades_before: vec![0],
        }
    }

    /// Appends a candle. On error nothing changes.
    pub fn push(&mut self, row: &SeriesRow) -> Result<(), SeriesError> {
        let order = SeriesError::OutOfOrder(row.open_time);
        let length = row.close_time.checked_sub(row.open_time).and_then(|length| u32::try_from(length).ok());
        let length = length.ok_or_else(|| order.clone())?;
        if self.open_time.last().is_some_and(|last| *last >= row.open_time) {
            return Err(order);
        }
        let prices = [row.open, row.high, row.low, row.close];
        if row.low <= Decimal::ZERO || prices.iter().any(|price| *price < row.low || *price > row.high) {
            return Err(SeriesError::Prices(row.open_time));
        }
        // To the digits of the whole: no finer unit comes of it.
        let half = |whole: Decimal| (whole / Decimal::TWO).trunc_with_scale(whole.scale());
        let quote = match row.quote_volume {
            Some(quote) => quote,
            None => prices
                .iter()
                .try_fold(Decimal::ZERO, |sum, price| sum.checked_add(*price))
                .and_then(|sum| row.volume.checked_mul(sum / Decimal::from(4)))
                .ok_or(SeriesError::TooLarge(row.volume))?,
        };
        let base = [row.volume, row.taker_buy_base.unwrap_or_else(|| half(row.volume))];
        let quote = [quote, row.taker_buy_quote.unwrap_or_else(|| half(quote))];
        if let Some(large) =
            prices.iter().chain(&base).chain(&quote).find(|value| unit_count(**value).is_none())
        {
            return Err(SeriesError::TooLarge(*large));
        }
        let before = self.trades();
        if row.trades.is_some_and(|trades| trades > u64::from(u32::MAX)) {
            return Err(SeriesError::TooLarge(row.trades.unwrap_or_default().into()));
        }

        self.open_time.push(row.open_time);
        self.length.push(length);
        self.prices.push(prices, 1);
        self.base.push(base, 0);
        self.quote.push(quote, 0);
        let trades = row.trades.unwrap_or_else(|| {
            let units = self.base.last().first().copied().unwrap_or(0).unsigned_abs();
            units.min(TRADES_UNTOLD)
        });
        self.trades_before.push(before + trades);
        Ok(())
    }

    /// Makes room for `more` candles, where it is to be had.
    pub fn reserve(&mut self, more: usize) {
        let _ = self.open_time.try_reserve_exact(more);
        let _ = self.length.try_reserve_exact(more);
        let _ = self.prices.values.try_reserve_exact(more);
        let _ = self.base.values.try_reserve_exact(more);
        let _ = self.quote.values.try_reserve_exact(more);
        let _ = self.trades_before.try_reserve_exact(more);
    }

    /// Gives back room that is not used.
    pub fn shrink(&mut self) {
        self.open_time.shrink_to_fit();
        self.length.shrink_to_fit();
        self.prices.values.shrink_to_fit();
        self.base.values.shrink_to_fit();
        self.quote.values.shrink_to_fit();
        self.trades_before.shrink_to_fit();
    }

    pub fn symbol(&self) -> &str {
        &self.symbol
    }

    /// Of the file.
    pub fn interval(&self) -> Interval {
        self.interval
    }

    /// The same candles, taken for ones of `interval`.
    pub fn with_interval(self, interval: Interval) -> Series {
        Series { interval, ..self }
    }

    /// The same candles at another time, `ms` later.
    pub fn shifted(mut self, ms: i64) -> Series {
        self.open_time.iter_mut().for_each(|time| *time = time.saturating_add(ms));
        self
    }

    pub fn len(&self) -> usize {
        self.open_time.len()
    }

    pub fn is_empty(&self) -> bool {
        self.open_time.is_empty()
    }

    pub fn open_times(&self) -> &[i64] {
        &self.open_time
    }

    /// Sets the close time of the candle in `row`, if there is one, no earlier than it opens.
    pub fn set_close_time(&mut self, row: usize, close_time: i64) {
        if let (Some(open_time), Some(length)) = (self.open_time.get(row), self.length.get_mut(row)) {
            *length = u32::try_from(close_time.saturating_sub(*open_time).max(0)).unwrap_or(u32::MAX);
        }
    }

    /// Shuts every candle that would still be open where the next one opens.
    pub(super) fn shut(&mut self) {
        for (times, length) in self.open_time.windows(2).zip(&mut self.length) {
            *length = (*length).min(u32::try_from(times[1] - times[0] - 1).unwrap_or(u32::MAX));
        }
    }

    /// Inclusive; `None` out of range.
    pub fn close_time(&self, row: usize) -> Option<i64> {
        Some(self.open_time.get(row)? + i64::from(*self.length.get(row)?))
    }

    /// Decimals of prices.
    pub fn price_decimals(&self) -> u32 {
        self.prices.decimals
    }

    /// Decimals of quantities.
    pub fn base_decimals(&self) -> u32 {
        self.base.decimals
    }

    /// All trades of the series.
    pub(super) fn trades(&self) -> u64 {
        self.trades_before.last().copied().unwrap_or(0)
    }

    /// The candle in `row`, which there must be.
    pub(super) fn row(&self, row: usize) -> Row {
        let open_time = self.open_time[row];
        let first_trade = self.trades_before[row];
        Row {
            open_time,
            close_time: open_time + i64::from(self.length[row]),
            ohlc: self.prices.values[row],
            base: self.base.values[row],
            quote: self.quote.values[row],
            first_trade,
            trades: self.trades_before[row + 1] - first_trade,
        }
    }

    /// Candles that open before `time`.
    pub(super) fn opened_before(&self, time: i64) -> usize {
        self.open_time.partition_point(|open_time| *open_time < time)
    }

    /// The first candle that closes at `time` or later.
    pub(super) fn first_closing_from(&self, time: i64) -> usize {
        let after = self.opened_before(time);
        match after.checked_sub(1) {
            Some(before) if self.close_time(before).is_some_and(|close_time| close_time >= time) => before,
            _ => after,
        }
    }

    /// The candle in which the trade `id` happened, which must be one of the series.
    pub(super) fn row_of_trade(&self, id: u64) -> usize {
        self.trades_before.partition_point(|before| *before <= id).saturating_sub(1)
    }

    pub(super) fn price(&self, units: i64) -> Decimal {
        Decimal::new(units, self.prices.decimals)
    }

    pub(super) fn base(&self, units: i128) -> Decimal {
        amount(units, self.base.decimals)
    }

    pub(super) fn quote(&self, units: i128) -> Decimal {
        amount(units, self.quote.decimals)
    }
}

/// A sum of a column: 64 bits for each of fewer than 2^32 candles is less than the 96 bits of a decimal.
fn amount(units: i128, decimals: u32) -> Decimal {
    Decimal::try_from_i128_with_scale(units, decimals).unwrap_or(Decimal::MAX)
}

/// Whole units of a value; `None` where no column can hold it.
fn unit_count(value: Decimal) -> Option<i64> {
    value.round().to_i64().filter(|units| units.unsigned_abs() < 1 << 62)
}

/// `N` figures per candle, in units of the same size.
#[derive(Debug, Clone)]
struct Column<const N: usize> {
    values: Vec<[i64; N]>,
    /// A unit is one of this decimal place.
    decimals: u32,
}

impl<const N: usize> Column<N> {
    fn new(decimals: u32) -> Self {
        Column { values: Vec::new(), decimals }
    }

    fn last(&self) -> [i64; N] {
        self.values.last().copied().unwrap_or([0; N])
    }

    /// Appends values that pass [`unit_count`]. The unit becomes smaller where they need it, and larger where
    /// they are too large for it: then the last digits of all are rounded. None becomes less than `least` units.
    fn push(&mut self, values: [Decimal; N], least: i64) {
        for value in values {
            let decimals = digits(value, self.decimals).1;
            if decimals > self.decimals {
                self.refine(decimals);
            }
            while self.decimals > 0 && scaled(value, self.decimals).is_none() {
                self.decimals -= 1;
                let tenth = |units: i64| (units + 5).div_euclid(10).max(least);
                self.values.iter_mut().for_each(|row| *row = row.map(tenth));
            }
        }
        let units = values.map(|value| scaled(value, self.decimals).unwrap_or(0).max(least));
        self.values.push(units);
    }

    /// Makes the unit as small as wanted, or as the values there are allow.
    fn refine(&mut self, decimals: u32) {
        let largest = self.values.iter().flatten().map(|units| units.unsigned_abs()).max().unwrap_or(0);
        let mut factor = 1_i64;
        while self.decimals < decimals && largest < (1 << 62) / (10 * factor.unsigned_abs()) {
            factor *= 10;
            self.decimals += 1;
        }
        if factor > 1 {
            self.values.iter_mut().for_each(|row| *row = row.map(|units| units * factor));
        }
    }
}

/// The number and the decimals a value is written with: no more than [`DECIMALS_MAX`], and no zeros at the end
/// beyond the first `kept`.
fn digits(value: Decimal, kept: u32) -> (i128, u32) {
    let value = if value.scale() > DECIMALS_MAX { value.round_dp(DECIMALS_MAX) } else { value };
    let (mut mantissa, mut decimals) = (value.mantissa(), value.scale());
    while decimals > kept && mantissa % 10 == 0 {
        mantissa /= 10;
        decimals -= 1;
    }
    (mantissa, decimals)
}

/// `value` in units of the given decimals, rounded; `None` where 62 bits are not enough.
fn scaled(value: Decimal, decimals: u32) -> Option<i64> {
    let (mut mantissa, mut own) = digits(value, decimals);
    if own > decimals {
        let rounded = value.round_dp(decimals);
        (mantissa, own) = (rounded.mantissa(), rounded.scale());
    }
    let units = mantissa.checked_mul(10_i128.checked_pow(decimals.checked_sub(own)?)?)?;
    i64::try_from(units).ok().filter(|units| units.unsigned_abs() < 1 << 62)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(values: &[&str]) -> Vec<String> {
        let mut column = Column::<1>::new(0);
        values.iter().for_each(|value| column.push([value.parse().unwrap()], 0));
        column.values.iter().map(|[units]| Decimal::new(*units, column.decimals).to_string()).collect()
    }

    #[test]
    fn a_column_has_as_many_decimals_as_its_values_need() {
        assert_eq!(column(&["5", "4.10000000", "0.25"]), ["5.00", "4.10", "0.25"]);
        assert_eq!(column(&["0.123456789"]), ["0.12345679"]);
        assert_eq!(column(&["1.00000000", "1000000000000000000"]), ["1", "1000000000000000000"]);
    }

    #[test]
    fn where_digits_do_not_fit_the_last_ones_are_rounded() {
        assert_eq!(column(&["0.12345678", "123456789012"]), ["0.1234568", "123456789012.0000000"]);
        assert_eq!(column(&["123456789012", "0.12345678"]), ["123456789012.0000000", "0.1234568"]);
    }

    #[test]
    fn a_candle_that_makes_no_sense_changes_nothing() {
        let mut series = Series::new("AB", Interval::from_ms(60_000).unwrap());
        let ten = Decimal::TEN;
        let row = SeriesRow {
            open_time: 0,
            close_time: 59_999,
            open: ten,
            high: ten,
            low: ten,
            close: ten,
            volume: Decimal::new(25, 1),
            quote_volume: None,
            trades: None,
            taker_buy_base: None,
            taker_buy_quote: None,
        };
        series.push(&row).unwrap();
        assert_eq!(series.push(&row), Err(SeriesError::OutOfOrder(0)));
        let next = SeriesRow { open_time: 30_000, ..row };
        assert_eq!(
            series.push(&SeriesRow { close_time: 29_999, ..next }),
            Err(SeriesError::OutOfOrder(30_000))
        );
        assert_eq!(series.push(&SeriesRow { low: Decimal::ZERO, ..next }), Err(SeriesError::Prices(30_000)));
        assert_eq!(series.push(&SeriesRow { close: Decimal::ONE, ..next }), Err(SeriesError::Prices(30_000)));
        assert_eq!(
            series.push(&SeriesRow { volume: Decimal::MAX, ..next }),
            Err(SeriesError::TooLarge(Decimal::MAX))
        );
        assert_eq!((series.len(), series.close_time(0)), (1, Some(59_999)));
        series.push(&next).unwrap();
        series.shut();
        assert_eq!(series.close_time(0), Some(29_999), "by the next");
        let first = series.row(0);
        assert_eq!(
            (series.base(first.base[1].into()), series.quote(first.quote[0].into())),
            (Decimal::new(12, 1), Decimal::from(25))
        );
        assert_eq!(first.trades, TRADES_UNTOLD);
    }
}
