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
    let (high, low) = (candles.high[row], candles.low[row]);
    let low_first = (direction == Direction::Long) == (extremes == Extremes::AdverseFirst);
    let (first, second) = if low_first { (low, high) } else { (high, low) };
    [candles.open[row], first, second, candles.close[row]]
}
