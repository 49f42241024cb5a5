//! Linearly weighted moving average.
//!
//! Formula: Σ w·x / Σ w over the last n values, w from 1 for the oldest to n for the newest.
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
        self.sums.update(value).map(|sums| sums.weighted / self.weights)
    }
}
