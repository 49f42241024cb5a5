//! The live trader.

mod runtime_config;
mod status;
mod store;
mod told;
mod trade_log;
mod view;
mod webhook;
mod why;
