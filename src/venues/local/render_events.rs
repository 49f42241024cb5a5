//! Frames of streams: what accounts are told of, and what the public is.

use super::market::{AggTrade, BookTicker, Depth, Kline, PublicTrade, Ticker};
use super::render::{Unit, amount, levels, percent};
use crate::venues::sim::exchange::{AccountEvent, AccountEventKind, Exchange, ExecutionReport, Peg};
use crate::venues::words::SideWord;
use rust_decimal::Decimal;
use serde_json::{Value, json};

/// An event of the user data stream.
pub fn account_event(exchange: &Exchange, event: &AccountEvent, unit: Unit) -> Value {
    let time = unit.time(event.time);
    match &event.kind {
        AccountEventKind::Execution(report) => execution_report(exchange, report, event.time, unit),
        AccountEventKind::Balances(balances) => {
            let balances: Vec<Value> = balances
                .iter()
                .map(|it| json!({ "a": &*it.asset, "f": amount(it.free), "l": amount(it.locked) }))
                .collect();
            json!({ "e": "outboundAccountPosition", "E": time, "u": time, "B": balances })
        }
        AccountEventKind::Transfer { asset, delta } => {
            json!({ "e": "balanceUpdate", "E": time, "a": &**asset, "d": amount(*delta), "T": time })
        }
        AccountEventKind::List { list, orders } => {
            let symbol = &exchange.rules(list.symbol).symbol;
            let orders: Vec<Value> =
                orders.iter().map(|(id, client)| json!({ "s": symbol, "i": id, "c": &**client })).collect();
            json!({
                "e": "listStatus",
                "E": time,
                "s": symbol,
                "g": list.id,
                "c": list.contingency.name(),
                "l": list.status_type.name(),
                "L": list.order_status.name(),
                "r": "NONE",
                "C": &*list.client_list_id,
                "T": unit.time(list.update_time),
                "O": orders,
            })
        }
    }
}

fn execution_report(exchange: &Exchange, report: &ExecutionReport, time: i64, unit: Unit) -> Value {
    let order = &report.order;
    let fill = report.fill.as_ref();
    let zero = Decimal::ZERO;
    // Of a cancel or an amendment, `c` is the request's own id and `C` the order's.
    let (client, original) = match &report.request_client_id {
        Some(request) => (&**request, &*order.client_order_id),
        None => (&*order.client_order_id, ""),
    };
    let mut body = json!({
        "e": "executionReport",
        "E": unit.time(time),
        "s": exchange.rules(order.symbol).symbol,
        "c": client,
        "S": SideWord::from(order.side).name(),
        "o": order.order_type.name(),
        "f": order.time_in_force.name(),
        "q": amount(order.quantity),
        "p": amount(order.price),
        "P": amount(order.stop_price),
        "F": amount(order.iceberg_quantity),
        "g": order.list.and_then(|id| i64::try_from(id).ok()).unwrap_or(-1),
        "C": original,
        "x": report.execution_type.name(),
        "X": order.status.name(),
        "r": report.reject_reason,
        "i": order.id,
        "l": amount(fill.map_or(zero, |fill| fill.quantity)),
        "z": amount(order.executed),
        "L": amount(fill.map_or(zero, |fill| fill.price)),
        "n": fill.map_or_else(|| "0".to_owned(), |fill| amount(fill.commission)),
        "N": fill.map(|fill| &*fill.commission_asset),
        "T": unit.time(order.update_time),
        "t": fill.and_then(|fill| i64::try_from(fill.trade_id).ok()).unwrap_or(-1),
        "I": report.execution_id,
        "w": order.is_working && order.is_open(),
        "m": fill.is_some_and(|fill| fill.is_maker),
        "M": fill.is_some(),
        "O": unit.time(order.time),
        "Z": amount(order.executed_quote),
        "Y": amount(fill.map_or(zero, |fill| fill.quote_quantity)),
        "Q": amount(order.quote_quantity),
        "V": order.self_trade_prevention.name(),
    });
    let mut put = |name: &str, value: Value| body[name] = value;
    if let Some(time) = order.working_time {
        put("W", unit.time(time).into());
    }
    if let Some(delta) = order.trailing_delta {
        put("d", delta.into());
    }
    if let Some(time) = order.trailing_time {
        put("D", unit.time(time).into());
    }
    if let Some(id) = order.strategy_id {
        put("j", id.into());
    }
    if let Some(kind) = order.strategy_type {
        put("J", kind.into());
    }
    if let Some(reason) = order.expiry_reason {
        put("eR", reason.name().into());
    }
    if let Some(Peg { price_type, offset }) = order.peg {
        put("gP", price_type.name().into());
        if let Some((kind, value)) = offset {
            put("gOT", kind.name().into());
            put("gOV", value.into());
        }
        put("gp", amount(order.price).into());
    }
    body
}

pub fn kline_event(symbol: &str, interval: &str, kline: &Kline, now: i64, unit: Unit) -> Value {
    json!({
        "e": "kline",
        "E": unit.time(now),
        "s": symbol,
        "k": {
            "t": unit.time(kline.open_time),
            "T": unit.last(kline.close_time),
            "s": symbol,
            "i": interval,
            "f": kline.first_trade_id,
            "L": kline.last_trade_id,
            "o": amount(kline.open),
            "c": amount(kline.close),
            "h": amount(kline.high),
            "l": amount(kline.low),
            "v": amount(kline.volume),
            "n": kline.trades,
            "x": kline.is_closed,
            "q": amount(kline.quote_volume),
            "V": amount(kline.taker_buy_base),
            "Q": amount(kline.taker_buy_quote),
            "B": "0",
        },
    })
}

pub fn trade_event(symbol: &str, trade: &PublicTrade, now: i64, unit: Unit) -> Value {
    json!({
        "e": "trade",
        "E": unit.time(now),
        "s": symbol,
        "t": trade.id,
        "p": amount(trade.price),
        "q": amount(trade.quantity),
        "T": unit.time(trade.time),
        "m": trade.is_buyer_maker,
        "M": true,
    })
}

pub fn agg_trade_event(symbol: &str, trade: &AggTrade, now: i64, unit: Unit) -> Value {
    json!({
        "e": "aggTrade",
        "E": unit.time(now),
        "s": symbol,
        "a": trade.id,
        "p": amount(trade.price),
        "q": amount(trade.quantity),
        "f": trade.first_id,
        "l": trade.last_id,
        "T": unit.time(trade.time),
        "m": trade.is_buyer_maker,
        "M": true,
    })
}

pub fn book_ticker_event(symbol: &str, book: &BookTicker) -> Value {
    json!({
        "u": book.update_id,
        "s": symbol,
        "b": amount(book.bid.price),
        "B": amount(book.bid.quantity),
        "a": amount(book.ask.price),
        "A": amount(book.ask.quantity),
    })
}

pub fn mini_ticker_event(symbol: &str, ticker: &Ticker, now: i64, unit: Unit) -> Value {
    json!({
        "e": "24hrMiniTicker",
        "E": unit.time(now),
        "s": symbol,
        "c": amount(ticker.last),
        "o": amount(ticker.open),
        "h": amount(ticker.high),
        "l": amount(ticker.low),
        "v": amount(ticker.volume),
        "q": amount(ticker.quote_volume),
    })
}

/// `name` is `24hrTicker` or that of a shorter window.
pub fn ticker_event(
    name: &str,
    symbol: &str,
    ticker: &Ticker,
    book: Option<&BookTicker>,
    now: i64,
    unit: Unit,
) -> Value {
    let mut body = json!({
        "e": name,
        "E": unit.time(now),
        "s": symbol,
        "p": amount(ticker.change),
        "P": percent(ticker.change_percent),
        "w": amount(ticker.weighted_average),
    });
    let mut put = |name: &str, value: Value| body[name] = value;
    if let Some(book) = book {
        put("x", amount(ticker.prev_close).into());
        put("c", amount(ticker.last).into());
        put("Q", amount(ticker.last_quantity).into());
        put("b", amount(book.bid.price).into());
        put("B", amount(book.bid.quantity).into());
        put("a", amount(book.ask.price).into());
        put("A", amount(book.ask.quantity).into());
    }
    put("o", amount(ticker.open).into());
    put("h", amount(ticker.high).into());
    put("l", amount(ticker.low).into());
    if book.is_none() {
        put("c", amount(ticker.last).into());
    }
    put("v", amount(ticker.volume).into());
    put("q", amount(ticker.quote_volume).into());
    put("O", unit.time(ticker.open_time).into());
    put("C", unit.time(ticker.close_time).into());
    put("F", ticker.first_trade_id.into());
    put("L", ticker.last_trade_id.into());
    put("n", ticker.trades.into());
    body
}

pub fn average_event(symbol: &str, average: Decimal, minutes: u32, now: i64, unit: Unit) -> Value {
    let time = unit.time(now);
    json!({
        "e": "avgPrice",
        "E": time,
        "s": symbol,
        "i": format!("{minutes}m"),
        "w": amount(average),
        "T": time,
    })
}

/// Symbols here have no reference price.
pub fn reference_price_event(symbol: &str, now: i64, unit: Unit) -> Value {
    json!({ "e": "referencePrice", "s": symbol, "r": Value::Null, "t": unit.time(now) })
}

/// What changed of the book since the update before `first`: `gone` are levels that are no longer there.
pub fn depth_event(symbol: &str, first: u64, before: &Depth, after: &Depth, now: i64, unit: Unit) -> Value {
    json!({
        "e": "depthUpdate",
        "E": unit.time(now),
        "s": symbol,
        "U": first,
        "u": after.last_update_id,
        "b": changed(&before.bids, &after.bids),
        "a": changed(&before.asks, &after.asks),
    })
}

fn changed(before: &[super::market::Level], after: &[super::market::Level]) -> Value {
    let mut changes: Vec<super::market::Level> =
        after.iter().filter(|level| !before.contains(level)).copied().collect();
    let gone = before.iter().filter(|old| !after.iter().any(|level| level.price == old.price));
    changes.extend(gone.map(|old| super::market::Level { quantity: Decimal::ZERO, ..*old }));
    levels(&changes)
}
