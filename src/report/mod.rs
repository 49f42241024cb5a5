//! L4: what a run's result looks like to people and programs. Reads results, never the engine.
//!
//! - [`metrics`]: the figures, computed once from an [`Outcome`](crate::backtest::Outcome). Pure.
//! - [`ledger`], [`csv`]: the same trades booked in decimal, and the files that show them.
//! - [`figures`]: their names, units and good directions.
//! - [`journal`]: trades and vetoes as text, for snapshots.
//! - [`table`]: the terminal; [`html`]: the page; [`files`]: writing without ever leaving half a file.
//!
//! Deliberately absent: anything that decides. A number that is not in `Outcome` is not in a report.

pub mod csv;
pub mod figures;
pub mod files;
pub mod html;
pub mod journal;
pub mod ledger;
pub mod metrics;
mod monthly;
pub mod number;
pub mod table;
mod thin;
mod warnings;

pub use files::{NewFile, write_atomic};
pub use ledger::{Book, Booked, Entry, Ledger, LedgerError};
pub use metrics::Metrics;
pub use monthly::{Year, monthly_returns};
pub use warnings::warnings;
