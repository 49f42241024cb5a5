//! Rows into a part, each looked at where it meets what is there already.

use super::error::FetchError;
use super::row::Row;
use super::store::Segment;
use std::path::Path;

/// Takes the rows of a segment, oldest first.
pub struct Sink<'a> {
    segment: &'a mut Segment,
    /// The file, for messages.
    path: &'a Path,
    /// Where the rows come from, in a word.
    whose: &'static str,
    /// That row of the segment's ends which is still to be met.
    before: Option<Row>,
    joins: Option<Row>,
    last: Option<i64>,
    /// Whether a source without the rows at the ends is taken for wrong.
    strict: bool,
}

impl<'a> Sink<'a> {
    pub fn new(segment: &'a mut Segment, path: &'a Path, whose: &'static str, strict: bool) -> Sink<'a> {
        let (before, joins) = (segment.after.clone(), segment.joins.clone());
        let last = before.as_ref().map(Row::open_time);
        Sink { segment, path, whose, before, joins, last, strict }
    }

    /// The open time of the last row there is.
    pub fn last(&self) -> Option<i64> {
        self.last
    }

    /// Takes a row. One that is there already is compared, not taken.
    pub fn push(&mut self, row: Row) -> Result<(), FetchError> {
        let time = row.open_time();
        if let Some(before) = &self.before {
            if time < before.open_time() {
                return Ok(());
            }
            self.meet(before, &row)?;
            let is_it = time == before.open_time();
            self.before = None;
            if is_it {
                return Ok(());
            }
        }
        if let Some(joins) = &self.joins
            && time >= joins.open_time()
        {
            self.meet(joins, &row)?;
            self.joins = None;
            return Ok(());
        }
        self.last = Some(time);
        self.segment.part.push(row)
    }

    /// `theirs` is the first row that the source has from `disk` on.
    fn meet(&self, disk: &Row, theirs: &Row) -> Result<(), FetchError> {
        let has_it = theirs.open_time() == disk.open_time();
        if theirs == disk || !(has_it || self.strict) {
            return Ok(());
        }
        Err(self.conflict(disk, if has_it { theirs.to_string() } else { "none".to_owned() }))
    }

    fn conflict(&self, disk: &Row, theirs: String) -> FetchError {
        let (time, whose) = (disk.open_time(), self.whose);
        FetchError::Seam { path: self.path.to_owned(), time, disk: disk.to_string(), whose, theirs }
    }

    pub fn flush(&mut self) -> Result<(), FetchError> {
        self.segment.part.flush()
    }

    /// There are no more rows.
    pub fn end(mut self) -> Result<(), FetchError> {
        self.flush()?;
        match self.before.as_ref().or(self.joins.as_ref()).filter(|_| self.strict) {
            Some(disk) => Err(self.conflict(disk, "none".to_owned())),
            None => Ok(()),
        }
    }
}
