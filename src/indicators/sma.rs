//! Simple moving average.
//!
//! Formula: Σ of the last n values / n; of equal values that value.
//! Unit: that of the source.
//! Source: TA-Lib `SMA`.
//! Cost: O(1).
//! Warm: row n − 1.

use super::Indicator;
use super::window::RollingSum;

#[derive(Debug, Clone)]
pub struct Sma {
    sum: RollingSum,
}

impl Sma {
    pub fn new(n: usize) -> Self {
        Sma { sum: RollingSum::new(n) }
    }
}

impl Indicator for Sma {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        self.sum.update_mean(value)
    }

    #[inline(always)]
    fn update_all(&mut self, inputs: &[f64], values: &mut [f64]) {
        self.sum.update_mean_all(inputs, values);
    }

    #[inline(always)]
    fn update_plain(&mut self, inputs: &[f64], values: &mut [f64]) -> bool {
        self.sum.update_mean_plain(inputs, values)
    }
}
