//! L4: the shell of a trader: what watches files, writes them and tells people, around the engine that decides.
//!
//! - [`runtime_config_manager`]: what may be changed while it runs. [`csv_trade_logger`]: a row per closed trade.
//! - [`webhook`]: what happens, told elsewhere.

pub mod csv_trade_logger;
pub mod runtime_config_manager;
pub mod webhook;
