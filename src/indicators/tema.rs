//! Triple exponential moving average.
//!
//! Formula: 3·ema − 3·ema(ema) + ema(ema(ema)), all over n.
//! Unit: that of the source.
//! Source: P. G. Mulloy, Stocks & Commodities 12:1 (1994); TA-Lib `TEMA`.
//! Cost: O(1).
//! Warm: row 3·(n − 1).

use super::Indicator;
use super::ema::EmaChain;

#[derive(Debug, Clone)]
pub struct Tema {
    chain: EmaChain<3>,
}

impl Tema {
    pub fn new(n: usize) -> Self {
        Tema { chain: EmaChain::new(n) }
    }
}

impl Indicator for Tema {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        let [first, second, third] = self.chain.update(value)?;
        Some(third + (3.0 * first - 3.0 * second))
    }
}
