//! The WebSocket API: orders over a connection that stays, and what happens to the account as it happens.
//!
//! One task keeps the connection. A request that was written and not answered, for whatever reason, has an
//! unknown outcome; one that was never written is refused. Nothing is ever written twice.
//!
//! The exchange repeats nothing: after every [`ApiItem::Connected`] with a generation above 1, whoever listens
//! asks for open orders, own trades and balances, and settles the difference. Events may come twice.

use super::budget::{Cost, Priority, Used};
use super::frames;
use super::limits::Limits;
use super::outcome::{
    Answer, Attempt, Outcome, ReadError, Refusal, RefusalKind, Replaced, of_failure, of_order, of_read,
    of_replacement,
};
use super::parse;
use super::read::ParseError;
use super::request::{
    AmendRequest, CancelRequest, Checked, ListRequest, OrderKey, OrderRequest, ReplaceRequest,
    cancel_list_params,
};
use super::rest::{SetupError, millis};
use super::sign::{Credentials, KeyKind, Params, websocket_payload};
use super::socket::{Connects, Dialer, Socket, SocketSettings};
use super::wire::{
    Amended, ApiFrame, ApiResponse, Canceled, OrderListReport, OrderReport, RateLimit, UserEvent,
};
use serde_json::{Map, Value};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

/// Requests without an answer on one connection.
const PENDING_MAX: usize = 1000;

/// Frames that are held back until the subscription is confirmed.
const HELD_MAX: usize = 10_000;

/// For an old connection to say goodbye.
const FINISH: Duration = Duration::from_secs(2);

/// How the account is made known to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserData {
    /// Not at all: the connection is for orders only.
    None,
    /// By a signature of the subscription: any kind of key.
    Signature,
    /// By logging the connection on: Ed25519 keys.
    Session,
}

/// What a connection tells by itself.
#[derive(Debug, Clone, PartialEq)]
pub enum ApiItem {
    /// Ready, and subscribed to the account where that was asked for. Generations count from 1. From the second
    /// on, something may have happened unseen.
    Connected {
        generation: u64,
    },
    User(UserEvent),
    /// Something that could not be understood; the connection goes on.
    Unreadable(ParseError),
    /// The exchange refuses the key or the subscription, now or since a moment ago.
    Refused(Refusal),
    /// From here on events are missing, until the next [`ApiItem::Connected`].
    Disconnected {
        generation: u64,
        reason: String,
    },
}

/// A connection to the WebSocket API. Ends when it is dropped.
#[derive(Debug)]
pub struct WsApi {
    commands: mpsc::Sender<Command>,
    credentials: Arc<Credentials>,
    limits: Limits,
    settings: WsApiSettings,
    next_id: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Drop for WsApi {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug, Clone)]
pub struct WsApiSettings {
    pub socket: SocketSettings,
    pub user_data: UserData,
    /// For a request to wait for room in the limits, and again to be written; then it is refused without being
    /// sent.
    pub order_patience: Duration,
    /// How long after its time a request is still carried out; at most 60 s.
    pub recv_window: Duration,
}

impl Default for WsApiSettings {
    fn default() -> Self {
        WsApiSettings {
            socket: SocketSettings::default(),
            user_data: UserData::Signature,
            order_patience: Duration::from_secs(2),
            recv_window: Duration::from_secs(5),
        }
    }
}

#[derive(Debug)]
struct Command {
    id: u64,
    frame: String,
    fate: Arc<Fate>,
    reply: oneshot::Sender<Reply>,
}

/// Whether a request is written. Decided once, either by the keeper or by whoever gives up waiting: what was
/// withdrawn is never written, and what may be written cannot be withdrawn.
#[derive(Debug, Default)]
struct Fate(AtomicI64);

impl Fate {
    const WAITING: i64 = 0;
    const WITHDRAWN: i64 = -1;

    fn decide(&self, to: i64) -> bool {
        self.0.compare_exchange(Fate::WAITING, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// It is about to be written, at this local time in ms; `false`: it was withdrawn.
    fn write(&self, now_ms: i64) -> bool {
        self.decide(now_ms.max(1))
    }

    /// When it was about to be written, in local ms.
    fn written_ms(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Acquire)).filter(|it| *it > Fate::WAITING)
    }

    /// `true`: it was not written, and will not be.
    fn withdraw(&self) -> bool {
        self.decide(Fate::WITHDRAWN) || self.0.load(Ordering::Acquire) == Fate::WITHDRAWN
    }
}

#[derive(Debug)]
enum Reply {
    Answer(ApiResponse),
    NotSent(String),
    Lost(String),
}

/// What signs requests.
#[derive(Debug, Clone)]
struct Signer {
    credentials: Arc<Credentials>,
    limits: Limits,
    recv_window: Duration,
}

impl Signer {
    fn read(&self, response: ApiResponse) -> Answer {
        answer_of(response, &self.limits, &self.credentials)
    }

    fn frame(&self, id: u64, method: &str, mut params: Params, signed: bool) -> Result<String, String> {
        if signed {
            params.push(("apiKey".to_owned(), self.credentials.api_key().to_owned()));
            params.push(("recvWindow".to_owned(), self.recv_window.as_millis().to_string()));
            params.push(("timestamp".to_owned(), self.limits.clock().now_ms().to_string()));
            let payload = websocket_payload(&params);
            let signature = self.credentials.sign(&payload).map_err(|error| error.to_string())?;
            params.push(("signature".to_owned(), signature));
        }
        let params: Map<String, Value> =
            params.into_iter().map(|(name, value)| (name.clone(), typed(&name, value))).collect();
        Ok(serde_json::json!({ "id": id, "method": method, "params": params }).to_string())
    }
}

/// Whole numbers go as numbers, everything else as text; both are signed as they look.
fn typed(name: &str, value: String) -> Value {
    const WHOLE: [&str; 7] =
        ["timestamp", "recvWindow", "orderId", "cancelOrderId", "orderListId", "limit", "trailingDelta"];
    let whole = WHOLE.contains(&name) || name.ends_with("TrailingDelta");
    match value.parse::<u64>() {
        Ok(number) if whole => Value::from(number),
        _ => Value::String(value),
    }
}

impl WsApi {
    /// Connects to `url`, such as `wss://ws-api.binance.com:443/ws-api/v3`. `limits` are those of the
    /// [`RestClient`](super::rest::RestClient) to the same exchange: both count together. What the connection tells
    /// comes out of the receiver; it has to be read, or the connection stands still. Must be called inside a
    /// tokio runtime.
    pub fn open(
        url: &str,
        credentials: Arc<Credentials>,
        limits: Limits,
        settings: WsApiSettings,
        connects: Connects,
    ) -> Result<(WsApi, mpsc::Receiver<ApiItem>), SetupError> {
        let dialer = Dialer::new(url.to_owned(), settings.socket.clone(), connects.under(&limits))?;
        let (items, receiver) = mpsc::channel(settings.socket.capacity.max(1));
        let (commands, orders) = mpsc::channel(64);
        let next_id = Arc::new(AtomicU64::new(1));
        let signer = Signer {
            credentials: credentials.clone(),
            limits: limits.clone(),
            recv_window: settings.recv_window,
        };
        let opener = Opener { dialer, signer, user_data: settings.user_data, next_id: next_id.clone() };
        let keeper = Keeper { opener, items, commands: orders, generation: 0 };
        let task = tokio::spawn(keeper.run());
        Ok((WsApi { commands, credentials, limits, settings, next_id, task }, receiver))
    }

    // Orders: each is written once, and has one of three outcomes.

    pub async fn place(&self, order: &Checked<OrderRequest>) -> Outcome<OrderReport> {
        let cost = Cost { weight: 1, orders: 1 };
        self.change("order.place", order.params(), cost, urgency(order.request().protects), |it| {
            of_order(it, parse::order)
        })
        .await
    }

    pub async fn place_list(&self, list: &Checked<ListRequest>) -> Outcome<OrderListReport> {
        let route = list.route();
        let cost = Cost { weight: 1, orders: route.orders };
        self.change(route.method, list.params(), cost, urgency(list.protects()), |it| {
            of_order(it, parse::order_list)
        })
        .await
    }

    /// See [`RestClient::cancel`](super::rest::RestClient::cancel).
    pub async fn cancel(&self, cancel: &CancelRequest) -> Outcome<Canceled> {
        self.change("order.cancel", cancel.params(), CANCEL, Priority::Cancel, |it| {
            of_order(it, parse::cancel)
        })
        .await
    }

    pub async fn cancel_all(&self, symbol: &str) -> Outcome<Vec<Canceled>> {
        let params = vec![("symbol".to_owned(), symbol.to_owned())];
        self.change("openOrders.cancelAll", params, CANCEL, Priority::Cancel, |it| {
            of_order(it, parse::cancels)
        })
        .await
    }

    pub async fn cancel_list(&self, symbol: &str, key: &OrderKey) -> Outcome<OrderListReport> {
        let params = cancel_list_params(symbol, key);
        self.change("orderList.cancel", params, CANCEL, Priority::Cancel, |it| {
            of_order(it, parse::order_list)
        })
        .await
    }

    /// See [`RestClient::cancel_replace`](super::rest::RestClient::cancel_replace).
    pub async fn cancel_replace(&self, replace: &ReplaceRequest) -> Outcome<Replaced> {
        let cost = Cost { weight: 1, orders: 1 };
        let priority = urgency(replace.order.request().protects);
        self.change("order.cancelReplace", replace.params(), cost, priority, of_replacement).await
    }

    pub async fn amend(&self, amend: &AmendRequest) -> Outcome<Amended> {
        let cost = Cost { weight: 4, orders: 0 };
        self.change("order.amend.keepPriority", amend.params(), cost, Priority::Order, |it| {
            of_order(it, parse::amended)
        })
        .await
    }

    // Questions: asked once; over REST they are repeated.

    /// See [`RestClient::order`](super::rest::RestClient::order).
    pub async fn order(&self, symbol: &str, key: &OrderKey) -> Result<OrderReport, ReadError> {
        let cost = Cost { weight: 4, orders: 0 };
        let attempt = self.attempt("order.status", key.params(symbol), true, cost, Priority::Read).await;
        of_read(attempt.map_err(ReadError::Refused)?, parse::order)
    }

    pub async fn open_orders(&self, symbol: &str) -> Result<Vec<OrderReport>, ReadError> {
        let params = vec![("symbol".to_owned(), symbol.to_owned())];
        let cost = Cost { weight: 6, orders: 0 };
        let attempt = self.attempt("openOrders.status", params, true, cost, Priority::Read).await;
        of_read(attempt.map_err(ReadError::Refused)?, parse::orders)
    }

    /// Compares clocks, and returns how far the exchange's is ahead, in ms.
    pub async fn sync_clock(&self) -> Result<i64, ReadError> {
        let clock = self.limits.clock();
        let cost = Cost { weight: 1, orders: 0 };
        let fate = Arc::new(Fate::default());
        let attempt = self.attempt_as(&fate, "time", Vec::new(), false, cost, Priority::Read).await;
        let answered_ms = clock.local_ms();
        let server_ms = of_read(attempt.map_err(ReadError::Refused)?, parse::server_time)?;
        // It may have waited a long time before it was written.
        if let Some(asked_ms) = fate.written_ms() {
            clock.learn(asked_ms, answered_ms, server_ms);
        }
        Ok(clock.offset_ms())
    }

    async fn change<T>(
        &self,
        method: &str,
        params: Params,
        cost: Cost,
        priority: Priority,
        judge: impl Fn(Attempt) -> Outcome<T>,
    ) -> Outcome<T> {
        let once = || async {
            let attempt = self.attempt(method, params.clone(), true, cost, priority).await;
            attempt.map_or_else(Outcome::Refused, &judge)
        };
        match once().await {
            // Certain not to have been carried out, and cured by the right time.
            Outcome::Refused(refusal) if refusal.kind == RefusalKind::Timestamp => {
                match timeout(self.settings.order_patience, self.sync_clock()).await {
                    Ok(Ok(_)) => once().await,
                    _ => Outcome::Refused(refusal),
                }
            }
            outcome => outcome,
        }
    }

    /// Sends once. An error is a refusal from here: nothing was sent.
    async fn attempt(
        &self,
        method: &str,
        params: Params,
        signed: bool,
        cost: Cost,
        priority: Priority,
    ) -> Result<Attempt, Refusal> {
        self.attempt_as(&Arc::default(), method, params, signed, cost, priority).await
    }

    /// The same, and `fate` tells when it was written.
    async fn attempt_as(
        &self,
        fate: &Arc<Fate>,
        method: &str,
        params: Params,
        signed: bool,
        cost: Cost,
        priority: Priority,
    ) -> Result<Attempt, Refusal> {
        let patience = self.settings.order_patience;
        let mut permit = self.limits.admit(cost, priority, patience).await.map_err(|wait_ms| {
            let kind = RefusalKind::RateLimited { retry_after_ms: Some(wait_ms) };
            Refusal::new(kind, format!("not sent: the exchange's limits leave no room for {wait_ms} ms"))
        })?;
        let local = |why: String| Refusal::new(RefusalKind::Local, why);
        let signer = Signer {
            credentials: self.credentials.clone(),
            limits: self.limits.clone(),
            recv_window: self.settings.recv_window,
        };
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let frame = signer.frame(id, method, params, signed).map_err(local)?;
        let (reply, mut answer) = oneshot::channel();
        let command = Command { id, frame, fate: fate.clone(), reply };
        let written_by = Instant::now() + patience;
        // Whoever reads the items may have stopped: then the keeper stands still, and takes nothing.
        let stuck = || Attempt::NotSent(format!("it could not be written within {} ms", millis(patience)));
        match timeout_at(written_by, self.commands.send(command)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ok(Attempt::NotSent("the connection has ended".to_owned())),
            Err(_) => return Ok(stuck()),
        }
        let limit = self.settings.socket.answer_timeout;
        let answer_by = Instant::now() + limit;
        let mut answered = timeout_at(written_by.min(answer_by), &mut answer).await;
        if answered.is_err() {
            if fate.withdraw() {
                return Ok(stuck());
            }
            answered = timeout_at(answer_by, answer).await;
        }
        let response = match answered {
            Ok(Ok(Reply::Answer(response))) => response,
            Ok(Ok(Reply::NotSent(why))) => return Ok(Attempt::NotSent(why)),
            Ok(Ok(Reply::Lost(why))) => return Ok(Attempt::Lost(why)),
            // Whoever had it is gone.
            Ok(Err(_)) => {
                let why = "the connection ended".to_owned();
                return Ok(if fate.withdraw() { Attempt::NotSent(why) } else { Attempt::Lost(why) });
            }
            Err(_) => return Ok(Attempt::Lost(format!("no answer within {} ms", millis(limit)))),
        };
        permit.settle(&used(&response.rate_limits));
        let answer = answer_of(response, &self.limits, &self.credentials);
        Ok(Attempt::Answered(answer))
    }
}

const CANCEL: Cost = Cost { weight: 1, orders: 0 };

/// Weight of a connection.
const CONNECT: u64 = 2;

/// Weight of a logon, and of a subscription to the account.
const READY: u64 = 2;

fn urgency(protects: bool) -> Priority {
    if protects { Priority::Cancel } else { Priority::Order }
}

fn used(limits: &[RateLimit]) -> Vec<Used> {
    let used = |limit: &RateLimit| {
        Some(Used { kind: limit.kind, interval_ms: limit.interval_ms, count: limit.count? })
    };
    limits.iter().filter_map(used).collect()
}

/// A response as HTTP would have brought it; what it says about limits is taken in.
fn answer_of(response: ApiResponse, limits: &Limits, credentials: &Credentials) -> Answer {
    let now_ms = limits.clock().now_ms();
    let retry_after_ms = response.retry_after.map(|time| time.saturating_sub(now_ms).max(0));
    let body = credentials.hidden(response.status, response.body.into_bytes());
    limits.heed(response.status, &body, retry_after_ms);
    Answer { status: response.status, body, retry_after_ms }
}

/// What makes connections ready.
#[derive(Clone)]
struct Opener {
    dialer: Dialer,
    signer: Signer,
    user_data: UserData,
    next_id: Arc<AtomicU64>,
}

/// A connection that is ready, and what came meanwhile.
struct Live {
    socket: Socket,
    held: Vec<Vec<u8>>,
}

enum Failure {
    Lost(String),
    Refused(Refusal),
}

impl From<String> for Failure {
    fn from(reason: String) -> Failure {
        Failure::Lost(reason)
    }
}

impl Opener {
    async fn open(self) -> Result<Live, Failure> {
        // At once for all of it: a connection that waits for room between two requests would not be read.
        let requests = match self.user_data {
            UserData::None => 0,
            UserData::Signature => 1,
            UserData::Session => 2,
        };
        let (socket, _permit) = self.dialer.dial(None, CONNECT + requests * READY).await?;
        let mut live = Live { socket, held: Vec::new() };
        match self.user_data {
            UserData::None => {}
            UserData::Signature => self.call(&mut live, "userDataStream.subscribe.signature", true).await?,
            UserData::Session => {
                if self.signer.credentials.kind() != KeyKind::Ed25519 {
                    let why = "only Ed25519 keys can log on; subscribe by signature instead";
                    return Err(Failure::Refused(Refusal::new(RefusalKind::Local, why)));
                }
                self.call(&mut live, "session.logon", true).await?;
                self.call(&mut live, "userDataStream.subscribe", false).await?;
            }
        }
        Ok(live)
    }

    /// A request on a connection that carries no other yet.
    async fn call(&self, live: &mut Live, method: &str, signed: bool) -> Result<(), Failure> {
        let limit = self.dialer.settings.answer_timeout;
        // A wrong clock is cured once.
        for attempt in 0..2 {
            let id = self.next_id.fetch_add(1, Ordering::Relaxed);
            live.socket.send(self.signer.frame(id, method, Vec::new(), signed)?).await?;
            let answered = timeout(limit, self.answer(live, id)).await;
            let response =
                answered.map_err(|_| format!("{method}: no answer within {} ms", millis(limit)))??;
            if response.status == 200 {
                return Ok(());
            }
            match of_failure::<()>(&self.signer.read(response)) {
                Outcome::Refused(refusal) if refusal.kind == RefusalKind::Timestamp && attempt == 0 => {
                    self.sync(live).await?;
                }
                Outcome::Refused(refusal) => return Err(Failure::Refused(refusal)),
                Outcome::Unknown(doubt) => return Err(Failure::Lost(format!("{method}: {}", doubt.why))),
                Outcome::Accepted(()) => return Ok(()),
            }
        }
        Err(Failure::Lost(format!("{method}: the clocks cannot be brought together")))
    }

    async fn sync(&self, live: &mut Live) -> Result<(), Failure> {
        let clock = self.signer.limits.clock();
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let asked_ms = clock.local_ms();
        live.socket.send(self.signer.frame(id, "time", Vec::new(), false)?).await?;
        let answered = timeout(self.dialer.settings.answer_timeout, self.answer(live, id)).await;
        let response = answered.map_err(|_| "time: no answer".to_owned())??;
        let answer = self.signer.read(response);
        let server_ms = parse::server_time(&answer.body).map_err(|error| error.to_string())?;
        clock.learn(asked_ms, clock.local_ms(), server_ms);
        Ok(())
    }

    async fn answer(&self, live: &mut Live, id: u64) -> Result<ApiResponse, String> {
        loop {
            let frame = live.socket.next().await?;
            match frames::api(&frame) {
                Ok(ApiFrame::Response(response)) if response.id == Some(id) => return Ok(response),
                _ if live.held.len() < HELD_MAX => live.held.push(frame),
                _ => return Err("the exchange does not answer but goes on sending".to_owned()),
            }
        }
    }
}

type Opening = Pin<Box<dyn Future<Output = Result<Live, Failure>> + Send>>;

/// A connection in use, and who waits for answers on it.
struct Line {
    socket: Socket,
    pending: HashMap<u64, oneshot::Sender<Reply>>,
}

impl Line {
    fn lose(self, reason: &str) {
        for (_, reply) in self.pending {
            // Whoever gave up waiting need not be told.
            let _ = reply.send(Reply::Lost(reason.to_owned()));
        }
    }
}

/// The task behind a connection.
struct Keeper {
    opener: Opener,
    items: mpsc::Sender<ApiItem>,
    commands: mpsc::Receiver<Command>,
    generation: u64,
}

/// A connection that another has taken over from: answers on their way still come on it.
struct Old {
    line: Line,
    /// When it is not waited for any longer.
    ends: Instant,
    closing: bool,
}

/// Nobody listens any more.
struct Closed;

const TERMINATED: &str = "the exchange ended the subscription";

/// What a frame asks of whoever keeps the connection.
enum Heard {
    Nothing,
    /// A new connection is to take over.
    Rotate,
    /// The subscription has ended.
    Terminated,
}

impl Keeper {
    async fn run(mut self) {
        // The only way out is that nobody listens.
        let _: Result<(), Closed> = self.keep().await;
    }

    async fn keep(&mut self) -> Result<(), Closed> {
        let mut failures = 0;
        loop {
            let opening = Box::pin(self.opener.clone().open());
            let reason = match self.while_down(opening).await? {
                Ok(live) => {
                    let (reason, opened) = self.serve(live).await?;
                    if opened.elapsed() >= self.opener.dialer.settings.steady_after {
                        failures = 0;
                    }
                    reason
                }
                Err(Failure::Lost(reason)) => reason,
                Err(Failure::Refused(refusal)) => {
                    let reason = refusal.to_string();
                    self.tell(ApiItem::Refused(refusal)).await?;
                    // Asking soon again would change nothing.
                    failures = failures.max(5);
                    reason
                }
            };
            let generation = self.generation;
            self.tell(ApiItem::Disconnected { generation, reason }).await?;
            failures += 1;
            let pause = self.opener.dialer.pause(failures);
            self.while_down(Box::pin(sleep(pause))).await?;
        }
    }

    async fn tell(&self, item: ApiItem) -> Result<(), Closed> {
        self.items.send(item).await.map_err(|_| Closed)
    }

    /// Waits for something while there is no connection: orders are refused at once.
    async fn while_down<T>(
        &mut self,
        mut something: Pin<Box<dyn Future<Output = T> + Send>>,
    ) -> Result<T, Closed> {
        loop {
            tokio::select! {
                value = &mut something => return Ok(value),
                command = self.commands.recv() => {
                    let command = command.ok_or(Closed)?;
                    let _ = command.reply.send(Reply::NotSent("not connected".to_owned()));
                }
                () = self.items.closed() => return Err(Closed),
            }
        }
    }

    /// Serves a connection, and those that take over from it, until one is lost: why, and when it was opened.
    async fn serve(&mut self, live: Live) -> Result<(String, Instant), Closed> {
        let mut line = Line { socket: live.socket, pending: HashMap::new() };
        let mut old: Option<Old> = None;
        let mut opening: Option<Opening> = None;
        let mut rotate_at = self.opener.dialer.rotation();
        match self.begin(&mut line, live.held).await? {
            Heard::Nothing => {}
            Heard::Rotate => rotate_at = Instant::now(),
            Heard::Terminated => {
                let opened = line.socket.opened;
                line.lose(TERMINATED);
                return Ok((TERMINATED.to_owned(), opened));
            }
        }
        let reason = loop {
            wind_down(&mut old).await;
            let old_ends = old.as_ref().map_or_else(Instant::now, |old| old.ends);
            tokio::select! {
                frame = line.socket.next() => match frame {
                    Ok(frame) => {
                        match self.hear(&frame, &mut line).await? {
                            Heard::Nothing => {}
                            Heard::Rotate => rotate_at = Instant::now(),
                            Heard::Terminated => break TERMINATED.to_owned(),
                        }
                        line.socket.was_busy();
                    }
                    Err(reason) => break reason,
                },
                frame = next_of_old(&mut old) => match (frame, &mut old) {
                    (Ok(frame), Some(old)) => {
                        // What the old one says of its own end is no news.
                        self.hear(&frame, &mut old.line).await?;
                        old.line.socket.was_busy();
                    }
                    (Err(reason), _) => {
                        if let Some(old) = old.take() {
                            old.line.lose(&reason);
                        }
                    }
                    (Ok(_), None) => {}
                },
                () = sleep_until(old_ends), if old.is_some() => {}
                () = sleep_until(rotate_at), if opening.is_none() && old.is_none() => {
                    opening = Some(Box::pin(self.opener.clone().open()));
                }
                opened = next_of_opening(&mut opening) => {
                    opening = None;
                    match opened {
                        Ok(live) => {
                            let new = Line { socket: live.socket, pending: HashMap::new() };
                            let ends = Instant::now() + self.opener.dialer.settings.answer_timeout;
                            let before = std::mem::replace(&mut line, new);
                            old = Some(Old { line: before, ends, closing: false });
                            rotate_at = self.opener.dialer.rotation();
                            match self.begin(&mut line, live.held).await? {
                                Heard::Nothing => {}
                                Heard::Rotate => rotate_at = Instant::now(),
                                Heard::Terminated => break TERMINATED.to_owned(),
                            }
                        }
                        Err(failure) => {
                            let reason = match failure {
                                Failure::Lost(reason) => reason,
                                Failure::Refused(refusal) => refusal.to_string(),
                            };
                            tracing::warn!(reason, "the next connection cannot be made yet");
                            rotate_at = Instant::now() + self.opener.dialer.pause(8);
                        }
                    }
                }
                command = self.commands.recv() => {
                    let now_ms = self.opener.signer.limits.clock().local_ms();
                    if let Err(reason) = line.write(command.ok_or(Closed)?, now_ms).await {
                        break reason;
                    }
                }
                () = self.items.closed() => return Err(Closed),
            }
        };
        let opened = line.socket.opened;
        line.lose(&reason);
        if let Some(old) = old {
            old.line.lose(&reason);
        }
        Ok((reason, opened))
    }

    /// A new generation, and what came while it was made: what that asks for holds as if it came now.
    async fn begin(&mut self, line: &mut Line, held: Vec<Vec<u8>>) -> Result<Heard, Closed> {
        self.generation += 1;
        let generation = self.generation;
        self.tell(ApiItem::Connected { generation }).await?;
        let mut heard = Heard::Nothing;
        for frame in held {
            match self.hear(&frame, line).await? {
                Heard::Nothing => {}
                Heard::Rotate => heard = Heard::Rotate,
                Heard::Terminated => return Ok(Heard::Terminated),
            }
        }
        line.socket.was_busy();
        Ok(heard)
    }

    async fn hear(&mut self, frame: &[u8], line: &mut Line) -> Result<Heard, Closed> {
        self.sort(frame, &mut line.pending).await
    }

    /// Hands a frame to whom it is for.
    async fn sort(
        &mut self,
        frame: &[u8],
        pending: &mut HashMap<u64, oneshot::Sender<Reply>>,
    ) -> Result<Heard, Closed> {
        match frames::api(frame) {
            Ok(ApiFrame::Response(response)) => {
                match response.id.and_then(|id| pending.remove(&id)) {
                    Some(reply) => {
                        let _ = reply.send(Reply::Answer(response));
                    }
                    // Late, or of the connection as a whole.
                    None if response.id.is_none() && response.status != 200 => {
                        let answer = self.opener.signer.read(response);
                        if let Outcome::Refused(refusal) = of_failure::<()>(&answer) {
                            self.tell(ApiItem::Refused(refusal)).await?;
                        }
                    }
                    None => {}
                }
                Ok(Heard::Nothing)
            }
            Ok(ApiFrame::User { event, .. }) => {
                let terminated = matches!(event, UserEvent::StreamTerminated { .. });
                self.tell(ApiItem::User(event)).await?;
                Ok(if terminated { Heard::Terminated } else { Heard::Nothing })
            }
            Ok(ApiFrame::ServerShutdown { .. }) => Ok(Heard::Rotate),
            Ok(ApiFrame::Other(_)) => Ok(Heard::Nothing),
            Err(error) => {
                self.tell(ApiItem::Unreadable(error)).await?;
                Ok(Heard::Nothing)
            }
        }
    }
}

impl Line {
    /// Writes a request, unless whoever made it has given up. An error ends the connection.
    async fn write(&mut self, command: Command, now_ms: i64) -> Result<(), String> {
        let Command { id, frame, fate, reply } = command;
        if reply.is_closed() {
            return Ok(());
        }
        if self.pending.len() >= PENDING_MAX {
            self.pending.retain(|_, reply| !reply.is_closed());
        }
        if self.pending.len() >= PENDING_MAX {
            let _ = reply.send(Reply::NotSent("too many requests wait for an answer".to_owned()));
            return Ok(());
        }
        if !fate.write(now_ms) {
            return Ok(());
        }
        // Before it is written: from then on its outcome is open.
        self.pending.insert(id, reply);
        self.socket.send(frame).await
    }
}

/// Lets an old connection go once nobody waits for it, or too long: first with a goodbye, then without.
async fn wind_down(slot: &mut Option<Old>) {
    let Some(old) = slot else { return };
    let late = old.ends <= Instant::now();
    if !old.closing && (late || old.line.pending.is_empty()) {
        old.closing = true;
        old.ends = Instant::now() + FINISH;
        old.line.socket.say_goodbye().await;
    } else if late && let Some(old) = slot.take() {
        old.line.lose("no answer before the connection was replaced");
    }
}

/// What the old connection brings; never anything, where there is none.
async fn next_of_old(old: &mut Option<Old>) -> Result<Vec<u8>, String> {
    match old {
        Some(old) => old.line.socket.next().await,
        None => std::future::pending().await,
    }
}

async fn next_of_opening(opening: &mut Option<Opening>) -> Result<Live, Failure> {
    match opening {
        Some(opening) => opening.await,
        None => std::future::pending().await,
    }
}
