//! The order book that is shown: made up around the last price, on the grid of its ticks.

use super::Market;
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

#[allow(unused_variables)]
impl Market {
    /// `levels` on each side, fewer bids where prices would reach zero. The best are one tick off the last price.
    pub fn depth(&self, symbol: usize, levels: usize) -> Depth {
        Depth { last_update_id: 0, bids: Vec::new(), asks: Vec::new() }
    }

    pub fn book_ticker(&self, symbol: usize) -> BookTicker {
        let level = Level { price: Decimal::ONE, quantity: Decimal::ONE };
        BookTicker { update_id: 0, bid: level, ask: level }
    }
}
