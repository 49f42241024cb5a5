//! Candles and indicator columns: what a strategy may look at, and from when on.

use super::settings::AtrFilter;
use crate::indicators::{Given, Source, Spec, Stream, definition};
use crate::model::{Candle, Candles, Price};
use rayon::prelude::*;
use std::collections::HashMap;
use std::ops::Range;
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

/// What appends to the columns of a [`DataHandler`] as candles come. Holds the indicators' running state.
pub struct Growth {
    nodes: Vec<Node>,
    /// Of each output column of the handler: node and field.
    columns: Vec<(usize, usize)>,
    /// The ATR filter's columns likewise.
    filter: Vec<(usize, usize)>,
    warm: Vec<bool>,
}

/// One indicator, after those it reads.
struct Node {
    spec: Arc<Spec>,
    stream: Box<dyn Stream>,
    sources: Vec<NodeSource>,
    out: Vec<Column>,
}

enum NodeSource {
    Price(Price),
    /// A price that is computed from several, as a column of its own.
    Derived(Price, Vec<f64>),
    Node(usize, usize),
}

impl Growth {
    /// A handler over `candles` that can grow. Values are those of [`DataHandler::new`].
    pub fn start(
        candles: Candles,
        declared: &[Arc<Spec>],
        filter: Option<&AtrFilter>,
    ) -> (DataHandler, Growth) {
        let mut growth =
            Growth { nodes: Vec::new(), columns: Vec::new(), filter: Vec::new(), warm: Vec::new() };
        for spec in declared {
            let node = growth.node(spec);
            growth.columns.extend((0..spec.definition.fields.len()).map(|field| (node, field)));
        }
        let filter =
            filter.and_then(|filter| Some((DataHandler::atr_filter_specs(filter)?, filter.multiplier)));
        if let Some(((atr, average), _)) = &filter {
            growth.filter = std::iter::once(atr).chain(average).map(|spec| (growth.node(spec), 0)).collect();
        }
        growth.warm = vec![false; growth.columns.len() + growth.filter.len()];
        let atr_filter = filter.map(|((_, average), multiplier)| {
            (Column::default(), average.map(|_| Column::default()), multiplier)
        });
        let never = if growth.warm.is_empty() { 0 } else { usize::MAX };
        let mut data = DataHandler {
            candles: Arc::default(),
            columns: vec![Column::default(); growth.columns.len()],
            atr_filter,
            first_warm: never,
        };
        growth.extend(&mut data, candles);
        (data, growth)
    }

    fn node(&mut self, spec: &Arc<Spec>) -> usize {
        if let Some(known) = self.nodes.iter().position(|node| node.spec == *spec) {
            return known;
        }
        let sources = spec
            .sources()
            .map(|source| match source {
                Source::Price(price @ (Price::Hl2 | Price::Hlc3 | Price::Ohlc4)) => {
                    NodeSource::Derived(*price, Vec::new())
                }
                Source::Price(price) => NodeSource::Price(*price),
                Source::Output { spec, field } => NodeSource::Node(self.node(spec), *field),
            })
            .collect();
        let out = vec![Column::default(); spec.definition.fields.len()];
        self.nodes.push(Node { spec: spec.clone(), stream: spec.build(), sources, out });
        self.nodes.len() - 1
    }

    /// Appends a closed candle. Without a copy where nobody else holds the columns.
    pub fn push(&mut self, data: &mut DataHandler, candle: Candle) {
        self.grow(data, |candles| candles.push(candle));
    }

    fn extend(&mut self, data: &mut DataHandler, candles: Candles) {
        self.grow(data, |all| *all = candles);
    }

    fn grow(&mut self, data: &mut DataHandler, add: impl FnOnce(&mut Candles)) {
        // The handler's columns are those of the nodes: let go of them, so that they grow in place.
        data.columns.iter_mut().for_each(|column| *column = Column::default());
        if let Some((atr, average, _)) = &mut data.atr_filter {
            *atr = Column::default();
            average.iter_mut().for_each(|column| *column = Column::default());
        }
        let from = data.candles.len();
        add(Arc::make_mut(&mut data.candles));
        let candles = &*data.candles;
        let rows = from..candles.len();
        for index in 0..self.nodes.len() {
            let (before, rest) = self.nodes.split_at_mut(index);
            let Some(node) = rest.first_mut() else { continue };
            for source in &mut node.sources {
                if let NodeSource::Derived(price, values) = source {
                    values.extend(rows.clone().map(|row| price.of(&candles.get(row))));
                }
            }
            let sources: Vec<&[f64]> = node
                .sources
                .iter()
                .map(|source| match source {
                    NodeSource::Price(price) => candles.column(*price).unwrap_or(&[]),
                    NodeSource::Derived(_, values) => values.as_slice(),
                    NodeSource::Node(node, field) => before
                        .get(*node)
                        .and_then(|node| node.out.get(*field))
                        .map_or(&[][..], |it| it.as_slice()),
                })
                .collect();
            let take = |column: &mut Column| std::mem::take(Arc::make_mut(column));
            let mut out: Vec<Vec<f64>> = node.out.iter_mut().map(take).collect();
            node.stream.extend(candles, &sources, rows.clone(), &mut out);
            for (column, values) in node.out.iter_mut().zip(out) {
                *Arc::make_mut(column) = values;
            }
        }
        let column = |(node, field): &(usize, usize)| {
            self.nodes.get(*node).and_then(|node| node.out.get(*field)).cloned().unwrap_or_default()
        };
        data.columns = self.columns.iter().map(column).collect();
        if let Some((atr, average, _)) = &mut data.atr_filter {
            let mut columns = self.filter.iter().map(column);
            *atr = columns.next().unwrap_or_default();
            *average = columns.next();
        }
        self.find_warm(data, rows);
    }

    /// The first row of which every column has a value here and in the row before.
    fn find_warm(&mut self, data: &mut DataHandler, rows: Range<usize>) {
        if data.first_warm != usize::MAX {
            return;
        }
        let filter =
            data.atr_filter.iter().flat_map(|(atr, average, _)| [Some(atr), average.as_ref()]).flatten();
        let columns: Vec<&Column> = data.columns.iter().chain(filter).collect();
        for row in rows {
            for (warm, column) in self.warm.iter_mut().zip(&columns) {
                *warm |= column.get(row).is_some_and(|value| !value.is_nan());
            }
            if self.warm.iter().all(|warm| *warm) {
                data.first_warm = row + 1;
                return;
            }
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

    /// When the candle in `row` closes, or would: the next one may be asked for before it is there.
    pub fn close_time(&self, row: usize) -> i64 {
        let known =
            |row: usize| Some((*self.candles.open_time.get(row)?, *self.candles.close_time.get(row)?));
        match (known(row), row.checked_sub(1).and_then(known)) {
            (Some((_, close)), _) => close,
            (None, Some((open, close))) => close.saturating_add(close - open + 1),
            (None, None) => 0,
        }
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
