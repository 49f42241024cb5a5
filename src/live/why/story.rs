//! Records as a story: each decided candle, what was asked there, and what became of it. Pure.

use super::{Facts, Reason, Wanted, reason};
use crate::live::journal::Entry;
use crate::live::record::{Answered, ClosedTrade, Decision, News, Record, Request};
use crate::model::{Candle, Refusal, Side};
use crate::report::number::{price, quantity};
use std::collections::BTreeMap;

/// Which candles are kept; a signal is one at which an entry was asked for, or an exit while something was held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// The last one decided.
    Last,
    /// The last one with a signal.
    LastSignal,
    /// The one this time lies in, UTC ms.
    At(i64),
    /// All with a signal.
    Signals,
}

/// What happened to a signal. Wall clock in a session, the candle's open time in a backtest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    pub at: i64,
    pub text: String,
}

/// Of one signal at most.
const HAPPENED_MAX: usize = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It came to nothing.
    Nothing,
    /// It waits for the next open.
    Due,
    Ordered,
    /// The position is open.
    Open,
    Closed,
}

/// What became of an entry or of an exit.
#[derive(Debug, Clone)]
pub struct Tale {
    pub wanted: Wanted,
    pub facts: Facts,
    pub happened: Vec<Happened>,
    /// What else happened.
    pub left_out: usize,
    /// What the exchange, or the trader, said when it came to nothing.
    pub message: String,
    pub trade: Option<Box<ClosedTrade>>,
    stage: Stage,
}

/// Where a signal ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Outcome<'a> {
    Trade(&'a ClosedTrade),
    /// The position it opened is still open.
    Open,
    /// It is not over.
    Waiting,
    Nothing(Reason),
}

impl Tale {
    fn new(wanted: Wanted, facts: Facts, stage: Stage) -> Tale {
        Tale { wanted, facts, stage, happened: Vec::new(), left_out: 0, message: String::new(), trade: None }
    }

    pub fn outcome(&self) -> Outcome<'_> {
        match (self.stage, &self.trade) {
            (_, Some(trade)) => Outcome::Trade(trade),
            (Stage::Open, None) => Outcome::Open,
            (Stage::Due | Stage::Ordered, None) if !self.facts.over => Outcome::Waiting,
            _ => Outcome::Nothing(reason(self.wanted, &self.facts)),
        }
    }

    fn is_settled(&self) -> bool {
        matches!(self.stage, Stage::Nothing | Stage::Closed)
    }

    fn tell(&mut self, at: i64, text: &str) {
        if self.happened.len() < HAPPENED_MAX {
            self.happened.push(Happened { at, text: text.to_owned() });
        } else {
            self.left_out += 1;
        }
    }
}

/// One decided candle.
#[derive(Debug, Clone)]
pub struct Chapter {
    pub candle: Candle,
    pub decision: Decision,
    /// What is known of the candle itself.
    pub facts: Facts,
    pub entry: Option<Tale>,
    pub exit: Option<Tale>,
}

impl Chapter {
    /// Whether an entry was asked for, or an exit while something was held.
    pub fn is_signal(&self) -> bool {
        self.entry.is_some() || self.exit.as_ref().is_some_and(|exit| exit.facts.held)
    }

    /// Why there is nothing, where no signal is.
    pub fn quiet(&self) -> Option<Reason> {
        let wanted = if self.exit.is_some() { Wanted::Exit } else { Wanted::Nothing };
        (!self.is_signal()).then(|| reason(wanted, &self.facts))
    }

    fn tales(&mut self) -> impl Iterator<Item = &mut Tale> {
        self.entry.iter_mut().chain(self.exit.iter_mut())
    }

    fn is_settled(&self) -> bool {
        self.entry.iter().chain(self.exit.iter()).all(Tale::is_settled)
    }

    fn contains(&self, time: i64) -> bool {
        (self.candle.open_time..=self.candle.close_time).contains(&time)
    }
}

/// Takes records one after the other.
#[derive(Debug, Clone)]
pub struct Story {
    /// `bot · venue · BTCUSDT 1h`.
    pub title: String,
    /// Exits asked for while nothing was held: no signals.
    pub idle_exits: usize,
    /// Open times of the first and the last decided candle.
    pub range: Option<(i64, i64)>,
    pick: Pick,
    chapters: BTreeMap<u64, Chapter>,
    next: u64,
    candle: Option<Candle>,
    paused: bool,
    stopping: bool,
    stopped: bool,
    by_stop: bool,
    due: Option<u64>,
    /// Chapter of the entry that each order belongs to.
    entries: BTreeMap<String, u64>,
    /// Chapter whose entry opened the position.
    open: Option<u64>,
    /// Chapters whose exits wait for the trade.
    exits: Vec<u64>,
    /// Orders that each unanswered request is about.
    sent: BTreeMap<u64, Vec<String>>,
    lists: BTreeMap<String, Vec<String>>,
}

impl Story {
    pub fn new(pick: Pick) -> Story {
        Story {
            title: String::new(),
            idle_exits: 0,
            range: None,
            pick,
            chapters: BTreeMap::new(),
            next: 0,
            candle: None,
            paused: false,
            stopping: false,
            stopped: false,
            by_stop: false,
            due: None,
            entries: BTreeMap::new(),
            open: None,
            exits: Vec::new(),
            sent: BTreeMap::new(),
            lists: BTreeMap::new(),
        }
    }

    /// The chapters asked for, in order.
    pub fn chapters(&self) -> impl DoubleEndedIterator<Item = &Chapter> {
        let last = self.chapters.keys().next_back().copied();
        self.chapters.iter().filter(move |(id, chapter)| self.picks(**id, chapter, last)).map(|(_, it)| it)
    }

    fn picks(&self, id: u64, chapter: &Chapter, last: Option<u64>) -> bool {
        match self.pick {
            Pick::Last => Some(id) == last,
            Pick::At(time) => chapter.contains(time),
            Pick::Signals => chapter.is_signal(),
            Pick::LastSignal => {
                let later = self.chapters.range(id + 1..).any(|(_, chapter)| chapter.is_signal());
                chapter.is_signal() && !later
            }
        }
    }

    /// No record follows, and no trader runs.
    pub fn finish(&mut self) {
        for tale in self.chapters.values_mut().flat_map(Chapter::tales) {
            tale.facts.over = true;
        }
    }

    pub fn on(&mut self, entry: &Entry<Record>) {
        let at = entry.at;
        match &entry.record {
            Record::Session(session) => {
                let title =
                    format!("{} · {} · {} {}", session.bot, session.venue, session.symbol, session.interval);
                *self = Story { title, ..Story::new(self.pick) };
            }
            Record::Restart { .. } => {
                self.stopping = false;
                self.all(at, "the trader was started again");
            }
            Record::Warmup { candles } => self.candle = candles.last().copied(),
            Record::Candle { candle } => self.candle = Some(*candle),
            Record::Decision(decision) => self.on_decision(decision, false),
            Record::Price { price: seen, at_open: true, .. } => {
                let text = format!("the next candle opened at {}", price(*seen));
                let due = self.due;
                self.entry(due, |tale| tale.tell(at, &text));
                self.exit_tales(|tale| {
                    if tale.happened.is_empty() {
                        tale.tell(at, &text);
                    }
                });
            }
            Record::Late => self.entry(self.due, |tale| tale.tell(at, "the moment to act had passed")),
            Record::Request { number, request } => self.on_request(at, *number, request),
            Record::Answer { request, outcome, cancel } => {
                let ids = self.sent.remove(request).unwrap_or_default();
                let cancel =
                    cancel.as_ref().map(|cancel| format!("; the cancel was {}", answer_text(cancel)));
                self.about(at, &ids, &format!("{}{}", answer_text(outcome), cancel.unwrap_or_default()));
            }
            Record::News(news) => {
                let ids: Vec<String> = news.orders.iter().map(|order| order.id.clone()).collect();
                let more = news.executions.iter().map(|execution| execution.id.clone());
                let mut ids: Vec<String> = ids.into_iter().chain(more).collect();
                ids.dedup();
                self.about(at, &ids, &format!("told: {}", news_text(news)));
            }
            Record::Unfound { id } => {
                self.about(at, std::slice::from_ref(id), "asked: the exchange does not know this order");
            }
            Record::Unasked { id, why } => {
                self.about(at, std::slice::from_ref(id), &format!("asked, without an answer: {why}"));
            }
            Record::Doubt { why } => self.all(at, &format!("orders have to be asked for: {why}")),
            Record::Stop { .. } => {
                self.stopping = true;
                self.by_stop = true;
                return;
            }
            Record::Held { refusal, why, .. } => return self.on_held(at, *refusal, why),
            Record::Entered { quantity: held, price: paid, orders, .. } => {
                let text = format!("the position is open: {} at {}", quantity(*held), price(*paid));
                self.on_entered(at, orders, &text);
            }
            Record::Trade(trade) => self.on_trade(at, trade),
            Record::Swap(_) => self.stopped = false,
            Record::Config(config) => self.paused = config.paused,
            Record::Script { rolled_back, .. } => self.stopped |= !rolled_back,
            Record::Alarm { text } => self.all(at, &format!("alarm: {text}")),
            Record::Price { .. }
            | Record::Timer
            | Record::Connected { .. }
            | Record::Disconnected { .. }
            | Record::NotSwapped { .. }
            | Record::Note { .. }
            | Record::Ended => {}
        }
        if entry.record.is_input() {
            self.by_stop = false;
        }
    }

    /// `last`: no candle follows in this run.
    pub(super) fn on_decision(&mut self, decision: &Decision, last: bool) {
        let Some(candle) = self.candle else { return };
        let first = self.range.map_or(candle.open_time, |(first, _)| first);
        self.range = Some((first, candle.open_time));
        let facts = Facts {
            asked: decision.asked,
            stopped: self.stopped,
            last,
            held: decision.quantity.is_some(),
            veto: decision.veto,
            refusal: decision.refusal,
            stopping: self.stopping && !self.paused,
            ..Facts::default()
        };
        let due = decision.due.as_ref();
        let stage = |is_due: bool| if is_due { Stage::Due } else { Stage::Nothing };
        let entry_due = due.is_some_and(|due| due.entry);
        let exit_due = due.is_some_and(|due| due.exit.is_some());
        let entry = decision.entry.as_ref().map(|_| Tale::new(Wanted::Entry, facts, stage(entry_due)));
        let exit = decision.exit.as_ref().map(|_| Tale::new(Wanted::Exit, facts, stage(exit_due)));
        let chapter = Chapter { candle, decision: decision.clone(), facts, entry, exit };
        if chapter.exit.is_some() && !facts.held {
            self.idle_exits += 1;
        }
        let id = self.next;
        self.next += 1;
        if entry_due && chapter.entry.is_some() {
            self.due = Some(id);
        }
        if exit_due && chapter.exit.is_some() {
            self.exits.push(id);
        }
        self.chapters.insert(id, chapter);
        self.forget(id);
    }

    /// Lets go of what is neither picked nor under way.
    fn forget(&mut self, newest: u64) {
        if self.pick == Pick::Signals {
            // Everything before was judged when it was the newest.
            if self.chapters.get(&newest).is_some_and(|chapter| !chapter.is_signal()) {
                self.chapters.remove(&newest);
            }
            return;
        }
        let last_signal = self.chapters.iter().rev().find(|(_, it)| it.is_signal()).map(|(id, _)| *id);
        let pick = self.pick;
        self.chapters.retain(|id, chapter| {
            !chapter.is_settled()
                || match pick {
                    Pick::At(time) => chapter.contains(time),
                    Pick::LastSignal => Some(*id) == last_signal,
                    Pick::Last | Pick::Signals => *id == newest,
                }
        });
    }

    fn entry(&mut self, id: Option<u64>, change: impl FnOnce(&mut Tale)) {
        let chapter = id.and_then(|id| self.chapters.get_mut(&id));
        if let Some(tale) = chapter.and_then(|chapter| chapter.entry.as_mut()) {
            change(tale);
        }
    }

    fn exit_tales(&mut self, mut change: impl FnMut(&mut Tale)) {
        for id in &self.exits {
            if let Some(tale) = self.chapters.get_mut(id).and_then(|chapter| chapter.exit.as_mut()) {
                change(tale);
            }
        }
    }

    /// Tells everything that is under way.
    fn all(&mut self, at: i64, text: &str) {
        let under_way = self.chapters.values_mut().flat_map(Chapter::tales);
        under_way.filter(|tale| !tale.is_settled()).for_each(|tale| tale.tell(at, text));
    }

    /// Tells those whom these orders are about: an entry's order its entry; what sells, the entry of the position and
    /// the exits that wait.
    fn about(&mut self, at: i64, ids: &[String], text: &str) {
        let mut told: Vec<u64> = ids.iter().filter_map(|id| self.entries.get(id).copied()).collect();
        told.dedup();
        for id in &told {
            self.entry(Some(*id), |tale| tale.tell(at, text));
        }
        if ids.iter().any(|id| !self.entries.contains_key(id)) {
            self.entry(self.open, |tale| tale.tell(at, text));
            self.exit_tales(|tale| tale.tell(at, text));
        }
    }

    fn on_request(&mut self, at: i64, number: u64, request: &Request) {
        let ids = match request {
            Request::Market { id, .. } | Request::Stop { id, .. } | Request::Target { id, .. } => {
                vec![id.clone()]
            }
            Request::Oco { list, stop_id, target_id, .. } => {
                let ids = vec![stop_id.clone(), target_id.clone()];
                self.lists.insert(list.clone(), ids.clone());
                ids
            }
            Request::Cancel { id } | Request::AskOrder { id } | Request::AskTrades { id, .. } => {
                vec![id.clone()]
            }
            Request::CancelList { list } => self.lists.get(list).cloned().unwrap_or_default(),
            Request::Replace { cancel, id, .. } => vec![cancel.clone(), id.clone()],
        };
        if let Request::Market { id, side: Side::Buy, .. } = request
            && let Some(due) = self.due.take()
        {
            self.entries.insert(id.clone(), due);
            self.entry(Some(due), |tale| tale.stage = Stage::Ordered);
        }
        self.about(at, &ids, &request_text(request));
        self.sent.insert(number, ids);
    }

    fn on_held(&mut self, at: i64, refusal: Refusal, why: &str) {
        // An order that came to nothing is the oldest one under way; all else is about what was due.
        let ordered = self.entries.values().copied().find(|id| {
            let tale = self.chapters.get(id).and_then(|chapter| chapter.entry.as_ref());
            tale.is_some_and(|tale| tale.stage == Stage::Ordered)
        });
        let id = if refusal == Refusal::NotFilled { ordered.or(self.due) } else { self.due.or(ordered) };
        let by_stop = self.by_stop;
        self.entry(id, |tale| {
            tale.stage = Stage::Nothing;
            tale.facts.later = Some(refusal);
            tale.facts.stopping |= by_stop;
            tale.message = why.to_owned();
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            tale.tell(at, &format!("no entry, {refusal}{why}"));
        });
        if id == self.due {
            self.due = None;
        }
        self.entries.retain(|_, entry| Some(*entry) != id);
    }

    fn on_entered(&mut self, at: i64, orders: &[String], text: &str) {
        let id = orders.iter().find_map(|id| self.entries.get(id).copied()).or_else(|| self.due.take());
        self.open = id;
        self.entry(id, |tale| {
            tale.stage = Stage::Open;
            tale.tell(at, text);
        });
    }

    fn on_trade(&mut self, at: i64, closed: &ClosedTrade) {
        let open = self.open.take();
        let close = |tale: &mut Tale| {
            tale.stage = Stage::Closed;
            tale.trade = Some(Box::new(closed.clone()));
            tale.tell(
                at,
                &format!("closed at {}: {}", price(closed.trade.exit_price), closed.trade.exit_reason),
            );
        };
        self.entry(open, close);
        self.exit_tales(close);
        self.exits.clear();
        self.lists.clear();
        self.entries.retain(|_, id| Some(*id) != open);
    }
}

fn request_text(request: &Request) -> String {
    match request {
        Request::Market { id, side, quantity } => {
            let side = if *side == Side::Buy { "buy" } else { "sell" };
            format!("sent {id}: {side} {quantity} at the market")
        }
        Request::Stop { id, stop, quantity } => {
            format!("sent {id}: sell {quantity} when the price falls to {stop}")
        }
        Request::Target { id, price, quantity } => format!("sent {id}: sell {quantity} at {price}"),
        Request::Oco { list, stop, price, quantity, .. } => {
            format!("sent {list}: sell {quantity} at {price}, or when the price falls to {stop}")
        }
        Request::Cancel { id } => format!("sent: cancel {id}"),
        Request::CancelList { list } => format!("sent: cancel {list}"),
        Request::Replace { cancel, id, stop, .. } => {
            format!("sent {id}: in the place of {cancel}, a stop at {stop}")
        }
        Request::AskOrder { id } => format!("asking how {id} stands"),
        Request::AskTrades { id, .. } => format!("asking for the executions of {id}"),
    }
}

fn answer_text(outcome: &Answered) -> String {
    match outcome {
        Answered::Accepted(news) => format!("accepted{}", after(": ", &news_text(news))),
        Answered::Refused { message, .. } => format!("refused: {message}"),
        Answered::Unknown { why } => format!("what became of it is not known: {why}"),
    }
}

fn news_text(news: &News) -> String {
    let orders = news.orders.iter().map(|order| format!("{} {}", order.id, order.status));
    let executions = news.executions.iter().map(|it| format!("{} executed at {}", it.quantity, it.price));
    orders.chain(executions).collect::<Vec<_>>().join(", ")
}

fn after(between: &str, text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{between}{text}") }
}
