//! Scripts saved, and settings changed, under a trader that trades: what is good is in force within moments and
//! between two candles, what is not changes nothing, and nothing is missed or left without protection by it.

use super::running::{Running, World, save};
use super::swap::{BAD, Folder, edited};
use mista::live::journal::Entry;
use mista::live::record::{Record, Request};
use mista::model::{Refusal, Veto};
use mista::script::Value;
use std::fs;
use std::time::{Duration, Instant};

/// In after some candles and out again, whatever the market does.
const BEAT: &str = "//! In and out.

fn params() {
    #{
        every: int(2, 1, 100),    // candles
        hold:  int(4, 1, 100),
    }
}

fn init(p) {
    #{ average: sma(close, 20), count: 0, held: 0 }
}

fn on_candle(ctx, p) {
    ctx.count += 1;
    if ctx.is_flat {
        ctx.held = 0;
        if ctx.count % p.every == 0 {
            ctx.enter_long(\"time\");
            ctx.stop_pct(0.2);
        }
    } else {
        ctx.held += 1;
        if ctx.held >= p.hold { ctx.exit(\"time\"); }
    }
}
";

/// A candle takes 0.5 s.
const SPEED: f64 = 600.0;

/// A world with the script, and a trader in it.
fn beating(set: &[&str]) -> (World, Running) {
    let world = World::new(SPEED);
    world.save("beat.rhai", BEAT);
    let trader = world.trader(&world.path("beat.rhai"), set);
    (world, trader)
}

/// What the desk answered to each swap.
fn answers_to_swaps(entries: &[Entry<Record>]) -> Vec<&Record> {
    let mut is_after = false;
    let answer = |entry: &&Entry<Record>| {
        if !entry.record.is_output() {
            is_after = matches!(entry.record, Record::Swap(_));
        }
        is_after && entry.record.is_output()
    };
    entries.iter().filter(answer).map(|entry| &entry.record).collect()
}

fn is_cancel(record: &Record) -> bool {
    matches!(
        record,
        Record::Request {
            request: Request::Cancel { .. } | Request::CancelList { .. } | Request::Replace { .. },
            ..
        }
    )
}

/// Saves good texts one after the other; prints how long the trader paused and how long they took to be in force.
fn good_saves(count: usize) {
    let (world, mut trader) = beating(&[]);
    trader.decisions(2);
    let mut took = Vec::new();
    for save in 0..count {
        let text = match save % 3 {
            0 => BEAT.replace("In and out", &format!("Saved {save}")),
            1 => BEAT.replace("(\"time\")", &format!("(\"time {save}\")")),
            _ => BEAT
                .replace("held: 0 }", &format!("held: 0, seen: {save} }}"))
                .replace("    ctx.count += 1;", "    ctx.count += 1;\n    ctx.seen = ctx.count;"),
        };
        // A slot must not go again.
        let text = match save % 3 {
            2 => text,
            _ if save > 2 => text.replace("held: 0 }", "held: 0, seen: 0 }"),
            _ => text,
        };
        let began = Instant::now();
        world.save("beat.rhai", text);
        assert_eq!(trader.swap(), save as u64 + 2);
        took.push(began.elapsed());
    }
    trader.decisions(2);
    let (farewell, entries) = trader.stop();
    assert_eq!(answers_to_swaps(&entries), Vec::<&Record>::new(), "a swap by itself asks for nothing");
    let of = |is: fn(&Record) -> bool| entries.iter().filter(|entry| is(&entry.record)).count();
    assert_eq!(of(|record| matches!(record, Record::Swap(_))), count);
    // The market stood still then, on the exchange the candles are of.
    let halt = "candles are missing from 2023-03-24T12:39:42Z to 2023-03-24T14:00:00Z";
    let is_bad = |record: &&Record| match record {
        Record::Alarm { text } => text != halt,
        record => matches!(record, Record::Script { .. }),
    };
    let bad: Vec<&Record> = entries.iter().map(|entry| &entry.record).filter(is_bad).collect();
    assert_eq!(bad, Vec::<&Record>::new());
    let mut pauses = farewell.pauses;
    assert_eq!(pauses.len(), count);
    let figures = |all: &mut Vec<Duration>| {
        all.sort();
        (all[all.len() / 2], all[all.len() * 99 / 100], all[all.len() - 1])
    };
    println!(
        "{count} swaps, {} candles, {} trades; paused (p50, p99, most) {:?}; in force after {:?}",
        super::running::candles(&entries).len(),
        of(|record| matches!(record, Record::Trade(_))),
        figures(&mut pauses),
        figures(&mut took)
    );
}

#[test]
fn every_good_save_is_in_force_and_no_candle_is_missed() {
    good_saves(20);
}

/// `cargo test --release --test it a_thousand_good_saves -- --ignored --nocapture`
#[test]
#[ignore = "minutes"]
fn a_thousand_good_saves() {
    good_saves(1_000);
}

/// Every `step`th bad text is saved under a trader that runs what it was made from.
fn bad_saves(step: usize) {
    let mut count = 0;
    for name in ["swing", "breakout", "hybrid", "scalping", "ma_crossover"] {
        let cases: Vec<_> =
            BAD.iter().enumerate().filter(|(number, _)| number % step == 0).map(|(_, case)| case).collect();
        let cases: Vec<_> = cases.into_iter().filter(|case| case.1 == name).collect();
        if cases.is_empty() {
            continue;
        }
        let folder = Folder::new();
        fs::write(folder.path("lib/broken.rhai"), "fn below(price, atr, factor) {\n    price -\n}\n")
            .unwrap();
        let script = folder.path(&format!("{name}.rhai"));
        let set: &[&str] = if name == "swing" { &["period=50"] } else { &[] };
        let world = World::new(SPEED);
        let mut trader = world.trader(&script, set);
        trader.decision();
        let good = fs::read(&script).unwrap();
        for (what, _, from, to) in cases {
            fs::write(folder.path("whole.rhai"), &good).unwrap();
            save(&script, edited(&folder, "whole", from, to));
            let refusal = trader.refusal();
            assert!(!refusal.is_empty(), "{what}");
            // The old one goes on deciding.
            assert_eq!(trader.decision().generation, 1, "{what}");
            count += 1;
        }
        let (farewell, entries) = trader.stop();
        assert!(farewell.pauses.is_empty());
        let is_swap = |entry: &Entry<Record>| matches!(entry.record, Record::Swap(_) | Record::Script { .. });
        assert!(!entries.iter().any(is_swap));
        for entry in &entries {
            if let Record::Decision(decision) = &entry.record {
                assert_eq!(decision.generation, 1);
            }
        }
    }
    println!("{count} bad saves, none in force");
}

#[test]
fn bad_saves_change_nothing() {
    bad_saves(12);
}

#[test]
#[ignore = "minutes"]
fn a_hundred_bad_saves_change_nothing() {
    bad_saves(1);
}

/// A script that the shadow finds nothing wrong with, and that throws once `count` reaches 600: the shadow's begins
/// at 0.
fn bomb(condition: &str) -> String {
    BEAT.replace(
        "    if ctx.is_flat {",
        &format!("    if {condition} {{ throw \"600\"; }}\n    if ctx.is_flat {{"),
    )
}

/// The next record of a script that failed, and the decision of the same candle.
fn failure(trader: &mut Running) -> (u64, bool, u64) {
    let (failed, back) = trader.next("a script that fails", |record| match record {
        Record::Script { generation, rolled_back, .. } => Some((*generation, *rolled_back)),
        _ => None,
    });
    (failed, back, trader.decision().generation)
}

#[test]
fn a_script_that_fails_in_its_first_candles_is_rolled_back_within_the_same_candle() {
    for condition in ["ctx.count >= 600", "ctx.count >= 600 && ctx.is_long"] {
        let world = World::new(SPEED);
        let full = BEAT.replace("count: 0", "count: 595");
        world.save("beat.rhai", &full);
        let mut trader = world.trader(&world.path("beat.rhai"), &[]);
        trader.decision();
        world.save("runtime.yaml", "max_daily_loss: 5000\n");
        assert_eq!(trader.config().settings.limits.max_daily_loss, Some(5000.0));
        world.save("beat.rhai", bomb(condition));
        assert_eq!(trader.swap(), 2);
        // Tighter while it is on trial; a rollback does not loosen it.
        world.save("runtime.yaml", "max_daily_loss: 4000\n");
        assert_eq!(failure(&mut trader), (2, true, 1), "{condition}");
        assert_eq!(trader.decision().generation, 1);
        // What is saved next is a generation of its own.
        world.save("beat.rhai", full.replace("In and out", "Mended"));
        assert_eq!(trader.swap(), 3);
        assert_eq!(trader.decision().generation, 3);
        let (_, entries) = trader.stop();
        let limits = entries.iter().filter_map(|entry| match &entry.record {
            Record::Config(config) => Some(config.settings.limits.max_daily_loss),
            _ => None,
        });
        let limits: Vec<_> = limits.collect();
        assert_eq!(limits.last(), Some(&Some(4000.0)), "{limits:?}");
        assert!(!limits.contains(&None), "{limits:?}");
        assert!(!answers_to_swaps(&entries).into_iter().any(is_cancel));
    }
}

#[test]
fn a_trial_ends_with_a_restart_and_the_session_still_comes_out_the_same() {
    let world = World::new(SPEED);
    world.save("beat.rhai", BEAT.replace("count: 0", "count: 590"));
    let mut trader = world.trader(&world.path("beat.rhai"), &[]);
    trader.decision();
    world.save("beat.rhai", bomb("ctx.count >= 600"));
    assert_eq!(trader.swap(), 2);
    trader.stop();
    let mut trader = world.trader(&world.path("beat.rhai"), &[]);
    // There is nothing to go back to: it is not asked any more, and what is held stays protected.
    let (failed, back, decided) = failure(&mut trader);
    assert_eq!((failed, back, decided), (2, false, 2));
    trader.decisions(2);
    // Saved anew, it is in force again.
    world.save("beat.rhai", BEAT);
    assert_eq!(trader.swap(), 3);
    assert!(trader.decision().asked);
    trader.stop();
}

#[test]
fn a_pause_lets_nothing_in_and_everything_out_and_outlives_a_restart() {
    let (world, mut trader) = beating(&[]);
    trader.entered();
    world.save("runtime.yaml", "paused: true\n");
    assert_eq!(trader.config().changes, ["paused: false → true"]);
    trader.left();
    let vetoed = |trader: &mut Running| loop {
        let decision = trader.decision();
        assert_eq!(decision.quantity, None);
        if decision.entry.is_some() {
            assert_eq!(decision.veto, Some(Veto::Paused));
            return;
        }
    };
    vetoed(&mut trader);
    trader.stop();
    // In force again, and not said again.
    let mut trader = world.trader(&world.path("beat.rhai"), &[]);
    vetoed(&mut trader);
    let configs = |trader: &Running| {
        trader.entries.iter().filter(|entry| matches!(entry.record, Record::Config(_))).count()
    };
    assert_eq!(configs(&trader), 0);
    trader.stop();
    // Lifted while nobody ran.
    fs::remove_file(world.path("runtime.yaml")).unwrap();
    let mut trader = world.trader(&world.path("beat.rhai"), &[]);
    assert_eq!(trader.config().changes, ["paused: true → false"]);
    trader.entered();
    trader.stop();
}

#[test]
fn a_tighter_limit_is_in_force_between_candles_and_outlives_swaps_and_restarts() {
    let (world, mut trader) = beating(&["max_consecutive_losses=50"]);
    trader.decision();
    world.save("runtime.yaml", "max_order_notional: 100\nmax_daily_loss: 3000\nstop_loss_pct: 0.1\n");
    let config = trader.config();
    assert_eq!(config.settings.max_order_notional, Some(100.0));
    let is_kept = |settings: &mista::engine::Settings| {
        let limits = settings.limits;
        assert_eq!(settings.max_order_notional, Some(100.0));
        assert_eq!((limits.max_daily_loss, limits.max_consecutive_losses), (Some(3000.0), Some(50)));
        assert_eq!(settings.rules.stop_loss_pct, Some(0.1));
    };
    is_kept(&config.settings);
    let is_too_large = trader.next("an entry that is too large", |record| match record {
        Record::Held { refusal, .. } => Some(*refusal == Refusal::MaxOrderNotional),
        _ => None,
    });
    assert!(is_too_large);
    // A text with a rule of its own.
    let ruled =
        BEAT.replace("hold:  int(4, 1, 100),", "hold:  int(4, 1, 100),\n        max_holding_candles: 50,");
    world.save("beat.rhai", &ruled);
    let config = trader.config();
    assert_eq!(trader.swap(), 2);
    is_kept(&config.settings);
    assert_eq!(config.settings.rules.max_holding_candles, 50);
    // What the text rules, another change of the config leaves.
    world.save(
        "runtime.yaml",
        "max_order_notional: 100\nmax_daily_loss: 3000\nstop_loss_pct: 0.1\npaused: true\n",
    );
    let config = trader.config();
    assert!(config.paused);
    is_kept(&config.settings);
    assert_eq!(config.settings.rules.max_holding_candles, 50);
    trader.stop();
    let mut trader = world.trader(&world.path("beat.rhai"), &["max_consecutive_losses=50"]);
    trader.decisions(2);
    world.save("runtime.yaml", "max_order_notional: 100\nmax_daily_loss: 3000\nstop_loss_pct: 0.1\n");
    let config = trader.config();
    assert_eq!(config.changes, ["paused: true → false"]);
    is_kept(&config.settings);
    assert_eq!(config.settings.rules.max_holding_candles, 50);
    trader.stop();
}

fn parameters(trader: &mut Running) -> (u64, Vec<(String, Value)>) {
    trader.next("a swap", |record| match record {
        Record::Swap(text) => Some((text.generation, text.parameters.clone())),
        Record::NotSwapped { message, .. } => panic!("{message}"),
        _ => None,
    })
}

fn has(parameters: &[(String, Value)], name: &str, value: i64) -> bool {
    parameters.contains(&(name.to_owned(), Value::Int(value)))
}

#[test]
fn parameters_wait_until_nothing_is_held_unless_they_are_to_apply_now() {
    let (world, mut trader) = beating(&["hold=6"]);
    trader.entered();
    world.save("runtime.yaml", "params: { every: 3 }\n");
    assert_eq!(trader.note("waits"), "waits until nothing is held: every: as started → 3");
    trader.left();
    let (generation, in_force) = parameters(&mut trader);
    assert!(generation == 2 && has(&in_force, "every", 3) && has(&in_force, "hold", 6), "{in_force:?}");
    trader.entered();
    world.save("runtime.yaml", "params: { every: 1, hold: 20 }\napply: now\n");
    let (generation, in_force) = parameters(&mut trader);
    assert!(generation == 3 && has(&in_force, "every", 1) && has(&in_force, "hold", 20), "{in_force:?}");
    assert!(trader.decision().quantity.is_some(), "it is still held");
    // After a restart they are in force, and no other generation is.
    trader.stop();
    let mut trader = world.trader(&world.path("beat.rhai"), &["hold=8"]);
    for _ in 0..4 {
        assert_eq!(trader.decision().generation, 3);
    }
    // A text that is saved keeps them.
    world.save("beat.rhai", BEAT.replace("In and out", "Saved"));
    let (generation, in_force) = parameters(&mut trader);
    assert!(generation == 4 && has(&in_force, "every", 1) && has(&in_force, "hold", 20), "{in_force:?}");
    trader.stop();
    // Without the config, the flags say what is.
    save(&world.path("runtime.yaml"), "apply: now\n");
    let mut trader = world.trader(&world.path("beat.rhai"), &["hold=8"]);
    let (generation, in_force) = parameters(&mut trader);
    assert!(generation == 5 && has(&in_force, "every", 2) && has(&in_force, "hold", 8), "{in_force:?}");
    trader.stop();
}

#[test]
fn another_strategy_is_watched_in_the_place_of_the_one_before() {
    let world = World::new(SPEED);
    world.save("beat.rhai", BEAT);
    world.save("other.rhai", BEAT.replace("\"time\"", "\"other\"").replace("every: int(2", "every: int(1"));
    let mut trader = world.trader(&world.path("beat.rhai"), &[]);
    trader.decision();
    let strategy = format!("strategy: {}\napply: now\n", world.path("other.rhai").display());
    world.save("runtime.yaml", &strategy);
    let (generation, in_force) = parameters(&mut trader);
    assert!(generation == 2 && has(&in_force, "every", 1), "{in_force:?}");
    // A limit for the other one, too.
    world.save("runtime.yaml", format!("{strategy}max_daily_loss: 2000\n"));
    assert_eq!(trader.config().settings.limits.max_daily_loss, Some(2000.0));
    world.save("beat.rhai", BEAT.replace("In and out", "Not watched"));
    trader.decisions(3);
    world.save("other.rhai", BEAT.replace("\"time\"", "\"others\""));
    let (generation, in_force) = parameters(&mut trader);
    assert!(generation == 3 && has(&in_force, "every", 1), "{in_force:?}");
    trader.stop();
    // And back.
    world.save("runtime.yaml", "apply: now\n");
    let mut trader = world.trader(&world.path("beat.rhai"), &[]);
    let (generation, in_force) = parameters(&mut trader);
    assert!(generation == 4 && has(&in_force, "every", 2), "{in_force:?}");
    trader.decisions(2);
    let (_, entries) = trader.stop();
    let texts = entries.iter().filter_map(|entry| match &entry.record {
        Record::Swap(text) => Some(text.texts.path.rsplit('/').next().unwrap_or_default()),
        _ => None,
    });
    assert_eq!(texts.collect::<Vec<_>>(), ["other.rhai", "other.rhai", "beat.rhai"]);
}

#[test]
fn a_bad_config_changes_nothing_and_is_said_with_its_place() {
    let (world, mut trader) = beating(&[]);
    trader.decision();
    let place = world.path("runtime.yaml").display().to_string();
    for (text, line, part) in [
        ("# later\npaused: yes please\n", 2, "paused"),
        ("max_order_notional: -5\n", 1, "above 0"),
        ("paused: true\nparams: { evry: 3 }\n", 2, "did you mean"),
    ] {
        world.save("runtime.yaml", text);
        let note = trader.note("the runtime config changes nothing: ");
        assert!(note.contains(&format!("{place}:{line}:")) && note.contains(part), "{note}");
    }
    trader.entered();
    world.save("runtime.yaml", "paused: true\n");
    assert!(trader.config().paused);
    let (_, entries) = trader.stop();
    let configs = entries.iter().filter(|entry| matches!(entry.record, Record::Config(_))).count();
    assert_eq!(configs, 1);
}

/// Records since the last start.
fn since_restart(entries: &[Entry<Record>]) -> &[Entry<Record>] {
    let again = entries.iter().rposition(|entry| matches!(entry.record, Record::Restart { .. })).unwrap();
    &entries[again..]
}

#[test]
fn after_a_restart_orders_are_known_before_candles_are_decided_on() {
    let (world, mut trader) = beating(&["hold=100"]);
    trader.entered();
    trader.decision();
    trader.stop();
    // Some candles go by, and the stop rests.
    std::thread::sleep(Duration::from_millis(1_500));
    let mut trader = world.trader(&world.path("beat.rhai"), &["hold=100"]);
    trader.decision();
    let (_, entries) = trader.stop();
    let first = |is: fn(&Record) -> bool| {
        since_restart(&entries).iter().position(|entry| is(&entry.record)).unwrap_or(usize::MAX)
    };
    let asked = first(|it| matches!(it, Record::Request { request: Request::AskOrder { .. }, .. }));
    let told = first(|it| matches!(it, Record::News(_) | Record::Unfound { .. }));
    let candle = first(|it| matches!(it, Record::Candle { .. }));
    assert!(asked < told && told < candle && candle < usize::MAX, "{asked} {told} {candle}");
}

#[test]
fn what_was_sold_in_between_is_booked_between_the_candles_it_was_sold_between() {
    for _ in 0..10 {
        let world = World::new(SPEED);
        world.save("beat.rhai", BEAT.replace("stop_pct(0.2)", "stop_pct(0.002)"));
        let mut trader = world.trader(&world.path("beat.rhai"), &["hold=100"]);
        trader.entered();
        let (_, entries) = trader.stop();
        if entries.iter().any(|entry| matches!(entry.record, Record::Trade(_))) {
            // Too early: nobody has missed it.
            continue;
        }
        std::thread::sleep(Duration::from_millis(5_000));
        let mut trader = world.trader(&world.path("beat.rhai"), &["hold=100"]);
        trader.decisions(8);
        let (_, entries) = trader.stop();
        let entries = since_restart(&entries);
        let trade = entries.iter().enumerate().find_map(|(index, entry)| match &entry.record {
            Record::Trade(closed) => Some((index, closed.exit_at)),
            _ => None,
        });
        let Some((sold, exit_at)) = trade else { continue };
        let candles = entries.iter().enumerate().filter_map(|(index, entry)| match &entry.record {
            Record::Candle { candle } => Some((index, candle.close_time)),
            _ => None,
        });
        let (before, after): (Vec<_>, Vec<_>) = candles.partition(|(index, _)| *index < sold);
        assert!(before.iter().all(|(_, close)| *close < exit_at), "{exit_at} {before:?}");
        assert!(after.iter().all(|(_, close)| *close >= exit_at), "{exit_at} {after:?}");
        return;
    }
    panic!("ten times, no stop was reached while nobody traded");
}
