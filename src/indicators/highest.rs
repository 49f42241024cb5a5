//! Highest value.
//!
//! Formula: greatest of the last n values, the current one included.
//! Unit: that of the source.
//! Source: TA-Lib `MAX`.
//! Cost: O(1), amortised.
//! Warm: row n − 1.

use super::Indicator;
use super::extreme::Extreme;

#[derive(Debug, Clone)]
pub struct Highest {
    extreme: Extreme<f64>,
}

impl Highest {
    pub fn new(n: usize) -> Self {
        Highest { extreme: Extreme::new(n, f64::NEG_INFINITY) }
    }
}

impl Indicator for Highest {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        // The same zero whatever order they came in.
        self.extreme.update(value).map(|highest| highest + 0.0)
    }

    #[inline(always)]
    fn update_all(&mut self, inputs: &[f64], values: &mut [f64]) {
        self.extreme.update_all(inputs, values, 1.0);
    }
}
