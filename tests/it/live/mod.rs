//! The live trader.

mod desk;
mod led;
mod parity;
mod runtime_config;
mod store;
mod swap;
mod trade_log;
mod webhook;
