//! What holds for any candles, settings and strategy: money is conserved, fills are at prices that were there,
//! and every entry asked for is made, vetoed or refused.
//!
//! Candles come on a coarse grid, so that levels are touched exactly and open prices gap.

use mista::backtest::Backtest;
use mista::engine::{
    ColumnCache, Costs, DataHandler, EntryWish, Hours, Intents, Levels, Limits, Moment, Position, Recorder,
    Rules, Settings, Strategy as Strategist, StrategyFault, run, slipped,
};
use mista::model::{
    Candle, Candles, Direction, ExitReason, Fill, FillReason, HOUR_MS, Instrument, Refusal, Side, Size,
    Trade, Veto,
};
use mista::venues::sim::SimulatedVenue;
use proptest::prelude::*;
use std::sync::Arc;

const START: i64 = 1_609_718_400_000;

// ---- what is generated

/// Four prices that make a candle, as steps of a grid from the close before.
pub type Steps = (i32, u8, u8, u8, bool);

pub fn steps() -> impl Strategy<Value = Steps> {
    let gap = prop_oneof![4 => Just(0), 2 => -3..=3i32, 1 => -15..=15i32];
    (gap, 0..6u8, 0..6u8, 0..=10u8, prop::bool::weighted(0.05))
}

/// Candles of `step` ms, some of them missing, on a grid of `tick`.
pub fn candles(steps: &[Steps], tick: f64, step: i64) -> Candles {
    let (mut grid, mut time) = (60i32, START);
    let rows = steps.iter().map(|&(gap, up, down, close, missing)| {
        if missing {
            time += 3 * step;
        }
        let open = (grid + gap).max(10);
        let (high, low) = (open + i32::from(up), (open - i32::from(down)).max(1));
        grid = low + (high - low) * i32::from(close) / 10;
        let price = |grid: i32| f64::from(grid) * tick;
        let open_time = time;
        time += step;
        Candle {
            open_time,
            close_time: open_time + step - 1,
            open: price(open),
            high: price(high),
            low: price(low),
            close: price(grid),
            volume: 1.0,
        }
    });
    rows.collect()
}

/// One candle out of each `count` finer ones that lie in one hour.
fn coarser(fine: &Candles) -> Candles {
    let mut coarse: Vec<Candle> = Vec::new();
    for candle in fine.iter() {
        let hour = candle.open_time - candle.open_time.rem_euclid(HOUR_MS);
        match coarse.last_mut().filter(|last| last.open_time == hour) {
            Some(last) => {
                last.high = last.high.max(candle.high);
                last.low = last.low.min(candle.low);
                last.close = candle.close;
            }
            None => coarse.push(Candle { open_time: hour, close_time: hour + HOUR_MS - 1, ..candle }),
        }
    }
    coarse.into_iter().collect()
}

/// What is asked at one close.
#[derive(Debug, Clone, Default)]
pub struct Act {
    entry: Option<Direction>,
    exit: bool,
    size: Option<Size>,
    /// Distances from the close, as fractions.
    stop: Option<f64>,
    target: Option<f64>,
    levels: Levels,
}

fn fraction() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.01), Just(0.05), Just(0.1), 0.001..0.3f64]
}

fn size() -> impl Strategy<Value = Size> {
    prop_oneof![
        (0.0..50.0f64).prop_map(Size::Units),
        (0.0..20_000.0f64).prop_map(Size::Quote),
        (0.0..150.0f64).prop_map(Size::EquityPct),
        (0.0..20.0f64).prop_map(Size::RiskPct),
    ]
}

pub fn act() -> impl Strategy<Value = Act> {
    let entry =
        prop_oneof![3 => Just(None), 2 => Just(Some(Direction::Long)), 2 => Just(Some(Direction::Short))];
    let maybe = |weight| prop::option::weighted(weight, fraction());
    let moved = (maybe(0.2), maybe(0.2), maybe(0.2), maybe(0.1));
    (entry, prop::bool::weighted(0.2), prop::option::weighted(0.2, size()), maybe(0.2), maybe(0.2), moved)
        .prop_map(|(entry, exit, size, stop, target, (stop_pct, target_pct, trail_pct, break_even_pct))| {
            Act {
                entry,
                exit,
                size,
                stop,
                target,
                levels: Levels { stop_pct, target_pct, trail_pct, break_even_pct, ..Levels::default() },
            }
        })
}

pub fn settings() -> impl Strategy<Value = Settings> {
    let maybe = || prop::option::weighted(0.3, fraction());
    let instrument = prop::option::weighted(0.3, (0..4u32, 0..3u32, 0..100i64)).prop_map(|rules| {
        rules.map(|(step, least, notional)| Instrument {
            tick_size: "0.01".parse().unwrap(),
            step_size: rust_decimal::Decimal::new(1, step),
            min_qty: rust_decimal::Decimal::new(1, least),
            min_notional: notional.into(),
        })
    });
    let rules = (
        maybe(),
        maybe(),
        maybe(),
        prop::option::weighted(0.2, (0..24u8, 1..=24u8).prop_filter("from ≠ to", |(from, to)| from != to)),
        prop_oneof![2 => Just(0u32), 1 => 1..5u32],
        prop_oneof![2 => Just(0u32), 1 => 1..8u32],
    );
    let limit = |most| prop::option::weighted(0.2, 1.0..most);
    let limits = (limit(2000.0), limit(1000.0), maybe(), prop::option::weighted(0.2, 1..4u32));
    let costs = (prop_oneof![Just(0.0), 0.0..100.0f64], prop_oneof![Just(0.0), 0.0..300.0f64]);
    (rules, limits, costs, size(), any::<bool>(), instrument).prop_map(
        |(rules, limits, (commission_bps, slippage_bps), size, allow_short, instrument)| Settings {
            symbol: "X".into(),
            initial_balance: 10_000.0,
            costs: Costs { commission_bps, slippage_bps },
            size,
            allow_short,
            rules: Rules {
                stop_loss_pct: rules.0,
                take_profit_pct: rules.1,
                trailing_stop_loss_pct: rules.2,
                atr_filter: None,
                seasonality: rules.3.map(|(from, to)| Hours { from, to }),
                cooldown_candles: rules.4,
                max_holding_candles: rules.5,
            },
            limits: Limits {
                max_cumulative_loss: limits.0,
                max_daily_loss: limits.1,
                max_drawdown_limit: limits.2,
                max_consecutive_losses: limits.3,
            },
            instrument,
            ..Settings::default()
        },
    )
}

// ---- who acts and who watches

pub struct Actor<'a> {
    acts: &'a [Act],
    first: usize,
    /// What stood in the way of an entry at each row.
    standings: Vec<Option<Veto>>,
}

impl<'a> Actor<'a> {
    pub fn new(acts: &'a [Act], first: usize) -> Self {
        Actor { acts, first, standings: Vec::new() }
    }
}

impl Strategist for Actor<'_> {
    fn on_candle(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        assert_eq!((moment.row, moment.index), (self.first + self.standings.len(), self.standings.len()));
        self.standings.push(moment.standing.first());
        let Some(act) = self.acts.get(moment.row) else { return Ok(()) };
        let close = data.candles().close[moment.row];
        let side = match (act.entry, moment.position) {
            (Some(direction), _) => direction.sign(),
            (None, Some(position)) => position.direction.sign(),
            (None, None) => 1.0,
        };
        intents.touched = true;
        intents.entry = act.entry.map(|direction| EntryWish { direction, note: "".into() });
        intents.exit = act.exit.then(|| "".into());
        intents.size = act.size;
        intents.levels = Levels {
            stop_price: act.stop.map(|distance| close * (1.0 - side * distance)),
            target_price: act.target.map(|distance| close * (1.0 + side * distance)),
            ..act.levels
        };
        Ok(())
    }
}

/// A position at a close.
#[derive(Clone, Copy)]
struct Held {
    direction: Direction,
    quantity: f64,
    entry: f64,
    peak: f64,
}

#[derive(Default)]
struct Watcher {
    fills: Vec<(usize, Fill)>,
    trades: Vec<(usize, Trade)>,
    closes: Vec<(usize, f64, Option<Held>)>,
    end: Option<f64>,
    vetoes: Vec<(usize, Veto)>,
    refusals: Vec<(usize, Refusal)>,
}

impl Recorder for Watcher {
    fn on_close(&mut self, row: usize, equity: f64, position: Option<&Position>) {
        let held = position.map(|position| Held {
            direction: position.direction,
            quantity: position.quantity,
            entry: position.entry_price,
            peak: position.protection.peak_price(),
        });
        self.closes.push((row, equity, held));
    }
    fn on_end(&mut self, equity: f64) {
        self.end = Some(equity);
    }
    fn on_fill(&mut self, row: usize, fill: &Fill) {
        self.fills.push((row, *fill));
    }
    fn on_trade(&mut self, row: usize, trade: Trade) {
        self.trades.push((row, trade));
    }
    fn on_veto(&mut self, row: usize, _direction: Direction, veto: Veto) {
        self.vetoes.push((row, veto));
    }
    fn on_refusal(&mut self, row: usize, _direction: Direction, refusal: Refusal) {
        self.refusals.push((row, refusal));
    }
}

// ---- what must hold

fn close_to(a: f64, b: f64, scale: f64) -> bool {
    (a - b).abs() <= 1e-9 * scale.abs().max(1e-9)
}

fn check(
    settings: &Settings,
    candles: Candles,
    detail: Option<Candles>,
    acts: &[Act],
    first: usize,
) -> Result<(), TestCaseError> {
    let candles = Arc::new(candles);
    let rows = first.min(candles.len() - 1)..candles.len();
    let data = DataHandler::new(&ColumnCache::new(candles.clone()), &[], None);
    let mut actor = Actor::new(acts, rows.start);
    let mut seen = Watcher::default();
    let mut venue = SimulatedVenue::new(&candles, detail.as_ref(), settings.costs);
    run(settings, &data, rows.clone(), &mut actor, &mut venue, &mut seen).unwrap();
    let last = rows.end - 1;

    // Replays the fills: cash, one position at a time, prices.
    let (mut cash, mut turnover) = (settings.initial_balance, settings.initial_balance);
    let mut held: Option<(Direction, f64)> = None;
    let mut cash_after: Vec<(usize, f64)> = Vec::new();
    let rate = settings.costs.commission_bps / 10_000.0;
    for (row, fill) in &seen.fills {
        let candle = candles.get(*row);
        let notional = fill.quantity * fill.price;
        turnover += notional;
        prop_assert!(close_to(fill.commission, notional * rate, notional));
        prop_assert_eq!(fill.time, candle.open_time);
        prop_assert!(fill.price > 0.0 && fill.quantity > 0.0);
        let open = slipped(candle.open, fill.side, settings.costs.slippage_bps);
        match fill.reason {
            FillReason::Entry(_) => {
                prop_assert!(held.is_none(), "an entry while in a position");
                prop_assert_eq!(fill.price, open);
                let cost = notional * (1.0 + rate);
                prop_assert!(cost <= cash * (1.0 + 1e-12), "pays {cost} from {cash}");
                prop_assert!(*row > rows.start);
                prop_assert_eq!(actor.standings[*row - 1 - rows.start], None, "entered while vetoed");
                if let Some(rules) = &settings.instrument {
                    let quantity: rust_decimal::Decimal = fill.quantity.to_string().parse().unwrap();
                    prop_assert!((quantity % rules.step_size).is_zero() && quantity >= rules.min_qty);
                }
                let direction = if fill.side == Side::Buy { Direction::Long } else { Direction::Short };
                prop_assert!(direction == Direction::Long || settings.allow_short);
                held = Some((direction, fill.quantity));
            }
            FillReason::Exit(reason) => {
                let Some((direction, quantity)) = held.take() else {
                    return Err(TestCaseError::fail("an exit without a position"));
                };
                prop_assert_eq!((fill.side, fill.quantity), (direction.exit_side(), quantity));
                // The price before slippage.
                let slip = slipped(1.0, fill.side, settings.costs.slippage_bps);
                let market = fill.price / slip;
                let inside =
                    |price: f64| price >= candle.low * (1.0 - 1e-12) && price <= candle.high * (1.0 + 1e-12);
                match reason {
                    ExitReason::StopLoss | ExitReason::TrailingStop => {
                        prop_assert!(inside(market), "{reason} at {market} outside of {candle:?}");
                    }
                    ExitReason::TakeProfit => {
                        prop_assert!(inside(fill.price), "{reason} at {} outside of {candle:?}", fill.price);
                        prop_assert_eq!(fill.slippage, 0.0);
                    }
                    ExitReason::EndOfData => prop_assert_eq!((*row, fill.price), (last, candle.close)),
                    _ => prop_assert_eq!(fill.price, open),
                }
            }
        }
        let sign = if fill.side == Side::Buy { -1.0 } else { 1.0 };
        cash += sign * notional - fill.commission;
        cash_after.push((*row, cash));
    }
    prop_assert!(held.is_none(), "a position was left open");

    // Equity at every close is cash and the position marked there, and moves for no other reason.
    prop_assert_eq!(seen.closes.len(), rows.len());
    let ended = seen.trades.last().is_some_and(|(_, trade)| trade.exit_reason == ExitReason::EndOfData);
    let known = &seen.fills[..seen.fills.len() - usize::from(ended)];
    for (row, equity, position) in &seen.closes {
        let fills = known.partition_point(|(filled, _)| filled <= row);
        let cash = fills.checked_sub(1).map_or(settings.initial_balance, |index| cash_after[index].1);
        let candle = candles.get(*row);
        let marked = position.map_or(0.0, |held| held.direction.sign() * held.quantity * candle.close);
        prop_assert!(close_to(*equity, cash + marked, turnover), "row {row}: {equity} for {cash} + {marked}");
        prop_assert_eq!(position.is_some(), fills % 2 == 1);
        // A position that is still there met neither the base stop nor the base target in this candle.
        if let Some(Held { direction, entry, peak, .. }) = *position {
            let (adverse, favourable) = match direction {
                Direction::Long => (candle.low, candle.high),
                Direction::Short => (candle.high, candle.low),
            };
            let sign = direction.sign();
            if let Some(pct) = settings.rules.stop_loss_pct {
                prop_assert!(sign * adverse > sign * entry * (1.0 - sign * pct), "row {row}: stop not seen");
            }
            if let Some(pct) = settings.rules.take_profit_pct {
                prop_assert!(
                    sign * favourable < sign * entry * (1.0 + sign * pct),
                    "row {row}: target not seen"
                );
            }
            if let Some(pct) = settings.rules.trailing_stop_loss_pct {
                prop_assert!(
                    sign * candle.close > sign * peak * (1.0 - sign * pct),
                    "row {row}: trailing stop"
                );
                prop_assert!(sign * peak >= sign * entry && sign * peak >= sign * favourable);
            }
        }
    }
    let final_equity = seen.end.or(seen.closes.last().map(|(_, equity, _)| *equity)).unwrap();
    prop_assert!(close_to(final_equity, cash, turnover), "ends at {final_equity}, cash {cash}");
    let pnl: f64 = seen.trades.iter().map(|(_, trade)| trade.pnl).sum();
    prop_assert!(close_to(pnl, cash - settings.initial_balance, turnover), "trades sum to {pnl}");

    // Trades are their fills.
    prop_assert_eq!(seen.trades.len() * 2, seen.fills.len());
    for ((row, trade), fills) in seen.trades.iter().zip(seen.fills.chunks(2)) {
        let [(entry_row, entry), (exit_row, exit)] = fills else { continue };
        prop_assert_eq!((trade.entry_price, trade.exit_price), (entry.price, exit.price));
        prop_assert_eq!((trade.candles_held as usize, row), (exit_row - entry_row, exit_row));
        prop_assert_eq!(FillReason::Exit(trade.exit_reason), exit.reason);
        let most = settings.rules.max_holding_candles;
        prop_assert!(most == 0 || trade.candles_held <= most, "held {} of {most}", trade.candles_held);
    }

    // Every entry asked for before the last candle is filled, vetoed or refused, and once.
    let asked =
        (rows.start..last).filter(|row| acts.get(*row).is_some_and(|act| act.entry.is_some())).count();
    let entered = seen.fills.iter().filter(|(_, fill)| matches!(fill.reason, FillReason::Entry(_))).count();
    prop_assert_eq!(asked, entered + seen.vetoes.len() + seen.refusals.len());
    for (row, veto) in &seen.vetoes {
        prop_assert_eq!(actor.standings[*row - rows.start], Some(*veto));
    }

    // The outcome counts the same, and a second run is the same.
    let backtest = Backtest { settings, data: &data, rows: rows.clone(), detail: detail.as_ref() };
    let outcome = backtest.run(&mut Actor::new(acts, rows.start)).unwrap();
    let trades: Vec<&Trade> = seen.trades.iter().map(|(_, trade)| trade).collect();
    prop_assert_eq!(outcome.trades.iter().collect::<Vec<_>>(), trades);
    prop_assert_eq!(outcome.vetoes.total(), seen.vetoes.len() as u64);
    prop_assert_eq!(outcome.refusals.total(), seen.refusals.len() as u64);
    prop_assert_eq!(outcome.equity.last().copied(), Some(final_equity));
    let marked =
        seen.closes.iter().filter(|(row, _, held)| held.is_some() && !(ended && *row == last)).count();
    prop_assert_eq!(outcome.closes_in_position, marked as u64);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn money_is_conserved_and_fills_are_at_prices_that_were_there(
        settings in settings(),
        steps in prop::collection::vec(steps(), 1..70),
        acts in prop::collection::vec(act(), 0..70),
        tick in prop_oneof![Just(1.0), Just(0.01), Just(37.5)],
        first in 0..10usize,
    ) {
        check(&settings, candles(&steps, tick, HOUR_MS), None, &acts, first)?;
    }

    #[test]
    fn the_same_holds_with_finer_candles(
        settings in settings(),
        steps in prop::collection::vec(steps(), 4..200),
        acts in prop::collection::vec(act(), 0..50),
        missing in prop::option::of(0..200usize),
    ) {
        let mut fine = candles(&steps, 1.0, HOUR_MS / 4);
        let coarse = coarser(&fine);
        if let Some(missing) = missing {
            // The finer candles end, or begin, with some hour; a part of an hour would hide its extremes.
            let hour = coarse.open_time[missing % coarse.len()];
            let cut = fine.first_at_or_after(hour);
            fine = if missing % 2 == 0 { fine.slice(0..cut) } else { fine.slice(cut..fine.len()) };
        }
        check(&settings, coarse, Some(fine), &acts, 0)?;
    }
}
