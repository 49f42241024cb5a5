//! The simulated exchange against arithmetic that shares nothing with it: filters in whole numbers, a ledger that
//! knows only what the account was told, and the backtest's own walk.

mod filters;
mod ledger;
mod walk;

use mista::venues::rules::{Filters, SymbolRules};
use mista::venues::sim::exchange::{CommissionRates, Exchange, ExchangeOptions};
use mista::venues::words::SymbolStatus;
use rust_decimal::Decimal;

pub fn exchange(filters: Filters, history: usize) -> Exchange {
    let mut exchange =
        Exchange::new(ExchangeOptions { slippage_bps: 0.0, filters: Default::default(), history });
    exchange.list_symbol(rules(filters));
    exchange
}

pub fn rules(filters: Filters) -> SymbolRules {
    SymbolRules {
        symbol: "BTCUSDT".to_owned(),
        status: SymbolStatus::Trading,
        base_asset: "BTC".to_owned(),
        quote_asset: "USDT".to_owned(),
        base_precision: 8,
        quote_precision: 8,
        filters,
    }
}

/// `bps` on each side, whoever makes or takes.
pub fn rates(bps: i64) -> CommissionRates {
    let rate = Decimal::new(bps, 4);
    CommissionRates { maker: rate, taker: rate, buyer: Decimal::ZERO, seller: Decimal::ZERO }
}
