//! The sections of a run's page, one function each.

use super::Page;
use super::charts::{CANDLES_MOST, TRADES_MOST, candles_per_drawn, marked};
use super::escape::Html;
use super::parts::{self, chart, count, pairs};
use super::table::Tone;
use super::trades::minute;
use crate::engine::{Counts, Reason};
use crate::model::ExitReason;
use crate::report::figures;
use crate::report::monthly::monthly_returns;
use crate::report::number::{counted, signed};
use std::fmt::Write;

/// Log lines shown at most: the latest.
const LOG_MOST: usize = 1000;

/// What the tables of metrics show, by key.
const METRICS: [(&str, &[&str]); 4] = [
    (
        "Result",
        &[
            "initial_balance",
            "final_balance",
            "cumulative_profit",
            "return_pct",
            "buy_and_hold_pct",
            "cagr_pct",
            "exposure_pct",
        ],
    ),
    (
        "Risk",
        &[
            "volatility_pct",
            "sharpe_ratio",
            "sortino_ratio",
            "calmar_ratio",
            "omega_ratio",
            "max_drawdown_pct",
            "max_drawdown_quote",
            "max_drawdown_days",
        ],
    ),
    (
        "Trades",
        &[
            "trades_total",
            "trades_won",
            "trades_lost",
            "win_rate_pct",
            "longest_winning_streak",
            "longest_losing_streak",
            "profit_factor",
            "payoff_ratio",
            "sqn",
        ],
    ),
    (
        "One trade, and costs",
        &[
            "expectancy",
            "best_trade",
            "worst_trade",
            "average_candles_held",
            "commission_paid",
            "slippage_paid",
            "ambiguous_exits",
        ],
    ),
];

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

pub fn header(out: &mut String, page: &Page) {
    let range = match page.dates() {
        Some((from, to)) => format!("<time>{from}</time> to <time>{to}</time>"),
        None => "no candles".to_owned(),
    };
    let facts = [
        Html(page.symbol).to_string(),
        Html(&page.interval).to_string(),
        range,
        counted(page.outcome.range.len() as u64, "candle"),
    ];
    let mut links = vec![
        ("charts", "Charts"),
        ("months", "Months"),
        ("trades", "Trades"),
        ("metrics", "Metrics"),
        ("setup", "Setup"),
    ];
    if page.promised.is_some() {
        links.insert(0, ("promised", "Promised"));
    }
    if !page.logs.is_empty() {
        links.push(("log", "Log"));
    }
    if !page.source.is_empty() {
        links.push(("source", "Script"));
    }
    parts::header(out, page.strategy, "", &facts, &links);
}

/// `zooms`: whether single candles appear when the reader zooms in.
pub fn charts(out: &mut String, page: &Page, zooms: bool) {
    out.push_str("<section id=\"charts\">\n<div class=\"heading\"><h2>Price and trades</h2>");
    out.push_str(
        "<label class=\"toggle\"><input type=\"checkbox\" id=\"log-scale\"> Logarithmic scale</label></div>\n",
    );
    let mut notes = Vec::new();
    let per = candles_per_drawn(page);
    if per > 1 {
        notes.push(format!(
            "One drawn candle stands for {per} candles of {}, merged to draw no more than {}{}. Every figure is \
             computed from all {}.",
            Html(&page.interval),
            count(CANDLES_MOST as u64),
            if zooms { ": zoom in to see each" } else { "" },
            count(page.outcome.range.len() as u64),
        ));
    }
    let unmarked = page.outcome.trades.len() - marked(page).len();
    if unmarked > 0 {
        notes.push(format!(
            "The latest {} trades are marked, {} earlier ones are not.",
            count(TRADES_MOST as u64),
            count(unmarked as u64)
        ));
    }
    if !notes.is_empty() {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", notes.join(" "));
    }
    chart(out, "price", "Candles with entries, exits, stop level and indicators");
    let shapes: Vec<String> =
        page.metrics.exits.iter().map(|(reason, _)| format!("{}\u{a0}{reason}", shape(reason))).collect();
    if !shapes.is_empty() {
        let _ = writeln!(out, "<p class=\"note key\">Exits: {}</p>", shapes.join(" · "));
    }
    out.push_str("<h2>Equity against buy and hold</h2>\n");
    chart(out, "equity", "Equity and buy and hold over time");
    out.push_str("<h2>Drawdown</h2>\n");
    chart(out, "drawdown", "Fall from the equity peak in percent over time");
    out.push_str(parts::NO_SCRIPT);
    out.push_str("</section>\n");
}

/// The marker that `page.js` draws for a reason.
fn shape(reason: ExitReason) -> char {
    match reason {
        ExitReason::Signal => '●',
        ExitReason::Reverse => '◆',
        ExitReason::StopLoss => '✖',
        ExitReason::TrailingStop => '✚',
        ExitReason::TakeProfit => '★',
        ExitReason::TimeStop => '■',
        ExitReason::MaxLoss => '⧗',
        ExitReason::EndOfData => '⬟',
    }
}

pub fn monthly(out: &mut String, page: &Page) {
    let years = monthly_returns(page.outcome, page.candles);
    if years.is_empty() {
        return;
    }
    out.push_str("<section id=\"months\">\n<h2>Monthly returns</h2>\n");
    out.push_str("<div class=\"scroll\" role=\"region\" aria-label=\"Monthly returns\" tabindex=\"0\">\n");
    out.push_str("<table class=\"months\">\n<caption>Percent, by the last close of each UTC month</caption>\n<thead><tr><th scope=\"col\">Year</th>");
    for month in MONTHS {
        let _ = write!(out, "<th scope=\"col\" class=\"n\">{month}</th>");
    }
    out.push_str("<th scope=\"col\" class=\"n\">Total</th></tr></thead>\n<tbody>\n");
    for year in &years {
        let _ = write!(out, "<tr><th scope=\"row\">{}</th>", year.year);
        for month in year.months.iter() {
            heat(out, *month, 12.0, "");
        }
        heat(out, year.total, 60.0, " total");
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}

/// A cell whose colour is full at ±`full` percent.
fn heat(out: &mut String, value: Option<f64>, full: f64, class: &str) {
    let Some(value) = value else {
        let _ = write!(out, "<td class=\"n{class}\"></td>");
        return;
    };
    let level = (value.abs() / full * 4.0).ceil().clamp(0.0, 4.0);
    let level = if level > 0.0 { format!(" {} h{level}", Tone::of(value).class()) } else { String::new() };
    let _ = write!(out, "<td class=\"n{level}{class}\">{}</td>", signed(value, 1));
}

pub fn metrics(out: &mut String, page: &Page) {
    out.push_str("<section id=\"metrics\">\n<h2>Metrics</h2>\n<div class=\"tables\">\n");
    for (caption, keys) in METRICS {
        let row = |key| (figures::label(key), figures::text(key, page.metrics.get(key).flatten()));
        pairs(out, caption, keys.iter().copied().map(row));
    }
    out.push_str("</div>\n</section>\n");
}

pub fn reasons(out: &mut String, page: &Page) {
    fn table<R: Reason>(out: &mut String, caption: &str, counts: &Counts<R>) {
        let mut rows: Vec<_> = counts.iter().map(|(reason, n)| (reason.name(), count(n))).collect();
        if rows.is_empty() {
            rows.push(("none", String::new()));
        }
        pairs(out, caption, rows);
    }
    let m = page.metrics;
    out.push_str("<section id=\"reasons\">\n<h2>Why trades ended, and why some never began</h2>\n<div class=\"tables\">\n");
    table(out, "Exits", &m.exits);
    table(out, "Entries vetoed by filters and limits", &m.vetoes);
    table(out, "Entries refused", &m.refusals);
    out.push_str("</div>\n</section>\n");
}

pub fn log(out: &mut String, page: &Page) {
    if page.logs.is_empty() {
        return;
    }
    let omitted = page.logs.len().saturating_sub(LOG_MOST);
    out.push_str("<section id=\"log\">\n<h2>Log</h2>\n");
    if omitted > 0 {
        let omitted = count(omitted as u64);
        let _ = writeln!(
            out,
            "<p class=\"note\">The latest {} lines; {omitted} earlier ones are left out.</p>",
            count(LOG_MOST as u64)
        );
    }
    out.push_str("<div class=\"scroll tall\" role=\"region\" aria-label=\"Log of the script\" tabindex=\"0\">\n<table class=\"log\">\n");
    out.push_str("<caption>What the script wrote with <code>ctx.log</code></caption>\n<tbody>\n");
    for (time, text) in page.logs.iter().skip(omitted) {
        let _ = writeln!(out, "<tr><th scope=row>{}<td>{}", minute(*time), Html(text));
    }
    out.push_str("</tbody>\n</table>\n</div>\n</section>\n");
}
