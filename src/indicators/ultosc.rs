//! Ultimate oscillator.
//!
//! Formula: 100·(4·p(a) + 2·p(b) + p(c))/7, the periods from short to long in whatever order they are given;
//! p(n) = Σ(close − min(low, close\[1\]))/Σ true range over n candles, 0 where that range is 0.
//! Unit: 0 to 100.
//! Source: L. Williams, Stocks & Commodities 3:4 (1985); TA-Lib `ULTOSC`.
//! Cost: O(1).
//! Warm: row max(a, b, c).

use super::window::RollingSum;
use super::{Indicator, TrueRange};
use crate::model::Candle;

/// Buying pressure and true range over one period.
#[derive(Debug, Clone)]
struct Pressure {
    pressures: RollingSum,
    ranges: RollingSum,
}

impl Pressure {
    fn new(n: usize) -> Self {
        Pressure { pressures: RollingSum::new(n), ranges: RollingSum::new(n) }
    }

    #[inline]
    fn update(&mut self, pressure: f64, range: f64) -> Option<f64> {
        let pressures = self.pressures.update(pressure);
        let ranges = self.ranges.update(range);
        let (pressures, ranges) = (pressures?, ranges?);
        Some(if ranges > 0.0 { pressures / ranges } else { 0.0 })
    }
}

#[derive(Debug, Clone)]
pub struct Ultosc {
    short: Pressure,
    medium: Pressure,
    long: Pressure,
    range: TrueRange,
    last_close: Option<f64>,
}

impl Ultosc {
    pub fn new(a: usize, b: usize, c: usize) -> Self {
        let mut periods = [a, b, c];
        periods.sort_unstable();
        let [short, medium, long] = periods.map(Pressure::new);
        Ultosc { short, medium, long, range: TrueRange::new(), last_close: None }
    }
}

impl Indicator for Ultosc {
    type Input = Candle;
    type Output = f64;

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<f64> {
        let range = self.range.update(candle);
        let last = self.last_close.replace(candle.close)?;
        let range = range?;
        let pressure = candle.close - candle.low.min(last);
        let short = self.short.update(pressure, range);
        let medium = self.medium.update(pressure, range);
        let long = self.long.update(pressure, range);
        Some(100.0 * ((4.0 * short? + 2.0 * medium? + long?) / 7.0))
    }
}
