//! mista
pub mod backtest;
pub mod engine;
pub mod indicators;
pub mod model;
pub mod script;
