//! Protection that rests on the exchange: what should rest, and the step towards it.

use super::orders::{Cancel, Phase, Role};
use super::{Desk, MOVE_PAUSE_MS, PROTECT_WITHIN_MS, ProtectionMode, Working};
use crate::engine::{Event, Hit, Strategy};
use crate::live::record::{RefusedAs, Request};
use crate::model::money::decimal;
use crate::model::{ExitReason, FillReason};
use rust_decimal::Decimal;

/// Levels as orders.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Wanted {
    stop: Option<Decimal>,
    target: Option<Decimal>,
    stop_reason: ExitReason,
}

impl<S: Strategy> Desk<S> {
    fn wanted(&self) -> Option<Wanted> {
        let protection = self.engine.state().position.position()?.protection;
        let level =
            |price: Option<f64>| price.and_then(|price| decimal(price).ok()).filter(|it| *it > Decimal::ZERO);
        Some(Wanted {
            stop: level(protection.stop_price()),
            target: level(protection.target_price()),
            stop_reason: protection.stop_reason(),
        })
    }

    /// Whether levels are watched here and not on the exchange.
    pub fn watches(&self) -> bool {
        self.settings.protection == ProtectionMode::Local || self.state.watching
    }

    /// The next step towards what should rest. Nothing is under way.
    pub(super) fn protect(&mut self) {
        self.state.behind = false;
        let Some(wanted) = self.wanted().filter(|_| !self.watches()) else {
            self.state.retry = None;
            return;
        };
        let resting = || self.state.orders.iter().filter(|order| order.role.protects());
        let level = |role| resting().find(|order| order.role == role).and_then(|order| order.level);
        let (stop, target) = (level(Role::Stop), level(Role::Target));
        if (stop, target) == (wanted.stop, wanted.target) {
            self.state.retry = None;
            let stops = self.state.orders.iter_mut().filter(|order| order.role == Role::Stop);
            stops.for_each(|order| order.reason = FillReason::Exit(wanted.stop_reason));
            return;
        }
        if resting().any(|order| !order.executed.is_zero()) {
            // Being executed: it ends, or the price turns and the level is watched.
            self.state.retry = None;
            return;
        }
        let is_empty = resting().next().is_none();
        // What the price has passed cannot rest: the next price leaves, or comes back.
        let waits = self.is_passed(wanted)
            || (!is_empty && self.state.clock < self.state.moved.saturating_add(MOVE_PAUSE_MS));
        if waits {
            self.state.behind = true;
            self.state.retry = None;
            return;
        }
        let Some(id) = resting().next().map(|order| order.id.clone()) else { return self.place(wanted) };
        self.state.moved = self.state.clock;
        match (stop, target, wanted) {
            (Some(_), None, Wanted { stop: Some(stop), target: None, .. }) => {
                self.replace(id, stop, wanted.stop_reason)
            }
            _ => self.cancel(&id),
        }
    }

    fn is_passed(&self, wanted: Wanted) -> bool {
        let Some(price) = self.state.last_price.and_then(|price| decimal(price).ok()) else { return false };
        wanted.stop.is_some_and(|stop| price <= stop) || wanted.target.is_some_and(|target| price >= target)
    }

    fn place(&mut self, wanted: Wanted) {
        let quantity = self.sellable();
        if quantity.is_zero() {
            return;
        }
        let stop_reason = FillReason::Exit(wanted.stop_reason);
        let target_reason = FillReason::Exit(ExitReason::TakeProfit);
        let price = self.level_price(wanted.stop);
        match (wanted.stop, wanted.target) {
            (None, None) => {}
            (Some(stop), None) => {
                let id = self.next_id();
                let order = self.working(id.clone(), Role::Stop, stop_reason, quantity, Some(stop), price);
                self.send(Request::Stop { id, stop, quantity }, vec![order]);
            }
            (None, Some(target)) => {
                let id = self.next_id();
                let expected = self.level_price(Some(target));
                let order =
                    self.working(id.clone(), Role::Target, target_reason, quantity, Some(target), expected);
                self.send(Request::Target { id, price: target, quantity }, vec![order]);
            }
            (Some(stop), Some(target)) => {
                let (list, stop_id, target_id) = (self.next_id(), self.next_id(), self.next_id());
                let expected = self.level_price(Some(target));
                let orders = [
                    self.working(stop_id.clone(), Role::Stop, stop_reason, quantity, Some(stop), price),
                    self.working(
                        target_id.clone(),
                        Role::Target,
                        target_reason,
                        quantity,
                        Some(target),
                        expected,
                    ),
                ];
                let orders = orders.map(|order| Working { list: Some(list.clone()), ..order }).to_vec();
                self.send(Request::Oco { list, stop_id, stop, target_id, price: target, quantity }, orders);
            }
        }
    }

    fn level_price(&self, level: Option<Decimal>) -> f64 {
        use rust_decimal::prelude::ToPrimitive;
        level.and_then(|level| level.to_f64()).unwrap_or_default()
    }

    fn replace(&mut self, old: String, stop: Decimal, reason: ExitReason) {
        let (id, quantity) = (self.next_id(), self.sellable());
        let price = self.level_price(Some(stop));
        let order =
            self.working(id.clone(), Role::Stop, FillReason::Exit(reason), quantity, Some(stop), price);
        let number = self.send(Request::Replace { cancel: old.clone(), id, stop, quantity }, vec![order]);
        if let Some(order) = self.state.orders.iter_mut().find(|order| order.id == old) {
            order.cancel = Some(Cancel { request: number });
        }
    }

    /// A protective order was not placed.
    pub(super) fn on_unprotected(&mut self, order: &Working, kind: RefusedAs, message: &str) {
        let still_rests =
            self.state.orders.iter().any(|other| other.role.protects() && other.phase == Phase::Open);
        let since = self.state.retry.map_or(self.state.wall, |retry| retry.since);
        let is_hopeless = self.state.wall - since >= PROTECT_WITHIN_MS;
        match kind {
            RefusedAs::WouldTrigger => self.leave_unprotected(order),
            RefusedAs::Never => {
                self.alarm(format!(
                    "no protection can rest on the exchange, so prices are watched here: {message}"
                ));
                self.state.watching = true;
            }
            _ if is_hopeless && !still_rests => {
                self.alarm(format!("the position could not be protected: leaving at the market: {message}"));
                self.leave_unprotected(order);
            }
            _ => self.later(),
        }
    }

    fn leave_unprotected(&mut self, order: &Working) {
        let Some(position) = self.engine.state().position.position() else { return };
        let price = self.state.last_price.unwrap_or(position.entry_price);
        let target = position.protection.target_price().filter(|target| price >= *target);
        let reason = if target.is_some() { ExitReason::TakeProfit } else { order.exit_reason() };
        let hit = Hit { reason, price, at_open: true };
        let row = self.row();
        self.engine_event(Event::Reached { row, hit, ambiguous: false });
    }
}
