//! Files a run is to write, looked at before anything is computed: a run writes all of them or none, and
//! never over what it reads.

use super::{Exit, Failure};
use std::path::{Path, PathBuf};

/// A path and what it is for, as messages name it: `--trades`, `the script`.
pub type Named<'a> = (&'a str, &'a Path);

/// Refuses outputs that cannot be written, that are one file, or that would overwrite an input.
pub fn check(outputs: &[Named<'_>], inputs: &[Named<'_>]) -> Result<(), Failure> {
    for (index, &(flag, path)) in outputs.iter().enumerate() {
        if path.is_dir() {
            let message = format!("cannot write {}: it is a folder; name a file in it", path.display());
            return Err(Failure::new(Exit::Failed, message));
        }
        let above = path.ancestors().skip(1).find(|folder| folder.exists());
        if let Some(file) = above.filter(|folder| !folder.is_dir()) {
            let message = format!("cannot write {}: {} is not a folder", path.display(), file.display());
            return Err(Failure::new(Exit::Failed, message));
        }
        let Some(place) = file_at(path) else { continue };
        let same = |other: &&Named<'_>| file_at(other.1).is_some_and(|other| other == place);
        if let Some((other, _)) = outputs[..index].iter().find(same) {
            let message = format!("{other} and {flag} are the same file {}: name two", path.display());
            return Err(Failure::new(Exit::Usage, message));
        }
        if let Some((what, _)) = inputs.iter().find(same) {
            let message = format!("{flag} would overwrite {what}, {}: name another file", path.display());
            return Err(Failure::new(Exit::Usage, message));
        }
    }
    Ok(())
}

/// The beginning of a result file's name: words joined by `_`, safe in every file system.
pub fn file_stem(words: &[&str]) -> String {
    words.join("_").replace(|c: char| !c.is_ascii_alphanumeric() && c != '_', "-")
}

/// The file a path leads to, whether it is there yet or not; `None` for what is no file, such as /dev/null.
fn file_at(path: &Path) -> Option<PathBuf> {
    match path.canonicalize() {
        Ok(real) => real.is_file().then_some(real),
        Err(_) => {
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new("."));
            Some(folder.canonicalize().unwrap_or_else(|_| folder.to_owned()).join(path.file_name()?))
        }
    }
}
