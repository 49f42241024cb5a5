//! How much of the best trial's figure is selection: the deflated Sharpe ratio (DSR) and the probability of
//! backtest overfitting (PBO). Pure arithmetic over per-candle returns; nothing here is annualised.
//!
//! - DSR: David H. Bailey and Marcos López de Prado, "The Deflated Sharpe Ratio: Correcting for Selection
//!   Bias, Backtest Overfitting and Non-Normality", The Journal of Portfolio Management 40 (5), 2014.
//! - PBO by combinatorially symmetric cross-validation (CSCV): David H. Bailey, Jonathan M. Borwein, Marcos
//!   López de Prado and Qiji Jim Zhu, "The Probability of Backtest Overfitting", Journal of Computational
//!   Finance, 2015.
//!
//! The return of a candle is `equity / equity before − 1`, the first against the initial balance; a return on
//! nothing, or on debt, is 0. The Sharpe ratio is mean over sample deviation (n − 1), 0 where that is
//! undefined. Memory does not grow with the number of trials: of each, [`ReturnSums`] is all that is needed.
//!
//! Φ comes from `libm`'s `erfc`, which is good to the last digits far into the tail, and its inverse is
//! Newton's method on that. (`statrs` has both, but a Φ of ten digits and a larger tree.)

use serde::{Deserialize, Serialize};
use std::f64::consts::{E, PI, SQRT_2};

/// Blocks of the cross-validation.
pub const BLOCKS: usize = 16;

/// Euler–Mascheroni constant.
const GAMMA: f64 = 0.577_215_664_901_532_9;

/// A variance below this part of the mean square is rounding, and counts as none: equal returns must not
/// become a Sharpe ratio of 10^8. What is left out are Sharpe ratios above 10^5 per candle.
const FLAT: f64 = 1e-10;

/// Sum and sum of squares of the returns of each block, the oldest block first.
pub type BlockSums = [[f64; 2]; BLOCKS];

/// The return of one candle; 0 where it is undefined or no finite number.
fn return_of(before: f64, after: f64) -> f64 {
    let r = after / before - 1.0;
    if before > 0.0 && r.is_finite() { r } else { 0.0 }
}

/// Per-candle returns of an equity curve.
fn returns(initial_balance: f64, equity: &[f64]) -> impl Iterator<Item = f64> {
    let before = std::iter::once(initial_balance).chain(equity.iter().copied());
    before.zip(equity).map(|(before, &after)| return_of(before, after))
}

/// What the figures need of one trial, without keeping its curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReturnSums {
    /// Of all returns, per candle, not annualised; 0 where undefined.
    pub sharpe: f64,
    /// Sums over blocks of `candles / 16` candles; the `candles % 16` oldest are in none.
    pub blocks: BlockSums,
}

impl ReturnSums {
    /// The sums of an equity curve, one value per candle.
    pub fn of(initial_balance: f64, equity: &[f64]) -> ReturnSums {
        let rows = equity.len() / BLOCKS;
        let mut before = initial_balance;
        let mut sums = |equity: &[f64]| {
            let sums = sums(before, equity);
            before = equity.last().copied().unwrap_or(before);
            sums
        };
        let (oldest, mut rest) = equity.split_at(equity.len() % BLOCKS);
        let mut total = sums(oldest);
        let blocks = std::array::from_fn(|_| {
            let (block, after) = rest.split_at(rows.min(rest.len()));
            rest = after;
            let block = sums(block);
            total = [total[0] + block[0], total[1] + block[1]];
            block
        });
        let count = equity.len() as f64;
        let [mean, mean_square] = total.map(|total| total / count);
        ReturnSums { sharpe: sharpe(count, mean, mean_square - mean * mean), blocks }
    }
}

/// Sum and sum of squares of the returns from `before` on, several at a time: a division takes longer than all else.
fn sums(before: f64, equity: &[f64]) -> [f64; 2] {
    const LANES: usize = 4;
    let Some(&first) = equity.first() else { return [0.0; 2] };
    let (mut sums, mut squares) = ([0.0; LANES], [0.0; LANES]);
    let mut add = |lane: usize, before: f64, after: f64| {
        let r = return_of(before, after);
        sums[lane] += r;
        squares[lane] += r * r;
    };
    add(0, before, first);
    let (before, before_rest) = equity[..equity.len() - 1].as_chunks::<LANES>();
    let (after, after_rest) = equity[1..].as_chunks::<LANES>();
    for (before, after) in before.iter().zip(after) {
        (0..LANES).for_each(|lane| add(lane, before[lane], after[lane]));
    }
    before_rest.iter().zip(after_rest).for_each(|(&before, &after)| add(0, before, after));
    [sums.iter().sum(), squares.iter().sum()]
}

/// From mean and population variance; 0 where undefined.
fn sharpe(count: f64, mean: f64, variance: f64) -> f64 {
    let deviation = (variance * count / (count - 1.0)).sqrt();
    let sharpe = mean / deviation;
    if count >= 2.0 && variance > FLAT * (variance + mean * mean) && sharpe.is_finite() {
        sharpe
    } else {
        0.0
    }
}

/// The shape of one trial's returns, in two passes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// Number of returns.
    pub count: u64,
    /// Per candle, not annualised; 0 where undefined.
    pub sharpe: f64,
    /// Population skewness; 0 where there is no deviation.
    pub skewness: f64,
    /// Population kurtosis, 3 for a normal distribution; 0 where there is no deviation.
    pub kurtosis: f64,
}

impl Moments {
    /// The moments of the returns of an equity curve, one value per candle.
    pub fn of(initial_balance: f64, equity: &[f64]) -> Moments {
        let count = equity.len() as f64;
        let mean = returns(initial_balance, equity).sum::<f64>() / count;
        let mut powers = [0.0; 3];
        for r in returns(initial_balance, equity) {
            let square = (r - mean) * (r - mean);
            powers[0] += square;
            powers[1] += square * (r - mean);
            powers[2] += square * square;
        }
        let [variance, third, fourth] = powers.map(|power| power / count);
        let mut moments = Moments { count: equity.len() as u64, sharpe: 0.0, skewness: 0.0, kurtosis: 0.0 };
        if variance > FLAT * (variance + mean * mean) {
            moments.sharpe = sharpe(count, mean, variance);
            moments.skewness = third / (variance * variance.sqrt());
            moments.kurtosis = fourth / (variance * variance);
        }
        moments
    }
}

/// The Sharpe ratios of all trials, one at a time: how many, how far apart, which is the highest.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SharpeSpread {
    count: u64,
    mean: f64,
    squares: f64,
    best: Option<(u64, f64)>,
}

impl SharpeSpread {
    pub fn see(&mut self, index: u64, sharpe: f64) {
        self.count += 1;
        let delta = sharpe - self.mean;
        self.mean += delta / self.count as f64;
        self.squares += delta * (sharpe - self.mean);
        if self.best.is_none_or(|(_, best)| sharpe > best) {
            self.best = Some((index, sharpe));
        }
    }

    /// Trials seen.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Sample variance (n − 1); 0 under two trials.
    pub fn variance(&self) -> f64 {
        if self.count < 2 { 0.0 } else { self.squares / (self.count - 1) as f64 }
    }

    /// Index and Sharpe ratio of the highest, the first seen of equals.
    pub fn best(&self) -> Option<(u64, f64)> {
        self.best
    }
}

/// Φ, the cumulative distribution function of the standard normal distribution.
fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x / SQRT_2)
}

/// Φ⁻¹(1 − q) for 0 < q ≤ 1/2: the tail itself is asked for, so that nothing is lost in `1 − q`.
///
/// Newton's method on ln(1 − Φ(x)) − ln q, which falls and is concave: from √(−2 ln q), which lies above the
/// root, it comes down to it without ever passing it.
fn upper_quantile(q: f64) -> f64 {
    let mut x = (-2.0 * q.ln()).sqrt();
    for _ in 0..20 {
        let tail = normal(-x);
        let density = (-0.5 * x * x).exp() / (2.0 * PI).sqrt();
        let step = (q / tail).ln() * tail / density;
        x -= step;
        if step.abs() <= f64::EPSILON * x.abs() {
            break;
        }
    }
    x
}

/// SR0: the highest of `trials` Sharpe ratios to expect if none had an edge and they scattered with `variance`,
/// √V·((1−γ)·Φ⁻¹(1 − 1/N) + γ·Φ⁻¹(1 − 1/(N·e))). Of one trial nothing was selected: 0.
pub fn expected_max(trials: u64, variance: f64) -> f64 {
    if trials < 2 {
        return 0.0;
    }
    let tail = 1.0 / trials as f64;
    variance.max(0.0).sqrt() * ((1.0 - GAMMA) * upper_quantile(tail) + GAMMA * upper_quantile(tail / E))
}

/// DSR: the probability that the true Sharpe ratio of the best of `trials` is above what the best of so many
/// would show by chance, Φ((SR − SR0)·√(T−1) / √(1 − γ3·SR + (γ4−1)/4·SR²)).
///
/// `best` is the trial with the highest Sharpe ratio, `variance` the sample variance of all their Sharpe
/// ratios. `None` where undefined: fewer than two returns, or returns that do not differ.
pub fn deflated_sharpe(best: &Moments, trials: u64, variance: f64) -> Option<f64> {
    let sharpe = best.sharpe;
    // Where returns differ the kurtosis is at least 1.
    if trials == 0 || best.count < 2 || best.kurtosis <= 0.0 {
        return None;
    }
    let spread = 1.0 - best.skewness * sharpe + (best.kurtosis - 1.0) / 4.0 * sharpe * sharpe;
    let excess = sharpe - expected_max(trials, variance);
    let z = excess * ((best.count - 1) as f64).sqrt() / spread.sqrt();
    (spread > 0.0 && z.is_finite()).then(|| normal(z))
}

/// How a metric's best point stands in its grid: the median of its neighbours over the best, or, where lower is
/// better, the best over that median; 1 on a plateau, towards 0 (and below) on a lone peak. `None` without
/// neighbours, or where the best or what it is divided by is not above 0. Sorts the neighbours.
pub fn plateau(best: f64, neighbours: &mut [f64], higher_is_better: bool) -> Option<f64> {
    neighbours.sort_unstable_by(f64::total_cmp);
    let middle = neighbours.len() / 2;
    let upper = *neighbours.get(middle)?;
    let median = match neighbours.get(middle.wrapping_sub(1)) {
        Some(lower) if neighbours.len().is_multiple_of(2) => (lower + upper) / 2.0,
        _ => upper,
    };
    let (part, whole) = if higher_is_better { (median, best) } else { (best, median) };
    let ratio = part / whole;
    (best > 0.0 && whole > 0.0 && ratio.is_finite()).then_some(ratio)
}

/// The figures about one optimisation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Overfitting {
    /// All combinations that were run, those without trades too.
    pub trials: u64,
    /// The highest Sharpe ratio of all, per candle, not annualised.
    pub sharpe: f64,
    /// The Sharpe ratio the best of so many would show by chance, see [`expected_max`].
    pub expected_max: f64,
    /// See [`deflated_sharpe`].
    pub dsr: Option<f64>,
    /// See [`OutOfSample::finish`].
    pub pbo: Option<f64>,
    /// See [`plateau`].
    pub plateau: Option<f64>,
}

impl Overfitting {
    /// Of the trial with the highest Sharpe ratio and the spread of all.
    pub fn of(best: &Moments, spread: &SharpeSpread, pbo: Option<f64>, plateau: Option<f64>) -> Overfitting {
        let (trials, variance) = (spread.count(), spread.variance());
        Overfitting {
            trials,
            sharpe: best.sharpe,
            expected_max: expected_max(trials, variance),
            dsr: deflated_sharpe(best, trials, variance),
            pbo,
            plateau,
        }
    }
}

// ---- CSCV

/// Trials worked on together, one in each lane of a vector.
const LANES: usize = 16;

/// One number of each trial in hand.
type Row = [f64; LANES];

/// A half of the blocks of a split: which of the older eight (bits), and which of the younger eight.
type Split = (u8, u8);

/// Subsets of eight blocks.
const SUBSETS: usize = 1 << (BLOCKS / 2);

/// Sums and sums of squares over every subset of eight blocks.
struct Subsets {
    sums: Box<[Row; SUBSETS]>,
    squares: Box<[Row; SUBSETS]>,
}

impl Subsets {
    fn new() -> Subsets {
        Subsets { sums: Box::new([[0.0; LANES]; SUBSETS]), squares: Box::new([[0.0; LANES]; SUBSETS]) }
    }

    /// A subset is the one without its lowest block, and that block: always the same additions in the same
    /// order, so that trials with equal returns in it have equal sums to the last bit.
    fn fill(&mut self, trials: &[BlockSums], first: usize) {
        for subset in 1..SUBSETS {
            let (rest, block) = (subset & (subset - 1), first + subset.trailing_zeros() as usize);
            for (lane, trial) in trials.iter().enumerate() {
                self.sums[subset][lane] = self.sums[rest][lane] + trial[block][0];
                self.squares[subset][lane] = self.squares[rest][lane] + trial[block][1];
            }
        }
    }
}

/// The trials in hand.
struct Lanes {
    older: Subsets,
    younger: Subsets,
    /// Lanes with a trial in them.
    live: usize,
    /// What S²/Q has to stay below: it is the number of returns where all are equal, and [`FLAT`] is near it.
    limit: f64,
}

impl Lanes {
    fn new(rows_per_block: usize) -> Lanes {
        let rows = (rows_per_block * BLOCKS / 2) as f64;
        Lanes { older: Subsets::new(), younger: Subsets::new(), live: 0, limit: rows * (1.0 - FLAT) }
    }

    fn fill(&mut self, trials: &[BlockSums]) {
        self.live = trials.len().min(LANES);
        self.older.fill(trials, 0);
        self.younger.fill(trials, BLOCKS / 2);
    }

    /// Where the trials stand by their Sharpe ratios over the given blocks; `empty` where there is none.
    #[inline]
    fn standings(&self, (older, younger): Split, empty: f64) -> Row {
        let (older, younger) = (usize::from(older), usize::from(younger));
        let (sums, more_sums) = (&self.older.sums[older], &self.younger.sums[younger]);
        let (squares, more_squares) = (&self.older.squares[older], &self.younger.squares[younger]);
        let mut row = [0.0; LANES];
        for lane in 0..LANES {
            row[lane] =
                standing(sums[lane] + more_sums[lane], squares[lane] + more_squares[lane], self.limit);
        }
        row[self.live..].fill(empty);
        row
    }
}

/// A number that rises and falls with the Sharpe ratio and needs no root: ±S²/Q with the sign of S, for the
/// sum S and the sum of squares Q of n returns. (SR² = (n−1)/n · u/(n−u) for u = S²/Q.) 0 where the Sharpe
/// ratio is.
#[inline]
fn standing(sum: f64, squares: f64, limit: f64) -> f64 {
    let square = sum * sum;
    if square < limit * squares { (square / squares).copysign(sum) } else { 0.0 }
}

/// How far apart standings are that count as equal: trials that did the same, but with another balance or in
/// another order, differ in the last digits of their returns. Eleven digits of the Sharpe ratio have to agree,
/// which the standing is the square of.
#[inline]
fn slack(standing: f64) -> f64 {
    if standing.is_finite() { standing.abs() * 2e-11 } else { 0.0 }
}

/// All C(16, 8) = 12870 ways to take half of the blocks.
fn splits() -> Vec<Split> {
    let halves = (0..=u16::MAX).filter(|blocks| blocks.count_ones() as usize == BLOCKS / 2);
    halves.map(|blocks| ((blocks & 0xff) as u8, (blocks >> 8) as u8)).collect()
}

/// Collects trials until there are enough for all lanes, so that chunks of any size give the same.
struct Feed {
    pending: Vec<BlockSums>,
    lanes: Lanes,
    trials: u64,
}

impl Feed {
    fn new(rows_per_block: usize) -> Feed {
        Feed { pending: Vec::with_capacity(LANES), lanes: Lanes::new(rows_per_block), trials: 0 }
    }

    fn see(&mut self, trials: &[BlockSums], mut work: impl FnMut(&Lanes)) {
        for trial in trials {
            self.pending.push(*trial);
            if self.pending.len() == LANES {
                self.flush(&mut work);
            }
        }
    }

    fn flush(&mut self, mut work: impl FnMut(&Lanes)) {
        if !self.pending.is_empty() {
            self.trials += self.pending.len() as u64;
            self.lanes.fill(&self.pending);
            self.pending.clear();
            work(&self.lanes);
        }
    }
}

/// What is known of one split.
#[derive(Clone, Copy)]
struct Winner {
    /// Standing in sample of the best trial, and the same trial's out of sample.
    inside: f64,
    outside: f64,
}

/// First showing of the trials: who wins each split. Shown all, in order, [`finish`](InSample::finish) gives
/// what wants to see them again.
pub struct InSample {
    feed: Feed,
    splits: Vec<Split>,
    winners: Vec<Winner>,
}

impl InSample {
    /// For trials with `rows_per_block` candles in each of their blocks: a sixteenth of the candles.
    pub fn new(rows_per_block: usize) -> InSample {
        let splits = splits();
        let winners = vec![Winner { inside: f64::NEG_INFINITY, outside: 0.0 }; splits.len()];
        InSample { feed: Feed::new(rows_per_block), splits, winners }
    }

    /// The next trials, any number of them.
    pub fn see(&mut self, trials: &[BlockSums]) {
        let (splits, winners) = (&self.splits, &mut self.winners);
        self.feed.see(trials, |lanes| choose(lanes, splits, winners));
    }

    pub fn finish(mut self) -> OutOfSample {
        let (splits, winners) = (&self.splits, &mut self.winners);
        self.feed.flush(|lanes| choose(lanes, splits, winners));
        let expected = self.feed.trials;
        self.feed.trials = 0;
        let ranks = vec![Rank::default(); splits.len()];
        OutOfSample { feed: self.feed, splits: self.splits, winners: self.winners, ranks, expected }
    }
}

/// The first of the highest in sample.
fn choose(lanes: &Lanes, splits: &[Split], winners: &mut [Winner]) {
    for (&split, winner) in splits.iter().zip(winners) {
        let inside = lanes.standings(split, f64::NEG_INFINITY);
        let above = winner.inside + slack(winner.inside);
        if !inside.iter().fold(false, |any, inside| any | (*inside > above)) {
            continue;
        }
        let mut best = 0;
        for (lane, &inside) in inside.iter().enumerate() {
            if inside > winner.inside + slack(winner.inside) {
                (best, winner.inside) = (lane, inside);
            }
        }
        winner.outside = lanes.standings(others(split), 0.0)[best];
    }
}

fn others((older, younger): Split) -> Split {
    (!older, !younger)
}

/// How many trials stand below the winner of a split out of sample, and beside it (itself included).
#[derive(Clone, Copy, Default)]
struct Rank {
    below: u64,
    equal: u64,
}

/// Second showing of the same trials in the same order: where the winners end up.
pub struct OutOfSample {
    feed: Feed,
    splits: Vec<Split>,
    winners: Vec<Winner>,
    ranks: Vec<Rank>,
    expected: u64,
}

impl OutOfSample {
    /// The next trials, any number of them.
    pub fn see(&mut self, trials: &[BlockSums]) {
        let (splits, winners, ranks) = (&self.splits, &self.winners, &mut self.ranks);
        self.feed.see(trials, |lanes| count(lanes, splits, winners, ranks));
    }

    /// PBO: the part of the splits in which the winner's relative rank out of sample ω = rank / (N + 1) has a
    /// logit ln(ω / (1 − ω)) ≤ 0. `None` under two trials, without candles in the blocks, or if the second
    /// showing was not as long as the first.
    pub fn finish(mut self) -> Option<f64> {
        let (splits, winners, ranks) = (&self.splits, &self.winners, &mut self.ranks);
        self.feed.flush(|lanes| count(lanes, splits, winners, ranks));
        let trials = self.feed.trials;
        if trials < 2 || trials != self.expected || self.feed.lanes.limit <= 0.0 {
            return None;
        }
        // Equals share the mean rank, below + (equal + 1) / 2; logit ≤ 0 is rank ≤ (N + 1) / 2. In integers:
        let lost = |rank: &&Rank| 2 * rank.below + rank.equal <= trials;
        Some(ranks.iter().filter(lost).count() as f64 / ranks.len() as f64)
    }
}

fn count(lanes: &Lanes, splits: &[Split], winners: &[Winner], ranks: &mut [Rank]) {
    for ((&split, winner), rank) in splits.iter().zip(winners).zip(ranks) {
        let outside = lanes.standings(others(split), f64::INFINITY);
        let slack = slack(winner.outside);
        let (from, to) = (winner.outside - slack, winner.outside + slack);
        for outside in outside {
            rank.below += u64::from(outside < from);
            rank.equal += u64::from((from..=to).contains(&outside));
        }
    }
}

#[cfg(test)]
#[path = "overfitting_tests.rs"]
mod tests;
