//! Normalised average true range.
//!
//! Formula: 100·atr(n)/close, 0 where close is 0. n = 1 is the true range itself, not normalised, as in TA-Lib.
//! Unit: percent (price for n = 1).
//! Source: J. Forman, Stocks & Commodities 24:5 (2006); TA-Lib `NATR`.
//! Cost: O(1).
//! Warm: row n.

use super::{Atr, Indicator};
use crate::model::Candle;

#[derive(Debug, Clone)]
pub struct Natr {
    atr: Atr,
    normalised: bool,
}

impl Natr {
    pub fn new(n: usize) -> Self {
        Natr { atr: Atr::new(n), normalised: n > 1 }
    }
}

impl Indicator for Natr {
    type Input = Candle;
    type Output = f64;

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<f64> {
        let atr = self.atr.update(candle)?;
        Some(match (self.normalised, candle.close == 0.0) {
            (false, _) => atr,
            (true, true) => 0.0,
            (true, false) => atr / candle.close * 100.0,
        })
    }
}
