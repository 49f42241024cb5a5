//! The result as one HTML file that opens offline, on a phone, in the dark and on paper.
//!
//! Everything a user wrote (notes, names, log lines, the source) passes [`escape`] on its way into the page.
//! What is drawn is thinned, what is computed is not, and the page says which of the two one looks at.

mod charts;
mod detail;
mod escape;
mod sections;
mod source;
#[cfg(test)]
mod tests;
mod trades;

use super::metrics::Metrics;
use crate::backtest::Outcome;
use crate::model::{Candles, iso_date};
use charts::Charts;
use escape::{Html, json};
use std::fmt::Write;
use std::sync::OnceLock;

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
    pub values: &'a [f64],
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

/// Where the page gets the chart library from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// In the page: one file that can be sent to anybody.
    Inline,
    /// Beside it, at this path relative to the page: for a batch. Write [`chart_script`] there.
    Shared(String),
}

/// Everything a page shows.
#[derive(Debug, Clone)]
pub struct Page<'a> {
    pub strategy: &'a str,
    pub symbol: &'a str,
    /// `1h`.
    pub interval: String,
    pub candles: &'a Candles,
    pub outcome: &'a Outcome,
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

/// The chart library: one script, some 4.5 MB of it.
pub fn chart_script() -> &'static str {
    static SCRIPT: OnceLock<String> = OnceLock::new();
    SCRIPT.get_or_init(|| {
        // The crate gives two script elements, the library and a formula renderer; ours has no formulas.
        let elements = plotly::Plot::offline_js_sources();
        let script = elements.split_once('>').and_then(|(_, rest)| rest.split_once("</script>"));
        script.map(|(script, _)| script.to_owned()).unwrap_or_default()
    })
}

/// The whole page.
pub fn page(page: &Page) -> String {
    let library = match &page.script {
        Script::Inline => chart_script(),
        Script::Shared(_) => "",
    };
    let charts = Charts::of(page);
    let mut out = String::with_capacity(library.len() + (2 << 20));
    head(&mut out, page);
    out.push_str("<body>\n<main>\n");
    sections::header(&mut out, page);
    sections::warnings(&mut out, page);
    sections::cards(&mut out, page);
    sections::charts(&mut out, page, charts.zooms());
    sections::monthly(&mut out, page);
    trades::section(&mut out, page);
    sections::metrics(&mut out, page);
    sections::reasons(&mut out, page);
    sections::setup(&mut out, page);
    sections::log(&mut out, page);
    source::section(&mut out, page);
    sections::provenance(&mut out, page);
    out.push_str("</main>\n");
    let _ = writeln!(out, r#"<script type="application/json" id="data">{}</script>"#, json(&charts));
    match &page.script {
        Script::Inline => {
            out.push_str("<script>");
            out.push_str(library);
            out.push_str("</script>\n");
        }
        Script::Shared(path) => {
            let _ = writeln!(out, r#"<script src="{}"></script>"#, Html(path));
        }
    }
    out.push_str("<script>\n");
    out.push_str(include_str!("page.js"));
    out.push_str("</script>\n</body>\n</html>\n");
    out
}

fn head(out: &mut String, page: &Page) {
    // Even if something slipped through the escaping, nothing can be loaded or sent from here.
    let scripts = match page.script {
        Script::Inline => "'unsafe-inline'",
        Script::Shared(_) => "'unsafe-inline' 'self' file:",
    };
    let _ = write!(
        out,
        concat!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
            "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
            "<meta name=\"color-scheme\" content=\"light dark\">\n",
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src {scripts}; ",
            "style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; form-action 'none'\">\n",
            "<title>{strategy} · {symbol} {interval}</title>\n<style>\n{style}</style>\n</head>\n"
        ),
        scripts = scripts,
        strategy = Html(page.strategy),
        symbol = Html(page.symbol),
        interval = Html(&page.interval),
        style = include_str!("style.css"),
    );
}
