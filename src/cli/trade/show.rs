//! What a person sees of a running trader: plain lines, lines of JSON, or the terminal view.

use super::super::print;
use crate::live::desk::Desk;
use crate::live::journal::Entry;
use crate::live::plain::{Line, line};
use crate::live::record::Record;
use crate::live::status::StatusFold;
use crate::live::trader::{Watcher, wall_ms};
use crate::live::view::View;
use crate::script::Script;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Lines that the view keeps.
const EVENTS: usize = 100;
const REDRAW: Duration = Duration::from_millis(200);

/// A line for what is worth one.
pub struct Plain {
    /// Every record as a line of JSON instead.
    pub json: bool,
}

impl Watcher for Plain {
    fn on(&mut self, n: u64, at: i64, record: &Record) {
        let text = match self.json {
            true => serde_json::to_string(record).ok(),
            false => line(&Entry { n, at, record: record.clone() }),
        };
        if let Some(text) = text {
            // Standard output may be gone.
            let _ = print(&format!("{text}\n"));
        }
    }
}

/// The terminal, as long as the trader runs.
pub struct Screen {
    view: View,
    fold: StatusFold,
    events: VecDeque<Line>,
    drawn: Option<Instant>,
    flatten: bool,
}

impl Screen {
    pub fn start(flatten: bool) -> std::io::Result<Screen> {
        let (view, fold) = (View::start()?, StatusFold::new());
        Ok(Screen { view, fold, events: VecDeque::new(), drawn: None, flatten })
    }
}

impl Watcher for Screen {
    fn on(&mut self, n: u64, at: i64, record: &Record) {
        let entry = Entry { n, at, record: record.clone() };
        self.fold.on(&entry);
        if let Some(line) = Line::of(&entry) {
            self.events.push_back(line);
            if self.events.len() > EVENTS {
                self.events.pop_front();
            }
        }
    }

    fn recall(&mut self, n: u64, at: i64, record: &Record) {
        self.on(n, at, record);
    }

    fn see(&mut self, price: f64, at: i64) {
        self.fold.see(price, at);
    }

    fn tick(&mut self, desk: &Desk<Script>) -> Option<Record> {
        let asked = self.view.poll().map(|_| Record::Stop { flatten: self.flatten });
        if asked.is_none() && self.drawn.is_some_and(|drawn| drawn.elapsed() < REDRAW) {
            return None;
        }
        self.drawn = Some(Instant::now());
        let now = wall_ms();
        if let Some(mut status) = self.fold.status(now, Some(std::process::id())) {
            status.refine(&desk.state());
            // A terminal that is gone is noticed by the next key.
            let _ = self.view.draw(&status, self.events.make_contiguous(), now);
        }
        asked
    }
}
