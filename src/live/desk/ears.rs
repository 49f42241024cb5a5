//! Listens to the engine, so that what it decides can be written down.

use crate::engine::{EntryRequest, ExitRequest, Intents, Position, Recorder};
use crate::live::record::{AskedEntry, Due};
use crate::model::{Direction, Refusal, Trade, Veto};
use std::sync::Arc;

/// What was heard since it was last taken.
#[derive(Debug, Default)]
pub struct Ears {
    pub equity: f64,
    pub entry: Option<AskedEntry>,
    pub exit: Option<Arc<str>>,
    pub veto: Option<Veto>,
    pub refusal: Option<Refusal>,
    pub due: Option<Due>,
    pub logs: Vec<String>,
    pub trade: Option<Trade>,
}

/// Log lines of one candle that are kept.
const LOGS_MAX: usize = 20;

impl Recorder for Ears {
    fn on_close(&mut self, _row: usize, equity: f64, _position: Option<&Position>) {
        self.equity = equity;
    }

    fn on_asked(&mut self, _row: usize, intents: &Intents) {
        self.exit.clone_from(&intents.exit);
        self.entry = intents.entry.as_ref().map(|wish| AskedEntry {
            direction: wish.direction,
            note: wish.note.clone(),
            size: intents.size,
            levels: intents.levels,
        });
    }

    fn on_queued(&mut self, _row: usize, entry: Option<&EntryRequest>, exit: Option<&ExitRequest>) {
        self.due = Some(Due { entry: entry.is_some(), exit: exit.map(|exit| exit.reason) });
    }

    fn on_veto(&mut self, _row: usize, _direction: Direction, veto: Veto) {
        self.veto = Some(veto);
    }

    fn on_refusal(&mut self, _row: usize, _direction: Direction, refusal: Refusal) {
        self.refusal = Some(refusal);
    }

    fn on_trade(&mut self, _row: usize, trade: Trade) {
        self.trade = Some(trade);
    }

    fn on_notes(&mut self, _row: usize, logs: &mut Vec<String>, _plots: &[(usize, f64)]) {
        let room = LOGS_MAX.saturating_sub(self.logs.len());
        self.logs.extend(logs.drain(..).take(room));
    }
}
