//! The WebSocket API: requests in frames, the session, and subscriptions to user data.

use super::auth::{Verifier, json_payload};
use super::dispatch::{Answer, Request, Sender, authenticate, perform};
use super::faults::RequestKind;
use super::hub::{ConnectionId, SubscribeError, Subscription};
use super::refusal::Refusal;
use super::render::Unit;
use super::request::{JsonParams, Params, json_text};
use super::routes::{FRAME_NAMES, Security, find_ws};
use super::socket::Conversation;
use super::state::{Shared, State};
use crate::venues::sim::exchange::AccountId;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Who a connection is logged on as.
#[derive(Debug, Clone)]
struct Session {
    key: String,
    account: AccountId,
    since_us: i64,
}

pub struct Api {
    pub shared: Arc<Shared>,
    pub id: ConnectionId,
    pub ip: IpAddr,
    pub unit: Unit,
    /// Unless the address said no.
    pub shows_limits: bool,
    pub connected_us: i64,
    session: Option<Session>,
    /// Whose order limits the answer shows.
    counted: Option<AccountId>,
}

#[derive(Deserialize)]
struct Frame {
    #[serde(default)]
    id: Value,
    method: String,
    #[serde(default)]
    params: Option<JsonParams>,
}

/// The name of one that has only an id, to echo it.
#[derive(Deserialize)]
struct IdOnly {
    #[serde(default)]
    id: Value,
}

fn malformed(message: &str) -> Refusal {
    Refusal::bad(-1135, message.to_owned())
}

impl Conversation for Api {
    async fn on_text(&mut self, text: &str) -> Option<Vec<Utf8Bytes>> {
        let (answer, delay_ms) = self.respond(text)?;
        let frames: Vec<Utf8Bytes> = answer.into_iter().map(|frame| frame.to_string().into()).collect();
        if delay_ms == 0 {
            return Some(frames);
        }
        // Only the answer is late: events and pings go on, and may overtake it.
        let (shared, id) = (self.shared.clone(), self.id);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(delay_ms)).await;
            let mut state = shared.lock();
            frames.into_iter().for_each(|frame| state.hub.send(id, frame));
        });
        Some(Vec::new())
    }
}

impl Api {
    pub fn new(
        shared: Arc<Shared>,
        id: ConnectionId,
        ip: IpAddr,
        unit: Unit,
        shows_limits: bool,
        now_us: i64,
    ) -> Self {
        Api { shared, id, ip, unit, shows_limits, connected_us: now_us, session: None, counted: None }
    }

    /// The frames that answer, and how long they wait. `None`: the connection is to be closed.
    fn respond(&mut self, text: &str) -> Option<(Vec<Value>, u64)> {
        let shared = self.shared.clone();
        let state = &mut *shared.lock();
        let frame: Frame = match serde_json::from_str(text) {
            Ok(frame) => frame,
            Err(fault) => {
                let id = serde_json::from_str::<IdOnly>(text).map(|it| it.id).unwrap_or_default();
                let refusal = malformed(&format!("Invalid JSON: {fault}"));
                return Some((vec![self.envelope(state, &id, Err(refusal), true)], 0));
            }
        };
        let fields = frame.params.unwrap_or_default();
        let params = Params::of_json(&fields);
        let shows_limits = match params.boolean("returnRateLimits") {
            Ok(own) => own.unwrap_or(self.shows_limits),
            Err(refusal) => return Some((vec![self.envelope(state, &frame.id, Err(refusal), true)], 0)),
        };
        if !is_id(&frame.id) {
            let refusal = malformed("The ID must be an integer, a string of at most 36 characters, or null.");
            return Some((vec![self.envelope(state, &Value::Null, Err(refusal), shows_limits)], 0));
        }
        self.counted = None;
        let mut revoked = None;
        if let Some(session) = &self.session
            && state.accounts.find(Some(&session.key), self.ip).is_err()
        {
            revoked = Some(self.envelope(state, &Value::Null, Err(Refusal::key()), shows_limits));
            self.session = None;
            state.hub.unsubscribe(self.id, |it| it.is_of_session);
        }
        let method = frame.method.strip_prefix("v3/").unwrap_or(&frame.method);
        let mut delay_ms = 0;
        let (result, ended) = match self.own_method(state, method, &fields, &params) {
            Some((result, ended)) => (result, ended),
            None => {
                let (result, delay) = self.routed(state, method, &fields, &params)?;
                delay_ms = delay;
                (result, Vec::new())
            }
        };
        let mut frames: Vec<Value> = revoked.into_iter().collect();
        frames.push(self.envelope(state, &frame.id, result, shows_limits));
        frames.extend(ended.into_iter().map(|it| {
            let event = json!({ "e": "eventStreamTerminated", "E": self.unit.time(state.market.now()) });
            json!({ "subscriptionId": it.id, "event": event })
        }));
        Some((frames, delay_ms))
    }

    fn envelope(
        &self,
        state: &mut State,
        id: &Value,
        result: Result<Value, Refusal>,
        shows_limits: bool,
    ) -> Value {
        let mut frame = match result {
            Ok(result) => json!({ "id": id, "status": 200, "result": result }),
            Err(refusal) => {
                let mut error = refusal.json();
                if let Some(until) = refusal.retry_at {
                    let data = &mut error["data"];
                    data["serverTime"] = self.unit.micros(state.server_us()).into();
                    data["retryAfter"] = self.unit.time(until).into();
                }
                json!({ "id": id, "status": refusal.status, "error": error })
            }
        };
        if shows_limits {
            let now = state.server_us().div_euclid(1000);
            frame["rateLimits"] = state.limits.shown_used(self.ip, self.counted, now);
        }
        frame
    }

    /// A method that REST has too.
    fn routed(
        &mut self,
        state: &mut State,
        method: &str,
        fields: &JsonParams,
        params: &Params,
    ) -> Option<(Result<Value, Refusal>, u64)> {
        let Some(route) = find_ws(method) else {
            let refusal = Refusal::bad(-1000, format!("Unknown method: {method}"));
            return Some((Err(refusal), 0));
        };
        let (payload, signature) = json_payload(fields);
        let key = fields.get("apiKey").map(|value| json_text(value));
        let sender = match (&self.session, &key) {
            (Some(session), None) => Sender::Session { account: session.account },
            _ => Sender::Key { key: key.as_deref(), payload: &payload, signature: signature.as_deref() },
        };
        let common: &[&str] = match route.security {
            Security::Anybody => &["returnRateLimits", "apiKey", "timestamp", "signature", "recvWindow"],
            _ => &FRAME_NAMES,
        };
        let request = Request { params, sender, ip: self.ip, unit: self.unit, common };
        let reply = perform(state, route, &request);
        self.counted = reply.account.filter(|_| route.kind == RequestKind::Order);
        let result = match reply.answer {
            Answer::Done(value) => Ok(value),
            Answer::Refused(refusal) => Err(refusal),
            Answer::Page(status) => {
                Err(Refusal::new(status, -1000, "An unknown error occurred while processing the request."))
            }
            Answer::Nothing => return None,
        };
        Some((result, reply.delay_ms))
    }

    /// A method that is about the connection. With the subscriptions that it ended.
    fn own_method(
        &mut self,
        state: &mut State,
        method: &str,
        fields: &JsonParams,
        params: &Params,
    ) -> Option<(Result<Value, Refusal>, Vec<Subscription>)> {
        const SIGNED: [&str; 2] = ["session.logon", "userDataStream.subscribe.signature"];
        let known = match method {
            "session.logon"
            | "userDataStream.subscribe.signature"
            | "session.status"
            | "session.logout"
            | "session.subscriptions"
            | "userDataStream.subscribe" => "",
            "userDataStream.unsubscribe" => "subscriptionId",
            _ => return None,
        };
        let now = state.server_us().div_euclid(1000);
        let mut ended = Vec::new();
        let mut run = || -> Result<Value, Refusal> {
            state.limits.admit(self.ip, 2, now)?;
            if SIGNED.contains(&method) {
                ["apiKey", "timestamp", "signature"]
                    .into_iter()
                    .try_for_each(|name| params.required(name).map(drop))?;
            }
            params.check_names(known, &FRAME_NAMES)?;
            match method {
                "session.logon" => self.log_on(state, fields, params),
                "session.status" => Ok(self.status(state)),
                "session.logout" => {
                    self.session = None;
                    ended = state.hub.unsubscribe(self.id, |it| it.is_of_session);
                    Ok(self.status(state))
                }
                "session.subscriptions" => {
                    let known = state.hub.subscriptions(self.id);
                    Ok(known.into_iter().map(|it| json!({ "subscriptionId": it.id })).collect())
                }
                "userDataStream.subscribe" => {
                    let account = self.session.as_ref().map(|session| session.account);
                    let account = account.ok_or_else(not_logged_on)?;
                    self.subscribe(state, account, true)
                }
                "userDataStream.subscribe.signature" => {
                    let (account, _) = self.signed(state, fields, params)?;
                    self.subscribe(state, account, false)
                }
                _ => {
                    let wanted = params.integer("subscriptionId")?;
                    ended = state
                        .hub
                        .unsubscribe(self.id, |it| wanted.is_none_or(|wanted| i64::from(it.id) == wanted));
                    match ended.is_empty() {
                        true => Err(Refusal::bad(-2036, "User Data Stream subscription not active.")),
                        false => Ok(json!({})),
                    }
                }
            }
        };
        let result = run();
        Some((result, ended))
    }

    fn signed(
        &self,
        state: &State,
        fields: &JsonParams,
        params: &Params,
    ) -> Result<(AccountId, String), Refusal> {
        let (payload, signature) = json_payload(fields);
        let key = params.required("apiKey")?.to_owned();
        let sender = Sender::Key { key: Some(&key), payload: &payload, signature: signature.as_deref() };
        let account = authenticate(&state.accounts, sender, params, self.ip, state.server_us())?;
        Ok((account, key))
    }

    fn log_on(&mut self, state: &State, fields: &JsonParams, params: &Params) -> Result<Value, Refusal> {
        let name = params.required("apiKey")?;
        let key = state.accounts.find(Some(name), self.ip)?;
        if !matches!(key.verifier, Verifier::Ed25519(_)) {
            return Err(Refusal::bad(-4056, "HMAC_SHA256 API key is not supported."));
        }
        let (account, key) = self.signed(state, fields, params)?;
        self.session = Some(Session { key, account, since_us: state.server_us() });
        Ok(self.status(state))
    }

    fn status(&self, state: &State) -> Value {
        let time = |us: i64| self.unit.micros(us);
        let session = self.session.as_ref();
        json!({
            "apiKey": session.map(|session| session.key.as_str()),
            "authorizedSince": session.map(|session| time(session.since_us)),
            "connectedSince": time(self.connected_us),
            "returnRateLimits": self.shows_limits,
            "serverTime": time(state.server_us()),
            "userDataStream": state.hub.subscriptions(self.id).iter().any(|it| it.is_of_session),
        })
    }

    fn subscribe(
        &self,
        state: &mut State,
        account: AccountId,
        is_of_session: bool,
    ) -> Result<Value, Refusal> {
        match state.hub.subscribe(self.id, account, is_of_session) {
            Ok(id) => Ok(json!({ "subscriptionId": id })),
            Err(SubscribeError::Active) => {
                Err(Refusal::bad(-2035, "User Data Stream subscription already active."))
            }
            Err(SubscribeError::Exhausted) => {
                Err(Refusal::bad(-2042, "Maximum subscription ID reached for this connection."))
            }
            Err(SubscribeError::Gone) => Err(Refusal::bad(-1000, "The connection is being closed.")),
        }
    }
}

fn not_logged_on() -> Refusal {
    Refusal::new(401, -2015, "Invalid API-key, IP, or permissions for action.")
}

fn is_id(id: &Value) -> bool {
    match id {
        Value::Null => true,
        Value::Number(number) => number.is_i64() || number.is_u64(),
        Value::String(text) => text.len() <= 36,
        _ => false,
    }
}
