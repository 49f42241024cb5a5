//! Protective levels of one position, and the one function that sees prices in order.
//!
//! Prices are compared in *signed* space (price × 1 for a long, × −1 for a short), where the adverse
//! direction is always down: one rule serves both directions. Negation is exact in f64.

use crate::model::money::decimal;
use crate::model::{Direction, ExitReason};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

/// What the script asks for. Distances are fractions of the entry price, 0 takes a level away; two stops (or
/// two targets) may be asked at once, the tighter one rules.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Levels {
    pub stop_price: Option<f64>,
    pub stop_pct: Option<f64>,
    pub target_price: Option<f64>,
    pub target_pct: Option<f64>,
    pub trail_pct: Option<f64>,
    pub break_even_pct: Option<f64>,
}

impl Levels {
    /// Replaces what `later` names, keeps the rest.
    pub fn update(&mut self, later: &Levels) {
        let pick = |later: Option<f64>, now: Option<f64>| later.or(now);
        *self = Levels {
            stop_price: pick(later.stop_price, self.stop_price),
            stop_pct: pick(later.stop_pct, self.stop_pct),
            target_price: pick(later.target_price, self.target_price),
            target_pct: pick(later.target_pct, self.target_pct),
            trail_pct: pick(later.trail_pct, self.trail_pct),
            break_even_pct: pick(later.break_even_pct, self.break_even_pct),
        };
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        let Levels { stop_price, stop_pct, target_price, target_pct, trail_pct, break_even_pct } = self;
        [stop_price, stop_pct, target_price, target_pct, trail_pct, break_even_pct]
            .iter()
            .all(|level| level.is_none())
    }

    /// The tighter fixed stop for an entry at `entry`, as a price; a trailing stop does not count.
    pub fn fixed_stop(&self, base_stop_pct: Option<f64>, direction: Direction, entry: f64) -> Option<f64> {
        let sign = direction.sign();
        [self.stop_price, distance(self.stop_pct, entry, -sign), distance(base_stop_pct, entry, -sign)]
            .into_iter()
            .flatten()
            .reduce(|a, b| if sign * a >= sign * b { a } else { b })
    }
}

fn distance(pct: Option<f64>, entry: f64, sign: f64) -> Option<f64> {
    set(pct).map(|pct| entry * (1.0 + sign * pct))
}

/// A distance of 0 is none.
fn set(pct: Option<f64>) -> Option<f64> {
    pct.filter(|pct| *pct > 0.0)
}

/// The base rules' distances, the same for every position of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct BaseLevels {
    pub stop_pct: Option<f64>,
    pub target_pct: Option<f64>,
    pub trail_pct: Option<f64>,
    /// Levels are moved to multiples of this, away from the price, so that they can rest on an exchange.
    pub tick_size: Option<Decimal>,
}

impl BaseLevels {
    fn is_empty(&self) -> bool {
        self.stop_pct.is_none() && self.target_pct.is_none() && self.trail_pct.is_none()
    }
}

/// A level on the grid of prices, away from the price: a stop lower, a target higher, for a long. In signed space.
fn on_grid(level: f64, sign: f64, tick: Option<Decimal>, lower: bool) -> f64 {
    let Some(tick) = tick.filter(|tick| !tick.is_zero() && level.is_finite()) else { return level };
    let rounded = || {
        let ticks = decimal(sign * level).ok()?.checked_div(tick)?;
        let ticks = if lower == (sign > 0.0) { ticks.floor() } else { ticks.ceil() };
        ticks.checked_mul(tick)?.to_f64()
    };
    rounded().map_or(level, |price| sign * price)
}

/// A level that was reached: why, at which price the exit is due, and whether the price was an open.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    pub reason: ExitReason,
    pub price: f64,
    pub at_open: bool,
}

/// The price at which a level is met when the next price seen is `price`: at an open, whatever was passed since
/// the last price is met at the open itself; between prices, the level lies on the way. The one rule for
/// backtests and for the simulated exchange.
pub fn met_at<P>(level: P, price: P, at_open: bool) -> P {
    if at_open { price } else { level }
}

/// The lower of two numbers, in one instruction.
#[inline(always)]
fn lower(a: f64, b: f64) -> f64 {
    if b < a { b } else { a }
}

#[inline(always)]
fn higher(a: f64, b: f64) -> f64 {
    if b > a { b } else { a }
}

/// The live levels of a position.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "ProtectionState", into = "ProtectionState")]
pub struct Protection {
    sign: f64,
    entry: f64,
    base: BaseLevels,
    asked: Levels,
    // Derived, in signed space; −∞ / +∞ where there is none.
    stop: f64,
    target: f64,
    /// Factor from the peak to the trailing level; 0 when nothing trails.
    trail_factor: f64,
    break_even_at: f64,
    peak: f64,
    active: bool,
}

/// What a [`Protection`] is made of; the rest is derived.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct ProtectionState {
    direction: Direction,
    entry: f64,
    base: BaseLevels,
    asked: Levels,
    peak: f64,
}

impl From<Protection> for ProtectionState {
    fn from(protection: Protection) -> Self {
        let Protection { entry, base, asked, .. } = protection;
        ProtectionState {
            direction: protection.direction(),
            entry,
            base,
            asked,
            peak: protection.peak_price(),
        }
    }
}

impl From<ProtectionState> for Protection {
    fn from(state: ProtectionState) -> Self {
        let mut protection = Protection::new(state.direction, state.entry, state.base, state.asked);
        protection.peak = protection.sign * state.peak;
        protection.arm_break_even();
        protection
    }
}

impl Protection {
    /// Levels of a position entered at `entry` (the slipped fill).
    pub fn new(direction: Direction, entry: f64, base: BaseLevels, asked: Levels) -> Self {
        let sign = direction.sign();
        let mut protection = Protection {
            sign,
            entry,
            base,
            asked,
            stop: f64::NEG_INFINITY,
            target: f64::INFINITY,
            trail_factor: 0.0,
            break_even_at: f64::INFINITY,
            peak: sign * entry,
            active: false,
        };
        // What was initialized is what no levels give.
        if !protection.asked.is_empty() || !protection.base.is_empty() {
            protection.derive();
        }
        protection
    }

    /// Moves levels: what `later` names replaces what was asked before.
    pub fn update(&mut self, later: &Levels) {
        self.asked.update(later);
        self.derive();
    }

    /// The base rules from now on.
    pub fn set_base(&mut self, base: BaseLevels) {
        self.base = base;
        self.derive();
    }

    fn direction(&self) -> Direction {
        if self.sign > 0.0 { Direction::Long } else { Direction::Short }
    }

    fn derive(&mut self) {
        let (sign, entry, tick) = (self.sign, self.entry, self.base.tick_size);
        let direction = self.direction();
        self.stop = self
            .asked
            .fixed_stop(self.base.stop_pct, direction, entry)
            .map_or(f64::NEG_INFINITY, |stop| on_grid(sign * stop, sign, tick, true));
        let target = [
            self.asked.target_price,
            distance(self.asked.target_pct, entry, sign),
            distance(self.base.target_pct, entry, sign),
        ]
        .into_iter()
        .flatten()
        .map(|target| sign * target)
        .fold(f64::INFINITY, f64::min);
        self.target = on_grid(target, sign, tick, false);
        let trail = [self.asked.trail_pct, self.base.trail_pct].into_iter().filter_map(set).reduce(f64::min);
        self.trail_factor = trail.map_or(0.0, |pct| 1.0 - sign * pct);
        self.break_even_at =
            set(self.asked.break_even_pct).map_or(f64::INFINITY, |pct| sign * (entry * (1.0 + sign * pct)));
        self.arm_break_even();
        self.active = self.stop > f64::NEG_INFINITY
            || self.target < f64::INFINITY
            || self.trail_factor != 0.0
            || self.break_even_at < f64::INFINITY;
    }

    fn arm_break_even(&mut self) {
        if self.peak >= self.break_even_at {
            let entry = on_grid(self.sign * self.entry, self.sign, self.base.tick_size, true);
            self.stop = self.stop.max(entry);
        }
    }

    fn trailing_level(&self) -> f64 {
        if self.trail_factor == 0.0 {
            f64::NEG_INFINITY
        } else {
            on_grid(self.peak * self.trail_factor, self.sign, self.base.tick_size, true)
        }
    }

    /// Why an exit at the stop that stands now would be.
    pub fn stop_reason(&self) -> ExitReason {
        if self.stop >= self.trailing_level() { ExitReason::StopLoss } else { ExitReason::TrailingStop }
    }

    /// Whether seeing `price` between others would change anything.
    pub fn is_moved_by(&self, price: f64) -> bool {
        let p = self.sign * price;
        p > self.peak || p <= self.stop || p <= self.trailing_level() || p >= self.target
    }

    /// Whether any level is set, so that prices have to be walked.
    #[inline]
    pub fn is_active(&self) -> bool {
        self.active
    }

    /// The next price seen. At an open, a level passed or touched exits at that price itself; between prices,
    /// a level that lies on the way (or equals the price) exits at the level. Levels are compared first, then
    /// the peak moves.
    pub fn on_price(&mut self, price: f64, at_open: bool) -> Option<Hit> {
        let p = self.sign * price;
        let trailing = self.trailing_level();
        if p <= self.stop || p <= trailing {
            // At an open all levels passed fill at one price, so the order of ties decides; on the way the
            // nearer level is met first.
            let stop_first = if at_open { p <= self.stop } else { self.stop >= trailing };
            let (reason, level) = if stop_first {
                (ExitReason::StopLoss, self.stop)
            } else {
                (ExitReason::TrailingStop, trailing)
            };
            return Some(Hit { reason, price: met_at(self.sign * level, price, at_open), at_open });
        }
        if p >= self.target {
            let price = met_at(self.sign * self.target, price, at_open);
            return Some(Hit { reason: ExitReason::TakeProfit, price, at_open });
        }
        if p > self.peak {
            self.peak = p;
            self.arm_break_even();
        }
        None
    }

    /// Shows several prices at once, if their order cannot matter: when none of them reaches a level, nor moves one.
    /// False, and nothing has happened, if it can.
    #[inline(always)]
    pub fn passes(&mut self, prices: [f64; 4]) -> bool {
        let [a, b, c, d] = prices;
        let (a, b, c, d) = (self.sign * a, self.sign * b, self.sign * c, self.sign * d);
        let (least, most) = (lower(lower(a, b), lower(c, d)), higher(higher(a, b), higher(c, d)));
        let moves = self.trail_factor != 0.0 || self.break_even_at < f64::INFINITY;
        if moves && most > self.peak {
            return false;
        }
        let stop = if self.trail_factor == 0.0 { self.stop } else { self.stop.max(self.trailing_level()) };
        // What is no number is left to the walk.
        let inside = least > stop && most < self.target && a + b + c + d > f64::NEG_INFINITY;
        if inside {
            self.peak = higher(self.peak, most);
        }
        inside
    }

    /// Raises the peak without comparing levels: all that has to be known while nothing is active.
    #[inline(always)]
    pub fn raise_peak(&mut self, favourable: f64) {
        self.peak = higher(self.peak, self.sign * favourable);
    }

    /// The same over many prices.
    pub fn raise_peak_over(&mut self, favourable: &[f64]) {
        // Several at a time: one after the other each would wait for the one before.
        const LANES: usize = 8;
        let (lanes, rest) = favourable.as_chunks::<LANES>();
        let mut peaks = [self.peak; LANES];
        for prices in lanes {
            for (peak, price) in peaks.iter_mut().zip(prices) {
                *peak = higher(*peak, self.sign * price);
            }
        }
        self.peak = peaks.into_iter().fold(self.peak, higher);
        rest.iter().for_each(|&price| self.raise_peak(price));
    }

    /// The price at which a stop stands now (fixed or trailing, the tighter), if there is one.
    pub fn stop_price(&self) -> Option<f64> {
        let level = self.stop.max(self.trailing_level());
        (level > f64::NEG_INFINITY).then_some(self.sign * level)
    }

    /// The price at which the target stands now, if there is one.
    pub fn target_price(&self) -> Option<f64> {
        (self.target < f64::INFINITY).then_some(self.sign * self.target)
    }

    /// The best price seen since the entry.
    pub fn peak_price(&self) -> f64 {
        self.sign * self.peak
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(protection: &mut Protection, prices: [f64; 4]) -> Option<(ExitReason, f64)> {
        prices
            .iter()
            .enumerate()
            .find_map(|(index, &price)| protection.on_price(price, index == 0))
            .map(|hit| (hit.reason, hit.price))
    }

    fn long(stop: f64, target: f64, trail: f64) -> Protection {
        let set = |pct: f64| (pct > 0.0).then_some(pct);
        let base = BaseLevels {
            stop_pct: set(stop),
            target_pct: set(target),
            trail_pct: set(trail),
            tick_size: None,
        };
        Protection::new(Direction::Long, 100.0, base, Levels::default())
    }

    #[test]
    fn a_gap_through_the_stop_exits_at_the_open() {
        assert_eq!(
            walk(&mut long(0.05, 0.0, 0.0), [90.0, 80.0, 110.0, 100.0]),
            Some((ExitReason::StopLoss, 90.0))
        );
    }

    #[test]
    fn a_gap_through_the_target_exits_at_the_open() {
        assert_eq!(
            walk(&mut long(0.05, 0.1, 0.0), [115.0, 80.0, 120.0, 100.0]),
            Some((ExitReason::TakeProfit, 115.0))
        );
    }

    #[test]
    fn the_stop_comes_before_the_target_in_one_candle() {
        assert_eq!(
            walk(&mut long(0.05, 0.05, 0.0), [100.0, 95.0, 110.0, 100.0]),
            Some((ExitReason::StopLoss, 95.0))
        );
    }

    #[test]
    fn a_fresh_peak_can_stop_out_on_the_last_leg() {
        // Peak 120 → trailing level 108, and the close is below it.
        assert_eq!(
            walk(&mut long(0.0, 0.0, 0.1), [100.0, 99.0, 120.0, 105.0]),
            Some((ExitReason::TrailingStop, 108.0))
        );
    }

    #[test]
    fn the_nearer_of_two_stops_is_met_first_and_ties_go_to_the_fixed_one() {
        let mut both = long(0.1, 0.0, 0.05);
        assert_eq!(walk(&mut both, [100.0, 80.0, 100.0, 90.0]), Some((ExitReason::TrailingStop, 95.0)));
        let mut tie = long(0.05, 0.0, 0.05);
        assert_eq!(walk(&mut tie, [100.0, 80.0, 100.0, 90.0]), Some((ExitReason::StopLoss, 95.0)));
        let mut gap = long(0.1, 0.0, 0.05);
        assert_eq!(walk(&mut gap, [85.0, 80.0, 100.0, 90.0]), Some((ExitReason::StopLoss, 85.0)));
    }

    #[test]
    fn a_short_mirrors_a_long() {
        let base = BaseLevels {
            stop_pct: Some(0.05),
            target_pct: Some(0.05),
            trail_pct: Some(0.1),
            tick_size: None,
        };
        let mut short = Protection::new(Direction::Short, 100.0, base, Levels::default());
        assert_eq!(short.on_price(100.0, true), None);
        assert_eq!(short.stop_price(), Some(105.0));
        assert_eq!(
            short.on_price(106.0, false),
            Some(Hit { reason: ExitReason::StopLoss, price: 105.0, at_open: false })
        );
        let mut short = Protection::new(Direction::Short, 100.0, base, Levels::default());
        assert_eq!(
            short.on_price(90.0, false),
            Some(Hit { reason: ExitReason::TakeProfit, price: 95.0, at_open: false })
        );
    }

    #[test]
    fn break_even_moves_the_stop_to_the_entry_once_the_profit_was_seen() {
        let asked = Levels { stop_price: Some(90.0), break_even_pct: Some(0.02), ..Levels::default() };
        let mut protection = Protection::new(Direction::Long, 100.0, BaseLevels::default(), asked);
        assert_eq!(protection.on_price(101.0, true), None);
        assert_eq!(protection.stop_price(), Some(90.0));
        assert_eq!(protection.on_price(102.5, false), None);
        assert_eq!(protection.stop_price(), Some(100.0));
    }

    #[test]
    fn on_a_grid_levels_move_away_from_the_price() {
        let tick_size = Some(Decimal::new(1, 1));
        let base = BaseLevels {
            stop_pct: Some(0.0333),
            target_pct: Some(0.0333),
            trail_pct: Some(0.0222),
            tick_size,
        };
        let mut long = Protection::new(Direction::Long, 100.0, base, Levels::default());
        assert_eq!((long.stop_price(), long.target_price()), (Some(97.7), Some(103.4)));
        long.on_price(101.0, false);
        assert_eq!((long.stop_price(), long.stop_reason()), (Some(98.7), ExitReason::TrailingStop));
        let short = Protection::new(Direction::Short, 100.0, base, Levels::default());
        assert_eq!((short.stop_price(), short.target_price()), (Some(102.3), Some(96.6)));
    }

    #[test]
    fn a_protection_is_the_same_after_being_written_down() {
        let asked = Levels { stop_price: Some(90.0), break_even_pct: Some(0.02), ..Levels::default() };
        let base = BaseLevels { trail_pct: Some(0.1), ..BaseLevels::default() };
        for direction in [Direction::Long, Direction::Short] {
            let mut protection = Protection::new(direction, 100.0, base, asked);
            protection.on_price(100.0 + direction.sign() * 3.0, false);
            let text = serde_json::to_string(&protection).unwrap();
            assert_eq!(serde_json::from_str::<Protection>(&text).unwrap(), protection);
        }
    }

    #[test]
    fn of_two_stops_the_tighter_rules_and_a_later_one_replaces_its_own_kind() {
        let base = BaseLevels { stop_pct: Some(0.05), ..BaseLevels::default() };
        let asked = Levels { stop_price: Some(97.0), ..Levels::default() };
        let mut protection = Protection::new(Direction::Long, 100.0, base, asked);
        assert_eq!(protection.stop_price(), Some(97.0));
        protection.update(&Levels { stop_price: Some(80.0), ..Levels::default() });
        assert_eq!(protection.stop_price(), Some(95.0));
    }
}
