//! A closed round trip, and the equity curve.

use super::{Direction, EntryReason, ExitReason};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One round trip, entry to exit. Money in quote currency, quantity in base currency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trade {
    /// Open time (ms) of the candle in which the entry filled.
    pub entry_time: i64,
    /// Open time (ms) of the candle in which the exit filled.
    pub exit_time: i64,
    pub direction: Direction,
    pub quantity: f64,
    pub entry_price: f64,
    pub exit_price: f64,
    /// Net of both commissions.
    pub pnl: f64,
    /// Net PnL / entry notional × 100.
    pub pnl_pct: f64,
    /// Both sides together.
    pub commission: f64,
    /// Both sides together.
    pub slippage: f64,
    pub entry_reason: EntryReason,
    pub exit_reason: ExitReason,
    /// Index of the exit candle − index of the entry candle.
    pub candles_held: u32,
    /// Whether walking the candle's extremes in the other order gives another exit.
    pub ambiguous: bool,
    /// The script's text for the entry; empty when it gave none.
    pub entry_note: Arc<str>,
    /// The script's text for the exit; empty when it gave none.
    pub exit_note: Arc<str>,
}

/// Equity at one candle's close: cash plus the position marked at that close.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EquityPoint {
    /// `close_time` of the candle, ms.
    pub time: i64,
    pub equity: f64,
}
