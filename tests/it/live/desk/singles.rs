//! One thing at a time: what is too late, too little, overdue, to be sold at the end, or done by a script that fails.

use super::broker::{Broker, SYMBOL};
use super::ride::{Fault, Ride};
use super::{Act, Acts, desks, exchange_settings, hour, rules, session};
use mista::config::RuntimeConfig;
use mista::engine::{Growth, Levels, Limits, RiskState};
use mista::live::desk::ProtectionMode;
use mista::live::record::{LiveConfig, Record, RefusedAs, Request, ScriptText};
use mista::model::{ExitReason, Refusal, Side, Size, Veto};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

const ENTER: Act = Act { enter: true, exit: false, levels: NO_LEVELS, fails: false };
const LEAVE: Act = Act { enter: false, exit: true, levels: NO_LEVELS, fails: false };
const NO_LEVELS: Levels = Levels {
    stop_price: None,
    stop_pct: None,
    target_price: None,
    target_pct: None,
    trail_pct: None,
    break_even_pct: None,
};

fn stop_at(price: f64) -> Act {
    Act { levels: Levels { stop_price: Some(price), ..NO_LEVELS }, ..ENTER }
}

fn ride<const N: usize>(acts: [(usize, Act); N], size: Size) -> Ride<Acts> {
    let rules = rules("BTCUSDT");
    let settings = mista::engine::Settings { size, ..exchange_settings(&rules) };
    let broker = Broker::new(rules, Decimal::from(10_000));
    Ride::new(&[], broker, desks(&settings, ProtectionMode::Exchange, Acts(acts.into())))
}

fn flat(row: usize, price: f64) -> mista::model::Candle {
    hour(row, [price; 4])
}

const LARGE: Size = Size::EquityPct(95.0);

#[test]
fn nothing_is_bought_while_a_purchase_is_in_doubt() {
    let mut ride = ride([(0, ENTER), (1, ENTER)], LARGE);
    let mut first = true;
    ride.plan = Box::new(move |_| {
        let fault = if std::mem::take(&mut first) { Fault::Unknown(Some(3_000)) } else { Fault::None };
        (fault, None)
    });
    ride.candle(flat(0, 100.0));
    // The open, and nothing is answered before the candle is over.
    ride.price(flat(1, 100.0).open_time, 100.0, true);
    ride.step();
    ride.tell(Record::Candle { candle: flat(1, 100.0) });
    ride.price(flat(2, 100.0).open_time, 100.0, true);
    assert_eq!(ride.held, [Refusal::Late], "the second");
    ride.settle(true);
    ride.check();
    assert!(ride.desk.view().1.position.position().is_some());
}

#[test]
fn what_is_too_late_is_not_entered_but_it_is_left() {
    let mut ride = ride([(0, ENTER), (1, ENTER), (3, LEAVE)], LARGE);
    ride.candle(flat(0, 100.0));
    ride.tell(Record::Late);
    assert_eq!(ride.held, [Refusal::Late]);
    for row in 1..4 {
        ride.candle(flat(row, 100.0));
    }
    ride.tell(Record::Late);
    ride.price(flat(4, 100.0).open_time + 60_000, 100.0, false);
    ride.settle(true);
    ride.check();
    assert_eq!(ride.trades.len(), 1);
}

fn limit(ride: &mut Ride<Acts>, limits: Limits) {
    let settings = mista::engine::Settings { limits, ..ride.desk.settings().clone() };
    let config = LiveConfig { settings, paused: false, changes: Vec::new(), now: RuntimeConfig::default() };
    ride.tell(Record::Config(Box::new(config)));
}

#[test]
fn a_limit_that_is_set_later_counts_from_what_was_there_before() {
    let hours = |ride: &mut Ride<Acts>, rows: std::ops::Range<usize>, price: f64| {
        rows.for_each(|row| ride.candle(flat(row, price)));
        ride.decisions.last().and_then(|decision| decision.risk)
    };
    let by_drawdown = Limits { max_drawdown_limit: Some(0.1), ..Limits::default() };
    let by_day = Limits { max_daily_loss: Some(1_000.0), ..Limits::default() };
    for limits in [by_drawdown, by_day] {
        let mut ride = ride([(0, ENTER)], LARGE);
        // On the second day twice what it was on the first.
        assert_eq!(hours(&mut ride, 0..24, 100.0), None);
        assert_eq!(hours(&mut ride, 24..48, 200.0), None);
        limit(&mut ride, limits);
        assert_eq!(hours(&mut ride, 48..49, 200.0), None, "{limits:?}");
        assert_eq!(hours(&mut ride, 49..50, 170.0), Some(RiskState::Reducing), "{limits:?}");
    }
}

#[test]
fn a_halt_outlives_the_limit_that_made_it() {
    let mut ride = ride([(0, ENTER), (4, ENTER)], LARGE);
    limit(&mut ride, Limits { max_cumulative_loss: Some(1_000.0), ..Limits::default() });
    for (row, price) in [(0, 100.0), (1, 100.0), (2, 80.0), (3, 80.0)] {
        ride.candle(flat(row, price));
    }
    assert_eq!(ride.trades.len(), 1, "closed by the limit");
    limit(&mut ride, Limits::default());
    for row in 4..7 {
        ride.candle(flat(row, 80.0));
    }
    let decision = &ride.decisions[4];
    assert_eq!((decision.risk, decision.veto), (Some(RiskState::Halted), Some(Veto::MaxCumulativeLoss)));
    assert!(ride.desk.view().1.position.position().is_none());
    assert_eq!(ride.trades.len(), 1);
}

#[test]
fn a_level_that_the_exchange_sleeps_through_is_asked_for_once_and_then_left_at_the_market() {
    let mut ride = ride([(0, stop_at(98.0))], LARGE);
    ride.candle(flat(0, 100.0));
    ride.candle(flat(1, 100.0));
    let asked =
        |ride: &Ride<Acts>| ride.requests.iter().filter(|it| matches!(it, Request::AskOrder { .. })).count();
    let before = asked(&ride);
    ride.price(ride.broker.now + 1, 97.5, false);
    assert!(ride.desk.is_idle(), "the exchange sells");
    ride.settle(true);
    assert_eq!(asked(&ride) - before, 1);
    ride.check();
    let [closed] = ride.trades.as_slice() else { panic!("{:?}", ride.trades) };
    assert_eq!(closed.trade.exit_reason, ExitReason::StopLoss);
    assert!(matches!(ride.requests.last(), Some(Request::Market { side: Side::Sell, .. })));
    assert_eq!(ride.alarms.len(), 1);
}

#[test]
fn whoever_ends_flat_sells_what_comes_in_later_too() {
    for fault in [Fault::None, Fault::Unknown(Some(2_000))] {
        let mut ride = ride([(0, stop_at(98.0))], LARGE);
        ride.plan = Box::new(move |request| {
            let is_entry = matches!(request, Request::Market { side: Side::Buy, .. });
            (if is_entry { fault } else { Fault::None }, None)
        });
        ride.candle(flat(0, 100.0));
        ride.price(flat(1, 100.0).open_time, 100.0, true);
        ride.step();
        ride.tell(Record::Stop { flatten: true });
        ride.settle(true);
        ride.check();
        assert!(ride.desk.view().1.position.position().is_none());
        assert_eq!(&*ride.trades[0].trade.exit_note, "flatten");
    }
}

#[test]
fn a_rest_below_what_the_exchange_takes_stays_in_the_books() {
    let mut ride = ride([(0, ENTER), (2, LEAVE), (4, ENTER), (6, LEAVE)], Size::Quote(100.0));
    let mut first = true;
    ride.plan = Box::new(move |request| match request {
        Request::Market { side: Side::Sell, .. } if std::mem::take(&mut first) => {
            (Fault::Partial(1, 99), None)
        }
        _ => (Fault::None, None),
    });
    for row in 0..5 {
        ride.candle(flat(row, 100.0));
    }
    let [closed] = ride.trades.as_slice() else { panic!("{:?}", ride.trades) };
    let dust = ride.desk.view().1.position.dust();
    assert!(dust > 0.009 && closed.trade.quantity < 0.99 && ride.alarms.is_empty());
    for row in 5..8 {
        ride.candle(flat(row, 100.0));
    }
    ride.check();
    assert!(ride.trades[1].trade.quantity > 1.0, "it was sold with the next position");
    assert!(ride.desk.view().1.position.dust() < 0.00001);
}

#[test]
fn a_position_that_fell_below_what_the_exchange_takes_is_sold_once_it_can_be() {
    let mut ride = ride([(0, ENTER), (2, LEAVE)], Size::Quote(5.1));
    ride.candle(flat(0, 100.0));
    ride.candle(flat(1, 100.0));
    for row in 2..5 {
        ride.candle(flat(row, 90.0));
        ride.settle(true);
        assert_eq!(ride.alarms.len(), row.saturating_sub(2), "once a candle");
        assert!(ride.desk.view().1.position.position().is_some());
    }
    ride.candle(flat(5, 110.0));
    ride.check();
    let [closed] = ride.trades.as_slice() else { panic!("{:?}", ride.trades) };
    assert_eq!((closed.trade.exit_reason, closed.trade.exit_price), (ExitReason::Signal, 110.0));
}

#[test]
fn a_position_that_cannot_be_protected_in_time_is_left() {
    let mut ride = ride([(0, stop_at(98.0))], LARGE);
    ride.plan = Box::new(|request| match request {
        Request::Stop { .. } => (Fault::Refused(RefusedAs::NotNow), None),
        _ => (Fault::None, None),
    });
    ride.candle(flat(0, 100.0));
    let before = ride.wall;
    ride.candle(flat(1, 100.0));
    ride.settle(true);
    ride.check();
    assert_eq!(ride.trades[0].trade.exit_reason, ExitReason::StopLoss);
    assert!(ride.wall - before < 5_000);
}

#[test]
fn a_script_that_fails_gives_way_to_the_one_before_or_rests_and_protection_stays() {
    let fails = Act { enter: false, fails: true, ..ENTER };
    let mut ride = ride([(0, stop_at(98.0)), (4, LEAVE)], LARGE);
    for row in 0..2 {
        ride.candle(flat(row, 100.0));
    }
    let started = session(&exchange_settings(&rules("BTCUSDT")), ProtectionMode::Exchange);
    let text = ScriptText { generation: 2, ..started.script };
    let swap = |ride: &mut Ride<Acts>, row: usize| {
        let candles = (0..2).map(|row| flat(row, 100.0)).collect();
        let (data, growth) = Growth::start(candles, &[], None);
        ride.desk.swap(ride.wall, &text, Acts([(row, fails)].into()), data, growth)
    };
    assert!(swap(&mut ride, 3).is_empty());
    for row in 2..4 {
        ride.candle(flat(row, 100.0));
    }
    assert_eq!(ride.desk.view().0.generation, 1, "rolled back");
    ride.candle(flat(4, 100.0));
    ride.candle(flat(5, 100.0));
    assert_eq!(ride.trades.len(), 1, "the one before decided at the fourth close");

    let mut ride = self::ride([(0, stop_at(98.0)), (2, fails), (3, LEAVE)], LARGE);
    for row in 0..5 {
        ride.candle(flat(row, 100.0));
        ride.check();
    }
    assert!(ride.desk.view().0.stopped.is_some() && ride.trades.is_empty());
    ride.candle(hour(5, [100.0, 100.0, 97.0, 97.0]));
    ride.check();
    assert_eq!(ride.trades[0].trade.exit_price, 98.0);
    assert_eq!(ride.broker.exchange.last_price(SYMBOL).to_f64(), Some(97.0));
}
