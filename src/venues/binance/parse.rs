//! Answers of the exchange as text, read into [`super::wire`]. Pure. Unknown fields, filters and words are
//! tolerated; what is missing or of the wrong kind is an error that says where.

use super::read::{Fault, Object, ParseError, Read, decimal, excerpt, integer, list, object, time, whole};
use super::wire::{
    Account, AggregateTrade, Amended, ApiError, AssetBalance, AveragePrice, BookTicker, CancelReplaced,
    Canceled, Commission, Depth, Discount, ExchangeInfo, Kline, Level, LimitKind, ListedOrder, MyTrade,
    OrderFill, OrderListReport, OrderReport, OrderState, PriceTicker, PublicTrade, RateLimit, Rates,
    ReplacePart, SymbolInfo, Word,
};
use crate::model::Side;
use crate::venues::rules::{
    ExchangeFilters, Filters, LotSize, MinNotional, NotionalRange, PercentPrice, PriceFilter, SymbolRules,
    TrailingDelta,
};
use crate::venues::words::{
    ContingencyType, ExpiryReason, ListOrderStatus, ListStatusType, OrderStatus, OrderType,
    SelfTradePrevention, SideWord, SymbolStatus, TimeInForce,
};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// Characters of an error message that are kept.
const MESSAGE: usize = 300;

/// Notes about symbols that could not be understood; more are only counted.
const NOTES: usize = 20;

pub(super) type Parsed<T> = Result<T, ParseError>;

/// An answer that says nothing but that all is well: an object, and no error.
pub fn nothing(body: &[u8]) -> Parsed<()> {
    whole(body, |value| match error_in(object(value)?) {
        None => Ok(()),
        Some(error) => Err(Fault::new(error.to_string())),
    })
}

pub fn server_time(body: &[u8]) -> Parsed<i64> {
    whole(body, |value| object(value)?.time("serverTime"))
}

/// The market's time of a local exchange, which is not the clock's; from what its control endpoint tells.
pub fn market_time(body: &[u8]) -> Parsed<i64> {
    whole(body, |value| object(value)?.time("market_time"))
}

/// An error, where the body is one: `{"code": …, "msg": …}` with a code other than 0.
pub fn api_error(body: &[u8]) -> Option<ApiError> {
    let value: Value = serde_json::from_slice(body).ok()?;
    object(&value).ok().and_then(error_in)
}

pub(super) fn error_in(fields: Object<'_>) -> Option<ApiError> {
    let code = fields.integer("code").ok().filter(|code| *code != 0)?;
    let message = fields.str("msg").unwrap_or_default();
    Some(ApiError { code, message: message.chars().take(MESSAGE).collect() })
}

pub fn klines(body: &[u8]) -> Parsed<Vec<Kline>> {
    whole(body, |value| list(value, kline))
}

fn kline(value: &Value) -> Read<Kline> {
    let columns = value.as_array().ok_or_else(|| Fault::new("expected a list of columns"))?;
    let column =
        |index: usize| columns.get(index).ok_or_else(|| Fault::at(&format!("[{index}]"), "is missing"));
    let inside = |index: usize| move |fault: Fault| fault.inside(format!("[{index}]"));
    let money = |index: usize| decimal(column(index)?).map_err(inside(index));
    let when = |index: usize| time(column(index)?).map_err(inside(index));
    Ok(Kline {
        open_time: when(0)?,
        open: money(1)?,
        high: money(2)?,
        low: money(3)?,
        close: money(4)?,
        volume: money(5)?,
        close_time: when(6)?,
        quote_volume: money(7)?,
        trades: integer(column(8)?)
            .and_then(|count| u64::try_from(count).map_err(|_| Fault::new("is negative")))
            .map_err(inside(8))?,
        taker_buy_volume: money(9)?,
        taker_buy_quote_volume: money(10)?,
    })
}

pub(super) fn level(value: &Value) -> Read<Level> {
    let pair = value.as_array().filter(|pair| pair.len() >= 2);
    let pair = pair.ok_or_else(|| Fault::new("expected a list of price and quantity"))?;
    let part = |index: usize| decimal(&pair[index]).map_err(|fault| fault.inside(format!("[{index}]")));
    Ok(Level { price: part(0)?, quantity: part(1)? })
}

pub fn depth(body: &[u8]) -> Parsed<Depth> {
    whole(body, |value| depth_in(object(value)?))
}

pub(super) fn depth_in(fields: Object<'_>) -> Read<Depth> {
    Ok(Depth {
        last_update_id: fields.unsigned("lastUpdateId")?,
        bids: fields.list("bids", level)?,
        asks: fields.list("asks", level)?,
    })
}

/// One, or a list of them.
fn one_or_more<T>(value: &Value, mut read: impl FnMut(&Value) -> Read<T>) -> Read<Vec<T>> {
    if value.is_array() { list(value, read) } else { Ok(vec![read(value)?]) }
}

pub fn book_tickers(body: &[u8]) -> Parsed<Vec<BookTicker>> {
    whole(body, |value| {
        one_or_more(value, |value| {
            let fields = object(value)?;
            Ok(BookTicker {
                symbol: fields.text("symbol")?,
                update_id: None,
                bid: Level { price: fields.decimal("bidPrice")?, quantity: fields.decimal("bidQty")? },
                ask: Level { price: fields.decimal("askPrice")?, quantity: fields.decimal("askQty")? },
            })
        })
    })
}

pub fn price_tickers(body: &[u8]) -> Parsed<Vec<PriceTicker>> {
    whole(body, |value| {
        one_or_more(value, |value| {
            let fields = object(value)?;
            Ok(PriceTicker { symbol: fields.text("symbol")?, price: fields.decimal("price")? })
        })
    })
}

pub fn average_price(body: &[u8]) -> Parsed<AveragePrice> {
    whole(body, |value| {
        let fields = object(value)?;
        Ok(AveragePrice {
            minutes: fields.count("mins")?,
            price: fields.decimal("price")?,
            close_time: fields.optional_time("closeTime")?,
        })
    })
}

pub fn trades(body: &[u8]) -> Parsed<Vec<PublicTrade>> {
    whole(body, |value| {
        list(value, |value| {
            let fields = object(value)?;
            Ok(PublicTrade {
                id: fields.unsigned("id")?,
                price: fields.decimal("price")?,
                quantity: fields.decimal("qty")?,
                time: fields.time("time")?,
                buyer_is_maker: fields.bool("isBuyerMaker")?,
            })
        })
    })
}

pub fn aggregate_trades(body: &[u8]) -> Parsed<Vec<AggregateTrade>> {
    whole(body, |value| list(value, |value| aggregate_trade(object(value)?)))
}

pub(super) fn aggregate_trade(fields: Object<'_>) -> Read<AggregateTrade> {
    Ok(AggregateTrade {
        id: fields.unsigned("a")?,
        price: fields.decimal("p")?,
        quantity: fields.decimal("q")?,
        first_trade_id: fields.unsigned("f")?,
        last_trade_id: fields.unsigned("l")?,
        time: fields.time("T")?,
        buyer_is_maker: fields.bool("m")?,
    })
}

pub(super) fn side(fields: Object<'_>, key: &str) -> Read<Side> {
    let text = fields.str(key)?;
    SideWord::of(text)
        .map(Side::from)
        .ok_or_else(|| Fault::at(key, format!("`{text}` is neither BUY nor SELL")))
}

/// The answer to a new order, a query or a cancel.
pub fn order(body: &[u8]) -> Parsed<OrderReport> {
    whole(body, |value| order_in(object(value)?))
}

pub fn orders(body: &[u8]) -> Parsed<Vec<OrderReport>> {
    whole(body, |value| list(value, |value| order_in(object(value)?)))
}

fn order_in(fields: Object<'_>) -> Read<OrderReport> {
    Ok(OrderReport {
        symbol: fields.text("symbol")?,
        order_id: fields.unsigned("orderId")?,
        order_list_id: fields.optional_id("orderListId")?,
        client_order_id: fields.text("clientOrderId")?,
        original_client_order_id: fields.optional_text("origClientOrderId")?.filter(|id| !id.is_empty()),
        transact_time: fields.optional_time("transactTime")?,
        time: fields.optional_time("time")?,
        update_time: fields.optional_time("updateTime")?,
        state: if fields.has("status") { Some(order_state(fields)?) } else { None },
        fills: fields.list_or_empty("fills", |value| {
            let fields = object(value)?;
            Ok(OrderFill {
                price: fields.decimal("price")?,
                quantity: fields.decimal("qty")?,
                commission: fields.decimal("commission")?,
                commission_asset: fields.text("commissionAsset")?,
                trade_id: fields.optional_id("tradeId")?,
            })
        })?,
    })
}

fn order_state(fields: Object<'_>) -> Read<OrderState> {
    // Amendments spell two of the names otherwise.
    let quantity = if fields.has("origQty") { "origQty" } else { "qty" };
    let quote = if fields.has("cummulativeQuoteQty") { "cummulativeQuoteQty" } else { "cumulativeQuoteQty" };
    let given_quote = if fields.has("origQuoteOrderQty") { "origQuoteOrderQty" } else { "quoteOrderQty" };
    Ok(OrderState {
        side: side(fields, "side")?,
        order_type: fields.word("type", OrderType::of)?,
        status: fields.word("status", OrderStatus::of)?,
        time_in_force: fields.word("timeInForce", TimeInForce::of)?,
        price: fields.decimal("price")?,
        quantity: fields.decimal(quantity)?,
        executed_quantity: fields.decimal("executedQty")?,
        executed_quote: fields.optional_decimal(quote)?.filter(|quote| !quote.is_sign_negative()),
        quote_quantity: fields.nonzero_decimal(given_quote)?,
        stop_price: fields.nonzero_decimal("stopPrice")?,
        trailing_delta: fields.optional_count("trailingDelta")?,
        iceberg_quantity: fields.nonzero_decimal("icebergQty")?,
        working_time: fields.optional_time("workingTime")?,
        is_working: if fields.has("isWorking") { Some(fields.bool("isWorking")?) } else { None },
        self_trade_prevention: fields.optional_word("selfTradePreventionMode", SelfTradePrevention::of)?,
        expiry_reason: fields.optional_word("expiryReason", ExpiryReason::of)?,
    })
}

pub fn my_trades(body: &[u8]) -> Parsed<Vec<MyTrade>> {
    whole(body, |value| {
        list(value, |value| {
            let fields = object(value)?;
            Ok(MyTrade {
                symbol: fields.text("symbol")?,
                id: fields.unsigned("id")?,
                order_id: fields.unsigned("orderId")?,
                order_list_id: fields.optional_id("orderListId")?,
                price: fields.decimal("price")?,
                quantity: fields.decimal("qty")?,
                quote_quantity: fields.decimal("quoteQty")?,
                commission: fields.decimal("commission")?,
                commission_asset: fields.text("commissionAsset")?,
                time: fields.time("time")?,
                is_buyer: fields.bool("isBuyer")?,
                is_maker: fields.bool("isMaker")?,
            })
        })
    })
}

pub fn order_list(body: &[u8]) -> Parsed<OrderListReport> {
    whole(body, |value| order_list_in(object(value)?))
}

pub fn order_lists(body: &[u8]) -> Parsed<Vec<OrderListReport>> {
    whole(body, |value| list(value, |value| order_list_in(object(value)?)))
}

fn order_list_in(fields: Object<'_>) -> Read<OrderListReport> {
    Ok(OrderListReport {
        order_list_id: fields.unsigned("orderListId")?,
        symbol: fields.text("symbol")?,
        contingency: fields.word("contingencyType", ContingencyType::of)?,
        status_type: fields.word("listStatusType", ListStatusType::of)?,
        order_status: fields.word("listOrderStatus", ListOrderStatus::of)?,
        list_client_order_id: fields.text("listClientOrderId")?,
        transaction_time: fields.time("transactionTime")?,
        orders: fields.list_or_empty("orders", |value| {
            let fields = object(value)?;
            Ok(ListedOrder {
                symbol: fields.text("symbol")?,
                order_id: fields.unsigned("orderId")?,
                client_order_id: fields.text("clientOrderId")?,
            })
        })?,
        reports: fields.list_or_empty("orderReports", |value| order_in(object(value)?))?,
    })
}

fn canceled(value: &Value) -> Read<Canceled> {
    let fields = object(value)?;
    Ok(if fields.has("contingencyType") {
        Canceled::List(Box::new(order_list_in(fields)?))
    } else {
        Canceled::Order(Box::new(order_in(fields)?))
    })
}

/// The answer to a cancel of one order, which takes the whole list away where the order is part of one.
pub fn cancel(body: &[u8]) -> Parsed<Canceled> {
    whole(body, canceled)
}

/// The answer to a cancel of everything.
pub fn cancels(body: &[u8]) -> Parsed<Vec<Canceled>> {
    whole(body, |value| list(value, canceled))
}

/// Both halves of a cancel-and-replace, whether the answer is a success or holds them as `data` of an error.
pub fn cancel_replaced(body: &[u8]) -> Parsed<CancelReplaced> {
    whole(body, |value| {
        let fields = object(value)?;
        fields.optional("data", |value| replaced_in(object(value)?))?.map_or_else(|| replaced_in(fields), Ok)
    })
}

fn replaced_in(fields: Object<'_>) -> Read<CancelReplaced> {
    let part = |result: &str, response: &str| {
        let word = fields.str(result)?;
        match word {
            "SUCCESS" => fields.field(response, canceled).map(ReplacePart::Done),
            "FAILURE" => fields.field(response, |value| {
                let error = error_in(object(value)?);
                error.map(ReplacePart::Failed).ok_or_else(|| Fault::new("holds no error"))
            }),
            "NOT_ATTEMPTED" => Ok(ReplacePart::NotAttempted),
            other => Err(Fault::at(result, format!("`{other}` is not known"))),
        }
    };
    Ok(CancelReplaced {
        cancel: part("cancelResult", "cancelResponse")?,
        new_order: part("newOrderResult", "newOrderResponse")?,
    })
}

pub fn amended(body: &[u8]) -> Parsed<Amended> {
    whole(body, |value| {
        let fields = object(value)?;
        Ok(Amended {
            transact_time: fields.time("transactTime")?,
            execution_id: fields.unsigned("executionId")?,
            order: fields.field("amendedOrder", |value| order_in(object(value)?))?,
        })
    })
}

fn rates(value: &Value) -> Read<Rates> {
    let fields = object(value)?;
    let rate = |key: &str| -> Read<_> { Ok(fields.optional_decimal(key)?.unwrap_or_default()) };
    Ok(Rates { maker: rate("maker")?, taker: rate("taker")?, buyer: rate("buyer")?, seller: rate("seller")? })
}

pub fn account(body: &[u8]) -> Parsed<Account> {
    whole(body, |value| {
        let fields = object(value)?;
        Ok(Account {
            can_trade: fields.bool("canTrade")?,
            can_withdraw: fields.bool("canWithdraw")?,
            can_deposit: fields.bool_or("canDeposit", false)?,
            update_time: fields.optional_time("updateTime")?,
            account_type: fields.text_or_empty("accountType")?,
            balances: fields.list("balances", |value| {
                let fields = object(value)?;
                Ok(AssetBalance {
                    asset: fields.text("asset")?,
                    free: fields.decimal("free")?,
                    locked: fields.decimal("locked")?,
                })
            })?,
            permissions: fields.list_or_empty("permissions", text)?,
            commission_rates: fields.optional("commissionRates", rates)?,
            uid: fields.optional_id("uid")?,
        })
    })
}

fn text(value: &Value) -> Read<String> {
    value.as_str().map(str::to_owned).ok_or_else(|| Fault::new("expected a text"))
}

pub fn commission(body: &[u8]) -> Parsed<Commission> {
    whole(body, |value| {
        let fields = object(value)?;
        let part = |key: &str| -> Read<_> { Ok(fields.optional(key, rates)?.unwrap_or_default()) };
        Ok(Commission {
            symbol: fields.text("symbol")?,
            standard: fields.field("standardCommission", rates)?,
            special: part("specialCommission")?,
            tax: part("taxCommission")?,
            discount: fields.optional("discount", |value| {
                let fields = object(value)?;
                Ok(Discount {
                    enabled_for_account: fields.bool_or("enabledForAccount", false)?,
                    enabled_for_symbol: fields.bool_or("enabledForSymbol", false)?,
                    asset: fields.text_or_empty("discountAsset")?,
                    factor: fields.decimal("discount")?,
                })
            })?,
        })
    })
}

pub fn rate_limits(body: &[u8]) -> Parsed<Vec<RateLimit>> {
    whole(body, rate_limits_in)
}

/// Kinds and units that are not known are left out.
pub(super) fn rate_limits_in(value: &Value) -> Read<Vec<RateLimit>> {
    let limits = list(value, |value| {
        let fields = object(value)?;
        let kind = match fields.str("rateLimitType")? {
            "REQUEST_WEIGHT" => LimitKind::Weight,
            "ORDERS" => LimitKind::Orders,
            "RAW_REQUESTS" => LimitKind::RawRequests,
            _ => return Ok(None),
        };
        let unit = match fields.str("interval")? {
            "SECOND" => 1000,
            "MINUTE" => 60_000,
            "HOUR" => 3_600_000,
            "DAY" => 86_400_000,
            _ => return Ok(None),
        };
        let interval_ms = i64::from(fields.count("intervalNum")?) * unit;
        let count = if fields.has("count") { Some(fields.unsigned("count")?) } else { None };
        Ok((interval_ms > 0).then_some(RateLimit {
            kind,
            interval_ms,
            limit: fields.unsigned("limit")?,
            count,
        }))
    })?;
    Ok(limits.into_iter().flatten().collect())
}

/// Reads `exchangeInfo` symbol by symbol, so that neither its size nor one strange symbol matters.
pub fn exchange_info(body: &[u8]) -> Parsed<ExchangeInfo> {
    let mut reader = InfoReader::default();
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = (&mut json).deserialize_map(&mut reader).and_then(|()| json.end());
    let fault = |fault: Fault| fault.into_error(body);
    if let Err(error) = read {
        return Err(fault(reader.fault.unwrap_or_else(|| Fault::new(format!("not JSON: {error}")))));
    }
    let missing = |key: &str| fault(Fault::at(key, "is missing"));
    let hidden = reader.skipped_count.saturating_sub(reader.skipped.len());
    if hidden > 0 {
        reader.skipped.push(format!("and {hidden} more"));
    }
    Ok(ExchangeInfo {
        server_time: reader.server_time.ok_or_else(|| missing("serverTime"))?,
        rate_limits: reader.rate_limits.ok_or_else(|| missing("rateLimits"))?,
        filters: reader.filters,
        symbols: reader.symbols.ok_or_else(|| missing("symbols"))?,
        skipped: reader.skipped,
    })
}

#[derive(Default)]
struct InfoReader {
    server_time: Option<i64>,
    rate_limits: Option<Vec<RateLimit>>,
    filters: ExchangeFilters,
    symbols: Option<Vec<SymbolInfo>>,
    skipped: Vec<String>,
    skipped_count: usize,
    fault: Option<Fault>,
}

impl InfoReader {
    /// Keeps the fault, which an error of serde cannot carry.
    fn keep<T, E: serde::de::Error>(&mut self, key: &str, read: Read<T>) -> Result<T, E> {
        read.map_err(|fault| {
            let fault = fault.inside(key);
            let error = E::custom(fault.place());
            self.fault = Some(fault);
            error
        })
    }

    fn take(&mut self, value: &Value) {
        match symbol_info(value) {
            Ok(symbol) => self.symbols.get_or_insert_default().push(symbol),
            Err(fault) => {
                self.skipped_count += 1;
                if self.skipped.len() < NOTES {
                    let name = value.get("symbol").and_then(Value::as_str).unwrap_or("?");
                    let error = fault.into_error(b"");
                    let name = excerpt(name.as_bytes());
                    self.skipped.push(format!("{name}: {}: {}", error.place, error.problem));
                }
            }
        }
    }
}

impl<'de> Visitor<'de> for &mut InfoReader {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with symbols")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "serverTime" => {
                    let value: Value = map.next_value()?;
                    self.server_time = Some(self.keep("serverTime", time(&value))?);
                }
                "rateLimits" => {
                    let value: Value = map.next_value()?;
                    self.rate_limits = Some(self.keep("rateLimits", rate_limits_in(&value))?);
                }
                "exchangeFilters" => {
                    let value: Value = map.next_value()?;
                    self.filters = self.keep("exchangeFilters", exchange_filters(&value))?;
                }
                "symbols" => map.next_value_seed(Symbols(self))?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

struct Symbols<'r>(&'r mut InfoReader);

impl<'de> DeserializeSeed<'de> for Symbols<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Symbols<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of symbols")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut symbols: A) -> Result<(), A::Error> {
        self.0.symbols.get_or_insert_default();
        while let Some(value) = symbols.next_element::<Value>()? {
            self.0.take(&value);
        }
        Ok(())
    }
}

fn symbol_info(value: &Value) -> Read<SymbolInfo> {
    let fields = object(value)?;
    let status = fields.str("status")?;
    // An order in a symbol of unknown status would be a guess.
    let status = SymbolStatus::of(status)
        .ok_or_else(|| Fault::at("status", format!("`{status}` is not known to this version")))?;
    let precision = |key: &str| -> Read<u32> { Ok(fields.optional_count(key)?.unwrap_or(8)) };
    let allowed = |key: &str| fields.bool_or(key, false);
    Ok(SymbolInfo {
        rules: SymbolRules {
            symbol: fields.text("symbol")?,
            status,
            base_asset: fields.text("baseAsset")?,
            quote_asset: fields.text("quoteAsset")?,
            base_precision: fields.count("baseAssetPrecision")?,
            quote_precision: if fields.has("quoteAssetPrecision") {
                fields.count("quoteAssetPrecision")?
            } else {
                fields.count("quotePrecision")?
            },
            filters: fields.field("filters", filters)?,
        },
        order_types: fields
            .list_or_empty("orderTypes", |value| Ok(Word::read(&text(value)?, OrderType::of)))?,
        spot_trading: fields.bool_or("isSpotTradingAllowed", true)?,
        iceberg: allowed("icebergAllowed")?,
        oco: allowed("ocoAllowed")?,
        oto: allowed("otoAllowed")?,
        opo: allowed("opoAllowed")?,
        quote_order_quantity_market: allowed("quoteOrderQtyMarketAllowed")?,
        trailing_stop: allowed("allowTrailingStop")?,
        cancel_replace: allowed("cancelReplaceAllowed")?,
        amend: allowed("amendAllowed")?,
        default_self_trade_prevention: fields
            .optional_word("defaultSelfTradePreventionMode", SelfTradePrevention::of)?,
        base_commission_precision: precision("baseCommissionPrecision")?,
        quote_commission_precision: precision("quoteCommissionPrecision")?,
        permission_sets: fields.list_or_empty("permissionSets", |value| list(value, text))?,
    })
}

fn filters(value: &Value) -> Read<Filters> {
    let mut filters = Filters::default();
    list(value, |value| {
        let fields = object(value)?;
        let minutes = || -> Read<u32> { Ok(fields.optional_count("avgPriceMins")?.unwrap_or(0)) };
        let lot = || -> Read<LotSize> {
            Ok(LotSize {
                min_qty: fields.decimal("minQty")?,
                max_qty: fields.decimal("maxQty")?,
                step_size: fields.decimal("stepSize")?,
            })
        };
        match fields.str("filterType")? {
            "PRICE_FILTER" => {
                filters.price = Some(PriceFilter {
                    min_price: fields.decimal("minPrice")?,
                    max_price: fields.decimal("maxPrice")?,
                    tick_size: fields.decimal("tickSize")?,
                });
            }
            "PERCENT_PRICE" => {
                let (up, down) = (fields.decimal("multiplierUp")?, fields.decimal("multiplierDown")?);
                filters.percent_price = Some(PercentPrice {
                    bid_up: up,
                    bid_down: down,
                    ask_up: up,
                    ask_down: down,
                    avg_price_mins: minutes()?,
                });
            }
            "PERCENT_PRICE_BY_SIDE" => {
                filters.percent_price_by_side = Some(PercentPrice {
                    bid_up: fields.decimal("bidMultiplierUp")?,
                    bid_down: fields.decimal("bidMultiplierDown")?,
                    ask_up: fields.decimal("askMultiplierUp")?,
                    ask_down: fields.decimal("askMultiplierDown")?,
                    avg_price_mins: minutes()?,
                });
            }
            "LOT_SIZE" => filters.lot_size = Some(lot()?),
            "MARKET_LOT_SIZE" => filters.market_lot_size = Some(lot()?),
            "MIN_NOTIONAL" => {
                filters.min_notional = Some(MinNotional {
                    min_notional: fields.decimal("minNotional")?,
                    apply_to_market: fields.bool_or("applyToMarket", true)?,
                    avg_price_mins: minutes()?,
                });
            }
            "NOTIONAL" => {
                filters.notional = Some(NotionalRange {
                    min_notional: fields.decimal("minNotional")?,
                    apply_min_to_market: fields.bool_or("applyMinToMarket", true)?,
                    max_notional: fields.optional_decimal("maxNotional")?.unwrap_or_default(),
                    apply_max_to_market: fields.bool_or("applyMaxToMarket", false)?,
                    avg_price_mins: minutes()?,
                });
            }
            "ICEBERG_PARTS" => filters.iceberg_parts = Some(fields.count("limit")?),
            "MAX_NUM_ORDERS" => filters.max_num_orders = Some(fields.count("maxNumOrders")?),
            "MAX_NUM_ALGO_ORDERS" => {
                filters.max_num_algo_orders = Some(fields.count("maxNumAlgoOrders")?);
            }
            "MAX_NUM_ICEBERG_ORDERS" => {
                filters.max_num_iceberg_orders = Some(fields.count("maxNumIcebergOrders")?);
            }
            "MAX_NUM_ORDER_LISTS" => {
                filters.max_num_order_lists = Some(fields.count("maxNumOrderLists")?);
            }
            "MAX_NUM_ORDER_AMENDS" => {
                filters.max_num_order_amends = Some(fields.count("maxNumOrderAmends")?);
            }
            "MAX_POSITION" => filters.max_position = Some(fields.decimal("maxPosition")?),
            "TRAILING_DELTA" => {
                filters.trailing_delta = Some(TrailingDelta {
                    min_above: fields.count("minTrailingAboveDelta")?,
                    max_above: fields.count("maxTrailingAboveDelta")?,
                    min_below: fields.count("minTrailingBelowDelta")?,
                    max_below: fields.count("maxTrailingBelowDelta")?,
                });
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(filters)
}

fn exchange_filters(value: &Value) -> Read<ExchangeFilters> {
    let mut filters = ExchangeFilters::default();
    list(value, |value| {
        let fields = object(value)?;
        match fields.str("filterType")? {
            "EXCHANGE_MAX_NUM_ORDERS" => filters.max_num_orders = Some(fields.count("maxNumOrders")?),
            "EXCHANGE_MAX_NUM_ALGO_ORDERS" => {
                filters.max_num_algo_orders = Some(fields.count("maxNumAlgoOrders")?);
            }
            "EXCHANGE_MAX_NUM_ICEBERG_ORDERS" => {
                filters.max_num_iceberg_orders = Some(fields.count("maxNumIcebergOrders")?);
            }
            "EXCHANGE_MAX_NUM_ORDER_LISTS" => {
                filters.max_num_order_lists = Some(fields.count("maxNumOrderLists")?);
            }
            _ => {}
        }
        Ok(())
    })?;
    Ok(filters)
}
