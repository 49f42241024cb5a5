//! On-balance volume.
//!
//! Formula: obv\[1\] + volume where close rose, − volume where it fell; it starts with the first candle's volume.
//! Unit: base currency.
//! Source: J. Granville (1963); TA-Lib `OBV`.
//! Cost: O(1).
//! Warm: row 0.

use super::Indicator;
use crate::model::Candle;

#[derive(Debug, Clone, Default)]
pub struct Obv {
    last_close: Option<f64>,
    value: f64,
}

impl Obv {
    pub fn new() -> Self {
        Obv::default()
    }
}

impl Indicator for Obv {
    type Input = Candle;
    type Output = f64;

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<f64> {
        let Some(last) = self.last_close.replace(candle.close) else {
            self.value = candle.volume;
            return Some(self.value);
        };
        // Arithmetic, not branches: the direction of a close is a coin toss that no branch predictor wins.
        let rise = f64::from(u8::from(candle.close > last));
        let fall = f64::from(u8::from(candle.close < last));
        self.value += (rise - fall) * candle.volume;
        Some(self.value)
    }
}
