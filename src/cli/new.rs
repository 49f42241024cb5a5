//! `mista new`: a commented script to start from, and the snapshot test that guards its behaviour.

use super::{Exit, Failure, print, write};
use crate::config::Overrides;
use crate::job::{BUNDLED, Job};
use crate::report::journal::journal;
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub struct NewArguments {
    /// Name of the strategy: lower-case letters, digits and underscores
    name: String,
    /// Folder of the strategies
    #[arg(long, value_name = "FOLDER", default_value = "strategies")]
    folder: PathBuf,
    /// Folder of the snapshot tests
    #[arg(long, value_name = "FOLDER", default_value = "tests/strategies")]
    tests: PathBuf,
}

const SCRIPT: &str = include_str!("new_script.rhai");

pub fn new(arguments: &NewArguments) -> Result<(), Failure> {
    let name = &arguments.name;
    let fits = name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.len() <= 64
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !fits {
        let message = format!(
            "\"{name}\" is not a name for a strategy: start with a lower-case letter, then letters, digits and underscores"
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    let script = arguments.folder.join(format!("{name}.rhai"));
    let case = arguments.tests.join(format!("{name}.yaml"));
    let snapshot = arguments.tests.join(format!("{name}.snap"));
    for path in [&script, &case, &snapshot] {
        if path.exists() {
            let message =
                format!("{} exists already: choose another name, or remove it first", path.display());
            return Err(Failure::new(Exit::Usage, message));
        }
    }
    write(&script, SCRIPT.replace("NAME", name))?;
    let shown = script.display();
    let next =
        format!("\nnext:  mista check {shown}\n       mista run {shown}\n       mista run {shown} --watch\n");
    if !Path::new(BUNDLED).exists() {
        return print(&format!(
            "wrote {shown}\n(no snapshot test: the bundled candles {BUNDLED} are not here)\n{next}"
        ));
    }
    write(&case, case_text(name))?;
    write(&snapshot, snapshot_text(&behaviour(&script, &case)?))?;
    let case = case.display();
    print(&format!(
        "wrote {shown}\nwrote {case} and its snapshot: `cargo test` tells when the behaviour changes\n{next}"
    ))
}

fn case_text(name: &str) -> String {
    format!(
        "# What strategies/{name}.rhai does here must not change unnoticed. The keys are those of\n\
         # config/backtest.yaml. After a change you want: INSTA_UPDATE=always cargo test, and read the difference.\n\
         data: {BUNDLED}\nstart: 2023-01-01\nend: 2023-04-01\n"
    )
}

/// Trades and vetoes of the script in the case.
fn behaviour(script: &Path, case: &Path) -> Result<String, Failure> {
    let mut job = Job::load(script, Some(case), &Overrides::default())?;
    let (outcome, trace) = job.run()?;
    Ok(journal(&outcome, &trace, job.candles()))
}

/// A snapshot file as the tests read it.
fn snapshot_text(expected: &str) -> String {
    format!("---\nsource: tests/it/cases.rs\nexpression: behaviour\n---\n{expected}")
}
