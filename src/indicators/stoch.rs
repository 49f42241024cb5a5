//! Stochastic oscillator.
//!
//! Formula: raw = 100·(close − lowest low)/(highest high − lowest low) over k candles, 0 where the range is only
//! rounding; `k` = sma(raw, k_smooth), `d` = sma(k, d).
//! Unit: 0 to 100.
//! Source: G. C. Lane; TA-Lib `STOCH` with SMA for both averages.
//! Cost: O(1), amortised.
//! Warm: row k + k_smooth + d − 3, both fields together.

use super::extreme::Range;
use super::{Indicator, Sma};
use crate::model::Candle;

/// Where `value` lies between `lowest` and `highest`, in percent.
#[inline]
pub(super) fn percent_of_range(value: f64, highest: f64, lowest: f64) -> f64 {
    let range = highest - lowest;
    if range.abs() <= 1e-14 * (highest.abs() + lowest.abs()) {
        0.0
    } else {
        (value - lowest) / (range / 100.0)
    }
}

#[derive(Debug, Clone)]
pub struct Stoch {
    range: Range,
    k: Sma,
    d: Sma,
}

impl Stoch {
    pub fn new(k: usize, k_smooth: usize, d: usize) -> Self {
        Stoch { range: Range::new(k), k: Sma::new(k_smooth), d: Sma::new(d) }
    }
}

impl Indicator for Stoch {
    type Input = Candle;
    type Output = [f64; 2];

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<[f64; 2]> {
        let (highest, lowest) = self.range.update(candle.high, candle.low)?;
        let k = self.k.update(percent_of_range(candle.close, highest, lowest))?;
        let d = self.d.update(k)?;
        Some([k, d])
    }
}
