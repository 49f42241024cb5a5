//! Listens to the engine, so that what it decides can be written down.

use crate::engine::{
    DataHandler, EngineState, EntryRequest, ExitRequest, Intents, Position, Recorder, RiskState,
};
use crate::live::record::{AskedEntry, Decision, Due};
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

impl Ears {
    /// What was decided at the close of `row`, of a script that is not stopped; its generation is up to the caller.
    pub fn decision(self, data: &DataHandler, row: usize, state: &EngineState) -> Decision {
        let position = state.position.position();
        Decision {
            candle: data.candles().open_time.get(row).copied().unwrap_or(0),
            generation: 0,
            seen: format!("{:016x}", digest(data, row)),
            asked: row >= data.first_warm(),
            equity: self.equity,
            quantity: position.map(|position| position.quantity),
            stop: position.and_then(|position| position.protection.stop_price()),
            target: position.and_then(|position| position.protection.target_price()),
            entry: self.entry,
            exit: self.exit,
            veto: self.veto,
            refusal: self.refusal,
            due: self.due.filter(|_| state.executor.has_pending()),
            risk: Some(state.risk.state()).filter(|risk| *risk != RiskState::Active),
            logs: self.logs,
        }
    }
}

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

/// FNV-1a over the bits of everything a script can see of a candle.
fn digest(data: &DataHandler, row: usize) -> u64 {
    let candles = data.candles();
    let prices = [&candles.open, &candles.high, &candles.low, &candles.close, &candles.volume];
    let prices = prices.into_iter().map(|column| column[row].to_bits());
    let values = data.columns().iter().map(|column| column.values()[row].to_bits());
    let times = [candles.open_time[row] as u64, candles.close_time[row] as u64];
    let bytes = times.into_iter().chain(prices).chain(values).flat_map(u64::to_le_bytes);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
