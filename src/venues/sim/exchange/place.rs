//! Orders come in: checked, paid for, put into the book.

use super::account::Insufficient;
use super::matching::floored;
use super::order::{AccountId, NewOrder, Order, OrderId, Peg, SymbolId};
use super::validate::{against_market, amounts, parameters, trading};
use super::{Exchange, Rejection};
use crate::model::Side;
use crate::venues::rules::LotSize;
use crate::venues::words::{
    ExecutionType, OrderStatus, OrderType, PegPriceType, SelfTradePrevention, TimeInForce,
};
use rust_decimal::Decimal;
use std::sync::Arc;

impl Exchange {
    /// All checks of [`Exchange::place`], and nothing else.
    pub fn test(&self, account: AccountId, order: &NewOrder) -> Result<(), Rejection> {
        self.checked(account, order, 0).map(|_| ())
    }

    /// What can be judged of an order without the market or the account.
    pub fn well_formed(&self, order: &NewOrder) -> Result<(), Rejection> {
        parameters(order, "", true)?;
        amounts(order, "", self.rules(order.symbol))
    }

    /// Takes an order, and fills at once what the market has for it.
    pub fn place(&mut self, account: AccountId, order: NewOrder, now: i64) -> Result<OrderId, Rejection> {
        let order = self.checked(account, &order, now)?;
        let id = self.enter(account, order, OrderStatus::New);
        self.start(account, id, now);
        self.tell_balances(account, now);
        Ok(id)
    }

    fn checked(&self, account: AccountId, order: &NewOrder, now: i64) -> Result<Order, Rejection> {
        let listed = &self.symbols[order.symbol.0];
        self.well_formed(order)?;
        self.filters(&self.accounts[account.0], order)?;
        let built = self.build(account, order, now)?;
        trading(listed.rules.status)?;
        against_market(&built, listed.last)?;
        self.affordable(account, &built)?;
        Ok(built)
    }

    /// The order as it will be kept, without a number yet. Refuses the client id of an open order.
    pub(super) fn build(&self, account: AccountId, new: &NewOrder, now: i64) -> Result<Order, Rejection> {
        let held = &self.accounts[account.0];
        if let Some(name) = &new.client_order_id
            && held.open_with(new.symbol, name).is_some()
        {
            return Err(Rejection::new(-2010, "Duplicate order sent."));
        }
        let price = match new.peg {
            Some(peg) if !new.order_type.is_conditional() => self.pegged(new.symbol, new.side, peg),
            _ => new.price.unwrap_or_default(),
        };
        let quantity = match (new.quantity, new.quote_quantity) {
            (Some(quantity), _) => quantity,
            (None, Some(quote)) => self.quantity_for(new.symbol, new.side, quote),
            (None, None) => Decimal::ZERO,
        };
        Ok(Order {
            id: 0,
            symbol: new.symbol,
            list: None,
            client_order_id: new.client_order_id.clone().unwrap_or_default(),
            side: new.side,
            order_type: new.order_type,
            time_in_force: new.time_in_force.unwrap_or(TimeInForce::Gtc),
            price,
            stop_price: new.stop_price.unwrap_or_default(),
            trailing_delta: new.trailing_delta,
            trailing_time: None,
            quantity,
            quote_quantity: new.quote_quantity.unwrap_or_default(),
            iceberg_quantity: new.iceberg_quantity.unwrap_or_default(),
            executed: Decimal::ZERO,
            executed_quote: Decimal::ZERO,
            status: OrderStatus::New,
            expiry_reason: None,
            is_working: false,
            time: now,
            update_time: now,
            working_time: None,
            strategy_id: new.strategy_id,
            strategy_type: new.strategy_type,
            self_trade_prevention: new.self_trade_prevention.unwrap_or(SelfTradePrevention::None),
            peg: new.peg,
            amends: 0,
            trailing_best: None,
            locked: Decimal::ZERO,
        })
    }

    /// The price a peg stands for at this moment.
    pub(super) fn pegged(&self, symbol: SymbolId, side: Side, peg: Peg) -> Decimal {
        let (bid, ask) = self.quote(symbol);
        let tick = self.symbols[symbol.0].tick();
        let levels = Decimal::from(peg.offset.map_or(0, |(_, levels)| levels));
        let own_side = peg.price_type == PegPriceType::Primary;
        // Levels lie one tick apart, away from the middle of the book.
        match (side == Side::Buy) == own_side {
            true => (bid - tick * levels).max(tick),
            false => ask + tick * levels,
        }
    }

    /// The quantity that a quote amount buys (or has to be sold for it), floored to the step, and at most what one
    /// order may have: such an order never breaks the filters on quantities.
    fn quantity_for(&self, symbol: SymbolId, side: Side, quote: Decimal) -> Decimal {
        let price = self.slipped(symbol, side);
        let listed = &self.symbols[symbol.0];
        let (step, filters) = (listed.step(), &listed.rules.filters);
        let base_precision = listed.rules.base_precision;
        let step = if step.is_zero() { Decimal::new(1, base_precision.min(28)) } else { step };
        let most = |filter: Option<LotSize>| filter.map(|it| it.max_qty).filter(|most| !most.is_zero());
        let most = most(filters.lot_size).into_iter().chain(most(filters.market_lot_size)).min();
        let wanted = quote.checked_div(price).unwrap_or_default();
        floored(most.map_or(wanted, |most| wanted.min(most)), step)
    }

    /// Whether what the order may cost is free.
    fn affordable(&self, account: AccountId, order: &Order) -> Result<(), Insufficient> {
        let listed = &self.symbols[order.symbol.0];
        let asset = if order.side == Side::Buy { &listed.quote } else { &listed.base };
        let need = match (order.order_type, order.side) {
            (OrderType::Market, Side::Buy) => {
                let plan = self.plan(account, order, order.quantity);
                plan.iter().map(|(price, quantity)| price * quantity).sum()
            }
            _ => self.need(order),
        };
        if need > self.accounts[account.0].balance(asset).free { Err(Insufficient) } else { Ok(()) }
    }

    /// Gives an order its number, and its name where it has none.
    pub(super) fn enter(&mut self, account: AccountId, mut order: Order, status: OrderStatus) -> OrderId {
        self.next_order += 1;
        order.id = self.next_order;
        order.status = status;
        if order.client_order_id.is_empty() {
            order.client_order_id = self.made_up_id();
        }
        let id = order.id;
        self.symbols[order.symbol.0].open.insert((id, account));
        self.accounts[account.0].insert(order);
        id
    }

    /// A client id for whoever sent none.
    pub(super) fn made_up_id(&mut self) -> Arc<str> {
        const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        self.made_up += 1;
        let mut state = self.made_up;
        let mut name = String::with_capacity(22);
        for _ in 0..22 {
            // Weyl sequence and finalizer of SplitMix64 (Steele, Lea & Flood, 2014).
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            name.push(char::from(LETTERS[((mixed ^ (mixed >> 31)) % 62) as usize]));
        }
        name.into()
    }

    /// The order is taken: held for, told of, and shown to the market.
    pub(super) fn start(&mut self, account: AccountId, id: OrderId, now: i64) {
        let Some(order) = self.accounts[account.0].orders.get_mut(&id) else { return };
        order.status = OrderStatus::New;
        order.update_time = now;
        let waits = order.order_type.is_conditional();
        if !waits {
            order.working_time = Some(now);
            order.is_working = true;
        }
        // What it may cost was free a moment ago; a market order pays as it goes.
        let _ = self.hold_for(account, id);
        self.report(account, id, ExecutionType::New, now, |_| {});
        if !waits {
            self.take(account, id, now);
        }
    }
}
