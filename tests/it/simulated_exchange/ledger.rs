//! Random orders, lists, cancels and prices until there were 100,000 executions. A ledger that knows only what the
//! account was told, and counts in whole numbers of 10⁻⁸, must have the same balances to the last digit; what is
//! held must be what the open orders need.

use super::{exchange, rates};
use mista::model::Side;
use mista::venues::rules::{Filters, LotSize, PriceFilter};
use mista::venues::sim::exchange::{
    AccountEventKind, AccountId, Cancel, Exchange, Liquidity, NewList, NewListKind, NewOrder, Order,
    OrderKey, SymbolId,
};
use mista::venues::words::{ExecutionType, OrderStatus, OrderType, TimeInForce};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet};

const ONE: i128 = 100_000_000;
const SYMBOL: SymbolId = SymbolId(0);
const COMMISSION_BPS: i128 = 10;

/// In whole numbers of 10⁻⁸; anything finer is a defect.
fn units(value: Decimal) -> i128 {
    let scaled = value * Decimal::from(ONE as i64);
    assert!(scaled.fract().is_zero(), "{value} has more than eight decimals");
    scaled.trunc().mantissa() / 10i128.pow(scaled.trunc().scale())
}

#[derive(Default)]
struct Ledger {
    /// free + locked, as executions say.
    totals: BTreeMap<String, i128>,
    /// As the account was last told: free and locked.
    told: BTreeMap<String, (i128, i128)>,
    executions: usize,
    makers: usize,
    partial: usize,
    cancels: usize,
    expired: usize,
    reports: BTreeSet<u64>,
}

impl Ledger {
    fn listen(&mut self, exchange: &mut Exchange, executed: &mut BTreeMap<u64, i128>) {
        for event in exchange.take_events() {
            match event.kind {
                AccountEventKind::Execution(report) => {
                    assert!(self.reports.insert(report.execution_id), "a report was repeated");
                    assert_eq!(self.reports.len() as u64, report.execution_id, "a report is missing");
                    match report.execution_type {
                        ExecutionType::Canceled => self.cancels += 1,
                        ExecutionType::Expired => self.expired += 1,
                        _ => {}
                    }
                    let Some(fill) = report.fill else { continue };
                    self.executions += 1;
                    self.makers += usize::from(fill.is_maker);
                    self.partial += usize::from(report.order.status == OrderStatus::PartiallyFilled);
                    let (quantity, price) = (units(fill.quantity), units(fill.price));
                    assert_eq!(quantity * price % ONE, 0);
                    let quote = quantity * price / ONE;
                    assert_eq!(units(fill.quote_quantity), quote);
                    let (asset, received) = if fill.is_buyer { ("BTC", quantity) } else { ("USDT", quote) };
                    let commission = received * COMMISSION_BPS / 10_000;
                    assert_eq!((units(fill.commission), &*fill.commission_asset), (commission, asset));
                    let (paid_asset, paid) = if fill.is_buyer { ("USDT", quote) } else { ("BTC", quantity) };
                    *self.totals.entry(asset.to_owned()).or_default() += received - commission;
                    *self.totals.entry(paid_asset.to_owned()).or_default() -= paid;
                    let so_far = executed.entry(report.order.id).or_default();
                    *so_far += quantity;
                    assert_eq!(*so_far, units(report.order.executed));
                    assert!(report.order.executed <= report.order.quantity);
                }
                AccountEventKind::Balances(balances) => {
                    for balance in balances {
                        let pair = (units(balance.free), units(balance.locked));
                        self.told.insert(balance.asset.to_string(), pair);
                    }
                }
                AccountEventKind::Transfer { asset, delta } => {
                    *self.totals.entry(asset.to_string()).or_default() += units(delta);
                }
                AccountEventKind::List { .. } => {}
            }
        }
    }

    fn compare(&self, exchange: &Exchange, account: AccountId) {
        let (base, quote) = held(exchange, account);
        for balance in exchange.balances(account) {
            let (free, locked) = (units(balance.free), units(balance.locked));
            assert!(free >= 0 && locked >= 0, "{balance:?}");
            assert_eq!(self.told[&*balance.asset], (free, locked), "{}: what was told", balance.asset);
            assert_eq!(self.totals[&*balance.asset], free + locked, "{}: what executions say", balance.asset);
            let (need, commission) = if &*balance.asset == "BTC" { base } else { (quote, 0) };
            let needed = need - commission..=need;
            assert!(
                needed.contains(&locked),
                "{}: open orders need {needed:?}, held {locked}",
                balance.asset
            );
        }
    }
}

/// What open orders need, of base and quote: an order of its own all it may cost, the legs of a pair the dearer
/// one, an order that waits for another one nothing, or what that one has bought for it. Of that the commission may
/// be missing: how much it was stands beside the base.
fn held(exchange: &Exchange, account: AccountId) -> ((i128, i128), i128) {
    let need = |order: &Order| {
        let remaining = units(order.quantity - order.executed);
        let price = if order.order_type.has_price() { order.price } else { order.stop_price };
        match order.side {
            Side::Sell => remaining,
            Side::Buy => remaining * units(price) / ONE,
        }
    };
    let (mut base, mut quote, mut commission) = (0, 0, 0);
    let mut waiting = BTreeSet::new();
    let mut pairs = BTreeMap::<(u64, bool), i128>::new();
    for order in exchange.open_orders(account) {
        let list = order.list.and_then(|list| exchange.list(account, list));
        let is_working =
            list.is_some_and(|list| list.orders[0] == order.id && list.contingency.name() == "OTO");
        if let (true, Some(list)) = (order.quantity.is_zero(), list)
            && waiting.insert(list.id)
        {
            for fill in exchange.executions_of(account, list.orders[0]) {
                base += units(fill.quantity);
                commission += units(fill.commission);
            }
        }
        let need = if order.status == OrderStatus::PendingNew { 0 } else { need(order) };
        match list {
            Some(list) if !is_working => {
                let dearest = pairs.entry((list.id, order.side == Side::Buy)).or_default();
                *dearest = need.max(*dearest);
            }
            _ if order.side == Side::Buy => quote += need,
            _ => base += need,
        }
    }
    for ((_, is_buy), need) in pairs {
        *(if is_buy { &mut quote } else { &mut base }) += need;
    }
    ((base, commission), quote)
}

struct Random {
    random: fastrand::Rng,
    last: i64,
}

impl Random {
    fn quantity(&mut self) -> Decimal {
        Decimal::new(self.random.i64(1..3000), 3)
    }

    /// A price `from` to `to` ticks away.
    fn price(&mut self, from: i64, to: i64) -> Decimal {
        Decimal::new((self.last + self.random.i64(from..to)).max(1), 2)
    }

    fn order(&mut self) -> NewOrder {
        let side = if self.random.bool() { Side::Buy } else { Side::Sell };
        let order_type = OrderType::ALL[self.random.usize(..OrderType::ALL.len())];
        let quantity = Some(self.quantity());
        let mut order = NewOrder { quantity, ..NewOrder::new(SYMBOL, side, order_type) };
        if order_type.has_price() {
            order.price = Some(self.price(-150, 150));
            if order_type != OrderType::LimitMaker {
                order.time_in_force = Some(TimeInForce::ALL[self.random.usize(..3)]);
            }
        }
        if order_type.is_conditional() {
            order.stop_price = Some(self.price(-150, 150));
            order.trailing_delta = self.random.bool().then(|| self.random.u32(10..200));
        }
        if order_type == OrderType::Market && self.random.bool() {
            order.quantity = None;
            order.quote_quantity = Some(Decimal::new(self.random.i64(100..3_000_000), 4));
        }
        order
    }

    fn pair(&mut self, side: Side, quantity: Option<Decimal>) -> (NewOrder, NewOrder) {
        let make = |order_type| NewOrder { quantity, ..NewOrder::new(SYMBOL, side, order_type) };
        let (far, near) = (self.price(-200, -1), self.price(1, 200));
        let limit = |price| NewOrder { price: Some(price), ..make(OrderType::LimitMaker) };
        let stop = |price| NewOrder { stop_price: Some(price), ..make(OrderType::StopLoss) };
        match side {
            Side::Sell => (limit(near), stop(far)),
            Side::Buy => (stop(near), limit(far)),
        }
    }

    fn list(&mut self) -> NewList {
        let quantity = self.quantity();
        let side = if self.random.bool() { Side::Buy } else { Side::Sell };
        let sells_what_it_bought = self.random.bool();
        let pending_quantity = if sells_what_it_bought { None } else { Some(self.quantity()) };
        let working_side = if sells_what_it_bought { Side::Buy } else { side };
        let working = NewOrder {
            quantity: Some(quantity),
            price: Some(self.price(-100, 100)),
            time_in_force: Some(TimeInForce::Gtc),
            ..NewOrder::new(SYMBOL, working_side, OrderType::Limit)
        };
        let (above, below) =
            self.pair(if sells_what_it_bought { Side::Sell } else { side.other() }, pending_quantity);
        let kind = match self.random.u8(..3) {
            0 => {
                let (above, below) = self.pair(side, Some(quantity));
                NewListKind::Oco { above, below }
            }
            1 => NewListKind::Oto { working, pending: below, sells_what_it_bought },
            _ => NewListKind::Otoco { working, above, below, sells_what_it_bought },
        };
        NewList { client_list_id: None, kind }
    }
}

trait Other {
    fn other(self) -> Self;
}

impl Other for Side {
    fn other(self) -> Side {
        if self == Side::Buy { Side::Sell } else { Side::Buy }
    }
}

#[test]
fn balances_equal_an_independent_ledger_after_100_000_executions() {
    let filters = Filters {
        price: Some(PriceFilter { tick_size: Decimal::new(1, 2), ..PriceFilter::default() }),
        lot_size: Some(LotSize { step_size: Decimal::new(1, 3), ..LotSize::default() }),
        max_num_orders: Some(60),
        ..Filters::default()
    };
    let mut exchange = exchange(filters, 500);
    let account = exchange.open_account(rates(COMMISSION_BPS as i64), None);
    let mut ledger = Ledger::default();
    let mut executed = BTreeMap::new();
    let mut random = Random { random: fastrand::Rng::with_seed(11), last: 10_000 };
    exchange.transfer(account, "USDT", Decimal::from(20_000), 0).unwrap();
    exchange.transfer(account, "BTC", Decimal::from(200), 0).unwrap();
    exchange.on_price(SYMBOL, Decimal::new(random.last, 2), true, 0);
    let mut now = 0;
    while ledger.executions < 100_000 {
        now += 1;
        match random.random.u8(..20) {
            0..=6 => {
                let order = random.order();
                let _ = exchange.place(account, order, now);
            }
            7..=9 => {
                let list = random.list();
                let _ = exchange.place_list(account, list, now);
            }
            10..=11 => {
                let open: Vec<u64> = exchange.open_orders(account).map(|order| order.id).collect();
                if let Some(id) = random.random.choice(open) {
                    let key = OrderKey { id: Some(id), client_order_id: None };
                    let cancel =
                        Cancel { symbol: SYMBOL, key, new_client_order_id: None, restrictions: None };
                    exchange.cancel(account, &cancel, now).unwrap();
                }
            }
            12 => {
                let open: Vec<(u64, Decimal)> =
                    exchange.open_orders(account).map(|order| (order.id, order.quantity)).collect();
                if let Some((id, quantity)) = random.random.choice(open) {
                    let key = OrderKey { id: Some(id), client_order_id: None };
                    let less = (quantity / Decimal::TWO).round_dp(3);
                    let _ = exchange.amend(account, SYMBOL, &key, less, None, now);
                }
            }
            13..=14 => {
                let liquidity = Liquidity {
                    pieces: random.random.u32(1..5),
                    fraction: Decimal::new(random.random.i64(0..=100), 2),
                };
                exchange.set_liquidity(account, liquidity);
            }
            15 if random.random.u8(..30) == 0 => {
                let _ = exchange.cancel_all(account, SYMBOL, now);
                // Whoever trades at random loses: the account is filled up.
                exchange.transfer(account, "USDT", Decimal::from(5_000), now).unwrap();
                exchange.transfer(account, "BTC", Decimal::from(50), now).unwrap();
            }
            _ => {
                random.last = (random.last + random.random.i64(-80..=80)).clamp(5_000, 20_000);
                let at_open = random.random.u8(..4) == 0;
                exchange.on_price(SYMBOL, Decimal::new(random.last, 2), at_open, now);
            }
        }
        ledger.listen(&mut exchange, &mut executed);
        ledger.compare(&exchange, account);
    }
    let kinds = [ledger.makers, ledger.partial, ledger.cancels, ledger.expired];
    assert!(kinds.iter().all(|count| *count > 2_000), "{kinds:?}");
    let remembered = exchange.orders(account).count();
    assert!(remembered <= 500 + 60 + 3, "{remembered} orders are remembered");
}
