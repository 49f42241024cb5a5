//! Candles: one row, and the column store that a run reads.

use serde::{Deserialize, Serialize};

/// One candle of one symbol. Prices in quote currency, volume in base currency, times in UTC
/// milliseconds; `[open_time, close_time]` are both inclusive.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "CandleRow", into = "CandleRow")]
pub struct Candle {
    pub open_time: i64,
    pub close_time: i64,
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub volume: f64,
}

/// As it is written down: the fields in their order.
type CandleRow = (i64, i64, f64, f64, f64, f64, f64);

impl From<CandleRow> for Candle {
    fn from((open_time, close_time, open, high, low, close, volume): CandleRow) -> Candle {
        Candle { open_time, close_time, open, high, low, close, volume }
    }
}

impl From<Candle> for CandleRow {
    fn from(it: Candle) -> CandleRow {
        (it.open_time, it.close_time, it.open, it.high, it.low, it.close, it.volume)
    }
}

impl Candle {
    /// The instant a decision about this candle is made: one millisecond after it closed.
    pub fn decision_time(&self) -> i64 {
        self.close_time + 1
    }
}

/// A column of candle data, or a per-candle price derived from one candle alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Price {
    Open,
    High,
    Low,
    Close,
    Volume,
    Hl2,
    Hlc3,
    Ohlc4,
}

impl Price {
    pub const ALL: [Price; 8] = [
        Price::Open,
        Price::High,
        Price::Low,
        Price::Close,
        Price::Volume,
        Price::Hl2,
        Price::Hlc3,
        Price::Ohlc4,
    ];

    /// The name scripts use.
    pub fn name(self) -> &'static str {
        match self {
            Price::Open => "open",
            Price::High => "high",
            Price::Low => "low",
            Price::Close => "close",
            Price::Volume => "volume",
            Price::Hl2 => "hl2",
            Price::Hlc3 => "hlc3",
            Price::Ohlc4 => "ohlc4",
        }
    }

    /// The value of this price for one candle.
    pub fn of(self, candle: &Candle) -> f64 {
        match self {
            Price::Open => candle.open,
            Price::High => candle.high,
            Price::Low => candle.low,
            Price::Close => candle.close,
            Price::Volume => candle.volume,
            Price::Hl2 => (candle.high + candle.low) / 2.0,
            Price::Hlc3 => (candle.high + candle.low + candle.close) / 3.0,
            Price::Ohlc4 => (candle.open + candle.high + candle.low + candle.close) / 4.0,
        }
    }
}

/// Candles as columns: the layout that indicators and the backtest loop read.
///
/// Invariant: all columns have the same length. Order and sanity of the rows is the loader's duty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Candles {
    pub open_time: Vec<i64>,
    pub close_time: Vec<i64>,
    pub open: Vec<f64>,
    pub high: Vec<f64>,
    pub low: Vec<f64>,
    pub close: Vec<f64>,
    pub volume: Vec<f64>,
}

impl Candles {
    pub fn with_capacity(rows: usize) -> Self {
        Candles {
            open_time: Vec::with_capacity(rows),
            close_time: Vec::with_capacity(rows),
            open: Vec::with_capacity(rows),
            high: Vec::with_capacity(rows),
            low: Vec::with_capacity(rows),
            close: Vec::with_capacity(rows),
            volume: Vec::with_capacity(rows),
        }
    }

    pub fn len(&self) -> usize {
        self.open_time.len()
    }

    pub fn is_empty(&self) -> bool {
        self.open_time.is_empty()
    }

    pub fn push(&mut self, candle: Candle) {
        self.open_time.push(candle.open_time);
        self.close_time.push(candle.close_time);
        self.open.push(candle.open);
        self.high.push(candle.high);
        self.low.push(candle.low);
        self.close.push(candle.close);
        self.volume.push(candle.volume);
    }

    /// The candle in `row`. Panics when `row` is out of range, as slice indexing does.
    pub fn get(&self, row: usize) -> Candle {
        Candle {
            open_time: self.open_time[row],
            close_time: self.close_time[row],
            open: self.open[row],
            high: self.high[row],
            low: self.low[row],
            close: self.close[row],
            volume: self.volume[row],
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Candle> + '_ {
        (0..self.len()).map(|row| self.get(row))
    }

    /// A copy of the rows in `range`.
    pub fn slice(&self, range: std::ops::Range<usize>) -> Candles {
        Candles {
            open_time: self.open_time[range.clone()].to_vec(),
            close_time: self.close_time[range.clone()].to_vec(),
            open: self.open[range.clone()].to_vec(),
            high: self.high[range.clone()].to_vec(),
            low: self.low[range.clone()].to_vec(),
            close: self.close[range.clone()].to_vec(),
            volume: self.volume[range].to_vec(),
        }
    }

    /// Index of the first candle whose `open_time` is at or after `time`.
    pub fn first_at_or_after(&self, time: i64) -> usize {
        self.open_time.partition_point(|&t| t < time)
    }

    /// The stored column of `price`, or `None` for a derived price.
    pub fn column(&self, price: Price) -> Option<&[f64]> {
        match price {
            Price::Open => Some(&self.open),
            Price::High => Some(&self.high),
            Price::Low => Some(&self.low),
            Price::Close => Some(&self.close),
            Price::Volume => Some(&self.volume),
            Price::Hl2 | Price::Hlc3 | Price::Ohlc4 => None,
        }
    }
}

impl FromIterator<Candle> for Candles {
    fn from_iter<I: IntoIterator<Item = Candle>>(rows: I) -> Self {
        let rows = rows.into_iter();
        let mut candles = Candles::with_capacity(rows.size_hint().0);
        rows.for_each(|candle| candles.push(candle));
        candles
    }
}
