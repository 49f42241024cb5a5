//! Orders, lists and executions, as the exchange keeps them.

use crate::model::Side;
use crate::venues::rules::OrderShape;
use crate::venues::words::{
    CancelRestrictions, ContingencyType, ExecutionType, ExpiryReason, ListOrderStatus, ListStatusType,
    OrderStatus, OrderType, PegOffsetType, PegPriceType, SelfTradePrevention, TimeInForce,
};
use rust_decimal::Decimal;
use std::sync::Arc;

pub type OrderId = u64;
pub type ListId = u64;
pub type TradeId = u64;

/// Index of an account, in the order they were opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub usize);

/// Index of a symbol, in the order they were listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SymbolId(pub usize);

/// A price that follows the book instead of being given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peg {
    pub price_type: PegPriceType,
    pub offset: Option<(PegOffsetType, u32)>,
}

/// An order as asked for. Which fields its type needs is checked when it is placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOrder {
    pub symbol: SymbolId,
    pub side: Side,
    pub order_type: OrderType,
    pub time_in_force: Option<TimeInForce>,
    pub quantity: Option<Decimal>,
    pub quote_quantity: Option<Decimal>,
    pub price: Option<Decimal>,
    pub stop_price: Option<Decimal>,
    /// In hundredths of a percent.
    pub trailing_delta: Option<u32>,
    pub iceberg_quantity: Option<Decimal>,
    /// The exchange makes one up where there is none.
    pub client_order_id: Option<Arc<str>>,
    pub strategy_id: Option<i64>,
    pub strategy_type: Option<i64>,
    pub self_trade_prevention: Option<SelfTradePrevention>,
    pub peg: Option<Peg>,
}

impl NewOrder {
    pub fn new(symbol: SymbolId, side: Side, order_type: OrderType) -> Self {
        NewOrder {
            symbol,
            side,
            order_type,
            time_in_force: None,
            quantity: None,
            quote_quantity: None,
            price: None,
            stop_price: None,
            trailing_delta: None,
            iceberg_quantity: None,
            client_order_id: None,
            strategy_id: None,
            strategy_type: None,
            self_trade_prevention: None,
            peg: None,
        }
    }

    /// What the filters look at.
    pub fn shape(&self) -> OrderShape {
        OrderShape {
            side: self.side,
            order_type: self.order_type,
            quantity: self.quantity,
            quote_quantity: self.quote_quantity,
            price: self.price,
            stop_price: self.stop_price,
            iceberg_quantity: self.iceberg_quantity.filter(|quantity| !quantity.is_zero()),
            trailing_delta: self.trailing_delta,
        }
    }
}

/// A list of orders as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewList {
    pub client_list_id: Option<Arc<str>>,
    pub kind: NewListKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NewListKind {
    /// The leg above the market and the leg below it; the first one that acts ends the other.
    Oco {
        above: NewOrder,
        below: NewOrder,
    },
    /// `pending` is placed once `working` is filled. In a list that sells what it bought, the pending order has
    /// no quantity: it takes what was received.
    Oto {
        working: NewOrder,
        pending: NewOrder,
        sells_what_it_bought: bool,
    },
    Otoco {
        working: NewOrder,
        above: NewOrder,
        below: NewOrder,
        sells_what_it_bought: bool,
    },
}

/// An order as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub id: OrderId,
    pub symbol: SymbolId,
    pub list: Option<ListId>,
    pub client_order_id: Arc<str>,
    pub side: Side,
    pub order_type: OrderType,
    /// GTC for market orders.
    pub time_in_force: TimeInForce,
    /// Zero for market orders.
    pub price: Decimal,
    /// Zero where there is none.
    pub stop_price: Decimal,
    pub trailing_delta: Option<u32>,
    /// When trailing began, in ms.
    pub trailing_time: Option<i64>,
    pub quantity: Decimal,
    /// Zero unless it was given by its quote amount.
    pub quote_quantity: Decimal,
    pub iceberg_quantity: Decimal,
    pub executed: Decimal,
    pub executed_quote: Decimal,
    pub status: OrderStatus,
    pub expiry_reason: Option<ExpiryReason>,
    /// In the book, so that the market can fill it (not an untriggered stop, not a pending leg).
    pub is_working: bool,
    /// When it was taken, in ms of the market.
    pub time: i64,
    pub update_time: i64,
    /// When it entered the book; `None`: it never has.
    pub working_time: Option<i64>,
    pub strategy_id: Option<i64>,
    pub strategy_type: Option<i64>,
    pub self_trade_prevention: SelfTradePrevention,
    pub peg: Option<Peg>,
    /// How often it was made smaller.
    pub amends: u32,
    /// Best price seen since trailing began.
    pub(super) trailing_best: Option<Decimal>,
    /// Of the base or quote asset, held for it.
    pub(super) locked: Decimal,
}

impl Order {
    pub fn remaining(&self) -> Decimal {
        self.quantity - self.executed
    }

    pub fn is_open(&self) -> bool {
        !self.status.is_closed()
    }

    /// What the filters look at.
    pub fn shape(&self) -> OrderShape {
        let given = |value: Decimal| Some(value).filter(|value| !value.is_zero());
        OrderShape {
            side: self.side,
            order_type: self.order_type,
            quantity: Some(self.quantity),
            quote_quantity: given(self.quote_quantity),
            price: given(self.price),
            stop_price: given(self.stop_price),
            iceberg_quantity: given(self.iceberg_quantity),
            trailing_delta: self.trailing_delta,
        }
    }
}

/// One execution of an order.
#[derive(Debug, Clone, PartialEq)]
pub struct Execution {
    pub trade_id: TradeId,
    pub order_id: OrderId,
    pub list: Option<ListId>,
    pub symbol: SymbolId,
    pub price: Decimal,
    pub quantity: Decimal,
    pub quote_quantity: Decimal,
    pub commission: Decimal,
    pub commission_asset: Arc<str>,
    /// In ms of the market.
    pub time: i64,
    pub is_buyer: bool,
    pub is_maker: bool,
}

/// A list of orders as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct OrderList {
    pub id: ListId,
    pub symbol: SymbolId,
    pub client_list_id: Arc<str>,
    pub contingency: ContingencyType,
    pub status_type: ListStatusType,
    pub order_status: ListOrderStatus,
    pub orders: Vec<OrderId>,
    /// When it was taken, in ms of the market.
    pub time: i64,
    /// When something last happened to it.
    pub update_time: i64,
    /// The order that has to be filled before the others are placed.
    pub(super) working: Option<OrderId>,
    pub(super) sells_what_it_bought: bool,
}

/// What an account is told of.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountEvent {
    pub account: AccountId,
    pub time: i64,
    pub kind: AccountEventKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum AccountEventKind {
    Execution(Box<ExecutionReport>),
    /// Balances that may have changed, absolute.
    Balances(Vec<AssetBalance>),
    /// A deposit or withdrawal.
    Transfer {
        asset: Arc<str>,
        delta: Decimal,
    },
    /// A list, and the number and client id of each of its orders.
    List {
        list: OrderList,
        orders: Vec<(OrderId, Arc<str>)>,
    },
}

/// A list that was taken, as the answer shows it: a pending order is still pending, whatever came after.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedList {
    pub list: OrderList,
    pub orders: Vec<Order>,
}

/// What happened to an order, and the order after it.
#[derive(Debug, Clone, PartialEq)]
pub struct ExecutionReport {
    /// Number of this report, unique on the exchange.
    pub execution_id: u64,
    pub execution_type: ExecutionType,
    pub order: Order,
    /// Of the request that cancelled or amended it, where that is what happened.
    pub request_client_id: Option<Arc<str>>,
    pub fill: Option<Execution>,
    /// Why it was refused, in the words of the protocol; `NONE` otherwise.
    pub reject_reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetBalance {
    pub asset: Arc<str>,
    pub free: Decimal,
    pub locked: Decimal,
}

/// How to find an order. By its number, then the client id must be its own; else by the client id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrderKey {
    pub id: Option<OrderId>,
    pub client_order_id: Option<Arc<str>>,
}

/// A cancel as asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancel {
    pub symbol: SymbolId,
    pub key: OrderKey,
    /// Client id of the cancel itself.
    pub new_client_order_id: Option<Arc<str>>,
    pub restrictions: Option<CancelRestrictions>,
}

/// An order that was cancelled, as it is after that.
#[derive(Debug, Clone, PartialEq)]
pub struct Canceled {
    pub order: Order,
    /// Client id of the cancel.
    pub client_order_id: Arc<str>,
}

/// A list that was cancelled, and its orders after that.
#[derive(Debug, Clone, PartialEq)]
pub struct CanceledList {
    pub list: OrderList,
    pub orders: Vec<Canceled>,
}

/// What a cancel of everything took away.
#[derive(Debug, Clone, PartialEq)]
pub enum CanceledItem {
    Order(Box<Canceled>),
    List(CanceledList),
}
