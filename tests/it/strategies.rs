//! The seven scripts on bundled candles: every trade, and every entry that was asked for and not made.
//!
//! A change here is a change of what a strategy does. Review it against the rules in the strategies' own
//! comments; how is in docs/testing.md.

use crate::support::{BTC_1H, BTC_5M, ETH_5M, Job, run};
use mista::backtest::Held;
use mista::engine::{Costs, Settings};
use mista::model::iso;
use mista::report::csv::direction_name;
use std::fmt::Write;

/// `2021-03-04 05:00`.
fn minute(ms: i64) -> String {
    iso(ms)[..16].replace('T', " ")
}

/// Runs a script and writes down what it did, a line per trade and per entry that was held back.
fn check(script: &str, settings: &Settings, set: &[&str], data: &'static str, days: [&str; 2]) -> String {
    let ran = run(&Job { script, data, days, set, settings: settings.clone() });
    let mut text = String::new();
    let shorts = if settings.allow_short { ", shorts allowed" } else { "" };
    writeln!(text, "{script} on {data}, {} to {}{shorts}", days[0], days[1]).unwrap();
    writeln!(text, "set: {}", set.join(" ")).unwrap();
    let first = ran.outcome.first_decision.map(|row| minute(ran.candles.open_time[row]));
    writeln!(text, "first call: {}\n", first.unwrap_or_default()).unwrap();
    for trade in &ran.outcome.trades {
        let ambiguous = if trade.ambiguous { ", ambiguous" } else { "" };
        writeln!(
            text,
            "{} → {} {:5} {:.8} @ {:.4} → {:.4} = {:+.4}  {} \"{}\" → {} \"{}\" ({} candles{ambiguous})",
            minute(trade.entry_time),
            minute(trade.exit_time),
            direction_name(trade.direction),
            trade.quantity,
            trade.entry_price,
            trade.exit_price,
            trade.pnl,
            trade.entry_reason,
            trade.entry_note,
            trade.exit_reason,
            trade.exit_note,
            trade.candles_held,
        )
        .unwrap();
    }
    text.push('\n');
    for (row, direction, held) in &ran.trace.held {
        let (kind, reason) = match held {
            Held::Veto(veto) => ("veto", veto.name()),
            Held::Refusal(refusal) => ("refusal", refusal.name()),
        };
        let (time, direction) = (minute(ran.candles.open_time[*row]), direction_name(*direction));
        writeln!(text, "{time} {direction:5} {kind} {reason}").unwrap();
    }
    let counts = |counts: Vec<(&str, u64)>| {
        let counts: Vec<String> = counts.iter().map(|(name, count)| format!("{name} {count}")).collect();
        if counts.is_empty() { "none".to_owned() } else { counts.join(", ") }
    };
    let vetoes = ran.outcome.vetoes.iter().map(|(reason, count)| (reason.name(), count)).collect();
    let refusals = ran.outcome.refusals.iter().map(|(reason, count)| (reason.name(), count)).collect();
    writeln!(text, "vetoes: {}; refusals: {}", counts(vetoes), counts(refusals)).unwrap();
    let last = ran.outcome.equity.last().copied().unwrap_or_default();
    writeln!(text, "{} trades, final balance {last:.4}", ran.outcome.trades.len()).unwrap();
    text
}

fn long_only() -> Settings {
    Settings::default()
}

fn with_shorts() -> Settings {
    let costs = Costs { slippage_bps: 5.0, ..Costs::default() };
    Settings { allow_short: true, costs, ..Settings::default() }
}

macro_rules! snapshot {
    ($name:ident, $script:literal, $settings:expr, [$($set:literal),*], $data:expr, $from:literal, $to:literal) => {
        #[test]
        fn $name() {
            let set: &[&str] = &[$($set),*];
            insta::assert_snapshot!(check($script, &$settings, set, $data, [$from, $to]));
        }
    };
}

snapshot!(ma_crossover_long, "ma_crossover", long_only(), [], BTC_1H, "2021-01-01", "2021-07-01");
snapshot!(
    ma_crossover_shorts,
    "ma_crossover",
    with_shorts(),
    ["ma_type=ema", "trend_period=200", "trailing_stop_loss_pct=0.04", "cooldown_candles=24"],
    BTC_1H,
    "2021-01-01",
    "2021-09-01"
);
snapshot!(scalping_long, "scalping", long_only(), [], BTC_5M, "2023-03-20", "2023-03-29");
snapshot!(
    scalping_shorts,
    "scalping",
    with_shorts(),
    ["apply_seasonality_filter=true", "allowed_trading_hours_utc=22-14"],
    ETH_5M,
    "2023-03-21",
    "2023-03-29"
);
snapshot!(
    bollinger_reversion_long,
    "bollinger_reversion",
    long_only(),
    [],
    BTC_1H,
    "2020-02-15",
    "2020-05-01"
);
snapshot!(
    bollinger_reversion_shorts,
    "bollinger_reversion",
    with_shorts(),
    ["exit_band=upper", "max_daily_loss=250", "max_consecutive_losses=3"],
    BTC_1H,
    "2020-02-15",
    "2020-05-01"
);
snapshot!(momentum_long, "momentum", long_only(), [], BTC_1H, "2019-04-01", "2019-07-01");
snapshot!(
    momentum_shorts,
    "momentum",
    with_shorts(),
    ["apply_atr_filter=true", "atr_filter_multiplier=0.8", "roc_entry=3"],
    BTC_1H,
    "2019-04-01",
    "2019-07-01"
);
snapshot!(mean_reversion_long, "mean_reversion", long_only(), [], BTC_1H, "2018-01-01", "2018-04-01");
snapshot!(
    mean_reversion_shorts,
    "mean_reversion",
    with_shorts(),
    ["max_drawdown_limit=0.12", "max_holding_candles=24", "stop_loss_pct=0.02"],
    BTC_1H,
    "2020-06-01",
    "2020-08-01"
);
snapshot!(breakout_long, "breakout", long_only(), [], BTC_1H, "2020-10-01", "2021-01-01");
snapshot!(
    breakout_shorts,
    "breakout",
    with_shorts(),
    ["volume_factor=1.5", "take_profit_pct=0.05", "max_cumulative_loss=750"],
    BTC_1H,
    "2018-09-27",
    "2018-10-25"
);
snapshot!(hybrid_long, "hybrid", long_only(), [], BTC_1H, "2022-05-01", "2022-08-01");
snapshot!(
    hybrid_shorts,
    "hybrid",
    with_shorts(),
    ["trailing_stop_loss_pct=0.03", "adx_trend=30"],
    BTC_1H,
    "2022-05-01",
    "2022-07-01"
);
