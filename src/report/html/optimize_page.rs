//! The page of an optimization: what was found, and whether to believe it.

use super::charts::{Curve, rounded};
use super::document::{Document, Script};
use super::escape::{Html, html, json};
use super::parts::{self, chart, count, nobreak, pairs};
use super::table::{self, Cell, Column};
use super::verdict::{self, Compared, Figure, Verdict};
use super::{Metrics, ParameterRow};
use crate::report::figures;
use crate::report::number::counted;
use plotly::Traces;
use serde::Serialize;
use std::fmt::Write;

/// The values tried of one parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    pub name: String,
    /// As text, in order of the grid.
    pub values: Vec<String>,
}

/// The metric over two axes, every other parameter at its best.
#[derive(Debug, Clone, PartialEq)]
pub struct Heat {
    /// Indices of the axes.
    pub x: usize,
    pub y: usize,
    /// Row by row: the values of `x` for the first value of `y`, then for the next. `None` was excluded, not
    /// tried, or failed.
    pub values: Vec<Option<f64>>,
}

/// How many trials have a metric between two neighbouring edges.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Histogram {
    /// One more than counts, rising.
    pub edges: Vec<f64>,
    pub counts: Vec<u64>,
}

/// One of the best trials.
#[derive(Debug, Clone, PartialEq)]
pub struct TopRow {
    /// From 1.
    pub rank: u64,
    /// A value for each axis.
    pub parameters: Vec<String>,
    /// A figure for each of the page's `top_columns`.
    pub values: Vec<Option<f64>>,
}

/// One step of a walk-forward optimization. Dates are ISO, first and last day.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    pub trained: (String, String),
    pub tested: (String, String),
    /// The best in training, a value for each axis.
    pub parameters: Vec<String>,
    /// The metric in training, and where it was tested.
    pub in_sample: Option<f64>,
    pub out_of_sample: Option<f64>,
}

/// Trained on one window, tested on the next, again and again.
#[derive(Debug, Clone)]
pub struct WalkForward<'a> {
    pub sentence: String,
    pub windows: Vec<Window>,
    /// All tested stretches taken together, beside the same figures in training.
    pub stitched: Vec<Compared<'a>>,
    /// The tested stretches, one after the other.
    pub curve: Curve<'a>,
}

/// Everything the page of an optimization shows.
#[derive(Debug, Clone)]
pub struct OptimizePage<'a> {
    pub strategy: &'a str,
    pub symbol: &'a str,
    /// `1h`.
    pub interval: String,
    /// Key of the metric that was optimized, such as `sharpe_ratio`.
    pub metric: &'a str,
    pub higher_is_better: bool,
    /// First and last day, ISO dates.
    pub trained: (String, String),
    pub candles: usize,
    /// `grid`, or `random, 500 of 12000, seed 7`.
    pub search: String,
    pub trials: u64,
    pub failed: u64,
    /// Trials without a trade.
    pub untraded: u64,
    pub verdict: Verdict<'a>,
    pub figures: Vec<Figure<'a>>,
    /// Parameters of the best trial; empty where there is none.
    pub best: Vec<ParameterRow>,
    pub best_value: Option<f64>,
    /// Figures of the best trial; `None` where there is none.
    pub metrics: Option<&'a Metrics>,
    pub axes: Vec<Axis>,
    /// Where the best trial is, an index on each axis; empty where there is none.
    pub best_point: Vec<usize>,
    /// One for each pair of axes.
    pub heat: Vec<Heat>,
    /// The metric along the axis that has several values when there is only one such, else empty.
    pub line: Vec<Option<f64>>,
    /// Of the metric over all trials that have one.
    pub histogram: Histogram,
    /// The best trials, the best first.
    pub top: Vec<TopRow>,
    /// Keys of metrics.
    pub top_columns: Vec<&'a str>,
    /// Of the best trial, in training.
    pub curve: Curve<'a>,
    pub walk_forward: Option<WalkForward<'a>>,
    pub settings: Vec<(String, String)>,
    pub provenance: Vec<(String, String)>,
    pub warnings: Vec<String>,
    /// The result as JSON, for programs that read the page; empty for none.
    pub capsule: String,
    pub script: Script,
}

/// What the page's script draws. Names and values of parameters are escaped: the chart library reads them as a
/// little HTML of its own.
#[derive(Serialize)]
struct Drawn<'a> {
    metric: String,
    places: usize,
    unit: &'static str,
    higher: bool,
    best: Option<f64>,
    maps: Vec<Map>,
    line: Option<Map>,
    histogram: &'a Histogram,
    equity: Traces,
    walk: Traces,
    /// First and last day of every tested window.
    windows: Vec<&'a (String, String)>,
}

#[derive(Serialize)]
struct Map {
    x: Labels,
    y: Labels,
    z: Vec<Vec<Option<f64>>>,
    best: Option<(usize, usize)>,
    /// Where the other parameters are, as plain text.
    rest: String,
}

#[derive(Serialize, Default)]
struct Labels {
    name: String,
    values: Vec<String>,
}

impl Labels {
    fn of(axis: &Axis) -> Labels {
        Labels { name: html(&axis.name), values: axis.values.iter().map(|value| html(value)).collect() }
    }
}

impl<'a> Drawn<'a> {
    fn of(page: &'a OptimizePage) -> Drawn<'a> {
        let (places, unit) = figures::places(page.metric);
        let walk = page.walk_forward.as_ref();
        Drawn {
            metric: html(figures::label(page.metric)),
            places,
            unit,
            higher: page.higher_is_better,
            best: page.best_value,
            maps: maps(page).map(|(heat, x, y)| Map::of(page, heat, x, y)).collect(),
            line: line(page),
            histogram: &page.histogram,
            equity: page.curve.traces(),
            walk: walk.map(|walk| walk.curve.traces()).unwrap_or_default(),
            windows: walk
                .map(|walk| walk.windows.iter().map(|window| &window.tested).collect())
                .unwrap_or_default(),
        }
    }
}

/// The maps whose axes there are, with these.
fn maps<'a>(page: &'a OptimizePage) -> impl Iterator<Item = (&'a Heat, &'a Axis, &'a Axis)> {
    page.heat.iter().filter_map(|heat| Some((heat, page.axes.get(heat.x)?, page.axes.get(heat.y)?)))
}

impl Map {
    fn of(page: &OptimizePage, heat: &Heat, x: &Axis, y: &Axis) -> Map {
        let rows = heat.values.chunks(x.values.len().max(1)).take(y.values.len());
        let other = |index: usize| index != heat.x && index != heat.y;
        let rest = page.axes.iter().zip(&page.best_point).enumerate().filter(|(index, _)| other(*index));
        let rest =
            rest.filter_map(|(_, (axis, &at))| Some(format!("{} {}", axis.name, axis.values.get(at)?)));
        Map {
            x: Labels::of(x),
            y: Labels::of(y),
            z: rows.map(|row| row.iter().map(|z| z.map(rounded)).collect()).collect(),
            best: page.best_point.get(heat.x).copied().zip(page.best_point.get(heat.y).copied()),
            rest: rest.collect::<Vec<_>>().join(", "),
        }
    }
}

fn line(page: &OptimizePage) -> Option<Map> {
    // The others have one value each.
    let (index, axis) = page.axes.iter().enumerate().max_by_key(|(_, axis)| axis.values.len())?;
    if page.line.is_empty() {
        return None;
    }
    Some(Map {
        x: Labels::of(axis),
        y: Labels::default(),
        z: vec![page.line.iter().map(|z| z.map(rounded)).collect()],
        best: page.best_point.get(index).map(|&at| (at, 0)),
        rest: String::new(),
    })
}

/// The page of an optimization.
pub fn optimize_page(page: &OptimizePage) -> String {
    let document = Document {
        title: format!("{} optimization · {} {}", page.strategy, page.symbol, page.interval),
        charts: Some((&page.script, json(&Drawn::of(page)))),
        capsule: &page.capsule,
        code: &[include_str!("sortable.js"), include_str!("charts.js"), include_str!("optimize.js")],
    };
    document.around(|out| {
        header(out, page);
        verdict::section(out, &page.verdict, &found(page), &page.figures);
        parts::warnings(out, &page.warnings);
        best(out, page);
        map(out, page);
        distribution(out, page);
        equity(out, page);
        walk_forward(out, page);
        top(out, page);
        parts::setup(out, "Settings", &[], &page.settings);
        parts::provenance(out, &page.provenance);
    })
}

fn mapped(page: &OptimizePage) -> bool {
    let values = page.heat.iter().flat_map(|heat| &heat.values).chain(&page.line);
    values.flatten().next().is_some() && (maps(page).next().is_some() || line(page).is_some())
}

fn header(out: &mut String, page: &OptimizePage) {
    let (from, to) = &page.trained;
    let facts = [
        Html(page.symbol).to_string(),
        Html(&page.interval).to_string(),
        format!("trained <time>{}</time> to <time>{}</time>", Html(from), Html(to)),
        counted(page.candles as u64, "candle"),
        counted(page.trials, "trial"),
    ];
    let links = [
        ("verdict", "Verdict", true),
        ("best", "Best", page.metrics.is_some()),
        ("map", "Map", mapped(page)),
        ("distribution", "Distribution", !page.histogram.counts.is_empty()),
        ("equity", "Equity", !page.curve.times.is_empty()),
        ("walk-forward", "Walk-forward", page.walk_forward.is_some()),
        ("trials", "Trials", !page.top.is_empty()),
        ("setup", "Settings", true),
    ];
    let links: Vec<_> = links.into_iter().filter(|link| link.2).map(|(id, name, _)| (id, name)).collect();
    parts::header(out, page.strategy, "optimization", &facts, &links);
}

/// What the search came to, in a line of HTML.
fn found(page: &OptimizePage) -> String {
    let metric = Html(figures::label(page.metric)).to_string();
    let trials = counted(page.trials, "trial");
    let way = if page.higher_is_better { "highest" } else { "lowest" };
    let mut found = match page.best_value {
        Some(best) => {
            let best = nobreak(&figures::text(page.metric, Some(best)));
            format!("{metric} <b>{best}</b>, the {way} of {trials}, in-sample.")
        }
        None => format!("None of {trials} has a {metric}."),
    };
    for (n, what) in [(page.failed, "failed"), (page.untraded, "made no trade")] {
        if n > 0 {
            let _ = write!(found, " {} {what}.", count(n));
        }
    }
    found
}

fn best(out: &mut String, page: &OptimizePage) {
    let title = if page.best.is_empty() { "Search" } else { "Best parameters" };
    let _ = writeln!(out, "<section id=\"best\">\n<h2>{title}</h2>\n<div class=\"tables wide\">");
    parts::parameters(out, "Parameters of the best trial", &page.best);
    let way = if page.higher_is_better { "highest" } else { "lowest" };
    pairs(
        out,
        "The search",
        [
            ("Metric optimized", format!("{}, {way}", figures::label(page.metric))),
            ("Best value, in-sample", figures::text(page.metric, page.best_value)),
            ("Search", page.search.clone()),
            ("Trials", count(page.trials)),
            ("Failed", count(page.failed)),
            ("Without a trade", count(page.untraded)),
        ],
    );
    out.push_str("</div>\n</section>\n");
    if let Some(metrics) = page.metrics {
        parts::cards(out, metrics);
    }
}

fn map(out: &mut String, page: &OptimizePage) {
    if !mapped(page) {
        return;
    }
    let metric = Html(figures::label(page.metric));
    let _ =
        writeln!(out, "<section id=\"map\">\n<div class=\"heading\"><h2>{metric} over the parameters</h2>");
    if maps(page).nth(1).is_some() {
        out.push_str("<label class=\"toggle\">Parameters <select id=\"pair\">");
        for (index, (_, x, y)) in maps(page).enumerate() {
            let _ = write!(out, "<option value=\"{index}\">{} × {}</option>", Html(&x.name), Html(&y.name));
        }
        out.push_str("</select></label>");
    }
    out.push_str("</div>\n");
    let what = if page.heat.is_empty() {
        "One parameter was searched."
    } else {
        "× was excluded, not tried, or failed."
    };
    let _ = writeln!(
        out,
        "<p class=\"note\">The frame is the best trial. {what} A best trial among good neighbours is worth more than a \
         lone one. <span id=\"rest\"></span></p>"
    );
    chart(out, "map", "The metric over the values of the parameters");
    out.push_str(parts::NO_SCRIPT);
    out.push_str("</section>\n");
}

fn distribution(out: &mut String, page: &OptimizePage) {
    if page.histogram.counts.is_empty() {
        return;
    }
    let metric = Html(figures::label(page.metric));
    let _ = writeln!(
        out,
        "<section id=\"distribution\">\n<h2>{metric} over all trials</h2>\n\
         <p class=\"note\">The more trials, the further the best of them lies out by luck alone.</p>"
    );
    chart(out, "histogram", "Number of trials by their metric");
    out.push_str("</section>\n");
}

fn equity(out: &mut String, page: &OptimizePage) {
    if page.curve.times.is_empty() {
        return;
    }
    out.push_str(
        "<section id=\"equity\">\n<h2>Equity of the best trial, in-sample</h2>\n\
         <p class=\"note\">On the candles it was chosen on: not what to expect.</p>\n",
    );
    chart(out, "equity", "Equity of the best trial and buy and hold over time");
    out.push_str("</section>\n");
}

fn walk_forward(out: &mut String, page: &OptimizePage) {
    let Some(walk) = &page.walk_forward else { return };
    let _ = writeln!(
        out,
        "<section id=\"walk-forward\">\n<h2>Walk-forward</h2>\n<p class=\"sentence\">{}</p>",
        Html(&walk.sentence)
    );
    let metric = figures::label(page.metric);
    let mut columns = vec![Column::number("#"), Column::text("Trained"), Column::text("Tested")];
    columns.extend(["In-sample", "Out-of-sample"].map(|sample| Column::number(sample).below(metric)));
    columns.extend(page.axes.iter().map(|axis| Column::number(&axis.name)));
    let rows = walk.windows.iter().enumerate().map(|(index, window)| {
        let mut row = vec![
            Cell::text((index + 1).to_string()),
            Cell::period(&window.trained),
            Cell::period(&window.tested),
        ];
        row.extend([figure(page.metric, window.in_sample), figure(page.metric, window.out_of_sample)]);
        row.extend(parameters(page, &window.parameters));
        row
    });
    table::table(out, "Windows of the walk-forward", "grid", &columns, &rows.collect::<Vec<_>>());
    if !walk.curve.times.is_empty() {
        out.push_str("<h2>Equity, stitched out-of-sample</h2>\n");
        chart(out, "walk", "Equity over the tested windows");
    }
    if !walk.stitched.is_empty() {
        let caption = "All tested windows together, beside their training";
        verdict::comparison(out, caption, ["In-sample", "Out-of-sample"], &walk.stitched);
    }
    out.push_str("</section>\n");
}

fn top(out: &mut String, page: &OptimizePage) {
    if page.top.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "<section id=\"trials\">\n<h2>Best trials</h2>\n<p class=\"note\">The best {} of {}, in-sample. A heading sorts.</p>",
        count(page.top.len() as u64),
        count(page.trials),
    );
    let mut columns = vec![Column::number("#")];
    columns.extend(page.top_columns.iter().map(|key| Column::number(figures::label(key))));
    columns.extend(page.axes.iter().map(|axis| Column::number(&axis.name)));
    parameters_second(&mut columns, page);
    let rows = page.top.iter().map(|trial| {
        let mut row = vec![Cell::text(trial.rank.to_string())];
        let values = trial.values.iter().copied().chain(std::iter::repeat(None));
        row.extend(page.top_columns.iter().zip(values).map(|(key, value)| figure(key, value)));
        row.extend(parameters(page, &trial.parameters));
        parameters_second(&mut row, page);
        row
    });
    table::table(out, "Best trials", "grid", &columns, &rows.collect::<Vec<_>>());
    out.push_str("</section>\n");
}

/// Rank, figures, parameters: the parameters move behind the first figure, by which the trials are ranked. So it
/// is in sight on a phone.
fn parameters_second<T>(row: &mut [T], page: &OptimizePage) {
    if let (Some(rest), Some(others)) = (row.get_mut(2..), page.top_columns.len().checked_sub(1)) {
        rest.rotate_left(others);
    }
}

/// A cell for each axis, sorted as the grid is: values may be words.
fn parameters(page: &OptimizePage, values: &[String]) -> impl Iterator<Item = Cell> {
    let values = values.iter().map(String::as_str).chain(std::iter::repeat(""));
    page.axes.iter().zip(values).map(|(axis, value)| {
        let place = axis.values.iter().position(|known| known == value);
        Cell::number(value, place.map(|place| place as f64))
    })
}

fn figure(key: &str, value: Option<f64>) -> Cell {
    Cell::number(figures::text(key, value), value)
}

#[cfg(test)]
#[path = "optimize_tests.rs"]
mod tests;
