//! What the exchange's answers and frames hold, as types. Names are ours, the exchange's own stay behind in
//! [`super::parse`] and [`super::frames`]. Money is decimal, times are UTC milliseconds, prices are in quote and
//! quantities in base currency. Pure data.

use crate::model::{Candle, Side};
use crate::venues::rules::{ExchangeFilters, SymbolRules};
use crate::venues::words::{
    ContingencyType, ExecutionType, ExpiryReason, ListOrderStatus, ListStatusType, OrderStatus, OrderType,
    SelfTradePrevention, TimeInForce,
};
use rust_decimal::Decimal;
use std::fmt;

/// A word of a vocabulary that the exchange may extend at any time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Word<T> {
    Known(T),
    /// As it came.
    Other(String),
}

impl<T> Word<T> {
    pub fn read(text: &str, of: impl Fn(&str) -> Option<T>) -> Word<T> {
        of(text).map_or_else(|| Word::Other(text.to_owned()), Word::Known)
    }

    pub fn known(&self) -> Option<&T> {
        match self {
            Word::Known(word) => Some(word),
            Word::Other(_) => None,
        }
    }
}

impl<T: PartialEq> Word<T> {
    pub fn is(&self, word: T) -> bool {
        self.known() == Some(&word)
    }
}

impl<T: fmt::Display> fmt::Display for Word<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Word::Known(word) => word.fmt(f),
            Word::Other(text) => f.write_str(text),
        }
    }
}

/// `{"code": -1121, "msg": "Invalid symbol."}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    pub code: i64,
    /// Bounded; the exact text tells some errors apart that share a code.
    pub message: String,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.message)
    }
}

/// What a rate limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitKind {
    Weight,
    Orders,
    RawRequests,
}

/// One line of the exchange's `rateLimits`: at most `limit` per calendar window of `interval_ms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    pub kind: LimitKind,
    pub interval_ms: i64,
    pub limit: u64,
    /// How much of it is used, where the exchange says so.
    pub count: Option<u64>,
}

/// What may be traded, by which rules.
#[derive(Debug, Clone, PartialEq)]
pub struct ExchangeInfo {
    pub server_time: i64,
    pub rate_limits: Vec<RateLimit>,
    pub filters: ExchangeFilters,
    pub symbols: Vec<SymbolInfo>,
    /// Symbols that could not be understood, and why: they are left out of `symbols`.
    pub skipped: Vec<String>,
}

impl ExchangeInfo {
    pub fn symbol(&self, name: &str) -> Option<&SymbolInfo> {
        self.symbols.iter().find(|symbol| symbol.rules.symbol == name)
    }
}

/// A symbol: its rules, and what else the exchange lets one do with it.
#[derive(Debug, Clone, PartialEq)]
pub struct SymbolInfo {
    pub rules: SymbolRules,
    pub order_types: Vec<Word<OrderType>>,
    pub spot_trading: bool,
    pub iceberg: bool,
    pub oco: bool,
    pub oto: bool,
    pub opo: bool,
    pub quote_order_quantity_market: bool,
    pub trailing_stop: bool,
    pub cancel_replace: bool,
    pub amend: bool,
    pub default_self_trade_prevention: Option<Word<SelfTradePrevention>>,
    /// Decimals of commissions.
    pub base_commission_precision: u32,
    pub quote_commission_precision: u32,
    /// An account needs one of each inner list.
    pub permission_sets: Vec<Vec<String>>,
}

/// A candle as the exchange gives it, with all its columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Kline {
    pub open_time: i64,
    /// Last millisecond that belongs to it.
    pub close_time: i64,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
    pub volume: Decimal,
    pub quote_volume: Decimal,
    pub trades: u64,
    /// Parts of `volume` and `quote_volume` in which the buyer was the taker.
    pub taker_buy_volume: Decimal,
    pub taker_buy_quote_volume: Decimal,
}

impl Kline {
    /// What indicators and scripts work with: the nearest binary numbers.
    pub fn candle(&self) -> Candle {
        Candle {
            open_time: self.open_time,
            close_time: self.close_time,
            open: binary(self.open),
            high: binary(self.high),
            low: binary(self.low),
            close: binary(self.close),
            volume: binary(self.volume),
        }
    }
}

/// The nearest binary number, by way of the text, as candle files are read.
fn binary(x: Decimal) -> f64 {
    x.to_string().parse().unwrap_or(f64::NAN)
}

/// Price and quantity at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    pub price: Decimal,
    pub quantity: Decimal,
}

/// The order book, the best prices first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    pub last_update_id: u64,
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
}

/// The best prices of the book. Empty sides are zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookTicker {
    pub symbol: String,
    /// Only in streams.
    pub update_id: Option<u64>,
    pub bid: Level,
    pub ask: Level,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceTicker {
    pub symbol: String,
    pub price: Decimal,
}

/// The price that market orders are valued at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AveragePrice {
    pub minutes: u32,
    pub price: Decimal,
    pub close_time: Option<i64>,
}

/// A trade of the market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicTrade {
    pub id: u64,
    pub price: Decimal,
    pub quantity: Decimal,
    pub time: i64,
    pub buyer_is_maker: bool,
}

/// Trades of one taker at one price and time, as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AggregateTrade {
    pub id: u64,
    pub price: Decimal,
    pub quantity: Decimal,
    pub first_trade_id: u64,
    pub last_trade_id: u64,
    pub time: i64,
    pub buyer_is_maker: bool,
}

/// An order as an answer tells it: to a new order, a query, a cancel, or as part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderReport {
    pub symbol: String,
    pub order_id: u64,
    pub order_list_id: Option<u64>,
    /// Of the order; in the answer to a cancel, of the cancel.
    pub client_order_id: String,
    /// Only in the answer to a cancel or an amendment: what the order was called before it.
    pub original_client_order_id: Option<String>,
    /// When the request was carried out.
    pub transact_time: Option<i64>,
    /// When the order was taken; only in queries.
    pub time: Option<i64>,
    pub update_time: Option<i64>,
    /// `None`: the answer only acknowledges, and does not tell how the order stands.
    pub state: Option<OrderState>,
    /// Executions that happened at once; only in answers to new orders.
    pub fills: Vec<OrderFill>,
}

impl OrderReport {
    /// What the order itself is called, also in the answer to a cancel.
    pub fn own_client_order_id(&self) -> &str {
        self.original_client_order_id.as_deref().unwrap_or(&self.client_order_id)
    }
}

/// How an order stands.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderState {
    pub side: Side,
    pub order_type: Word<OrderType>,
    pub status: Word<OrderStatus>,
    pub time_in_force: Word<TimeInForce>,
    /// Zero for market orders.
    pub price: Decimal,
    pub quantity: Decimal,
    pub executed_quantity: Decimal,
    /// What the executed part was worth. `None`: not known (a negative number, in old orders).
    pub executed_quote: Option<Decimal>,
    /// Of a market order that was given by it.
    pub quote_quantity: Option<Decimal>,
    pub stop_price: Option<Decimal>,
    /// In hundredths of a percent.
    pub trailing_delta: Option<u32>,
    pub iceberg_quantity: Option<Decimal>,
    /// When it entered the book; `None`: it has not.
    pub working_time: Option<i64>,
    pub is_working: Option<bool>,
    pub self_trade_prevention: Option<Word<SelfTradePrevention>>,
    pub expiry_reason: Option<Word<ExpiryReason>>,
}

impl OrderState {
    /// What was paid or received per unit so far.
    pub fn average_price(&self) -> Option<Decimal> {
        self.executed_quote?.checked_div(self.executed_quantity)
    }
}

/// An execution in the answer to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderFill {
    pub price: Decimal,
    pub quantity: Decimal,
    pub commission: Decimal,
    pub commission_asset: String,
    pub trade_id: Option<u64>,
}

/// An execution of ours, as queried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MyTrade {
    pub symbol: String,
    pub id: u64,
    pub order_id: u64,
    pub order_list_id: Option<u64>,
    pub price: Decimal,
    pub quantity: Decimal,
    pub quote_quantity: Decimal,
    pub commission: Decimal,
    pub commission_asset: String,
    pub time: i64,
    pub is_buyer: bool,
    pub is_maker: bool,
}

/// A list of orders that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderListReport {
    pub order_list_id: u64,
    pub symbol: String,
    pub contingency: Word<ContingencyType>,
    pub status_type: Word<ListStatusType>,
    pub order_status: Word<ListOrderStatus>,
    pub list_client_order_id: String,
    pub transaction_time: i64,
    pub orders: Vec<ListedOrder>,
    /// Not in queries.
    pub reports: Vec<OrderReport>,
}

/// An order of a list, by its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedOrder {
    pub symbol: String,
    pub order_id: u64,
    pub client_order_id: String,
}

/// What a cancel of everything took away.
#[derive(Debug, Clone, PartialEq)]
pub enum Canceled {
    Order(Box<OrderReport>),
    List(Box<OrderListReport>),
}

/// How one half of a cancel-and-replace went.
#[derive(Debug, Clone, PartialEq)]
pub enum ReplacePart {
    Done(Canceled),
    Failed(ApiError),
    NotAttempted,
}

/// Both halves of a cancel-and-replace.
#[derive(Debug, Clone, PartialEq)]
pub struct CancelReplaced {
    pub cancel: ReplacePart,
    pub new_order: ReplacePart,
}

/// An order that was made smaller and kept its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Amended {
    pub transact_time: i64,
    pub execution_id: u64,
    pub order: OrderReport,
}

/// Holdings of one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetBalance {
    pub asset: String,
    pub free: Decimal,
    pub locked: Decimal,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    pub can_trade: bool,
    pub can_withdraw: bool,
    pub can_deposit: bool,
    pub update_time: Option<i64>,
    pub account_type: String,
    pub balances: Vec<AssetBalance>,
    pub permissions: Vec<String>,
    /// Parts of one; `None` where the account does not say.
    pub commission_rates: Option<Rates>,
    pub uid: Option<u64>,
}

impl Account {
    pub fn balance(&self, asset: &str) -> Option<&AssetBalance> {
        self.balances.iter().find(|balance| balance.asset == asset)
    }
}

/// Commission rates, as parts of one: (maker or taker) + (buyer or seller).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    pub maker: Decimal,
    pub taker: Decimal,
    pub buyer: Decimal,
    pub seller: Decimal,
}

/// Commissions of a symbol for this account.
#[derive(Debug, Clone, PartialEq)]
pub struct Commission {
    pub symbol: String,
    pub standard: Rates,
    pub special: Rates,
    pub tax: Rates,
    pub discount: Option<Discount>,
}

/// Commission paid in another asset: the standard part times `factor`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discount {
    /// Both have to be true.
    pub enabled_for_account: bool,
    pub enabled_for_symbol: bool,
    pub asset: String,
    pub factor: Decimal,
}

/// A frame of a market-data connection.
#[derive(Debug, Clone, PartialEq)]
pub enum MarketFrame {
    Event {
        stream: Option<String>,
        event: MarketEvent,
    },
    /// A request of ours was carried out.
    Done {
        id: Option<u64>,
    },
    /// A request of ours was refused.
    Refused {
        id: Option<u64>,
        error: ApiError,
    },
}

/// Something that happened in the market.
#[derive(Debug, Clone, PartialEq)]
pub enum MarketEvent {
    Kline(KlineUpdate),
    Trade {
        symbol: String,
        trade: PublicTrade,
        event_time: i64,
    },
    AggregateTrade {
        symbol: String,
        trade: AggregateTrade,
        event_time: i64,
    },
    BookTicker(BookTicker),
    MiniTicker(MiniTicker),
    MiniTickers(Vec<MiniTicker>),
    /// The top of the book, whole. Its symbol is in the name of the stream only.
    Depth(Depth),
    /// Changes of the book.
    DepthUpdate(DepthUpdate),
    /// The server goes away soon: connect anew.
    ServerShutdown {
        time: Option<i64>,
    },
    /// A kind of event that is not known (yet), by its name; empty where it has none.
    Other(String),
}

/// How a candle stands.
#[derive(Debug, Clone, PartialEq)]
pub struct KlineUpdate {
    pub symbol: String,
    /// As the exchange writes it: `1h`, `1M`.
    pub interval: String,
    pub event_time: i64,
    pub kline: Kline,
    /// It will not change any more.
    pub closed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MiniTicker {
    pub symbol: String,
    pub event_time: i64,
    pub open: Decimal,
    pub high: Decimal,
    pub low: Decimal,
    pub close: Decimal,
    pub volume: Decimal,
    pub quote_volume: Decimal,
}

/// Levels that changed between two update ids, both included; quantity zero: gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepthUpdate {
    pub symbol: String,
    pub event_time: i64,
    pub first_update_id: u64,
    pub last_update_id: u64,
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
}

/// Something that happened to the account.
#[derive(Debug, Clone, PartialEq)]
pub enum UserEvent {
    Execution(Box<ExecutionReport>),
    /// Balances that may have changed, absolute.
    Balances(AccountPosition),
    /// A deposit, withdrawal or transfer.
    BalanceChanged(BalanceChange),
    /// An amount locked or unlocked by something other than an order.
    LockChanged(BalanceChange),
    List(ListStatus),
    /// No more events on this subscription.
    StreamTerminated {
        time: Option<i64>,
    },
    /// A kind of event that is not known (yet), by its name.
    Other(String),
}

/// What happened to an order, and how it stands after it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionReport {
    pub event_time: i64,
    pub transaction_time: i64,
    pub symbol: String,
    pub order_id: u64,
    /// Number of this report; with symbol and order id it tells repeated ones apart.
    pub execution_id: u64,
    pub order_list_id: Option<u64>,
    /// Of the order, also where its cancel is told.
    pub client_order_id: String,
    /// Of the cancel, where that is what happened.
    pub request_client_order_id: Option<String>,
    /// What the order was called before an amendment.
    pub previous_client_order_id: Option<String>,
    pub side: Side,
    pub order_type: Word<OrderType>,
    pub time_in_force: Word<TimeInForce>,
    pub execution_type: Word<ExecutionType>,
    pub status: Word<OrderStatus>,
    /// `NONE` unless it was refused.
    pub reject_reason: String,
    pub quantity: Decimal,
    pub price: Decimal,
    pub stop_price: Option<Decimal>,
    pub trailing_delta: Option<u32>,
    pub iceberg_quantity: Option<Decimal>,
    pub quote_quantity: Option<Decimal>,
    pub executed_quantity: Decimal,
    pub executed_quote: Option<Decimal>,
    /// Where the event is an execution.
    pub fill: Option<StreamFill>,
    pub is_working: bool,
    pub order_time: Option<i64>,
    pub working_time: Option<i64>,
    pub self_trade_prevention: Option<Word<SelfTradePrevention>>,
    pub expiry_reason: Option<Word<ExpiryReason>>,
}

/// One execution, as a report tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamFill {
    pub trade_id: u64,
    pub price: Decimal,
    pub quantity: Decimal,
    pub quote_quantity: Decimal,
    pub commission: Decimal,
    /// `None` where there was no commission.
    pub commission_asset: Option<String>,
    pub is_maker: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountPosition {
    pub event_time: i64,
    pub update_time: i64,
    pub balances: Vec<AssetBalance>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceChange {
    pub event_time: i64,
    pub asset: String,
    pub delta: Decimal,
    pub time: i64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListStatus {
    pub event_time: i64,
    pub transaction_time: i64,
    pub symbol: String,
    pub order_list_id: u64,
    pub contingency: Word<ContingencyType>,
    pub status_type: Word<ListStatusType>,
    pub order_status: Word<ListOrderStatus>,
    pub reject_reason: String,
    pub list_client_order_id: String,
    pub orders: Vec<ListedOrder>,
}

/// A frame of a WebSocket API connection.
#[derive(Debug, Clone, PartialEq)]
pub enum ApiFrame {
    Response(ApiResponse),
    User {
        subscription_id: Option<u64>,
        event: UserEvent,
    },
    ServerShutdown {
        time: Option<i64>,
    },
    /// Not known (yet), by the name of its event; empty where it has none.
    Other(String),
}

/// The answer to a request over the WebSocket API.
#[derive(Debug, Clone, PartialEq)]
pub struct ApiResponse {
    /// Of the request; `None` where the exchange could not tell which.
    pub id: Option<u64>,
    /// As HTTP would have it.
    pub status: u16,
    /// The result or the error, as text, to be read by what was asked for.
    pub body: String,
    /// When to try again after too many requests.
    pub retry_after: Option<i64>,
    pub rate_limits: Vec<RateLimit>,
}
