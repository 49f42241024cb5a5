//! Reading JSON with the place in hand: what is missing or of the wrong kind is said with its path, and with a
//! short excerpt of the whole. Money is read from texts, times come out as UTC milliseconds.

use super::wire::Word;
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Characters of a body that an error shows.
const EXCERPT: usize = 160;

/// From here on a time can only be microseconds: as milliseconds it would be the year 5138.
const MICROSECONDS_FROM: i64 = 100_000_000_000_000;

/// Digits that every number of JSON keeps when it is read as binary; more may have been rounded away.
const EXACT_DIGITS: usize = 15;

/// What could not be read, where, and how it looked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the exchange's answer cannot be read: {place}: {problem}; it begins with: {excerpt}")]
pub struct ParseError {
    /// `symbols[3].filters[0].minPrice`; `the whole` where the JSON itself is broken.
    pub place: String,
    pub problem: String,
    /// The beginning of the body, on one line.
    pub excerpt: String,
}

/// A problem and the path to it, built from the inside out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    steps: Vec<String>,
    problem: String,
}

pub(super) type Read<T> = Result<T, Fault>;

impl Fault {
    pub fn new(problem: impl Into<String>) -> Fault {
        Fault { steps: Vec::new(), problem: problem.into() }
    }

    pub fn at(key: &str, problem: impl Into<String>) -> Fault {
        Fault::new(problem).inside(key)
    }

    /// The same, seen from one level further out.
    pub fn inside(mut self, step: impl Into<String>) -> Fault {
        self.steps.push(step.into());
        self
    }

    pub fn place(&self) -> String {
        let mut place = String::new();
        for step in self.steps.iter().rev() {
            if !place.is_empty() && !step.starts_with('[') {
                place.push('.');
            }
            place.push_str(step);
        }
        if place.is_empty() { "the whole".to_owned() } else { place }
    }

    pub fn into_error(self, body: &[u8]) -> ParseError {
        ParseError { place: self.place(), problem: self.problem, excerpt: excerpt(body) }
    }
}

/// The beginning of a body, fit to be shown on one line.
pub(super) fn excerpt(body: &[u8]) -> String {
    let start = &body[..body.len().min(4 * EXCERPT)];
    let text = String::from_utf8_lossy(start);
    let mut shown: String =
        text.chars().take(EXCERPT).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().count() > EXCERPT || body.len() > start.len() {
        shown.push('…');
    }
    if shown.is_empty() { "(nothing)".to_owned() } else { shown }
}

/// Text of an error that quotes `text`, cut where it gets long.
fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(40).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("`{shown}`")
}

/// Parses `body` and hands it to `read`.
pub(super) fn whole<T>(body: &[u8], read: impl FnOnce(&Value) -> Read<T>) -> Result<T, ParseError> {
    let value = json(body)?;
    read(&value).map_err(|fault| fault.into_error(body))
}

pub(super) fn json(body: &[u8]) -> Result<Value, ParseError> {
    serde_json::from_slice(body).map_err(|error| Fault::new(format!("not JSON: {error}")).into_error(body))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn expected(what: &str, value: &Value) -> Fault {
    Fault::new(format!("expected {what}, found {}", kind(value)))
}

/// Fields by name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object<'a>(&'a Map<String, Value>);

pub(super) fn object(value: &Value) -> Read<Object<'_>> {
    value.as_object().map(Object).ok_or_else(|| expected("an object", value))
}

pub(super) fn decimal(value: &Value) -> Read<Decimal> {
    let text = match value {
        Value::String(text) => Cow::Borrowed(text.as_str()),
        Value::Number(number) => {
            let text = number.to_string();
            if number.is_f64() && text.bytes().filter(u8::is_ascii_digit).count() > EXACT_DIGITS {
                return Err(Fault::new(format!(
                    "{} has too many digits for a number; it must be a text",
                    quoted(&text)
                )));
            }
            Cow::Owned(text)
        }
        other => return Err(expected("a decimal number as a text", other)),
    };
    Decimal::from_str_exact(&text)
        .or_else(|_| Decimal::from_scientific(&text))
        .map_err(|_| Fault::new(format!("{} is not a decimal number of at most 28 digits", quoted(&text))))
}

pub(super) fn integer(value: &Value) -> Read<i64> {
    match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        other => return Err(expected("a whole number", other)),
    }
    .ok_or_else(|| Fault::new(format!("{} is not a whole number", quoted(&value.to_string()))))
}

/// UTC milliseconds, whichever of the two units it is written in.
pub(super) fn time(value: &Value) -> Read<i64> {
    let time = integer(value)?;
    Ok(if time >= MICROSECONDS_FROM { time.div_euclid(1000) } else { time })
}

pub(super) fn list<T>(value: &Value, mut read: impl FnMut(&Value) -> Read<T>) -> Read<Vec<T>> {
    let items = value.as_array().ok_or_else(|| expected("a list", value))?;
    items
        .iter()
        .enumerate()
        .map(|(index, item)| read(item).map_err(|fault| fault.inside(format!("[{index}]"))))
        .collect()
}

impl<'a> Object<'a> {
    /// A field that may be missing; null counts as missing.
    pub fn maybe(self, key: &str) -> Option<&'a Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    pub fn has(self, key: &str) -> bool {
        self.maybe(key).is_some()
    }

    pub fn field<T>(self, key: &str, read: impl FnOnce(&'a Value) -> Read<T>) -> Read<T> {
        let value = self.maybe(key).ok_or_else(|| Fault::at(key, "is missing"))?;
        read(value).map_err(|fault| fault.inside(key))
    }

    pub fn optional<T>(self, key: &str, read: impl FnOnce(&'a Value) -> Read<T>) -> Read<Option<T>> {
        self.maybe(key).map(|value| read(value).map_err(|fault| fault.inside(key))).transpose()
    }

    pub fn text(self, key: &str) -> Read<String> {
        self.str(key).map(str::to_owned)
    }

    pub fn str(self, key: &str) -> Read<&'a str> {
        self.field(key, |value| value.as_str().ok_or_else(|| expected("a text", value)))
    }

    pub fn text_or_empty(self, key: &str) -> Read<String> {
        if self.has(key) { self.text(key) } else { Ok(String::new()) }
    }

    pub fn optional_text(self, key: &str) -> Read<Option<String>> {
        if self.has(key) { self.text(key).map(Some) } else { Ok(None) }
    }

    pub fn decimal(self, key: &str) -> Read<Decimal> {
        self.field(key, decimal)
    }

    pub fn optional_decimal(self, key: &str) -> Read<Option<Decimal>> {
        self.optional(key, decimal)
    }

    /// Absent and zero are the same.
    pub fn nonzero_decimal(self, key: &str) -> Read<Option<Decimal>> {
        Ok(self.optional(key, decimal)?.filter(|value| !value.is_zero()))
    }

    pub fn integer(self, key: &str) -> Read<i64> {
        self.field(key, integer)
    }

    pub fn unsigned(self, key: &str) -> Read<u64> {
        self.field(key, |value| {
            integer(value)?.try_into().map_err(|_| Fault::new("is negative, which no number of this kind is"))
        })
    }

    pub fn count(self, key: &str) -> Read<u32> {
        self.field(key, |value| {
            integer(value)?.try_into().map_err(|_| Fault::new("is not a number from 0 to 4294967295"))
        })
    }

    pub fn optional_count(self, key: &str) -> Read<Option<u32>> {
        if self.has(key) { self.count(key).map(Some) } else { Ok(None) }
    }

    /// An identifier; absent and −1 both mean that there is none.
    pub fn optional_id(self, key: &str) -> Read<Option<u64>> {
        Ok(self.optional(key, integer)?.and_then(|id| u64::try_from(id).ok()))
    }

    pub fn time(self, key: &str) -> Read<i64> {
        self.field(key, time)
    }

    /// Absent and −1 both mean never.
    pub fn optional_time(self, key: &str) -> Read<Option<i64>> {
        Ok(self.optional(key, time)?.filter(|time| *time >= 0))
    }

    pub fn bool(self, key: &str) -> Read<bool> {
        self.field(key, |value| value.as_bool().ok_or_else(|| expected("true or false", value)))
    }

    pub fn bool_or(self, key: &str, otherwise: bool) -> Read<bool> {
        if self.has(key) { self.bool(key) } else { Ok(otherwise) }
    }

    pub fn word<T>(self, key: &str, of: impl Fn(&str) -> Option<T>) -> Read<Word<T>> {
        self.str(key).map(|text| Word::read(text, of))
    }

    pub fn optional_word<T>(self, key: &str, of: impl Fn(&str) -> Option<T>) -> Read<Option<Word<T>>> {
        if self.has(key) { self.word(key, of).map(Some) } else { Ok(None) }
    }

    pub fn list<T>(self, key: &str, read: impl FnMut(&Value) -> Read<T>) -> Read<Vec<T>> {
        self.field(key, |value| list(value, read))
    }

    /// Absent and empty are the same.
    pub fn list_or_empty<T>(self, key: &str, read: impl FnMut(&Value) -> Read<T>) -> Read<Vec<T>> {
        if self.has(key) { self.list(key, read) } else { Ok(Vec::new()) }
    }
}
