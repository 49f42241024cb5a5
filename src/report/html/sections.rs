//! The sections of the page, one function each.

use super::Page;
use super::charts::{CANDLES_MOST, TRADES_MOST, candles_per_drawn, marked};
use super::escape::Html;
use super::trades::minute;
use crate::engine::{Counts, Reason};
use crate::model::ExitReason;
use crate::report::monthly::monthly_returns;
use crate::report::number::{days, grouped, pct, ratio_or, signed, signed_pct};
use std::fmt::Write;

/// Log lines shown at most: the latest.
const LOG_MOST: usize = 1000;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn count(x: u64) -> String {
    grouped(x as f64, 0)
}

pub fn header(out: &mut String, page: &Page) {
    let range = match page.dates() {
        Some((from, to)) => format!("<time>{from}</time> to <time>{to}</time>"),
        None => "no candles".to_owned(),
    };
    let _ = writeln!(
        out,
        "<header>\n<h1>{}</h1>\n<p class=\"facts\"><span>{}</span><span>{}</span><span>{range}</span>\
         <span>{} candles</span></p>",
        Html(page.strategy),
        Html(page.symbol),
        Html(&page.interval),
        count(page.outcome.range.len() as u64),
    );
    out.push_str("<nav aria-label=\"Sections\">");
    let mut links = vec![
        ("charts", "Charts"),
        ("months", "Months"),
        ("trades", "Trades"),
        ("metrics", "Metrics"),
        ("setup", "Setup"),
    ];
    if !page.logs.is_empty() {
        links.push(("log", "Log"));
    }
    if !page.source.is_empty() {
        links.push(("source", "Script"));
    }
    for (id, name) in links {
        let _ = write!(out, "<a href=\"#{id}\">{name}</a>");
    }
    out.push_str("</nav>\n</header>\n");
}

pub fn warnings(out: &mut String, page: &Page) {
    if page.warnings.is_empty() {
        return;
    }
    out.push_str(
        "<section class=\"warnings\" aria-labelledby=\"warnings\">\n<h2 id=\"warnings\">Warnings</h2>\n<ul>\n",
    );
    for warning in &page.warnings {
        let _ = writeln!(out, "<li>{}</li>", Html(warning));
    }
    out.push_str("</ul>\n</section>\n");
}

fn tone(x: f64) -> &'static str {
    match x {
        x if x > 0.0 => "up",
        x if x < 0.0 => "down",
        _ => "",
    }
}

pub fn cards(out: &mut String, page: &Page) {
    let m = page.metrics;
    let card = |out: &mut String, label: &str, tone: &str, value: String, more: String| {
        let [value, more] = [value, more].map(|text| text.replace(" %", "\u{a0}%"));
        let _ = writeln!(
            out,
            "<div class=\"card\"><dt>{label}</dt><dd><b class=\"{tone}\">{value}</b><span>{more}</span></dd></div>"
        );
    };
    out.push_str("<section aria-label=\"Headline figures\">\n<dl class=\"cards\">\n");
    let hold = format!("buy and hold {}", signed_pct(m.buy_and_hold_pct));
    card(out, "Return", tone(m.return_pct), signed_pct(m.return_pct), hold);
    let profit = format!("{} on {}", signed(m.cumulative_profit, 2), grouped(m.initial_balance, 2));
    card(out, "Final balance", "", grouped(m.final_balance, 2), profit);
    let yearly = format!("volatility {}", pct(m.volatility_pct));
    card(out, "CAGR", tone(m.cagr_pct), signed_pct(m.cagr_pct), yearly);
    let longest = format!("longest {}", days(m.max_drawdown_days));
    card(out, "Max drawdown", "", pct(m.max_drawdown_pct), longest);
    let others = format!("Sortino {} · Calmar {}", grouped(m.sortino_ratio, 2), grouped(m.calmar_ratio, 2));
    card(out, "Sharpe", tone(m.sharpe_ratio), grouped(m.sharpe_ratio, 2), others);
    let won = format!("{} won · {} lost", count(m.trades_won), count(m.trades_lost));
    card(out, "Trades", "", count(m.trades_total), won);
    let payoff = format!("payoff {}", ratio_or(m.payoff_ratio, "n/a"));
    card(out, "Win rate", "", pct(m.win_rate_pct), payoff);
    let costs = format!("costs {}", grouped(m.commission_paid + m.slippage_paid, 2));
    card(out, "Profit factor", "", ratio_or(m.profit_factor, "n/a"), costs);
    out.push_str("</dl>\n</section>\n");
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
    out.push_str("<noscript><p class=\"note\">The charts need JavaScript; everything else does not.</p></noscript>\n</section>\n");
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

fn chart(out: &mut String, id: &str, label: &str) {
    let _ =
        writeln!(out, "<div class=\"chart\" id=\"chart-{id}\" role=\"group\" aria-label=\"{label}\"></div>");
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
    let level = if level > 0.0 { format!(" {} h{level}", tone(value)) } else { String::new() };
    let _ = write!(out, "<td class=\"n{level}{class}\">{}</td>", signed(value, 1));
}

/// Two-column tables, side by side where there is room.
fn pairs<'a>(out: &mut String, caption: &str, rows: impl IntoIterator<Item = (&'a str, String)>) {
    let _ = writeln!(out, "<table class=\"pairs\">\n<caption>{caption}</caption>\n<tbody>");
    for (name, value) in rows {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td></tr>",
            Html(name),
            Html(&value)
        );
    }
    out.push_str("</tbody>\n</table>\n");
}

pub fn metrics(out: &mut String, page: &Page) {
    let m = page.metrics;
    out.push_str("<section id=\"metrics\">\n<h2>Metrics</h2>\n<div class=\"tables\">\n");
    pairs(
        out,
        "Result",
        [
            ("Initial balance", grouped(m.initial_balance, 2)),
            ("Final balance", grouped(m.final_balance, 2)),
            ("Profit", signed(m.cumulative_profit, 2)),
            ("Return", signed_pct(m.return_pct)),
            ("Buy and hold", signed_pct(m.buy_and_hold_pct)),
            ("CAGR", signed_pct(m.cagr_pct)),
            ("Exposure", pct(m.exposure_pct)),
        ],
    );
    pairs(
        out,
        "Risk",
        [
            ("Volatility, yearly", pct(m.volatility_pct)),
            ("Sharpe ratio", grouped(m.sharpe_ratio, 3)),
            ("Sortino ratio", grouped(m.sortino_ratio, 3)),
            ("Calmar ratio", grouped(m.calmar_ratio, 3)),
            ("Omega ratio", ratio_or(m.omega_ratio, "no losing day")),
            ("Max drawdown", pct(m.max_drawdown_pct)),
            ("Max drawdown, quote", grouped(m.max_drawdown_quote, 2)),
            ("Longest drawdown", days(m.max_drawdown_days)),
        ],
    );
    pairs(
        out,
        "Trades",
        [
            ("Trades", count(m.trades_total)),
            ("Won", count(m.trades_won)),
            ("Lost", count(m.trades_lost)),
            ("Win rate", pct(m.win_rate_pct)),
            ("Longest winning streak", count(m.longest_winning_streak)),
            ("Longest losing streak", count(m.longest_losing_streak)),
            ("Profit factor", ratio_or(m.profit_factor, "nothing lost")),
            ("Payoff ratio", ratio_or(m.payoff_ratio, "nothing lost")),
            ("SQN", grouped(m.sqn, 2)),
        ],
    );
    pairs(
        out,
        "One trade, and costs",
        [
            ("Average trade (expectancy)", signed(m.expectancy, 2)),
            ("Best trade", signed(m.best_trade, 2)),
            ("Worst trade", signed(m.worst_trade, 2)),
            ("Candles held, average", grouped(m.average_candles_held, 1)),
            ("Commission paid", grouped(m.commission_paid, 2)),
            ("Slippage paid", grouped(m.slippage_paid, 2)),
            ("Ambiguous exits", count(m.ambiguous_exits)),
        ],
    );
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

pub fn setup(out: &mut String, page: &Page) {
    out.push_str("<section id=\"setup\">\n<h2>Parameters and settings</h2>\n<div class=\"tables wide\">\n");
    if !page.parameters.is_empty() {
        out.push_str("<table class=\"pairs\">\n<caption>Parameters of the script</caption>\n<thead><tr><th scope=\"col\">Name</th>");
        out.push_str("<th scope=\"col\" class=\"n\">Value</th><th scope=\"col\" class=\"n\">Default</th></tr></thead>\n<tbody>\n");
        for row in &page.parameters {
            let changed = row.value != row.default;
            let (class, mark) = if changed { ("changed", " <em>changed</em>") } else { ("", "") };
            let _ = writeln!(
                out,
                "<tr class=\"{class}\"><th scope=\"row\">{}{mark}</th><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                Html(&row.name),
                Html(&row.value),
                Html(&row.default)
            );
        }
        out.push_str("</tbody>\n</table>\n");
    }
    if !page.settings.is_empty() {
        let rows = page.settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
        pairs(out, "Settings of the run", rows);
    }
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

pub fn provenance(out: &mut String, page: &Page) {
    out.push_str("<footer>\n<h2>Where this comes from</h2>\n<dl class=\"provenance\">\n");
    for (name, value) in &page.provenance {
        let _ = writeln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", Html(name), Html(value));
    }
    out.push_str("</dl>\n<p class=\"note\">Past results say little about future ones. All times are UTC.</p>\n</footer>\n");
}
