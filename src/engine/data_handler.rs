//! Candles and indicator columns: what a strategy may look at, and from when on.

use super::settings::AtrFilter;
use crate::indicators::{Given, Source, Spec, definition};
use crate::model::{Candles, Price};
use rayon::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

/// A column of values, one per candle, NaN where there is none yet. Shared between runs.
pub type Column = Arc<Vec<f64>>;

/// Indicator columns of one candle set, each computed once however many strategies ask for it.
#[derive(Default)]
pub struct ColumnCache {
    prices: HashMap<Price, Column>,
    outputs: HashMap<Arc<Spec>, Arc<[Column]>>,
}

impl ColumnCache {
    /// Computes what `specs` need and is not there yet, independent columns in parallel. The values do not
    /// depend on the number of threads: each column is one sequential pass.
    pub fn prepare(&mut self, candles: &Candles, specs: &[Arc<Spec>]) {
        let mut levels: Vec<Vec<Arc<Spec>>> = Vec::new();
        for spec in specs {
            self.collect(spec, &mut levels);
        }
        for level in levels {
            for source in level.iter().flat_map(|spec| spec.sources()) {
                if let Source::Price(price) = *source
                    && candles.column(price).is_none()
                {
                    self.prices.entry(price).or_insert_with(|| derived(candles, price));
                }
            }
            let done: Vec<(Arc<Spec>, Arc<[Column]>)> =
                level.into_par_iter().map(|spec| (spec.clone(), self.compute(candles, &spec))).collect();
            self.outputs.extend(done);
        }
    }

    /// Sorts a spec and those it reads into levels: nothing in a level reads its own or a later one.
    fn collect(&self, spec: &Arc<Spec>, levels: &mut Vec<Vec<Arc<Spec>>>) -> usize {
        if self.outputs.contains_key(spec) {
            return 0;
        }
        if let Some(level) = levels.iter().position(|level| level.contains(spec)) {
            return level + 1;
        }
        let level = spec
            .sources()
            .map(|source| match source {
                Source::Price(_) => 0,
                Source::Output { spec, .. } => self.collect(spec, levels),
            })
            .max()
            .unwrap_or(0);
        if levels.len() <= level {
            levels.resize(level + 1, Vec::new());
        }
        levels[level].push(spec.clone());
        level + 1
    }

    fn compute(&self, candles: &Candles, spec: &Spec) -> Arc<[Column]> {
        let rows = candles.len();
        let sources: Vec<&[f64]> = spec
            .sources()
            .map(|source| match source {
                Source::Price(price) => candles
                    .column(*price)
                    .or_else(|| self.prices.get(price).map(|column| column.as_slice()))
                    .unwrap_or(&[]),
                Source::Output { spec, field } => {
                    self.outputs.get(spec).map_or(&[][..], |columns| columns[*field].as_slice())
                }
            })
            .collect();
        let mut out = vec![Vec::with_capacity(rows); spec.definition.fields.len()];
        spec.build().extend(candles, &sources, 0..rows, &mut out);
        out.into_iter().map(Arc::new).collect()
    }

    /// The output columns of a prepared spec, in field order.
    pub fn columns(&self, spec: &Spec) -> Option<&Arc<[Column]>> {
        self.outputs.get(spec)
    }
}

fn derived(candles: &Candles, price: Price) -> Column {
    Arc::new(candles.iter().map(|candle| price.of(&candle)).collect())
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
    /// `declared`: the strategy's indicators in order; `atr_filter`: what the base rule needs, with its
    /// multiplier. All of them must be prepared in `cache`.
    pub fn new(
        candles: Arc<Candles>,
        cache: &ColumnCache,
        declared: &[Arc<Spec>],
        atr_filter: Option<(Arc<Spec>, Option<Arc<Spec>>, f64)>,
    ) -> Self {
        let all = |spec: &Arc<Spec>| cache.columns(spec).map(|columns| columns.to_vec()).unwrap_or_default();
        let columns: Vec<Column> = declared.iter().flat_map(all).collect();
        let one = |spec: &Arc<Spec>| all(spec).into_iter().next().unwrap_or_default();
        let atr_filter =
            atr_filter.map(|(atr, average, multiplier)| (one(&atr), average.as_ref().map(one), multiplier));
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
    pub fn atr_filter_specs(filter: &AtrFilter) -> Option<(Arc<Spec>, Option<Arc<Spec>>)> {
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
