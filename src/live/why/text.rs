//! A story in lines.

use super::story::{Chapter, Outcome, Tale};
use crate::engine::Levels;
use crate::live::plain::{time, wish, wrapping};
use crate::live::record::{AskedEntry, Decision};
use crate::report::csv::direction_name;
use crate::report::number::{grouped, price, quantity, signed, signed_pct};
use std::fmt::Write;

const WIDTH: usize = 80;
const LABEL: usize = 10;

fn put(out: &mut String, label: &str, text: &str) {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let rows = textwrap::wrap(&clean, wrapping(WIDTH - LABEL));
    for (index, row) in rows.iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        let _ = writeln!(out, "{}", format!("{label:<LABEL$}{row}").trim_end());
    }
}

/// Everything that is known of one candle.
pub fn chapter_text(title: &str, chapter: &Chapter) -> String {
    let (candle, decision) = (&chapter.candle, &chapter.decision);
    let mut out = String::new();
    let _ =
        writeln!(out, "{title} · candle {} to {} UTC", time(candle.open_time), time(candle.decision_time()));
    let prices = [candle.open, candle.high, candle.low, candle.close].map(price);
    let [open, high, low, close] = &prices;
    let digest = match decision.seen.as_str() {
        "" => String::new(),
        seen => format!(", digest of all it saw {seen}, script generation {}", decision.generation),
    };
    let volume = quantity(candle.volume);
    put(
        &mut out,
        "Saw",
        &format!("open {open}, high {high}, low {low}, close {close}, volume {volume}{digest}"),
    );
    put(&mut out, "Account", &account(decision));
    put(&mut out, "Asked", &asked(chapter));
    if let Some(exit) = decision.due.as_ref().and_then(|due| due.exit) {
        put(&mut out, "Decided", &format!("the position is left at the next open: {exit}"));
    }
    for (name, tale) in [("Entry", &chapter.entry), ("Exit", &chapter.exit)] {
        let Some(tale) = tale else { continue };
        put(&mut out, name, &outcome(tale, true));
        for happened in &tale.happened {
            put(&mut out, "", &format!("{}  {}", time(happened.at), happened.text));
        }
        if tale.left_out > 0 {
            put(&mut out, "", &format!("… and {} more", tale.left_out));
        }
    }
    if let Some(reason) = chapter.quiet() {
        put(&mut out, "Nothing", &format!("{reason}: {}", reason.sentence()));
    }
    for (index, log) in decision.logs.iter().enumerate() {
        put(&mut out, if index == 0 { "Log" } else { "" }, log);
    }
    out
}

/// A line for each signal: candle, what was asked, what became of it.
pub fn signals_text<'a>(chapters: impl Iterator<Item = &'a Chapter>) -> String {
    let mut out = String::new();
    for chapter in chapters {
        let decision = &chapter.decision;
        let entry = decision.entry.as_ref().map(|entry| wish(direction_name(entry.direction), &entry.note));
        let exit = decision.exit.as_ref().map(|note| wish("exit", note));
        let signals = [(entry, &chapter.entry), (exit, &chapter.exit)];
        for (what, tale) in signals {
            let (Some(what), Some(tale)) = (what, tale) else { continue };
            if tale.wanted == super::Wanted::Exit && !tale.facts.held {
                continue;
            }
            let line = format!("{}  {what} → {}", time(chapter.candle.open_time), outcome(tale, false));
            let clean: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let _ = writeln!(out, "{clean}");
        }
    }
    out
}

fn account(decision: &Decision) -> String {
    let held = match decision.quantity {
        None => "flat".to_owned(),
        Some(held) => {
            let level =
                |what: &str, level: Option<f64>| level.map(|level| format!(", {what} {}", price(level)));
            let levels = [level("stop", decision.stop), level("target", decision.target)];
            format!("{} held{}", quantity(held), levels.into_iter().flatten().collect::<String>())
        }
    };
    let risk = decision.risk.map(|risk| format!(", risk state {}", format!("{risk:?}").to_lowercase()));
    format!("equity {}, {held}{}", grouped(decision.equity, 2), risk.unwrap_or_default())
}

fn asked(chapter: &Chapter) -> String {
    let decision = &chapter.decision;
    if !decision.asked {
        return "the script was not asked".to_owned();
    }
    let entry = decision.entry.as_ref().map(entry_text);
    let exit = decision.exit.as_ref().map(|note| wish("exit", note));
    let asked: Vec<String> = [entry, exit].into_iter().flatten().collect();
    if asked.is_empty() { "for nothing".to_owned() } else { asked.join(", ") }
}

/// `long "note", 1 % of equity at risk, stop at 42,000.00`.
fn entry_text(entry: &AskedEntry) -> String {
    let mut parts = vec![wish(direction_name(entry.direction), &entry.note)];
    parts.extend(entry.size.map(|size| size.in_words()));
    let Levels { stop_price, stop_pct, target_price, target_pct, trail_pct, break_even_pct } = entry.levels;
    let at = |what: &str, level: Option<f64>| level.map(|level| format!("{what} at {}", price(level)));
    let away = |what: &str, pct: Option<f64>| pct.map(|pct| format!("{what} {} % away", pct * 100.0));
    parts.extend([at("stop", stop_price), away("stop", stop_pct)].into_iter().flatten());
    parts.extend([at("target", target_price), away("target", target_pct)].into_iter().flatten());
    parts.extend(away("trailing stop", trail_pct));
    parts.extend(break_even_pct.map(|pct| format!("break even after {} %", pct * 100.0)));
    parts.join(", ")
}

fn outcome(tale: &Tale, long: bool) -> String {
    match tale.outcome() {
        Outcome::Trade(closed) => {
            let trade = &closed.trade;
            format!(
                "trade {}: {} ({}), {} at {}",
                closed.number,
                signed(trade.pnl, 2),
                signed_pct(trade.pnl_pct),
                trade.exit_reason,
                price(trade.exit_price)
            )
        }
        Outcome::Open => "became the open position".to_owned(),
        Outcome::Waiting => "under way".to_owned(),
        Outcome::Nothing(reason) => {
            let message =
                if tale.message.is_empty() { String::new() } else { format!(" ({})", tale.message) };
            let sentence = if long { format!(": {}", reason.sentence()) } else { String::new() };
            format!("no trade: {reason}{sentence}{message}")
        }
    }
}
