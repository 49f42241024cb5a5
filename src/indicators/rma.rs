//! Wilder's moving average.
//!
//! Formula: rma = (x + (n − 1)·rma\[1\])/n; the first is the mean of the first n values.
//! Unit: that of the source.
//! Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978).
//! Cost: O(1).
//! Warm: row n − 1.

use super::Indicator;

#[derive(Debug, Clone)]
pub struct Rma {
    n: usize,
    new_weight: f64,
    old_weight: f64,
    seen: usize,
    /// The average; while cold, the sum of the values so far.
    value: f64,
}

impl Rma {
    pub fn new(n: usize) -> Self {
        let old_weight = (n as f64 - 1.0) / n as f64;
        Rma { n, new_weight: 1.0 - old_weight, old_weight, seen: 0, value: 0.0 }
    }
}

impl Indicator for Rma {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        if self.seen >= self.n {
            self.value = self.new_weight * value + self.old_weight * self.value;
            return Some(self.value);
        }
        self.seen += 1;
        self.value += value;
        if self.seen < self.n {
            return None;
        }
        self.value /= self.n as f64;
        Some(self.value)
    }
}
