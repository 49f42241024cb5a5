//! Linear regression: end and slope of the least-squares line.
//!
//! Formula: slope = Σ(i − (n − 1)/2)·x / (n·(n² − 1)/12) over the last n values, i from 0 for the oldest;
//! end = mean + slope·(n − 1)/2.
//! Unit: that of the source; the slope per candle.
//! Source: TA-Lib `LINEARREG`, `LINEARREG_SLOPE`.
//! Cost: O(1).
//! Warm: row n − 1.

use super::Indicator;
use super::window::WeightedSum;

/// The least-squares line of the last `n` values.
#[derive(Debug, Clone)]
struct Line {
    sums: WeightedSum,
    n: f64,
    /// Σ(i − mean i)².
    spread: f64,
}

impl Line {
    fn new(n: usize) -> Self {
        let sums = WeightedSum::new(n);
        let n = n as f64;
        Line { sums, n, spread: n * (n * n - 1.0) / 12.0 }
    }

    /// Mean and slope.
    #[inline]
    fn update(&mut self, value: f64) -> Option<(f64, f64)> {
        let sums = self.sums.update(value)?;
        if sums.flat {
            return Some((value, 0.0));
        }
        let slope = (sums.weighted - (self.n + 1.0) / 2.0 * sums.plain) / self.spread;
        Some((sums.plain / self.n, slope))
    }
}

/// The end of the line: its value on the current row.
#[derive(Debug, Clone)]
pub struct Linreg {
    line: Line,
}

impl Linreg {
    pub fn new(n: usize) -> Self {
        Linreg { line: Line::new(n) }
    }
}

impl Indicator for Linreg {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        let (mean, slope) = self.line.update(value)?;
        Some(mean + slope * (self.line.n - 1.0) / 2.0)
    }
}

/// The slope of the line.
#[derive(Debug, Clone)]
pub struct LinregSlope {
    line: Line,
}

impl LinregSlope {
    pub fn new(n: usize) -> Self {
        LinregSlope { line: Line::new(n) }
    }
}

impl Indicator for LinregSlope {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        self.line.update(value).map(|(_, slope)| slope)
    }
}
