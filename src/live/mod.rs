//! L4: the live trader.
//!
//! - [`record`]: what a session is made of. [`desk`]: the engine and its orders as one pure state machine over it.

pub mod desk;
pub mod record;
