//! The least of a client: HTTP written out by hand, so that a case decides every byte, and WebSockets whose frames
//! are read as they come.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Longer than anything takes: only what never comes waits for it.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// What came back. A body that is no JSON is a text.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Sends one request on a connection of its own. `None`: the connection was closed without an answer.
pub async fn http(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(String, String)],
    body: &[u8],
) -> Option<Answer> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() || method != "GET" {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let answer = raw(address, &[head.as_bytes(), body].concat()).await;
    parse(&answer)
}

/// Sends bytes as they are and reads all that comes back.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let exchange = async {
        let mut socket = TcpStream::connect(address).await.unwrap();
        // A server that has heard enough may close before all is written.
        let _ = socket.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = socket.read_to_end(&mut answer).await;
        answer
    };
    timeout(PATIENCE, exchange).await.expect("no answer within 10 s")
}

fn parse(answer: &[u8]) -> Option<Answer> {
    let split = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..split]);
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let body = &answer[split + 4..];
    let text = || Value::String(String::from_utf8_lossy(body).into_owned());
    Some(Answer { status, headers, body: serde_json::from_slice(body).unwrap_or_else(|_| text()) })
}

/// What a connection gave.
#[derive(Debug, Clone)]
pub enum Frame {
    Text(String),
    /// Code and reason; 1006 for an end without a word.
    Closed(u16, String),
}

/// A WebSocket whose frames wait in a queue.
pub struct Line {
    sender: mpsc::UnboundedSender<Message>,
    frames: mpsc::UnboundedReceiver<Frame>,
}

impl Line {
    /// `Err`: the HTTP answer that was given instead.
    pub async fn open(address: SocketAddr, path: &str) -> Result<Line, Answer> {
        let connected = timeout(PATIENCE, connect_async(format!("ws://{address}{path}"))).await.unwrap();
        let socket = match connected {
            Ok((socket, _)) => socket,
            Err(Error::Http(response)) => {
                let headers = response
                    .headers()
                    .iter()
                    .map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()))
                    .collect();
                let body = response.body().clone().unwrap_or_default();
                let text = || Value::String(String::from_utf8_lossy(&body).into_owned());
                let body = serde_json::from_slice(&body).unwrap_or_else(|_| text());
                return Err(Answer { status: response.status().as_u16(), headers, body });
            }
            Err(error) => panic!("{path}: {error}"),
        };
        let (mut sink, mut stream) = socket.split();
        let (sender, mut to_send) = mpsc::unbounded_channel::<Message>();
        let (push, frames) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            loop {
                let frame = tokio::select! {
                    Some(message) = to_send.recv() => {
                        // A line that is closed tells so by itself.
                        let _ = sink.send(message).await;
                        continue;
                    }
                    message = stream.next() => match message {
                        Some(Ok(Message::Text(text))) => Frame::Text(text.to_string()),
                        Some(Ok(Message::Close(Some(frame)))) => {
                            Frame::Closed(frame.code.into(), frame.reason.to_string())
                        }
                        Some(Ok(_)) => continue,
                        Some(Err(_)) | None => Frame::Closed(1006, String::new()),
                    },
                };
                let is_end = matches!(frame, Frame::Closed(..));
                if push.send(frame).is_err() || is_end {
                    return;
                }
            }
        });
        Ok(Line { sender, frames })
    }

    pub fn send(&self, message: Message) {
        let _ = self.sender.send(message);
    }

    pub async fn next(&mut self) -> Frame {
        match timeout(PATIENCE, self.frames.recv()).await {
            Ok(Some(frame)) => frame,
            Ok(None) => Frame::Closed(1006, String::new()),
            Err(_) => panic!("no frame within 10 s"),
        }
    }
}
