//! The view on a terminal: what is on the screen in a few states and sizes.

use super::status::{entered, eventful, status_of};
use super::told::{How, Told, long, settings};
use mista::engine::{Limits, Settings, StrategyFault};
use mista::live::desk::ProtectionMode;
use mista::live::plain::{Line, line};
use mista::live::record::Record;
use mista::live::view::{Key, draw, key};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

fn screen(told: &Told, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let lines: Vec<Line> = told.entries.iter().filter_map(Line::of).collect();
    let status = status_of(told);
    terminal.draw(|frame| draw(frame, &status, &lines, told.at + 2_000)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let rows = buffer.content().chunks(usize::from(width));
    let rows = rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned());
    rows.map(|row| row + "\n").collect()
}

/// The same in the sizes that are promised.
fn sizes(told: &Told) -> String {
    let sizes = [(60, 15), (80, 24), (120, 40)];
    let screens = sizes.map(|(width, height)| {
        let screen = screen(told, width, height);
        assert_eq!(screen.lines().count(), usize::from(height));
        format!("{width} by {height}\n{}", screen.trim_end_matches('\n'))
    });
    screens.join("\n\n")
}

fn flat() -> Told {
    let mut told = Told::new(settings(), ProtectionMode::Exchange, |_, _, _| Ok(()));
    told.candle(100.0, 101.0);
    told
}

fn in_doubt() -> Told {
    let mut told = entered(ProtectionMode::Exchange, How::Works);
    told.how = How::IsSilent;
    told.note(Record::Disconnected { what: "account".into(), why: "no frame for 60 s".into() });
    told.tell(Record::Doubt { why: "the account stream broke off".into() });
    told
}

fn stopped() -> Told {
    let mut told = Told::new(settings(), ProtectionMode::Exchange, |call, _, _| match call {
        0 => Ok(()),
        _ => {
            let line = "strategies/trend.rhai:12:9: division by zero".to_owned();
            Err(StrategyFault { message: line.clone(), line })
        }
    });
    told.candle(100.0, 101.0);
    told.candle(101.0, 102.0);
    told
}

fn halted() -> Told {
    let limits = Limits { max_cumulative_loss: Some(50.0), ..Limits::default() };
    let settings = Settings { limits, ..settings() };
    let mut told = Told::new(settings, ProtectionMode::Local, |call, _, asked| {
        if call != 1 {
            long(asked, "");
        }
        Ok(())
    });
    told.candle(100.0, 100.0);
    told.candle(100.0, 90.0);
    told.candle(90.0, 91.0);
    told
}

#[test]
fn screens() {
    for (name, told) in [
        ("flat", flat()),
        ("long_protected", eventful()),
        ("long_in_doubt", in_doubt()),
        ("script_stopped", stopped()),
        ("halted", halted()),
    ] {
        insta::assert_snapshot!(format!("view_{name}"), sizes(&told));
    }
}

#[test]
fn smaller_than_it_can_be_it_says_so() {
    for (width, height) in [(59, 15), (60, 14), (20, 3), (1, 1)] {
        let screen = screen(&flat(), width, height);
        assert!(width == 1 || screen.starts_with("too small"), "{screen}");
    }
}

#[test]
fn lines_for_a_terminal_that_is_none() {
    let text: Vec<String> = [eventful(), halted(), stopped(), in_doubt()]
        .iter()
        .map(|told| told.entries.iter().filter_map(line).collect::<Vec<_>>().join("\n"))
        .collect();
    insta::assert_snapshot!("plain_lines", text.join("\n\n"));
}

#[test]
fn two_keys_stop() {
    let press = |letter, modifiers| key(&Event::Key(KeyEvent::new(KeyCode::Char(letter), modifiers)));
    assert_eq!(press('q', KeyModifiers::NONE), Some(Key::Stop));
    assert_eq!(press('Q', KeyModifiers::SHIFT), Some(Key::Stop));
    assert_eq!(press('c', KeyModifiers::CONTROL), Some(Key::Stop));
    assert_eq!(press('c', KeyModifiers::NONE), None);
    assert_eq!(press('q', KeyModifiers::CONTROL), None);
    assert_eq!(key(&Event::Resize(10, 10)), None);
}
