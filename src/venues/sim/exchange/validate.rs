//! What an order must and must not bring, before the market is asked.

use super::account::Account;
use super::order::{NewOrder, Order, SymbolId};
use super::{Exchange, Rejection};
use crate::model::Side;
use crate::venues::rules::{self, FilterFailure, OpenOrders, Situation, SymbolRules};
use crate::venues::words::{OrderType, PegPriceType, SymbolStatus, TimeInForce, of_leg};
use rust_decimal::Decimal;

/// Least strategy type a client may use.
const STRATEGY_TYPE_MIN: i64 = 1_000_000;
const PEG_OFFSET_MAX: u32 = 100;
/// No price or quantity is above this, so that the product of two fits into a decimal with room to spare.
const AMOUNT_MAX: Decimal = Decimal::from_parts(1_316_134_912, 2_328, 0, false, 0);

fn missing(prefix: &str, name: &str) -> Rejection {
    let name = of_leg(prefix, name);
    Rejection::new(-1102, format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed."))
}

pub(super) fn one_of(prefix: &str, first: &str, second: &str) -> Rejection {
    let (first, second) = (of_leg(prefix, first), of_leg(prefix, second));
    Rejection::new(-1102, format!("Param '{first}' or '{second}' must be sent, but both were empty/null!"))
}

fn unwanted(prefix: &str, name: &str) -> Rejection {
    Rejection::new(-1106, format!("Parameter '{}' sent when not required.", of_leg(prefix, name)))
}

/// Whether parameters are there as the type asks. `prefix` is that of the leg's parameters in a list; a leg that
/// sells what was bought has no quantity of its own.
pub(super) fn parameters(order: &NewOrder, prefix: &str, has_quantity: bool) -> Result<(), Rejection> {
    let kind = order.order_type;
    let need = |is_there: bool, name: &str| if is_there { Ok(()) } else { Err(missing(prefix, name)) };
    let refuse = |is_there: bool, name: &str| if is_there { Err(unwanted(prefix, name)) } else { Ok(()) };

    if matches!(kind, OrderType::Limit | OrderType::StopLossLimit | OrderType::TakeProfitLimit) {
        need(order.time_in_force.is_some(), "timeInForce")?;
    } else {
        refuse(order.time_in_force.is_some(), "timeInForce")?;
    }
    if kind == OrderType::Market {
        match (order.quantity, order.quote_quantity) {
            (None, None) if has_quantity => return Err(one_of(prefix, "quantity", "quoteOrderQty")),
            (Some(_), Some(_)) => {
                return Err(Rejection::new(-1128, "Combination of optional parameters invalid."));
            }
            _ => {}
        }
    } else {
        refuse(order.quote_quantity.is_some(), "quoteOrderQty")?;
        need(order.quantity.is_some() || !has_quantity, "quantity")?;
    }
    if kind.has_price() {
        need(order.price.is_some() || order.peg.is_some(), "price")?;
    } else {
        refuse(order.price.is_some(), "price")?;
    }
    if kind.is_conditional() {
        if order.stop_price.is_none() && order.trailing_delta.is_none() {
            return Err(one_of(prefix, "stopPrice", "trailingDelta"));
        }
    } else {
        refuse(order.stop_price.is_some(), "stopPrice")?;
        refuse(order.trailing_delta.is_some(), "trailingDelta")?;
    }
    if order.iceberg_quantity.is_some() {
        refuse(!kind.has_price(), "icebergQty")?;
        if order.time_in_force.is_some_and(|tif| tif != TimeInForce::Gtc) {
            let message = match prefix {
                "above" | "below" => {
                    let name = of_leg(prefix, "icebergQty");
                    let message = format!(
                        "Parameter '{name}' is not supported if aboveTimeInForce/belowTimeInForce is not GTC."
                    );
                    return Err(Rejection::new(-1160, message));
                }
                _ => "Unsupported order combination.",
            };
            return Err(Rejection::new(-1014, message));
        }
    }
    if order.strategy_type.is_some_and(|kind| kind < STRATEGY_TYPE_MIN) {
        return Err(Rejection::new(-1134, "`strategyType` was less than 1000000."));
    }
    if let Some(peg) = order.peg {
        if !kind.has_price() {
            return Err(Rejection::new(-2010, "This order type may not use pegged price."));
        }
        let maker_at_market = kind == OrderType::LimitMaker && peg.price_type == PegPriceType::Market;
        let passing_limit = kind == OrderType::Limit
            && peg.price_type == PegPriceType::Primary
            && order.time_in_force != Some(TimeInForce::Gtc);
        if maker_at_market || passing_limit {
            return Err(Rejection::new(-2010, "This price peg cannot be used with this order type."));
        }
        if peg.offset.is_some_and(|(_, levels)| levels > PEG_OFFSET_MAX) {
            let name = of_leg(prefix, "pegOffsetValue");
            return Err(Rejection::new(-1130, format!("Data sent for parameter '{name}' is not valid.")));
        }
    }
    Ok(())
}

/// Whether amounts are above zero and have no more decimals than the assets do.
pub(super) fn amounts(order: &NewOrder, prefix: &str, rules: &SymbolRules) -> Result<(), Rejection> {
    let (base, quote) = (rules.base_precision, rules.quote_precision);
    let given = [
        ("quantity", order.quantity, base),
        ("icebergQty", order.iceberg_quantity.filter(|quantity| !quantity.is_zero()), base),
        ("quoteOrderQty", order.quote_quantity, quote),
        ("price", order.price, quote),
        ("stopPrice", order.stop_price, quote),
    ];
    for (name, value, precision) in given {
        let Some(value) = value else { continue };
        if value <= Decimal::ZERO {
            return Err(Rejection::new(-1013, format!("Invalid {}.", of_leg(prefix, name))));
        }
        if value > AMOUNT_MAX {
            let name = of_leg(prefix, name);
            return Err(Rejection::new(-1108, format!("Parameter '{name}' overflowed.")));
        }
        if value.normalize().scale() > precision {
            let name = of_leg(prefix, name);
            return Err(Rejection::new(-1111, format!("Parameter '{name}' has too much precision.")));
        }
    }
    if order.trailing_delta == Some(0) {
        return Err(Rejection::new(-1013, "Invalid trailingDelta."));
    }
    let exceeds =
        |iceberg: Decimal| order.quantity.is_some_and(|quantity| !iceberg.is_zero() && iceberg > quantity);
    if order.iceberg_quantity.is_some_and(exceeds) {
        return Err(Rejection::new(-2010, "IcebergQty exceeds QTY."));
    }
    Ok(())
}

/// Whether a trigger at `stop` lies on the side of the market that its kind watches.
pub(super) fn waits_above(order_type: OrderType, side: Side) -> bool {
    let stop = matches!(order_type, OrderType::StopLoss | OrderType::StopLossLimit);
    stop == (side == Side::Buy)
}

/// Whether the order would act the moment it is taken, which its type excludes.
pub(super) fn against_market(order: &Order, last: Decimal) -> Result<(), Rejection> {
    let Order { order_type, side, price, stop_price, .. } = *order;
    if order_type.is_conditional() && !stop_price.is_zero() {
        let waits = if waits_above(order_type, side) { stop_price > last } else { stop_price < last };
        if !waits {
            return Err(Rejection::new(-2010, "Order would trigger immediately."));
        }
    }
    if order_type == OrderType::LimitMaker && crosses(side, price, last) {
        return Err(Rejection::new(-2010, "Order would immediately match and take."));
    }
    Ok(())
}

/// Whether a limit at `price` can be filled at once.
pub(super) fn crosses(side: Side, price: Decimal, last: Decimal) -> bool {
    match side {
        Side::Buy => price >= last,
        Side::Sell => price <= last,
    }
}

pub(super) fn trading(status: SymbolStatus) -> Result<(), Rejection> {
    match status {
        SymbolStatus::Trading => Ok(()),
        _ => Err(Rejection::new(-2010, "Market is closed.")),
    }
}

fn count<'a>(orders: impl Iterator<Item = &'a Order>) -> OpenOrders {
    let mut open = OpenOrders::default();
    orders.for_each(|order| open.count(&order.shape()));
    open
}

impl Account {
    /// What the filters have to know of this account.
    fn situation(&self, symbol: SymbolId, base: &str, average: Option<Decimal>) -> Situation {
        let open = || self.open.iter().filter_map(|id| self.orders.get(id));
        let here = || open().filter(move |order| order.symbol == symbol);
        let lists = |on: Option<SymbolId>| {
            let open = self.open_lists.iter().filter_map(|id| self.lists.get(id));
            open.filter(|list| on.is_none_or(|symbol| list.symbol == symbol)).count() as u32
        };
        let balance = self.balance(base);
        let buying: Decimal =
            here().filter(|order| order.side == Side::Buy).map(|order| order.remaining()).sum();
        Situation {
            average_price: average,
            open: Some(OpenOrders { lists: lists(Some(symbol)), ..count(here()) }),
            open_in_account: Some(OpenOrders { lists: lists(None), ..count(open()) }),
            position: Some(balance.free + balance.locked + buying),
        }
    }
}

impl Exchange {
    pub(super) fn situation(&self, account: &Account, symbol: SymbolId) -> Situation {
        let listed = &self.symbols[symbol.0];
        account.situation(symbol, &listed.base, Some(listed.average()))
    }

    /// The filters once more, for an order that was counted when it was taken and enters the book only now.
    pub(super) fn filters_again(&self, order: &Order) -> Result<(), FilterFailure> {
        let listed = &self.symbols[order.symbol.0];
        let situation = Situation { average_price: Some(listed.average()), ..Situation::default() };
        rules::check(&order.shape(), &listed.rules.filters, &self.options.filters, &situation)
    }

    /// The filters, for an order whose parameters are in order.
    pub(super) fn filters(&self, account: &Account, order: &NewOrder) -> Result<(), Rejection> {
        let listed = &self.symbols[order.symbol.0];
        let situation = self.situation(account, order.symbol);
        Ok(rules::check(&order.shape(), &listed.rules.filters, &self.options.filters, &situation)?)
    }
}
