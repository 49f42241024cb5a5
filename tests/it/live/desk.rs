//! The desk against the simulated exchange, without sockets and clocks: `parity` holds it to the backtest's trades,
//! `outcomes` goes through what may become of each request, `walks` through what nobody thought of.

mod broker;
mod outcomes;
mod parity;
mod ride;
mod singles;
mod walks;

use mista::engine::{
    Booking, DataHandler, EntryWish, Growth, Intents, Levels, Moment, Settings, StrategyFault,
};
use mista::live::desk::{Desk, DeskSettings, ProtectionMode};
use mista::live::record::{ScriptText, Session};
use mista::model::{Candle, Direction, HOUR_MS};
use mista::venues::local::listing::usual_rules;
use mista::venues::rules::SymbolRules;
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::Arc;

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

/// What is asked at one close.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Act {
    enter: bool,
    exit: bool,
    levels: Levels,
    fails: bool,
}

/// Asks what is written down, candle by candle.
#[derive(Debug, Clone, Default)]
struct Acts(BTreeMap<usize, Act>);

impl mista::engine::Strategy for Acts {
    fn on_candle(
        &mut self,
        _data: &DataHandler,
        moment: &Moment<'_>,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        let Some(act) = self.0.get(&moment.index) else { return Ok(()) };
        if act.fails {
            return Err(StrategyFault { message: "it fails".to_owned(), line: "it fails".to_owned() });
        }
        intents.touched = true;
        if act.enter && moment.position.is_none() {
            intents.entry = Some(EntryWish { direction: Direction::Long, note: Arc::from("in") });
        }
        if act.enter == moment.position.is_none() {
            intents.levels = act.levels;
        }
        if act.exit && moment.position.is_some() {
            intents.exit = Some(Arc::from("out"));
        }
        Ok(())
    }
}

/// Hours from the beginning of 2023.
fn hour(row: usize, [open, high, low, close]: [f64; 4]) -> Candle {
    let open_time = 1_672_531_200_000 + row as i64 * HOUR_MS;
    Candle { open_time, close_time: open_time + HOUR_MS - 1, open, high, low, close, volume: 1.0 }
}

/// What makes desks of one session.
fn desks(settings: &Settings, protection: ProtectionMode, acts: Acts) -> ride::Make<Acts> {
    let session = session(settings, protection);
    Box::new(move |candles| {
        let (data, growth) = Growth::start(candles.iter().copied().collect(), &[], None);
        Desk::new(&session, acts.clone(), data, growth)
    })
}

fn exchange_settings(rules: &SymbolRules) -> Settings {
    Settings {
        symbol: rules.symbol.clone(),
        instrument: Some(rules.instrument()),
        booking: Booking::Exchange,
        ..Settings::default()
    }
}
