//! Rows on their way into a file: a `.part` file beside it, that a program which is killed leaves whole but for its
//! last line.
//!
//! Its first line says what it is a part of. Rows are appended page by page. Who opens it again takes the rows that
//! are good and cuts off the rest.

use super::error::FetchError;
use super::row::Row;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MARK: &str = "# mista fetch: ";

/// Bytes gathered before they are written.
const BUFFER: usize = 64 * 1024;

/// An open part.
#[derive(Debug)]
pub struct Part {
    path: PathBuf,
    file: File,
    buffer: String,
    last: Option<Row>,
}

fn io(path: &Path) -> impl Fn(io::Error) -> FetchError {
    let path = path.to_owned();
    move |source| FetchError::Io { path: path.clone(), source }
}

/// What the part at `path` is of; `None` where there is none, or none that can be used.
pub fn key_of(path: &Path) -> Result<Option<String>, FetchError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(io(path)(source)),
    };
    let mut line = Vec::new();
    io::Read::take(BufReader::new(file), 1000).read_until(b'\n', &mut line).map_err(io(path))?;
    let line = String::from_utf8(line).unwrap_or_default();
    Ok(line.strip_prefix(MARK).and_then(|rest| rest.strip_suffix('\n')).map(str::to_owned))
}

impl Part {
    /// Opens the part of `key` at `path`: goes on with it where it is there, and begins it where it is another one.
    pub fn open(path: &Path, key: &str, interval_ms: i64) -> Result<Part, FetchError> {
        let is_there = key_of(path)?.as_deref() == Some(key);
        let io = io(path);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(!is_there)
            .open(path)
            .map_err(&io)?;
        if !is_there {
            file.write_all(format!("{MARK}{key}\n").as_bytes()).map_err(&io)?;
            return Ok(Part { path: path.to_owned(), file, buffer: String::new(), last: None });
        }
        let (mut good, mut last) = (0, None::<Row>);
        let mut reader = BufReader::with_capacity(BUFFER, &file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let count = io::Read::take(&mut reader, 4096).read_until(b'\n', &mut line).map_err(&io)?;
            let Some(text) = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok()) else {
                break;
            };
            if good > 0 {
                let rises = |row: &Row| last.as_ref().is_none_or(|last| last.open_time() < row.open_time());
                match Row::read(text).filter(|row| row.fault(interval_ms).is_none() && rises(row)) {
                    Some(row) => last = Some(row),
                    None => break,
                }
            }
            good += count as u64;
        }
        drop(reader);
        file.set_len(good).map_err(&io)?;
        file.seek(SeekFrom::End(0)).map_err(&io)?;
        Ok(Part { path: path.to_owned(), file, buffer: String::new(), last })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last row there is.
    pub fn last(&self) -> Option<&Row> {
        self.last.as_ref()
    }

    pub fn push(&mut self, row: Row) -> Result<(), FetchError> {
        row.write(&mut self.buffer);
        self.last = Some(row);
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Hands what was pushed to the system: it outlives this program.
    pub fn flush(&mut self) -> Result<(), FetchError> {
        if !self.buffer.is_empty() {
            self.file.write_all(self.buffer.as_bytes()).map_err(io(&self.path))?;
            self.buffer.clear();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(minute: i64) -> Row {
        let from = 1_600_000_020_000 + minute * 60_000;
        Row::read(&format!("{from},1.0,1.0,1.0,1.0,1.0,{},1.0,1,1.0,1.0", from + 59_999)).unwrap()
    }

    #[test]
    fn it_goes_on_wherever_it_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.part");
        let mut part = Part::open(&path, "all", 60_000).unwrap();
        (0..3).for_each(|minute| part.push(row(minute)).unwrap());
        part.flush().unwrap();
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut part = Part::open(&path, "all", 60_000).unwrap();
            let next = part.last().map_or(0, |last| (last.open_time() - row(0).open_time()) / 60_000 + 1);
            (next..3).for_each(|minute| part.push(row(minute)).unwrap());
            part.flush().unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), whole, "cut at {cut}");
        }
    }

    #[test]
    fn rows_that_are_none_and_all_after_them_are_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.part");
        for bad in ["\0\0\0\0\n", "1,2,3\n", &format!("{}\n", row(0)), "\n"] {
            let good = format!("{MARK}all\n{}\n", row(0));
            std::fs::write(&path, format!("{good}{bad}{}\n", row(2))).unwrap();
            assert_eq!(Part::open(&path, "all", 60_000).unwrap().last(), Some(&row(0)));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), good);
        }
    }

    #[test]
    fn a_part_of_something_else_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.part");
        Part::open(&path, "one", 60_000).unwrap().push(row(0)).unwrap();
        assert_eq!(Part::open(&path, "two", 60_000).unwrap().last(), None);
        assert_eq!(key_of(&path).unwrap().as_deref(), Some("two"));
    }
}
