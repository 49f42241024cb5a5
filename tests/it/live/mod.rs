//! The live trader.

mod desk;
mod runtime_config;
mod store;
mod swap;
mod trade_log;
mod webhook;
