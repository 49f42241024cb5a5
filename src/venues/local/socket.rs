//! What market streams and the WebSocket API have in common: pings, life, limits, and the queue of frames.

use super::hub::{ConnectionId, Line};
use super::state::Shared;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, interval_at, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Bytes, Message, Utf8Bytes};

const PING_EVERY: Duration = Duration::from_secs(20);
const PONG_WITHIN: Duration = Duration::from_secs(60);
const LIFE: Duration = Duration::from_secs(24 * 3600);
const SEND_WITHIN: Duration = Duration::from_secs(30);
/// Longest message that is read, in bytes.
const MESSAGE_MAX: usize = 64 * 1024;
/// Frames written before the socket is flushed.
const BATCH: usize = 64;

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// What one kind of connection does with what it is told.
pub trait Conversation: Send {
    /// The answers to a text, in order. `None`: close without another word.
    fn on_text(&mut self, text: &str) -> impl Future<Output = Option<Vec<Utf8Bytes>>> + Send;
}

/// How many messages a connection may send.
pub struct Pace {
    most: Option<usize>,
    seen: VecDeque<Instant>,
}

impl Pace {
    /// `most` within any second.
    pub fn new(most: Option<usize>) -> Self {
        Pace { most, seen: VecDeque::new() }
    }

    /// Counts a message. `false`: too many.
    fn allows(&mut self, now: Instant) -> bool {
        let Some(most) = self.most else { return true };
        while self.seen.front().is_some_and(|then| now.duration_since(*then) >= Duration::from_secs(1)) {
            self.seen.pop_front();
        }
        self.seen.push_back(now);
        self.seen.len() <= most
    }
}

/// Serves a connection until it ends, and forgets it.
pub async fn serve(
    shared: Arc<Shared>,
    upgraded: Upgraded,
    line: Line,
    conversation: impl Conversation,
    pace: Pace,
) {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_MAX))
        .max_frame_size(Some(MESSAGE_MAX))
        .read_buffer_size(8 * 1024);
    let io = TokioIo::new(upgraded);
    let socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
    let Line { id, frames, cut } = line;
    tokio::select! {
        // First, so that one that is cut off is never told goodbye instead.
        biased;
        // A sender that is only gone lets what still waits be sent.
        Ok(()) = cut => {}
        () = talk(socket, frames, conversation, pace) => {}
    }
    close(&shared, id);
}

fn close(shared: &Shared, id: ConnectionId) {
    shared.lock().hub.close(id);
}

async fn talk(
    mut socket: Socket,
    mut frames: tokio::sync::mpsc::Receiver<Utf8Bytes>,
    mut conversation: impl Conversation,
    mut pace: Pace,
) {
    let start = Instant::now();
    let mut ping = interval_at(start + PING_EVERY, PING_EVERY);
    let mut last_pong = start;
    // Pings that were sent and not answered: a pong that nobody asked for keeps nothing alive.
    let mut waiting: VecDeque<(Bytes, Instant)> = VecDeque::new();
    let mut batch = Vec::with_capacity(BATCH);
    let goodbye = loop {
        let sent = tokio::select! {
            received = frames.recv_many(&mut batch, BATCH) => {
                if received == 0 {
                    break Some((CloseCode::Normal, "closed by the exchange"));
                }
                send_all(&mut socket, batch.drain(..).map(Message::Text)).await
            }
            message = socket.next() => {
                let Some(Ok(message)) = message else { break None };
                if !pace.allows(Instant::now()) {
                    break Some((CloseCode::Policy, "Too many requests"));
                }
                match message {
                    Message::Text(text) => match conversation.on_text(&text).await {
                        Some(answers) => send_all(&mut socket, answers.into_iter().map(Message::Text)).await,
                        None => break None,
                    },
                    Message::Binary(_) => break Some((CloseCode::Unsupported, "send text")),
                    // The pong to it is on its way already.
                    Message::Ping(_) => send_all(&mut socket, std::iter::empty()).await,
                    Message::Pong(payload) => {
                        if let Some(place) = waiting.iter().position(|(sent, _)| *sent == payload) {
                            waiting.drain(..=place);
                            last_pong = Instant::now();
                        }
                        true
                    }
                    Message::Close(_) => {
                        let _ = timeout(Duration::from_secs(1), socket.flush()).await;
                        break None;
                    }
                    Message::Frame(_) => true,
                }
            }
            now = ping.tick() => {
                let is_silent = waiting.front().is_some_and(|(_, sent)| now.duration_since(*sent) >= PONG_WITHIN);
                if is_silent {
                    tracing::info!("no pong for {:?}: closed", now.duration_since(last_pong));
                    break Some((CloseCode::Policy, "Pong timeout"));
                }
                if now.duration_since(start) >= LIFE {
                    break Some((CloseCode::Normal, "connected for 24 hours"));
                }
                let payload = Bytes::from(super::state::wall_us().to_string());
                waiting.push_back((payload.clone(), now));
                send_all(&mut socket, std::iter::once(Message::Ping(payload))).await
            }
        };
        if !sent {
            break None;
        }
    };
    if let Some((code, reason)) = goodbye {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        // Whoever does not listen any more misses nothing.
        let _ = timeout(Duration::from_secs(1), socket.close(Some(frame))).await;
    }
}

/// `false`: the reader is gone, or takes too long.
async fn send_all(socket: &mut Socket, messages: impl Iterator<Item = Message>) -> bool {
    let sending = async {
        for message in messages {
            socket.feed(message).await?;
        }
        socket.flush().await
    };
    matches!(timeout(SEND_WITHIN, sending).await, Ok(Ok(())))
}
