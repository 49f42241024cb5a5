//! Chaikin oscillator.
//!
//! Formula: e(f) − e(s) of the accumulation/distribution line, e = k·ad + (1 − k)·e\[1\], k = 2/(n + 1), both starting
//! from its first value. Not swapped when f > s: the sign turns.
//! Unit: base currency.
//! Source: M. Chaikin; TA-Lib `ADOSC`.
//! Cost: O(1).
//! Warm: row max(f, s) − 1.

use super::{Ad, Indicator};
use crate::model::Candle;

#[derive(Debug, Clone)]
pub struct Adosc {
    ad: Ad,
    fast_weight: f64,
    slow_weight: f64,
    averages: Option<(f64, f64)>,
    /// Rows until warm.
    cold: usize,
}

impl Adosc {
    pub fn new(fast: usize, slow: usize) -> Self {
        let weight = |n: usize| 2.0 / (n as f64 + 1.0);
        Adosc {
            ad: Ad::new(),
            fast_weight: weight(fast),
            slow_weight: weight(slow),
            averages: None,
            cold: fast.max(slow) - 1,
        }
    }
}

impl Indicator for Adosc {
    type Input = Candle;
    type Output = f64;

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<f64> {
        let ad = self.ad.update(candle)?;
        let (fast, slow) = match self.averages {
            None => (ad, ad),
            Some((fast, slow)) => (
                self.fast_weight * ad + (1.0 - self.fast_weight) * fast,
                self.slow_weight * ad + (1.0 - self.slow_weight) * slow,
            ),
        };
        self.averages = Some((fast, slow));
        if self.cold > 0 {
            self.cold -= 1;
            return None;
        }
        Some(fast - slow)
    }
}
