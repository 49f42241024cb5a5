//! Syntax errors in the words of a strategy author.

use super::Diagnostic;
use super::words::{count, mismatch, place};
use crate::script::source::{Source, Token};
use rhai::{ParseErrorType, Position};

/// "a boolean expression" as the parser says it.
fn parser_type(raw: &str) -> String {
    let bare = raw.strip_prefix("a ").or_else(|| raw.strip_prefix("an ")).unwrap_or(raw);
    match bare.strip_suffix(" expression").unwrap_or(bare) {
        "boolean" => "bool".to_string(),
        "character" => "char".to_string(),
        "floating-point number" | "floating-point" => "float".to_string(),
        other => other.to_string(),
    }
}

pub(super) fn parse_error(kind: &ParseErrorType, position: Position, source: &str) -> Diagnostic {
    use ParseErrorType as P;
    let source = Source::new(source);
    let (line, column) = place(position);
    let found = source.at(line, column).map(|token| source.text(token));
    let is_after_dot = || source.before(line, column).is_some_and(|token| source.text(token) == ".");
    let at = |message: String| Diagnostic::error(line, column, message);
    match kind {
        P::MissingToken(token, purpose) => missing(token, purpose, &source, line, column, found),
        P::UnexpectedEOF => {
            unfinished(at("the script ends in the middle of something".to_string()), &source, "{")
        }
        P::BadInput(error) => bad_input(&error.to_string(), line, column),
        P::UnknownOperator(operator) => {
            let diagnostic = at(format!("there is no operator `{operator}`"));
            match operator_hint(operator) {
                Some(hint) => diagnostic.with_help(hint),
                None => diagnostic,
            }
        }
        P::Reserved(word) => reserved(word, line, column),
        P::MismatchedType(expected, actual) => {
            let (message, help) = mismatch(&parser_type(expected), &parser_type(actual));
            Diagnostic { help, ..at(message) }
        }
        P::ExprExpected(what) => match what.as_str() {
            "a boolean" | "boolean" | "a boolean expression" => {
                at("a condition is needed here".to_string()).with_help("write a comparison, such as `x > 0`")
            }
            _ => at(format!("{what} is needed here")),
        },
        P::FnMissingParams(name) => at(format!("`{name}` has no parameter list"))
            .with_help(format!("write `fn {name}() {{ … }}`, with the names in the parentheses")),
        P::FnMissingBody(name) if name.is_empty() => at("the closure has no body".to_string()),
        P::FnMissingBody(name) => {
            at(format!("function `{name}` has no body")).with_help(format!("write `fn {name}(…) {{ … }}`"))
        }
        P::FnDuplicatedDefinition(name, n) => {
            at(format!("`{name}` with {} is defined twice", count(*n, "parameter")))
                .with_help("remove or rename one of them")
        }
        P::FnDuplicatedParam(name, parameter) => {
            at(format!("`{name}` has two parameters named `{parameter}`"))
        }
        P::WrongFnDefinition => {
            let help = match source.unclosed("{", Some((line, column))).filter(|_| column == 1) {
                Some(token) => format!("the `{{` at line {} is not closed before it", token.line),
                None => "move it to the top level".to_string(),
            };
            at("a function is defined inside another function or a block".to_string()).with_help(help)
        }
        P::DuplicatedProperty(name) => at(format!("`{name}` is in the map twice")),
        P::VariableUndefined(name) => {
            at(format!("unknown variable `{name}`")).with_help(format!("declare it first: `let {name} = …;`"))
        }
        P::ModuleUndefined(name) => at(format!("unknown module `{name}`"))
            .with_help(format!("import it first: `import \"…\" as {name};`")),
        P::AssignmentToConstant(name) if name.is_empty() => at("a constant cannot be assigned".to_string()),
        P::AssignmentToConstant(name) => at(format!("`{name}` is a constant and cannot be assigned")),
        P::AssignmentToInvalidLHS(..) => at("this cannot be assigned to".to_string())
            .with_help("on the left of `=` stands a variable, a property or an element; comparing is `==`"),
        P::PropertyExpected if found == Some(",") => {
            at("the name of an entry is needed here".to_string()).with_help("there is a comma too many")
        }
        P::PropertyExpected if !is_after_dot() => {
            at("the name of an entry is needed here".to_string()).with_help("write `#{ name: value }`")
        }
        P::PropertyExpected => at("after a dot stands the name of a property or a method".to_string()),
        P::VariableExpected => at("a name is needed here".to_string()),
        P::LoopBreak => at("`break` and `continue` work only inside a loop".to_string()),
        P::ExprTooDeep => {
            at("too deeply nested".to_string()).with_help("move a part into a variable or a function")
        }
        P::TooManyFunctions => at("the script defines too many functions".to_string()),
        P::LiteralTooLarge(what, max) => at(format!("{what} is above its limit of {max}")),
        P::WrongDocComment => at("a `///` comment must stand before a function".to_string())
            .with_help("write `//` for an ordinary comment"),
        other => at(other.to_string()),
    }
}

/// A token the parser waited for. A missing `;` or `,` belongs after the token before, not to the next line.
fn missing(
    token: &str,
    purpose: &str,
    source: &Source,
    line: usize,
    column: usize,
    found: Option<&str>,
) -> Diagnostic {
    if found.is_none()
        && let Some(number) = source.number_around(line, column)
    {
        return Diagnostic::error(line, number.column, format!("`{}` is not a number", source.text(number)));
    }
    // Where a list goes on or ends, Rhai names only the comma.
    let closer = match purpose {
        _ if token != "," => None,
        _ if purpose.contains("arguments") || purpose.contains("parameters") => Some(")"),
        _ if purpose.contains("array") => Some("]"),
        _ if purpose.contains("map") || purpose.contains("switch") => Some("}"),
        _ => None,
    };
    let what = match closer {
        Some(closer) => format!("`{token}` or `{closer}` is missing"),
        None => format!("`{token}` is missing"),
    };
    let purpose = purpose.replace("object map", "map").replace('\'', "`");
    let before = source.before(line, column);
    let hint = found.and_then(operator_hint).or_else(|| {
        let is_else_if = before.is_some_and(|t| matches!(source.text(t), "elseif" | "elif" | "elsif"));
        is_else_if.then_some("write `else if`")
    });
    let help = hint.map_or_else(|| format!("it is needed {purpose}"), str::to_string);
    let here = match found {
        Some(found) => Diagnostic::error(line, column, format!("{what} before `{}`", shortened(found))),
        None => Diagnostic::error(line, column, what.clone()),
    };
    let here = here.with_help(help.clone());
    match (token, before) {
        (";" | ",", Some(before)) if before.line < line => {
            end_of(before, source, format!("{what} after this")).with_length(1).with_help(help)
        }
        ("}", _) => unfinished(here, source, "{"),
        (")", _) => unfinished(here, source, "("),
        ("]", _) => unfinished(here, source, "["),
        _ => here,
    }
}

fn end_of(token: &Token, source: &Source, message: String) -> Diagnostic {
    Diagnostic::error(token.line, token.column + source.length(token), message)
}

/// Adds which bracket is still open.
fn unfinished(diagnostic: Diagnostic, source: &Source, open: &str) -> Diagnostic {
    match source.unclosed(open, None) {
        Some(token) => {
            let help = format!("the `{}` at line {} is not closed", source.text(token), token.line);
            diagnostic.with_help(help)
        }
        None => diagnostic,
    }
}

fn shortened(text: &str) -> String {
    let mut line = text.lines().next().unwrap_or_default().chars();
    let head: String = line.by_ref().take(20).collect();
    if line.next().is_some() { format!("{head}…") } else { head }
}

fn reserved(word: &str, line: usize, column: usize) -> Diagnostic {
    Diagnostic::error(line, column, format!("`{word}` is reserved")).with_help(match word {
        "var" => "variables are declared with `let`",
        "null" | "nil" => "Rhai has no null; `()` is no value",
        "eval" => "a strategy cannot run a text as code",
        "print" | "debug" | "sleep" => "a strategy cannot use it; `ctx.log(text)` writes to the log",
        "match" => "write `switch`",
        _ => "a script cannot use it; if it is your own name, choose another",
    })
}

fn bad_input(message: &str, line: usize, column: usize) -> Diagnostic {
    let at = |message: String| Diagnostic::error(line, column, message);
    let quoted =
        message.split_once('\'').and_then(|(_, rest)| rest.rsplit_once('\'')).map(|(inside, _)| inside);
    if message.starts_with("Open string") {
        return at("this text is not closed".to_string()).with_help("end it with the quote it began with");
    }
    if let Some(word) = quoted.filter(|_| message.ends_with("is disabled")) {
        return reserved(word, line, column);
    }
    if message.starts_with("Possibly a typo of '=='") {
        return at("`=` assigns and cannot stand here".to_string()).with_help("to compare, write `==`");
    }
    if message.contains("is not a valid operator") {
        let operator = message.split('\'').nth(1).unwrap_or_default();
        let meant = message.split_once("Should it be '").and_then(|(_, rest)| rest.split('\'').next());
        let diagnostic =
            at(format!("there is no operator `{operator}`")).with_length(operator.chars().count());
        return match (operator_hint(operator), meant) {
            (Some(hint), _) => diagnostic.with_help(hint),
            (None, Some(meant)) => diagnostic.with_help(format!("write `{meant}`")),
            (None, None) => diagnostic,
        };
    }
    match quoted {
        Some(found) if found.chars().any(char::is_control) => {
            at(format!("`{}` is not expected here", found.escape_default()))
                .with_help("this is no plain text, or one in another encoding: save it as UTF-8")
        }
        Some(found) if !found.is_ascii() && message.starts_with("Unexpected") => {
            at(format!("`{found}` is not expected here"))
                .with_help("names are made of the letters a to z, digits and `_`")
        }
        Some(found) if message.starts_with("Unexpected") => {
            let diagnostic = at(format!("`{found}` is not expected here"));
            match operator_hint(found) {
                Some(hint) => diagnostic.with_help(hint),
                None => diagnostic,
            }
        }
        Some(found) if message.starts_with("Invalid number") => at(format!("`{found}` is not a number")),
        Some(found) if message.starts_with("Invalid character") => {
            at(format!("`{found}` is not a single character"))
                .with_help("texts are written in double quotes: \"text\"")
        }
        _ => at(message.to_string()),
    }
}

fn operator_hint(operator: &str) -> Option<&'static str> {
    Some(match operator {
        "===" => "write `==`",
        "!==" => "write `!=`",
        "<>" => "write `!=`",
        "++" => "write `+= 1`",
        "--" => "write `-= 1`",
        "and" => "write `&&`",
        "or" => "write `||`",
        "not" => "write `!`",
        "?" | ":" => "Rhai has no `a ? b : c`; write `if a { b } else { c }`",
        _ => return None,
    })
}
