//! The result as one HTML file that opens offline, on a phone, in the dark and on paper.
//!
//! Everything a user wrote (notes, names, log lines, the source) passes [`escape`] on its way into the page.
//! What is drawn is thinned, what is computed is not, and the page says which of the two one looks at.
//!
//! [`page`] is for one run, [`optimize_page`] for one optimization, [`batch_page`] an index of either.

mod batch_page;
mod charts;
mod detail;
mod document;
mod escape;
mod optimize_page;
mod parts;
mod sections;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod trades;
mod verdict;

pub use batch_page::{BatchPage, batch_page};
pub use charts::Curve;
pub use document::{Script, chart_script};
pub use optimize_page::{Axis, Heat, Histogram, OptimizePage, TopRow, WalkForward, Window, optimize_page};
pub use table::{Cell, Column, Tone};
pub use verdict::{Compared, Figure, Promised, Verdict};

use super::metrics::Metrics;
use crate::backtest::Outcome;
use crate::engine;
use crate::model::{Candles, iso_date};
use charts::Charts;
use document::Document;
use escape::json;

/// Where a line is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pane {
    /// Over the candles.
    Price,
    /// In a pane below them; lines with the same name share it.
    Own(String),
}

/// A line over every candle: an indicator.
#[derive(Debug, Clone)]
pub struct Line<'a> {
    pub name: &'a str,
    /// One value for every row of the candle store; NaN draws nothing.
    pub column: engine::Column,
    pub pane: Pane,
}

/// What a script drew with `ctx.plot`. Goes over the candles where its values are of the size of prices, else
/// into a pane of its own.
#[derive(Debug, Clone)]
pub struct Plot<'a> {
    pub name: &'a str,
    /// Row of the candle store and value, in order of rows.
    pub points: &'a [(usize, f64)],
}

/// A parameter of the script, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterRow {
    pub name: String,
    pub value: String,
    pub default: String,
}

/// Everything the page of a run shows.
#[derive(Debug, Clone)]
pub struct Page<'a> {
    pub strategy: &'a str,
    pub symbol: &'a str,
    /// `1h`.
    pub interval: String,
    pub candles: &'a Candles,
    pub outcome: &'a Outcome,
    /// For a forward test: what the optimization promised.
    pub promised: Option<Promised<'a>>,
    pub metrics: &'a Metrics,
    pub series: Vec<Line<'a>>,
    pub plots: Vec<Plot<'a>>,
    /// The stop level at each close of the range, NaN where there is none; may be empty.
    pub stops: &'a [f64],
    pub parameters: Vec<ParameterRow>,
    pub settings: Vec<(String, String)>,
    /// Time (ms) and text.
    pub logs: Vec<(i64, String)>,
    pub source: &'a str,
    pub script_path: &'a str,
    /// Host version, script hash, data hash, tier, …
    pub provenance: Vec<(String, String)>,
    pub warnings: Vec<String>,
    /// Where all trades are, for when there are more than a page should hold.
    pub trades_csv: Option<String>,
    /// The run as JSON, for programs that read the page; empty for none.
    pub capsule: String,
    pub script: Script,
}

impl Page<'_> {
    /// First and last UTC date of the range.
    fn dates(&self) -> Option<(String, String)> {
        let first = self.candles.open_time.get(self.outcome.range.start)?;
        let last = self.candles.close_time.get(self.outcome.range.end.checked_sub(1)?)?;
        Some((iso_date(*first), iso_date(*last)))
    }
}

/// The page of a run.
pub fn page(page: &Page) -> String {
    let charts = Charts::of(page);
    let document = Document {
        title: format!("{} · {} {}", page.strategy, page.symbol, page.interval),
        charts: Some((&page.script, json(&charts))),
        capsule: &page.capsule,
        code: &[include_str!("sortable.js"), include_str!("charts.js"), include_str!("page.js")],
    };
    document.around(|out| {
        sections::header(out, page);
        if let Some(promised) = &page.promised {
            verdict::promised(out, promised);
        }
        parts::warnings(out, &page.warnings);
        parts::cards(out, page.metrics);
        sections::charts(out, page, charts.zooms());
        sections::monthly(out, page);
        trades::section(out, page);
        sections::metrics(out, page);
        sections::reasons(out, page);
        parts::setup(out, "Parameters and settings", &page.parameters, &page.settings);
        sections::log(out, page);
        source::section(out, page);
        parts::provenance(out, &page.provenance);
    })
}
