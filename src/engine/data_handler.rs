//! Candles and indicator columns: what a strategy may look at, and from when on.

use super::settings::AtrFilter;
use crate::indicators::{Given, Source, Spec, definition};
use crate::model::{Candles, Price};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A column of values, one per candle, NaN where there is none yet. Shared between runs.
pub type Column = Arc<Vec<f64>>;

/// Indicator columns of one candle set, each computed once however many strategies and threads ask for it.
pub struct ColumnCache {
    candles: Arc<Candles>,
    /// Bytes of columns that are kept; those used longest ago go first.
    most: usize,
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

/// Columns that are there, or that the first to have asked is computing.
struct Entry {
    columns: Arc<OnceLock<Columns>>,
    used: u64,
    bytes: usize,
}

type Columns = Arc<[Column]>;

impl ColumnCache {
    /// Keeps everything.
    pub fn new(candles: Arc<Candles>) -> ColumnCache {
        ColumnCache::with_bytes(candles, usize::MAX)
    }

    /// Keeps at most `most` bytes of columns; what was dropped is computed again when it is asked for. Columns
    /// in use live on with their users.
    pub fn with_bytes(candles: Arc<Candles>, most: usize) -> ColumnCache {
        ColumnCache { candles, most, kept: Mutex::default() }
    }

    pub fn candles(&self) -> &Arc<Candles> {
        &self.candles
    }

    /// The output columns of `spec`, in field order.
    pub fn columns(&self, spec: &Arc<Spec>) -> Columns {
        self.get(Key::Spec(spec.clone()), || self.compute(spec))
    }

    /// Computes what is not there yet, independent columns in parallel. The values do not depend on the number
    /// of threads: each column is one sequential pass.
    pub fn prepare(&self, specs: &[Arc<Spec>]) {
        let missing: Vec<&Arc<Spec>> = specs.iter().filter(|spec| !self.holds(spec)).collect();
        if missing.len() > 1 {
            missing.into_par_iter().for_each(|spec| drop(self.columns(spec)));
        }
    }

    fn holds(&self, spec: &Arc<Spec>) -> bool {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.entries.get(&Key::Spec(spec.clone())).is_some_and(|entry| entry.columns.get().is_some())
    }

    fn get(&self, key: Key, compute: impl FnOnce() -> Columns) -> Columns {
        let columns = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.uses += 1;
            let used = kept.uses;
            let new = || Entry { columns: Arc::default(), used, bytes: 0 };
            let entry = kept.entries.entry(key.clone()).or_insert_with(new);
            entry.used = used;
            entry.columns.clone()
        };
        if let Some(columns) = columns.get() {
            return columns.clone();
        }
        // Whoever else asks for it waits here. What a column reads is never itself, so nobody waits in a circle.
        let found = columns.get_or_init(compute).clone();
        self.account(&key, &found);
        found
    }

    /// Counts the columns' bytes and drops those used longest ago, if it is too many.
    fn account(&self, key: &Key, columns: &Columns) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = columns.iter().map(|column| column.len() * size_of::<f64>()).sum();
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

    fn compute(&self, spec: &Arc<Spec>) -> Columns {
        let candles = &*self.candles;
        let read: Vec<Option<Column>> = spec
            .sources()
            .map(|source| match source {
                Source::Price(price) if candles.column(*price).is_some() => None,
                source => self.column(source),
            })
            .collect();
        let sources: Vec<&[f64]> = spec
            .sources()
            .zip(&read)
            .map(|(source, read)| match (source, read) {
                (_, Some(column)) => column.as_slice(),
                (Source::Price(price), None) => candles.column(*price).unwrap_or(&[]),
                (Source::Output { .. }, None) => &[],
            })
            .collect();
        let rows = candles.len();
        let mut out = vec![Vec::with_capacity(rows); spec.definition.fields.len()];
        spec.build().extend(candles, &sources, 0..rows, &mut out);
        out.into_iter().map(Arc::new).collect()
    }

    /// Prices as a column of their own.
    fn price(&self, price: Price) -> Option<Column> {
        let compute = || {
            let values = self.candles.iter().map(|candle| price.of(&candle)).collect();
            Columns::from([Arc::new(values)])
        };
        self.get(Key::Price(price), compute).first().cloned()
    }

    /// The values of a source.
    pub fn column(&self, source: &Source) -> Option<Column> {
        match source {
            Source::Price(price) => self.price(*price),
            Source::Output { spec, field } => self.columns(spec).get(*field).cloned(),
        }
    }
}

/// Candles and the columns one strategy declared, ready to be read by row.
#[derive(Clone)]
pub struct DataHandler {
    candles: Arc<Candles>,
    /// Output columns in the order of the declarations, fields flattened.
    columns: Vec<Column>,
    /// The base rules' ATR and, unless its period is 0, the average of it.
    atr_filter: Option<(Column, Option<Column>, f64)>,
    first_warm: usize,
}

impl DataHandler {
    /// `declared`: the strategy's indicators in order; `filter`: the base rule's, if it is on.
    pub fn new(cache: &ColumnCache, declared: &[Arc<Spec>], filter: Option<&AtrFilter>) -> Self {
        let filter = filter.and_then(|filter| Some((Self::atr_filter_specs(filter)?, filter.multiplier)));
        let mut specs = declared.to_vec();
        if let Some(((atr, average), _)) = &filter {
            specs.push(atr.clone());
            specs.extend(average.clone());
        }
        cache.prepare(&specs);
        let candles = cache.candles().clone();
        let columns: Vec<Column> = declared.iter().flat_map(|spec| cache.columns(spec).to_vec()).collect();
        let one = |spec: &Arc<Spec>| cache.columns(spec).first().cloned().unwrap_or_default();
        let atr_filter =
            filter.map(|((atr, average), multiplier)| (one(&atr), average.as_ref().map(one), multiplier));
        let warm = |column: &Column| column.iter().position(|value| !value.is_nan()).unwrap_or(column.len());
        let filter_columns = atr_filter.iter().flat_map(|(atr, average, _)| [Some(atr), average.as_ref()]);
        let first_value = columns.iter().chain(filter_columns.flatten()).map(warm).max();
        // The previous candle must be warm too; without indicators there is nothing to wait for.
        let first_warm = first_value.map_or(0, |row| row + 1);
        DataHandler { candles, columns, atr_filter, first_warm }
    }

    pub fn candles(&self) -> &Arc<Candles> {
        &self.candles
    }

    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// First row in which every indicator has a value for this candle and the one before.
    pub fn first_warm(&self) -> usize {
        self.first_warm
    }

    /// The ATR that the base rule's filter reads, if it is on: what it needs besides the script's indicators.
    fn atr_filter_specs(filter: &AtrFilter) -> Option<(Arc<Spec>, Option<Arc<Spec>>)> {
        let atr = Arc::new(Spec::new(definition("atr")?, vec![Given::Integer(filter.period as i64)]).ok()?);
        if filter.sma_period == 0 {
            return Some((atr, None));
        }
        let source = Given::Source(Source::Output { spec: atr.clone(), field: 0 });
        let average = Spec::new(definition("sma")?, vec![source, Given::Integer(filter.sma_period as i64)]);
        Some((atr, Some(Arc::new(average.ok()?))))
    }

    /// Whether the ATR filter lets an entry pass at the close of `row`; true while the filter is off.
    pub fn atr_pass(&self, row: usize) -> bool {
        match &self.atr_filter {
            None => true,
            Some((atr, Some(average), multiplier)) => atr[row] >= multiplier * average[row],
            Some((atr, None, multiplier)) => atr[row] / self.candles.close[row] * 100.0 >= *multiplier,
        }
    }
}
