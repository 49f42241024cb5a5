//! Ichimoku kinko hyo.
//!
//! Formula: m(n) = (highest high + lowest low)/2 over n candles; `tenkan` = m(tenkan), `kijun` = m(kijun),
//! `senkou_a` = (tenkan + kijun)/2, `senkou_b` = m(senkou). The spans are not shifted: values as known now.
//! Unit: price.
//! Source: G. Hosoda (1969).
//! Cost: O(1), amortised.
//! Warm: each field with its longest period: rows tenkan − 1, kijun − 1, the later of the two, senkou − 1.

use super::Indicator;
use super::extreme::Range;
use crate::model::Candle;

#[derive(Debug, Clone)]
pub struct Ichimoku {
    tenkan: Range,
    kijun: Range,
    senkou: Range,
}

impl Ichimoku {
    pub fn new(tenkan: usize, kijun: usize, senkou: usize) -> Self {
        Ichimoku { tenkan: Range::new(tenkan), kijun: Range::new(kijun), senkou: Range::new(senkou) }
    }
}

impl Indicator for Ichimoku {
    type Input = Candle;
    type Output = [f64; 4];

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<[f64; 4]> {
        let middle = |range: &mut Range| {
            range
                .update(candle.high, candle.low)
                .map_or(f64::NAN, |(highest, lowest)| (highest + lowest) / 2.0)
        };
        let tenkan = middle(&mut self.tenkan);
        let kijun = middle(&mut self.kijun);
        let senkou_b = middle(&mut self.senkou);
        if tenkan.is_nan() && kijun.is_nan() && senkou_b.is_nan() {
            return None;
        }
        // NaN while one of the two is cold.
        let senkou_a = (tenkan + kijun) / 2.0;
        Some([tenkan, kijun, senkou_a, senkou_b])
    }
}
