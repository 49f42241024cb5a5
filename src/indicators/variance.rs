//! Population variance.
//!
//! Formula: Σ(x − mean)²/n over the last n values.
//! Unit: that of the source, squared.
//! Source: TA-Lib `VAR`.
//! Cost: O(1), amortised.
//! Warm: row n − 1.

use super::Indicator;
use super::moments::Moments;

#[derive(Debug, Clone)]
pub struct Variance {
    moments: Moments,
}

impl Variance {
    pub fn new(n: usize) -> Self {
        Variance { moments: Moments::new(n) }
    }
}

impl Indicator for Variance {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        self.moments.update(value).map(|(_, variance)| variance)
    }
}
