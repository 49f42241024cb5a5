//! Indicators outside a script: an expression as a user types it, and everything that is registered.

use super::api::{Declared, Item, register};
use super::diagnostic::from_rhai;
use super::host::sandbox;
use super::state::State;
use super::suggest::nearest;
use crate::indicators::{REGISTRY, Source};
use crate::model::Price;
use rhai::{Dynamic, EvalAltResult};
use std::rc::Rc;

/// The columns an expression such as `adx(14)` stands for: a name and a source each.
pub fn series_of(expression: &str) -> Result<Vec<(String, Source)>, String> {
    const REMEDY: &str = "write an indicator as a script does: sma(close, 20)";
    let mut engine = sandbox();
    register(&mut engine, &Rc::new(State::new()));
    let value: Dynamic = engine.eval_expression(expression).map_err(|error| {
        let found = from_rhai(&error, expression, "");
        let unknown = match &*error {
            EvalAltResult::ErrorFunctionNotFound(signature, _)
            | EvalAltResult::ErrorVariableNotFound(signature, _) => signature.split([' ', '(']).next(),
            _ => None,
        };
        let names = REGISTRY.iter().map(|definition| definition.name);
        let names = names.chain(Price::ALL.into_iter().map(Price::name));
        let remedy = match unknown.and_then(|name| nearest(name, names)) {
            Some(name) => format!("did you mean `{name}`?"),
            None => REMEDY.to_owned(),
        };
        format!("`{expression}`: {}; {remedy}", found.message)
    })?;
    match value.try_cast::<Declared>() {
        Some(Declared::Source(source)) => Ok(vec![(expression.to_owned(), source)]),
        Some(Declared::Multi(spec)) => Ok(spec
            .definition
            .fields
            .iter()
            .enumerate()
            .map(|(field, name)| {
                (format!("{expression}.{name}"), Source::Output { spec: spec.clone(), field })
            })
            .collect()),
        None => Err(format!("`{expression}` is not an indicator: {REMEDY}")),
    }
}

/// Everything that is registered for scripts, described.
pub fn registered() -> Vec<Item> {
    register(&mut sandbox(), &Rc::new(State::new()))
}
