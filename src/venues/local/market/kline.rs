//! Klines of any interval, added up from the candles of the file or cut from their paths.

use super::{KlineInterval, Market};
use rust_decimal::Decimal;

/// A kline. Prices and amounts are exact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kline {
    pub open_time: i64,
    /// Inclusive.
    pub close_time: i64,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
    pub volume: Decimal,
    pub quote_volume: Decimal,
    pub trades: u64,
    pub taker_buy_base: Decimal,
    pub taker_buy_quote: Decimal,
    /// -1 where there was no trade.
    pub first_trade_id: i64,
    pub last_trade_id: i64,
    pub is_closed: bool,
}

#[allow(unused_variables)]
impl Market {
    /// At most `limit` klines, oldest first, the newest of them perhaps still open. Neither `start` nor `end`: the
    /// latest. `start`: the oldest that open at it or later. `end`: the latest that open at it or earlier. Both:
    /// as with `start`, up to `end`. `offset_ms` shifts the edges, see [`KlineInterval::span`].
    pub fn klines(
        &self,
        symbol: usize,
        interval: KlineInterval,
        start: Option<i64>,
        end: Option<i64>,
        limit: usize,
        offset_ms: i64,
    ) -> Vec<Kline> {
        Vec::new()
    }

    /// The kline in progress; `None` in a gap.
    pub fn open_kline(&self, symbol: usize, interval: KlineInterval, offset_ms: i64) -> Option<Kline> {
        None
    }

    /// All closed klines that open at `from` or later, oldest first. Cheap where there are none: ask at every step
    /// and go on from the last one's `close_time + 1`.
    pub fn closed_since(
        &self,
        symbol: usize,
        interval: KlineInterval,
        offset_ms: i64,
        from: i64,
    ) -> Vec<Kline> {
        Vec::new()
    }
}
