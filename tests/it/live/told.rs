//! A session told by a desk to a small stub of an exchange: every record, in order. What the stub does wrong is said
//! by `How`.

use mista::engine::{DataHandler, EntryWish, Growth, Intents, Moment, Settings, Strategy, StrategyFault};
use mista::live::desk::{Desk, DeskSettings, ProtectionMode};
use mista::live::journal::Entry;
use mista::live::record::{
    Answered, CommissionIn, Execution, News, OrderNews, Record, RefusedAs, Request, ScriptText, Session,
};
use mista::model::{Candle, Direction, HOUR_MS, Instrument, Side};
use mista::script::Value;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;
use std::collections::BTreeMap;

/// Monday 2021-01-04 00:00 UTC.
pub const START: i64 = 1_609_718_400_000;

pub type Act = Box<dyn FnMut(usize, &Moment<'_>, &mut Intents) -> Result<(), StrategyFault>>;

/// Does at each close what a test says; the first argument counts the calls.
pub struct Plan {
    act: Act,
    calls: usize,
}

impl Strategy for Plan {
    fn on_candle(
        &mut self,
        _data: &DataHandler,
        moment: &Moment<'_>,
        asked: &mut Intents,
    ) -> Result<(), StrategyFault> {
        self.calls += 1;
        (self.act)(self.calls - 1, moment, asked)
    }
}

pub fn long(asked: &mut Intents, note: &str) {
    asked.touched = true;
    asked.entry = Some(EntryWish { direction: Direction::Long, note: note.into() });
}

pub fn exit(asked: &mut Intents, note: &str) {
    asked.touched = true;
    asked.exit = Some(note.into());
}

/// What the stub does with what it is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum How {
    #[default]
    Works,
    /// Refuses what buys.
    RefusesBuys,
    /// Refuses what would rest, and always will.
    NeverRests,
    /// Carries out, and the answer is lost.
    Loses,
    /// Answers nothing.
    IsSilent,
}

struct Resting {
    quantity: Decimal,
    stop: Option<Decimal>,
    target: Option<Decimal>,
    list: Option<String>,
}

pub struct Told {
    pub entries: Vec<Entry<Record>>,
    pub desk: Desk<Plan>,
    pub at: i64,
    pub how: How,
    price: Decimal,
    candles: i64,
    serial: u64,
    resting: BTreeMap<String, Resting>,
    /// Order news and executions of everything it took.
    known: BTreeMap<String, (OrderNews, Vec<Execution>)>,
}

pub fn settings() -> Settings {
    let decimal = |text: &str| text.parse().unwrap();
    Settings {
        symbol: "BTCUSDT".into(),
        instrument: Some(Instrument {
            tick_size: decimal("0.01"),
            step_size: decimal("0.00001"),
            min_qty: decimal("0.00001"),
            min_notional: decimal("5"),
        }),
        booking: mista::engine::Booking::Exchange,
        ..Settings::default()
    }
}

pub fn script(generation: u64) -> ScriptText {
    ScriptText {
        generation,
        texts: mista::script::Texts {
            path: "strategies/trend.rhai".into(),
            source: String::new(),
            imports: Default::default(),
        },
        sha256: format!("{generation}f2c4a1b7d9e0c3f5a").repeat(4),
        parameters: vec![("lookback".into(), Value::Int(20)), ("stop_loss_pct".into(), Value::Float(0.02))],
        difference: String::new(),
        carried: Vec::new(),
    }
}

pub fn session(settings: Settings, protection: ProtectionMode) -> Session {
    Session {
        program: "0.1.0".into(),
        bot: "btc_trend".into(),
        venue: "local".into(),
        symbol: settings.symbol.clone(),
        base_asset: "BTC".into(),
        quote_asset: "USDT".into(),
        interval: "1h".into(),
        script: script(1),
        settings,
        desk: DeskSettings { bot: "btc_trend".into(), protection, absent_after_ms: 10_000 },
    }
}

impl Told {
    pub fn new(
        settings: Settings,
        protection: ProtectionMode,
        act: impl FnMut(usize, &Moment<'_>, &mut Intents) -> Result<(), StrategyFault> + 'static,
    ) -> Told {
        let session = session(settings, protection);
        let before = Candle {
            open_time: START - HOUR_MS,
            close_time: START - 1,
            open: 100.0,
            high: 100.0,
            low: 100.0,
            close: 100.0,
            volume: 1.0,
        };
        let (data, growth) = Growth::start([before].into_iter().collect(), &[], None);
        let desk = Desk::new(&session, Plan { act: Box::new(act), calls: 0 }, data, growth);
        let mut told = Told {
            entries: Vec::new(),
            desk,
            at: START,
            how: How::Works,
            price: Decimal::ONE_HUNDRED,
            candles: 0,
            serial: 0,
            resting: BTreeMap::new(),
            known: BTreeMap::new(),
        };
        told.note(Record::Session(Box::new(session)));
        told.note(Record::Warmup { candles: vec![before] });
        told.note(Record::Connected { what: "market".into(), generation: 1 });
        told.note(Record::Connected { what: "account".into(), generation: 1 });
        told
    }

    /// Writes down what nobody decides by.
    pub fn note(&mut self, record: Record) {
        let n = self.entries.len() as u64 + 1;
        self.entries.push(Entry { n, at: self.at, record });
    }

    /// Tells the desk, and the exchange what it asks for, until it asks for nothing.
    pub fn tell(&mut self, record: Record) {
        let mut inputs = vec![record];
        while !inputs.is_empty() {
            for input in std::mem::take(&mut inputs) {
                let answers = self.desk.on(self.at, &input);
                self.note(input);
                for answer in answers {
                    self.note(answer.clone());
                    if let Record::Request { number, request } = answer {
                        self.at += 5;
                        inputs.extend(self.carry_out(number, &request));
                    }
                }
            }
        }
    }

    /// Tells the desk when it wants to be told, for `ms`.
    pub fn wait(&mut self, ms: i64) {
        let end = self.at + ms;
        while let Some(next) = self.desk.next_timer().filter(|next| *next <= end) {
            self.at = self.at.max(next) + 1;
            self.tell(Record::Timer);
        }
        self.at = self.at.max(end);
    }

    /// A price of the running candle; what rests at the exchange is reached first.
    pub fn price(&mut self, price: f64, at_open: bool) {
        self.at += 1000;
        self.price = Decimal::from_f64(price).unwrap();
        let level = |it: &Resting| {
            let stop = it.stop.filter(|stop| self.price <= *stop);
            stop.or(it.target.filter(|target| self.price >= *target))
                .map(|level| if at_open { self.price } else { level })
        };
        let reached = self.resting.iter().find_map(|(id, it)| Some((id.clone(), level(it)?)));
        if let Some((id, level)) = reached {
            let it = self.resting.remove(&id).unwrap();
            let mut news = self.filled(&id, it.quantity, level);
            let others: Vec<String> = self
                .resting
                .iter()
                .filter(|(_, other)| other.list.is_some() && other.list == it.list)
                .map(|(id, _)| id.clone())
                .collect();
            for id in others {
                self.resting.remove(&id);
                news.orders.push(self.ended(&id, "EXPIRED"));
            }
            if self.how != How::IsSilent {
                self.tell(Record::News(news));
            }
        }
        if self.desk.is_moved_by(price) || at_open {
            self.tell(Record::Price { time: self.at, price, at_open });
        }
    }

    /// The next candle: its open is seen first, then its close, then it closes.
    pub fn candle(&mut self, open: f64, close: f64) {
        let open_time = START + self.candles * HOUR_MS;
        self.at = self.at.max(open_time);
        self.price(open, true);
        self.price(close, false);
        self.close(open, close);
    }

    /// The next candle closes, and no price of it was seen.
    pub fn close(&mut self, open: f64, close: f64) {
        let open_time = START + self.candles * HOUR_MS;
        self.candles += 1;
        let (high, low) = (open.max(close), open.min(close));
        let close_time = open_time + HOUR_MS - 1;
        let candle = Candle { open_time, close_time, open, high, low, close, volume: 1.0 };
        self.at = self.at.max(close_time + 50);
        self.tell(Record::Candle { candle });
    }

    fn carry_out(&mut self, request: u64, what: &Request) -> Option<Record> {
        let refused = |kind, message: &str| Answered::Refused { kind, message: message.to_owned() };
        let accepted = |orders| Answered::Accepted(News { orders, executions: Vec::new() });
        if self.how == How::IsSilent {
            return None;
        }
        let mut cancel = None;
        let outcome = match what {
            Request::Market { side: Side::Buy, .. } if self.how == How::RefusesBuys => refused(
                RefusedAs::InsufficientBalance,
                "Account has insufficient balance for requested action.",
            ),
            Request::Stop { .. } | Request::Target { .. } | Request::Oco { .. } | Request::Replace { .. }
                if self.how == How::NeverRests =>
            {
                refused(RefusedAs::Never, "Filter failure: MAX_NUM_ALGO_ORDERS")
            }
            Request::Market { id, quantity, .. } => {
                Answered::Accepted(self.filled(id, *quantity, self.price))
            }
            Request::Stop { id, stop, quantity } => {
                accepted(vec![self.rests(id, *quantity, Some(*stop), None, None)])
            }
            Request::Target { id, price, quantity } => {
                accepted(vec![self.rests(id, *quantity, None, Some(*price), None)])
            }
            Request::Oco { list, stop_id, stop, target_id, price, quantity } => accepted(vec![
                self.rests(stop_id, *quantity, Some(*stop), None, Some(list)),
                self.rests(target_id, *quantity, None, Some(*price), Some(list)),
            ]),
            Request::Cancel { id } => match self.resting.remove(id) {
                Some(_) => accepted(vec![self.ended(id, "CANCELED")]),
                None => refused(RefusedAs::NotOpen, "Unknown order sent."),
            },
            Request::CancelList { list } => {
                let ids: Vec<String> = self
                    .resting
                    .iter()
                    .filter(|(_, it)| it.list.as_ref() == Some(list))
                    .map(|(id, _)| id.clone())
                    .collect();
                ids.iter().for_each(|id| drop(self.resting.remove(id)));
                match ids.is_empty() {
                    true => refused(RefusedAs::NotOpen, "Unknown order list sent."),
                    false => accepted(ids.iter().map(|id| self.ended(id, "CANCELED")).collect()),
                }
            }
            Request::Replace { cancel: old, id, stop, quantity } => {
                self.resting.remove(old);
                cancel = Some(accepted(vec![self.ended(old, "CANCELED")]));
                accepted(vec![self.rests(id, *quantity, Some(*stop), None, None)])
            }
            Request::AskOrder { id } | Request::AskTrades { id, .. } => {
                return Some(match self.known.get(id) {
                    Some((order, executions)) => {
                        Record::News(News { orders: vec![order.clone()], executions: executions.clone() })
                    }
                    None => Record::Unfound { id: id.clone() },
                });
            }
        };
        let outcome = match self.how {
            How::Loses => Answered::Unknown { why: "no answer within 3 s".into() },
            _ => outcome,
        };
        Some(Record::Answer { request, outcome, cancel })
    }

    fn rests(
        &mut self,
        id: &str,
        quantity: Decimal,
        stop: Option<Decimal>,
        target: Option<Decimal>,
        list: Option<&String>,
    ) -> OrderNews {
        self.resting.insert(id.into(), Resting { quantity, stop, target, list: list.cloned() });
        self.news(id, true, Decimal::ZERO, "NEW", Vec::new())
    }

    fn ended(&mut self, id: &str, status: &str) -> OrderNews {
        self.news(id, false, Decimal::ZERO, status, Vec::new())
    }

    fn filled(&mut self, id: &str, quantity: Decimal, price: Decimal) -> News {
        let commission = quantity * price / Decimal::ONE_THOUSAND;
        let execution = Execution {
            id: id.into(),
            trade_id: self.serial + 1,
            price,
            quantity,
            commission,
            commission_in: CommissionIn::Quote,
            commission_value: commission,
            time: self.at,
        };
        let order = self.news(id, false, quantity, "FILLED", vec![execution.clone()]);
        News { orders: vec![order], executions: vec![execution] }
    }

    fn news(
        &mut self,
        id: &str,
        open: bool,
        executed: Decimal,
        status: &str,
        with: Vec<Execution>,
    ) -> OrderNews {
        self.serial += 1;
        let order_id = self.known.get(id).map_or(self.serial, |(order, _)| order.order_id);
        let news = OrderNews {
            id: id.into(),
            order_id,
            is_open: open,
            is_known: true,
            executed,
            status: status.into(),
        };
        self.known.insert(id.into(), (news.clone(), with));
        news
    }
}
