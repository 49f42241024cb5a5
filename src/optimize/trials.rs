//! The file of trials: a plan, then a row of figures for every trial, in order, each written when it and all
//! before it have ended. A killed search goes on after the last whole row; a shard is such a file with every
//! n-th trial.
//!
//! It is text: a line of JSON, then CSV.

use super::overfitting::{BLOCKS, ReturnSums};
use super::study::{Place, Plan, Study};
use crate::report::Metrics;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const FIGURES: usize = Metrics::KEYS.len();

/// What is kept of a trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// In the order of [`Metrics::KEYS`].
    pub metrics: [Option<f64>; FIGURES],
    pub sums: Option<ReturnSums>,
}

impl Figures {
    pub fn new(metrics: &Metrics, sums: Option<ReturnSums>) -> Figures {
        let mut figures = [None; FIGURES];
        for (figure, key) in figures.iter_mut().zip(Metrics::KEYS) {
            *figure = metrics.get(key).flatten();
        }
        Figures { metrics: figures, sums }
    }

    /// A figure by its key.
    pub fn get(&self, key: &str) -> Option<f64> {
        let index = Metrics::KEYS.iter().position(|known| *known == key)?;
        self.metrics[index]
    }
}

/// What came of a trial; an error is a line of text.
pub type Trial = Result<Figures, String>;

/// Every n-th trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    /// From 1.
    pub index: u64,
    pub of: u64,
}

impl Shard {
    pub const WHOLE: Shard = Shard { index: 1, of: 1 };

    /// How many of `trials` belong to it.
    pub fn len(self, trials: u64) -> u64 {
        (trials + self.of - self.index) / self.of
    }

    /// The trial at `position` of the shard.
    pub fn trial(self, position: u64) -> u64 {
        position * self.of + self.index - 1
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Shard, String> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> String {
        shard.to_string()
    }
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let numbers = text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match numbers {
            Some((index, of)) if index >= 1 && index <= of && of <= 1_000_000 => Ok(Shard { index, of }),
            _ => Err(format!("\"{text}\" is not a shard: write i/n such as 2/8, i from 1 to n")),
        }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

/// The first line of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Format of the file.
    pub trials_format: u32,
    pub shard: Shard,
    #[serde(flatten)]
    pub plan: Plan,
}

const FORMAT: u32 = 1;

/// Bytes of a first line at most: what is longer is something else.
const HEAD_MOST: u64 = 1 << 26;

#[derive(Debug, thiserror::Error)]
pub enum TrialsError {
    #[error("{path}: {message}")]
    File { path: String, message: String },
    #[error("{path}: {source}")]
    Io { path: String, source: io::Error },
}

/// Where the file of a search that has not ended stands, and how many of its trials are in it.
#[derive(Debug)]
pub struct Trials {
    pub path: PathBuf,
    pub header: Header,
}

impl Trials {
    pub fn new(path: PathBuf, plan: Plan, shard: Shard) -> Trials {
        Trials { path, header: Header { trials_format: FORMAT, shard, plan } }
    }

    fn io(&self, source: io::Error) -> TrialsError {
        TrialsError::Io { path: self.path.display().to_string(), source }
    }

    fn damaged(&self, message: impl Into<String>) -> TrialsError {
        TrialsError::File { path: self.path.display().to_string(), message: message.into() }
    }

    /// Opens a file that is there, and reads its plan.
    pub fn open(path: &Path) -> Result<Trials, TrialsError> {
        let failed = |source| TrialsError::Io { path: path.display().to_string(), source };
        let not = |message: String| TrialsError::File { path: path.display().to_string(), message };
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                not("there is no such file; `mista optimize --shard` writes it".to_owned())
            }
            _ => failed(error),
        })?;
        if path.is_dir() {
            return Err(not("it is a folder; name the files in it".to_owned()));
        }
        let mut line = Vec::new();
        BufReader::new(file).take(HEAD_MOST).read_until(b'\n', &mut line).map_err(failed)?;
        let line = String::from_utf8(line).unwrap_or_default();
        let header = line.strip_prefix("# ").filter(|line| line.ends_with('\n'));
        let header = header.ok_or_else(|| {
            not("this is no file of trials: `mista optimize` writes them with --shard, or while it runs"
                .to_owned())
        })?;
        let header: Header = serde_json::from_str(header).map_err(|error| {
            let error = error.to_string();
            // A column of a line this long helps nobody.
            let error = error.split(" at line ").next().unwrap_or_default();
            not(format!("its first line cannot be read, it was made by another version or edited: {error}"))
        })?;
        if header.trials_format != FORMAT {
            return Err(not(format!("its format is {}, this version reads {FORMAT}", header.trials_format)));
        }
        Ok(Trials { path: path.to_owned(), header })
    }

    /// Starts the file anew.
    pub fn create(&self) -> Result<Writer, TrialsError> {
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| self.io(error))?;
        }
        // Nothing is cut off before the lock is held: another program may be writing it.
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&self.path);
        self.begin(self.writer(file.map_err(|error| self.io(error))?)?)
    }

    /// Writes the head into an empty file.
    fn begin(&self, mut writer: Writer) -> Result<Writer, TrialsError> {
        writer.cut(0).map_err(|error| self.io(error))?;
        let head = serde_json::to_string(&self.header).map_err(|error| self.io(error.into()))?;
        let mut names = vec!["window", "trial", "error"];
        names.extend(Metrics::KEYS);
        names.push("sharpe_per_candle");
        let blocks = (1..=BLOCKS).map(|block| format!("sum_{block},squares_{block}"));
        let line = format!("# {head}\n{},{}\n", names.join(","), blocks.collect::<Vec<_>>().join(","));
        writer.put(&line).map_err(|error| self.io(error))?;
        Ok(writer)
    }

    fn writer(&self, file: File) -> Result<Writer, TrialsError> {
        // Two programs that write one file would spoil it; the lock goes with the process, however it ends.
        match file.try_lock() {
            Ok(()) => Ok(Writer { path: self.path.clone(), file, line: String::new() }),
            Err(std::fs::TryLockError::WouldBlock) => {
                Err(self.damaged("another mista is writing it: wait for it to end, or choose another --out"))
            }
            Err(std::fs::TryLockError::Error(error)) => Err(self.io(error)),
        }
    }

    /// Opens the file to go on with it: how many trials it has. What was half written is cut off. `None` if
    /// there is no file.
    pub fn resume(&self, study: &Study) -> Result<Option<(Writer, u64)>, TrialsError> {
        let file = match OpenOptions::new().read(true).write(true).open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io(error)),
        };
        let mut writer = self.writer(file)?;
        let lines = self.head_lines().map_err(|error| self.io(error))?;
        if lines == 0 {
            // Killed within the first line: nothing is lost.
            return Ok(Some((self.begin(writer)?, 0)));
        }
        let there = Trials::open(&self.path)?;
        if let Some(difference) = difference(&there.header, &self.header) {
            return Err(self.damaged(format!(
                "it is of another search ({difference}): without --resume a new one is begun"
            )));
        }
        if lines == 1 {
            return Ok(Some((self.begin(writer)?, 0)));
        }
        let mut rows = there.rows(study)?;
        let mut count = 0;
        let mut end = rows.end();
        // The first row that is not whole, or not what must stand there, ends what can be used.
        while let Some(Ok(_)) = rows.next() {
            count += 1;
            end = rows.end();
        }
        writer.cut(end).map_err(|error| self.io(error))?;
        Ok(Some((writer, count)))
    }

    /// How many of the head's two lines are there to their ends.
    fn head_lines(&self) -> io::Result<usize> {
        let mut file = BufReader::new(File::open(&self.path)?);
        let mut line = Vec::new();
        for count in 0..2 {
            line.clear();
            file.read_until(b'\n', &mut line)?;
            if !line.ends_with(b"\n") {
                return Ok(count);
            }
        }
        Ok(2)
    }

    /// The trials in the file, from the first.
    pub fn rows<'a>(&self, study: &'a Study) -> Result<Rows<'a>, TrialsError> {
        let mut file =
            BufReader::with_capacity(1 << 16, File::open(&self.path).map_err(|error| self.io(error))?);
        let mut start = 0;
        let mut line = Vec::new();
        for _ in 0..2 {
            line.clear();
            start += file.read_until(b'\n', &mut line).map_err(|error| self.io(error))? as u64;
        }
        Ok(Rows {
            file,
            study,
            shard: self.header.shard,
            path: self.path.display().to_string(),
            position: 0,
            byte: start,
            line,
        })
    }
}

/// What differs between two plans; `None` if a search by one can go on with the trials of the other. How the
/// result is judged may differ: that needs no new trials.
fn difference(there: &Header, wanted: &Header) -> Option<String> {
    let (a, b) = (&there.plan, &wanted.plan);
    let of = |name: &str, same: bool| {
        let s = if name.ends_with('s') { "" } else { "s" };
        (!same).then(|| format!("{name} differ{s}"))
    };
    let (x, y) = (&a.recipe, &b.recipe);
    of("the version of mista", x.version == y.version)
        .or_else(|| of("the script", x.script_sha256 == y.script_sha256))
        .or_else(|| {
            of("the candle file", x.data_sha256 == y.data_sha256 && x.detail_sha256 == y.detail_sha256)
        })
        // Results name them.
        .or_else(|| of("the path of the script", x.script == y.script))
        .or_else(|| of("the path of the candle file", x.data == y.data && x.detail == y.detail))
        .or_else(|| of("the period", (&x.start, &x.end) == (&y.start, &y.end)))
        .or_else(|| of("the grid", a.grid == b.grid))
        .or_else(|| of("the way to search", a.search == b.search && a.walk_forward == b.walk_forward))
        .or_else(|| of("the shard", there.shard == wanted.shard))
        .or_else(|| of("the settings", x == y))
}

/// Whether shards belong together; what differs if they do not.
pub fn foreign(first: &Header, other: &Header) -> Option<String> {
    let as_first = Header { shard: first.shard, ..other.clone() };
    let settings = (first.plan.metric, first.plan.min_trades) != (other.plan.metric, other.plan.min_trades);
    let count = (first.shard.of != other.shard.of)
        .then(|| format!("there is one of {} and one of {}", first.shard.of, other.shard.of));
    difference(first, &as_first).or(settings.then(|| "the metric differs".to_owned())).or(count)
}

/// Appends trials.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: File,
    line: String,
}

impl Writer {
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the first `length` bytes, and goes on after them.
    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.seek(SeekFrom::Start(length)).map(drop)
    }

    fn put(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())
    }

    /// Appends a trial: one write, so that a kill leaves it there or not, as a rule.
    pub fn append(&mut self, place: Place, trial: &Trial) -> io::Result<()> {
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        write_row(&mut line, place, trial);
        let done = self.put(&line);
        self.line = line;
        done
    }
}

fn write_row(line: &mut String, place: Place, trial: &Trial) {
    let _ = write!(line, "{},{},", place.window, place.index);
    match trial {
        Ok(figures) => {
            for figure in figures.metrics {
                line.push(',');
                if let Some(figure) = figure {
                    let _ = write!(line, "{figure:e}");
                }
            }
            if let Some(sums) = &figures.sums {
                let _ = write!(line, ",{:e}", sums.sharpe);
                for [sum, squares] in sums.blocks {
                    let _ = write!(line, ",{sum:e},{squares:e}");
                }
            }
        }
        Err(error) => {
            line.push('"');
            for c in error.chars() {
                match c {
                    '"' => line.push('\''),
                    '\n' | '\r' => line.push(' '),
                    c => line.push(c),
                }
            }
            line.push('"');
        }
    }
    line.push('\n');
}

fn read_row(line: &str) -> Option<(usize, u64, Trial)> {
    let line = line.strip_suffix('\n')?;
    let (window, rest) = line.split_once(',')?;
    let (index, rest) = rest.split_once(',')?;
    let (window, index) = (window.parse().ok()?, index.parse().ok()?);
    if let Some(error) = rest.strip_prefix('"') {
        return Some((window, index, Err(error.strip_suffix('"')?.to_owned())));
    }
    let mut cells = rest.strip_prefix(',')?.split(',');
    let mut metrics = [None; FIGURES];
    for figure in &mut metrics {
        let cell = cells.next()?;
        *figure = if cell.is_empty() { None } else { Some(cell.parse().ok()?) };
    }
    let sums = match cells.next() {
        None => None,
        Some(sharpe) => {
            let mut sums = ReturnSums { sharpe: sharpe.parse().ok()?, blocks: [[0.0; 2]; BLOCKS] };
            for value in sums.blocks.iter_mut().flatten() {
                *value = cells.next()?.parse().ok()?;
            }
            Some(sums)
        }
    };
    (cells.next().is_none() && sums.is_some() == (window == 0)).then_some((
        window,
        index,
        Ok(Figures { metrics, sums }),
    ))
}

/// The trials of a file, in order.
pub struct Rows<'a> {
    file: BufReader<File>,
    study: &'a Study,
    shard: Shard,
    path: String,
    position: u64,
    byte: u64,
    line: Vec<u8>,
}

impl Rows<'_> {
    /// The byte after the last row that was read.
    fn end(&self) -> u64 {
        self.byte
    }

    fn read(&mut self) -> Result<Option<(Place, Trial)>, TrialsError> {
        let trial = self.shard.trial(self.position);
        let damaged = |message: String| TrialsError::File { path: self.path.clone(), message };
        self.line.clear();
        let bytes = self
            .file
            .read_until(b'\n', &mut self.line)
            .map_err(|source| TrialsError::Io { path: self.path.clone(), source })?;
        if bytes == 0 {
            return Ok(None);
        }
        let place = self.study.place(trial).filter(|_| trial < self.study.trials());
        let line = self.position + 3;
        let place = place.ok_or_else(|| {
            damaged(format!(
                "line {line} is one more than there are trials: the file was edited; --resume repairs it"
            ))
        })?;
        let text = std::str::from_utf8(&self.line).unwrap_or_default();
        let row =
            read_row(text).filter(|(window, index, _)| (*window, *index) == (place.window, place.index));
        let (_, _, trial) = row.ok_or_else(|| {
            damaged(format!("line {line} is not the trial that belongs there: the file was cut or edited; --resume repairs it"))
        })?;
        self.position += 1;
        self.byte += bytes as u64;
        Ok(Some((place, trial)))
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<(Place, Trial), TrialsError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// The trials of a whole search, from as many files as there are shards.
pub struct Merged<'a> {
    rows: Vec<Rows<'a>>,
    next: usize,
    left: u64,
}

impl<'a> Merged<'a> {
    /// `files`: by the index of their shard.
    pub fn new(files: &[Trials], study: &'a Study) -> Result<Merged<'a>, TrialsError> {
        let rows = files.iter().map(|file| file.rows(study)).collect::<Result<_, _>>()?;
        Ok(Merged { rows, next: 0, left: study.trials() })
    }
}

impl Iterator for Merged<'_> {
    type Item = Result<(Place, Trial), TrialsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            // Nothing may follow.
            let more = self.rows.iter_mut().find_map(|rows| rows.next());
            self.rows.clear();
            return more;
        }
        self.left -= 1;
        let count = self.rows.len().max(1);
        let rows = self.rows.get_mut(self.next)?;
        self.next = (self.next + 1) % count;
        match rows.next() {
            Some(row) => Some(row),
            None => {
                self.left = 0;
                let message = format!(
                    "it ends after {} of its trials: run {} again with --resume",
                    rows.position,
                    if rows.shard == Shard::WHOLE {
                        "it".to_owned()
                    } else {
                        format!("shard {}", rows.shard)
                    }
                );
                Some(Err(TrialsError::File { path: rows.path.clone(), message }))
            }
        }
    }
}
