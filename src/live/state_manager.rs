//! The files of one bot: a snapshot of its state, the journal of what happened since, and a lock so that no
//! second trader has the same name.
//!
//! | file | |
//! |---|---|
//! | `{bot}.json` | the snapshot: one line of JSON with version and checksum |
//! | `{bot}.json.previous` | the good one before it |
//! | `{bot}.json.new` | the next one, while it is being written |
//! | `{bot}.json.damaged` | one that could not be read, kept when a new one took its place |
//! | `{bot}.journal` | see [`journal`](super::journal) |
//! | `{bot}.journal.torn` | what was half written when a trader was killed |
//! | `{bot}.lock` | locked while a trader runs; holds its process id |
//!
//! At every moment at least one good snapshot is there, if ever there was one.

use super::journal::{FileError, Journal, JournalError, Opened, sync_folder, with_ending};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Version of the snapshot's form.
pub const VERSION: u32 = 1;

/// Letters of a bot's name at most.
pub const BOT_NAME_MAX: usize = 24;

#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error(
        "\"{0}\" cannot be the name of a bot: take 1 to {BOT_NAME_MAX} letters, digits, _ or -, as the name \
         becomes part of file names and order ids"
    )]
    Name(String),
    #[error(
        "another trader named {bot} runs already ({}): stop it, or give this one another name",
        process(*pid)
    )]
    Running { bot: String, pid: Option<u32> },
    /// No file of this bot is there.
    #[error("{}: there is no bot of this name", .0.display())]
    Absent(PathBuf),
    /// There is a journal and no snapshot: the bot ended before it wrote its first one. The state is rebuilt from
    /// the journal.
    #[error("{}: there is no state file yet; its journal says everything", .0.display())]
    JournalOnly(PathBuf),
    /// No good snapshot. The journal alone is enough to rebuild the state.
    #[error("{}: {why}. The state is to be rebuilt from the journal", path.display())]
    Damaged { path: PathBuf, why: String },
    #[error(
        "{}: it was written in version {found} by mista {program}, this is mista {}, which reads version \
         {VERSION}: go on with the one that wrote it, or with another bot name",
        path.display(), env!("CARGO_PKG_VERSION")
    )]
    Version { path: PathBuf, found: u32, program: String },
    /// The fault of who saves: what was not written could not have been read.
    #[error("{}: this state cannot be written so that it can be read again: {why}", path.display())]
    State { path: PathBuf, why: String },
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(transparent)]
    File(#[from] FileError),
}

fn process(pid: Option<u32>) -> String {
    pid.map_or("its process is not known".to_owned(), |pid| format!("process {pid}"))
}

/// A snapshot as read.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded<T> {
    pub state: T,
    /// Wall clock, ms since 1970.
    pub saved_at: i64,
    /// How many records of the journal it includes.
    pub records: u64,
    /// Version of the mista that wrote it.
    pub program: String,
    /// What is to be said about it.
    pub note: Option<String>,
}

/// Where the files of a bot are; whether they are is another question.
#[derive(Debug, Clone)]
pub struct Files {
    folder: PathBuf,
    bot: String,
}

impl Files {
    pub fn new(folder: &Path, bot: &str) -> Result<Files, StateError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if bot.is_empty() || bot.len() > BOT_NAME_MAX || !bot.chars().all(fits) {
            return Err(StateError::Name(bot.to_owned()));
        }
        Ok(Files { folder: folder.to_owned(), bot: bot.to_owned() })
    }

    pub fn bot(&self) -> &str {
        &self.bot
    }

    pub fn snapshot(&self) -> PathBuf {
        self.folder.join(format!("{}.json", self.bot))
    }

    pub fn previous(&self) -> PathBuf {
        with_ending(&self.snapshot(), ".previous")
    }

    fn new_snapshot(&self) -> PathBuf {
        with_ending(&self.snapshot(), ".new")
    }

    pub fn journal(&self) -> PathBuf {
        self.folder.join(format!("{}.journal", self.bot))
    }

    fn lock(&self) -> PathBuf {
        self.folder.join(format!("{}.lock", self.bot))
    }

    /// Reads the snapshot, or the previous one if it is no good. Changes nothing and needs no lock.
    pub fn load<T: DeserializeOwned>(&self) -> Result<Loaded<T>, StateError> {
        let (path, previous) = (self.snapshot(), self.previous());
        let why = match read_snapshot::<T>(&path)? {
            Found::Good(loaded) => return Ok(loaded),
            Found::Bad(why) => Some(why),
            Found::Missing => None,
        };
        let before = read_snapshot::<T>(&previous)?;
        if let Found::Good(loaded) = before {
            let why = why.as_deref().unwrap_or("it is missing, as when the trader ended while it saved");
            let note = format!("{}: {why}. Taken instead: {}", path.display(), previous.display());
            return Ok(Loaded { note: Some(note), ..loaded });
        }
        let why = match (why, before) {
            (Some(why), Found::Bad(before)) => {
                format!("{why}; the one before it, {}, too: {before}", previous.display())
            }
            (Some(why), _) => format!("{why}; there is none before it"),
            (None, Found::Bad(before)) => {
                format!("it is missing; the one before it, {}: {before}", previous.display())
            }
            (None, _) if is_there(&self.journal())? => return Err(StateError::JournalOnly(path)),
            (None, _) if is_there(&self.new_snapshot())? => {
                "it is missing; the first one was never finished".to_owned()
            }
            (None, _) => return Err(StateError::Absent(path)),
        };
        Err(StateError::Damaged { path, why })
    }
}

fn is_there(path: &Path) -> Result<bool, FileError> {
    path.try_exists().map_err(FileError::of(path, "look for it"))
}

/// The process that runs a trader of this name, if one does; 0 if it does not say which.
pub fn is_running(folder: &Path, bot: &str) -> Option<u32> {
    let path = Files::new(folder, bot).ok()?.lock();
    let mut file = File::open(path).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(pid_in(&mut file).unwrap_or(0)),
        // Let go at once, with the file.
        _ => None,
    }
}

/// Owns the files of one bot until it is dropped.
#[derive(Debug)]
pub struct StateManager {
    files: Files,
    /// Locked.
    _lock: File,
}

impl StateManager {
    /// Makes the folder if it is not there, and locks the name. Nothing is read yet.
    pub fn open(folder: &Path, bot: &str) -> Result<StateManager, StateError> {
        let files = Files::new(folder, bot)?;
        fs::create_dir_all(folder).map_err(FileError::of(folder, "make the folder"))?;
        let lock = lock(&files)?;
        Ok(StateManager { files, _lock: lock })
    }

    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Begins anew: what there is of an earlier session is renamed, over what was put aside before.
    pub fn put_aside(&mut self) -> Result<(), StateError> {
        for path in [self.files.journal(), self.files.snapshot(), self.files.previous()] {
            if is_there(&path)? {
                fs::rename(&path, with_ending(&path, ".old")).map_err(FileError::of(&path, "rename it"))?;
            }
        }
        Ok(())
    }

    /// See [`Files::load`].
    pub fn load<T: DeserializeOwned>(&self) -> Result<Loaded<T>, StateError> {
        self.files.load()
    }

    /// Opens the journal, or begins it. `least` is how many records it must have: what the snapshot includes.
    pub fn open_journal<R>(&self, least: u64) -> Result<(Journal<R>, Opened<R>), StateError>
    where
        R: Serialize + DeserializeOwned,
    {
        let path = self.files.journal();
        match Journal::open_with(&path, least) {
            Err(JournalError::Missing(_)) if least == 0 => {
                Ok((Journal::create(&path)?, Opened { records: Vec::new(), cut: None }))
            }
            Err(JournalError::Missing(path)) => Err(JournalError::Short { path, has: 0, least }.into()),
            opened => Ok(opened?),
        }
    }

    /// Saves the state that all records of `journal` led to, at `saved_at` ms of the wall clock. The records are
    /// on the disk before the state is.
    pub fn save<R, T>(&mut self, journal: &mut Journal<R>, saved_at: i64, state: &T) -> Result<(), StateError>
    where
        R: Serialize + DeserializeOwned,
        T: Serialize + DeserializeOwned,
    {
        journal.sync()?;
        let (path, new) = (self.files.snapshot(), self.files.new_snapshot());
        let bytes = written(saved_at, journal.records(), state)
            .map_err(|why| StateError::State { path: path.clone(), why: why.to_string() })?;
        let write = || {
            let mut file = File::create(&new)?;
            file.write_all(&bytes)?;
            file.sync_all()
        };
        write().map_err(FileError::of(&new, "write it"))?;
        // One that is no good must not take the place of a good one before it.
        let aside = match read_snapshot::<serde::de::IgnoredAny>(&path) {
            Ok(Found::Good(_)) => Some(self.files.previous()),
            Ok(Found::Bad(_)) => Some(with_ending(&path, ".damaged")),
            Ok(Found::Missing) => None,
            Err(error) => return Err(error),
        };
        if let Some(aside) = aside {
            fs::rename(&path, &aside).map_err(FileError::of(&path, "rename it"))?;
        }
        fs::rename(&new, &path).map_err(FileError::of(&new, "rename it"))?;
        Ok(sync_folder(&path)?)
    }
}

fn lock(files: &Files) -> Result<File, StateError> {
    let path = files.lock();
    let failed = |doing| FileError::of(&path, doing);
    let file = File::options().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = file.map_err(failed("create it"))?;
    // Who only asks whether it is locked locks it for a moment.
    for attempt in 1.. {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if attempt < 5 => std::thread::sleep(Duration::from_millis(20)),
            Err(TryLockError::WouldBlock) => {
                return Err(StateError::Running { bot: files.bot.clone(), pid: pid_in(&mut file) });
            }
            Err(TryLockError::Error(error)) => return Err(failed("lock it")(error).into()),
        }
    }
    let pid = std::process::id().to_string();
    let write = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(pid.as_bytes())
    };
    write(&mut file).map_err(failed("write it"))?;
    Ok(file)
}

fn pid_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

/// What snapshots of every version have, beside their checksum.
#[derive(Deserialize)]
struct Head {
    version: u32,
    program: String,
}

/// The rest of one of this version.
#[derive(Deserialize)]
struct Body<'a> {
    saved_at: i64,
    records: u64,
    #[serde(borrow)]
    state: &'a RawValue,
}

const SHA256: &str = ",\"sha256\":\"";

/// The bytes of a snapshot. The checksum is that of all the others, less its own field: whatever the version,
/// that stays so.
fn written<T: Serialize + DeserializeOwned>(
    saved_at: i64,
    records: u64,
    state: &T,
) -> serde_json::Result<Vec<u8>> {
    let state = serde_json::to_string(state)?;
    // JSON has no word for a number that is none. Better to hear of it now than at the next start.
    serde_json::from_str::<T>(&state)?;
    let program = serde_json::to_string(env!("CARGO_PKG_VERSION"))?;
    let head = format!(
        "{{\"version\":{VERSION},\"program\":{program},\"saved_at\":{saved_at},\"records\":{records}"
    );
    let tail = format!(",\"state\":{state}}}\n");
    let sum = checksum(head.as_bytes(), tail.as_bytes());
    Ok(format!("{head}{SHA256}{sum}\"{tail}").into_bytes())
}

fn checksum(head: &[u8], tail: &[u8]) -> String {
    let digest = Sha256::new().chain_update(head).chain_update(tail).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

enum Found<T> {
    Good(Loaded<T>),
    /// Why it cannot be used.
    Bad(String),
    Missing,
}

fn read_snapshot<T: DeserializeOwned>(path: &Path) -> Result<Found<T>, StateError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
        Err(error) => return Err(FileError::of(path, "read it")(error).into()),
    };
    if !is_whole(&bytes) {
        return Ok(Found::Bad(match bytes.iter().all(|byte| *byte == 0) {
            true if bytes.is_empty() => "it is empty".to_owned(),
            true => "it is all zeros, as a power loss may leave it".to_owned(),
            false => "its checksum is wrong: it was damaged or edited".to_owned(),
        }));
    }
    let foreign = |error| format!("its checksum is right, but it is no state file: {error}");
    let Head { version, program } = match serde_json::from_slice(&bytes) {
        Ok(head) => head,
        Err(error) => return Ok(Found::Bad(foreign(error))),
    };
    if version != VERSION {
        return Err(StateError::Version { path: path.to_owned(), found: version, program });
    }
    let Body { saved_at, records, state } = match serde_json::from_slice(&bytes) {
        Ok(body) => body,
        Err(error) => return Ok(Found::Bad(foreign(error))),
    };
    Ok(match serde_json::from_str(state.get()) {
        Ok(state) => Found::Good(Loaded { state, saved_at, records, program, note: None }),
        Err(error) => Found::Bad(format!("its checksum is right, but mista cannot read the state: {error}")),
    })
}

/// Whether the checksum is right.
fn is_whole(bytes: &[u8]) -> bool {
    let at = bytes.windows(SHA256.len()).position(|window| window == SHA256.as_bytes());
    let split = || {
        let (head, rest) = bytes.split_at_checked(at?)?;
        let (sum, tail) = rest.get(SHA256.len()..)?.split_at_checked(64)?;
        Some((head, sum, tail.strip_prefix(b"\"")?))
    };
    split().is_some_and(|(head, sum, tail)| checksum(head, tail).as_bytes() == sum)
}
