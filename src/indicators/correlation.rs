//! Pearson's correlation.
//!
//! Formula: cov(a, b)/(stddev(a)·stddev(b)) over the last n pairs, 0 where one of them did not move.
//! Unit: −1 to 1.
//! Source: TA-Lib `CORREL`.
//! Cost: O(1), amortised.
//! Warm: row n − 1 of the later source.

use super::Indicator;
use super::moments::PairMoments;

#[derive(Debug, Clone)]
pub struct Correlation {
    moments: PairMoments,
}

impl Correlation {
    pub fn new(n: usize) -> Self {
        Correlation { moments: PairMoments::new(n) }
    }
}

impl Indicator for Correlation {
    type Input = (f64, f64);
    type Output = f64;

    #[inline]
    fn update(&mut self, (a, b): (f64, f64)) -> Option<f64> {
        self.moments.update(a, b)
    }
}
