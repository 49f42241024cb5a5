//! Lists of orders: one that cancels the other, one that triggers the other, and both.

use super::order::{
    AccountId, ListId, NewList, NewListKind, NewOrder, Order, OrderId, OrderList, PlacedList, SymbolId,
};
use super::validate::{against_market, amounts, parameters, trading};
use super::{AccountEventKind, Exchange, Rejection};
use crate::model::Side;
use crate::venues::rules;
use crate::venues::words::{
    ContingencyType, ExecutionType, ExpiryReason, ListOrderStatus, ListStatusType, OrderStatus, OrderType,
};
use rust_decimal::Decimal;
use std::sync::Arc;

/// An order of a new list: how its parameters are called, and whether it waits for the working order.
struct Leg<'a> {
    order: &'a NewOrder,
    prefix: &'static str,
    is_pending: bool,
}

impl NewList {
    fn legs(&self) -> Vec<Leg<'_>> {
        let leg = |order, prefix, is_pending| Leg { order, prefix, is_pending };
        match &self.kind {
            NewListKind::Oco { above, below } => vec![leg(below, "below", false), leg(above, "above", false)],
            NewListKind::Oto { working, pending, .. } => {
                vec![leg(working, "working", false), leg(pending, "pending", true)]
            }
            NewListKind::Otoco { working, above, below, .. } => vec![
                leg(working, "working", false),
                leg(below, "pendingBelow", true),
                leg(above, "pendingAbove", true),
            ],
        }
    }

    fn symbol(&self) -> SymbolId {
        match &self.kind {
            NewListKind::Oco { above, .. } => above.symbol,
            NewListKind::Oto { working, .. } | NewListKind::Otoco { working, .. } => working.symbol,
        }
    }

    fn sells_what_it_bought(&self) -> bool {
        match self.kind {
            NewListKind::Oco { .. } => false,
            NewListKind::Oto { sells_what_it_bought, .. } => sells_what_it_bought,
            NewListKind::Otoco { sells_what_it_bought, .. } => sells_what_it_bought,
        }
    }
}

/// Which leg a type may be in a pair where one cancels the other.
fn pair_types(above: &NewOrder, below: &NewOrder) -> Result<(), Rejection> {
    use OrderType::{LimitMaker, StopLoss, StopLossLimit, TakeProfit, TakeProfitLimit};
    let refuse = |code: i32, message: &'static str| Err(Rejection::new(code, message));
    let is_allowed =
        |it: OrderType| matches!(it, LimitMaker | StopLoss | StopLossLimit | TakeProfit | TakeProfitLimit);
    if !is_allowed(above.order_type) || !is_allowed(below.order_type) {
        return refuse(-1158, "Order type not supported in OCO.");
    }
    if above.order_type == LimitMaker && below.order_type == LimitMaker {
        return refuse(-1168, "At least one OCO order must be contingent.");
    }
    let is_stop = |it: OrderType| matches!(it, StopLoss | StopLossLimit);
    match (above.side, above.order_type, below.order_type) {
        (Side::Buy, LimitMaker, _) => refuse(-1165, "A limit order in a buy OCO must be below."),
        (Side::Sell, _, LimitMaker) => refuse(-1166, "A limit order in a sell OCO must be above."),
        (Side::Buy, _, below) if is_stop(below) => {
            refuse(-1196, "A stop loss order in a buy OCO must be above.")
        }
        (Side::Sell, above, _) if is_stop(above) => {
            refuse(-1197, "A stop loss order in a sell OCO must be below.")
        }
        (Side::Buy, TakeProfit | TakeProfitLimit, _) => {
            refuse(-1198, "A take profit order in a buy OCO must be below.")
        }
        (Side::Sell, _, TakeProfit | TakeProfitLimit) => {
            refuse(-1199, "A take profit order in a sell OCO must be above.")
        }
        _ => Ok(()),
    }
}

/// The price at which a leg acts, if it is known beforehand.
fn edge(leg: &NewOrder) -> Option<Decimal> {
    leg.stop_price.or(leg.price.filter(|_| leg.order_type == OrderType::LimitMaker))
}

/// above > market > below. A pair that is still to be placed has no market to compare with yet.
fn pair_prices(above: &NewOrder, below: &NewOrder, last: Option<Decimal>) -> Result<(), Rejection> {
    let (above, below) = (edge(above), edge(below));
    let ordered = match last {
        Some(last) => above.is_none_or(|above| above > last) && below.is_none_or(|below| below < last),
        None => above.zip(below).is_none_or(|(above, below)| above > below),
    };
    if ordered {
        return Ok(());
    }
    Err(Rejection::new(-2010, "The relationship of the prices for the orders is not correct."))
}

impl Exchange {
    pub fn place_list(
        &mut self,
        account: AccountId,
        list: NewList,
        now: i64,
    ) -> Result<PlacedList, Rejection> {
        let symbol = list.symbol();
        let built = self.checked_list(account, &list, now)?;
        self.next_list += 1;
        let id = self.next_list;
        let is_oco = matches!(list.kind, NewListKind::Oco { .. });
        let mut orders = Vec::new();
        for (mut order, is_pending) in built {
            order.list = Some(id);
            let status = if is_pending { OrderStatus::PendingNew } else { OrderStatus::New };
            orders.push(self.enter(account, order, status));
        }
        let client_list_id = match &list.client_list_id {
            Some(name) => name.clone(),
            None => self.made_up_id(),
        };
        let entered = OrderList {
            id,
            symbol,
            client_list_id,
            contingency: if is_oco { ContingencyType::Oco } else { ContingencyType::Oto },
            status_type: ListStatusType::ExecStarted,
            order_status: ListOrderStatus::Executing,
            orders: orders.clone(),
            time: now,
            update_time: now,
            working: if is_oco { None } else { orders.first().copied() },
            sells_what_it_bought: list.sells_what_it_bought(),
        };
        self.accounts[account.0].lists.insert(id, entered.clone());
        self.accounts[account.0].open_lists.insert(id);

        let pending: Vec<OrderId> = if is_oco { Vec::new() } else { orders[1..].to_vec() };
        for &order in &pending {
            self.report(account, order, ExecutionType::New, now, |_| {});
        }
        let kept = |exchange: &Exchange, id: &OrderId| exchange.order(account, *id).cloned();
        let pending_as_placed: Vec<Order> = pending.iter().filter_map(|id| kept(self, id)).collect();
        self.tell_list(account, id, now);
        for order in &orders[..orders.len() - pending.len()] {
            self.start(account, *order, now);
        }
        self.tell_balances(account, now);
        let started = &orders[..orders.len() - pending.len()];
        let mut shown: Vec<Order> = started.iter().filter_map(|id| kept(self, id)).collect();
        shown.extend(pending_as_placed);
        Ok(PlacedList { list: entered, orders: shown })
    }

    /// The orders of a list as they will be kept, and which of them wait.
    fn checked_list(
        &self,
        account: AccountId,
        list: &NewList,
        now: i64,
    ) -> Result<Vec<(Order, bool)>, Rejection> {
        let symbol = list.symbol();
        let listed = &self.symbols[symbol.0];
        let held = &self.accounts[account.0];
        let sells = list.sells_what_it_bought();
        let legs = list.legs();
        for leg in &legs {
            let without_quantity = sells && leg.is_pending;
            if without_quantity && leg.order.quantity.is_some() {
                let message = "Pending orders should not include the 'pendingQuantity' tag.";
                return Err(Rejection::new(-1225, message));
            }
            parameters(leg.order, leg.prefix, !without_quantity)?;
            amounts(leg.order, leg.prefix, &listed.rules)?;
        }
        self.list_composition(list, listed.last)?;
        let mut situation = self.situation(held, symbol);
        rules::check_list(&listed.rules.filters, &self.options.filters, &situation)?;
        for leg in &legs {
            let shape = leg.order.shape();
            rules::check(&shape, &listed.rules.filters, &self.options.filters, &situation)?;
            situation.count(&shape);
        }
        if let Some(name) = &list.client_list_id
            && held.open_lists.iter().filter_map(|id| held.lists.get(id)).any(|it| it.client_list_id == *name)
        {
            return Err(Rejection::new(-2010, "Duplicate order sent."));
        }
        let names: Vec<&Arc<str>> =
            legs.iter().filter_map(|leg| leg.order.client_order_id.as_ref()).collect();
        if names.iter().enumerate().any(|(index, name)| names[..index].contains(name)) {
            return Err(Rejection::new(-2010, "Duplicate order sent."));
        }
        trading(listed.rules.status)?;
        let mut built = Vec::new();
        for leg in &legs {
            let order = self.build(account, leg.order, now)?;
            if !leg.is_pending {
                against_market(&order, listed.last)?;
            }
            built.push((order, leg.is_pending));
        }
        // The legs of a pair share what is held: the dearer one counts.
        let start = || built.iter().filter(|(_, is_pending)| !is_pending).map(|(order, _)| order);
        let need = start().map(|order| self.need(order)).max().unwrap_or_default();
        let is_buy = start().any(|order| order.side == Side::Buy);
        let asset = if is_buy { &listed.quote } else { &listed.base };
        if need > held.balance(asset).free {
            return Err(super::account::Insufficient.into());
        }
        Ok(built)
    }

    fn list_composition(&self, list: &NewList, last: Decimal) -> Result<(), Rejection> {
        if let NewListKind::Oto { working, .. } | NewListKind::Otoco { working, .. } = &list.kind
            && !matches!(working.order_type, OrderType::Limit | OrderType::LimitMaker)
        {
            return Err(Rejection::new(-1116, "Invalid orderType."));
        }
        if list.sells_what_it_bought() {
            let legs = list.legs();
            if legs.iter().any(|leg| !leg.is_pending && leg.order.side != Side::Buy) {
                return Err(Rejection::new(-1222, "Working order in an OPO list must be a bid."));
            }
            if legs.iter().any(|leg| leg.is_pending && leg.order.side != Side::Sell) {
                return Err(Rejection::new(-1223, "Pending orders in an OPO list must be asks."));
            }
        }
        match &list.kind {
            NewListKind::Oco { above, below } => {
                pair_types(above, below)?;
                pair_prices(above, below, Some(last))
            }
            NewListKind::Oto { pending, .. } if pending.quote_quantity.is_some() => {
                Err(Rejection::new(-1106, "Parameter 'pendingQuoteOrderQty' sent when not required."))
            }
            NewListKind::Oto { .. } => Ok(()),
            NewListKind::Otoco { above, below, .. } => {
                pair_types(above, below)?;
                pair_prices(above, below, None)
            }
        }
    }

    /// The orders that share what is held for `id`, itself included.
    pub(super) fn group(&self, account: AccountId, id: OrderId) -> Vec<OrderId> {
        let held = &self.accounts[account.0];
        let list = held.orders.get(&id).and_then(|order| order.list).and_then(|list| held.lists.get(&list));
        match list {
            Some(list) if list.working == Some(id) => vec![id],
            Some(list) => list.orders.iter().copied().filter(|it| list.working != Some(*it)).collect(),
            None => vec![id],
        }
    }

    /// The pending order that sells what the working order `id` buys.
    pub(super) fn seller_of(&self, account: AccountId, list: ListId, id: OrderId) -> Option<OrderId> {
        let list = self.accounts[account.0].lists.get(&list)?;
        let is_working = list.sells_what_it_bought && list.working == Some(id);
        list.orders.iter().copied().find(|it| is_working && *it != id)
    }

    /// One order of a pair acts: the others end.
    pub(super) fn end_siblings(&mut self, account: AccountId, id: OrderId, now: i64) {
        for sibling in self.group(account, id) {
            let held = &self.accounts[account.0];
            let Some(order) = held.orders.get(&sibling).filter(|order| order.is_open()) else { continue };
            if order.id != id {
                self.expire(account, sibling, ExpiryReason::OcoTrigger, "NONE", now);
            }
        }
    }

    /// What an order that has just ended means for its list.
    pub(super) fn list_goes_on(&mut self, account: AccountId, list: ListId, id: OrderId, now: i64) {
        let held = &self.accounts[account.0];
        let Some(kept) = held.lists.get(&list) else { return };
        let filled = held.orders.get(&id).is_some_and(|order| order.status == OrderStatus::Filled);
        if kept.working == Some(id) {
            let waits = |id: &&OrderId| {
                held.orders.get(id).is_some_and(|order| order.status == OrderStatus::PendingNew)
            };
            let pending: Vec<OrderId> = kept.orders.iter().filter(waits).copied().collect();
            if filled {
                self.activate(account, list, &pending, now);
            } else {
                for id in pending {
                    self.expire(account, id, ExpiryReason::OtoPhaseOneExpired, "NONE", now);
                }
            }
        }
        let held = &mut self.accounts[account.0];
        let Some(kept) = held.lists.get_mut(&list) else { return };
        let is_done = |id: &OrderId| held.orders.get(id).is_none_or(|order| !order.is_open());
        if kept.order_status == ListOrderStatus::Executing && kept.orders.iter().all(is_done) {
            kept.order_status = ListOrderStatus::AllDone;
            kept.status_type = ListStatusType::AllDone;
            kept.update_time = now;
            self.tell_list(account, list, now);
            self.accounts[account.0].close_list(list, self.options.history);
        }
    }

    /// The working order is filled: the others are placed, or refused together.
    fn activate(&mut self, account: AccountId, list: ListId, pending: &[OrderId], now: i64) {
        let sells = self.accounts[account.0].lists.get(&list).is_some_and(|list| list.sells_what_it_bought);
        if sells {
            self.size_to_holding(account, pending);
        }
        let refusal = pending.iter().find_map(|id| self.refuses_pending(account, *id, sells));
        if let Some(reason) = refusal {
            for id in pending {
                self.reject(account, *id, reason, now);
            }
            return;
        }
        for id in pending {
            self.start(account, *id, now);
        }
    }

    /// Pending orders take what was received, floored to the steps of the symbol.
    fn size_to_holding(&mut self, account: AccountId, pending: &[OrderId]) {
        let held = &self.accounts[account.0];
        let orders = || pending.iter().filter_map(|id| held.orders.get(id));
        let Some(symbol) = orders().next().map(|order| order.symbol) else { return };
        let received: Decimal = orders().map(|order| order.locked).sum();
        let filters = &self.symbols[symbol.0].rules.filters;
        let has_market = orders().any(|order| !order.order_type.has_price());
        let market = filters.market_lot_size.filter(|_| has_market);
        let mut quantity = received;
        for step in [filters.lot_size, market].into_iter().flatten().map(|filter| filter.step_size) {
            quantity = super::matching::floored(quantity, step);
        }
        for id in pending {
            if let Some(order) = self.accounts[account.0].orders.get_mut(id) {
                order.quantity = quantity;
            }
        }
    }

    /// Why a pending order cannot be placed now, in the words of an execution report.
    fn refuses_pending(&self, account: AccountId, id: OrderId, sells: bool) -> Option<&'static str> {
        let held = &self.accounts[account.0];
        let order = held.orders.get(&id)?;
        let listed = &self.symbols[order.symbol.0];
        if against_market(order, listed.last).is_err() {
            return Some(match order.order_type {
                OrderType::LimitMaker => "WOULD_MATCH_IMMEDIATELY",
                _ => "STOP_PRICE_WOULD_TRIGGER_IMMEDIATELY",
            });
        }
        if order.quantity.is_zero() || self.filters_again(order).is_err() {
            return Some("NONE");
        }
        let asset = if order.side == Side::Buy { &listed.quote } else { &listed.base };
        let need = match (order.order_type, order.side) {
            (OrderType::Market, Side::Buy) => order.quantity * self.slipped(order.symbol, order.side),
            _ => self.need(order),
        };
        (!sells && need > held.balance(asset).free).then_some("INSUFFICIENT_BALANCES")
    }

    fn reject(&mut self, account: AccountId, id: OrderId, reason: &'static str, now: i64) {
        let Some(order) = self.accounts[account.0].orders.get_mut(&id) else { return };
        order.status = OrderStatus::Rejected;
        order.expiry_reason = Some(ExpiryReason::Rejected);
        order.update_time = now;
        self.release(account, id);
        self.report(account, id, ExecutionType::Rejected, now, |report| report.reject_reason = reason);
        self.closed(account, id, now);
    }

    pub(super) fn tell_list(&mut self, account: AccountId, id: ListId, now: i64) {
        let status_type = self.list(account, id).map(|list| list.status_type);
        self.tell_list_as(account, id, status_type, now);
    }

    /// Tells of a list under another heading than its own.
    pub(super) fn tell_list_as(
        &mut self,
        account: AccountId,
        id: ListId,
        status_type: Option<ListStatusType>,
        now: i64,
    ) {
        let held = &self.accounts[account.0];
        let Some(mut list) = held.lists.get(&id).cloned() else { return };
        list.status_type = status_type.unwrap_or(list.status_type);
        let name = |id: &OrderId| held.orders.get(id).map(|order| (*id, order.client_order_id.clone()));
        let orders = list.orders.iter().filter_map(name).collect();
        self.tell(account, now, AccountEventKind::List { list, orders });
    }
}
