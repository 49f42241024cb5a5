//! `mista replay`: whether a session comes out the same again.

use super::{Exit, Failure, print};
use crate::live::replay::{ReplayError, replay as run};
use crate::live::state_manager::Files;
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
    /// Print one line of JSON instead of the text
    #[arg(long)]
    json: bool,
}

pub fn replay(arguments: &ReplayArguments) -> Result<(), Failure> {
    let path = match arguments.session.contains(['/', '\\', '.']) {
        true => Path::new(&arguments.session).to_owned(),
        false => match Files::new(&arguments.state, &arguments.session) {
            Ok(files) => files.journal(),
            Err(error) => return Err(Failure::new(Exit::Usage, error.to_string())),
        },
    };
    let replayed = run(&path).map_err(|error| match error {
        ReplayError::Recovery(error) => Failure::new(Exit::Failed, format!("{}: {error}", path.display())),
        error => Failure::new(Exit::Data, error.to_string()),
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
