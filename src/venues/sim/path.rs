//! The path a price is taken to walk inside one candle.

use crate::model::{Candles, Direction};

/// Which extreme of a candle comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extremes {
    /// What a backtest assumes: the price goes against the position before it goes with it.
    AdverseFirst,
    /// The other order, to tell whether the assumption mattered.
    FavourableFirst,
}

/// Open, one extreme, the other, close.
pub fn prices(candles: &Candles, row: usize, direction: Direction, extremes: Extremes) -> [f64; 4] {
    let ohlc = [candles.open[row], candles.high[row], candles.low[row], candles.close[row]];
    corners(ohlc, direction, extremes)
}

/// Open, one extreme, the other, close, of prices of any kind given as open, high, low, close.
pub fn corners<P>([open, high, low, close]: [P; 4], direction: Direction, extremes: Extremes) -> [P; 4] {
    let low_first = (direction == Direction::Long) == (extremes == Extremes::AdverseFirst);
    let (first, second) = if low_first { (low, high) } else { (high, low) };
    [open, first, second, close]
}

/// The same path as a continuous walk, millisecond by millisecond: from corner to corner in equal thirds of the
/// candle's time, at the close in its last millisecond. Prices are whole numbers, in units of whoever asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Path {
    /// They never fall; in a candle of less than four milliseconds some are equal.
    pub times: [i64; 4],
    pub prices: [i64; 4],
}

impl Path {
    /// Of a candle that lasts from `open_time` to `close_time`, both inclusive, walked as a backtest does for
    /// somebody who is long. `ohlc`: open, high, low, close.
    pub fn new(open_time: i64, close_time: i64, ohlc: [i64; 4]) -> Path {
        let length = close_time - open_time + 1;
        Path {
            times: [open_time, open_time + length / 3, open_time + 2 * length / 3, close_time],
            prices: corners(ohlc, Direction::Long, Extremes::AdverseFirst),
        }
    }

    /// The corner last reached at `time`, from 0.
    pub fn corner_at(&self, time: i64) -> usize {
        self.times.iter().rposition(|corner| *corner <= time).unwrap_or(0)
    }

    /// The price at `time`, rounded to a whole number; within a leg it never turns.
    pub fn at(&self, time: i64) -> i64 {
        let corner = self.corner_at(time);
        let Some((length, rise)) = self.leg(corner) else { return self.prices[corner] };
        let walked = i128::from((time - self.times[corner]).max(0));
        let twice = 2 * i128::from(rise) * walked + i128::from(length);
        // Between two i64, so it is one.
        self.prices[corner] + twice.div_euclid(2 * i128::from(length)) as i64
    }

    /// Open, high, low and close of the part from `from` to `to`, both inclusive. The parts of a candle that is cut
    /// anywhere add up to the candle.
    pub fn part(&self, from: i64, to: i64) -> [i64; 4] {
        let open = if from <= self.times[0] { self.prices[0] } else { self.at(from) };
        let close = self.at(to);
        let (mut high, mut low) = (open.max(close), open.min(close));
        for (time, price) in self.times.iter().zip(self.prices) {
            if (from..=to).contains(time) {
                high = high.max(price);
                low = low.min(price);
            }
        }
        [open, high, low, close]
    }

    /// Something in proportion to the price added up from the open to `time`, not above 2^60: tells how what was
    /// paid spreads over the candle. Never falls.
    pub fn area(&self, time: i64) -> i128 {
        // 24 digits of a price are enough to weigh with, and leave room to multiply.
        let highest = self.prices.iter().copied().max().unwrap_or(0);
        let shift = (64 - highest.leading_zeros()).saturating_sub(24);
        let mut area = 0;
        for corner in 0..3 {
            let Some((length, _)) = self.leg(corner) else { continue };
            let walked = i128::from((time - self.times[corner]).clamp(0, length));
            let from = i128::from(self.prices[corner] >> shift);
            let rise = i128::from(self.prices[corner + 1] >> shift) - from;
            area += 2 * from * walked + (rise * walked * walked).div_euclid(i128::from(length));
        }
        area
    }

    /// Length in time and rise in price from a corner to the next; `None` where there is no way between them.
    fn leg(&self, corner: usize) -> Option<(i64, i64)> {
        let length = self.times.get(corner + 1)? - self.times[corner];
        (length > 0).then(|| (length, self.prices[corner + 1] - self.prices[corner]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_walk_meets_every_corner_and_never_turns_between_them() {
        let path = Path::new(1000, 1899, [50, 90, 10, 70]);
        assert_eq!(path.times, [1000, 1300, 1600, 1899]);
        assert_eq!(path.prices, [50, 10, 90, 70]);
        let walked: Vec<i64> = (1000..1900).map(|time| path.at(time)).collect();
        assert!(walked[..=300].is_sorted_by(|a, b| a >= b));
        assert!(walked[300..=600].is_sorted());
        assert!(walked[600..].is_sorted_by(|a, b| a >= b));
        assert_eq!([walked[0], walked[300], walked[600], walked[899]], path.prices);
        assert_eq!((path.at(0), path.at(5000)), (50, 70), "before and after it stands still");
    }

    #[test]
    fn parts_add_up_even_of_a_candle_of_a_millisecond() {
        for length in 1..8 {
            let path = Path::new(0, length - 1, [5, 9, 1, 7]);
            for cut in 1..length {
                let ([open, high, low, _], [_, more, less, close]) =
                    (path.part(0, cut - 1), path.part(cut, length - 1));
                assert_eq!([open, high.max(more), low.min(less), close], [5, 9, 1, 7], "{length} at {cut}");
            }
        }
    }

    #[test]
    fn the_area_rises_with_time_whatever_the_prices() {
        for ohlc in [[5, 9, 1, 7], [i64::MAX / 2, i64::MAX / 2, 1, 1], [1, 1, 1, 1]] {
            let path = Path::new(0, 31 * 86_400_000 - 1, ohlc);
            let areas: Vec<i128> = (0..1000).map(|step| path.area(step * path.times[3] / 999)).collect();
            assert!(areas.is_sorted());
            assert!(areas[0] == 0 && areas[999] > 0 && areas[999] < 1 << 60);
        }
    }
}
