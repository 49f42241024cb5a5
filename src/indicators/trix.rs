//! Rate of change of a triple-smoothed average.
//!
//! Formula: roc(ema(ema(ema(x, n), n), n), 1).
//! Unit: percent.
//! Source: J. K. Hutson, Stocks & Commodities 1:5 (1983); TA-Lib `TRIX`.
//! Cost: O(1).
//! Warm: row 3·(n − 1) + 1.

use super::ema::EmaChain;
use super::{Indicator, Roc};

#[derive(Debug, Clone)]
pub struct Trix {
    chain: EmaChain<3>,
    roc: Roc,
}

impl Trix {
    pub fn new(n: usize) -> Self {
        Trix { chain: EmaChain::new(n), roc: Roc::new(1) }
    }
}

impl Indicator for Trix {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        let [_, _, third] = self.chain.update(value)?;
        self.roc.update(third)
    }
}
