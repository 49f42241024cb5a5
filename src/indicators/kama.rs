//! Kaufman's adaptive moving average.
//!
//! Formula: kama += c²·(x − kama), c = e·(2/3 − 2/31) + 2/31 with the efficiency ratio
//! e = |x − x\[n\]| / Σ |x − x\[1\]| over n steps, 1 where nothing moved. It starts from the value before the first
//! row. n = 1 is the source itself, as in TA-Lib.
//! Unit: that of the source.
//! Source: P. J. Kaufman, Smarter Trading (1995); TA-Lib `KAMA`.
//! Cost: O(1).
//! Warm: row n (row 0 for n = 1).

use super::Indicator;
use super::window::{RollingSum, Window};

const SLOWEST: f64 = 2.0 / 31.0;
const FASTEST: f64 = 2.0 / 3.0;

#[derive(Debug, Clone)]
pub struct Kama {
    n: usize,
    values: Window,
    path: RollingSum,
    last: Option<f64>,
    average: Option<f64>,
}

impl Kama {
    pub fn new(n: usize) -> Self {
        Kama { n, values: Window::new(n), path: RollingSum::new(n), last: None, average: None }
    }
}

impl Indicator for Kama {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        if self.n == 1 {
            return Some(value);
        }
        let old = self.values.push(value);
        let last = self.last.replace(value)?;
        let path = self.path.update((value - last).abs())?;
        let distance = value - old;
        let efficiency = if path <= 0.0 || path <= distance { 1.0 } else { (distance / path).abs() };
        let c = efficiency * (FASTEST - SLOWEST) + SLOWEST;
        let average = self.average.unwrap_or(last);
        let average = (value - average) * (c * c) + average;
        self.average = Some(average);
        Some(average)
    }
}
