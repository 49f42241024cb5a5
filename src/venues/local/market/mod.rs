//! The market of the local exchange: candles of files, walked as prices by a clock of its own, and all that can
//! be asked about them. Pure: whoever holds it says how far the clock goes.
//!
//! Nothing later than [`Market::now`] is ever told. Inside a candle the price walks from corner to corner as in a
//! backtest, see [`crate::venues::sim::path`].

mod depth;
mod interval;
mod kline;
mod series;
mod ticker;
mod trade;

pub use depth::{BookTicker, Depth, Level};
pub use interval::KlineInterval;
pub use kline::Kline;
pub use series::{Series, SeriesError, SeriesRow};
pub use ticker::{Ticker, Window};
pub use trade::{AggTrade, PublicTrade};

use rust_decimal::Decimal;

/// What a step of the clock came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepKind {
    /// A candle of the file opened, and the one before it is closed. The price is its open.
    Opened,
    /// The low, the high or the close of the candle was reached.
    Corner,
    /// Somewhere between two corners.
    Between,
    /// The last candle of the symbol is closed. The price is still its close.
    Ended,
}

/// The price of one symbol at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// UTC milliseconds of the market.
    pub time: i64,
    /// Place in [`Market::symbols`].
    pub symbol: usize,
    pub price: Decimal,
    pub kind: StepKind,
}

/// Why there can be no market.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MarketError {
    #[error("there is no candle file. Name at least one with --data.")]
    Nothing,
    #[error("two candle files are of {0}. Name one file for each symbol.")]
    Twice(String),
    #[error("there is no candle of {0}")]
    Empty(String),
    #[error(
        "the candles of {symbol} end at {end}, before the market starts at {start}. Choose files of the same time, or an earlier start."
    )]
    Over { symbol: String, start: String, end: String },
}

/// Prices of several symbols under one clock. `symbol` arguments are places in [`Market::symbols`]; one that is
/// out of range panics, as slice indexing does.
#[derive(Debug)]
pub struct Market {
    series: Vec<Series>,
    now: i64,
}

#[allow(unused_variables)]
impl Market {
    /// The clock starts at `start`, or where the last of the symbols has its first candle, if that is later. A
    /// candle that opens right then is still to be opened.
    pub fn new(series: Vec<Series>, start: i64) -> Result<Market, MarketError> {
        Ok(Market { series, now: start })
    }

    /// UTC milliseconds of the market.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// The instant at which the last candle of all is closed.
    pub fn end(&self) -> i64 {
        0
    }

    /// Names, in the order of the series.
    pub fn symbols(&self) -> impl Iterator<Item = &str> {
        self.series.iter().map(Series::symbol)
    }

    pub fn find(&self, name: &str) -> Option<usize> {
        self.series.iter().position(|series| series.symbol() == name)
    }

    /// What a symbol was made of.
    pub fn series(&self, symbol: usize) -> &Series {
        &self.series[symbol]
    }

    /// Moves the clock to the next thing that happens up to `until`: corners first, all of them in the order of
    /// time (and of symbols where times are equal), then every symbol with a candle in progress at `until` itself.
    /// `None`: the clock is at `until`, or the files are at their end.
    ///
    /// Where no symbol has a candle at `until`, the clock jumps over the gap: that step is later than `until`.
    pub fn next(&mut self, until: i64) -> Option<Step> {
        None
    }

    /// Smallest step of prices: one unit of the last decimal of the file.
    pub fn tick_size(&self, symbol: usize) -> Decimal {
        Decimal::ONE
    }

    /// Smallest step of quantities, as with prices.
    pub fn step_size(&self, symbol: usize) -> Decimal {
        Decimal::ONE
    }

    pub fn last_price(&self, symbol: usize) -> Decimal {
        Decimal::ONE
    }

    /// Average of the last `minutes`, weighted with volume; the last price where nothing was traded.
    pub fn average_price(&self, symbol: usize, minutes: u32) -> Decimal {
        Decimal::ONE
    }
}
