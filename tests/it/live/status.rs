//! A status says what the desk knows, after every record, whatever happens; and `mista status` says it of a trader
//! that runs, ended or was killed, from its files.

use super::told::{How, Told, exit, long, script, settings};
use crate::playground::Playground;
use mista::engine::{Levels, Limits, Rules, Settings, StrategyFault};
use mista::live::desk::ProtectionMode;
use mista::live::journal::Journal;
use mista::live::record::{LiveConfig, Record, ScriptText};
use mista::live::state_manager::StateManager;
use mista::live::status::{Life, Protected, Status, StatusFold, ago};
use mista::model::Veto;
use proptest::prelude::*;

pub fn status_of(told: &Told) -> Status {
    let mut fold = StatusFold::new();
    told.entries.iter().for_each(|entry| fold.on(entry));
    fold.status(told.at + 2_000, Some(4242)).unwrap()
}

/// Buys at the first close, with a stop and a target.
pub fn entered(protection: ProtectionMode, how: How) -> Told {
    let mut told = Told::new(settings(), protection, |call, _, asked| {
        if call == 0 {
            long(asked, "above the channel");
            asked.levels = Levels { stop_pct: Some(0.02), target_pct: Some(0.05), ..Levels::default() };
        }
        Ok(())
    });
    told.candle(100.0, 101.0);
    told.how = how;
    told.price(101.0, true);
    told
}

#[test]
fn a_position_is_shown_with_what_protects_it() {
    let protected = |protection, how| status_of(&entered(protection, how)).position.unwrap();
    let position = protected(ProtectionMode::Exchange, How::Works);
    assert_eq!((position.stop, position.target), (Some(98.98), Some(106.06)));
    assert_eq!((position.entry_price, position.protected), (101.0, Protected::OnExchange));
    assert_eq!(protected(ProtectionMode::Local, How::Works).protected, Protected::Watched);
    assert_eq!(protected(ProtectionMode::Exchange, How::NeverRests).protected, Protected::Watched);

    let mut told = entered(ProtectionMode::Exchange, How::Works);
    told.how = How::IsSilent;
    told.tell(Record::Doubt { why: "the account stream broke off".into() });
    assert_eq!(status_of(&told).position.unwrap().protected, Protected::InDoubt);
    told.how = How::Works;
    told.price(98.0, false);
    let status = status_of(&told);
    assert_eq!((status.position, status.orders, status.trades.count), (None, vec![], 1));
}

#[test]
fn what_was_sold_and_what_ended_is_counted() {
    let mut told = entered(ProtectionMode::Exchange, How::Works);
    let before = status_of(&told);
    assert_eq!(before.orders.len(), 2);
    told.price(110.0, false);
    told.note(Record::Disconnected { what: "market".into(), why: "closed by the exchange".into() });
    told.tell(Record::Stop { flatten: false });
    let status = status_of(&told);
    assert_eq!((status.trades.count, status.trades.won), (1, 1));
    assert!(status.risk.stopping && status.risk.why == ["stopping"]);
    assert_eq!(status.disconnects_24h, 1);
    told.note(Record::Ended);
    let mut fold = StatusFold::new();
    told.entries.iter().for_each(|entry| fold.on(entry));
    assert_eq!(fold.status(told.at, None).unwrap().process.state, Life::Ended);
    let later = fold.status(told.at + 25 * 3_600_000, None).unwrap();
    assert_eq!(later.disconnects_24h, 0);
}

#[test]
fn lengths_of_time_are_short() {
    let second = 1000;
    let cases = [(-5, "0 s"), (59 * second, "59 s"), (61 * second, "1 min"), (3600 * second, "1 h")];
    for (ms, text) in cases {
        assert_eq!(ago(ms), text);
    }
    assert_eq!(ago(3 * 3600 * second + 12 * 60 * second), "3 h 12 min");
    assert_eq!((ago(30 * 3600 * second), ago(100 * 3600 * second)), ("1 day".into(), "4 days".into()));
}

/// What may happen in a candle.
#[derive(Debug, Clone)]
struct Step {
    enter: bool,
    exit: bool,
    levels: Option<(f64, f64)>,
    open: f64,
    close: f64,
    how: How,
    extra: u8,
}

fn step() -> impl Strategy<Value = Step> {
    let how = prop_oneof![
        6 => Just(How::Works), 1 => Just(How::RefusesBuys), 1 => Just(How::NeverRests),
        1 => Just(How::Loses), 1 => Just(How::IsSilent)
    ];
    let levels =
        prop::option::of((prop::sample::select(vec![0.01, 0.03]), prop::sample::select(vec![0.01, 0.05])));
    (any::<bool>(), prop::bool::weighted(0.2), levels, 90..110i32, 90..110i32, how, 0..20u8).prop_map(
        |(enter, exit, levels, open, close, how, extra)| Step {
            enter,
            exit,
            levels,
            open: f64::from(open),
            close: f64::from(close),
            how,
            extra,
        },
    )
}

fn random_limits() -> impl Strategy<Value = Limits> {
    let some = |most| prop::option::weighted(0.3, 50.0..most);
    (some(2000.0), some(800.0), prop::option::weighted(0.3, 1..3u32)).prop_map(|(total, daily, streak)| {
        Limits {
            max_cumulative_loss: total,
            max_daily_loss: daily,
            max_drawdown_limit: None,
            max_consecutive_losses: streak,
        }
    })
}

/// A session of these steps; `each` is called after each.
fn play(steps: &[Step], settings: Settings, protection: ProtectionMode, mut each: impl FnMut(&Told)) -> Told {
    let plan = steps.to_vec();
    let mut told = Told::new(settings.clone(), protection, move |call, _, asked| {
        let Some(step) = plan.get(call) else { return Ok(()) };
        if step.extra == 19 {
            let text = "the script failed".to_owned();
            return Err(StrategyFault { message: text.clone(), line: text });
        }
        if step.enter {
            long(asked, "");
        }
        if step.exit {
            exit(asked, "");
        }
        if let Some((stop, target)) = step.levels {
            asked.touched = true;
            asked.levels = Levels { stop_pct: Some(stop), target_pct: Some(target), ..Levels::default() };
        }
        Ok(())
    });
    for step in steps {
        told.how = step.how;
        match step.extra {
            0 => told.tell(Record::Late),
            1 => told.tell(Record::Doubt { why: "lost".into() }),
            2 => told.tell(Record::Restart { program: "0.1.0".into() }),
            3 | 4 => {
                let paused = step.extra == 3;
                let changes = vec![format!("paused: {paused}")];
                told.tell(Record::Config(Box::new(LiveConfig {
                    settings: settings.clone(),
                    paused,
                    changes,
                    now: Default::default(),
                })));
            }
            5 => told.close(step.open, step.close),
            _ => {}
        }
        told.candle(step.open, step.close);
        each(&told);
        if step.extra % 2 == 0 {
            told.how = How::Works;
            told.wait(20_000);
        }
        each(&told);
    }
    told
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_status_is_what_the_desk_knows(
        steps in prop::collection::vec(step(), 1..25),
        limits in random_limits(),
        local in any::<bool>(),
    ) {
        let rules = Rules { cooldown_candles: 2, ..Rules::default() };
        let settings = Settings { limits, rules, ..settings() };
        let protection = if local { ProtectionMode::Local } else { ProtectionMode::Exchange };
        play(&steps, settings, protection, |told| {
            let status = status_of(told);
            let (desk, engine) = told.desk.view();
            let position = engine.position.position();
            assert_eq!(
                status.position.as_ref().map(|it| (it.quantity, it.entry_price)),
                position.map(|it| (it.quantity, it.entry_price))
            );
            let orders = |done: bool| desk.orders.iter().filter(move |order| order.is_complete() == done);
            let open: Vec<&str> = orders(false).map(|order| order.id.as_str()).collect();
            let shown: Vec<&str> = status.orders.iter().map(|order| order.id.as_str()).collect();
            assert_eq!(shown, open);
            assert_eq!(status.risk.state, engine.risk.state());
            // What stands in the way is judged at a close, so it is the same until something is sold.
            let decided = |record: &Record| matches!(record, Record::Decision(_));
            let after = told.entries.iter().rev().take_while(|entry| !decided(&entry.record));
            if !after.into_iter().any(|entry| matches!(entry.record, Record::Trade(_))) {
                let candles = told.desk.data().candles();
                let (row, time) = (candles.len() - 1, candles.close_time[candles.len() - 1] + 1);
                let standing = engine.risk.standing(row, time, || true);
                let vetoes = Veto::ALL.iter().filter(|it| **it != Veto::Paused && standing.contains(**it));
                let expected: Vec<&str> = vetoes.map(|veto| veto.name()).collect();
                let why: Vec<&str> = status.risk.why.iter().map(String::as_str).filter(|it| *it != "paused").collect();
                assert_eq!(why, expected);
            }
            assert_eq!(status.trades.count, desk.trades);
            assert_eq!((status.risk.paused, status.script.generation), (desk.paused, desk.generation));
            assert_eq!(status.script.stopped.is_some(), desk.stopped.is_some());
            if let Some(it) = &status.position {
                assert_eq!(it.protected == Protected::Watched, told.desk.watches() && (it.stop.is_some() || it.target.is_some()));
            }
            let text = status.text();
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
            assert!(text.lines().count() <= 30, "{text}");
        });
    }

    #[test]
    fn every_signal_of_a_session_has_one_reason_or_a_trade(
        steps in prop::collection::vec(step(), 1..25),
        limits in random_limits(),
        local in any::<bool>(),
    ) {
        let settings = Settings { limits, ..settings() };
        let protection = if local { ProtectionMode::Local } else { ProtectionMode::Exchange };
        let told = play(&steps, settings, protection, |_| {});
        super::why::judge(&told)?;
    }
}

/// A session with something of everything in it.
pub fn eventful() -> Told {
    let mut told = entered(ProtectionMode::Exchange, How::Works);
    told.price(102.5, false);
    told.close(101.0, 102.5);
    let swap = ScriptText {
        difference: "of the last 200 candles 3 are decided otherwise: 2 entries more, 1 exit less".into(),
        carried: vec!["last_high".into()],
        ..script(2)
    };
    told.note(Record::Swap(Box::new(swap)));
    let changes = vec!["stop_loss_pct: 0.02 → 0.03".into(), "log_level: info → debug".into()];
    told.tell(Record::Config(Box::new(LiveConfig {
        settings: settings(),
        paused: false,
        changes,
        now: Default::default(),
    })));
    told.note(Record::Disconnected { what: "market".into(), why: "closed by the exchange".into() });
    told.at += 1_500;
    told.note(Record::Connected { what: "market".into(), generation: 2 });
    told.note(Record::Alarm { text: "candles were missing for 3 minutes, and are there now".into() });
    told
}

#[test]
fn the_text_of_a_status() {
    insta::assert_snapshot!("status_of_a_long_position", status_of(&eventful()).text());
}

// ---- the binary

fn written(folder: &std::path::Path, bot: &str, told: &Told) {
    std::fs::create_dir_all(folder).unwrap();
    let mut journal = Journal::create(&folder.join(format!("{bot}.journal"))).unwrap();
    for entry in &told.entries {
        journal.append(entry.at, &entry.record).unwrap();
    }
}

#[test]
fn a_trader_that_runs_was_killed_or_ended_is_read_from_its_files() {
    let playground = Playground::new();
    let folder = playground.path("results/state");
    let mut told = eventful();
    written(&folder, "killed", &told);
    written(&folder, "running", &told);
    told.note(Record::Ended);
    written(&folder, "ended", &told);
    std::fs::write(folder.join("empty.journal"), "").unwrap();
    let mut damaged = std::fs::read(folder.join("ended.journal")).unwrap();
    damaged[100] ^= 1;
    std::fs::write(folder.join("damaged.journal"), damaged).unwrap();
    let _lock = StateManager::open(&folder, "running").unwrap();

    let of = |bot: &str| -> serde_json::Value {
        let said = playground.mista(&format!("status {bot} --json"));
        assert_eq!(said.exit, 0, "{said:?}");
        serde_json::from_str(&said.out).unwrap()
    };
    for bot in ["killed", "running", "ended"] {
        assert_eq!(of(bot)["process"]["state"], bot);
    }
    assert_eq!(of("running")["process"]["pid"], std::process::id());
    assert_eq!(of("killed")["position"]["protected"], "on_exchange");
    assert_eq!(of("killed")["risk"]["state"], "active");
    let said = playground.mista("status ended");
    assert!(
        said.out.contains("ended ") && said.out.contains("Levels    on the exchange: stop 98.98"),
        "{}",
        said.out
    );

    let said = playground.mista("status");
    assert_eq!(said.exit, 0);
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines.len(), 5, "{}", said.out);
    assert!(lines[0].starts_with("damaged ") && lines[0].contains("unreadable"), "{}", said.out);
    assert!(lines[1].starts_with("empty ") && lines[1].contains("never began"), "{}", said.out);

    let said = playground.mista("status nobody");
    assert_eq!(said.exit, 2);
    assert!(said.err.contains("there are damaged, empty, ended, killed, running"), "{}", said.err);
    assert_eq!(playground.mista("status damaged").exit, 1);

    let said = playground.mista("why killed --signals");
    assert_eq!(said.out, "2021-01-04 00:00:00  long \"above the channel\" → became the open position\n");
    let said = playground.mista("why killed --time 2021-01-04T00:30");
    assert!(
        said.out.contains("Asked     long \"above the channel\", stop 2 % away, target 5 % away"),
        "{}",
        said.out
    );
    let said = playground.mista("why killed --time 2020-01-04");
    assert_eq!(said.exit, 2);
    assert!(said.err.contains("the first one is 2021-01-04T00:00:00Z"), "{}", said.err);
    assert!(playground.mista("why").err.contains("name one of the bots"));
}
