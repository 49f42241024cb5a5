//! Types, counts and positions in words.

use rhai::Position;

pub(super) fn place(position: Position) -> (usize, usize) {
    (position.line().unwrap_or(0), position.position().unwrap_or(0))
}

pub(super) fn count(n: usize, noun: &str) -> String {
    match n {
        0 => format!("no {noun}s"),
        1 => format!("1 {noun}"),
        n => format!("{n} {noun}s"),
    }
}

/// A type as a script's author knows it.
pub(super) fn type_name(raw: &str) -> String {
    let raw = raw.trim();
    match raw {
        "i64" | "i32" | "int" => "int",
        "f64" | "f32" | "float" => "float",
        "bool" => "bool",
        "()" => "()",
        "char" => "character",
        "&str | ImmutableString | String" | "string" | "&str" | "ImmutableString" => "text",
        "alloc::string::String" | "String" => "text",
        "array" => "array",
        "map" => "map",
        "Fn" | "FnPtr" => "function",
        _ if raw.starts_with("range") || raw.contains("ops::Range") || raw.contains("RangeInclusive") => {
            "range"
        }
        _ if raw.contains('<') => raw,
        _ => raw.rsplit("::").next().unwrap_or(raw),
    }
    .to_string()
}

pub(super) fn with_article(name: &str) -> String {
    match name.chars().next() {
        Some('(') | None => name.to_string(),
        Some(first) if "aeiouAEIOU".contains(first) => format!("an {name}"),
        Some(_) => format!("a {name}"),
    }
}

pub(super) fn mismatch(expected: &str, actual: &str) -> (String, Option<String>) {
    let (expected, actual) = (type_name(expected), type_name(actual));
    let message = match (expected.as_str(), actual.as_str()) {
        ("", actual) => format!("{} does not fit here", with_article(actual)),
        (expected, "") => format!("{} is needed here", with_article(expected)),
        (expected, actual) => {
            format!("{} is needed here, this is {}", with_article(expected), with_article(actual))
        }
    };
    let help = (expected == "bool").then(|| "write a comparison, such as `x > 0`".to_string());
    (message, help)
}
