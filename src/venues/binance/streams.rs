//! Market data as it happens. One task keeps a connection to the streams asked for: it notices when nothing is
//! heard, connects anew after growing pauses, and lets a new connection take over before the old one ends.
//!
//! What comes is handed over in order through a bounded channel. Within a generation nothing is lost; where a
//! new connection takes over from one that still lives, events may come twice. After a
//! [`StreamItem::Disconnected`] events are missing, and whoever needs them asks over REST.

use super::frames;
use super::read::ParseError;
use super::rest::SetupError;
use super::socket::{Connects, Dialer, Socket, SocketSettings};
use super::wire::{ApiError, MarketEvent, MarketFrame};
use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// The exchange takes 5 messages in a second, pongs included.
const PACE: usize = 3;

/// Streams in one request.
const BATCH: usize = 100;

/// Streams that a connection can carry.
pub const STREAMS_MAX: usize = 1024;

/// Events that are held back until all subscriptions are confirmed.
const HELD_MAX: usize = 10_000;

/// For an old connection to hand over its last events.
const FINISH: Duration = Duration::from_secs(2);

/// What a connection to market streams yields.
#[derive(Debug, Clone, PartialEq)]
pub enum StreamItem {
    /// Subscribed to everything that was asked for. Generations count from 1.
    Connected {
        generation: u64,
    },
    Event {
        stream: Option<String>,
        event: MarketEvent,
    },
    /// One that could not be understood; the stream goes on.
    Unreadable(ParseError),
    /// A change of the subscriptions was refused.
    Refused(ApiError),
    /// From here on events are missing, until the next [`StreamItem::Connected`].
    Disconnected {
        generation: u64,
        reason: String,
    },
}

/// A change of what is subscribed to.
#[derive(Debug)]
enum Change {
    Subscribe(Vec<String>),
    Unsubscribe(Vec<String>),
}

/// A connection to market streams. Ends when it is dropped.
#[derive(Debug)]
pub struct MarketStream {
    items: mpsc::Receiver<StreamItem>,
    changes: mpsc::Sender<Change>,
    task: JoinHandle<()>,
}

impl Drop for MarketStream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// `btcusdt@kline_1h`: candles of an interval, as the exchange writes it.
pub fn kline_stream(symbol: &str, interval: &str) -> String {
    format!("{}@kline_{interval}", symbol.to_lowercase())
}

/// `btcusdt@trade`: every trade.
pub fn trade_stream(symbol: &str) -> String {
    format!("{}@trade", symbol.to_lowercase())
}

/// `btcusdt@bookTicker`: every change of the best bid and ask.
pub fn book_ticker_stream(symbol: &str) -> String {
    format!("{}@bookTicker", symbol.to_lowercase())
}

impl MarketStream {
    /// Connects to `base`, such as `wss://stream.binance.com:9443`. Must be called inside a tokio runtime.
    pub fn open(
        base: &str,
        streams: impl IntoIterator<Item = String>,
        settings: SocketSettings,
        connects: Connects,
    ) -> Result<MarketStream, SetupError> {
        let url = format!("{}/stream", base.trim_end_matches('/'));
        let capacity = settings.capacity.max(1);
        let dialer = Dialer::new(url, settings, connects)?;
        let (sender, items) = mpsc::channel(capacity);
        let (changes, wanted) = mpsc::channel(16);
        let names = streams.into_iter().collect();
        let feed = Feed { dialer, names, items: sender, changes: wanted, generation: 0, request: 0 };
        Ok(MarketStream { items, changes, task: tokio::spawn(feed.run()) })
    }

    /// The next item. `None`: the stream has ended for good.
    pub async fn next(&mut self) -> Option<StreamItem> {
        self.items.recv().await
    }

    /// Adds streams, now and after every reconnection.
    pub async fn subscribe(&self, streams: impl IntoIterator<Item = String>) {
        // An error means that the task has ended, which `next` tells.
        let _ = self.changes.send(Change::Subscribe(streams.into_iter().collect())).await;
    }

    pub async fn unsubscribe(&self, streams: impl IntoIterator<Item = String>) {
        let _ = self.changes.send(Change::Unsubscribe(streams.into_iter().collect())).await;
    }
}

/// The task behind a stream.
struct Feed {
    dialer: Dialer,
    names: BTreeSet<String>,
    items: mpsc::Sender<StreamItem>,
    changes: mpsc::Receiver<Change>,
    generation: u64,
    /// Number of the last request on any connection.
    request: u64,
}

/// A connection with all subscriptions confirmed, and what came meanwhile.
struct Live {
    socket: Socket,
    held: Vec<StreamItem>,
    names: BTreeSet<String>,
}

/// Why a connection is not served any more.
enum End {
    Lost(String),
    /// Nobody listens.
    Closed,
}

type Opening<'a> = Pin<Box<dyn Future<Output = Result<Live, String>> + Send + 'a>>;

fn request(method: &str, id: u64, names: &[&String]) -> String {
    serde_json::json!({ "method": method, "params": names, "id": id }).to_string()
}

/// What to pass on of a frame.
fn item(frame: &[u8]) -> Option<StreamItem> {
    match frames::market(frame) {
        Ok(MarketFrame::Event { stream, event }) => Some(StreamItem::Event { stream, event }),
        Ok(MarketFrame::Refused { error, .. }) => Some(StreamItem::Refused(error)),
        Ok(MarketFrame::Done { .. }) => None,
        Err(error) => Some(StreamItem::Unreadable(error)),
    }
}

fn is_shutdown(item: &StreamItem) -> bool {
    matches!(item, StreamItem::Event { event: MarketEvent::ServerShutdown { .. }, .. })
}

/// Connects and subscribes.
async fn establish(dialer: &Dialer, names: BTreeSet<String>, first_id: u64) -> Result<Live, String> {
    if names.len() > STREAMS_MAX {
        return Err(format!("{} streams are more than the {STREAMS_MAX} of a connection", names.len()));
    }
    // Weight is not counted here, but a ban is of the whole address.
    let (mut socket, _) = dialer.dial(Some(PACE), 0).await?;
    let (mut open, mut held) = (BTreeSet::new(), Vec::new());
    let all: Vec<&String> = names.iter().collect();
    for (batch, id) in all.chunks(BATCH).zip(first_id..) {
        socket.send(request("SUBSCRIBE", id, batch)).await?;
        open.insert(id);
    }
    let limit = dialer.settings.answer_timeout;
    let confirming = async {
        while !open.is_empty() {
            let frame = socket.next().await?;
            match frames::market(&frame) {
                Ok(MarketFrame::Done { id: Some(id) }) => {
                    open.remove(&id);
                }
                Ok(MarketFrame::Refused { error, .. }) => {
                    return Err(format!("the exchange refuses to subscribe: {error}"));
                }
                _ => held.extend(item(&frame)),
            }
            if held.len() > HELD_MAX {
                return Err("the exchange does not confirm what it sends".to_owned());
            }
        }
        Ok(())
    };
    let confirmed = timeout(limit, confirming).await;
    confirmed.map_err(|_| "the exchange does not confirm the subscriptions".to_owned())??;
    Ok(Live { socket, held, names })
}

impl Feed {
    async fn run(mut self) {
        let mut failures = 0;
        loop {
            let Some(opened) = self.open().await else { return };
            let reason = match opened {
                Ok(live) => {
                    let (end, opened) = self.serve(live).await;
                    let End::Lost(reason) = end else { return };
                    if opened.elapsed() >= self.dialer.settings.steady_after {
                        failures = 0;
                    }
                    reason
                }
                Err(reason) => reason,
            };
            let generation = self.generation;
            if self.items.send(StreamItem::Disconnected { generation, reason }).await.is_err() {
                return;
            }
            failures += 1;
            tokio::select! {
                () = sleep(self.dialer.pause(failures)) => {}
                () = self.items.closed() => return,
            }
        }
    }

    fn next_ids(&mut self) -> u64 {
        let first = self.request + 1;
        self.request += STREAMS_MAX.div_ceil(BATCH) as u64;
        first
    }

    /// A connection, or why there is none. `None`: nobody listens.
    async fn open(&mut self) -> Option<Result<Live, String>> {
        while let Ok(change) = self.changes.try_recv() {
            self.apply(change);
        }
        let first = self.next_ids();
        tokio::select! {
            live = establish(&self.dialer, self.names.clone(), first) => Some(live),
            () = self.items.closed() => None,
        }
    }

    /// What is wanted from now on; returns what the change really changes.
    fn apply(&mut self, change: Change) -> (&'static str, Vec<String>) {
        match change {
            Change::Subscribe(names) => {
                ("SUBSCRIBE", names.into_iter().filter(|name| self.names.insert(name.clone())).collect())
            }
            Change::Unsubscribe(names) => {
                ("UNSUBSCRIBE", names.into_iter().filter(|name| self.names.remove(name)).collect())
            }
        }
    }

    /// Passes on what a connection brings until it is lost, and when the last of its line was opened.
    async fn serve(&mut self, live: Live) -> (End, Instant) {
        let Live { mut socket, held, mut names } = live;
        let dialer = self.dialer.clone();
        let Some(mut rotate_at) = self.begin(held).await else {
            return (End::Closed, socket.opened);
        };
        let mut opening: Option<Opening<'_>> = None;
        loop {
            // What was asked for while this connection was made.
            for (method, from, without) in
                [("SUBSCRIBE", self.names.clone(), &names), ("UNSUBSCRIBE", names.clone(), &self.names)]
            {
                let missing: Vec<&String> = from.difference(without).collect();
                for batch in missing.chunks(BATCH) {
                    self.request += 1;
                    if let Err(reason) = socket.send(request(method, self.request, batch)).await {
                        return (End::Lost(reason), socket.opened);
                    }
                }
            }
            names.clone_from(&self.names);
            tokio::select! {
                frame = socket.next() => {
                    let frame = match frame {
                        Ok(frame) => frame,
                        Err(reason) => return (End::Lost(reason), socket.opened),
                    };
                    let Some(item) = item(&frame) else { continue };
                    if is_shutdown(&item) {
                        rotate_at = Instant::now();
                    }
                    if self.items.send(item).await.is_err() {
                        return (End::Closed, socket.opened);
                    }
                    socket.was_busy();
                }
                () = sleep_until(rotate_at), if opening.is_none() => {
                    let first = self.next_ids();
                    opening = Some(Box::pin(establish(&dialer, self.names.clone(), first)));
                }
                opened = next_of(&mut opening) => {
                    opening = None;
                    match opened {
                        Ok(live) => {
                            let old = std::mem::replace(&mut socket, live.socket);
                            names = live.names;
                            // The old one's last events come before the new one's first.
                            for frame in old.finish(FINISH).await {
                                if let Some(item) = item(&frame) && self.items.send(item).await.is_err() {
                                    return (End::Closed, socket.opened);
                                }
                            }
                            let Some(next_at) = self.begin(live.held).await else {
                                return (End::Closed, socket.opened);
                            };
                            rotate_at = next_at;
                            socket.was_busy();
                        }
                        Err(reason) => {
                            tracing::warn!(reason, "the next connection cannot be made yet");
                            rotate_at = Instant::now() + dialer.pause(8);
                        }
                    }
                }
                change = self.changes.recv() => match change {
                    Some(change) => { self.apply(change); }
                    None => return (End::Closed, socket.opened),
                },
                () = self.items.closed() => return (End::Closed, socket.opened),
            }
        }
    }

    /// A new generation: when the next is to take over, at once where this one said goodbye already. `None`:
    /// nobody listens.
    async fn begin(&mut self, held: Vec<StreamItem>) -> Option<Instant> {
        self.generation += 1;
        let generation = self.generation;
        self.items.send(StreamItem::Connected { generation }).await.ok()?;
        let mut rotate_at = self.dialer.rotation();
        for item in held {
            if is_shutdown(&item) {
                rotate_at = Instant::now();
            }
            self.items.send(item).await.ok()?;
        }
        Some(rotate_at)
    }
}

/// What comes of the connection being made; never, where none is.
async fn next_of(opening: &mut Option<Opening<'_>>) -> Result<Live, String> {
    match opening {
        Some(opening) => opening.await,
        None => std::future::pending().await,
    }
}
