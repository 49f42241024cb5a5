//! Whatever becomes of a request, and wherever the process dies: at the end the desk holds what the account holds,
//! what should rest does, nothing was ordered twice, and nobody goes round in circles.

use super::broker::Broker;
use super::ride::{Events, Fault, Kill, Ride};
use super::{Act, Acts, desks, exchange_settings, hour, rules};
use mista::engine::Levels;
use mista::live::desk::ProtectionMode;
use mista::live::record::{RefusedAs, Request};
use mista::model::Side;
use rust_decimal::Decimal;

const STOP: Levels = levels(Some(98.0), None);
const TARGET: Levels = levels(None, Some(103.0));
const BOTH: Levels = levels(Some(98.0), Some(103.0));

const fn levels(stop_price: Option<f64>, target_price: Option<f64>) -> Levels {
    Levels {
        stop_price,
        target_price,
        stop_pct: None,
        target_pct: None,
        trail_pct: None,
        break_even_pct: None,
    }
}

/// A position, and the request that something happens to: the first of its kind.
struct Role {
    name: &'static str,
    entry: Levels,
    later: Act,
    is_meant: fn(&Request) -> bool,
}

const NOTHING: Act = Act { enter: false, exit: false, levels: levels(None, None), fails: false };
const LEAVE: Act = Act { exit: true, ..NOTHING };

const fn moves(levels: Levels) -> Act {
    Act { levels, ..NOTHING }
}

const ROLES: [Role; 11] = [
    Role { name: "entry", entry: STOP, later: NOTHING, is_meant: is_entry },
    Role { name: "stop", entry: STOP, later: NOTHING, is_meant: |it| matches!(it, Request::Stop { .. }) },
    Role {
        name: "target",
        entry: TARGET,
        later: NOTHING,
        is_meant: |it| matches!(it, Request::Target { .. }),
    },
    Role { name: "oco", entry: BOTH, later: NOTHING, is_meant: |it| matches!(it, Request::Oco { .. }) },
    Role { name: "cancel to leave", entry: STOP, later: LEAVE, is_meant: is_cancel },
    Role { name: "cancel list to leave", entry: BOTH, later: LEAVE, is_meant: is_cancel },
    Role {
        name: "cancel to move",
        entry: TARGET,
        later: moves(levels(None, Some(104.0))),
        is_meant: is_cancel,
    },
    Role {
        name: "cancel list to move",
        entry: BOTH,
        later: moves(levels(Some(98.5), Some(104.0))),
        is_meant: is_cancel,
    },
    Role {
        name: "replace",
        entry: STOP,
        later: moves(levels(Some(99.0), None)),
        is_meant: |it| matches!(it, Request::Replace { .. }),
    },
    Role { name: "exit", entry: levels(None, None), later: LEAVE, is_meant: is_exit },
    Role { name: "exit of a protected one", entry: STOP, later: LEAVE, is_meant: is_exit },
];

fn is_entry(request: &Request) -> bool {
    matches!(request, Request::Market { side: Side::Buy, .. })
}

fn is_exit(request: &Request) -> bool {
    matches!(request, Request::Market { side: Side::Sell, .. })
}

fn is_cancel(request: &Request) -> bool {
    matches!(request, Request::Cancel { .. } | Request::CancelList { .. })
}

const FAULTS: [Fault; 15] = [
    Fault::None,
    // Lost after it was taken, or answered by a 5xx, -1007 …
    Fault::Unknown(Some(0)),
    // … before …
    Fault::Unknown(None),
    // … and long before.
    Fault::Unknown(Some(150)),
    Fault::Unknown(Some(3_000)),
    Fault::Refused(RefusedAs::WouldTrigger),
    Fault::Refused(RefusedAs::NotOpen),
    Fault::Refused(RefusedAs::InsufficientBalance),
    Fault::Refused(RefusedAs::Never),
    Fault::Refused(RefusedAs::NotNow),
    Fault::Refused(RefusedAs::Key),
    Fault::Partial(3, 100),
    Fault::Partial(2, 50),
    Fault::Partial(1, 0),
    // Leaves less than the exchange takes.
    Fault::Partial(1, 99),
];

const KILLS: [Option<Kill>; 4] = [None, Some(Kill::Undecided), Some(Kill::Unsent), Some(Kill::Unanswered)];

/// Where the price goes while something is under way.
const MEANWHILE: [&[f64]; 4] = [&[], &[97.5], &[104.5], &[97.5, 100.0, 105.0]];

#[test]
fn whatever_becomes_of_a_request_the_end_is_right() {
    let mut rides = 0;
    let mut failed = Vec::new();
    for role in &ROLES {
        for fault in FAULTS {
            for kill in KILLS {
                for (index, meanwhile) in MEANWHILE.into_iter().enumerate() {
                    for events in [Events::Before, Events::After, Events::Twice, Events::Never] {
                        rides += 1;
                        let acks = rides % 2 == 0;
                        let what = format!("{}, {fault:?}, {kill:?}, {index}, {events:?}, {acks}", role.name);
                        let done =
                            std::panic::catch_unwind(|| one(role, fault, kill, meanwhile, events, acks));
                        if done.is_err() {
                            failed.push(what);
                        }
                    }
                }
            }
        }
    }
    assert!(failed.is_empty(), "{} of {rides}:\n{}", failed.len(), failed.join("\n"));
}

fn one(role: &Role, fault: Fault, kill: Option<Kill>, meanwhile: &[f64], events: Events, acks: bool) {
    let acts = Acts(
        [
            (0, Act { enter: true, levels: role.entry, ..NOTHING }),
            (3, role.later),
            (6, Act { enter: true, levels: BOTH, ..NOTHING }),
            (9, LEAVE),
        ]
        .into(),
    );
    let rules = rules("BTCUSDT");
    let settings = exchange_settings(&rules);
    let mut broker = Broker::new(rules, Decimal::from(10_000));
    broker.acks = acks;
    let mut ride = Ride::new(&[], broker, desks(&settings, ProtectionMode::Exchange, acts));
    ride.events = events;
    let (is_meant, mut happened) = (role.is_meant, false);
    ride.plan = Box::new(move |request| {
        if happened || !is_meant(request) {
            return (Fault::None, None);
        }
        happened = true;
        (fault, kill)
    });
    ride.meanwhile = meanwhile.iter().copied().collect();
    for row in 0..11 {
        ride.candle(hour(row, [100.0, 100.3, 99.7, 100.0]));
        ride.settle(true);
        ride.check();
    }
    let (state, engine) = ride.desk.view();
    assert!(engine.position.position().is_none(), "{state:#?}");
    let changes = ride.requests.iter().filter(|request| request.is_change()).count();
    assert!(changes < 40 && ride.requests.len() < 150, "{:#?}", ride.requests);
}
