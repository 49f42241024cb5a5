//! What the exchange itself knows of an account: for tests that hold a trader's books against it. Copies, as of the
//! instant of the call. Symbols are numbered as the listings that it was started with.
//!
//! A key that no account has is an error of the caller's, and has nothing: no order, no balance.

use super::Handle;
use super::state::State;
use crate::venues::sim::exchange::{AccountId, Execution, Order};
use rust_decimal::Decimal;

impl Handle {
    /// All orders ever taken, oldest first; of the closed ones the latest `history` of
    /// [`LocalConfig`](super::LocalConfig).
    pub fn orders(&self, key: &str) -> Vec<Order> {
        self.of(key, |state, account| state.exchange.orders(account).cloned().collect())
    }

    /// All executions, oldest first; the latest `history` of them.
    pub fn executions(&self, key: &str) -> Vec<Execution> {
        self.of(key, |state, account| state.exchange.executions(account).cloned().collect())
    }

    /// Assets by name, with what is free of them and what is held for orders.
    pub fn balances(&self, key: &str) -> Vec<(String, Decimal, Decimal)> {
        let shown = |state: &State, account: AccountId| {
            let balances = state.exchange.balances(account).into_iter();
            balances.map(|it| (it.asset.to_string(), it.free, it.locked)).collect()
        };
        self.of(key, shown)
    }

    fn of<T>(&self, key: &str, read: impl FnOnce(&State, AccountId) -> Vec<T>) -> Vec<T> {
        let state = self.control.shared.lock();
        state.accounts.account(key).map(|account| read(&state, account)).unwrap_or_default()
    }
}
