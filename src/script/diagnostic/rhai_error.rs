//! Rhai's errors in the words of a strategy author.
//!
//! An error inside a helper reaches us wrapped in one `ErrorInFunctionCall` per call, outermost first; the
//! finding belongs to the innermost position, and the calls that led there go into the help.

use super::Diagnostic;
use super::syntax_error::parse_error;
use super::words::{count, mismatch, place, type_name, with_article};
use crate::script::source::Source;
use rhai::{EvalAltResult, ParseError, Position};

/// The limits in force, to name them when one is hit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    pub operations: Option<u64>,
    pub call_levels: Option<usize>,
}

/// A run-time or load error of the script `name`, whose text is `source`.
pub fn from_rhai(error: &EvalAltResult, source: &str, name: &str) -> Diagnostic {
    from_rhai_with(error, source, name, Limits::default())
}

/// A syntax error of the script `name`, whose text is `source`.
pub fn from_parse_error(error: &ParseError, source: &str, name: &str) -> Diagnostic {
    parse_error(error.err_type(), error.position(), source).in_source(name)
}

/// [`from_rhai`], naming the limits that were in force.
pub fn from_rhai_with(error: &EvalAltResult, source: &str, name: &str, limits: Limits) -> Diagnostic {
    let mut file = name.to_string();
    let mut frames: Vec<Frame> = Vec::new();
    let mut error = error;
    loop {
        match error {
            EvalAltResult::ErrorInFunctionCall(function, called_in, inner, position) => {
                frames.push(Frame { function: function_name(function), call: *position, file: file.clone() });
                if !called_in.is_empty() {
                    file.clone_from(called_in);
                }
                error = inner;
            }
            EvalAltResult::ErrorInModule(path, inner, position) => {
                frames.push(Frame {
                    function: format!("import {path:?}"),
                    call: *position,
                    file: file.clone(),
                });
                if !path.is_empty() {
                    file.clone_from(path);
                }
                error = inner;
            }
            _ => break,
        }
    }

    // A module's text is not at hand here: its token is measured when it is drawn.
    let own_text = if file == name { source } else { "" };
    let mut diagnostic = match error {
        EvalAltResult::ErrorParsing(kind, position) => parse_error(kind, *position, own_text),
        _ => run_error(error, own_text, limits),
    };
    if diagnostic.line == 0
        && let Some(frame) = frames.iter().rev().find(|frame| !frame.call.is_none())
    {
        (diagnostic.line, diagnostic.column) = place(frame.call);
        file.clone_from(&frame.file);
    }
    if let Some(trail) = trail(&frames, source, name) {
        diagnostic.help = Some(match diagnostic.help.take() {
            Some(help) => format!("{help}\n{trail}"),
            None => trail,
        });
    }
    diagnostic.in_source(file)
}

/// A call on the way to the error.
struct Frame {
    function: String,
    /// Where it was called, in `file`.
    call: Position,
    file: String,
}

/// `in `helper`, called from `on_candle` at line 12`.
///
/// The outermost frame is the host's call and is not among Rhai's; Rhai's own functions that call closures
/// (`map`) are, and say nothing new.
fn trail(frames: &[Frame], source: &str, name: &str) -> Option<String> {
    let source = Source::new(source);
    let innermost = frames.last()?;
    let mut calls: Vec<String> = Vec::new();
    for (index, frame) in frames.iter().enumerate().rev() {
        let Some(line) = frame.call.line() else { continue };
        let is_own = frame.file == name;
        let (line_at, column) = place(frame.call);
        let caller = match source.function_at(line_at, column).filter(|_| is_own) {
            Some(function) => format!("`{function}`"),
            None if index == 0 => "the script".to_string(),
            None => frames.get(index - 1).map(|f| f.function.clone()).unwrap_or_default(),
        };
        let file = if is_own { String::new() } else { format!(" of {}", frame.file) };
        let call = format!("called from {caller} at line {line}{file}");
        if calls.last() != Some(&call) {
            calls.push(call);
        }
    }
    if calls.is_empty() {
        return None;
    }
    Some(format!("in {}, {}", innermost.function, calls.join(", ")))
}

fn function_name(name: &str) -> String {
    if name.starts_with("anon$") { "a closure".to_string() } else { format!("`{name}`") }
}

fn run_error(error: &EvalAltResult, source: &str, limits: Limits) -> Diagnostic {
    use EvalAltResult as E;
    let position = error.position();
    let (message, help): (String, Option<String>) = match error {
        E::ErrorSystem(what, cause) if what.is_empty() => (cause.to_string(), None),
        E::ErrorSystem(what, cause) => (format!("{what}: {cause}"), None),
        E::ErrorTooManyOperations(..) => (
            match limits.operations {
                Some(n) => format!("the script ran longer than its limit of {n} operations per candle"),
                None => "the script ran longer than its limit of operations per candle".to_string(),
            },
            Some("is there an endless loop?".to_string()),
        ),
        E::ErrorStackOverflow(..) => (
            match limits.call_levels {
                Some(n) => format!("functions call each other more than {n} levels deep"),
                None => "functions call each other too deep".to_string(),
            },
            Some("does a function call itself without an end?".to_string()),
        ),
        E::ErrorDataTooLarge(what, ..) => (
            format!("{} is larger than a script may make it", data_name(what)),
            Some("does a loop append to it on every candle?".to_string()),
        ),
        E::ErrorTooManyVariables(..) => ("the script defines too many variables".to_string(), None),
        E::ErrorTooManyModules(..) => ("the script imports too many files".to_string(), None),
        E::ErrorTerminated(value, ..) if value.is_unit() => ("the script was stopped".to_string(), None),
        E::ErrorTerminated(value, ..) => (format!("the script was stopped: {value}"), None),
        E::ErrorArithmetic(what, ..) => arithmetic(what),
        E::ErrorFunctionNotFound(signature, ..) => function_not_found(signature),
        E::ErrorVariableNotFound(name, ..) => {
            (format!("unknown variable `{name}`"), Some(format!("declare it first: `let {name} = …;`")))
        }
        E::ErrorVariableExists(name, ..) => (format!("`{name}` is already defined"), None),
        E::ErrorForbiddenVariable(name, ..) => {
            (format!("`{name}` cannot be the name of a variable"), Some("choose another name".to_string()))
        }
        E::ErrorPropertyNotFound(name, ..) => (format!("there is no property `{name}`"), None),
        E::ErrorDotExpr(what, ..) => property(what),
        E::ErrorIndexNotFound(index, ..) => (format!("there is no element `{index}`"), None),
        E::ErrorIndexingType(types, ..) => {
            let what = types.split(" [").next().unwrap_or(types);
            (format!("{} cannot be indexed that way", with_article(&type_name(what))), None)
        }
        E::ErrorArrayBounds(length, index, ..) => {
            (format!("index {index} is outside the array, which has {}", count(*length, "element")), None)
        }
        E::ErrorStringBounds(length, index, ..) => {
            (format!("index {index} is outside the text, which has {}", count(*length, "character")), None)
        }
        E::ErrorBitFieldBounds(_, index, ..) => {
            (format!("a whole number has no bit {index}"), Some("a plain number has no history".to_string()))
        }
        E::ErrorMismatchDataType(expected, actual, ..) => mismatch(expected, actual),
        E::ErrorMismatchOutputType(expected, actual, ..) => {
            let (message, help) = mismatch(expected, actual);
            (format!("the function returns the wrong kind of value: {message}"), help)
        }
        E::ErrorFor(..) => (
            "this cannot be looped over".to_string(),
            Some("`for` takes a range such as `0..10`, an array or a text".to_string()),
        ),
        E::ErrorUnboundThis(..) => (
            "`this` has no value here".to_string(),
            Some("`this` is bound only when the function is called as a method: `value.f()`".to_string()),
        ),
        E::ErrorAssignmentToConstant(name, ..) => {
            (format!("`{name}` is a constant and cannot be assigned"), None)
        }
        E::ErrorNonPureMethodCallOnConstant(name, ..) => constant_changed(name),
        E::ErrorModuleNotFound(path, ..) => (
            format!("no module `{path}`"),
            Some("imports are looked up in the strategies folder; the path has no extension".to_string()),
        ),
        E::ErrorDataRace(name, ..) => {
            (format!("`{name}` is used by a closure and changed at the same time"), None)
        }
        E::ErrorRuntime(value, ..) => {
            let text = if value.is_unit() { "error".to_string() } else { value.to_string() };
            let thrown = position.line().zip(position.position()).is_some_and(|(line, column)| {
                let source = Source::new(source);
                source.at(line, column).is_some_and(|token| source.text(token) == "throw")
            });
            if thrown { (format!("the script threw: {text}"), None) } else { (text, None) }
        }
        E::LoopBreak(true, ..) => ("`break` outside a loop".to_string(), None),
        E::LoopBreak(false, ..) => ("`continue` outside a loop".to_string(), None),
        other => (unpositioned(&other.to_string()), None),
    };
    let (line, column) = place(position);
    Diagnostic { help, ..Diagnostic::error(line, column, message) }
}

/// Rhai appends positions to its messages; the caret shows them.
fn unpositioned(message: &str) -> String {
    message.rfind(" (line ").and_then(|at| message.get(..at)).unwrap_or(message).to_string()
}

fn data_name(what: &str) -> String {
    let what = what.to_ascii_lowercase();
    if what.contains("string") {
        "a text".to_string()
    } else if what.contains("map") {
        "a map".to_string()
    } else if what.contains("array") {
        "an array".to_string()
    } else {
        "a value".to_string()
    }
}

fn arithmetic(what: &str) -> (String, Option<String>) {
    let formula = what.split_once(": ").map(|(_, formula)| formula);
    match formula {
        Some(formula) if what.starts_with("Division by zero") || what.starts_with("Modulo division") => (
            format!("division by zero: {formula}"),
            Some("whole numbers cannot be divided by 0: check the divisor first".to_string()),
        ),
        Some(formula) if what.contains("overflow") => (
            format!("the result does not fit a whole number: {formula}"),
            Some("calculate with decimals: write `2.0` for `2`, or `x.to_float()`".to_string()),
        ),
        Some(formula) if what.starts_with("Integer raised") => (
            format!("a whole number cannot be raised to a negative power: {formula}"),
            Some("calculate with decimals: write `2.0` for `2`".to_string()),
        ),
        _ if what.is_empty() => ("this cannot be calculated".to_string(), None),
        _ => (what.to_string(), None),
    }
}

/// `name (i64, f64)`.
fn function_not_found(signature: &str) -> (String, Option<String>) {
    let (name, types) = match signature.split_once(" (") {
        Some((name, types)) => (name, types.strip_suffix(')').unwrap_or(types)),
        None => {
            return (
                format!("unknown function `{signature}`"),
                Some("`mista api` lists the functions a script can call".to_string()),
            );
        }
    };
    let types: Vec<String> = if types.is_empty() { Vec::new() } else { split_types(types) };
    if let Some(property) = name.strip_prefix("get$").or_else(|| name.strip_prefix("set$")) {
        return (format!("there is no property `{property}`"), None);
    }
    let is_operator = !name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    match types.as_slice() {
        [left, right] if is_operator => (
            format!("`{name}` does not work between {} and {}", with_article(left), with_article(right)),
            operand_help(name, left, right),
        ),
        [operand] if is_operator => (format!("`{name}` does not work on {}", with_article(operand)), None),
        [] => (
            format!("there is no function `{name}` without arguments"),
            Some("`mista api` shows what each function takes".to_string()),
        ),
        _ => (
            format!("`{name}` cannot take ({})", types.join(", ")),
            Some("`mista api` shows what each function takes".to_string()),
        ),
    }
}

fn operand_help(operator: &str, left: &str, right: &str) -> Option<String> {
    let other = if left == "()" { right } else { left };
    if left == "()" || right == "()" {
        return Some(
            "`()` is no value: was something not set, or does a function return nothing?".to_string(),
        );
    }
    if operator == "+" && (left == "text" || right == "text") {
        return Some(format!("put {} into a text with `${{…}}` in backquotes", with_article(other)));
    }
    None
}

/// Types in a signature; texts are listed by Rhai under three names.
fn split_types(types: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut depth = 0_usize;
    let mut one = String::new();
    for c in types.chars() {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                out.push(type_name(&one));
                one.clear();
                continue;
            }
            _ => {}
        }
        one.push(c);
    }
    out.push(type_name(&one));
    out
}

/// `Unknown property 'x' - a getter is not registered for type 'T'`.
fn property(what: &str) -> (String, Option<String>) {
    let mut quoted = what.split('\'').skip(1).step_by(2);
    match (quoted.next(), quoted.next()) {
        (Some(name), Some(kind)) if what.contains("getter") => {
            (format!("{} has no property `{name}`", with_article(&type_name(kind))), None)
        }
        (Some(name), Some(kind)) if what.contains("setter") => (
            format!("`{name}` of {} cannot be assigned", with_article(&type_name(kind))),
            Some("what a strategy keeps between candles is declared in `init`".to_string()),
        ),
        _ if what.is_empty() => ("this cannot follow a dot".to_string(), None),
        _ => (what.to_string(), None),
    }
}

fn constant_changed(function: &str) -> (String, Option<String>) {
    match function.strip_prefix("set$") {
        Some(property) => (format!("`{property}` of a constant cannot be assigned"), None),
        None if function.starts_with("index$set$") => {
            ("an element of a constant cannot be assigned".to_string(), None)
        }
        None => {
            (format!("`{}` would change a constant", function.strip_prefix("get$").unwrap_or(function)), None)
        }
    }
}
