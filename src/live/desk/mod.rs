//! The desk: the engine and its orders on an exchange, as one pure state machine. What it is told and what it
//! answers are [`Record`]s; the same records give the same answers, in a trader, after a restart, and in a replay.
//!
//! It does not react to each event with an action of its own. After everything it is told it compares what is
//! with what should be ([`Desk::settle`]), and asks for the next step. So it does not matter in which order events and
//! answers come, whether they come twice, or whether the process was killed between two steps.
//!
//! Invariants: an order is asked for once, by an id of its own; while an order is in doubt nothing else is
//! ordered; a position is never left without protection because of something that failed.

pub(super) mod ears;
mod orders;
mod protect;

pub use orders::{Cancel as Cancelling, Phase, Role, Working, apply};

use super::record::{
    Answered, ClosedTrade, Decision, LiveConfig, News, Record, RefusedAs, Request, ScriptText, Session,
};
use crate::engine::{
    Command, DataHandler, Engine, EngineState, Event, Growth, Hit, Intents, Moment, Order, Settings,
    Strategy, StrategyFault,
};
use crate::model::money::decimal;
use crate::model::{Candle, ExitReason, Fill, FillReason, Interval, Refusal, Side, Trade, iso};
use ears::Ears;
use orders::{ANSWER_WITHIN, Cancel, pause};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Where protective levels are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProtectionMode {
    /// Orders that rest on the exchange.
    #[default]
    Exchange,
    /// Prices are watched here.
    Local,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeskSettings {
    pub bot: String,
    pub protection: ProtectionMode,
    /// After this long, an order that the exchange does not know has never arrived. Longer than a request may
    /// take to be carried out.
    pub absent_after_ms: i64,
}

/// How long placing a protection may fail before the position is left at the market.
const PROTECT_WITHIN_MS: i64 = 2_000;
/// How long after the price passed a resting level its order is asked for, and given up.
const OVERDUE_ASK_MS: i64 = 1_000;
const OVERDUE_LEAVE_MS: i64 = 3_000;
/// Time of the market between two moves of a resting order.
const MOVE_PAUSE_MS: i64 = 1_000;
/// Candles in which a new script may still be rolled back.
const PROBATION: usize = 10;

/// An exit that is wanted, until everything is sold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Leaving {
    reason: ExitReason,
    /// Price at which it was decided.
    price: f64,
    /// The exchange's rules do not allow it: tried again at the next open.
    stuck: bool,
}

/// A price lies beyond a level that rests on the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Overdue {
    /// By the wall clock.
    since: i64,
    hit: Hit,
    asked: bool,
    /// The price has come back since: its order is asked for, and nothing is done by it.
    #[serde(default)]
    returned: bool,
}

/// When to try again, and how often it failed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
struct Retry {
    since: i64,
    next: i64,
    count: u32,
}

/// What lives from one record to the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeskState {
    pub engine: EngineState,
    /// Orders that are not over, and those that sold a part of the open position.
    pub orders: Vec<Working>,
    pub generation: u64,
    pub paused: bool,
    pub stopping: bool,
    /// The script in force failed and is not asked any more.
    pub stopped: Option<String>,
    /// Trades closed so far.
    pub trades: u64,
    /// Candles of the session so far.
    pub candles: u64,
    pub last_price: Option<f64>,
    /// Something was decided and waits for the first price of the next candle.
    pub is_due: bool,
    sequence: u64,
    requests: u64,
    /// Latest times that were seen, of the wall and of the market.
    wall: i64,
    clock: i64,
    opened: Option<f64>,
    leaving: Option<Leaving>,
    entry_orders: Vec<String>,
    retry: Option<Retry>,
    overdue: Option<Overdue>,
    /// When a resting order was last moved, by the market's clock.
    moved: i64,
    /// What rests is not what should, and the next price may change that.
    behind: bool,
    /// No protection can rest for this position, so prices are watched.
    watching: bool,
    /// What is due is carried out at the next price, open or not.
    is_late: bool,
    /// What is held is to be sold, because the trader ends.
    flatten: bool,
    /// What is left of the position is too little for the exchange.
    rest_is_dust: bool,
}

/// A script that may come back.
struct Previous<S> {
    strategy: S,
    data: DataHandler,
    growth: Growth,
    generation: u64,
    left: usize,
}

/// Lets a script that failed rest.
struct Seat<S> {
    strategy: S,
    rests: bool,
}

impl<S: Strategy> Strategy for Seat<S> {
    fn on_candle(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        asked: &mut Intents,
    ) -> Result<(), StrategyFault> {
        if self.rests { Ok(()) } else { self.strategy.on_candle(data, moment, asked) }
    }

    fn on_fill(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        fill: &Fill,
        asked: &mut Intents,
    ) -> Result<(), StrategyFault> {
        self.strategy.on_fill(data, moment, fill, asked)
    }

    fn on_exit(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        trade: &Trade,
        asked: &mut Intents,
    ) -> Result<(), StrategyFault> {
        self.strategy.on_exit(data, moment, trade, asked)
    }

    fn has_fill_handlers(&self) -> bool {
        !self.rests && self.strategy.has_fill_handlers()
    }

    fn release(&mut self) {
        self.strategy.release();
    }
}

pub struct Desk<S> {
    engine: Engine<Seat<S>, Ears>,
    growth: Growth,
    settings: DeskSettings,
    /// Length of a candle, in ms.
    interval: Option<i64>,
    state: DeskState,
    previous: Option<Previous<S>>,
    out: Vec<Record>,
}

impl<S: Strategy> Desk<S> {
    /// `data` and `growth` hold the candles before the session.
    pub fn new(session: &Session, strategy: S, data: DataHandler, growth: Growth) -> Desk<S> {
        let first = data.candles().len();
        let last = data.candles().close_time.last().copied();
        let seat = Seat { strategy, rests: false };
        let engine = Engine::new(session.settings.clone(), data, first, seat, Ears::default());
        let state = DeskState {
            engine: engine.state().clone(),
            orders: Vec::new(),
            generation: session.script.generation,
            paused: false,
            stopping: false,
            stopped: None,
            trades: 0,
            candles: 0,
            last_price: None,
            is_due: false,
            sequence: 0,
            requests: 0,
            wall: 0,
            clock: last.unwrap_or(0),
            opened: None,
            leaving: None,
            entry_orders: Vec::new(),
            retry: None,
            overdue: None,
            moved: 0,
            behind: false,
            watching: false,
            is_late: false,
            flatten: false,
            rest_is_dust: false,
        };
        let settings = session.desk.clone();
        let interval = session.interval.parse().ok().map(Interval::ms);
        Desk { engine, growth, settings, interval, state, previous: None, out: Vec::new() }
    }

    /// What it would have to be told to go on from here, besides the candles.
    pub fn state(&self) -> DeskState {
        DeskState { engine: self.engine.state().clone(), ..self.state.clone() }
    }

    /// Goes on from `state`; the candles are those it had.
    pub fn restore(&mut self, state: DeskState) {
        self.engine.restore(state.engine.clone());
        self.engine.strategy_mut().rests = state.stopped.is_some();
        self.state = state;
    }

    pub fn settings(&self) -> &Settings {
        self.engine.settings()
    }

    pub fn data(&self) -> &DataHandler {
        self.engine.data()
    }

    pub fn strategy(&self) -> &S {
        &self.engine.strategy().strategy
    }

    pub fn strategy_mut(&mut self) -> &mut S {
        &mut self.engine.strategy_mut().strategy
    }

    pub fn view(&self) -> (&DeskState, &EngineState) {
        (&self.state, self.engine.state())
    }

    /// Whether a price would change anything.
    pub fn is_moved_by(&self, price: f64) -> bool {
        let state = &self.state;
        let waits = state.is_due || state.behind || state.overdue.is_some();
        let position = self.engine.state().position.position();
        waits
            || state.leaving.is_some_and(|leaving| leaving.stuck)
            || position.is_some_and(|position| position.protection.is_moved_by(price))
    }

    /// Nothing is under way: no request without an answer, no order in doubt, nothing due. Only the market or the
    /// script can change anything.
    pub fn is_idle(&self) -> bool {
        !self.state.is_due
            && self.state.retry.is_none()
            && self.state.leaving.is_none_or(|leaving| leaving.stuck)
            && self
                .state
                .orders
                .iter()
                .all(|order| order.is_complete() || order.is_resting() && order.cancel.is_none())
    }

    /// When to be told [`Record::Timer`], by the wall clock.
    pub fn next_timer(&self) -> Option<i64> {
        let orders = self.state.orders.iter().filter_map(|order| match &order.phase {
            Phase::Doubt { next, .. } => Some(*next),
            Phase::Ended { next } if !order.is_complete() => Some(*next),
            _ => None,
        });
        let overdue = self.state.overdue.map(|Overdue { since, asked, .. }| {
            since + if asked { OVERDUE_LEAVE_MS } else { OVERDUE_ASK_MS }
        });
        let times = orders.chain(self.state.retry.map(|retry| retry.next)).chain(overdue);
        // What was to be done before has been done, or waits for something else.
        times.filter(|time| *time > self.state.wall).min()
    }

    /// Takes what happened at the wall clock's `at`, and answers. Inputs only; [`Record::Swap`] goes to
    /// [`Desk::swap`].
    pub fn on(&mut self, at: i64, input: &Record) -> Vec<Record> {
        self.state.wall = self.state.wall.max(at);
        match input {
            Record::Candle { candle } => self.on_candle(*candle),
            Record::Price { time, price, at_open } => self.on_price(*time, *price, *at_open),
            Record::Late => self.miss(),
            Record::Answer { request, outcome, cancel } => self.on_answer(*request, outcome, cancel.as_ref()),
            Record::News(news) => self.on_news(news),
            Record::Unfound { id } => self.on_unfound(id),
            Record::Unasked { id, .. } => self.on_unasked(id),
            Record::Doubt { .. } => self.doubt(false),
            Record::Restart { .. } => self.doubt(true),
            Record::Config(config) => self.on_config(config),
            Record::Stop { flatten } => self.on_stop(*flatten),
            _ => {}
        }
        self.settle();
        std::mem::take(&mut self.out)
    }

    /// Puts another script in force, between two candles. `data` may lack the last candles.
    pub fn swap(
        &mut self,
        at: i64,
        text: &ScriptText,
        strategy: S,
        data: DataHandler,
        growth: Growth,
    ) -> Vec<Record> {
        self.state.wall = self.state.wall.max(at);
        let (data, growth) = self.caught_up(data, growth);
        let (seat, data) = self.engine.replace_strategy(Seat { strategy, rests: false }, data);
        let growth = std::mem::replace(&mut self.growth, growth);
        // One that failed is nothing to go back to.
        self.previous = (!seat.rests).then_some(Previous {
            strategy: seat.strategy,
            data,
            growth,
            generation: self.state.generation,
            left: PROBATION,
        });
        self.state.generation = text.generation;
        self.state.stopped = None;
        self.settle();
        std::mem::take(&mut self.out)
    }

    /// Whether the script in force is new, and may still be rolled back.
    pub fn is_on_trial(&self) -> bool {
        self.previous.is_some()
    }

    fn caught_up(&self, mut data: DataHandler, mut growth: Growth) -> (DataHandler, Growth) {
        let candles = self.engine.data().candles();
        for row in data.candles().len()..candles.len() {
            growth.push(&mut data, candles.get(row));
        }
        (data, growth)
    }

    /// The candle that is running: the row after the closed ones.
    fn row(&self) -> usize {
        self.engine.data().candles().len()
    }

    /// When the candle opened that is running at `time`, of the market.
    fn running_open_time(&self, time: i64) -> i64 {
        let candles = self.engine.data().candles();
        let (Some(open), Some(close)) = (candles.open_time.last(), candles.close_time.last()) else {
            return 0;
        };
        let length = self.interval.unwrap_or(close - open + 1).max(1);
        // Candles may be missing, and one before a halt may be short.
        open + (time.saturating_sub(*open) / length).max(1) * length
    }

    fn has_position(&self) -> bool {
        self.engine.state().position.position().is_some()
    }

    fn alarm(&mut self, text: impl Into<String>) {
        self.out.push(Record::Alarm { text: text.into() });
    }

    fn on_candle(&mut self, candle: Candle) {
        let next = self.engine.data().candles().close_time.last().map_or(0, |close| close + 1);
        if self.row() > 0 && candle.open_time < next {
            return self
                .alarm(format!("a candle that was there already came again: {}", iso(candle.open_time)));
        }
        if self.row() > 0 && candle.open_time > next.max(self.running_open_time(next)) {
            self.alarm(format!("candles are missing from {} to {}", iso(next), iso(candle.open_time)));
        }
        if self.state.is_due {
            self.miss();
        }
        if let Some(previous) = &mut self.previous {
            previous.strategy.release();
            previous.growth.push(&mut previous.data, candle);
        }
        self.growth.push(self.engine.data_mut(), candle);
        self.state.clock = self.state.clock.max(candle.close_time);
        self.state.last_price = Some(candle.close);
        self.state.candles += 1;
        let row = self.row() - 1;
        if let Err(fault) = self.engine.on_event(Event::Closed { row, last: false }).map(|_| ()) {
            self.on_fault(row, &fault);
        }
        self.leave_probation();
        self.decided(row);
        self.state.is_due = self.engine.has_pending();
        self.state.is_late = false;
    }

    fn leave_probation(&mut self) {
        if let Some(previous) = &mut self.previous {
            previous.left = previous.left.saturating_sub(1);
            if previous.left == 0 {
                self.previous = None;
            }
        }
    }

    /// The script failed at this close: the one before it decides in its place, or none.
    fn on_fault(&mut self, row: usize, fault: &StrategyFault) {
        if self.roll_back(fault) {
            match self.engine.on_event(Event::Asked { row }) {
                Ok(_) => return,
                Err(fault) => self.stop_script(&fault),
            }
        } else {
            self.stop_script(fault);
        }
        // Cannot fail: nobody is asked.
        let _ = self.engine.on_event(Event::Unanswered { row });
    }

    /// Puts the script before the one in force in its place, if it still may come back.
    fn roll_back(&mut self, fault: &StrategyFault) -> bool {
        let Some(previous) = self.previous.take() else { return false };
        let seat = Seat { strategy: previous.strategy, rests: false };
        self.engine.replace_strategy(seat, previous.data);
        self.growth = previous.growth;
        let (generation, StrategyFault { message, line }) = (self.state.generation, fault.clone());
        self.state.generation = previous.generation;
        self.out.push(Record::Script { generation, rolled_back: true, message, line });
        true
    }

    /// Something is still to be done about what is held or ordered, whatever the market does.
    pub fn is_unsettled(&self) -> bool {
        let flattens = self.state.flatten && self.has_position();
        self.state.retry.is_some()
            || self.state.leaving.is_some_and(|it| !it.stuck)
            || self.state.behind
            || flattens
    }

    fn stop_script(&mut self, fault: &StrategyFault) {
        let (generation, StrategyFault { message, line }) = (self.state.generation, fault.clone());
        self.out.push(Record::Script { generation, rolled_back: false, message, line });
        self.engine.strategy_mut().rests = true;
        self.state.stopped = Some(fault.line.clone());
    }

    fn decided(&mut self, row: usize) {
        let (generation, is_stopped) = (self.state.generation, self.state.stopped.is_some());
        let ears = std::mem::take(self.engine.recorder_mut());
        let decision = ears.decision(self.engine.data(), row, self.engine.state());
        let decision = Decision { generation, asked: decision.asked && !is_stopped, ..decision };
        self.out.push(Record::Decision(Box::new(decision)));
    }

    fn on_price(&mut self, time: i64, price: f64, at_open: bool) {
        self.state.clock = self.state.clock.max(time);
        self.state.last_price = Some(price);
        let row = self.row();
        if at_open {
            self.state.opened = Some(price);
            // A new candle: its moves do not wait for the last one's.
            self.state.moved = i64::MIN;
            if let Some(leaving) = &mut self.state.leaving {
                leaving.stuck = false;
            }
        }
        if self.state.is_due && (at_open || self.state.is_late) {
            if self.state.orders.iter().any(|order| order.role == Role::Entry) {
                // The one before is in doubt: nothing else is ordered.
                self.miss();
            }
            self.state.is_due = false;
            self.state.is_late = false;
            self.engine_event(Event::Opened { row, price });
        }
        if self.state.leaving.is_none() {
            self.see(price, at_open);
        }
    }

    /// Shows a price to the levels of the position.
    fn see(&mut self, price: f64, at_open: bool) {
        let Some((_, protection)) = self.engine.protection_mut() else { return };
        let Some(hit) = protection.on_price(price, at_open) else {
            if let Some(overdue) = &mut self.state.overdue {
                // One trade beyond it was enough for an order to act.
                overdue.returned = true;
            }
            return;
        };
        if self.state.orders.iter().any(|order| !order.is_ended() && order.is_met_by(price)) {
            // The exchange sells. Should it not, see `leave_when_overdue`.
            let since = self.state.wall;
            let fresh = Overdue { since, hit, asked: false, returned: false };
            let before = self.state.overdue.filter(|before| !before.returned);
            self.state.overdue = Some(before.unwrap_or(fresh));
        } else {
            let row = self.row();
            self.engine_event(Event::Reached { row, hit, ambiguous: false });
        }
    }

    /// Hands an event to the engine and takes up what it asks for.
    fn engine_event(&mut self, event: Event) {
        match self.engine.on_event(event) {
            Ok(Some(Command::Place(order))) => self.order(&order),
            Ok(None) => {}
            // Only `on_fill` and `on_exit` of the script can fail here; what they were told of is booked.
            Err(fault) if !self.roll_back(&fault) => self.stop_script(&fault),
            Err(_) => {}
        }
        let ears = std::mem::take(self.engine.recorder_mut());
        if let Some(refusal) = ears.refusal {
            self.held(refusal, String::new());
        }
        if let Some(trade) = ears.trade {
            self.closed(trade);
        }
    }

    fn held(&mut self, refusal: Refusal, why: String) {
        let candle = self.engine.data().candles().open_time.last().copied().unwrap_or(0);
        self.out.push(Record::Held { candle, refusal, why });
    }

    fn order(&mut self, order: &Order) {
        match order.reason {
            FillReason::Entry(_) => {
                let Ok(quantity) = decimal(order.quantity) else { return };
                let id = self.next_id();
                self.state.entry_orders = vec![id.clone()];
                let request = Request::Market { id: id.clone(), side: order.side, quantity };
                let working = self.working(id, Role::Entry, order.reason, quantity, None, order.price);
                self.send(request, vec![working]);
            }
            FillReason::Exit(reason) => {
                // What was decided first is under way.
                self.state.leaving.get_or_insert(Leaving { reason, price: order.price, stuck: false });
                self.state.retry = None;
            }
        }
    }

    fn working(
        &self,
        id: String,
        role: Role,
        reason: FillReason,
        quantity: Decimal,
        level: Option<Decimal>,
        expected: f64,
    ) -> Working {
        Working {
            id,
            role,
            reason,
            list: None,
            quantity,
            level,
            expected,
            order_id: None,
            phase: Phase::Sent { request: 0 },
            cancel: None,
            executed: Decimal::ZERO,
            executions: Vec::new(),
        }
    }

    /// An id that no other order of this bot has: by the candle and a count.
    fn next_id(&mut self) -> String {
        self.state.sequence += 1;
        let time = u64::try_from(self.running_open_time(self.state.clock) / 1000).unwrap_or(0);
        format!("{}-{}-{}", self.settings.bot, base36(time), base36(self.state.sequence))
    }

    fn send(&mut self, request: Request, orders: Vec<Working>) -> u64 {
        self.state.requests += 1;
        let number = self.state.requests;
        let sent =
            orders.into_iter().map(|order| Working { phase: Phase::Sent { request: number }, ..order });
        self.state.orders.extend(sent);
        self.out.push(Record::Request { number, request });
        number
    }

    fn ask(&mut self, request: Request) {
        self.state.requests += 1;
        self.out.push(Record::Request { number: self.state.requests, request });
    }

    fn on_news(&mut self, news: &News) {
        orders::apply(&mut self.state.orders, news, self.state.wall);
    }

    /// `cancel`: what became of the cancel, where that is said apart.
    fn on_answer(&mut self, request: u64, outcome: &Answered, cancel: Option<&Answered>) {
        let sent = |order: &Working| order.phase == Phase::Sent { request };
        let protects = self.state.orders.iter().any(|order| sent(order) && order.role.protects());
        self.on_cancelled(request, cancel.unwrap_or(outcome));
        let wall = self.state.wall;
        match outcome {
            Answered::Accepted(news) => {
                self.on_news(news);
                // What the answer did not tell of has to be asked for.
                self.state.orders.iter_mut().filter(|order| sent(order)).for_each(|order| order.doubt(wall));
                if protects {
                    self.state.retry = None;
                }
            }
            Answered::Unknown { .. } => {
                self.state.orders.iter_mut().filter(|order| sent(order)).for_each(|order| order.doubt(wall));
            }
            Answered::Refused { kind, message } => {
                let (refused, mut kept): (Vec<Working>, Vec<Working>) =
                    std::mem::take(&mut self.state.orders)
                        .into_iter()
                        .partition(|order| sent(order) && order.executed.is_zero());
                // Refused, and executed all the same?
                kept.iter_mut().filter(|order| sent(order)).for_each(|order| order.doubt(wall));
                self.state.orders = kept;
                if let Some(order) = refused.first() {
                    self.on_refused(order, *kind, message);
                }
            }
        }
    }

    fn on_cancelled(&mut self, request: u64, outcome: &Answered) {
        let wall = self.state.wall;
        if let Answered::Accepted(news) = outcome {
            self.on_news(news);
        }
        let refused = match outcome {
            Answered::Refused { kind, .. } => Some(*kind),
            _ => None,
        };
        let mut later = false;
        if !matches!(outcome, Answered::Accepted(_)) {
            self.state.moved = i64::MIN;
        }
        for order in &mut self.state.orders {
            if order.cancel.as_ref().is_some_and(|cancel| cancel.request == request) {
                order.cancel = None;
                match refused {
                    // Nothing was cancelled, and nothing else is known to have happened.
                    Some(RefusedAs::NotNow | RefusedAs::Key | RefusedAs::Never) => later = true,
                    // It was filled, or is gone; or it is not known.
                    _ => order.doubt(wall),
                }
            }
        }
        if later {
            self.later();
        }
    }

    /// Tries again what failed, after a pause that grows.
    fn later(&mut self) {
        let retry = self.state.retry.get_or_insert(Retry { since: self.state.wall, ..Retry::default() });
        retry.next = self.state.wall + pause(retry.count);
        retry.count += 1;
        self.state.moved = i64::MIN;
    }

    /// An order was not placed, and will not be.
    fn on_refused(&mut self, order: &Working, kind: RefusedAs, message: &str) {
        match order.role {
            Role::Entry => {
                self.engine_event_quietly(Event::Failed { row: self.row(), refusal: Refusal::NotFilled });
                self.held(Refusal::NotFilled, message.to_owned());
            }
            Role::Exit if kind == RefusedAs::Never => self.on_unsellable(message),
            Role::Exit => {
                if self.state.retry.is_none() {
                    self.alarm(format!("the position could not be sold, which is tried again: {message}"));
                }
                self.later();
            }
            Role::Stop | Role::Target => self.on_unprotected(order, kind, message),
        }
    }

    fn engine_event_quietly(&mut self, event: Event) {
        // What it says is told in other words by the caller.
        let _ = self.engine.on_event(event);
        *self.engine.recorder_mut() = Ears::default();
    }

    /// The exchange's rules do not let what is left be sold.
    fn on_unsellable(&mut self, message: &str) {
        if !self.sold().is_zero() && self.is_little(self.sellable()) {
            self.state.rest_is_dust = true;
            return;
        }
        self.alarm(format!(
            "the position cannot be sold now, which is tried again at the next open: {message}"
        ));
        if let Some(leaving) = &mut self.state.leaving {
            leaving.stuck = true;
        }
    }

    /// Whether the exchange takes no order as small as this.
    fn is_little(&self, quantity: Decimal) -> bool {
        let Some(instrument) = &self.engine.settings().instrument else { return false };
        let price = self.state.last_price.and_then(|price| decimal(price).ok()).unwrap_or_default();
        let worth = quantity.checked_mul(price).unwrap_or(Decimal::MAX);
        // What it is worth is judged by an average that is not known here.
        quantity < instrument.min_qty || worth < instrument.min_notional * Decimal::TWO
    }

    fn on_unfound(&mut self, id: &str) {
        let (wall, absent_after) = (self.state.wall, self.settings.absent_after_ms);
        let Some(index) = self.state.orders.iter().position(|order| order.id == id) else { return };
        let list = self.state.orders[index].list.clone();
        // A list is there or is not: one order that is known is enough.
        let listed = |other: &Working| list.is_some() && other.list == list;
        let exists = |other: &Working| (other.id == id || listed(other)) && other.order_id.is_some();
        let exists = self.state.orders.iter().any(exists);
        let order = &mut self.state.orders[index];
        let Phase::Doubt { since, next, asks } = &mut order.phase else { return };
        // What counts is when it was asked.
        let asked_at = (*next - ANSWER_WITHIN).min(wall);
        if asked_at - *since < absent_after || (exists && order.order_id.is_none()) {
            *asks += 1;
            *next = wall + pause(*asks);
            if wall < *since + absent_after {
                // When it can be certain, and no later.
                *next = (*next).min(*since + absent_after);
            }
        } else if exists {
            order.phase = Phase::Ended { next: wall };
            order.executed = order.known();
            self.alarm(format!("the exchange does not know order {id} any more, which it did know"));
        } else {
            let order = self.state.orders.remove(index);
            self.state.orders.retain(|other| !listed(other));
            self.on_refused(&order, RefusedAs::NotNow, "it never arrived");
        }
    }

    fn on_unasked(&mut self, id: &str) {
        let wall = self.state.wall;
        let Some(order) = self.state.orders.iter_mut().find(|order| order.id == id) else { return };
        match &mut order.phase {
            Phase::Doubt { next, asks, .. } => {
                *asks += 1;
                *next = wall + pause(*asks);
            }
            Phase::Ended { next } => *next = wall + pause(4),
            _ => {}
        }
    }

    /// Everything that is open has to be asked for. After a restart, so has what was on its way.
    fn doubt(&mut self, restarted: bool) {
        let wall = self.state.wall;
        for order in &mut self.state.orders {
            match &mut order.phase {
                Phase::Open => order.doubt(wall),
                Phase::Sent { .. } | Phase::Doubt { .. } if restarted => order.doubt(wall),
                Phase::Ended { next } => *next = wall,
                _ => {}
            }
        }
        if restarted {
            // Not kept over a restart, whatever it goes on from.
            self.previous = None;
            self.state.retry = None;
            self.state.overdue = None;
            self.state.moved = i64::MIN;
            self.state.stopping = false;
            self.state.flatten = false;
            self.engine.set_paused(self.state.paused);
        }
    }

    fn miss(&mut self) {
        let row = self.row();
        // An exit stays due.
        self.engine_event(Event::Missed { row });
        self.state.is_due = self.engine.has_pending();
        self.state.is_late = self.state.is_due;
    }

    fn on_config(&mut self, config: &LiveConfig) {
        self.engine.set(config.settings.clone());
        if config.paused && !self.state.paused && self.state.is_due {
            self.miss();
        }
        self.state.paused = config.paused;
        self.engine.set_paused(config.paused || self.state.stopping);
    }

    fn on_stop(&mut self, flatten: bool) {
        self.state.stopping = true;
        self.engine.set_paused(true);
        if self.state.is_due {
            self.miss();
        }
        self.state.flatten |= flatten;
    }

    /// Sells what is held, because the trader ends.
    fn flatten(&mut self) {
        let price = self.state.last_price.unwrap_or_default();
        self.engine.ask_exit(ExitReason::Signal, Arc::from("flatten"));
        self.state.is_due = false;
        let row = self.row();
        self.engine_event(Event::Opened { row, price });
    }

    /// Compares what is with what should be, and asks for the next step.
    fn settle(&mut self) {
        self.finish_entry();
        self.finish_exits();
        self.ask_what_is_open();
        self.advance();
    }

    fn ask_what_is_open(&mut self) {
        let wall = self.state.wall;
        let mut questions = Vec::new();
        for order in &mut self.state.orders {
            let complete = order.is_complete();
            match &mut order.phase {
                Phase::Doubt { next, .. } if *next <= wall => {
                    *next = wall + ANSWER_WITHIN;
                    questions.push(Request::AskOrder { id: order.id.clone() });
                }
                Phase::Ended { next } if !complete && *next <= wall => {
                    *next = wall + ANSWER_WITHIN;
                    if let Some(order_id) = order.order_id {
                        questions.push(Request::AskTrades { id: order.id.clone(), order_id });
                    }
                }
                _ => {}
            }
        }
        questions.into_iter().for_each(|question| self.ask(question));
    }

    fn finish_entry(&mut self) {
        let done = |order: &Working| order.role == Role::Entry && order.is_complete();
        let Some(index) = self.state.orders.iter().position(done) else { return };
        let order = self.state.orders.remove(index);
        let row = self.row();
        let Some(sum) = orders::sum(order.executions.iter()) else {
            self.engine_event_quietly(Event::Failed { row, refusal: Refusal::NotFilled });
            return self.held(Refusal::NotFilled, "nothing was executed".to_owned());
        };
        let fill = self.fill(&sum, Side::Buy, order.reason, order.expected);
        self.engine_event(Event::Filled { row, fill });
        if let Some(position) = self.engine.state().position.position() {
            let (direction, quantity, price) = (position.direction, position.quantity, position.entry_price);
            let orders = self.state.entry_orders.clone();
            self.out.push(Record::Entered { direction, quantity, price, orders });
            self.state.moved = i64::MIN;
            if let Some(opened) = self.state.opened {
                self.see(opened, true);
            }
        }
    }

    fn fill(&self, sum: &orders::Sum, side: Side, reason: FillReason, expected: f64) -> Fill {
        Fill {
            time: self.running_open_time(sum.time),
            side,
            quantity: sum.quantity,
            price: sum.price,
            commission: sum.commission,
            base_commission: sum.base_commission,
            slippage: sum.quantity * (sum.price - expected).abs(),
            reason,
        }
    }

    /// Base currency of the position that is sold already, by orders that are over.
    fn sold(&self) -> Decimal {
        let sells = self.state.orders.iter().filter(|order| order.role != Role::Entry);
        sells.map(Working::known).sum()
    }

    /// What can still be sold of the position, in whole steps.
    fn sellable(&self) -> Decimal {
        let Some(position) = self.engine.state().position.position() else { return Decimal::ZERO };
        let left = decimal(position.quantity).unwrap_or_default() - self.sold();
        let left = self.engine.state().executor.sellable(left.to_f64().unwrap_or_default());
        decimal(left).unwrap_or_default()
    }

    fn finish_exits(&mut self) {
        // Over, and nothing came of it.
        let nothing =
            |order: &Working| order.role == Role::Exit && order.is_complete() && order.executions.is_empty();
        if self.has_position() && self.state.orders.iter().any(nothing) {
            self.later();
        }
        self.state.orders.retain(|order| {
            order.role == Role::Entry || !order.is_complete() || !order.executions.is_empty()
        });
        let sold = |order: &&Working| order.role != Role::Entry && order.is_complete();
        if !self.has_position() {
            let before = self.state.orders.len();
            self.state.orders.retain(|order| !sold(&order));
            if self.state.orders.len() < before {
                self.alarm("an order sold what was not held");
            }
            return;
        }
        let Some(last) = self.state.orders.iter().rfind(sold) else { return };
        let (role, reason, expected) = (last.role, last.exit_reason(), last.expected);
        if !self.sellable().is_zero() && !self.state.rest_is_dust {
            // A part was sold, and the order is over: the rest goes at the market.
            if self.state.leaving.is_none() && !self.is_under_way() {
                self.state.leaving = Some(Leaving { reason, price: expected, stuck: false });
            }
            return;
        }
        if self.state.orders.iter().any(|order| order.role == Role::Exit && !order.is_complete()) {
            return;
        }
        // A price decided it, or a decision did that a level came before.
        let (reason, expected) = match (self.state.leaving, self.state.overdue) {
            (Some(leaving), _) if role == Role::Exit => (leaving.reason, expected),
            (_, Some(Overdue { hit, .. }))
                if role == (if hit.reason == ExitReason::TakeProfit { Role::Target } else { Role::Stop }) =>
            {
                (hit.reason, hit.price)
            }
            _ => (reason, expected),
        };
        let executions = self.state.orders.iter().filter(sold).flat_map(|order| order.executions.iter());
        let Some(sum) = orders::sum(executions) else { return };
        let fill = self.fill(&sum, Side::Sell, FillReason::Exit(reason), expected);
        let exits = self.state.orders.iter().filter(sold).map(|order| order.id.clone()).collect();
        self.state.orders.retain(|order| order.role == Role::Entry || !order.is_complete());
        self.state.leaving = None;
        self.state.retry = None;
        self.state.overdue = None;
        self.state.watching = false;
        self.state.behind = false;
        self.state.rest_is_dust = false;
        let row = self.row();
        let at = sum.time;
        self.engine_event(Event::Filled { row, fill });
        if let Some(Record::Trade(trade)) =
            self.out.iter_mut().rev().find(|it| matches!(it, Record::Trade(_)))
        {
            trade.exit_orders = exits;
            trade.exit_at = at;
        }
    }

    fn closed(&mut self, trade: Trade) {
        self.state.trades += 1;
        let trade = ClosedTrade {
            number: self.state.trades,
            trade,
            entry_orders: std::mem::take(&mut self.state.entry_orders),
            exit_orders: Vec::new(),
            generation: self.state.generation,
            exit_at: self.state.clock,
        };
        self.out.push(Record::Trade(Box::new(trade)));
    }

    /// Whether an order or a cancel is on its way or in doubt, or an order is at the market.
    fn is_under_way(&self) -> bool {
        self.state.orders.iter().any(|order| {
            order.cancel.is_some()
                || matches!(order.phase, Phase::Sent { .. } | Phase::Doubt { .. })
                || (order.is_ended() && !order.is_complete())
                || (!order.role.protects() && !order.is_ended())
        })
    }

    fn advance(&mut self) {
        self.leave_when_overdue();
        if self.is_under_way() || self.state.retry.is_some_and(|retry| retry.next > self.state.wall) {
            return;
        }
        if !self.has_position() {
            if let Some(order) = self.state.orders.iter().find(|order| order.role.protects()) {
                // Nothing is left to protect.
                let id = order.id.clone();
                return self.cancel(&id);
            }
            self.state.retry = None;
            return;
        }
        if self.state.flatten && self.state.leaving.is_none() {
            self.flatten();
        }
        match self.state.leaving {
            Some(leaving) if leaving.stuck => self.state.retry = None,
            Some(leaving) => self.leave(leaving),
            None => self.protect(),
        }
    }

    fn leave_when_overdue(&mut self) {
        let Some(Overdue { since, hit, asked, returned }) = self.state.overdue else { return };
        if self.state.leaving.is_some() || !self.has_position() {
            return;
        }
        let (wall, row) = (self.state.wall, self.row());
        let rests = self.state.orders.iter().any(|order| order.role.protects() && !order.is_ended());
        if returned && (asked || !rests) {
            self.state.overdue = None;
        } else if !returned && (wall - since >= OVERDUE_LEAVE_MS || (!rests && !self.is_under_way())) {
            self.state.overdue = None;
            if rests {
                self.alarm("a protective order on the exchange did not act though its level was passed: leaving at the market");
            }
            self.engine_event(Event::Reached { row, hit, ambiguous: false });
        } else if wall - since >= OVERDUE_ASK_MS && !asked {
            self.state.overdue = Some(Overdue { since, hit, asked: true, returned });
            let resting = self.state.orders.iter_mut().filter(|order| order.role.protects());
            resting.filter(|order| order.is_resting()).for_each(|order| order.doubt(wall));
            self.ask_what_is_open();
        }
    }

    fn leave(&mut self, leaving: Leaving) {
        if let Some(order) = self.state.orders.iter().find(|order| order.role.protects() && !order.is_ended())
        {
            let id = order.id.clone();
            return self.cancel(&id);
        }
        let quantity = self.sellable();
        if quantity.is_zero() {
            self.state.leaving = None;
            return self.alarm("what is held is less than can be sold");
        }
        let id = self.next_id();
        let reason = FillReason::Exit(leaving.reason);
        let working = self.working(id.clone(), Role::Exit, reason, quantity, None, leaving.price);
        self.send(Request::Market { id, side: Side::Sell, quantity }, vec![working]);
    }

    /// Cancels an order, and with it the list it belongs to.
    fn cancel(&mut self, id: &str) {
        let list = self.state.orders.iter().find(|order| order.id == id).and_then(|order| order.list.clone());
        let request = match &list {
            Some(list) => Request::CancelList { list: list.clone() },
            None => Request::Cancel { id: id.to_owned() },
        };
        let number = self.send(request, Vec::new());
        for order in &mut self.state.orders {
            let listed = list.is_some() && order.list == list;
            if (order.id == id || listed) && !order.is_ended() {
                order.cancel = Some(Cancel { request: number });
            }
        }
    }
}

fn base36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.push(char::from_digit((number % 36) as u32, 36).unwrap_or('0'));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}
