//! The market of the local exchange: candles of files, walked as prices by a clock of its own, and all that can
//! be asked about them. Pure: whoever holds it says how far the clock goes.
//!
//! Nothing later than [`Market::now`] is ever told. Inside a candle the price walks from corner to corner as in a
//! backtest, see [`Path`](crate::venues::sim::path::Path).

mod depth;
mod interval;
mod kline;
mod part;
mod series;
mod ticker;
mod trade;

pub use depth::{BookTicker, Depth, Level};
pub use interval::KlineInterval;
pub use kline::Kline;
pub use series::{Series, SeriesError, SeriesRow};
pub use ticker::{Ticker, Window};
pub use trade::{AggTrade, PublicTrade};

use crate::model::iso;
use rust_decimal::Decimal;
use std::collections::HashSet;

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
    #[error("there is no candle of {0}. Choose another file.")]
    Empty(String),
    #[error(
        "the candles of {symbol} end at {}, and the market would start at {}. Choose files of the same time, or an \
         earlier start.",
        iso(*.end), iso(*.start)
    )]
    Over { symbol: String, start: i64, end: i64 },
}

/// A symbol and how far its price has walked.
#[derive(Debug)]
struct Book {
    series: Series,
    /// The candle whose corner comes next; the number of candles at the end.
    row: usize,
    /// The next corner of that candle, 0 being its open. At the end, 0 until the end was told.
    corner: usize,
    /// Units of the last price.
    last: i64,
    /// Time of the last step.
    shown: i64,
    /// Steps so far.
    steps: u64,
}

/// Prices of several symbols under one clock. `symbol` arguments are places in [`Market::symbols`]; one that is
/// out of range panics, as slice indexing does.
#[derive(Debug)]
pub struct Market {
    books: Vec<Book>,
    now: i64,
}

impl Market {
    /// The clock starts at `start`, or where the last of the symbols has its first candle, if that is later. A
    /// candle that opens right then is still to be opened.
    pub fn new(mut series: Vec<Series>, start: i64) -> Result<Market, MarketError> {
        let mut names = HashSet::new();
        let mut now = start;
        for series in &mut series {
            let symbol = series.symbol().to_owned();
            let Some(first) = series.open_times().first() else { return Err(MarketError::Empty(symbol)) };
            now = now.max(*first);
            series.shut();
            if !names.insert(symbol.clone()) {
                return Err(MarketError::Twice(symbol));
            }
        }
        if series.is_empty() {
            return Err(MarketError::Nothing);
        }
        if let Some(over) = series.iter().find(|series| end_of(series) <= now) {
            return Err(MarketError::Over {
                symbol: over.symbol().to_owned(),
                start: now,
                end: end_of(over),
            });
        }
        Ok(Market { books: series.into_iter().map(|series| Book::at(series, now)).collect(), now })
    }

    /// UTC milliseconds of the market.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// The instant at which the last candle of all is closed.
    pub fn end(&self) -> i64 {
        self.books.iter().map(|book| end_of(&book.series)).max().unwrap_or(self.now)
    }

    /// Names, in the order of the series.
    pub fn symbols(&self) -> impl ExactSizeIterator<Item = &str> {
        self.books.iter().map(|book| book.series.symbol())
    }

    pub fn find(&self, name: &str) -> Option<usize> {
        self.symbols().position(|symbol| symbol == name)
    }

    /// What a symbol was made of.
    pub fn series(&self, symbol: usize) -> &Series {
        &self.books[symbol].series
    }

    /// Moves the clock to the next thing that happens up to `until`: first the corners, all of them in the order of
    /// time (and of symbols where times are equal), then every symbol with a candle in progress at `until` itself.
    /// `None`: the clock is at `until`, or the files are at their end.
    ///
    /// Where no symbol has a candle at `until`, the clock jumps over the gap: that step is later than `until`.
    pub fn next(&mut self, until: i64) -> Option<Step> {
        let until = until.max(self.now);
        let next =
            (0..self.books.len()).filter_map(|symbol| Some((self.books[symbol].next_time()?, symbol))).min();
        let (time, symbol) = next?;
        if time <= until || self.books.iter().all(|book| book.is_idle(until)) {
            self.now = self.now.max(time);
            return Some(self.books[symbol].advance().at(time, symbol));
        }
        self.now = until;
        let symbol = self.books.iter().position(|book| book.is_walking() && book.shown < until)?;
        Some(self.books[symbol].walk_to(until).at(until, symbol))
    }

    /// Nothing more happens up to `until`, which the clock has reached.
    pub fn is_over(&self, until: i64) -> bool {
        let is_still = |book: &Book| {
            book.next_time().is_none_or(|time| time > self.now)
                && (!book.is_walking() || book.shown >= self.now)
        };
        self.now >= until && self.books.iter().all(is_still)
    }

    /// When the candle opened that the price is in: `None` before the first one is opened, and when the last one is
    /// closed.
    pub fn open_candle(&self, symbol: usize) -> Option<i64> {
        let book = &self.books[symbol];
        let row = match book.row < book.series.len() {
            true if book.corner > 0 => book.row,
            false if book.corner > 0 => return None,
            _ => book.row.checked_sub(1)?,
        };
        book.series.open_times().get(row).copied()
    }

    /// Smallest step of prices: one of the last decimal that occurs in the file.
    pub fn tick_size(&self, symbol: usize) -> Decimal {
        self.books[symbol].series.price(1)
    }

    /// Smallest step of quantities, as with prices.
    pub fn step_size(&self, symbol: usize) -> Decimal {
        self.books[symbol].series.base(1)
    }

    /// The price of the last step. Before the first one, of what was before the market started.
    pub fn last_price(&self, symbol: usize) -> Decimal {
        let book = &self.books[symbol];
        book.series.price(book.last)
    }
}

/// The instant at which the last candle is closed.
fn end_of(series: &Series) -> i64 {
    let last = series.len().checked_sub(1).and_then(|row| series.close_time(row));
    last.map_or(i64::MIN, |close_time| close_time.saturating_add(1))
}

/// A price in units, and how it came about.
struct Reached(Decimal, StepKind);

impl Reached {
    fn at(self, time: i64, symbol: usize) -> Step {
        Step { time, symbol, price: self.0, kind: self.1 }
    }
}

impl Book {
    /// As if the market had been watched up to `now`, which is not before the first candle.
    fn at(series: Series, now: i64) -> Book {
        let opened = series.opened_before(now);
        let mut book = Book { series, row: opened, corner: 0, last: 0, shown: now, steps: 0 };
        match opened.checked_sub(1).map(|row| (row, book.series.row(row))) {
            Some((row, candle)) => {
                let path = candle.path();
                book.last = path.at(now);
                let corner = path.corner_at(now) + 1;
                if corner < path.times.len() {
                    (book.row, book.corner) = (row, corner);
                }
            }
            None => book.last = book.series.row(0).ohlc[0],
        }
        book
    }

    /// When the next corner is reached, or the end; `None` after that.
    fn next_time(&self) -> Option<i64> {
        match self.row < self.series.len() {
            true if self.corner == 0 => self.series.open_times().get(self.row).copied(),
            true => Some(self.series.row(self.row).path().times[self.corner]),
            false => (self.corner == 0).then(|| end_of(&self.series)),
        }
    }

    /// A candle has opened, and its close is not yet reached.
    fn is_walking(&self) -> bool {
        self.row < self.series.len() && self.corner > 0
    }

    /// At `until`, before the next corner, there is no candle of this symbol.
    fn is_idle(&self, until: i64) -> bool {
        let before = self.row.checked_sub(1).and_then(|row| self.series.close_time(row));
        !self.is_walking() && before.is_none_or(|close_time| close_time < until)
    }

    /// Goes to what [`Book::next_time`] tells of, which there must be.
    fn advance(&mut self) -> Reached {
        self.steps += 1;
        if self.row == self.series.len() {
            self.corner = 1;
            return Reached(self.series.price(self.last), StepKind::Ended);
        }
        let path = self.series.row(self.row).path();
        let (corner, time) = (self.corner, path.times[self.corner]);
        self.last = path.prices[corner];
        self.shown = self.shown.max(time);
        (self.row, self.corner) =
            if corner + 1 < path.times.len() { (self.row, corner + 1) } else { (self.row + 1, 0) };
        Reached(self.series.price(self.last), if corner == 0 { StepKind::Opened } else { StepKind::Corner })
    }

    /// Goes on to `time`, before the next corner of the candle in progress.
    fn walk_to(&mut self, time: i64) -> Reached {
        self.steps += 1;
        self.shown = time;
        self.last = self.series.row(self.row).path().at(time);
        Reached(self.series.price(self.last), StepKind::Between)
    }
}

#[cfg(test)]
mod tests;
