//! `mista check`: what a compiler would say about a script, a run over candles, and two proofs that it does
//! not look ahead.

use super::arguments::JobArguments;
use super::{Exit, Failure, print};
use crate::job::{Job, Proof};
use crate::report::number::grouped;
use crate::script::{DeclaredAs, Parameter, base_parameters};
use clap::Args;
use std::fmt::Write;
use std::io::IsTerminal;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct CheckArguments {
    /// The strategy, such as strategies/breakout.rhai
    script: PathBuf,
    #[command(flatten)]
    job: JobArguments,
}

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
    // Those after --end do not exist.
    let candles = &job.candles().slice(0..job.setup.rows.end);
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
    let _ = writeln!(out, "tier        {}", script.tier());
}

fn slot_text(slot: crate::script::Slot) -> String {
    use crate::script::Slot;
    match slot {
        Slot::Int(value) => format!("a whole number, {value} at first"),
        Slot::Float(value) => format!("a number, {value} at first"),
        Slot::Bool(value) => format!("true or false, {value} at first"),
    }
}
