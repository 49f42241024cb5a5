//! `mista run --watch`: run again on every save, and print what changed in the result.

use super::run::{RunArguments, once};
use super::{Exit, Failure, complain};
use crate::report::Metrics;
use crate::saves::Saves;

pub fn watch(arguments: &RunArguments) -> Result<(), Failure> {
    let failed =
        |error: notify::Error| Failure::new(Exit::Failed, format!("cannot watch for saves: {error}"));
    let mut saves = Saves::start().map_err(failed)?;
    let mut last: Option<Metrics> = None;
    loop {
        let mut used = match once(arguments, last.as_ref()) {
            Ok((metrics, used)) => {
                last = Some(metrics);
                used
            }
            Err(failure) => {
                complain(&failure.message);
                vec![arguments.script.clone()]
            }
        };
        used.extend([&arguments.job.config, &arguments.job.params].into_iter().flatten().cloned());
        saves.watch(used.iter().map(|file| file.as_path()));
        complain(&format!("watching {}: save to run again, Ctrl-C to stop", arguments.script.display()));
        saves.wait();
    }
}
