//! Simple moving average.
//!
//! Formula: Σ of the last n values / n.
//! Unit: that of the source.
//! Source: TA-Lib `SMA`.
//! Cost: O(1).
//! Warm: row n − 1.

use super::Indicator;
use super::window::RollingSum;

#[derive(Debug, Clone)]
pub struct Sma {
    sum: RollingSum,
    n: f64,
}

impl Sma {
    pub fn new(n: usize) -> Self {
        Sma { sum: RollingSum::new(n), n: n as f64 }
    }
}

impl Indicator for Sma {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        self.sum.update(value).map(|sum| sum / self.n)
    }

    #[inline(always)]
    fn update_all(&mut self, inputs: &[f64], values: &mut [f64]) {
        let n = self.n;
        self.sum.update_all(inputs, values, |sum| sum / n);
    }
}
