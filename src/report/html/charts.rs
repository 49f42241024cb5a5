//! What the charts draw, as the chart library's traces. Colours and layout are the business of `page.js`,
//! which knows the width and the colour scheme; a trace's `meta` tells it what the trace is.

use super::detail::Detail;
use super::escape::html;
use super::{Page, Pane};
use crate::engine::Column;
use crate::model::{Direction, Trade};
use crate::report::number::{price, quantity, signed, signed_pct};
use crate::report::thin::{Points, envelope, envelopes, merged, stride};
use plotly::common::{HoverInfo, Line, LineShape, Mode};
use plotly::{Candlestick, Scatter, Traces};
use serde::Serialize;

/// Candles drawn at most.
pub const CANDLES_MOST: usize = 2000;
/// Points of a line at most, give or take the ends of its pieces.
const POINTS_MOST: usize = 3000;
/// Trades marked at most.
pub const TRADES_MOST: usize = 2000;

/// The data of all charts.
#[derive(Serialize)]
pub struct Charts {
    price: Traces,
    equity: Traces,
    drawdown: Traces,
    /// Titles of the panes below the price, from the top.
    panes: Vec<String>,
    detail: Option<Detail>,
}

impl Charts {
    pub fn of(page: &Page) -> Charts {
        let mut panes = Vec::new();
        let mut columns = Vec::new();
        let price = price_traces(page, &mut panes, &mut columns);
        let (equity, drawdown) = equity_traces(page);
        let detail = Detail::of(page, &columns);
        Charts { price, equity, drawdown, panes: panes.iter().map(|name| html(name)).collect(), detail }
    }

    /// Whether the page carries every candle, to draw where the reader has zoomed in.
    pub fn zooms(&self) -> bool {
        self.detail.is_some()
    }
}

/// Equity over time, in quote currency.
#[derive(Debug, Clone, Copy, Default)]
pub struct Curve<'a> {
    /// Close times (ms).
    pub times: &'a [i64],
    /// At each of them.
    pub equity: &'a [f64],
    /// What buying and holding with the same balance came to; may be empty.
    pub hold: &'a [f64],
}

impl Curve<'_> {
    pub fn traces(&self) -> Traces {
        let mut traces = Traces::new();
        if !self.hold.is_empty() {
            traces.push(line("hold", "Buy and hold", self.times, self.hold));
        }
        traces.push(line("equity", "Equity", self.times, self.equity));
        traces
    }
}

/// How many candles one drawn candle stands for.
pub fn candles_per_drawn(page: &Page) -> usize {
    stride(page.outcome.range.len(), CANDLES_MOST)
}

/// The trades that are marked: the latest.
pub fn marked<'a>(page: &Page<'a>) -> &'a [Trade] {
    let trades = &page.outcome.trades;
    &trades[trades.len().saturating_sub(TRADES_MOST)..]
}

/// Seven significant digits: more than a screen shows, fewer than a file should carry.
fn short(values: Vec<f64>) -> Vec<f64> {
    values.into_iter().map(rounded).collect()
}

pub fn rounded(x: f64) -> f64 {
    format!("{x:.6e}").parse().unwrap_or(x)
}

fn line(role: &str, name: &str, times: &[i64], values: &[f64]) -> Box<Scatter<i64, f64>> {
    drawn(role, name, envelope(times, values, POINTS_MOST))
}

fn drawn(role: &str, name: &str, (x, y): Points) -> Box<Scatter<i64, f64>> {
    Scatter::new(x, short(y)).mode(Mode::Lines).meta(role).name(html(name))
}

fn axis(pane: usize) -> String {
    if pane == 0 { "y".to_owned() } else { format!("y{}", pane + 1) }
}

/// Also gives the names of the panes it needs, and the columns behind its lines, by the index of their trace.
fn price_traces<'p>(
    page: &'p Page,
    panes: &mut Vec<String>,
    columns: &mut Vec<(usize, &'p [f64])>,
) -> Traces {
    let mut traces = Traces::new();
    let range = page.outcome.range.clone();
    let few = merged(page.candles, range.clone(), candles_per_drawn(page));
    let [open, high, low, close] = [few.open, few.high, few.low, few.close].map(short);
    let candles = Candlestick::new(few.open_time, open, high, low, close);
    traces.push(Box::new(candles.name(html(page.symbol)).show_legend(false)));

    let times = page.candles.open_time.get(range.clone()).unwrap_or_default();
    let mut axis_of = |pane: &Pane| match pane {
        Pane::Price => axis(0),
        Pane::Own(name) => {
            let known = panes.iter().position(|pane| pane == name);
            let index = known.unwrap_or_else(|| {
                panes.push(name.clone());
                panes.len() - 1
            });
            axis(index + 1)
        }
    };
    if Detail::fits(range.len()) {
        Column::compute(&page.series.iter().map(|series| series.column.clone()).collect::<Vec<_>>());
    }
    // One indicator after the other: of a long run, less memory is worth more than two cores.
    let mut series = page.series.as_slice();
    while !series.is_empty() {
        let their: Vec<&Column> = series.iter().map(|series| &series.column).collect();
        let points = envelopes(&page.candles.open_time, &their, range.clone(), POINTS_MOST);
        let (these, others) = series.split_at(points.len());
        for (series, points) in these.iter().zip(points) {
            if let Some(values) = series.column.known().and_then(|values| values.get(range.clone())) {
                columns.push((traces.len(), values));
            }
            let legend = !titled(&series.pane, series.name);
            let line = drawn("line", series.name, points);
            traces.push(line.y_axis(axis_of(&series.pane)).show_legend(legend));
        }
        series = others;
    }
    for plot in &page.plots {
        let inside = || plot.points.iter().filter(|(row, _)| range.contains(row));
        let (times, values): (Vec<i64>, Vec<f64>) =
            inside().filter_map(|&(row, value)| Some((*page.candles.open_time.get(row)?, value))).unzip();
        let pane = plot_pane(page, plot.name, &values);
        let legend = !titled(&pane, plot.name);
        traces.push(line("plot", plot.name, &times, &values).y_axis(axis_of(&pane)).show_legend(legend));
    }
    if page.stops.iter().any(|stop| stop.is_finite()) {
        columns.insert(0, (traces.len(), page.stops));
        let stops = line("stop", "Stop level", times, page.stops);
        traces.push(stops.line(Line::new().shape(LineShape::Hv)));
    }
    trade_traces(page, &mut traces);
    traces
}

/// Whether the title of the pane already says what a line is.
fn titled(pane: &Pane, name: &str) -> bool {
    matches!(pane, Pane::Own(title) if title == name)
}

/// Values of the size of prices belong on the price.
fn plot_pane(page: &Page, name: &str, values: &[f64]) -> Pane {
    let range = page.outcome.range.clone();
    let lowest = page.candles.low.get(range.clone()).unwrap_or_default().iter().copied();
    let highest = page.candles.high.get(range).unwrap_or_default().iter().copied();
    let (lowest, highest) = (lowest.fold(f64::INFINITY, f64::min), highest.fold(0.0, f64::max));
    let fits = |value: f64| value >= lowest / 1.5 && value <= highest * 1.5;
    let fits = values.iter().copied().filter(|value| !value.is_nan()).all(fits);
    if fits { Pane::Price } else { Pane::Own(name.to_owned()) }
}

/// Markers, or the line from entry to exit, of one kind of trades.
#[derive(Default)]
struct Marks {
    x: Vec<i64>,
    y: Vec<f64>,
    text: Vec<String>,
    /// The reason, from which the page takes the shape of the marker.
    reason: Vec<String>,
}

impl Marks {
    fn mark(&mut self, time: i64, price: f64, text: String, reason: &str) {
        self.x.push(time);
        self.y.push(price);
        self.text.push(text);
        self.reason.push(reason.to_owned());
    }

    fn path(&mut self, trade: &Trade) {
        self.x.extend([trade.entry_time, trade.exit_time, trade.exit_time]);
        self.y.extend([trade.entry_price, trade.exit_price, f64::NAN]);
    }

    fn push(self, role: &str, name: &str, traces: &mut Traces) {
        if self.x.is_empty() {
            return;
        }
        let trace = Scatter::new(self.x, short(self.y)).meta(role).name(name);
        traces.push(if self.text.is_empty() {
            trace.mode(Mode::Lines).hover_info(HoverInfo::Skip).show_legend(false)
        } else {
            let trace = trace.mode(Mode::Markers).hover_info(HoverInfo::Text);
            trace.hover_text_array(self.text).custom_data(self.reason)
        });
    }
}

fn trade_traces(page: &Page, traces: &mut Traces) {
    let [mut long, mut short, mut won, mut lost] = [(); 4].map(|()| Marks::default());
    let [mut path_won, mut path_lost] = [(); 2].map(|()| Marks::default());
    for trade in marked(page) {
        let (entry, side) = match trade.direction {
            Direction::Long => (&mut long, "Long"),
            Direction::Short => (&mut short, "Short"),
        };
        let text = format!(
            "<b>{side} entry</b> {}<br>{} at {}{}",
            trade.entry_reason,
            quantity(trade.quantity),
            price(trade.entry_price),
            note(&trade.entry_note),
        );
        entry.mark(trade.entry_time, trade.entry_price, text, trade.entry_reason.name());

        let (exit, path) = match trade.pnl > 0.0 {
            true => (&mut won, &mut path_won),
            false => (&mut lost, &mut path_lost),
        };
        let text = format!(
            "<b>{side} exit</b> {}<br>at {}<br>{} ({}){}",
            trade.exit_reason,
            price(trade.exit_price),
            signed(trade.pnl, 2),
            signed_pct(trade.pnl_pct),
            note(&trade.exit_note),
        );
        exit.mark(trade.exit_time, trade.exit_price, text, trade.exit_reason.name());
        path.path(trade);
    }
    path_won.push("path_won", "Profit", traces);
    path_lost.push("path_lost", "Loss", traces);
    long.push("long", "Long entry", traces);
    short.push("short", "Short entry", traces);
    won.push("won", "Exit with profit", traces);
    lost.push("lost", "Exit with loss", traces);
}

/// A note below the rest of a hover text, cut where it would cover the chart.
fn note(text: &str) -> String {
    const MOST: usize = 120;
    if text.is_empty() {
        return String::new();
    }
    let cut: String = text.chars().take(MOST).collect();
    let more = if cut.len() < text.len() { "…" } else { "" };
    format!("<br><i>{}{more}</i>", html(&cut).replace('\n', " "))
}

fn equity_traces(page: &Page) -> (Traces, Traces) {
    let mut drawdown = Traces::new();
    let range = page.outcome.range.clone();
    let times = page.candles.close_time.get(range.clone()).unwrap_or_default();
    let closes = page.candles.close.get(range.clone()).unwrap_or_default();
    let initial = page.outcome.initial_balance;

    let open = page.candles.open.get(range.start).copied().unwrap_or_default();
    let hold = if open > 0.0 { closes } else { &[] };
    let hold: Vec<f64> = hold.iter().map(|close| initial * close / open).collect();
    let equity = Curve { times, equity: &page.outcome.equity, hold: &hold }.traces();

    let mut peak = initial;
    let under = page.outcome.equity.iter().map(|&equity| {
        peak = peak.max(equity);
        if peak > 0.0 { (equity / peak - 1.0) * 100.0 } else { 0.0 }
    });
    let under: Vec<f64> = under.collect();
    drawdown.push(line("drawdown", "Drawdown", times, &under));
    (equity, drawdown)
}
