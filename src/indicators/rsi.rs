//! Relative strength index.
//!
//! Formula: 100·gain/(gain + loss), the averages of rises and of falls smoothed as Wilder does; 0 where nothing has
//! moved since the first row.
//! Unit: 0 to 100.
//! Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib `RSI`.
//! Cost: O(1).
//! Warm: row n.

use super::Indicator;

#[derive(Debug, Clone)]
pub struct Rsi {
    n: usize,
    kept: f64,
    inverse: f64,
    last: Option<f64>,
    seen: usize,
    /// Average rise; while cold, the sum of the rises so far. So with `loss`.
    gain: f64,
    loss: f64,
}

impl Rsi {
    pub fn new(n: usize) -> Self {
        Rsi { n, kept: n as f64 - 1.0, inverse: 1.0 / n as f64, last: None, seen: 0, gain: 0.0, loss: 0.0 }
    }
}

impl Indicator for Rsi {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        let change = value - self.last.replace(value)?;
        let gain = change.max(0.0);
        let loss = gain - change;
        if self.seen >= self.n {
            // In this order of operations: the stochastic of a nearly flat RSI depends on its last digits.
            self.gain = (self.gain * self.kept + gain) * self.inverse;
            self.loss = (self.loss * self.kept + loss) * self.inverse;
        } else {
            self.seen += 1;
            self.gain += gain;
            self.loss += loss;
            if self.seen < self.n {
                return None;
            }
            self.gain *= self.inverse;
            self.loss *= self.inverse;
        }
        let both = self.gain + self.loss;
        Some(if both > 0.0 { 100.0 * (self.gain / both) } else { 0.0 })
    }
}
