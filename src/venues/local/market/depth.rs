//! The order book that is shown: made up around the last price, on the grid of its ticks. What orders are filled
//! at, it does not decide.

use super::{Book, Market};
use rust_decimal::Decimal;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    pub price: Decimal,
    pub quantity: Decimal,
}

/// Bids from the highest, asks from the lowest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// Rises with every step of the symbol.
    pub last_update_id: u64,
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookTicker {
    pub update_id: u64,
    pub bid: Level,
    pub ask: Level,
}

impl Market {
    /// `levels` on each side, fewer bids where prices would reach zero. The best are one tick off the last price.
    pub fn depth(&self, symbol: usize, levels: usize) -> Depth {
        let book = &self.books[symbol];
        let best = book.best();
        let levels = i64::try_from(levels).unwrap_or(i64::MAX);
        Depth {
            last_update_id: book.update_id(),
            bids: (0..levels.min(best.0)).map(|n| book.level(best.0 - n)).collect(),
            asks: (0..levels).map_while(|n| Some(book.level(best.1.checked_add(n)?))).collect(),
        }
    }

    pub fn book_ticker(&self, symbol: usize) -> BookTicker {
        let book = &self.books[symbol];
        let (bid, ask) = book.best();
        BookTicker { update_id: book.update_id(), bid: book.level(bid), ask: book.level(ask) }
    }
}

impl Book {
    fn update_id(&self) -> u64 {
        self.steps + 1
    }

    /// Best bid and ask. At the lowest price of all, the bid is the last price itself.
    fn best(&self) -> (i64, i64) {
        ((self.last - 1).max(1), self.last + 1)
    }

    /// The quantity of a level depends on its price, and on what was traded in the last closed candle.
    fn level(&self, price: i64) -> Level {
        let volume = self.row.checked_sub(1).map_or(0, |row| self.series.row(row).base[0]);
        let unit = match volume / 400 {
            0 => 10_i64.pow(self.series.base_decimals()),
            unit => unit,
        };
        let quantity = i128::from(unit) * i128::from(1 + scattered(price.unsigned_abs()) % 32) / 16;
        Level { price: self.series.price(price), quantity: self.series.base(quantity.max(1)) }
    }
}

/// A number that looks random, the same for the same `seed`: the finalizer of splitmix64.
fn scattered(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
