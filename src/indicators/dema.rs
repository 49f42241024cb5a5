//! Double exponential moving average.
//!
//! Formula: 2·ema − ema(ema), both over n.
//! Unit: that of the source.
//! Source: P. G. Mulloy, Stocks & Commodities 12:1 (1994); TA-Lib `DEMA`.
//! Cost: O(1).
//! Warm: row 2·(n − 1).

use super::Indicator;
use super::ema::EmaChain;

#[derive(Debug, Clone)]
pub struct Dema {
    chain: EmaChain<2>,
}

impl Dema {
    pub fn new(n: usize) -> Self {
        Dema { chain: EmaChain::new(n) }
    }
}

impl Indicator for Dema {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        let [first, second] = self.chain.update(value)?;
        Some(2.0 * first - second)
    }
}
