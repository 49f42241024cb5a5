//! Fills become a position, a position becomes trades; cash and equity.

use super::order_executor::EntryRequest;
use super::protection::{BaseLevels, Levels, Protection};
use crate::model::money::decimal;
use crate::model::{Direction, EntryReason, ExitReason, Fill, FillReason, Trade};
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The open position. Money in quote currency, quantity in base currency.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Position {
    pub direction: Direction,
    pub quantity: f64,
    /// The slipped entry fill.
    pub entry_price: f64,
    /// Row of the candle in which the entry filled.
    pub entry_row: usize,
    pub entry_time: i64,
    pub commission: f64,
    pub slippage: f64,
    pub entry_reason: EntryReason,
    /// Handed to the trade that closes the position.
    pub entry_note: Option<Arc<str>>,
    pub protection: Protection,
}

impl Position {
    /// Candles held at the close of `row`; the entry candle counts. 0 before its close.
    #[inline]
    pub fn candles_held(&self, row: usize) -> usize {
        (row + 1).saturating_sub(self.entry_row)
    }
}

/// Why and with which words a position is closed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ExitCause {
    pub note: Arc<str>,
    pub ambiguous: bool,
}

/// Cash, the open position, and the protective exits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PositionManager {
    cash: f64,
    base: BaseLevels,
    position: Option<Position>,
    /// Base currency too little to be ordered, left by exits of whole steps. Part of the next position.
    dust: f64,
}

/// `a + b` of quantities, without the noise of floats.
fn exact_sum(a: f64, b: f64) -> f64 {
    let sum = || decimal(a).ok()?.checked_add(decimal(b).ok()?)?.to_f64();
    sum().unwrap_or(a + b)
}

impl PositionManager {
    pub fn new(initial_balance: f64, base: BaseLevels) -> Self {
        PositionManager { cash: initial_balance, base, position: None, dust: 0.0 }
    }

    /// The base rules' distances from now on, for the open position too.
    pub fn set_base(&mut self, base: BaseLevels) {
        self.base = base;
        if let Some(position) = &mut self.position {
            position.protection.set_base(base);
        }
    }

    /// Base currency too little to be ordered.
    pub fn dust(&self) -> f64 {
        self.dust
    }

    /// Quote currency not in the position; above the balance while short, as a short sale brings cash in.
    #[inline]
    pub fn cash(&self) -> f64 {
        self.cash
    }

    #[inline]
    pub fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// Cash plus the position marked at `price`, without estimated exit costs.
    #[inline]
    pub fn equity(&self, price: f64) -> f64 {
        match &self.position {
            None if self.dust == 0.0 => self.cash,
            None => self.cash + self.dust * price,
            Some(position) => self.cash + position.direction.sign() * position.quantity * price,
        }
    }

    /// Base currency held, below 0 while short.
    #[inline]
    pub fn holding(&self) -> f64 {
        self.position.as_ref().map_or(self.dust, |position| position.direction.sign() * position.quantity)
    }

    /// Moves the live levels. Nothing happens when flat.
    pub fn move_levels(&mut self, levels: &Levels) {
        if let Some(position) = &mut self.position {
            position.protection.update(levels);
        }
    }

    /// The protection of the open position, for a venue that walks a candle's prices.
    #[inline]
    pub fn protection_mut(&mut self) -> Option<(Direction, &mut Protection)> {
        self.position.as_mut().map(|position| (position.direction, &mut position.protection))
    }

    /// Books an entry.
    pub fn on_entry(&mut self, fill: &Fill, row: usize, request: EntryRequest) {
        let entry_reason = match fill.reason {
            FillReason::Entry(reason) => reason,
            FillReason::Exit(_) => EntryReason::Signal,
        };
        let EntryRequest { direction, levels, note, .. } = request;
        let quantity = self.receive(fill, direction);
        self.position = None;
        // Written where it stays.
        self.position.get_or_insert_with(|| Position {
            direction,
            quantity,
            entry_price: fill.price,
            entry_row: row,
            entry_time: fill.time,
            commission: fill.commission,
            slippage: fill.slippage,
            entry_reason,
            entry_note: Some(note),
            protection: Protection::new(direction, fill.price, self.base, levels),
        });
    }

    /// Pays for an entry, and returns what is there then.
    #[inline]
    fn receive(&mut self, fill: &Fill, direction: Direction) -> f64 {
        self.cash -= direction.sign() * fill.quantity * fill.price + fill.commission;
        if fill.base_commission == 0.0 && self.dust == 0.0 {
            return fill.quantity;
        }
        // It was not paid from the cash.
        self.cash += fill.base_commission * fill.price;
        let received = exact_sum(fill.quantity, -fill.base_commission);
        exact_sum(received, std::mem::take(&mut self.dust))
    }

    /// Books an entry that brought too little to be ordered again.
    pub fn on_dust(&mut self, fill: &Fill, direction: Direction) {
        self.dust = self.receive(fill, direction);
    }

    /// Books an exit of the whole position, but for what is too little to be ordered, and returns the closed trade.
    pub fn on_exit(
        &mut self,
        fill: &Fill,
        reason: ExitReason,
        row: usize,
        cause: ExitCause,
    ) -> Option<Trade> {
        let position = self.position.as_mut()?;
        let sign = position.direction.sign();
        self.cash += sign * fill.quantity * fill.price - fill.commission;
        let commission = position.commission + fill.commission;
        let pnl = sign * (fill.price - position.entry_price) * fill.quantity - commission;
        if fill.quantity != position.quantity {
            self.dust = exact_sum(position.quantity, -fill.quantity);
        }
        let trade = Trade {
            entry_time: position.entry_time,
            exit_time: fill.time,
            direction: position.direction,
            quantity: fill.quantity,
            entry_price: position.entry_price,
            exit_price: fill.price,
            pnl,
            pnl_pct: pnl / (position.entry_price * fill.quantity) * 100.0,
            commission,
            slippage: position.slippage + fill.slippage,
            entry_reason: position.entry_reason,
            exit_reason: reason,
            candles_held: u32::try_from(row - position.entry_row).unwrap_or(u32::MAX),
            ambiguous: cause.ambiguous,
            entry_note: position.entry_note.take().unwrap_or_default(),
            exit_note: cause.note,
        };
        self.position = None;
        Some(trade)
    }
}
