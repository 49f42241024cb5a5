//! Candles and indicator columns: what a strategy may look at, and from when on.

use super::columns::{Column, ColumnCache};
use super::settings::AtrFilter;
use crate::indicators::{Given, Source, Spec, definition};
use crate::model::Candles;
use std::sync::Arc;

/// Candles and the columns one strategy declared, ready to be read by row.
#[derive(Clone)]
pub struct DataHandler {
    pub(super) candles: Arc<Candles>,
    /// Output columns in the order of the declarations, fields flattened.
    pub(super) columns: Vec<Column>,
    /// The base rules' ATR and, unless its period is 0, the average of it.
    pub(super) atr_filter: Option<(Column, Option<Column>, f64)>,
    pub(super) first_warm: usize,
}

impl DataHandler {
    /// `declared`: the strategy's indicators in order; `filter`: the base rule's, if it is on.
    pub fn new(cache: &ColumnCache, declared: &[Arc<Spec>], filter: Option<&AtrFilter>) -> Self {
        let candles = cache.candles().clone();
        let columns: Vec<Column> = declared.iter().flat_map(|spec| cache.columns(spec)).collect();
        let one = |spec: &Arc<Spec>| cache.columns(spec).next().unwrap_or_default();
        let atr_filter = filter.and_then(|filter| {
            let (atr, average) = Self::atr_filter_specs(filter)?;
            Some((one(&atr), average.as_ref().map(one), filter.multiplier))
        });
        let filter_columns = atr_filter.iter().flat_map(|(atr, average, _)| [Some(atr), average.as_ref()]);
        let first_value = columns.iter().chain(filter_columns.flatten()).map(Column::first_value).max();
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
    pub(super) fn atr_filter_specs(filter: &AtrFilter) -> Option<(Arc<Spec>, Option<Arc<Spec>>)> {
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
            Some((atr, Some(average), multiplier)) => atr.values()[row] >= multiplier * average.values()[row],
            Some((atr, None, multiplier)) => {
                atr.values()[row] / self.candles.close[row] * 100.0 >= *multiplier
            }
        }
    }
}
