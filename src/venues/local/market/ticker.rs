//! Figures over a stretch of time that ends now.

use super::Market;
use rust_decimal::Decimal;

/// The stretch of time of a ticker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Window {
    /// The last milliseconds, up to now.
    Rolling(i64),
    /// Today, where days begin `offset_ms` before 00:00 UTC.
    Today { offset_ms: i64 },
}

/// Figures of a [`Window`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticker {
    pub open_time: i64,
    /// Now.
    pub close_time: i64,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub last: Decimal,
    /// Of the latest trade.
    pub last_quantity: Decimal,
    /// The price just before the window; the open where there was none.
    pub prev_close: Decimal,
    pub change: Decimal,
    pub change_percent: Decimal,
    pub weighted_average: Decimal,
    pub volume: Decimal,
    pub quote_volume: Decimal,
    /// -1 where there was no trade.
    pub first_trade_id: i64,
    pub last_trade_id: i64,
    pub trades: u64,
}

#[allow(unused_variables)]
impl Market {
    pub fn ticker(&self, symbol: usize, window: Window) -> Ticker {
        let zero = Decimal::ZERO;
        Ticker {
            open_time: 0,
            close_time: 0,
            open: zero,
            high: zero,
            low: zero,
            last: zero,
            last_quantity: zero,
            prev_close: zero,
            change: zero,
            change_percent: zero,
            weighted_average: zero,
            volume: zero,
            quote_volume: zero,
            first_trade_id: -1,
            last_trade_id: -1,
            trades: 0,
        }
    }
}
