//! L4: many runs of one script, and what their best is worth.
//!
//! - [`overfitting`]: how much of the best trial's figure is selection. Pure.
//! - [`verdict`]: what that comes to, in one sentence. Pure.

pub mod overfitting;
pub mod verdict;

pub use overfitting::Overfitting;
pub use verdict::Verdict;
