//! Rolling sum.
//!
//! Formula: Σ of the last n values.
//! Unit: that of the source.
//! Source: TA-Lib `SUM`.
//! Cost: O(1).
//! Warm: row n − 1.

use super::Indicator;
use super::window::RollingSum;

#[derive(Debug, Clone)]
pub struct Sum {
    sum: RollingSum,
}

impl Sum {
    pub fn new(n: usize) -> Self {
        Sum { sum: RollingSum::new(n) }
    }
}

impl Indicator for Sum {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        self.sum.update(value)
    }

    #[inline(always)]
    fn update_all(&mut self, inputs: &[f64], values: &mut [f64]) {
        self.sum.update_all(inputs, values);
    }

    #[inline(always)]
    fn update_plain(&mut self, inputs: &[f64], values: &mut [f64]) -> bool {
        self.sum.update_plain(inputs, values)
    }
}
