//! `mista verify`: run a result again, and say whether it still is the same.

use super::{Exit, Failure, print};
use crate::job::{Capsule, RecipeError, VerifyError};
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
    let mut different = 0;
    for path in &arguments.results {
        let difference = difference(path)?;
        different += usize::from(difference.is_some());
        let text = match (&difference, arguments.json) {
            (difference, true) => {
                json!({ "result": path, "equal": difference.is_none(), "difference": difference }).to_string()
            }
            (None, false) => format!("equal      {}", path.display()),
            (Some(difference), false) => format!("different  {}: {difference}", path.display()),
        };
        print(&format!("{text}\n"))?;
    }
    match different {
        0 => Ok(()),
        1 if arguments.results.len() == 1 => {
            Err(Failure::new(Exit::Failed, "the result cannot be reproduced"))
        }
        count => {
            let all = arguments.results.len();
            Err(Failure::new(Exit::Failed, format!("{count} of {all} results cannot be reproduced")))
        }
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
    let difference =
        capsule.difference(&result).map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    let version = env!("CARGO_PKG_VERSION");
    Ok(difference.map(|difference| match capsule.recipe.version == version {
        true => difference,
        false => {
            format!("{difference} (it was written by version {}, this is {version})", capsule.recipe.version)
        }
    }))
}
