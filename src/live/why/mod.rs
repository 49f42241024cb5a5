//! Why a signal became a trade, or why not: one named reason for each that did not. From the records of a session, or
//! from a backtest that tells the same records.

mod backtest;
mod story;
mod text;

pub use backtest::{Teller, tell};
pub use story::{Chapter, Happened, Outcome, Pick, Story, Tale};
pub use text::{chapter_text, signals_text};

use crate::model::{Refusal, Veto};
use std::fmt;

/// Why something that was asked for came to nothing, or why nothing was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    Veto(Veto),
    Refusal(Refusal),
    /// The trader was about to end.
    Stopping,
    ScriptStopped,
    WarmingUp,
    NothingAsked,
    NothingHeld,
    LastCandle,
    /// The trader ended in between.
    Interrupted,
    /// The records do not say. Should not be.
    Unrecorded,
}

impl Reason {
    /// Every reason there is.
    pub fn all() -> impl Iterator<Item = Reason> {
        let vetoes = Veto::ALL.iter().copied().map(Reason::Veto);
        let refusals = Refusal::ALL.iter().copied().map(Reason::Refusal);
        vetoes.chain(refusals).chain([
            Reason::Stopping,
            Reason::ScriptStopped,
            Reason::WarmingUp,
            Reason::NothingAsked,
            Reason::NothingHeld,
            Reason::LastCandle,
            Reason::Interrupted,
            Reason::Unrecorded,
        ])
    }

    /// As in files and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Veto(veto) => veto.name(),
            Reason::Refusal(refusal) => refusal.name(),
            Reason::Stopping => "stopping",
            Reason::ScriptStopped => "script_stopped",
            Reason::WarmingUp => "warming_up",
            Reason::NothingAsked => "nothing_asked",
            Reason::NothingHeld => "nothing_held",
            Reason::LastCandle => "last_candle",
            Reason::Interrupted => "interrupted",
            Reason::Unrecorded => "unrecorded",
        }
    }

    /// What it means, for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Reason::Veto(Veto::AtrFilter) => "the market moved too little for the ATR filter",
            Reason::Veto(Veto::SeasonalityFilter) => "entries are taken at other hours of the day",
            Reason::Veto(Veto::Cooldown) => "a losing trade ended too few candles ago",
            Reason::Veto(Veto::MaxCumulativeLoss) => {
                "the loss since the start reached its limit: no entries any more"
            }
            Reason::Veto(Veto::MaxDailyLoss) => {
                "the loss of the day reached its limit: no entries until tomorrow"
            }
            Reason::Veto(Veto::MaxDrawdownLimit) => {
                "the fall from the peak of the equity is beyond its limit"
            }
            Reason::Veto(Veto::MaxConsecutiveLosses) => {
                "too many losing trades in a row: no entries until tomorrow"
            }
            Reason::Veto(Veto::Paused) => "whoever runs the trader paused it",
            Reason::Refusal(Refusal::InPosition) => "a position in this direction was open already",
            Reason::Refusal(Refusal::ShortNotAllowed) => "shorts are not allowed",
            Reason::Refusal(Refusal::NoStop) => {
                "its size is the risk down to a stop, and it had no stop below the price"
            }
            Reason::Refusal(Refusal::ZeroQuantity) => "its size came to nothing, or to less than one step",
            Reason::Refusal(Refusal::MinQty) => "its quantity was below the least the exchange takes",
            Reason::Refusal(Refusal::MinNotional) => "its value was below the least the exchange takes",
            Reason::Refusal(Refusal::MaxOrderNotional) => "its value was above max_order_notional",
            Reason::Refusal(Refusal::Late) => "the moment to act, the next open, had passed",
            Reason::Refusal(Refusal::NotFilled) => "the exchange refused the order, or filled nothing of it",
            Reason::Stopping => "the trader was about to end",
            Reason::ScriptStopped => "the script had failed and was not asked any more",
            Reason::WarmingUp => "the indicators had too few candles yet, so the script was not asked",
            Reason::NothingAsked => "the script was asked and wanted nothing",
            Reason::NothingHeld => "there was no position to leave",
            Reason::LastCandle => "no candle followed in this run",
            Reason::Interrupted => {
                "the trader ended before it was carried out, or before it was known what came of it"
            }
            Reason::Unrecorded => "the records do not say: please report this",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a script wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    Nothing,
    Entry,
    Exit,
}

/// What is known of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// The script was asked.
    pub asked: bool,
    /// The script had failed.
    pub stopped: bool,
    /// No candle follows in the run.
    pub last: bool,
    /// There was a position.
    pub held: bool,
    /// At the close.
    pub veto: Option<Veto>,
    pub refusal: Option<Refusal>,
    /// After the close.
    pub later: Option<Refusal>,
    /// It came to nothing because the trader was about to end, and not paused.
    pub stopping: bool,
    /// The trader ended and was not started again.
    pub over: bool,
}

/// The one reason why `wanted` came to nothing. Total: there is one for all facts.
pub fn reason(wanted: Wanted, facts: &Facts) -> Reason {
    let unasked = if facts.stopped { Reason::ScriptStopped } else { Reason::WarmingUp };
    match wanted {
        _ if !facts.asked => unasked,
        Wanted::Nothing => Reason::NothingAsked,
        Wanted::Exit if !facts.held => Reason::NothingHeld,
        Wanted::Entry if facts.veto.is_some() || facts.refusal.is_some() || facts.later.is_some() => {
            held_back(facts)
        }
        _ if facts.last => Reason::LastCandle,
        _ if facts.over => Reason::Interrupted,
        _ => Reason::Unrecorded,
    }
}

fn held_back(facts: &Facts) -> Reason {
    match (facts.veto, facts.refusal.or(facts.later)) {
        (Some(Veto::Paused), _) | (None, Some(Refusal::Late)) if facts.stopping => Reason::Stopping,
        (Some(veto), _) => Reason::Veto(veto),
        (None, Some(refusal)) => Reason::Refusal(refusal),
        (None, None) => Reason::Unrecorded,
    }
}
