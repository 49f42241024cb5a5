//! L4: the shell of the trader: everything about trading live that is not a decision.

pub mod journal;
pub mod state_manager;
