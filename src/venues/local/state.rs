//! All that the exchange knows, behind one lock: operations take microseconds.

use super::accounts::Accounts;
use super::faults::Faults;
use super::hub::Hub;
use super::limits::Limits;
use super::market::Market;
use super::render_events::account_event;
use crate::venues::rules::ExchangeFilters;
use crate::venues::sim::exchange::{AccountEventKind, AccountId, Exchange, OrderId, SymbolId};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Amended orders remembered at most.
const AMENDED_MAX: usize = 10_000;

/// The wall clock, in µs since 1970.
pub fn wall_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// An order that was made smaller, as it is asked for later. Times in ms of the market.
#[derive(Debug, Clone)]
pub struct Amendment {
    pub execution_id: u64,
    pub before: (String, rust_decimal::Decimal),
    pub after: (String, rust_decimal::Decimal),
    pub time: i64,
}

pub struct State {
    pub exchange: Exchange,
    pub market: Market,
    pub hub: Hub,
    pub accounts: Accounts,
    pub limits: Limits,
    pub faults: Faults,
    pub filters: ExchangeFilters,
    /// How far the server's clock is off, in µs.
    pub skew_us: i64,
    pub amendments: HashMap<(AccountId, OrderId), Vec<Amendment>>,
    /// How far the public trades of each symbol were told, in ms of the market.
    pub trades_told: Vec<i64>,
    /// Events of each account since the start, whether or not somebody listened.
    pub user_events: Vec<u64>,
    /// How the market is paced, for whoever asks.
    pub pace: Value,
}

impl State {
    /// The server's clock in µs: the wall's, unless it was put wrong.
    pub fn server_us(&self) -> i64 {
        wall_us().saturating_add(self.skew_us)
    }

    pub fn symbol(&self, name: &str) -> Option<SymbolId> {
        self.market.find(name).map(SymbolId)
    }

    /// Sends what happened to accounts on its way.
    pub fn flush_events(&mut self) {
        let now = self.server_us() / 1000;
        for event in self.exchange.take_events() {
            if let AccountEventKind::Execution(report) = &event.kind
                && let Some(fill) = report.fill.as_ref().filter(|it| it.quantity == report.order.executed)
            {
                self.limits.credit_fill(event.account, fill.is_maker, now);
            }
            if let Some(count) = self.user_events.get_mut(event.account.0) {
                *count += 1;
            }
            let exchange = &self.exchange;
            self.hub.publish_event(event.account, |unit| account_event(exchange, &event, unit));
        }
    }

    pub fn remember_amendment(&mut self, account: AccountId, order: OrderId, amendment: Amendment) {
        if self.amendments.len() >= AMENDED_MAX {
            self.amendments.clear();
        }
        self.amendments.entry((account, order)).or_default().push(amendment);
    }
}

/// The state, shared. A thread that panicked while it held the lock left it as it was after its last step.
pub struct Shared(Mutex<State>);

impl Shared {
    pub fn new(state: State) -> Self {
        Shared(Mutex::new(state))
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
