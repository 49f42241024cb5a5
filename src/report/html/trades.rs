//! The trade list, sortable by any column.

use super::Page;
use super::escape::Html;
use super::parts::count;
use super::table::{self, Column};
use crate::model::{Trade, iso};
use crate::report::csv::direction_name;
use crate::report::number::{price, quantity, signed};
use std::fmt::Write;

/// Trades listed at most: the latest.
pub const ROWS_MOST: usize = 3000;

const COLUMNS: [Column; 12] = [
    Column::number("#"),
    Column::text("Entry (UTC)"),
    Column::text("Exit (UTC)"),
    Column::text("Side"),
    Column::number("Quantity"),
    Column::number("Entry price"),
    Column::number("Exit price"),
    Column::number("PnL"),
    Column::number("PnL %"),
    Column::number("Held"),
    Column::text("Exit reason"),
    Column::text("Notes"),
];

/// `2021-03-04 05:06`, to the minute.
pub fn minute(time: i64) -> String {
    let text = iso(time);
    text.get(..16).map_or_else(|| text.clone(), |text| text.replace('T', " "))
}

pub fn section(out: &mut String, page: &Page) {
    let trades = &page.outcome.trades;
    out.push_str("<section id=\"trades\">\n<h2>Trades</h2>\n");
    if trades.is_empty() {
        out.push_str("<p>No trade was made.</p>\n</section>\n");
        return;
    }
    let omitted = trades.len().saturating_sub(ROWS_MOST);
    if omitted > 0 {
        let place = match &page.trades_csv {
            Some(path) => format!("; all {} are in <code>{}</code>", count(trades.len() as u64), Html(path)),
            None => String::new(),
        };
        let _ = writeln!(
            out,
            "<p class=\"note\">The latest {} trades; {} earlier ones are left out of this page{place}.</p>",
            count(ROWS_MOST as u64),
            count(omitted as u64),
        );
    }
    out.push_str("<p class=\"note\">Net of commission; held in candles. A heading sorts, a number shows its trade in the chart.</p>\n");
    table::open(out, "Trades", "", &COLUMNS);
    for (index, trade) in trades.iter().enumerate().skip(omitted) {
        row(out, index + 1, trade);
    }
    table::close(out);
    out.push_str("</section>\n");
}

/// End tags of cells and rows may be left out in HTML: a third of the size of this table.
fn row(out: &mut String, number: usize, trade: &Trade) {
    let tone = if trade.pnl > 0.0 { "up" } else { "down" };
    let _ = write!(
        out,
        "<tr><td class=n><button type=button class=go>{number}</button><td>{}<td>{}<td>{}<td class=n>{}<td class=n>{}<td class=n>{}\
         <td class=\"n {tone}\">{}<td class=\"n {tone}\">{}<td class=n>{}<td>{}{}<td class=notes>",
        minute(trade.entry_time),
        minute(trade.exit_time),
        direction_name(trade.direction),
        quantity(trade.quantity),
        price(trade.entry_price),
        price(trade.exit_price),
        signed(trade.pnl, 2),
        signed(trade.pnl_pct, 2),
        trade.candles_held,
        trade.exit_reason,
        if trade.ambiguous {
            " <abbr title=\"depends on the assumed path inside the candle\">?</abbr>"
        } else {
            ""
        },
    );
    let notes: Vec<&str> =
        [&*trade.entry_note, &*trade.exit_note].into_iter().filter(|note| !note.is_empty()).collect();
    let _ = writeln!(out, "{}", Html(&notes.join(" → ")));
}
