//! Donchian channel.
//!
//! Formula: `upper` = highest high and `lower` = lowest low of the last n candles, the current one included;
//! `middle` = (upper + lower)/2.
//! Unit: price.
//! Source: R. Donchian; TA-Lib `MAX` of the highs, `MIN` of the lows.
//! Cost: O(1), amortised.
//! Warm: row n − 1, all fields together.

use super::Indicator;
use super::extreme::Range;
use crate::model::Candle;

#[derive(Debug, Clone)]
pub struct Donchian {
    range: Range,
}

impl Donchian {
    pub fn new(n: usize) -> Self {
        Donchian { range: Range::new(n) }
    }
}

impl Indicator for Donchian {
    type Input = Candle;
    type Output = [f64; 3];

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<[f64; 3]> {
        let (upper, lower) = self.range.update(candle.high, candle.low)?;
        Some([upper, (upper + lower) / 2.0, lower])
    }
}
