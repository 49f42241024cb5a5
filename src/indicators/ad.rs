//! Accumulation/distribution line.
//!
//! Formula: ad\[1\] + volume·((close − low) − (high − close))/(high − low), unchanged by a candle without range.
//! Unit: base currency.
//! Source: M. Chaikin; TA-Lib `AD`.
//! Cost: O(1).
//! Warm: row 0.

use super::Indicator;
use crate::model::Candle;

/// A candle's volume times where its close lies in its range, from −1 at the low to 1 at the high; 0 without range.
#[inline]
pub(super) fn flow_volume(candle: &Candle) -> f64 {
    let range = candle.high - candle.low;
    if range > 0.0 {
        ((candle.close - candle.low) - (candle.high - candle.close)) / range * candle.volume
    } else {
        0.0
    }
}

#[derive(Debug, Clone, Default)]
pub struct Ad {
    value: f64,
}

impl Ad {
    pub fn new() -> Self {
        Ad::default()
    }
}

impl Indicator for Ad {
    type Input = Candle;
    type Output = f64;

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<f64> {
        self.value += flow_volume(&candle);
        Some(self.value)
    }
}
