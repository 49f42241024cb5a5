//! What programs are run on: sets of candles, and positions and accounts made up for each row.

use mista::engine::{
    AtrFilter, BaseLevels, ColumnCache, Hours, Levels, Limits, Moment, Position, Protection, RiskManager,
    Rules, Standing,
};
use mista::model::{Candle, Candles, Direction, EntryReason};
use std::sync::Arc;

/// Candles of one run.
pub const ROWS: usize = 100;

/// Candle sets.
pub struct World {
    sets: Vec<Arc<Candles>>,
}

impl World {
    pub fn new() -> World {
        World { sets: (0..24).map(|set| Arc::new(candles(set))).collect() }
    }

    /// The candles of a program, of which no indicator is computed yet: each tier must have that done, in whole columns or
    /// as the candles pass.
    pub fn of(&self, seed: u64) -> ColumnCache {
        let candles = self.sets[seed as usize % self.sets.len()].clone();
        match seed / self.sets.len() as u64 % 2 {
            0 => ColumnCache::new(candles),
            _ => ColumnCache::for_one_run(candles),
        }
    }
}

/// A walk of its own kind for each number.
fn candles(set: u64) -> Candles {
    let mut random = fastrand::Rng::with_seed(set);
    let scale = [100.0, 100.0, 30_000.0, 1e-8, 1e12, 3.0][set as usize % 6];
    let (noise, gaps) = ([0.01, 0.002, 0.08][set as usize % 3], set % 4 == 1);
    let hour = 3_600_000;
    // From a Friday evening on, so that days and weeks end in it.
    let start = 1_609_520_400_000;
    let mut close: f64 = scale;
    let row = |row: usize| {
        let before = close;
        // A stretch in which nothing moves.
        let is_still = set % 5 == 2 && (30..60).contains(&row);
        let step = if is_still { 0.0 } else { noise * (random.f64() * 2.0 - 1.0) };
        let gap = if gaps && row.is_multiple_of(9) { 0.05 * (random.f64() - 0.5) } else { 0.0 };
        // A few prices that are far off.
        let far = if set % 7 == 3 && row == 70 { 1e6 } else { 1.0 };
        let open = before * (1.0 + gap);
        close = open * (1.0 + step) * far;
        let wick = if is_still { 0.0 } else { noise * random.f64() };
        let volume = if is_still { 0.0 } else { (random.f64() * 1000.0).round() / 8.0 };
        // Hours missing, as files have them.
        let open_time = start + (row as i64 + if row > 50 && set.is_multiple_of(3) { 5 } else { 0 }) * hour;
        Candle {
            open_time,
            close_time: open_time + hour - 1,
            open,
            high: open.max(close) * (1.0 + wick),
            low: open.min(close) * (1.0 - wick),
            close,
            volume,
        }
    };
    (0..ROWS).map(row).collect()
}

/// One row as a strategy is told of it.
pub struct Told {
    pub row: usize,
    index: usize,
    position: Option<Position>,
    equity: f64,
    cash: f64,
    allow_short: bool,
    standing: Standing,
}

impl Told {
    pub fn held(&self) -> Option<Direction> {
        self.position.as_ref().map(|position| position.direction)
    }

    pub fn moment(&self) -> Moment<'_> {
        Moment {
            row: self.row,
            index: self.index,
            position: self.position.as_ref(),
            equity: self.equity,
            cash: self.cash,
            allow_short: self.allow_short,
            standing: self.standing,
        }
    }
}

/// What is told of each row from `first` on: stretches flat, long and short, with protection, an account that
/// comes and goes, and filters that veto at times.
pub fn told(seed: u64, candles: &Candles, first: usize) -> Vec<Told> {
    let mut random = fastrand::Rng::with_seed(seed ^ 0x51ab);
    let rules = Rules {
        atr_filter: Some(AtrFilter { period: 3, multiplier: 1.0, sma_period: 3 }),
        seasonality: Some(Hours { from: 6, to: 18 }),
        ..Rules::default()
    };
    let limits = Limits { max_drawdown_limit: Some(0.5), ..Limits::default() };
    let mut risk = RiskManager::new(&rules, &limits, 10_000.0);
    let (allow_short, mut equity) = (random.bool(), 10_000.0);
    let mut position: Option<Position> = None;
    let mut until = first;
    (first..candles.len())
        .map(|row| {
            let price = candles.close[row];
            if row >= until {
                until = row + random.usize(1..14);
                let direction = match random.u32(0..3) {
                    0 => None,
                    1 => Some(Direction::Long),
                    _ => Some(Direction::Short),
                };
                position = direction.map(|direction| held(&mut random, direction, row, candles.open[row]));
            } else if let Some(position) = &mut position {
                position.protection.on_price(price, false);
            }
            equity *= 1.0 + 0.01 * (random.f64() - 0.5);
            risk.on_close(equity, candles.close_time[row]);
            risk.set_paused(random.u32(0..20) == 0);
            let is_calm = random.u32(0..4) == 0;
            let standing = if random.bool() {
                risk.standing(row, candles.close_time[row] + 1, || is_calm)
            } else {
                Standing::default()
            };
            Told {
                row,
                index: row - first.min(3),
                position: position.clone(),
                equity,
                cash: if position.is_some() { equity * 0.05 } else { equity },
                allow_short,
                standing,
            }
        })
        .collect()
}

fn held(random: &mut fastrand::Rng, direction: Direction, row: usize, price: f64) -> Position {
    let mut maybe = |value: f64| (random.u32(0..3) == 0).then_some(value);
    let sign = direction.sign();
    let asked = Levels {
        stop_price: maybe(price * (1.0 - 0.2 * sign)),
        stop_pct: maybe(0.1),
        target_price: maybe(price * (1.0 + 0.3 * sign)),
        target_pct: maybe(0.2),
        trail_pct: maybe(0.15),
        break_even_pct: maybe(0.01),
    };
    let base = BaseLevels { stop_pct: maybe(0.25), ..BaseLevels::default() };
    Position {
        direction,
        quantity: 1.0 + random.f64(),
        entry_price: price,
        entry_row: row,
        entry_time: 0,
        commission: 0.0,
        slippage: 0.0,
        entry_reason: EntryReason::Signal,
        entry_note: None,
        protection: Protection::new(direction, price, base, asked),
    }
}
