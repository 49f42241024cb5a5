//! The live trader.

mod bad_flags;
mod desk;
mod feed;
#[cfg(unix)]
mod keys;
mod led;
mod parity;
mod replay;
mod running;
mod runtime_config;
mod status;
mod store;
mod swap;
mod swaps;
mod told;
mod trade_log;
mod view;
mod webhook;
mod why;
