//! Hand-computed cases on a few candles each: protective exits, sizes, reversals, filters and limits.
//!
//! A case is candles as `[open, high, low, close]`, one an hour from Monday 2021-01-04 00:00 UTC, and what is
//! asked at which close. Unless it says otherwise the account holds 1000, a position is one unit, nothing
//! costs anything and shorts are allowed. A trade is written as
//! `entry row → exit row direction quantity @ entry price → exit price reason = pnl`.

use mista::backtest::{Backtest, Held, Outcome, Trace};
use mista::engine::{
    AtrFilter, ColumnCache, Costs, DataHandler, Hours, Intents, Levels, Moment, Settings, Strategy,
    StrategyFault,
};
use mista::model::{Candle, Candles, Direction, HOUR_MS, Instrument, Size, Veto};
use mista::report::Metrics;
use mista::report::csv::direction_name;
use mista::script::{Script, Written, base_parameters};
use std::path::Path;
use std::sync::Arc;

/// Monday 2021-01-04 00:00 UTC.
const START: i64 = 1_609_718_400_000;
const QUARTER_MS: i64 = HOUR_MS / 4;

const FLAT: [f64; 4] = [100.0; 4];

type Act = Box<dyn Fn(&mut Intents)>;

/// Does what the case says at the closes it names, and notes what stood in the way of an entry at each.
#[derive(Default)]
struct Plan {
    acts: Vec<(usize, Act)>,
    standings: Vec<(usize, Option<Veto>)>,
}

impl Strategy for Plan {
    fn on_candle(
        &mut self,
        _data: &DataHandler,
        moment: &Moment<'_>,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        self.standings.push((moment.row, moment.standing.first()));
        for (_, act) in self.acts.iter().filter(|(row, _)| *row == moment.row) {
            intents.touched = true;
            act(intents);
        }
        Ok(())
    }
}

fn candles(start: i64, step: i64, rows: &[[f64; 4]]) -> Candles {
    let rows = rows.iter().enumerate().map(|(row, &[open, high, low, close])| {
        assert!(
            high >= open.max(close).max(low) && low <= open.min(close),
            "candle {row} of the case is none"
        );
        let open_time = start + row as i64 * step;
        Candle { open_time, close_time: open_time + step - 1, open, high, low, close, volume: 1.0 }
    });
    rows.collect()
}

struct Case {
    candles: Candles,
    detail: Option<Candles>,
    settings: Settings,
    plan: Plan,
}

fn case(rows: &[[f64; 4]]) -> Case {
    let settings = Settings {
        initial_balance: 1000.0,
        costs: Costs { commission_bps: 0.0, slippage_bps: 0.0 },
        size: Size::Units(1.0),
        allow_short: true,
        ..Settings::default()
    };
    Case { candles: candles(START, HOUR_MS, rows), detail: None, settings, plan: Plan::default() }
}

impl Case {
    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(&mut self.settings);
        self
    }

    fn stop(self, pct: f64) -> Self {
        self.set(|settings| settings.rules.stop_loss_pct = Some(pct))
    }

    fn target(self, pct: f64) -> Self {
        self.set(|settings| settings.rules.take_profit_pct = Some(pct))
    }

    fn trail(self, pct: f64) -> Self {
        self.set(|settings| settings.rules.trailing_stop_loss_pct = Some(pct))
    }

    fn slippage(self, bps: f64) -> Self {
        self.set(|settings| settings.costs.slippage_bps = bps)
    }

    fn commission(self, bps: f64) -> Self {
        self.set(|settings| settings.costs.commission_bps = bps)
    }

    fn at(mut self, row: usize, act: impl Fn(&mut Intents) + 'static) -> Self {
        self.plan.acts.push((row, Box::new(act)));
        self
    }

    fn enter(self, row: usize, direction: Direction) -> Self {
        self.at(row, move |intents| enter(intents, direction))
    }

    fn long(self, row: usize) -> Self {
        self.enter(row, Direction::Long)
    }

    fn short(self, row: usize) -> Self {
        self.enter(row, Direction::Short)
    }

    fn exit(self, row: usize) -> Self {
        self.at(row, |intents| intents.exit = Some("asked".into()))
    }

    fn levels(self, row: usize, levels: Levels) -> Self {
        self.at(row, move |intents| intents.levels.update(&levels))
    }

    fn detail(mut self, from: usize, rows: &[[f64; 4]]) -> Self {
        self.detail = Some(candles(START + from as i64 * HOUR_MS, QUARTER_MS, rows));
        self
    }

    fn run(self) -> Ran {
        let candles = Arc::new(self.candles);
        let cache = ColumnCache::new(candles.clone());
        let data = DataHandler::new(&cache, &[], self.settings.rules.atr_filter.as_ref());
        let mut plan = self.plan;
        let backtest = Backtest {
            settings: &self.settings,
            data: &data,
            rows: 0..candles.len(),
            detail: self.detail.as_ref(),
        };
        let (outcome, trace) = backtest.run_traced(&mut plan).unwrap();
        Ran { ambiguous: Metrics::of(&outcome, &candles).ambiguous_exits, outcome, trace, plan }
    }

    /// The trades, then what was held back as `row direction reason`.
    #[track_caller]
    fn gives(self, expected: &[&str]) -> Ran {
        let ran = self.run();
        assert_eq!(ran.lines(), expected);
        ran
    }
}

fn enter(intents: &mut Intents, direction: Direction) {
    intents.entry = Some(mista::engine::EntryWish { direction, note: "".into() });
}

struct Ran {
    outcome: Outcome,
    trace: Trace,
    plan: Plan,
    ambiguous: u64,
}

impl Ran {
    fn lines(&self) -> Vec<String> {
        let row = |time: i64| (time - START) / HOUR_MS;
        let mut lines: Vec<String> = Vec::new();
        for trade in &self.outcome.trades {
            assert_eq!(i64::from(trade.candles_held), row(trade.exit_time) - row(trade.entry_time));
            lines.push(format!(
                "{}→{} {} {} @ {} → {} {} = {}",
                row(trade.entry_time),
                row(trade.exit_time),
                direction_name(trade.direction),
                plain(trade.quantity),
                plain(trade.entry_price),
                plain(trade.exit_price),
                trade.exit_reason,
                plain(trade.pnl)
            ));
        }
        for (row, direction, held) in &self.trace.held {
            let reason = match held {
                Held::Veto(veto) => veto.name(),
                Held::Refusal(refusal) => refusal.name(),
            };
            lines.push(format!("{row} {} {reason}", direction_name(*direction)));
        }
        lines
    }

    /// What stands in the way of an entry at each close, `-` where nothing does.
    fn standings(&self) -> Vec<&str> {
        self.plan.standings.iter().map(|(_, veto)| veto.map_or("-", Veto::name)).collect()
    }
}

/// At most eight decimals, none for nothing.
fn plain(x: f64) -> String {
    let text = format!("{x:.8}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Candles mirrored at 100: what is adverse to a long is adverse to a short.
fn mirrored(rows: &[[f64; 4]]) -> Vec<[f64; 4]> {
    rows.iter()
        .map(|[open, high, low, close]| [200.0 - open, 200.0 - low, 200.0 - high, 200.0 - close])
        .collect()
}

/// A long entered at 100 in row 1 and the mirrored short: both leave in `row` with `reason`; the long at
/// `price`, the short at 200 − `price`. Stops, targets and their distances are symmetrical around an entry at
/// 100; trailing levels are not, so they have tests of their own.
#[track_caller]
fn both(rows: &[[f64; 4]], set: impl Fn(Case) -> Case, row: usize, price: f64, reason: &str) -> [u64; 2] {
    let pnl = plain(price - 100.0);
    let long = format!("1→{row} long 1 @ 100 → {} {reason} = {pnl}", plain(price));
    let short = format!("1→{row} short 1 @ 100 → {} {reason} = {pnl}", plain(200.0 - price));
    [
        set(case(rows).long(0)).gives(&[&long]).ambiguous,
        set(case(&mirrored(rows)).short(0)).gives(&[&short]).ambiguous,
    ]
}

// ---- protective exits

#[test]
fn a_gap_through_the_stop_fills_at_the_open() {
    // Stop 95; the third candle opens at 93.
    let rows = [FLAT, FLAT, [93.0, 99.0, 90.0, 98.0], FLAT];
    both(&rows, |case| case.stop(0.05), 2, 93.0, "stop_loss");
    // Entry 100 × 1.001 = 100.1, stop 95.095; out at 93 × 0.999 = 92.907.
    case(&rows).stop(0.05).slippage(10.0).long(0).gives(&["1→2 long 1 @ 100.1 → 92.907 stop_loss = -7.193"]);
}

#[test]
fn a_gap_over_the_target_fills_at_the_open_without_slippage() {
    let rows = [FLAT, FLAT, [110.0, 112.0, 90.0, 100.0], FLAT];
    both(&rows, |case| case.target(0.05).stop(0.05), 2, 110.0, "take_profit");
    // Entry 100.1; the target 105.105 is passed; a target is not slipped.
    case(&rows).target(0.05).slippage(10.0).long(0).gives(&["1→2 long 1 @ 100.1 → 110 take_profit = 9.9"]);
}

#[test]
fn stops_slip_at_their_level_and_targets_do_not() {
    // Entry 100.1, stop 100.1 × 0.95 = 95.095, filled at 95.095 × 0.999 = 94.999905.
    let down = [FLAT, FLAT, [100.0, 100.0, 90.0, 90.0]];
    case(&down)
        .stop(0.05)
        .slippage(10.0)
        .long(0)
        .gives(&["1→2 long 1 @ 100.1 → 94.999905 stop_loss = -5.100095"]);
    // Target 100.1 × 1.05 = 105.105.
    let up = [FLAT, FLAT, [100.0, 110.0, 100.0, 110.0]];
    case(&up)
        .target(0.05)
        .slippage(10.0)
        .long(0)
        .gives(&["1→2 long 1 @ 100.1 → 105.105 take_profit = 5.005"]);
    // A short sells at 99.9; its stop is 104.895, bought back at 104.895 × 1.001 = 104.999895.
    case(&up)
        .stop(0.05)
        .slippage(10.0)
        .short(0)
        .gives(&["1→2 short 1 @ 99.9 → 104.999895 stop_loss = -5.099895"]);
}

#[test]
fn in_one_candle_the_stop_comes_before_the_target_and_that_is_ambiguous() {
    let rows = [FLAT, FLAT, [100.0, 110.0, 90.0, 100.0], FLAT];
    let ambiguous = both(&rows, |case| case.stop(0.05).target(0.05), 2, 95.0, "stop_loss");
    assert_eq!(ambiguous, [1, 1], "in the other order it is the target");
}

#[test]
fn the_target_is_met_before_a_close_beyond_the_stop() {
    // 100 → 98 → 106 (target 105) → 90.
    let rows = [FLAT, FLAT, [100.0, 106.0, 90.0, 90.0], FLAT];
    let low_above_stop = [FLAT, FLAT, [100.0, 106.0, 98.0, 98.0], FLAT];
    assert_eq!(both(&low_above_stop, |case| case.stop(0.05).target(0.05), 2, 105.0, "take_profit"), [0, 0]);
    // With the low at the close, the low still comes first.
    both(&rows, |case| case.stop(0.05).target(0.05), 2, 95.0, "stop_loss");
}

#[test]
fn a_level_that_is_touched_is_hit() {
    let low = [FLAT, FLAT, [100.0, 101.0, 95.0, 100.0], FLAT];
    both(&low, |case| case.stop(0.05), 2, 95.0, "stop_loss");
    let high = [FLAT, FLAT, [100.0, 105.0, 99.0, 100.0], FLAT];
    both(&high, |case| case.target(0.05), 2, 105.0, "take_profit");
    let open = [FLAT, FLAT, [95.0, 101.0, 95.0, 100.0], FLAT];
    both(&open, |case| case.stop(0.05), 2, 95.0, "stop_loss");
    let missed = [FLAT, FLAT, [100.0, 104.99, 95.01, 100.0], FLAT];
    both(&missed, |case| case.stop(0.05).target(0.05), 3, 100.0, "end_of_data");
}

#[test]
fn the_entry_candle_counts() {
    let rows = [FLAT, [100.0, 102.0, 94.0, 101.0], FLAT, FLAT];
    both(&rows, |case| case.stop(0.05), 1, 95.0, "stop_loss");
    // The script is asked at that close, flat, and may enter again.
    case(&rows)
        .stop(0.05)
        .long(0)
        .long(1)
        .gives(&["1→1 long 1 @ 100 → 95 stop_loss = -5", "2→3 long 1 @ 100 → 100 end_of_data = 0"]);
}

#[test]
fn a_stop_nearer_than_the_slippage_is_passed_at_the_entry_open() {
    // Entry 100 × 1.01 = 101; stop 101 × 0.995 = 100.495, above the open: out at 100 × 0.99 = 99.
    let rows = [FLAT, FLAT, FLAT];
    case(&rows).stop(0.005).slippage(100.0).long(0).gives(&["1→1 long 1 @ 101 → 99 stop_loss = -2"]);
    // Short: in at 99, stop 99.495, below the open: out at 101.
    case(&rows).stop(0.005).slippage(100.0).short(0).gives(&["1→1 short 1 @ 99 → 101 stop_loss = -2"]);
}

#[test]
fn a_fresh_peak_can_stop_out_on_the_last_leg() {
    // 100 → 99 → 120: the peak; level 120 × 0.9 = 108, met on the way to 105. In the other order the level is
    // 108 too when the price falls to 99: not ambiguous.
    let rows = [FLAT, FLAT, [100.0, 120.0, 99.0, 105.0], FLAT];
    let ran = case(&rows).trail(0.1).long(0).gives(&["1→2 long 1 @ 100 → 108 trailing_stop = 8"]);
    assert_eq!(ran.ambiguous, 0);
    // Short: 100 → 101 → 80; level 80 × 1.1 = 88, met on the way to 95.
    let rows = [FLAT, FLAT, [100.0, 101.0, 80.0, 95.0], FLAT];
    let ran = case(&rows).trail(0.1).short(0).gives(&["1→2 short 1 @ 100 → 88 trailing_stop = 12"]);
    assert_eq!(ran.ambiguous, 0);
}

#[test]
fn the_trailing_level_follows_the_peak_over_candles() {
    // Peak 100 in row 1 (level 90), 110 in row 2 (99), 109 in row 3; row 4 opens at 98: below 99, a gap.
    let rows =
        [FLAT, FLAT, [100.0, 110.0, 100.0, 109.0], [109.0, 109.0, 100.0, 101.0], [98.0, 99.0, 97.0, 98.0]];
    case(&rows).trail(0.1).long(0).gives(&["1→4 long 1 @ 100 → 98 trailing_stop = -2"]);
    // Short: peak 90 → level 99; row 4 opens at 102.
    let rows =
        [FLAT, FLAT, [100.0, 100.0, 90.0, 91.0], [91.0, 98.0, 91.0, 98.0], [102.0, 103.0, 101.0, 102.0]];
    case(&rows).trail(0.1).short(0).gives(&["1→4 short 1 @ 100 → 102 trailing_stop = -2"]);
}

#[test]
fn the_adverse_leg_sees_the_peak_of_before() {
    // Level 95 from the entry. Low 94 first: out at 95. High first: peak 110, level 104.5: another price.
    let rows = [FLAT, FLAT, [100.0, 110.0, 94.0, 100.0], FLAT];
    let ran = case(&rows).trail(0.05).long(0).gives(&["1→2 long 1 @ 100 → 95 trailing_stop = -5"]);
    assert_eq!(ran.ambiguous, 1);
    // Low 96, high 105 → level 99.75, close 100: no exit. High first would have: not counted, as nothing left.
    let rows = [FLAT, FLAT, [100.0, 105.0, 96.0, 100.0], FLAT];
    let ran = case(&rows).trail(0.05).long(0).gives(&["1→3 long 1 @ 100 → 100 end_of_data = 0"]);
    assert_eq!(ran.ambiguous, 0, "only exits are counted");
}

#[test]
fn the_trailing_peak_starts_at_the_slipped_fill() {
    // In at 101; the open 100 is no peak. Level 101 × 0.9 = 90.9, filled at 90.9 × 0.99 = 89.991.
    let rows = [FLAT, [100.0, 100.0, 90.0, 95.0], FLAT];
    case(&rows)
        .trail(0.1)
        .slippage(100.0)
        .long(0)
        .gives(&["1→1 long 1 @ 101 → 89.991 trailing_stop = -11.009"]);
}

#[test]
fn of_two_stops_the_nearer_is_met_first() {
    // Fixed 90, trailing 95: on the way down 95 comes first, whatever the low.
    let rows = [FLAT, FLAT, [100.0, 100.0, 85.0, 90.0], FLAT];
    case(&rows).stop(0.1).trail(0.05).long(0).gives(&["1→2 long 1 @ 100 → 95 trailing_stop = -5"]);
    // Fixed 95, trailing 90.
    case(&rows).stop(0.05).trail(0.1).long(0).gives(&["1→2 long 1 @ 100 → 95 stop_loss = -5"]);
    // Short: fixed 110, trailing 105.
    let rows = mirrored(&rows);
    case(&rows).stop(0.1).trail(0.05).short(0).gives(&["1→2 short 1 @ 100 → 105 trailing_stop = -5"]);
    case(&rows).stop(0.05).trail(0.1).short(0).gives(&["1→2 short 1 @ 100 → 105 stop_loss = -5"]);
}

#[test]
fn ties_go_to_the_stop_then_the_trailing_stop_then_the_target() {
    // Equal levels on a leg.
    let rows = [FLAT, FLAT, [100.0, 100.0, 85.0, 90.0], FLAT];
    case(&rows).stop(0.05).trail(0.05).long(0).gives(&["1→2 long 1 @ 100 → 95 stop_loss = -5"]);
    // Both passed at one open: one price, so a tie, though the trailing level is nearer.
    let rows = [FLAT, FLAT, [85.0, 90.0, 85.0, 90.0], FLAT];
    case(&rows).stop(0.1).trail(0.05).long(0).gives(&["1→2 long 1 @ 100 → 85 stop_loss = -15"]);
    // A stop above and a target below the price: both passed at the open.
    let rows = [FLAT, FLAT, [103.0, 104.0, 102.0, 103.0], FLAT];
    let crossed = Levels { stop_price: Some(105.0), target_price: Some(101.0), ..Levels::default() };
    case(&rows).long(0).levels(1, crossed).gives(&["1→2 long 1 @ 100 → 103 stop_loss = 3"]);
    let trailing = Levels { trail_pct: Some(0.01), target_price: Some(101.0), ..Levels::default() };
    // Row 1: the peak 110 (level 108.9); row 2 opens at 103, past both.
    let rows = [FLAT, [100.0, 110.0, 100.0, 110.0], [103.0, 104.0, 102.0, 103.0], FLAT];
    case(&rows).long(0).levels(1, trailing).gives(&["1→2 long 1 @ 100 → 103 trailing_stop = 3"]);
}

#[test]
fn a_script_moves_its_levels_later() {
    let stop = |price| Levels { stop_price: Some(price), ..Levels::default() };
    let rows = [FLAT, FLAT, [100.0, 102.0, 99.0, 101.0], [101.0, 102.0, 97.0, 98.0], FLAT];
    // Set with the entry.
    case(&rows).long(0).levels(0, stop(98.0)).gives(&["1→3 long 1 @ 100 → 98 stop_loss = -2"]);
    // Raised at the close of row 2, in force from row 3.
    case(&rows)
        .long(0)
        .levels(0, stop(95.0))
        .levels(2, stop(100.0))
        .gives(&["1→3 long 1 @ 100 → 100 stop_loss = 0"]);
    // Lowered: the later one of a kind replaces the earlier.
    case(&rows)
        .long(0)
        .levels(0, stop(98.0))
        .levels(2, stop(90.0))
        .gives(&["1→4 long 1 @ 100 → 100 end_of_data = 0"]);
    // The base rule's stop of 3 % stays the tighter one.
    case(&rows)
        .stop(0.03)
        .long(0)
        .levels(0, stop(98.0))
        .levels(2, stop(90.0))
        .gives(&["1→3 long 1 @ 100 → 97 stop_loss = -3"]);
    // A target moved down.
    let target = |price| Levels { target_price: Some(price), ..Levels::default() };
    case(&rows)
        .long(0)
        .levels(0, target(120.0))
        .levels(2, target(101.5))
        .gives(&["1→3 long 1 @ 100 → 101.5 take_profit = 1.5"]);
    // Levels of a flat account fall on nothing.
    case(&rows).levels(0, stop(98.0)).long(1).gives(&["2→4 long 1 @ 100 → 100 end_of_data = 0"]);
}

#[test]
fn levels_that_go_with_an_entry_that_is_held_back_move_nothing() {
    let rows = [FLAT, FLAT, FLAT, [100.0, 100.0, 96.0, 98.0], FLAT];
    let stop = Levels { stop_price: Some(98.0), ..Levels::default() };
    case(&rows)
        .long(0)
        .long(2)
        .levels(2, stop)
        .gives(&["1→4 long 1 @ 100 → 100 end_of_data = 0", "2 long in_position"]);
}

#[test]
fn break_even_moves_the_stop_to_the_entry() {
    let after = |pct| Levels { break_even_pct: Some(pct), ..Levels::default() };
    // 102 is seen in row 2: from then on the stop is 100.
    let rows = [FLAT, FLAT, [100.0, 102.0, 99.0, 101.0], [101.0, 101.0, 99.0, 99.0], FLAT];
    both(&rows, |case| case.levels(0, after(0.02)), 3, 100.0, "stop_loss");
    both(&rows, |case| case.levels(0, after(0.03)), 4, 100.0, "end_of_data");
    // Asked after the price was seen.
    both(&rows, |case| case.levels(2, after(0.02)), 3, 100.0, "stop_loss");
    // Met on the last leg of one candle: up to 102, back to 99.
    let rows = [FLAT, FLAT, [100.0, 102.0, 100.0, 100.0], FLAT];
    both(&rows, |case| case.levels(0, after(0.02)), 2, 100.0, "stop_loss");
}

// ---- finer candles

/// Up to 110 first, then down to 90; and the other way round.
const UP_THEN_DOWN: [[f64; 4]; 4] = [
    [100.0, 104.0, 99.0, 104.0],
    [104.0, 110.0, 104.0, 106.0],
    [106.0, 106.0, 90.0, 92.0],
    [92.0, 100.0, 92.0, 100.0],
];

#[test]
fn finer_candles_tell_which_level_came_first() {
    let rows = [FLAT, FLAT, [100.0, 110.0, 90.0, 100.0], FLAT];
    let set = |case: Case| case.stop(0.05).target(0.05).long(0);
    let ran = set(case(&rows)).detail(2, &UP_THEN_DOWN).gives(&["1→2 long 1 @ 100 → 105 take_profit = 5"]);
    assert_eq!(ran.ambiguous, 0);
    let down_then_up = mirrored(&UP_THEN_DOWN);
    let ran = set(case(&rows)).detail(2, &down_then_up).gives(&["1→2 long 1 @ 100 → 95 stop_loss = -5"]);
    assert_eq!(ran.ambiguous, 0);
    // Both levels within one finer candle: still ambiguous.
    let wide = [[100.0, 110.0, 90.0, 100.0], FLAT, FLAT, FLAT];
    let ran = set(case(&rows)).detail(2, &wide).gives(&["1→2 long 1 @ 100 → 95 stop_loss = -5"]);
    assert_eq!(ran.ambiguous, 1);
}

#[test]
fn a_finer_open_may_be_a_gap() {
    let rows = [FLAT, FLAT, [100.0, 101.0, 90.0, 92.0], FLAT];
    let gap = [[100.0, 101.0, 99.0, 99.0], [93.0, 94.0, 90.0, 92.0], [92.0; 4], [92.0; 4]];
    case(&rows).stop(0.05).long(0).gives(&["1→2 long 1 @ 100 → 95 stop_loss = -5"]);
    case(&rows).stop(0.05).long(0).detail(2, &gap).gives(&["1→2 long 1 @ 100 → 93 stop_loss = -7"]);
    // It is slipped as any open: in at 100.1, out at 93 × 0.999 = 92.907.
    case(&rows)
        .stop(0.05)
        .long(0)
        .slippage(10.0)
        .detail(2, &gap)
        .gives(&["1→2 long 1 @ 100.1 → 92.907 stop_loss = -7.193"]);
}

#[test]
fn a_candle_without_finer_ones_uses_the_assumption() {
    // Finer candles for row 1 only; row 2 is walked by its extremes.
    let rows = [FLAT, FLAT, [100.0, 110.0, 90.0, 100.0], FLAT];
    let ran = case(&rows)
        .stop(0.05)
        .target(0.05)
        .long(0)
        .detail(1, &[FLAT; 4])
        .gives(&["1→2 long 1 @ 100 → 95 stop_loss = -5"]);
    assert_eq!(ran.ambiguous, 1);
}

// ---- sizes

#[test]
fn sizes_in_numbers() {
    let quantity = |set: &dyn Fn(Case) -> Case| {
        let ran = set(case(&[FLAT, FLAT, FLAT]).slippage(100.0).commission(10.0).long(0)).run();
        ran.outcome.trades.first().map(|trade| plain(trade.quantity))
    };
    let size = |size: Size| quantity(&move |case| case.set(|settings| settings.size = size));
    // The fill is 100 × 1.01 = 101 with an account of 1000.
    assert_eq!(size(Size::Units(2.5)).as_deref(), Some("2.5"));
    // 505 / 101 = 5.
    assert_eq!(size(Size::Quote(505.0)).as_deref(), Some("5"));
    // 1000 × 50.5 % = 505; 505 / 101 = 5.
    assert_eq!(size(Size::EquityPct(50.5)).as_deref(), Some("5"));
    // 1000 / (101 × 1.001) = 9.891099: what cash pays with commission.
    assert_eq!(size(Size::EquityPct(100.0)).as_deref(), Some("9.891099"));
    assert_eq!(size(Size::Units(500.0)).as_deref(), Some("9.891099"));
    // 1 % of 1000 is 10; the stop is 101 × 0.95 = 95.95, so 5.05 are lost a unit: 10 / 5.05 = 1.98019802.
    let risk = |case: Case| case.set(|settings| settings.size = Size::RiskPct(1.0));
    assert_eq!(quantity(&move |case| risk(case).stop(0.05)).as_deref(), Some("1.98019802"));
    // The script's stop at 99 is tighter: 10 / 2 = 5.
    let stop = Levels { stop_price: Some(99.0), ..Levels::default() };
    assert_eq!(quantity(&move |case| risk(case).stop(0.05).levels(0, stop)).as_deref(), Some("5"));
    // A size given with the entry counts instead of the setting.
    let own = |case: Case| case.at(0, |intents| intents.size = Some(Size::Units(3.0)));
    assert_eq!(quantity(&own).as_deref(), Some("3"));
}

#[test]
fn entries_that_cannot_be_sized_are_refused_at_the_fill() {
    let rows = [FLAT, FLAT, FLAT];
    let risk = |case: Case| case.set(|settings| settings.size = Size::RiskPct(1.0)).long(0);
    risk(case(&rows)).gives(&["0 long no_stop"]);
    risk(case(&rows)).trail(0.05).gives(&["0 long no_stop"]);
    let above = Levels { stop_price: Some(100.0), ..Levels::default() };
    risk(case(&rows)).levels(0, above).gives(&["0 long no_stop"]);
    let instrument = |step: &str, min_qty: &str, min_notional: &str| {
        let number = |text: &str| text.parse().unwrap();
        let [step_size, min_qty, min_notional] = [step, min_qty, min_notional].map(number);
        Instrument { tick_size: number("0.01"), step_size, min_qty, min_notional }
    };
    let with = |rules: Instrument, units: f64| {
        case(&rows)
            .set(|settings| {
                settings.instrument = Some(rules);
                settings.size = Size::Units(units);
            })
            .long(0)
    };
    with(instrument("0.1", "0", "0"), 0.25).gives(&["1→2 long 0.2 @ 100 → 100 end_of_data = 0"]);
    with(instrument("0.1", "0", "0"), 0.09).gives(&["0 long zero_quantity"]);
    with(instrument("0.1", "0.3", "0"), 0.25).gives(&["0 long min_qty"]);
    with(instrument("0.1", "0.2", "20"), 0.25).gives(&["1→2 long 0.2 @ 100 → 100 end_of_data = 0"]);
    with(instrument("0.1", "0.2", "20.01"), 0.25).gives(&["0 long min_notional"]);
    // Far more steps than a decimal has digits for: no panic, and no order that nobody could place.
    with(instrument("0.0000000000000000000000000001", "0", "0"), 9.0).run();
}

// ---- orders

#[test]
fn a_reversal_is_two_fills_at_one_open() {
    let rows = [FLAT, FLAT, [100.0, 110.0, 100.0, 110.0], [112.0, 112.0, 108.0, 108.0], FLAT];
    // Commission 1 %. In at 100 (1), out at 112 (1.12): 12 − 2.12 = 9.88. The short: in at 112 (1.12), closed
    // at 100 (1) after the last candle: 12 − 2.12 = 9.88.
    let ran = case(&rows)
        .commission(100.0)
        .long(0)
        .short(2)
        .gives(&["1→3 long 1 @ 100 → 112 reverse = 9.88", "3→4 short 1 @ 112 → 100 end_of_data = 9.88"]);
    assert_eq!(ran.outcome.trades[1].entry_reason.name(), "reverse");
    // The new leg is sized from the cash after the closing one: all of it, twice.
    // 1000 / 101 = 9.9009901 units; × 112 × 0.99 = 1097.8217822 in cash; / (112 × 1.01) = 9.70493089.
    let ran = case(&rows)
        .commission(100.0)
        .set(|settings| settings.size = Size::EquityPct(100.0))
        .long(0)
        .short(2)
        .run();
    let quantities: Vec<String> = ran.outcome.trades.iter().map(|trade| plain(trade.quantity)).collect();
    assert_eq!(quantities, ["9.9009901", "9.70493089"]);
}

#[test]
fn a_reversal_that_is_vetoed_leaves_only_if_the_script_asked_to() {
    // Entries in hour 1 only: the reversal decided at the close of row 2 (hour 3) is vetoed.
    let hours = |case: Case| case.set(|settings| settings.rules.seasonality = Some(Hours { from: 1, to: 2 }));
    let rows = [FLAT, FLAT, FLAT, [101.0; 4], FLAT];
    hours(case(&rows))
        .long(0)
        .short(2)
        .gives(&["1→4 long 1 @ 100 → 100 end_of_data = 0", "2 short seasonality_filter"]);
    hours(case(&rows))
        .long(0)
        .short(2)
        .exit(2)
        .gives(&["1→3 long 1 @ 100 → 101 signal = 1", "2 short seasonality_filter"]);
    // A stop that was to go with the vetoed short does not become the long's.
    let stop = Levels { stop_price: Some(100.5), ..Levels::default() };
    hours(case(&rows))
        .long(0)
        .short(2)
        .levels(2, stop)
        .gives(&["1→4 long 1 @ 100 → 100 end_of_data = 0", "2 short seasonality_filter"]);
}

#[test]
fn a_reversal_whose_new_leg_is_refused_still_closes_the_old_one() {
    // The short is to risk 1 % and has no stop: known at the fill only.
    let rows = [FLAT, FLAT, FLAT, [101.0; 4], FLAT];
    case(&rows)
        .long(0)
        .short(2)
        .at(2, |intents| intents.size = Some(Size::RiskPct(1.0)))
        .gives(&["1→3 long 1 @ 100 → 101 reverse = 1", "2 short no_stop"]);
}

#[test]
fn what_cannot_be_asked_is_refused_and_an_exit_beside_it_stands() {
    let rows = [FLAT, FLAT, FLAT, [101.0; 4], FLAT];
    case(&rows).long(0).long(2).exit(2).gives(&["1→3 long 1 @ 100 → 101 signal = 1", "2 long in_position"]);
    case(&rows)
        .set(|settings| settings.allow_short = false)
        .long(0)
        .short(2)
        .exit(2)
        .gives(&["1→3 long 1 @ 100 → 101 signal = 1", "2 short short_not_allowed"]);
    // Refused before the filters are asked: no veto is counted.
    case(&rows)
        .set(|settings| {
            settings.allow_short = false;
            settings.rules.seasonality = Some(Hours { from: 12, to: 13 });
        })
        .short(0)
        .gives(&["0 short short_not_allowed"]);
}

#[test]
fn a_pending_exit_fills_before_the_stop_is_looked_at() {
    // Asked at the close of row 1; row 2 opens below the stop of 95.
    let rows = [FLAT, FLAT, [90.0, 91.0, 80.0, 85.0], FLAT];
    case(&rows).stop(0.05).long(0).exit(1).gives(&["1→2 long 1 @ 100 → 90 signal = -10"]);
}

#[test]
fn a_position_is_closed_after_the_last_candle_and_what_is_asked_there_is_dropped() {
    // Out at the close 103, with commission 0.1 % of 100 and 103, without slippage.
    let rows = [FLAT, FLAT, [100.0, 104.0, 100.0, 103.0]];
    let ran = case(&rows)
        .commission(10.0)
        .slippage(0.0)
        .long(0)
        .exit(2)
        .short(2)
        .long(2)
        .gives(&["1→2 long 1 @ 100 → 103 end_of_data = 2.797"]);
    assert_eq!(ran.plan.standings.len(), 3, "the script is asked on the last candle too");
    assert_eq!((ran.outcome.vetoes.total(), ran.outcome.refusals.total()), (0, 0));
    // Equity at the closes: 1000; 1000 − 0.1; then 1000 + 2.797 after the position was closed.
    let equity: Vec<String> = ran.outcome.equity.iter().copied().map(plain).collect();
    assert_eq!(equity, ["1000", "999.9", "1002.797"]);
    case(&rows).slippage(100.0).long(0).gives(&["1→2 long 1 @ 101 → 103 end_of_data = 2"]);
    // An entry asked on the last candle never happened.
    case(&rows).long(2).gives(&[]);
}

#[test]
fn the_time_stop_counts_the_entry_candle() {
    let rows = [FLAT, FLAT, FLAT, [102.0; 4], FLAT];
    let hold = |case: Case, candles| case.set(|settings| settings.rules.max_holding_candles = candles);
    // Held 1 at the close of row 1, 2 at that of row 2: out at the open of row 3.
    hold(case(&rows), 2).long(0).gives(&["1→3 long 1 @ 100 → 102 time_stop = 2"]);
    hold(case(&rows), 1).long(0).gives(&["1→2 long 1 @ 100 → 100 time_stop = 0"]);
    // An exit asked in the same call is named first; so is a reversal.
    hold(case(&rows), 2).long(0).exit(2).gives(&["1→3 long 1 @ 100 → 102 signal = 2"]);
    hold(case(&rows), 2)
        .long(0)
        .short(2)
        .gives(&["1→3 long 1 @ 100 → 102 reverse = 2", "3→4 short 1 @ 102 → 100 end_of_data = 2"]);
}

// ---- filters and limits

#[test]
fn the_cumulative_loss_limit_closes_at_the_next_open_and_halts() {
    // Marked at the close of row 2: −40. At its close of row 3: −50, the limit. Out at the open of row 4.
    let rows = [FLAT, FLAT, [100.0, 100.0, 60.0, 60.0], [60.0, 60.0, 50.0, 50.0], [55.0; 4], FLAT, FLAT];
    let limit = |case: Case| case.set(|settings| settings.limits.max_cumulative_loss = Some(50.0));
    let ran = limit(case(&rows)).long(0).long(4).short(5).gives(&[
        "1→4 long 1 @ 100 → 55 max_loss = -45",
        "4 long max_cumulative_loss",
        "5 short max_cumulative_loss",
    ]);
    let halted = "max_cumulative_loss";
    assert_eq!(ran.standings(), ["-", "-", "-", halted, halted, halted, halted], "for the rest of the run");
    // It is named before any other exit due at the same open.
    limit(case(&rows)).long(0).exit(3).gives(&["1→4 long 1 @ 100 → 55 max_loss = -45"]);
}

#[test]
fn the_cool_down_covers_the_candles_from_the_exit_on() {
    // In at 100, out at 99 in row 2: decisions on rows 2, 3 and 4 are vetoed.
    let rows = [FLAT, FLAT, [99.0; 4], FLAT, FLAT, FLAT, FLAT];
    let cool = |case: Case| case.set(|settings| settings.rules.cooldown_candles = 3);
    let ran = cool(case(&rows)).long(0).exit(1).long(4).long(5).gives(&[
        "1→2 long 1 @ 100 → 99 signal = -1",
        "6→6 long 1 @ 100 → 100 end_of_data = 0",
        "4 long cooldown",
    ]);
    assert_eq!(ran.standings(), ["-", "-", "cooldown", "cooldown", "cooldown", "-", "-"]);
    // Break-even counts as a loss; a win starts none.
    let even = cool(case(&[FLAT; 5])).long(0).exit(1).run();
    assert_eq!(even.standings(), ["-", "-", "cooldown", "cooldown", "cooldown"]);
    let won = cool(case(&[FLAT, FLAT, [101.0; 4], FLAT])).long(0).exit(1).run();
    assert_eq!(won.standings(), ["-"; 4]);
}

#[test]
fn a_reversal_already_decided_is_not_touched_by_the_cool_down_of_its_first_leg() {
    let rows = [FLAT, FLAT, [99.0; 4], [98.0; 4], [98.0; 4]];
    let ran = case(&rows)
        .set(|settings| settings.rules.cooldown_candles = 2)
        .long(0)
        .short(1)
        .exit(2)
        .long(3)
        .gives(&[
            "1→2 long 1 @ 100 → 99 reverse = -1",
            "2→3 short 1 @ 99 → 98 signal = 1",
            "3 long cooldown",
        ]);
    assert_eq!(ran.standings(), ["-", "-", "cooldown", "cooldown", "-"], "whatever trades follow");
}

#[test]
fn the_daily_loss_is_counted_from_the_last_close_before_the_day() {
    // 26 candles: row 23 closes at 23:59:59.999, row 24 is of Tuesday.
    let mut rows = vec![FLAT; 50];
    rows[2] = [100.0, 100.0, 90.0, 90.0];
    let ran = case(&rows).set(|settings| settings.limits.max_daily_loss = Some(10.0)).long(0).run();
    let veto: Vec<usize> =
        ran.plan.standings.iter().filter(|(_, veto)| veto.is_some()).map(|(row, _)| *row).collect();
    // −10 at the close of row 2 is the limit. The equity recovers in row 3, the day stays blocked: to row 23.
    assert_eq!(veto, (2..24).collect::<Vec<_>>());
    // From Tuesday on the loss counts from Monday's last close, 990: 980 is the limit.
    let mut rows = vec![FLAT; 50];
    rows[23] = [100.0, 100.0, 91.0, 91.0];
    rows[24..].fill([82.0; 4]);
    rows[30] = [82.0, 82.0, 81.0, 81.0];
    let ran = case(&rows).set(|settings| settings.limits.max_daily_loss = Some(10.0)).long(0).run();
    let veto: Vec<usize> =
        ran.plan.standings.iter().filter(|(_, veto)| veto.is_some()).map(|(row, _)| *row).collect();
    // Row 23: 991, −9. Row 24: 982, −9 from 991. Row 30: 981, −10: blocked to row 47, Tuesday's last.
    assert_eq!(veto, (30..48).collect::<Vec<_>>());
}

#[test]
fn the_drawdown_limit_lifts_when_the_equity_is_above_it_again() {
    // Peak 1010 at the close of row 2. 5 % below is 959.5; one unit: closes at 59.5 and below are it.
    let close = |price: f64| [price; 4];
    let rows = [FLAT, FLAT, close(110.0), close(60.0), close(59.5), close(50.0), close(61.0), close(61.0)];
    let ran = case(&rows)
        .set(|settings| settings.limits.max_drawdown_limit = Some(0.05))
        .long(0)
        .short(4)
        .gives(&["1→7 long 1 @ 100 → 61 end_of_data = -39", "4 short max_drawdown_limit"]);
    let veto = "max_drawdown_limit";
    assert_eq!(ran.standings(), ["-", "-", "-", "-", veto, veto, "-", "-"]);
    // Left below it, nothing can lift it any more.
    let ran = case(&rows)
        .set(|settings| settings.limits.max_drawdown_limit = Some(0.05))
        .long(0)
        .exit(4)
        .gives(&["1→5 long 1 @ 100 → 50 signal = -50"]);
    assert_eq!(ran.standings(), ["-", "-", "-", "-", veto, veto, veto, veto]);
}

#[test]
fn consecutive_losses_are_lifted_the_next_day_and_only_later_ones_count() {
    let mut rows = vec![FLAT; 52];
    // Break-even trades count as lost: 1→2 and 4→5 reach the limit in row 5.
    let limit = |case: Case| case.set(|settings| settings.limits.max_consecutive_losses = Some(2));
    let vetoed = |ran: &Ran| -> Vec<usize> {
        ran.plan.standings.iter().filter(|(_, veto)| veto.is_some()).map(|(row, _)| *row).collect()
    };
    let monday = |case: Case| limit(case).long(0).exit(1).long(3).exit(4);
    let ran = monday(case(&rows)).long(6).run();
    assert_eq!(vetoed(&ran), (5..24).collect::<Vec<_>>(), "to the end of Monday");
    assert_eq!(ran.lines().last().unwrap(), "6 long max_consecutive_losses");
    // Tuesday starts from none: one more loss is not the limit, the second is.
    let ran = monday(case(&rows)).long(24).exit(25).long(27).exit(28).run();
    assert_eq!(vetoed(&ran), (5..24).chain(29..48).collect::<Vec<_>>());
    // A streak that never reached its limit runs on over midnight: lost on Monday in row 2, on Tuesday in 26.
    let ran = limit(case(&rows)).long(0).exit(1).long(24).exit(25).run();
    assert_eq!(vetoed(&ran), (26..48).collect::<Vec<_>>());
    // A win between two losses.
    rows[5] = [101.0; 4];
    let ran = monday(case(&rows)).long(6).exit(7).run();
    assert_eq!(vetoed(&ran), [0; 0]);
}

#[test]
fn hours_are_those_of_the_decision_and_may_wrap_midnight() {
    // Row n is decided at hour n + 1.
    let open = |from, to| {
        let ran = case(&[FLAT; 24]).set(|s| s.rules.seasonality = Some(Hours { from, to })).run();
        ran.plan
            .standings
            .iter()
            .filter(|(_, veto)| veto.is_none())
            .map(|(row, _)| row + 1)
            .collect::<Vec<_>>()
    };
    assert_eq!(open(5, 8), [5, 6, 7]);
    assert_eq!(open(22, 2), [1, 22, 23, 24], "24 is hour 0 of the next day");
    assert_eq!(open(20, 24), [20, 21, 22, 23]);
    assert_eq!(open(0, 1), [24]);
    case(&[FLAT; 12])
        .set(|settings| settings.rules.seasonality = Some(Hours { from: 5, to: 8 }))
        .long(3)
        .long(4)
        .exit(8)
        .gives(&["5→9 long 1 @ 100 → 100 signal = 0", "3 long seasonality_filter"]);
}

#[test]
fn a_symbol_that_is_not_on_the_list_is_not_filtered() {
    let rules = |symbols: &str, symbol: &str| {
        let script = Script::compile("none.rhai", "fn on_candle(ctx, p) {}", Path::new(".")).unwrap();
        let mut parameters = script.parameters();
        let set = [
            ("apply_seasonality_filter", "true"),
            ("allowed_trading_hours_utc", "22-4"),
            ("apply_seasonality_to_symbols", symbols),
        ];
        for (name, value) in set {
            parameters.set(name, &Written::Text(value.into())).unwrap();
        }
        parameters.rules(symbol).seasonality
    };
    let hours = Some(Hours { from: 22, to: 4 });
    assert_eq!(rules("", "SOLUSDT"), hours);
    assert_eq!(rules("SOLUSDT, SUIUSDT", "SUIUSDT"), hours);
    assert_eq!(rules("SOLUSDT, SUIUSDT", "BTCUSDT"), None);
}

#[test]
fn the_atr_filter_compares_with_its_average_or_with_the_close() {
    // True ranges 2, 4, 1, 4, 1 from row 1 on, around a close of 100. ATR(2): row 2: (2 + 4) / 2 = 3; row 3:
    // (3 + 1) / 2 = 2; row 4: (2 + 4) / 2 = 3; row 5: (3 + 1) / 2 = 2.
    let range = |range: f64| [100.0, 100.0 + range / 2.0, 100.0 - range / 2.0, 100.0];
    let rows = [FLAT, range(2.0), range(4.0), range(1.0), range(4.0), range(1.0), FLAT];
    let filter = |multiplier, sma_period| {
        let filter = AtrFilter { period: 2, multiplier, sma_period };
        case(&rows).set(|settings| settings.rules.atr_filter = Some(filter))
    };
    // 2 % of the close is 2, 2.5 % is 2.5. Rows 2 and 3 have a value and one before: first asked on row 3.
    let ran = filter(2.5, 0)
        .long(3)
        .long(4)
        .gives(&["5→6 long 1 @ 100 → 100 end_of_data = 0", "3 long atr_filter"]);
    assert_eq!(ran.outcome.first_decision, Some(3));
    assert_eq!(ran.standings(), ["atr_filter", "-", "atr_filter", "atr_filter"]);
    assert_eq!(filter(2.0, 0).run().standings(), ["-", "-", "-", "atr_filter"], "equal passes");
    // SMA(ATR, 2): row 3: 2.5, row 4: 2.5, row 5: 2.5, row 6: (2 + 1) / 2 = 1.5. First asked on row 4.
    let ran = filter(1.0, 2).run();
    assert_eq!(ran.outcome.first_decision, Some(4));
    assert_eq!(ran.standings(), ["-", "atr_filter", "atr_filter"]);
    assert_eq!(filter(1.25, 2).run().standings(), ["atr_filter"; 3]);
    assert_eq!(filter(1.2, 2).run().standings(), ["-", "atr_filter", "atr_filter"], "3 = 1.2 × 2.5");
}

#[test]
fn of_several_vetoes_the_first_of_the_list_counts_once() {
    let rows = [FLAT, FLAT, [50.0; 4], [50.0; 4]];
    let all = |case: Case| {
        case.set(|settings| {
            settings.rules.seasonality = Some(Hours { from: 1, to: 2 });
            settings.rules.cooldown_candles = 5;
            settings.limits.max_cumulative_loss = Some(10.0);
            settings.limits.max_daily_loss = Some(10.0);
        })
    };
    let ran = all(case(&rows))
        .long(0)
        .exit(1)
        .long(2)
        .gives(&["1→2 long 1 @ 100 → 50 signal = -50", "2 long seasonality_filter"]);
    assert_eq!(ran.outcome.vetoes.total(), 1);
    let ran = all(case(&rows)).set(|s| s.rules.seasonality = None).long(0).exit(1).run();
    assert_eq!(ran.standings()[2], "cooldown");
    let ran = all(case(&rows))
        .set(|s| {
            s.rules.seasonality = None;
            s.rules.cooldown_candles = 0;
        })
        .long(0)
        .exit(1)
        .run();
    assert_eq!(ran.standings()[2], "max_cumulative_loss");
}

// ---- the range of a run

/// Rows on which a script that averages three closes is called, in a run over `rows` of eight candles.
fn called(rows: std::ops::Range<usize>) -> (Option<usize>, Vec<(usize, String)>) {
    let source = "fn init(p) { #{ mean: sma(close, 3) } }
fn on_candle(ctx, p) { ctx.log(`${ctx.index} ${ctx.mean}`); }";
    let mut script = Script::compile("called.rhai", source, Path::new(".")).unwrap();
    let close: Vec<[f64; 4]> = (0..8).map(|row| [f64::from(row) + 1.0; 4]).collect();
    let candles = Arc::new(candles(START, HOUR_MS, &close));
    let settings = Settings::default();
    let data = script.data(&settings.rules, &ColumnCache::new(candles.clone()));
    let backtest = Backtest { settings: &settings, data: &data, rows, detail: None };
    let (outcome, trace) = backtest.run_traced(&mut script).unwrap();
    assert_eq!(outcome.equity.len(), outcome.range.len());
    (outcome.first_decision, trace.logs)
}

#[test]
fn a_script_is_first_called_on_the_first_warm_candle_of_the_range() {
    let line = |row: usize, text: &str| (row, text.to_owned());
    // From the file's start: the mean is there from row 2 on, and on row 3 also for the candle before.
    let (first, logs) = called(0..8);
    assert_eq!((first, logs[0].clone()), (Some(3), line(3, "3 3.0")));
    // Candles before the range have warmed it.
    let (first, logs) = called(5..7);
    assert_eq!((first, logs), (Some(5), vec![line(5, "0 5.0"), line(6, "1 6.0")]));
    let (first, logs) = called(1..4);
    assert_eq!((first, logs), (Some(3), vec![line(3, "2 3.0")]));
    assert_eq!(called(0..3), (None, Vec::new()));
}

#[test]
fn absent_null_and_zero_switch_a_base_rule_off() {
    let script = Script::compile("none.rhai", "fn on_candle(ctx, p) {}", Path::new(".")).unwrap();
    let plain = script.parameters();
    let (rules, limits) = (plain.rules("X"), plain.limits());
    assert_eq!((rules.clone(), limits), Default::default());
    for parameter in base_parameters() {
        for off in ["0", "null"] {
            let mut parameters = script.parameters();
            if parameters.set(&parameter.name, &Written::Text(off.into())).is_ok() {
                assert_eq!((parameters.rules("X"), parameters.limits()), (rules.clone(), limits));
            }
        }
    }
}
