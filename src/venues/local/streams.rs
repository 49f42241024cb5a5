//! Market streams: what they are asked, and what they answer. What they tell is in `feed`.

use super::feed::BOOK_LEVELS;
use super::hub::ConnectionId;
use super::request::percent_decoded;
use super::socket::Conversation;
use super::state::{Shared, State};
use super::topic::Topic;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Messages that a connection may send in a second, pings and pongs among them.
pub const MESSAGES_PER_SECOND: usize = 5;

/// Longest name of a stream.
const NAME_MAX: usize = 100;

pub struct Streams {
    pub shared: Arc<Shared>,
    pub id: ConnectionId,
}

impl Conversation for Streams {
    async fn on_text(&mut self, text: &str) -> Option<Vec<Utf8Bytes>> {
        let answer = respond(&mut self.shared.lock(), self.id, text);
        Some(vec![answer.to_string().into()])
    }
}

/// The names in a path after `/ws/`, or in `streams=`, separated by slashes.
pub fn names(text: &str) -> Vec<String> {
    // A plus is a plus here: it stands in the names of time zones.
    let text = percent_decoded(&text.replace('+', "%2B")).unwrap_or_default();
    text.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// `false`: too many streams.
pub fn listen(state: &mut State, id: ConnectionId, name: &str) -> bool {
    let topic = Topic::of(name, |symbol| state.market.find(symbol));
    let cursor = match topic {
        Topic::Kline { symbol, interval, offset_ms } => {
            let open = state.market.open_kline(symbol, interval, offset_ms);
            open.map_or(state.market.now(), |kline| kline.open_time)
        }
        _ => state.market.now(),
    };
    if !state.hub.listen(id, name, topic, cursor) {
        return false;
    }
    if let Topic::Depth { symbol, .. } = topic {
        // Updates begin where the book is now.
        let book = state.market.depth(symbol, BOOK_LEVELS);
        if let Some(stream) = state.hub.stream_mut(name) {
            stream.depth.get_or_insert_with(|| Box::new(book));
        }
    }
    true
}

fn error(code: u8, message: impl Into<String>, id: &Value) -> Value {
    json!({ "code": code, "msg": message.into(), "id": id })
}

fn invalid(message: &str, id: &Value) -> Value {
    error(2, format!("Invalid request: {message}"), id)
}

/// A number, a text of at most 36 characters, or null.
fn is_id(id: &Value) -> bool {
    match id {
        Value::Null => true,
        Value::Number(number) => number.is_i64(),
        Value::String(text) => {
            let legal = |c: char| c.is_ascii_alphanumeric() || c == '-';
            text.len() <= 36 && text.chars().all(legal)
        }
        _ => false,
    }
}

fn respond(state: &mut State, connection: ConnectionId, text: &str) -> Value {
    let request: Value = match serde_json::from_str(text) {
        Ok(request) => request,
        Err(fault) => return json!({ "code": 3, "msg": format!("Invalid JSON: {fault}") }),
    };
    let null = Value::Null;
    let id = request.get("id").unwrap_or(&null);
    if !is_id(id) {
        return error(2, "Invalid request: request ID must be an unsigned integer, a string or null", &null);
    }
    let Some(fields) = request.as_object() else { return invalid("the request must be an object", id) };
    if let Some(unknown) = fields.keys().find(|name| !["id", "method", "params"].contains(&name.as_str())) {
        return invalid(&format!("unknown field `{unknown}`"), id);
    }
    let Some(method) = request.get("method").and_then(Value::as_str) else {
        return invalid("missing field `method`", id);
    };
    let none = Vec::new();
    let params = match request.get("params") {
        None | Some(Value::Null) => &none,
        Some(Value::Array(params)) => params,
        Some(_) => return invalid("`params` must be an array", id),
    };
    match method {
        "SUBSCRIBE" | "UNSUBSCRIBE" => {
            let names: Option<Vec<&str>> =
                params.iter().map(|name| name.as_str().filter(|name| is_name(name))).collect();
            let names = match names {
                Some(names) if !names.is_empty() => names,
                _ => return invalid("`params` must be an array of stream names", id),
            };
            for name in names {
                if method == "UNSUBSCRIBE" {
                    state.hub.unlisten(connection, name);
                } else if !listen(state, connection, name) {
                    return invalid("too many streams: 1024 are the most for one connection", id);
                }
            }
            json!({ "result": null, "id": id })
        }
        "LIST_SUBSCRIPTIONS" => json!({ "result": state.hub.streams_of(connection), "id": id }),
        "SET_PROPERTY" | "GET_PROPERTY" => match (params.first().and_then(Value::as_str), params.get(1)) {
            (Some("combined"), value) => match (method, value) {
                ("GET_PROPERTY", _) => json!({ "result": state.hub.is_combined(connection), "id": id }),
                (_, Some(Value::Bool(value))) => {
                    state.hub.set_combined(connection, *value);
                    json!({ "result": null, "id": id })
                }
                _ => error(1, "Invalid value type: expected Boolean", id),
            },
            (Some(_), _) => error(0, "Unknown property", id),
            (None, _) => invalid("`params` must begin with the name of a property", id),
        },
        method => {
            let text = format!(
                "unknown variant `{method}`, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY`"
            );
            invalid(&text, id)
        }
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_MAX && !name.chars().any(|c| c.is_whitespace() || c.is_control())
}
