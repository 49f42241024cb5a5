//! What is to go wrong: armed by hand over the control endpoint, or decided by chaos.

use super::chaos::{Chaos, Kind};
use super::refusal::Refusal;
use crate::venues::sim::exchange::{AccountId, Liquidity};
use rust_decimal::Decimal;
use std::collections::HashMap;

/// What kind of request it is, as far as faults care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// Places orders.
    Order,
    Cancel,
    /// Asks for one order.
    Query,
    /// Anything else that is signed.
    Account,
    Public,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// The request is done; the answer is -1007.
    UnknownOutcome,
    /// The request is done; the connection is closed without an answer.
    DropAnswer,
    /// Not done; a status of 500 or above with a body that is no JSON.
    Status(u16),
    /// Not done; 429 or 418.
    Limited { status: u16, retry_after_s: i64 },
    /// Not done.
    Reject { code: i32, message: String },
    /// Not done: the order is said not to exist.
    ReadLag,
    /// The answer comes late.
    Delay { ms: u64 },
    /// The market has only part of what the next order that executes asks for.
    Partial(Liquidity),
}

/// Which requests a fault waits for. `None`: any.
#[derive(Debug, Clone, PartialEq)]
pub struct Armed {
    pub id: u64,
    pub account: Option<AccountId>,
    pub on: Option<RequestKind>,
    pub fault: Fault,
    /// How often it is still to happen.
    pub times: u32,
}

/// What comes of the faults that meet a request.
#[derive(Debug, Default)]
pub struct Effects {
    /// Instead of doing it.
    pub instead: Option<Instead>,
    pub delay_ms: u64,
    pub liquidity: Option<Liquidity>,
    pub is_outcome_unknown: bool,
    pub is_answer_dropped: bool,
}

#[derive(Debug)]
pub enum Instead {
    Refusal(Refusal),
    /// A status whose body is a page, as a proxy in front of the exchange would send it.
    Page(u16),
}

#[derive(Debug)]
pub struct Faults {
    armed: Vec<Armed>,
    next: u64,
    chaos: Option<Chaos>,
    /// Requests so far, by account.
    counts: HashMap<u64, u64>,
}

impl Faults {
    pub fn new(chaos: Option<Chaos>) -> Self {
        Faults { armed: Vec::new(), next: 1, chaos, counts: HashMap::new() }
    }

    pub fn arm(
        &mut self,
        account: Option<AccountId>,
        on: Option<RequestKind>,
        fault: Fault,
        times: u32,
    ) -> u64 {
        let id = self.next;
        self.next += 1;
        self.armed.push(Armed { id, account, on, fault, times });
        id
    }

    pub fn disarm(&mut self, id: Option<u64>) {
        self.armed.retain(|it| id.is_some_and(|id| it.id != id));
    }

    /// What is to happen to this request. `now` in ms of the wall clock.
    pub fn meet(&mut self, account: Option<AccountId>, kind: RequestKind, now: i64) -> Effects {
        let mut effects = Effects::default();
        for armed in &mut self.armed {
            let is_met = (armed.account.is_none() || armed.account == account)
                && armed.on.is_none_or(|on| on == kind)
                && armed.times > 0;
            // One request meets one fault that answers in its stead.
            let answers = matches!(
                armed.fault,
                Fault::Status(_) | Fault::Limited { .. } | Fault::Reject { .. } | Fault::ReadLag
            );
            if is_met && !(answers && effects.instead.is_some()) {
                armed.times -= 1;
                apply(&armed.fault, &mut effects, now);
            }
        }
        self.armed.retain(|armed| armed.times > 0);
        if let Some(chaos) = self.chaos {
            // 0 is the public's.
            let whose = account.map_or(0, |account| account.0 as u64 + 1);
            let count = self.counts.entry(whose).or_default();
            *count += 1;
            by_chance(chaos, whose, *count, kind, &mut effects, now);
        }
        effects
    }

    pub fn armed(&self) -> impl Iterator<Item = &Armed> {
        self.armed.iter()
    }
}

fn limited(status: u16, retry_after_s: i64, now: i64) -> Refusal {
    let text = "Too much request weight used; please use WebSocket Streams for live updates to avoid polling the API.";
    let retry_at = Some(now.saturating_add(retry_after_s.saturating_mul(1000)));
    Refusal { retry_at, ..Refusal::new(status, -1003, text) }
}

fn apply(fault: &Fault, effects: &mut Effects, now: i64) {
    match fault {
        Fault::UnknownOutcome => effects.is_outcome_unknown = true,
        Fault::DropAnswer => effects.is_answer_dropped = true,
        Fault::Status(status) => effects.instead = Some(Instead::Page(*status)),
        Fault::Limited { status, retry_after_s } => {
            effects.instead = Some(Instead::Refusal(limited(*status, *retry_after_s, now)));
        }
        Fault::Reject { code, message } => {
            let status = if matches!(code, -2014 | -2015) { 401 } else { 400 };
            effects.instead = Some(Instead::Refusal(Refusal::new(status, *code, message.clone())));
        }
        Fault::ReadLag => {
            effects.instead = Some(Instead::Refusal(Refusal::bad(-2013, "Order does not exist.")));
        }
        Fault::Delay { ms } => effects.delay_ms = effects.delay_ms.saturating_add(*ms),
        Fault::Partial(liquidity) => effects.liquidity = Some(*liquidity),
    }
}

fn by_chance(chaos: Chaos, whose: u64, count: u64, kind: RequestKind, effects: &mut Effects, now: i64) {
    let decide = |kind: Kind| chaos.decide(kind, whose, count);
    let may_leave_open = matches!(kind, RequestKind::Order | RequestKind::Cancel);
    if effects.instead.is_none() {
        if decide(Kind::ServerError) {
            effects.instead = Some(Instead::Page(503));
        } else if decide(Kind::Limited) {
            effects.instead = Some(Instead::Refusal(limited(429, 1, now)));
        }
    }
    if decide(Kind::Delay) {
        effects.delay_ms += chaos.delay_ms(whose, count);
    }
    effects.is_outcome_unknown |= may_leave_open && decide(Kind::UnknownOutcome);
    effects.is_answer_dropped |= decide(Kind::DropAnswer);
    if kind == RequestKind::Order && effects.liquidity.is_none() && decide(Kind::PartialFill) {
        effects.liquidity = Some(Liquidity { pieces: 2, fraction: Decimal::new(5, 1) });
    }
}
