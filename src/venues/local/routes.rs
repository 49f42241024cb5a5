//! Every request there is, in one table: REST and the WebSocket API go through the same rows.

use super::faults::RequestKind;
use super::handlers::{account, lists, market, orders};
use super::refusal::Refusal;
use super::render::Unit;
use super::request::Params;
use super::state::State;
use crate::venues::sim::exchange::{AccountId, SymbolId};
use serde_json::Value;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Put,
    Delete,
}

impl Method {
    pub fn of(name: &str) -> Option<Method> {
        match name {
            "GET" => Some(Method::Get),
            "POST" => Some(Method::Post),
            "PUT" => Some(Method::Put),
            "DELETE" => Some(Method::Delete),
            _ => None,
        }
    }
}

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    Anybody,
    /// Signed.
    User,
    /// Signed, by a key that may trade.
    Trader,
}

#[derive(Clone, Copy)]
pub enum Weight {
    Fixed(u64),
    /// Nothing if it succeeds.
    IfFailed(u64),
    By(fn(&Params) -> u64),
}

/// A request that is being answered.
pub struct Call<'a> {
    pub state: &'a mut State,
    pub params: &'a Params,
    pub account: Option<AccountId>,
    pub unit: Unit,
    /// The server's clock, in µs.
    pub now_us: i64,
}

impl Call<'_> {
    pub fn account(&self) -> Result<AccountId, Refusal> {
        self.account.ok_or_else(Refusal::key_format)
    }

    /// Of `symbol`, which has to be there.
    pub fn symbol(&self) -> Result<SymbolId, Refusal> {
        let name = self.params.symbol_text("symbol")?.ok_or_else(|| Refusal::missing("symbol"))?;
        self.state.symbol(name).ok_or_else(Refusal::invalid_symbol)
    }

    pub fn optional_symbol(&self) -> Result<Option<SymbolId>, Refusal> {
        let name = self.params.symbol_text("symbol")?;
        name.map(|name| self.state.symbol(name).ok_or_else(Refusal::invalid_symbol)).transpose()
    }

    pub fn symbol_name(&self, symbol: SymbolId) -> &str {
        &self.state.exchange.rules(symbol).symbol
    }

    /// The market's time in ms.
    pub fn market_now(&self) -> i64 {
        self.state.market.now()
    }

    pub fn now_ms(&self) -> i64 {
        self.now_us.div_euclid(1000)
    }
}

pub type Handler = fn(&mut Call<'_>) -> Result<Value, Refusal>;

pub struct Route {
    pub method: Method,
    /// Below `/api/v3/`.
    pub path: &'static str,
    /// Its method of the WebSocket API; empty: it has none.
    pub ws: &'static str,
    pub weight: Weight,
    pub security: Security,
    pub kind: RequestKind,
    /// Names of parameters; `!`: it has to be there.
    pub parameters: &'static str,
    pub handler: Handler,
}

/// Names that every signed request may have.
pub const SIGNED_NAMES: [&str; 3] = ["timestamp", "signature", "recvWindow"];
/// Names that every frame of the WebSocket API may have.
pub const FRAME_NAMES: [&str; 5] = ["timestamp", "signature", "recvWindow", "apiKey", "returnRateLimits"];

const ORDER: &str = "symbol! side! type! timeInForce quantity quoteOrderQty price newClientOrderId strategyId strategyType stopPrice trailingDelta icebergQty newOrderRespType selfTradePreventionMode pegPriceType pegOffsetValue pegOffsetType";
const ORDER_TEST: &str = "symbol! side! type! timeInForce quantity quoteOrderQty price newClientOrderId strategyId strategyType stopPrice trailingDelta icebergQty newOrderRespType selfTradePreventionMode pegPriceType pegOffsetValue pegOffsetType computeCommissionRates";
const CANCEL_REPLACE: &str = "symbol! side! type! cancelReplaceMode! timeInForce quantity quoteOrderQty price cancelNewClientOrderId cancelOrigClientOrderId cancelOrderId newClientOrderId strategyId strategyType stopPrice trailingDelta icebergQty newOrderRespType selfTradePreventionMode cancelRestrictions orderRateLimitExceededMode pegPriceType pegOffsetValue pegOffsetType";
const OCO: &str = "symbol! listClientOrderId side! quantity! aboveType! aboveClientOrderId aboveIcebergQty abovePrice aboveStopPrice aboveTrailingDelta aboveTimeInForce aboveStrategyId aboveStrategyType abovePegPriceType abovePegOffsetType abovePegOffsetValue belowType! belowClientOrderId belowIcebergQty belowPrice belowStopPrice belowTrailingDelta belowTimeInForce belowStrategyId belowStrategyType belowPegPriceType belowPegOffsetType belowPegOffsetValue newOrderRespType selfTradePreventionMode";
const OLD_OCO: &str = "symbol! listClientOrderId side! quantity! limitClientOrderId price! limitStrategyId limitStrategyType limitIcebergQty trailingDelta stopClientOrderId stopPrice! stopStrategyId stopStrategyType stopLimitPrice stopIcebergQty stopLimitTimeInForce newOrderRespType selfTradePreventionMode";
const OTO: &str = "symbol! listClientOrderId newOrderRespType selfTradePreventionMode workingType! workingSide! workingClientOrderId workingPrice! workingQuantity! workingIcebergQty workingTimeInForce workingStrategyId workingStrategyType workingPegPriceType workingPegOffsetType workingPegOffsetValue pendingType! pendingSide! pendingClientOrderId pendingPrice pendingStopPrice pendingTrailingDelta pendingQuantity! pendingIcebergQty pendingTimeInForce pendingStrategyId pendingStrategyType pendingPegPriceType pendingPegOffsetType pendingPegOffsetValue";
const OPO: &str = "symbol! listClientOrderId newOrderRespType selfTradePreventionMode workingType! workingSide! workingClientOrderId workingPrice! workingQuantity! workingIcebergQty workingTimeInForce workingStrategyId workingStrategyType workingPegPriceType workingPegOffsetType workingPegOffsetValue pendingType! pendingSide! pendingClientOrderId pendingPrice pendingStopPrice pendingTrailingDelta pendingQuantity pendingIcebergQty pendingTimeInForce pendingStrategyId pendingStrategyType pendingPegPriceType pendingPegOffsetType pendingPegOffsetValue";
const OTOCO: &str = "symbol! listClientOrderId newOrderRespType selfTradePreventionMode workingType! workingSide! workingClientOrderId workingPrice! workingQuantity! workingIcebergQty workingTimeInForce workingStrategyId workingStrategyType workingPegPriceType workingPegOffsetType workingPegOffsetValue pendingSide! pendingQuantity! pendingAboveType! pendingAboveClientOrderId pendingAbovePrice pendingAboveStopPrice pendingAboveTrailingDelta pendingAboveIcebergQty pendingAboveTimeInForce pendingAboveStrategyId pendingAboveStrategyType pendingAbovePegPriceType pendingAbovePegOffsetType pendingAbovePegOffsetValue pendingBelowType! pendingBelowClientOrderId pendingBelowPrice pendingBelowStopPrice pendingBelowTrailingDelta pendingBelowIcebergQty pendingBelowTimeInForce pendingBelowStrategyId pendingBelowStrategyType pendingBelowPegPriceType pendingBelowPegOffsetType pendingBelowPegOffsetValue";
const OPOCO: &str = "symbol! listClientOrderId newOrderRespType selfTradePreventionMode workingType! workingSide! workingClientOrderId workingPrice! workingQuantity! workingIcebergQty workingTimeInForce workingStrategyId workingStrategyType workingPegPriceType workingPegOffsetType workingPegOffsetValue pendingSide! pendingQuantity pendingAboveType! pendingAboveClientOrderId pendingAbovePrice pendingAboveStopPrice pendingAboveTrailingDelta pendingAboveIcebergQty pendingAboveTimeInForce pendingAboveStrategyId pendingAboveStrategyType pendingAbovePegPriceType pendingAbovePegOffsetType pendingAbovePegOffsetValue pendingBelowType! pendingBelowClientOrderId pendingBelowPrice pendingBelowStopPrice pendingBelowTrailingDelta pendingBelowIcebergQty pendingBelowTimeInForce pendingBelowStrategyId pendingBelowStrategyType pendingBelowPegPriceType pendingBelowPegOffsetType pendingBelowPegOffsetValue";
const KLINES: &str = "symbol! interval! startTime endTime timeZone limit";
const TICKER: &str = "symbol symbols type symbolStatus";
const WINDOW_TICKER: &str = "symbol symbols windowSize type symbolStatus";
const DAY_TICKER: &str = "symbol symbols timeZone type symbolStatus";
const PRICES: &str = "symbol symbols symbolStatus";

use Method::{Delete, Get, Post, Put};
use RequestKind as Kind;
use Security::{Anybody, Trader, User};
use Weight::{By, Fixed, IfFailed};

macro_rules! routes {
    ($($method:ident $path:literal $ws:literal $weight:expr, $security:ident $kind:ident $parameters:expr, $handler:path;)+) => {
        &[$(Route {
            method: $method,
            path: $path,
            ws: $ws,
            weight: $weight,
            security: $security,
            kind: Kind::$kind,
            parameters: $parameters,
            handler: $handler,
        }),+]
    };
}

pub const ROUTES: &[Route] = routes! {
    Get "ping" "ping" Fixed(1), Anybody Public "", market::ping;
    Get "time" "time" Fixed(1), Anybody Public "", market::time;
    Get "exchangeInfo" "exchangeInfo" Fixed(20), Anybody Public "symbol symbols permissions showPermissionSets symbolStatus", market::exchange_info;
    Get "klines" "klines" Fixed(2), Anybody Public KLINES, market::klines;
    Get "uiKlines" "uiKlines" Fixed(2), Anybody Public KLINES, market::klines;
    Get "depth" "depth" By(market::depth_weight), Anybody Public "symbol! limit symbolStatus", market::depth;
    Get "trades" "trades.recent" Fixed(25), Anybody Public "symbol! limit", market::trades;
    Get "historicalTrades" "trades.historical" Fixed(25), Anybody Public "symbol! limit fromId", market::trades;
    Get "historicalBlockTrades" "blockTrades.historical" Fixed(25), Anybody Public "symbol! fromId! limit", account::nothing;
    Get "aggTrades" "trades.aggregate" Fixed(4), Anybody Public "symbol! fromId startTime endTime limit", market::agg_trades;
    Get "avgPrice" "avgPrice" Fixed(2), Anybody Public "symbol!", market::average_price;
    Get "ticker/price" "ticker.price" By(market::price_weight), Anybody Public PRICES, market::ticker_price;
    Get "ticker/bookTicker" "ticker.book" By(market::price_weight), Anybody Public PRICES, market::ticker_book;
    Get "ticker/24hr" "ticker.24hr" By(market::day_weight), Anybody Public TICKER, market::ticker_24hr;
    Get "ticker/tradingDay" "ticker.tradingDay" By(market::window_weight), Anybody Public DAY_TICKER, market::ticker_trading_day;
    Get "ticker" "ticker" By(market::window_weight), Anybody Public WINDOW_TICKER, market::ticker_window;
    Get "executionRules" "executionRules" By(market::rules_weight), Anybody Public PRICES, market::execution_rules;
    Get "referencePrice" "referencePrice" Fixed(2), Anybody Public "symbol!", market::reference_price;
    Get "referencePrice/calculation" "referencePrice.calculation" Fixed(2), Anybody Public "symbol! symbolStatus", market::reference_price;

    Post "order" "order.place" IfFailed(1), Trader Order ORDER, orders::place;
    Post "order/test" "order.test" By(orders::test_weight), Trader Account ORDER_TEST, orders::test;
    Get "order" "order.status" Fixed(4), User Query "symbol! orderId origClientOrderId", orders::status;
    Delete "order" "order.cancel" IfFailed(1), Trader Cancel "symbol! orderId origClientOrderId newClientOrderId cancelRestrictions", orders::cancel;
    Delete "openOrders" "openOrders.cancelAll" IfFailed(1), Trader Cancel "symbol!", orders::cancel_all;
    Post "order/cancelReplace" "order.cancelReplace" IfFailed(1), Trader Order CANCEL_REPLACE, orders::cancel_replace;
    Put "order/amend/keepPriority" "order.amend.keepPriority" Fixed(4), Trader Cancel "symbol! newQty! orderId origClientOrderId newClientOrderId", orders::amend;
    Get "order/amendments" "order.amendments" Fixed(4), User Account "symbol! orderId! fromExecutionId limit", orders::amendments;
    Get "openOrders" "openOrders.status" By(orders::open_weight), User Account "symbol", orders::open;
    Get "allOrders" "allOrders" Fixed(20), User Account "symbol! orderId startTime endTime limit", orders::all;
    Get "myTrades" "myTrades" By(orders::trades_weight), User Account "symbol! orderId startTime endTime fromId limit", orders::my_trades;
    Post "sor/order" "sor.order.place" IfFailed(1), Trader Order ORDER, orders::no_routing;
    Post "sor/order/test" "sor.order.test" By(orders::test_weight), Trader Account ORDER_TEST, orders::no_routing;

    Post "order/oco" "orderList.place" IfFailed(1), Trader Order OLD_OCO, lists::old_oco;
    Post "orderList/oco" "orderList.place.oco" IfFailed(1), Trader Order OCO, lists::oco;
    Post "orderList/oto" "orderList.place.oto" IfFailed(1), Trader Order OTO, lists::oto;
    Post "orderList/otoco" "orderList.place.otoco" IfFailed(1), Trader Order OTOCO, lists::otoco;
    Post "orderList/opo" "orderList.place.opo" IfFailed(1), Trader Order OPO, lists::opo;
    Post "orderList/opoco" "orderList.place.opoco" IfFailed(1), Trader Order OPOCO, lists::opoco;
    Delete "orderList" "orderList.cancel" IfFailed(1), Trader Cancel "symbol! orderListId listClientOrderId newClientOrderId", lists::cancel;
    Get "orderList" "orderList.status" Fixed(4), User Query "orderListId origClientOrderId", lists::status;
    Get "allOrderList" "allOrderLists" Fixed(20), User Account "fromId startTime endTime limit", lists::all;
    Get "openOrderList" "openOrderLists.status" Fixed(6), User Account "", lists::open;

    Get "account" "account.status" Fixed(20), User Account "omitZeroBalances", account::status;
    Get "account/commission" "account.commission" Fixed(20), User Account "symbol!", account::commission;
    Get "rateLimit/order" "account.rateLimits.orders" Fixed(40), User Account "", account::order_limits;
    Get "myFilters" "myFilters" Fixed(40), User Account "symbol!", account::filters;
    Get "myPreventedMatches" "myPreventedMatches" By(account::prevented_weight), User Account "symbol! preventedMatchId orderId fromPreventedMatchId limit", account::nothing;
    Get "myAllocations" "myAllocations" Fixed(20), User Account "symbol! startTime endTime fromAllocationId limit orderId", account::nothing;
};

/// The row of a REST request. `Err(true)`: the path is there, but not with this method.
pub fn find(method: Option<Method>, path: &str) -> Result<&'static Route, bool> {
    let mut rows = ROUTES.iter().filter(|route| route.path == path).peekable();
    let is_known = rows.peek().is_some();
    rows.find(|route| Some(route.method) == method).ok_or(is_known)
}

/// The row of a method of the WebSocket API.
pub fn find_ws(method: &str) -> Option<&'static Route> {
    let method = method.strip_prefix("v3/").unwrap_or(method);
    ROUTES.iter().find(|route| route.ws == method && !method.is_empty())
}
