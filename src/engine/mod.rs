//! L2: the core. Events in, commands out; no clock, no I/O.

mod counts;
mod settings;

pub use counts::{Counts, Reason};
pub use settings::{AtrFilter, Costs, Hours, Limits, Rules, Settings};
