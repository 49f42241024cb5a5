//! The public trades: made up from the path of each candle and the number of its trades, by id. Nothing is stored
//! of them; [`super::part`] says when they happen.

use super::Market;
use rust_decimal::Decimal;
use std::ops::Range;

/// Decimals of quote amounts.
const QUOTE_DECIMALS: u32 = 8;

/// A trade of the public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicTrade {
    /// From 0, the first of the file.
    pub id: i64,
    pub time: i64,
    pub price: Decimal,
    pub quantity: Decimal,
    pub quote_quantity: Decimal,
    pub is_buyer_maker: bool,
}

/// Trades at one price and instant. Here always one, under the same id.
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

impl From<PublicTrade> for AggTrade {
    fn from(trade: PublicTrade) -> Self {
        let PublicTrade { id, time, price, quantity, quote_quantity: _, is_buyer_maker } = trade;
        AggTrade { id, first_id: id, last_id: id, time, price, quantity, is_buyer_maker }
    }
}

impl Market {
    /// At most `limit` trades, oldest first: from `from_id` on, or the latest.
    pub fn trades(&self, symbol: usize, from_id: Option<i64>, limit: usize) -> Vec<PublicTrade> {
        let all = self.trades_until(symbol, self.now);
        let from = from_id.map(|id| u64::try_from(id).unwrap_or(0));
        self.list(symbol, page(0..all, from, limit))
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
        let trades = if from_id.is_some() {
            self.trades(symbol, from_id, limit)
        } else {
            let from = start.map(|start| self.books[symbol].series.trades_before(start));
            let to = self.trades_until(symbol, end.unwrap_or(self.now));
            self.list(symbol, page(0..to, from, limit))
        };
        trades.into_iter().map(AggTrade::from).collect()
    }

    /// Trades later than `after`, up to `to` (inclusive), oldest first. Where there are more than `at_most`, that
    /// many of them, spread evenly, the last one among them.
    pub fn trades_between(&self, symbol: usize, after: i64, to: i64, at_most: usize) -> Vec<PublicTrade> {
        let from = self.books[symbol].series.trades_before(after.saturating_add(1));
        let count = self.trades_until(symbol, to).saturating_sub(from);
        let at_most = u64::try_from(at_most).unwrap_or(u64::MAX);
        if count <= at_most {
            return self.list(symbol, from..from + count);
        }
        let spread = |n: u64| from + (u128::from(n) * u128::from(count) / u128::from(at_most)) as u64 - 1;
        (1..=at_most).map(|n| self.trade(symbol, spread(n))).collect()
    }

    /// Trades that have happened, those at `time` included.
    fn trades_until(&self, symbol: usize, time: i64) -> u64 {
        self.books[symbol].series.trades_before(time.min(self.now).saturating_add(1))
    }

    fn list(&self, symbol: usize, ids: Range<u64>) -> Vec<PublicTrade> {
        ids.map(|id| self.trade(symbol, id)).collect()
    }

    /// The trade `id`, which must be one of the series.
    fn trade(&self, symbol: usize, id: u64) -> PublicTrade {
        let series = &self.books[symbol].series;
        let row = series.row(series.row_of_trade(id));
        let time = row.trade_time(id - row.first_trade);
        let price = series.price(row.path().at(time));
        let quantity = series.base(row.trade_quantity(id - row.first_trade));
        PublicTrade {
            id: id as i64,
            time,
            price,
            quantity,
            quote_quantity: price.checked_mul(quantity).unwrap_or(Decimal::MAX).round_dp(QUOTE_DECIMALS),
            is_buyer_maker: id % 2 == 1,
        }
    }
}

/// The oldest `limit` of `all` from `from` on, or the latest.
fn page(all: Range<u64>, from: Option<u64>, limit: usize) -> Range<u64> {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    match from {
        Some(from) => {
            let from = from.clamp(all.start, all.end);
            from..all.end.min(from.saturating_add(limit))
        }
        None => all.end.saturating_sub(limit).max(all.start)..all.end,
    }
}
