//! Average directional index and the two directional indicators.
//!
//! Formula: +DM = high − high\[1\] where that is positive and the greater of the two moves, −DM = low\[1\] − low
//! likewise, else 0. Sums s of +DM, −DM and true range start with n − 1 candles and go on as s − s/n + x.
//! `plus_di` = 100·+DM/TR, `minus_di` = 100·−DM/TR, DX = 100·|+DI − −DI|/(+DI + −DI);
//! `adx` = mean of the first n DX, then smoothed as Wilder does. A candle without a DX (no range, no direction) adds
//! nothing to the first mean and leaves `adx` as it was.
//! Unit: 0 to 100.
//! Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib `ADX`, `PLUS_DI`, `MINUS_DI`.
//! Cost: O(1).
//! Warm: `plus_di` and `minus_di` row n, `adx` row 2n − 1.

use super::{Indicator, TrueRange};
use crate::model::Candle;

#[derive(Debug, Clone)]
pub struct Adx {
    n: usize,
    inverse: f64,
    range: TrueRange,
    last: Option<(f64, f64)>,
    seen: usize,
    plus: f64,
    minus: f64,
    ranges: f64,
    /// Candles whose DX went into the first mean (n of them make it whole).
    averaged: usize,
    adx: f64,
}

impl Adx {
    pub fn new(n: usize) -> Self {
        Adx {
            n,
            inverse: 1.0 / n as f64,
            range: TrueRange::new(),
            last: None,
            seen: 0,
            plus: 0.0,
            minus: 0.0,
            ranges: 0.0,
            averaged: 0,
            adx: 0.0,
        }
    }
}

impl Indicator for Adx {
    type Input = Candle;
    type Output = [f64; 3];

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<[f64; 3]> {
        let range = self.range.update(candle);
        let (last_high, last_low) = self.last.replace((candle.high, candle.low))?;
        let range = range?;
        let (up, down) = (candle.high - last_high, last_low - candle.low);
        // Selects, not branches: the direction of a move is a coin toss that no branch predictor wins.
        let plus = if up > down { up } else { 0.0 }.max(0.0);
        let minus = if down > up { down } else { 0.0 }.max(0.0);

        if self.seen + 1 < self.n {
            self.seen += 1;
            self.plus += plus;
            self.minus += minus;
            self.ranges += range;
            return None;
        }
        self.plus = self.plus - self.plus * self.inverse + plus;
        self.minus = self.minus - self.minus * self.inverse + minus;
        self.ranges = self.ranges - self.ranges * self.inverse + range;

        let (mut plus_di, mut minus_di, mut dx) = (0.0, 0.0, None);
        if self.ranges > 0.0 {
            plus_di = 100.0 * (self.plus / self.ranges);
            minus_di = 100.0 * (self.minus / self.ranges);
            let both = plus_di + minus_di;
            if both >= 1e-14 {
                dx = Some(100.0 * ((minus_di - plus_di).abs() / both));
            }
        }
        if self.averaged < self.n {
            self.averaged += 1;
            self.adx += dx.unwrap_or(0.0);
            if self.averaged < self.n {
                return Some([f64::NAN, plus_di, minus_di]);
            }
            self.adx /= self.n as f64;
        } else if let Some(dx) = dx {
            self.adx -= (self.adx - dx) * self.inverse;
        }
        Some([self.adx, plus_di, minus_di])
    }
}
