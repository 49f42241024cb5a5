//! Random strategies: whole texts with parameters, indicators, state, helper functions and an `on_candle`.
//!
//! A seed gives the same program on every machine. Every text passes the checks at load; what goes wrong goes
//! wrong when it runs. What can be written stands in tables of [`Rule`]s, so that what is never written shows.

mod declare;
mod expression;
mod literal;
mod outside;
mod statement;
mod writer;

use mista::script::Value;
use std::collections::BTreeSet;
use writer::{Rule, Writer};

/// A strategy, and what to run it with.
#[derive(Debug, Clone)]
pub struct Program {
    pub seed: u64,
    pub text: String,
    /// Values in force: from the start, and from the middle of the run on.
    pub values: [Vec<(String, Value)>; 2],
    /// Names of the rules that wrote it.
    pub constructs: BTreeSet<&'static str>,
}

/// The program of a seed.
pub fn generate(seed: u64) -> Program {
    let mut writer = Writer::new(seed);
    let text = writer.program();
    let values = [writer.values(), writer.values()];
    Program { seed, text, values, constructs: writer.used }
}

/// The names of all rules.
pub fn constructs() -> impl Iterator<Item = &'static str> {
    let tables = [
        expression::INT,
        expression::FLOAT,
        expression::BOOL,
        expression::TEXT,
        expression::SERIES,
        expression::INDEX,
        expression::ILL,
        statement::STATEMENT,
        statement::ACTION,
        statement::OPERATION,
        declare::SERIES_DECLARED,
        declare::MULTI_DECLARED,
        declare::PARAMETER,
        outside::OUTSIDE,
    ];
    tables.into_iter().flatten().map(|rule: &Rule| rule.name)
}
