//! What an exchange prescribes for one symbol, and the one check of an order against it: the connector makes it
//! before an order is sent, the local exchange when one arrives. Decimal arithmetic throughout; a product that
//! no decimal can hold fails the filter it belongs to.

use super::words::{OrderType, SymbolStatus};
use crate::model::{Instrument, Side};
use rust_decimal::Decimal;

/// `PRICE_FILTER`: bounds and grid of prices and stop prices. Zero switches a part off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PriceFilter {
    pub min_price: Decimal,
    pub max_price: Decimal,
    pub tick_size: Decimal,
}

/// `LOT_SIZE` or `MARKET_LOT_SIZE`: bounds and grid of quantities. Zero switches a part off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LotSize {
    pub min_qty: Decimal,
    pub max_qty: Decimal,
    pub step_size: Decimal,
}

/// `PERCENT_PRICE_BY_SIDE` (and `PERCENT_PRICE`, with both sides alike): how far from the average price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PercentPrice {
    pub bid_up: Decimal,
    pub bid_down: Decimal,
    pub ask_up: Decimal,
    pub ask_down: Decimal,
    pub avg_price_mins: u32,
}

/// `MIN_NOTIONAL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MinNotional {
    pub min_notional: Decimal,
    pub apply_to_market: bool,
    pub avg_price_mins: u32,
}

/// `NOTIONAL`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotionalRange {
    pub min_notional: Decimal,
    pub apply_min_to_market: bool,
    /// Zero: none.
    pub max_notional: Decimal,
    pub apply_max_to_market: bool,
    pub avg_price_mins: u32,
}

/// `TRAILING_DELTA`, in hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrailingDelta {
    pub min_above: u32,
    pub max_above: u32,
    pub min_below: u32,
    pub max_below: u32,
}

/// The filters of a symbol; `None` where it has none of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Filters {
    pub price: Option<PriceFilter>,
    pub percent_price: Option<PercentPrice>,
    pub percent_price_by_side: Option<PercentPrice>,
    pub lot_size: Option<LotSize>,
    pub market_lot_size: Option<LotSize>,
    pub min_notional: Option<MinNotional>,
    pub notional: Option<NotionalRange>,
    pub iceberg_parts: Option<u32>,
    pub max_num_orders: Option<u32>,
    pub max_num_algo_orders: Option<u32>,
    pub max_num_iceberg_orders: Option<u32>,
    pub max_num_order_lists: Option<u32>,
    pub max_num_order_amends: Option<u32>,
    pub max_position: Option<Decimal>,
    pub trailing_delta: Option<TrailingDelta>,
}

/// Limits of a whole account, over all symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExchangeFilters {
    pub max_num_orders: Option<u32>,
    pub max_num_algo_orders: Option<u32>,
    pub max_num_iceberg_orders: Option<u32>,
    pub max_num_order_lists: Option<u32>,
}

/// What the exchange says of a symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolRules {
    pub symbol: String,
    pub status: SymbolStatus,
    pub base_asset: String,
    pub quote_asset: String,
    /// Decimals of quantities.
    pub base_precision: u32,
    /// Decimals of prices and quote amounts.
    pub quote_precision: u32,
    pub filters: Filters,
}

impl SymbolRules {
    /// The rules that the engine's sizing needs.
    pub fn instrument(&self) -> Instrument {
        let zero = Decimal::ZERO;
        let lot = self.filters.lot_size.unwrap_or_default();
        let min_notional = self.filters.min_notional.map_or(zero, |filter| filter.min_notional);
        Instrument {
            tick_size: self.filters.price.map_or(zero, |filter| filter.tick_size),
            step_size: lot.step_size,
            min_qty: lot.min_qty,
            min_notional: min_notional.max(self.filters.notional.map_or(zero, |filter| filter.min_notional)),
        }
    }
}

/// What of an order the filters look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderShape {
    pub side: Side,
    pub order_type: OrderType,
    /// Absent where a market order is given by its quote amount.
    pub quantity: Option<Decimal>,
    /// Quote amount of a market order.
    pub quote_quantity: Option<Decimal>,
    pub price: Option<Decimal>,
    pub stop_price: Option<Decimal>,
    pub iceberg_quantity: Option<Decimal>,
    pub trailing_delta: Option<u32>,
}

/// What else the filters depend on. `None`: not known to whoever checks, so not judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Situation {
    /// The reference price, or the average of the last minutes: prices market orders, centres percentages.
    pub average_price: Option<Decimal>,
    /// Open on the symbol.
    pub open: Option<OpenOrders>,
    /// Open in the whole account.
    pub open_in_account: Option<OpenOrders>,
    /// free + locked base asset + quantity of open buy orders.
    pub position: Option<Decimal>,
}

/// How many orders are open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenOrders {
    pub orders: u32,
    pub algo: u32,
    pub iceberg: u32,
    pub lists: u32,
}

impl OpenOrders {
    /// One more order.
    pub fn count(&mut self, order: &OrderShape) {
        self.orders = self.orders.saturating_add(1);
        self.algo += u32::from(order.order_type.is_conditional());
        self.iceberg += u32::from(order.iceberg_quantity.is_some());
    }
}

impl Situation {
    /// As it will be with one more order: the legs of a list are judged one after the other.
    pub fn count(&mut self, order: &OrderShape) {
        [&mut self.open, &mut self.open_in_account].into_iter().flatten().for_each(|open| open.count(order));
    }
}

/// A filter that refuses an order. The name is the one of the error message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, thiserror::Error)]
#[error("Filter failure: {}", self.name())]
pub enum FilterFailure {
    PriceFilter,
    PercentPrice,
    PercentPriceBySide,
    LotSize,
    MarketLotSize,
    MinNotional,
    Notional,
    IcebergParts,
    MaxNumOrders,
    MaxNumAlgoOrders,
    MaxNumIcebergOrders,
    MaxNumOrderLists,
    MaxPosition,
    TrailingDelta,
    ExchangeMaxNumOrders,
    ExchangeMaxNumAlgoOrders,
    ExchangeMaxNumIcebergOrders,
    ExchangeMaxNumOrderLists,
}

impl FilterFailure {
    pub fn name(self) -> &'static str {
        match self {
            FilterFailure::PriceFilter => "PRICE_FILTER",
            FilterFailure::PercentPrice => "PERCENT_PRICE",
            FilterFailure::PercentPriceBySide => "PERCENT_PRICE_BY_SIDE",
            FilterFailure::LotSize => "LOT_SIZE",
            FilterFailure::MarketLotSize => "MARKET_LOT_SIZE",
            FilterFailure::MinNotional => "MIN_NOTIONAL",
            FilterFailure::Notional => "NOTIONAL",
            FilterFailure::IcebergParts => "ICEBERG_PARTS",
            FilterFailure::MaxNumOrders => "MAX_NUM_ORDERS",
            FilterFailure::MaxNumAlgoOrders => "MAX_NUM_ALGO_ORDERS",
            FilterFailure::MaxNumIcebergOrders => "MAX_NUM_ICEBERG_ORDERS",
            FilterFailure::MaxNumOrderLists => "MAX_NUM_ORDER_LISTS",
            FilterFailure::MaxPosition => "MAX_POSITION",
            FilterFailure::TrailingDelta => "TRAILING_DELTA",
            FilterFailure::ExchangeMaxNumOrders => "EXCHANGE_MAX_NUM_ORDERS",
            FilterFailure::ExchangeMaxNumAlgoOrders => "EXCHANGE_MAX_NUM_ALGO_ORDERS",
            FilterFailure::ExchangeMaxNumIcebergOrders => "EXCHANGE_MAX_NUM_ICEBERG_ORDERS",
            FilterFailure::ExchangeMaxNumOrderLists => "EXCHANGE_MAX_NUM_ORDER_LISTS",
        }
    }
}

/// Whether `value` is within its bounds and on its grid, each part off when 0.
fn fits(value: Decimal, min: Decimal, max: Decimal, step: Decimal) -> bool {
    (min.is_zero() || value >= min)
        && (max.is_zero() || value <= max)
        && (step.is_zero() || value.checked_rem(step).is_some_and(|rest| rest.is_zero()))
}

impl PriceFilter {
    pub fn allows(&self, price: Decimal) -> bool {
        fits(price, self.min_price, self.max_price, self.tick_size)
    }
}

impl LotSize {
    pub fn allows(&self, quantity: Decimal) -> bool {
        fits(quantity, self.min_qty, self.max_qty, self.step_size)
    }
}

impl PercentPrice {
    fn allows(&self, price: Decimal, side: Side, average: Decimal) -> bool {
        let (up, down) = match side {
            Side::Buy => (self.bid_up, self.bid_down),
            Side::Sell => (self.ask_up, self.ask_down),
        };
        let above = average.checked_mul(up).is_none_or(|most| price <= most);
        let below = average.checked_mul(down).is_some_and(|least| price >= least);
        above && below
    }
}

impl TrailingDelta {
    fn allows(&self, delta: u32, side: Side, order_type: OrderType) -> bool {
        let stop = matches!(order_type, OrderType::StopLoss | OrderType::StopLossLimit);
        let above = stop == (side == Side::Buy);
        let (min, max) =
            if above { (self.min_above, self.max_above) } else { (self.min_below, self.max_below) };
        (min..=max).contains(&delta)
    }
}

/// The first filter that refuses `order`, in the order in which they are documented.
pub fn check(
    order: &OrderShape,
    filters: &Filters,
    account: &ExchangeFilters,
    situation: &Situation,
) -> Result<(), FilterFailure> {
    let refuse = |refused: bool, failure: FilterFailure| if refused { Err(failure) } else { Ok(()) };
    let is_market = !order.order_type.has_price();
    let side = order.side;

    if let Some(filter) = &filters.price {
        let wrong = [order.price, order.stop_price].into_iter().flatten().any(|price| !filter.allows(price));
        refuse(wrong, FilterFailure::PriceFilter)?;
    }
    if let (Some(price), Some(average)) = (order.price, situation.average_price) {
        let wrong =
            |filter: Option<PercentPrice>| filter.is_some_and(|filter| !filter.allows(price, side, average));
        refuse(wrong(filters.percent_price), FilterFailure::PercentPrice)?;
        refuse(wrong(filters.percent_price_by_side), FilterFailure::PercentPriceBySide)?;
    }
    if let Some(filter) = &filters.lot_size {
        let wrong =
            [order.quantity, order.iceberg_quantity].into_iter().flatten().any(|it| !filter.allows(it));
        refuse(wrong, FilterFailure::LotSize)?;
    }
    if let (true, Some(filter), Some(quantity)) = (is_market, &filters.market_lot_size, order.quantity) {
        refuse(!filter.allows(quantity), FilterFailure::MarketLotSize)?;
    }
    // What the order is worth: at its price, or the market's. `None`: not to be known here.
    let price = if is_market { situation.average_price } else { order.price };
    let overflow = Decimal::MAX;
    let notional = match (order.quote_quantity, order.quantity, price) {
        (Some(quote), _, _) => Some(quote),
        (None, Some(quantity), Some(price)) => Some(quantity.checked_mul(price).unwrap_or(overflow)),
        _ => None,
    };
    if let Some(notional) = notional {
        let small = |least: Decimal, to_market: bool| (!is_market || to_market) && notional < least;
        if let Some(filter) = &filters.min_notional {
            refuse(small(filter.min_notional, filter.apply_to_market), FilterFailure::MinNotional)?;
        }
        if let Some(filter) = &filters.notional {
            let large = (!is_market || filter.apply_max_to_market)
                && !filter.max_notional.is_zero()
                && notional > filter.max_notional;
            let small = small(filter.min_notional, filter.apply_min_to_market);
            refuse(small || large, FilterFailure::Notional)?;
        }
    }
    if let (Some(iceberg), Some(quantity), Some(limit)) =
        (order.iceberg_quantity, order.quantity, filters.iceberg_parts)
        && !iceberg.is_zero()
    {
        let parts = quantity.checked_div(iceberg).map(|parts| parts.ceil());
        refuse(parts.is_none_or(|parts| parts > Decimal::from(limit)), FilterFailure::IcebergParts)?;
    }
    if let (Some(filter), Some(delta)) = (&filters.trailing_delta, order.trailing_delta) {
        refuse(!filter.allows(delta, side, order.order_type), FilterFailure::TrailingDelta)?;
    }
    if let (Some(most), Some(position), Some(quantity), Side::Buy) =
        (filters.max_position, situation.position, order.quantity, side)
    {
        let wrong = position.checked_add(quantity).is_none_or(|after| after > most);
        refuse(wrong, FilterFailure::MaxPosition)?;
    }
    let full = |count: u32, limit: Option<u32>| limit.is_some_and(|limit| count >= limit);
    let (algo, iceberg) = (order.order_type.is_conditional(), order.iceberg_quantity.is_some());
    if let Some(open) = &situation.open {
        refuse(full(open.orders, filters.max_num_orders), FilterFailure::MaxNumOrders)?;
        refuse(algo && full(open.algo, filters.max_num_algo_orders), FilterFailure::MaxNumAlgoOrders)?;
        refuse(
            iceberg && full(open.iceberg, filters.max_num_iceberg_orders),
            FilterFailure::MaxNumIcebergOrders,
        )?;
    }
    if let Some(open) = &situation.open_in_account {
        refuse(full(open.orders, account.max_num_orders), FilterFailure::ExchangeMaxNumOrders)?;
        refuse(
            algo && full(open.algo, account.max_num_algo_orders),
            FilterFailure::ExchangeMaxNumAlgoOrders,
        )?;
        refuse(
            iceberg && full(open.iceberg, account.max_num_iceberg_orders),
            FilterFailure::ExchangeMaxNumIcebergOrders,
        )?;
    }
    Ok(())
}

/// Whether one more order list may be opened.
pub fn check_list(
    filters: &Filters,
    account: &ExchangeFilters,
    situation: &Situation,
) -> Result<(), FilterFailure> {
    let full = |open: Option<OpenOrders>, limit: Option<u32>| {
        open.is_some_and(|open| limit.is_some_and(|limit| open.lists >= limit))
    };
    if full(situation.open, filters.max_num_order_lists) {
        return Err(FilterFailure::MaxNumOrderLists);
    }
    if full(situation.open_in_account, account.max_num_order_lists) {
        return Err(FilterFailure::ExchangeMaxNumOrderLists);
    }
    Ok(())
}
