//! What is seen while a search runs: how far it is, how long it will take, the best so far.

use super::table;
use crate::optimize::pool::{Watcher, Work};
use crate::optimize::trials::Trial;
use crate::optimize::{Leader, Place, Study};
use crate::report::number::grouped;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};
use std::time::{Duration, Instant};

/// Trials in the live table, and in what Ctrl-C prints.
const SHOWN: usize = 5;
/// How often a line is printed where there is no terminal to redraw.
const LINE_EVERY: Duration = Duration::from_secs(10);
const DRAW_EVERY: Duration = Duration::from_millis(250);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Silent,
    Lines,
    Live,
}

pub struct Progress<'a> {
    studies: Vec<&'a Study>,
    leaders: Vec<Leader<'a>>,
    /// Trials that were there before, that have ended since, and that there are.
    before: u64,
    done: u64,
    all: u64,
    /// Study of the last trial.
    current: usize,
    started: Instant,
    drawn: Instant,
    /// Lines on the screen that are drawn over.
    lines: usize,
    style: Style,
}

impl<'a> Progress<'a> {
    pub fn new(work: &[Work<'a>], quiet: bool) -> Progress<'a> {
        let style = match (quiet, std::io::stderr().is_terminal()) {
            (true, _) => Style::Silent,
            (false, true) => Style::Live,
            (false, false) => Style::Lines,
        };
        let now = Instant::now();
        Progress {
            studies: work.iter().map(|work| work.study).collect(),
            leaders: work.iter().map(|work| Leader::new(work.study, SHOWN)).collect(),
            before: work.iter().map(|work| work.done).sum(),
            done: 0,
            all: work.iter().map(Work::len).sum(),
            current: 0,
            started: now,
            drawn: now,
            lines: 0,
            style,
        }
    }

    /// Takes in the trials that were there before, those of the `work`-th study.
    pub fn recall(&mut self, work: usize, rows: impl Iterator<Item = (Place, Trial)>) {
        rows.for_each(|(place, trial)| self.leaders[work].see(place, &trial));
    }

    /// Trials that have ended since the start.
    pub fn done(&self) -> u64 {
        self.done
    }

    fn line(&self) -> String {
        let seconds = self.started.elapsed().as_secs_f64();
        let rate = self.done as f64 / seconds.max(1e-9);
        let there = self.before + self.done;
        let left = (self.all - there) as f64 / rate;
        let left = if self.done == 0 { "?".to_owned() } else { clock(left) };
        let percent = there as f64 * 100.0 / self.all.max(1) as f64;
        format!(
            "{} of {} trials ({percent:.0} %), {} a second, {left} left",
            grouped(there as f64, 0),
            grouped(self.all as f64, 0),
            grouped(rate, if rate < 10.0 { 1 } else { 0 }),
        )
    }

    fn draw(&mut self) {
        let mut text = String::new();
        if self.lines > 0 {
            let _ = write!(text, "\x1b[{}A\x1b[J", self.lines);
        }
        let mut shown = format!("{}\n", self.line());
        if let (Some(study), Some(leader)) = (self.studies.get(self.current), self.leaders.get(self.current))
        {
            shown.push_str(&leaders(study, leader));
        }
        self.lines = shown.lines().count();
        text.push_str(&shown);
        self.put(&text);
    }

    fn put(&self, text: &str) {
        // Nobody is left to look when that is closed.
        let _ = std::io::stderr().write_all(text.as_bytes());
    }

    /// Takes the live table away.
    pub fn clear(&mut self) {
        if self.lines > 0 {
            self.put(&format!("\x1b[{}A\x1b[J", self.lines));
            self.lines = 0;
        }
    }

    /// What is known of a search that was stopped.
    pub fn known(&self) -> String {
        let mut out = format!("{}\n", self.line());
        for (study, leader) in self.studies.iter().zip(&self.leaders) {
            let table = leaders(study, leader);
            if !table.is_empty() {
                let recipe = &study.plan.recipe;
                let _ = write!(out, "\n{} {} {}\n{table}", recipe.strategy, recipe.symbol, recipe.interval);
            }
        }
        out
    }
}

impl Watcher for Progress<'_> {
    fn trial(&mut self, work: usize, place: Place, trial: &Trial) {
        self.done += 1;
        self.current = work;
        self.leaders[work].see(place, trial);
    }

    fn tick(&mut self) {
        let since = self.drawn.elapsed();
        match self.style {
            Style::Live if since >= DRAW_EVERY => self.draw(),
            Style::Lines if since >= LINE_EVERY => self.put(&format!("{}\n", self.line())),
            _ => return,
        }
        self.drawn = Instant::now();
    }
}

/// The best so far.
fn leaders(study: &Study, leader: &Leader<'_>) -> String {
    let found: Vec<_> = leader.best().collect();
    if found.is_empty() { String::new() } else { table::trials(study, &found) }
}

/// `1:02:03`.
fn clock(seconds: f64) -> String {
    let all = if seconds.is_finite() { seconds.ceil() as u64 } else { 0 };
    let (hours, minutes, seconds) = (all / 3600, all / 60 % 60, all % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        hours => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}
