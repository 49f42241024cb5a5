//! Williams %R.
//!
//! Formula: −100·(highest high − close)/(highest high − lowest low) over n candles, 0 where there is no range.
//! Unit: −100 to 0.
//! Source: L. Williams (1973); TA-Lib `WILLR`.
//! Cost: O(1), amortised.
//! Warm: row n − 1.

use super::Indicator;
use super::extreme::Range;
use crate::model::Candle;

#[derive(Debug, Clone)]
pub struct Willr {
    range: Range,
}

impl Willr {
    pub fn new(n: usize) -> Self {
        Willr { range: Range::new(n) }
    }
}

impl Indicator for Willr {
    type Input = Candle;
    type Output = f64;

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<f64> {
        let (highest, lowest) = self.range.update(candle.high, candle.low)?;
        let range = (highest - lowest) / -100.0;
        Some(if range == 0.0 { 0.0 } else { (highest - candle.close) / range })
    }
}
