//! The fields that a control request takes. Any other is refused: a word that is misspelt would do nothing, silently.

use serde_json::{Map, Value};

const FIELDS: [(&str, &[&str]); 10] = [
    ("speed", &["speed"]),
    ("step", &["candles", "interval", "until", "steps", "brief", "account"]),
    ("balance", &["account", "asset", "set", "deposit", "withdraw"]),
    ("symbol", &["symbol", "status", "filters"]),
    ("fault", &["fault", "account", "on", "times"]),
    ("disconnect", &["account", "kind"]),
    ("events", &["repeat", "reorder"]),
    ("clock", &["skew_ms"]),
    ("key", &["key", "revoked"]),
    // All others take nothing.
    ("", &[]),
];

/// What a fault takes besides; one that does not exist takes anything, and is refused for that.
const FAULT_FIELDS: [(&str, &[&str]); 8] = [
    ("unknown_outcome", &[]),
    ("drop_answer", &[]),
    ("status", &["status"]),
    ("limited", &["status", "retry_after_s"]),
    ("reject", &["code", "message"]),
    ("read_lag", &[]),
    ("delay", &["ms"]),
    ("partial", &["pieces", "fraction"]),
];

fn of(path: &str) -> &'static [&'static str] {
    FIELDS.iter().find(|(known, _)| *known == path).map_or(&[], |(_, fields)| *fields)
}

/// Refuses a field that `path` does not take.
pub fn check(method: &str, path: &str, body: &Map<String, Value>) -> Result<(), String> {
    let mut known = if method == "POST" { of(path).to_vec() } else { Vec::new() };
    let mut what = format!("{method} {path}");
    if (method, path) == ("POST", "fault") {
        let name = body.get("fault").and_then(Value::as_str).unwrap_or_default();
        let Some((_, more)) = FAULT_FIELDS.iter().find(|(fault, _)| *fault == name) else { return Ok(()) };
        known.extend_from_slice(more);
        what = format!("the fault {name}");
    }
    let Some(unknown) = body.keys().find(|field| !known.contains(&field.as_str())) else { return Ok(()) };
    let known: Vec<String> = known.iter().map(|field| format!("`{field}`")).collect();
    Err(match known.split_last() {
        None => format!("{what} takes no field, and `{unknown}` is one"),
        Some((last, [])) => format!("{what} takes {last}, not `{unknown}`"),
        Some((last, others)) => format!("{what} takes {} and {last}, not `{unknown}`", others.join(", ")),
    })
}
