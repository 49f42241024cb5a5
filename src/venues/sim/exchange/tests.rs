//! What becomes of orders, told by the events an account is sent: one line each, compared as text.

use super::*;
use crate::model::Side::{self, Buy, Sell};
use crate::venues::rules::{Filters, LotSize, NotionalRange, PriceFilter, SymbolRules};
use crate::venues::words::OrderType::{self, *};
use crate::venues::words::{SymbolStatus, TimeInForce};
use std::fmt::Write as _;

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

fn rules() -> SymbolRules {
    SymbolRules {
        symbol: "BTCUSDT".to_owned(),
        status: SymbolStatus::Trading,
        base_asset: "BTC".to_owned(),
        quote_asset: "USDT".to_owned(),
        base_precision: 8,
        quote_precision: 8,
        filters: Filters {
            price: Some(PriceFilter {
                min_price: decimal("0.01"),
                max_price: decimal("1000000"),
                tick_size: decimal("0.01"),
            }),
            lot_size: Some(LotSize {
                min_qty: decimal("0.001"),
                max_qty: decimal("9000"),
                step_size: decimal("0.001"),
            }),
            notional: Some(NotionalRange {
                min_notional: decimal("5"),
                apply_min_to_market: true,
                max_notional: decimal("9000000"),
                apply_max_to_market: false,
                avg_price_mins: 5,
            }),
            max_num_orders: Some(20),
            max_num_algo_orders: Some(5),
            max_num_order_lists: Some(2),
            max_num_order_amends: Some(2),
            ..Filters::default()
        },
    }
}

struct Bench {
    exchange: Exchange,
    account: AccountId,
    symbol: SymbolId,
    now: i64,
}

impl Bench {
    fn new() -> Bench {
        Bench::with(0.0)
    }

    /// 1,000 USDT and 10 BTC at a price of 100; 10 basis points of commission.
    fn with(slippage_bps: f64) -> Bench {
        let mut exchange = Exchange::new(ExchangeOptions {
            slippage_bps,
            filters: ExchangeFilters::default(),
            history: 100,
        });
        let symbol = exchange.list_symbol(rules());
        let rate = decimal("0.001");
        let zero = Decimal::ZERO;
        let rates = CommissionRates { maker: rate, taker: rate, buyer: zero, seller: zero };
        let account = exchange.open_account(rates, None);
        exchange.transfer(account, "USDT", decimal("1000"), 0).unwrap();
        exchange.transfer(account, "BTC", decimal("10"), 0).unwrap();
        exchange.on_price(symbol, decimal("100"), true, 0);
        exchange.take_events();
        Bench { exchange, account, symbol, now: 1 }
    }

    fn order(&self, side: Side, order_type: OrderType, quantity: &str, price: &str, stop: &str) -> NewOrder {
        let set = |text: &str| (!text.is_empty()).then(|| decimal(text));
        let needs_tif = matches!(order_type, Limit | StopLossLimit | TakeProfitLimit);
        NewOrder {
            quantity: set(quantity),
            price: set(price),
            stop_price: set(stop),
            time_in_force: needs_tif.then_some(TimeInForce::Gtc),
            ..NewOrder::new(self.symbol, side, order_type)
        }
    }

    fn place(&mut self, order: NewOrder) -> Result<OrderId, Rejection> {
        self.now += 1;
        self.exchange.place(self.account, order, self.now)
    }

    fn place_list(&mut self, kind: NewListKind) -> Result<PlacedList, Rejection> {
        self.now += 1;
        self.exchange.place_list(self.account, NewList { client_list_id: None, kind }, self.now)
    }

    fn oco(&mut self, quantity: &str, take: &str, stop: &str) -> Result<PlacedList, Rejection> {
        let above = self.order(Sell, LimitMaker, quantity, take, "");
        let below = self.order(Sell, StopLoss, quantity, "", stop);
        self.place_list(NewListKind::Oco { above, below })
    }

    fn price(&mut self, price: &str) {
        self.now += 1;
        self.exchange.on_price(self.symbol, decimal(price), false, self.now);
    }

    fn open(&mut self, price: &str) {
        self.now += 1;
        self.exchange.on_price(self.symbol, decimal(price), true, self.now);
    }

    fn cancel(&mut self, id: OrderId) -> Result<CanceledItem, Rejection> {
        self.now += 1;
        let key = OrderKey { id: Some(id), client_order_id: None };
        let cancel = Cancel { symbol: self.symbol, key, new_client_order_id: None, restrictions: None };
        self.exchange.cancel(self.account, &cancel, self.now)
    }

    /// The events since the last call, one line each.
    fn told(&mut self) -> String {
        let mut text = String::new();
        for event in self.exchange.take_events() {
            match event.kind {
                AccountEventKind::Execution(report) => {
                    let order = &report.order;
                    let _ = write!(text, "{} {} {}", order.id, report.execution_type, order.status);
                    if let Some(fill) = &report.fill {
                        let role = if fill.is_maker { "maker" } else { "taker" };
                        let (quantity, price) = (fill.quantity.normalize(), fill.price.normalize());
                        let commission = fill.commission.normalize();
                        let _ = write!(
                            text,
                            " {quantity}@{price} {role} -{commission} {}",
                            fill.commission_asset
                        );
                    }
                    if let Some(reason) = order.expiry_reason {
                        let _ = write!(text, " {reason}");
                    }
                    if report.reject_reason != "NONE" {
                        let _ = write!(text, " {}", report.reject_reason);
                    }
                }
                AccountEventKind::Balances(balances) => {
                    text.push_str("balances");
                    for AssetBalance { asset, free, locked } in balances {
                        let _ = write!(text, " {asset} {}+{}", free.normalize(), locked.normalize());
                    }
                }
                AccountEventKind::Transfer { asset, delta } => {
                    let _ = write!(text, "transfer {asset} {delta}");
                }
                AccountEventKind::List { list, .. } => {
                    let _ = write!(text, "list {} {} {}", list.id, list.status_type, list.order_status);
                }
            }
            text.push('\n');
        }
        text
    }
}

fn expect(told: String, wanted: &str) {
    let wanted: String = wanted
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(told, wanted);
}

#[test]
fn a_market_order_is_new_then_filled_then_the_balances_are_told_once() {
    let mut bench = Bench::new();
    bench.place(bench.order(Buy, Market, "2", "", "")).unwrap();
    expect(
        bench.told(),
        "1 NEW NEW
         1 TRADE FILLED 2@100 taker -0.002 BTC
         balances BTC 11.998+0 USDT 800+0",
    );
    bench.place(bench.order(Sell, Market, "1", "", "")).unwrap();
    expect(
        bench.told(),
        "2 NEW NEW
         2 TRADE FILLED 1@100 taker -0.1 USDT
         balances BTC 10.998+0 USDT 899.9+0",
    );
}

#[test]
fn slippage_goes_against_the_taker_and_stays_on_the_grid() {
    let mut bench = Bench::with(3.3);
    bench.place(bench.order(Buy, Market, "1", "", "")).unwrap();
    bench.place(bench.order(Sell, Market, "1", "", "")).unwrap();
    let told = bench.told();
    assert!(told.contains("1@100.04 taker") && told.contains("1@99.96 taker"), "{told}");
}

#[test]
fn a_quote_amount_buys_whole_steps() {
    let mut bench = Bench::new();
    let order = NewOrder { quote_quantity: Some(decimal("99.99")), ..bench.order(Buy, Market, "", "", "") };
    bench.place(order).unwrap();
    assert!(bench.told().contains("0.999@100 taker"));
}

#[test]
fn a_limit_rests_locks_and_is_filled_where_it_lies_or_at_the_open() {
    let mut bench = Bench::new();
    bench.place(bench.order(Buy, Limit, "1", "95", "")).unwrap();
    expect(bench.told(), "1 NEW NEW\nbalances USDT 905+95");
    bench.price("95.01");
    expect(bench.told(), "");
    bench.price("95");
    expect(bench.told(), "1 TRADE FILLED 1@95 maker -0.001 BTC\nbalances BTC 10.999+0 USDT 905+0");
    bench.place(bench.order(Buy, Limit, "1", "90", "")).unwrap();
    bench.told();
    bench.open("80");
    expect(bench.told(), "2 TRADE FILLED 1@80 maker -0.001 BTC\nbalances BTC 11.998+0 USDT 825+0");
}

#[test]
fn a_limit_that_crosses_takes_at_the_market_and_frees_the_rest() {
    let mut bench = Bench::new();
    bench.place(bench.order(Buy, Limit, "1", "105", "")).unwrap();
    expect(
        bench.told(),
        "1 NEW NEW
         1 TRADE FILLED 1@100 taker -0.001 BTC
         balances BTC 10.999+0 USDT 900+0",
    );
}

#[test]
fn liquidity_splits_orders_and_what_is_not_there_expires_or_rests() {
    let mut bench = Bench::new();
    let scarce = Liquidity { pieces: 2, fraction: decimal("0.5") };
    bench.exchange.set_liquidity(bench.account, scarce);
    bench.place(bench.order(Buy, Market, "4", "", "")).unwrap();
    expect(
        bench.told(),
        "1 NEW NEW
         1 TRADE PARTIALLY_FILLED 1@100 taker -0.001 BTC
         1 TRADE PARTIALLY_FILLED 1@100.01 taker -0.001 BTC
         1 EXPIRED EXPIRED INSUFFICIENT_LIQUIDITY
         balances BTC 11.998+0 USDT 799.99+0",
    );
    bench.exchange.set_liquidity(bench.account, scarce);
    bench.place(bench.order(Sell, Limit, "2", "100", "")).unwrap();
    expect(
        bench.told(),
        "2 NEW NEW
         2 TRADE PARTIALLY_FILLED 0.5@100 taker -0.05 USDT
         2 TRADE PARTIALLY_FILLED 0.5@100 taker -0.05 USDT
         balances BTC 9.998+1 USDT 899.89+0",
    );
    bench.price("101");
    expect(bench.told(), "2 TRADE FILLED 1@100 maker -0.1 USDT\nbalances BTC 9.998+0 USDT 999.79+0");
    for (tif, reason) in [
        (TimeInForce::Ioc, "UNFILLED_IOC_QUANTITY_EXPIRED"),
        (TimeInForce::Fok, "UNFILLED_FOK_ORDER_EXPIRED"),
    ] {
        bench.exchange.set_liquidity(bench.account, scarce);
        let order = NewOrder { time_in_force: Some(tif), ..bench.order(Sell, Limit, "2", "101", "") };
        bench.place(order).unwrap();
        let told = bench.told();
        assert!(told.contains(reason), "{told}");
        assert_eq!(told.contains("TRADE"), tif == TimeInForce::Ioc, "{told}");
    }
}

#[test]
fn a_stop_triggers_where_it_lies_and_takes_with_slippage() {
    let mut bench = Bench::with(10.0);
    bench.place(bench.order(Sell, StopLoss, "1", "", "90")).unwrap();
    expect(bench.told(), "1 NEW NEW\nbalances BTC 9+1");
    bench.price("89");
    expect(
        bench.told(),
        "1 NEW NEW
         1 TRADE FILLED 1@89.91 taker -0.08991 USDT
         balances BTC 9+0 USDT 1089.82009+0",
    );
}

#[test]
fn a_gap_at_an_open_is_met_at_the_open() {
    let mut bench = Bench::new();
    bench.place(bench.order(Sell, StopLoss, "1", "", "90")).unwrap();
    bench.told();
    bench.open("85");
    assert!(bench.told().contains("1@85 taker"));
}

#[test]
fn a_stop_limit_that_the_price_ran_past_rests() {
    let mut bench = Bench::new();
    bench.place(bench.order(Sell, StopLossLimit, "1", "92", "90")).unwrap();
    bench.told();
    bench.price("88");
    expect(bench.told(), "1 NEW NEW");
    bench.price("93");
    expect(bench.told(), "1 TRADE FILLED 1@92 maker -0.092 USDT\nbalances BTC 9+0 USDT 1091.908+0");
}

#[test]
fn trailing_stops_follow_the_best_price() {
    let mut bench = Bench::new();
    let trailing = |bench: &Bench, stop: &str| NewOrder {
        trailing_delta: Some(1000),
        ..bench.order(Sell, StopLoss, "1", "", stop)
    };
    bench.place(trailing(&bench, "")).unwrap();
    bench.told();
    bench.price("120");
    bench.price("109");
    expect(bench.told(), "");
    bench.price("100");
    let told = bench.told();
    assert!(told.contains("1@108 taker"), "{told}");
    // With a stop price it begins to follow there.
    bench.place(trailing(&bench, "95")).unwrap();
    bench.told();
    bench.price("110");
    bench.price("96");
    expect(bench.told(), "");
    bench.price("95");
    bench.price("100");
    bench.price("90.5");
    expect(bench.told(), "");
    bench.price("90");
    let told = bench.told();
    assert!(told.contains("1@90 taker"), "{told}");
}

#[test]
fn one_leg_of_a_pair_ends_the_other() {
    let mut bench = Bench::new();
    bench.oco("2", "110", "90").unwrap();
    expect(
        bench.told(),
        "list 1 EXEC_STARTED EXECUTING
         1 NEW NEW
         2 NEW NEW
         balances BTC 8+2",
    );
    bench.price("112");
    expect(
        bench.told(),
        "1 EXPIRED EXPIRED OCO_TRIGGER
         2 TRADE FILLED 2@110 maker -0.22 USDT
         list 1 ALL_DONE ALL_DONE
         balances BTC 8+0 USDT 1219.78+0",
    );
    bench.oco("2", "120", "90").unwrap();
    bench.told();
    bench.price("80");
    expect(
        bench.told(),
        "4 EXPIRED EXPIRED OCO_TRIGGER
         3 NEW NEW
         3 TRADE FILLED 2@90 taker -0.18 USDT
         list 2 ALL_DONE ALL_DONE
         balances BTC 6+0 USDT 1399.6+0",
    );
}

#[test]
fn a_partly_filled_pair_is_still_one_leg_and_holds_only_the_rest() {
    let mut bench = Bench::new();
    bench.oco("2", "110", "90").unwrap();
    bench.exchange.set_liquidity(bench.account, Liquidity { pieces: 1, fraction: decimal("0.5") });
    bench.told();
    bench.price("111");
    expect(
        bench.told(),
        "1 EXPIRED EXPIRED OCO_TRIGGER
         2 TRADE PARTIALLY_FILLED 1@110 maker -0.11 USDT
         balances BTC 8+1 USDT 1109.89+0",
    );
    bench.cancel(2).unwrap();
    expect(bench.told(), "2 CANCELED CANCELED\nlist 1 ALL_DONE ALL_DONE\nbalances BTC 9+0");
}

#[test]
fn cancelling_a_leg_cancels_the_list() {
    let mut bench = Bench::new();
    bench.oco("2", "110", "90").unwrap();
    bench.told();
    assert!(matches!(bench.cancel(1), Ok(CanceledItem::List(list)) if list.orders.len() == 2));
    expect(
        bench.told(),
        "2 CANCELED CANCELED
         1 CANCELED CANCELED
         list 1 ALL_DONE ALL_DONE
         balances BTC 10+0",
    );
    assert_eq!(bench.cancel(1).unwrap_err().to_string(), "Unknown order sent. (-2011)");
}

#[test]
fn a_pending_order_is_placed_once_the_working_one_is_filled() {
    let mut bench = Bench::new();
    let working = bench.order(Buy, Limit, "1", "95", "");
    let pending = bench.order(Sell, StopLoss, "1", "", "90");
    let kind = NewListKind::Oto { working, pending, sells_what_it_bought: false };
    bench.place_list(kind.clone()).unwrap();
    expect(
        bench.told(),
        "2 NEW PENDING_NEW
         list 1 EXEC_STARTED EXECUTING
         1 NEW NEW
         balances USDT 905+95",
    );
    bench.price("93");
    expect(
        bench.told(),
        "1 TRADE FILLED 1@95 maker -0.001 BTC
         2 NEW NEW
         balances BTC 9.999+1 USDT 905+0",
    );
    // The working order goes, and the pending one with it.
    bench
        .place_list(NewListKind::Oto {
            working: bench.order(Buy, Limit, "1", "80", ""),
            pending: bench.order(Sell, StopLoss, "1", "", "70"),
            sells_what_it_bought: false,
        })
        .unwrap();
    bench.told();
    bench.cancel(3).unwrap();
    expect(
        bench.told(),
        "4 CANCELED CANCELED
         3 CANCELED CANCELED
         list 2 ALL_DONE ALL_DONE
         balances USDT 905+0",
    );
}

#[test]
fn a_pending_pair_sells_what_was_received_floored_to_the_step() {
    let mut bench = Bench::new();
    bench.exchange.transfer(bench.account, "BTC", decimal("-10"), 0).unwrap();
    bench.told();
    let placed = bench
        .place_list(NewListKind::Otoco {
            working: bench.order(Buy, Limit, "1", "101", ""),
            above: bench.order(Sell, LimitMaker, "", "110", ""),
            below: bench.order(Sell, StopLoss, "", "", "90"),
            sells_what_it_bought: true,
        })
        .unwrap();
    let statuses: Vec<&str> = placed.orders.iter().map(|order| order.status.name()).collect();
    assert_eq!(statuses, ["FILLED", "PENDING_NEW", "PENDING_NEW"], "as the answer shows it");
    expect(
        bench.told(),
        "2 NEW PENDING_NEW
         3 NEW PENDING_NEW
         list 1 EXEC_STARTED EXECUTING
         1 NEW NEW
         1 TRADE FILLED 1@100 taker -0.001 BTC
         2 NEW NEW
         3 NEW NEW
         balances BTC 0+0.999 USDT 900+0",
    );
    bench.price("111");
    expect(
        bench.told(),
        "2 EXPIRED EXPIRED OCO_TRIGGER
         3 TRADE FILLED 0.999@110 maker -0.10989 USDT
         list 1 ALL_DONE ALL_DONE
         balances BTC 0+0 USDT 1009.78011+0",
    );
}

#[test]
fn a_pending_order_that_cannot_be_placed_is_rejected() {
    let mut bench = Bench::new();
    let working = bench.order(Buy, Limit, "1", "95", "");
    let pending = bench.order(Sell, StopLoss, "1", "", "97");
    bench.place_list(NewListKind::Oto { working, pending, sells_what_it_bought: false }).unwrap();
    bench.told();
    bench.price("94");
    expect(
        bench.told(),
        "1 TRADE FILLED 1@95 maker -0.001 BTC
         2 REJECTED REJECTED REJECTED STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY
         list 1 ALL_DONE ALL_DONE
         balances BTC 10.999+0 USDT 905+0",
    );
}

#[test]
fn commission_in_another_asset_is_discounted_while_there_is_enough() {
    let mut bench = Bench::new();
    let rates = bench.exchange.rates(bench.account);
    let discount = CommissionDiscount {
        asset: "BNB".into(),
        factor: decimal("0.75"),
        prices: vec![("USDT".into(), decimal("300"))],
    };
    bench.account = bench.exchange.open_account(rates, Some(discount));
    bench.exchange.transfer(bench.account, "USDT", decimal("1000"), 0).unwrap();
    bench.exchange.transfer(bench.account, "BNB", decimal("0.0004"), 0).unwrap();
    bench.told();
    bench.place(bench.order(Buy, Market, "1", "", "")).unwrap();
    bench.place(bench.order(Buy, Market, "1", "", "")).unwrap();
    expect(
        bench.told(),
        "1 NEW NEW
         1 TRADE FILLED 1@100 taker -0.00025 BNB
         balances BNB 0.00015+0 BTC 1+0 USDT 900+0
         2 NEW NEW
         2 TRADE FILLED 1@100 taker -0.001 BTC
         balances BTC 1.999+0 USDT 800+0",
    );
}

#[test]
fn an_order_is_made_smaller_but_not_larger_nor_too_often() {
    let mut bench = Bench::new();
    let id = bench.place(bench.order(Buy, Limit, "2", "95", "")).unwrap();
    bench.told();
    let key = OrderKey { id: Some(id), client_order_id: None };
    let mut amend = |quantity: &str| {
        let name = Some("smaller".into());
        bench.exchange.amend(bench.account, bench.symbol, &key, decimal(quantity), name, 9)
    };
    assert_eq!(amend("1.5").unwrap().order.quantity, decimal("1.5"));
    assert_eq!(amend("1.5").unwrap_err().code, -2038);
    assert_eq!(amend("3").unwrap_err().code, -2038);
    assert_eq!(amend("1").unwrap().order.amends, 2);
    assert_eq!(amend("0.5").unwrap_err().message, "Filter failure: MAX_NUM_ORDER_AMENDS");
    assert!(bench.told().ends_with("balances USDT 905+95\n"));
}

#[test]
fn refusals_have_the_code_and_words_of_the_protocol() {
    let mut bench = Bench::new();
    let named = |bench: &Bench| NewOrder {
        client_order_id: Some("mine".into()),
        ..bench.order(Buy, Limit, "1", "50", "")
    };
    bench.place(named(&bench)).unwrap();
    let cases: Vec<(NewOrder, i32, &str)> = vec![
        (named(&bench), -2010, "Duplicate order sent."),
        (
            bench.order(Buy, Market, "9.999", "", ""),
            -2010,
            "Account has insufficient balance for requested action.",
        ),
        (
            bench.order(Sell, Limit, "11", "200", ""),
            -2010,
            "Account has insufficient balance for requested action.",
        ),
        (bench.order(Buy, LimitMaker, "1", "100", ""), -2010, "Order would immediately match and take."),
        (bench.order(Sell, StopLoss, "1", "", "100"), -2010, "Order would trigger immediately."),
        (bench.order(Sell, TakeProfit, "1", "", "99"), -2010, "Order would trigger immediately."),
        (
            bench.order(Buy, Limit, "1", "", ""),
            -1102,
            "Mandatory parameter 'price' was not sent, was empty/null, or malformed.",
        ),
        (
            bench.order(Buy, Market, "", "", ""),
            -1102,
            "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!",
        ),
        (
            bench.order(Sell, StopLoss, "1", "", ""),
            -1102,
            "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!",
        ),
        (bench.order(Buy, Market, "1", "99", ""), -1106, "Parameter 'price' sent when not required."),
        (bench.order(Buy, Limit, "0", "99", ""), -1013, "Invalid quantity."),
        (
            bench.order(Buy, Limit, "79228162514264337593543950335", "99", ""),
            -1108,
            "Parameter 'quantity' overflowed.",
        ),
        (
            bench.order(Buy, Limit, "1.0000000001", "99", ""),
            -1111,
            "Parameter 'quantity' has too much precision.",
        ),
        (bench.order(Buy, Limit, "1", "99.001", ""), -1013, "Filter failure: PRICE_FILTER"),
        (bench.order(Buy, Limit, "1.0005", "99", ""), -1013, "Filter failure: LOT_SIZE"),
        (bench.order(Buy, Limit, "0.01", "99", ""), -1013, "Filter failure: NOTIONAL"),
    ];
    for (order, code, message) in cases {
        let refused = bench.exchange.test(bench.account, &order).unwrap_err();
        assert_eq!((refused.code, refused.message.as_ref()), (code, message), "{order:?}");
        assert_eq!(bench.place(order).unwrap_err(), refused);
    }
    let relation = "The relationship of the prices for the orders is not correct.";
    assert_eq!(bench.oco("1", "99", "90").unwrap_err().message, relation);
    bench.exchange.set_rules(bench.symbol, SymbolRules { status: SymbolStatus::Halt, ..rules() });
    let closed = bench.place(bench.order(Buy, Market, "1", "", "")).unwrap_err();
    assert_eq!((closed.code, closed.message.as_ref()), (-2010, "Market is closed."));
}

#[test]
fn only_so_many_closed_orders_are_remembered() {
    let mut bench = Bench::new();
    for _ in 0..150 {
        let id = bench.place(bench.order(Buy, Limit, "1", "50", "")).unwrap();
        bench.cancel(id).unwrap();
    }
    assert_eq!(bench.exchange.orders(bench.account).count(), 100);
    let forgotten = OrderKey { id: Some(1), client_order_id: None };
    assert_eq!(bench.exchange.find(bench.account, bench.symbol, &forgotten).unwrap_err().code, -2013);
}
