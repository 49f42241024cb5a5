//! What a session is made of: everything that the desk was told, and everything it answered, in order. A session
//! that is told the same again answers the same.

use super::desk::DeskSettings;
use crate::config::RuntimeConfig;
use crate::engine::{Levels, RiskState, Settings};
use crate::model::{Candle, Direction, ExitReason, Refusal, Side, Size, Trade, Veto};
use crate::script::{Texts, Value};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A line of the journal. Times in UTC ms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Record {
    // What the desk is told.
    Session(Box<Session>),
    /// Closed candles before the session, oldest first: they warm the indicators.
    Warmup {
        candles: Vec<Candle>,
    },
    /// A candle closed.
    Candle {
        candle: Candle,
    },
    /// A price was seen; those that change nothing are left out.
    Price {
        time: i64,
        price: f64,
        at_open: bool,
    },
    /// What was decided at the last close is not carried out any more.
    Late,
    /// What became of a request.
    Answer {
        request: u64,
        outcome: Answered,
        /// Of the cancel, where the request was to replace an order.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cancel: Option<Answered>,
    },
    /// How orders stand, and what was executed, by an event or by asking.
    News(News),
    /// The exchange was asked and knows no such order.
    Unfound {
        id: String,
    },
    /// Asking came to nothing: ask again later.
    Unasked {
        id: String,
        why: String,
    },
    /// A time that the desk waited for has come.
    Timer,
    /// Events of the account may be missing: what is open has to be asked for.
    Doubt {
        why: String,
    },
    /// Another script is in force, or another text of it.
    Swap(Box<ScriptText>),
    /// Settings of the running trader.
    Config(Box<LiveConfig>),
    /// The trader is to end: no entries any more; with `flatten`, what is held is sold.
    Stop {
        flatten: bool,
    },
    /// The process was started again. What was sent and not answered has an unknown outcome.
    Restart {
        program: String,
    },

    // What it answers.
    Decision(Box<Decision>),
    Request {
        number: u64,
        request: Request,
    },
    /// An entry that was decided came to nothing after all.
    Held {
        /// Open time of the deciding candle.
        candle: i64,
        refusal: Refusal,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        why: String,
    },
    /// A position was opened.
    Entered {
        direction: Direction,
        quantity: f64,
        price: f64,
        orders: Vec<String>,
    },
    Trade(Box<ClosedTrade>),
    /// The script in force failed, or was rolled back.
    Script {
        generation: u64,
        rolled_back: bool,
        message: String,
        /// The same in one line, with its place.
        #[serde(default)]
        line: String,
    },
    Alarm {
        text: String,
    },

    // What the shell notes down; nobody decides by it.
    Connected {
        what: String,
        generation: u64,
    },
    Disconnected {
        what: String,
        why: String,
    },
    /// A script that was saved and not taken, and why.
    NotSwapped {
        path: String,
        message: String,
        /// The same in one line, with its place.
        #[serde(default)]
        line: String,
    },
    Note {
        text: String,
    },
    /// The end of the process, as it was meant to be.
    Ended,
}

impl Record {
    /// Whether the desk is told it.
    pub fn is_input(&self) -> bool {
        use Record::*;
        matches!(
            self,
            Session(_)
                | Warmup { .. }
                | Candle { .. }
                | Price { .. }
                | Late
                | Answer { .. }
                | News(_)
                | Unfound { .. }
                | Unasked { .. }
                | Timer
                | Doubt { .. }
                | Swap(_)
                | Config(_)
                | Stop { .. }
                | Restart { .. }
        )
    }

    /// Whether the desk answers it.
    pub fn is_output(&self) -> bool {
        use Record::*;
        matches!(
            self,
            Decision(_)
                | Request { .. }
                | Held { .. }
                | Entered { .. }
                | Trade(_)
                | Script { .. }
                | Alarm { .. }
        )
    }
}

/// What a session begins with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    pub program: String,
    pub bot: String,
    pub venue: String,
    pub symbol: String,
    pub base_asset: String,
    pub quote_asset: String,
    /// `1h`.
    pub interval: String,
    pub script: ScriptText,
    pub settings: Settings,
    pub desk: DeskSettings,
}

/// A script, as it was in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScriptText {
    pub generation: u64,
    /// Of the script and what it imports.
    pub sha256: String,
    pub texts: Texts,
    /// The script's own, and the base parameters and limits that are not at their defaults.
    pub parameters: Vec<(String, Value)>,
    /// How its decisions over the last candles differ from those of the one before.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub difference: String,
    /// State slots that were taken over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub carried: Vec<String>,
}

/// Settings that can change while a trader runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveConfig {
    pub settings: Settings,
    pub paused: bool,
    /// What changed, for people.
    pub changes: Vec<String>,
    /// What is in force of the runtime config.
    #[serde(default)]
    pub now: RuntimeConfig,
}

/// What was decided at the close of a candle, and why.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Open time of the candle.
    pub candle: i64,
    pub generation: u64,
    /// Digest of the candle and of all indicators' values there: what the script could see.
    pub seen: String,
    /// Whether the script was asked: indicators have their values, and it is not stopped.
    pub asked: bool,
    pub equity: f64,
    /// Base currency held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantity: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<AskedEntry>,
    /// Text of an exit that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub veto: Option<Veto>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// What is due at the next open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Due>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<RiskState>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logs: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AskedEntry {
    pub direction: Direction,
    pub note: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    #[serde(default, skip_serializing_if = "Levels::is_empty")]
    pub levels: Levels,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Due {
    pub entry: bool,
    pub exit: Option<ExitReason>,
}

/// A trade as it is logged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClosedTrade {
    /// Counts the trades of the bot, from 1.
    pub number: u64,
    pub trade: Trade,
    pub entry_orders: Vec<String>,
    pub exit_orders: Vec<String>,
    pub generation: u64,
    /// Of the last execution.
    pub exit_at: i64,
}

/// What is asked of the exchange. Orders are named by client order ids; sells protect or close.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    Market {
        id: String,
        side: Side,
        quantity: Decimal,
    },
    /// Sells at the market when the price falls to `stop`.
    Stop {
        id: String,
        stop: Decimal,
        quantity: Decimal,
    },
    /// Sells at `price` or better, and never at once.
    Target {
        id: String,
        price: Decimal,
        quantity: Decimal,
    },
    /// Both; what acts first ends the other.
    Oco {
        list: String,
        stop_id: String,
        stop: Decimal,
        target_id: String,
        price: Decimal,
        quantity: Decimal,
    },
    Cancel {
        id: String,
    },
    CancelList {
        list: String,
    },
    /// A stop in the place of another, at once or not at all.
    Replace {
        cancel: String,
        id: String,
        stop: Decimal,
        quantity: Decimal,
    },
    /// How an order stands. Asks only; may be asked again.
    AskOrder {
        id: String,
    },
    /// The executions of an order.
    AskTrades {
        id: String,
        order_id: u64,
    },
}

impl Request {
    /// Whether it changes something on the exchange, so that it must be written down before it is sent.
    pub fn is_change(&self) -> bool {
        !matches!(self, Request::AskOrder { .. } | Request::AskTrades { .. })
    }
}

/// What became of a request that changes something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "was", rename_all = "snake_case")]
pub enum Answered {
    Accepted(News),
    /// It was not and will not be carried out.
    Refused {
        #[serde(rename = "as")]
        kind: RefusedAs,
        message: String,
    },
    /// It may have been.
    Unknown {
        why: String,
    },
}

/// Refusals, by what is to be done about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedAs {
    /// The level has been passed already.
    WouldTrigger,
    /// What was to be cancelled is not open. It may have been filled.
    NotOpen,
    InsufficientBalance,
    /// By a filter, or by something that is wrong here: the same again makes no difference.
    Never,
    /// Not now: no room in the limits, no connection, the exchange busy, the market closed.
    NotNow,
    /// The key is refused.
    Key,
}

/// How orders stand, and executions. May repeat what is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct News {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orders: Vec<OrderNews>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub executions: Vec<Execution>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderNews {
    pub id: String,
    pub order_id: u64,
    /// `false`: nothing more will happen to it.
    pub is_open: bool,
    /// Whether it is certain; an acknowledgement alone does not say how an order stands.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub is_known: bool,
    /// Base currency executed so far.
    pub executed: Decimal,
    /// As the exchange calls it.
    pub status: String,
}

fn yes() -> bool {
    true
}

fn is_yes(known: &bool) -> bool {
    *known
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Execution {
    /// Client order id of its order.
    pub id: String,
    /// Of the exchange; tells repeated ones apart.
    pub trade_id: u64,
    pub price: Decimal,
    pub quantity: Decimal,
    pub commission: Decimal,
    pub commission_in: CommissionIn,
    /// Value of the commission in quote currency.
    pub commission_value: Decimal,
    pub time: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommissionIn {
    Base,
    Quote,
    Other,
}
