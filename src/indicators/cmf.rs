//! Chaikin money flow.
//!
//! Formula: Σ volume·((close − low) − (high − close))/(high − low) / Σ volume over n candles. A candle without range
//! counts 0 in the upper sum; 0 in a window without volume.
//! Unit: −1 to 1.
//! Source: M. Chaikin.
//! Cost: O(1).
//! Warm: row n − 1.

use super::Indicator;
use super::ad::flow_volume;
use super::window::RollingSum;
use crate::model::Candle;

#[derive(Debug, Clone)]
pub struct Cmf {
    flows: RollingSum,
    volumes: RollingSum,
}

impl Cmf {
    pub fn new(n: usize) -> Self {
        Cmf { flows: RollingSum::new(n), volumes: RollingSum::new(n) }
    }
}

impl Indicator for Cmf {
    type Input = Candle;
    type Output = f64;

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<f64> {
        let flow = self.flows.update(flow_volume(&candle));
        let volume = self.volumes.update(candle.volume);
        let (flow, volume) = (flow?, volume?);
        Some(if volume > 0.0 { flow / volume } else { 0.0 })
    }
}
