//! Aroon.
//!
//! Formula: `up` = 100·(n − candles since the highest high)/n within the last n + 1 candles, `down` likewise since the
//! lowest low, `osc` = up − down. Of equal extremes the latest counts.
//! Unit: 0 to 100; `osc` −100 to 100.
//! Source: T. Chande, Stocks & Commodities 13:9 (1995); TA-Lib `AROON`, `AROONOSC`.
//! Cost: O(1), amortised.
//! Warm: row n, all fields together.

use super::Indicator;
use super::extreme::Extreme;
use crate::model::Candle;

#[derive(Debug, Clone)]
pub struct Aroon {
    n: f64,
    highest: Extreme<(f64, u64)>,
    lowest: Extreme<(f64, u64)>,
    row: u64,
}

impl Aroon {
    pub fn new(n: usize) -> Self {
        let window = Extreme::new(n + 1, (f64::NEG_INFINITY, 0));
        Aroon { n: n as f64, highest: window.clone(), lowest: window, row: 0 }
    }
}

impl Indicator for Aroon {
    type Input = Candle;
    type Output = [f64; 3];

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<[f64; 3]> {
        self.row += 1;
        let highest = self.highest.update((candle.high, self.row));
        let lowest = self.lowest.update((-candle.low, self.row));
        let percent = |(_, row): (f64, u64)| 100.0 / self.n * (self.n - (self.row - row) as f64);
        let (up, down) = (percent(highest?), percent(lowest?));
        Some([up, down, up - down])
    }
}
