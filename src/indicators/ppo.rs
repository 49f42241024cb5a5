//! Percentage price oscillator.
//!
//! Formula: 100·(ema(f) − ema(s))/ema(s), 0 where ema(s) is 0. Unlike in MACD each average starts on its first row;
//! when f > s the two change places.
//! Unit: percent.
//! Source: G. Appel; TA-Lib `PPO` with EMA.
//! Cost: O(1).
//! Warm: row max(f, s) − 1.

use super::{Ema, Indicator};

#[derive(Debug, Clone)]
pub struct Ppo {
    fast: Ema,
    slow: Ema,
}

impl Ppo {
    pub fn new(fast: usize, slow: usize) -> Self {
        Ppo { fast: Ema::new(fast.min(slow)), slow: Ema::new(fast.max(slow)) }
    }
}

impl Indicator for Ppo {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        let fast = self.fast.update(value);
        let slow = self.slow.update(value)?;
        Some(if slow.abs() < 1e-14 { 0.0 } else { (fast? - slow) / slow * 100.0 })
    }
}
