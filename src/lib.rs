//! mista: an algorithmic trading framework for crypto on Binance spot. One engine, several venues.
//!
//! Reading order, from the bottom up; a layer uses only layers below it:
//!
//! | layer | room | what it holds |
//! |---|---|---|
//! | L0 | [`model`] | the nouns: candles, orders, fills, trades, time, money |
//! | L1 | [`indicators`] | streaming indicators and their registry |
//! | L2 | [`engine`] | the core: events in, commands out; the deciders and the loop over candles |
//! | L3 | [`script`], [`venues`] | strategies as Rhai scripts; where orders go: simulated, local, Binance |
//! | L4 | [`backtest`], [`job`], [`data`], [`config`], [`report`] | engine + venue → result; files in, pages out |
//! | L4 | [`optimize`], [`forward_test`] | many results: the best parameters, and what became of them |
//! | L4 | [`rehearsal`] | candle files and wishes → a local exchange that can be started |
//! | L4 | [`live`] | the trader: its pure desk, and the shell around it |
//! | L4 | [`saves`] | waiting for files to be saved |
//! | L4 | [`doctor`] | whether this machine would trade |
//! | L5 | [`cli`] | one file per verb |
//!
//! Invariants, each kept by a test:
//! - The pure zone (`model`, `indicators`, `engine`, `script` but for loading a file, `venues::sim`,
//!   `report::metrics`) knows no clock, randomness, environment, file, socket or thread.
//! - The same inputs give byte-identical output, whatever the number of threads.
//! - A script cannot name a candle to come, and what it asks for in a call that fails does not happen.
//! - An order is sent once: what is not known to be refused is asked for, never sent again.
//! - Only the risk manager makes an [`engine::Approved`] request, and only that becomes an order.
//!
//! Deliberately absent: a second decision loop for live trading, and an `is_live` flag.

pub mod backtest;
pub mod cli;
pub mod config;
pub mod data;
pub mod doctor;
pub mod engine;
pub mod forward_test;
pub mod indicators;
pub mod job;
pub mod live;
pub mod model;
pub mod optimize;
pub mod rehearsal;
pub mod report;
pub mod saves;
pub mod script;
pub mod venues;
