//! The desk against the simulated exchange, without sockets and clocks: `parity` holds it to the backtest's trades,
//! `outcomes` goes through what may become of each request, `walks` through what nobody thought of.

mod broker;
mod outcomes;
mod parity;
mod ride;
mod walks;

use mista::engine::{
    BaseLevels, Booking, DataHandler, Growth, Intents, Moment, Settings, Strategy, StrategyFault,
};
use mista::live::desk::{Desk, DeskSettings, ProtectionMode};
use mista::live::record::{ScriptText, Session};
use mista::model::{Candle, Candles};
use mista::script::Script;
use mista::venues::local::listing::usual_rules;
use mista::venues::rules::SymbolRules;
use rust_decimal::Decimal;

/// After this long, an order that is not known has never arrived.
const ABSENT_AFTER: i64 = 6_000;

fn rules(symbol: &str) -> SymbolRules {
    let base = symbol.strip_suffix("USDT").unwrap();
    let step = if base == "BTC" { 5 } else { 4 };
    usual_rules(symbol, base, "USDT", Decimal::new(1, 2), Decimal::new(1, step))
}

fn session(settings: &Settings, protection: ProtectionMode) -> Session {
    Session {
        program: "mista".to_owned(),
        bot: "test".to_owned(),
        venue: "local".to_owned(),
        symbol: settings.symbol.clone(),
        base_asset: settings.symbol.strip_suffix("USDT").unwrap().to_owned(),
        quote_asset: "USDT".to_owned(),
        interval: "1h".to_owned(),
        script: ScriptText {
            generation: 1,
            texts: mista::script::Texts {
                path: "test.rhai".to_owned(),
                source: String::new(),
                imports: Default::default(),
            },
            sha256: String::new(),
            parameters: Vec::new(),
            difference: String::new(),
            carried: Vec::new(),
        },
        settings: settings.clone(),
        desk: DeskSettings { bot: "test".to_owned(), protection, absent_after_ms: ABSENT_AFTER },
    }
}
