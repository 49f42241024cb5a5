//! The public trades: made up from the path of each candle and the number of its trades, by id. Nothing is stored
//! of them.

use super::Market;
use rust_decimal::Decimal;

/// A trade of the public. Its aggregate is itself: the aggregate's id, first and last id are `id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicTrade {
    pub id: i64,
    pub time: i64,
    pub price: Decimal,
    pub quantity: Decimal,
    pub quote_quantity: Decimal,
    pub is_buyer_maker: bool,
}

/// Trades at one price and instant. Here always one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AggTrade {
    pub id: i64,
    pub first_id: i64,
    pub last_id: i64,
    pub time: i64,
    pub price: Decimal,
    pub quantity: Decimal,
    pub is_buyer_maker: bool,
}

#[allow(unused_variables)]
impl Market {
    /// At most `limit` trades, oldest first: from `from_id` on, or the latest.
    pub fn trades(&self, symbol: usize, from_id: Option<i64>, limit: usize) -> Vec<PublicTrade> {
        Vec::new()
    }

    /// At most `limit`, oldest first. `from_id`: from there on, whatever the times. Else times as with
    /// [`Market::klines`], both inclusive.
    pub fn agg_trades(
        &self,
        symbol: usize,
        from_id: Option<i64>,
        start: Option<i64>,
        end: Option<i64>,
        limit: usize,
    ) -> Vec<AggTrade> {
        Vec::new()
    }

    /// Trades later than `after`, up to `to` (inclusive), oldest first. Where there are more than `at_most`, that
    /// many of them, spread evenly, the last one among them.
    pub fn trades_between(&self, symbol: usize, after: i64, to: i64, at_most: usize) -> Vec<PublicTrade> {
        Vec::new()
    }
}
