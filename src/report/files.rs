//! Writing files so that nobody ever reads half of one.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes `bytes` to `path`, creating parent folders: into a new file beside it, which then takes its name.
/// Readers see the old file or the new one, and so does whoever looks after a crash.
pub fn write_atomic(path: &Path, bytes: impl AsRef<[u8]>) -> io::Result<()> {
    // A device or a pipe is written to. Renaming would put a file in its place.
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return fs::OpenOptions::new().write(true).open(path)?.write_all(bytes.as_ref());
    }
    let mut file = NewFile::create(path)?;
    file.write_all(bytes.as_ref())?;
    file.commit()
}

/// A file that is being written beside the one it will replace; one that is not committed leaves nothing.
pub struct NewFile {
    path: PathBuf,
    temporary: PathBuf,
    file: BufWriter<File>,
    committed: bool,
}

impl NewFile {
    /// Creates parent folders.
    pub fn create(path: &Path) -> io::Result<NewFile> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let temporary = temporary_beside(folder, path)?;
        remove_abandoned(folder, path);
        let file = File::create(&temporary)?;
        // Says that somebody is writing it. Where files cannot be locked nothing is ever taken for abandoned.
        let _ = file.try_lock();
        let file = BufWriter::new(file);
        Ok(NewFile { path: path.to_owned(), temporary, file, committed: false })
    }

    /// Gives the file its name.
    pub fn commit(mut self) -> io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()?;
        fs::rename(&self.temporary, &self.path)?;
        self.committed = true;
        Ok(())
    }
}

impl Write for NewFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.committed {
            // Already failing: the first error is the one to report.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

fn temporary_beside(folder: &Path, path: &Path) -> io::Result<PathBuf> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut hidden = hidden_name(path).ok_or_else(|| {
        io::Error::new(io::ErrorKind::InvalidInput, format!("{} is not a file name", path.display()))
    })?;
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    hidden.push(format!("{}-{count}.tmp", std::process::id()));
    Ok(folder.join(hidden))
}

/// What the names of all temporary files of `path` begin with.
fn hidden_name(path: &Path) -> Option<OsString> {
    let mut hidden = OsString::from(".");
    hidden.push(path.file_name()?);
    hidden.push(".");
    Some(hidden)
}

/// Takes away what programs left that were killed while they wrote `path`.
fn remove_abandoned(folder: &Path, path: &Path) {
    let Some(hidden) = hidden_name(path) else { return };
    let is_one = |name: &OsStr| {
        let rest = name.as_encoded_bytes().strip_prefix(hidden.as_encoded_bytes());
        let numbers = rest.and_then(|rest| rest.strip_suffix(b".tmp"));
        numbers.is_some_and(|n| !n.is_empty() && n.iter().all(|b| b.is_ascii_digit() || *b == b'-'))
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        // Its writer holds a lock, which went with it if it was killed.
        let abandoned = || File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok());
        if is_one(&entry.file_name()) && abandoned() {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_replaces_and_leaves_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b/report.html");
        write_atomic(&path, "one").unwrap();
        write_atomic(&path, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_a_killed_program_left_is_taken_away_and_what_is_being_written_is_not() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("page.html");
        for name in [".page.html.123-0.tmp", ".page.html.x.tmp", ".other.html.123-0.tmp", ".page.html..tmp"] {
            fs::write(root.path().join(name), "half").unwrap();
        }
        let mut slow = NewFile::create(&path).unwrap();
        slow.write_all(b"slow").unwrap();
        write_atomic(&path, "fast").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "fast");
        slow.commit().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "slow");
        let mut left: Vec<_> = fs::read_dir(root.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".other.html.123-0.tmp", ".page.html..tmp", ".page.html.x.tmp", "page.html"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_device_stays_a_device() {
        write_atomic(Path::new("/dev/null"), "x").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_no_litter() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("taken")).unwrap();
        fs::write(root.path().join("taken/inside"), "kept").unwrap();
        assert!(write_atomic(&root.path().join("taken"), "x").is_err(), "a folder is in the way");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1);
        assert!(write_atomic(Path::new("/"), "x").is_err());
    }
}
