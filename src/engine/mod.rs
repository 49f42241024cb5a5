//! L2: the core. Events in, commands out, pure deciders, no clock and no I/O.
//!
//! One candle, one path: pending orders are due at the open ([`OrderExecutor`]), prices are shown to the
//! protective levels in order ([`PositionManager`], [`Protection`]), the candle closes, indicators have
//! their values ([`DataHandler`]), the [`Strategy`] is asked, [`RiskManager`] judges what it wants, and what
//! stands waits for the next open. [`run`] drives this over candles; a live trader sends the same events.
//!
//! Deliberately absent: a notion of "live". What differs between a backtest and a trader is who executes orders: there a
//! [`Venue`] at once, here an exchange, whose answers come as events when they come.

mod buffer;
mod columns;
mod counts;
mod data_handler;
mod growth;
mod order_executor;
mod ports;
mod position_manager;
mod protection;
mod risk_manager;
mod run;
mod settings;

pub use columns::{Column, ColumnCache, ColumnStream};
pub use counts::{Counts, Reason};
pub use data_handler::DataHandler;
pub use growth::Growth;
pub use order_executor::{EntryRequest, ExitRequest, Order, OrderExecutor, slipped, slipped_on_grid};
pub use ports::{Asked, EntryWish, Intents, Moment, Quiet, Recorder, Strategy, StrategyFault, Venue};
pub use position_manager::{ExitCause, Position, PositionManager};
pub use protection::{BaseLevels, Hit, Levels, Protection, met_at};
pub use risk_manager::{Approved, RiskManager, RiskState, Standing};
pub use run::{Command, Engine, EngineState, Event, GUARDED_ROWS, run};
pub use settings::{AtrFilter, Booking, Costs, Hours, Limits, Rules, Settings};
