//! L4: the live trader.
//!
//! - [`record`]: what a session is made of. [`desk`]: the engine and its orders as one pure state machine over it.
//! - [`journal`], [`state_manager`]: the records and snapshots of it on the disk.

pub mod desk;
pub mod journal;
pub mod record;
pub mod state_manager;
