//! The live trader.

mod runtime_config;
mod store;
mod swap;
mod trade_log;
mod webhook;
