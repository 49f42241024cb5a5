//! The candles of one symbol with all that the exchange tells of them, exact to the digit.

use crate::model::Interval;
use rust_decimal::Decimal;

/// Decimals kept of any figure, as many as the protocol writes.
#[allow(dead_code)]
pub const DECIMALS_MAX: u32 = 8;

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
    /// In quote asset. `None`: not known, made up from the prices. So with the rest.
    pub quote_volume: Option<Decimal>,
    pub trades: Option<u64>,
    pub taker_buy_base: Option<Decimal>,
    pub taker_buy_quote: Option<Decimal>,
}

/// Candles of one symbol, oldest first.
#[derive(Debug, Clone)]
pub struct Series {
    symbol: String,
    interval: Interval,
}

#[allow(unused_variables)]
impl Series {
    pub fn new(symbol: impl Into<String>, interval: Interval) -> Series {
        Series { symbol: symbol.into(), interval }
    }

    pub fn push(&mut self, row: &SeriesRow) -> Result<(), SeriesError> {
        Ok(())
    }

    pub fn symbol(&self) -> &str {
        &self.symbol
    }

    pub fn interval(&self) -> Interval {
        self.interval
    }
}

/// Why a candle cannot be part of a series.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SeriesError {
    #[error("{0} has more digits than the local exchange can keep (18)")]
    TooLarge(Decimal),
}
