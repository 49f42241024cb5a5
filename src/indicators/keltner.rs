//! Keltner channel.
//!
//! Formula: `middle` = ema(close, n), `upper` and `lower` = middle ± mult·atr(atr_n).
//! Unit: price.
//! Source: C. Keltner (1960), in L. B. Raschke's form with EMA and ATR.
//! Cost: O(1).
//! Warm: the later of rows n − 1 and atr_n, all fields together.

use super::{Atr, Ema, Indicator};
use crate::model::Candle;

#[derive(Debug, Clone)]
pub struct Keltner {
    ema: Ema,
    atr: Atr,
    mult: f64,
}

impl Keltner {
    pub fn new(n: usize, atr_n: usize, mult: f64) -> Self {
        Keltner { ema: Ema::new(n), atr: Atr::new(atr_n), mult }
    }
}

impl Indicator for Keltner {
    type Input = Candle;
    type Output = [f64; 3];

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<[f64; 3]> {
        let middle = self.ema.update(candle.close);
        let atr = self.atr.update(candle);
        let (middle, half) = (middle?, self.mult * atr?);
        Some([middle + half, middle, middle - half])
    }
}
