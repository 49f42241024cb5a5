//! The simulated venue: fills at once, at the price the rules of a backtest give, and walks candles as prices.

pub mod exchange;
pub mod path;

use crate::engine::{Booking, Costs, Hit, Order, Protection, Settings, Venue, slipped, slipped_on_grid};
use crate::model::money::decimal;
use crate::model::{Candles, Direction, Fill, Side};
use path::{Extremes, prices};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::ops::Range;

/// Decimals of amounts and commissions on an exchange; what is beyond them is not taken.
const MONEY_DIGITS: u32 = 8;

/// Matching, fees and slippage of a backtest. Pure.
pub struct SimulatedVenue<'a> {
    candles: &'a Candles,
    /// Finer candles that are walked instead of a candle's extremes, where there are any.
    detail: Option<&'a Candles>,
    costs: Costs,
    booking: Booking,
    /// Fills are on this grid where they are booked as on an exchange.
    tick_size: Option<Decimal>,
}

impl<'a> SimulatedVenue<'a> {
    pub fn new(candles: &'a Candles, detail: Option<&'a Candles>, costs: Costs) -> Self {
        SimulatedVenue { candles, detail, costs, booking: Booking::Quote, tick_size: None }
    }

    /// Fills and commissions as the settings have them booked.
    pub fn booked_as(self, settings: &Settings) -> Self {
        let booking = settings.booking;
        let on_grid = settings.instrument.as_ref().filter(|_| booking == Booking::Exchange);
        SimulatedVenue { booking, tick_size: on_grid.map(|instrument| instrument.tick_size), ..self }
    }

    /// What an order gets that slips.
    fn slipped(&self, price: f64, side: Side) -> f64 {
        match self.tick_size {
            Some(tick_size) => slipped_on_grid(price, side, self.costs.slippage_bps, tick_size),
            None => slipped(price, side, self.costs.slippage_bps),
        }
    }

    /// Its value in quote currency, and what of it is taken from the base currency received.
    fn commission(&self, order: &Order, price: f64) -> (f64, f64) {
        if self.booking == Booking::Quote {
            return (order.quantity * price * self.costs.commission_bps / 10_000.0, 0.0);
        }
        let rate = decimal(self.costs.commission_bps).unwrap_or_default() / Decimal::from(10_000);
        let taken = |received: Option<Decimal>| {
            let received = received?.trunc_with_scale(MONEY_DIGITS);
            received.checked_mul(rate)?.trunc_with_scale(MONEY_DIGITS).to_f64()
        };
        let quantity = decimal(order.quantity).ok();
        match order.side {
            Side::Buy => {
                let base = taken(quantity).unwrap_or_default();
                (base * price, base)
            }
            Side::Sell => {
                let quote = quantity.and_then(|it| it.checked_mul(decimal(price).ok()?));
                (taken(quote).unwrap_or_default(), 0.0)
            }
        }
    }

    /// The finer candles inside the candle in `row`.
    fn finer(&self, row: usize) -> Option<(&'a Candles, Range<usize>)> {
        let detail = self.detail?;
        let from = detail.first_at_or_after(self.candles.open_time[row]);
        let to = detail.first_at_or_after(self.candles.close_time[row].saturating_add(1));
        (from < to).then_some((detail, from..to))
    }

    #[inline(never)]
    fn walk_candle(
        &self,
        row: usize,
        direction: Direction,
        protection: &mut Protection,
    ) -> Option<(Hit, bool)> {
        if !protection.is_active() {
            // The favourable extreme is the best price of a candle, whatever the path.
            let mut seen =
                |candles: &Candles, row| protection.raise_peak(favourable(candles, row, direction));
            match self.finer(row) {
                Some((detail, rows)) => rows.for_each(|row| seen(detail, row)),
                None => seen(self.candles, row),
            }
            return None;
        }
        let mut other = *protection;
        let hit = self.walk_in(row, direction, Extremes::AdverseFirst, protection)?;
        let otherwise = self.walk_in(row, direction, Extremes::FavourableFirst, &mut other);
        let same = |other: Hit| (other.reason, other.price) == (hit.reason, hit.price);
        Some((hit, !otherwise.is_some_and(same)))
    }

    fn walk_in(
        &self,
        row: usize,
        direction: Direction,
        extremes: Extremes,
        protection: &mut Protection,
    ) -> Option<Hit> {
        let mut one = |candles: &Candles, row: usize| {
            prices(candles, row, direction, extremes)
                .into_iter()
                .enumerate()
                .find_map(|(leg, price)| protection.on_price(price, leg == 0))
        };
        match self.finer(row) {
            Some((detail, mut rows)) => rows.find_map(|row| one(detail, row)),
            None => one(self.candles, row),
        }
    }
}

/// The extreme of a candle that is good for a position.
#[inline(always)]
fn favourable(candles: &Candles, row: usize, direction: Direction) -> f64 {
    match direction {
        Direction::Long => candles.high[row],
        Direction::Short => candles.low[row],
    }
}

impl Venue for SimulatedVenue<'_> {
    fn execute(&mut self, order: &Order, time: i64) -> Fill {
        let price = if order.slips { self.slipped(order.price, order.side) } else { order.price };
        let (commission, base_commission) = self.commission(order, price);
        Fill {
            time,
            side: order.side,
            quantity: order.quantity,
            price,
            commission,
            base_commission,
            slippage: order.quantity * (price - order.price).abs(),
            reason: order.reason,
        }
    }

    #[inline(always)]
    fn walk(&mut self, row: usize, direction: Direction, protection: &mut Protection) -> Option<(Hit, bool)> {
        // Most candles reach nothing: no path has to be walked to know it.
        if self.detail.is_none() {
            if !protection.is_active() {
                protection.raise_peak(favourable(self.candles, row, direction));
                return None;
            }
            let Candles { open, high, low, close, .. } = self.candles;
            if protection.passes([open[row], high[row], low[row], close[row]]) {
                return None;
            }
        }
        self.walk_candle(row, direction, protection)
    }

    fn pass(&mut self, rows: Range<usize>, direction: Direction, protection: &mut Protection) -> usize {
        if self.detail.is_some() {
            return 0;
        }
        if !protection.is_active() {
            let extremes = match direction {
                Direction::Long => &self.candles.high,
                Direction::Short => &self.candles.low,
            };
            protection.raise_peak_over(&extremes[rows.clone()]);
            return rows.len();
        }
        let Candles { open, high, low, close, .. } = self.candles;
        let (open, high) = (&open[rows.clone()], &high[rows.clone()]);
        let (low, close) = (&low[rows.clone()], &close[rows.clone()]);
        let passes = |row: &usize| protection.passes([open[*row], high[*row], low[*row], close[*row]]);
        (0..rows.len()).take_while(passes).count()
    }
}
