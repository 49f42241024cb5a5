//! mista
pub mod backtest;
pub mod data;
pub mod engine;
pub mod indicators;
pub mod model;
pub mod venues;
pub mod script;
pub mod config;
