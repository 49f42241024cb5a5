//! The checks a script passes at load: the linter over what the host registered, and errors brought to the
//! place they come from.

use super::api::{Gives, Item, Place};
use super::diagnostic::{
    Diagnostic, Limits, Sources, from_parse_error, from_rhai_with, render_coloured, render_plain,
};
use super::expression::registered;
use super::host::{CALL_DEPTH_MAX, OPERATIONS_MAX};
use super::lint::{Declaration, FunctionSignature, Phase, Property, PropertyKind, Vocabulary, packages};
use super::parameters::base_parameters;
use super::script::DeclaredAs;
use rhai::{EvalAltResult, ParseError};
use std::fmt;
use std::sync::LazyLock;

/// A script that cannot be used, with every finding and the texts they point into.
#[derive(Debug, Clone)]
pub struct ScriptError {
    pub diagnostics: Vec<Diagnostic>,
    sources: Sources,
}

impl ScriptError {
    pub(super) fn new(diagnostics: Vec<Diagnostic>, sources: Sources) -> Self {
        ScriptError { diagnostics, sources }
    }

    /// A script that could not even be read.
    pub(super) fn unread(path: &str, why: &str) -> Self {
        let text = format!("{path}: {why}");
        ScriptError::new(vec![Diagnostic::error(0, 0, text)], Sources::default())
    }

    pub(super) fn parse(error: &ParseError, source: &str, path: &str) -> Self {
        ScriptError::new(vec![from_parse_error(error, source, path)], Sources::one(path, source))
    }

    /// An error while the script ran.
    pub(super) fn run(error: &EvalAltResult, sources: Sources, path: &str) -> Self {
        let limits = Limits { operations: Some(OPERATIONS_MAX), call_levels: Some(CALL_DEPTH_MAX) };
        let source = sources.get(path).unwrap_or_default().to_owned();
        ScriptError::new(vec![from_rhai_with(error, &source, path, limits)], sources)
    }

    /// An error in what `params` or `init` declares under `name`.
    pub(super) fn declared(
        declarations: &[Declaration],
        name: &str,
        sources: Sources,
        path: &str,
        text: &str,
    ) -> Self {
        let place = declarations.iter().find(|declaration| declaration.name == name);
        let (line, column) = place.map_or((0, 0), |declaration| (declaration.line, declaration.column));
        ScriptError::new(vec![Diagnostic::error(line, column, text).in_source(path)], sources)
    }

    /// An error of a whole function.
    pub(super) fn function(name: &str, sources: Sources, path: &str, text: &str) -> Self {
        let source = sources.get(path).unwrap_or_default();
        let header = format!("fn {name}");
        let line = source.lines().position(|line| line.trim_start().starts_with(&header));
        let column = line.and_then(|line| source.lines().nth(line)).and_then(|line| line.find(name));
        let diagnostic =
            Diagnostic::error(line.map_or(0, |line| line + 1), column.map_or(0, |c| c + 1), text);
        ScriptError::new(vec![diagnostic.in_source(path)], sources)
    }

    /// As a compiler would show it, with ANSI colours or without.
    pub fn render(&self, coloured: bool) -> String {
        let render = if coloured { render_coloured } else { render_plain };
        render(&self.diagnostics, &self.sources)
    }
}

impl ScriptError {
    /// What is wrong first, in one line.
    pub fn in_line(&self) -> String {
        // Warnings may stand before it.
        let error = self.diagnostics.iter().find(|it| it.is_error()).or(self.diagnostics.first());
        error.map(Diagnostic::in_line).unwrap_or_default()
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.diagnostics.as_slice() {
            [one] if one.line == 0 && one.source_name.is_empty() => f.write_str(&one.message),
            _ => f.write_str(self.render(false).trim_end()),
        }
    }
}

impl std::error::Error for ScriptError {}

/// What every script may name.
pub(super) fn vocabulary() -> Vocabulary {
    static REGISTERED: LazyLock<Vocabulary> = LazyLock::new(|| vocabulary_of(&registered()));
    REGISTERED.clone()
}

fn vocabulary_of(items: &[Item]) -> Vocabulary {
    let names = |place: Place| -> Vec<String> {
        items.iter().filter(|item| item.place == place).map(|item| item.name.clone()).collect()
    };
    let signature = |item: &Item, phase: Phase| {
        let optional = item.arguments.iter().filter(|argument| argument.ends_with('?')).count();
        let count = item.arguments.len();
        FunctionSignature::new(&item.signature(), count - optional, count, phase)
    };
    let functions = items.iter().filter_map(|item| match item.place {
        Place::Params => Some(signature(item, Phase::Params)),
        Place::Init => Some(signature(item, Phase::Init)),
        Place::Anywhere => Some(signature(item, Phase::Any)),
        _ => None,
    });
    let methods = items.iter().filter(|item| item.place == Place::Action);
    let built_in = items.iter().filter(|item| item.place == Place::Property).map(|item| {
        let kind = match item.gives {
            Gives::Series => PropertyKind::Series,
            Gives::Bool => PropertyKind::Bool,
            Gives::Text => PropertyKind::Text,
            Gives::Number | Gives::Nothing => PropertyKind::Number,
        };
        Property::new(&item.name, false, kind)
    });
    let builtins = [
        packages::ARITHMETIC,
        packages::MATH,
        packages::LOGIC,
        packages::STRINGS,
        packages::ARRAYS,
        packages::MAPS,
        packages::ITERATORS,
    ];
    Vocabulary {
        constants: names(Place::Constant),
        functions: functions.collect(),
        builtins: builtins.concat().iter().map(ToString::to_string).collect(),
        ctx_properties: built_in.collect(),
        ctx_methods: methods.map(|item| signature(item, Phase::Candle)).collect(),
        parameters: base_parameters().into_iter().map(|parameter| parameter.name).collect(),
        fill_properties: names(Place::Fill),
        trade_properties: names(Place::Trade),
        ..Vocabulary::default()
    }
}

/// A name that `init` declared, as scripts may use it.
pub(super) fn own_property((name, declared): &(String, DeclaredAs)) -> Property {
    let (writable, kind) = match declared {
        DeclaredAs::Series(_) | DeclaredAs::Off => (false, PropertyKind::Series),
        DeclaredAs::Multi(spec) => {
            let fields = spec.definition.fields.iter().map(ToString::to_string).collect();
            (false, PropertyKind::Multi { fields })
        }
        DeclaredAs::Slot(super::Slot::Bool(_)) => (true, PropertyKind::Bool),
        DeclaredAs::Slot(_) => (true, PropertyKind::Number),
    };
    Property::new(name, writable, kind)
}

/// An `Err` if one of the findings is an error, else the warnings.
pub(super) fn refuse_errors(
    found: Vec<Diagnostic>,
    sources: impl FnOnce() -> Sources,
) -> Result<Vec<Diagnostic>, ScriptError> {
    if found.iter().any(Diagnostic::is_error) {
        return Err(ScriptError::new(found, sources()));
    }
    Ok(found)
}
