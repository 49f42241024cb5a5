//! What the pages have in common: heads, figures, tables of two columns, settings, where it comes from.

use super::ParameterRow;
use super::escape::Html;
use super::table::Tone;
use crate::report::Metrics;
use crate::report::number::{days, grouped, pct, ratio_or, signed, signed_pct};
use std::fmt::Write;

pub fn count(x: u64) -> String {
    grouped(x as f64, 0)
}

/// A figure as HTML that keeps its unit on its line.
pub fn nobreak(text: &str) -> String {
    Html(text).to_string().replace(" %", "\u{a0}%").replace(" pp", "\u{a0}pp")
}

/// `kind` says what the page is about, where the title does not. `facts` are HTML, `links` sections by id.
pub fn header(out: &mut String, title: &str, kind: &str, facts: &[String], links: &[(&str, &str)]) {
    let _ = write!(out, "<header>\n<h1>{}", Html(title));
    if !kind.is_empty() {
        let _ = write!(out, " <small>{}</small>", Html(kind));
    }
    out.push_str("</h1>\n<p class=\"facts\">");
    for fact in facts {
        let _ = write!(out, "<span>{fact}</span>");
    }
    out.push_str("</p>\n<nav aria-label=\"Sections\">");
    for (id, name) in links {
        let _ = write!(out, "<a href=\"#{id}\">{name}</a>");
    }
    out.push_str("</nav>\n</header>\n");
}

pub fn warnings(out: &mut String, warnings: &[String]) {
    if warnings.is_empty() {
        return;
    }
    out.push_str(
        "<section class=\"warnings\" aria-labelledby=\"warnings\">\n<h2 id=\"warnings\">Warnings</h2>\n<ul>\n",
    );
    for warning in warnings {
        let _ = writeln!(out, "<li>{}</li>", Html(warning));
    }
    out.push_str("</ul>\n</section>\n");
}

/// The headline figures of a run.
pub fn cards(out: &mut String, m: &Metrics) {
    let card = |out: &mut String, label: &str, tone: Tone, value: String, more: String| {
        let (tone, [value, more]) = (tone.class(), [value, more].map(|text| nobreak(&text)));
        let _ = writeln!(
            out,
            "<div class=\"card\"><dt>{label}</dt><dd><b class=\"{tone}\">{value}</b><span>{more}</span></dd></div>"
        );
    };
    out.push_str("<section aria-label=\"Headline figures\">\n<dl class=\"cards\">\n");
    let hold = format!("buy and hold {}", signed_pct(m.buy_and_hold_pct));
    card(out, "Return", Tone::of(m.return_pct), signed_pct(m.return_pct), hold);
    let profit = format!("{} on {}", signed(m.cumulative_profit, 2), grouped(m.initial_balance, 2));
    card(out, "Final balance", Tone::Plain, grouped(m.final_balance, 2), profit);
    let yearly = format!("volatility {}", pct(m.volatility_pct));
    card(out, "CAGR", Tone::of(m.cagr_pct), signed_pct(m.cagr_pct), yearly);
    let longest = format!("longest {}", days(m.max_drawdown_days));
    card(out, "Max drawdown", Tone::Plain, pct(m.max_drawdown_pct), longest);
    let others = format!("Sortino {} · Calmar {}", grouped(m.sortino_ratio, 2), grouped(m.calmar_ratio, 2));
    card(out, "Sharpe", Tone::of(m.sharpe_ratio), grouped(m.sharpe_ratio, 2), others);
    let won = format!("{} won · {} lost", count(m.trades_won), count(m.trades_lost));
    card(out, "Trades", Tone::Plain, count(m.trades_total), won);
    let payoff = format!("payoff {}", ratio_or(m.payoff_ratio, "n/a"));
    card(out, "Win rate", Tone::Plain, pct(m.win_rate_pct), payoff);
    let costs = format!("costs {}", grouped(m.commission_paid + m.slippage_paid, 2));
    card(out, "Profit factor", Tone::Plain, ratio_or(m.profit_factor, "n/a"), costs);
    out.push_str("</dl>\n</section>\n");
}

/// The place of a chart.
pub fn chart(out: &mut String, id: &str, label: &str) {
    let _ =
        writeln!(out, "<div class=\"chart\" id=\"chart-{id}\" role=\"group\" aria-label=\"{label}\"></div>");
}

pub const NO_SCRIPT: &str =
    "<noscript><p class=\"note\">The charts need JavaScript; everything else does not.</p></noscript>\n";

/// A table of two columns, its caption empty for none; several stand side by side where there is room.
pub fn pairs<'a>(out: &mut String, caption: &str, rows: impl IntoIterator<Item = (&'a str, String)>) {
    out.push_str("<table class=\"pairs\">\n");
    if !caption.is_empty() {
        let _ = writeln!(out, "<caption>{caption}</caption>");
    }
    out.push_str("<tbody>\n");
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

/// Parameters with what they are by default.
pub fn parameters(out: &mut String, caption: &str, rows: &[ParameterRow]) {
    if rows.is_empty() {
        return;
    }
    let _ = write!(
        out,
        "<table class=\"pairs\">\n<caption>{caption}</caption>\n<thead><tr><th scope=\"col\">Name</th>\
         <th scope=\"col\" class=\"n\">Value</th><th scope=\"col\" class=\"n\">Default</th></tr></thead>\n<tbody>\n"
    );
    for row in rows {
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

/// The section of settings, with the parameters where the page has them nowhere else.
pub fn setup(out: &mut String, title: &str, rows: &[ParameterRow], settings: &[(String, String)]) {
    let _ = writeln!(out, "<section id=\"setup\">\n<h2>{title}</h2>\n<div class=\"tables wide\">");
    let caption = if rows.is_empty() { "" } else { "Settings of the run" };
    parameters(out, "Parameters of the script", rows);
    if !settings.is_empty() {
        let rows = settings.iter().map(|(name, value)| (name.as_str(), value.clone()));
        pairs(out, caption, rows);
    }
    out.push_str("</div>\n</section>\n");
}

pub fn provenance(out: &mut String, rows: &[(String, String)]) {
    out.push_str("<footer>\n<h2>Where this comes from</h2>\n<dl class=\"provenance\">\n");
    for (name, value) in rows {
        let _ = writeln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", Html(name), Html(value));
    }
    out.push_str("</dl>\n<p class=\"note\">Past results say little about future ones. All times are UTC.</p>\n</footer>\n");
}
