//! `mista replay`: whether a session comes out the same again, and whether it is what a backtest says.

use super::bots::files;
use super::{Exit, Failure, print};
use crate::live::journal::JournalError;
use crate::live::parity::{Parity, ParityError, parity};
use crate::live::replay::{ReplayError, replay as run};
use crate::model::iso;
use crate::report::number::grouped;
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 the same, 1 not the same, 4 the journal cannot be read.")]
pub struct ReplayArguments {
    /// Name of a bot, or its journal
    session: String,
    /// Folder of the bots' files
    #[arg(long, value_name = "FOLDER", default_value = "results/state")]
    state: PathBuf,
    /// Compare with a backtest over the session's candles instead, candle by candle
    #[arg(long)]
    backtest: bool,
    /// Print one line of JSON instead of the text
    #[arg(long)]
    json: bool,
}

pub fn replay(arguments: &ReplayArguments) -> Result<(), Failure> {
    let path = match arguments.session.contains(['/', '\\', '.']) {
        true => Path::new(&arguments.session).to_owned(),
        false => files(&arguments.state, &arguments.session)?.journal(),
    };
    if arguments.backtest {
        return compare(&path, arguments.json);
    }
    let replayed = run(&path).map_err(|error| match error {
        ReplayError::Recovery(error) => Failure::new(Exit::Failed, format!("{}: {error}", path.display())),
        ReplayError::Journal(error) => unread(error),
    })?;
    let difference = replayed.difference.as_ref();
    if arguments.json {
        let line = serde_json::json!({
            "bot": replayed.bot,
            "records": replayed.records,
            "decisions": replayed.decisions,
            "trades": replayed.trades,
            "requests": replayed.requests,
            "restarts": replayed.restarts,
            "swaps": replayed.swaps,
            "same": difference.is_none(),
            "record": difference.map(|it| it.record),
            "candle": difference.and_then(|it| it.candle),
        });
        print(&format!("{line}\n"))?;
    } else {
        print(&format!(
            "{}: {} records, {} decisions, {} trades, {} requests; {} restarts, {} swaps\n",
            path.display(),
            replayed.records,
            replayed.decisions,
            replayed.trades,
            replayed.requests,
            replayed.restarts,
            replayed.swaps
        ))?;
    }
    match difference {
        None if arguments.json => Ok(()),
        None => print("every decision comes out the same\n"),
        Some(difference) => Err(Failure::new(Exit::Failed, format!("the first that does not: {difference}"))),
    }
}

/// A journal that cannot be read is no reason to look at the exchange: nobody is about to trade by it.
fn unread(error: JournalError) -> Failure {
    let text = match error {
        JournalError::Damaged { path, line, why } => format!("{}, line {line}: {why}", path.display()),
        error => error.to_string(),
    };
    Failure::new(Exit::Data, text)
}

/// Differences that are shown.
const SHOWN: usize = 20;

fn compare(path: &Path, json: bool) -> Result<(), Failure> {
    let found = parity(path).map_err(|error| match error {
        ParityError::Journal(error) => unread(error),
        error => Failure::new(Exit::Failed, format!("{}: {error}", path.display())),
    })?;
    let is_same = found.differences.is_empty();
    if json {
        let line = serde_json::to_string(&found).unwrap_or_default();
        print(&format!("{line}\n"))?;
    } else {
        print(&format!("{}: {}\n", path.display(), in_words(&found)))?;
    }
    if is_same {
        return Ok(());
    }
    let shown = found.differences.iter().take(SHOWN).map(|it| {
        format!(
            "  candle {}, {}: {} in the session, {} in the backtest\n",
            iso(it.candle),
            it.what,
            it.session,
            it.backtest
        )
    });
    let more = match found.differences.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!("  and {more} more"),
    };
    let text = format!("the session is not what a backtest says:\n{}{more}", shown.collect::<String>());
    Err(Failure::new(Exit::Failed, text.trim_end().to_owned()))
}

fn in_words(found: &Parity) -> String {
    let Parity { candles, decisions_compared, trades_compared, .. } = found;
    let many = |count: u64, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{} {what}s", grouped(count as f64, 0)),
    };
    let verdict = match found.differences.len() {
        0 => "the same as the backtest's".to_owned(),
        differences => many(differences as u64, "difference"),
    };
    let mut text = format!(
        "{}, {} and {}: {verdict}",
        many(*candles, "candle"),
        many(*decisions_compared, "decision"),
        many(*trades_compared, "trade")
    );
    let mut aside = Vec::new();
    if found.open_at_end > 0 {
        aside.push("a position that is still open".to_owned());
    }
    if found.asked_at_end > 0 {
        aside.push("what was asked at the last close".to_owned());
    }
    if !aside.is_empty() {
        text += &format!("; left aside: {}", aside.join(" and "));
    }
    if let Some((record, what)) = &found.ends_at {
        text += &format!("; compared up to record {record}, {what}");
    }
    text
}
