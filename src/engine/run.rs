//! The engine: events in, commands out, and the loop that drives it over closed candles.

use super::data_handler::DataHandler;
use super::order_executor::{EntryRequest, ExitRequest, Order, OrderExecutor};
use super::ports::{Intents, Moment, Recorder, Strategy, StrategyFault, Venue};
use super::position_manager::{ExitCause, PositionManager};
use super::protection::{BaseLevels, Hit, Protection};
use super::risk_manager::{RiskManager, Standing};
use super::settings::Settings;
use crate::model::{Direction, EntryReason, ExitReason, Fill, FillReason, Refusal, Trade};
use std::ops::Range;
use std::sync::Arc;

/// What the world tells the engine. `row` names the candle in hand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// A candle opened at `price`: what was decided at the last close is due.
    Opened { row: usize, price: f64 },
    /// A protective level was reached by a price.
    Reached { row: usize, hit: Hit, ambiguous: bool },
    /// An order was executed.
    Filled { row: usize, fill: Fill },
    /// The candle in `row` closed; `last` if no candle follows in this run.
    Closed { row: usize, last: bool },
    /// No candle follows: what is open is closed at the last close.
    Ended { row: usize },
}

/// What the engine asks of the world.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Command {
    Place(Order),
}

/// The deciders, wired. Pure: the same events give the same commands.
pub struct Engine<'a, S, R> {
    settings: &'a Settings,
    data: &'a DataHandler,
    strategy: &'a mut S,
    recorder: &'a mut R,
    position: PositionManager,
    risk: RiskManager,
    executor: OrderExecutor,
    intents: Intents,
    first_row: usize,
    decided_before: bool,
    /// What belongs to the order in flight.
    exit_cause: Option<ExitCause>,
    entry_in_flight: Option<EntryRequest>,
    /// What stood in the way of an entry at the last close.
    standing: Standing,
    /// Row and price of the open in hand.
    opened: (usize, f64),
}

impl<'a, S: Strategy, R: Recorder> Engine<'a, S, R> {
    /// `first_row`: the first candle of the run; those before it only warm the indicators.
    pub fn new(
        settings: &'a Settings,
        data: &'a DataHandler,
        first_row: usize,
        strategy: &'a mut S,
        recorder: &'a mut R,
    ) -> Self {
        let rules = &settings.rules;
        let base = BaseLevels {
            stop_pct: rules.stop_loss_pct,
            target_pct: rules.take_profit_pct,
            trail_pct: rules.trailing_stop_loss_pct,
        };
        Engine {
            settings,
            data,
            strategy,
            recorder,
            position: PositionManager::new(settings.initial_balance, base),
            risk: RiskManager::new(rules, &settings.limits, settings.initial_balance),
            executor: OrderExecutor::new(settings),
            intents: Intents::default(),
            first_row,
            decided_before: false,
            exit_cause: None,
            entry_in_flight: None,
            standing: Standing::default(),
            opened: (first_row, f64::NAN),
        }
    }

    /// Whether something was decided that is due at the next open.
    pub fn has_pending(&self) -> bool {
        self.executor.has_pending()
    }

    pub fn position(&self) -> &PositionManager {
        &self.position
    }

    /// The protection of the open position, for a venue that walks a candle's prices.
    pub fn protection_mut(&mut self) -> Option<(Direction, &mut Protection)> {
        self.position.protection_mut()
    }

    /// Takes one event and answers with at most one command.
    // Inlined so that a caller who names the event pays for its arm alone: most candles only close.
    #[inline(always)]
    pub fn on_event(&mut self, event: Event) -> Result<Option<Command>, StrategyFault> {
        match event {
            Event::Opened { row, price } => {
                self.opened = (row, price);
                Ok(self.on_open())
            }
            Event::Reached { hit, ambiguous, .. } => Ok(self.exit_order(
                hit.reason,
                hit.price,
                hit.reason != ExitReason::TakeProfit,
                ExitCause { ambiguous, ..ExitCause::default() },
            )),
            Event::Filled { row, fill } => self.on_fill(row, &fill),
            Event::Closed { row, last } => self.on_close(row, last).map(|()| None),
            Event::Ended { row } => Ok(self.exit_order(
                ExitReason::EndOfData,
                self.data.candles().close[row],
                false,
                ExitCause::default(),
            )),
        }
    }

    fn exit_order(
        &mut self,
        reason: ExitReason,
        price: f64,
        slips: bool,
        cause: ExitCause,
    ) -> Option<Command> {
        let position = self.position.position()?;
        self.exit_cause = Some(cause);
        Some(Command::Place(Order {
            side: position.direction.exit_side(),
            quantity: position.quantity,
            reason: FillReason::Exit(reason),
            price,
            slips,
        }))
    }

    /// What was decided at the last close is due: the exit first, the entry once that is filled.
    fn on_open(&mut self) -> Option<Command> {
        let (row, price) = self.opened;
        if let Some(exit) = self.executor.take_exit() {
            let cause = ExitCause { note: exit.note, ambiguous: false };
            return self.exit_order(exit.reason, price, true, cause);
        }
        let request = self.executor.take_entry()?;
        match self.executor.size(&request, price, self.position.cash()) {
            Ok(order) => {
                self.entry_in_flight = Some(request);
                Some(Command::Place(order))
            }
            Err(refusal) => {
                self.recorder.on_refusal(row - 1, request.direction, refusal);
                None
            }
        }
    }

    #[inline(never)]
    fn on_fill(&mut self, row: usize, fill: &Fill) -> Result<Option<Command>, StrategyFault> {
        self.recorder.on_fill(row, fill);
        match fill.reason {
            FillReason::Entry(_) => {
                if let Some(request) = self.entry_in_flight.take() {
                    self.position.on_entry(fill, request.direction, row, request.levels, request.note);
                }
                self.tell_strategy(row, fill, None)?;
                Ok(None)
            }
            FillReason::Exit(reason) => {
                let cause = self.exit_cause.take().unwrap_or_default();
                let Some(trade) = self.position.on_exit(fill, reason, row, cause) else { return Ok(None) };
                self.risk.on_trade(&trade, row, self.data.candles().close_time[row]);
                if reason != ExitReason::EndOfData {
                    self.tell_strategy(row, fill, Some(&trade))?;
                }
                self.recorder.on_trade(row, trade);
                // A reversal's second leg is due at the same open.
                Ok(if self.has_pending() { self.on_open() } else { None })
            }
        }
    }

    /// Runs the script's handlers for a fill, and for the trade it closed. They may move levels and take
    /// notes; orders are asked for at closes only.
    fn tell_strategy(&mut self, row: usize, fill: &Fill, trade: Option<&Trade>) -> Result<(), StrategyFault> {
        if !self.strategy.has_fill_handlers() {
            return Ok(());
        }
        let seen = row.saturating_sub(1);
        let moment = Moment {
            row: seen,
            index: seen.saturating_sub(self.first_row),
            position: self.position.position(),
            equity: self.position.equity(self.data.candles().close[seen]),
            cash: self.position.cash(),
            allow_short: self.settings.allow_short,
            standing: self.standing,
        };
        self.intents.clear();
        self.strategy.on_fill(self.data, &moment, fill, &mut self.intents)?;
        if let Some(trade) = trade {
            self.strategy.on_exit(self.data, &moment, trade, &mut self.intents)?;
        }
        let levels = std::mem::take(&mut self.intents.levels);
        if !levels.is_empty() {
            self.position.move_levels(&levels);
        }
        if self.intents.touched {
            self.recorder.on_notes(row, &mut self.intents.logs, &self.intents.plots);
        }
        Ok(())
    }

    #[inline(always)]
    fn on_close(&mut self, row: usize, last: bool) -> Result<(), StrategyFault> {
        let candles = self.data.candles();
        let (close, close_time) = (candles.close[row], candles.close_time[row]);
        let equity = self.position.equity(close);
        self.risk.on_close(equity, close_time);
        self.recorder.on_close(row, equity, self.position.position());
        if row < self.data.first_warm() {
            return Ok(());
        }
        if !self.decided_before {
            self.decided_before = true;
            self.recorder.on_first_decision(row);
        }
        self.standing = self.risk.standing(row, close_time + 1, || self.data.atr_pass(row));
        let moment = Moment {
            row,
            index: row - self.first_row,
            position: self.position.position(),
            equity,
            cash: self.position.cash(),
            allow_short: self.settings.allow_short,
            standing: self.standing,
        };
        self.intents.clear();
        self.strategy.on_candle(self.data, &moment, &mut self.intents)?;
        if self.intents.touched {
            self.recorder.on_notes(row, &mut self.intents.logs, &self.intents.plots);
        }
        // An untouched candle asks for nothing; then only a rule of ours may close the position.
        let may_close = self.settings.rules.max_holding_candles > 0 || self.risk.is_halted();
        if !last && (self.intents.touched || (may_close && self.position.position().is_some())) {
            self.decide(row);
        }
        Ok(())
    }

    /// Filters and risk on what the script asked; what stands becomes due at the next open.
    #[inline(never)]
    fn decide(&mut self, row: usize) {
        let held = self.position.position().map(|position| (position.direction, position.candles_held(row)));
        let wish = self.intents.entry.take();
        let levels = std::mem::take(&mut self.intents.levels);
        if wish.is_none() && !levels.is_empty() {
            self.position.move_levels(&levels);
        }
        let exit_note = self.intents.exit.take();
        let size = self.intents.size.unwrap_or(self.settings.size);
        let mut reverse_note = None;
        if let Some(wish) = wish {
            let direction = wish.direction;
            let held_direction = held.map(|(direction, _)| direction);
            if held_direction == Some(direction) {
                self.recorder.on_refusal(row, direction, Refusal::InPosition);
            } else if direction == Direction::Short && !self.settings.allow_short {
                self.recorder.on_refusal(row, direction, Refusal::ShortNotAllowed);
            } else {
                let reason = if held.is_some() { EntryReason::Reverse } else { EntryReason::Signal };
                let note = wish.note.clone();
                let request = EntryRequest { direction, size, levels, reason, note: wish.note };
                match self.risk.check(request, self.standing) {
                    Ok(approved) => {
                        reverse_note = held.map(|_| note);
                        self.executor.queue_entry(approved);
                    }
                    Err(veto) => self.recorder.on_veto(row, direction, veto),
                }
            }
        }
        let Some((_, candles_held)) = held else { return };
        let silent = || Arc::from("");
        let limit = self.settings.rules.max_holding_candles as usize;
        let exit = if self.risk.is_halted() {
            Some((ExitReason::MaxLoss, silent()))
        } else if let Some(note) = reverse_note {
            Some((ExitReason::Reverse, exit_note.unwrap_or(note)))
        } else if let Some(note) = exit_note {
            Some((ExitReason::Signal, note))
        } else if limit > 0 && candles_held >= limit {
            Some((ExitReason::TimeStop, silent()))
        } else {
            None
        };
        if let Some((reason, note)) = exit {
            self.executor.queue_exit(self.risk.approve_exit(ExitRequest { reason, note }));
        }
    }
}

/// Drives the engine over the candles in `rows` through `venue`: the order of things in one candle is
/// pending orders at the open, protective walk, close.
pub fn run<S: Strategy, V: Venue, R: Recorder>(
    settings: &Settings,
    data: &DataHandler,
    rows: Range<usize>,
    strategy: &mut S,
    venue: &mut V,
    recorder: &mut R,
) -> Result<(), StrategyFault> {
    let candles = data.candles().clone();
    let mut engine = Engine::new(settings, data, rows.start, strategy, recorder);
    for row in rows.clone() {
        if engine.has_pending() {
            drive(&mut engine, venue, row, Event::Opened { row, price: candles.open[row] })?;
        }
        if let Some((direction, protection)) = engine.protection_mut()
            && let Some((hit, ambiguous)) = venue.walk(row, direction, protection)
        {
            drive(&mut engine, venue, row, Event::Reached { row, hit, ambiguous })?;
        }
        engine.on_event(Event::Closed { row, last: row + 1 == rows.end })?;
    }
    if engine.position().position().is_some() {
        let row = rows.end - 1;
        drive(&mut engine, venue, row, Event::Ended { row })?;
        let equity = engine.position().cash();
        recorder.on_end(equity);
    }
    Ok(())
}

/// Hands an event to the engine and executes what it asks for, until it asks for nothing.
#[inline(never)]
fn drive<S: Strategy, V: Venue, R: Recorder>(
    engine: &mut Engine<'_, S, R>,
    venue: &mut V,
    row: usize,
    event: Event,
) -> Result<(), StrategyFault> {
    let time = engine.data.candles().open_time[row];
    let mut command = engine.on_event(event)?;
    while let Some(Command::Place(order)) = command {
        let fill = venue.execute(&order, time);
        command = engine.on_event(Event::Filled { row, fill })?;
    }
    Ok(())
}
