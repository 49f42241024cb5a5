//! What the exchange answers instead of a result: an HTTP status, a code and the text that clients branch on.

use crate::venues::rules::FilterFailure;
use crate::venues::sim::exchange::Rejection;
use serde_json::{Value, json};
use std::borrow::Cow;

/// A refused request.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub status: u16,
    pub code: i32,
    pub message: Cow<'static, str>,
    /// What a half-done request has to tell, or when a limit ends.
    pub data: Option<Value>,
    /// When it may be tried again, in ms since 1970.
    pub retry_at: Option<i64>,
}

impl Refusal {
    pub fn new(status: u16, code: i32, message: impl Into<Cow<'static, str>>) -> Self {
        Refusal { status, code, message: message.into(), data: None, retry_at: None }
    }

    /// A bad request, which is what most of them are.
    pub fn bad(code: i32, message: impl Into<Cow<'static, str>>) -> Self {
        Refusal::new(400, code, message)
    }

    pub fn missing(name: &str) -> Self {
        Refusal::bad(
            -1102,
            format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."),
        )
    }

    /// One of two has to be there.
    pub fn missing_both(one: &str, other: &str) -> Self {
        Refusal::bad(-1102, format!("Param '{one}' or '{other}' must be sent, but both were empty/null!"))
    }

    pub fn illegal(name: &str, range: &str) -> Self {
        Refusal::bad(
            -1100,
            format!("Illegal characters found in parameter '{name}'; legal range is '{range}'."),
        )
    }

    pub fn too_precise(name: &str) -> Self {
        Refusal::bad(-1111, format!("Parameter '{name}' has too much precision."))
    }

    pub fn combination() -> Self {
        Refusal::bad(-1128, "Combination of optional parameters invalid.")
    }

    pub fn invalid_symbol() -> Self {
        Refusal::bad(-1121, "Invalid symbol.")
    }

    pub fn key_format() -> Self {
        Refusal::new(401, -2014, "API-key format invalid.")
    }

    pub fn key() -> Self {
        Refusal::new(401, -2015, "Invalid API-key, IP, or permissions for action.")
    }

    pub fn signature() -> Self {
        Refusal::bad(-1022, "Signature for this request is not valid.")
    }

    pub fn unknown_outcome() -> Self {
        Refusal::new(
            504,
            -1007,
            "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
        )
    }

    pub fn is_limit(&self) -> bool {
        matches!(self.status, 418 | 429)
    }

    /// `{"code", "msg"}`, as it stands in a REST body or under `error` of a WebSocket API frame.
    pub fn json(&self) -> Value {
        let mut body = json!({ "code": self.code, "msg": self.message });
        if let Some(data) = &self.data {
            body["data"] = data.clone();
        }
        body
    }
}

impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Refusal::bad(rejection.code, rejection.message)
    }
}

impl From<FilterFailure> for Refusal {
    fn from(failure: FilterFailure) -> Self {
        Rejection::from(failure).into()
    }
}
