//! Triangular moving average.
//!
//! Formula: sma(sma(x, a), b) with a = b = (n + 1)/2 for odd n, a = n/2 and b = n/2 + 1 for even n: weights rise to
//! the middle of the window and fall again.
//! Unit: that of the source.
//! Source: TA-Lib `TRIMA`.
//! Cost: O(1).
//! Warm: row n − 1.

use super::{Indicator, Sma};

#[derive(Debug, Clone)]
pub struct Trima {
    inner: Sma,
    outer: Sma,
}

impl Trima {
    pub fn new(n: usize) -> Self {
        Trima { inner: Sma::new(n.div_ceil(2)), outer: Sma::new(n / 2 + 1) }
    }
}

impl Indicator for Trima {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        let inner = self.inner.update(value)?;
        self.outer.update(inner)
    }
}
