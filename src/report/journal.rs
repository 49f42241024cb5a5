//! What a strategy did, as text for snapshots and eyes: a line per trade, a line per entry that was held back.

use super::csv::direction_name;
use crate::backtest::{Held, Outcome, Trace};
use crate::model::{Candles, iso};
use std::fmt::Write;

/// Trades in order of their exits, then vetoes and refusals with the time of the decision, then the counts.
pub fn journal(outcome: &Outcome, trace: &Trace, candles: &Candles) -> String {
    let mut out = String::new();
    for trade in &outcome.trades {
        let _ = writeln!(
            out,
            "{} {:<5} {:>12.6} @ {:>10.2} {:<8} → {} @ {:>10.2} {:<13} {:>+10.2}{}{}",
            iso(trade.entry_time),
            direction_name(trade.direction),
            trade.quantity,
            trade.entry_price,
            trade.entry_reason,
            iso(trade.exit_time),
            trade.exit_price,
            trade.exit_reason,
            trade.pnl,
            note(&trade.entry_note),
            note(&trade.exit_note),
        );
    }
    for (row, direction, held) in &trace.held {
        let (kind, reason) = match held {
            Held::Veto(veto) => ("veto", veto.name()),
            Held::Refusal(refusal) => ("refusal", refusal.name()),
        };
        let time = iso(candles.close_time[*row] + 1);
        let _ = writeln!(out, "{time} {:<5} {kind} {reason}", direction_name(*direction));
    }
    let net: f64 = outcome.trades.iter().map(|trade| trade.pnl).sum();
    let _ = writeln!(
        out,
        "{} trades, net {net:+.2}, {} vetoes, {} refusals",
        outcome.trades.len(),
        outcome.vetoes.total(),
        outcome.refusals.total()
    );
    out
}

fn note(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" · {text}") }
}
