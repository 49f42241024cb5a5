//! The control endpoint, outside the protocol: the market's clock, money, symbols, and what is to go wrong.
//!
//! | request | body |
//! |---|---|
//! | `GET state` | |
//! | `POST pause`, `POST resume` | |
//! | `POST speed` | `{"speed": 60}` or `{"speed": "max"}` |
//! | `POST step` | `{"candles": 1, "interval": "1h"}`, `{"until": TIME}` or `{"steps": 1}`; `{"brief": true, "account": KEY}` |
//! | `POST balance` | `{"account": KEY, "asset": "BTC", "set" or "deposit" or "withdraw": "1.5"}` |
//! | `POST symbol` | `{"symbol": "BTCUSDT", "status": "HALT", "filters": {"tickSize": "0.1"}}` |
//! | `POST fault` | `{"fault": NAME, "account": KEY, "on": "order", "times": 1, ..}`, see [`fault::read`] |
//! | `GET faults`, `DELETE faults`, `DELETE faults/ID` | |
//! | `POST disconnect` | `{"account": KEY}`, `{"kind": "streams"}`, `{"kind": "api"}` or `{}` |
//! | `POST events` | `{"repeat": 1, "reorder": 1}` |
//! | `POST clock` | `{"skew_ms": 1500}` |
//! | `POST key` | `{"key": KEY, "revoked": true}` |
//! | `POST shutdown-notice` | |

mod answer;
mod fault;
mod fields;

use super::market::KlineInterval;
use super::pace::{Command, Speed, Target};
use super::state::{Shared, State};
use crate::model::{iso, parse_iso};
use crate::venues::sim::exchange::AccountId;
use crate::venues::words::SymbolStatus;
use answer::Wanted;
use rust_decimal::Decimal;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// Steps taken by one request at most.
const STEPS_MAX: u64 = 10_000_000;

#[derive(Clone)]
pub struct Control {
    pub shared: Arc<Shared>,
    pub pacer: mpsc::Sender<Command>,
}

type Answer = Result<Value, String>;

/// Answers a request below `/control/`. An error is a sentence that says what to send instead.
pub async fn handle(control: &Control, method: &str, path: &str, body: &[u8]) -> Answer {
    let body: Value = match body.iter().all(u8::is_ascii_whitespace) {
        true => json!({}),
        false => serde_json::from_slice(body).map_err(|fault| format!("the body is no JSON: {fault}"))?,
    };
    let fields = body.as_object().ok_or("the body is no object: write one such as {\"steps\": 1}")?;
    fields::check(method, path, fields)?;
    let mut wanted = Wanted::default();
    match (method, path) {
        ("GET", "state") => {}
        ("POST", "pause") => control.tell(Command::Pause).await?,
        ("POST", "resume") => control.tell(Command::Resume).await?,
        ("POST", "speed") => {
            let speed = match &body["speed"] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let speed: Speed = speed.parse().map_err(|fault: super::pace::SpeedError| fault.to_string())?;
            control.tell(|done| Command::Speed(speed, done)).await?;
        }
        ("POST", "step") => {
            let target = control.target(&body)?;
            wanted = control.wanted(&body)?;
            control.tell(|done| Command::Advance(target, done)).await?;
        }
        ("GET", "faults") => return Ok(faults(&control.shared.lock())),
        ("DELETE", "faults") => control.shared.lock().faults.disarm(None),
        ("DELETE", path) => {
            let id = path.strip_prefix("faults/").and_then(|id| id.parse().ok());
            let id = id.ok_or_else(|| format!("there is no DELETE {path}: write faults or faults/ID"))?;
            control.shared.lock().faults.disarm(Some(id));
        }
        ("POST", path) => return act(&mut control.shared.lock(), path, &body),
        _ => return Err(format!("there is no {method} {path}")),
    }
    Ok(answer::state(&control.shared.lock(), wanted))
}

impl Control {
    async fn tell(&self, command: impl FnOnce(oneshot::Sender<()>) -> Command) -> Result<(), String> {
        let (done, is_done) = oneshot::channel();
        let gone = || "the exchange is being shut down".to_owned();
        self.pacer.send(command(done)).await.map_err(|_| gone())?;
        is_done.await.map_err(|_| gone())
    }

    fn wanted(&self, body: &Value) -> Result<Wanted, String> {
        let is_brief = match &body["brief"] {
            Value::Null => false,
            value => value.as_bool().ok_or("`brief` must be true or false")?,
        };
        Ok(Wanted { is_brief, account: account_of(&self.shared.lock(), body)? })
    }

    fn target(&self, body: &Value) -> Result<Target, String> {
        let count = |name: &str| match &body[name] {
            Value::Null => Ok(None),
            value => match value.as_u64().filter(|count| (1..=STEPS_MAX).contains(count)) {
                Some(count) => Ok(Some(count)),
                None => Err(format!("`{name}` must be a whole number from 1 to {STEPS_MAX}")),
            },
        };
        let until = match &body["until"] {
            Value::Null => None,
            value => Some(time_of(value).ok_or("`until` must be a time in ms, or in ISO form")?),
        };
        let now = self.shared.lock().market.now();
        if let Some(until) = until.filter(|until| *until < now) {
            return Err(format!("the market is at {}, and does not go back to {}", iso(now), iso(until)));
        }
        let own = || {
            let state = self.shared.lock();
            KlineInterval::of(&state.market.series(0).interval().to_string())
        };
        let interval = match &body["interval"] {
            Value::Null => own(),
            Value::String(name) => Some(KlineInterval::of(name).ok_or("`interval` must be one such as 1h")?),
            _ => return Err("`interval` must be one such as 1h".to_owned()),
        };
        match (count("candles")?, until, count("steps")?) {
            (Some(count), None, None) => match interval {
                Some(interval) => Ok(Target::Candles { interval, count }),
                None => Err("name the `interval` of the candles".to_owned()),
            },
            (None, Some(until), None) => Ok(Target::Until(until)),
            (None, None, Some(steps)) => Ok(Target::Steps(steps)),
            (None, None, None) => Err("write how far: `candles`, `until` or `steps`".to_owned()),
            _ => Err("write one of `candles`, `until` and `steps`".to_owned()),
        }
    }
}

fn time_of(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str().and_then(parse_iso))
}

fn faults(state: &State) -> Value {
    fault::shown(state.faults.armed(), &state.accounts)
}

fn account_of(state: &State, body: &Value) -> Result<Option<AccountId>, String> {
    match &body["account"] {
        Value::Null => Ok(None),
        value => {
            let name = value.as_str().unwrap_or_default();
            let account = state.accounts.account(name);
            account.map(Some).ok_or_else(|| format!("there is no account `{name}`: write its API key"))
        }
    }
}

fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.to_string().parse().ok(),
        _ => None,
    }
}

fn text_of<'a>(body: &'a Value, name: &str) -> Result<&'a str, String> {
    body[name].as_str().ok_or_else(|| format!("`{name}` is missing: it must be a text"))
}

fn number_of(body: &Value, name: &str) -> Result<u64, String> {
    body[name].as_u64().ok_or_else(|| format!("`{name}` is missing: it must be a whole number from 0"))
}

fn act(state: &mut State, path: &str, body: &Value) -> Answer {
    match path {
        "balance" => balance(state, body)?,
        "symbol" => symbol(state, body)?,
        "fault" => {
            let account = account_of(state, body)?;
            let (fault, on) = fault::read(body)?;
            let times = body["times"].as_u64().unwrap_or(1).min(1_000_000);
            let id = state.faults.arm(account, on, fault, u32::try_from(times).unwrap_or(1));
            return Ok(json!({ "id": id, "faults": faults(state) }));
        }
        "disconnect" => {
            let account = account_of(state, body)?;
            let kind = body["kind"].as_str().unwrap_or("all");
            if !["all", "streams", "api"].contains(&kind) {
                return Err(format!("`kind` is streams, api or all, not {kind}"));
            }
            let is_meant = |is_api: bool| match kind {
                "streams" => !is_api,
                "api" => is_api,
                _ => true,
            };
            let cut = state.hub.cut(|it| {
                is_meant(it.is_api) && account.is_none_or(|account| it.accounts.contains(&account))
            });
            return Ok(json!({ "disconnected": cut }));
        }
        "events" => {
            let count = |name: &str| u32::try_from(body[name].as_u64().unwrap_or(0)).unwrap_or(u32::MAX);
            (state.hub.repeat_events, state.hub.reorder_events) = (count("repeat"), count("reorder"));
        }
        "clock" => {
            let skew = body["skew_ms"].as_i64().ok_or("`skew_ms` is missing: it must be a whole number")?;
            state.skew_us = skew.clamp(-DAYS_MS, DAYS_MS) * 1000;
        }
        "key" => {
            let name = text_of(body, "key")?;
            let is_revoked = body["revoked"].as_bool().unwrap_or(true);
            let key = state.accounts.key_mut(name).ok_or_else(|| format!("there is no key `{name}`"))?;
            key.is_revoked = is_revoked;
        }
        "shutdown-notice" => {
            let now = state.market.now();
            state.hub.announce_shutdown(now);
        }
        path => return Err(format!("there is no POST {path}")),
    }
    Ok(answer::state(state, Wanted::default()))
}

/// A hundred years.
const DAYS_MS: i64 = 36_525 * 86_400_000;

fn balance(state: &mut State, body: &Value) -> Result<(), String> {
    let account = account_of(state, body)?.ok_or("`account` is missing: write its API key")?;
    let asset = text_of(body, "asset")?;
    let now = state.market.now();
    let free = state.exchange.balances(account).into_iter().find(|it| &*it.asset == asset);
    let free = free.map_or(Decimal::ZERO, |it| it.free);
    let amount = |name: &str| match &body[name] {
        Value::Null => Ok(None),
        value => match decimal(value).filter(|amount| !amount.is_sign_negative()) {
            Some(amount) => Ok(Some(amount)),
            None => Err(format!("`{name}` must be an amount such as \"1.5\"")),
        },
    };
    let delta = match (amount("set")?, amount("deposit")?, amount("withdraw")?) {
        (Some(set), None, None) => set - free,
        (None, Some(deposit), None) => deposit,
        (None, None, Some(withdraw)) => -withdraw,
        _ => return Err("write one of `set` (the free part), `deposit` and `withdraw`".to_owned()),
    };
    state.exchange.transfer(account, asset, delta, now).map_err(|refusal| refusal.to_string())?;
    state.flush_events();
    Ok(())
}

fn symbol(state: &mut State, body: &Value) -> Result<(), String> {
    let name = text_of(body, "symbol")?;
    let symbol = state.symbol(name).ok_or_else(|| format!("there is no symbol {name}"))?;
    let mut rules = state.exchange.rules(symbol).clone();
    if let Some(word) = body["status"].as_str() {
        let known: Vec<&str> = SymbolStatus::ALL.iter().map(|it| it.name()).collect();
        let status = SymbolStatus::of(word);
        rules.status = status.ok_or_else(|| format!("`status` must be one of {}", known.join(" ")))?;
    }
    let none = serde_json::Map::new();
    for (field, value) in body["filters"].as_object().unwrap_or(&none) {
        let number = decimal(value).ok_or_else(|| format!("`{field}` must be a number"))?;
        super::listing::set_filter(&mut rules.filters, field, number)?;
    }
    state.exchange.set_rules(symbol, rules);
    Ok(())
}
