//! One account: balances, what is held for open orders, and what is remembered of closed ones.

use super::order::{AssetBalance, Execution, ListId, Order, OrderId, OrderList, SymbolId};
use super::{CommissionDiscount, CommissionRates, Liquidity, Rejection};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Balance {
    pub free: Decimal,
    pub locked: Decimal,
}

#[derive(Debug)]
pub(super) struct Account {
    pub rates: CommissionRates,
    pub discount: Option<CommissionDiscount>,
    pub balances: BTreeMap<Arc<str>, Balance>,
    pub orders: BTreeMap<OrderId, Order>,
    pub open: BTreeSet<OrderId>,
    /// The latest order of a client id, open or closed.
    latest: HashMap<(SymbolId, Arc<str>), OrderId>,
    pub executions: VecDeque<Execution>,
    pub lists: BTreeMap<ListId, OrderList>,
    pub open_lists: BTreeSet<ListId>,
    pub liquidity: Option<Liquidity>,
    closed: VecDeque<OrderId>,
    closed_lists: VecDeque<ListId>,
    /// Assets whose balance changed since the account was last told.
    touched: BTreeSet<Arc<str>>,
}

/// No deposit brings a balance above this, so that a few of them can be added.
pub(super) const BALANCE_MAX: Decimal = Decimal::from_parts(0, 0, 1 << 28, false, 0);

/// What an order pays with was not there.
pub(super) struct Insufficient;

impl From<Insufficient> for Rejection {
    fn from(_: Insufficient) -> Self {
        Rejection::new(-2010, "Account has insufficient balance for requested action.")
    }
}

impl Account {
    pub fn new(rates: CommissionRates, discount: Option<CommissionDiscount>) -> Self {
        Account {
            rates,
            discount,
            balances: BTreeMap::new(),
            orders: BTreeMap::new(),
            open: BTreeSet::new(),
            latest: HashMap::new(),
            executions: VecDeque::new(),
            lists: BTreeMap::new(),
            open_lists: BTreeSet::new(),
            liquidity: None,
            closed: VecDeque::new(),
            closed_lists: VecDeque::new(),
            touched: BTreeSet::new(),
        }
    }

    pub fn balance(&self, asset: &str) -> Balance {
        self.balances.get(asset).copied().unwrap_or_default()
    }

    /// Adds to what is free. Never leaves less than nothing.
    pub fn credit(&mut self, asset: &Arc<str>, delta: Decimal) -> Result<(), Insufficient> {
        let balance = self.balances.entry(asset.clone()).or_default();
        let free = balance.free.checked_add(delta).ok_or(Insufficient)?;
        if free.is_sign_negative() && !free.is_zero() {
            return Err(Insufficient);
        }
        balance.free = free;
        self.touched.insert(asset.clone());
        Ok(())
    }

    /// Pays from what is held for `order`, then from what is free.
    pub fn pay(&mut self, order: OrderId, asset: &Arc<str>, amount: Decimal) -> Result<(), Insufficient> {
        let held = self.orders.get(&order).map_or(Decimal::ZERO, |order| order.locked);
        let from_held = held.min(amount);
        let balance = self.balances.entry(asset.clone()).or_default();
        let from_free = amount - from_held;
        if from_free > balance.free {
            return Err(Insufficient);
        }
        balance.free -= from_free;
        balance.locked -= from_held;
        if let Some(order) = self.orders.get_mut(&order) {
            order.locked -= from_held;
        }
        self.touched.insert(asset.clone());
        Ok(())
    }

    /// Makes what is held for orders that share one holding exactly `need`, kept with `keeper`.
    pub fn hold(
        &mut self,
        group: &[OrderId],
        keeper: OrderId,
        asset: &Arc<str>,
        need: Decimal,
    ) -> Result<(), Insufficient> {
        let held: Decimal = group.iter().filter_map(|id| self.orders.get(id)).map(|order| order.locked).sum();
        let balance = self.balances.entry(asset.clone()).or_default();
        let more = need - held;
        if more > balance.free {
            return Err(Insufficient);
        }
        if !more.is_zero() {
            balance.free -= more;
            balance.locked += more;
            self.touched.insert(asset.clone());
        }
        for id in group {
            if let Some(order) = self.orders.get_mut(id) {
                order.locked = if *id == keeper { need } else { Decimal::ZERO };
            }
        }
        Ok(())
    }

    /// The open order with this client id.
    pub fn open_with(&self, symbol: SymbolId, client_order_id: &Arc<str>) -> Option<OrderId> {
        let id = self.latest.get(&(symbol, client_order_id.clone()))?;
        self.open.contains(id).then_some(*id)
    }

    /// The latest order with this client id.
    pub fn latest_with(&self, symbol: SymbolId, client_order_id: &Arc<str>) -> Option<OrderId> {
        self.latest.get(&(symbol, client_order_id.clone())).copied()
    }

    pub fn insert(&mut self, order: Order) {
        self.latest.insert((order.symbol, order.client_order_id.clone()), order.id);
        self.open.insert(order.id);
        self.orders.insert(order.id, order);
    }

    pub fn rename(&mut self, id: OrderId, client_order_id: Arc<str>) {
        if let Some(order) = self.orders.get_mut(&id) {
            let before =
                (order.symbol, std::mem::replace(&mut order.client_order_id, client_order_id.clone()));
            if self.latest.get(&before) == Some(&id) {
                self.latest.remove(&before);
            }
            self.latest.insert((order.symbol, client_order_id), id);
        }
    }

    /// An order became closed: remembered among `history` others.
    pub fn close(&mut self, id: OrderId, history: usize) {
        if !self.open.remove(&id) {
            return;
        }
        self.closed.push_back(id);
        while self.closed.len() > history {
            let forgotten = self.closed.pop_front().and_then(|id| self.orders.remove(&id));
            if let Some(order) = forgotten {
                let name = (order.symbol, order.client_order_id);
                if self.latest.get(&name) == Some(&order.id) {
                    self.latest.remove(&name);
                }
            }
        }
    }

    pub fn close_list(&mut self, id: ListId, history: usize) {
        if !self.open_lists.remove(&id) {
            return;
        }
        self.closed_lists.push_back(id);
        while self.closed_lists.len() > history {
            if let Some(id) = self.closed_lists.pop_front() {
                self.lists.remove(&id);
            }
        }
    }

    pub fn remember(&mut self, execution: Execution, history: usize) {
        self.executions.push_back(execution);
        while self.executions.len() > history {
            self.executions.pop_front();
        }
    }

    /// Balances that changed since this was last asked.
    pub fn take_touched(&mut self) -> Vec<AssetBalance> {
        let touched = std::mem::take(&mut self.touched);
        touched
            .into_iter()
            .map(|asset| {
                let Balance { free, locked } = self.balance(&asset);
                AssetBalance { asset, free, locked }
            })
            .collect()
    }

    pub fn balances(&self) -> Vec<AssetBalance> {
        let shown = |(asset, balance): (&Arc<str>, &Balance)| AssetBalance {
            asset: asset.clone(),
            free: balance.free,
            locked: balance.locked,
        };
        self.balances.iter().map(shown).collect()
    }
}
