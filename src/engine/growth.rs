//! Columns that grow as candles come.

use super::columns::{Column, Outputs};
use super::data_handler::DataHandler;
use super::settings::AtrFilter;
use crate::indicators::{Source, Spec, Stream};
use crate::model::{Candle, Candles, Price};
use std::ops::Range;
use std::sync::Arc;

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
    out: Arc<Outputs>,
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
        let out = Arc::new(Outputs::of(vec![Vec::new(); spec.definition.fields.len()]));
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
                    NodeSource::Node(node, field) => {
                        before.get(*node).and_then(|node| node.out.known(*field)).unwrap_or_default()
                    }
                })
                .collect();
            let mut out = Outputs::take(&mut node.out);
            out.iter_mut().for_each(|column| column.resize(rows.end, f64::NAN));
            let mut places: Vec<&mut [f64]> =
                out.iter_mut().map(|column| &mut column[rows.clone()]).collect();
            node.stream.write(candles, &sources, rows.clone(), &mut places);
            node.out = Arc::new(Outputs::of(out));
        }
        let column = |(node, field): &(usize, usize)| {
            self.nodes.get(*node).map(|node| Column::new(node.out.clone(), *field)).unwrap_or_default()
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
                *warm |= column.values().get(row).is_some_and(|value| !value.is_nan());
            }
            if self.warm.iter().all(|warm| *warm) {
                data.first_warm = row + 1;
                return;
            }
        }
    }
}
