//! L4: the live trader.
//!
//! - [`record`]: what a session is made of. [`desk`]: the engine and its orders as one pure state machine over it.
//! - [`trader`]: the loop that tells the desk what happens, writes it down, and sends what it asks for.
//! - [`replay`]: a session held against itself; [`parity`]: against a backtest over the same candles.
//! - [`client_manager`], [`candle_feed`], [`market_driver`], [`paper`]: between the trader and a market.
//! - [`journal`], [`state_manager`], [`recovery`]: records and snapshots on the disk, and back from there.
//! - [`runtime_config_manager`], [`csv_trade_logger`], [`webhook`]: what can change while it runs, what it leaves behind,
//!   and whom it tells.
//! - [`script_watcher`]: waits for saves of the script in force; [`candidate`]: judges what was saved before it can take
//!   its place; [`in_force`]: puts it there.
//! - [`status`], [`why`], [`plain`], [`view`]: what people see of it, made from the records alone.

pub mod boundary;
pub mod candidate;
pub mod candle_feed;
pub mod client_manager;
pub mod csv_trade_logger;
pub mod desk;
pub mod in_force;
pub mod journal;
pub mod launch;
pub mod market_driver;
pub mod message;
mod notice;
pub mod paper;
pub mod parity;
pub mod plain;
pub mod record;
pub mod recovery;
pub mod replay;
pub mod runtime_config_manager;
pub mod script_watcher;
mod shadow;
pub mod state_manager;
pub mod status;
pub mod torture;
pub mod trader;
pub mod venue;
pub mod view;
pub mod webhook;
pub mod why;
