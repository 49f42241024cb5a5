//! A candle file on disk, and how it grows: at its end, at its front, or replaced as a whole; always by a new file
//! that takes its name when it is complete.

use super::error::FetchError;
use super::part::{self, Part};
use super::row::{COLUMNS, HEADER, Row};
use crate::data::GapReport;
use crate::model::Interval;
use crate::report::NewFile;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes of a line at most.
const LINE_MAX: u64 = 4096;

/// What a file is to hold.
#[derive(Debug, Clone)]
pub struct Task {
    pub symbol: String,
    pub interval: Interval,
    /// Open times, from (inclusive) and to (exclusive), in UTC milliseconds. Without `start`, on from what is there,
    /// or from the first candle there is; without `end`, to the last that is closed.
    pub start: Option<i64>,
    pub end: Option<i64>,
    pub path: PathBuf,
    /// Fetch what is there again, and put the new file in its place.
    pub refetch: bool,
}

impl Task {
    /// `BTCUSDT 1h`.
    pub fn name(&self) -> String {
        format!("{} {}", self.symbol, self.interval)
    }
}

/// The ends of the file that is there.
#[derive(Debug, Clone)]
pub struct Disk {
    pub first: Row,
    pub last: Row,
}

/// Candles that are missing from a file, in one piece.
#[derive(Debug)]
pub struct Segment {
    /// Open times, from (inclusive) and to (exclusive).
    pub from: Option<i64>,
    pub until: Option<i64>,
    /// The row it has to meet at its end.
    pub joins: Option<Row>,
    /// The last row there is before it: of the file, or of the part.
    pub after: Option<Row>,
    pub part: Part,
}

/// A file that nobody else fetches meanwhile.
#[derive(Debug)]
pub struct Store {
    pub task: Task,
    disk: Option<Disk>,
    /// Things worth saying.
    pub notes: Vec<String>,
    lock: PathBuf,
    _locked: File,
}

/// What a file holds in the end.
#[derive(Debug)]
pub struct Held {
    pub gaps: GapReport,
    pub first: i64,
    pub last: i64,
    /// Rows that were not there before.
    pub new: u64,
}

fn io(path: &Path) -> impl Fn(io::Error) -> FetchError {
    let path = path.to_owned();
    move |source| FetchError::Io { path: path.clone(), source }
}

fn beside(path: &Path, before: &str, after: &str) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    path.with_file_name(format!("{before}{name}{after}"))
}

impl Store {
    /// Opens the file of `task` for nobody else. Its folder is created where it is not there.
    pub fn open(task: Task) -> Result<Store, FetchError> {
        if let Some(folder) = task.path.parent() {
            fs::create_dir_all(folder).map_err(io(folder))?;
        }
        if task.path.is_dir() {
            return Err(FetchError::NotOurs { path: task.path, why: "it is a folder".to_owned() });
        }
        let lock = beside(&task.path, ".", ".lock");
        let locked = locked(&lock, &task.path)?;
        let mut store = Store { disk: None, notes: Vec::new(), lock, _locked: locked, task };
        store.disk = disk(&store.task.path)?;
        store.settle_parts()?;
        Ok(store)
    }

    pub fn note(&mut self, notes: Vec<String>) {
        self.notes.extend(notes);
    }

    fn tail_path(&self) -> PathBuf {
        beside(&self.task.path, "", ".part")
    }

    fn front_path(&self) -> PathBuf {
        beside(&self.task.path, "", ".front.part")
    }

    /// Sees to parts that an earlier command left: what they have is kept wherever it can be.
    fn settle_parts(&mut self) -> Result<(), FetchError> {
        let interval_ms = self.task.interval.ms();
        for path in [self.front_path(), self.tail_path()] {
            let Some(key) = part::key_of(&path)? else { continue };
            let begins_later = || match (key.strip_prefix("from "), self.task.start) {
                (Some(from), Some(start)) => from.parse::<i64>().is_ok_and(|from| start < from),
                _ => false,
            };
            let is_first = self.disk.is_none() && path == self.tail_path();
            if is_first && !self.task.refetch && begins_later() {
                // It begins later than what is wanted now: it becomes the file, which then grows at its front.
                if Part::open(&path, &key, interval_ms)?.last().is_some() {
                    self.write(&[Piece::Part(path.clone())], false)?;
                    self.disk = disk(&self.task.path)?;
                }
                remove(&path)?;
            } else if let Some(disk) = self.disk.as_ref().filter(|_| !key.starts_with("anew")) {
                // It was put into the file by a program that ended before it could remove it.
                let inside = disk.first.open_time()..=disk.last.open_time();
                let part = Part::open(&path, &key, interval_ms)?;
                if part.last().is_some_and(|last| inside.contains(&last.open_time())) {
                    remove(&path)?;
                }
            }
        }
        Ok(())
    }

    /// What is to be fetched, oldest first.
    pub fn segments(&mut self) -> Result<Vec<Segment>, FetchError> {
        let Task { start, end, refetch, .. } = self.task;
        let tail = self.tail_path();
        let disk = self.disk.clone();
        let Some(Disk { first, last }) = disk else {
            let known = part::key_of(&tail)?.filter(|key| key.starts_with("from "));
            let key = known.unwrap_or_else(|| match start {
                Some(start) => format!("from {start}"),
                None => "from first".to_owned(),
            });
            return Ok(vec![self.segment(&tail, &key, start, end, None, None)?]);
        };
        let interval_ms = self.task.interval.ms();
        if refetch {
            let (lost_start, lost_end) = (
                start.is_some_and(|start| start > first.open_time()),
                end.is_some_and(|end| end <= last.open_time()),
            );
            if lost_start || lost_end {
                return Err(self.would_lose(&Disk { first, last }, "Choose --start and --end around that."));
            }
            let start = start.unwrap_or(first.open_time());
            let key = format!("anew from {start}");
            return Ok(vec![self.segment(&tail, &key, Some(start), end, None, None)?]);
        }
        let mut segments = Vec::new();
        if let Some(start) = start.filter(|start| *start < first.open_time()) {
            let key = format!("from {start} to {}", first.open_time());
            let until = first.open_time() + 1;
            let path = self.front_path();
            segments.push(self.segment(&path, &key, Some(start), Some(until), None, Some(first))?);
        }
        if end.is_none_or(|end| last.open_time() + interval_ms < end) {
            let key = format!("after {}", last.open_time());
            segments.push(self.segment(&tail, &key, None, end, Some(last), None)?);
        }
        Ok(segments)
    }

    fn would_lose(&self, disk: &Disk, remedy: &'static str) -> FetchError {
        let (first, last) = (disk.first.open_time(), disk.last.open_time());
        FetchError::WouldLose { path: self.task.path.clone(), first, last, remedy }
    }

    fn segment(
        &mut self,
        path: &Path,
        key: &str,
        from: Option<i64>,
        until: Option<i64>,
        after: Option<Row>,
        joins: Option<Row>,
    ) -> Result<Segment, FetchError> {
        let interval_ms = self.task.interval.ms();
        if let Some(other) = part::key_of(path)?.filter(|other| other != key)
            && Part::open(path, &other, interval_ms)?.last().is_some()
        {
            self.notes.push(format!("{} was of another fetch ({other}): begun anew", path.display()));
        }
        let part = Part::open(path, key, interval_ms)?;
        let after = part.last().cloned().or(after);
        Ok(Segment { from, until, joins, after, part })
    }

    /// Puts parts and file together. `segments` are complete.
    pub fn finish(&mut self, segments: Vec<Segment>) -> Result<Held, FetchError> {
        let mut parts = Vec::new();
        for mut segment in segments {
            segment.part.flush()?;
            let path = segment.part.path().to_owned();
            match segment.part.last() {
                Some(_) => parts.push(path),
                None => remove(&path)?,
            }
        }
        let part = |path: PathBuf| parts.contains(&path).then_some(Piece::Part(path));
        let file = self.disk.is_some() && !self.task.refetch;
        let file = file.then(|| Piece::File(self.task.path.clone()));
        let pieces: Vec<Piece> =
            [part(self.front_path()), file, part(self.tail_path())].into_iter().flatten().collect();
        let scanned = match parts.is_empty() {
            true => self.scan(&pieces, &mut io::sink())?,
            false => self.write(&pieces, self.task.refetch)?,
        };
        for path in parts {
            remove(&path)?;
        }
        let (Some(first), Some(last)) = scanned.ends() else {
            return Err(FetchError::NoCandles { what: self.task.name() });
        };
        let mut gaps = GapReport::new(&scanned.open_times, self.task.interval);
        gaps.late_closes = scanned.late_closes;
        Ok(Held { gaps, first, last, new: scanned.new })
    }

    /// Writes the file of these pieces. `checked`: not where it would lose candles at an end.
    fn write(&self, pieces: &[Piece], checked: bool) -> Result<Scanned, FetchError> {
        let path = &self.task.path;
        let mut file = NewFile::create(path).map_err(io(path))?;
        writeln!(file, "{HEADER}").map_err(io(path))?;
        let scanned = self.scan(pieces, &mut file)?;
        if let Some(disk) = self.disk.as_ref().filter(|_| checked) {
            let whole = disk.first.open_time()..=disk.last.open_time();
            if !matches!(scanned.ends(), (Some(first), Some(last)) if first <= *whole.start() && last >= *whole.end())
            {
                return Err(self.would_lose(disk, "There are fewer now; the file stays as it is."));
            }
        }
        file.commit().map_err(io(path))?;
        Ok(scanned)
    }

    /// Copies the rows of the pieces, and looks at their times on the way.
    fn scan(&self, pieces: &[Piece], to: &mut impl Write) -> Result<Scanned, FetchError> {
        let mut scanned = Scanned::default();
        let interval_ms = self.task.interval.ms();
        for piece in pieces {
            let (path, mut reader) = match piece {
                Piece::File(path) | Piece::Part(path) => (path, lines(path)?),
            };
            let (mut line, mut number) = (Vec::new(), 1);
            loop {
                line.clear();
                number += 1;
                let count = (&mut reader).take(LINE_MAX).read_until(b'\n', &mut line).map_err(io(path))?;
                if count == 0 {
                    break;
                }
                let times = std::str::from_utf8(&line).ok().and_then(times);
                let rises = |time: i64| scanned.open_times.last().is_none_or(|last| *last < time);
                let Some((open_time, close_time)) = times.filter(|(time, _)| rises(*time)) else {
                    let why = format!(
                        "line {number} is no row of {COLUMNS} columns that opens after the one before"
                    );
                    return Err(FetchError::NotOurs { path: path.clone(), why });
                };
                scanned.open_times.push(open_time);
                scanned.late_closes += usize::from(close_time - open_time >= interval_ms);
                scanned.new += u64::from(matches!(piece, Piece::Part(_)));
                to.write_all(&line).map_err(io(&self.task.path))?;
            }
        }
        Ok(scanned)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Who waits for it sees that it is another file by then: see `locked`.
        let _ = fs::remove_file(&self.lock);
    }
}

enum Piece {
    File(PathBuf),
    Part(PathBuf),
}

#[derive(Default)]
struct Scanned {
    open_times: Vec<i64>,
    late_closes: usize,
    /// Rows of parts.
    new: u64,
}

impl Scanned {
    fn ends(&self) -> (Option<i64>, Option<i64>) {
        (self.open_times.first().copied(), self.open_times.last().copied())
    }
}

/// Open and close time of a line with its end.
fn times(line: &str) -> Option<(i64, i64)> {
    let mut fields = line.strip_suffix('\n')?.split(',');
    let open_time = fields.next()?.parse().ok()?;
    let close_time = fields.nth(5)?.parse().ok()?;
    (fields.count() == COLUMNS - 7).then_some((open_time, close_time))
}

/// What is in a file or a part, behind its first line.
fn lines(path: &Path) -> Result<BufReader<File>, FetchError> {
    let mut reader = BufReader::with_capacity(1 << 17, File::open(path).map_err(io(path))?);
    reader.skip_until(b'\n').map_err(io(path))?;
    Ok(reader)
}

fn remove(path: &Path) -> Result<(), FetchError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io(path)(error)),
        _ => Ok(()),
    }
}

/// The ends of a file that was written here; `None` where there is none.
fn disk(path: &Path) -> Result<Option<Disk>, FetchError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(io(path)(source)),
    };
    let fault = |why: &str| FetchError::NotOurs { path: path.to_owned(), why: why.to_owned() };
    let size = file.metadata().map_err(io(path))?.len();
    let mut reader = BufReader::new(&file);
    let line = |reader: &mut BufReader<&File>| {
        let mut line = Vec::new();
        reader.take(LINE_MAX).read_until(b'\n', &mut line).map_err(io(path))?;
        let text = String::from_utf8(line).map_err(|_| fault("it is no text"))?;
        Ok::<_, FetchError>(text.strip_suffix('\n').map(str::to_owned).unwrap_or(text))
    };
    let header = line(&mut reader)?;
    if header != HEADER {
        return Err(fault(&format!("its first line is not that of the files of mista fetch ({HEADER})")));
    }
    let no_row = || fault("its first or last line is no row of a candle");
    let first = line(&mut reader)?;
    if first.is_empty() {
        return Err(fault("there is no candle in it"));
    }
    let first = Row::read(&first).ok_or_else(no_row)?;
    reader.seek(SeekFrom::Start(size.saturating_sub(LINE_MAX))).map_err(io(path))?;
    let mut end = Vec::new();
    reader.read_to_end(&mut end).map_err(io(path))?;
    let end = end.strip_suffix(b"\n").ok_or_else(|| fault("its last line has no end"))?;
    let last = end.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let last = std::str::from_utf8(last).ok().and_then(Row::read).ok_or_else(no_row)?;
    Ok(Some(Disk { first, last }))
}

/// Locks the file at `lock`, for as long as what is returned is there.
fn locked(lock: &Path, path: &Path) -> Result<File, FetchError> {
    loop {
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).open(lock).map_err(io(lock))?;
        match file.try_lock() {
            Ok(()) if is_at(&file, lock) => return Ok(file),
            // The one before removed it after it was opened here.
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(FetchError::Locked { path: path.to_owned() }),
            // Where files cannot be locked, nobody is kept out.
            Err(TryLockError::Error(_)) => return Ok(file),
        }
    }
}

/// Whether `path` still leads to `file`.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), fs::metadata(path)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, _: &Path) -> bool {
    true
}
