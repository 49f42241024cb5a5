//! Prices that wander, faults of every kind at any moment, deaths and restores: once the faults end, everything is as
//! it should be, and a desk that was restored answers like one that never was.

use super::broker::Broker;
use super::ride::{Events, Fault, Kill, Ride};
use super::{Act, Acts, desks, exchange_settings, hour, rules};
use mista::engine::{Levels, Rules, Settings};
use mista::live::desk::ProtectionMode;
use mista::live::record::{LiveConfig, Record, RefusedAs};
use mista::model::Size;
use rust_decimal::Decimal;

/// Candles with faults, and candles after them.
const WILD: usize = 25;
const CALM: usize = 6;

fn fault(random: &mut fastrand::Rng) -> Fault {
    let refused = [
        RefusedAs::WouldTrigger,
        RefusedAs::NotOpen,
        RefusedAs::InsufficientBalance,
        RefusedAs::Never,
        RefusedAs::NotNow,
        RefusedAs::Key,
    ];
    match random.u8(..10) {
        0..=1 => Fault::Unknown(Some(0)),
        2 => Fault::Unknown(Some(random.i64(1..4_000))),
        3..=4 => Fault::Unknown(None),
        5..=6 => Fault::Refused(refused[random.usize(..refused.len())]),
        7 => Fault::Partial(3, 100),
        8 => Fault::Partial(random.u32(1..4), random.i64(0..100)),
        _ => Fault::Partial(1, 99),
    }
}

fn kill(random: &mut fastrand::Rng) -> Kill {
    [Kill::Undecided, Kill::Unsent, Kill::Unanswered][random.usize(..3)]
}

fn levels(random: &mut fastrand::Rng, price: f64) -> Levels {
    let mut maybe = |from: f64, to: f64| random.bool().then(|| from + (to - from) * random.f64());
    Levels {
        // Beyond the price now and then.
        stop_price: maybe(0.97, 1.001).map(|factor| price * factor),
        target_price: maybe(0.999, 1.03).map(|factor| price * factor),
        stop_pct: None,
        target_pct: None,
        trail_pct: maybe(0.002, 0.02),
        break_even_pct: maybe(0.001, 0.01),
    }
}

fn config(random: &mut fastrand::Rng, settings: &Settings) -> Record {
    let mut maybe = |most: f64| random.bool().then(|| 0.001 + most * random.f64());
    let rules = Rules {
        stop_loss_pct: maybe(0.02),
        take_profit_pct: maybe(0.02),
        trailing_stop_loss_pct: maybe(0.02),
        ..settings.rules.clone()
    };
    let settings = Settings { rules, ..settings.clone() };
    Record::Config(Box::new(LiveConfig {
        settings,
        paused: random.u8(..8) == 0,
        changes: Vec::new(),
        now: Default::default(),
    }))
}

fn cents(price: f64) -> f64 {
    (price * 100.0).round() / 100.0
}

fn walk(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut price = 100.0;
    let mut candles = Vec::new();
    let mut acts = Acts::default();
    let wildness = if random.bool() { 0.004 } else { 0.02 };
    for row in 0..WILD + CALM {
        let open = if random.u8(..4) == 0 { price * (1.0 + wildness * (random.f64() - 0.5)) } else { price };
        let high = open * (1.0 + wildness * random.f64());
        let low = open * (1.0 - wildness * random.f64());
        price = low + (high - low) * random.f64();
        candles.push(hour(row, [open, high, low, price].map(cents)));
        if random.u8(..3) > 0 {
            let act = Act {
                enter: random.bool(),
                exit: random.u8(..4) == 0,
                levels: levels(&mut random, price),
                fails: false,
            };
            acts.0.insert(row, act);
        }
    }
    // What was held back must come to an end before all is looked at.
    acts.0.insert(WILD + 2, Act { exit: true, ..Act::default() });

    let symbol_rules = rules("BTCUSDT");
    let mut settings = exchange_settings(&symbol_rules);
    settings.size = if random.bool() { Size::EquityPct(95.0) } else { Size::Quote(7.0) };
    settings.rules.stop_loss_pct = random.bool().then_some(0.01);
    settings.rules.max_holding_candles = random.u32(..2) * 4;
    let mut broker = Broker::new(symbol_rules, Decimal::from(10_000));
    broker.acks = random.bool();
    let protection = if random.u8(..6) == 0 { ProtectionMode::Local } else { ProtectionMode::Exchange };
    let mut ride = Ride::new(&[], broker, desks(&settings, protection, acts)).with_twin(40);
    ride.random = random.fork();
    let (faults, kills) = (random.u8(..120), random.u8(..40));
    let mut dice = random.fork();
    let wild = std::rc::Rc::new(std::cell::Cell::new(true));
    let is_wild = wild.clone();
    ride.plan = Box::new(move |_| {
        if !is_wild.get() {
            return (Fault::None, None);
        }
        let fault = if dice.u8(..) < faults { fault(&mut dice) } else { Fault::None };
        (fault, (dice.u8(..) < kills).then(|| kill(&mut dice)))
    });
    for (row, candle) in candles.into_iter().enumerate() {
        wild.set(row < WILD);
        let kinds = [Events::Before, Events::After, Events::Twice, Events::Never];
        ride.events = kinds[random.usize(..if row < WILD { 4 } else { 3 })];
        if row < WILD {
            for _ in 0..random.usize(..3) {
                ride.meanwhile.push_back(cents(candle.open * (1.0 + 2.0 * wildness * (random.f64() - 0.5))));
            }
            if random.u8(..20) == 0 {
                ride.tell(config(&mut random, &settings));
                ride.settle(false);
            }
            if random.u8(..40) == 0 {
                ride.tell(Record::Stop { flatten: random.bool() });
                ride.settle(false);
            }
        } else {
            ride.meanwhile.clear();
        }
        ride.candle(candle);
        if random.u8(..3) == 0 {
            ride.settle(true);
        }
        if row >= WILD {
            ride.settle(true);
            ride.check();
        }
    }
    let numbers: Vec<u64> = ride.trades.iter().map(|trade| trade.number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
}

fn walks(seeds: std::ops::Range<u64>) {
    let failed: Vec<u64> = seeds.filter(|seed| std::panic::catch_unwind(|| walk(*seed)).is_err()).collect();
    assert!(failed.is_empty(), "{} failed: {:?}", failed.len(), &failed[..failed.len().min(40)]);
}

#[test]
fn whatever_happens_the_end_is_right() {
    walks(0..400);
}

#[test]
#[ignore = "minutes: many walks"]
fn many_walks() {
    walks(0..100_000);
}
