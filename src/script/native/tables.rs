//! What machine code reads and writes besides the row: parameters, slots, and where the values of the series are.
//!
//! A column that every candle reads, and that nobody has computed, is computed here as the candles come, in a room that
//! stays in the processor's cache: a whole column is written to memory and read back for one pass over it.

use super::ir::{Program, Values};
use super::lower::FUEL;
use super::runtime::{Frame, Host};
use crate::engine::{Column, ColumnStream, GUARDED_ROWS};
use crate::model::{Direction, Price};
use crate::script::state::{Data, Entry, Series, Slot, State};
use std::collections::BTreeSet;
use std::ops::Range;

/// What the code reads and writes besides the row.
#[derive(Default)]
pub(super) struct Tables {
    parameters: Vec<u64>,
    pub slots: Vec<u64>,
    sources: Vec<Series>,
    /// Where row 0 of the series is, or would be; null for those that are never read from memory, or that nobody has read
    /// yet.
    rows: Vec<*const f64>,
    /// Rows that every series has.
    length: usize,
    /// Rows that can be asked about now: the values of these, and of as many before each as the program reads, are there.
    ready: Range<usize>,
    windows: Vec<Window>,
    /// Rows that are kept before those that were computed at last, and how many are computed at once.
    before: usize,
    piece: usize,
}

/// The values of one indicator around the rows at hand.
struct Window {
    stream: ColumnStream,
    /// Of each field; those that were computed at last stand at the end.
    rooms: Vec<Vec<f64>>,
    /// Which field each of these series is.
    series: Vec<(usize, usize)>,
}

/// Rows computed at once: so many, and few enough that there are several pieces of what is short, too.
const PIECE_MOST: usize = 1024;
const PIECE_LEAST: usize = 16;
const PIECES: usize = 8;

impl Tables {
    pub fn new(parameters: Vec<u64>, slots: usize) -> Tables {
        Tables { parameters, slots: vec![0; slots], ..Tables::default() }
    }

    /// Finds the series in the data which the state is bound to.
    pub fn bind(&mut self, program: &Program, sure: &[u32], anywhere: &BTreeSet<u32>, state: &State) {
        let (entries, data) = (state.entries.borrow(), state.data.borrow());
        self.release();
        self.before = program.history as usize + GUARDED_ROWS;
        self.piece = (data.candles.len() / PIECES).clamp(PIECE_LEAST, PIECE_MOST);
        self.sources = program.series.iter().map(|values| source(values, &entries)).collect();
        let columns: Vec<_> =
            (0..self.sources.len()).map(|series| column(&self.sources, &data, series)).collect();
        let of = |series: &u32| columns.get(*series as usize).copied().flatten();
        let mut whole = Vec::new();
        for read in sure.iter().filter_map(of) {
            // Of an indicator that is read anywhere all fields are computed whole.
            if anywhere.iter().filter_map(of).any(|other| other.is_beside(read)) || !self.add_window(read) {
                whole.push(read.clone());
            }
        }
        for window in &mut self.windows {
            let field = |(series, column): (usize, &Option<&Column>)| {
                Some((series, window.stream.field((*column)?)?))
            };
            window.series = columns.iter().enumerate().filter_map(field).collect();
        }
        Column::compute(&whole);
        let mut length = data.candles.len();
        for (source, column) in self.sources.iter().zip(&columns) {
            let (values, rows) = match source {
                // Those that are computed from others are never read from here.
                Series::Price(Price::Hl2 | Price::Hlc3 | Price::Ohlc4) | Series::Off => (None, length),
                Series::Price(price) => {
                    let values = data.candles.column(*price);
                    (values, values.map_or(0, <[f64]>::len))
                }
                Series::Column(_) => {
                    let known = column.and_then(Column::known);
                    (known, known.map_or(column.map_or(0, Column::len), <[f64]>::len))
                }
            };
            length = length.min(rows);
            self.rows.push(values.map_or(std::ptr::null(), <[f64]>::as_ptr));
        }
        // The code does not ask whether these are there.
        let is_there = |series: &u32| {
            let series = *series as usize;
            let of_window =
                self.windows.iter().any(|window| window.series.iter().any(|(it, _)| *it == series));
            of_window || self.rows.get(series).is_some_and(|rows| !rows.is_null())
        };
        self.length = if sure.iter().all(is_there) { length } else { 0 };
        self.ready = if self.windows.is_empty() { 0..self.length } else { 0..0 };
    }

    /// Lets go of the data.
    pub fn release(&mut self) {
        self.windows.clear();
        self.rows.clear();
        (self.length, self.ready) = (0, 0..0);
    }

    /// Has an indicator computed as the rows come; `false` if there is no need, or it is better computed whole.
    fn add_window(&mut self, column: &Column) -> bool {
        if self.windows.iter().any(|window| window.stream.field(column).is_some()) {
            return true;
        }
        let Some(stream) = column.stream() else { return false };
        let rooms = vec![vec![f64::NAN; self.before + self.piece]; stream.fields()];
        self.windows.push(Window { stream, rooms, series: Vec::new() });
        true
    }

    /// The end of the rows, from this one on, that can be asked about now: not behind it if it cannot.
    #[inline(always)]
    pub fn reach(&mut self, state: &State, row: usize) -> usize {
        if !self.ready.contains(&row) {
            self.move_to(state, row);
        }
        self.ready.end
    }

    #[inline(never)]
    fn move_to(&mut self, state: &State, row: usize) {
        let (length, ready) = (self.length, self.ready.clone());
        if row >= length {
            return;
        }
        // Should an indicator fail, there is nothing any more.
        (self.length, self.ready) = (0, 0..0);
        if row < ready.start {
            if !self.compute_windows(state, length) {
                return;
            }
            self.ready = 0..length;
        } else {
            if !self.leave_windows(length) {
                return;
            }
            let mut next = ready.end..ready.end;
            if self.windows.is_empty() {
                next.end = length;
            }
            while next.end <= row {
                next = next.end..length.min(next.end + self.piece);
                for window in &mut self.windows {
                    window.advance(self.before, &next, &mut self.rows);
                }
            }
            self.ready = next.start.saturating_sub(GUARDED_ROWS)..next.end;
        }
        self.length = length;
    }

    /// What somebody else has had computed whole, as the interpreter does, is read from there.
    fn leave_windows(&mut self, length: usize) -> bool {
        let (rows, mut all) = (&mut self.rows, true);
        self.windows.retain(|window| {
            for (series, field) in &window.series {
                let Some(values) = window.stream.known(*field) else { return true };
                match rows.get_mut(*series) {
                    Some(place) if values.len() >= length => *place = values.as_ptr(),
                    _ => all = false,
                }
            }
            false
        });
        all
    }

    /// Whoever goes back goes over the rows more than once: then whole columns are better.
    fn compute_windows(&mut self, state: &State, length: usize) -> bool {
        let windows = std::mem::take(&mut self.windows);
        let mut series = windows.iter().flat_map(|window| &window.series);
        series.all(|(series, _)| self.compute(state, *series, length))
    }

    /// Has the values of a series computed that the code asked for; whether there was one.
    #[inline]
    pub fn fill(&mut self, state: &State, missing: i64) -> bool {
        usize::try_from(missing).is_ok_and(|missing| self.compute(state, missing, self.length))
    }

    #[cold]
    fn compute(&mut self, state: &State, series: usize, length: usize) -> bool {
        let data = state.data.borrow();
        let values = column(&self.sources, &data, series).map_or(&[][..], Column::values);
        match self.rows.get_mut(series) {
            Some(rows) if !values.is_empty() && values.len() >= length => {
                *rows = values.as_ptr();
                true
            }
            _ => false,
        }
    }

    #[inline(always)]
    pub fn frame<'a>(
        &'a mut self,
        host: &'a Host,
        program: &Program,
        row: usize,
        held: Option<Direction>,
        allow_short: bool,
    ) -> Frame<'a> {
        if program.reads_slots || program.writes_slots {
            for (bits, slot) in self.slots.iter_mut().zip(host.state.slots.borrow().iter()) {
                *bits = match slot {
                    Slot::Int(value) => *value as u64,
                    Slot::Float(value) => value.to_bits(),
                    Slot::Bool(value) => u64::from(*value),
                };
            }
        }
        Frame {
            row: row as i64,
            series: self.rows.as_ptr(),
            parameters: self.parameters.as_ptr(),
            slots: self.slots.as_mut_ptr(),
            direction: match held {
                None => 0,
                Some(Direction::Long) => 1,
                Some(Direction::Short) => -1,
            },
            fuel: FUEL,
            allow_short: u8::from(allow_short),
            given_up: 0,
            missing: -1,
            host,
            moment: None,
            sources: &self.sources,
        }
    }
}

impl Window {
    /// Computes the values of the next rows, and tells the table where they are.
    fn advance(&mut self, before: usize, rows: &Range<usize>, table: &mut [*const f64]) {
        let mut out: Vec<&mut [f64]> = Vec::with_capacity(self.rooms.len());
        for room in &mut self.rooms {
            let kept = room.len() - before;
            room.copy_within(kept.., 0);
            out.push(&mut room[before..before + rows.len()]);
        }
        self.stream.write(&mut out);
        for (series, field) in &self.series {
            if let (Some(room), Some(place)) = (self.rooms.get(*field), table.get_mut(*series)) {
                // The code reads rows that are in the room only, wherever row 0 would be.
                *place = room.as_ptr().wrapping_add(before).wrapping_sub(rows.start);
            }
        }
    }
}

fn column<'a>(sources: &[Series], data: &'a Data, series: usize) -> Option<&'a Column> {
    match sources.get(series)? {
        Series::Column(column) => data.columns.get(*column),
        _ => None,
    }
}

fn source(values: &Values, entries: &[Entry]) -> Series {
    match values {
        Values::Price(name) => {
            let price = Price::ALL.into_iter().find(|price| price.name() == *name);
            price.map_or(Series::Off, Series::Price)
        }
        Values::Declared(index, field) => match entries.get(*index) {
            Some(Entry::Series(column)) => Series::Column(*column),
            Some(Entry::Multi(first, _)) => Series::Column(first + field),
            Some(Entry::Price(price)) => Series::Price(*price),
            _ => Series::Off,
        },
        Values::Nowhere => Series::Off,
    }
}
