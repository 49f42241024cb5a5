//! The shell of a trader, one module per component.

mod runtime_config;
mod trade_log;
mod webhook;
