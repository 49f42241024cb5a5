//! L0: the nouns of the field. Data only, no decisions; every other layer speaks in these.

mod candle;
mod instrument;
pub mod money;
mod order;
mod time;
mod trade;

pub use candle::{Candle, Candles, Price};
pub use instrument::Instrument;
pub use order::{Direction, EntryReason, ExitReason, Fill, FillReason, Refusal, Side, Size, Veto};
pub use time::{
    DAY_MS, HOUR_MS, Interval, IntervalError, day_of, hour_of, iso, iso_date, parse_iso, weekday_of,
};
pub use trade::{EquityPoint, Trade};
