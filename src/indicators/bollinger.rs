//! Bollinger bands.
//!
//! Formula: `middle` = sma(src, n), `upper` and `lower` = middle ± mult·stddev(src, n);
//! `width` = (upper − lower)/middle, 0 where middle is 0; `percent_b` = (src − lower)/(upper − lower), 0.5 where the
//! bands meet.
//! Unit: that of the source; `width` and `percent_b` are ratios.
//! Source: J. Bollinger; TA-Lib `BBANDS` with SMA.
//! Cost: O(1), amortised.
//! Warm: row n − 1, all fields together.

use super::Indicator;
use super::moments::Moments;

#[derive(Debug, Clone)]
pub struct Bollinger {
    moments: Moments,
    mult: f64,
}

impl Bollinger {
    pub fn new(n: usize, mult: f64) -> Self {
        Bollinger { moments: Moments::new(n), mult }
    }
}

impl Indicator for Bollinger {
    type Input = f64;
    type Output = [f64; 5];

    #[inline(always)]
    fn update(&mut self, value: f64) -> Option<[f64; 5]> {
        let (middle, variance) = self.moments.update(value)?;
        let half = self.mult * variance.sqrt();
        let (upper, lower) = (middle + half, middle - half);
        let range = upper - lower;
        let width = if middle == 0.0 { 0.0 } else { range / middle };
        let percent_b = if range == 0.0 { 0.5 } else { (value - lower) / range };
        Some([upper, middle, lower, width, percent_b])
    }
}
