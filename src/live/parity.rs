//! A session held against a backtest: the same script, settings and candles, and no exchange between. What was decided
//! at each close, and every trade, must be the same.

use super::desk::ears::Ears;
use super::journal::{JournalError, Reader};
use super::record::{Decision, Record, Session};
use super::recovery::{RecoveryError, is_next, loaded};
use crate::backtest::Backtest;
use crate::engine::{
    ColumnCache, DataHandler, EngineState, EntryRequest, ExitRequest, Intents, Position, Recorder,
};
use crate::model::{Candles, Direction, ExitReason, Refusal, Trade, Veto};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Parity {
    pub bot: String,
    /// Candles of the session, those before it aside.
    pub candles: u64,
    pub decisions_compared: u64,
    pub trades_compared: u64,
    /// Where the comparison ends before the session does: the number of the record, and what it is.
    pub ends_at: Option<(u64, String)>,
    /// A position that was open after the last candle; the backtest closes it there.
    pub open_at_end: u64,
    /// What was asked for at the last close; the backtest does not carry it out.
    pub asked_at_end: u64,
    /// In the order of the candles.
    pub differences: Vec<ParityDifference>,
}

/// Something that came out differently.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ParityDifference {
    /// Open time of the candle; of a trade, that of its exit.
    pub candle: i64,
    /// `equity`, `trade exit_price`.
    pub what: String,
    pub session: String,
    pub backtest: String,
}

#[derive(Debug, thiserror::Error)]
pub enum ParityError {
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    Recovery(#[from] RecoveryError),
    #[error("the script fails in a backtest over the session's candles: {0}")]
    Script(String),
    #[error("the session has no candle yet")]
    Empty,
}

/// What is compared, by open times of candles.
#[derive(Debug, Default)]
struct Told {
    decisions: BTreeMap<i64, Decision>,
    /// By the candle of the exit. There is one a candle, but who knows what a session has.
    trades: BTreeMap<i64, Vec<Trade>>,
    /// Entries that came to nothing, by the candle that decided them.
    held: BTreeMap<i64, Vec<Refusal>>,
}

impl Told {
    fn trade(&mut self, trade: &Trade) {
        // The session sees the prices that were, not how else they might have gone.
        let trade = Trade { ambiguous: false, ..trade.clone() };
        self.trades.entry(trade.exit_time).or_default().push(trade);
    }
}

/// What of a session can be compared.
struct Part {
    session: Box<Session>,
    candles: Candles,
    /// Those before the session.
    warmup: usize,
    told: Told,
    ends_at: Option<(u64, String)>,
}

/// Runs the script of the session whose journal is at `path` as a backtest, and compares. Changes nothing.
pub fn parity(path: &Path) -> Result<Parity, ParityError> {
    let Part { session, candles, warmup, told, ends_at } = read(path)?;
    let last = candles.open_time.last().copied().unwrap_or(0);
    if candles.len() == warmup {
        return Err(ParityError::Empty);
    }
    let mut script = loaded(&session.script)?;
    let candles = Arc::new(candles);
    let data = script.data(&session.settings.rules, &ColumnCache::new(candles.clone()));
    let rows = warmup..candles.len();
    let mut watcher = Watcher { data: &data, ears: Ears::default(), told: Told::default(), open_at_end: 0 };
    let backtest = Backtest { settings: &session.settings, data: &data, rows: rows.clone(), detail: None };
    backtest.watch(&mut script, &mut watcher).map_err(|fault| ParityError::Script(fault.message))?;
    let Watcher { told: again, open_at_end, .. } = watcher;
    let mut parity = Parity {
        bot: session.bot.clone(),
        candles: rows.len() as u64,
        decisions_compared: 0,
        trades_compared: 0,
        ends_at,
        open_at_end,
        asked_at_end: 0,
        differences: Vec::new(),
    };
    for candle in rows.filter_map(|row| candles.open_time.get(row).copied()) {
        parity.compare(candle, candle == last, &told, &again);
    }
    Ok(parity)
}

fn read(path: &Path) -> Result<Part, ParityError> {
    let mut reader = Reader::<Record>::open(path)?;
    let Some(Record::Session(session)) = reader.next().transpose()?.map(|entry| entry.record) else {
        return Err(RecoveryError::NoSession.into());
    };
    let (candles, told) = (Candles::default(), Told::default());
    let mut part = Part { session, candles, warmup: 0, told, ends_at: None };
    let mut end = None;
    for entry in reader {
        let entry = entry?;
        // It matters once a candle follows.
        if end.is_none() {
            end = ends(&entry.record).map(|what| (entry.n, what.to_owned()));
        }
        if end.is_some() {
            if matches!(entry.record, Record::Candle { .. }) {
                part.ends_at = end;
                break;
            }
            continue;
        }
        match &entry.record {
            Record::Warmup { candles } => {
                candles.iter().for_each(|candle| part.candles.push(*candle));
                part.warmup = part.candles.len();
            }
            Record::Candle { candle } if is_next(&part.candles, candle) => part.candles.push(*candle),
            Record::Decision(decision) => {
                part.told.decisions.insert(decision.candle, (**decision).clone());
            }
            Record::Trade(closed) => part.told.trade(&closed.trade),
            Record::Held { candle, refusal, .. } => {
                part.told.held.entry(*candle).or_default().push(*refusal);
            }
            _ => {}
        }
    }
    Ok(part)
}

/// What a backtest does not know of.
fn ends(record: &Record) -> Option<&'static str> {
    match record {
        Record::Swap(_) => Some("another script"),
        Record::Config(_) => Some("other settings"),
        Record::Restart { .. } => Some("a restart"),
        Record::Script { .. } => Some("a failure of the script"),
        Record::Stop { .. } => Some("the end of the trader"),
        _ => None,
    }
}

impl Parity {
    fn compare(&mut self, candle: i64, is_last: bool, told: &Told, again: &Told) {
        if !is_last {
            let held = |told: &Told| told.held.get(&candle).cloned().unwrap_or_default();
            let (session, backtest) = (held(told), held(again));
            if session != backtest {
                self.differ(candle, "refused entries", shown(&session), shown(&backtest));
            }
        }
        let (session, backtest) = (told.decisions.get(&candle), again.decisions.get(&candle));
        if let (Some(session), Some(backtest)) = (session, backtest) {
            self.decisions_compared += 1;
            // Which text it is decides nothing.
            let backtest = Decision { generation: session.generation, ..backtest.clone() };
            if is_last {
                self.asked_at_end += u64::from(session.entry.is_some() || session.exit.is_some());
                self.fields(candle, "", &unjudged(session), &unjudged(&backtest));
            } else {
                self.fields(candle, "", session, &backtest);
            }
        } else if session.is_none() && !(is_last && self.ends_at.is_some()) {
            self.differ(candle, "decision", "none".to_owned(), "one".to_owned());
        }
        let none = Vec::new();
        let of = |told: &'_ Told| told.trades.get(&candle).cloned().unwrap_or_else(|| none.clone());
        let (session, backtest) = (of(told), of(again));
        for index in 0..session.len().max(backtest.len()) {
            match (session.get(index), backtest.get(index)) {
                (Some(session), Some(backtest)) => {
                    self.trades_compared += 1;
                    self.fields(candle, "trade ", session, backtest);
                }
                (session, backtest) => self.differ(candle, "trade", shown(&session), shown(&backtest)),
            }
        }
    }

    fn fields<T: Serialize + PartialEq>(&mut self, candle: i64, of: &str, session: &T, backtest: &T) {
        if session == backtest {
            return;
        }
        let object = |value: &T| match serde_json::to_value(value) {
            Ok(Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let (session, backtest) = (object(session), object(backtest));
        let names = session.keys().chain(backtest.keys().filter(|name| !session.contains_key(*name)));
        for name in names {
            let (session, backtest) = (session.get(name), backtest.get(name));
            if session != backtest {
                self.differ(candle, &format!("{of}{name}"), shown(&session), shown(&backtest));
            }
        }
    }

    fn differ(&mut self, candle: i64, what: &str, session: String, backtest: String) {
        self.differences.push(ParityDifference { candle, what: what.to_owned(), session, backtest });
    }
}

/// A decision without what is not carried out at the last close.
fn unjudged(decision: &Decision) -> Decision {
    Decision { veto: None, refusal: None, due: None, stop: None, target: None, ..decision.clone() }
}

fn shown<T: Serialize>(value: &T) -> String {
    match serde_json::to_string(value) {
        Ok(text) if text != "null" => text,
        _ => "none".to_owned(),
    }
}

/// Keeps of a backtest what a session keeps.
struct Watcher<'a> {
    data: &'a DataHandler,
    ears: Ears,
    told: Told,
    open_at_end: u64,
}

impl Recorder for Watcher<'_> {
    fn on_close(&mut self, row: usize, equity: f64, position: Option<&Position>) {
        self.ears = Ears::default();
        self.ears.on_close(row, equity, position);
    }

    fn on_asked(&mut self, row: usize, intents: &Intents) {
        self.ears.on_asked(row, intents);
    }

    fn on_queued(&mut self, row: usize, entry: Option<&EntryRequest>, exit: Option<&ExitRequest>) {
        self.ears.on_queued(row, entry, exit);
    }

    fn on_veto(&mut self, row: usize, direction: Direction, veto: Veto) {
        self.ears.on_veto(row, direction, veto);
    }

    fn on_refusal(&mut self, row: usize, direction: Direction, refusal: Refusal) {
        let candle = self.data.candles().open_time.get(row).copied().unwrap_or(0);
        // At the close, or at the open after it.
        if self.told.decisions.contains_key(&candle) {
            self.told.held.entry(candle).or_default().push(refusal);
        } else {
            self.ears.on_refusal(row, direction, refusal);
        }
    }

    fn on_notes(&mut self, row: usize, logs: &mut Vec<String>, plots: &[(usize, f64)]) {
        self.ears.on_notes(row, logs, plots);
    }

    fn on_decided(&mut self, row: usize, state: &EngineState) {
        let decision = std::mem::take(&mut self.ears).decision(self.data, row, state);
        self.told.decisions.insert(decision.candle, decision);
    }

    fn on_trade(&mut self, _row: usize, trade: Trade) {
        if trade.exit_reason == ExitReason::EndOfData {
            self.open_at_end += 1;
        } else {
            self.told.trade(&trade);
        }
    }
}
