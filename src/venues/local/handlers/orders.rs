//! Orders: placing, cancelling, replacing, asking.

use super::new_order::{quantity, response_type, single};
use crate::model::DAY_MS;
use crate::venues::local::refusal::Refusal;
use crate::venues::local::render;
use crate::venues::local::request::Params;
use crate::venues::local::routes::Call;
use crate::venues::local::state::Amendment;
use crate::venues::rules::{ExchangeFilters, Situation, check};
use crate::venues::sim::exchange::{AccountId, Amended, Cancel, NewOrder, OrderId, OrderKey};
use crate::venues::words::{CancelReplaceMode, CancelRestrictions, ResponseType, SideWord};
use serde_json::{Value, json};

type Answer = Result<Value, Refusal>;

/// Rows of an answer, usual and most.
const ROWS: usize = 500;
const ROWS_MAX: usize = 1000;

/// Takes an order, counts it, and tells what became of it.
fn place_order(call: &mut Call<'_>, account: AccountId, order: NewOrder, response: ResponseType) -> Answer {
    let now = call.market_now();
    let id = call.state.exchange.place(account, order, now)?;
    let (wall, state) = (call.now_ms(), &mut *call.state);
    state.limits.count_orders(account, 1, wall);
    // What is told afterwards is how the order stood when it was placed.
    let answer = placed(call, account, id, response);
    call.state.flush_events();
    answer
}

fn placed(call: &Call<'_>, account: AccountId, id: OrderId, response: ResponseType) -> Answer {
    let exchange = &call.state.exchange;
    let order = exchange.order(account, id).ok_or_else(no_order)?;
    let fills = exchange.executions_of(account, id);
    Ok(render::placed(exchange, order, &fills, response, call.unit))
}

pub fn no_order() -> Refusal {
    Refusal::bad(-2013, "Order does not exist.")
}

pub fn place(call: &mut Call<'_>) -> Answer {
    let account = call.account()?;
    let order = single(call)?;
    let response = response_type(call)?.unwrap_or(render::usual_response(order.order_type));
    let now = call.now_ms();
    call.state.limits.order_room(account, 1, now)?;
    place_order(call, account, order, response)
}

pub fn test_weight(params: &Params) -> u64 {
    if params.get("computeCommissionRates") == Some("true") { 20 } else { 1 }
}

pub fn test(call: &mut Call<'_>) -> Answer {
    let account = call.account()?;
    let order = single(call)?;
    response_type(call)?;
    call.state.exchange.test(account, &order)?;
    if call.params.boolean("computeCommissionRates")? != Some(true) {
        return Ok(json!({}));
    }
    let rates = call.state.exchange.rates(account);
    let pair = json!({ "maker": render::amount(rates.maker), "taker": render::amount(rates.taker) });
    let none = json!({ "maker": "0.00000000", "taker": "0.00000000" });
    Ok(json!({
        "standardCommissionForOrder": pair,
        "specialCommissionForOrder": none,
        "taxCommissionForOrder": none,
        "discount": super::account::discount(call, account),
    }))
}

/// There is one book for each symbol here, and nothing to route between.
pub fn no_routing(call: &mut Call<'_>) -> Answer {
    call.symbol()?;
    Err(Refusal::bad(-1013, "This symbol is not SOR enabled."))
}

fn key(params: &Params, id_name: &str, client_name: &str) -> Result<OrderKey, Refusal> {
    let id = params.integer(id_name)?.map(|id| OrderId::try_from(id).unwrap_or_default());
    let client_order_id = params.client_id(client_name)?.map(Into::into);
    match id.is_none() && client_order_id.is_none() {
        true => Err(Refusal::missing_both(client_name, id_name)),
        false => Ok(OrderKey { id, client_order_id }),
    }
}

pub fn status(call: &mut Call<'_>) -> Answer {
    let (account, symbol) = (call.account()?, call.symbol()?);
    let key = key(call.params, "orderId", "origClientOrderId")?;
    let exchange = &call.state.exchange;
    Ok(render::order(exchange, exchange.find(account, symbol, &key)?, call.unit))
}

fn restrictions(params: &Params) -> Result<Option<CancelRestrictions>, Refusal> {
    params.word("cancelRestrictions", CancelRestrictions::of, || {
        Refusal::bad(-1145, "`cancelRestrictions` has to be either `ONLY_NEW` or `ONLY_PARTIALLY_FILLED`.")
    })
}

fn do_cancel(call: &mut Call<'_>, account: AccountId, cancel: &Cancel) -> Answer {
    let now = call.market_now();
    let item = call.state.exchange.cancel(account, cancel, now)?;
    call.state.flush_events();
    Ok(render::canceled_item(&call.state.exchange, &item, call.unit))
}

pub fn cancel(call: &mut Call<'_>) -> Answer {
    let account = call.account()?;
    let cancel = Cancel {
        symbol: call.symbol()?,
        key: key(call.params, "orderId", "origClientOrderId")?,
        new_client_order_id: call.params.client_id("newClientOrderId")?.map(Into::into),
        restrictions: restrictions(call.params)?,
    };
    do_cancel(call, account, &cancel)
}

pub fn cancel_all(call: &mut Call<'_>) -> Answer {
    let (account, symbol, now) = (call.account()?, call.symbol()?, call.market_now());
    let items = call.state.exchange.cancel_all(account, symbol, now)?;
    call.state.flush_events();
    Ok(items.iter().map(|item| render::canceled_item(&call.state.exchange, item, call.unit)).collect())
}

/// What one half of a cancelReplace came to.
fn half(result: &Answer) -> (&'static str, Value) {
    match result {
        Ok(answer) => ("SUCCESS", answer.clone()),
        Err(refusal) => ("FAILURE", refusal.json()),
    }
}

pub fn cancel_replace(call: &mut Call<'_>) -> Answer {
    let account = call.account()?;
    let params = call.params;
    let invalid =
        |name: &'static str| Refusal::bad(-1130, format!("Data sent for parameter '{name}' is not valid."));
    let mode = params
        .word("cancelReplaceMode", CancelReplaceMode::of, || invalid("cancelReplaceMode"))?
        .ok_or_else(|| Refusal::missing("cancelReplaceMode"))?;
    let cancels_beyond_limit = match params.get("orderRateLimitExceededMode") {
        None | Some("DO_NOTHING") => false,
        Some("CANCEL_ONLY") => true,
        Some(_) => return Err(invalid("orderRateLimitExceededMode")),
    };
    let order = single(call)?;
    let response = response_type(call)?.unwrap_or(render::usual_response(order.order_type));
    let cancel = Cancel {
        symbol: order.symbol,
        key: key(params, "cancelOrderId", "cancelOrigClientOrderId")?,
        new_client_order_id: params.client_id("cancelNewClientOrderId")?.map(Into::into),
        restrictions: restrictions(params)?,
    };
    // What can be judged without the market is judged before anything is done.
    call.state.exchange.well_formed(&order)?;
    let rules = call.state.exchange.rules(order.symbol);
    check(&order.shape(), &rules.filters, &ExchangeFilters::default(), &Situation::default())?;
    let wall = call.now_ms();
    let room = call.state.limits.order_room(account, 1, wall);
    if let (Err(refusal), false) = (&room, cancels_beyond_limit) {
        return Err(refusal.clone());
    }

    let beyond_limit = room.as_ref().err().cloned();
    let canceled = do_cancel(call, account, &cancel);
    let is_stopped = canceled.is_err() && mode == CancelReplaceMode::StopOnFailure;
    let placed = match room {
        _ if is_stopped => {
            // An order that was not even tried counts all the same.
            call.state.limits.count_orders(account, 1, wall);
            None
        }
        Err(refusal) => Some(Err(refusal)),
        Ok(()) => Some(place_order(call, account, order, response)),
    };
    let (cancel_result, cancel_response) = half(&canceled);
    let (order_result, order_response) = placed.as_ref().map_or(("NOT_ATTEMPTED", Value::Null), half);
    let data = json!({
        "cancelResult": cancel_result,
        "newOrderResult": order_result,
        "cancelResponse": cancel_response,
        "newOrderResponse": order_response,
    });
    let refused = placed.as_ref().and_then(|it| it.as_ref().err()).filter(|refusal| refusal.is_limit());
    let limit = refused.or(beyond_limit.as_ref());
    let retry_at = limit.and_then(|refusal| refusal.retry_at);
    let failed = |status: u16, code: i32, text: &'static str| {
        let status = if limit.is_some() { 429 } else { status };
        Err(Refusal { data: Some(data.clone()), retry_at, ..Refusal::new(status, code, text) })
    };
    match (canceled.is_ok(), matches!(placed, Some(Ok(_)))) {
        (true, true) => Ok(data),
        (false, false) => failed(400, -2022, "Order cancel-replace failed."),
        _ => failed(409, -2021, "Order cancel-replace partially failed."),
    }
}

pub fn amend(call: &mut Call<'_>) -> Answer {
    let (account, symbol, now) = (call.account()?, call.symbol()?, call.market_now());
    let key = key(call.params, "orderId", "origClientOrderId")?;
    let wanted = quantity(call, symbol, "newQty")?.ok_or_else(|| Refusal::missing("newQty"))?;
    let client_id = call.params.client_id("newClientOrderId")?.map(Into::into);
    let before = call.state.exchange.find(account, symbol, &key).map(|order| order.quantity);
    let amended = call.state.exchange.amend(account, symbol, &key, wanted, client_id, now)?;
    call.state.flush_events();
    let exchange = &call.state.exchange;
    let Amended { order, client_order_id_before, execution_id } = &amended;
    let unit = call.unit;
    let mut answer = json!({
        "transactTime": unit.time(now),
        "executionId": execution_id,
        "amendedOrder": {
            "symbol": call.symbol_name(symbol),
            "orderId": order.id,
            "orderListId": order.list.and_then(|id| i64::try_from(id).ok()).unwrap_or(-1),
            "origClientOrderId": &**client_order_id_before,
            "clientOrderId": &*order.client_order_id,
            "price": render::amount(order.price),
            "qty": render::amount(order.quantity),
            "executedQty": render::amount(order.executed),
            "preventedQty": "0.00000000",
            "quoteOrderQty": render::amount(order.quote_quantity),
            "cumulativeQuoteQty": render::amount(order.executed_quote),
            "status": order.status.name(),
            "timeInForce": order.time_in_force.name(),
            "type": order.order_type.name(),
            "side": SideWord::from(order.side).name(),
            "workingTime": order.working_time.map_or(-1, |time| unit.time(time)),
            "selfTradePreventionMode": order.self_trade_prevention.name(),
        },
    });
    if let Some(list) = order.list.and_then(|list| exchange.list(account, list)) {
        let orders = list.orders.iter().filter_map(|id| exchange.order(account, *id));
        let mut shown = render::list_with(exchange, list, orders, unit);
        if let Some(fields) = shown.as_object_mut() {
            fields.shift_remove("listStatusType");
            fields.shift_remove("transactionTime");
        }
        answer["listStatus"] = shown;
    }
    let amendment = Amendment {
        execution_id: *execution_id,
        before: (client_order_id_before.to_string(), before.unwrap_or(order.quantity)),
        after: (order.client_order_id.to_string(), order.quantity),
        time: now,
    };
    call.state.remember_amendment(account, order.id, amendment);
    Ok(answer)
}

pub fn amendments(call: &mut Call<'_>) -> Answer {
    let (account, symbol) = (call.account()?, call.symbol()?);
    let key = OrderKey { id: key(call.params, "orderId", "orderId")?.id, client_order_id: None };
    let from = call.params.integer("fromExecutionId")?.and_then(|id| u64::try_from(id).ok()).unwrap_or(0);
    let limit = call.params.limit(ROWS, ROWS_MAX)?;
    let id = call.state.exchange.find(account, symbol, &key)?.id;
    let known = call.state.amendments.get(&(account, id)).map(Vec::as_slice).unwrap_or_default();
    let rows = known.iter().filter(|it| it.execution_id >= from).take(limit);
    Ok(rows
        .map(|it| {
            json!({
                "symbol": call.symbol_name(symbol),
                "orderId": id,
                "executionId": it.execution_id,
                "origClientOrderId": it.before.0,
                "newClientOrderId": it.after.0,
                "origQty": render::amount(it.before.1),
                "newQty": render::amount(it.after.1),
                "time": call.unit.time(it.time),
            })
        })
        .collect())
}

pub fn open_weight(params: &Params) -> u64 {
    if params.has("symbol") { 6 } else { 80 }
}

pub fn open(call: &mut Call<'_>) -> Answer {
    let (account, symbol) = (call.account()?, call.optional_symbol()?);
    let exchange = &call.state.exchange;
    let orders = exchange.open_orders(account).filter(|order| symbol.is_none_or(|it| it == order.symbol));
    Ok(orders.map(|order| render::order(exchange, order, call.unit)).collect())
}

/// Start and end of a question, which may lie a day apart.
pub fn times(params: &Params) -> Result<(Option<i64>, Option<i64>), Refusal> {
    let (start, end) = (params.time("startTime")?, params.time("endTime")?);
    if let (Some(start), Some(end)) = (start, end) {
        if end.saturating_sub(start) > DAY_MS {
            return Err(Refusal::bad(-1127, "More than 24 hours between startTime and endTime."));
        }
        if end < start {
            return Err(Refusal::bad(-1130, "Data sent for parameter 'endTime' is not valid."));
        }
    }
    Ok((start, end))
}

/// Of rows in the order of time: the oldest from where a question begins, else the latest.
pub fn page<T>(mut rows: Vec<T>, has_start: bool, limit: usize) -> Vec<T> {
    if has_start {
        rows.truncate(limit);
    } else {
        rows.drain(..rows.len().saturating_sub(limit));
    }
    rows
}

pub fn all(call: &mut Call<'_>) -> Answer {
    let (account, symbol) = (call.account()?, call.symbol()?);
    let params = call.params;
    let from = params.integer("orderId")?.map(|id| OrderId::try_from(id).unwrap_or_default());
    let (start, end) = times(params)?;
    let limit = params.limit(ROWS, ROWS_MAX)?;
    let exchange = &call.state.exchange;
    let orders: Vec<_> = exchange
        .orders(account)
        .filter(|order| order.symbol == symbol)
        .filter(|order| match from {
            Some(from) => order.id >= from,
            None => is_within(order.time, start, end),
        })
        .collect();
    let orders = page(orders, from.is_some() || start.is_some(), limit);
    Ok(orders.into_iter().map(|order| render::order(exchange, order, call.unit)).collect())
}

pub fn is_within(time: i64, start: Option<i64>, end: Option<i64>) -> bool {
    start.is_none_or(|start| time >= start) && end.is_none_or(|end| time <= end)
}

pub fn trades_weight(params: &Params) -> u64 {
    if params.has("orderId") { 5 } else { 20 }
}

pub fn my_trades(call: &mut Call<'_>) -> Answer {
    let (account, symbol) = (call.account()?, call.symbol()?);
    let params = call.params;
    let sent = ["orderId", "startTime", "endTime", "fromId"].map(|name| params.has(name));
    let is_legal = matches!(
        sent,
        [_, false, false, _]
            | [false, true, false, false]
            | [false, false, true, false]
            | [false, true, true, false]
    );
    if !is_legal {
        return Err(Refusal::combination());
    }
    let (start, end) = times(params)?;
    let order = params.integer("orderId")?.map(|id| OrderId::try_from(id).unwrap_or_default());
    let from = params.integer("fromId")?.map(|id| u64::try_from(id).unwrap_or_default());
    let limit = params.limit(ROWS, ROWS_MAX)?;
    let exchange = &call.state.exchange;
    let trades: Vec<_> = match order {
        Some(order) => exchange.executions_of(account, order),
        None => exchange.executions(account).collect(),
    };
    let trades: Vec<_> = trades
        .into_iter()
        .filter(|trade| trade.symbol == symbol && is_within(trade.time, start, end))
        .filter(|trade| from.is_none_or(|from| trade.trade_id >= from))
        .collect();
    let trades = page(trades, from.is_some() || start.is_some(), limit);
    Ok(trades.into_iter().map(|trade| render::own_trade(exchange, trade, call.unit)).collect())
}
