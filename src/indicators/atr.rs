//! Average true range.
//!
//! Formula: rma(true_range, n); the first candle, without a close before it, does not enter.
//! Unit: price.
//! Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib `ATR`.
//! Cost: O(1).
//! Warm: row n.

use super::{Indicator, Rma, TrueRange};
use crate::model::Candle;

#[derive(Debug, Clone)]
pub struct Atr {
    range: TrueRange,
    average: Rma,
}

impl Atr {
    pub fn new(n: usize) -> Self {
        Atr { range: TrueRange::new(), average: Rma::new(n) }
    }
}

impl Indicator for Atr {
    type Input = Candle;
    type Output = f64;

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<f64> {
        let range = self.range.update(candle)?;
        self.average.update(range)
    }
}
