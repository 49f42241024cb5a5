//! What the trials of a study come to. The file of trials is gone through twice: once to find the best, once
//! to see the others from there.

use super::grid::Grid;
use super::overfitting::{BLOCKS, BlockSums, InSample, Moments, Overfitting, SharpeSpread, plateau};
use super::study::{Place, Runner, Study, Window};
use super::trials::{Figures, Merged, Trial, Trials, TrialsError};
use super::verdict::Verdict;
use crate::backtest::Outcome;
use crate::engine::Counts;
use crate::job::RecipeError;
use crate::report::html::{Heat, Histogram};
use crate::report::number::{counted, grouped};
use crate::report::{Metrics, figures};
use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::io::Write;

/// Trials that are listed.
const TOP: usize = 20;
/// Bars of the distribution.
const BARS: usize = 40;
/// Cells of a map at most: more cannot be told apart on a screen, and memory is not to grow with the grid.
const CELLS: usize = 40_000;
/// Trials handed to the cross-validation at a time.
const CHUNK: usize = 256;

#[derive(Debug, thiserror::Error)]
pub enum FindingsError {
    #[error(transparent)]
    Trials(#[from] TrialsError),
    #[error("{}: {error}", all_failed(*.trials))]
    AllFailed { trials: u64, error: String },
    /// The script's own words.
    #[error("{0}")]
    Run(String),
    /// A file is not what it was when the search began.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error("cannot write the details: {0}")]
    Details(#[from] std::io::Error),
}

fn all_failed(trials: u64) -> String {
    match trials {
        1 => "the only trial failed".to_owned(),
        trials => format!("all {trials} trials failed; the first says"),
    }
}

/// A combination and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Of the combination in the grid.
    pub number: u64,
    pub figures: Figures,
}

/// One step of the walk forward.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    pub window: Window,
    /// The best in sample; `None` if every trial failed there.
    pub best: Option<Found>,
    pub in_sample: Option<f64>,
    /// The metric of the same parameters on the candles that follow.
    pub out_of_sample: Option<f64>,
    /// Why nothing was traded on them.
    pub error: Option<String>,
}

/// All out-of-sample parts, one after the other, each beginning with what the one before left.
#[derive(Debug, Clone)]
pub struct Walked {
    pub steps: Vec<Step>,
    pub outcome: Outcome,
    pub metrics: Metrics,
}

/// `--min-trades`, and the most trades that a trial made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFew {
    pub asked: u64,
    pub most: u64,
}

impl fmt::Display for TooFew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (asked, most) = (counted(self.asked, "trade"), grouped(self.most as f64, 0));
        write!(f, "No combination made {asked} (--min-trades): the most were {most}.")
    }
}

/// Everything that is known once all trials have been run.
#[derive(Debug, Clone)]
pub struct Findings {
    pub trials: u64,
    pub failed: u64,
    /// A combination that failed, and why: the first.
    pub first_error: Option<(u64, String)>,
    /// Trials without a trade.
    pub untraded: u64,
    /// Where no trial made the trades that were asked for, but some did trade.
    pub too_few: Option<TooFew>,
    pub best: Found,
    /// The best trials, the best first.
    pub top: Vec<Found>,
    /// Combinations in the grid one step from the best that were tried.
    pub neighbours: usize,
    /// The deflated Sharpe ratio in it is of the trial with the highest Sharpe ratio.
    pub overfitting: Overfitting,
    /// The same with the deflated Sharpe ratio of the best, which is another trial where another metric was
    /// looked for. The verdict is about this.
    pub judged: Overfitting,
    pub verdict: Verdict,
    /// One for each pair of axes with several values.
    pub heat: Vec<Heat>,
    /// The metric along each axis through the best.
    pub lines: Vec<Vec<Option<f64>>>,
    pub histogram: Histogram,
    pub walked: Option<Walked>,
}

/// By what a trial is ranked: enough trades or not, then the metric, an undefined one last.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Rank {
    traded: bool,
    score: Option<f64>,
}

impl Rank {
    fn of(study: &Study, figures: &Figures) -> Rank {
        let metric = study.plan.metric;
        let trades = figures.get("trades_total").unwrap_or(0.0);
        Rank {
            traded: trades >= study.plan.min_trades as f64,
            score: figures.metrics[metric.index()].map(|value| metric.score(value)),
        }
    }

    /// Better is greater.
    fn order(self, other: Rank) -> Ordering {
        let score = |rank: Rank| rank.score.unwrap_or(f64::NEG_INFINITY);
        self.traded
            .cmp(&other.traded)
            .then(self.score.is_some().cmp(&other.score.is_some()))
            .then(score(self).total_cmp(&score(other)))
    }
}

/// The best so far, the first of equals; `most` of them.
struct Best {
    most: usize,
    found: Vec<(Rank, Found)>,
}

impl Best {
    fn new(most: usize) -> Best {
        Best { most, found: Vec::with_capacity(most + 1) }
    }

    fn see(&mut self, rank: Rank, number: u64, figures: &Figures) {
        let at = self.found.partition_point(|(other, _)| rank.order(*other) != Ordering::Greater);
        if at < self.most {
            self.found.insert(at, (rank, Found { number, figures: figures.clone() }));
            self.found.truncate(self.most);
        }
    }

    fn into_found(self) -> Vec<Found> {
        self.found.into_iter().map(|(_, found)| found).collect()
    }
}

/// The best while a search runs, for the eyes of who waits.
pub struct Leader<'a> {
    study: &'a Study,
    best: Best,
}

impl<'a> Leader<'a> {
    pub fn new(study: &'a Study, most: usize) -> Leader<'a> {
        Leader { study, best: Best::new(most) }
    }

    pub fn see(&mut self, place: Place, trial: &Trial) {
        if let (0, Ok(figures)) = (place.window, trial) {
            self.best.see(Rank::of(self.study, figures), place.number, figures);
        }
    }

    /// The best first.
    pub fn best(&self) -> impl Iterator<Item = &Found> {
        self.best.found.iter().map(|(_, found)| found)
    }
}

const NO_RETURNS: BlockSums = [[0.0; 2]; BLOCKS];

impl Findings {
    /// `files`: the complete shards of the study, by their index. `details`: where a row per trial goes.
    pub fn of(
        study: &Study,
        files: &[Trials],
        details: Option<&mut dyn Write>,
    ) -> Result<Findings, FindingsError> {
        let first = First::pass(study, files)?;
        let mut best = first.best.into_iter().map(Best::into_found);
        let top = best.next().unwrap_or_default();
        let Some(best_trial) = top.first().cloned() else {
            let error = first.first_error.map(|(_, error)| error).unwrap_or_default();
            return Err(FindingsError::AllFailed { trials: study.kept.len(), error });
        };
        let second = Second::pass(study, files, &best_trial, first.in_sample, first.range, details)?;

        let mut runner = Runner::new(study)?;
        let mut moments = |number: u64| {
            let outcome = runner.run(number, study.setup.rows.clone(), None).map_err(FindingsError::Run)?;
            Ok::<_, FindingsError>(Moments::of(outcome.initial_balance, &outcome.equity))
        };
        let of_best = moments(best_trial.number)?;
        let (highest, _) = first.spread.best().unwrap_or_default();
        let of_highest = match study.kept.get(highest).filter(|_| !first.highest_failed) {
            Some(number) if number == best_trial.number => of_best,
            Some(number) => moments(number)?,
            None => Moments::of(study.setup.settings.initial_balance, &[]),
        };
        let metric = study.plan.metric;
        let value = best_trial.figures.metrics[metric.index()];
        let mut beside: Vec<f64> = second.neighbours;
        let neighbours = beside.len();
        let plateau = value.and_then(|value| plateau(value, &mut beside, metric.higher_is_better()));
        let overfitting = Overfitting::of(&of_highest, &first.spread, second.pbo, plateau);
        let judged = Overfitting::of(&of_best, &first.spread, second.pbo, plateau);
        let figure = |key: &str| best_trial.figures.get(key).unwrap_or(0.0);
        let verdict = Verdict::of(&judged, figure("cumulative_profit") > 0.0, figure("trades_total") as u64);

        let (asked, most) = (study.plan.min_trades, first.most_trades);
        let too_few = (0 < most && most < asked).then_some(TooFew { asked, most });
        let bests: Vec<Option<Found>> = best.map(|best| best.into_iter().next()).collect();
        let walked = match study.windows.is_empty() {
            true => None,
            false => Some(walk(study, &mut runner, bests)),
        };
        Ok(Findings {
            trials: study.kept.len(),
            failed: first.failed,
            first_error: first.first_error,
            untraded: first.untraded,
            too_few,
            best: best_trial,
            top,
            neighbours,
            overfitting,
            judged,
            verdict,
            heat: second.heat,
            lines: second.lines,
            histogram: second.histogram,
            walked,
        })
    }
}

impl Findings {
    /// Whether the best is the trial with the highest Sharpe ratio, so that both have one deflated Sharpe ratio.
    pub fn best_is_highest(&self) -> bool {
        (self.judged.sharpe, self.judged.dsr) == (self.overfitting.sharpe, self.overfitting.dsr)
    }

    /// The verdict in a sentence or two.
    pub fn sentence(&self) -> String {
        let mut sentence = self.verdict.sentence(&self.judged);
        let figure = |key: &str| self.best.figures.get(key).unwrap_or(0.0);
        let hold = figure("buy_and_hold_pct");
        if hold > figure("return_pct") && hold > 0.0 {
            // The figures ask about luck, not about the market.
            let hold = figures::text("buy_and_hold_pct", Some(hold));
            let _ = write!(sentence, " Holding would have earned more: {hold}.");
        }
        if let Some(too_few) = self.too_few {
            let _ = write!(sentence, " {too_few}");
        }
        sentence
    }
}

/// What the first look finds.
struct First {
    failed: u64,
    first_error: Option<(u64, String)>,
    untraded: u64,
    most_trades: u64,
    /// For the whole range and each window.
    best: Vec<Best>,
    spread: SharpeSpread,
    /// Whether the trial with the highest Sharpe ratio is one that failed, which counts as 0.
    highest_failed: bool,
    /// Lowest and highest value of the metric.
    range: Option<(f64, f64)>,
    in_sample: InSample,
}

impl First {
    fn pass(study: &Study, files: &[Trials]) -> Result<First, FindingsError> {
        let windows = study.windows.len();
        let mut first = First {
            failed: 0,
            first_error: None,
            untraded: 0,
            most_trades: 0,
            best: (0..=windows).map(|window| Best::new(if window == 0 { TOP } else { 1 })).collect(),
            spread: SharpeSpread::default(),
            highest_failed: false,
            range: None,
            in_sample: InSample::new(study.setup.rows.len() / BLOCKS),
        };
        let metric = study.plan.metric.index();
        let mut chunk = Vec::with_capacity(CHUNK);
        for row in Merged::new(files, study)? {
            let (place, trial) = row?;
            if let Ok(figures) = &trial {
                first.best[place.window].see(Rank::of(study, figures), place.number, figures);
            }
            if place.window > 0 {
                continue;
            }
            match &trial {
                Ok(figures) => {
                    let trades = figures.get("trades_total").unwrap_or(0.0) as u64;
                    first.untraded += u64::from(trades == 0);
                    first.most_trades = first.most_trades.max(trades);
                    first.spread.see(place.index, figures.sums.map_or(0.0, |sums| sums.sharpe));
                    if let Some(value) = figures.metrics[metric] {
                        let (low, high) = first.range.unwrap_or((value, value));
                        first.range = Some((low.min(value), high.max(value)));
                    }
                }
                Err(error) => {
                    first.failed += 1;
                    first.spread.see(place.index, 0.0);
                    first.first_error.get_or_insert_with(|| (place.number, error.clone()));
                }
            }
            if first.spread.best().is_some_and(|(index, _)| index == place.index) {
                first.highest_failed = trial.is_err();
            }
            push(&mut chunk, &trial, |chunk| first.in_sample.see(chunk));
        }
        first.in_sample.see(&chunk);
        Ok(first)
    }
}

/// Collects block sums; a failed trial has returned nothing.
fn push(chunk: &mut Vec<BlockSums>, trial: &Trial, mut full: impl FnMut(&[BlockSums])) {
    let sums = trial.as_ref().ok().and_then(|figures| figures.sums);
    chunk.push(sums.map_or(NO_RETURNS, |sums| sums.blocks));
    if chunk.len() == CHUNK {
        full(chunk);
        chunk.clear();
    }
}

/// What the second look finds, from the best.
struct Second {
    pbo: Option<f64>,
    neighbours: Vec<f64>,
    heat: Vec<Heat>,
    lines: Vec<Vec<Option<f64>>>,
    histogram: Histogram,
}

impl Second {
    fn pass(
        study: &Study,
        files: &[Trials],
        best: &Found,
        in_sample: InSample,
        range: Option<(f64, f64)>,
        mut details: Option<&mut dyn Write>,
    ) -> Result<Second, FindingsError> {
        let grid = &study.plan.grid;
        let metric = study.plan.metric.index();
        let point = grid.point(best.number);
        let beside = grid.neighbours(best.number);
        let mut out_of_sample = in_sample.finish();
        let mut second = Second {
            pbo: None,
            neighbours: Vec::new(),
            heat: maps(grid),
            lines: grid.axes.iter().map(|axis| vec![None; axis.values.len()]).collect(),
            histogram: histogram(range),
        };
        if let Some(details) = &mut details {
            write_head(*details, grid)?;
        }
        let mut chunk = Vec::with_capacity(CHUNK);
        for row in Merged::new(files, study)? {
            let (place, trial) = row?;
            if place.window > 0 {
                break;
            }
            if let Some(details) = &mut details {
                write_row(*details, grid, place, &trial)?;
            }
            push(&mut chunk, &trial, |chunk| out_of_sample.see(chunk));
            let Ok(Some(value)) = trial.map(|figures| figures.metrics[metric]) else { continue };
            if beside.contains(&place.number) {
                second.neighbours.push(value);
            }
            count(&mut second.histogram, value);
            second.draw(&grid.point(place.number), &point, value);
        }
        out_of_sample.see(&chunk);
        second.pbo = out_of_sample.finish();
        Ok(second)
    }

    /// Puts a value where the maps and lines through the best pass its point.
    fn draw(&mut self, at: &[usize], best: &[usize], value: f64) {
        let mut off = at.iter().zip(best).enumerate().filter(|(_, (a, b))| a != b).map(|(axis, _)| axis);
        let off = [off.next(), off.next(), off.next()];
        if off[2].is_some() {
            return;
        }
        let on = |axes: &[usize]| off.iter().flatten().all(|axis| axes.contains(axis));
        for heat in self.heat.iter_mut().filter(|heat| on(&[heat.x, heat.y])) {
            let columns = self.lines[heat.x].len();
            heat.values[at[heat.y] * columns + at[heat.x]] = Some(value);
        }
        for (axis, line) in self.lines.iter_mut().enumerate().filter(|(axis, _)| on(&[*axis])) {
            line[at[axis]] = Some(value);
        }
    }
}

/// An empty map for each pair of axes with several values, but not too many.
fn maps(grid: &Grid) -> Vec<Heat> {
    let several: Vec<usize> = (0..grid.axes.len()).filter(|axis| grid.axes[*axis].values.len() > 1).collect();
    let mut maps = Vec::new();
    for (index, &x) in several.iter().enumerate() {
        for &y in &several[index + 1..] {
            let cells = grid.axes[x].values.len() * grid.axes[y].values.len();
            if cells <= CELLS {
                maps.push(Heat { x, y, values: vec![None; cells] });
            }
        }
    }
    maps
}

fn histogram(range: Option<(f64, f64)>) -> Histogram {
    match range {
        None => Histogram::default(),
        Some((low, high)) if low == high => Histogram { edges: vec![low, high], counts: vec![0] },
        Some((low, high)) => {
            let edge = |index: usize| low + (high - low) * index as f64 / BARS as f64;
            Histogram { edges: (0..=BARS).map(edge).collect(), counts: vec![0; BARS] }
        }
    }
}

fn count(histogram: &mut Histogram, value: f64) {
    let bar = histogram.edges.partition_point(|edge| *edge <= value).saturating_sub(1);
    // The last edge belongs to the last bar.
    let last = histogram.counts.len().saturating_sub(1);
    if let Some(count) = histogram.counts.get_mut(bar.min(last)) {
        *count += 1;
    }
}

/// The columns of the details file: the parameters of the grid, then all figures, then what a trial said that
/// failed.
fn write_head(out: &mut dyn Write, grid: &Grid) -> Result<(), FindingsError> {
    let mut csv = csv::Writer::from_writer(out);
    let names = grid.axes.iter().map(|axis| axis.name.as_str());
    let row = std::iter::once("trial").chain(names).chain(Metrics::KEYS.iter().copied());
    csv.write_record(row.chain(["sharpe_per_candle", "error"])).map_err(std::io::Error::from)?;
    Ok(csv.flush()?)
}

fn write_row(out: &mut dyn Write, grid: &Grid, place: Place, trial: &Trial) -> Result<(), FindingsError> {
    let mut row = vec![(place.index + 1).to_string()];
    row.extend(grid.labels(place.number));
    let text = |figure: Option<f64>| figure.map(|figure| figure.to_string()).unwrap_or_default();
    match trial {
        Ok(figures) => {
            row.extend(figures.metrics.map(text));
            row.push(text(figures.sums.map(|sums| sums.sharpe)));
            row.push(String::new());
        }
        Err(error) => {
            row.extend(std::iter::repeat_n(String::new(), Metrics::KEYS.len() + 1));
            row.push(error.clone());
        }
    }
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(row).map_err(std::io::Error::from)?;
    Ok(csv.flush()?)
}

/// Runs each window's best on the candles that follow it, with the balance the one before left. Where there is
/// no best, or it fails, nothing is traded.
fn walk(study: &Study, runner: &mut Runner<'_>, bests: Vec<Option<Found>>) -> Walked {
    let candles = study.setup.candles();
    let metric = study.plan.metric;
    let initial_balance = study.setup.settings.initial_balance;
    let from = study.windows.first().map_or(0, |window| window.test.start);
    let mut whole = Outcome {
        initial_balance,
        range: from..from,
        first_decision: None,
        trades: Vec::new(),
        equity: Vec::new(),
        closes_in_position: 0,
        vetoes: Counts::default(),
        refusals: Counts::default(),
    };
    let mut steps = Vec::new();
    for (window, best) in study.windows.iter().zip(bests) {
        let balance = whole.equity.last().copied().unwrap_or(initial_balance);
        let ran = match &best {
            None => Err("every trial failed in this window".to_owned()),
            Some(_) if balance <= 0.0 => Err("nothing was left to trade with".to_owned()),
            Some(best) => runner.run(best.number, window.test.clone(), Some(balance)),
        };
        let in_sample = best.as_ref().and_then(|best| best.figures.metrics[metric.index()]);
        let (out_of_sample, error) = match ran {
            Ok(outcome) => {
                let metrics = Metrics::of(&outcome, candles);
                whole.append(outcome);
                (metrics.get(metric.key()).flatten(), None)
            }
            Err(error) => {
                whole.equity.extend(window.test.clone().map(|_| balance));
                whole.range.end = window.test.end;
                (None, Some(error))
            }
        };
        steps.push(Step { window: window.clone(), best, in_sample, out_of_sample, error });
    }
    let metrics = Metrics::of(&whole, candles);
    Walked { steps, outcome: whole, metrics }
}
