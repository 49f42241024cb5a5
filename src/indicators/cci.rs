//! Commodity channel index.
//!
//! Formula: (t − mean)/(0.015·mean deviation) of the typical price t = (high + low + close)/3 over n candles; 0 where
//! the deviation is only rounding.
//! Unit: none.
//! Source: D. Lambert, Commodities (1980); TA-Lib `CCI`.
//! Cost: O(n): the deviation is from a mean that moves, so every candle has to look at the whole window.
//! Warm: row n − 1.

use super::Indicator;
use super::window::Window;
use crate::model::{Candle, Price};

#[derive(Debug, Clone)]
pub struct Cci {
    window: Window,
    n: f64,
}

impl Cci {
    pub fn new(n: usize) -> Self {
        Cci { window: Window::new(n), n: n as f64 }
    }
}

/// Σ f(x), in four chains so that additions need not wait for each other.
#[inline]
fn sum(values: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    let (chunks, rest) = values.as_chunks::<4>();
    let mut sums = [0.0; 4];
    for chunk in chunks {
        for (sum, &value) in sums.iter_mut().zip(chunk) {
            *sum += f(value);
        }
    }
    let rest: f64 = rest.iter().map(|&value| f(value)).sum();
    (sums[0] + sums[1]) + (sums[2] + sums[3]) + rest
}

impl Indicator for Cci {
    type Input = Candle;
    type Output = f64;

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<f64> {
        let typical = Price::Hlc3.of(&candle);
        self.window.push(typical);
        if !self.window.is_full() {
            return None;
        }
        let mean = sum(self.window.values(), |value| value) / self.n;
        let deviation = sum(self.window.values(), |value| (value - mean).abs()) / self.n;
        Some(if deviation <= 1e-14 * mean.abs() { 0.0 } else { (typical - mean) / (0.015 * deviation) })
    }
}
