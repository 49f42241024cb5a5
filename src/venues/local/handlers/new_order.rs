//! Orders and legs of lists, read from parameters.

use crate::model::Side;
use crate::venues::local::refusal::Refusal;
use crate::venues::local::routes::Call;
use crate::venues::sim::exchange::{NewOrder, Peg, SymbolId};
use crate::venues::words::{
    OrderType, PegOffsetType, PegPriceType, ResponseType, SelfTradePrevention, SideWord, TimeInForce, of_leg,
};
use rust_decimal::Decimal;

/// Names of the parameters of one order: bare, or with the prefix of a leg.
#[derive(Debug, Clone, Copy)]
pub struct Leg(pub &'static str);

impl Leg {
    /// `timeInForce`, or `aboveTimeInForce`.
    pub fn name(self, bare: &str) -> String {
        of_leg(self.0, bare)
    }

    pub fn client_id_name(self) -> String {
        if self.0.is_empty() { "newClientOrderId".to_owned() } else { self.name("clientOrderId") }
    }
}

fn invalid(name: &str) -> Refusal {
    Refusal::bad(-1130, format!("Data sent for parameter '{name}' is not valid."))
}

pub fn side(call: &Call<'_>, name: &str) -> Result<Side, Refusal> {
    let word = call.params.word(name, SideWord::of, || Refusal::bad(-1117, "Invalid side."))?;
    word.map(Side::from).ok_or_else(|| Refusal::missing(name))
}

pub fn order_type(call: &Call<'_>, name: &str) -> Result<OrderType, Refusal> {
    let word = call.params.word(name, OrderType::of, || Refusal::bad(-1116, "Invalid orderType."))?;
    word.ok_or_else(|| Refusal::missing(name))
}

pub fn time_in_force(call: &Call<'_>, name: &str) -> Result<Option<TimeInForce>, Refusal> {
    call.params.word(name, TimeInForce::of, || Refusal::bad(-1115, "Invalid timeInForce."))
}

pub fn response_type(call: &Call<'_>) -> Result<Option<ResponseType>, Refusal> {
    call.params.word("newOrderRespType", ResponseType::of, || invalid("newOrderRespType"))
}

pub fn prevention(call: &Call<'_>) -> Result<Option<SelfTradePrevention>, Refusal> {
    call.params
        .word("selfTradePreventionMode", SelfTradePrevention::of, || invalid("selfTradePreventionMode"))
}

pub fn quantity(call: &Call<'_>, symbol: SymbolId, name: &str) -> Result<Option<Decimal>, Refusal> {
    call.params.precise(name, call.state.exchange.rules(symbol).base_precision)
}

pub fn price(call: &Call<'_>, symbol: SymbolId, name: &str) -> Result<Option<Decimal>, Refusal> {
    call.params.precise(name, call.state.exchange.rules(symbol).quote_precision)
}

pub fn delta(call: &Call<'_>, name: &str) -> Result<Option<u32>, Refusal> {
    let value = call.params.integer(name)?;
    value.map(|value| u32::try_from(value).map_err(|_| invalid(name))).transpose()
}

fn peg(call: &Call<'_>, leg: Leg) -> Result<Option<Peg>, Refusal> {
    let params = call.params;
    let names = ["pegPriceType", "pegOffsetType", "pegOffsetValue"].map(|name| leg.name(name));
    let [price_name, type_name, value_name] = names.each_ref().map(String::as_str);
    let bad_price = || Refusal::bad(-1210, "Invalid pegPriceType.");
    let price_type = params.word(price_name, PegPriceType::of, bad_price)?;
    let bad_offset = || Refusal::bad(-1211, "Invalid pegOffsetType.");
    let kind = params.word(type_name, PegOffsetType::of, bad_offset)?;
    let value = params.integer(value_name)?;
    let offset = match (kind, value) {
        (None, None) => None,
        (Some(kind), Some(value)) => Some((kind, u32::try_from(value).map_err(|_| invalid(value_name))?)),
        _ => {
            let text =
                format!("Fields [{type_name}, {value_name}] must be sent together or omitted entirely.");
            return Err(Refusal::bad(-1128, text));
        }
    };
    match (price_type, offset) {
        (None, Some(_)) => Err(Refusal::missing(price_name)),
        (None, None) => Ok(None),
        (Some(price_type), offset) => Ok(Some(Peg { price_type, offset })),
    }
}

/// The order of a leg. Side and quantity are the list's where a leg has none of its own.
pub fn leg(
    call: &Call<'_>,
    symbol: SymbolId,
    leg: Leg,
    side: Side,
    quantity: Option<Decimal>,
) -> Result<NewOrder, Refusal> {
    let params = call.params;
    let name = |bare: &str| leg.name(bare);
    let client_id = params.client_id(&leg.client_id_name())?;
    Ok(NewOrder {
        time_in_force: time_in_force(call, &name("timeInForce"))?,
        quantity,
        price: price(call, symbol, &name("price"))?,
        stop_price: price(call, symbol, &name("stopPrice"))?,
        trailing_delta: delta(call, &name("trailingDelta"))?,
        iceberg_quantity: self::quantity(call, symbol, &name("icebergQty"))?,
        client_order_id: client_id.map(Into::into),
        strategy_id: params.integer(&name("strategyId"))?,
        strategy_type: params.integer(&name("strategyType"))?,
        self_trade_prevention: prevention(call)?,
        peg: peg(call, leg)?,
        ..NewOrder::new(symbol, side, order_type(call, &name("type"))?)
    })
}

/// An order by itself.
pub fn single(call: &Call<'_>) -> Result<NewOrder, Refusal> {
    let symbol = call.symbol()?;
    let order_side = side(call, "side")?;
    // A type that is none is told before a quantity that is wrong.
    order_type(call, "type")?;
    let amount = quantity(call, symbol, "quantity")?;
    let mut order = leg(call, symbol, Leg(""), order_side, amount)?;
    order.quote_quantity = price(call, symbol, "quoteOrderQty")?;
    Ok(order)
}
