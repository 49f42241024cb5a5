//! The checks a script passes at load, before it runs: every name it uses exists, is used where it can be,
//! and with as many arguments as it takes.
//!
//! Rhai's own strict mode refuses host constants such as `close` inside functions and knows nothing of `ctx`
//! and `p`, so the syntax tree is walked here. Compile with [`rhai::OptimizationLevel::None`]: the optimizer
//! removes code that has no effect, and with it the findings about it.
//!
//! What is known: where `ctx`, `p` and the third argument of `on_fill` and `on_exit` go: through `let`, into
//! closures, and through calls of the script's own functions. What is not: what functions return, what is in
//! arrays and maps, and names made at run time. There the linter says nothing rather than something wrong.

mod calls;
mod declared;
mod effects;
mod handlers;
mod linter;
mod names;
pub mod packages;
mod properties;
pub(in crate::script) mod tree;
mod vocabulary;
mod walk;
mod words;

pub use declared::{Declaration, Declared, DeclaredValue, imports};
pub use vocabulary::{FunctionSignature, Phase, Property, PropertyKind, Vocabulary};

use super::diagnostic::Diagnostic;
use super::source::Source;
use linter::Linter;
use rhai::AST;
use tree::Function;

/// A script as the linter reads it: the same whatever the vocabulary, of which a load has one after the other.
pub struct Reading {
    functions: Vec<Function>,
    declared: Declared,
}

impl Reading {
    pub fn of(ast: &AST, source: &str) -> Reading {
        let functions = tree::functions(ast, &Source::new(source));
        Reading { declared: declared::declared_by(&functions), functions }
    }

    /// The names `params` and `init` visibly put into their maps: keys of map literals, `m.key = …`,
    /// `m["key"] = …`. Maps inside maps, and what helper functions build, are not looked into.
    pub fn declared(&self) -> &Declared {
        &self.declared
    }

    /// Findings about a strategy, in order of position. The script is refused if one is an error.
    ///
    /// `ast` is the tree that was read; they carry the name it has ([`AST::set_source`]).
    pub fn findings(&self, ast: &AST, vocabulary: &Vocabulary) -> Vec<Diagnostic> {
        run(ast, self, vocabulary, true)
    }

    /// Findings about an imported module, which has no handlers and whose functions may be given anything.
    pub fn module_findings(&self, ast: &AST, vocabulary: &Vocabulary) -> Vec<Diagnostic> {
        run(ast, self, vocabulary, false)
    }
}

fn run(ast: &AST, reading: &Reading, vocabulary: &Vocabulary, is_strategy: bool) -> Vec<Diagnostic> {
    let mut linter = Linter::new(ast, &reading.functions, vocabulary, &reading.declared);
    // First where `ctx` and `p` go, until nothing new is learnt; then the findings.
    while linter.learn(ast) {}
    linter.report(ast);
    if is_strategy {
        let before = linter.found.len();
        linter.check_handlers();
        // What a handler reads that the host will not call is not known: nothing is said to be unused.
        if !linter.found.iter().skip(before).any(Diagnostic::is_error) {
            linter.check_unused_declarations();
        }
    }
    let name = ast.source().unwrap_or_default();
    let mut found = linter.found;
    for diagnostic in &mut found {
        diagnostic.source_name = name.to_string();
    }
    found.sort_by(|a, b| {
        (a.line, a.column, a.severity, &a.message).cmp(&(b.line, b.column, b.severity, &b.message))
    });
    found.dedup();
    // A warning beside an error is mostly its echo; it comes back if it is not.
    let lines: Vec<usize> = found.iter().filter(|d| d.is_error()).map(|d| d.line).collect();
    found.retain(|d| d.is_error() || !lines.contains(&d.line));
    found
}

#[cfg(test)]
mod tests;
