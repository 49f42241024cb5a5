//! Sessions that were tampered with: each line is whole, with the right checksum and number, and one thing in the session
//! is not what it was. A replay finds it, at the first candle that can show it.
//!
//! | what | where it shows |
//! |---|---|
//! | a candle and its decision left out | at the next candle: there is a gap; or at the candle before, where something was due |
//! | a candle moved in time, a digit of a price, a decision altered | at that candle |
//! | a candle twice, a decision left out, or put after the next candle | at that candle |
//! | two candles exchanged | at the second, which comes first now |
//! | a trade, a request or a fill altered | at the candle after whose close it came |

use super::led::{TRADING, Trading, trade};
use mista::live::journal::{Entry, Journal, JournalError};
use mista::live::record::{Answered, Decision, News, Record, Request};
use mista::live::replay::{ReplayError, replay};
use mista::model::{Refusal, Veto};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::path::Path;
use tempfile::TempDir;

type Lines = Vec<(i64, Record)>;

fn candle_at(lines: &Lines, index: usize) -> Option<i64> {
    lines[..=index].iter().rev().find_map(|(_, record)| match record {
        Record::Candle { candle } => Some(candle.open_time),
        _ => None,
    })
}

/// Places of records that are like this.
fn places(lines: &Lines, is_so: impl Fn(&Record) -> bool) -> Vec<usize> {
    (0..lines.len()).filter(|index| is_so(&lines[*index].1)).collect()
}

fn is_candle(record: &Record) -> bool {
    matches!(record, Record::Candle { .. })
}

fn is_decision(record: &Record) -> bool {
    matches!(record, Record::Decision(_))
}

fn decision_mut(record: &mut Record) -> &mut Decision {
    match record {
        Record::Decision(decision) => decision,
        other => panic!("{other:?}"),
    }
}

fn news_mut(record: &mut Record) -> Option<&mut News> {
    match record {
        Record::News(news) => Some(news),
        Record::Answer { outcome: Answered::Accepted(news), .. } => Some(news),
        _ => None,
    }
}

fn quantity_mut(request: &mut Request) -> Option<&mut Decimal> {
    match request {
        Request::Market { quantity, .. }
        | Request::Stop { quantity, .. }
        | Request::Target { quantity, .. }
        | Request::Oco { quantity, .. }
        | Request::Replace { quantity, .. } => Some(quantity),
        _ => None,
    }
}

/// One thing that is changed at one place: alters the lines, and says at which candle that shows.
struct Damage {
    name: &'static str,
    /// Where it can be done.
    places: fn(&Lines) -> Vec<usize>,
    /// `None`: not here.
    alter: fn(&mut Lines, usize) -> Option<i64>,
}

fn candles(lines: &Lines) -> Vec<usize> {
    let mut all = places(lines, is_candle);
    // There is one before, and one after.
    all.pop();
    all.drain(..1);
    all
}

fn decisions(lines: &Lines) -> Vec<usize> {
    places(lines, is_decision)
}

fn altered(lines: &mut Lines, at: usize, alter: impl FnOnce(&mut Decision)) -> Option<i64> {
    alter(decision_mut(&mut lines[at].1));
    candle_at(lines, at)
}

fn next(lines: &Lines, from: usize, is_so: fn(&Record) -> bool) -> usize {
    from + lines[from..].iter().position(|(_, record)| is_so(record)).unwrap()
}

/// First tellings of executions: what comes again is known already.
fn fills(lines: &Lines) -> Vec<usize> {
    let mut known = Vec::new();
    let mut found = Vec::new();
    for (index, (_, record)) in lines.iter().enumerate() {
        if let Some(news) = news_mut(&mut record.clone()) {
            for execution in &news.executions {
                if !known.contains(&execution.trade_id) {
                    known.push(execution.trade_id);
                    found.push(index);
                }
            }
        }
    }
    found.dedup();
    found
}

const DAMAGES: [Damage; 18] = [
    Damage {
        name: "a candle left out",
        places: candles,
        alter: |lines, at| {
            let decision = next(lines, at, is_decision);
            let before = candle_at(lines, at - 1)?;
            let was_due = decision_mut(&mut lines[decision].1).due.is_some();
            let after = candle_at(lines, next(lines, at + 1, is_candle))?;
            lines.remove(decision);
            lines.remove(at);
            Some(if was_due { before } else { after })
        },
    },
    Damage {
        name: "a candle moved in time",
        places: candles,
        alter: |lines, at| {
            if let Record::Candle { candle } = &mut lines[at].1 {
                (candle.open_time, candle.close_time) = (candle.open_time + 1, candle.close_time + 1);
            }
            candle_at(lines, at)
        },
    },
    Damage {
        name: "a close by a digit",
        places: candles,
        alter: |lines, at| {
            if let Record::Candle { candle } = &mut lines[at].1 {
                candle.close = candle.close.next_up();
            }
            candle_at(lines, at)
        },
    },
    Damage {
        name: "a low by a digit",
        places: candles,
        alter: |lines, at| {
            if let Record::Candle { candle } = &mut lines[at].1 {
                candle.low = candle.low.next_down();
            }
            candle_at(lines, at)
        },
    },
    Damage {
        name: "a candle twice",
        places: candles,
        alter: |lines, at| {
            let decision = next(lines, at, is_decision);
            let again = lines[at].clone();
            lines.insert(decision + 1, again);
            candle_at(lines, at)
        },
    },
    Damage {
        name: "two candles exchanged",
        places: candles,
        alter: |lines, at| {
            let other = next(lines, at + 1, is_candle);
            lines.swap(at, other);
            candle_at(lines, at)
        },
    },
    Damage {
        name: "a veto that was not",
        places: decisions,
        alter: |lines, at| {
            altered(lines, at, |decision| {
                decision.veto = if decision.veto.is_some() { None } else { Some(Veto::Cooldown) };
            })
        },
    },
    Damage {
        name: "a refusal that was not",
        places: decisions,
        alter: |lines, at| {
            altered(lines, at, |decision| {
                decision.refusal = if decision.refusal.is_some() { None } else { Some(Refusal::InPosition) };
            })
        },
    },
    Damage {
        name: "an entry taken away",
        places: |lines| {
            places(lines, |record| matches!(record, Record::Decision(decision) if decision.entry.is_some()))
        },
        alter: |lines, at| altered(lines, at, |decision| decision.entry = None),
    },
    Damage {
        name: "a stop moved",
        places: decisions,
        alter: |lines, at| {
            altered(lines, at, |decision| decision.stop = Some(decision.stop.unwrap_or(1.0).next_up()))
        },
    },
    Damage {
        name: "a quantity of a decision",
        places: decisions,
        alter: |lines, at| {
            altered(lines, at, |decision| {
                decision.quantity = Some(decision.quantity.unwrap_or(1.0).next_up())
            })
        },
    },
    Damage {
        name: "an equity by its last bit",
        places: decisions,
        alter: |lines, at| altered(lines, at, |decision| decision.equity = decision.equity.next_up()),
    },
    Damage {
        name: "a decision left out",
        places: decisions,
        alter: |lines, at| {
            let candle = candle_at(lines, at);
            lines.remove(at);
            candle
        },
    },
    Damage {
        name: "a decision after the next candle",
        places: |lines| {
            let mut all = decisions(lines);
            all.pop();
            all
        },
        alter: |lines, at| {
            let candle = candle_at(lines, at);
            let moved = lines.remove(at);
            let after = next(lines, at, is_candle) + 1;
            lines.insert(after, moved);
            candle
        },
    },
    Damage {
        name: "a price of a trade",
        places: |lines| places(lines, |record| matches!(record, Record::Trade(_))),
        alter: |lines, at| {
            if let Record::Trade(closed) = &mut lines[at].1 {
                closed.trade.exit_price = closed.trade.exit_price.next_up();
            }
            candle_at(lines, at)
        },
    },
    Damage {
        name: "a quantity of a fill",
        places: fills,
        alter: |lines, at| {
            let news = news_mut(&mut lines[at].1)?;
            news.executions[0].quantity -= Decimal::new(1, 5);
            candle_at(lines, at)
        },
    },
    Damage {
        name: "a price of a fill",
        places: fills,
        alter: |lines, at| {
            let news = news_mut(&mut lines[at].1)?;
            news.executions[0].price += Decimal::new(1, 2);
            candle_at(lines, at)
        },
    },
    Damage {
        name: "a request",
        places: |lines| {
            places(lines, |record| match record {
                Record::Request { request, .. } => quantity_mut(&mut request.clone()).is_some(),
                _ => false,
            })
        },
        alter: |lines, at| {
            let Record::Request { request, .. } = &mut lines[at].1 else { return None };
            *quantity_mut(request)? -= Decimal::new(1, 5);
            candle_at(lines, at)
        },
    },
];

fn write(path: &Path, lines: &Lines) {
    let mut journal = Journal::create(path).unwrap();
    for (at, record) in lines {
        journal.append(*at, record).unwrap();
    }
}

/// Some of the places: near the beginning, in the middle, near the end.
fn some(places: &[usize]) -> Vec<usize> {
    let mut some: Vec<usize> = [0.02, 0.5, 0.95]
        .iter()
        .filter_map(|part| places.get((places.len() as f64 * part) as usize))
        .copied()
        .collect();
    some.dedup();
    some
}

#[test]
fn a_replay_finds_what_was_tampered_with() {
    let folder = TempDir::new().unwrap();
    let mut sessions = BTreeMap::<&str, u32>::new();
    for (script, set) in [
        ("scalping", &["stop_loss_pct=0.004", "take_profit_pct=0.006"][..]),
        ("breakout", &[]),
        ("hybrid", &["trailing_stop_loss_pct=0.004"]),
    ] {
        let days = ["2023-03-21", "2023-03-21T14:00:00Z"];
        let traded = trade(Trading { script, set, days, ..TRADING });
        let entries = traded.entries();
        let lines: Lines = entries.into_iter().map(|Entry { at, record, .. }| (at, record)).collect();
        let path = folder.path().join(format!("{script}.journal"));
        write(&path, &lines);
        let untouched = replay(&path).unwrap();
        assert_eq!(untouched.difference, None, "{script}");
        assert!(untouched.trades > 0, "{script}");
        for damage in &DAMAGES {
            for at in some(&(damage.places)(&lines)) {
                let mut lines = lines.clone();
                let Some(candle) = (damage.alter)(&mut lines, at) else { continue };
                std::fs::remove_file(&path).unwrap();
                write(&path, &lines);
                let replayed = replay(&path).unwrap();
                let difference = replayed
                    .difference
                    .unwrap_or_else(|| panic!("{script}, {}: not found at record {at}", damage.name));
                assert_eq!(
                    difference.candle,
                    Some(candle),
                    "{script}, {} at record {at}: {difference}",
                    damage.name
                );
                *sessions.entry(damage.name).or_default() += 1;
            }
        }
        torn(&traded.journal);
    }
    eprintln!("{} sessions: {sessions:?}", sessions.values().sum::<u32>());
    assert_eq!(sessions.len(), DAMAGES.len(), "{sessions:?}");
    assert!(sessions.values().sum::<u32>() >= 50, "{sessions:?}");
}

/// A byte that is not what it was makes its line a damaged one.
fn torn(path: &Path) {
    let whole = std::fs::read(path).unwrap();
    let lines = whole.iter().filter(|byte| **byte == b'\n').count();
    for part in [1, 3, 5, 8] {
        let mut bytes = whole.clone();
        let at = bytes.len() / 10 * part;
        bytes[at] ^= 0x04;
        std::fs::write(path, &bytes).unwrap();
        let line = whole[..at].iter().filter(|byte| **byte == b'\n').count() as u64 + 1;
        match replay(path) {
            Err(ReplayError::Journal(JournalError::Damaged { line: found, .. })) => assert_eq!(found, line),
            other => panic!("line {line} of {lines}: {other:?}"),
        }
    }
    std::fs::write(path, &whole).unwrap();
}
