//! `mista verify`: run a result again, and say whether it still is the same.

use super::{Exit, Failure, print};
use crate::job::{Capsule, RecipeError, VerifyError};
use crate::optimize::BestParams;
use clap::Args;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// A report (.html), the output of `--json` (.json), or best parameters (.yaml)
    #[arg(required = true, value_name = "RESULT")]
    results: Vec<PathBuf>,
    /// Print JSON, an object for each result
    #[arg(long)]
    json: bool,
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Recipe(RecipeError::Job(error)) => error.into(),
            error => Failure::new(Exit::Usage, error.to_string()),
        }
    }
}

pub fn verify(arguments: &VerifyArguments) -> Result<(), Failure> {
    let (mut different, all) = (0, arguments.results.len());
    for path in &arguments.results {
        let difference = match difference(path).map_err(|failure| failure.about(path)) {
            Err(failure) if all == 1 => return Err(failure),
            // One that cannot be run does not stop the others.
            difference => difference,
        };
        different += usize::from(!matches!(difference, Ok(None)));
        let text = match (&difference, arguments.json) {
            (Ok(difference), true) => {
                json!({ "result": path.display().to_string(), "equal": difference.is_none(), "difference": difference }).to_string()
            }
            (Err(failure), true) => {
                json!({ "result": path.display().to_string(), "equal": false, "error": failure.message }).to_string()
            }
            (Ok(None), false) => format!("equal      {}", path.display()),
            (Ok(Some(difference)), false) => format!("different  {}: {difference}", path.display()),
            (Err(failure), false) => format!("unusable   {}", failure.message),
        };
        print(&format!("{text}\n"))?;
    }
    match different {
        0 => Ok(()),
        1 if all == 1 => Err(Failure::new(Exit::Failed, "the result cannot be reproduced")),
        count => Err(Failure::new(Exit::Failed, format!("{count} of {all} results cannot be reproduced"))),
    }
}

/// What differs; a file that has changed is a difference too.
fn difference(path: &std::path::Path) -> Result<Option<String>, Failure> {
    let capsule = Capsule::load(path)?;
    let mut job = match capsule.recipe.job() {
        Ok(job) => job,
        Err(error @ (RecipeError::Script { .. } | RecipeError::Data { .. })) => {
            return Ok(Some(error.to_string()));
        }
        Err(error) => return Err(VerifyError::from(error).into()),
    };
    let result = job.result()?;
    let mut difference =
        capsule.difference(&result).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    // Best parameters say more than the run shows.
    if difference.is_none() && std::fs::read_to_string(path).is_ok_and(|text| BestParams::is_edited(&text)) {
        let text = "the run is equal, but the file was edited: its checksum does not fit";
        difference = Some(text.to_owned());
    }
    let version = env!("CARGO_PKG_VERSION");
    Ok(difference.map(|difference| match capsule.recipe.version == version {
        true => difference,
        false => {
            format!("{difference} (it was written by version {}, this is {version})", capsule.recipe.version)
        }
    }))
}
