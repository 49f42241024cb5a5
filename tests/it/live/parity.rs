//! A trader that trades over sockets decides and trades what a backtest over the same candles does, to the last digit; and
//! its journal gives the same once more.

use super::led::{TRADING, Trading, trade};
use crate::support::{ETH_5M, SCRIPTS};
use mista::live::parity::{Parity, parity};
use mista::live::record::Record;
use mista::live::replay::replay;
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
    let reasons: Vec<&str> = exits.keys().copied().collect();
    eprintln!("{exits:?}");
    for reason in ["stop_loss", "take_profit", "trailing_stop", "time_stop"] {
        assert!(reasons.contains(&reason), "{exits:?}");
    }
}
