//! A million random orders against random filters. What the exchange says and what the connector's check says
//! must be what whole-number arithmetic says.

use super::{exchange, rates, rules};
use mista::model::Side;
use mista::venues::binance::request::{OrderFault, OrderRequest};
use mista::venues::rules::{
    ExchangeFilters, Filters, LotSize, MinNotional, NotionalRange, PercentPrice, PriceFilter, Situation,
    TrailingDelta,
};
use mista::venues::sim::exchange::{NewOrder, SymbolId};
use mista::venues::words::{OrderType, TimeInForce};
use rust_decimal::Decimal;

/// Prices and quantities are whole numbers of 10⁻⁸.
const SCALE: u32 = 8;
const ONE: i128 = 100_000_000;

fn decimal(units: i128) -> Decimal {
    Decimal::from_i128_with_scale(units, SCALE)
}

/// The same filters in whole numbers. Multipliers are in thousandths.
#[derive(Debug, Clone, Copy, Default)]
struct Oracle {
    price: Option<[i128; 3]>,
    percent: Option<[i128; 4]>,
    lot: Option<[i128; 3]>,
    market_lot: Option<[i128; 3]>,
    min_notional: Option<(i128, bool)>,
    notional: Option<(i128, bool, i128, bool)>,
    iceberg_parts: Option<i128>,
    trailing: Option<[u32; 4]>,
    max_position: Option<i128>,
}

/// An order in whole numbers; 0 where a field is absent.
#[derive(Debug, Clone, Copy)]
struct Asked {
    side: Side,
    order_type: OrderType,
    quantity: i128,
    quote: i128,
    price: i128,
    stop: i128,
    iceberg: i128,
    trailing: u32,
}

const POSITION: i128 = 50 * ONE;
const AVERAGE: i128 = 100 * ONE;

impl Oracle {
    fn random(random: &mut fastrand::Rng) -> Oracle {
        let step = |random: &mut fastrand::Rng| {
            let steps = [0, 1, 100, 25_000, 300_000, 1_000_000, 10_000_000, ONE, 5 * ONE];
            steps[random.usize(..steps.len())]
        };
        let bounds = |random: &mut fastrand::Rng, typical: i128| {
            let min = if random.bool() { 0 } else { random.i128(1..typical) };
            let max = if random.bool() { 0 } else { random.i128(typical..typical * 20) };
            [min, max, step(random)]
        };
        let maybe = |random: &mut fastrand::Rng| random.u8(..10) < 6;
        Oracle {
            price: maybe(random).then(|| bounds(random, 90 * ONE)),
            percent: maybe(random).then(|| {
                [random.i128(1001..6000), random.i128(1..999), random.i128(1001..6000), random.i128(1..999)]
            }),
            lot: maybe(random).then(|| bounds(random, ONE)),
            market_lot: maybe(random).then(|| bounds(random, ONE)),
            min_notional: maybe(random).then(|| (random.i128(1..200) * ONE, random.bool())),
            notional: maybe(random).then(|| {
                let max = if random.bool() { 0 } else { random.i128(200..100_000) * ONE };
                (random.i128(1..200) * ONE, random.bool(), max, random.bool())
            }),
            iceberg_parts: maybe(random).then(|| random.i128(1..20)),
            trailing: maybe(random)
                .then(|| [random.u32(1..50), random.u32(50..2000), random.u32(1..50), random.u32(50..2000)]),
            max_position: maybe(random).then(|| POSITION + random.i128(1..20) * ONE),
        }
    }

    fn filters(&self) -> Filters {
        let thousandths = |value: i128| Decimal::from_i128_with_scale(value, 3);
        let lot = |[min, max, step]: [i128; 3]| LotSize {
            min_qty: decimal(min),
            max_qty: decimal(max),
            step_size: decimal(step),
        };
        Filters {
            price: self.price.map(|[min, max, tick]| PriceFilter {
                min_price: decimal(min),
                max_price: decimal(max),
                tick_size: decimal(tick),
            }),
            percent_price_by_side: self.percent.map(|[bid_up, bid_down, ask_up, ask_down]| PercentPrice {
                bid_up: thousandths(bid_up),
                bid_down: thousandths(bid_down),
                ask_up: thousandths(ask_up),
                ask_down: thousandths(ask_down),
                avg_price_mins: 5,
            }),
            lot_size: self.lot.map(lot),
            market_lot_size: self.market_lot.map(lot),
            min_notional: self.min_notional.map(|(least, apply_to_market)| MinNotional {
                min_notional: decimal(least),
                apply_to_market,
                avg_price_mins: 5,
            }),
            notional: self.notional.map(|(least, min_to_market, most, max_to_market)| NotionalRange {
                min_notional: decimal(least),
                apply_min_to_market: min_to_market,
                max_notional: decimal(most),
                apply_max_to_market: max_to_market,
                avg_price_mins: 5,
            }),
            iceberg_parts: self.iceberg_parts.map(|parts| parts as u32),
            trailing_delta: self.trailing.map(|[min_above, max_above, min_below, max_below]| TrailingDelta {
                min_above,
                max_above,
                min_below,
                max_below,
            }),
            max_position: self.max_position.map(decimal),
            ..Filters::default()
        }
    }

    /// The name of the first filter that refuses.
    fn judge(&self, asked: &Asked) -> Option<&'static str> {
        let outside = |value: i128, [min, max, step]: [i128; 3]| {
            (min != 0 && value < min) || (max != 0 && value > max) || (step != 0 && value % step != 0)
        };
        let given = |value: i128| (value != 0).then_some(value);
        let is_market =
            matches!(asked.order_type, OrderType::Market | OrderType::StopLoss | OrderType::TakeProfit);
        let prices = [given(asked.price), given(asked.stop)];
        if self.price.is_some_and(|it| prices.iter().flatten().any(|price| outside(*price, it))) {
            return Some("PRICE_FILTER");
        }
        if let (Some([bid_up, bid_down, ask_up, ask_down]), Some(price)) = (self.percent, given(asked.price))
        {
            let (up, down) = if asked.side == Side::Buy { (bid_up, bid_down) } else { (ask_up, ask_down) };
            if price * 1000 > AVERAGE * up || price * 1000 < AVERAGE * down {
                return Some("PERCENT_PRICE_BY_SIDE");
            }
        }
        let quantities = [given(asked.quantity), given(asked.iceberg)];
        if self.lot.is_some_and(|it| quantities.iter().flatten().any(|quantity| outside(*quantity, it))) {
            return Some("LOT_SIZE");
        }
        if is_market && asked.quantity != 0 && self.market_lot.is_some_and(|it| outside(asked.quantity, it)) {
            return Some("MARKET_LOT_SIZE");
        }
        let price = if is_market { AVERAGE } else { asked.price };
        let notional = if asked.quote != 0 { asked.quote * ONE } else { asked.quantity * price };
        if let Some((least, to_market)) = self.min_notional
            && (!is_market || to_market)
            && notional < least * ONE
        {
            return Some("MIN_NOTIONAL");
        }
        if let Some((least, min_to_market, most, max_to_market)) = self.notional {
            let small = (!is_market || min_to_market) && notional < least * ONE;
            let large = (!is_market || max_to_market) && most != 0 && notional > most * ONE;
            if small || large {
                return Some("NOTIONAL");
            }
        }
        if let (Some(parts), Some(iceberg)) = (self.iceberg_parts, given(asked.iceberg))
            && (asked.quantity + iceberg - 1) / iceberg > parts
        {
            return Some("ICEBERG_PARTS");
        }
        if let (Some([min_above, max_above, min_below, max_below]), true) =
            (self.trailing, asked.trailing != 0)
        {
            let above = matches!(
                (asked.order_type, asked.side),
                (OrderType::StopLoss | OrderType::StopLossLimit, Side::Buy)
                    | (OrderType::TakeProfit | OrderType::TakeProfitLimit, Side::Sell)
            );
            let (least, most) = if above { (min_above, max_above) } else { (min_below, max_below) };
            if asked.trailing < least || asked.trailing > most {
                return Some("TRAILING_DELTA");
            }
        }
        if asked.side == Side::Buy
            && asked.quantity != 0
            && self.max_position.is_some_and(|most| POSITION + asked.quantity > most)
        {
            return Some("MAX_POSITION");
        }
        None
    }
}

impl Asked {
    /// Near the edges of `filters` more often than not.
    fn random(random: &mut fastrand::Rng, filters: &Oracle) -> Asked {
        let order_type = OrderType::ALL[random.usize(..OrderType::ALL.len())];
        let near = |random: &mut fastrand::Rng, bounds: Option<[i128; 3]>, typical: i128| {
            let [min, max, step] = bounds.unwrap_or_default();
            let edges = [min, max, typical, typical / 3, random.i128(1..typical * 3)];
            let edge = edges[random.usize(..edges.len())].max(1);
            let snapped = if step > 0 && random.u8(..10) < 8 { edge / step * step } else { edge };
            let nudge = [0, 0, 0, 1, -1, step, -step];
            (snapped + nudge[random.usize(..nudge.len())]).max(1)
        };
        let has_price = order_type.has_price();
        let by_quote = order_type == OrderType::Market && random.bool();
        let quantity = if by_quote { 0 } else { near(random, filters.lot, 2 * ONE) };
        let least = filters.notional.map_or(100 * ONE, |(least, ..)| least);
        let iceberg =
            if has_price && random.u8(..10) < 3 { (quantity / random.i128(1..25)).max(1) } else { 0 };
        Asked {
            side: if random.bool() { Side::Buy } else { Side::Sell },
            order_type,
            quantity,
            quote: if by_quote { (least + random.i128(-2..3)).max(1) } else { 0 },
            price: if has_price { near(random, filters.price, 100 * ONE) } else { 0 },
            stop: if order_type.is_conditional() { near(random, filters.price, 100 * ONE) } else { 0 },
            iceberg,
            trailing: if order_type.is_conditional() && random.bool() { random.u32(1..2500) } else { 0 },
        }
    }

    fn order(&self) -> NewOrder {
        let given = |value: i128| (value != 0).then(|| decimal(value));
        let has_tif = matches!(
            self.order_type,
            OrderType::Limit | OrderType::StopLossLimit | OrderType::TakeProfitLimit
        );
        NewOrder {
            time_in_force: has_tif.then_some(TimeInForce::Gtc),
            quantity: given(self.quantity),
            quote_quantity: given(self.quote),
            price: given(self.price),
            stop_price: given(self.stop),
            iceberg_quantity: given(self.iceberg),
            trailing_delta: (self.trailing != 0).then_some(self.trailing),
            ..NewOrder::new(SymbolId(0), self.side, self.order_type)
        }
    }
}

#[test]
fn a_million_orders_are_judged_alike() {
    let mut random = fastrand::Rng::with_seed(20_260_721);
    let mut refused = std::collections::BTreeMap::<&str, u32>::new();
    for _ in 0..10_000 {
        let oracle = Oracle::random(&mut random);
        let filters = oracle.filters();
        let rules = rules(filters);
        let mut exchange = exchange(filters, 10);
        let account = exchange.open_account(rates(10), None);
        exchange.transfer(account, "BTC", decimal(POSITION), 0).unwrap();
        exchange.on_price(SymbolId(0), decimal(AVERAGE), true, 0);
        let situation = Situation {
            average_price: Some(decimal(AVERAGE)),
            position: Some(decimal(POSITION)),
            ..Situation::default()
        };
        for _ in 0..100 {
            let asked = Asked::random(&mut random, &oracle);
            let order = asked.order();
            let expected = oracle.judge(&asked);
            let request = OrderRequest {
                shape: order.shape(),
                ..OrderRequest::new("BTCUSDT", asked.side, asked.order_type, "mine")
            };
            let connector = match request.check(&rules, &ExchangeFilters::default(), &situation) {
                Ok(_) => None,
                Err(OrderFault::Filter(failure)) => Some(failure.name()),
                Err(fault) => panic!("{fault}: {asked:?}"),
            };
            let told = exchange.test(account, &order).err().filter(|refusal| refusal.code == -1013);
            let told = told.map(|refusal| refusal.message.into_owned());
            let named = expected.map(|name| format!("Filter failure: {name}"));
            assert_eq!((connector, told), (expected, named), "{asked:?}\n{oracle:?}");
            *refused.entry(expected.unwrap_or("accepted")).or_default() += 1;
        }
    }
    // Every filter was met often enough for the agreement to mean something.
    assert_eq!(refused.len(), 10, "{refused:?}");
    assert!(refused.values().all(|count| *count > 1000), "{refused:?}");
}
