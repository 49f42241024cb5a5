//! What each request does. A handler has checked names in its parameters; it judges their values.

pub mod account;
pub mod lists;
pub mod market;
pub mod new_order;
pub mod orders;
