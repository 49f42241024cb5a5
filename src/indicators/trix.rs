//! Rate of change of a triple-smoothed average.
//!
//! Formula: roc(ema(ema(ema(x, n), n), n), 1).
//! Unit: percent.
//! Source: J. K. Hutson, Stocks & Commodities 1:5 (1983); TA-Lib `TRIX`.
//! Cost: O(1).
//! Warm: row 3·(n − 1) + 1.

use super::{Ema, Indicator, Roc};

#[derive(Debug, Clone)]
pub struct Trix {
    first: Ema,
    second: Ema,
    third: Ema,
    roc: Roc,
}

impl Trix {
    pub fn new(n: usize) -> Self {
        Trix { first: Ema::new(n), second: Ema::new(n), third: Ema::new(n), roc: Roc::new(1) }
    }
}

impl Indicator for Trix {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        let first = self.first.update(value)?;
        let second = self.second.update(first)?;
        let third = self.third.update(second)?;
        self.roc.update(third)
    }
}
