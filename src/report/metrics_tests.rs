use super::*;
use crate::model::{Candle, Direction, EntryReason, HOUR_MS};
use proptest::prelude::*;

/// Candles of `interval` ms from the epoch on, at the given positions, with open = close = 100.
fn candles(interval: i64, positions: &[i64]) -> Candles {
    let row = |&position: &i64| Candle {
        open_time: position * interval,
        close_time: (position + 1) * interval - 1,
        open: 100.0,
        high: 100.0,
        low: 100.0,
        close: 100.0,
        volume: 1.0,
    };
    positions.iter().map(row).collect()
}

fn outcome(equity: &[f64], trades: Vec<Trade>) -> Outcome {
    Outcome {
        initial_balance: 1000.0,
        range: 0..equity.len(),
        first_decision: Some(0),
        trades,
        equity: equity.to_vec(),
        closes_in_position: 0,
        vetoes: Counts::default(),
        refusals: Counts::default(),
    }
}

/// One candle a day.
fn daily(equity: &[f64]) -> Metrics {
    let positions: Vec<i64> = (0..equity.len() as i64).collect();
    Metrics::of(&outcome(equity, Vec::new()), &candles(DAY_MS, &positions))
}

fn trade(pnl: f64) -> Trade {
    Trade {
        entry_time: 0,
        exit_time: 0,
        direction: Direction::Long,
        quantity: 2.0,
        entry_price: 100.0,
        exit_price: 100.0 + pnl / 2.0,
        pnl,
        pnl_pct: pnl / 2.0,
        commission: 0.5,
        slippage: 0.25,
        entry_reason: EntryReason::Signal,
        exit_reason: ExitReason::Signal,
        candles_held: 3,
        ambiguous: false,
        entry_note: "".into(),
        exit_note: "".into(),
    }
}

fn with_trades(pnls: &[f64]) -> Metrics {
    let trades = pnls.iter().map(|&pnl| trade(pnl)).collect();
    Metrics::of(&outcome(&[1000.0], trades), &candles(DAY_MS, &[0]))
}

#[track_caller]
fn near(got: f64, want: f64) {
    assert!((got - want).abs() <= 1e-9 * want.abs().max(1.0), "got {got}, want {want}");
}

#[test]
fn balances_and_buy_and_hold() {
    let mut store = candles(DAY_MS, &[0, 1, 2]);
    store.open = vec![50.0, 80.0, 100.0];
    store.close = vec![70.0, 90.0, 120.0];
    let mut run = outcome(&[1010.0, 1050.0], Vec::new());
    run.range = 1..3; // The first row only warms.
    let m = Metrics::of(&run, &store);
    assert_eq!((m.initial_balance, m.final_balance, m.cumulative_profit), (1000.0, 1050.0, 50.0));
    near(m.return_pct, 5.0); // 50 / 1000
    near(m.buy_and_hold_pct, 50.0); // 120 / 80 − 1: last close over the first open of the range
}

#[test]
fn returns_by_day() {
    // r = 1100/1000 − 1, 990/1100 − 1, 1089/990 − 1 = 0.1, −0.1, 0.1; n = 3
    let m = daily(&[1100.0, 990.0, 1089.0]);
    let mean: f64 = 0.1 / 3.0;
    // deviations from 1/30: 2/30, −4/30, 2/30; squares sum to 24/900; / (n − 1) = 12/900
    let deviation = (12.0f64 / 900.0).sqrt();
    let year = 365f64.sqrt();
    near(m.volatility_pct, deviation * year * 100.0);
    near(m.sharpe_ratio, mean / deviation * year);
    near(m.sortino_ratio, mean / (0.01f64 / 3.0).sqrt() * year); // Σ min(r,0)² = 0.01
    near(m.omega_ratio.unwrap(), 2.0); // 0.2 / 0.1
    near(m.cagr_pct, (1.089f64.powf(365.0 / 3.0) - 1.0) * 100.0);
    near(m.max_drawdown_pct, 10.0); // 1100 → 990
    near(m.calmar_ratio, (1.089f64.powf(365.0 / 3.0) - 1.0) / 0.1);
}

#[test]
fn only_the_last_close_of_a_utc_day_counts() {
    // Twelve-hour candles: the closes of day 0 are 900 and 1100, of day 1 1000 and 990.
    let run = outcome(&[900.0, 1100.0, 1000.0, 990.0], Vec::new());
    let m = Metrics::of(&run, &candles(12 * HOUR_MS, &[0, 1, 2, 3]));
    near(m.omega_ratio.unwrap(), 1.0); // r = 0.1, −0.1
    near(m.cagr_pct, (0.99f64.powf(365.0 / 2.0) - 1.0) * 100.0);
    near(m.max_drawdown_pct, 10.0); // every close counts here: 1000 → 900, and 1100 → 990
    near(m.max_drawdown_quote, 110.0);
}

#[test]
fn days_without_candles_carry_the_value_on() {
    // Closes on days 0, 3: r = 0.1, 0, 0, 0.21/1.1... here 1100 → 1210 = 0.1; n = 4, mean 0.05
    let run = outcome(&[1100.0, 1210.0], Vec::new());
    let m = Metrics::of(&run, &candles(DAY_MS, &[0, 3]));
    let deviation = (4.0 * 0.05f64.powi(2) / 3.0).sqrt(); // each r is 0.05 away from the mean
    near(m.sharpe_ratio, 0.05 / deviation * 365f64.sqrt());
    near(m.volatility_pct, deviation * 365f64.sqrt() * 100.0);
    near(m.cagr_pct, (1.21f64.powf(365.0 / 4.0) - 1.0) * 100.0);
    assert_eq!(m.omega_ratio, None, "no day lost");
    assert_eq!(m.sortino_ratio, 0.0);

    // One loss over n = 4 days: 0.05 / √(0.01 / 4) … with r = 0.1, 0, 0, −0.1 the mean is 0.
    let run = outcome(&[1100.0, 990.0, 1039.5], Vec::new());
    let m = Metrics::of(&run, &candles(DAY_MS, &[0, 3, 4]));
    // r = 0.1, 0, 0, −0.1, 0.05; n = 5; mean = 0.01; √(Σ min(r,0)²/n) = √(0.01 / 5)
    near(m.sortino_ratio, 0.01 / (0.01f64 / 5.0).sqrt() * 365f64.sqrt());
}

#[test]
fn drawdown_days_run_from_the_first_close_at_the_peak_to_the_last_close_below() {
    // Days 0 to 5. The peak 1200 is first closed at the end of day 1 and met again, not passed, on day 2;
    // the last close below it is that of day 5: 4 days.
    near(daily(&[1100.0, 1200.0, 1200.0, 1190.0, 1000.0, 1199.0]).max_drawdown_days, 4.0);
    // Recovered on day 5: the last close below is that of day 4: 3 days.
    near(daily(&[1100.0, 1200.0, 1200.0, 1190.0, 1000.0, 1300.0]).max_drawdown_days, 3.0);
    // Back at the peak's value on day 3, below again on day 4: still one fall, from day 0's close.
    near(daily(&[1100.0, 1000.0, 1050.0, 1100.0, 1050.0]).max_drawdown_days, 4.0);
    // Never above the initial balance: from the first OPEN, to the close of day 1, 1 ms short of 2 days.
    near(daily(&[1000.0, 999.0]).max_drawdown_days, (2 * DAY_MS - 1) as f64 / DAY_MS as f64);
    // The longest fall need not be the deepest: 2 days under 1100, then 1 day under 1200.
    let m = daily(&[1100.0, 1090.0, 1090.0, 1200.0, 600.0]);
    near(m.max_drawdown_days, 2.0);
    near(m.max_drawdown_pct, 50.0);
    near(m.max_drawdown_quote, 600.0);
}

#[test]
fn the_deepest_fall_in_percent_need_not_be_the_deepest_in_quote() {
    let m = daily(&[500.0, 2000.0, 1200.0]); // 1000 → 500 is 50 %, 2000 → 1200 is 800
    near(m.max_drawdown_pct, 50.0);
    near(m.max_drawdown_quote, 800.0);
}

#[test]
fn trades_won_lost_and_in_a_row() {
    let m = with_trades(&[10.0, 20.0, -5.0, 0.0, -10.0, 30.0]);
    assert_eq!((m.trades_total, m.trades_won, m.trades_lost), (6, 3, 3)); // break-even is lost
    assert_eq!((m.longest_winning_streak, m.longest_losing_streak), (2, 3));
    near(m.win_rate_pct, 50.0);
    near(m.profit_factor.unwrap(), 4.0); // 60 / 15
    near(m.payoff_ratio.unwrap(), 4.0); // (60/3) / (15/3)
    near(m.expectancy, 7.5); // 45 / 6
    near(m.average_trade, 7.5);
    // deviations 2.5 12.5 −12.5 −7.5 −17.5 22.5: squares 6.25 + 156.25·2 + 56.25 + 306.25 + 506.25 = 1187.5
    near(m.sqn, 6f64.sqrt() * 7.5 / (1187.5f64 / 5.0).sqrt());
    assert_eq!((m.best_trade, m.worst_trade), (30.0, -10.0));
    near(m.average_candles_held, 3.0);
    near(m.commission_paid, 3.0); // 6 × 0.5
    near(m.slippage_paid, 1.5); // 6 × 0.25
}

#[test]
fn payoff_is_of_means() {
    let m = with_trades(&[30.0, -5.0, -15.0]);
    near(m.profit_factor.unwrap(), 1.5); // 30 / 20
    near(m.payoff_ratio.unwrap(), 3.0); // 30 / 10
}

#[test]
fn nothing_lost_is_null_and_nothing_won_is_zero() {
    let m = with_trades(&[10.0, 20.0]);
    assert_eq!((m.profit_factor, m.payoff_ratio), (None, None));
    assert_eq!((m.best_trade, m.worst_trade), (20.0, 10.0));
    let m = with_trades(&[0.0]);
    assert_eq!((m.trades_lost, m.profit_factor, m.payoff_ratio), (1, None, None));
    let m = with_trades(&[-10.0, -20.0]);
    assert_eq!((m.profit_factor, m.payoff_ratio), (Some(0.0), Some(0.0)));
    let m = with_trades(&[]);
    assert_eq!(
        (m.trades_total, m.profit_factor, m.sqn, m.best_trade, m.worst_trade),
        (0, None, 0.0, 0.0, 0.0)
    );
}

#[test]
fn equal_values_have_no_deviation() {
    assert_eq!(with_trades(&[0.1, 0.1, 0.1]).sqn, 0.0);
    let m = daily(&[1100.0, 1210.0, 1331.0, 1464.1]); // 0.1 each, but for rounding
    assert_eq!((m.sharpe_ratio, m.volatility_pct), (0.0, 0.0));
}

#[test]
fn exposure_and_ambiguous_exits() {
    let mut one = trade(1.0);
    one.ambiguous = true;
    let mut run = outcome(&[1000.0; 8], vec![one, trade(1.0)]);
    run.closes_in_position = 2;
    let m = Metrics::of(&run, &candles(HOUR_MS, &[0, 1, 2, 3, 4, 5, 6, 7]));
    near(m.exposure_pct, 25.0); // 2 of 8
    assert_eq!(m.ambiguous_exits, 1);
}

#[test]
fn json_has_the_keys_of_the_specification_in_its_order() {
    let mut run = outcome(&[1000.0], vec![trade(1.0)]);
    run.trades[0].exit_reason = ExitReason::StopLoss;
    run.trades.push(trade(2.0));
    run.vetoes.add(Veto::Cooldown);
    run.vetoes.add(Veto::AtrFilter);
    run.refusals.add(Refusal::NoStop);
    let json = serde_json::to_string(&Metrics::of(&run, &candles(DAY_MS, &[0]))).unwrap();
    insta::assert_snapshot!(json, @r#"{"initial_balance":1000.0,"final_balance":1000.0,"cumulative_profit":0.0,"return_pct":0.0,"buy_and_hold_pct":0.0,"cagr_pct":0.0,"volatility_pct":0.0,"sharpe_ratio":0.0,"sortino_ratio":0.0,"calmar_ratio":0.0,"omega_ratio":null,"max_drawdown_pct":0.0,"max_drawdown_quote":0.0,"max_drawdown_days":0.0,"trades_total":2,"trades_won":2,"trades_lost":0,"longest_winning_streak":2,"longest_losing_streak":0,"win_rate_pct":100.0,"profit_factor":null,"payoff_ratio":null,"expectancy":1.5,"sqn":3.0,"average_trade":1.5,"best_trade":2.0,"worst_trade":1.0,"average_candles_held":3.0,"exposure_pct":0.0,"commission_paid":1.0,"slippage_paid":0.5,"ambiguous_exits":0,"vetoes":{"atr_filter":1,"cooldown":1},"refusals":{"no_stop":1},"exits":{"signal":1,"stop_loss":1}}"#);
    let keys: Vec<_> = Metrics::KEYS.iter().map(|key| json.find(&format!("\"{key}\":"))).collect();
    assert!(keys.iter().all(Option::is_some) && keys.is_sorted());
}

#[test]
fn no_candles_no_money_and_debt_are_figures_too() {
    let mut empty = outcome(&[], Vec::new());
    assert_eq!(Metrics::of(&empty, &Candles::default()).final_balance, 1000.0);
    empty.range = 5..9; // Outside of the store.
    empty.initial_balance = 0.0;
    let m = Metrics::of(&empty, &Candles::default());
    assert_eq!((m.return_pct, m.cagr_pct), (0.0, 0.0));
    let m = daily(&[0.0, -500.0, -250.0, 100.0]);
    near(m.max_drawdown_pct, 150.0); // −500 of 1000
    near(m.max_drawdown_quote, 1500.0);
}

fn equity_value() -> impl Strategy<Value = f64> {
    prop_oneof![8 => 0.0..5000.0, 1 => -2000.0..0.0, 1 => Just(0.0), 1 => Just(1000.0), 1 => 0.0..1e300]
}

proptest! {
    #[test]
    fn figures_are_finite_and_agree_with_each_other(
        steps in prop::collection::vec((equity_value(), 1i64..40), 0..200),
        pnls in prop::collection::vec(prop_oneof![5 => -100.0..100.0, 1 => Just(0.0), 1 => -1e300..1e300], 0..60),
        initial in prop_oneof![Just(1000.0), Just(0.0), 0.0..1e6],
    ) {
        let mut position = 0;
        let positions: Vec<i64> = steps.iter().map(|(_, gap)| { position += gap; position }).collect();
        let equity: Vec<f64> = steps.iter().map(|&(equity, _)| equity).collect();
        let mut run = outcome(&equity, pnls.iter().map(|&pnl| trade(pnl)).collect());
        run.initial_balance = initial;
        let m = Metrics::of(&run, &candles(HOUR_MS, &positions));
        for key in Metrics::KEYS {
            let value = m.get(key).expect("a known key");
            prop_assert!(value.is_none_or(|x| x.is_finite() && !(x == 0.0 && x.is_sign_negative())), "{key} {value:?}");
        }
        prop_assert_eq!(m.trades_won + m.trades_lost, pnls.len() as u64);
        prop_assert!(m.worst_trade <= m.best_trade);
        prop_assert!((0.0..=100.0).contains(&m.win_rate_pct));
        prop_assert!(m.max_drawdown_pct >= 0.0 && m.max_drawdown_quote >= 0.0 && m.max_drawdown_days >= 0.0);
        prop_assert!(m.longest_winning_streak <= m.trades_won && m.longest_losing_streak <= m.trades_lost);
        prop_assert!(m.omega_ratio.is_none_or(|omega| omega >= 0.0));
    }

    /// The same by the definitions, each written down as it reads, without any of the one-pass devices.
    #[test]
    fn one_pass_equals_the_definitions(
        steps in prop::collection::vec((500.0..2000.0f64, 1i64..60), 1..150),
    ) {
        let mut position = 0;
        let positions: Vec<i64> = steps.iter().map(|(_, gap)| { position += gap; position }).collect();
        let equity: Vec<f64> = steps.iter().map(|&(equity, _)| equity).collect();
        let store = candles(HOUR_MS, &positions);
        let m = Metrics::of(&outcome(&equity, Vec::new()), &store);

        let days: Vec<i64> = store.close_time.iter().map(|&time| day_of(time)).collect();
        let (first, last) = (days[0], days[days.len() - 1]);
        let mut before = 1000.0;
        let mut returns = Vec::new();
        for day in first..=last {
            let close = days.iter().rposition(|&d| d == day).map_or(before, |row| equity[row]);
            returns.push(close / before - 1.0);
            before = close;
        }
        let n = returns.len() as f64;
        let mean = returns.iter().sum::<f64>() / n;
        let sd = (returns.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        if n > 1.0 && sd > 1e-12 {
            near(m.sharpe_ratio, mean / sd * 365f64.sqrt());
            near(m.volatility_pct, sd * 365f64.sqrt() * 100.0);
        }
        near(m.cagr_pct, finite(((equity[equity.len() - 1] / 1000.0).powf(365.0 / n) - 1.0) * 100.0));

        let (mut peak, mut peak_time) = (1000.0, store.open_time[0]);
        let (mut fall, mut quote, mut ms) = (0.0f64, 0.0f64, 0);
        for (&e, &time) in equity.iter().zip(&store.close_time) {
            if e > peak { (peak, peak_time) = (e, time); }
            if e < peak { ms = ms.max(time - peak_time); }
            fall = fall.max(1.0 - e / peak);
            quote = quote.max(peak - e);
        }
        near(m.max_drawdown_pct, fall * 100.0);
        near(m.max_drawdown_quote, quote);
        near(m.max_drawdown_days, ms as f64 / DAY_MS as f64);
    }
}

/// `cargo test --release -- --ignored a_long_curve` prints how long it takes.
#[test]
#[ignore = "a measurement"]
fn a_long_curve_is_one_cheap_pass() {
    let positions: Vec<i64> = (0..55_000).collect();
    let store = candles(HOUR_MS, &positions);
    let equity: Vec<f64> = positions.iter().map(|&k| 1000.0 + (k as f64 / 300.0).sin() * 100.0).collect();
    let run = outcome(&equity, (0..500).map(|k| trade((k % 7) as f64 - 3.0)).collect());
    let started = std::time::Instant::now();
    let rounds = 1000;
    let sum: f64 = (0..rounds).map(|_| std::hint::black_box(Metrics::of(&run, &store)).sharpe_ratio).sum();
    eprintln!("{:?} a run of {} candles ({sum})", started.elapsed() / rounds, positions.len());
}
