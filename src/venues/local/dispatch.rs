//! One request, from its row in the table to its answer: limits, who sent it, what is to go wrong, and the work.

use super::accounts::Accounts;
use super::auth;
use super::faults::{Effects, Instead, RequestKind};
use super::refusal::Refusal;
use super::render::Unit;
use super::request::Params;
use super::routes::{Call, Route, Security, Weight};
use super::state::State;
use crate::venues::sim::exchange::AccountId;
use serde_json::Value;
use std::net::IpAddr;

/// Who sent a request.
#[derive(Debug, Clone, Copy)]
pub enum Sender<'a> {
    /// Named by a key, proved by a signature over `payload`.
    Key { key: Option<&'a str>, payload: &'a str, signature: Option<&'a str> },
    /// Logged on before.
    Session { account: AccountId },
}

pub struct Request<'a> {
    pub params: &'a Params,
    pub sender: Sender<'a>,
    pub ip: IpAddr,
    pub unit: Unit,
    /// Names that any request of its kind may have.
    pub common: &'a [&'a str],
}

#[derive(Debug)]
pub enum Answer {
    Done(Value),
    Refused(Refusal),
    /// A status whose body is a page.
    Page(u16),
    /// The connection is closed without a word.
    Nothing,
}

/// What goes back, and when.
#[derive(Debug)]
pub struct Reply {
    pub answer: Answer,
    pub account: Option<AccountId>,
    /// Used weight of the address in this minute.
    pub weight_used: u64,
    /// Of a request that placed orders.
    pub order_counts: Option<[u64; 2]>,
    pub delay_ms: u64,
}

/// The account that a signed request is of.
pub fn authenticate(
    accounts: &Accounts,
    sender: Sender<'_>,
    params: &Params,
    ip: IpAddr,
    now_us: i64,
) -> Result<AccountId, Refusal> {
    match sender {
        Sender::Session { account } => {
            auth::check_time(params, now_us)?;
            Ok(account)
        }
        Sender::Key { key, payload, signature } => {
            let key = accounts.find(key, ip)?;
            if !params.has("timestamp") {
                return Err(Refusal::missing("timestamp"));
            }
            let signature = signature.ok_or_else(|| Refusal::missing("signature"))?;
            auth::check_time(params, now_us)?;
            match key.verifier.verifies(payload.as_bytes(), signature) {
                true => Ok(key.account),
                false => Err(Refusal::signature()),
            }
        }
    }
}

/// Answers a request.
pub fn perform(state: &mut State, route: &Route, request: &Request<'_>) -> Reply {
    let now_us = state.server_us();
    let now = now_us.div_euclid(1000);
    let (weight, if_failed) = match route.weight {
        Weight::Fixed(weight) => (weight, 0),
        Weight::IfFailed(weight) => (0, weight),
        Weight::By(weight) => (weight(request.params), 0),
    };
    let mut account = None;
    let mut effects = Effects::default();
    let admitted = state.limits.admit(request.ip, weight, now);
    let was_admitted = admitted.is_ok();
    let mut answer = match admitted.and_then(|()| identify(state, route, request, now_us)) {
        Err(refusal) => Answer::Refused(refusal),
        Ok(sender) => {
            account = sender;
            effects = state.faults.meet(sender, route.kind, now);
            match effects.instead.take() {
                Some(Instead::Refusal(refusal)) => Answer::Refused(refusal),
                Some(Instead::Page(status)) => Answer::Page(status),
                None => work(state, route, request, sender, &effects, now_us),
            }
        }
    };
    let is_done = matches!(answer, Answer::Done(_));
    if !is_done && was_admitted && if_failed > 0 {
        state.limits.charge(request.ip, if_failed, now);
    }
    let is_order = matches!(route.kind, RequestKind::Order) && is_done;
    let order_counts = account.filter(|_| is_order).map(|account| state.limits.order_counts(account, now));
    if effects.is_answer_dropped {
        answer = Answer::Nothing;
    } else if effects.is_outcome_unknown && is_done {
        answer = Answer::Refused(Refusal::unknown_outcome());
    }
    let weight_used = state.limits.weight_used(request.ip, now);
    Reply { answer, account, weight_used, order_counts, delay_ms: effects.delay_ms }
}

fn identify(
    state: &State,
    route: &Route,
    request: &Request<'_>,
    now_us: i64,
) -> Result<Option<AccountId>, Refusal> {
    if route.security == Security::Anybody {
        request.params.check_names(route.parameters, request.common)?;
        return Ok(None);
    }
    let account = authenticate(&state.accounts, request.sender, request.params, request.ip, now_us)?;
    request.params.check_names(route.parameters, request.common)?;
    if route.security == Security::Trader && !state.accounts.permissions(account).can_trade {
        return Err(Refusal::bad(-2010, "This account may not place or cancel orders."));
    }
    Ok(Some(account))
}

fn work(
    state: &mut State,
    route: &Route,
    request: &Request<'_>,
    account: Option<AccountId>,
    effects: &Effects,
    now_us: i64,
) -> Answer {
    if let (Some(account), Some(liquidity)) = (account, effects.liquidity) {
        state.exchange.set_liquidity(account, liquidity);
    }
    let mut call = Call { state, params: request.params, account, unit: request.unit, now_us };
    let result = (route.handler)(&mut call);
    // What a refused request did all the same (an order that expired in being placed) is told too.
    state.flush_events();
    match result {
        Ok(value) => Answer::Done(value),
        Err(refusal) => Answer::Refused(refusal),
    }
}
