//! Supertrend.
//!
//! Formula: bands at (high + low)/2 ± mult·atr(n). The lower band falls, and the upper one rises, only after a close
//! beyond it. In a down trend `value` is the upper band until a close above it, in an up trend the lower one until a
//! close below it. The first trend is down, and the first bands have none before them.
//! Unit: price; `direction` is 1 in an up trend, −1 in a down trend.
//! Source: O. Seban; the rules of TradingView's `ta.supertrend`, with its direction's sign turned.
//! Cost: O(1).
//! Warm: row n, both fields together.

use super::{Atr, Indicator};
use crate::model::{Candle, Price};

#[derive(Debug, Clone, Copy)]
struct Last {
    upper: f64,
    lower: f64,
    close: f64,
    value: f64,
}

#[derive(Debug, Clone)]
pub struct Supertrend {
    atr: Atr,
    mult: f64,
    last: Option<Last>,
}

impl Supertrend {
    pub fn new(n: usize, mult: f64) -> Self {
        Supertrend { atr: Atr::new(n), mult, last: None }
    }
}

impl Indicator for Supertrend {
    type Input = Candle;
    type Output = [f64; 2];

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<[f64; 2]> {
        let half = self.mult * self.atr.update(candle)?;
        let middle = Price::Hl2.of(&candle);
        let (mut upper, mut lower) = (middle + half, middle - half);
        let close = candle.close;
        let up = match self.last {
            None => false,
            Some(last) => {
                if !(lower > last.lower || last.close < last.lower) {
                    lower = last.lower;
                }
                if !(upper < last.upper || last.close > last.upper) {
                    upper = last.upper;
                }
                if last.value == last.upper { close > upper } else { close >= lower }
            }
        };
        let value = if up { lower } else { upper };
        self.last = Some(Last { upper, lower, close, value });
        Some([value, if up { 1.0 } else { -1.0 }])
    }
}
