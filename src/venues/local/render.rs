//! Orders, lists, accounts and market data as the protocol writes them.

use super::market::{AggTrade, BookTicker, Depth, Kline, Level, PublicTrade, Ticker};
use crate::venues::sim::exchange::{
    Canceled, CanceledItem, CanceledList, CommissionRates, Exchange, Execution, Order, OrderList, Peg,
};
use crate::venues::words::{OrderType, ResponseType, SideWord};
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

/// The unit of times in answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    #[default]
    Millisecond,
    Microsecond,
}

impl Unit {
    /// Of `X-MBX-TIME-UNIT` or `timeUnit`.
    pub fn of(text: &str) -> Option<Unit> {
        match text {
            "MILLISECOND" | "millisecond" => Some(Unit::Millisecond),
            "MICROSECOND" | "microsecond" => Some(Unit::Microsecond),
            _ => None,
        }
    }

    /// A time in ms.
    pub fn time(self, ms: i64) -> i64 {
        match self {
            Unit::Millisecond => ms,
            Unit::Microsecond => ms.saturating_mul(1000),
        }
    }

    /// The last instant of what ends with the millisecond `ms`.
    pub fn last(self, ms: i64) -> i64 {
        match self {
            Unit::Millisecond => ms,
            Unit::Microsecond => ms.saturating_mul(1000).saturating_add(999),
        }
    }

    /// A time in µs.
    pub fn micros(self, us: i64) -> i64 {
        match self {
            Unit::Millisecond => us.div_euclid(1000),
            Unit::Microsecond => us,
        }
    }
}

/// With eight decimals, as all prices and quantities are written.
pub fn amount(value: Decimal) -> String {
    format!("{value:.8}")
}

fn list_id(list: Option<u64>) -> i64 {
    list.and_then(|id| i64::try_from(id).ok()).unwrap_or(-1)
}

fn set(body: &mut Value, name: &str, value: impl Into<Value>) {
    body[name] = value.into();
}

/// Fields that an order has only where they mean something.
fn conditional(body: &mut Value, order: &Order, unit: Unit) {
    if !order.stop_price.is_zero() {
        set(body, "stopPrice", amount(order.stop_price));
    }
    if !order.iceberg_quantity.is_zero() {
        set(body, "icebergQty", amount(order.iceberg_quantity));
    }
    tags(body, order, unit);
}

fn tags(body: &mut Value, order: &Order, unit: Unit) {
    if let Some(delta) = order.trailing_delta {
        set(body, "trailingDelta", delta);
        set(body, "trailingTime", order.trailing_time.map_or(-1, |time| unit.time(time)));
    }
    if let Some(id) = order.strategy_id {
        set(body, "strategyId", id);
    }
    if let Some(kind) = order.strategy_type {
        set(body, "strategyType", kind);
    }
    if let Some(reason) = order.expiry_reason {
        set(body, "expiryReason", reason.name());
    }
    if let Some(Peg { price_type, offset }) = order.peg {
        set(body, "pegPriceType", price_type.name());
        if let Some((kind, value)) = offset {
            set(body, "pegOffsetType", kind.name());
            set(body, "pegOffsetValue", value);
        }
        set(body, "peggedPrice", amount(order.price));
    }
}

fn working_time(order: &Order, unit: Unit) -> i64 {
    order.working_time.map_or(-1, |time| unit.time(time))
}

/// What is said of an order without being asked: MARKET and LIMIT all of it, the others little.
pub fn usual_response(order_type: OrderType) -> ResponseType {
    match order_type {
        OrderType::Market | OrderType::Limit => ResponseType::Full,
        _ => ResponseType::Ack,
    }
}

/// The answer to a new order.
pub fn placed(
    exchange: &Exchange,
    order: &Order,
    fills: &[&Execution],
    response: ResponseType,
    unit: Unit,
) -> Value {
    let symbol = &exchange.rules(order.symbol).symbol;
    let mut body = json!({
        "symbol": symbol,
        "orderId": order.id,
        "orderListId": list_id(order.list),
        "clientOrderId": &*order.client_order_id,
        "transactTime": unit.time(order.update_time),
    });
    if response == ResponseType::Ack {
        return body;
    }
    result_fields(&mut body, order);
    conditional(&mut body, order, unit);
    set(&mut body, "workingTime", working_time(order, unit));
    if response == ResponseType::Full {
        set(&mut body, "fills", fills.iter().map(|fill| placed_fill(fill)).collect::<Vec<_>>());
    }
    set(&mut body, "selfTradePreventionMode", order.self_trade_prevention.name());
    body
}

fn result_fields(body: &mut Value, order: &Order) {
    set(body, "price", amount(order.price));
    set(body, "origQty", amount(order.quantity));
    set(body, "executedQty", amount(order.executed));
    set(body, "origQuoteOrderQty", amount(order.quote_quantity));
    set(body, "cummulativeQuoteQty", amount(order.executed_quote));
    set(body, "status", order.status.name());
    set(body, "timeInForce", order.time_in_force.name());
    set(body, "type", order.order_type.name());
    set(body, "side", SideWord::from(order.side).name());
}

fn placed_fill(fill: &Execution) -> Value {
    json!({
        "price": amount(fill.price),
        "qty": amount(fill.quantity),
        "commission": amount(fill.commission),
        "commissionAsset": &*fill.commission_asset,
        "tradeId": fill.trade_id,
    })
}

/// The answer to a question about an order.
pub fn order(exchange: &Exchange, order: &Order, unit: Unit) -> Value {
    let mut body = json!({
        "symbol": exchange.rules(order.symbol).symbol,
        "orderId": order.id,
        "orderListId": list_id(order.list),
        "clientOrderId": &*order.client_order_id,
        "price": amount(order.price),
        "origQty": amount(order.quantity),
        "executedQty": amount(order.executed),
        "cummulativeQuoteQty": amount(order.executed_quote),
        "status": order.status.name(),
        "timeInForce": order.time_in_force.name(),
        "type": order.order_type.name(),
        "side": SideWord::from(order.side).name(),
        "stopPrice": amount(order.stop_price),
        "icebergQty": amount(order.iceberg_quantity),
        "time": unit.time(order.time),
        "updateTime": unit.time(order.update_time),
        "isWorking": order.is_working || order.working_time.is_some(),
        "workingTime": working_time(order, unit),
        "origQuoteOrderQty": amount(order.quote_quantity),
        "selfTradePreventionMode": order.self_trade_prevention.name(),
    });
    tags(&mut body, order, unit);
    body
}

/// The answer to a cancel: the order, under the cancel's own client id.
pub fn canceled(exchange: &Exchange, canceled: &Canceled, unit: Unit) -> Value {
    let order = &canceled.order;
    let mut body = json!({
        "symbol": exchange.rules(order.symbol).symbol,
        "origClientOrderId": &*order.client_order_id,
        "orderId": order.id,
        "orderListId": list_id(order.list),
        "clientOrderId": &*canceled.client_order_id,
        "transactTime": unit.time(order.update_time),
    });
    result_fields(&mut body, order);
    conditional(&mut body, order, unit);
    set(&mut body, "selfTradePreventionMode", order.self_trade_prevention.name());
    body
}

pub fn canceled_item(exchange: &Exchange, item: &CanceledItem, unit: Unit) -> Value {
    match item {
        CanceledItem::Order(order) => canceled(exchange, order, unit),
        CanceledItem::List(list) => canceled_list(exchange, list, unit),
    }
}

pub fn canceled_list(exchange: &Exchange, canceled_list: &CanceledList, unit: Unit) -> Value {
    let orders = canceled_list.orders.iter().map(|it| &it.order);
    let mut body = list_with(exchange, &canceled_list.list, orders, unit);
    let reports: Vec<Value> = canceled_list.orders.iter().map(|it| canceled(exchange, it, unit)).collect();
    set(&mut body, "orderReports", reports);
    body
}

/// A list and who is in it.
pub fn list_with<'a>(
    exchange: &Exchange,
    list: &OrderList,
    orders: impl Iterator<Item = &'a Order>,
    unit: Unit,
) -> Value {
    let symbol = &exchange.rules(list.symbol).symbol;
    let orders: Vec<Value> = orders
        .map(|order| {
            json!({ "symbol": symbol, "orderId": order.id, "clientOrderId": &*order.client_order_id })
        })
        .collect();
    json!({
        "orderListId": list.id,
        "contingencyType": list.contingency.name(),
        "listStatusType": list.status_type.name(),
        "listOrderStatus": list.order_status.name(),
        "listClientOrderId": &*list.client_list_id,
        "transactionTime": unit.time(list.update_time),
        "symbol": symbol,
        "orders": orders,
    })
}

/// An own trade.
pub fn own_trade(exchange: &Exchange, execution: &Execution, unit: Unit) -> Value {
    json!({
        "symbol": exchange.rules(execution.symbol).symbol,
        "id": execution.trade_id,
        "orderId": execution.order_id,
        "orderListId": list_id(execution.list),
        "price": amount(execution.price),
        "qty": amount(execution.quantity),
        "quoteQty": amount(execution.quote_quantity),
        "commission": amount(execution.commission),
        "commissionAsset": &*execution.commission_asset,
        "time": unit.time(execution.time),
        "isBuyer": execution.is_buyer,
        "isMaker": execution.is_maker,
        "isBestMatch": true,
    })
}

pub fn rates(rates: CommissionRates) -> Value {
    json!({
        "maker": amount(rates.maker),
        "taker": amount(rates.taker),
        "buyer": amount(rates.buyer),
        "seller": amount(rates.seller),
    })
}

/// `[openTime, open, high, ..]`.
pub fn kline(kline: &Kline, unit: Unit) -> Value {
    json!([
        unit.time(kline.open_time),
        amount(kline.open),
        amount(kline.high),
        amount(kline.low),
        amount(kline.close),
        amount(kline.volume),
        unit.last(kline.close_time),
        amount(kline.quote_volume),
        kline.trades,
        amount(kline.taker_buy_base),
        amount(kline.taker_buy_quote),
        "0",
    ])
}

pub fn levels(levels: &[Level]) -> Value {
    levels.iter().map(|level| json!([amount(level.price), amount(level.quantity)])).collect()
}

pub fn depth(depth: &Depth) -> Value {
    json!({
        "lastUpdateId": depth.last_update_id,
        "bids": levels(&depth.bids),
        "asks": levels(&depth.asks),
    })
}

pub fn trade(trade: &PublicTrade, unit: Unit) -> Value {
    json!({
        "id": trade.id,
        "price": amount(trade.price),
        "qty": amount(trade.quantity),
        "quoteQty": amount(trade.quote_quantity),
        "time": unit.time(trade.time),
        "isBuyerMaker": trade.is_buyer_maker,
        "isBestMatch": true,
    })
}

pub fn agg_trade(trade: &AggTrade, unit: Unit) -> Value {
    json!({
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

pub fn book_ticker(symbol: &str, book: &BookTicker) -> Value {
    json!({
        "symbol": symbol,
        "bidPrice": amount(book.bid.price),
        "bidQty": amount(book.bid.quantity),
        "askPrice": amount(book.ask.price),
        "askQty": amount(book.ask.quantity),
    })
}

/// A percentage, as tickers write it.
pub fn percent(value: Decimal) -> String {
    format!("{value:.3}")
}

/// How much of a ticker is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TickerForm {
    /// With the book, of the last 24 hours.
    Day,
    Window,
    Mini,
}

pub fn ticker(symbol: &str, ticker: &Ticker, book: &BookTicker, form: TickerForm, unit: Unit) -> Value {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("symbol", symbol.into());
    if form != TickerForm::Mini {
        put("priceChange", amount(ticker.change).into());
        put("priceChangePercent", percent(ticker.change_percent).into());
        put("weightedAvgPrice", amount(ticker.weighted_average).into());
    }
    if form == TickerForm::Day {
        put("prevClosePrice", amount(ticker.prev_close).into());
        put("lastPrice", amount(ticker.last).into());
        put("lastQty", amount(ticker.last_quantity).into());
        put("bidPrice", amount(book.bid.price).into());
        put("bidQty", amount(book.bid.quantity).into());
        put("askPrice", amount(book.ask.price).into());
        put("askQty", amount(book.ask.quantity).into());
    }
    put("openPrice", amount(ticker.open).into());
    put("highPrice", amount(ticker.high).into());
    put("lowPrice", amount(ticker.low).into());
    if form != TickerForm::Day {
        put("lastPrice", amount(ticker.last).into());
    }
    put("volume", amount(ticker.volume).into());
    put("quoteVolume", amount(ticker.quote_volume).into());
    put("openTime", unit.time(ticker.open_time).into());
    put("closeTime", unit.time(ticker.close_time).into());
    put("firstId", ticker.first_trade_id.into());
    put("lastId", ticker.last_trade_id.into());
    put("count", ticker.trades.into());
    Value::Object(body)
}
