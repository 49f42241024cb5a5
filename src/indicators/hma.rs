//! Hull moving average.
//!
//! Formula: wma(2·wma(x, ⌊n/2⌋) − wma(x, n), ⌊√n⌋).
//! Unit: that of the source.
//! Source: A. Hull (2005).
//! Cost: O(1).
//! Warm: row n + ⌊√n⌋ − 2.

use super::{Indicator, Wma};

#[derive(Debug, Clone)]
pub struct Hma {
    half: Wma,
    whole: Wma,
    smooth: Wma,
}

impl Hma {
    pub fn new(n: usize) -> Self {
        Hma { half: Wma::new(n / 2), whole: Wma::new(n), smooth: Wma::new(n.isqrt()) }
    }
}

impl Indicator for Hma {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        let half = self.half.update(value);
        let whole = self.whole.update(value);
        self.smooth.update(2.0 * half? - whole?)
    }
}
