//! Carries requests out on the simulated exchange, and tells of it as a client of the exchange does.

use mista::live::record::{Answered, CommissionIn, Execution, News, OrderNews, Record, RefusedAs, Request};
use mista::model::Side;
use mista::venues::rules::SymbolRules;
use mista::venues::sim::exchange as sim;
use mista::venues::sim::exchange::{
    AccountEventKind, AccountId, Cancel, CanceledItem, CommissionRates, Exchange, ExchangeOptions, Liquidity,
    NewList, NewListKind, NewOrder, Order, OrderKey, Rejection, SymbolId,
};
use mista::venues::words::OrderType;
use rust_decimal::Decimal;
use std::collections::HashSet;

pub const SYMBOL: SymbolId = SymbolId(0);

pub struct Broker {
    pub exchange: Exchange,
    account: AccountId,
    base: String,
    quote: String,
    /// Of the market.
    pub now: i64,
    /// Whether orders that rest are only acknowledged.
    pub acks: bool,
    ids: HashSet<String>,
    /// Held before, and not the desk's.
    own: Decimal,
}

/// What came of a request.
pub enum Done {
    Changed { outcome: Answered, cancel: Option<Answered> },
    Told(Record),
}

impl Broker {
    pub fn new(rules: SymbolRules, balance: Decimal) -> Broker {
        let (base, quote) = (rules.base_asset.clone(), rules.quote_asset.clone());
        let options = ExchangeOptions { slippage_bps: 0.0, filters: Default::default(), history: 1000 };
        let mut exchange = Exchange::new(options);
        exchange.list_symbol(rules);
        let rate = Decimal::new(1, 3);
        let zero = Decimal::ZERO;
        let rates = CommissionRates { maker: rate, taker: rate, buyer: zero, seller: zero };
        let account = exchange.open_account(rates, None);
        exchange.transfer(account, &quote, balance, 0).unwrap();
        // What is there besides does not keep anybody from selling twice.
        let own = Decimal::ONE_THOUSAND;
        exchange.transfer(account, &base, own, 0).unwrap();
        exchange.take_events();
        Broker { exchange, account, base, quote, now: 0, acks: false, ids: HashSet::new(), own }
    }

    /// What was bought and not sold.
    pub fn held(&self) -> Decimal {
        let balances = self.exchange.balances(self.account);
        balances.iter().find(|it| *it.asset == *self.base).map_or(Decimal::ZERO, |it| it.free + it.locked)
            - self.own
    }

    pub fn open(&self) -> Vec<Order> {
        self.exchange.open_orders(self.account).cloned().collect()
    }

    pub fn offer(&mut self, pieces: u32, fraction: Decimal) {
        self.exchange.set_liquidity(self.account, Liquidity { pieces, fraction });
    }

    /// What the account is told of since this was last asked.
    pub fn news(&mut self) -> Vec<News> {
        let events = self.exchange.take_events();
        let reports = events.into_iter().filter_map(|event| match event.kind {
            AccountEventKind::Execution(report) => Some(report),
            _ => None,
        });
        let news = |report: Box<sim::ExecutionReport>| News {
            executions: report.fill.iter().map(|it| self.execution(it, &report.order)).collect(),
            orders: vec![known(&report.order)],
        };
        reports.map(news).collect()
    }

    fn execution(&self, fill: &sim::Execution, order: &Order) -> Execution {
        let (commission_in, value) = if *fill.commission_asset == *self.base {
            (CommissionIn::Base, fill.commission * fill.price)
        } else {
            (CommissionIn::Quote, fill.commission)
        };
        assert!(commission_in == CommissionIn::Base || *fill.commission_asset == *self.quote);
        Execution {
            id: order.client_order_id.to_string(),
            trade_id: fill.trade_id,
            price: fill.price,
            quantity: fill.quantity,
            commission: fill.commission,
            commission_in,
            commission_value: value,
            time: fill.time,
        }
    }

    fn name(&mut self, id: &str) -> std::sync::Arc<str> {
        assert!(self.ids.insert(id.to_owned()), "{id} was used before");
        id.into()
    }

    fn place(&mut self, order: NewOrder) -> Answered {
        let is_market = order.order_type == OrderType::Market;
        match self.exchange.place(self.account, order, self.now) {
            Ok(id) => Answered::Accepted(self.answer(id, is_market || !self.acks)),
            Err(rejection) => refused(&rejection),
        }
    }

    fn answer(&self, id: u64, full: bool) -> News {
        let order = self.exchange.order(self.account, id).unwrap();
        let fills = self.exchange.executions_of(self.account, id);
        News {
            orders: vec![OrderNews { is_known: full, is_open: !full || order.is_open(), ..known(order) }],
            executions: fills.iter().filter(|_| full).map(|it| self.execution(it, order)).collect(),
        }
    }

    fn cancel(&mut self, id: &str) -> Answered {
        let key = OrderKey { id: None, client_order_id: Some(id.into()) };
        let cancel = Cancel { symbol: SYMBOL, key, new_client_order_id: None, restrictions: None };
        match self.exchange.cancel(self.account, &cancel, self.now) {
            Ok(CanceledItem::Order(canceled)) => {
                Answered::Accepted(News { orders: vec![known(&canceled.order)], ..News::default() })
            }
            Ok(CanceledItem::List(list)) => {
                let orders = list.orders.iter().map(|canceled| known(&canceled.order)).collect();
                Answered::Accepted(News { orders, ..News::default() })
            }
            Err(rejection) => refused(&rejection),
        }
    }

    fn sell(&mut self, id: &str, order_type: OrderType, quantity: Decimal) -> NewOrder {
        NewOrder {
            client_order_id: Some(self.name(id)),
            quantity: Some(quantity),
            ..NewOrder::new(SYMBOL, Side::Sell, order_type)
        }
    }

    pub fn carry_out(&mut self, request: &Request) -> Done {
        let changed = |outcome| Done::Changed { outcome, cancel: None };
        match request {
            Request::Market { id, side, quantity } => {
                let order = self.sell(id, OrderType::Market, *quantity);
                changed(self.place(NewOrder { side: *side, ..order }))
            }
            Request::Stop { id, stop, quantity } => {
                let order = self.sell(id, OrderType::StopLoss, *quantity);
                changed(self.place(NewOrder { stop_price: Some(*stop), ..order }))
            }
            Request::Target { id, price, quantity } => {
                let order = self.sell(id, OrderType::LimitMaker, *quantity);
                changed(self.place(NewOrder { price: Some(*price), ..order }))
            }
            Request::Oco { list, stop_id, stop, target_id, price, quantity } => {
                let below = self.sell(stop_id, OrderType::StopLoss, *quantity);
                let below = NewOrder { stop_price: Some(*stop), ..below };
                let above = self.sell(target_id, OrderType::LimitMaker, *quantity);
                let above = NewOrder { price: Some(*price), ..above };
                let kind = NewListKind::Oco { above, below };
                let list = NewList { client_list_id: Some(self.name(list)), kind };
                changed(match self.exchange.place_list(self.account, list, self.now) {
                    Ok(placed) => {
                        let mut news = News::default();
                        for order in placed.list.orders {
                            let of_order = self.answer(order, !self.acks);
                            news.orders.extend(of_order.orders);
                            news.executions.extend(of_order.executions);
                        }
                        Answered::Accepted(news)
                    }
                    Err(rejection) => refused(&rejection),
                })
            }
            Request::Cancel { id } => changed(self.cancel(id)),
            Request::CancelList { list } => {
                let (account, now) = (self.account, self.now);
                changed(match self.exchange.cancel_list(account, SYMBOL, None, Some(list), None, now) {
                    Ok(list) => {
                        let orders = list.orders.iter().map(|canceled| known(&canceled.order)).collect();
                        Answered::Accepted(News { orders, ..News::default() })
                    }
                    Err(rejection) => refused(&rejection),
                })
            }
            Request::Replace { cancel, id, stop, quantity } => {
                let canceled = self.cancel(cancel);
                let outcome = match canceled {
                    Answered::Accepted(_) => {
                        let order = self.sell(id, OrderType::StopLoss, *quantity);
                        self.place(NewOrder { stop_price: Some(*stop), ..order })
                    }
                    _ => Answered::Refused { kind: RefusedAs::NotNow, message: "not attempted".to_owned() },
                };
                Done::Changed { outcome, cancel: Some(canceled) }
            }
            Request::AskOrder { id } => {
                let key = OrderKey { id: None, client_order_id: Some(id.as_str().into()) };
                Done::Told(match self.exchange.find(self.account, SYMBOL, &key) {
                    Ok(order) => Record::News(News { orders: vec![known(order)], ..News::default() }),
                    Err(_) => Record::Unfound { id: id.clone() },
                })
            }
            Request::AskTrades { order_id, .. } => {
                let executions = self.answer(*order_id, true).executions;
                Done::Told(Record::News(News { executions, ..News::default() }))
            }
        }
    }
}

fn known(order: &Order) -> OrderNews {
    OrderNews {
        id: order.client_order_id.to_string(),
        order_id: order.id,
        is_open: order.is_open(),
        is_known: true,
        executed: order.executed,
        status: order.status.name().to_owned(),
    }
}

fn refused(rejection: &Rejection) -> Answered {
    let message = rejection.message.to_string();
    assert!(!message.contains("Duplicate"), "{message}");
    let passed = ["trigger immediately", "match and take", "relationship of the prices"];
    let kind = match rejection.code {
        -2010 if passed.iter().any(|text| message.contains(text)) => RefusedAs::WouldTrigger,
        -2010 if message.contains("insufficient balance") => RefusedAs::InsufficientBalance,
        -2010 => RefusedAs::NotNow,
        -2011 => RefusedAs::NotOpen,
        _ => RefusedAs::Never,
    };
    Answered::Refused { kind, message }
}
