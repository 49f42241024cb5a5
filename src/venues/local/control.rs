//! The control endpoint, outside the protocol: the market's clock, money, symbols, and what is to go wrong.
//!
//! | request | body |
//! |---|---|
//! | `GET state` | |
//! | `POST pause`, `POST resume` | |
//! | `POST speed` | `{"speed": 60}` or `{"speed": "max"}` |
//! | `POST step` | `{"candles": 1, "interval": "1h"}`, `{"until": TIME}` or `{"steps": 1}` |
//! | `POST balance` | `{"account": KEY, "asset": "BTC", "set" or "deposit" or "withdraw": "1.5"}` |
//! | `POST symbol` | `{"symbol": "BTCUSDT", "status": "HALT", "filters": {"tickSize": "0.1"}}` |
//! | `POST fault` | `{"fault": NAME, "account": KEY, "on": "order", "times": 1, ..}`, see [`fault_of`] |
//! | `GET faults`, `DELETE faults`, `DELETE faults/ID` | |
//! | `POST disconnect` | `{"account": KEY}`, `{"kind": "streams"}`, `{"kind": "api"}` or `{}` |
//! | `POST events` | `{"repeat": 1, "reorder": 1}` |
//! | `POST clock` | `{"skew_ms": 1500}` |
//! | `POST key` | `{"key": KEY, "revoked": true}` |
//! | `POST shutdown-notice` | |

use super::faults::{Fault, RequestKind};
use super::market::KlineInterval;
use super::pace::{Command, Speed, Target};
use super::state::{Shared, State};
use crate::model::{iso, parse_iso};
use crate::venues::sim::exchange::{AccountId, Liquidity};
use crate::venues::words::SymbolStatus;
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
            control.tell(|done| Command::Advance(target, done)).await?;
        }
        ("GET", "faults") => return Ok(control.shared.lock().faults.shown()),
        ("DELETE", "faults") => control.shared.lock().faults.disarm(None),
        ("DELETE", path) => {
            let id = path.strip_prefix("faults/").and_then(|id| id.parse().ok());
            let id = id.ok_or_else(|| format!("there is no DELETE {path}: write faults or faults/ID"))?;
            control.shared.lock().faults.disarm(Some(id));
        }
        ("POST", path) => return act(&mut control.shared.lock(), path, &body),
        _ => return Err(format!("there is no {method} {path}")),
    }
    Ok(state(&control.shared.lock()))
}

impl Control {
    async fn tell(&self, command: impl FnOnce(oneshot::Sender<()>) -> Command) -> Result<(), String> {
        let (done, is_done) = oneshot::channel();
        let gone = || "the exchange is being shut down".to_owned();
        self.pacer.send(command(done)).await.map_err(|_| gone())?;
        is_done.await.map_err(|_| gone())
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

fn state(state: &State) -> Value {
    let now = state.market.now();
    let symbols: Vec<Value> = state
        .market
        .symbols()
        .enumerate()
        .map(|(index, name)| json!({ "symbol": name, "price": state.market.last_price(index).to_string() }))
        .collect();
    json!({
        "market_time": now,
        "market_time_iso": iso(now),
        "server_time": state.server_us() / 1000,
        "skew_ms": state.skew_us / 1000,
        "pace": state.pace,
        "symbols": symbols,
        "accounts": state.accounts.names().collect::<Vec<_>>(),
        "connections": state.hub.connections(),
        "faults": state.faults.shown(),
    })
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
            let (fault, usual) = fault_of(body)?;
            let on = match body["on"].as_str() {
                None => usual,
                Some("any") => None,
                Some("order") => Some(RequestKind::Order),
                Some("cancel") => Some(RequestKind::Cancel),
                Some("query") => Some(RequestKind::Query),
                Some("account") => Some(RequestKind::Account),
                Some("public") => Some(RequestKind::Public),
                Some(other) => {
                    return Err(format!("`on` is any, order, cancel, query, account or public, not {other}"));
                }
            };
            let times = body["times"].as_u64().unwrap_or(1).min(1_000_000);
            let id = state.faults.arm(account, on, fault, u32::try_from(times).unwrap_or(1));
            return Ok(json!({ "id": id, "faults": state.faults.shown() }));
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
    Ok(self::state(state))
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

/// A fault, and the requests it usually waits for.
///
/// `unknown_outcome`, `drop_answer`, `status` {status}, `limited` {status, retry_after_s}, `reject` {code, message},
/// `read_lag`, `delay` {ms}, `partial` {pieces, fraction}.
fn fault_of(body: &Value) -> Result<(Fault, Option<RequestKind>), String> {
    let order = Some(RequestKind::Order);
    Ok(match text_of(body, "fault")? {
        "unknown_outcome" => (Fault::UnknownOutcome, order),
        "drop_answer" => (Fault::DropAnswer, order),
        "status" => {
            let status = number_of(body, "status")?;
            let status = u16::try_from(status).ok().filter(|status| (400..=599).contains(status));
            (Fault::Status(status.ok_or("`status` must be from 400 to 599")?), order)
        }
        "limited" => {
            let status = match body["status"].as_u64().unwrap_or(429) {
                status @ (418 | 429) => u16::try_from(status).unwrap_or(429),
                _ => return Err("`status` must be 429 or 418".to_owned()),
            };
            let retry_after_s = body["retry_after_s"].as_i64().unwrap_or(1).clamp(0, 86_400);
            (Fault::Limited { status, retry_after_s }, None)
        }
        "reject" => {
            let code = body["code"].as_i64().and_then(|code| i32::try_from(code).ok());
            let code = code.ok_or("`code` is missing: it must be a number such as -2010")?;
            (Fault::Reject { code, message: text_of(body, "message")?.to_owned() }, order)
        }
        "read_lag" => {
            let message = "Order does not exist.".to_owned();
            (Fault::Reject { code: -2013, message }, Some(RequestKind::Query))
        }
        "delay" => (Fault::Delay { ms: number_of(body, "ms")?.min(600_000) }, None),
        "partial" => {
            let pieces = body["pieces"].as_u64().unwrap_or(1).clamp(1, 100);
            let fraction = decimal(&body["fraction"]).unwrap_or(Decimal::ONE);
            if fraction.is_sign_negative() || fraction > Decimal::ONE {
                return Err("`fraction` must be from 0 to 1".to_owned());
            }
            let pieces = u32::try_from(pieces).unwrap_or(1);
            (Fault::Partial(Liquidity { pieces, fraction }), order)
        }
        other => {
            return Err(format!(
                "`fault` is unknown_outcome, drop_answer, status, limited, reject, read_lag, delay or partial, not {other}"
            ));
        }
    })
}
