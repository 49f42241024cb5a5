//! Money flow index.
//!
//! Formula: 100·inflow/(inflow + outflow) over n candles; a candle's flow is typical price · volume, in where the
//! typical price (high + low + close)/3 rose, out where it fell, none where it moved only by rounding. 0 in a window
//! without flow.
//! Unit: 0 to 100.
//! Source: G. Quong and A. Soudack, Stocks & Commodities 7:3 (1989); TA-Lib `MFI`.
//! Cost: O(1).
//! Warm: row n.

use super::Indicator;
use super::window::RollingSum;
use crate::model::{Candle, Price};

#[derive(Debug, Clone)]
pub struct Mfi {
    inflow: RollingSum,
    outflow: RollingSum,
    last: Option<f64>,
}

impl Mfi {
    pub fn new(n: usize) -> Self {
        Mfi { inflow: RollingSum::new(n), outflow: RollingSum::new(n), last: None }
    }
}

impl Indicator for Mfi {
    type Input = Candle;
    type Output = f64;

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<f64> {
        let typical = Price::Hlc3.of(&candle);
        let last = self.last.replace(typical)?;
        let change = typical - last;
        let moved = change.abs() > 1e-14 * (typical.abs() + last.abs());
        let flow = if moved { typical * candle.volume } else { 0.0 };
        let (inflow, outflow) = if change < 0.0 { (0.0, flow) } else { (flow, 0.0) };
        let inflow = self.inflow.update(inflow);
        let outflow = self.outflow.update(outflow);
        let (inflow, outflow) = (inflow?, outflow?);
        let both = inflow + outflow;
        Some(if both > 0.0 { 100.0 * (inflow / both).clamp(0.0, 1.0) } else { 0.0 })
    }
}
