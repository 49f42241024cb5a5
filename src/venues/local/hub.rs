//! Who listens to what: connections, their streams and subscriptions, and the frames on their way to them.
//!
//! A frame is written once and shared by all who get it. A connection's queue is bounded: one whose reader does
//! not keep up is closed, so that nobody is left with a hole.

use super::chaos::{Chaos, Kind};
use super::render::Unit;
use super::topic::Topic;
use crate::venues::sim::exchange::AccountId;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Utf8Bytes;

pub type ConnectionId = u64;

/// Frames that may wait for one reader.
const QUEUE: usize = 8192;
/// Streams of one connection at most.
pub const STREAMS_MAX: usize = 1024;
/// Subscriptions of one connection: at one time, and in its life.
const ACTIVE_MAX: usize = 1000;
const SUBSCRIPTIONS_MAX: u32 = 65_535;

/// What a connection's task holds.
pub struct Line {
    pub id: ConnectionId,
    pub frames: mpsc::Receiver<Utf8Bytes>,
    /// Ends when the exchange wants the connection gone at once.
    pub cut: oneshot::Receiver<()>,
}

/// A user data subscription of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscription {
    pub id: u32,
    pub account: AccountId,
    /// Ends with the session's logon.
    pub is_of_session: bool,
}

struct Connection {
    sender: mpsc::Sender<Utf8Bytes>,
    cut: Option<oneshot::Sender<()>>,
    unit: Unit,
    is_combined: bool,
    is_api: bool,
    /// By name, in the order of the names.
    streams: BTreeMap<Arc<str>, ()>,
    subscriptions: Vec<Subscription>,
    next_subscription: u32,
    /// Frames sent so far, for chaos.
    sent: u64,
    /// A frame that another one is to overtake.
    held: Option<Utf8Bytes>,
}

/// A stream that somebody listens to.
pub struct Stream {
    pub topic: Topic,
    listeners: Vec<ConnectionId>,
    /// When it last told something, in ms of the wall clock.
    pub told_at: i64,
    /// The market's time then.
    pub told_of: i64,
    /// Where its closed klines go on, in ms of the market; the last update of its book.
    pub cursor: i64,
    /// The book as it was last told.
    pub depth: Option<Box<super::market::Depth>>,
}

/// Why a subscription cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscribeError {
    Active,
    Exhausted,
    Gone,
}

pub struct Hub {
    next: ConnectionId,
    connections: HashMap<ConnectionId, Connection>,
    streams: BTreeMap<Arc<str>, Stream>,
    accounts: HashMap<AccountId, Vec<ConnectionId>>,
    chaos: Option<Chaos>,
    /// Repeat or reorder the next events of users: armed by hand.
    pub repeat_events: u32,
    pub reorder_events: u32,
}

impl Hub {
    pub fn new(chaos: Option<Chaos>) -> Self {
        Hub {
            next: 0,
            connections: HashMap::new(),
            streams: BTreeMap::new(),
            accounts: HashMap::new(),
            chaos,
            repeat_events: 0,
            reorder_events: 0,
        }
    }

    pub fn open(&mut self, unit: Unit, is_combined: bool, is_api: bool) -> Line {
        let (sender, frames) = mpsc::channel(QUEUE);
        let (cut_sender, cut) = oneshot::channel();
        let id = self.next;
        self.next += 1;
        let connection = Connection {
            sender,
            cut: Some(cut_sender),
            unit,
            is_combined,
            is_api,
            streams: BTreeMap::new(),
            subscriptions: Vec::new(),
            next_subscription: 0,
            sent: 0,
            held: None,
        };
        self.connections.insert(id, connection);
        Line { id, frames, cut }
    }

    /// Forgets a connection; its task ends when its queue is empty, or at once if it was told to.
    pub fn close(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.remove(&id) else { return };
        for name in connection.streams.keys() {
            self.leave(name, id);
        }
        for subscription in connection.subscriptions {
            self.leave_account(subscription.account, id);
        }
    }

    /// Closes all connections once their queues are empty.
    pub fn close_all(&mut self) {
        let ids: Vec<ConnectionId> = self.connections.keys().copied().collect();
        ids.into_iter().for_each(|id| self.close(id));
    }

    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// Cuts connections without a goodbye: of an account, or all of a kind.
    pub fn cut(&mut self, which: impl Fn(&Cuttable) -> bool) -> usize {
        let ids: Vec<ConnectionId> = self
            .connections
            .iter()
            .filter(|(_, it)| {
                which(&Cuttable {
                    is_api: it.is_api,
                    accounts: it.subscriptions.iter().map(|it| it.account).collect(),
                })
            })
            .map(|(id, _)| *id)
            .collect();
        ids.iter().for_each(|id| self.cut_one(*id));
        ids.len()
    }

    fn cut_one(&mut self, id: ConnectionId) {
        if let Some(cut) = self.connections.get_mut(&id).and_then(|it| it.cut.take()) {
            // Its task may be gone already.
            let _ = cut.send(());
        }
        self.close(id);
    }

    // --- market streams ---------------------------------------------------------------------------------------

    /// `false`: too many streams.
    pub fn listen(&mut self, id: ConnectionId, name: &str, topic: Topic, cursor: i64) -> bool {
        let Some(connection) = self.connections.get_mut(&id) else { return true };
        if connection.streams.contains_key(name) {
            return true;
        }
        if connection.streams.len() >= STREAMS_MAX {
            return false;
        }
        let name: Arc<str> = name.into();
        connection.streams.insert(name.clone(), ());
        let stream = self.streams.entry(name).or_insert_with(|| Stream {
            topic,
            listeners: Vec::new(),
            told_at: i64::MIN,
            told_of: i64::MIN,
            cursor,
            depth: None,
        });
        stream.listeners.push(id);
        true
    }

    pub fn unlisten(&mut self, id: ConnectionId, name: &str) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        if connection.streams.remove(name).is_some() {
            self.leave(name, id);
        }
    }

    fn leave(&mut self, name: &str, id: ConnectionId) {
        if let Some(stream) = self.streams.get_mut(name) {
            stream.listeners.retain(|listener| *listener != id);
            if stream.listeners.is_empty() {
                self.streams.remove(name);
            }
        }
    }

    pub fn streams_of(&self, id: ConnectionId) -> Vec<String> {
        let connection = self.connections.get(&id);
        connection.map(|it| it.streams.keys().map(|name| name.to_string()).collect()).unwrap_or_default()
    }

    pub fn is_combined(&self, id: ConnectionId) -> bool {
        self.connections.get(&id).is_some_and(|it| it.is_combined)
    }

    pub fn set_combined(&mut self, id: ConnectionId, is_combined: bool) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.is_combined = is_combined;
        }
    }

    pub fn streams_mut(&mut self) -> impl Iterator<Item = (&Arc<str>, &mut Stream)> {
        self.streams.iter_mut()
    }

    pub fn stream_names(&self) -> Vec<(Arc<str>, Topic)> {
        self.streams.iter().map(|(name, stream)| (name.clone(), stream.topic)).collect()
    }

    pub fn has_streams(&self) -> bool {
        !self.streams.is_empty()
    }

    pub fn stream_mut(&mut self, name: &str) -> Option<&mut Stream> {
        self.streams.get_mut(name)
    }

    /// Sends a frame to all who listen to a stream. It is written once for each unit and form that is wanted.
    pub fn publish(&mut self, name: &str, render: impl Fn(Unit) -> Value) {
        let Some(stream) = self.streams.get(name) else { return };
        let may_skip = matches!(stream.topic, Topic::Kline { .. });
        let listeners = stream.listeners.clone();
        let mut written: [[Option<Utf8Bytes>; 2]; 2] = Default::default();
        for id in listeners {
            let Some(connection) = self.connections.get(&id) else { continue };
            let (unit, is_combined) = (connection.unit, connection.is_combined);
            let slot = written
                .get_mut(usize::from(unit == Unit::Microsecond))
                .and_then(|forms| forms.get_mut(usize::from(is_combined)));
            let Some(slot) = slot else { continue };
            let frame = slot.get_or_insert_with(|| {
                let body = render(unit);
                match is_combined {
                    true => format!("{{\"stream\":{},\"data\":{body}}}", Value::from(name)),
                    false => body.to_string(),
                }
                .into()
            });
            let frame = frame.clone();
            self.deliver(id, frame, may_skip);
        }
    }

    // --- user data --------------------------------------------------------------------------------------------

    pub fn subscribe(
        &mut self,
        id: ConnectionId,
        account: AccountId,
        is_of_session: bool,
    ) -> Result<u32, SubscribeError> {
        let connection = self.connections.get_mut(&id).ok_or(SubscribeError::Gone)?;
        if connection.subscriptions.iter().any(|it| it.account == account) {
            return Err(SubscribeError::Active);
        }
        if connection.next_subscription >= SUBSCRIPTIONS_MAX || connection.subscriptions.len() >= ACTIVE_MAX {
            return Err(SubscribeError::Exhausted);
        }
        let number = connection.next_subscription;
        connection.next_subscription += 1;
        connection.subscriptions.push(Subscription { id: number, account, is_of_session });
        self.accounts.entry(account).or_default().push(id);
        Ok(number)
    }

    pub fn subscriptions(&self, id: ConnectionId) -> Vec<Subscription> {
        self.connections.get(&id).map(|it| it.subscriptions.clone()).unwrap_or_default()
    }

    /// Ends the subscriptions that `which` says, and returns them.
    pub fn unsubscribe(
        &mut self,
        id: ConnectionId,
        which: impl Fn(&Subscription) -> bool,
    ) -> Vec<Subscription> {
        let Some(connection) = self.connections.get_mut(&id) else { return Vec::new() };
        let ended: Vec<Subscription> =
            connection.subscriptions.iter().filter(|it| which(it)).copied().collect();
        connection.subscriptions.retain(|it| !which(it));
        for subscription in &ended {
            self.leave_account(subscription.account, id);
        }
        ended
    }

    fn leave_account(&mut self, account: AccountId, id: ConnectionId) {
        if let Some(listeners) = self.accounts.get_mut(&account) {
            listeners.retain(|listener| *listener != id);
        }
    }

    /// Sends an event to all connections that follow an account, each under its own subscription.
    pub fn publish_event(&mut self, account: AccountId, render: impl Fn(Unit) -> Value) {
        let listeners = match self.accounts.get(&account) {
            Some(listeners) if !listeners.is_empty() => listeners.clone(),
            _ => return,
        };
        let repeat = take_one(&mut self.repeat_events);
        let reorder = take_one(&mut self.reorder_events);
        let mut written: [Option<String>; 2] = Default::default();
        for id in listeners {
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            let Some(number) =
                connection.subscriptions.iter().find(|it| it.account == account).map(|it| it.id)
            else {
                continue;
            };
            let unit = connection.unit;
            let Some(slot) = written.get_mut(usize::from(unit == Unit::Microsecond)) else { continue };
            let body = slot.get_or_insert_with(|| render(unit).to_string());
            let frame: Utf8Bytes = format!("{{\"subscriptionId\":{number},\"event\":{body}}}").into();
            if reorder && connection.held.is_none() {
                connection.held = Some(frame);
                continue;
            }
            if repeat {
                self.deliver(id, frame.clone(), false);
            }
            self.deliver(id, frame, false);
        }
    }

    /// Sends a frame to one connection.
    pub fn send(&mut self, id: ConnectionId, frame: impl Into<Utf8Bytes>) {
        self.push(id, frame.into());
    }

    /// Tells everybody that the exchange is about to go.
    pub fn announce_shutdown(&mut self, now: i64) {
        let ids: Vec<ConnectionId> = self.connections.keys().copied().collect();
        for id in ids {
            let Some(connection) = self.connections.get(&id) else { continue };
            let event = serde_json::json!({ "e": "serverShutdown", "E": connection.unit.time(now) });
            let frame = match (connection.is_api, connection.is_combined) {
                (true, _) => serde_json::json!({ "event": event }),
                (false, true) => serde_json::json!({ "stream": "!serverShutdown", "data": event }),
                (false, false) => event,
            };
            self.push(id, frame.to_string().into());
        }
    }

    fn deliver(&mut self, id: ConnectionId, frame: Utf8Bytes, may_skip: bool) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.sent += 1;
        if let Some(chaos) = self.chaos {
            let decide = |kind: Kind| chaos.decide(kind, id, connection.sent);
            if decide(Kind::Disconnect) {
                return self.cut_one(id);
            }
            if may_skip && decide(Kind::SkipFrame) {
                return;
            }
            if connection.held.is_none() && decide(Kind::Reorder) {
                connection.held = Some(frame);
                return;
            }
            if decide(Kind::Repeat) {
                self.push(id, frame.clone());
            }
        }
        self.push(id, frame);
        self.release(id);
    }

    /// Lets go a frame that was held back.
    fn release(&mut self, id: ConnectionId) {
        let held = self.connections.get_mut(&id).and_then(|it| it.held.take());
        if let Some(frame) = held {
            self.push(id, frame);
        }
    }

    /// Lets go of all frames that are held back: nothing is held for long.
    pub fn release_all(&mut self) {
        let ids: Vec<ConnectionId> =
            self.connections.iter().filter(|(_, it)| it.held.is_some()).map(|(id, _)| *id).collect();
        ids.into_iter().for_each(|id| self.release(id));
    }

    fn push(&mut self, id: ConnectionId, frame: Utf8Bytes) {
        let Some(connection) = self.connections.get(&id) else { return };
        match connection.sender.try_send(frame) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Closed(_)) => self.close(id),
            Err(mpsc::error::TrySendError::Full(_)) => {
                tracing::warn!("connection {id} does not read what it asked for: closed");
                self.cut_one(id);
            }
        }
    }

    /// Cuts off all who have no room.
    pub fn cut_slow(&mut self) {
        let full = |it: &Connection| it.sender.capacity() <= QUEUE / 2;
        let ids: Vec<ConnectionId> =
            self.connections.iter().filter(|(_, it)| full(it)).map(|(id, _)| *id).collect();
        for id in ids {
            tracing::warn!("connection {id} holds up the market: closed");
            self.cut_one(id);
        }
    }

    /// Whether every queue has room for what a step of the market may bring.
    pub fn has_room(&self) -> bool {
        self.connections.values().all(|it| it.sender.capacity() > QUEUE / 2)
    }
}

/// What can be known of a connection when it is chosen to be cut.
pub struct Cuttable {
    pub is_api: bool,
    pub accounts: Vec<AccountId>,
}

fn take_one(count: &mut u32) -> bool {
    let is_due = *count > 0;
    *count = count.saturating_sub(1);
    is_due
}
