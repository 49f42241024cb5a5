//! The live trader.

mod swap;
