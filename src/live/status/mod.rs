//! What a trader does, at a moment: folded from its records, the same for one that runs, for one that ended, and for
//! the view on its terminal.

mod fold;
mod lines;

pub use fold::StatusFold;
pub use lines::{StatusLine, ago};

use super::desk::DeskState;
use crate::engine::RiskState;
use crate::model::{Direction, ExitReason, Side};
use serde::Serialize;

/// All times are the wall clock's in ms, unless they are a candle's. Money in quote currency, quantities in base
/// currency.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Status {
    /// When this was so.
    pub as_of: i64,
    pub bot: String,
    pub venue: String,
    pub symbol: String,
    pub base_asset: String,
    pub quote_asset: String,
    pub interval: String,
    /// Version of the mista that writes, or wrote, the records.
    pub program: String,
    pub process: Process,
    pub script: ScriptStatus,
    pub price: Option<Seen>,
    pub position: Option<PositionStatus>,
    /// Those that are not over.
    pub orders: Vec<OrderStatus>,
    pub candle: Option<Decided>,
    pub risk: RiskStatus,
    pub trades: Trades,
    /// At the last close.
    pub equity: Option<f64>,
    pub connections: Vec<Connection>,
    /// In the 24 hours before `as_of`.
    pub disconnects_24h: usize,
    pub last_disconnect: Option<Said>,
    pub last_swap: Option<Swapped>,
    /// A script that was saved and not taken, since the last one that was.
    pub last_not_swapped: Option<Said>,
    pub last_config: Option<Said>,
    pub last_alarm: Option<Said>,
    /// What is to be said about the files this was read from.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Life {
    Running,
    /// As it was meant to.
    Ended,
    /// Killed, crashed, or the machine went down.
    Killed,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Process {
    pub state: Life,
    /// Where it runs and is known.
    pub pid: Option<u32>,
    /// Of a running one, when it was started; else when it was last heard of.
    pub since: i64,
    pub restarts: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScriptStatus {
    pub path: String,
    pub generation: u64,
    pub sha256: String,
    /// Name and value.
    pub parameters: Vec<(String, String)>,
    /// It failed and is not asked any more: why.
    pub stopped: Option<String>,
}

/// A price and when it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Seen {
    pub price: f64,
    pub at: i64,
}

/// What stands between a position and the market.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Protected {
    /// Orders rest on the exchange.
    OnExchange,
    /// An order is on its way there.
    BeingPlaced,
    /// How the resting orders stand is not known, and asked for.
    InDoubt,
    /// Prices are watched by the trader: only while it runs.
    Watched,
    /// There is no level.
    NoLevels,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PositionStatus {
    pub direction: Direction,
    pub quantity: f64,
    pub entry_price: f64,
    pub entered_at: i64,
    pub stop: Option<f64>,
    pub target: Option<f64>,
    pub protected: Protected,
    /// It is being sold.
    pub leaving: bool,
    /// At the last price, commissions aside.
    pub pnl: Option<f64>,
    pub pnl_pct: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderPhase {
    /// Sent, not answered.
    Sent,
    Open,
    /// It may or may not be there: asked for.
    InDoubt,
    /// Over, but not all of its executions are known.
    Settling,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OrderStatus {
    /// Client order id.
    pub id: String,
    pub role: super::desk::Role,
    pub side: Side,
    pub quantity: String,
    pub executed: String,
    /// Stop price or price.
    pub level: Option<String>,
    pub phase: OrderPhase,
    /// A cancel is on its way.
    pub cancelling: bool,
}

/// The last candle that was decided on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Decided {
    pub open_time: i64,
    pub close_time: i64,
    pub close: f64,
    /// When it was decided.
    pub at: i64,
    /// `long "note"`, `exit`; empty where nothing was asked for.
    pub asked: String,
    /// What became of it at once: the name of a veto, of a refusal, or why nobody was asked. See `mista why`.
    pub held: Option<String>,
    /// Something waits for the first price of the next candle.
    pub due: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RiskStatus {
    pub state: RiskState,
    /// What stands in the way of an entry: names of vetoes, or `stopping`.
    pub why: Vec<String>,
    pub paused: bool,
    pub stopping: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Trades {
    pub count: u64,
    pub won: u64,
    /// Commissions are in it.
    pub net: f64,
    pub last: Option<LastTrade>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LastTrade {
    pub number: u64,
    pub exit_at: i64,
    pub exit_reason: ExitReason,
    pub pnl: f64,
    pub pnl_pct: f64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Connection {
    pub what: String,
    pub connected: bool,
    pub since: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Said {
    pub at: i64,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Swapped {
    pub at: i64,
    pub generation: u64,
    /// How its decisions over the last candles differ from those of the one before.
    pub difference: String,
    /// State slots that were taken over.
    pub carried: Vec<String>,
    /// It failed and the one before is in force again: why.
    pub rolled_back: Option<String>,
}

impl Status {
    /// A price that was seen and is in no record, as it changed nothing.
    pub fn on_price(&mut self, price: f64, at: i64) {
        self.price = Some(Seen { price, at });
        self.mark();
    }

    /// What only the desk itself knows to the last digit: levels that a price moved.
    pub fn refine(&mut self, desk: &DeskState) {
        let held = desk.engine.position.position();
        if let (Some(position), Some(held)) = (&mut self.position, held) {
            position.stop = held.protection.stop_price();
            position.target = held.protection.target_price();
            position.quantity = held.quantity;
            self.mark();
        }
    }

    fn mark(&mut self) {
        let seen = self.price;
        if let (Some(position), Some(seen)) = (&mut self.position, seen) {
            let change = position.direction.sign() * (seen.price - position.entry_price);
            position.pnl = Some(change * position.quantity);
            position.pnl_pct = Some(change / position.entry_price * 100.0);
        }
    }
}
