//! Orders that are not over: what was asked, what is known, what is in doubt. Pure.

use crate::live::record::{CommissionIn, Execution, News, OrderNews};
use crate::model::{ExitReason, FillReason};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

/// What an order is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Entry,
    /// Sells at the market.
    Exit,
    /// Rests below the price.
    Stop,
    /// Rests above it.
    Target,
}

impl Role {
    pub fn protects(self) -> bool {
        matches!(self, Role::Stop | Role::Target)
    }
}

/// What is known of an order. Times are the wall clock's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// On its way; the answer to this request tells more.
    Sent {
        request: u64,
    },
    Open,
    /// It has to be asked for, `next` time then.
    Doubt {
        since: i64,
        next: i64,
        asks: u32,
    },
    /// Nothing more will happen to it. Executions that are not known are asked for, `next` time then.
    Ended {
        next: i64,
    },
}

/// How long to wait between two questions, in ms: growing, at most this.
const ASK_FIRST: i64 = 100;
const ASK_MOST: i64 = 2_000;
/// A question without an answer is asked again after this long.
pub const ANSWER_WITHIN: i64 = 10_000;
/// An order at the market that is said to be open is asked for after so many pauses: it should be over by then.
const MARKET_PAUSES: u32 = 3;

pub fn pause(asks: u32) -> i64 {
    (ASK_FIRST << asks.min(10)).min(ASK_MOST)
}

/// A cancel on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cancel {
    pub request: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Working {
    pub id: String,
    pub role: Role,
    pub reason: FillReason,
    /// Name of the list it belongs to.
    pub list: Option<String>,
    pub quantity: Decimal,
    /// Stop price of a stop, price of a target.
    pub level: Option<Decimal>,
    /// Price that was expected, for the slippage.
    pub expected: f64,
    pub order_id: Option<u64>,
    pub phase: Phase,
    pub cancel: Option<Cancel>,
    /// As told, which may be ahead of the executions that are known.
    pub executed: Decimal,
    pub executions: Vec<Execution>,
}

impl Working {
    pub fn is_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended { .. })
    }

    pub fn is_resting(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Nothing more will happen to it, and all that did is known.
    pub fn is_complete(&self) -> bool {
        self.is_ended() && self.known() >= self.executed
    }

    /// Base currency of the executions that are known.
    pub fn known(&self) -> Decimal {
        self.executions.iter().map(|execution| execution.quantity).sum()
    }

    pub fn exit_reason(&self) -> ExitReason {
        match self.reason {
            FillReason::Exit(reason) => reason,
            FillReason::Entry(_) => ExitReason::Signal,
        }
    }

    pub fn doubt(&mut self, at: i64) {
        if !self.is_ended() {
            self.phase = Phase::Doubt { since: at, next: at, asks: 0 };
        }
        self.cancel = None;
    }

    fn on_news(&mut self, news: &OrderNews, at: i64) {
        self.order_id = Some(news.order_id);
        self.executed = self.executed.max(news.executed);
        match &self.phase {
            Phase::Ended { .. } => {}
            // Taken, but how it stands was not said. What rests does so until told otherwise.
            Phase::Open if !news.is_known => {}
            _ if !news.is_known && self.role.protects() => self.phase = Phase::Open,
            Phase::Sent { .. } if !news.is_known => self.doubt(at),
            _ if !news.is_known => {}
            _ if !news.is_open => {
                self.cancel = None;
                self.phase = Phase::Ended { next: at + ASK_FIRST };
            }
            _ if self.role.protects() => self.phase = Phase::Open,
            // At the market nothing stays open for long.
            Phase::Doubt { since, asks, .. } => {
                self.phase = Phase::Doubt { since: *since, next: at + pause(*asks), asks: asks + 1 };
            }
            Phase::Sent { .. } | Phase::Open => {
                self.phase = Phase::Doubt { since: at, next: at + pause(MARKET_PAUSES), asks: MARKET_PAUSES };
            }
        }
    }

    /// Whether it sells when the price comes to `price`.
    pub fn is_met_by(&self, price: f64) -> bool {
        let Some(level) = self.level.and_then(|level| level.to_f64()) else { return false };
        match self.role {
            Role::Stop => price <= level,
            Role::Target => price >= level,
            Role::Entry | Role::Exit => false,
        }
    }
}

/// Takes what is told about orders; `true` if any of them is ours.
pub fn apply(orders: &mut [Working], news: &News, at: i64) -> bool {
    let mut ours = false;
    for execution in &news.executions {
        let Some(order) = orders.iter_mut().find(|order| order.id == execution.id) else { continue };
        ours = true;
        if !order.executions.iter().any(|known| known.trade_id == execution.trade_id) {
            order.executions.push(execution.clone());
            order.executed = order.executed.max(order.known());
        }
    }
    for told in &news.orders {
        if let Some(order) = orders.iter_mut().find(|order| order.id == told.id) {
            ours = true;
            order.on_news(told, at);
        }
    }
    ours
}

/// What several executions come to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sum {
    pub quantity: f64,
    /// Average.
    pub price: f64,
    /// Its value in quote currency.
    pub commission: f64,
    /// What of it was taken in base currency.
    pub base_commission: f64,
    /// Of the last of them.
    pub time: i64,
}

/// `None` without any executions, or where numbers are too large to be added.
pub fn sum<'a>(executions: impl Iterator<Item = &'a Execution> + Clone) -> Option<Sum> {
    let quantity = executions.clone().map(|it| it.quantity).try_fold(Decimal::ZERO, Decimal::checked_add)?;
    if quantity.is_zero() {
        return None;
    }
    let first = executions.clone().next()?;
    let price = if executions.clone().all(|it| it.price == first.price) {
        first.price
    } else {
        let worth = |it: &Execution| it.price.checked_mul(it.quantity);
        let quote = executions.clone().map(worth).try_fold(Decimal::ZERO, |sum, it| sum.checked_add(it?))?;
        quote.checked_div(quantity)?
    };
    let of = |wanted: CommissionIn| {
        let those = executions.clone().filter(move |it| it.commission_in == wanted);
        those.map(|it| it.commission_value).try_fold(Decimal::ZERO, Decimal::checked_add)
    };
    let base = executions.clone().filter(|it| it.commission_in == CommissionIn::Base);
    let base = base.map(|it| it.commission).try_fold(Decimal::ZERO, Decimal::checked_add)?.to_f64()?;
    let price = price.to_f64()?;
    let cash = of(CommissionIn::Quote)?.checked_add(of(CommissionIn::Other)?)?.to_f64()?;
    Some(Sum {
        quantity: quantity.to_f64()?,
        price,
        commission: if cash == 0.0 { base * price } else { cash + base * price },
        base_commission: base,
        time: executions.map(|it| it.time).max()?,
    })
}
