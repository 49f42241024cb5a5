//! The socket: connections, HTTP, and which room a request goes to.

use super::control::{self, Control};
use super::refusal::Refusal;
use super::render::Unit;
use super::request::percent_decoded;
use super::rest::{self, HttpRequest, HttpResponse, http_error, json_response};
use super::socket::{Pace, serve};
use super::state::Shared;
use super::streams::{self, MESSAGES_PER_SECOND, Streams};
use super::ws_api::Api;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderMap, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

const BODY_MAX: usize = 1024 * 1024;
const HEAD_MAX: usize = 64 * 1024;
const HEAD_WITHIN: Duration = Duration::from_secs(10);
const BODY_WITHIN: Duration = Duration::from_secs(10);
const CONNECTIONS_MAX: usize = 4096;

/// What every connection needs.
#[derive(Clone)]
pub struct Server {
    pub shared: Arc<Shared>,
    pub control: Control,
    /// Turns true when it is time to go.
    pub stop: watch::Receiver<bool>,
    /// Held as long as anything is still being served.
    pub alive: mpsc::Sender<()>,
}

/// A request whose connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed on purpose")]
struct Dropped;

impl Server {
    pub async fn run(mut self, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            let Ok(permit) = room.clone().acquire_owned().await else { return };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = self.stop.changed() => return,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    // Too many open files, mostly: it passes.
                    tracing::warn!("a connection could not be accepted: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let server = self.clone();
            tokio::spawn(async move {
                server.connection(stream, peer).await;
                drop(permit);
            });
        }
    }

    async fn connection(self, stream: TcpStream, peer: SocketAddr) {
        // Answers are small, and waited for.
        let _ = stream.set_nodelay(true);
        let mut stop = self.stop.clone();
        let service = service_fn(move |request| {
            let server = self.clone();
            async move { server.request(request, peer.ip()).await }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .max_buf_size(HEAD_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = std::pin::pin!(connection);
        // How it ends is the client's business, or that of a fault.
        tokio::select! {
            _ = connection.as_mut() => {}
            _ = stop.changed() => {
                connection.as_mut().graceful_shutdown();
                let _ = tokio::time::timeout(Duration::from_secs(1), connection).await;
            }
        }
    }

    async fn request(
        self,
        mut request: hyper::Request<Incoming>,
        ip: IpAddr,
    ) -> Result<HttpResponse, Dropped> {
        let path = request.uri().path().to_owned();
        let query = request.uri().query().unwrap_or_default().to_owned();
        let socket = match path.as_str() {
            "/ws-api/v3" | "/ws-api/v3/" => Some(Room::Api),
            "/stream" | "/stream/" => Some(Room::Streams { names: String::new(), is_combined: true }),
            "/ws" => Some(Room::Streams { names: String::new(), is_combined: false }),
            path => path
                .strip_prefix("/ws/")
                .map(|names| Room::Streams { names: names.to_owned(), is_combined: false }),
        };
        if let Some(room) = socket {
            let now = self.shared.lock().server_us().div_euclid(1000);
            return Ok(self
                .upgrade(&mut request, room, &query, ip)
                .unwrap_or_else(|refusal| rest::refused(&refusal, now)));
        }
        let method = request.method().clone();
        let headers = request.headers().clone();
        let body = Limited::new(request.into_body(), BODY_MAX).collect();
        let body = match tokio::time::timeout(BODY_WITHIN, body).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
                return Ok(http_error(StatusCode::PAYLOAD_TOO_LARGE, "The body is longer than 1 MiB."));
            }
            Ok(Err(_)) => return Err(Dropped),
            Err(_) => return Ok(http_error(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time.")),
        };
        if let Some(path) = path.strip_prefix("/control/") {
            if headers.contains_key("origin") {
                // A page in a browser has no business here.
                return Ok(http_error(StatusCode::FORBIDDEN, "The control endpoint is not for web pages."));
            }
            let (status, answer) = match control::handle(&self.control, method.as_str(), path, &body).await {
                Ok(answer) => (StatusCode::OK, answer),
                Err(fault) => (StatusCode::BAD_REQUEST, json!({ "error": fault })),
            };
            return Ok(json_response(status, &answer));
        }
        let request = HttpRequest { method, path, query, headers, body, ip };
        rest::answer(&self.shared, request).await.ok_or(Dropped)
    }

    /// Turns a request into a WebSocket.
    fn upgrade(
        self,
        request: &mut hyper::Request<Incoming>,
        room: Room,
        query: &str,
        ip: IpAddr,
    ) -> Result<HttpResponse, Refusal> {
        let key = websocket_key(request.headers())
            .ok_or_else(|| Refusal::bad(-1000, "This address is for WebSocket connections."))?;
        let option = |name: &str| {
            query.split('&').find_map(|piece| piece.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
        };
        let unit = match percent_decoded(option("timeUnit")).as_deref() {
            Some("") | None => Unit::default(),
            Some(text) => Unit::of(text).ok_or_else(rest::bad_unit)?,
        };
        let (is_combined, is_api) = match &room {
            Room::Api => (false, true),
            Room::Streams { is_combined, .. } => (*is_combined, false),
        };
        let mut state = self.shared.lock();
        let connected_us = state.server_us();
        let now = connected_us.div_euclid(1000);
        if !state.limits.connect(ip, now) {
            return Err(Refusal::new(429, -1003, "Too many connections; 300 in 5 minutes are the most."));
        }
        if is_api {
            state.limits.admit(ip, 2, now)?;
        }
        let line = state.hub.open(unit, is_combined, is_api);
        let id = line.id;
        if let Room::Streams { names, is_combined } = &room {
            let wanted = if *is_combined { option("streams") } else { names };
            for name in streams::names(wanted) {
                if !streams::listen(&mut state, id, &name) {
                    state.hub.close(id);
                    return Err(Refusal::bad(-1130, "Too many streams: 1024 are the most."));
                }
            }
        }
        drop(state);
        let upgrading = hyper::upgrade::on(request);
        let shows_limits = option("returnRateLimits") != "false";
        let Server { shared, alive, .. } = self;
        tokio::spawn(async move {
            let Ok(upgraded) = upgrading.await else {
                shared.lock().hub.close(id);
                return;
            };
            match room {
                Room::Api => {
                    let api = Api::new(shared.clone(), id, ip, unit, shows_limits, connected_us);
                    serve(shared, upgraded, line, api, Pace::new(None)).await;
                }
                Room::Streams { .. } => {
                    let talk = Streams { shared: shared.clone(), id };
                    serve(shared, upgraded, line, talk, Pace::new(Some(MESSAGES_PER_SECOND))).await;
                }
            }
            drop(alive);
        });
        let mut response = Response::new(Full::new(Bytes::new()));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert("connection", HeaderValue::from_static("Upgrade"));
        headers.insert("upgrade", HeaderValue::from_static("websocket"));
        if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
            headers.insert("sec-websocket-accept", accept);
        }
        Ok(response)
    }
}

enum Room {
    Api,
    Streams { names: String, is_combined: bool },
}

fn websocket_key(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let has = |name: &str, word: &str| {
        text(name).is_some_and(|value| value.split(',').any(|it| it.trim().eq_ignore_ascii_case(word)))
    };
    let is_upgrade = has("connection", "upgrade")
        && has("upgrade", "websocket")
        && text("sec-websocket-version") == Some("13");
    text("sec-websocket-key").filter(|_| is_upgrade).map(str::to_owned)
}
