//! L4: the live trader.
//!
//! - [`record`]: what a session is made of. [`desk`]: the engine and its orders as one pure state machine over it.
//! - [`journal`], [`state_manager`]: the records and snapshots of it on the disk.
//! - [`runtime_config_manager`], [`csv_trade_logger`], [`webhook`]: what can change while it runs, what it leaves behind,
//!   and whom it tells.
//! - [`status`], [`why`], [`plain`], [`view`]: what people see of it, made from the records alone.

pub mod csv_trade_logger;
pub mod desk;
pub mod journal;
pub mod plain;
pub mod record;
pub mod runtime_config_manager;
pub mod state_manager;
pub mod status;
pub mod view;
pub mod webhook;
pub mod why;
