//! What the trader's loop is told by everything around it.

use super::candidate::{Candidate, Rejected, Snapshot};
use super::record::{Answered, News};
use super::script_watcher::Found;
use crate::model::Candle;
use std::sync::mpsc::Sender;

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
        /// Records there were when it was asked for.
        records: u64,
    },
    /// The account did not say: it is to be asked again.
    HoldingsUnknown,
    Unfound {
        id: String,
    },
    Unasked {
        id: String,
        why: String,
    },
    /// How things stand, for who judges a script.
    Asked(Sender<Snapshot>),
    /// A script was saved, and judged.
    Found(Box<Found>),
    /// What the runtime config chose was judged.
    Chosen {
        number: u64,
        judged: Result<Box<Candidate>, Rejected>,
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

impl Message {
    /// Whether it is of candles and prices.
    pub fn is_of_market(&self) -> bool {
        matches!(
            self,
            Message::Candle(_) | Message::Trade { .. } | Message::Moved { .. } | Message::MarketEnded
        )
    }

    /// When the first of the executions was that it tells of, if it tells of any.
    pub fn first_execution(&self) -> Option<i64> {
        let of = |news: &News| news.executions.iter().map(|execution| execution.time).min();
        let answered = |answer: &Answered| match answer {
            Answered::Accepted(news) => of(news),
            _ => None,
        };
        match self {
            Message::News(news) => of(news),
            Message::Answer { outcome, cancel, .. } => {
                [Some(outcome), cancel.as_ref()].into_iter().flatten().filter_map(answered).min()
            }
            _ => None,
        }
    }
}
