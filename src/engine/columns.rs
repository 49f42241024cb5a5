//! Columns of indicator values: computed when they are read for the first time, and shared between runs.

use super::buffer::Buffer;
use crate::indicators::{Source, Spec, Stream};
use crate::model::{Candles, Price};
use rayon::prelude::*;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Values, one per candle, NaN where there is none yet. Clones share them.
#[derive(Clone, Default)]
pub struct Column {
    of: Arc<Outputs>,
    field: usize,
}

/// What an indicator gives: a column for each of its fields.
#[derive(Default)]
pub(super) struct Outputs {
    rows: usize,
    /// Of each field, the first row with a value, where that is known without the values.
    first: Vec<usize>,
    values: OnceLock<Vec<Buffer>>,
    /// How they are computed, until they are.
    recipe: Mutex<Option<Recipe>>,
    /// Whether they are likely to be read once.
    once: bool,
}

#[derive(Clone)]
struct Recipe {
    candles: Arc<Candles>,
    spec: Arc<Spec>,
    /// The sources; `None` for a price that the candles have as a column.
    read: Vec<Option<Column>>,
}

impl Column {
    pub(super) fn new(of: Arc<Outputs>, field: usize) -> Column {
        Column { of, field }
    }

    /// How many values there are, computed or not.
    pub fn len(&self) -> usize {
        self.of.rows
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values. Computes them if nobody has read them before.
    pub fn values(&self) -> &[f64] {
        self.of.values.get_or_init(|| self.of.compute());
        self.known().unwrap_or_default()
    }

    /// The values, if they are computed.
    pub fn known(&self) -> Option<&[f64]> {
        self.of.known(self.field)
    }

    /// Whether the same indicator gives both.
    pub fn is_beside(&self, other: &Column) -> bool {
        Arc::ptr_eq(&self.of, &other.of)
    }

    /// The first row with a value; the number of rows if none has one.
    pub fn first_value(&self) -> usize {
        self.of.first.get(self.field).copied().unwrap_or_else(|| first_value(self.values()))
    }

    /// What computes the values as one goes over the rows, where they are not there and nobody else is likely to want
    /// them.
    pub fn stream(&self) -> Option<ColumnStream> {
        if !self.of.once || self.known().is_some() {
            return None;
        }
        let recipe = self.of.recipe.lock().unwrap_or_else(PoisonError::into_inner).clone()?;
        Some(ColumnStream { of: self.of.clone(), stream: recipe.spec.build(), recipe, done: 0 })
    }

    /// Computes several, in parallel. The values do not depend on the number of threads: each column is one
    /// sequential pass.
    pub fn compute(columns: &[Column]) {
        let mut missing: Vec<&Column> = columns.iter().filter(|column| column.known().is_none()).collect();
        missing.sort_by_key(|column| Arc::as_ptr(&column.of));
        missing.dedup_by_key(|column| Arc::as_ptr(&column.of));
        match missing.as_slice() {
            [] => {}
            [one] => _ = one.values(),
            _ => missing.into_par_iter().for_each(|column| _ = column.values()),
        }
    }
}

#[cfg(test)]
impl From<Vec<f64>> for Column {
    fn from(values: Vec<f64>) -> Column {
        Column { of: Arc::new(Outputs::of(vec![values])), field: 0 }
    }
}

impl fmt::Debug for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Column").field("rows", &self.len()).field("known", &self.known().is_some()).finish()
    }
}

/// Computes the values of an indicator from the first row on, for one who reads them in this order and keeps none.
pub struct ColumnStream {
    of: Arc<Outputs>,
    recipe: Recipe,
    stream: Box<dyn Stream>,
    /// Rows that are done.
    done: usize,
}

impl ColumnStream {
    pub fn fields(&self) -> usize {
        self.recipe.spec.definition.fields.len()
    }

    /// Which of its fields a column is, if it is one of them.
    pub fn field(&self, column: &Column) -> Option<usize> {
        Arc::ptr_eq(&self.of, &column.of).then_some(column.field)
    }

    /// The values of a field, if somebody has had them computed whole.
    pub fn known(&self, field: usize) -> Option<&[f64]> {
        self.of.known(field)
    }

    /// Writes the next values of each field, NaN where there is none yet; as many for each.
    pub fn write(&mut self, out: &mut [&mut [f64]]) {
        let rows = out.first().map_or(0, |values| values.len());
        let rows = self.done..self.done + rows;
        self.stream.write(&self.recipe.candles, &self.recipe.sources(), rows.clone(), out);
        self.done = rows.end;
    }
}

fn first_value(values: &[f64]) -> usize {
    values.iter().position(|value| !value.is_nan()).unwrap_or(values.len())
}

impl Outputs {
    /// Of values that are there.
    pub fn of(values: Vec<Vec<f64>>) -> Outputs {
        let rows = values.first().map_or(0, Vec::len);
        let values: Vec<Buffer> = values.into_iter().map(Buffer::from).collect();
        Outputs { rows, values: OnceLock::from(values), ..Outputs::default() }
    }

    /// The values of a field, if they are there.
    pub fn known(&self, field: usize) -> Option<&[f64]> {
        self.values.get()?.get(field).map(|values| &**values)
    }

    /// Takes the values, as a copy if somebody else has them too.
    pub fn take(this: &mut Arc<Outputs>) -> Vec<Vec<f64>> {
        let copies = |all: &Vec<Buffer>| all.iter().map(|values| values.to_vec()).collect();
        let Some(alone) = Arc::get_mut(this) else { return this.values.get().map_or_else(Vec::new, copies) };
        alone.values.take().unwrap_or_default().into_iter().map(Buffer::into_inner).collect()
    }

    fn new(recipe: Recipe, once: bool) -> Outputs {
        let first = recipe.first_values();
        Outputs {
            rows: recipe.candles.len(),
            first,
            values: OnceLock::new(),
            recipe: Mutex::new(Some(recipe)),
            once,
        }
    }

    fn compute(&self) -> Vec<Buffer> {
        // Let go of only once it is done: whoever asks after a failure is to fail too, not to find nothing.
        let mut recipe = self.recipe.lock().unwrap_or_else(PoisonError::into_inner);
        let values = recipe.as_ref().map_or_else(Vec::new, Recipe::compute);
        *recipe = None;
        values
    }
}

/// Rows of the first piece in which an indicator's first values are looked for.
const PIECE: usize = 32;

impl Recipe {
    fn sources(&self) -> Vec<&[f64]> {
        let sources = self.spec.sources().zip(&self.read);
        sources
            .map(|(source, read)| match (source, read) {
                (_, Some(column)) => column.values(),
                (Source::Price(price), None) => self.candles.column(*price).unwrap_or(&[]),
                (Source::Output { .. }, None) => &[],
            })
            .collect()
    }

    /// Computes rows until each field has a value, and lets go of them again: there are few.
    fn first_values(&self) -> Vec<usize> {
        let (sources, rows) = (self.sources(), self.candles.len());
        let fields = self.spec.definition.fields.len();
        let mut first = vec![rows; fields];
        let mut stream = self.spec.build();
        let mut done = 0;
        while done < rows && first.contains(&rows) {
            let piece = done..rows.min(PIECE.max(2 * done));
            let mut values = vec![vec![0.0; piece.len()]; fields];
            let mut out: Vec<&mut [f64]> = values.iter_mut().map(Vec::as_mut_slice).collect();
            stream.write(&self.candles, &sources, piece.clone(), &mut out);
            for (first, values) in first.iter_mut().zip(&values).filter(|(first, _)| **first == rows) {
                let found = first_value(values);
                if found < values.len() {
                    *first = done + found;
                }
            }
            done = piece.end;
        }
        first
    }

    fn compute(&self) -> Vec<Buffer> {
        let rows = self.candles.len();
        let fields = self.spec.definition.fields.len();
        let mut values: Vec<Buffer> = (0..fields).map(|_| Buffer::new(rows)).collect();
        let mut out: Vec<&mut [f64]> = values.iter_mut().map(|values| &mut **values).collect();
        self.spec.build().write(&self.candles, &self.sources(), 0..rows, &mut out);
        values
    }
}

/// Indicator columns of one candle set, each there once however many strategies and threads ask for it.
pub struct ColumnCache {
    candles: Arc<Candles>,
    /// Bytes of columns that are kept, as if all were computed; those used longest ago go first.
    most: usize,
    /// Whether a column is likely to be read once.
    once: bool,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    entries: HashMap<Key, Entry>,
    bytes: usize,
    /// Counts the uses.
    uses: u64,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Price(Price),
    Spec(Arc<Spec>),
}

/// Columns that are there, or that the first to have asked is making ready.
struct Entry {
    outputs: Arc<OnceLock<Arc<Outputs>>>,
    used: u64,
    bytes: usize,
}

impl ColumnCache {
    /// Keeps everything.
    pub fn new(candles: Arc<Candles>) -> ColumnCache {
        ColumnCache::with_bytes(candles, usize::MAX)
    }

    /// For one run over the candles: what can be computed as they pass is not kept.
    pub fn for_one_run(candles: Arc<Candles>) -> ColumnCache {
        ColumnCache { once: true, ..ColumnCache::new(candles) }
    }

    /// Keeps at most `most` bytes of columns; what was dropped is computed again when it is asked for. Columns
    /// in use live on with their users.
    pub fn with_bytes(candles: Arc<Candles>, most: usize) -> ColumnCache {
        ColumnCache { candles, most, once: false, kept: Mutex::default() }
    }

    pub fn candles(&self) -> &Arc<Candles> {
        &self.candles
    }

    /// The output columns of `spec`, in field order.
    pub fn columns(&self, spec: &Arc<Spec>) -> impl Iterator<Item = Column> + use<> {
        let fields = spec.definition.fields.len();
        let outputs = self.outputs(spec);
        (0..fields).map(move |field| Column::new(outputs.clone(), field))
    }

    /// The values of a source.
    pub fn column(&self, source: &Source) -> Column {
        match source {
            Source::Price(price) => Column::new(self.price(*price), 0),
            Source::Output { spec, field } => Column::new(self.outputs(spec), *field),
        }
    }

    fn outputs(&self, spec: &Arc<Spec>) -> Arc<Outputs> {
        let make = || {
            let read = spec.sources().map(|source| match source {
                Source::Price(price) if self.candles.column(*price).is_some() => None,
                source => Some(self.column(source)),
            });
            let read = read.collect();
            Outputs::new(Recipe { candles: self.candles.clone(), spec: spec.clone(), read }, self.once)
        };
        self.get(Key::Spec(spec.clone()), spec.definition.fields.len(), make)
    }

    /// Prices as a column of their own.
    fn price(&self, price: Price) -> Arc<Outputs> {
        let make = || Outputs::of(vec![self.candles.iter().map(|candle| price.of(&candle)).collect()]);
        self.get(Key::Price(price), 1, make)
    }

    fn get(&self, key: Key, fields: usize, make: impl FnOnce() -> Outputs) -> Arc<Outputs> {
        let outputs = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.uses += 1;
            let used = kept.uses;
            let new = || Entry { outputs: Arc::default(), used, bytes: 0 };
            let entry = kept.entries.entry(key.clone()).or_insert_with(new);
            entry.used = used;
            entry.outputs.clone()
        };
        if let Some(outputs) = outputs.get() {
            return outputs.clone();
        }
        // Whoever else asks for it waits here. What a column reads is never itself, so nobody waits in a circle.
        let found = outputs.get_or_init(|| Arc::new(make())).clone();
        self.account(&key, fields * self.candles.len() * size_of::<f64>());
        found
    }

    /// Counts a new entry's bytes and drops the columns used longest ago, if it is too many.
    fn account(&self, key: &Key, bytes: usize) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.entries.get_mut(key) {
            Some(entry) if entry.bytes == 0 => entry.bytes = bytes,
            _ => return,
        }
        kept.bytes += bytes;
        while kept.bytes > self.most {
            let others = kept.entries.iter().filter(|(other, entry)| *other != key && entry.bytes > 0);
            let Some(oldest) = others.min_by_key(|(_, entry)| entry.used).map(|(key, _)| key.clone()) else {
                return;
            };
            kept.bytes -= kept.entries.remove(&oldest).map_or(0, |entry| entry.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{DataHandler, Growth};
    use crate::indicators::{Definition, Given, Parameter, REGISTRY, definition};
    use crate::model::Candle;
    use std::ops::Range;

    fn candles(rows: usize) -> Arc<Candles> {
        let candle = |row: usize| {
            let close = 100.0 + (row as f64 / 7.0).sin();
            let open_time = row as i64 * 60_000;
            Candle {
                open_time,
                close_time: open_time + 59_999,
                open: close,
                high: close + 1.0,
                low: close - 1.0,
                close,
                volume: 1.0,
            }
        };
        Arc::new((0..rows).map(candle).collect())
    }

    fn spec(name: &str, given: Vec<Given>) -> Arc<Spec> {
        Arc::new(Spec::new(definition(name).unwrap(), given).unwrap())
    }

    fn sma(source: Source, n: i64) -> Arc<Spec> {
        spec("sma", vec![Given::Source(source), Given::Integer(n)])
    }

    #[test]
    fn the_first_value_is_known_before_any_is_computed() {
        let atr = spec("atr", vec![Given::Integer(14)]);
        let specs = [
            sma(Source::Price(Price::Close), 1),
            sma(Source::Price(Price::Hl2), 40),
            sma(Source::Output { spec: atr.clone(), field: 0 }, 100),
            sma(Source::Price(Price::Close), 5_000),
            spec(
                "macd",
                vec![
                    Given::Source(Source::Price(Price::Close)),
                    Given::Integer(12),
                    Given::Integer(26),
                    Given::Integer(9),
                ],
            ),
        ];
        for rows in [0, 1, 32, 33, 200, 700] {
            let cache = ColumnCache::new(candles(rows));
            for spec in &specs {
                let columns: Vec<Column> = cache.columns(spec).collect();
                let first: Vec<usize> = columns.iter().map(Column::first_value).collect();
                assert!(columns.iter().all(|column| column.known().is_none()), "{spec} of {rows}: too early");
                for (column, first) in columns.iter().zip(first) {
                    assert_eq!(column.len(), rows);
                    assert_eq!(column.values().len(), rows);
                    assert_eq!(first, first_value(column.values()), "{spec} of {rows}");
                }
            }
        }
    }

    #[test]
    fn fields_are_computed_together_and_once() {
        let cache = ColumnCache::new(candles(100));
        let bands = spec(
            "bollinger",
            vec![Given::Source(Source::Price(Price::Close)), Given::Integer(20), Given::Real(2.0)],
        );
        let columns: Vec<Column> = cache.columns(&bands).collect();
        let upper = columns[0].values().as_ptr();
        assert!(columns.iter().all(|column| column.known().is_some()));
        let again: Vec<Column> = cache.columns(&bands).collect();
        assert_eq!(again[0].values().as_ptr(), upper);
        Column::compute(&again);
        assert_eq!(again[0].values().as_ptr(), upper);
    }

    #[test]
    fn what_is_too_much_is_dropped_and_lives_on_with_its_users() {
        let rows = 100;
        let cache = ColumnCache::with_bytes(candles(rows), 2 * rows * 8);
        let column = |n| cache.columns(&sma(Source::Price(Price::Close), n)).next().unwrap();
        let first = column(2);
        let place = first.values().as_ptr();
        assert!(column(2).known().is_some());
        column(3);
        column(4);
        assert!(column(2).known().is_none(), "used longest ago");
        assert_eq!(first.values().as_ptr(), place);
    }

    #[test]
    fn every_indicator_is_as_it_grows_whatever_its_room_held_before() {
        let rows = 9_000;
        let candles = candles(rows);
        for definition in REGISTRY {
            let dirty: Vec<Buffer> = (0..8)
                .map(|_| {
                    let mut buffer = Buffer::new(rows);
                    buffer.fill(7.0);
                    buffer
                })
                .collect();
            drop(dirty);
            let given = definition.parameters.iter().enumerate().map(|(index, parameter)| match parameter {
                Parameter::Source if index == 0 => Given::Source(Source::Price(Price::Hlc3)),
                Parameter::Source => Given::Source(Source::Price(Price::Volume)),
                Parameter::Period { least, .. } => Given::Integer((*least).max(5 + index) as i64),
                Parameter::Real { most, .. } => Given::Real(most.min(2.0)),
            });
            let spec = Arc::new(Spec::new(definition, given.collect()).unwrap());
            let computed =
                DataHandler::new(&ColumnCache::new(candles.clone()), std::slice::from_ref(&spec), None);
            let (grown, _) = Growth::start((*candles).clone(), &[spec], None);
            assert_eq!(computed.first_warm().min(rows), grown.first_warm().min(rows), "{}", definition.name);
            for (one, other) in computed.columns().iter().zip(grown.columns()) {
                let bits =
                    |column: &Column| column.values().iter().map(|it| it.to_bits()).collect::<Vec<_>>();
                assert!(bits(one) == bits(other), "{}", definition.name);
            }
        }
    }

    #[test]
    fn what_fails_once_is_not_taken_for_computed() {
        struct Broken;
        impl Stream for Broken {
            fn write(&mut self, _: &Candles, _: &[&[f64]], rows: Range<usize>, out: &mut [&mut [f64]]) {
                assert!(rows.len() <= PIECE, "broken");
                out.iter_mut().for_each(|values| values.fill(1.0));
            }
        }
        static BROKEN: Definition = Definition {
            name: "broken",
            summary: "",
            parameters: &[],
            fields: &["value"],
            build: |_| Box::new(Broken),
        };
        let cache = ColumnCache::new(candles(100));
        let column = cache.columns(&Arc::new(Spec::new(&BROKEN, Vec::new()).unwrap())).next().unwrap();
        assert_eq!(column.first_value(), 0);
        for _ in 0..2 {
            let values = || column.values().len();
            assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(values)).is_err());
            assert!(column.known().is_none());
        }
    }
}
