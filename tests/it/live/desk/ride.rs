//! A desk and its exchange under way: carries records to and fro, by a clock of its own, with what may go wrong on
//! the way.

use super::broker::{Broker, Done, SYMBOL};
use mista::engine::Strategy;
use mista::live::desk::{Desk, DeskState, Role, Working};
use mista::live::record::{Answered, ClosedTrade, Decision, News, Record, RefusedAs, Request};
use mista::model::money::decimal;
use mista::model::{Candle, Direction, Refusal, Side};
use mista::venues::sim::path::{Extremes, corners};
use rust_decimal::Decimal;
use std::collections::VecDeque;

/// What becomes of one request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    None,
    /// No answer; carried out so many ms later, or never.
    Unknown(Option<i64>),
    Refused(RefusedAs),
    /// Only a part is there, in so many pieces and this many percent.
    Partial(u32, i64),
}

/// How what the account is told of comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    Before,
    After,
    Twice,
    /// Not at all, and that is noticed later.
    Never,
}

/// The process dies when a request was decided: the state is that of the moment …
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kill {
    /// … before that, and what was told then is told again unless it came from the exchange.
    Undecided,
    /// … after that, and the request was not sent.
    Unsent,
    /// … after that, and the request was carried out.
    Unanswered,
}

pub type Plan = Box<dyn FnMut(&Request) -> (Fault, Option<Kill>)>;

/// Makes a desk over candles.
pub type Make<S> = Box<dyn Fn(&[Candle]) -> Desk<S>>;

pub struct Ride<S> {
    pub desk: Desk<S>,
    /// Is told the same, and never restored.
    twin: Option<Desk<S>>,
    make: Make<S>,
    pub broker: Broker,
    pub plan: Plan,
    pub events: Events,
    pub wall: i64,
    candles: Vec<Candle>,
    outbox: VecDeque<(u64, Request, Fault)>,
    /// Carried out later, by the wall clock.
    late: Vec<(i64, Request)>,
    /// Prices that come while something is under way.
    pub meanwhile: VecDeque<f64>,
    missed: bool,
    pub trades: Vec<ClosedTrade>,
    pub decisions: Vec<Decision>,
    pub alarms: Vec<String>,
    pub held: Vec<Refusal>,
    pub requests: Vec<Request>,
    /// Whether prices that change nothing are kept from the desk.
    pub filters_prices: bool,
    /// How often a restored desk takes over, out of 256.
    pub restores: u8,
    pub random: fastrand::Rng,
    last: f64,
}

/// Records between two moments of rest.
const STEPS: usize = 3_000;

impl<S: Strategy> Ride<S> {
    pub fn new(warmup: &[Candle], broker: Broker, make: Make<S>) -> Ride<S> {
        Ride {
            desk: make(warmup),
            twin: None,
            make,
            broker,
            plan: Box::new(|_| (Fault::None, None)),
            events: Events::After,
            wall: 1_000_000,
            candles: warmup.to_vec(),
            outbox: VecDeque::new(),
            late: Vec::new(),
            meanwhile: VecDeque::new(),
            missed: false,
            trades: Vec::new(),
            decisions: Vec::new(),
            alarms: Vec::new(),
            held: Vec::new(),
            requests: Vec::new(),
            filters_prices: true,
            restores: 0,
            random: fastrand::Rng::with_seed(1),
            last: warmup.last().map_or(0.0, |candle| candle.close),
        }
    }

    pub fn with_twin(mut self, restores: u8) -> Ride<S> {
        self.twin = Some((self.make)(&self.candles));
        self.restores = restores;
        self
    }

    pub fn tell(&mut self, input: Record) {
        if self.restores > 0 && self.random.u8(..) < self.restores {
            let state = self.desk.state();
            self.desk = self.revived(state);
        }
        let before = self.desk.state();
        let out = self.desk.on(self.wall, &input);
        assert!(!out.iter().any(Record::is_input), "{out:?}");
        if let Some(twin) = &mut self.twin {
            assert_eq!(twin.on(self.wall, &input), out, "restored at some time, and told {input:?}");
            assert_eq!(twin.state(), self.desk.state());
        }
        if let Record::Candle { candle } = &input {
            self.candles.push(*candle);
        }
        let mut killed = None;
        let mut sent = Vec::new();
        for record in &out {
            if let Record::Request { number, request } = record {
                let (fault, kill) = (self.plan)(request);
                killed = killed.or(kill.map(|kill| (kill, fault, request.clone())));
                sent.push((*number, request.clone(), fault));
            }
        }
        let Some((kill, fault, request)) = killed else {
            self.outbox.extend(sent);
            return self.take(out);
        };
        if kill == Kill::Undecided {
            let again = match input {
                Record::Candle { .. } => {
                    self.candles.pop();
                    true
                }
                Record::Price { .. } | Record::Config(_) | Record::Stop { .. } => true,
                _ => false,
            };
            self.restart(before);
            if again {
                self.tell(input);
            }
            return;
        }
        self.take(out);
        if kill == Kill::Unanswered {
            self.send(&request, fault);
        }
        self.restart(self.desk.state());
    }

    /// To the exchange; what comes of it if an answer comes.
    fn send(&mut self, request: &Request, fault: Fault) -> Option<Done> {
        match fault {
            Fault::None => Some(self.carry_out(request)),
            Fault::Partial(pieces, percent) => {
                self.broker.offer(pieces, Decimal::new(percent, 2));
                Some(self.carry_out(request))
            }
            Fault::Unknown(Some(0)) => {
                self.carry_out(request);
                None
            }
            Fault::Unknown(Some(later)) => {
                self.late.push((self.wall + later, request.clone()));
                None
            }
            Fault::Unknown(None) => None,
            Fault::Refused(kind) => {
                let outcome = Answered::Refused { kind, message: "a fault".to_owned() };
                Some(Done::Changed { outcome, cancel: None })
            }
        }
    }

    /// As a process that starts has it: through a text, over the candles.
    fn revived(&self, state: DeskState) -> Desk<S> {
        let text = serde_json::to_string(&state).unwrap();
        let read: DeskState = serde_json::from_str(&text).unwrap();
        assert_eq!(read, state);
        let mut desk = (self.make)(&self.candles);
        desk.restore(read);
        desk
    }

    fn restart(&mut self, state: DeskState) {
        self.outbox.clear();
        // What was told in between is lost.
        self.broker.news();
        self.desk = self.revived(state.clone());
        if self.twin.is_some() {
            self.twin = Some(self.revived(state));
        }
        self.wall += 500;
        self.tell(Record::Restart { program: "mista".to_owned() });
    }

    fn take(&mut self, out: Vec<Record>) {
        for record in out {
            match record {
                Record::Request { request, .. } => self.requests.push(request),
                Record::Trade(trade) => self.trades.push(*trade),
                Record::Decision(decision) => self.decisions.push(*decision),
                Record::Alarm { text } => self.alarms.push(text),
                Record::Held { refusal, .. } => self.held.push(refusal),
                _ => {}
            }
        }
    }

    fn tell_news(&mut self, news: &[News]) {
        match self.events {
            Events::Never => self.missed |= !news.is_empty(),
            Events::Twice => news.iter().chain(news).for_each(|news| self.tell(Record::News(news.clone()))),
            Events::Before | Events::After => {
                news.iter().for_each(|news| self.tell(Record::News(news.clone())));
            }
        }
    }

    fn carry_out(&mut self, request: &Request) -> Done {
        if let Request::Market { side: Side::Buy, .. } = request {
            let held = self.broker.held();
            let (state, engine) = self.desk.view();
            let dust = decimal(engine.position.dust()).unwrap();
            assert!(held <= dust, "bought on top of {held}: {:?}", state.orders);
        }
        self.broker.carry_out(request)
    }

    fn perform(&mut self, number: u64, request: Request, fault: Fault) {
        let done = match &request {
            Request::AskOrder { id } | Request::AskTrades { id, .. }
                if !matches!(fault, Fault::None | Fault::Partial(..)) =>
            {
                return self.tell(Record::Unasked { id: id.clone(), why: "a fault".to_owned() });
            }
            _ => self.send(&request, fault),
        };
        let lost = Answered::Unknown { why: "a fault".to_owned() };
        let done = done.unwrap_or(Done::Changed { outcome: lost, cancel: None });
        let news = self.broker.news();
        let early = matches!(self.events, Events::Before | Events::Twice);
        if early {
            self.tell_news(&news);
        }
        match done {
            Done::Changed { outcome, cancel } => {
                self.tell(Record::Answer { request: number, outcome, cancel })
            }
            Done::Told(record) => self.tell(record),
        }
        if !early || self.events == Events::Twice {
            self.tell_news(&news);
        }
    }

    /// Carries out what was asked for first, and no more.
    pub fn step(&mut self) {
        let (number, request, fault) = self.outbox.pop_front().unwrap();
        self.perform(number, request, fault);
    }

    /// Until nothing is under way; with `quiet`, until no timer runs either.
    pub fn settle(&mut self, quiet: bool) {
        for step in 0.. {
            assert!(
                step < STEPS,
                "no end: {:?}\n{:?}",
                self.desk.state(),
                self.requests.iter().rev().take(9)
            );
            if let Some((number, request, fault)) = self.outbox.pop_front() {
                self.perform(number, request, fault);
                continue;
            }
            if !self.desk.is_idle()
                && !self.desk.view().0.is_due
                && let Some(price) = self.meanwhile.pop_front()
            {
                let time = self.broker.now + 1_000;
                self.market(time, price, false);
                self.price(time, price, false);
                continue;
            }
            if self.missed && (quiet || self.desk.is_idle()) {
                self.missed = false;
                self.wall += 2_000;
                self.tell(Record::Doubt { why: "events are missing".to_owned() });
                continue;
            }
            if self.desk.is_idle() && self.late.is_empty() && (!quiet || self.desk.next_timer().is_none()) {
                return;
            }
            let timer = self.desk.next_timer();
            if self.desk.view().0.is_due && timer.is_none() && self.late.is_empty() {
                // It waits for the first price of the next candle.
                return;
            }
            let late = self.late.iter().map(|(at, _)| *at).min();
            let next = timer.into_iter().chain(late).min();
            let next = next.unwrap_or_else(|| panic!("stuck: {:?}", self.desk.state()));
            self.wall = self.wall.max(next);
            if late == Some(next) {
                let index = self.late.iter().position(|(at, _)| *at == next).unwrap();
                let (_, request) = self.late.remove(index);
                self.carry_out(&request);
                let news = self.broker.news();
                self.tell_news(&news);
            } else {
                self.tell(Record::Timer);
            }
        }
    }

    pub fn price(&mut self, time: i64, price: f64, at_open: bool) {
        self.last = price;
        if !self.filters_prices || self.desk.is_moved_by(price) {
            self.tell(Record::Price { time, price, at_open });
        }
    }

    /// The market comes to a price; what rests is met first.
    pub fn market(&mut self, time: i64, price: f64, at_open: bool) {
        self.broker.now = self.broker.now.max(time);
        self.broker.exchange.on_price(SYMBOL, decimal(price).unwrap(), at_open, self.broker.now);
        let news = self.broker.news();
        self.tell_news(&news);
    }

    /// A candle, as the lockstep of the local exchange has it.
    pub fn candle(&mut self, candle: Candle) {
        self.open(candle.open_time, candle.open);
        let ohlc = [candle.open, candle.high, candle.low, candle.close];
        let [_, first, second, close] = corners(ohlc, Direction::Long, Extremes::AdverseFirst);
        let length = candle.close_time - candle.open_time + 1;
        let (one, two) = (candle.open_time + length / 3, candle.open_time + 2 * length / 3);
        for (time, price) in [(one, first), (two, second), (candle.close_time, close)] {
            self.market(time, price, false);
            self.settle(false);
            self.price(time, price, false);
            self.settle(false);
        }
        self.tell(Record::Candle { candle });
        self.settle(false);
    }

    pub fn open(&mut self, time: i64, price: f64) {
        self.broker.now = self.broker.now.max(time);
        self.broker.exchange.set_price(SYMBOL, decimal(price).unwrap());
        self.price(time, price, true);
        self.settle(false);
        self.market(time, price, true);
        self.settle(false);
    }

    /// What must hold whenever nothing is under way and nothing goes wrong any more.
    pub fn check(&self) {
        let (state, engine) = self.desk.view();
        let shown = || format!("{state:#?}\n{:#?}\n{:?}", self.broker.open(), self.alarms);
        let position = engine.position.position();
        let held = position.map_or(engine.position.dust(), |position| position.quantity);
        let sold: Decimal = state.orders.iter().filter(|it| it.role != Role::Entry).map(Working::known).sum();
        assert_eq!(decimal(held).unwrap() - sold, self.broker.held(), "what is held: {}", shown());
        assert!(state.orders.iter().all(|it| it.is_resting() || it.is_complete()), "{}", shown());
        let mut known: Vec<String> =
            state.orders.iter().filter(|it| it.is_resting()).map(|it| it.id.clone()).collect();
        let mut open: Vec<String> =
            self.broker.open().iter().map(|it| it.client_order_id.to_string()).collect();
        known.sort();
        open.sort();
        assert_eq!(known, open, "{}", shown());
        let Some(position) = position else {
            assert!(open.is_empty(), "{}", shown());
            return;
        };
        if self.desk.watches() {
            return;
        }
        let is_being_sold = self.broker.open().iter().any(|order| !order.executed.is_zero());
        if is_being_sold || self.desk.is_moved_by(self.last) {
            return;
        }
        let level = |price: Option<f64>| price.map(|price| decimal(price).unwrap().normalize());
        let resting = |conditional: bool| {
            let open = self.broker.open();
            let order = open.iter().find(|order| order.order_type.is_conditional() == conditional)?;
            Some(if conditional { order.stop_price } else { order.price }.normalize())
        };
        assert_eq!(resting(true), level(position.protection.stop_price()), "{}", shown());
        assert_eq!(resting(false), level(position.protection.target_price()), "{}", shown());
    }
}
