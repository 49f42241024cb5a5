//! L3: the script host.

mod api;
mod check;
mod host;
mod parameters;
mod state;
mod strategy;
pub mod suggest;

pub use api::{Gives, Item, Place};
pub use host::{CALL_DEPTH_MAX, COLLECTION_MAX, OPERATIONS_MAX, TEXT_MAX};
pub use parameters::{Kind, Origin, Parameter, ParameterError, Parameters, Value, Written, base_parameters, parse_hours};
pub use state::Slot;
pub use strategy::{DeclaredAs, Script, series_of};

#[derive(Debug, thiserror::Error)]
pub enum ScriptError {
    #[error("{path}: {error}")]
    Read { path: String, error: String },
}
impl ScriptError {
    fn parse(e: &rhai::ParseError, _: &str, path: &str) -> Self { ScriptError::Read { path: path.into(), error: e.to_string() } }
    fn run(e: &rhai::EvalAltResult, _: &str, path: &str) -> Self { ScriptError::Read { path: path.into(), error: e.to_string() } }
}
