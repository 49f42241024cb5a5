//! The journal: an append-only file of records, one line of JSON each, that says by itself whether it is whole.
//!
//! ```text
//! {"n":12,"at":1609718400123,"kind":"intent",...,"crc":"9ae0daaf"}
//! ```
//!
//! `n` counts from 1 without holes, `at` is the wall clock in ms as the caller gives it, `crc` is the CRC-32 of
//! all bytes of the line before `,"crc"`. Between them stand the fields of the record, which must serialise to
//! an object; fields named `n`, `at` or `crc` would hide these from other readers of JSON.
//!
//! What a kill or a power loss leaves is a line that was never finished, at the end: it is cut off. Anything
//! else that is wrong is damage, and nothing is changed then.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

/// An error of the file system, with the place and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{}: cannot {doing}: {source}{}", path.display(), remedy(source))]
pub struct FileError {
    pub path: PathBuf,
    /// A verb: write, read, lock.
    pub doing: &'static str,
    pub source: io::Error,
}

impl FileError {
    pub(super) fn of(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> FileError {
        move |source| FileError { path: path.to_owned(), doing, source }
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            ". Free space on that disk: what cannot be written down is not traded, so no entry is taken until then"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            ". The trader must be allowed to write there: what cannot be written down is not traded"
        }
        io::ErrorKind::NotADirectory => ". Part of that path is a file: name another folder",
        _ => "",
    }
}

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("{}: there is no such journal", .0.display())]
    Missing(PathBuf),
    #[error("{}: there is a journal already, and a new one would hide what it says: open it, or move it away", .0.display())]
    Exists(PathBuf),
    /// Not what a kill or a power loss leaves. Nothing was changed.
    #[error(
        "{}, line {line}: {why}. Nothing was changed. Put a good copy of the file in its place; if there is \
         none, look at the exchange for what is open, move all files of this bot away, and start it anew",
        path.display()
    )]
    Damaged { path: PathBuf, line: u64, why: String },
    /// Fewer records than are known to have been written. Nothing was changed.
    #[error(
        "{}: it has {has} records, but {least} are known to have been written. Nothing was changed. Put the \
         right file in its place; if there is none, look at the exchange for what is open, move all files of \
         this bot away, and start it anew",
        path.display()
    )]
    Short { path: PathBuf, has: u64, least: u64 },
    #[error(transparent)]
    File(#[from] FileError),
    /// It failed before in a way that leaves its end unknown.
    #[error("{}: a write failed before, and it is not known what of it is on the disk: start the trader again", .0.display())]
    Poisoned(PathBuf),
    /// The fault of who appends: what was not written could not have been read.
    #[error("{}: this record cannot be written so that it can be read again: {why}", path.display())]
    Record { path: PathBuf, why: String },
}

/// A record in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry<R> {
    /// From 1.
    pub n: u64,
    /// Wall clock, ms since 1970.
    pub at: i64,
    pub record: R,
}

/// What was half written at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    pub bytes: u64,
    /// From 1.
    pub line: u64,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {} of the journal was never finished: its {} bytes are left out",
            self.line, self.bytes
        )
    }
}

/// What is in a journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened<R> {
    pub records: Vec<Entry<R>>,
    pub cut: Option<Cut>,
}

/// A journal to append to. That nobody else does is seen to by the lock of
/// [`StateManager`](super::state_manager::StateManager).
#[derive(Debug)]
pub struct Journal<R> {
    path: PathBuf,
    /// In append mode.
    file: File,
    records: u64,
    /// Bytes of whole lines.
    length: u64,
    /// Whether anything may not be on the disk yet.
    unsynced: bool,
    poisoned: bool,
    line: Vec<u8>,
    kind: PhantomData<fn(&R) -> R>,
}

impl<R: Serialize + DeserializeOwned> Journal<R> {
    /// Begins a journal. Its folder is there already.
    pub fn create(path: &Path) -> Result<Journal<R>, JournalError> {
        let file = File::options().create_new(true).read(true).append(true).open(path);
        let file = file.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => JournalError::Exists(path.to_owned()),
            _ => FileError::of(path, "create it")(error).into(),
        })?;
        sync_folder(path)?;
        Ok(Journal::over(path, file, 0, 0))
    }

    /// Opens a journal and reads it. What was half written at its end is moved to `{path}.torn`.
    pub fn open(path: &Path) -> Result<(Journal<R>, Opened<R>), JournalError> {
        Journal::open_with(path, 0)
    }

    /// As [`open`](Journal::open), where at least `least` records are known to have been written.
    pub fn open_with(path: &Path, least: u64) -> Result<(Journal<R>, Opened<R>), JournalError> {
        let mut reader = Reader::open(path)?;
        let records = reader.by_ref().collect::<Result<Vec<_>, _>>()?;
        let (has, length) = (reader.records, reader.length);
        if has < least {
            return Err(JournalError::Short { path: path.to_owned(), has, least });
        }
        let file = File::options().read(true).append(true).open(path);
        let file = file.map_err(FileError::of(path, "open it for writing"))?;
        if reader.cut.is_some() {
            set_aside(path, &reader.torn)?;
            file.set_len(length).map_err(FileError::of(path, "cut off what was half written"))?;
            file.sync_all().map_err(FileError::of(path, "write it to the disk"))?;
        }
        Ok((Journal::over(path, file, has, length), Opened { records, cut: reader.cut }))
    }

    fn over(path: &Path, file: File, records: u64, length: u64) -> Journal<R> {
        // What a killed trader wrote may not be on the disk yet either.
        let (path, unsynced) = (path.to_owned(), true);
        Journal {
            path,
            file,
            records,
            length,
            unsynced,
            poisoned: false,
            line: Vec::new(),
            kind: PhantomData,
        }
    }

    /// Appends a record, at `at` ms of the wall clock: its number. It is with the operating system then, so a
    /// kill does not lose it; a power loss may, until [`sync`](Journal::sync).
    ///
    /// After an error the file is as it was before, or the journal takes nothing more.
    pub fn append(&mut self, at: i64, record: &R) -> Result<u64, JournalError> {
        if self.poisoned {
            return Err(JournalError::Poisoned(self.path.clone()));
        }
        let n = self.records + 1;
        self.line.clear();
        if let Err(why) = write_line(&mut self.line, n, at, record) {
            return Err(JournalError::Record { path: self.path.clone(), why });
        }
        self.unsynced = true;
        // One write for a line: no other line can come to stand in the middle of it.
        if let Err(error) = self.file.write_all(&self.line) {
            // Or the next line would go on where this one broke off.
            self.poisoned = self.file.set_len(self.length).is_err();
            return Err(FileError::of(&self.path, "write it")(error).into());
        }
        self.length += self.line.len() as u64;
        self.records = n;
        Ok(n)
    }

    /// Returns when all records are on the disk.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        if self.poisoned {
            return Err(JournalError::Poisoned(self.path.clone()));
        }
        if self.unsynced {
            // After a failure the system may forget what it could not write, and call the next attempt a success.
            self.poisoned = true;
            self.file.sync_data().map_err(FileError::of(&self.path, "write it to the disk"))?;
            (self.poisoned, self.unsynced) = (false, false);
        }
        Ok(())
    }

    /// How many records it has.
    pub fn records(&self) -> u64 {
        self.records
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Reads a journal and changes nothing, as is right for one that is being written. Its last line, if not whole,
/// is in `cut` and left out.
pub fn read<R: DeserializeOwned>(path: &Path) -> Result<Opened<R>, JournalError> {
    let mut reader = Reader::open(path)?;
    let records = reader.by_ref().collect::<Result<Vec<_>, _>>()?;
    Ok(Opened { records, cut: reader.cut })
}

/// The entries of a journal, one after the other; changes nothing. Ends after the first error.
#[derive(Debug)]
pub struct Reader<R> {
    path: PathBuf,
    file: BufReader<File>,
    records: u64,
    /// Bytes of whole lines.
    length: u64,
    cut: Option<Cut>,
    torn: Vec<u8>,
    ended: bool,
    line: Vec<u8>,
    kind: PhantomData<fn() -> R>,
}

impl<R: DeserializeOwned> Reader<R> {
    pub fn open(path: &Path) -> Result<Reader<R>, JournalError> {
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => JournalError::Missing(path.to_owned()),
            _ => FileError::of(path, "read it")(error).into(),
        })?;
        Ok(Reader {
            path: path.to_owned(),
            file: BufReader::with_capacity(1 << 16, file),
            records: 0,
            length: 0,
            cut: None,
            torn: Vec::new(),
            ended: false,
            line: Vec::new(),
            kind: PhantomData,
        })
    }

    /// What is half written at the end; known when all entries were read.
    pub fn cut(&self) -> Option<Cut> {
        self.cut
    }

    fn read(&mut self) -> Result<Option<Entry<R>>, JournalError> {
        self.line.clear();
        let failed = |error| FileError::of(&self.path, "read it")(error);
        let read = self.file.read_until(b'\n', &mut self.line).map_err(failed)?;
        if read == 0 {
            return Ok(None);
        }
        let n = self.records + 1;
        let damaged = |why: String| JournalError::Damaged { path: self.path.clone(), line: n, why };
        // A last line without its end may be being written at this moment, and be whole at the next.
        let whole = self.line.strip_suffix(b"\n").and_then(unsealed);
        let Some(head) = whole else {
            self.torn.clone_from(&self.line);
            if self.line.ends_with(b"\n") {
                self.file.read_to_end(&mut self.torn).map_err(failed)?;
            }
            if let Some(why) = damage(&self.torn, n) {
                return Err(damaged(why));
            }
            self.cut = Some(Cut { bytes: self.torn.len() as u64, line: n });
            return Ok(None);
        };
        let entry = parse(head).map_err(damaged)?;
        if entry.n != n {
            let why = format!("record {} stands where record {n} belongs", entry.n);
            return Err(damaged(why));
        }
        self.records = n;
        self.length += read as u64;
        Ok(Some(entry))
    }
}

impl<R: DeserializeOwned> Iterator for Reader<R> {
    type Item = Result<Entry<R>, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let entry = self.read().transpose();
        self.ended = !matches!(entry, Some(Ok(_)));
        entry
    }
}

/// Writes the line of a record.
fn write_line<R: Serialize + DeserializeOwned>(
    line: &mut Vec<u8>,
    n: u64,
    at: i64,
    record: &R,
) -> Result<(), String> {
    write!(line, "{{\"n\":{n},\"at\":{at}").map_err(|error| error.to_string())?;
    let start = line.len();
    serde_json::to_writer(&mut *line, record).map_err(|error| error.to_string())?;
    let written = line.get_mut(start..).unwrap_or_default();
    // JSON has no word for a number that is none. Better to hear of it now than at the next start.
    serde_json::from_slice::<R>(written).map_err(|error| error.to_string())?;
    if written.contains(&b'\n') {
        return Err("it has more than one line".to_owned());
    }
    match written {
        [b'{', b'}'] => line.truncate(start),
        [open @ b'{', .., b'}'] => {
            *open = b',';
            line.pop();
        }
        _ => return Err("it is not an object".to_owned()),
    }
    let seal = seal(line);
    line.extend_from_slice(seal.as_bytes());
    line.push(b'\n');
    Ok(())
}

/// What ends the line that begins with `head`.
fn seal(head: &[u8]) -> String {
    format!(",\"crc\":\"{:08x}\"}}", crc32fast::hash(head))
}

const SEAL: usize = r#","crc":"00000000"}"#.len();

/// The line without its seal; `None` if that is not right.
fn unsealed(line: &[u8]) -> Option<&[u8]> {
    let (head, tail) = line.split_at_checked(line.len().checked_sub(SEAL)?)?;
    (seal(head).as_bytes() == tail).then_some(head)
}

/// The entry of a line whose seal is right.
fn parse<R: DeserializeOwned>(head: &[u8]) -> Result<Entry<R>, String> {
    let entry = || {
        let text = std::str::from_utf8(head).ok()?;
        let (n, rest) = text.strip_prefix("{\"n\":")?.split_once(",\"at\":")?;
        let (at, fields) = rest.split_once(',').unwrap_or((rest, ""));
        Some((n.parse().ok()?, at.parse().ok()?, fields))
    };
    let (n, at, fields) = entry().ok_or("this is not a record of a journal, though its checksum is right")?;
    let record = serde_json::from_str(&format!("{{{fields}}}")).map_err(|error| {
        let error = error.to_string();
        // A column of the middle of a line helps nobody.
        let error = error.split(" at line ").next().unwrap_or_default();
        format!("this record is whole, but mista {} does not know it: {error}", env!("CARGO_PKG_VERSION"))
    })?;
    Ok(Entry { n, at, record })
}

/// Why `tail`, which should begin with record `n`, is not what remains of writing that record and no more.
fn damage(tail: &[u8], n: u64) -> Option<String> {
    // After a power loss a file may have its length but not its bytes.
    let zeros = tail.iter().rev().take_while(|byte| **byte == 0).count();
    let written = tail.get(..tail.len() - zeros).unwrap_or_default();
    if written.windows(2).any(|pair| pair == [0, 0]) {
        return Some("zeros stand in the middle of the file: the disk lost what was there".to_owned());
    }
    if let Some(later) = later_record(written, n) {
        return Some(format!("record {n} is damaged or missing, and record {later} follows it"));
    }
    let first = b"{\"n\":1,\"at\":";
    if n == 1 && !written.starts_with(first) && !first.starts_with(written) {
        return Some("this is not a journal of mista".to_owned());
    }
    None
}

/// The first record in `tail` that begins like one after `n`. What `tail` itself begins with is the damaged one.
fn later_record(tail: &[u8], n: u64) -> Option<u64> {
    const START: &[u8] = b"{\"n\":";
    let starts = tail.windows(START.len()).enumerate().skip(1).filter(|(_, window)| *window == START);
    let mut numbers = starts.filter_map(|(start, _)| {
        let text = tail.get(start + START.len()..)?;
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = text.split_at_checked(digits)?;
        rest.starts_with(b",\"at\":").then(|| std::str::from_utf8(digits).ok()?.parse().ok())?
    });
    numbers.find(|later| *later > n)
}

/// `path` with `ending` after its last name.
pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

/// Keeps what is about to be cut off, after what was kept before.
fn set_aside(path: &Path, torn: &[u8]) -> Result<(), FileError> {
    let path = with_ending(path, ".torn");
    let write = || {
        let mut file = File::options().create(true).append(true).open(&path)?;
        file.write_all(torn)?;
        if !torn.ends_with(b"\n") {
            file.write_all(b"\n")?;
        }
        file.sync_all()
    };
    write().map_err(FileError::of(&path, "keep what was half written"))?;
    sync_folder(&path)
}

/// Returns when the names in the folder of `path` are on the disk.
pub(super) fn sync_folder(path: &Path) -> Result<(), FileError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if cfg!(unix) {
        let sync = || File::open(folder)?.sync_all();
        sync().map_err(FileError::of(folder, "write the folder to the disk"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    type Fields = BTreeMap<String, u32>;

    fn record(value: u32) -> Fields {
        Fields::from([("value".to_owned(), value)])
    }

    #[test]
    fn the_checksum_is_the_common_one() {
        assert_eq!(seal(b"123456789"), ",\"crc\":\"cbf43926\"}");
        assert_eq!(seal(b"").len(), SEAL);
    }

    #[test]
    fn a_record_without_fields_is_one_too() {
        let mut line = Vec::new();
        write_line(&mut line, 7, -1, &Fields::new()).unwrap();
        let text = String::from_utf8(line.clone()).unwrap();
        assert!(text.starts_with("{\"n\":7,\"at\":-1,\"crc\":\""), "{text}");
        let head = unsealed(line.strip_suffix(b"\n").unwrap()).unwrap();
        assert_eq!(parse::<Fields>(head).unwrap(), Entry { n: 7, at: -1, record: Fields::new() });
    }

    #[test]
    fn it_is_synced_once_and_anew_after_the_next_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.journal");
        let mut journal = Journal::create(&path).unwrap();
        for value in 0..2 {
            journal.append(1, &record(value)).unwrap();
            assert!(journal.unsynced);
            journal.sync().unwrap();
            assert!(!journal.unsynced);
        }
        let (journal, _) = Journal::<Fields>::open(&path).unwrap();
        assert!(journal.unsynced, "the one before may have been killed before it did");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_said_and_an_end_that_is_not_known_takes_nothing_more() {
        let path = Path::new("/dev/full");
        let full = File::options().append(true).open(path).unwrap();
        let mut journal = Journal::over(path, full, 0, 0);
        let error = journal.append(1, &record(1)).unwrap_err().to_string();
        assert!(error.starts_with("/dev/full: cannot write it: ") && error.contains("Free space"), "{error}");
        // A device cannot be cut back.
        assert!(matches!(journal.append(1, &record(1)), Err(JournalError::Poisoned(_))));
        assert!(matches!(journal.sync(), Err(JournalError::Poisoned(_))));
        assert_eq!(journal.records(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn what_could_not_be_synced_is_never_called_synced() {
        let (reader, _) = io::pipe().unwrap();
        // A pipe cannot be synced.
        let mut journal =
            Journal::<Fields>::over(Path::new("pipe"), File::from(std::os::fd::OwnedFd::from(reader)), 0, 0);
        assert!(matches!(journal.sync(), Err(JournalError::File(_))));
        assert!(matches!(journal.sync(), Err(JournalError::Poisoned(_))));
    }
}
