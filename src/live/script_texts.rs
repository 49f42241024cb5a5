//! Every script that was in force, kept beside the journal, so that a session can be recovered and replayed
//! whatever became of the files since.

use crate::script::{Script, ScriptError, Texts};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A folder with one folder for each script, named by its hash: `script.rhai`, and below `imports` what it
/// imports.
#[derive(Debug, Clone)]
pub struct ScriptTexts {
    folder: PathBuf,
}

#[derive(Debug, thiserror::Error)]
pub enum ScriptTextsError {
    #[error("{}: cannot keep the script: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error("{}: cannot read the script that was in force: {error}", path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error(
        "{}: this is not the script that was in force, its hash is another one: was it edited? Put {} back from a copy, or move the state away and start anew",
        path.display(),
        path.display()
    )]
    Damaged { path: PathBuf },
    #[error("`{0}` is not the hash of a script")]
    NoHash(String),
    #[error(transparent)]
    Script(#[from] ScriptError),
}

const MAIN: &str = "script.rhai";
const IMPORTS: &str = "imports";

impl ScriptTexts {
    /// `{state_folder}/{bot}.scripts`; made when something is kept.
    pub fn new(state_folder: &Path, bot: &str) -> ScriptTexts {
        ScriptTexts { folder: state_folder.join(format!("{bot}.scripts")) }
    }

    /// Keeps a script and returns its hash. When it returns, the texts are on the disk. One that is there is left,
    /// one that is damaged is replaced.
    pub fn store(&self, texts: &Texts) -> Result<String, ScriptTextsError> {
        let sha256 = texts.sha256();
        let place = self.folder.join(&sha256);
        if self.texts(&sha256, &texts.path).is_ok_and(|kept| kept == *texts) {
            return Ok(sha256);
        }
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let new = self.folder.join(format!(".{sha256}-{}-{count}.tmp", std::process::id()));
        let done = write_all(&new, texts).and_then(|()| {
            if place.exists() {
                fs::remove_dir_all(&place)?;
            }
            fs::rename(&new, &place)?;
            sync_folder(&self.folder)?;
            self.folder.parent().map_or(Ok(()), sync_folder)
        });
        done.map_err(|error| {
            // Already failing: the first error is the one to report.
            let _ = fs::remove_dir_all(&new);
            ScriptTextsError::Write { path: place, error }
        })?;
        Ok(sha256)
    }

    /// The script with this hash. `shown_path` is what messages call it.
    pub fn load(&self, sha256: &str, shown_path: &str) -> Result<Script, ScriptTextsError> {
        Ok(Script::of(&self.texts(sha256, shown_path)?)?)
    }

    /// The texts of the script with this hash.
    pub fn texts(&self, sha256: &str, shown_path: &str) -> Result<Texts, ScriptTextsError> {
        // It becomes a path, and comes from a file.
        if sha256.len() != 64 || !sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(ScriptTextsError::NoHash(sha256.to_owned()));
        }
        let place = self.folder.join(sha256);
        let failed = |path: &Path, error: io::Error| match error.kind() {
            // Not a text any more.
            ErrorKind::InvalidData => ScriptTextsError::Damaged { path: place.clone() },
            _ => ScriptTextsError::Read { path: path.to_owned(), error },
        };
        let main = place.join(MAIN);
        let source = fs::read_to_string(&main).map_err(|error| failed(&main, error))?;
        let mut imports = BTreeMap::new();
        let below = place.join(IMPORTS);
        if below.exists() {
            read_all(&below, &below, &mut imports).map_err(|error| failed(&below, error))?;
        }
        let texts = Texts { path: shown_path.to_owned(), source, imports };
        if texts.sha256() != sha256 {
            return Err(ScriptTextsError::Damaged { path: place });
        }
        Ok(texts)
    }
}

fn write_all(folder: &Path, texts: &Texts) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    write(&folder.join(MAIN), &texts.source)?;
    for (path, text) in &texts.imports {
        let file = folder.join(IMPORTS).join(path);
        let parent = file.parent().unwrap_or(folder);
        fs::create_dir_all(parent)?;
        write(&file, text)?;
        // The folders on the way down are new too.
        for above in parent.ancestors().take_while(|above| *above != folder) {
            sync_folder(above)?;
        }
    }
    sync_folder(folder)
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened as a file.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

fn read_all(folder: &Path, top: &Path, found: &mut BTreeMap<PathBuf, String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            read_all(&path, top, found)?;
        } else {
            let below = path.strip_prefix(top).unwrap_or(&path).to_owned();
            found.insert(below, fs::read_to_string(&path)?);
        }
    }
    Ok(())
}
