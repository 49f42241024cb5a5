//! The loop of a trader: one thread that is told what happens, has the desk decide, writes both down, and sends what
//! was asked for. Everything that waits (connections, requests, files) is elsewhere and sends messages here.
//!
//! Invariant: what changes something on the exchange is on the disk before it is sent.

use super::boundary;
use super::client_manager::ClientManager;
use super::csv_trade_logger::{CsvLogError, CsvTradeLogger, LoggedTrade};
use super::desk::{Desk, Phase};
use super::in_force::Changeable;
use super::journal::{Journal, JournalError};
use super::market_driver::Progress;
use super::message::Message;
use super::notice;
use super::paper::PaperBroker;
use super::record::{Record, Request, ScriptText, Session};
use super::recovery::Snapshot;
use super::state_manager::{StateError, StateManager};
use super::venue::Venue;
use super::webhook::Notifier;
use crate::model::money::decimal;
use crate::model::{Candle, iso};
use crate::script::Script;
use rust_decimal::Decimal;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::sleep;

/// Records between two snapshots.
const SNAPSHOT_EVERY: u64 = 2_000;
/// For the first price of a candle to come; then the last one has to do.
const FIRST_PRICE: Duration = Duration::from_secs(2);
/// For orders that are on their way to be settled before the process ends.
const FAREWELL: Duration = Duration::from_secs(10);
/// Messages taken before anything else is looked at.
const BATCH: usize = 256;
/// Executions whose repetition is recognised.
const KNOWN: usize = 10_000;
const IDLE: Duration = Duration::from_millis(200);
/// For the orders of before a restart to be known, before candles are decided on.
const ORDERS_FIRST: Duration = Duration::from_secs(5);
/// Until the account is asked again what it holds.
const HOLDINGS_AGAIN: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
pub enum TraderError {
    #[error("{0}\nNo order is sent without being written down, so the trader ends. {1}")]
    Journal(JournalError, String),
    #[error(transparent)]
    State(#[from] StateError),
    #[error(transparent)]
    Trades(#[from] CsvLogError),
    #[error("{0}")]
    Fatal(String),
}

/// Who carries requests out.
pub enum Broker {
    Exchange(Arc<ClientManager>),
    Paper(Box<PaperBroker>),
}

/// Hears of every record, for people.
pub trait Watcher {
    fn on(&mut self, n: u64, at: i64, record: &Record);
    /// One that was written before the process began.
    fn recall(&mut self, _n: u64, _at: i64, _record: &Record) {}
    /// A price, whether or not it changes anything.
    fn see(&mut self, _price: f64, _at: i64) {}
    /// Between messages: may draw, and may ask to stop.
    fn tick(&mut self, _desk: &Desk<Script>) -> Option<Record> {
        None
    }
}

/// All that a trader needs to run.
pub struct Parts {
    pub session: Session,
    pub script: ScriptText,
    pub desk: Desk<Script>,
    pub journal: Journal<Record>,
    pub state: StateManager,
    pub trades: CsvTradeLogger,
    pub broker: Broker,
    pub runtime: Handle,
    pub inbox: Receiver<Message>,
    pub outbox: Sender<Message>,
    pub progress: watch::Sender<Progress>,
    pub watcher: Box<dyn Watcher>,
    pub changeable: Changeable,
    pub notifier: Notifier,
    /// The market is moved by hand: prices come with [`Message::Moved`].
    pub is_led: bool,
    /// Nothing is left of its exchange afterwards.
    pub begins_anew: bool,
    /// What the desk is to be told first, after a restart.
    pub first: Vec<Record>,
    /// Candles that closed since, as far as they are known.
    pub missed: Vec<Candle>,
}

/// How a trader ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Farewell {
    /// The market had no more candles.
    pub market_ended: bool,
    /// What is left on the exchange, in words.
    pub open: String,
    /// How long each swap of a script held the trader up.
    pub pauses: Vec<Duration>,
}

pub struct Trader {
    pub(super) parts: Parts,
    saved: u64,
    /// Open time of the candle whose first price was seen.
    opened: i64,
    /// When a decision began to wait for a price.
    due_since: Option<Instant>,
    ends: Option<End>,
    progress: Progress,
    /// Whether the account is still to be compared with the books, after a restart.
    compares: bool,
    /// After a restart, until it is known what became of the orders.
    held: Option<Held>,
    /// Numbers of executions that are booked: those of late.
    known: VecDeque<u64>,
}

/// What the market did since the session was left. A candle is decided on once it is known what was executed before its
/// close, so that nobody decides with a position that is gone, or without one that was there.
struct Held {
    /// From then on, whatever is known.
    by: Instant,
    missed: VecDeque<Candle>,
    /// Candles and prices that came since.
    messages: Vec<Message>,
}

#[derive(Debug, Clone, Copy)]
struct End {
    by: Instant,
    market_ended: bool,
}

/// The time on the wall in ms.
pub fn wall_ms() -> i64 {
    static BEGAN: std::sync::OnceLock<(i64, Instant)> = std::sync::OnceLock::new();
    // As the clock stood when it was first asked, and from there on never back.
    let (began, since) = BEGAN.get_or_init(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        (i64::try_from(since.as_millis()).unwrap_or(i64::MAX), Instant::now())
    });
    began.saturating_add(i64::try_from(since.elapsed().as_millis()).unwrap_or(i64::MAX))
}

impl Trader {
    pub fn new(parts: Parts) -> Trader {
        let saved = parts.journal.records();
        let last_open = parts.desk.data().candles().open_time.last().copied().unwrap_or(0);
        let compares = !parts.first.is_empty();
        let progress = Progress { last_open, ..Progress::default() };
        Trader {
            parts,
            saved,
            opened: 0,
            due_since: None,
            ends: None,
            progress,
            compares,
            held: None,
            known: Default::default(),
        }
    }

    /// Trades until it is told to stop or the market ends.
    pub fn run(mut self) -> Result<Farewell, TraderError> {
        let first = std::mem::take(&mut self.parts.first);
        if first.is_empty() {
            // It was written down before there was anybody to tell.
            self.notify(&Record::Session(Box::new(self.parts.session.clone())));
        } else {
            let missed = std::mem::take(&mut self.parts.missed).into();
            self.held = Some(Held { by: Instant::now() + ORDERS_FIRST, missed, messages: Vec::new() });
        }
        self.settle_trades()?;
        for record in first {
            self.tell(&record)?;
        }
        self.watch()?;
        self.publish();
        loop {
            let wait = self.wait();
            match self.parts.inbox.recv_timeout(wait) {
                Ok(message) => {
                    boundary::pass();
                    self.on_message(message)?;
                    for _ in 0..BATCH {
                        let Ok(message) = self.parts.inbox.try_recv() else { break };
                        boundary::pass();
                        self.on_message(message)?;
                    }
                }
                // Never disconnected: a sender is among the parts.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
            if self.held.as_ref().is_some_and(|held| self.is_settled() || Instant::now() >= held.by) {
                self.release()?;
            }
            self.on_time()?;
            self.publish();
            if let Some(end) = self.ends
                && ((self.is_settled() && !self.parts.desk.is_unsettled()) || Instant::now() >= end.by)
            {
                return self.end(end);
            }
        }
    }

    fn wait(&self) -> Duration {
        let now = wall_ms();
        let timer = self.parts.desk.next_timer().map(|at| Duration::from_millis((at - now).max(0) as u64));
        let due = self.due_since.map(|since| FIRST_PRICE.saturating_sub(since.elapsed()));
        [timer, due, Some(IDLE)].into_iter().flatten().min().unwrap_or(IDLE)
    }

    /// No order is on its way or in doubt.
    pub(super) fn is_settled(&self) -> bool {
        let (state, _) = self.parts.desk.view();
        state.orders.iter().all(|order| order.phase == Phase::Open && order.cancel.is_none())
    }

    /// Tells the desk, and does what it answers.
    pub(super) fn tell(&mut self, record: &Record) -> Result<(), TraderError> {
        let at = wall_ms();
        self.write(at, record)?;
        self.know(record);
        let answers = self.parts.desk.on(at, record);
        self.answer(at, answers)
    }

    fn know(&mut self, record: &Record) {
        let mut add = |news: &super::record::News| {
            self.known.extend(news.executions.iter().map(|execution| execution.trade_id));
        };
        match record {
            Record::News(news) => add(news),
            Record::Answer { outcome, cancel, .. } => {
                for answered in std::iter::once(outcome).chain(cancel) {
                    if let super::record::Answered::Accepted(news) = answered {
                        add(news);
                    }
                }
            }
            _ => {}
        }
        let surplus = self.known.len().saturating_sub(KNOWN);
        self.known.drain(..surplus);
    }

    pub(super) fn write(&mut self, at: i64, record: &Record) -> Result<(), TraderError> {
        boundary::pass();
        let n = match self.parts.journal.append(at, record) {
            Ok(n) => n,
            Err(error) => return Err(TraderError::Journal(error, self.what_is_open())),
        };
        self.parts.watcher.on(n, at, record);
        self.notify(record);
        Ok(())
    }

    fn notify(&self, record: &Record) {
        if let Some(notice) = notice::of(&self.parts.session, record) {
            self.parts.notifier.notify(notice);
        }
    }

    pub(super) fn sync(&mut self) -> Result<(), TraderError> {
        boundary::pass();
        match self.parts.journal.sync() {
            Ok(()) => Ok(()),
            Err(error) => Err(TraderError::Journal(error, self.what_is_open())),
        }
    }

    pub(super) fn answer(&mut self, at: i64, answers: Vec<Record>) -> Result<(), TraderError> {
        let mut must_last = false;
        for answer in &answers {
            self.write(at, answer)?;
            must_last |= match answer {
                Record::Request { request, .. } => request.is_change(),
                Record::Trade(_) | Record::Entered { .. } | Record::Script { .. } => true,
                _ => false,
            };
        }
        if must_last {
            self.sync()?;
        }
        for answer in answers {
            match answer {
                Record::Request { number, request } => self.send(number, request),
                Record::Trade(trade) => self.log_trade(&trade)?,
                Record::Script { rolled_back: true, .. } => self.on_rolled_back()?,
                _ => {}
            }
        }
        Ok(())
    }

    fn send(&mut self, number: u64, request: Request) {
        boundary::pass();
        match &self.parts.broker {
            Broker::Exchange(client) => {
                let (client, out) = (client.clone(), self.parts.outbox.clone());
                self.parts.runtime.spawn(async move {
                    let message = client.carry_out(number, &request).await;
                    boundary::pass();
                    // Nobody may be left to be told.
                    let _ = out.send(message);
                });
            }
            Broker::Paper(broker) => {
                let (state, _) = self.parts.desk.view();
                let message = broker.carry_out(number, &request, state.last_price, wall_ms());
                let _ = self.parts.outbox.send(message);
            }
        }
    }

    fn log_trade(&mut self, closed: &super::record::ClosedTrade) -> Result<(), TraderError> {
        boundary::pass();
        let session = &self.parts.session;
        self.parts.trades.log(&LoggedTrade {
            number: closed.number,
            trade: closed.trade.clone(),
            bot: session.bot.clone(),
            venue: session.venue.clone(),
            entry_orders: closed.entry_orders.clone(),
            exit_orders: closed.exit_orders.clone(),
            generation: closed.generation,
            exit_at: closed.exit_at,
        })?;
        boundary::pass();
        Ok(())
    }

    /// Trades that the journal has and the file may lack, when the process ended between the two.
    fn settle_trades(&mut self) -> Result<(), TraderError> {
        let path = self.parts.journal.path().to_owned();
        let failed = |error: JournalError, open: String| TraderError::Journal(error, open);
        let reader = super::journal::Reader::<Record>::open(&path)
            .map_err(|error| failed(error, self.what_is_open()))?;
        let mut last: std::collections::VecDeque<Box<super::record::ClosedTrade>> = Default::default();
        for entry in reader {
            let entry = entry.map_err(|error| failed(error, self.what_is_open()))?;
            self.know(&entry.record);
            if let Record::Trade(trade) = entry.record {
                last.push_back(trade);
                if last.len() > 100 {
                    last.pop_front();
                }
            }
        }
        last.into_iter().try_for_each(|trade| self.log_trade(&trade))
    }

    /// Tells the missed candles that had closed before `time`.
    fn catch_up(&mut self, time: i64) -> Result<(), TraderError> {
        while let Some(Held { missed, .. }) = &mut self.held
            && missed.front().is_some_and(|candle| candle.close_time < time)
            && let Some(candle) = missed.pop_front()
        {
            self.on_candle(candle)?;
        }
        Ok(())
    }

    /// Tells what was kept back.
    fn release(&mut self) -> Result<(), TraderError> {
        self.catch_up(i64::MAX)?;
        let Some(Held { messages, .. }) = self.held.take() else { return Ok(()) };
        // A price of before a later candle is too old to order at.
        let last_candle = messages.iter().rposition(|message| matches!(message, Message::Candle(_)));
        for (index, message) in messages.into_iter().enumerate() {
            if !matches!(message, Message::Trade { .. }) || last_candle.is_none_or(|last| index > last) {
                self.on_message(message)?;
            }
        }
        Ok(())
    }

    fn on_message(&mut self, message: Message) -> Result<(), TraderError> {
        if let Some(held) = &mut self.held {
            if message.is_of_market() {
                held.messages.push(message);
                return Ok(());
            }
            if let Some(time) = message.first_execution() {
                self.catch_up(time)?;
            }
        }
        match message {
            Message::Candle(candle) => self.on_candle(candle),
            Message::Trade { time, price } => self.on_trade(time, price),
            Message::Moved { time, price, at_open } => {
                self.on_price(time, price, at_open)?;
                self.progress.moves += 1;
                Ok(())
            }
            Message::News(news) => {
                let (state, _) = self.parts.desk.view();
                let ours = |id: &str| state.orders.iter().any(|order| order.id == id);
                let is_ours = news.orders.iter().any(|order| ours(&order.id))
                    || news.executions.iter().any(|execution| ours(&execution.id));
                if is_ours { self.tell(&Record::News(news)) } else { self.on_foreign(&news) }
            }
            Message::Answer { request, outcome, cancel } => {
                self.tell(&Record::Answer { request, outcome, cancel })
            }
            Message::Holdings { base, records } if records == self.parts.journal.records() => {
                self.compare(base)
            }
            // Something happened in between: the answer may be of before or after it.
            Message::Holdings { .. } | Message::HoldingsUnknown => {
                self.compares = true;
                Ok(())
            }
            Message::Unfound { id } => self.tell(&Record::Unfound { id }),
            Message::Unasked { id, why } => self.tell(&Record::Unasked { id, why }),
            Message::AccountUp { generation } => {
                self.progress.account = generation;
                self.note(&Record::Connected { what: "account".to_owned(), generation })?;
                let (state, _) = self.parts.desk.view();
                if generation > 1 || !state.orders.is_empty() {
                    self.tell(&Record::Doubt { why: "events of the account were missed".to_owned() })?;
                }
                Ok(())
            }
            Message::AccountDown { why } => {
                self.note(&Record::Disconnected { what: "account".to_owned(), why })
            }
            Message::FeedUp { generation } => {
                self.note(&Record::Connected { what: "market".to_owned(), generation })
            }
            Message::FeedDown { why } => self.note(&Record::Disconnected { what: "market".to_owned(), why }),
            Message::Asked(reply) => {
                // Whoever asked may have gone.
                let _ = reply.send(self.moment());
                Ok(())
            }
            Message::Found(found) => self.on_found(*found),
            Message::Chosen { number, judged } => self.on_chosen(number, judged),
            Message::Warning(text) => self.note(&Record::Note { text }),
            Message::Fatal(text) => {
                self.note(&Record::Note { text: text.clone() })?;
                let open = self.what_is_open();
                Err(TraderError::Fatal(format!("{text}\n{open}")))
            }
            Message::MarketEnded => self.stop(false, true),
            Message::Stop { flatten } => self.stop(flatten, false),
        }
    }

    /// Something about an order that is in none of the books. One of this bot's that did something is worth an alarm.
    fn on_foreign(&mut self, news: &super::record::News) -> Result<(), TraderError> {
        let bot = &self.parts.session.bot;
        let late = news.executions.iter().find(|it| super::launch::is_own(bot, &it.id));
        let Some(execution) = late.filter(|it| !self.known.contains(&it.trade_id)) else { return Ok(()) };
        let text = format!(
            "order {} was executed for {} though it is not in the books: look at the exchange, and sell or buy back by hand",
            execution.id, execution.quantity
        );
        self.parts.notifier.notify(notice::of_alarm(&self.parts.session, &text));
        self.note(&Record::Note { text })
    }

    fn stop(&mut self, flatten: bool, market_ended: bool) -> Result<(), TraderError> {
        if self.ends.is_none() || flatten {
            self.tell(&Record::Stop { flatten })?;
            self.ends = Some(End { by: Instant::now() + FAREWELL, market_ended });
        }
        Ok(())
    }

    /// Something that is written down and decides nothing.
    pub(super) fn note(&mut self, record: &Record) -> Result<(), TraderError> {
        self.write(wall_ms(), record)
    }

    fn on_candle(&mut self, candle: Candle) -> Result<(), TraderError> {
        self.tell(&Record::Candle { candle })?;
        self.progress.last_open = candle.open_time;
        let (state, _) = self.parts.desk.view();
        self.due_since = (state.is_due && !self.parts.is_led).then(Instant::now);
        Ok(())
    }

    fn on_trade(&mut self, time: i64, price: f64) -> Result<(), TraderError> {
        let open = self.parts.desk.data().candles().close_time.last().map_or(i64::MAX, |close| close + 1);
        let at_open = time >= open && self.opened != open;
        if at_open {
            self.opened = open;
            self.check_late(open, time)?;
        }
        self.on_price(time, price, at_open)
    }

    /// A decision that waited for half a candle is not carried out any more.
    fn check_late(&mut self, open: i64, time: i64) -> Result<(), TraderError> {
        let candles = self.parts.desk.data().candles();
        let last = candles.len().checked_sub(1).map(|row| candles.get(row));
        let length = last.map_or(0, |candle| candle.close_time - candle.open_time + 1);
        if self.parts.desk.view().0.is_due && time - open > length / 2 {
            self.tell(&Record::Late)?;
        }
        Ok(())
    }

    fn on_price(&mut self, time: i64, price: f64, at_open: bool) -> Result<(), TraderError> {
        self.parts.watcher.see(price, wall_ms());
        let (state, engine) = self.parts.desk.view();
        let concerns = state.is_due || engine.position.position().is_some();
        if (at_open && concerns) || self.parts.desk.is_moved_by(price) && (at_open || !state.is_due) {
            self.tell(&Record::Price { time, price, at_open })?;
        }
        if at_open {
            self.due_since = None;
        }
        Ok(())
    }

    fn on_time(&mut self) -> Result<(), TraderError> {
        if self.parts.desk.next_timer().is_some_and(|at| at <= wall_ms()) {
            self.tell(&Record::Timer)?;
        }
        if self.due_since.is_some_and(|since| since.elapsed() >= FIRST_PRICE) {
            self.due_since = None;
            let (state, _) = self.parts.desk.view();
            let open = self.parts.desk.data().candles().close_time.last().map_or(0, |close| close + 1);
            let last_price = state.last_price;
            if let Some(now) = self.market_now() {
                self.check_late(open, now)?;
            }
            if let Some(price) = last_price {
                self.opened = open;
                self.tell(&Record::Price { time: open, price, at_open: true })?;
            }
        }
        self.look()?;
        if self.compares && self.is_settled() {
            self.compares = false;
            self.ask_holdings();
        }
        if let Some(record) = self.parts.watcher.tick(&self.parts.desk)
            && let Record::Stop { flatten } = record
        {
            self.stop(flatten, false)?;
        }
        // A snapshot does not hold the script to go back to.
        if self.parts.journal.records() >= self.saved + SNAPSHOT_EVERY && !self.parts.desk.is_on_trial() {
            self.save()?;
        }
        Ok(())
    }

    fn ask_holdings(&self) {
        let Broker::Exchange(client) = &self.parts.broker else { return };
        let (client, out) = (client.clone(), self.parts.outbox.clone());
        let records = self.parts.journal.records();
        self.parts.runtime.spawn(async move {
            // Nobody may be left to be told.
            let _ = match client.base_balance().await {
                Ok(base) => out.send(Message::Holdings { base, records }),
                Err(error) => {
                    let text = format!("the books could not be compared with the account yet: {error}");
                    let _ = out.send(Message::Warning(text));
                    sleep(HOLDINGS_AGAIN).await;
                    out.send(Message::HoldingsUnknown)
                }
            };
        });
    }

    /// The account must hold at least what the books say.
    fn compare(&mut self, base: Decimal) -> Result<(), TraderError> {
        let (state, engine) = self.parts.desk.view();
        let books = engine.position.position().map_or(0.0, |position| position.quantity);
        // What a target has sold of it is booked when all is.
        let sells = state.orders.iter().filter(|order| order.role != super::desk::Role::Entry);
        let sold: Decimal = sells.map(|order| order.executed).sum();
        let books = decimal(books).unwrap_or_default() - sold;
        if base >= books || !state.orders.iter().all(|order| order.is_resting()) {
            return Ok(());
        }
        let asset = &self.parts.session.base_asset;
        let text = format!(
            "the books say that {books} {asset} are held, and the account has {base}: something else has sold them. \
             Buy them back, or begin with another name (--bot) and close what rests on the exchange by hand"
        );
        self.note(&Record::Note { text: text.clone() })?;
        Err(TraderError::Fatal(text))
    }

    /// The market's time, where it is that of a clock.
    fn market_now(&self) -> Option<i64> {
        match &self.parts.broker {
            Broker::Exchange(client) if self.parts.session.venue != Venue::Local.name() => {
                Some(client.rest().clock().now_ms())
            }
            Broker::Exchange(_) => None,
            Broker::Paper(_) => Some(wall_ms()),
        }
    }

    fn save(&mut self) -> Result<(), TraderError> {
        boundary::pass();
        let snapshot = Snapshot {
            desk: self.parts.desk.state(),
            slots: self.parts.desk.strategy().slots(),
            script: self.parts.script.clone(),
            session: self.parts.session.clone(),
            settings: self.parts.desk.settings().clone(),
        };
        self.parts.state.save(&mut self.parts.journal, wall_ms(), &snapshot)?;
        boundary::pass();
        self.saved = self.parts.journal.records();
        Ok(())
    }

    fn publish(&mut self) {
        let (state, engine) = self.parts.desk.view();
        let is_idle = self.parts.desk.is_idle();
        let is_exposed = engine.position.position().is_some() || !state.orders.is_empty();
        let has_ended = self.ends.is_some();
        self.progress = Progress { is_idle, is_exposed, has_ended, ..self.progress.clone() };
        let progress = self.progress.clone();
        self.parts.progress.send_if_modified(|before| {
            let changed = *before != progress;
            *before = progress;
            changed
        });
    }

    fn what_is_open(&self) -> String {
        let on_paper = self.parts.session.venue == Venue::Paper.name();
        what_is_open(&self.parts.desk, on_paper, self.parts.begins_anew)
    }

    fn end(mut self, end: End) -> Result<Farewell, TraderError> {
        let open = self.what_is_open();
        self.note(&Record::Ended)?;
        self.save()?;
        let pauses = std::mem::take(&mut self.parts.changeable.pauses);
        Ok(Farewell { market_ended: end.market_ended, open, pauses })
    }
}

/// What is left when a trader ends, in words.
fn what_is_open(desk: &Desk<Script>, on_paper: bool, begins_anew: bool) -> String {
    let (state, engine) = desk.view();
    let Some(position) = engine.position.position() else {
        return "Nothing is held.".to_owned();
    };
    let since = iso(position.entry_time);
    let held =
        format!("Still held: {} since {since}, bought at {}.", position.quantity, position.entry_price);
    let levels = |name: &str, level: Option<f64>| level.map(|level| format!("{name} {level}"));
    let levels: Vec<String> = [
        levels("a stop at", position.protection.stop_price()),
        levels("a target at", position.protection.target_price()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let rests = state.orders.iter().any(|order| order.role.protects() && order.is_resting());
    let protection = match (rests, levels.is_empty()) {
        (true, _) => format!("Resting on the exchange: {}.", levels.join(" and ")),
        (false, true) => "It has no protective level.".to_owned(),
        (false, false) if on_paper => format!("Watched while the trader runs: {}.", levels.join(" and ")),
        (false, false) => {
            format!("NOT on the exchange, and not watched from now on: {}.", levels.join(" and "))
        }
    };
    let next = match begins_anew {
        true => "Its exchange is gone with it: the next session begins anew.",
        false => "The same command goes on with it; --flatten sells it.",
    };
    format!("{held} {protection} {next}")
}
