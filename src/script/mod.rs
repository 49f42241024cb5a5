//! L3: strategies as Rhai scripts.
//!
//! - [`Script`]: a loaded script; parse, check, parameters, init, and one call per candle. It is the engine's
//!   [`Strategy`](crate::engine::Strategy).
//! - `interpreter`: the tier that is the reference; `native`: the one that compiles; `tier`: which one executes;
//!   `strategy`: each handler as a transaction.
//! - `host`: the sandbox. `api`: everything a script can name, described where it is registered.
//! - `parameters`: what a script may be tuned by, and the base rules every script gets.
//! - [`lint`], [`diagnostic`]: typos found at load, errors shown as a compiler would.
//!
//! The contract is compilable: after `init`, series and state slots are known by name and type, and nothing
//! else of a script lives from one candle to the next.

mod api;
mod check;
mod constraint;
pub mod diagnostic;
mod expression;
mod host;
mod interpreter;
pub mod lint;
#[cfg(feature = "native")]
pub mod native;
mod parameters;
#[allow(clippy::module_inception)]
mod script;
mod source;
mod state;
mod strategy;
pub(crate) mod suggest;
mod texts;
mod tier;

pub use api::{Gives, Item, Place};
pub use check::ScriptError;
pub use constraint::{ConstraintError, Constraints};
pub use expression::{registered, series_of};
pub use host::{CALL_DEPTH_MAX, COLLECTION_MAX, OPERATIONS_MAX, STACK, TEXT_MAX};
pub use parameters::{
    Kind, Origin, Parameter, ParameterError, Parameters, Value, Written, base_parameters, is_limit,
    parse_hours,
};
pub(crate) use script::similar_script;
pub use script::{DeclaredAs, Script};
pub use state::Slot;
pub use texts::{SlotsError, Texts};
pub use tier::{Outside, Tier, TierInUse};
