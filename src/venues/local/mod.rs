//! The local exchange.

pub mod market;
