//! Patterns of JSON: what a case says an answer must have.
//!
//! An object must have the named fields, an array exactly the elements, and a text may be `*` (anything),
//! `<int>`, `<decimal>`, `<now>`, `<absent>`, or begin with `~` (contains). Everything else must be equal.

use serde_json::Value;

/// The server's clock at the start of every case, in ms: 2031-01-01T00:00:00Z.
pub const SERVER_START: i64 = 1_924_992_000_000;
const HOUR: i64 = 3_600_000;

/// What does not match, with its place; `None`: everything does.
pub fn mismatch(pattern: &Value, value: &Value) -> Option<String> {
    at("", pattern, value)
}

fn at(place: &str, pattern: &Value, value: &Value) -> Option<String> {
    let differs = || Some(format!("at `{place}` expected {pattern}, got {value}"));
    match (pattern, value) {
        (Value::Object(fields), Value::Object(_)) => fields.iter().find_map(|(name, pattern)| {
            let place = format!("{place}/{name}");
            match (value.get(name), pattern.as_str() == Some("<absent>")) {
                (None, true) => None,
                (None, false) => Some(format!("`{place}` is missing, expected {pattern}")),
                (Some(value), true) => Some(format!("`{place}` should be absent, got {value}")),
                (Some(value), false) => at(&place, pattern, value),
            }
        }),
        (Value::Array(patterns), Value::Array(values)) => {
            if patterns.len() != values.len() {
                return Some(format!("`{place}` has {} elements, expected {}", values.len(), patterns.len()));
            }
            let mut pairs = patterns.iter().zip(values).enumerate();
            pairs.find_map(|(index, (pattern, value))| at(&format!("{place}/{index}"), pattern, value))
        }
        (Value::String(text), value) => {
            let fits = match text.as_str() {
                "*" => true,
                "<int>" => value.is_i64() || value.is_u64(),
                "<decimal>" => value.as_str().is_some_and(is_decimal),
                "<now>" => value.as_i64().is_some_and(|time| is_now(time) || is_now(time / 1000)),
                text if text.starts_with('~') => value.as_str().is_some_and(|it| it.contains(&text[1..])),
                text => value.as_str() == Some(text),
            };
            if fits { None } else { differs() }
        }
        _ if pattern == value => None,
        _ => differs(),
    }
}

fn is_decimal(text: &str) -> bool {
    text.split_once('.').is_some_and(|(whole, part)| {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        digits(whole.trim_start_matches('-')) && part.len() == 8 && digits(part)
    })
}

fn is_now(ms: i64) -> bool {
    (SERVER_START - HOUR..SERVER_START + HOUR).contains(&ms)
}

/// The text of an answer with the times of the server's clock taken out: the rest is the same in every run.
pub fn redacted(text: &str) -> String {
    let mut shown = String::new();
    let mut digits = String::new();
    let flush = |digits: &mut String, shown: &mut String| {
        let time: i64 = digits.parse().unwrap_or_default();
        match digits.len() {
            13 if is_now(time) => shown.push_str("NOW"),
            16 if is_now(time / 1000) => shown.push_str("NOW_US"),
            _ => shown.push_str(digits),
        }
        digits.clear();
    };
    for c in text.chars() {
        if c.is_ascii_digit() {
            digits.push(c);
        } else {
            flush(&mut digits, &mut shown);
            shown.push(c);
        }
    }
    flush(&mut digits, &mut shown);
    shown
}

#[test]
fn patterns_tell_what_differs() {
    let check = |pattern: &str, value: &str| {
        mismatch(&serde_json::from_str(pattern).unwrap(), &serde_json::from_str(value).unwrap())
    };
    assert_eq!(check(r#"{"a":"*","b":[1,"<int>"]}"#, r#"{"a":2,"b":[1,2],"c":0}"#), None);
    assert_eq!(check(r#"{"a":"<absent>"}"#, r#"{"b":1}"#), None);
    assert_eq!(check(r#"{"p":"<decimal>"}"#, r#"{"p":"1.00000000"}"#), None);
    for (pattern, value) in [
        (r#"{"a":"<absent>"}"#, r#"{"a":1}"#),
        (r#"{"a":1}"#, r#"{}"#),
        (r#"[1]"#, r#"[1,2]"#),
        (r#""<decimal>""#, r#""1.0""#),
        (r#""~x""#, r#""abc""#),
        (r#"1"#, r#""1""#),
    ] {
        assert!(check(pattern, value).is_some(), "{pattern} {value}");
    }
}
