//! L4: best parameters on candles they were not chosen on. The same backtest; what is new is what must be
//! checked before it means anything.

use crate::config::Overrides;
use crate::data::symbol_of;
use crate::job::{Job, JobError, Market, RecipeError, RunResult, Setup};
use crate::model::{DAY_MS, day_of, iso};
use crate::optimize::{BestParams, BestParamsError, COMPARED, candles_sha256};
use crate::report::html::{Compared, Promised, Verdict};
use crate::report::{Metrics, figures};
use crate::script::Script;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What may differ from the optimization.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// First candle (UTC ms); default: the first day after the training.
    pub start: Option<i64>,
    /// Exclusive; default: the last candle.
    pub end: Option<i64>,
    /// Other files than those that are written down, where they have moved.
    pub script: Option<PathBuf>,
    pub data: Option<PathBuf>,
    pub allow_overlap: bool,
    /// Take a script, or candles of the training, that are not those it was optimized with.
    pub allow_changed: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum ForwardTestError {
    #[error(transparent)]
    Params(#[from] BestParamsError),
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    #[error(
        "{path}: it was trained until {trained}, and the test would begin at {start}: parameters do well on candles they were chosen on, which proves nothing. Begin at {trained}, or say --allow-overlap"
    )]
    Overlap { path: String, trained: String, start: String },
    #[error(
        "{path}: its training ended at {trained}, and {data} has no candles from {start} on: name a file with later ones with --data"
    )]
    NothingLater { path: String, trained: String, start: String, data: String },
    #[error("{path}: its script {script} is not there: say with --script where it is now")]
    NoScript { path: String, script: String },
    #[error("{path}: its candles {data} are not there: say with --data where they are now")]
    NoCandles { path: String, data: String },
    #[error("{path}: {message}")]
    Other { path: String, message: String },
}

impl From<JobError> for ForwardTestError {
    fn from(error: JobError) -> Self {
        RecipeError::from(error).into()
    }
}

/// Best parameters, ready to be run on later candles.
pub struct ForwardTest {
    pub params: BestParams,
    pub job: Job,
    /// What a reader must know.
    pub notes: Vec<String>,
}

impl ForwardTest {
    /// Reads a file of best parameters and everything it names, and checks that they belong together.
    pub fn load(path: &Path, options: &Options) -> Result<ForwardTest, ForwardTestError> {
        let shown = path.display().to_string();
        let other = |message: String| ForwardTestError::Other { path: shown.clone(), message };
        let params = BestParams::load(path)?;
        let recipe = &params.recipe;
        let trained = params
            .trained_until()
            .ok_or_else(|| other(format!("`train: end` is \"{}\", which is no time", params.train.end)))?;
        // A training that ended within a day leaves the rest of it alone.
        let start = options.start.unwrap_or((day_of(trained - 1) + 1).saturating_mul(DAY_MS).max(trained));
        if start < trained && !options.allow_overlap {
            let (trained, start) = (iso(trained), iso(start));
            return Err(ForwardTestError::Overlap { path: shown, trained, start });
        }
        if options.end.is_some_and(|end| end <= start) {
            return Err(other(format!("--end must be later than the start, {}", iso(start))));
        }
        let mut notes = Vec::new();

        let script = options.script.as_deref().unwrap_or(&recipe.script);
        let data = options.data.as_deref().unwrap_or(&recipe.data);
        if !script.exists() {
            return Err(ForwardTestError::NoScript { path: shown, script: script.display().to_string() });
        }
        if !data.exists() {
            return Err(ForwardTestError::NoCandles { path: shown, data: data.display().to_string() });
        }
        let mut script = match recipe.script(script) {
            Ok(script) => script,
            Err(error @ RecipeError::Script { .. }) => {
                if !options.allow_changed {
                    return Err(other(format!(
                        "{error}: optimize again, or say --allow-changed to test it as it is now"
                    )));
                }
                notes.push(
                    "The script is not the one that was optimized: the promise is not of it.".to_owned(),
                );
                Script::load(script).map_err(JobError::from)?
            }
            Err(error) => return Err(error.into()),
        };
        if script.name() != recipe.strategy {
            return Err(other(format!(
                "these are the best parameters of `{}`, not of `{}`",
                recipe.strategy,
                script.name()
            )));
        }

        let overrides = Overrides { data: options.data.clone(), ..Overrides::default() };
        let mut config = recipe.config(&overrides).map_err(JobError::from)?;
        (config.start, config.end) = (Some(start), options.end);
        let market = Market::load(&config)?;
        let data = market.loaded.path.display().to_string();
        if let Some(symbol) = symbol_of(&market.loaded.path).filter(|symbol| *symbol != recipe.symbol)
            && symbol_of(&recipe.data).is_some_and(|symbol| symbol == recipe.symbol)
        {
            return Err(other(format!(
                "these are the best parameters for {}, and {data} is {symbol}",
                recipe.symbol
            )));
        }
        let candles = market.loaded.candles.clone();
        let before = candles.first_at_or_after(trained);
        if before == 0 {
            notes.push(format!(
                "{data} begins after the training: the indicators warm up on the first candles of the test."
            ));
        } else if candles_sha256(&candles, params.candles_read) != params.candles_sha256 {
            let difference =
                format!("the candles of {data} before {} are not those it was optimized on", iso(trained));
            if !options.allow_changed {
                return Err(other(format!(
                    "{difference}: another data set, or an edited one. Optimize again, or say --allow-changed"
                )));
            }
            notes.push(format!("What was promised is of other candles: {difference}."));
        }
        if candles.first_at_or_after(start) >= candles.len() {
            let (trained, start) = (iso(trained), iso(start));
            return Err(ForwardTestError::NothingLater { path: shown, trained, start, data });
        }
        let mut parameters = script.parameters();
        config.apply(&mut parameters).map_err(JobError::from)?;
        script.prepare(&parameters).map_err(JobError::from)?;
        let setup = Setup::new(&config, Arc::new(market))?;
        Ok(ForwardTest { params, job: Job::on(script, parameters, setup), notes })
    }
}

/// Promised beside delivered, figure by figure.
pub fn compared(params: &BestParams, delivered: &Metrics) -> Vec<Compared<'static>> {
    let row = |key: &'static str| Compared {
        key,
        in_sample: params.promised(key),
        out_of_sample: delivered.get(key).flatten(),
    };
    COMPARED.into_iter().map(row).collect()
}

/// For the page of a forward test.
pub fn promised<'a>(params: &'a BestParams, result: &RunResult<'_>) -> Promised<'a> {
    let day = |text: &str| text.split('T').next().unwrap_or_default().to_owned();
    let last = params.trained_until().map(|end| crate::model::iso_date(end - 1)).unwrap_or_default();
    Promised {
        trained: (day(&params.train.start), last),
        verdict: Verdict {
            word: &params.overfitting.verdict,
            sentence: format!("{} {}", params.overfitting.sentence, kept_in_words(params, &result.metrics)),
        },
        rows: compared(params, &result.metrics),
    }
}

/// The part of the promised Sharpe ratio that was delivered; `None` if nothing was promised.
pub fn kept(params: &BestParams, delivered: &Metrics) -> Option<f64> {
    let promised = params.promised("sharpe_ratio").filter(|promised| *promised > 0.0)?;
    Some(delivered.sharpe_ratio / promised)
}

/// What became of the promise, in a sentence.
pub fn kept_in_words(params: &BestParams, delivered: &Metrics) -> String {
    let figure = |x: Option<f64>| figures::text("sharpe_ratio", x);
    let (before, after) = (figure(params.promised("sharpe_ratio")), figure(Some(delivered.sharpe_ratio)));
    let held = match kept(params, delivered) {
        None => "nothing was promised",
        Some(kept) if kept >= 1.0 => "as good as promised",
        Some(kept) if kept >= 0.5 => "most of it held",
        Some(kept) if kept > 0.0 => "less than half of it held",
        Some(_) => "nothing of it held",
    };
    format!("On later candles the Sharpe ratio was {after} where {before} had been promised: {held}.")
}
