//! What the trader's loop is told by everything around it.

use super::record::{Answered, News};
use crate::model::Candle;

#[derive(Debug)]
pub enum Message {
    /// The next closed candle.
    Candle(Candle),
    /// A trade of the market.
    Trade {
        time: i64,
        price: f64,
    },
    /// The market was moved, and stands at this price; `at_open` of a candle.
    Moved {
        time: i64,
        price: f64,
        at_open: bool,
    },
    /// There are no more candles.
    MarketEnded,
    FeedUp {
        generation: u64,
    },
    FeedDown {
        why: String,
    },
    News(News),
    /// Connected to the account: from the second time on, events may be missing.
    AccountUp {
        generation: u64,
    },
    AccountDown {
        why: String,
    },
    Answer {
        request: u64,
        outcome: Answered,
        cancel: Option<Answered>,
    },
    /// Base currency in the account, free or held by orders.
    Holdings {
        base: rust_decimal::Decimal,
    },
    Unfound {
        id: String,
    },
    Unasked {
        id: String,
        why: String,
    },
    /// Something to be told, and nothing to be done.
    Warning(String),
    /// The key is refused, or the symbol is not traded: there is nothing more to be done here.
    Fatal(String),
    /// To end; `flatten`: and to sell what is held.
    Stop {
        flatten: bool,
    },
}
