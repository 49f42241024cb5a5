//! Every signal has one reason or a trade: in backtests over random settings, in sessions in which everything goes
//! wrong, and one by one.

use super::status::{entered, status_of};
use super::told::{How, Told, exit, long, settings};
use crate::property;
use crate::support::root;
use mista::backtest::Backtest;
use mista::engine::{ColumnCache, Counts, DataHandler, run};
use mista::engine::{Settings, StrategyFault};
use mista::live::desk::ProtectionMode;
use mista::live::record::{LiveConfig, Record};
use mista::live::why::{Outcome, Pick, Reason, Story, Teller, Wanted, chapter_text, signals_text};
use mista::model::{Refusal, Veto};
use mista::venues::sim::SimulatedVenue;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

fn story(told: &Told, pick: Pick) -> Story {
    let mut story = Story::new(pick);
    told.entries.iter().for_each(|entry| story.on(entry));
    story
}

/// Outcomes of all signals: `long: cooldown`, `exit: trade 1`.
fn outcomes(told: &Told) -> Vec<String> {
    let story = story(told, Pick::Signals);
    let mut lines = Vec::new();
    for chapter in story.chapters() {
        for tale in chapter.entry.iter().chain(chapter.exit.iter().filter(|exit| exit.facts.held)) {
            let what = if tale.wanted == Wanted::Entry { "entry" } else { "exit" };
            lines.push(format!(
                "{what}: {}",
                match tale.outcome() {
                    Outcome::Trade(closed) => format!("trade {}", closed.number),
                    Outcome::Open => "open".to_owned(),
                    Outcome::Waiting => "waiting".to_owned(),
                    Outcome::Nothing(reason) => reason.name().to_owned(),
                }
            ));
        }
    }
    lines
}

/// What must hold of any session.
pub fn judge(told: &Told) -> Result<(), TestCaseError> {
    let story = story(told, Pick::Signals);
    let (mut traded, mut open, mut waiting, mut asked) = (Vec::new(), 0, 0, 0);
    for chapter in story.chapters() {
        if let Some(entry) = &chapter.entry {
            asked += 1;
            match entry.outcome() {
                Outcome::Trade(closed) => traded.push(closed.number),
                Outcome::Open => open += 1,
                Outcome::Waiting => waiting += 1,
                Outcome::Nothing(reason) => prop_assert!(
                    !matches!(reason, Reason::Unrecorded | Reason::Interrupted | Reason::LastCandle),
                    "{reason}: {chapter:#?}"
                ),
            }
        }
        if let Some(exit) = chapter.exit.as_ref().filter(|exit| exit.facts.held) {
            let outcome = exit.outcome();
            prop_assert!(
                !matches!(outcome, Outcome::Nothing(_) | Outcome::Open),
                "{outcome:?}: {chapter:#?}"
            );
        }
    }
    let count = |is: fn(&Record) -> bool| told.entries.iter().filter(|entry| is(&entry.record)).count();
    let wanted = count(|record| matches!(record, Record::Decision(decision) if decision.entry.is_some()));
    prop_assert_eq!(asked, wanted);
    let trades: Vec<u64> = (1..=count(|record| matches!(record, Record::Trade(_))) as u64).collect();
    prop_assert_eq!(traded, trades);
    let status = status_of(told);
    prop_assert_eq!(open, usize::from(status.position.is_some()));
    let entries = status.orders.iter().filter(|order| order.role == mista::live::desk::Role::Entry).count();
    let due = status.candle.is_some_and(|it| it.due && it.held.is_none() && it.asked.contains("long"));
    prop_assert_eq!(waiting, entries + usize::from(due));
    Ok(())
}

fn count<R: mista::engine::Reason>(counts: &Counts<R>) -> Vec<(&'static str, u64)> {
    counts.iter().map(|(reason, count)| (reason.name(), count)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_signal_of_a_backtest_has_one_reason_or_a_trade(
        steps in prop::collection::vec(property::steps(), 2..80),
        acts in prop::collection::vec(property::act(), 80),
        settings in property::settings(),
        first in 0..20usize,
    ) {
        let candles = Arc::new(property::candles(&steps, 1.0, mista::model::HOUR_MS));
        let rows = first.min(candles.len() - 1)..candles.len();
        let data = DataHandler::new(&ColumnCache::new(candles.clone()), &[], None);
        let backtest = Backtest { settings: &settings, data: &data, rows: rows.clone(), detail: None };
        let outcome = backtest.run(&mut property::Actor::new(&acts, rows.start)).unwrap();

        let mut teller = Teller::new(&data, Story::new(Pick::Signals));
        let mut venue = SimulatedVenue::new(&candles, None, settings.costs);
        let mut actor = property::Actor::new(&acts, rows.start);
        run(&settings, &data, rows.clone(), &mut actor, &mut venue, &mut teller).unwrap();
        let story = teller.finish();

        let (mut vetoes, mut refusals) = (Counts::<Veto>::default(), Counts::<Refusal>::default());
        let mut trades = Vec::new();
        for chapter in story.chapters() {
            for tale in chapter.entry.iter().chain(chapter.exit.iter().filter(|exit| exit.facts.held)) {
                match (tale.wanted, tale.outcome()) {
                    (Wanted::Entry, Outcome::Trade(closed)) => trades.push(closed.trade.clone()),
                    (Wanted::Exit, Outcome::Trade(_)) => {}
                    (Wanted::Entry, Outcome::Nothing(Reason::Veto(veto))) => vetoes.add(veto),
                    (Wanted::Entry, Outcome::Nothing(Reason::Refusal(refusal))) => refusals.add(refusal),
                    (_, Outcome::Nothing(reason)) => {
                        prop_assert_eq!(reason, Reason::LastCandle);
                        prop_assert_eq!(chapter.candle.open_time, candles.open_time[rows.end - 1]);
                    }
                    (_, other) => prop_assert!(false, "{other:?}"),
                }
            }
        }
        prop_assert_eq!(count(&vetoes), count(&outcome.vetoes));
        prop_assert_eq!(count(&refusals), count(&outcome.refusals));
        prop_assert_eq!(trades, outcome.trades);

        // The same chapter, whoever is asked for it.
        if let Some(one) = story.chapters().next_back() {
            let mut teller = Teller::new(&data, Story::new(Pick::LastSignal));
            let mut venue = SimulatedVenue::new(&candles, None, settings.costs);
            let mut actor = property::Actor::new(&acts, rows.start);
            run(&settings, &data, rows, &mut actor, &mut venue, &mut teller).unwrap();
            let last = teller.finish();
            let last: Vec<String> = last.chapters().map(|chapter| chapter_text("", chapter)).collect();
            prop_assert_eq!(last, vec![chapter_text("", one)]);
        }
    }
}

fn always(act: fn(&mut mista::engine::Intents)) -> Told {
    Told::new(settings(), ProtectionMode::Exchange, move |_, _, asked| {
        act(asked);
        Ok(())
    })
}

fn paused(told: &mut Told, paused: bool) {
    let changes = vec![format!("paused: {paused}")];
    told.tell(Record::Config(Box::new(LiveConfig {
        settings: settings(),
        paused,
        changes,
        now: Default::default(),
    })));
}

#[test]
fn each_reason_by_itself() {
    let mut told = always(|asked| long(asked, ""));
    told.candle(100.0, 100.0);
    assert_eq!(outcomes(&told), ["entry: waiting"]);
    told.tell(Record::Late);
    assert_eq!(outcomes(&told), ["entry: late"]);
    paused(&mut told, true);
    told.candle(100.0, 100.0);
    paused(&mut told, false);
    told.candle(100.0, 100.0);
    told.how = How::RefusesBuys;
    told.candle(100.0, 100.0);
    told.how = How::Works;
    told.candle(100.0, 101.0);
    told.candle(101.0, 102.0);
    assert_eq!(
        outcomes(&told),
        [
            "entry: late",
            "entry: paused",
            "entry: not_filled",
            "entry: open",
            "entry: in_position",
            "entry: in_position"
        ]
    );
    let story = story(&told, Pick::Signals);
    let lines = signals_text(story.chapters());
    assert!(
        lines.contains("→ no trade: not_filled (Account has insufficient balance for requested action.)\n"),
        "{lines}"
    );

    let mut told = always(|asked| long(asked, ""));
    told.candle(100.0, 100.0);
    told.tell(Record::Stop { flatten: false });
    told.candle(100.0, 100.0);
    assert_eq!(outcomes(&told), ["entry: stopping", "entry: stopping"]);

    // A candle that closes before a price of it was seen.
    let mut told = always(|asked| long(asked, ""));
    told.candle(100.0, 100.0);
    told.close(100.0, 100.0);
    assert_eq!(outcomes(&told), ["entry: late", "entry: waiting"]);
    let mut over = self::story(&told, Pick::Signals);
    over.finish();
    let last = over.chapters().next_back().unwrap();
    assert_eq!(last.entry.as_ref().unwrap().outcome(), Outcome::Nothing(Reason::Interrupted));
}

#[test]
fn an_order_that_is_too_small_or_too_large() {
    let with = |change: fn(&mut Settings)| {
        let mut settings = settings();
        change(&mut settings);
        let mut told = Told::new(settings, ProtectionMode::Exchange, |_, _, asked| {
            long(asked, "");
            Ok(())
        });
        told.candle(100.0, 100.0);
        told.price(100.0, true);
        outcomes(&told)
    };
    use mista::model::Size;
    assert_eq!(with(|it| it.size = Size::Quote(1.0)), ["entry: min_notional"]);
    assert_eq!(with(|it| it.size = Size::RiskPct(1.0)), ["entry: no_stop"]);
    assert_eq!(with(|it| it.size = Size::Units(0.0)), ["entry: zero_quantity"]);
    assert_eq!(with(|it| it.max_order_notional = Some(10.0)), ["entry: max_order_notional"]);
}

#[test]
fn candles_without_a_signal_have_a_reason_too() {
    let mut told = Told::new(settings(), ProtectionMode::Exchange, |call, _, asked| match call {
        0 => Ok(()),
        1 => {
            exit(asked, "");
            Ok(())
        }
        _ => {
            let text = "division by zero".to_owned();
            Err(StrategyFault { message: text.clone(), line: text })
        }
    });
    let mut quiet = Vec::new();
    for _ in 0..4 {
        told.candle(100.0, 100.0);
        let story = story(&told, Pick::Last);
        quiet.push(story.chapters().next_back().unwrap().quiet().unwrap().name());
    }
    assert_eq!(quiet, ["nothing_asked", "nothing_held", "script_stopped", "script_stopped"]);
    assert_eq!(story(&told, Pick::Signals).chapters().count(), 0);
    assert_eq!(story(&told, Pick::Signals).idle_exits, 1);
}

#[test]
fn the_text_of_a_candle() {
    let mut told = entered(ProtectionMode::Exchange, How::Works);
    told.price(98.0, false);
    told.close(101.0, 98.0);
    let mut text = String::new();
    for pick in [Pick::LastSignal, Pick::Last] {
        let story = story(&told, pick);
        text += &chapter_text(&story.title, story.chapters().next_back().unwrap());
        text.push('\n');
    }
    insta::assert_snapshot!("why_a_trade", text);
}

#[test]
fn every_reason_is_explained_once() {
    let page = std::fs::read_to_string(root().join("docs/watch.md")).unwrap();
    let mut names = BTreeSet::new();
    for reason in Reason::all() {
        assert!(names.insert(reason.name()), "{reason} twice");
        assert!(!reason.sentence().is_empty());
        assert_eq!(page.matches(&format!("| `{reason}` |")).count(), 1, "{reason} in docs/watch.md");
    }
}
