//! Approved requests become orders: sizes, the instrument's rules, and what waits for the next open.

use super::protection::Levels;
use super::risk_manager::Approved;
use super::settings::{Booking, Costs, Settings};
use crate::model::money::decimal;
use crate::model::{Direction, EntryReason, ExitReason, FillReason, Instrument, Refusal, Side, Size};
use rust_decimal::Decimal;
use rust_decimal::prelude::{FromStr, ToPrimitive};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An entry as decided: what will be ordered at the next price.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntryRequest {
    pub direction: Direction,
    pub size: Size,
    pub levels: Levels,
    pub reason: EntryReason,
    pub note: Arc<str>,
}

/// An exit as decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExitRequest {
    pub reason: ExitReason,
    pub note: Arc<str>,
}

/// An order for a venue. Quantity in base currency.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Order {
    pub side: Side,
    pub quantity: f64,
    pub reason: FillReason,
    /// Market price, or the level that was hit.
    pub price: f64,
    /// Whether costs of crossing the spread apply; a target or the last close is taken as it is.
    pub slips: bool,
}

/// What waits for the next open, and how large it will be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderExecutor {
    costs: Costs,
    base_stop_pct: Option<f64>,
    instrument: Option<Instrument>,
    booking: Booking,
    max_order_notional: Option<f64>,
    exit: Option<Approved<ExitRequest>>,
    entry: Option<Approved<Box<EntryRequest>>>,
}

/// As [`slipped`], on the grid of prices and against the trader, as an exchange fills.
pub fn slipped_on_grid(price: f64, side: Side, slippage_bps: f64, tick_size: Decimal) -> f64 {
    let exact = || {
        let slippage = decimal(slippage_bps).ok()?.checked_div(Decimal::from(10_000))?;
        let (factor, is_buy) = match side {
            Side::Buy => (Decimal::ONE + slippage, true),
            Side::Sell => (Decimal::ONE - slippage, false),
        };
        let price = decimal(price).ok()?.checked_mul(factor)?;
        if tick_size.is_zero() {
            return price.to_f64();
        }
        let ticks = price.checked_div(tick_size)?;
        let ticks = if is_buy { ticks.ceil() } else { ticks.floor() };
        ticks.checked_mul(tick_size)?.max(tick_size).to_f64()
    };
    exact().unwrap_or_else(|| slipped(price, side, slippage_bps))
}

/// The price a fill on `side` gets when the market is at `price`: buys up, sells down.
pub fn slipped(price: f64, side: Side, slippage_bps: f64) -> f64 {
    let slippage = slippage_bps / 10_000.0;
    match side {
        Side::Buy => price * (1.0 + slippage),
        Side::Sell => price * (1.0 - slippage),
    }
}

impl OrderExecutor {
    pub fn new(settings: &Settings) -> Self {
        OrderExecutor {
            costs: settings.costs,
            base_stop_pct: settings.rules.stop_loss_pct,
            instrument: settings.instrument.clone(),
            booking: settings.booking,
            max_order_notional: settings.max_order_notional,
            exit: None,
            entry: None,
        }
    }

    /// New settings; what waits stays.
    pub fn set(&mut self, settings: &Settings) {
        let (exit, entry) = (self.exit.take(), self.entry.take());
        *self = OrderExecutor { exit, entry, ..OrderExecutor::new(settings) };
    }

    /// What waits for the next open.
    #[inline]
    pub fn pending(&self) -> (Option<&EntryRequest>, Option<&ExitRequest>) {
        (self.entry.as_ref().map(|entry| &**entry.get()), self.exit.as_ref().map(Approved::get))
    }

    #[inline]
    pub fn has_pending(&self) -> bool {
        self.exit.is_some() || self.entry.is_some()
    }

    #[inline]
    pub fn queue_exit(&mut self, request: Approved<ExitRequest>) {
        self.exit = Some(request);
    }

    #[inline]
    pub fn queue_entry(&mut self, request: Approved<Box<EntryRequest>>) {
        self.entry = Some(request);
    }

    #[inline]
    pub fn take_exit(&mut self) -> Option<ExitRequest> {
        self.exit.take().map(Approved::into_inner)
    }

    #[inline]
    pub fn take_entry(&mut self) -> Option<Box<EntryRequest>> {
        self.entry.take().map(Approved::into_inner)
    }

    /// The order that makes an entry when the market is at `price`, with `cash` to pay it from and the
    /// account flat. Known only now: a refused entry leaves the account as it is.
    pub fn size(&self, request: &EntryRequest, price: f64, cash: f64) -> Result<Order, Refusal> {
        let side = request.direction.entry_side();
        let fill = match (self.booking, &self.instrument) {
            (Booking::Exchange, Some(instrument)) => {
                slipped_on_grid(price, side, self.costs.slippage_bps, instrument.tick_size)
            }
            _ => slipped(price, side, self.costs.slippage_bps),
        };
        let wanted = match request.size {
            Size::Units(units) => units,
            Size::Quote(amount) => amount / fill,
            Size::EquityPct(pct) => cash * pct / 100.0 / fill,
            Size::RiskPct(pct) => {
                let stop = request.levels.fixed_stop(self.base_stop_pct, request.direction, fill);
                let distance = stop.map(|stop| request.direction.sign() * (fill - stop));
                match distance {
                    Some(distance) if distance > 0.0 => cash * pct / 100.0 / distance,
                    _ => return Err(Refusal::NoStop),
                }
            }
        };
        let affordable = cash / (fill * (1.0 + self.costs.commission_bps / 10_000.0));
        let quantity = self.round_quantity(wanted.min(affordable), fill)?;
        if self.max_order_notional.is_some_and(|most| quantity * fill > most) {
            return Err(Refusal::MaxOrderNotional);
        }
        Ok(Order { side, quantity, reason: FillReason::Entry(request.reason), price, slips: true })
    }

    /// What of a position can be ordered: whole steps where fills are booked as on an exchange.
    #[inline]
    pub fn sellable(&self, quantity: f64) -> f64 {
        match (self.booking, &self.instrument) {
            (Booking::Exchange, Some(instrument)) => floored(quantity, instrument.step_size),
            _ => quantity,
        }
    }

    fn round_quantity(&self, quantity: f64, price: f64) -> Result<f64, Refusal> {
        let positive = |quantity: f64| quantity > 0.0 && quantity.is_finite();
        let Some(instrument) = &self.instrument else {
            return if positive(quantity) { Ok(quantity) } else { Err(Refusal::ZeroQuantity) };
        };
        if !positive(quantity) {
            return Err(Refusal::ZeroQuantity);
        }
        let floored = floored_decimal(quantity, instrument.step_size);
        if floored.is_zero() {
            return Err(Refusal::ZeroQuantity);
        }
        if floored < instrument.min_qty {
            return Err(Refusal::MinQty);
        }
        let price = Decimal::from_str(&price.to_string()).unwrap_or_default();
        if floored.checked_mul(price).is_some_and(|notional| notional < instrument.min_notional) {
            return Err(Refusal::MinNotional);
        }
        floored.to_f64().ok_or(Refusal::ZeroQuantity)
    }
}

/// The largest multiple of `step` that is not above `quantity`.
fn floored_decimal(quantity: f64, step: Decimal) -> Decimal {
    // The shortest text of a float is the number its author meant: 0.3 is three steps of 0.1.
    let exact = Decimal::from_str(&quantity.to_string()).unwrap_or(Decimal::MAX);
    // More steps than a decimal can count: flooring to one of them changes no digit that is there.
    let floor = || exact.checked_div(step)?.floor().checked_mul(step);
    if step.is_zero() { exact } else { floor().unwrap_or(exact) }
}

fn floored(quantity: f64, step: Decimal) -> f64 {
    floored_decimal(quantity, step).to_f64().unwrap_or(quantity)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn executor(step: &str, min_qty: &str, min_notional: &str) -> OrderExecutor {
        let decimal = |text: &str| Decimal::from_str(text).unwrap();
        OrderExecutor::new(&Settings {
            instrument: Some(Instrument {
                tick_size: decimal("0.01"),
                step_size: decimal(step),
                min_qty: decimal(min_qty),
                min_notional: decimal(min_notional),
            }),
            ..Settings::default()
        })
    }

    fn long(size: Size) -> EntryRequest {
        EntryRequest {
            direction: Direction::Long,
            size,
            levels: Levels::default(),
            reason: EntryReason::Signal,
            note: Arc::from(""),
        }
    }

    #[test]
    fn quantities_are_floored_to_the_step_and_refused_below_the_minimum() {
        let quantity =
            |executor: &OrderExecutor, size| executor.size(&long(size), 100.0, 10_000.0).map(|o| o.quantity);
        let exact = executor("0.1", "0", "0");
        assert_eq!(
            quantity(&exact, Size::Units(0.3)),
            Ok(0.3),
            "three steps, though 0.3 / 0.1 < 3 in floats"
        );
        assert_eq!(quantity(&exact, Size::Units(0.39)), Ok(0.3));
        assert_eq!(quantity(&exact, Size::Units(0.09)), Err(Refusal::ZeroQuantity));
        assert_eq!(quantity(&exact, Size::Units(0.0)), Err(Refusal::ZeroQuantity));
        assert_eq!(quantity(&executor("0.1", "0.5", "0"), Size::Units(0.4)), Err(Refusal::MinQty));
        assert_eq!(quantity(&executor("0.1", "0", "50"), Size::Units(0.4)), Err(Refusal::MinNotional));
        assert_eq!(quantity(&executor("0", "0", "0"), Size::Quote(50.0)), Ok(0.5));
    }

    #[test]
    fn an_entry_never_costs_more_than_the_cash() {
        let executor = OrderExecutor::new(&Settings::default());
        let order = executor.size(&long(Size::EquityPct(100.0)), 100.0, 10_000.0).unwrap();
        assert!((order.quantity * 100.0 * 1.001 - 10_000.0).abs() < 1e-9);
    }

    #[test]
    fn risk_needs_a_fixed_stop_that_the_fill_has_not_passed() {
        let executor = OrderExecutor::new(&Settings::default());
        let with = |levels| EntryRequest { levels, ..long(Size::RiskPct(1.0)) };
        let size = |levels| executor.size(&with(levels), 100.0, 10_000.0).map(|order| order.quantity);
        assert_eq!(size(Levels { stop_price: Some(98.0), ..Levels::default() }), Ok(50.0));
        assert_eq!(size(Levels { stop_price: Some(100.0), ..Levels::default() }), Err(Refusal::NoStop));
        assert_eq!(size(Levels { trail_pct: Some(0.02), ..Levels::default() }), Err(Refusal::NoStop));
        assert_eq!(size(Levels::default()), Err(Refusal::NoStop));
    }
}
