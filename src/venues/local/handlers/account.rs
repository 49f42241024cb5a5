//! The account itself: balances, commissions, limits.

use crate::venues::local::refusal::Refusal;
use crate::venues::local::render::{self, amount};
use crate::venues::local::request::Params;
use crate::venues::local::routes::Call;
use crate::venues::local::symbol_info;
use crate::venues::sim::exchange::AccountId;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Value, json};

type Answer = Result<Value, Refusal>;

pub fn status(call: &mut Call<'_>) -> Answer {
    let account = call.account()?;
    let omit_zero = call.params.boolean("omitZeroBalances")?.unwrap_or(false);
    let exchange = &call.state.exchange;
    let rates = exchange.rates(account);
    let bps = |rate: Decimal| (rate * Decimal::from(10_000)).round().to_i64().unwrap_or_default();
    let balances: Vec<Value> = exchange
        .balances(account)
        .into_iter()
        .filter(|it| !(omit_zero && it.free.is_zero() && it.locked.is_zero()))
        .map(|it| json!({ "asset": &*it.asset, "free": amount(it.free), "locked": amount(it.locked) }))
        .collect();
    let may = call.state.accounts.permissions(account);
    Ok(json!({
        "makerCommission": bps(rates.maker),
        "takerCommission": bps(rates.taker),
        "buyerCommission": bps(rates.buyer),
        "sellerCommission": bps(rates.seller),
        "commissionRates": render::rates(rates),
        "canTrade": may.can_trade,
        "canWithdraw": may.can_withdraw,
        "canDeposit": may.can_deposit,
        "brokered": false,
        "requireSelfTradePrevention": false,
        "preventSor": false,
        "updateTime": call.unit.time(call.market_now()),
        "accountType": "SPOT",
        "balances": balances,
        "permissions": [symbol_info::PERMISSION],
        "uid": account.0 + 1,
    }))
}

pub fn discount(call: &Call<'_>, account: AccountId) -> Value {
    match call.state.exchange.discount(account) {
        Some(discount) => json!({
            "enabledForAccount": true,
            "enabledForSymbol": true,
            "discountAsset": &*discount.asset,
            "discount": amount(discount.factor),
        }),
        None => json!({
            "enabledForAccount": false,
            "enabledForSymbol": true,
            "discountAsset": "BNB",
            "discount": "0.75000000",
        }),
    }
}

pub fn commission(call: &mut Call<'_>) -> Answer {
    let (account, symbol) = (call.account()?, call.symbol()?);
    let zero = Decimal::ZERO;
    let none = render::rates(crate::venues::sim::exchange::CommissionRates {
        maker: zero,
        taker: zero,
        buyer: zero,
        seller: zero,
    });
    Ok(json!({
        "symbol": call.symbol_name(symbol),
        "standardCommission": render::rates(call.state.exchange.rates(account)),
        "specialCommission": none,
        "taxCommission": none,
        "discount": discount(call, account),
    }))
}

pub fn order_limits(call: &mut Call<'_>) -> Answer {
    let (account, now) = (call.account()?, call.now_ms());
    Ok(call.state.limits.shown_orders(account, now))
}

pub fn filters(call: &mut Call<'_>) -> Answer {
    let symbol = call.symbol()?;
    Ok(json!({
        "exchangeFilters": symbol_info::exchange_filters(&call.state.filters),
        "symbolFilters": symbol_info::filters(&call.state.exchange.rules(symbol).filters),
        "assetFilters": [],
    }))
}

pub fn prevented_weight(params: &Params) -> u64 {
    if params.has("orderId") { 20 } else { 2 }
}

/// Accounts here trade with the market alone: nothing is prevented, nothing allocated, and no block is traded.
pub fn nothing(call: &mut Call<'_>) -> Answer {
    call.symbol()?;
    Ok(json!([]))
}
