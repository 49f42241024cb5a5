//! L3: strategies as Rhai scripts.

pub mod diagnostic;
pub mod lint;
mod source;
