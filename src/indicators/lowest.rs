//! Lowest value.
//!
//! Formula: least of the last n values, the current one included.
//! Unit: that of the source.
//! Source: TA-Lib `MIN`.
//! Cost: O(1), amortised.
//! Warm: row n − 1.

use super::Indicator;
use super::extreme::Extreme;

#[derive(Debug, Clone)]
pub struct Lowest {
    extreme: Extreme<f64>,
}

impl Lowest {
    pub fn new(n: usize) -> Self {
        Lowest { extreme: Extreme::new(n, f64::NEG_INFINITY) }
    }
}

impl Indicator for Lowest {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        // The same zero whatever order they came in.
        self.extreme.update(-value).map(|greatest| 0.0 - greatest)
    }

    #[inline(always)]
    fn update_all(&mut self, inputs: &[f64], values: &mut [f64]) {
        self.extreme.update_all(inputs, values, -1.0);
    }
}
