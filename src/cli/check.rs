//! `mista check`: what a compiler would say about a script, a run over candles, and two proofs that it does
//! not look ahead.

use super::arguments::JobArguments;
use super::{Exit, Failure, print};
use crate::backtest::Backtest;
use crate::engine::{ColumnCache, DataHandler, Intents, Moment, Settings, Strategy, StrategyFault};
use crate::job::Job;
use crate::model::{Candles, Fill, Trade, iso};
use crate::report::number::grouped;
use crate::script::{DeclaredAs, Parameter, Parameters, Script, TIER, base_parameters};
use clap::Args;
use std::fmt::Write;
use std::io::IsTerminal;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

#[derive(Debug, Args)]
pub struct CheckArguments {
    /// The strategy, such as strategies/breakout.rhai
    script: PathBuf,
    #[command(flatten)]
    job: JobArguments,
}

/// Candles whose every prefix is run.
const PREFIXES: usize = 300;
/// Candles decided on in the warm-up proof.
const DECIDED: usize = 500;

pub fn check(arguments: &CheckArguments) -> Result<(), Failure> {
    let mut job = arguments.job.load(&arguments.script)?;
    let mut out = String::new();
    describe(&job, &mut out);
    if !job.script.warnings().is_empty() {
        let _ = write!(out, "\n{}\n", job.script.render_warnings(std::io::stdout().is_terminal()).trim_end());
    }
    let (outcome, trace) = job.run()?;
    let rows = grouped(job.setup.rows.len() as f64, 0);
    let (trades, held) = (outcome.trades.len(), trace.held.len());
    let _ =
        writeln!(out, "\nran         {rows} candles: {trades} trades, {held} entries held back, no error");
    let candles = &job.candles().clone();
    let mut proof = Proof {
        settings: &job.setup.settings,
        parameters: &job.parameters,
        script: &mut job.script,
        candles,
        warm: job.data.first_warm(),
    };
    // Where the script acts there is something to compare.
    let acts = outcome.trades.first().map(|trade| candles.first_at_or_after(trade.entry_time));
    let prefixes = proof.prefixes(acts)?;
    let warm_up = proof.warm_up()?;
    let failed = prefixes.is_err() || warm_up.is_err();
    for (name, result) in [("look-ahead", prefixes), ("warm-up", warm_up)] {
        let (mark, text) = match result {
            Ok(text) => ("proved", text),
            Err(text) => ("FAILED", text),
        };
        let _ = writeln!(out, "{name:<11} {mark}: {text}");
    }
    print(&out)?;
    if failed {
        return Err(Failure::new(Exit::Script, format!("{}: a proof failed, see above", job.script.path())));
    }
    Ok(())
}

fn describe(job: &Job, out: &mut String) {
    let script = &job.script;
    let _ = writeln!(out, "{}", script.path());
    for line in script.source().lines().map_while(|line| line.strip_prefix("//!")) {
        let _ = writeln!(out, "  {}", line.trim());
    }
    let _ = writeln!(out, "\nparameters");
    let base = base_parameters();
    let is_untouched =
        |entry: &Parameter| base.iter().any(|base| base.name == entry.name && base.value == entry.value);
    for entry in job.parameters.entries().iter().filter(|entry| !is_untouched(entry)) {
        let changed = entry.value != entry.default;
        let value = if changed {
            format!("{} (default {})", entry.value, entry.default)
        } else {
            entry.value.to_string()
        };
        let _ = writeln!(out, "  {:<26} {value:<8}  {}", entry.name, entry.kind);
    }
    let _ = writeln!(out, "declares");
    for (name, declared) in script.declared() {
        let what = match declared {
            DeclaredAs::Series(expression) => expression,
            DeclaredAs::Multi(spec) => format!("{spec}: {}", spec.definition.fields.join(", ")),
            DeclaredAs::Slot(slot) => format!("state, {}", slot_text(slot)),
            DeclaredAs::Off => "off with these parameters".to_owned(),
        };
        let _ = writeln!(out, "  {name:<26} {what}");
    }
    let _ = writeln!(out, "\nfirst call  on candle {} of the data", job.data.first_warm() + 1);
    let _ = writeln!(out, "tier        {TIER}");
}

fn slot_text(slot: crate::script::Slot) -> String {
    use crate::script::Slot;
    match slot {
        Slot::Int(value) => format!("a whole number, {value} at first"),
        Slot::Float(value) => format!("a number, {value} at first"),
        Slot::Bool(value) => format!("true or false, {value} at first"),
    }
}

/// A strategy whose decisions are kept.
struct Watched<'a> {
    script: &'a mut Script,
    /// Row − first row, and what was asked.
    decisions: Vec<(usize, Intents)>,
}

impl Strategy for Watched<'_> {
    fn on_candle(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        self.script.on_candle(data, moment, intents)?;
        if intents.touched {
            // What it asked for; what it logged or plotted is no decision, and may well depend on the past.
            let asked = Intents { logs: Vec::new(), plots: Vec::new(), ..intents.clone() };
            if asked != (Intents { touched: true, ..Intents::default() }) {
                self.decisions.push((moment.index, asked));
            }
        }
        Ok(())
    }

    fn on_fill(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        fill: &Fill,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        self.script.on_fill(data, moment, fill, intents)
    }

    fn on_exit(
        &mut self,
        data: &DataHandler,
        moment: &Moment<'_>,
        trade: &Trade,
        intents: &mut Intents,
    ) -> Result<(), StrategyFault> {
        self.script.on_exit(data, moment, trade, intents)
    }

    fn has_fill_handlers(&self) -> bool {
        self.script.has_fill_handlers()
    }
}

struct Proof<'a> {
    settings: &'a Settings,
    parameters: &'a Parameters,
    script: &'a mut Script,
    candles: &'a Candles,
    warm: usize,
}

type Verdict = Result<String, String>;

impl Proof<'_> {
    /// Decisions on the candles in `all`, deciding from row `from` of them on.
    fn decisions(&mut self, all: Range<usize>, from: usize) -> Result<Vec<(usize, Intents)>, Failure> {
        self.script.prepare(self.parameters)?;
        let candles = Arc::new(self.candles.slice(all));
        let data = self.script.data(&self.settings.rules, &ColumnCache::new(candles.clone()));
        let mut watched = Watched { script: self.script, decisions: Vec::new() };
        let rows = from..candles.len();
        Backtest { settings: self.settings, data: &data, rows, detail: None }.run(&mut watched)?;
        Ok(watched.decisions)
    }

    /// Decisions on every prefix of a stretch equal those on the whole stretch.
    fn prefixes(&mut self, acts: Option<usize>) -> Result<Verdict, Failure> {
        let rows = self.candles.len();
        if rows <= self.warm + 1 {
            return Ok(Err(format!("{rows} candles are too few: none has all indicators and one after it")));
        }
        let around = acts.unwrap_or(rows / 2).saturating_sub(self.warm + PREFIXES / 3);
        let start = around.min(rows.saturating_sub(self.warm + PREFIXES));
        let end = (start + self.warm + PREFIXES).min(rows);
        let whole = self.decisions(start..end, 0)?;
        let mut proved = 0;
        for prefix in start + self.warm + 1..end {
            let decided = self.decisions(start..prefix, 0)?;
            let same = whole.iter().filter(|(index, _)| start + index < prefix);
            if let Some(index) = first_difference(&decided, same) {
                let time = iso(self.candles.close_time[start + index]);
                return Ok(Err(format!(
                    "the decision at {time} is another one when the candles end at {}: the script or an indicator looks ahead",
                    iso(self.candles.close_time[prefix - 1])
                )));
            }
            proved += 1;
        }
        if whole.is_empty() {
            return Ok(Ok(format!(
                "{proved} prefixes were run, but the script asked for nothing there to compare"
            )));
        }
        Ok(Ok(format!("decisions on {proved} prefixes equal those on the whole ({} decisions)", whole.len())))
    }

    /// A longer warm-up than needed changes nothing.
    fn warm_up(&mut self) -> Result<Verdict, Failure> {
        let rows = self.candles.len();
        let decided = DECIDED.min(rows / 4);
        let start = rows - decided;
        if start <= self.warm {
            return Ok(Err(format!("{rows} candles are too few for a warm-up of {}", self.warm)));
        }
        let whole = self.decisions(0..rows, start)?;
        if whole.is_empty() {
            return Ok(Ok(
                "the script asked for nothing in the last candles, so nothing depends on it".to_owned()
            ));
        }
        let mut warm = self.warm.max(1);
        loop {
            let from = start - warm;
            let decisions = self.decisions(from..rows, warm)?;
            let Some(index) = first_difference(&decisions, whole.iter()) else {
                return Ok(Ok(format!(
                    "{} candles are enough: {} decisions equal those after {} candles",
                    grouped(warm as f64, 0),
                    whole.len(),
                    grouped(start as f64, 0),
                )));
            };
            if warm * 2 > start {
                return Ok(Err(format!(
                    "the decision at {} still depends on whether {} or {} candles came before",
                    iso(self.candles.close_time[start + index]),
                    grouped(warm as f64, 0),
                    grouped(start as f64, 0),
                )));
            }
            warm *= 2;
        }
    }
}

/// Index of the first decision that differs.
fn first_difference<'a>(
    a: &[(usize, Intents)],
    b: impl Iterator<Item = &'a (usize, Intents)>,
) -> Option<usize> {
    let mut a = a.iter();
    for theirs in b {
        match a.next() {
            Some(ours) if ours == theirs => {}
            Some(ours) => return Some(ours.0.min(theirs.0)),
            None => return Some(theirs.0),
        }
    }
    a.next().map(|(index, _)| *index)
}
