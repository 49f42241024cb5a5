//! A stop and a target that rest on the simulated exchange end a position where, when and for the reason that a
//! backtest says, candle by candle.

use super::{exchange, rates};
use mista::engine::{BaseLevels, Costs, Levels, Protection, Venue};
use mista::model::{Candle, Candles, Direction, ExitReason, Side};
use mista::venues::rules::{Filters, LotSize, PriceFilter};
use mista::venues::sim::SimulatedVenue;
use mista::venues::sim::exchange::{AccountEventKind, NewList, NewListKind, NewOrder, SymbolId};
use mista::venues::sim::path::{Extremes, prices};
use mista::venues::words::OrderType;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// Candles on a grid of whole prices, with gaps between them.
fn candles(random: &mut fastrand::Rng) -> Candles {
    let mut close = 1000i64;
    (0..40)
        .map(|row| {
            let open = (close + if random.u8(..3) == 0 { random.i64(-25..=25) } else { 0 }).max(50);
            let (high, low) = (open + random.i64(0..20), (open - random.i64(0..20)).max(10));
            close = random.i64(low..=high);
            let open_time = row * 60_000;
            Candle {
                open_time,
                close_time: open_time + 59_999,
                open: open as f64,
                high: high as f64,
                low: low as f64,
                close: close as f64,
                volume: 1.0,
            }
        })
        .collect()
}

#[test]
fn an_exit_on_the_exchange_is_the_backtests_exit() {
    let mut random = fastrand::Rng::with_seed(5);
    let mut ended = [0; 3];
    for _ in 0..5_000 {
        let candles = candles(&mut random);
        let entry = candles.open[0] as i64;
        let (stop, target) = (entry - random.i64(1..60), entry + random.i64(1..60));

        let levels =
            Levels { stop_price: Some(stop as f64), target_price: Some(target as f64), ..Levels::default() };
        let mut protection = Protection::new(Direction::Long, entry as f64, BaseLevels::default(), levels);
        let mut venue = SimulatedVenue::new(&candles, None, Costs { commission_bps: 0.0, slippage_bps: 0.0 });
        let expected = (0..candles.len()).find_map(|row| {
            let (hit, _) = venue.walk(row, Direction::Long, &mut protection)?;
            Some((row, hit.reason, hit.price))
        });

        let filters = Filters {
            price: Some(PriceFilter { tick_size: Decimal::ONE, ..PriceFilter::default() }),
            lot_size: Some(LotSize { step_size: Decimal::ONE, ..LotSize::default() }),
            ..Filters::default()
        };
        let mut exchange = exchange(filters, 10);
        let account = exchange.open_account(rates(0), None);
        let symbol = SymbolId(0);
        exchange.transfer(account, "BTC", Decimal::ONE, 0).unwrap();
        exchange.set_price(symbol, entry.into());
        let leg = |order_type| NewOrder {
            quantity: Some(Decimal::ONE),
            ..NewOrder::new(symbol, Side::Sell, order_type)
        };
        let above = NewOrder { price: Some(target.into()), ..leg(OrderType::LimitMaker) };
        let below = NewOrder { stop_price: Some(stop.into()), ..leg(OrderType::StopLoss) };
        let list = NewList { client_list_id: None, kind: NewListKind::Oco { above, below } };
        exchange.place_list(account, list, 0).unwrap();
        exchange.take_events();
        let mut found = None;
        for row in 0..candles.len() {
            for (leg, price) in
                prices(&candles, row, Direction::Long, Extremes::AdverseFirst).into_iter().enumerate()
            {
                let price = Decimal::from(price as i64);
                exchange.on_price(symbol, price, leg == 0, row as i64);
                for event in exchange.take_events() {
                    let AccountEventKind::Execution(report) = event.kind else { continue };
                    let Some(fill) = report.fill else { continue };
                    assert!(found.is_none(), "two exits");
                    let reason = match report.order.order_type {
                        OrderType::LimitMaker => ExitReason::TakeProfit,
                        _ => ExitReason::StopLoss,
                    };
                    found = Some((row, reason, fill.price.to_f64().unwrap()));
                }
            }
        }
        assert_eq!(found, expected, "stop {stop}, target {target}, {candles:?}");
        ended[expected.map_or(2, |(_, reason, _)| usize::from(reason == ExitReason::TakeProfit))] += 1;
    }
    assert!(ended.iter().all(|count| *count > 30), "{ended:?}");
}
