//! L4: many runs of one script, and what their best is worth.
//!
//! - [`overfitting`]: how much of the best trial's figure is selection. Pure.

pub mod overfitting;

pub use overfitting::Overfitting;
