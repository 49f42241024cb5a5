//! The hot path keeps f64; what is booked is decimal. Here the two are held together to 1e-8, for every
//! script, over years, with costs that leave long decimals.

use crate::support::{BTC_1H, Job, SCRIPTS, run};
use mista::engine::{Costs, Settings};
use mista::model::{Instrument, Size};
use mista::report::{Ledger, Metrics};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

const RELATIVE: f64 = 1e-8;

#[track_caller]
fn agree(script: &str, what: &str, booked: Decimal, float: f64, scale: f64) {
    let booked = booked.to_f64().unwrap();
    assert!(
        (booked - float).abs() <= RELATIVE * scale.abs(),
        "{script}: {what}: booked {booked}, computed {float}, scale {scale}"
    );
}

/// Runs a script over four years and compares every number of every trade.
fn check(script: &str, settings: Settings) {
    let job = Job { script, data: BTC_1H, days: ["2018-01-01", "2022-01-01"], set: &[], settings };
    let ran = run(&job);
    let ledger = Ledger::of(&ran.outcome, ran.settings.costs.commission_bps).unwrap();
    assert_eq!(ledger.entries.len(), ran.outcome.trades.len());
    assert!(ledger.entries.len() > 100, "{script}: {} trades", ledger.entries.len());
    let mut balance = ran.outcome.initial_balance;
    for entry in &ledger.entries {
        let (trade, booked) = (entry.trade, &entry.booked);
        // A PnL is a difference of two notionals: "relative" refers to the larger of them.
        let notional = trade.quantity * trade.entry_price.max(trade.exit_price);
        balance += trade.pnl;
        for (what, booked, float, scale) in [
            ("quantity", booked.quantity, trade.quantity, trade.quantity),
            ("entry price", booked.entry_price, trade.entry_price, trade.entry_price),
            ("exit price", booked.exit_price, trade.exit_price, trade.exit_price),
            ("commission", booked.commission, trade.commission, trade.commission),
            ("pnl", booked.pnl, trade.pnl, notional),
            (
                "pnl_pct",
                booked.pnl_pct,
                trade.pnl_pct,
                100.0 * notional / (trade.quantity * trade.entry_price),
            ),
            ("balance", booked.balance, balance, balance),
        ] {
            agree(script, what, booked, float, scale);
        }
    }
    let last = *ran.outcome.equity.last().unwrap();
    agree(script, "last equity", ledger.balance, last, last);
    let metrics = Metrics::of(&ran.outcome, &ran.candles);
    agree(script, "final_balance", ledger.balance, metrics.final_balance, metrics.final_balance);
    assert_eq!(ran.outcome.equity.len(), ran.rows.len(), "one point per close");
}

#[test]
fn every_script_agrees_with_its_books() {
    for script in SCRIPTS {
        check(
            script,
            Settings { costs: Costs { commission_bps: 7.5, slippage_bps: 1.3 }, ..Settings::default() },
        );
    }
}

#[test]
fn every_script_agrees_with_its_books_when_it_goes_short_in_steps() {
    let number = |text: &str| text.parse().unwrap();
    let instrument = Instrument {
        tick_size: number("0.01"),
        step_size: number("0.00001"),
        min_qty: number("0.00001"),
        min_notional: number("10"),
    };
    for script in SCRIPTS {
        let settings = Settings {
            allow_short: true,
            size: Size::EquityPct(33.3),
            costs: Costs { commission_bps: 3.3, slippage_bps: 0.7 },
            instrument: Some(instrument.clone()),
            ..Settings::default()
        };
        check(script, settings);
    }
}
