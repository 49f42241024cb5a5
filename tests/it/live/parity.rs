//! A trader that trades over sockets decides and trades what a backtest over the same candles does, to the last digit; and
//! its journal gives the same once more.

use super::led::{TRADING, Trading, trade};
use crate::support::{BTC_1H, BTC_5M, ETH_5M, SCRIPTS};
use mista::live::desk::ProtectionMode;
use mista::live::parity::{Parity, parity};
use mista::live::record::Record;
use mista::live::replay::replay;
use mista::model::Size;
use std::collections::BTreeMap;
use std::time::Instant;

/// A session that was compared.
struct Compared {
    parity: Parity,
    exits: BTreeMap<&'static str, u64>,
    candles_per_s: f64,
}

/// Trades, and compares with the same once more and with a backtest.
fn compare(trading: Trading<'_>) -> Compared {
    let what = format!("{} {:?}", trading.script, trading.set);
    let begun = Instant::now();
    let traded = trade(trading);
    let seconds = begun.elapsed().as_secs_f64();
    assert!(traded.farewell.market_ended, "{what}");
    let entries = traded.entries();
    let mut exits = BTreeMap::new();
    for entry in &entries {
        match &entry.record {
            // The exchange had an outage on some days.
            Record::Alarm { text } if text.starts_with("candles are missing from") => {}
            Record::Alarm { text } | Record::Note { text } => panic!("{what}: {text}"),
            Record::Trade(closed) => *exits.entry(closed.trade.exit_reason.name()).or_default() += 1,
            _ => {}
        }
    }
    let replayed = replay(&traded.journal).unwrap();
    assert_eq!(replayed.difference, None, "{what}");
    let parity = parity(&traded.journal).unwrap();
    assert_eq!(replayed.decisions, parity.candles, "{what}");
    assert_eq!((parity.ends_at.as_ref(), parity.candles), (None, parity.decisions_compared), "{what}");
    let candles_per_s = parity.candles as f64 / seconds;
    Compared { parity, exits, candles_per_s }
}

fn same(trading: Trading<'_>) -> Compared {
    let compared = compare(trading);
    assert_eq!(compared.parity.differences, [], "{} {:?}", trading.script, trading.set);
    compared
}

/// Base parameters, each kind of them where it is met.
const BASE: [&[&str]; 5] = [
    &["stop_loss_pct=0.006", "take_profit_pct=0.01"],
    &["trailing_stop_loss_pct=0.005"],
    &["trailing_stop_loss_pct=0.008", "stop_loss_pct=0.006", "take_profit_pct=0.02", "cooldown_candles=3"],
    &["take_profit_pct=0.004", "max_holding_candles=12"],
    &["stop_loss_pct=0.004", "max_daily_loss=100", "max_drawdown_limit=0.05", "max_consecutive_losses=3"],
];

#[test]
fn sessions_are_what_a_backtest_says() {
    let mut trades = 0;
    for script in SCRIPTS {
        let trading = Trading { script, days: ["2023-03-21", "2023-03-22T12:00:00Z"], ..TRADING };
        trades += same(trading).parity.trades_compared;
    }
    assert!(trades > 20, "{trades}");
}

#[test]
fn sessions_with_base_rules_are_what_a_backtest_says() {
    let mut exits = BTreeMap::<&str, u64>::new();
    for set in BASE {
        let trading = Trading {
            script: "ma_crossover",
            data: ETH_5M,
            symbol: "ETHUSDT",
            set,
            days: ["2023-03-21", "2023-03-22T12:00:00Z"],
            slippage_bps: 5.0,
            ..TRADING
        };
        for (reason, count) in same(trading).exits {
            *exits.entry(reason).or_default() += count;
        }
    }
    for reason in ["stop_loss", "take_profit", "trailing_stop", "time_stop"] {
        assert!(exits.contains_key(reason), "{exits:?}");
    }
}

/// The first candle of a session is decided on as every other: the market does not run ahead of it.
#[test]
fn what_is_decided_at_the_first_candle_is_carried_out() {
    let script = r#"
fn params() { #{} }
fn init(p) { #{} }
fn on_candle(ctx, p) { if ctx.is_flat { ctx.enter_long("in"); } else { ctx.exit("out"); } }
"#;
    for hour in 0..10 {
        let [from, to] = [hour, hour + 1].map(|hour| format!("2023-03-22T{hour:02}:00:00Z"));
        let compared = same(Trading { script, days: [&from, &to], ..TRADING });
        assert!(compared.parity.trades_compared >= 5, "{:?}", compared.parity);
    }
}

/// A level that is watched here is sold at the market once a price beyond it was seen, where an order that rests would
/// have been met at the level. So the same is decided at every candle, the same entries are made, each position is left
/// in the same candle for the same reason; what is got for it differs by how far the price went between two looks.
#[test]
fn levels_that_are_watched_here_differ_in_the_price_of_exits_alone() {
    let compared = compare(Trading {
        script: "ma_crossover",
        set: &["stop_loss_pct=0.004", "take_profit_pct=0.006"],
        days: ["2023-03-21", "2023-03-22T12:00:00Z"],
        // Else what is got for one position is the size of the next.
        size: Size::Units(0.1),
        protection: ProtectionMode::Local,
        ..TRADING
    });
    let of_money =
        ["equity", "trade exit_price", "trade pnl", "trade pnl_pct", "trade commission", "trade slippage"];
    for difference in &compared.parity.differences {
        assert!(of_money.contains(&difference.what.as_str()), "{difference:?}");
    }
    let by_a_level =
        ["stop_loss", "take_profit"].map(|reason| compared.exits.get(reason).copied().unwrap_or(0));
    assert!(by_a_level.iter().all(|count| *count > 0), "{:?}", compared.exits);
    let prices: Vec<f64> = compared
        .parity
        .differences
        .iter()
        .filter(|it| it.what == "trade exit_price")
        .map(|it| {
            let [session, backtest] = [&it.session, &it.backtest].map(|price| price.parse::<f64>().unwrap());
            session / backtest - 1.0
        })
        .collect();
    // A stop gets less than its level, a target more; both what the candle had.
    let counts =
        [prices.iter().filter(|by| **by < 0.0).count(), prices.iter().filter(|by| **by > 0.0).count()];
    assert_eq!(counts.map(|count| count as u64), by_a_level, "{prices:?}");
    assert!(prices.iter().all(|by| by.abs() < 0.01), "{prices:?}");
}

#[test]
#[ignore = "minutes: years of candles"]
fn parity_of_all() {
    let (mut sessions, mut candles, mut decisions, mut trades, mut differences) = (0, 0, 0, 0, 0);
    println!("| script | candles | parameters | candles | decisions | trades | differences | candles/s |");
    println!("|---|---|---|---|---|---|---|---|");
    let one: &[&[&str]] = &[&[]];
    for (name, data, symbol, days, sets) in [
        ("9 days of 5m", BTC_5M, "BTCUSDT", ["2023-03-20T06:00:00Z", ""], [one, &BASE].concat()),
        ("9 days of 5m", ETH_5M, "ETHUSDT", ["2023-03-20T06:00:00Z", ""], [one, &BASE].concat()),
        ("2 years of 1h", BTC_1H, "BTCUSDT", ["2022-01-01", ""], one.to_vec()),
    ] {
        for script in SCRIPTS {
            for set in &sets {
                let Compared { parity, candles_per_s, .. } =
                    compare(Trading { script, data, symbol, days, set, ..TRADING });
                println!(
                    "| {script} | {symbol} {name} | {} | {} | {} | {} | {} | {candles_per_s:.0} |",
                    set.join(" "),
                    parity.candles,
                    parity.decisions_compared,
                    parity.trades_compared,
                    parity.differences.len()
                );
                for difference in parity.differences.iter().take(5) {
                    println!("    {difference:?}");
                }
                sessions += 1;
                candles += parity.candles;
                decisions += parity.decisions_compared;
                trades += parity.trades_compared;
                differences += parity.differences.len();
            }
        }
    }
    println!(
        "{sessions} sessions, {candles} candles, {decisions} decisions, {trades} trades, {differences} differences"
    );
    assert_eq!(differences, 0);
}
