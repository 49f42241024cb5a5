//! The trades and the equity curve as CSV. Times in UTC milliseconds, money as booked.

use super::ledger::{Booked, Ledger};
use crate::model::money::{plain, plain_f64};
use crate::model::{Direction, EquityPoint, Trade};
use std::io;

pub const TRADE_COLUMNS: [&str; 14] = [
    "entry_time",
    "exit_time",
    "direction",
    "quantity",
    "entry_price",
    "exit_price",
    "pnl",
    "pnl_pct",
    "commission",
    "entry_reason",
    "exit_reason",
    "candles_held",
    "entry_note",
    "exit_note",
];

/// The name of a direction in files.
pub fn direction_name(direction: Direction) -> &'static str {
    match direction {
        Direction::Long => "long",
        Direction::Short => "short",
    }
}

/// One row per trade, in order of their exits.
pub fn write_trades(out: impl io::Write, ledger: &Ledger) -> io::Result<()> {
    let mut csv = ::csv::Writer::from_writer(out);
    csv.write_record(TRADE_COLUMNS)?;
    for entry in &ledger.entries {
        csv.write_record(trade_row(entry.trade, &entry.booked))?;
    }
    csv.flush()
}

/// A trade in the order of [`TRADE_COLUMNS`].
pub fn trade_row(trade: &Trade, booked: &Booked) -> [String; TRADE_COLUMNS.len()] {
    [
        trade.entry_time.to_string(),
        trade.exit_time.to_string(),
        direction_name(trade.direction).to_owned(),
        plain(booked.quantity),
        plain(booked.entry_price),
        plain(booked.exit_price),
        plain(booked.pnl),
        plain(booked.pnl_pct),
        plain(booked.commission),
        trade.entry_reason.name().to_owned(),
        trade.exit_reason.name().to_owned(),
        trade.candles_held.to_string(),
        trade.entry_note.to_string(),
        trade.exit_note.to_string(),
    ]
}

/// One row per close.
pub fn write_equity(
    mut out: impl io::Write,
    points: impl IntoIterator<Item = EquityPoint>,
) -> io::Result<()> {
    writeln!(out, "time,equity")?;
    // Without a position the equity stands still: its text is there already.
    let (mut before, mut text) = (f64::NAN, String::new());
    for EquityPoint { time, equity } in points {
        if equity != before {
            (before, text) = (equity, plain_f64(equity));
        }
        writeln!(out, "{time},{text}")?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtest::Outcome;
    use crate::engine::Counts;
    use crate::model::{EntryReason, ExitReason};

    #[test]
    fn trades_are_written_as_booked_and_notes_are_quoted() {
        let outcome = Outcome {
            initial_balance: 1000.0,
            range: 0..0,
            first_decision: None,
            trades: vec![Trade {
                entry_time: 3_600_000,
                exit_time: 7_200_000,
                direction: Direction::Short,
                quantity: 2.0,
                entry_price: 10.0,
                exit_price: 11.0,
                pnl: -2.0420000000000003,
                pnl_pct: -10.21,
                commission: 0.042,
                slippage: 0.0,
                entry_reason: EntryReason::Reverse,
                exit_reason: ExitReason::StopLoss,
                candles_held: 1,
                ambiguous: false,
                entry_note: "a, \"b\"\nc".into(),
                exit_note: "".into(),
            }],
            equity: Vec::new(),
            closes_in_position: 0,
            vetoes: Counts::default(),
            refusals: Counts::default(),
        };
        let ledger = Ledger::of(&outcome, 10.0).unwrap();
        let mut out = Vec::new();
        write_trades(&mut out, &ledger).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r#"
        entry_time,exit_time,direction,quantity,entry_price,exit_price,pnl,pnl_pct,commission,entry_reason,exit_reason,candles_held,entry_note,exit_note
        3600000,7200000,short,2,10,11,-2.042,-10.21,0.042,reverse,stop_loss,1,"a, ""b""
        c",
        "#);
    }

    #[test]
    fn equity_is_written_plainly() {
        let points = [EquityPoint { time: 1, equity: 10_000.0 }, EquityPoint { time: 2, equity: 1e-7 }];
        let mut out = Vec::new();
        write_equity(&mut out, points).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "time,equity\n1,10000\n2,0.0000001\n");
    }
}
