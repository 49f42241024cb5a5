//! REST: HTTP requests in, HTTP answers out.

use super::auth::http_payload;
use super::dispatch::{Answer, Reply, Request, Sender, perform};
use super::refusal::Refusal;
use super::render::Unit;
use super::request::Params;
use super::routes::{Method, SIGNED_NAMES, Security, find};
use super::state::Shared;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use std::net::IpAddr;

pub const PREFIX: &str = "/api/v3/";
const JSON: &str = "application/json;charset=UTF-8";

pub type HttpResponse = Response<Full<Bytes>>;

/// One HTTP request, read whole.
pub struct HttpRequest {
    pub method: hyper::Method,
    pub path: String,
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub ip: IpAddr,
}

/// What clients of several markets ask for as they start: there is nothing in any of them, but they can go on.
const OTHER_MARKETS: [(&str, &str); 5] = [
    ("/sapi/v1/capital/config/getall", "[]"),
    ("/sapi/v1/margin/allPairs", "[]"),
    ("/sapi/v1/margin/isolated/allPairs", "[]"),
    ("/fapi/v1/exchangeInfo", r#"{"timezone":"UTC","rateLimits":[],"assets":[],"symbols":[]}"#),
    ("/dapi/v1/exchangeInfo", r#"{"timezone":"UTC","rateLimits":[],"symbols":[]}"#),
];

/// What is sent back. `None`: the connection is to be closed without an answer.
pub async fn answer(shared: &Shared, request: HttpRequest) -> Option<HttpResponse> {
    if let Some((_, nothing)) = OTHER_MARKETS.iter().find(|(path, _)| *path == request.path) {
        return Some(with_type(StatusCode::OK, JSON, (*nothing).to_owned()));
    }
    let (reply, unit) = match reply(shared, &request) {
        Ok(reply) => reply,
        Err(refusal) => {
            let mut state = shared.lock();
            let now = state.server_us().div_euclid(1000);
            let mut response = refused(&refusal, now);
            weight(response.headers_mut(), state.limits.weight_used(request.ip, now));
            return Some(response);
        }
    };
    let now = shared.lock().server_us().div_euclid(1000);
    if reply.delay_ms > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(reply.delay_ms)).await;
    }
    let mut response = match &reply.answer {
        Answer::Done(value) => json_response(StatusCode::OK, value),
        Answer::Refused(refusal) => refused(refusal, now),
        Answer::Page(status) => page(*status),
        Answer::Nothing => return None,
    };
    let headers = response.headers_mut();
    weight(headers, reply.weight_used);
    if let Some([second, day]) = reply.order_counts {
        number(headers, "x-mbx-order-count-10s", second);
        number(headers, "x-mbx-order-count-1d", day);
    }
    if unit == Unit::Microsecond {
        headers.insert("x-mbx-time-unit", HeaderValue::from_static("MICROSECOND"));
    }
    Some(response)
}

fn reply(shared: &Shared, request: &HttpRequest) -> Result<(Reply, Unit), Refusal> {
    let path = request.path.strip_prefix(PREFIX).unwrap_or_default();
    let route = find(Method::of(request.method.as_str()), path).map_err(|is_known| match is_known {
        true => Refusal::new(405, -1000, format!("{} is not allowed for {}.", request.method, request.path)),
        false => Refusal::new(404, -1000, format!("There is no {}.", request.path)),
    })?;
    let header = |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok());
    let unit = match header("x-mbx-time-unit") {
        None => Unit::default(),
        Some(text) => Unit::of(text).ok_or_else(bad_unit)?,
    };
    let body = std::str::from_utf8(&request.body)
        .map_err(|_| Refusal::bad(-1100, "Illegal characters found in a parameter."))?;
    // Of a GET only the query counts.
    let body = if route.method == Method::Get { "" } else { body.trim() };
    let params = Params::of_http(&request.query, body)?;
    let (payload, signature) = http_payload(&request.query, body);
    let is_public = route.security == Security::Anybody;
    let sender =
        Sender::Key { key: header("x-mbx-apikey"), payload: &payload, signature: signature.as_deref() };
    let common: &[&str] = if is_public { &[] } else { &SIGNED_NAMES };
    let request = Request { params: &params, sender, ip: request.ip, unit, common };
    Ok((perform(&mut shared.lock(), route, &request), unit))
}

pub fn bad_unit() -> Refusal {
    Refusal::bad(-1194, "Invalid value for time unit; expected either MICROSECOND or MILLISECOND.")
}

/// The used weight, which every answer tells.
fn weight(headers: &mut HeaderMap, used: u64) {
    number(headers, "x-mbx-used-weight", used);
    number(headers, "x-mbx-used-weight-1m", used);
}

fn number(headers: &mut HeaderMap, name: &'static str, value: u64) {
    headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
}

/// `now`: the server's clock in ms, from which the time to wait is counted.
pub fn refused(refusal: &Refusal, now: i64) -> HttpResponse {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = json_response(status, &refusal.json());
    if let Some(until) = refusal.retry_at {
        // Rounded up: who waits that long has waited long enough.
        let seconds = (until - now).max(0).saturating_add(999).div_euclid(1000);
        response.headers_mut().insert("retry-after", HeaderValue::from(seconds));
    }
    response
}

pub fn json_response(status: StatusCode, body: &Value) -> HttpResponse {
    with_type(status, JSON, body.to_string())
}

/// What a proxy in front of the exchange answers: a page, no JSON.
fn page(status: u16) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let reason = status.canonical_reason().unwrap_or("error");
    let text = format!("<html><head><title>{status}</title></head><body><h1>{reason}</h1></body></html>\n");
    with_type(status, "text/html", text)
}

fn with_type(status: StatusCode, kind: &'static str, body: String) -> HttpResponse {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static(kind));
    response
}

/// An error of HTTP itself, in the form of all others.
pub fn http_error(status: StatusCode, message: &str) -> HttpResponse {
    json_response(status, &json!({ "code": -1000, "msg": message }))
}
