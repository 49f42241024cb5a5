//! Linearly weighted moving average.
//!
//! Formula: Σ w·x / Σ w over the last n values, w from 1 for the oldest to n for the newest; of equal values that value.
//! Unit: that of the source.
//! Source: TA-Lib `WMA`.
//! Cost: O(1).
//! Warm: row n − 1.

use super::Indicator;
use super::window::WeightedSum;

#[derive(Debug, Clone)]
pub struct Wma {
    sums: WeightedSum,
    weights: f64,
}

impl Wma {
    pub fn new(n: usize) -> Self {
        Wma { sums: WeightedSum::new(n), weights: n as f64 * (n as f64 + 1.0) / 2.0 }
    }
}

impl Indicator for Wma {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        let sums = self.sums.update(value)?;
        Some(if sums.flat { value } else { sums.weighted / self.weights })
    }
}
