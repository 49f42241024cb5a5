//! True range.
//!
//! Formula: greatest of high − low, |high − close\[1\]| and |low − close\[1\]|.
//! Unit: price.
//! Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib `TRANGE`.
//! Cost: O(1).
//! Warm: row 1, the first candle has no close before it.

use super::Indicator;
use crate::model::Candle;

#[derive(Debug, Clone, Default)]
pub struct TrueRange {
    last_close: Option<f64>,
}

impl TrueRange {
    pub fn new() -> Self {
        TrueRange::default()
    }
}

impl Indicator for TrueRange {
    type Input = Candle;
    type Output = f64;

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<f64> {
        let last = self.last_close.replace(candle.close)?;
        let range = candle.high - candle.low;
        Some(range.max((candle.high - last).abs()).max((candle.low - last).abs()))
    }
}
