//! Heikin-Ashi candles.
//!
//! Formula: `close` = (open + high + low + close)/4, `open` = mean of the last Heikin-Ashi open and close (the first:
//! (open + close)/2), `high` and `low` = extremes of the candle's own and the two new prices.
//! Unit: price.
//! Source: D. Valcu, Stocks & Commodities 22:2 (2004).
//! Cost: O(1).
//! Warm: row 0.

use super::Indicator;
use crate::model::{Candle, Price};

#[derive(Debug, Clone, Default)]
pub struct HeikinAshi {
    /// The mean of the last open and close.
    last: Option<f64>,
}

impl HeikinAshi {
    pub fn new() -> Self {
        HeikinAshi::default()
    }
}

impl Indicator for HeikinAshi {
    type Input = Candle;
    type Output = [f64; 4];

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<[f64; 4]> {
        let close = Price::Ohlc4.of(&candle);
        let open = self.last.unwrap_or((candle.open + candle.close) / 2.0);
        self.last = Some((open + close) / 2.0);
        let high = candle.high.max(open).max(close);
        let low = candle.low.min(open).min(close);
        Some([open, high, low, close])
    }
}
