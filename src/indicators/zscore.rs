//! Standard score.
//!
//! Formula: (x − sma(n))/stddev(n), 0 where the deviation is 0.
//! Unit: standard deviations.
//! Source: statistics; population deviation.
//! Cost: O(1), amortised.
//! Warm: row n − 1.

use super::Indicator;
use super::moments::Moments;

#[derive(Debug, Clone)]
pub struct Zscore {
    moments: Moments,
}

impl Zscore {
    pub fn new(n: usize) -> Self {
        Zscore { moments: Moments::new(n) }
    }
}

impl Indicator for Zscore {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        let (mean, variance) = self.moments.update(value)?;
        Some(if variance == 0.0 { 0.0 } else { (value - mean) / variance.sqrt() })
    }
}
