//! One WebSocket connection, until it ends: text in, text out, silence noticed. The library underneath answers
//! the server's pings as long as somebody reads.

use super::budget::{ConnectBudget, Cost, Priority};
use super::clock::Clock;
use super::endpoints::check_websocket;
use super::limits::{Limits, Permit, retry_after_ms};
use super::outcome::pause_ms;
use super::rest::{SetupError, chain, millis};
use super::tls;
use futures_util::{SinkExt, StreamExt};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

/// Bytes of a message that are read; more ends the connection.
const MESSAGE_MAX: usize = 4 << 20;

/// Bytes that are still taken of a connection that is being closed.
const LAST_MAX: usize = 16 << 20;

/// For how long writing may be stuck.
const WRITE: Duration = Duration::from_secs(10);

/// How connections are made and kept.
#[derive(Debug, Clone)]
pub struct SocketSettings {
    pub connect_timeout: Duration,
    /// Without any frame for so long the connection counts as dead: the server pings every 20 s.
    pub silence: Duration,
    /// A new connection takes over after so long, before the exchange ends the old one at 24 h.
    pub rotate_after: Duration,
    /// For the exchange to answer a request.
    pub answer_timeout: Duration,
    /// The first pause before a new connection; it doubles up to `pause_most`.
    pub pause_first: Duration,
    pub pause_most: Duration,
    /// After so long a connection counts as good, and pauses begin at the first again.
    pub steady_after: Duration,
    /// Events that wait for whoever takes them; then nothing more is read from the connection.
    pub capacity: usize,
}

impl Default for SocketSettings {
    fn default() -> Self {
        SocketSettings {
            connect_timeout: Duration::from_secs(10),
            silence: Duration::from_secs(60),
            rotate_after: Duration::from_secs(23 * 3600),
            answer_timeout: Duration::from_secs(15),
            pause_first: Duration::from_millis(500),
            pause_most: Duration::from_secs(30),
            steady_after: Duration::from_secs(60),
            capacity: 1024,
        }
    }
}

/// Makes connections to one address, no more than the exchange lets one make. Copies share that count.
#[derive(Debug, Clone, Default)]
pub struct Connects {
    budget: Arc<Mutex<ConnectBudget>>,
    clock: Clock,
    limits: Limits,
}

impl Connects {
    /// Connections that keep the pauses of these limits, which other connections to the same exchange share.
    pub fn within(limits: &Limits) -> Connects {
        Connects { limits: limits.clone(), ..Connects::default() }
    }

    /// Connections in 5 minutes at most, where the exchange allows others than usual. The count begins anew.
    pub fn at_most(self, connects: usize) -> Connects {
        Connects { budget: Arc::new(Mutex::new(ConnectBudget::of(connects))), ..self }
    }

    /// The same count under other limits.
    pub(super) fn under(self, limits: &Limits) -> Connects {
        Connects { limits: limits.clone(), ..self }
    }

    /// Waits until one more connection may be made, and counts it with the weight that it costs. A pause that
    /// the exchange asks for is waited for, however long: dialling within it makes it longer.
    async fn admit(&self, weight: u64) -> Result<Permit, String> {
        loop {
            let now_ms = self.clock.local_ms();
            let asked = self.budget.lock().unwrap_or_else(PoisonError::into_inner).admit(now_ms);
            match asked {
                Ok(()) => {
                    let permit =
                        self.limits.admit(Cost { weight, orders: 0 }, Priority::Cancel, Duration::MAX);
                    return permit
                        .await
                        .map_err(|wait_ms| format!("the limits leave no room for {wait_ms} ms"));
                }
                Err(wait) => {
                    let wait_ms = u64::try_from(wait.until_ms - now_ms).unwrap_or(0);
                    sleep(Duration::from_millis(wait_ms.max(1))).await;
                }
            }
        }
    }
}

/// How to connect to an address.
#[derive(Clone)]
pub(super) struct Dialer {
    url: String,
    connector: Connector,
    pub settings: SocketSettings,
    connects: Connects,
}

impl Dialer {
    pub fn new(url: String, settings: SocketSettings, connects: Connects) -> Result<Dialer, SetupError> {
        check_websocket(&url)?;
        let connector = Connector::Rustls(Arc::new(tls::config(url.starts_with("wss:"))?));
        Ok(Dialer { url, connector, settings, connects })
    }

    /// A connection with what is reserved for it, or why there is none. `pace`: most messages in a second, where
    /// the exchange limits them. `weight`: of the connection and what makes it ready.
    pub async fn dial(&self, pace: Option<usize>, weight: u64) -> Result<(Socket, Permit), String> {
        let permit = self.connects.admit(weight).await?;
        let mut request = self.url.as_str().into_client_request().map_err(|error| chain(&error))?;
        let agent = HeaderValue::from_static(concat!("mista/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(header::USER_AGENT, agent);
        let config = WebSocketConfig::default()
            .read_buffer_size(32 << 10)
            .write_buffer_size(0)
            .max_write_buffer_size(1 << 20)
            .max_message_size(Some(MESSAGE_MAX))
            .max_frame_size(Some(MESSAGE_MAX));
        let connecting =
            connect_async_tls_with_config(request, Some(config), true, Some(self.connector.clone()));
        let limit = self.settings.connect_timeout;
        let connected = timeout(limit, connecting).await;
        let connected = connected.map_err(|_| format!("no connection within {} ms", millis(limit)))?;
        let (socket, _) = connected.map_err(|error| {
            if let Error::Http(response) = &error {
                let body = response.body().as_deref().unwrap_or_default();
                let retry_after_ms = retry_after_ms(response.headers().get(header::RETRY_AFTER));
                self.connects.limits.heed(response.status().as_u16(), body, retry_after_ms);
            }
            chain(&error)
        })?;
        let now = Instant::now();
        let silence = self.settings.silence;
        Ok((Socket { socket, silence, opened: now, heard: now, pace, sent: VecDeque::new() }, permit))
    }

    /// How long to wait before the connection after `failures` that did not last.
    pub fn pause(&self, failures: u32) -> Duration {
        let (first, most) = (millis(self.settings.pause_first), millis(self.settings.pause_most));
        let pause = pause_ms(failures.max(1), first, most, fastrand::f64());
        Duration::from_millis(u64::try_from(pause).unwrap_or(0))
    }

    /// When a connection opened now is to be replaced: not at the same instant for all of them.
    pub fn rotation(&self) -> Instant {
        Instant::now() + self.settings.rotate_after.mul_f64(0.9 + 0.1 * fastrand::f64())
    }
}

/// A connection that is up.
pub(super) struct Socket {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    silence: Duration,
    pub opened: Instant,
    heard: Instant,
    pace: Option<usize>,
    /// When messages of the last second were sent.
    sent: VecDeque<Instant>,
}

impl Socket {
    /// The next text, or why there will be none. May be dropped and called again without loss.
    pub async fn next(&mut self) -> Result<Vec<u8>, String> {
        loop {
            let frame = timeout_at(self.heard + self.silence, self.socket.next()).await;
            let frame = frame.map_err(|_| format!("nothing heard for {} ms", millis(self.silence)))?;
            self.heard = Instant::now();
            match frame {
                Some(Ok(Message::Text(text))) => return Ok(text.as_bytes().to_vec()),
                Some(Ok(Message::Binary(bytes))) => return Ok(bytes.to_vec()),
                Some(Ok(Message::Close(frame))) => {
                    let reason = frame.map(|frame| format!(" ({}: {})", frame.code, frame.reason));
                    return Err(format!("closed by the exchange{}", reason.unwrap_or_default()));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(chain(&error)),
                None => return Err("the connection ended".to_owned()),
            }
        }
    }

    /// Does not count the time since the last frame as silence: it was spent here.
    pub fn was_busy(&mut self) {
        self.heard = Instant::now();
    }

    /// Sends, after a wait where the exchange limits messages.
    pub async fn send(&mut self, text: String) -> Result<(), String> {
        if let Some(pace) = self.pace {
            while self.sent.len() >= pace.max(1) {
                if let Some(oldest) = self.sent.pop_front() {
                    // A little more than a second: their clock is not ours.
                    sleep_until(oldest + Duration::from_millis(1050)).await;
                }
            }
            self.sent.push_back(Instant::now());
        }
        let sent = timeout(WRITE, self.socket.send(Message::text(text))).await;
        sent.map_err(|_| "writing is stuck".to_owned())?.map_err(|error| chain(&error))
    }

    /// Says goodbye; what is still on its way comes out of [`Socket::next`] until the other side does too.
    pub async fn say_goodbye(&mut self) {
        // Where not even that can be said there is nothing more to come.
        let _ = timeout(Duration::from_secs(1), self.socket.close(None)).await;
    }

    /// Says goodbye, and hands over what was still on its way, within `limit`.
    pub async fn finish(mut self, limit: Duration) -> Vec<Vec<u8>> {
        let (mut last, mut bytes_left) = (Vec::new(), LAST_MAX);
        let finishing = async {
            if self.socket.close(None).await.is_ok() {
                while let Some(Ok(frame)) = self.socket.next().await {
                    let frame = match frame {
                        Message::Text(text) => text.as_bytes().to_vec(),
                        Message::Binary(bytes) => bytes.to_vec(),
                        _ => continue,
                    };
                    if frame.len() > bytes_left {
                        return;
                    }
                    bytes_left -= frame.len();
                    last.push(frame);
                }
            }
        };
        // What came within the limit is good, whether or not the other side says goodbye.
        let _ = timeout(limit, finishing).await;
        last
    }
}
