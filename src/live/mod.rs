//! L4: the live trader.
//!
//! - [`record`]: what a session is made of. [`desk`]: the engine and its orders as one pure state machine over it.
//! - [`script_texts`]: every script that was in force, kept. [`script_watcher`]: waits for saves of the script in
//!   force; [`candidate`]: judges what was saved before it can take its place.

pub mod candidate;
pub mod desk;
pub mod record;
pub mod script_texts;
pub mod script_watcher;
mod shadow;
