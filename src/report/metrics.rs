//! The figures of a run, in one pass over its equity curve and one over its trades.
//!
//! Formulas are those of the engine's specification. Every figure is finite: what is undefined is 0, or
//! `None` (JSON null) for the three ratios where "nothing was lost" is not the same as "nothing was won".

use crate::backtest::Outcome;
use crate::engine::{Counts, Reason};
use crate::model::{Candles, DAY_MS, ExitReason, Refusal, Trade, Veto, day_of};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

/// A figure as a plain number; `None` is JSON's null.
trait Figure: Copy {
    fn figure(self) -> Option<f64>;
}

impl Figure for f64 {
    fn figure(self) -> Option<f64> {
        Some(self)
    }
}

impl Figure for Option<f64> {
    fn figure(self) -> Option<f64> {
        self
    }
}

impl Figure for u64 {
    fn figure(self) -> Option<f64> {
        Some(self as f64)
    }
}

macro_rules! metrics {
    ($($(#[$doc:meta])* $key:ident: $type:ty),+ $(,)?) => {
        /// The figures of one run. Serialized in the order of the fields, which is that of the specification.
        #[derive(Debug, Clone, Default, PartialEq, Serialize)]
        pub struct Metrics {
            $($(#[$doc])* pub $key: $type,)+
            #[serde(serialize_with = "by_reason")]
            pub vetoes: Counts<Veto>,
            #[serde(serialize_with = "by_reason")]
            pub refusals: Counts<Refusal>,
            #[serde(serialize_with = "by_reason")]
            pub exits: Counts<ExitReason>,
        }

        impl Metrics {
            /// The keys of all single figures, in order.
            pub const KEYS: &'static [&'static str] = &[$(stringify!($key)),+];

            /// A figure by its key: outer `None` for an unknown key, inner `None` for a null figure.
            pub fn get(&self, key: &str) -> Option<Option<f64>> {
                match key {
                    $(stringify!($key) => Some(self.$key.figure()),)+
                    _ => None,
                }
            }
        }
    };
}

metrics! {
    initial_balance: f64,
    final_balance: f64,
    cumulative_profit: f64,
    return_pct: f64,
    buy_and_hold_pct: f64,
    cagr_pct: f64,
    volatility_pct: f64,
    sharpe_ratio: f64,
    sortino_ratio: f64,
    calmar_ratio: f64,
    /// `None` when no day lost.
    omega_ratio: Option<f64>,
    max_drawdown_pct: f64,
    max_drawdown_quote: f64,
    max_drawdown_days: f64,
    trades_total: u64,
    trades_won: u64,
    /// Break-even counts as lost.
    trades_lost: u64,
    longest_winning_streak: u64,
    longest_losing_streak: u64,
    win_rate_pct: f64,
    /// `None` when nothing was lost.
    profit_factor: Option<f64>,
    /// `None` when nothing was lost.
    payoff_ratio: Option<f64>,
    expectancy: f64,
    sqn: f64,
    /// Mean net PnL, in quote currency like the next two.
    average_trade: f64,
    best_trade: f64,
    worst_trade: f64,
    average_candles_held: f64,
    exposure_pct: f64,
    commission_paid: f64,
    slippage_paid: f64,
    ambiguous_exits: u64,
}

impl Metrics {
    /// The figures of `outcome`, a run over `candles`.
    pub fn of(outcome: &Outcome, candles: &Candles) -> Metrics {
        let range = outcome.range.clone();
        let close_times = candles.close_time.get(range.clone()).unwrap_or_default();
        let initial = outcome.initial_balance;
        let last = outcome.equity.last().copied().unwrap_or(initial);

        let first_open_time = candles.open_time.get(range.start).copied().unwrap_or_default();
        let mut drawdown = Drawdown::new(initial, first_open_time);
        let mut days = Days::new(initial);
        // A block at a time: hardly any has a new peak or the end of a day in it, and what is asked of the others is
        // their extremes.
        let rows = outcome.equity.len().min(close_times.len());
        let blocks = outcome.equity[..rows].chunks(BLOCK).zip(close_times[..rows].chunks(BLOCK));
        for (equity, times) in blocks {
            drawdown.see(equity, times);
            days.see(equity, times);
        }
        let drawdown = drawdown.finish();
        let days = days.finish();
        let trades = Trades::of(&outcome.trades);

        let first_open = candles.open.get(range.start).copied().unwrap_or_default();
        let last_close = range.end.checked_sub(1).and_then(|row| candles.close.get(row).copied());
        let cagr = finite((last / initial).powf(365.0 / days.count as f64) - 1.0);
        let year = 365f64.sqrt();
        Metrics {
            initial_balance: finite(initial),
            final_balance: finite(last),
            cumulative_profit: finite(last - initial),
            return_pct: finite((last - initial) * 100.0 / initial),
            buy_and_hold_pct: last_close.map_or(0.0, |close| finite((close / first_open - 1.0) * 100.0)),
            cagr_pct: finite(cagr * 100.0),
            volatility_pct: finite(days.deviation * year * 100.0),
            sharpe_ratio: ratio(days.mean * year, days.deviation),
            sortino_ratio: ratio(days.mean * year, days.downside),
            calmar_ratio: ratio(cagr, drawdown.fraction),
            omega_ratio: (days.losses > 0.0).then(|| finite(days.gains / days.losses)),
            max_drawdown_pct: finite(drawdown.fraction * 100.0),
            max_drawdown_quote: finite(drawdown.quote),
            max_drawdown_days: drawdown.ms as f64 / DAY_MS as f64,
            trades_total: trades.won + trades.lost,
            trades_won: trades.won,
            trades_lost: trades.lost,
            longest_winning_streak: trades.longest_won,
            longest_losing_streak: trades.longest_lost,
            win_rate_pct: ratio(trades.won as f64 * 100.0, trades.count()),
            profit_factor: (trades.gross_lost > 0.0).then(|| ratio(trades.gross_won, trades.gross_lost)),
            payoff_ratio: (trades.gross_lost > 0.0).then(|| {
                let mean_lost = trades.gross_lost / trades.lost as f64;
                ratio(trades.gross_won / trades.won as f64, mean_lost)
            }),
            expectancy: finite(trades.mean()),
            sqn: ratio(trades.count().sqrt() * trades.mean(), trades.deviation()),
            average_trade: finite(trades.mean()),
            best_trade: finite(trades.best),
            worst_trade: finite(trades.worst),
            average_candles_held: ratio(trades.candles_held as f64, trades.count()),
            exposure_pct: ratio(outcome.closes_in_position as f64 * 100.0, range.len() as f64),
            commission_paid: finite(trades.commission),
            slippage_paid: finite(trades.slippage),
            ambiguous_exits: trades.ambiguous,
            vetoes: outcome.vetoes.clone(),
            refusals: outcome.refusals.clone(),
            exits: trades.exits,
        }
    }
}

/// `x`, or 0 where it is not a number that can be written down. Never −0.
fn finite(x: f64) -> f64 {
    if x.is_finite() { x + 0.0 } else { 0.0 }
}

/// `x / y`, 0 where that is undefined.
fn ratio(x: f64, y: f64) -> f64 {
    finite(x / y)
}

/// Mean and squared deviations, one value at a time (Welford): a sum of squares would lose the small
/// deviations of a long curve.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn add(&mut self, x: f64) {
        self.count += 1.0;
        let delta = x - self.mean;
        self.mean += delta / self.count;
        self.squares += delta * (x - self.mean);
    }

    /// `count` zeros at once.
    fn add_zeros(&mut self, count: f64) {
        let total = self.count + count;
        self.squares += self.mean * self.mean * self.count * count / total;
        self.mean *= self.count / total;
        self.count = total;
    }

    /// Sample deviation (n − 1). What is no more than the rounding of values as large as `scale` counts as
    /// none: equal returns must not become a Sharpe ratio of 10^15.
    fn deviation(&self, scale: f64) -> f64 {
        let deviation = (self.squares / (self.count - 1.0)).sqrt();
        if deviation > scale * 64.0 * f64::EPSILON { deviation } else { 0.0 }
    }
}

/// Closes that are looked at together.
const BLOCK: usize = 64;

/// The lowest and the highest of `values`, several at a time; those that are no numbers do not count.
fn extremes(values: &[f64]) -> (f64, f64) {
    const LANES: usize = 8;
    let lower = |a: f64, b: f64| if b < a { b } else { a };
    let higher = |a: f64, b: f64| if b > a { b } else { a };
    let (mut least, mut most) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    let (lanes, rest) = values.as_chunks::<LANES>();
    for values in lanes {
        for lane in 0..LANES {
            least[lane] = lower(least[lane], values[lane]);
            most[lane] = higher(most[lane], values[lane]);
        }
    }
    let least = rest.iter().copied().chain(least).fold(f64::INFINITY, lower);
    let most = rest.iter().copied().chain(most).fold(f64::NEG_INFINITY, higher);
    (least, most)
}

/// The fall from the equity peak, as it is walked.
struct Drawdown {
    peak: f64,
    /// First close at the peak's value.
    peak_time: i64,
    /// Lowest equity since the peak.
    trough: f64,
    /// Last close below the peak.
    below_time: i64,
    fraction: f64,
    quote: f64,
    ms: i64,
}

impl Drawdown {
    fn new(peak: f64, peak_time: i64) -> Drawdown {
        let (trough, below_time) = (peak, peak_time);
        Drawdown { peak, peak_time, trough, below_time, fraction: 0.0, quote: 0.0, ms: 0 }
    }

    fn see(&mut self, equity: &[f64], times: &[i64]) {
        let (least, most) = extremes(equity);
        if most > self.peak {
            equity.iter().zip(times).for_each(|(&equity, &time)| self.see_one(equity, time));
        } else if least < self.peak {
            self.trough = self.trough.min(least);
            let last_below = equity.iter().rposition(|equity| *equity < self.peak);
            self.below_time = last_below.map_or(self.below_time, |index| times[index]);
        }
    }

    fn see_one(&mut self, equity: f64, time: i64) {
        if equity > self.peak {
            self.settle();
            (self.peak, self.peak_time) = (equity, time);
            (self.trough, self.below_time) = (equity, time);
        } else if equity < self.peak {
            self.trough = self.trough.min(equity);
            self.below_time = time;
        }
    }

    /// Under one peak the deepest fall is the lowest equity, so its figures are due once per peak.
    fn settle(&mut self) {
        if self.peak > 0.0 {
            self.fraction = self.fraction.max(1.0 - self.trough / self.peak);
        }
        self.quote = self.quote.max(self.peak - self.trough);
        self.ms = self.ms.max(self.below_time.saturating_sub(self.peak_time));
    }

    fn finish(mut self) -> Drawdown {
        self.settle();
        self
    }
}

/// Daily returns, as they are walked.
struct Days {
    /// Equity at the last close of the day before.
    before: f64,
    /// Equity at the last close seen.
    equity: f64,
    /// First day and, exclusive, the end of the day that is being walked (ms).
    first: i64,
    day: i64,
    end: i64,
    moments: Moments,
    gains: f64,
    losses: f64,
    loss_squares: f64,
}

struct DailyFigures {
    /// Days from first to last, at least 1.
    count: i64,
    mean: f64,
    deviation: f64,
    downside: f64,
    gains: f64,
    losses: f64,
}

impl Days {
    fn new(initial: f64) -> Days {
        Days {
            before: initial,
            equity: initial,
            first: 0,
            day: 0,
            end: i64::MIN,
            moments: Moments::default(),
            gains: 0.0,
            losses: 0.0,
            loss_squares: 0.0,
        }
    }

    fn see(&mut self, equity: &[f64], times: &[i64]) {
        // Candles are in the order of their times.
        if times.last().is_none_or(|latest| *latest < self.end) {
            self.equity = equity.last().copied().unwrap_or(self.equity);
            return;
        }
        for (&equity, &time) in equity.iter().zip(times) {
            if time >= self.end {
                self.turn(time);
            }
            self.equity = equity;
        }
    }

    fn turn(&mut self, time: i64) {
        let day = day_of(time);
        if self.end == i64::MIN {
            self.first = day;
        } else {
            self.close_day();
            let empty = day.saturating_sub(self.day).saturating_sub(1);
            if empty > 0 {
                self.moments.add_zeros(empty as f64);
            }
        }
        self.day = day;
        self.end = day.saturating_add(1).saturating_mul(DAY_MS);
    }

    fn close_day(&mut self) {
        // A return on nothing, or on debt, is undefined.
        let r = if self.before > 0.0 { finite(self.equity / self.before - 1.0) } else { 0.0 };
        self.moments.add(r);
        self.gains += r.max(0.0);
        self.losses += (-r).max(0.0);
        self.loss_squares += r.min(0.0) * r.min(0.0);
        self.before = self.equity;
    }

    fn finish(mut self) -> DailyFigures {
        if self.end != i64::MIN {
            self.close_day();
        }
        let count = self.day.saturating_sub(self.first).saturating_add(1).max(1);
        DailyFigures {
            count,
            mean: self.moments.mean,
            deviation: self.moments.deviation(1.0),
            downside: (self.loss_squares / count as f64).sqrt(),
            gains: self.gains,
            losses: self.losses,
        }
    }
}

/// Sums over the trade list.
#[derive(Default)]
struct Trades {
    won: u64,
    lost: u64,
    longest_won: u64,
    longest_lost: u64,
    gross_won: f64,
    /// Positive.
    gross_lost: f64,
    moments: Moments,
    best: f64,
    worst: f64,
    /// Largest entry notional: the size of the numbers whose difference a PnL is.
    notional: f64,
    candles_held: u64,
    commission: f64,
    slippage: f64,
    ambiguous: u64,
    exits: Counts<ExitReason>,
}

impl Trades {
    fn of(trades: &[Trade]) -> Trades {
        let mut sums = Trades { best: f64::NEG_INFINITY, worst: f64::INFINITY, ..Trades::default() };
        let (mut winning, mut losing) = (0, 0);
        for trade in trades {
            if trade.pnl > 0.0 {
                sums.won += 1;
                sums.gross_won += trade.pnl;
                (winning, losing) = (winning + 1, 0);
            } else {
                sums.lost += 1;
                sums.gross_lost -= trade.pnl;
                (winning, losing) = (0, losing + 1);
            }
            sums.longest_won = sums.longest_won.max(winning);
            sums.longest_lost = sums.longest_lost.max(losing);
            sums.moments.add(trade.pnl);
            sums.best = sums.best.max(trade.pnl);
            sums.worst = sums.worst.min(trade.pnl);
            sums.notional = sums.notional.max(trade.quantity * trade.entry_price);
            sums.candles_held += u64::from(trade.candles_held);
            sums.commission += trade.commission;
            sums.slippage += trade.slippage;
            sums.ambiguous += u64::from(trade.ambiguous);
            sums.exits.add(trade.exit_reason);
        }
        sums
    }

    fn count(&self) -> f64 {
        (self.won + self.lost) as f64
    }

    /// Mean net PnL.
    fn mean(&self) -> f64 {
        ratio(self.gross_won - self.gross_lost, self.count())
    }

    fn deviation(&self) -> f64 {
        self.moments.deviation(self.notional)
    }
}

fn by_reason<R: Reason, S: Serializer>(counts: &Counts<R>, to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(None)?;
    for (reason, count) in counts.iter() {
        map.serialize_entry(reason.name(), &count)?;
    }
    map.end()
}

#[cfg(test)]
#[path = "metrics_tests.rs"]
mod tests;
