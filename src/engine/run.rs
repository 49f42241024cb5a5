//! The engine: events in, commands out, and the loop that drives it over closed candles.

use super::data_handler::DataHandler;
use super::order_executor::{EntryRequest, ExitRequest, Order, OrderExecutor};
use super::ports::{Asked, Intents, Moment, Quiet, Recorder, Strategy, StrategyFault, Venue};
use super::position_manager::{ExitCause, PositionManager};
use super::protection::{BaseLevels, Hit, Protection};
use super::risk_manager::{RiskManager, Standing};
use super::settings::{Booking, Settings};
use crate::model::{Candles, Direction, EntryReason, ExitReason, Fill, FillReason, Refusal, Trade};
use serde::{Deserialize, Serialize};
use std::hint::black_box;
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
    /// An entry that was ordered came to nothing.
    Failed { row: usize, refusal: Refusal },
    /// What was to be entered at the open of `row` is not: it is too late.
    Missed { row: usize },
    /// The candle in `row` closed; `last` if no candle follows in this run.
    Closed { row: usize, last: bool },
    /// Asks the strategy about the close of `row` again: another one is in its place since.
    Asked { row: usize },
    /// The strategy has no answer at the close of `row`: the base rules and limits alone.
    Unanswered { row: usize },
}

/// What the engine asks of the world.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Command {
    Place(Order),
}

/// The deciders, wired. Pure: the same events give the same commands.
pub struct Engine<S, R> {
    settings: Settings,
    data: DataHandler,
    strategy: S,
    recorder: R,
    state: EngineState,
    intents: Intents,
    /// Whether nothing but a cool-down can stand in the way of an entry: known between two settings.
    unguarded: bool,
}

/// What lives from one event to the next. Plain data: an engine with the same settings, data and state goes on the
/// same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EngineState {
    pub position: PositionManager,
    pub risk: RiskManager,
    pub executor: OrderExecutor,
    first_row: usize,
    decided_before: bool,
    /// What belongs to the order in flight.
    exit_cause: Option<ExitCause>,
    entry_in_flight: Option<Box<EntryRequest>>,
    /// What stood in the way of an entry at the last close.
    standing: Standing,
    /// Row and price of the open in hand.
    opened: Option<(usize, f64)>,
}

impl EngineState {
    pub fn new(settings: &Settings, first_row: usize) -> EngineState {
        EngineState {
            position: PositionManager::new(settings.initial_balance, base_levels(settings)),
            risk: RiskManager::new(&settings.rules, &settings.limits, settings.initial_balance),
            executor: OrderExecutor::new(settings),
            first_row,
            decided_before: false,
            exit_cause: None,
            entry_in_flight: None,
            standing: Standing::default(),
            opened: None,
        }
    }
}

fn base_levels(settings: &Settings) -> BaseLevels {
    let (rules, grid) = (&settings.rules, settings.booking == Booking::Exchange);
    BaseLevels {
        stop_pct: rules.stop_loss_pct,
        target_pct: rules.take_profit_pct,
        trail_pct: rules.trailing_stop_loss_pct,
        tick_size: settings.instrument.as_ref().filter(|_| grid).map(|instrument| instrument.tick_size),
    }
}

impl<S: Strategy, R: Recorder> Engine<S, R> {
    /// `first_row`: the first candle of the run; those before it only warm the indicators.
    pub fn new(settings: Settings, data: DataHandler, first_row: usize, strategy: S, recorder: R) -> Self {
        let state = EngineState::new(&settings, first_row);
        let unguarded = state.risk.is_unguarded();
        Engine { settings, data, strategy, recorder, state, intents: Intents::default(), unguarded }
    }

    pub fn state(&self) -> &EngineState {
        &self.state
    }

    /// Goes on from `state`.
    pub fn restore(&mut self, state: EngineState) {
        self.state = state;
        self.unguarded = self.state.risk.is_unguarded();
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Other rules, limits and sizes from now on, for what is open too. Balance and instrument stay.
    pub fn set(&mut self, settings: Settings) {
        self.state.position.set_base(base_levels(&settings));
        self.state.risk.set(&settings.rules, &settings.limits);
        self.state.executor.set(&settings);
        self.settings = settings;
        self.unguarded = self.state.risk.is_unguarded();
    }

    /// No entries from now on, or entries again.
    pub fn set_paused(&mut self, paused: bool) {
        self.state.risk.set_paused(paused);
        self.unguarded = self.state.risk.is_unguarded();
    }

    pub fn data(&self) -> &DataHandler {
        &self.data
    }

    /// The data, for whoever appends to them; the strategy lets go of them first.
    pub fn data_mut(&mut self) -> &mut DataHandler {
        self.strategy.release();
        &mut self.data
    }

    pub fn strategy(&self) -> &S {
        &self.strategy
    }

    pub fn strategy_mut(&mut self) -> &mut S {
        &mut self.strategy
    }

    /// Another strategy with its data, between two candles. Returns what was there.
    pub fn replace_strategy(&mut self, strategy: S, data: DataHandler) -> (S, DataHandler) {
        (std::mem::replace(&mut self.strategy, strategy), std::mem::replace(&mut self.data, data))
    }

    pub fn recorder(&self) -> &R {
        &self.recorder
    }

    pub fn recorder_mut(&mut self) -> &mut R {
        &mut self.recorder
    }

    /// Asks for an exit at the next open, whatever the strategy thinks.
    pub fn ask_exit(&mut self, reason: ExitReason, note: Arc<str>) {
        if self.state.position.position().is_some() {
            let request = self.state.risk.approve_exit(ExitRequest { reason, note });
            self.state.executor.queue_exit(request);
        }
    }

    /// Whether something was decided that is due at the next open.
    pub fn has_pending(&self) -> bool {
        self.state.executor.has_pending()
    }

    pub fn position(&self) -> &PositionManager {
        &self.state.position
    }

    /// The protection of the open position, for a venue that walks a candle's prices.
    pub fn protection_mut(&mut self) -> Option<(Direction, &mut Protection)> {
        self.state.position.protection_mut()
    }

    /// Takes one event and answers with at most one command.
    pub fn on_event(&mut self, event: Event) -> Result<Option<Command>, StrategyFault> {
        match event {
            Event::Opened { row, price } => {
                self.state.opened = Some((row, price));
                Ok(self.on_open().map(Command::Place))
            }
            Event::Reached { hit, ambiguous, .. } => Ok(self.on_hit(hit, ambiguous).map(Command::Place)),
            Event::Filled { row, fill } => {
                let more = self.on_fill(row, &fill)?;
                Ok(if more { self.on_open().map(Command::Place) } else { None })
            }
            Event::Failed { row, refusal } => {
                if let Some(request) = self.state.entry_in_flight.take() {
                    self.recorder.on_refusal(row.saturating_sub(1), request.direction, refusal);
                }
                Ok(None)
            }
            Event::Missed { row } => {
                if let Some(request) = self.state.executor.take_entry() {
                    self.recorder.on_refusal(row.saturating_sub(1), request.direction, Refusal::Late);
                }
                Ok(None)
            }
            Event::Closed { row, last } => {
                let close = self.data.candles().close[row];
                self.on_close(row, close, last).map(|_| None)
            }
            Event::Asked { row } => {
                let equity = self.state.position.equity(self.data.candles().close[row]);
                self.ask(row, equity, false).map(|_| None)
            }
            Event::Unanswered { row } => {
                self.intents.clear();
                if row >= self.data.first_warm() {
                    self.decide(row);
                }
                Ok(None)
            }
        }
    }

    fn on_end(&mut self, row: usize) -> Option<Order> {
        let close = self.data.candles().close[row];
        self.exit_order(ExitReason::EndOfData, close, false, ExitCause::default())
    }

    fn on_hit(&mut self, hit: Hit, ambiguous: bool) -> Option<Order> {
        let cause = ExitCause { ambiguous, ..ExitCause::default() };
        self.exit_order(hit.reason, hit.price, hit.reason != ExitReason::TakeProfit, cause)
    }

    fn exit_order(&mut self, reason: ExitReason, price: f64, slips: bool, cause: ExitCause) -> Option<Order> {
        let position = self.state.position.position()?;
        let quantity = self.state.executor.sellable(position.quantity);
        if quantity <= 0.0 {
            return None;
        }
        self.state.exit_cause = Some(cause);
        Some(Order {
            side: position.direction.exit_side(),
            quantity,
            reason: FillReason::Exit(reason),
            price,
            slips,
        })
    }

    /// What was decided at the last close is due: the exit first, the entry once that is filled.
    fn on_open(&mut self) -> Option<Order> {
        let (row, price) = self.state.opened?;
        if let Some(exit) = self.state.executor.take_exit() {
            let cause = ExitCause { note: exit.note, ambiguous: false };
            return self.exit_order(exit.reason, price, true, cause);
        }
        let request = self.state.executor.take_entry()?;
        if self.state.position.position().is_some() {
            // Something was bought since it was decided: an order that was thought to have come to nothing.
            self.recorder.on_refusal(row.saturating_sub(1), request.direction, Refusal::InPosition);
            return None;
        }
        match self.state.executor.size(&request, price, self.state.position.cash()) {
            Ok(order) => {
                self.state.entry_in_flight = Some(request);
                Some(order)
            }
            Err(refusal) => {
                self.recorder.on_refusal(row.saturating_sub(1), request.direction, refusal);
                None
            }
        }
    }

    /// Books a fill. Whether something is due at the same open: a reversal's second leg.
    #[inline(never)]
    fn on_fill(&mut self, row: usize, fill: &Fill) -> Result<bool, StrategyFault> {
        self.recorder.on_fill(row, fill);
        match fill.reason {
            FillReason::Entry(_) => {
                if let Some(request) = self.state.entry_in_flight.take() {
                    if self.state.executor.sellable(fill.quantity - fill.base_commission) <= 0.0 {
                        self.state.position.on_dust(fill, request.direction);
                        let refusal = Refusal::NotFilled;
                        self.recorder.on_refusal(row.saturating_sub(1), request.direction, refusal);
                        return Ok(false);
                    }
                    self.state.position.on_entry(fill, row, *request);
                }
                self.tell_strategy(row, fill, None)?;
                Ok(false)
            }
            FillReason::Exit(reason) => {
                let cause = self.state.exit_cause.take().unwrap_or_default();
                let Some(trade) = self.state.position.on_exit(fill, reason, row, cause) else {
                    return Ok(false);
                };
                self.state.risk.on_trade(&trade, row, || self.data.close_time(row));
                let told = match reason {
                    ExitReason::EndOfData => Ok(()),
                    _ => self.tell_strategy(row, fill, Some(&trade)),
                };
                // It happened, whatever the strategy makes of it.
                self.recorder.on_trade(row, trade);
                told?;
                Ok(self.has_pending())
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
            index: seen.saturating_sub(self.state.first_row),
            position: self.state.position.position(),
            equity: self.state.position.equity(self.data.candles().close[seen]),
            cash: self.state.position.cash(),
            allow_short: self.settings.allow_short,
            standing: self.state.standing,
        };
        self.intents.clear();
        self.strategy.on_fill(&self.data, &moment, fill, &mut self.intents)?;
        if let Some(trade) = trade {
            self.strategy.on_exit(&self.data, &moment, trade, &mut self.intents)?;
        }
        if self.intents.touched {
            if !self.intents.levels.is_empty() {
                self.state.position.move_levels(&self.intents.levels);
            }
            let Asked { logs, plots, .. } = &mut *self.intents;
            self.recorder.on_notes(row, logs, plots);
        }
        Ok(())
    }

    /// [`Event::Closed`], of a candle whose close is known to be this. Whether anything may be due at the next open.
    #[inline(always)]
    fn on_close(&mut self, row: usize, close: f64, last: bool) -> Result<bool, StrategyFault> {
        let equity = self.state.position.equity(close);
        self.book_close(row, equity);
        self.recorder.on_close(row, equity, self.state.position.position());
        self.ask(row, equity, last)
    }

    /// Tells the risk manager of a close. A run whose recorder skims ends with the limits it began with: where there is
    /// none, nobody asks for what would be kept.
    #[inline(always)]
    fn book_close(&mut self, row: usize, equity: f64) {
        if self.state.risk.judges_closes() || !self.recorder.skims() {
            self.state.risk.on_close(equity, self.data.close_time(row));
        }
    }

    /// Asks the strategy and judges what it wants. Whether anything may be due at the next open.
    #[inline(always)]
    fn ask(&mut self, row: usize, equity: f64, last: bool) -> Result<bool, StrategyFault> {
        if row < self.data.first_warm() {
            return Ok(false);
        }
        if !self.state.decided_before {
            self.state.decided_before = true;
            self.recorder.on_first_decision(row);
        }
        self.stand(row);
        let moment = Moment {
            row,
            index: row - self.state.first_row,
            position: self.state.position.position(),
            equity,
            cash: self.state.position.cash(),
            allow_short: self.settings.allow_short,
            standing: self.state.standing,
        };
        self.intents.clear();
        self.strategy.on_candle(&self.data, &moment, &mut self.intents)?;
        if self.intents.touched {
            self.recorder.on_asked(row, &self.intents);
            let Asked { logs, plots, .. } = &mut *self.intents;
            self.recorder.on_notes(row, logs, plots);
        } else if self.settings.rules.max_holding_candles == 0 && !self.state.risk.is_halted() {
            // An untouched candle asks for nothing; then only a rule of ours may close the position.
            return Ok(false);
        }
        if last || (!self.intents.touched && self.state.position.position().is_none()) {
            return Ok(false);
        }
        self.decide(row);
        Ok(true)
    }

    /// Finds what stands in the way of an entry.
    #[inline(always)]
    fn stand(&mut self, row: usize) {
        self.state.standing = if self.unguarded {
            self.state.risk.cooling(row)
        } else {
            self.state.risk.standing(row, self.data.close_time(row) + 1, || self.data.atr_pass(row))
        };
    }

    /// The end of those first `rows` at whose closes nothing comes of asking, unless a level is reached before.
    fn foresee(&mut self, rows: Range<usize>) -> usize {
        let position = self.state.position.position();
        let times_out = position.is_some() && self.settings.rules.max_holding_candles > 0;
        if !self.state.decided_before
            || self.state.risk.judges_closes()
            || self.state.risk.is_halted()
            || times_out
        {
            return rows.start;
        }
        let held = position.map(|position| position.direction);
        let guarded = position.is_some_and(|position| position.protection.is_active());
        let end = if guarded { rows.end.min(rows.start + GUARDED_ROWS) } else { rows.end };
        if end <= rows.start {
            return rows.start;
        }
        let asked =
            rows.start + self.strategy.quiet(&self.data, held, self.settings.allow_short, rows.start..end);
        fetch(self.data.candles(), rows.start..asked + 2);
        asked
    }

    /// A close that was foreseen.
    #[inline(always)]
    fn on_quiet_close(&mut self, row: usize, close: f64) {
        let equity = self.state.position.equity(close);
        self.book_close(row, equity);
        self.recorder.on_close(row, equity, self.state.position.position());
        self.stand(row);
        self.recorder.on_decided(row, &self.state);
    }

    /// The protection of the open position, if prices have to be shown to it: a level is set, or somebody may ask for the best
    /// price.
    #[inline(always)]
    fn walked(&mut self, heeds_peak: bool) -> Option<(Direction, &mut Protection)> {
        self.state.position.protection_mut().filter(|(_, protection)| heeds_peak || protection.is_active())
    }

    /// Takes candles whose closes were foreseen at once, up to one that may reach a level, and returns its row.
    fn skim<V: Venue>(&mut self, venue: &mut V, rows: Range<usize>, heeds_peak: bool) -> usize {
        let end = match self.walked(heeds_peak) {
            Some((direction, protection)) => rows.start + venue.pass(rows.clone(), direction, protection),
            None => rows.end,
        };
        if end > rows.start {
            let (position, candles) = (&self.state.position, self.data.candles());
            self.recorder.on_quiet(Quiet {
                closes: &candles.close[rows.start..end],
                position: position.position(),
                cash: position.cash(),
                holding: position.holding(),
            });
            self.stand(end - 1);
        }
        end
    }

    /// Filters and risk on what the script asked; what stands becomes due at the next open.
    #[inline(never)]
    fn decide(&mut self, row: usize) {
        let held =
            self.state.position.position().map(|position| (position.direction, position.candles_held(row)));
        let wish = self.intents.entry.take();
        let levels = &self.intents.levels;
        if wish.is_none() && !levels.is_empty() {
            self.state.position.move_levels(levels);
        }
        let levels = *levels;
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
                let request = Box::new(EntryRequest { direction, size, levels, reason, note: wish.note });
                match self.state.risk.check(request, self.state.standing) {
                    Ok(approved) => {
                        reverse_note = held.map(|_| approved.get().note.clone());
                        self.state.executor.queue_entry(approved);
                    }
                    Err(veto) => self.recorder.on_veto(row, direction, veto),
                }
            }
        }
        self.decide_exit(held, exit_note, reverse_note);
        let (entry, exit) = self.state.executor.pending();
        if entry.is_some() || exit.is_some() {
            self.recorder.on_queued(row, entry, exit);
        }
    }

    fn decide_exit(
        &mut self,
        held: Option<(Direction, usize)>,
        exit_note: Option<Arc<str>>,
        reverse_note: Option<Arc<str>>,
    ) {
        let Some((_, candles_held)) = held else { return };
        let silent = Arc::<str>::default;
        let limit = self.settings.rules.max_holding_candles as usize;
        let exit = if self.state.risk.is_halted() {
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
            self.state.executor.queue_exit(self.state.risk.approve_exit(ExitRequest { reason, note }));
        }
    }
}

/// How far ahead a strategy is asked while a level may be reached before: so many rows it may be asked about again.
pub const GUARDED_ROWS: usize = 64;

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
    let close = candles.close.as_slice();
    let mut engine = Engine::new(settings.clone(), data.clone(), rows.start, strategy, recorder);
    // Whoever is told of each close may look at the position then.
    let heeds_peak = !engine.recorder.skims() || engine.strategy.heeds_peak();
    let mut pending = engine.has_pending();
    // Closes before it are foreseen: the strategy has passed over them.
    let mut foreseen = rows.start;
    let mut row = rows.start;
    while row < rows.end {
        let mut changed = pending;
        if pending {
            engine.state.opened = Some((row, candles.open[row]));
            let due = engine.on_open();
            drive(&mut engine, venue, row, due)?;
            pending = engine.has_pending();
        }
        if row < foreseen && engine.recorder.skims() {
            row = engine.skim(venue, row..foreseen, heeds_peak);
            if row == foreseen {
                continue;
            }
        }
        if let Some((direction, protection)) = engine.walked(heeds_peak)
            && let Some((hit, ambiguous)) = venue.walk(row, direction, protection)
        {
            let due = engine.on_hit(hit, ambiguous);
            drive(&mut engine, venue, row, due)?;
            pending = engine.has_pending();
            changed = true;
        }
        if changed {
            foreseen = if pending { row } else { engine.foresee(row..rows.end - 1) };
        }
        if row < foreseen {
            engine.on_quiet_close(row, close[row]);
            row += 1;
            continue;
        }
        if engine.on_close(row, close[row], row + 1 == rows.end)? {
            pending = engine.has_pending();
        }
        engine.recorder.on_decided(row, &engine.state);
        row += 1;
        if !pending {
            foreseen = engine.foresee(row..rows.end - 1);
        }
    }
    if engine.position().position().is_some() {
        let row = rows.end - 1;
        let due = engine.on_end(row);
        drive(&mut engine, venue, row, due)?;
        let equity = engine.position().equity(candles.close[row]);
        engine.recorder_mut().on_end(equity);
    }
    Ok(())
}

/// Has what fills in `rows` will ask for brought from memory: in order, so that it is on its way before it is asked for,
/// as what is read at single rows only is not.
#[inline(always)]
fn fetch(candles: &Candles, rows: Range<usize>) {
    /// Values in one line of memory.
    const LINE: usize = 8;
    let rows = rows.start..rows.end.min(candles.len());
    let lines = candles.open[rows.clone()].iter().zip(&candles.open_time[rows]).step_by(LINE);
    black_box(lines.fold(0, |all, (open, time)| all ^ open.to_bits() as i64 ^ time));
}

/// Has an order executed, and what comes of it.
#[inline(never)]
fn drive<S: Strategy, V: Venue, R: Recorder>(
    engine: &mut Engine<S, R>,
    venue: &mut V,
    row: usize,
    mut due: Option<Order>,
) -> Result<(), StrategyFault> {
    let time = engine.data.candles().open_time[row];
    while let Some(order) = &due {
        let fill = venue.execute(order, time);
        due = if engine.on_fill(row, &fill)? { engine.on_open() } else { None };
    }
    Ok(())
}
