//! What a run of many programs covered.

use super::compare::Compared;
use super::generator::{Program, constructs};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

#[derive(Debug, Default)]
pub struct Tally {
    pub programs: u64,
    pub native: u64,
    pub calls: u64,
    pub faulty_programs: u64,
    pub fault_count: u64,
    pub whole_runs: u64,
    pub trades: u64,
    pub quiet: u64,
    pub generating: Duration,
    pub slowest: (Duration, u64),
    pub time: Duration,
    /// Failures without the numbers and names in them.
    pub faults: BTreeMap<String, u64>,
    /// Programs by the constructs in them: all, and those that were compiled.
    pub constructs: BTreeMap<&'static str, (u64, u64)>,
    pub asked: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub fn note(&mut self, program: &Program, compared: &Compared, time: Duration) {
        self.programs += 1;
        self.native += u64::from(compared.is_native);
        self.calls += compared.calls;
        self.faulty_programs += u64::from(!compared.faults.is_empty());
        self.fault_count += compared.faults.len() as u64;
        self.whole_runs += compared.whole_runs;
        self.trades += compared.trades;
        self.quiet += compared.quiet;
        self.time += time;
        self.slowest = self.slowest.max((time, program.seed));
        for fault in &compared.faults {
            *self.faults.entry(kind_of(fault)).or_default() += 1;
        }
        for name in &program.constructs {
            let counts = self.constructs.entry(name).or_default();
            counts.0 += 1;
            counts.1 += u64::from(compared.is_native);
        }
        for name in &compared.asked {
            *self.asked.entry(name).or_default() += 1;
        }
    }

    pub fn add(&mut self, other: Tally) {
        self.programs += other.programs;
        self.native += other.native;
        self.calls += other.calls;
        self.faulty_programs += other.faulty_programs;
        self.fault_count += other.fault_count;
        self.whole_runs += other.whole_runs;
        self.trades += other.trades;
        self.quiet += other.quiet;
        self.generating += other.generating;
        self.time += other.time;
        self.slowest = self.slowest.max(other.slowest);
        for (kind, count) in other.faults {
            *self.faults.entry(kind).or_default() += count;
        }
        for (name, (all, native)) in other.constructs {
            let counts = self.constructs.entry(name).or_default();
            counts.0 += all;
            counts.1 += native;
        }
        for (name, count) in other.asked {
            *self.asked.entry(name).or_default() += count;
        }
    }

    /// The names of what no program had in it.
    pub fn never_written(&self) -> Vec<&'static str> {
        constructs().filter(|name| !self.constructs.contains_key(name)).collect()
    }

    pub fn shown(&self, elapsed: Duration) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "programs with each construct (of them compiled)");
        for (name, (all, native)) in &self.constructs {
            let _ = writeln!(text, "  {all:>9} {native:>9}  {name}");
        }
        let _ = writeln!(text, "programs that asked for");
        for (name, count) in &self.asked {
            let _ = writeln!(text, "  {count:>9}  {name}");
        }
        let _ = writeln!(text, "failures of calls");
        for (kind, count) in &self.faults {
            let _ = writeln!(text, "  {count:>9}  {kind}");
        }
        for name in self.never_written() {
            let _ = writeln!(text, "NEVER WRITTEN: {name}");
        }
        let programs = self.programs.max(1) as f64;
        let each = |time: Duration| time.as_secs_f64() * 1e3 / programs;
        let _ = write!(
            text,
            "{} programs, {} native, {} calls, {} passed over as quiet, {} failed in {} programs, {} whole backtests with {} trades\n\
             {:.1} s; {:.3} ms a program, {:.3} of it to write it; the slowest {:.1} ms, seed {}",
            self.programs,
            self.native,
            self.calls,
            self.quiet,
            self.fault_count,
            self.faulty_programs,
            self.whole_runs,
            self.trades,
            elapsed.as_secs_f64(),
            each(self.time),
            each(self.generating),
            self.slowest.0.as_secs_f64() * 1e3,
            self.slowest.1,
        );
        text
    }
}

/// The message of a failure without what differs from program to program.
fn kind_of(line: &str) -> String {
    let line = line.split(", in on_candle").next().unwrap_or(line);
    let line = line.split_once(": ").map_or(line, |(_, message)| message);
    let mut kind = String::new();
    let mut in_name = false;
    for letter in line.chars() {
        if letter == '`' {
            in_name = !in_name;
        }
        if in_name || letter.is_ascii_digit() || matches!(letter, '-' | '.') {
            if !kind.ends_with('_') {
                kind.push('_');
            }
        } else {
            kind.push(letter);
        }
    }
    kind.truncate(kind.char_indices().nth(110).map_or(kind.len(), |(at, _)| at));
    kind
}
