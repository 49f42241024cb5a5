//! `mista optimize merge`: shards of one search into the result that one machine gives.

use super::Output;
use super::finish::{self, Paths, finish};
use crate::cli::outputs::{Named, check};
use crate::cli::{Exit, Failure};
use crate::optimize::Study;
use crate::optimize::trials::{Trials, foreign};
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct MergeArguments {
    /// The shard files, all of them, in any order
    #[arg(required = true, value_name = "SHARDS")]
    shards: Vec<PathBuf>,
    /// Write a row per combination to OUT/details
    #[arg(long)]
    save_details: bool,
    #[command(flatten)]
    output: Output,
}

pub fn merge(arguments: &MergeArguments) -> Result<(), Failure> {
    let usage = |message: String| Failure::new(Exit::Usage, message);
    let mut files = arguments.shards.iter().map(|path| Trials::open(path)).collect::<Result<Vec<_>, _>>()?;
    files.sort_by_key(|file| file.header.shard.index);
    let Some((first, others)) = files.split_first() else {
        return Err(usage("name the shards to merge".to_owned()));
    };
    for other in others {
        if let Some(difference) = foreign(&first.header, &other.header) {
            return Err(usage(format!(
                "{} and {} are not shards of one search: {difference}",
                first.path.display(),
                other.path.display()
            )));
        }
    }
    for pair in files.windows(2) {
        if pair[0].header.shard == pair[1].header.shard {
            let (a, b) = (pair[0].path.display(), pair[1].path.display());
            return Err(usage(format!("{a} and {b} are both shard {}: name one", pair[0].header.shard)));
        }
    }
    let of = first.header.shard.of;
    let there: Vec<u64> = files.iter().map(|file| file.header.shard.index).collect();
    let missing: Vec<String> =
        (1..=of).filter(|index| !there.contains(index)).map(|index| format!("{index}/{of}")).collect();
    if !missing.is_empty() {
        let (s, are) = if missing.len() == 1 { ("", "is") } else { ("s", "are") };
        let more =
            if missing.len() > 10 { format!(" and {} more", missing.len() - 10) } else { String::new() };
        let list = missing[..missing.len().min(10)].join(", ");
        let list = format!("{list}{more}");
        return Err(usage(format!(
            "shard{s} {list} {are} missing: run {list} with --shard, or name the file{s}"
        )));
    }
    let study = Study::new(first.header.plan.clone(), None)?;
    let mut inputs: Vec<Named<'_>> = files.iter().map(|file| ("a shard", file.path.as_path())).collect();
    inputs.push(("the script", &study.plan.recipe.script));
    inputs.extend(study.setup.market.files());
    check(&Paths::of(&study, &arguments.output.out).named(arguments.save_details), &inputs)?;
    let finished = finish(&study, &files, &arguments.output.out, arguments.save_details, false);
    finish::report(&[(study.plan.recipe.strategy.clone(), finished)], &arguments.output, false)
}
