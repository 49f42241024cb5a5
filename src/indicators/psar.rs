//! Parabolic stop and reverse.
//!
//! Formula: sar += a·(extreme − sar), never inside the range of the current and the last candle; a starts at `step`
//! and grows by it with every new extreme up to `max` (a step above max is max). When the price touches the sar, the
//! trend turns: the sar becomes the extreme of the trend that ended. The first direction is down when the second
//! candle's −DM is positive, else up; the first sar is the first candle's high or low.
//! Unit: price.
//! Source: J. W. Wilder, New Concepts in Technical Trading Systems (1978); TA-Lib `SAR`.
//! Cost: O(1).
//! Warm: row 1.

use super::Indicator;
use crate::model::Candle;

#[derive(Debug, Clone, Copy)]
struct Trend {
    up: bool,
    /// The stop for the next candle.
    sar: f64,
    extreme: f64,
    acceleration: f64,
}

#[derive(Debug, Clone)]
pub struct Psar {
    step: f64,
    max: f64,
    last: Option<(f64, f64)>,
    trend: Option<Trend>,
}

impl Psar {
    pub fn new(step: f64, max: f64) -> Self {
        Psar { step: step.min(max), max, last: None, trend: None }
    }

    /// The trend that the second candle finds.
    fn first_trend(&self, (last_high, last_low): (f64, f64), high: f64, low: f64) -> Trend {
        let (rise, fall) = (high - last_high, last_low - low);
        let up = !(fall > 0.0 && rise < fall);
        let (sar, extreme) = if up { (last_low, high) } else { (last_high, low) };
        Trend { up, sar, extreme, acceleration: self.step }
    }
}

impl Indicator for Psar {
    type Input = Candle;
    type Output = f64;

    #[inline]
    fn update(&mut self, candle: Candle) -> Option<f64> {
        let (high, low) = (candle.high, candle.low);
        let last = self.last.replace((high, low))?;
        let (mut trend, (last_high, last_low)) = match self.trend {
            Some(trend) => (trend, last),
            // The candle that starts the trend stands in for the one before it.
            None => (self.first_trend(last, high, low), (high, low)),
        };
        let above = |sar: f64| sar.max(last_high).max(high);
        let below = |sar: f64| sar.min(last_low).min(low);

        let turned = if trend.up { low <= trend.sar } else { high >= trend.sar };
        if turned {
            trend.up = !trend.up;
            trend.sar = if trend.up { below(trend.extreme) } else { above(trend.extreme) };
            trend.acceleration = self.step;
        }
        let value = trend.sar;
        let extended = if trend.up { high > trend.extreme } else { low < trend.extreme };
        if turned {
            trend.extreme = if trend.up { high } else { low };
        } else if extended {
            trend.extreme = if trend.up { high } else { low };
            trend.acceleration = (trend.acceleration + self.step).min(self.max);
        }
        let next = trend.sar + trend.acceleration * (trend.extreme - trend.sar);
        trend.sar = if trend.up { below(next) } else { above(next) };
        self.trend = Some(trend);
        Some(value)
    }
}
