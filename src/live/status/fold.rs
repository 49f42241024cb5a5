//! From records to a status. Pure; nothing is taken from a clock or a file.

use super::{
    Connection, Decided, LastTrade, Life, OrderPhase, OrderStatus, PositionStatus, Process, Protected,
    RiskStatus, Said, ScriptStatus, Seen, Status, Swapped, Trades,
};
use crate::engine::{BaseLevels, Booking, Levels, Protection, RiskManager, RiskState, Settings, Standing};
use crate::live::desk::{Cancelling, Phase, ProtectionMode, Role, Working, apply};
use crate::live::journal::Entry;
use crate::live::plain::{failure, wish};
use crate::live::record::{
    Answered, ClosedTrade, Decision, LiveConfig, News, Record, RefusedAs, Request, ScriptText, Session,
};
use crate::model::{Candle, DAY_MS, Direction, ExitReason, FillReason, Refusal, Side, Veto};
use crate::report::csv::direction_name;
use rust_decimal::Decimal;
use std::collections::VecDeque;

/// Disconnects that are counted at most.
const DISCONNECTS_MAX: usize = 10_000;

/// Takes records one after the other.
#[derive(Debug, Clone, Default)]
pub struct StatusFold {
    /// Of the last session that began; nothing is known before.
    session: Option<Box<Session>>,
    started: i64,
    restarts: u64,
    last_at: i64,
    ended: bool,
    program: String,
    script: Option<ScriptText>,
    before: Option<ScriptText>,
    stopped: Option<String>,
    settings: Option<Box<Settings>>,
    risk: Option<Box<RiskManager>>,
    standing: Standing,
    /// As the last decision or what came after it says.
    risk_state: Option<RiskState>,
    paused: bool,
    stopping: bool,
    /// Closed candles so far, those of the warm-up with them.
    rows: usize,
    candle: Option<Candle>,
    decided: Option<Decided>,
    equity: Option<f64>,
    asked_levels: Levels,
    price: Option<Seen>,
    position: Option<Open>,
    /// Orders that are not over, and those that sold a part of the position.
    orders: Vec<Working>,
    trades: Trades,
    connections: Vec<Connection>,
    disconnects: VecDeque<i64>,
    last_disconnect: Option<Said>,
    last_swap: Option<Swapped>,
    last_not_swapped: Option<Said>,
    last_config: Option<Said>,
    last_alarm: Option<Said>,
}

#[derive(Debug, Clone)]
struct Open {
    direction: Direction,
    quantity: f64,
    entry_price: f64,
    entered_at: i64,
    stop: Option<f64>,
    target: Option<f64>,
    /// No protection can rest for it.
    watched: bool,
    exit_due: bool,
}

impl StatusFold {
    pub fn new() -> StatusFold {
        StatusFold::default()
    }

    pub fn on(&mut self, entry: &Entry<Record>) {
        let at = entry.at;
        self.last_at = self.last_at.max(at);
        self.ended = false;
        match &entry.record {
            Record::Session(session) => self.on_session(at, session),
            Record::Restart { program } => self.on_restart(at, program),
            Record::Warmup { candles } => {
                self.rows += candles.len();
                self.candle = candles.last().copied().or(self.candle);
            }
            Record::Candle { candle } => {
                self.rows += 1;
                self.candle = Some(*candle);
                self.see(candle.close, at);
            }
            Record::Price { price, .. } => {
                self.see(*price, at);
                if let Some(decided) = &mut self.decided {
                    decided.due = false;
                }
            }
            Record::Decision(decision) => self.on_decision(at, decision),
            Record::Held { refusal, .. } => {
                // What is still due was not ordered: an order that came to nothing is an earlier one.
                let about = |decided: &&mut Decided| *refusal != Refusal::NotFilled || !decided.due;
                if let Some(decided) = self.decided.as_mut().filter(about) {
                    decided.held = Some(refusal.name().to_owned());
                }
            }
            Record::Late => {
                if let Some(decided) = &mut self.decided {
                    decided.due = false;
                }
            }
            Record::Request { number, request } => self.on_request(*number, request),
            Record::Answer { request, outcome, cancel } => self.on_answer(*request, outcome, cancel.as_ref()),
            Record::News(news) => self.on_news(news, at),
            Record::Unfound { id } => self.on_unfound(id),
            Record::Doubt { .. } => self.doubt(false),
            Record::Entered { direction, quantity, price, .. } => {
                self.on_entered(at, *direction, *quantity, *price);
            }
            Record::Trade(trade) => self.on_trade(trade),
            Record::Swap(script) => self.on_swap(at, script),
            Record::NotSwapped { path, message, line } => {
                let text = match line.starts_with(path.as_str()) {
                    true => line.clone(),
                    false => format!("{path}: {}", failure(line, message)),
                };
                self.last_not_swapped = Some(Said { at, text });
            }
            Record::Config(config) => self.on_config(at, config),
            Record::Stop { .. } => {
                self.stopping = true;
                self.pause();
            }
            Record::Script { rolled_back, message, line, .. } => {
                self.on_script(*rolled_back, failure(line, message));
            }
            Record::Alarm { text } => self.last_alarm = Some(Said { at, text: text.clone() }),
            Record::Connected { what, .. } => self.on_connection(at, what, true),
            Record::Disconnected { what, why } => {
                self.on_connection(at, what, false);
                self.last_disconnect = Some(Said { at, text: format!("{what}: {why}") });
                self.disconnects.push_back(at);
                while self.disconnects.len() > DISCONNECTS_MAX
                    || self.disconnects.front().is_some_and(|first| *first < at - DAY_MS)
                {
                    self.disconnects.pop_front();
                }
            }
            Record::Ended => {
                self.ended = true;
                self.connections.clear();
            }
            Record::Unasked { .. } | Record::Timer | Record::Note { .. } => {}
        }
    }

    /// A price that was seen and is in no record, as it changed nothing.
    pub fn see(&mut self, price: f64, at: i64) {
        self.price = Some(Seen { price, at });
    }

    /// What all records so far come to, at `now` of the wall clock; `pid` of the process, if one runs (0: it is not
    /// known which). `None` before a session began.
    pub fn status(&self, now: i64, pid: Option<u32>) -> Option<Status> {
        let (session, script) = (self.session.as_deref()?, self.script.as_ref()?);
        let mut status = Status {
            as_of: now,
            bot: session.bot.clone(),
            venue: session.venue.clone(),
            symbol: session.symbol.clone(),
            base_asset: session.base_asset.clone(),
            quote_asset: session.quote_asset.clone(),
            interval: session.interval.clone(),
            program: self.program.clone(),
            process: self.process(pid),
            script: ScriptStatus {
                path: script.texts.path.clone(),
                generation: script.generation,
                sha256: script.sha256.clone(),
                parameters: script
                    .parameters
                    .iter()
                    .map(|(name, it)| (name.clone(), it.to_string()))
                    .collect(),
                stopped: self.stopped.clone(),
            },
            price: self.price,
            position: self.position.as_ref().map(|open| self.position(open)),
            orders: self.orders.iter().filter(|order| !order.is_complete()).map(order_status).collect(),
            candle: self.decided.clone(),
            risk: self.risk(),
            trades: self.trades.clone(),
            equity: self.equity,
            connections: self.connections.clone(),
            disconnects_24h: self.disconnects.iter().filter(|at| **at >= now - DAY_MS).count(),
            last_disconnect: self.last_disconnect.clone(),
            last_swap: self.last_swap.clone(),
            last_not_swapped: self.last_not_swapped.clone(),
            last_config: self.last_config.clone(),
            last_alarm: self.last_alarm.clone(),
            notes: Vec::new(),
        };
        status.mark();
        Some(status)
    }

    fn process(&self, pid: Option<u32>) -> Process {
        let (state, since) = match (pid, self.ended) {
            (Some(_), _) => (Life::Running, self.started),
            (None, true) => (Life::Ended, self.last_at),
            (None, false) => (Life::Killed, self.last_at),
        };
        Process { state, pid: pid.filter(|pid| *pid != 0), since, restarts: self.restarts }
    }

    fn position(&self, open: &Open) -> PositionStatus {
        PositionStatus {
            direction: open.direction,
            quantity: open.quantity,
            entry_price: open.entry_price,
            entered_at: open.entered_at,
            stop: open.stop,
            target: open.target,
            protected: self.protected(open),
            leaving: open.exit_due || self.orders.iter().any(|order| order.role == Role::Exit),
            pnl: None,
            pnl_pct: None,
        }
    }

    fn protected(&self, open: &Open) -> Protected {
        let local = self.session.as_ref().is_some_and(|it| it.desk.protection == ProtectionMode::Local);
        if open.stop.is_none() && open.target.is_none() {
            return Protected::NoLevels;
        }
        if local || open.watched {
            return Protected::Watched;
        }
        let resting = || self.orders.iter().filter(|order| order.role.protects());
        if resting().any(|order| matches!(order.phase, Phase::Doubt { .. })) {
            Protected::InDoubt
        } else if resting().any(Working::is_resting) {
            Protected::OnExchange
        } else {
            Protected::BeingPlaced
        }
    }

    fn risk(&self) -> RiskStatus {
        let mut why: Vec<String> = Vec::new();
        if self.paused {
            why.push(Veto::Paused.name().to_owned());
        }
        if self.stopping {
            why.push("stopping".to_owned());
        }
        let others = Veto::ALL.iter().filter(|veto| **veto != Veto::Paused && self.standing.contains(**veto));
        why.extend(others.map(|veto| veto.name().to_owned()));
        RiskStatus {
            state: self.risk_state.unwrap_or(RiskState::Active),
            why,
            paused: self.paused,
            stopping: self.stopping,
        }
    }

    fn on_session(&mut self, at: i64, session: &Session) {
        *self = StatusFold {
            started: at,
            last_at: at,
            program: session.program.clone(),
            script: Some(session.script.clone()),
            risk: Some(Box::new(RiskManager::new(
                &session.settings.rules,
                &session.settings.limits,
                session.settings.initial_balance,
            ))),
            settings: Some(Box::new(session.settings.clone())),
            session: Some(Box::new(session.clone())),
            ..StatusFold::default()
        };
    }

    fn on_restart(&mut self, at: i64, program: &str) {
        self.started = at;
        self.restarts += 1;
        self.program = program.to_owned();
        self.stopping = false;
        self.connections.clear();
        self.pause();
        self.doubt(true);
    }

    /// After `paused` or `stopping` changed.
    fn pause(&mut self) {
        if let Some(risk) = &mut self.risk {
            risk.set_paused(self.paused || self.stopping);
            self.risk_state = Some(risk.state());
        }
    }

    fn on_decision(&mut self, at: i64, decision: &Decision) {
        let Some(candle) = self.candle else { return };
        self.equity = Some(decision.equity);
        if let Some(risk) = &mut self.risk {
            risk.on_close(decision.equity, candle.close_time);
            // Of the filters only what is known here: the candles' hours.
            self.standing = risk.standing(self.rows.saturating_sub(1), candle.decision_time(), || true);
        }
        self.risk_state = Some(decision.risk.unwrap_or(RiskState::Active));
        if let (Some(open), Some(quantity)) = (&mut self.position, decision.quantity) {
            open.quantity = quantity;
            (open.stop, open.target) = (decision.stop, decision.target);
            open.exit_due = decision.due.as_ref().is_some_and(|due| due.exit.is_some());
        }
        let entry = decision.entry.as_ref().map(|entry| wish(direction_name(entry.direction), &entry.note));
        let exit = decision.exit.as_ref().map(|note| wish("exit", note));
        let held = decision.veto.map(Veto::name).or(decision.refusal.map(|refusal| refusal.name()));
        let unasked = match (decision.asked, &self.stopped) {
            (true, _) => None,
            (false, Some(_)) => Some("script_stopped"),
            (false, None) => Some("warming_up"),
        };
        self.decided = Some(Decided {
            open_time: candle.open_time,
            close_time: candle.close_time,
            close: candle.close,
            at,
            asked: [entry, exit].into_iter().flatten().collect::<Vec<_>>().join(", "),
            held: held.or(unasked).map(str::to_owned),
            due: decision.due.is_some(),
        });
        if decision.due.as_ref().is_some_and(|due| due.entry) {
            self.asked_levels = decision.entry.as_ref().map(|entry| entry.levels).unwrap_or_default();
        }
    }

    fn on_entered(&mut self, at: i64, direction: Direction, quantity: f64, price: f64) {
        let base = self.settings.as_deref().map(base_levels).unwrap_or_default();
        let levels = Protection::new(direction, price, base, self.asked_levels);
        self.position = Some(Open {
            direction,
            quantity,
            entry_price: price,
            entered_at: at,
            stop: levels.stop_price(),
            target: levels.target_price(),
            watched: false,
            exit_due: false,
        });
    }

    fn on_trade(&mut self, closed: &ClosedTrade) {
        let trade = &closed.trade;
        self.position = None;
        self.orders.retain(|order| !order.is_complete());
        self.trades.count = closed.number;
        self.trades.won += u64::from(trade.pnl > 0.0);
        self.trades.net += trade.pnl;
        self.trades.last = Some(LastTrade {
            number: closed.number,
            exit_at: closed.exit_at,
            exit_reason: trade.exit_reason,
            pnl: trade.pnl,
            pnl_pct: trade.pnl_pct,
        });
        if let (Some(risk), Some(last)) = (&mut self.risk, self.candle) {
            // It happened in the candle after the last closed one.
            let length = last.close_time - last.open_time + 1;
            risk.on_trade(trade, self.rows, || last.close_time.saturating_add(length));
        }
    }

    fn on_swap(&mut self, at: i64, script: &ScriptText) {
        self.before = self.script.replace(script.clone());
        self.stopped = None;
        self.last_not_swapped = None;
        self.last_swap = Some(Swapped {
            at,
            generation: script.generation,
            difference: script.difference.clone(),
            carried: script.carried.clone(),
            rolled_back: None,
        });
    }

    fn on_script(&mut self, rolled_back: bool, message: &str) {
        let message = message.to_owned();
        if !rolled_back {
            self.stopped = Some(message);
            return;
        }
        if let Some(before) = self.before.take() {
            self.script = Some(before);
        }
        if let Some(swap) = &mut self.last_swap {
            swap.rolled_back = Some(message);
        }
    }

    fn on_config(&mut self, at: i64, config: &LiveConfig) {
        if let Some(risk) = &mut self.risk {
            risk.set(&config.settings.rules, &config.settings.limits);
        }
        self.settings = Some(Box::new(config.settings.clone()));
        self.paused = config.paused;
        self.pause();
        self.last_config = Some(Said { at, text: config.changes.join(", ") });
    }

    fn on_connection(&mut self, at: i64, what: &str, connected: bool) {
        let now = Connection { what: what.to_owned(), connected, since: at };
        match self.connections.iter_mut().find(|connection| connection.what == what) {
            Some(connection) => *connection = now,
            None => self.connections.push(now),
        }
    }

    // ---- orders, as the desk keeps them

    fn on_request(&mut self, number: u64, request: &Request) {
        let order = |id: &String, role, quantity: &Decimal, level: Option<&Decimal>| {
            working(number, id, role, *quantity, level.copied())
        };
        let pending = Some(Cancelling { request: number });
        match request {
            Request::Market { id, side, quantity } => {
                let role = if *side == Side::Buy { Role::Entry } else { Role::Exit };
                self.orders.push(order(id, role, quantity, None));
            }
            Request::Stop { id, stop, quantity } => {
                self.orders.push(order(id, Role::Stop, quantity, Some(stop)));
            }
            Request::Target { id, price, quantity } => {
                self.orders.push(order(id, Role::Target, quantity, Some(price)));
            }
            Request::Oco { list, stop_id, stop, target_id, price, quantity } => {
                let orders = [
                    order(stop_id, Role::Stop, quantity, Some(stop)),
                    order(target_id, Role::Target, quantity, Some(price)),
                ];
                self.orders.extend(orders.map(|it| Working { list: Some(list.clone()), ..it }));
            }
            Request::Cancel { id } => {
                let these = self.orders.iter_mut().filter(|order| order.id == *id && !order.is_ended());
                these.for_each(|order| order.cancel.clone_from(&pending));
            }
            Request::CancelList { list } => {
                let listed = |order: &&mut Working| order.list.as_ref() == Some(list) && !order.is_ended();
                self.orders.iter_mut().filter(listed).for_each(|order| order.cancel.clone_from(&pending));
            }
            Request::Replace { cancel, id, stop, quantity } => {
                if let Some(old) = self.orders.iter_mut().find(|order| order.id == *cancel) {
                    old.cancel = pending;
                }
                self.orders.push(order(id, Role::Stop, quantity, Some(stop)));
            }
            Request::AskOrder { .. } | Request::AskTrades { .. } => {}
        }
    }

    fn on_answer(&mut self, request: u64, outcome: &Answered, cancel: Option<&Answered>) {
        let at = self.last_at;
        let sent = |order: &Working| order.phase == Phase::Sent { request };
        let placed = self.orders.iter().any(sent);
        if let Some(cancel) = cancel.or((!placed).then_some(outcome)) {
            self.on_cancelled(request, cancel);
        }
        if !placed {
            return;
        }
        match outcome {
            Answered::Accepted(news) => {
                self.on_news(news, at);
                self.orders.iter_mut().filter(|order| sent(order)).for_each(|order| order.doubt(at));
            }
            Answered::Unknown { .. } => {
                let doubtful = |order: &&mut Working| {
                    sent(order) || order.cancel.as_ref().is_some_and(|it| it.request == request)
                };
                self.orders.iter_mut().filter(doubtful).for_each(|order| order.doubt(at));
            }
            Answered::Refused { kind, .. } => {
                let protects = self.orders.iter().any(|order| sent(order) && order.role.protects());
                if let Some(open) = self.position.as_mut().filter(|_| protects) {
                    open.watched |= *kind == RefusedAs::Never;
                }
                self.orders.retain(|order| !sent(order));
            }
        }
    }

    fn on_cancelled(&mut self, request: u64, outcome: &Answered) {
        let at = self.last_at;
        if let Answered::Accepted(news) = outcome {
            self.on_news(news, at);
        }
        let nothing = matches!(
            outcome,
            Answered::Refused { kind: RefusedAs::NotNow | RefusedAs::Key | RefusedAs::Never, .. }
        );
        let cancelled =
            |order: &&mut Working| order.cancel.as_ref().is_some_and(|cancel| cancel.request == request);
        for order in self.orders.iter_mut().filter(cancelled) {
            order.cancel = None;
            if !nothing {
                order.doubt(at);
            }
        }
        self.forget();
    }

    fn on_news(&mut self, news: &News, at: i64) {
        apply(&mut self.orders, news, at);
        if let Some(last) = news.executions.last()
            && let Some(price) = rust_decimal::prelude::ToPrimitive::to_f64(&last.price)
        {
            self.see(price, at);
        }
        self.forget();
    }

    /// Of what is over, those that sold something count until the trade is closed.
    fn forget(&mut self) {
        self.orders.retain(|order| {
            !order.is_complete() || (order.role != Role::Entry && !order.executions.is_empty())
        });
    }

    fn on_unfound(&mut self, id: &str) {
        let absent_after = self.session.as_ref().map_or(0, |session| session.desk.absent_after_ms);
        let Some(order) = self.orders.iter().find(|order| order.id == id) else { return };
        let Phase::Doubt { since, .. } = order.phase else { return };
        if order.order_id.is_none() && self.last_at - since >= absent_after {
            let list = order.list.clone();
            self.orders.retain(|other| other.id != id && (other.list.is_none() || other.list != list));
        }
    }

    fn doubt(&mut self, restarted: bool) {
        let at = self.last_at;
        for order in &mut self.orders {
            match order.phase {
                Phase::Open => order.doubt(at),
                Phase::Sent { .. } | Phase::Doubt { .. } if restarted => order.doubt(at),
                _ => {}
            }
        }
    }
}

fn base_levels(settings: &Settings) -> BaseLevels {
    let grid = settings.instrument.as_ref().filter(|_| settings.booking == Booking::Exchange);
    BaseLevels {
        stop_pct: settings.rules.stop_loss_pct,
        target_pct: settings.rules.take_profit_pct,
        trail_pct: settings.rules.trailing_stop_loss_pct,
        tick_size: grid.map(|instrument| instrument.tick_size),
    }
}

fn working(request: u64, id: &str, role: Role, quantity: Decimal, level: Option<Decimal>) -> Working {
    Working {
        id: id.to_owned(),
        role,
        // Not in the request, and not shown.
        reason: FillReason::Exit(ExitReason::Signal),
        list: None,
        quantity,
        level,
        expected: 0.0,
        order_id: None,
        phase: Phase::Sent { request },
        cancel: None,
        executed: Decimal::ZERO,
        executions: Vec::new(),
    }
}

fn order_status(order: &Working) -> OrderStatus {
    OrderStatus {
        id: order.id.clone(),
        role: order.role,
        side: if order.role == Role::Entry { Side::Buy } else { Side::Sell },
        quantity: order.quantity.normalize().to_string(),
        executed: order.executed.normalize().to_string(),
        level: order.level.map(|level| level.normalize().to_string()),
        phase: match order.phase {
            Phase::Sent { .. } => OrderPhase::Sent,
            Phase::Open => OrderPhase::Open,
            Phase::Doubt { .. } => OrderPhase::InDoubt,
            Phase::Ended { .. } => OrderPhase::Settling,
        },
        cancelling: order.cancel.is_some(),
    }
}
