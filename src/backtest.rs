//! A backtest: candles, settings and a strategy in; trades, equity curve and counts out.

use crate::engine::Counts;
use crate::model::{Refusal, Trade, Veto};
use std::ops::Range;

/// What a run did. Pure data; `report` turns it into metrics, tables and pages.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub initial_balance: f64,
    /// Rows of the candle store the run decided on (`--start` to `--end`).
    pub range: Range<usize>,
    /// First row at which the script was called, if it ever was.
    pub first_decision: Option<usize>,
    /// Closed trades in order of their exits.
    pub trades: Vec<Trade>,
    /// Equity at each close of `range`; the last one is after an `end_of_data` close.
    pub equity: Vec<f64>,
    /// Closes at which a position was marked.
    pub closes_in_position: u64,
    pub vetoes: Counts<Veto>,
    pub refusals: Counts<Refusal>,
}
