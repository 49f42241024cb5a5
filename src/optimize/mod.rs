//! L4: searching a strategy's parameters, and judging honestly what was found.
//!
//! How it flows: a [`Plan`] (what to search, as data) becomes a [`Study`] (the same, checked, with its candles
//! and columns). The [`pool`] runs its trials, each a full backtest, on all cores; finished trials go in
//! order into a [`trials`] file, which is what a killed search goes on from and what a shard hands over. A
//! complete file becomes [`Findings`]: the best trial, the figures about [`overfitting`], the walk-forward
//! result.
//!
//! Memory does not grow with the number of trials: the file is gone through twice, and nothing of a trial but
//! a row of figures is ever kept.

mod best_params;
mod findings;
mod grid;
mod metric;
pub mod overfitting;
mod page;
pub mod pool;
mod study;
pub mod trials;
pub mod verdict;

pub use best_params::{BestParams, BestParamsError, candles_sha256};
pub use findings::{Findings, FindingsError, Found, Leader, TooFew, Walked};
pub use grid::{Axis, COMBINATIONS_MOST, Grid, Kept, Search};
pub use metric::{Metric, MetricError};
pub use overfitting::Overfitting;
pub use page::{COMPARED, days, overfitting_figures, page, search_in_words, top_columns, walked_sentence};
pub use study::{Place, Plan, Runner, Shared, Study, StudyError, WalkForward, Window};
pub use verdict::Verdict;
