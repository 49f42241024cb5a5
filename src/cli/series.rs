//! `mista series`: indicators as columns.

use super::arguments::DataArguments;
use super::{Exit, Failure, print, write};
use crate::engine::{Column, ColumnCache};
use crate::indicators::Source;
use crate::job::load_candles;
use crate::script::series_of;
use clap::Args;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub struct SeriesArguments {
    #[command(flatten)]
    data: DataArguments,
    /// Indicators as scripts write them, such as 'sma(close, 20)' or 'adx(14).plus_di'
    #[arg(required = true, value_name = "EXPR")]
    expressions: Vec<String>,
    /// Where to write the CSV [default: standard output]
    #[arg(long, value_name = "FILE.csv")]
    out: Option<PathBuf>,
}

/// First column `open_time`, then one per expression (and field); an empty cell until warm.
pub fn series(arguments: &SeriesArguments) -> Result<(), Failure> {
    let mut columns: Vec<(String, Source)> = Vec::new();
    for expression in &arguments.expressions {
        let fields = series_of(expression).map_err(|message| Failure::new(Exit::Usage, message))?;
        columns.extend(fields);
    }
    let loaded = load_candles(arguments.data.data.as_deref(), &arguments.data.options())?;
    let candles = loaded.candles;
    let cache = ColumnCache::new(candles.clone());
    let read: Vec<Column> = columns.iter().map(|(_, source)| cache.column(source)).collect();
    Column::compute(&read);
    let values: Vec<&[f64]> = read.iter().map(Column::values).collect();
    let failed = |error: std::io::Error| Failure::new(Exit::Failed, error.to_string());
    let mut csv = csv::Writer::from_writer(Vec::new());
    let header = std::iter::once("open_time").chain(columns.iter().map(|(name, _)| name.as_str()));
    csv.write_record(header).map_err(|error| failed(error.into()))?;
    let mut record = csv::StringRecord::new();
    for row in 0..candles.len() {
        record.clear();
        record.push_field(&candles.open_time[row].to_string());
        for value in values.iter().map(|values| values[row]) {
            record.push_field(&if value.is_nan() { String::new() } else { value.to_string() });
        }
        csv.write_record(&record).map_err(|error| failed(error.into()))?;
    }
    let bytes = csv.into_inner().map_err(|error| failed(error.into_error()))?;
    match &arguments.out {
        Some(path) => write(path, bytes),
        None => print(&String::from_utf8_lossy(&bytes)),
    }
}
