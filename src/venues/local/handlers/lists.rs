//! Order lists: one that cancels the other, one that waits for the other, and both.

use super::new_order::{Leg, leg, order_type, price, quantity, response_type, side, time_in_force};
use super::orders::{is_within, page, times};
use crate::model::Side;
use crate::venues::local::refusal::Refusal;
use crate::venues::local::render;
use crate::venues::local::routes::Call;
use crate::venues::sim::exchange::{AccountId, ListId, NewList, NewListKind, NewOrder, OrderList, SymbolId};
use crate::venues::words::{OrderStatus, OrderType};
use rust_decimal::Decimal;
use serde_json::Value;

type Answer = Result<Value, Refusal>;

fn place(call: &mut Call<'_>, kind: NewListKind) -> Answer {
    let account = call.account()?;
    let response = response_type(call)?;
    let client_list_id = call.params.client_id("listClientOrderId")?.map(Into::into);
    let count = match kind {
        NewListKind::Oco { .. } | NewListKind::Oto { .. } => 2,
        NewListKind::Otoco { .. } => 3,
    };
    let (wall, now) = (call.now_ms(), call.market_now());
    call.state.limits.order_room(account, count, wall)?;
    let placed = call.state.exchange.place_list(account, NewList { client_list_id, kind }, now)?;
    call.state.limits.count_orders(account, count, wall);
    let exchange = &call.state.exchange;
    let mut answer = render::list_with(exchange, &placed.list, placed.orders.iter(), call.unit);
    let reports: Vec<Value> = placed
        .orders
        .iter()
        .map(|order| {
            let response = response.unwrap_or(render::usual_response(order.order_type));
            let mut fills = exchange.executions_of(account, order.id);
            // It is shown as it was placed, whatever has happened since.
            fills.truncate(if order.status == OrderStatus::PendingNew { 0 } else { usize::MAX });
            render::placed(exchange, order, &fills, response, call.unit)
        })
        .collect();
    answer["orderReports"] = reports.into();
    call.state.flush_events();
    Ok(answer)
}

fn show(call: &Call<'_>, account: AccountId, list: &OrderList) -> Value {
    let exchange = &call.state.exchange;
    let orders = list.orders.iter().filter_map(|id| exchange.order(account, *id));
    render::list_with(exchange, list, orders, call.unit)
}

fn needed_quantity(call: &Call<'_>, symbol: SymbolId, name: &str) -> Result<Option<Decimal>, Refusal> {
    quantity(call, symbol, name)?.ok_or_else(|| Refusal::missing(name)).map(Some)
}

pub fn oco(call: &mut Call<'_>) -> Answer {
    let (symbol, order_side) = (call.symbol()?, side(call, "side")?);
    let amount = needed_quantity(call, symbol, "quantity")?;
    let above = leg(call, symbol, Leg("above"), order_side, amount)?;
    let below = leg(call, symbol, Leg("below"), order_side, amount)?;
    place(call, NewListKind::Oco { above, below })
}

/// The form of before there were above and below: a limit order, and a stop on the other side of the market.
pub fn old_oco(call: &mut Call<'_>) -> Answer {
    let (symbol, order_side) = (call.symbol()?, side(call, "side")?);
    let params = call.params;
    let amount = needed_quantity(call, symbol, "quantity")?;
    let stop_limit = price(call, symbol, "stopLimitPrice")?;
    let stop_force = time_in_force(call, "stopLimitTimeInForce")?;
    if stop_limit.is_some() && stop_force.is_none() {
        return Err(Refusal::missing("stopLimitTimeInForce"));
    }
    let limit = NewOrder {
        quantity: amount,
        price: price(call, symbol, "price")?,
        iceberg_quantity: quantity(call, symbol, "limitIcebergQty")?,
        client_order_id: params.client_id("limitClientOrderId")?.map(Into::into),
        strategy_id: params.integer("limitStrategyId")?,
        strategy_type: params.integer("limitStrategyType")?,
        self_trade_prevention: super::new_order::prevention(call)?,
        ..NewOrder::new(symbol, order_side, OrderType::LimitMaker)
    };
    let stop_type = if stop_limit.is_some() { OrderType::StopLossLimit } else { OrderType::StopLoss };
    let stop = NewOrder {
        quantity: amount,
        price: stop_limit,
        time_in_force: stop_force,
        stop_price: price(call, symbol, "stopPrice")?,
        trailing_delta: super::new_order::delta(call, "trailingDelta")?,
        iceberg_quantity: quantity(call, symbol, "stopIcebergQty")?,
        client_order_id: params.client_id("stopClientOrderId")?.map(Into::into),
        strategy_id: params.integer("stopStrategyId")?,
        strategy_type: params.integer("stopStrategyType")?,
        self_trade_prevention: super::new_order::prevention(call)?,
        ..NewOrder::new(symbol, order_side, stop_type)
    };
    let (above, below) = if order_side == Side::Sell { (limit, stop) } else { (stop, limit) };
    place(call, NewListKind::Oco { above, below })
}

fn working(call: &Call<'_>, symbol: SymbolId) -> Result<NewOrder, Refusal> {
    let amount = needed_quantity(call, symbol, "workingQuantity")?;
    leg(call, symbol, Leg("working"), side(call, "workingSide")?, amount)
}

/// The quantity of a pending order; one that sells what was bought has none of its own.
fn pending_quantity(call: &Call<'_>, symbol: SymbolId, sells: bool) -> Result<Option<Decimal>, Refusal> {
    match (sells, call.params.has("pendingQuantity")) {
        (true, true) => {
            Err(Refusal::bad(-1225, "Pending orders should not include the 'pendingQuantity' tag."))
        }
        (true, false) => Ok(None),
        (false, _) => needed_quantity(call, symbol, "pendingQuantity"),
    }
}

fn one_waits(call: &mut Call<'_>, sells_what_it_bought: bool) -> Answer {
    let symbol = call.symbol()?;
    let working = working(call, symbol)?;
    let pending_side = side(call, "pendingSide")?;
    order_type(call, "pendingType")?;
    let amount = pending_quantity(call, symbol, sells_what_it_bought)?;
    let pending = leg(call, symbol, Leg("pending"), pending_side, amount)?;
    place(call, NewListKind::Oto { working, pending, sells_what_it_bought })
}

fn two_wait(call: &mut Call<'_>, sells_what_it_bought: bool) -> Answer {
    let symbol = call.symbol()?;
    let working = working(call, symbol)?;
    let pending_side = side(call, "pendingSide")?;
    let amount = pending_quantity(call, symbol, sells_what_it_bought)?;
    let above = leg(call, symbol, Leg("pendingAbove"), pending_side, amount)?;
    let below = leg(call, symbol, Leg("pendingBelow"), pending_side, amount)?;
    place(call, NewListKind::Otoco { working, above, below, sells_what_it_bought })
}

pub fn oto(call: &mut Call<'_>) -> Answer {
    one_waits(call, false)
}

pub fn opo(call: &mut Call<'_>) -> Answer {
    one_waits(call, true)
}

pub fn otoco(call: &mut Call<'_>) -> Answer {
    two_wait(call, false)
}

pub fn opoco(call: &mut Call<'_>) -> Answer {
    two_wait(call, true)
}

fn list_id(call: &Call<'_>) -> Result<Option<ListId>, Refusal> {
    Ok(call.params.integer("orderListId")?.map(|id| ListId::try_from(id).unwrap_or_default()))
}

pub fn cancel(call: &mut Call<'_>) -> Answer {
    let (account, symbol, now) = (call.account()?, call.symbol()?, call.market_now());
    let (id, client) = (list_id(call)?, call.params.client_id("listClientOrderId")?);
    let name = call.params.client_id("newClientOrderId")?.map(Into::into);
    let canceled = call.state.exchange.cancel_list(account, symbol, id, client, name, now)?;
    call.state.flush_events();
    Ok(render::canceled_list(&call.state.exchange, &canceled, call.unit))
}

pub fn status(call: &mut Call<'_>) -> Answer {
    let account = call.account()?;
    let (id, client) = (list_id(call)?, call.params.client_id("origClientOrderId")?);
    if id.is_none() && client.is_none() {
        return Err(Refusal::missing_both("orderListId", "origClientOrderId"));
    }
    let list = call.state.exchange.find_list(account, id, client)?;
    Ok(show(call, account, list))
}

pub fn all(call: &mut Call<'_>) -> Answer {
    let account = call.account()?;
    let from = call.params.integer("fromId")?.map(|id| ListId::try_from(id).unwrap_or_default());
    let (start, end) = times(call.params)?;
    if from.is_some() && (start.is_some() || end.is_some()) {
        return Err(Refusal::combination());
    }
    let limit = call.params.limit(500, 1000)?;
    let lists: Vec<_> = call
        .state
        .exchange
        .lists(account)
        .filter(|list| from.is_none_or(|from| list.id >= from) && is_within(list.time, start, end))
        .collect();
    let lists = page(lists, from.is_some() || start.is_some(), limit);
    Ok(lists.into_iter().map(|list| show(call, account, list)).collect())
}

pub fn open(call: &mut Call<'_>) -> Answer {
    let account = call.account()?;
    let exchange = &call.state.exchange;
    Ok(exchange.open_lists(account).map(|list| show(call, account, list)).collect())
}
