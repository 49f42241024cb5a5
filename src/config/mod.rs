//! L4: what a user wrote (YAML files, command-line values) becomes checked settings.
//!
//! [`raw`] is the YAML exactly as written, unknown keys refused; [`settings`] checks it and lays the sources
//! over each other: defaults, then the config file, then the parameter file, then the command line.
//! [`runtime`] and [`notifications`] are the files of a trader, raw and checked in one room each.

mod grid;
mod notifications;
mod raw;
mod runtime;
mod settings;

pub use grid::{GridFile, RawAxis, RawGrid};
pub use notifications::{Address, AddressError, NoticeKind, Notifications, NotificationsFormat};
pub use raw::{RawBacktest, RawInstrument, check_yaml};
pub use runtime::{Apply, InForce, LogLevel, RuntimeConfig, check_runtime};
pub use settings::{BacktestRunConfig, ConfigError, Overrides, parse_date, parse_size};
