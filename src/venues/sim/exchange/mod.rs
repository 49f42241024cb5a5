//! The simulated exchange: accounts, orders of every type, lists, commissions and the events an account is told
//! of. Pure: times are those of the market, prices come from whoever walks the candles (see [`super::path`]),
//! and the same calls give the same events. Accounts trade with the market, never with each other.
//!
//! Money is exact: balances and executions are [`Decimal`], commissions are cut to eight decimals.

mod order;

pub use order::*;

use crate::venues::rules::{ExchangeFilters, FilterFailure, SymbolRules};
use rust_decimal::Decimal;
use std::borrow::Cow;
use std::sync::Arc;

/// Why the exchange refuses. `code` and `message` are those of the protocol, and clients branch on both.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Rejection {
    pub code: i32,
    pub message: Cow<'static, str>,
}

impl Rejection {
    pub fn new(code: i32, message: impl Into<Cow<'static, str>>) -> Self {
        Rejection { code, message: message.into() }
    }
}

impl From<FilterFailure> for Rejection {
    fn from(failure: FilterFailure) -> Self {
        Rejection::new(-1013, failure.to_string())
    }
}

/// Commission rates as fractions of what is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommissionRates {
    pub maker: Decimal,
    pub taker: Decimal,
    pub buyer: Decimal,
    pub seller: Decimal,
}

/// Paying commission in another asset, at a discount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommissionDiscount {
    pub asset: Arc<str>,
    /// 0.75 is a quarter off.
    pub factor: Decimal,
    /// Price of one unit of the asset in each quote asset it can be asked for.
    pub prices: Vec<(Arc<str>, Decimal)>,
}

/// What is asked of the market for the next order of an account, beside what is usual: that all of it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Liquidity {
    /// Executions the order is split into, at least 1.
    pub pieces: u32,
    /// Part of the quantity that is there, from 0 to 1. What is not expires of a market order, and rests of a
    /// limit order.
    pub fraction: Decimal,
}

/// How an exchange is set up.
#[derive(Debug, Clone, PartialEq)]
pub struct ExchangeOptions {
    pub slippage_bps: f64,
    pub filters: ExchangeFilters,
    /// Closed orders and executions kept per account; older ones are forgotten.
    pub history: usize,
}

/// The state machine: see the module.
#[derive(Debug)]
pub struct Exchange {
    options: ExchangeOptions,
}

#[allow(unused_variables)]
impl Exchange {
    pub fn new(options: ExchangeOptions) -> Self {
        Exchange { options }
    }

    // --- set up -----------------------------------------------------------------------------------------------

    pub fn list_symbol(&mut self, rules: SymbolRules) -> SymbolId {
        todo!()
    }
    pub fn open_account(
        &mut self,
        rates: CommissionRates,
        discount: Option<CommissionDiscount>,
    ) -> AccountId {
        todo!()
    }
    /// Adds to a balance (or takes away), as a deposit (or withdrawal) does.
    pub fn transfer(
        &mut self,
        account: AccountId,
        asset: &str,
        delta: Decimal,
        now: i64,
    ) -> Result<(), Rejection> {
        todo!()
    }
    pub fn set_rules(&mut self, symbol: SymbolId, rules: SymbolRules) {
        todo!()
    }

    // --- the market -------------------------------------------------------------------------------------------

    /// Sets the last price of a symbol without asking what it fills: what is known the instant a candle opens,
    /// before resting orders are looked at.
    pub fn set_price(&mut self, symbol: SymbolId, price: Decimal) {
        todo!()
    }
    /// The next price seen: fills, triggers and trails what rests. `at_open`: the first price of a candle, where
    /// a level passed since the last price is met at the price itself; else levels on the way are met where they lie.
    pub fn on_price(&mut self, symbol: SymbolId, price: Decimal, at_open: bool, now: i64) {
        todo!()
    }
    /// The average that filters compare with.
    pub fn set_average(&mut self, symbol: SymbolId, average: Decimal) {
        todo!()
    }
    /// What is there for the next order of an account that executes.
    pub fn set_liquidity(&mut self, account: AccountId, liquidity: Liquidity) {
        todo!()
    }

    // --- requests ---------------------------------------------------------------------------------------------

    /// All checks of [`Exchange::place`], and nothing else.
    pub fn test(&self, account: AccountId, order: &NewOrder) -> Result<(), Rejection> {
        todo!()
    }
    pub fn place(&mut self, account: AccountId, order: NewOrder, now: i64) -> Result<OrderId, Rejection> {
        todo!()
    }
    pub fn place_list(&mut self, account: AccountId, list: NewList, now: i64) -> Result<ListId, Rejection> {
        todo!()
    }
    pub fn cancel(
        &mut self,
        account: AccountId,
        cancel: &Cancel,
        now: i64,
    ) -> Result<CanceledItem, Rejection> {
        todo!()
    }
    pub fn cancel_list(
        &mut self,
        account: AccountId,
        symbol: SymbolId,
        id: Option<ListId>,
        client_list_id: Option<&str>,
        now: i64,
    ) -> Result<CanceledList, Rejection> {
        todo!()
    }
    pub fn cancel_all(
        &mut self,
        account: AccountId,
        symbol: SymbolId,
        now: i64,
    ) -> Result<Vec<CanceledItem>, Rejection> {
        todo!()
    }
    /// Makes an order smaller without losing its place. `new_client_order_id` becomes the order's.
    pub fn amend(
        &mut self,
        account: AccountId,
        symbol: SymbolId,
        key: &OrderKey,
        quantity: Decimal,
        new_client_order_id: Option<Arc<str>>,
        now: i64,
    ) -> Result<OrderId, Rejection> {
        todo!()
    }

    // --- questions --------------------------------------------------------------------------------------------

    pub fn rules(&self, symbol: SymbolId) -> &SymbolRules {
        todo!()
    }
    pub fn last_price(&self, symbol: SymbolId) -> Decimal {
        todo!()
    }
    /// Best bid and ask, as shown.
    pub fn quote(&self, symbol: SymbolId) -> (Decimal, Decimal) {
        todo!()
    }
    pub fn balances(&self, account: AccountId) -> Vec<AssetBalance> {
        todo!()
    }
    pub fn rates(&self, account: AccountId) -> CommissionRates {
        todo!()
    }
    pub fn discount(&self, account: AccountId) -> Option<&CommissionDiscount> {
        todo!()
    }
    pub fn order(&self, account: AccountId, id: OrderId) -> Option<&Order> {
        todo!()
    }
    pub fn find(&self, account: AccountId, symbol: SymbolId, key: &OrderKey) -> Result<&Order, Rejection> {
        todo!()
    }
    /// All that are remembered, oldest first.
    pub fn orders(&self, account: AccountId) -> impl Iterator<Item = &Order> {
        std::iter::empty()
    }
    /// Oldest first.
    pub fn open_orders(&self, account: AccountId) -> impl Iterator<Item = &Order> {
        std::iter::empty()
    }
    /// Oldest first.
    pub fn executions(&self, account: AccountId) -> impl DoubleEndedIterator<Item = &Execution> {
        std::iter::empty()
    }
    pub fn executions_of(&self, account: AccountId, order: OrderId) -> Vec<&Execution> {
        todo!()
    }
    pub fn list(&self, account: AccountId, id: ListId) -> Option<&OrderList> {
        todo!()
    }
    pub fn find_list(
        &self,
        account: AccountId,
        id: Option<ListId>,
        client_list_id: Option<&str>,
    ) -> Result<&OrderList, Rejection> {
        todo!()
    }
    /// Oldest first.
    pub fn lists(&self, account: AccountId) -> impl Iterator<Item = &OrderList> {
        std::iter::empty()
    }

    /// Takes the events since the last call, oldest first.
    pub fn take_events(&mut self) -> Vec<AccountEvent> {
        todo!()
    }
}
