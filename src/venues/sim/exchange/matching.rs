//! What the market does to orders: levels that are met, triggers, executions, commissions.

use super::account::Insufficient;
use super::order::{AccountId, Execution, ExecutionReport, Order, OrderId, SymbolId};
use super::validate::{crosses, waits_above};
use super::{AccountEvent, AccountEventKind, CommissionDiscount, Exchange, Liquidity};
use crate::engine::met_at;
use crate::model::Side;
use crate::venues::words::{ExecutionType, ExpiryReason, OrderStatus, OrderType, SymbolStatus, TimeInForce};
use rust_decimal::{Decimal, RoundingStrategy};
use std::sync::Arc;

/// Decimals of an amount of money; what lies beyond is cut off.
const MONEY_DECIMALS: u32 = 8;

const BASIS_POINTS: u32 = 10_000;

/// What the market does at a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    /// Starts to follow the price.
    Trail,
    Trigger,
    Fill,
}

/// An order whose level is met on the way.
#[derive(Debug, Clone, Copy)]
struct Met {
    account: AccountId,
    id: OrderId,
    action: Action,
    level: Decimal,
}

/// A price on the tick grid: `up` or down from `price`.
fn on_grid(price: Decimal, tick: Decimal, up: bool) -> Decimal {
    if tick.is_zero() {
        return price;
    }
    let Some(ticks) = price.checked_div(tick) else { return price };
    let whole = if up { ticks.ceil() } else { ticks.floor() };
    whole.checked_mul(tick).map_or(price, |price| price.max(tick))
}

pub(super) fn floored(quantity: Decimal, step: Decimal) -> Decimal {
    if step.is_zero() {
        return quantity;
    }
    let steps = quantity.checked_div(step).map(|steps| steps.floor());
    steps.and_then(|steps| steps.checked_mul(step)).unwrap_or(quantity)
}

fn cut(amount: Decimal) -> Decimal {
    amount.round_dp_with_strategy(MONEY_DECIMALS, RoundingStrategy::ToZero)
}

/// The level of a trailing order that follows `best`.
fn trailing_level(side: Side, best: Decimal, delta: u32) -> Decimal {
    let part = best * Decimal::new(i64::from(delta), 4);
    match side {
        Side::Sell => best - part,
        Side::Buy => best + part,
    }
}

/// Where a level that waits above (or below) is met on the way from `from` to `to`.
fn on_the_way(level: Decimal, above: bool, from: Decimal, to: Decimal) -> Option<Decimal> {
    if above {
        (from.max(to) >= level).then(|| level.max(from))
    } else {
        (from.min(to) <= level).then(|| level.min(from))
    }
}

/// What happens to `order` first while the price goes from `from` to `to`, and where.
fn first_met(order: &Order, from: Decimal, to: Decimal) -> Option<(Action, Decimal)> {
    let triggered = order.working_time.is_some();
    if order.status == OrderStatus::PendingNew {
        return None;
    }
    if triggered || !order.order_type.is_conditional() {
        let level = on_the_way(order.price, order.side == Side::Sell, from, to)?;
        return Some((Action::Fill, level));
    }
    let above = waits_above(order.order_type, order.side);
    match (order.trailing_delta, order.trailing_best) {
        (Some(delta), Some(best)) => {
            // Moving with the order only raises its best price; that is settled when the leg ends.
            let level = trailing_level(order.side, best, delta);
            on_the_way(level, order.side == Side::Buy, from, to).map(|level| (Action::Trigger, level))
        }
        (Some(_), None) if order.stop_price.is_zero() => Some((Action::Trail, from)),
        (Some(_), None) => on_the_way(order.stop_price, above, from, to).map(|level| (Action::Trail, level)),
        (None, _) => on_the_way(order.stop_price, above, from, to).map(|level| (Action::Trigger, level)),
    }
}

impl Exchange {
    /// The next price seen: trails, triggers and fills what rests. At the open of a candle a level passed since
    /// the last price is met at the price itself; else levels on the way are met where they lie, the nearest
    /// first.
    pub fn on_price(&mut self, symbol: SymbolId, price: Decimal, at_open: bool, now: i64) {
        let listed = &mut self.symbols[symbol.0];
        if listed.rules.status != SymbolStatus::Trading {
            // Nothing trades; when it does again, that is like the open of a candle.
            listed.last = price;
            listed.was_halted = true;
            return;
        }
        let at_open = std::mem::take(&mut listed.was_halted) || at_open;
        let mut position = if listed.last.is_zero() { price } else { listed.last };
        // What was looked at already and stays open, such as a limit order that found no liquidity.
        let mut seen: Vec<(OrderId, Action)> = Vec::new();
        while let Some(met) = self.next_met(symbol, position, price, at_open, &seen) {
            seen.push((met.id, met.action));
            position = met_at(met.level, price, at_open);
            self.symbols[symbol.0].last = position;
            match met.action {
                Action::Trail => self.begin_trailing(met.account, met.id, position, now),
                Action::Trigger => self.trigger(met.account, met.id, now),
                Action::Fill => self.fill_resting(met.account, met.id, position, now),
            }
            self.tell_balances(met.account, now);
        }
        self.symbols[symbol.0].last = price;
        self.follow(symbol, price);
    }

    /// The order that is met first on the way. Triggers come before fills at the same price, as a stop comes
    /// before a target.
    fn next_met(
        &self,
        symbol: SymbolId,
        from: Decimal,
        to: Decimal,
        at_open: bool,
        seen: &[(OrderId, Action)],
    ) -> Option<Met> {
        let mut first: Option<Met> = None;
        let distance = |met: &Met| if at_open { Decimal::ZERO } else { (met.level - from).abs() };
        // At an open the price jumps: what lies between is not walked.
        let start = if at_open { to } else { from };
        for &(id, account) in &self.symbols[symbol.0].open {
            let Some(order) = self.accounts[account.0].orders.get(&id) else { continue };
            let Some((action, level)) = first_met(order, start, to) else { continue };
            if seen.contains(&(id, action)) {
                continue;
            }
            let met = Met { account, id, action, level };
            let earlier = |other: &Met| (distance(&met), met.action) < (distance(other), other.action);
            if first.as_ref().is_none_or(earlier) {
                first = Some(met);
            }
        }
        first
    }

    /// Best prices of trailing orders, after levels were compared.
    fn follow(&mut self, symbol: SymbolId, price: Decimal) {
        for &(id, account) in &self.symbols[symbol.0].open {
            let Some(order) = self.accounts[account.0].orders.get_mut(&id) else { continue };
            if let Some(best) = &mut order.trailing_best {
                *best = if order.side == Side::Sell { price.max(*best) } else { price.min(*best) };
            }
        }
    }

    fn begin_trailing(&mut self, account: AccountId, id: OrderId, price: Decimal, now: i64) {
        if let Some(order) = self.accounts[account.0].orders.get_mut(&id) {
            order.trailing_best = Some(price);
            order.trailing_time = Some(now);
        }
    }

    /// A stop is met: it becomes an order at the market's price of this instant.
    fn trigger(&mut self, account: AccountId, id: OrderId, now: i64) {
        self.end_siblings(account, id, now);
        let Some(order) = self.accounts[account.0].orders.get_mut(&id) else { return };
        order.working_time = Some(now);
        order.is_working = true;
        order.update_time = now;
        let (symbol, side) = (order.symbol, order.side);
        let peg = order.peg;
        if let Some(peg) = peg {
            let price = self.pegged(symbol, side, peg);
            if let Some(order) = self.accounts[account.0].orders.get_mut(&id) {
                order.price = price;
            }
        }
        let Some(order) = self.accounts[account.0].orders.get(&id) else { return };
        let fits = self.filters_again(order).is_ok();
        // A pegged price may cost more than was held for it.
        if !fits || self.hold_for(account, id).is_err() {
            let reason = if fits { "INSUFFICIENT_BALANCES" } else { "NONE" };
            return self.expire(account, id, ExpiryReason::Rejected, reason, now);
        }
        self.report(account, id, ExecutionType::New, now, |_| {});
        self.take(account, id, now);
    }

    /// Fills what the market has for an order that may take: all of a market order, of a limit order what its
    /// price allows. What is left rests or expires by its time in force.
    pub(super) fn take(&mut self, account: AccountId, id: OrderId, now: i64) {
        let Some(order) = self.accounts[account.0].orders.get(&id) else { return };
        let listed = &self.symbols[order.symbol.0];
        let is_market = !order.order_type.has_price();
        let can_match = is_market || crosses(order.side, order.price, listed.last);
        let (tif, order_type) = (order.time_in_force, order.order_type);
        let plan = match can_match {
            true => self.plan(account, order, order.remaining()),
            false => Vec::new(),
        };
        let planned: Decimal = plan.iter().map(|(_, quantity)| *quantity).sum();
        let whole = planned >= order.remaining();
        if can_match {
            self.accounts[account.0].liquidity = None;
        }
        if tif == TimeInForce::Fok && !is_market && !whole {
            return self.expire(account, id, ExpiryReason::UnfilledFok, "NONE", now);
        }
        for (price, quantity) in plan {
            if self.execute(account, id, price, quantity, false, now).is_err() {
                return self.expire(account, id, ExpiryReason::Rejected, "INSUFFICIENT_BALANCES", now);
            }
        }
        let open = self.accounts[account.0].orders.get(&id).is_some_and(Order::is_open);
        if open && is_market {
            self.expire(account, id, ExpiryReason::InsufficientLiquidity, "NONE", now);
        } else if open && tif == TimeInForce::Ioc && order_type != OrderType::LimitMaker {
            self.expire(account, id, ExpiryReason::UnfilledIoc, "NONE", now);
        }
    }

    /// The executions the market offers a taker now: price and quantity each.
    pub(super) fn plan(
        &self,
        account: AccountId,
        order: &Order,
        quantity: Decimal,
    ) -> Vec<(Decimal, Decimal)> {
        let listed = &self.symbols[order.symbol.0];
        let (tick, step) = (listed.tick(), listed.step());
        let limit = order.order_type.has_price().then_some(order.price);
        let mut price = self.slipped(order.symbol, order.side);
        let offered = self.accounts[account.0].liquidity;
        let Liquidity { pieces, fraction } =
            offered.unwrap_or(Liquidity { pieces: 1, fraction: Decimal::ONE });
        let there = match fraction >= Decimal::ONE {
            true => quantity,
            false => floored(quantity * fraction, step),
        };
        let piece = floored(there / Decimal::from(pieces.max(1)), step);
        let mut left = there;
        let mut plan = Vec::new();
        for number in 1..=pieces.max(1) {
            let quantity = if number == pieces.max(1) { left } else { piece };
            if quantity > Decimal::ZERO {
                plan.push((bounded(price, order.side, limit), quantity));
                left -= quantity;
            }
            // Each further piece comes from one tick deeper in the book.
            price = match order.side {
                Side::Buy => price + tick,
                Side::Sell => (price - tick).max(tick),
            };
        }
        plan
    }

    /// What a market order gets for the last price: slippage applied, on the tick grid, against the trader.
    pub(super) fn slipped(&self, symbol: SymbolId, side: Side) -> Decimal {
        let listed = &self.symbols[symbol.0];
        let (tick, slippage) = (listed.tick(), self.slippage);
        match side {
            Side::Buy => on_grid(listed.last * (Decimal::ONE + slippage), tick, true),
            Side::Sell => on_grid(listed.last * (Decimal::ONE - slippage), tick, false),
        }
    }

    fn fill_resting(&mut self, account: AccountId, id: OrderId, price: Decimal, now: i64) {
        let Some(order) = self.accounts[account.0].orders.get(&id) else { return };
        let (symbol, side, remaining) = (order.symbol, order.side, order.remaining());
        let listed = &self.symbols[symbol.0];
        let (tick, step) = (listed.tick(), listed.step());
        let offered = self.accounts[account.0].liquidity.take();
        let quantity = match offered.map_or(Decimal::ONE, |offered| offered.fraction) {
            fraction if fraction >= Decimal::ONE => remaining,
            fraction => floored(remaining * fraction, step),
        };
        if quantity.is_zero() {
            return;
        }
        let price = on_grid(price, tick, side == Side::Buy);
        self.end_siblings(account, id, now);
        if self.execute(account, id, price, quantity, true, now).is_err() {
            self.expire(account, id, ExpiryReason::Rejected, "INSUFFICIENT_BALANCES", now);
        }
    }

    /// One execution: pays, receives, takes the commission, tells.
    fn execute(
        &mut self,
        account: AccountId,
        id: OrderId,
        price: Decimal,
        quantity: Decimal,
        is_maker: bool,
        now: i64,
    ) -> Result<(), Insufficient> {
        let Some(order) = self.accounts[account.0].orders.get(&id) else { return Ok(()) };
        let (symbol, side, list) = (order.symbol, order.side, order.list);
        let listed = &self.symbols[symbol.0];
        let (base, quote) = (listed.base.clone(), listed.quote.clone());
        let quote_quantity = cut(price * quantity);
        let (paid, paid_asset, received, received_asset) = match side {
            Side::Buy => (quote_quantity, quote.clone(), quantity, base),
            Side::Sell => (quantity, base, quote_quantity, quote.clone()),
        };
        self.accounts[account.0].pay(id, &paid_asset, paid)?;
        let before = self.accounts[account.0].balance(&received_asset).free;
        self.accounts[account.0].credit(&received_asset, received)?;
        let (commission, commission_asset) =
            self.commission(account, side, is_maker, received, &received_asset, quote_quantity, &quote);
        self.accounts[account.0].credit(&commission_asset, -commission)?;
        if let Some(seller) = list.and_then(|list| self.seller_of(account, list, id)) {
            // The commission is paid from what was free before, if there is enough.
            let elsewhere = commission_asset != received_asset || before >= commission;
            let kept = if elsewhere { received } else { received - commission };
            let held = self.accounts[account.0].orders.get(&seller).map_or(kept, |order| order.locked + kept);
            // It has just been received, so it is there.
            let _ = self.accounts[account.0].hold(&[seller], seller, &received_asset, held);
        }

        self.next_trade += 1;
        let execution = Execution {
            trade_id: self.next_trade,
            order_id: id,
            list,
            symbol,
            price,
            quantity,
            quote_quantity,
            commission,
            commission_asset,
            time: now,
            is_buyer: side == Side::Buy,
            is_maker,
        };
        let history = self.options.history;
        self.accounts[account.0].remember(execution.clone(), history);
        let mut filled = false;
        if let Some(order) = self.accounts[account.0].orders.get_mut(&id) {
            order.executed += quantity;
            order.executed_quote += quote_quantity;
            order.update_time = now;
            filled = order.remaining() <= Decimal::ZERO;
            order.status = if filled { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
            order.is_working = !filled;
        }
        // If what the rest may cost is not there, the next execution will say so: this one has happened.
        let _ = self.hold_for(account, id);
        self.report(account, id, ExecutionType::Trade, now, |report| report.fill = Some(execution));
        if filled {
            self.closed(account, id, now);
        }
        Ok(())
    }

    /// Rate times what is received, in the asset received; or in the asset of the account's discount, if there
    /// is enough of it.
    #[allow(clippy::too_many_arguments)]
    fn commission(
        &self,
        account: AccountId,
        side: Side,
        is_maker: bool,
        received: Decimal,
        received_asset: &Arc<str>,
        quote_quantity: Decimal,
        quote: &Arc<str>,
    ) -> (Decimal, Arc<str>) {
        let account = &self.accounts[account.0];
        let rates = account.rates;
        let rate = if is_maker { rates.maker } else { rates.taker }
            + if side == Side::Buy { rates.buyer } else { rates.seller };
        if let Some(CommissionDiscount { asset, factor, prices }) = &account.discount
            && let Some(price) = self.price_of(asset, quote, prices)
        {
            let commission = cut(quote_quantity * rate * *factor / price);
            if commission <= account.balance(asset).free {
                return (commission, asset.clone());
            }
        }
        (cut(received * rate), received_asset.clone())
    }

    /// Of one unit of `asset`, in `quote`: its market's price where it is listed, else the one given.
    fn price_of(&self, asset: &Arc<str>, quote: &Arc<str>, given: &[(Arc<str>, Decimal)]) -> Option<Decimal> {
        let listed = self.symbols.iter().find(|listed| listed.base == *asset && listed.quote == *quote);
        let price = match listed {
            Some(listed) => Some(listed.last),
            None => given.iter().find(|(name, _)| name == quote).map(|(_, price)| *price),
        };
        price.filter(|price| *price > Decimal::ZERO)
    }

    /// Holds what the orders that share this one's holding still need, and frees the rest.
    pub(super) fn hold_for(&mut self, account: AccountId, id: OrderId) -> Result<(), Insufficient> {
        let group = self.group(account, id);
        let held = &self.accounts[account.0];
        let Some(order) = held.orders.get(&id) else { return Ok(()) };
        let (symbol, side) = (order.symbol, order.side);
        let needs = group.iter().filter_map(|id| held.orders.get(id));
        let needs = needs.filter(|order| order.is_open() && order.status != OrderStatus::PendingNew);
        let need = needs.map(|order| self.need(order)).max().unwrap_or_default();
        let is_open = |id: &&OrderId| held.orders.get(id).is_some_and(Order::is_open);
        let open = group.iter().find(is_open).copied();
        let listed = &self.symbols[symbol.0];
        let asset = if side == Side::Buy { listed.quote.clone() } else { listed.base.clone() };
        self.accounts[account.0].hold(&group, open.unwrap_or(id), &asset, need)
    }

    /// What the rest of an order may cost: of the quote asset for a buy, of the base asset for a sale.
    pub(super) fn need(&self, order: &Order) -> Decimal {
        let remaining = order.remaining().max(Decimal::ZERO);
        let price = match (order.side, order.order_type) {
            (Side::Sell, _) => return remaining,
            (Side::Buy, OrderType::Market) => return Decimal::ZERO,
            (Side::Buy, kind) if kind.has_price() => order.price,
            (Side::Buy, _) if order.working_time.is_some() => return order.locked,
            (Side::Buy, _) if !order.stop_price.is_zero() => order.stop_price,
            (Side::Buy, _) => self.symbols[order.symbol.0].last,
        };
        cut(remaining * price)
    }

    /// What is left of an order ends by the rules.
    pub(super) fn expire(
        &mut self,
        account: AccountId,
        id: OrderId,
        reason: ExpiryReason,
        reject_reason: &'static str,
        now: i64,
    ) {
        let Some(order) = self.accounts[account.0].orders.get_mut(&id) else { return };
        order.status = OrderStatus::Expired;
        order.expiry_reason = Some(reason);
        order.is_working = false;
        order.update_time = now;
        self.release(account, id);
        self.report(account, id, ExecutionType::Expired, now, |report| report.reject_reason = reject_reason);
        self.closed(account, id, now);
    }

    /// Frees what an order holds that has just ended. Needs nothing, so nothing can be missing.
    pub(super) fn release(&mut self, account: AccountId, id: OrderId) {
        let _ = self.hold_for(account, id);
    }

    /// An order has reached its end: forgotten by the book, and its list goes on.
    pub(super) fn closed(&mut self, account: AccountId, id: OrderId, now: i64) {
        let Some(order) = self.accounts[account.0].orders.get(&id) else { return };
        let (symbol, list) = (order.symbol, order.list);
        self.symbols[symbol.0].open.remove(&(id, account));
        if let Some(list) = list {
            self.list_goes_on(account, list, id, now);
        }
        self.accounts[account.0].close(id, self.options.history);
    }

    pub(super) fn report(
        &mut self,
        account: AccountId,
        id: OrderId,
        execution_type: ExecutionType,
        now: i64,
        with: impl FnOnce(&mut ExecutionReport),
    ) {
        let Some(order) = self.accounts[account.0].orders.get(&id) else { return };
        self.next_execution += 1;
        let mut report = ExecutionReport {
            execution_id: self.next_execution,
            execution_type,
            order: order.clone(),
            request_client_id: None,
            fill: None,
            reject_reason: "NONE",
        };
        with(&mut report);
        self.tell(account, now, AccountEventKind::Execution(Box::new(report)));
    }

    pub(super) fn tell(&mut self, account: AccountId, time: i64, kind: AccountEventKind) {
        self.events.push(AccountEvent { account, time, kind });
    }

    /// Balances that changed, once per request or price.
    pub(super) fn tell_balances(&mut self, account: AccountId, now: i64) {
        let touched = self.accounts[account.0].take_touched();
        if !touched.is_empty() {
            self.tell(account, now, AccountEventKind::Balances(touched));
        }
    }
}

/// A taker never gets a worse price than its limit.
fn bounded(price: Decimal, side: Side, limit: Option<Decimal>) -> Decimal {
    match (side, limit) {
        (Side::Buy, Some(limit)) => price.min(limit),
        (Side::Sell, Some(limit)) => price.max(limit),
        (_, None) => price,
    }
}

/// Basis points as a fraction. The shortest text of a float is the number its author meant.
pub(super) fn fraction(bps: f64) -> Decimal {
    let bps: Decimal = bps.to_string().parse().unwrap_or_default();
    bps / Decimal::from(BASIS_POINTS)
}
