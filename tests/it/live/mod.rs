//! The live trader.

mod runtime_config;
mod store;
mod trade_log;
mod webhook;
