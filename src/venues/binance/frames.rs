//! Frames of the WebSocket connections as text, read into [`super::wire`]. Pure. A kind of event that is not
//! known is one of its own and no error; an error means that one of a known kind could not be read.

use super::parse::{Parsed, aggregate_trade, depth_in, level, rate_limits_in, side};
use super::read::{Fault, Object, Read, list, object, whole};
use super::wire::{
    AccountPosition, ApiError, ApiFrame, ApiResponse, AssetBalance, BalanceChange, BookTicker, DepthUpdate,
    ExecutionReport, Kline, KlineUpdate, Level, ListStatus, ListedOrder, MarketEvent, MarketFrame,
    MiniTicker, PublicTrade, StreamFill, UserEvent,
};
use crate::venues::words::{
    ContingencyType, ExecutionType, ExpiryReason, ListOrderStatus, ListStatusType, OrderStatus, OrderType,
    SelfTradePrevention, TimeInForce,
};
use serde_json::Value;

/// Characters of a name that is not known.
const NAME: usize = 64;

fn name(text: &str) -> String {
    text.chars().take(NAME).collect()
}

/// A frame of a market-data connection, with or without the envelope that names its stream.
pub fn market(frame: &[u8]) -> Parsed<MarketFrame> {
    whole(frame, |value| {
        let Some(fields) = value.as_object() else {
            return Ok(MarketFrame::Event { stream: None, event: market_event(value)? });
        };
        if let (Some(Value::String(stream)), Some(data)) = (fields.get("stream"), fields.get("data")) {
            let event = market_event(data).map_err(|fault| fault.inside("data"))?;
            return Ok(MarketFrame::Event { stream: Some(name(stream)), event });
        }
        let id = fields.get("id").and_then(Value::as_u64);
        let refused = |error: &Value| -> Option<ApiError> {
            let code = error.get("code")?.as_i64()?;
            let message = error.get("msg").and_then(Value::as_str).unwrap_or_default();
            Some(ApiError { code, message: message.chars().take(300).collect() })
        };
        if fields.contains_key("e") {
            Ok(MarketFrame::Event { stream: None, event: market_event(value)? })
        } else if let Some(error) = fields.get("error").and_then(refused).or_else(|| refused(value)) {
            Ok(MarketFrame::Refused { id, error })
        } else if fields.contains_key("result") {
            Ok(MarketFrame::Done { id })
        } else {
            Ok(MarketFrame::Event { stream: None, event: market_event(value)? })
        }
    })
}

fn market_event(value: &Value) -> Read<MarketEvent> {
    if value.is_array() {
        let known = value.as_array().is_some_and(|items| {
            items.iter().all(|item| item.get("e").and_then(Value::as_str) == Some("24hrMiniTicker"))
        });
        return if known {
            list(value, |value| mini_ticker(object(value)?)).map(MarketEvent::MiniTickers)
        } else {
            Ok(MarketEvent::Other(String::new()))
        };
    }
    let fields = object(value)?;
    if !fields.has("e") {
        return if fields.has("lastUpdateId") {
            depth_in(fields).map(MarketEvent::Depth)
        } else if fields.has("u") && fields.has("b") && fields.has("B") {
            book_ticker(fields).map(MarketEvent::BookTicker)
        } else {
            Ok(MarketEvent::Other(String::new()))
        };
    }
    Ok(match fields.str("e")? {
        "kline" => MarketEvent::Kline(kline_update(fields)?),
        "trade" => MarketEvent::Trade {
            symbol: fields.text("s")?,
            event_time: fields.time("E")?,
            trade: PublicTrade {
                id: fields.unsigned("t")?,
                price: fields.decimal("p")?,
                quantity: fields.decimal("q")?,
                time: fields.time("T")?,
                buyer_is_maker: fields.bool("m")?,
            },
        },
        "aggTrade" => MarketEvent::AggregateTrade {
            symbol: fields.text("s")?,
            event_time: fields.time("E")?,
            trade: aggregate_trade(fields)?,
        },
        "bookTicker" => MarketEvent::BookTicker(book_ticker(fields)?),
        "24hrMiniTicker" => MarketEvent::MiniTicker(mini_ticker(fields)?),
        "depthUpdate" => MarketEvent::DepthUpdate(DepthUpdate {
            symbol: fields.text("s")?,
            event_time: fields.time("E")?,
            first_update_id: fields.unsigned("U")?,
            last_update_id: fields.unsigned("u")?,
            bids: fields.list("b", level)?,
            asks: fields.list("a", level)?,
        }),
        "serverShutdown" => MarketEvent::ServerShutdown { time: fields.optional_time("E")? },
        other => MarketEvent::Other(name(other)),
    })
}

fn book_ticker(fields: Object<'_>) -> Read<BookTicker> {
    Ok(BookTicker {
        symbol: fields.text("s")?,
        update_id: Some(fields.unsigned("u")?),
        bid: Level { price: fields.decimal("b")?, quantity: fields.decimal("B")? },
        ask: Level { price: fields.decimal("a")?, quantity: fields.decimal("A")? },
    })
}

fn mini_ticker(fields: Object<'_>) -> Read<MiniTicker> {
    Ok(MiniTicker {
        symbol: fields.text("s")?,
        event_time: fields.time("E")?,
        open: fields.decimal("o")?,
        high: fields.decimal("h")?,
        low: fields.decimal("l")?,
        close: fields.decimal("c")?,
        volume: fields.decimal("v")?,
        quote_volume: fields.decimal("q")?,
    })
}

fn kline_update(fields: Object<'_>) -> Read<KlineUpdate> {
    let (interval, kline, closed) = fields.field("k", |value| {
        let fields = object(value)?;
        let kline = Kline {
            open_time: fields.time("t")?,
            close_time: fields.time("T")?,
            open: fields.decimal("o")?,
            high: fields.decimal("h")?,
            low: fields.decimal("l")?,
            close: fields.decimal("c")?,
            volume: fields.decimal("v")?,
            quote_volume: fields.decimal("q")?,
            trades: fields.unsigned("n")?,
            taker_buy_volume: fields.decimal("V")?,
            taker_buy_quote_volume: fields.decimal("Q")?,
        };
        Ok((fields.text("i")?, kline, fields.bool("x")?))
    })?;
    Ok(KlineUpdate {
        symbol: fields.text("s")?,
        event_time: fields.time("E")?,
        interval: name(&interval),
        kline,
        closed,
    })
}

/// A frame of a WebSocket API connection.
pub fn api(frame: &[u8]) -> Parsed<ApiFrame> {
    whole(frame, |value| {
        let fields = object(value)?;
        if let Some(event) = fields.maybe("event") {
            let shutdown = event.get("e").and_then(Value::as_str) == Some("serverShutdown");
            let time = || object(event)?.optional_time("E");
            return if shutdown {
                Ok(ApiFrame::ServerShutdown { time: time().map_err(|fault| fault.inside("event"))? })
            } else {
                let event = user_event(event).map_err(|fault| fault.inside("event"))?;
                Ok(ApiFrame::User { subscription_id: fields.optional_id("subscriptionId")?, event })
            };
        }
        if fields.has("status") {
            return api_response(fields).map(ApiFrame::Response);
        }
        if fields.maybe("e").and_then(Value::as_str) == Some("serverShutdown") {
            return Ok(ApiFrame::ServerShutdown { time: fields.optional_time("E")? });
        }
        let other = fields.maybe("e").and_then(Value::as_str).unwrap_or_default();
        Ok(ApiFrame::Other(name(other)))
    })
}

fn api_response(fields: Object<'_>) -> Read<ApiResponse> {
    let status = fields.count("status")?;
    let status = u16::try_from(status).map_err(|_| Fault::at("status", "is no status"))?;
    let error = fields.maybe("error");
    let retry_after = match error {
        Some(error) => object(error)?
            .optional("data", |data| {
                if data.is_object() { object(data)?.optional_time("retryAfter") } else { Ok(None) }
            })
            .map_err(|fault| fault.inside("error"))?
            .flatten(),
        None => None,
    };
    // A limit that cannot be read is no reason not to read what became of an order.
    let rate_limits = fields.maybe("rateLimits").map(rate_limits_in).and_then(Result::ok).unwrap_or_default();
    Ok(ApiResponse {
        id: fields.maybe("id").and_then(Value::as_u64),
        status,
        body: error.or(fields.maybe("result")).map(Value::to_string).unwrap_or_default(),
        retry_after,
        rate_limits,
    })
}

fn user_event(value: &Value) -> Read<UserEvent> {
    let fields = object(value)?;
    Ok(match fields.str("e")? {
        "executionReport" => UserEvent::Execution(Box::new(execution_report(fields)?)),
        "outboundAccountPosition" => UserEvent::Balances(AccountPosition {
            event_time: fields.time("E")?,
            update_time: fields.time("u")?,
            balances: fields.list("B", |value| {
                let fields = object(value)?;
                Ok(AssetBalance {
                    asset: fields.text("a")?,
                    free: fields.decimal("f")?,
                    locked: fields.decimal("l")?,
                })
            })?,
        }),
        "balanceUpdate" => UserEvent::BalanceChanged(balance_change(fields)?),
        "externalLockUpdate" => UserEvent::LockChanged(balance_change(fields)?),
        "listStatus" => UserEvent::List(list_status(fields)?),
        "eventStreamTerminated" => UserEvent::StreamTerminated { time: fields.optional_time("E")? },
        other => UserEvent::Other(name(other)),
    })
}

fn balance_change(fields: Object<'_>) -> Read<BalanceChange> {
    Ok(BalanceChange {
        event_time: fields.time("E")?,
        asset: fields.text("a")?,
        delta: fields.decimal("d")?,
        time: fields.time("T")?,
    })
}

fn list_status(fields: Object<'_>) -> Read<ListStatus> {
    Ok(ListStatus {
        event_time: fields.time("E")?,
        transaction_time: fields.time("T")?,
        symbol: fields.text("s")?,
        order_list_id: fields.unsigned("g")?,
        contingency: fields.word("c", ContingencyType::of)?,
        status_type: fields.word("l", ListStatusType::of)?,
        order_status: fields.word("L", ListOrderStatus::of)?,
        reject_reason: fields.text_or_empty("r")?,
        list_client_order_id: fields.text("C")?,
        orders: fields.list_or_empty("O", |value| {
            let fields = object(value)?;
            Ok(ListedOrder {
                symbol: fields.text("s")?,
                order_id: fields.unsigned("i")?,
                client_order_id: fields.text("c")?,
            })
        })?,
    })
}

fn execution_report(fields: Object<'_>) -> Read<ExecutionReport> {
    let execution_type = fields.word("x", ExecutionType::of)?;
    let request_id = fields.text("c")?;
    let original_id = fields.optional_text("C")?.filter(|id| !id.is_empty());
    // A cancel has an id of its own; an amendment gives the order a new one.
    let (client_order_id, request_client_order_id, previous_client_order_id) = match original_id {
        Some(original) if execution_type.is(ExecutionType::Replaced) => (request_id, None, Some(original)),
        Some(original) => (original, Some(request_id), None),
        None => (request_id, None, None),
    };
    let fill = match fields.optional_id("t")? {
        Some(trade_id) if execution_type.is(ExecutionType::Trade) => Some(StreamFill {
            trade_id,
            price: fields.decimal("L")?,
            quantity: fields.decimal("l")?,
            quote_quantity: fields.decimal("Y")?,
            commission: fields.optional_decimal("n")?.unwrap_or_default(),
            commission_asset: fields.optional_text("N")?,
            is_maker: fields.bool("m")?,
        }),
        _ if execution_type.is(ExecutionType::Trade) => {
            return Err(Fault::at("t", "a trade without its number"));
        }
        _ => None,
    };
    Ok(ExecutionReport {
        event_time: fields.time("E")?,
        transaction_time: fields.time("T")?,
        symbol: fields.text("s")?,
        order_id: fields.unsigned("i")?,
        execution_id: fields.unsigned("I")?,
        order_list_id: fields.optional_id("g")?,
        client_order_id,
        request_client_order_id,
        previous_client_order_id,
        side: side(fields, "S")?,
        order_type: fields.word("o", OrderType::of)?,
        time_in_force: fields.word("f", TimeInForce::of)?,
        execution_type,
        status: fields.word("X", OrderStatus::of)?,
        reject_reason: fields.text_or_empty("r")?,
        quantity: fields.decimal("q")?,
        price: fields.decimal("p")?,
        stop_price: fields.nonzero_decimal("P")?,
        trailing_delta: fields.optional_count("d")?,
        iceberg_quantity: fields.nonzero_decimal("F")?,
        quote_quantity: fields.nonzero_decimal("Q")?,
        executed_quantity: fields.decimal("z")?,
        executed_quote: fields.optional_decimal("Z")?.filter(|quote| !quote.is_sign_negative()),
        fill,
        is_working: fields.bool_or("w", false)?,
        order_time: fields.optional_time("O")?,
        working_time: fields.optional_time("W")?,
        self_trade_prevention: fields.optional_word("V", SelfTradePrevention::of)?,
        expiry_reason: fields.optional_word("eR", ExpiryReason::of)?,
    })
}
