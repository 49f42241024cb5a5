//! Orders go, or become smaller.

use super::order::{
    AccountId, Cancel, Canceled, CanceledItem, CanceledList, ListId, Order, OrderId, OrderKey, OrderList,
    SymbolId,
};
use super::validate::{one_of, trading};
use super::{Exchange, Rejection};
use crate::venues::rules::{OrderShape, Situation, check};
use crate::venues::words::{CancelRestrictions, ExecutionType, ListStatusType, OrderStatus, SymbolStatus};
use rust_decimal::Decimal;
use std::sync::Arc;

fn unknown() -> Rejection {
    Rejection::new(-2011, "Unknown order sent.")
}

fn amend_refused(message: &'static str) -> Rejection {
    Rejection::new(-2038, message)
}

impl Exchange {
    /// Cancels an order, and with it the list it is part of.
    pub fn cancel(
        &mut self,
        account: AccountId,
        cancel: &Cancel,
        now: i64,
    ) -> Result<CanceledItem, Rejection> {
        let order = self.open_order(account, cancel.symbol, &cancel.key)?;
        let (id, list, status) = (order.id, order.list, order.status);
        let allowed = match cancel.restrictions {
            None => true,
            Some(CancelRestrictions::OnlyNew) => status == OrderStatus::New,
            Some(CancelRestrictions::OnlyPartiallyFilled) => status == OrderStatus::PartiallyFilled,
        };
        if !allowed {
            return Err(Rejection::new(-2011, "Order was not canceled due to cancel restrictions."));
        }
        let name = cancel.new_client_order_id.clone();
        let name = name.unwrap_or_else(|| self.made_up_id());
        let item = match list.filter(|list| self.accounts[account.0].open_lists.contains(list)) {
            Some(list) => CanceledItem::List(self.end_list(account, list, &name, now)?),
            None => CanceledItem::Order(Box::new(self.end_order(account, id, &name, now)?)),
        };
        self.tell_balances(account, now);
        Ok(item)
    }

    pub fn cancel_list(
        &mut self,
        account: AccountId,
        symbol: SymbolId,
        id: Option<ListId>,
        client_list_id: Option<&str>,
        new_client_order_id: Option<Arc<str>>,
        now: i64,
    ) -> Result<CanceledList, Rejection> {
        if id.is_none() && client_list_id.is_none() {
            return Err(one_of("", "orderListId", "listClientOrderId"));
        }
        let held = &self.accounts[account.0];
        let open = held.open_lists.iter().filter_map(|id| held.lists.get(id));
        let asked = |list: &&OrderList| {
            list.symbol == symbol
                && id.is_none_or(|id| list.id == id)
                && (client_list_id.is_none_or(|name| *list.client_list_id == *name))
        };
        let id = open.rev().find(asked).map(|list| list.id).ok_or_else(unknown)?;
        let name = new_client_order_id.unwrap_or_else(|| self.made_up_id());
        let canceled = self.end_list(account, id, &name, now);
        self.tell_balances(account, now);
        canceled
    }

    /// Cancels all that is open on a symbol.
    pub fn cancel_all(
        &mut self,
        account: AccountId,
        symbol: SymbolId,
        now: i64,
    ) -> Result<Vec<CanceledItem>, Rejection> {
        let on_symbol = |order: &&Order| order.symbol == symbol;
        let open: Vec<(OrderId, Option<ListId>)> =
            self.open_orders(account).filter(on_symbol).map(|order| (order.id, order.list)).collect();
        if open.is_empty() {
            return Err(unknown());
        }
        let mut canceled = Vec::new();
        for (id, list) in open {
            if !self.accounts[account.0].open.contains(&id) {
                continue;
            }
            let name = self.made_up_id();
            match list.filter(|list| self.accounts[account.0].open_lists.contains(list)) {
                Some(list) => canceled.push(CanceledItem::List(self.end_list(account, list, &name, now)?)),
                None => {
                    canceled.push(CanceledItem::Order(Box::new(self.end_order(account, id, &name, now)?)))
                }
            }
        }
        self.tell_balances(account, now);
        Ok(canceled)
    }

    fn open_order(&self, account: AccountId, symbol: SymbolId, key: &OrderKey) -> Result<&Order, Rejection> {
        let held = &self.accounts[account.0];
        let id = match (key.id, &key.client_order_id) {
            (Some(id), _) => Some(id),
            (None, Some(name)) => held.open_with(symbol, name),
            (None, None) => {
                return Err(one_of("", "orderId", "origClientOrderId"));
            }
        };
        let order = id.filter(|id| held.open.contains(id)).and_then(|id| held.orders.get(&id));
        let order = order.filter(|order| order.symbol == symbol).ok_or_else(unknown)?;
        let is_its_own = key.client_order_id.as_ref().is_none_or(|name| *name == order.client_order_id);
        if is_its_own { Ok(order) } else { Err(unknown()) }
    }

    fn end_order(
        &mut self,
        account: AccountId,
        id: OrderId,
        name: &Arc<str>,
        now: i64,
    ) -> Result<Canceled, Rejection> {
        let order = self.accounts[account.0].orders.get_mut(&id).ok_or_else(unknown)?;
        order.status = OrderStatus::Canceled;
        order.is_working = false;
        order.update_time = now;
        self.release(account, id);
        self.report(account, id, ExecutionType::Canceled, now, |report| {
            report.request_client_id = Some(name.clone());
        });
        let order = self.accounts[account.0].orders.get(&id).cloned().ok_or_else(unknown)?;
        self.closed(account, id, now);
        Ok(Canceled { order, client_order_id: name.clone() })
    }

    fn end_list(
        &mut self,
        account: AccountId,
        list: ListId,
        name: &Arc<str>,
        now: i64,
    ) -> Result<CanceledList, Rejection> {
        let orders = self.accounts[account.0].lists.get(&list).ok_or_else(unknown)?.orders.clone();
        let mut canceled = Vec::new();
        // Pending orders first: the working one would expire them.
        for id in orders.iter().rev() {
            if self.accounts[account.0].open.contains(id) {
                canceled.push(self.end_order(account, *id, name, now)?);
            }
        }
        canceled.reverse();
        let list = self.accounts[account.0].lists.get(&list).cloned().ok_or_else(unknown)?;
        Ok(CanceledList { list, orders: canceled })
    }

    /// Makes an order smaller; it keeps its place. `new_client_order_id` becomes the order's.
    pub fn amend(
        &mut self,
        account: AccountId,
        symbol: SymbolId,
        key: &OrderKey,
        quantity: Decimal,
        new_client_order_id: Option<Arc<str>>,
        now: i64,
    ) -> Result<Amended, Rejection> {
        let listed = &self.symbols[symbol.0];
        let is_open = matches!(listed.rules.status, SymbolStatus::CancelOnly);
        if !is_open {
            trading(listed.rules.status)?;
        }
        let order = self.open_order(account, symbol, key).map_err(|refused| match refused.code {
            -2011 => amend_refused("Unknown order sent."),
            _ => refused,
        })?;
        let (id, before) = (order.id, order.client_order_id.clone());
        let waits_for_purchase =
            order.status == OrderStatus::PendingNew && order.quantity.is_zero() && order.list.is_some();
        if waits_for_purchase {
            return Err(amend_refused("Order amend (pending OPO order) is not supported."));
        }
        if quantity == order.quantity {
            return Err(amend_refused("The requested action would change no state; rejecting"));
        }
        if quantity > order.quantity {
            return Err(amend_refused("Order amend (quantity increase) is not supported."));
        }
        if quantity <= Decimal::ZERO || quantity <= order.executed {
            return Err(Rejection::new(-1013, "Invalid quantity."));
        }
        if quantity.normalize().scale() > listed.rules.base_precision {
            return Err(Rejection::new(-1111, "Parameter 'newQty' has too much precision."));
        }
        if listed.rules.filters.max_num_order_amends.is_some_and(|most| order.amends >= most) {
            return Err(amend_refused("Filter failure: MAX_NUM_ORDER_AMENDS"));
        }
        let iceberg_quantity = order.shape().iceberg_quantity.map(|iceberg| iceberg.min(quantity));
        let shape = OrderShape { quantity: Some(quantity), iceberg_quantity, ..order.shape() };
        check(&shape, &listed.rules.filters, &self.options.filters, &Situation::default())?;
        let taken =
            new_client_order_id.as_ref().and_then(|name| self.accounts[account.0].open_with(symbol, name));
        if taken.is_some_and(|other| other != id) {
            return Err(Rejection::new(-2010, "Duplicate order sent."));
        }
        let name = new_client_order_id.unwrap_or_else(|| self.made_up_id());
        self.accounts[account.0].rename(id, name.clone());
        // The orders of a pair are of one size.
        let siblings = self.group(account, id);
        for sibling in &siblings {
            let order = self.accounts[account.0].orders.get_mut(sibling).filter(|order| order.is_open());
            if let Some(order) = order {
                order.quantity = quantity;
                order.iceberg_quantity = order.iceberg_quantity.min(quantity);
                order.amends += 1;
                order.update_time = now;
            }
        }
        self.release(account, id);
        for sibling in siblings.into_iter().filter(|sibling| *sibling != id) {
            if self.accounts[account.0].open.contains(&sibling) {
                self.report(account, sibling, ExecutionType::Replaced, now, |_| {});
            }
        }
        // As for a cancel, the report names both ids: the one before and the one of the request.
        let is_renamed = name != before;
        self.report(account, id, ExecutionType::Replaced, now, |report| {
            report.order.client_order_id = before.clone();
            report.request_client_id = Some(name);
        });
        let execution_id = self.next_execution;
        let list = self.order(account, id).and_then(|order| order.list).filter(|_| is_renamed);
        if let Some(list) = list {
            self.tell_list_as(account, list, Some(ListStatusType::Updated), now);
        }
        self.tell_balances(account, now);
        let order = self.order(account, id).cloned().ok_or_else(unknown)?;
        Ok(Amended { order, client_order_id_before: before, execution_id })
    }
}

/// An order that was made smaller, as it is after that.
#[derive(Debug, Clone, PartialEq)]
pub struct Amended {
    pub order: Order,
    pub client_order_id_before: Arc<str>,
    pub execution_id: u64,
}
