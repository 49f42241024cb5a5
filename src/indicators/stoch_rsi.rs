//! Stochastic RSI.
//!
//! Formula: `k` = 100·(rsi − lowest)/(highest − lowest) of rsi(src, n) over k rows, 0 where the range is only
//! rounding; `d` = sma(k, d).
//! Unit: 0 to 100.
//! Source: T. Chande and S. Kroll, The New Technical Trader (1994); TA-Lib `STOCHRSI` with SMA.
//! Cost: O(1), amortised.
//! Warm: row n + k + d − 2, both fields together.

use super::extreme::Range;
use super::stoch::percent_of_range;
use super::{Indicator, Rsi, Sma};

#[derive(Debug, Clone)]
pub struct StochRsi {
    rsi: Rsi,
    range: Range,
    d: Sma,
}

impl StochRsi {
    pub fn new(n: usize, k: usize, d: usize) -> Self {
        StochRsi { rsi: Rsi::new(n), range: Range::new(k), d: Sma::new(d) }
    }
}

impl Indicator for StochRsi {
    type Input = f64;
    type Output = [f64; 2];

    #[inline]
    fn update(&mut self, value: f64) -> Option<[f64; 2]> {
        let rsi = self.rsi.update(value)?;
        let (highest, lowest) = self.range.update(rsi, rsi)?;
        let k = percent_of_range(rsi, highest, lowest);
        let d = self.d.update(k)?;
        Some([k, d])
    }
}
