//! Orders, as parameters of a request. Pure.
//!
//! Only a [`Checked`] order can be sent: one that the symbol's own rules let through, so that the exchange's
//! filters have nothing to refuse.

use super::outcome::{Refusal, RefusalKind};
use super::sign::Params;
use crate::model::Side;
use crate::venues::rules::{
    ExchangeFilters, FilterFailure, OrderShape, Situation, SymbolRules, check, check_list,
};
use crate::venues::words::{
    CancelReplaceMode, CancelRestrictions, OrderType, ResponseType, SelfTradePrevention, SideWord,
    TimeInForce, of_leg,
};
use rust_decimal::Decimal;

/// Longest client order id.
const ID_MAX: usize = 36;

/// Why an order is not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderFault {
    #[error(transparent)]
    Filter(#[from] FilterFailure),
    #[error("{field} {value} has more than the {most} decimals that the symbol takes")]
    Precision { field: &'static str, value: Decimal, most: u32 },
    #[error("{order_type} needs {field}")]
    Missing { order_type: OrderType, field: &'static str },
    #[error("{order_type} takes no {field}")]
    Unwanted { order_type: OrderType, field: &'static str },
    #[error("{field} must be greater than 0")]
    NotPositive { field: &'static str },
    #[error("the client order id must be 1 to 36 of the characters a-z A-Z 0-9 - _")]
    ClientId,
    #[error("the order is for {order}, the rules are those of {rules}")]
    OtherSymbol { order: String, rules: String },
    #[error("the orders of a list {0}")]
    List(&'static str),
}

impl From<OrderFault> for Refusal {
    fn from(fault: OrderFault) -> Refusal {
        let kind = match &fault {
            OrderFault::Filter(failure) => RefusalKind::Filter(failure.name().to_owned()),
            OrderFault::Precision { .. } => RefusalKind::Precision,
            _ => RefusalKind::Local,
        };
        Refusal::new(kind, format!("not sent: {fault}"))
    }
}

/// An order to be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRequest {
    pub symbol: String,
    pub shape: OrderShape,
    /// Good till cancelled where the type needs one and none is given.
    pub time_in_force: Option<TimeInForce>,
    /// Made up and written down before the order is sent: the only thing to find it again by.
    pub client_order_id: String,
    pub self_trade_prevention: Option<SelfTradePrevention>,
    /// It closes or protects a position, so it may use what is left of the limits.
    pub protects: bool,
}

impl OrderRequest {
    /// One of any type, with nothing but what every order has.
    pub fn new(symbol: &str, side: Side, order_type: OrderType, client_order_id: &str) -> OrderRequest {
        OrderRequest {
            symbol: symbol.to_owned(),
            shape: OrderShape {
                side,
                order_type,
                quantity: None,
                quote_quantity: None,
                price: None,
                stop_price: None,
                iceberg_quantity: None,
                trailing_delta: None,
            },
            time_in_force: None,
            client_order_id: client_order_id.to_owned(),
            self_trade_prevention: None,
            protects: false,
        }
    }

    pub fn market(symbol: &str, side: Side, quantity: Decimal, client_order_id: &str) -> OrderRequest {
        OrderRequest::new(symbol, side, OrderType::Market, client_order_id).quantity(quantity)
    }

    pub fn limit(
        symbol: &str,
        side: Side,
        quantity: Decimal,
        price: Decimal,
        client_order_id: &str,
    ) -> OrderRequest {
        OrderRequest::new(symbol, side, OrderType::Limit, client_order_id).quantity(quantity).price(price)
    }

    pub fn quantity(mut self, quantity: Decimal) -> OrderRequest {
        self.shape.quantity = Some(quantity);
        self
    }

    pub fn price(mut self, price: Decimal) -> OrderRequest {
        self.shape.price = Some(price);
        self
    }

    pub fn stop_price(mut self, price: Decimal) -> OrderRequest {
        self.shape.stop_price = Some(price);
        self
    }

    /// Marks it as one that closes or protects a position.
    pub fn protecting(mut self) -> OrderRequest {
        self.protects = true;
        self
    }

    /// The order as it may be sent, or why it may not.
    pub fn check(
        self,
        rules: &SymbolRules,
        account: &ExchangeFilters,
        situation: &Situation,
    ) -> Result<Checked<OrderRequest>, OrderFault> {
        self.judge(rules, account, situation, true)?;
        Ok(Checked(self))
    }

    fn judge(
        &self,
        rules: &SymbolRules,
        account: &ExchangeFilters,
        situation: &Situation,
        quantity_needed: bool,
    ) -> Result<(), OrderFault> {
        if self.symbol != rules.symbol {
            let (order, rules) = (self.symbol.clone(), rules.symbol.clone());
            return Err(OrderFault::OtherSymbol { order, rules });
        }
        check_id(&self.client_order_id)?;
        let (shape, order_type) = (&self.shape, self.shape.order_type);
        let fields = [
            ("quantity", shape.quantity, rules.base_precision),
            ("iceberg quantity", shape.iceberg_quantity, rules.base_precision),
            ("quote quantity", shape.quote_quantity, rules.quote_precision),
            ("price", shape.price, rules.quote_precision),
            ("stop price", shape.stop_price, rules.quote_precision),
        ];
        for (field, value, most) in fields {
            let Some(value) = value else { continue };
            if value <= Decimal::ZERO {
                return Err(OrderFault::NotPositive { field });
            }
            if value.normalize().scale() > most {
                return Err(OrderFault::Precision { field, value, most });
            }
        }
        let needs = |field, wanted: bool, there: bool| match (wanted, there) {
            (true, false) => Err(OrderFault::Missing { order_type, field }),
            (false, true) => Err(OrderFault::Unwanted { order_type, field }),
            _ => Ok(()),
        };
        needs("price", order_type.has_price(), shape.price.is_some())?;
        let stop = shape.stop_price.is_some() || shape.trailing_delta.is_some();
        needs("stop price", order_type.is_conditional(), stop)?;
        let by_quote = order_type == OrderType::Market && shape.quote_quantity.is_some();
        needs("quote quantity", by_quote, shape.quote_quantity.is_some())?;
        if quantity_needed || shape.quantity.is_some() {
            needs("quantity", !by_quote, shape.quantity.is_some())?;
        }
        let timed = self.needs_time_in_force() || self.time_in_force.is_none();
        needs("time in force", timed, true)?;
        Ok(check(shape, &rules.filters, account, situation)?)
    }

    fn needs_time_in_force(&self) -> bool {
        let order_type = self.shape.order_type;
        order_type.has_price() && order_type != OrderType::LimitMaker
    }

    /// How it is written: each name behind `prefix` (`above` → `aboveStopPrice`), or plain without one.
    fn write(&self, prefix: &str, params: &mut Params) {
        let shape = &self.shape;
        let mut add = |name: &str, value: String| params.push((of_leg(prefix, name), value));
        add("type", shape.order_type.name().to_owned());
        let id = if prefix.is_empty() { "newClientOrderId" } else { "clientOrderId" };
        add(id, self.client_order_id.clone());
        if self.needs_time_in_force() {
            add("timeInForce", self.time_in_force.unwrap_or(TimeInForce::Gtc).name().to_owned());
        }
        let numbers =
            [("price", shape.price), ("stopPrice", shape.stop_price), ("icebergQty", shape.iceberg_quantity)];
        for (name, value) in numbers {
            if let Some(value) = value {
                add(name, plain(value));
            }
        }
        if let Some(delta) = shape.trailing_delta {
            add("trailingDelta", delta.to_string());
        }
    }

    fn write_side_and_quantity(&self, prefix: &str, params: &mut Params) {
        let mut add = |name: &str, value: String| params.push((of_leg(prefix, name), value));
        add("side", SideWord::from(self.shape.side).name().to_owned());
        if let Some(quantity) = self.shape.quantity {
            add("quantity", plain(quantity));
        }
        if let Some(quantity) = self.shape.quote_quantity {
            add("quoteOrderQty", plain(quantity));
        }
    }
}

/// Without exponent and without zeros at the end.
pub(super) fn plain(value: Decimal) -> String {
    value.normalize().to_string()
}

fn check_id(id: &str) -> Result<(), OrderFault> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if id.is_empty() || id.len() > ID_MAX || !id.chars().all(allowed) {
        return Err(OrderFault::ClientId);
    }
    Ok(())
}

/// Something that the rules let through, and that therefore can be sent. Made by checking only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked<T>(T);

impl<T> Checked<T> {
    pub fn request(&self) -> &T {
        &self.0
    }
}

impl Checked<OrderRequest> {
    pub(super) fn params(&self) -> Params {
        let order = &self.0;
        let mut params = vec![("symbol".to_owned(), order.symbol.clone())];
        order.write_side_and_quantity("", &mut params);
        order.write("", &mut params);
        finish(order.self_trade_prevention, &mut params);
        params
    }
}

/// Every answer is to tell how things stand.
fn finish(prevention: Option<SelfTradePrevention>, params: &mut Params) {
    params.push(("newOrderRespType".to_owned(), ResponseType::Full.name().to_owned()));
    if let Some(mode) = prevention {
        params.push(("selfTradePreventionMode".to_owned(), mode.name().to_owned()));
    }
}

/// Orders to be placed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    pub list_client_order_id: String,
    pub kind: ListRequestKind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListRequestKind {
    /// One above and one below the market, of one side and quantity: what acts first ends the other.
    Oco { above: OrderRequest, below: OrderRequest },
    /// `pending` is placed once `working` is filled. Without a quantity it sells what was received.
    Oto { working: OrderRequest, pending: OrderRequest },
    /// The same with a pair of one side and quantity.
    Otoco { working: OrderRequest, above: OrderRequest, below: OrderRequest },
}

/// Where a list is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ListRoute {
    pub path: &'static str,
    pub method: &'static str,
    /// Orders that it counts as.
    pub orders: u64,
}

impl ListRequest {
    fn orders(&self) -> Vec<&OrderRequest> {
        match &self.kind {
            ListRequestKind::Oco { above, below } => vec![above, below],
            ListRequestKind::Oto { working, pending } => vec![working, pending],
            ListRequestKind::Otoco { working, above, below } => vec![working, above, below],
        }
    }

    /// The list as it may be sent, or why it may not.
    pub fn check(
        self,
        rules: &SymbolRules,
        account: &ExchangeFilters,
        situation: &Situation,
    ) -> Result<Checked<ListRequest>, OrderFault> {
        check_id(&self.list_client_order_id)?;
        let orders = self.orders();
        // Those before it in the list are open by then.
        let mut then = *situation;
        for (index, order) in orders.iter().enumerate() {
            let is_pending = index > 0 && !matches!(self.kind, ListRequestKind::Oco { .. });
            order.judge(rules, account, &then, !is_pending)?;
            then.count(&order.shape);
            if orders[..index].iter().any(|other| other.client_order_id == order.client_order_id) {
                return Err(OrderFault::List("must have client order ids of their own"));
            }
        }
        match &self.kind {
            ListRequestKind::Oco { above, below } => pair(above, below)?,
            ListRequestKind::Oto { working, pending } => {
                works(working)?;
                if pending.shape.quote_quantity.is_some() {
                    return Err(OrderFault::List("cannot wait for one that is given by its quote amount"));
                }
                sells_what_it_bought(working, pending)?;
            }
            ListRequestKind::Otoco { working, above, below } => {
                works(working)?;
                pair(above, below)?;
                sells_what_it_bought(working, above)?;
            }
        }
        check_list(&rules.filters, account, situation)?;
        Ok(Checked(self))
    }
}

fn works(working: &OrderRequest) -> Result<(), OrderFault> {
    match working.shape.order_type {
        OrderType::Limit | OrderType::LimitMaker => Ok(()),
        _ => Err(OrderFault::List("must begin with a limit order")),
    }
}

fn sells_what_it_bought(working: &OrderRequest, pending: &OrderRequest) -> Result<(), OrderFault> {
    if pending.shape.quantity.is_none() && (working.shape.side, pending.shape.side) != (Side::Buy, Side::Sell)
    {
        return Err(OrderFault::List("can leave out a quantity only to sell what was bought"));
    }
    Ok(())
}

/// Whether two orders can stand above and below the market.
fn pair(above: &OrderRequest, below: &OrderRequest) -> Result<(), OrderFault> {
    if (above.shape.side, above.shape.quantity) != (below.shape.side, below.shape.quantity) {
        return Err(OrderFault::List("above and below the market must have one side and quantity"));
    }
    let level = |order: &OrderRequest| match order.shape.order_type {
        OrderType::LimitMaker => order.shape.price,
        _ => order.shape.stop_price,
    };
    let stops = |order: &OrderRequest| {
        matches!(order.shape.order_type, OrderType::StopLoss | OrderType::StopLossLimit)
    };
    let ends = |order: &OrderRequest| {
        let order_type = order.shape.order_type;
        matches!(order_type, OrderType::LimitMaker | OrderType::TakeProfit | OrderType::TakeProfitLimit)
    };
    let (profit, stop) = if above.shape.side == Side::Sell { (above, below) } else { (below, above) };
    if !ends(profit) || !stops(stop) {
        return Err(OrderFault::List(
            "must be a maker or take-profit order where there is profit, and a stop order on the other side",
        ));
    }
    match (level(above), level(below)) {
        (Some(above), Some(below)) if above <= below => {
            Err(OrderFault::List("must have the one above the market at a higher price than the one below"))
        }
        _ => Ok(()),
    }
}

impl Checked<ListRequest> {
    pub(super) fn route(&self) -> ListRoute {
        let (path, method, orders) = match &self.0.kind {
            ListRequestKind::Oco { .. } => ("/api/v3/orderList/oco", "orderList.place.oco", 2),
            ListRequestKind::Oto { pending, .. } if pending.shape.quantity.is_none() => {
                ("/api/v3/orderList/opo", "orderList.place.opo", 2)
            }
            ListRequestKind::Oto { .. } => ("/api/v3/orderList/oto", "orderList.place.oto", 2),
            ListRequestKind::Otoco { above, .. } if above.shape.quantity.is_none() => {
                ("/api/v3/orderList/opoco", "orderList.place.opoco", 3)
            }
            ListRequestKind::Otoco { .. } => ("/api/v3/orderList/otoco", "orderList.place.otoco", 3),
        };
        ListRoute { path, method, orders }
    }

    pub(super) fn protects(&self) -> bool {
        self.0.orders().iter().any(|order| order.protects)
    }

    pub(super) fn params(&self) -> Params {
        let list = &self.0;
        let symbol = list.orders().first().map(|order| order.symbol.clone()).unwrap_or_default();
        let mut params = vec![
            ("symbol".to_owned(), symbol),
            ("listClientOrderId".to_owned(), list.list_client_order_id.clone()),
        ];
        match &list.kind {
            ListRequestKind::Oco { above, below } => {
                above.write_side_and_quantity("", &mut params);
                above.write("above", &mut params);
                below.write("below", &mut params);
            }
            ListRequestKind::Oto { working, pending } => {
                working.write_side_and_quantity("working", &mut params);
                working.write("working", &mut params);
                pending.write_side_and_quantity("pending", &mut params);
                pending.write("pending", &mut params);
            }
            ListRequestKind::Otoco { working, above, below } => {
                working.write_side_and_quantity("working", &mut params);
                working.write("working", &mut params);
                above.write_side_and_quantity("pending", &mut params);
                above.write("pendingAbove", &mut params);
                below.write("pendingBelow", &mut params);
            }
        }
        finish(list.orders().iter().find_map(|order| order.self_trade_prevention), &mut params);
        params
    }
}

/// How an order is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderKey {
    Id(u64),
    ClientId(String),
}

impl OrderKey {
    fn param(&self, id: &str, client_id: &str) -> (String, String) {
        match self {
            OrderKey::Id(number) => (id.to_owned(), number.to_string()),
            OrderKey::ClientId(text) => (client_id.to_owned(), text.clone()),
        }
    }

    /// The parameters of a question about an order.
    pub(super) fn params(&self, symbol: &str) -> Params {
        vec![("symbol".to_owned(), symbol.to_owned()), self.param("orderId", "origClientOrderId")]
    }

    /// The parameters of a question about a list.
    pub(super) fn list_params(&self) -> Params {
        vec![self.param("orderListId", "origClientOrderId")]
    }
}

/// A cancel of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelRequest {
    pub symbol: String,
    pub key: OrderKey,
    /// Of the cancel itself; the exchange makes one up where there is none.
    pub client_order_id: Option<String>,
    pub restrictions: Option<CancelRestrictions>,
}

impl CancelRequest {
    pub fn new(symbol: &str, key: OrderKey) -> CancelRequest {
        CancelRequest { symbol: symbol.to_owned(), key, client_order_id: None, restrictions: None }
    }

    pub(super) fn params(&self) -> Params {
        let mut params = self.key.params(&self.symbol);
        params.extend(self.client_order_id.iter().map(|id| ("newClientOrderId".to_owned(), id.clone())));
        self.write_restrictions(&mut params);
        params
    }

    fn write_restrictions(&self, params: &mut Params) {
        if let Some(word) = self.restrictions {
            params.push(("cancelRestrictions".to_owned(), word.name().to_owned()));
        }
    }
}

/// The parameters of a cancel of a list.
pub(super) fn cancel_list_params(symbol: &str, key: &OrderKey) -> Params {
    vec![("symbol".to_owned(), symbol.to_owned()), key.param("orderListId", "listClientOrderId")]
}

/// A cancel, and an order instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplaceRequest {
    pub cancel: CancelRequest,
    pub order: Checked<OrderRequest>,
    /// Whether the new order is placed although the cancel was refused. It may have been because the old one was filled.
    pub mode: CancelReplaceMode,
}

impl ReplaceRequest {
    pub(super) fn params(&self) -> Params {
        let mut params = self.order.params();
        params.push(("cancelReplaceMode".to_owned(), self.mode.name().to_owned()));
        params.push(self.cancel.key.param("cancelOrderId", "cancelOrigClientOrderId"));
        if let Some(id) = &self.cancel.client_order_id {
            params.push(("cancelNewClientOrderId".to_owned(), id.clone()));
        }
        self.cancel.write_restrictions(&mut params);
        params
    }
}

/// An order to be made smaller, without losing its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmendRequest {
    pub symbol: String,
    pub key: OrderKey,
    pub new_quantity: Decimal,
    /// What the order is called from then on; the exchange makes something up where there is none.
    pub client_order_id: Option<String>,
}

impl AmendRequest {
    pub(super) fn params(&self) -> Params {
        let mut params = self.key.params(&self.symbol);
        params.push(("newQty".to_owned(), plain(self.new_quantity)));
        params.extend(self.client_order_id.iter().map(|id| ("newClientOrderId".to_owned(), id.clone())));
        params
    }
}
