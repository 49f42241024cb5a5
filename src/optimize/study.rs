//! A search that is ready to run: its plan, checked, with candles and shared columns.

use super::grid::{COMBINATIONS_MOST, Grid, Kept, Search};
use super::metric::Metric;
use super::overfitting::ReturnSums;
use super::trials::Figures;
use crate::backtest::{Backtest, Outcome};
use crate::config::{ConfigError, Overrides};
use crate::engine::{ColumnCache, Settings};
use crate::job::{JobError, Market, Recipe, RecipeError, Setup};
use crate::report::Metrics;
use crate::script::{Parameters, Script, ScriptError, Tier};
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;

/// Bytes of indicator columns that are kept between trials, or so many columns if those are more. What does
/// not fit is computed anew: slower, never different.
const COLUMN_BYTES: usize = 64 << 20;
const COLUMNS: usize = 32;

/// In-sample candles for each out-of-sample candle of a rolling walk-forward window.
const TRAIN_PARTS: usize = 3;

/// Candles of an out-of-sample part at least.
const TEST_LEAST: usize = 50;

/// What to search, as data: two equal plans give byte-identical results.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// What all trials share. Its candles are the training period.
    #[serde(flatten)]
    pub recipe: Recipe,
    pub grid: Grid,
    pub search: Search,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub walk_forward: Option<WalkForward>,
    pub metric: Metric,
    /// Trials with fewer trades come after all others.
    pub min_trades: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WalkForward {
    pub windows: usize,
    /// All windows begin at the first candle.
    pub anchored: bool,
}

/// Rows that are optimized on, and those that follow them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    pub train: Range<usize>,
    pub test: Range<usize>,
}

/// Why a plan cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum StudyError {
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// What is to be searched.
    #[error("{0}")]
    Grid(String),
    /// How.
    #[error("{0}")]
    Plan(String),
}

impl From<ConfigError> for StudyError {
    fn from(error: ConfigError) -> Self {
        RecipeError::from(error).into()
    }
}

impl From<JobError> for StudyError {
    fn from(error: JobError) -> Self {
        RecipeError::from(error).into()
    }
}

/// Candles and their columns, for all studies on them.
#[derive(Clone)]
pub struct Shared {
    pub market: Arc<Market>,
    columns: Arc<ColumnCache>,
}

impl Shared {
    /// `end`: the first row that no study looks at.
    pub fn new(market: Arc<Market>, end: usize) -> Shared {
        let candles = &market.loaded.candles;
        // Nothing looks ahead, so that columns over the candles to come would be for nothing.
        let candles = if end < candles.len() { Arc::new(candles.slice(0..end)) } else { candles.clone() };
        let bytes = COLUMN_BYTES.max(COLUMNS * candles.len() * size_of::<f64>());
        Shared { columns: Arc::new(ColumnCache::with_bytes(candles, bytes)), market }
    }
}

pub struct Study {
    pub plan: Plan,
    pub setup: Setup,
    /// Values of the parameters that are not searched.
    pub parameters: Parameters,
    pub kept: Kept,
    pub windows: Vec<Window>,
    /// What executes the script.
    pub tier: Tier,
    columns: Arc<ColumnCache>,
}

impl Study {
    /// Checks the plan against the files it names. `shared`: their candles, where others use them too.
    pub fn new(plan: Plan, shared: Option<&Shared>) -> Result<Study, StudyError> {
        let recipe = &plan.recipe;
        let script = recipe.script(&recipe.script)?;
        let config = recipe.config(&Overrides::default())?;
        let mut parameters = script.parameters();
        config.apply(&mut parameters)?;
        let market = match shared {
            Some(shared) => shared.market.clone(),
            None => Arc::new(Market::load(&config)?),
        };
        let setup = Setup::new(&config, market)?;
        recipe.check(&setup)?;
        let columns = match shared {
            Some(shared) => shared.columns.clone(),
            None => Shared::new(setup.market.clone(), setup.rows.end).columns,
        };
        let kept = plan.grid.selected(plan.search, &parameters).map_err(StudyError::Grid)?;
        if kept.is_empty() {
            let constraints = plan.grid.constraints.join(", ");
            return Err(StudyError::Grid(match plan.grid.len() {
                Some(count) if count <= COMBINATIONS_MOST => {
                    let all = match count {
                        1 => "the one combination".to_owned(),
                        count => format!("all {count} combinations"),
                    };
                    format!("the constraints exclude {all} of the grid: {constraints}")
                }
                _ => format!("none of the combinations drawn meets the constraints: {constraints}"),
            }));
        }
        let windows = match plan.walk_forward {
            Some(walk) => windows(walk, setup.rows.clone()).map_err(StudyError::Plan)?,
            None => Vec::new(),
        };
        Ok(Study { plan, setup, parameters, kept, windows, tier: Tier::Auto, columns })
    }

    /// Backtests to be run: every combination on the whole range, then on each window's in-sample part.
    pub fn trials(&self) -> u64 {
        self.kept.len() * (1 + self.windows.len() as u64)
    }

    /// Window (0: the whole range) and combination of a trial, by its place in the order of all.
    pub fn place(&self, trial: u64) -> Option<Place> {
        let combinations = self.kept.len().max(1);
        let index = trial % combinations;
        Some(Place { window: (trial / combinations) as usize, index, number: self.kept.get(index)? })
    }

    /// The rows of a window's in-sample part.
    pub fn rows(&self, window: usize) -> Range<usize> {
        match window.checked_sub(1).and_then(|index| self.windows.get(index)) {
            Some(window) => window.train.clone(),
            None => self.setup.rows.clone(),
        }
    }
}

/// Where a trial stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// 0: the whole range.
    pub window: usize,
    /// Among the combinations that are tried.
    pub index: u64,
    /// Of the combination in the grid.
    pub number: u64,
}

/// A script of one's own on a thread of one's own, for the trials of one study.
pub struct Runner<'a> {
    study: &'a Study,
    script: Script,
    parameters: Parameters,
    /// An equity curve that nobody needs any more.
    room: Vec<f64>,
}

impl<'a> Runner<'a> {
    /// Compiles the script, which must not have changed since the study began.
    pub fn new(study: &'a Study) -> Result<Runner<'a>, RecipeError> {
        let recipe = &study.plan.recipe;
        let mut script = recipe.script(&recipe.script)?;
        script.set_tier(study.tier).map_err(JobError::from)?;
        Ok(Runner { study, script, parameters: study.parameters.clone(), room: Vec::new() })
    }

    /// Runs a trial; an error is the script's, in one line.
    pub fn trial(&mut self, place: Place) -> Result<Figures, String> {
        let rows = self.study.rows(place.window);
        let outcome = self.run(place.number, rows, None)?;
        let metrics = Metrics::of(&outcome, self.study.setup.candles());
        // Overfitting is judged on the whole range only.
        let sums = (place.window == 0).then(|| ReturnSums::of(outcome.initial_balance, &outcome.equity));
        self.room = outcome.equity;
        Ok(Figures::new(&metrics, sums))
    }

    /// The script with `parameters` in force.
    pub fn prepared(mut self, parameters: &Parameters) -> Result<Script, ScriptError> {
        self.script.prepare(parameters)?;
        Ok(self.script)
    }

    /// One backtest of a combination on `rows`, starting with `balance` if given.
    pub fn run(&mut self, number: u64, rows: Range<usize>, balance: Option<f64>) -> Result<Outcome, String> {
        let Study { plan, setup, columns, .. } = self.study;
        self.parameters.clone_from(&self.study.parameters);
        plan.grid.apply(number, &mut self.parameters).map_err(|error| error.to_string())?;
        self.script.prepare(&self.parameters).map_err(|error| error.in_line())?;
        let mut settings: Settings = setup.settings_for(&self.parameters);
        settings.initial_balance = balance.unwrap_or(settings.initial_balance);
        let data = self.script.data(&settings.rules, columns);
        let detail = setup.market.detail.as_ref().map(|detail| &*detail.candles);
        let backtest = Backtest { settings: &settings, data: &data, rows, detail };
        let room = std::mem::take(&mut self.room);
        backtest.run_in(&mut self.script, room).map_err(|fault| fault.line)
    }
}

/// Rolling (or anchored) windows over `rows`: in-sample parts of three out-of-sample lengths, each followed by
/// its out-of-sample part; together the out-of-sample parts cover the rest without a gap.
fn windows(walk: WalkForward, rows: Range<usize>) -> Result<Vec<Window>, String> {
    let parts = walk.windows.saturating_add(TRAIN_PARTS);
    let part = rows.len() / parts.max(1);
    if walk.windows == 0 {
        return Err("--walk-forward needs at least 1 window".to_owned());
    }
    if part < TEST_LEAST {
        return Err(format!(
            "--walk-forward {}: {} candles in {parts} parts are {part} candles a part; at least {TEST_LEAST} are needed: take fewer windows or more candles",
            walk.windows,
            rows.len()
        ));
    }
    let window = |index: usize| {
        let end = rows.start + (index + TRAIN_PARTS) * part;
        let start = if walk.anchored { rows.start } else { rows.start + index * part };
        let last = index + 1 == walk.windows;
        Window { train: start..end, test: end..if last { rows.end } else { end + part } }
    };
    Ok((0..walk.windows).map(window).collect())
}
