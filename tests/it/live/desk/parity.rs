//! Told the same candles, the desk on the simulated exchange makes the trades of a backtest that books as the
//! exchange does: every field of every trade, and the equity at every close.

use super::broker::Broker;
use super::ride::{Events, Ride};
use super::{rules, session};
use crate::support::{BTC_1H, BTC_5M, ETH_5M, SCRIPTS, candles, script_path};
use mista::backtest::Backtest;
use mista::engine::{Booking, ColumnCache, Growth, Settings};
use mista::live::desk::{Desk, ProtectionMode};
use mista::live::record::Session;
use mista::model::{Candle, ExitReason, Size, Trade, parse_iso};
use mista::script::{Script, Written};
use rust_decimal::Decimal;
use std::path::Path;

struct Case<'a> {
    /// A bundled script, or the text of one.
    script: &'a str,
    symbol: &'a str,
    data: &'static str,
    days: [&'a str; 2],
    set: &'a [&'a str],
    size: Size,
    protection: ProtectionMode,
    events: Events,
    acks: bool,
}

const CASE: Case<'static> = Case {
    script: "",
    symbol: "BTCUSDT",
    data: BTC_5M,
    days: ["2023-03-20T12:00:00Z", "2023-03-29"],
    set: &[],
    size: Size::EquityPct(95.0),
    protection: ProtectionMode::Exchange,
    events: Events::After,
    acks: false,
};

fn load(case: &Case<'_>) -> Script {
    let mut script = if SCRIPTS.contains(&case.script) {
        Script::load(&script_path(case.script)).unwrap()
    } else {
        Script::compile("inline.rhai", case.script, Path::new(".")).unwrap()
    };
    let mut parameters = script.parameters();
    for assignment in case.set {
        let (name, value) = assignment.split_once('=').unwrap();
        parameters.set(name, &Written::Text(value.to_owned())).unwrap();
    }
    script.prepare(&parameters).unwrap();
    script
}

/// Returns how often each exit was.
fn check(case: &Case<'_>) -> Vec<Trade> {
    let all = candles(case.data);
    let symbol_rules = rules(case.symbol);
    let mut script = load(case);
    let mut parameters = script.parameters();
    for assignment in case.set {
        let (name, value) = assignment.split_once('=').unwrap();
        parameters.set(name, &Written::Text(value.to_owned())).unwrap();
    }
    let settings = Settings {
        symbol: case.symbol.to_owned(),
        rules: parameters.rules(case.symbol),
        limits: parameters.limits(),
        size: case.size,
        instrument: Some(symbol_rules.instrument()),
        booking: Booking::Exchange,
        ..Settings::default()
    };
    let [from, to] = case.days.map(|day| all.first_at_or_after(parse_iso(day).unwrap()));
    let data = script.data(&settings.rules, &ColumnCache::new(all.clone()));
    let backtest = Backtest { settings: &settings, data: &data, rows: from..to, detail: None };
    let outcome = backtest.run(&mut script).unwrap();

    let live = load(case);
    let (specs, filter) = (live.specs().to_vec(), settings.rules.atr_filter);
    let interval = if case.data == BTC_1H { "1h" } else { "5m" };
    let started = Session { interval: interval.to_owned(), ..session(&settings, case.protection) };
    let live = std::cell::RefCell::new(Some(live));
    let make = move |candles: &[Candle]| {
        let (data, growth) = Growth::start(candles.iter().copied().collect(), &specs, filter.as_ref());
        Desk::new(&started, live.take().unwrap(), data, growth)
    };
    let warmup: Vec<Candle> = (0..from).map(|row| all.get(row)).collect();
    let mut broker = Broker::new(symbol_rules, Decimal::from(10_000));
    broker.acks = case.acks;
    let mut ride = Ride::new(&warmup, broker, Box::new(make));
    ride.events = case.events;
    for row in from..to {
        ride.candle(all.get(row));
        ride.check();
    }
    let what = format!("{} {} {:?}", &case.script[..case.script.len().min(40)], case.symbol, case.set);
    assert_eq!(
        ride.alarms.iter().filter(|it| !it.contains("are missing")).count(),
        0,
        "{what}: {:?}",
        ride.alarms
    );
    let plain = |trade: &Trade| Trade { ambiguous: false, ..trade.clone() };
    let made: Vec<Trade> = ride.trades.iter().map(|closed| plain(&closed.trade)).collect();
    let open = outcome.trades.last().filter(|last| last.exit_reason == ExitReason::EndOfData).is_some();
    let closed = outcome.trades.len() - usize::from(open);
    for (index, (made, meant)) in made.iter().zip(&outcome.trades[..closed]).enumerate() {
        assert_eq!(*made, plain(meant), "{what}: trade {index}");
    }
    assert_eq!(made.len(), closed, "{what}");
    let equity: Vec<f64> = ride.decisions.iter().map(|decision| decision.equity).collect();
    let last = equity.len() - usize::from(open);
    assert_eq!(equity[..last], outcome.equity[..last], "{what}: equity");
    made
}

/// What the bundled scripts leave out.
const MOVES: &str = r#"
fn params() { #{ kind: int(0, 0, 5), step: int(7, 1, 1000) } }
fn init(p) { #{ fast: ema(close, 9), slow: ema(close, 21), atr: atr(14) } }
fn on_candle(ctx, p) {
    if ctx.is_flat {
        if crossed_above(ctx.fast, ctx.slow) || ctx.index % p.step == 0 {
            ctx.enter_long("in");
            switch p.kind {
                0 => { ctx.trail_pct(0.004); ctx.break_even_after(0.003); ctx.target_pct(0.012); }
                1 => { ctx.stop_at(ctx.close - 2.0 * ctx.atr); ctx.target_at(ctx.close + 3.0 * ctx.atr); }
                2 => { ctx.trail_pct(0.003); ctx.stop_pct(0.005); }
                3 => { ctx.stop_pct(0.004); ctx.size_risk_pct(1.0); }
                4 => { ctx.target_pct(0.004); ctx.size_quote(500.0); }
                _ => { ctx.stop_at(ctx.close * 1.0005); }
            }
        }
    } else {
        switch p.kind {
            1 => { ctx.stop_at(ctx.close - 1.5 * ctx.atr); }
            2 => { if ctx.candles_held == 3 { ctx.trail_pct(0.001); } }
            3 => { if ctx.candles_held % 2 == 0 { ctx.stop_at(ctx.close - 0.3 * ctx.atr); } else { ctx.target_at(ctx.close + 0.5 * ctx.atr); } }
            4 => { if ctx.candles_held == 4 { ctx.stop_pct(0.002); } if ctx.candles_held == 8 { ctx.exit("long enough"); } }
            5 => { if ctx.candles_held > 2 { ctx.stop_at(ctx.close + 0.2 * ctx.atr); } }
            _ => {}
        }
    }
}
"#;

const BASE: [&[&str]; 6] = [
    &[],
    &["stop_loss_pct=0.006", "take_profit_pct=0.01"],
    &["trailing_stop_loss_pct=0.005"],
    &["trailing_stop_loss_pct=0.008", "stop_loss_pct=0.006", "take_profit_pct=0.02", "cooldown_candles=3"],
    &["take_profit_pct=0.004", "max_holding_candles=12"],
    &["stop_loss_pct=0.004", "max_daily_loss=100", "max_drawdown_limit=0.05", "max_consecutive_losses=3"],
];

#[test]
fn bundled_scripts_trade_on_the_exchange_as_they_do_in_a_backtest() {
    let mut trades = 0;
    for script in SCRIPTS {
        for (symbol, data) in [("BTCUSDT", BTC_5M), ("ETHUSDT", ETH_5M)] {
            for set in BASE {
                trades += check(&Case { script, symbol, data, set, ..CASE }).len();
            }
        }
    }
    assert!(trades > 1_000, "{trades}");
}

#[test]
fn levels_that_move_are_met_where_a_backtest_meets_them() {
    let mut exits = std::collections::BTreeMap::new();
    for kind in 0..6 {
        let kind = format!("kind={kind}");
        for (step, acks) in [("step=7", false), ("step=1000", true), ("step=3", false)] {
            for events in [Events::Before, Events::After, Events::Twice] {
                let case = Case { script: MOVES, set: &[&kind, step], events, acks, ..CASE };
                for trade in check(&case) {
                    *exits.entry(trade.exit_reason.name()).or_insert(0) += 1;
                }
            }
        }
    }
    for reason in ["signal", "stop_loss", "trailing_stop", "take_profit"] {
        assert!(exits.get(reason).is_some_and(|count| *count > 20), "{exits:?}");
    }
}

#[test]
fn levels_that_are_watched_here_are_met_where_a_backtest_meets_them() {
    // Between two prices that are seen a level is not met: only what rests is met there.
    let case = Case { script: "momentum", set: &[], protection: ProtectionMode::Local, ..CASE };
    check(&case);
}

#[test]
#[ignore = "minutes: years of candles"]
fn years_of_candles() {
    for script in SCRIPTS {
        for days in [["2020-01-01", "2021-01-01"], ["2022-06-01", "2023-06-01"]] {
            for set in BASE {
                check(&Case { script, data: BTC_1H, days, set, ..CASE });
            }
        }
    }
    for kind in 0..6 {
        let kind = format!("kind={kind}");
        check(&Case {
            script: MOVES,
            data: BTC_1H,
            days: ["2021-03-07", "2022-03-07"],
            set: &[&kind],
            size: Size::Quote(200.0),
            ..CASE
        });
    }
}
