//! Volume-weighted average price of the UTC day.
//!
//! Formula: Σ t·volume / Σ volume since 00:00 UTC (by open_time), t = (high + low + close)/3; t itself while the day
//! has no volume.
//! Unit: price.
//! Source: common practice.
//! Cost: O(1).
//! Warm: row 0.

use super::Indicator;
use crate::model::{Candle, Price, day_of};

#[derive(Debug, Clone, Default)]
pub struct Vwap {
    day: Option<i64>,
    notional: f64,
    volume: f64,
}

impl Vwap {
    pub fn new() -> Self {
        Vwap::default()
    }
}

impl Indicator for Vwap {
    type Input = Candle;
    type Output = f64;

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<f64> {
        let day = Some(day_of(candle.open_time));
        if self.day != day {
            *self = Vwap { day, notional: 0.0, volume: 0.0 };
        }
        let typical = Price::Hlc3.of(&candle);
        self.notional += typical * candle.volume;
        self.volume += candle.volume;
        Some(if self.volume > 0.0 { self.notional / self.volume } else { typical })
    }
}
