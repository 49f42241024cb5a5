//! The simulated exchange: accounts, orders of every type, lists, commissions and the events an account is told
//! of. Pure: times are those of the market, prices come from whoever walks the candles (see [`super::path`]),
//! and the same calls give the same events. Accounts trade with the market, never with each other.
//!
//! Money is exact: balances and executions are [`Decimal`], commissions are cut to eight decimals.

mod account;
mod cancel;
mod lists;
mod matching;
mod order;
mod place;
mod validate;

pub use cancel::Amended;
pub use order::*;

use account::Account;
use validate::one_of;

use crate::venues::rules::{ExchangeFilters, FilterFailure, SymbolRules};
use rust_decimal::Decimal;
use std::borrow::Cow;
use std::collections::BTreeSet;
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

#[derive(Debug)]
struct Listed {
    rules: SymbolRules,
    base: Arc<str>,
    quote: Arc<str>,
    last: Decimal,
    /// What filters compare with; the last price while it is not known.
    average: Option<Decimal>,
    open: BTreeSet<(OrderId, AccountId)>,
    /// Prices were not met since the last one that was.
    was_halted: bool,
}

impl Listed {
    /// What filters compare with.
    fn average(&self) -> Decimal {
        self.average.unwrap_or(self.last)
    }

    /// Zero: any price.
    fn tick(&self) -> Decimal {
        self.rules.filters.price.map_or(Decimal::ZERO, |filter| filter.tick_size)
    }

    /// Zero: any quantity.
    fn step(&self) -> Decimal {
        self.rules.filters.lot_size.map_or(Decimal::ZERO, |filter| filter.step_size)
    }
}

/// The state machine: see the module.
#[derive(Debug)]
pub struct Exchange {
    options: ExchangeOptions,
    /// As a fraction of the price.
    slippage: Decimal,
    symbols: Vec<Listed>,
    accounts: Vec<Account>,
    next_order: OrderId,
    next_list: ListId,
    next_trade: TradeId,
    next_execution: u64,
    made_up: u64,
    events: Vec<AccountEvent>,
}

impl Exchange {
    pub fn new(options: ExchangeOptions) -> Self {
        Exchange {
            slippage: matching::fraction(options.slippage_bps),
            options,
            symbols: Vec::new(),
            accounts: Vec::new(),
            next_order: 0,
            next_list: 0,
            next_trade: 0,
            next_execution: 0,
            made_up: 0,
            events: Vec::new(),
        }
    }

    /// Lists a symbol. It has no price until the market gives one.
    pub fn list_symbol(&mut self, rules: SymbolRules) -> SymbolId {
        self.symbols.push(Listed {
            base: rules.base_asset.as_str().into(),
            quote: rules.quote_asset.as_str().into(),
            rules,
            last: Decimal::ZERO,
            average: None,
            open: BTreeSet::new(),
            was_halted: false,
        });
        SymbolId(self.symbols.len() - 1)
    }

    pub fn open_account(
        &mut self,
        rates: CommissionRates,
        discount: Option<CommissionDiscount>,
    ) -> AccountId {
        self.accounts.push(Account::new(rates, discount));
        AccountId(self.accounts.len() - 1)
    }

    /// Adds to what is free of an asset, or takes away, as a deposit or withdrawal does.
    pub fn transfer(
        &mut self,
        account: AccountId,
        asset: &str,
        delta: Decimal,
        now: i64,
    ) -> Result<(), Rejection> {
        let asset: Arc<str> = asset.into();
        let free = self.accounts[account.0].balance(&asset).free;
        if delta > account::BALANCE_MAX || (delta > Decimal::ZERO && free > account::BALANCE_MAX - delta) {
            return Err(Rejection::new(-1108, "Parameter 'amount' overflowed."));
        }
        self.accounts[account.0].credit(&asset, delta)?;
        self.tell(account, now, AccountEventKind::Transfer { asset, delta });
        self.tell_balances(account, now);
        Ok(())
    }

    /// Replaces what is prescribed for a symbol; open orders stay.
    pub fn set_rules(&mut self, symbol: SymbolId, rules: SymbolRules) {
        self.symbols[symbol.0].rules = rules;
    }

    /// Sets the last price of a symbol without asking what it fills: what is known the instant a candle opens,
    /// before resting orders are looked at.
    pub fn set_price(&mut self, symbol: SymbolId, price: Decimal) {
        self.symbols[symbol.0].last = price;
    }

    /// The average that filters compare with.
    pub fn set_average(&mut self, symbol: SymbolId, average: Decimal) {
        self.symbols[symbol.0].average = Some(average);
    }

    /// What is there for the next order of an account that executes, once.
    pub fn set_liquidity(&mut self, account: AccountId, liquidity: Liquidity) {
        self.accounts[account.0].liquidity = Some(liquidity);
    }

    pub fn rules(&self, symbol: SymbolId) -> &SymbolRules {
        &self.symbols[symbol.0].rules
    }

    pub fn last_price(&self, symbol: SymbolId) -> Decimal {
        self.symbols[symbol.0].last
    }

    /// Best bid and ask as shown: a tick around the last price, which is what orders trade at.
    pub fn quote(&self, symbol: SymbolId) -> (Decimal, Decimal) {
        let Listed { last, .. } = self.symbols[symbol.0];
        let tick = self.symbols[symbol.0].tick();
        ((last - tick).max(tick.min(last)), last + tick)
    }

    pub fn balances(&self, account: AccountId) -> Vec<AssetBalance> {
        self.accounts[account.0].balances()
    }

    pub fn rates(&self, account: AccountId) -> CommissionRates {
        self.accounts[account.0].rates
    }

    pub fn discount(&self, account: AccountId) -> Option<&CommissionDiscount> {
        self.accounts[account.0].discount.as_ref()
    }

    pub fn order(&self, account: AccountId, id: OrderId) -> Option<&Order> {
        self.accounts[account.0].orders.get(&id)
    }

    /// An order that is remembered, open or closed. Of several with one client id the latest.
    pub fn find(&self, account: AccountId, symbol: SymbolId, key: &OrderKey) -> Result<&Order, Rejection> {
        let held = &self.accounts[account.0];
        let id = match (key.id, &key.client_order_id) {
            (Some(id), _) => Some(id),
            (None, Some(name)) => held.latest_with(symbol, name),
            (None, None) => {
                return Err(one_of("", "orderId", "origClientOrderId"));
            }
        };
        let order = id.and_then(|id| held.orders.get(&id)).filter(|order| order.symbol == symbol);
        let order = order.ok_or_else(|| Rejection::new(-2013, "Order does not exist."))?;
        if key.client_order_id.as_ref().is_some_and(|name| *name != order.client_order_id) {
            return Err(Rejection::new(-2039, "Client order ID is not correct for this order ID."));
        }
        Ok(order)
    }

    /// All that are remembered, oldest first.
    pub fn orders(&self, account: AccountId) -> impl DoubleEndedIterator<Item = &Order> {
        self.accounts[account.0].orders.values()
    }

    /// Oldest first.
    pub fn open_orders(&self, account: AccountId) -> impl Iterator<Item = &Order> {
        let account = &self.accounts[account.0];
        account.open.iter().filter_map(|id| account.orders.get(id))
    }

    /// All that are remembered, oldest first.
    pub fn executions(&self, account: AccountId) -> impl DoubleEndedIterator<Item = &Execution> {
        self.accounts[account.0].executions.iter()
    }

    /// Oldest first.
    pub fn executions_of(&self, account: AccountId, order: OrderId) -> Vec<&Execution> {
        let placed = self.order(account, order).map_or(i64::MIN, |order| order.time);
        let since = self.executions(account).rev().take_while(|execution| execution.time >= placed);
        let mut of_order: Vec<&Execution> = since.filter(|execution| execution.order_id == order).collect();
        of_order.reverse();
        of_order
    }

    pub fn list(&self, account: AccountId, id: ListId) -> Option<&OrderList> {
        self.accounts[account.0].lists.get(&id)
    }

    /// A list that is remembered, by its number or else the latest of its client id.
    pub fn find_list(
        &self,
        account: AccountId,
        id: Option<ListId>,
        client_list_id: Option<&str>,
    ) -> Result<&OrderList, Rejection> {
        let list = match (id, client_list_id) {
            (Some(id), _) => self.list(account, id),
            (None, Some(name)) => {
                self.accounts[account.0].lists.values().rev().find(|it| *it.client_list_id == *name)
            }
            (None, None) => {
                return Err(one_of("", "orderListId", "origClientOrderId"));
            }
        };
        list.ok_or_else(|| Rejection::new(-2013, "Order list does not exist."))
    }

    /// All that are remembered, oldest first.
    pub fn lists(&self, account: AccountId) -> impl DoubleEndedIterator<Item = &OrderList> {
        self.accounts[account.0].lists.values()
    }

    /// Oldest first.
    pub fn open_lists(&self, account: AccountId) -> impl Iterator<Item = &OrderList> {
        let account = &self.accounts[account.0];
        account.open_lists.iter().filter_map(|id| account.lists.get(id))
    }

    /// Takes the events since the last call, oldest first.
    pub fn take_events(&mut self) -> Vec<AccountEvent> {
        std::mem::take(&mut self.events)
    }
}

#[cfg(test)]
mod tests;
