//! Moving average convergence/divergence.
//!
//! Formula: `macd` = ema(fast) − ema(slow), `signal` = ema(macd, signal), `hist` = macd − signal. The fast average
//! starts late, so that both begin on the same row; when fast > slow the two change places.
//! Unit: that of the source.
//! Source: G. Appel; TA-Lib `MACD`.
//! Cost: O(1).
//! Warm: row slow + signal − 2, all fields together.

use super::{Ema, Indicator};

#[derive(Debug, Clone)]
pub struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
    /// Rows the fast average still leaves out.
    late: usize,
}

impl Macd {
    pub fn new(fast: usize, slow: usize, signal: usize) -> Self {
        let (fast, slow) = (fast.min(slow), fast.max(slow));
        Macd { fast: Ema::new(fast), slow: Ema::new(slow), signal: Ema::new(signal), late: slow - fast }
    }
}

impl Indicator for Macd {
    type Input = f64;
    type Output = [f64; 3];

    #[inline]
    fn update(&mut self, value: f64) -> Option<[f64; 3]> {
        let slow = self.slow.update(value);
        if self.late > 0 {
            self.late -= 1;
            return None;
        }
        let macd = self.fast.update(value)? - slow?;
        let signal = self.signal.update(macd)?;
        Some([macd, signal, macd - signal])
    }
}
