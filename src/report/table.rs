//! The result in a terminal: one table of 80 columns, and what changed since the run before.

use super::metrics::Metrics;
use super::number::{counted, days, grouped, pct, ratio_or, signed, signed_pct};
use crate::engine::{Counts, Reason};
use crate::model::money::plain_f64;
use std::fmt::Write;

const WIDTH: usize = 80;
const COLUMN: usize = 38;

/// What the table shows.
#[derive(Debug, Clone)]
pub struct Summary<'a> {
    pub strategy: &'a str,
    pub symbol: &'a str,
    /// `1h`.
    pub interval: String,
    /// First and last UTC date of the range, ISO.
    pub from: String,
    pub to: String,
    /// Candles in the range.
    pub candles: usize,
    /// Which tier executed the script.
    pub tier: &'a str,
    /// What it did not execute as it might have.
    pub tier_note: Option<String>,
    pub metrics: &'a Metrics,
    pub warnings: &'a [String],
    /// What was written, and where: (`report`, path).
    pub files: &'a [(&'a str, String)],
}

/// Whether to paint with ANSI colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    Plain,
    Ansi,
}

impl Colour {
    pub fn when(ansi: bool) -> Colour {
        if ansi { Colour::Ansi } else { Colour::Plain }
    }

    fn paint(self, code: &str, text: &str) -> String {
        match self {
            Colour::Plain => text.to_owned(),
            Colour::Ansi => format!("\x1b[{code}m{text}\x1b[0m"),
        }
    }
}

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";

/// A name, a value, and the colour code of the value (empty: none).
struct Line(&'static str, String, &'static str);

/// Good and bad news in colour; the sign says it without.
fn toned(name: &'static str, value: String, x: f64) -> Line {
    let code = match x {
        x if x > 0.0 => GREEN,
        x if x < 0.0 => RED,
        _ => "",
    };
    Line(name, value, code)
}

fn neutral(name: &'static str, value: String) -> Line {
    Line(name, value, "")
}

/// The table, ending in a newline. No line is wider than 80 columns, paths excepted.
pub fn table(summary: &Summary, colour: Colour) -> String {
    let mut out = String::new();
    header(&mut out, summary, colour);
    let m = summary.metrics;
    columns(&mut out, colour, ("RESULT", &result(m)), ("RISK", &risk(m)));
    columns(&mut out, colour, ("TRADES", &trades(m)), ("COSTS AND SIZES", &costs(m)));
    reasons(&mut out, "Vetoes", &m.vetoes);
    reasons(&mut out, "Refusals", &m.refusals);
    reasons(&mut out, "Exits", &m.exits);
    if !summary.warnings.is_empty() {
        out.push('\n');
    }
    for warning in summary.warnings {
        hanging(&mut out, &colour.paint(YELLOW, &format!("{:<10}", "Warning")), warning);
    }
    if !summary.files.is_empty() {
        out.push('\n');
    }
    for (what, path) in summary.files {
        line(&mut out, &format!("{what:<10}{path}"));
    }
    out
}

fn header(out: &mut String, summary: &Summary, colour: Colour) {
    let tail = format!(" · {} {}", summary.symbol, summary.interval);
    let name = clipped(summary.strategy, WIDTH.saturating_sub(width(&tail)));
    line(out, &format!("{}{tail}", colour.paint(BOLD, &name)));
    line(
        out,
        &clipped(
            &format!(
                "{} to {} · {} · {} tier",
                summary.from,
                summary.to,
                counted(summary.candles as u64, "candle"),
                summary.tier
            ),
            WIDTH,
        ),
    );
    if let Some(note) = &summary.tier_note {
        line(out, &clipped(note, WIDTH));
    }
    line(out, &colour.paint(DIM, &"─".repeat(WIDTH)));
}

fn result(m: &Metrics) -> Vec<Line> {
    vec![
        neutral("Initial balance", grouped(m.initial_balance, 2)),
        neutral("Final balance", grouped(m.final_balance, 2)),
        toned("Profit", signed(m.cumulative_profit, 2), m.cumulative_profit),
        toned("Return", signed_pct(m.return_pct), m.return_pct),
        neutral("Buy and hold", signed_pct(m.buy_and_hold_pct)),
        toned("CAGR", signed_pct(m.cagr_pct), m.cagr_pct),
        neutral("Exposure", pct(m.exposure_pct)),
    ]
}

fn risk(m: &Metrics) -> Vec<Line> {
    vec![
        neutral("Max drawdown", pct(m.max_drawdown_pct)),
        neutral("Max drawdown, quote", grouped(m.max_drawdown_quote, 2)),
        neutral("Longest drawdown", days(m.max_drawdown_days)),
        neutral("Volatility, yearly", pct(m.volatility_pct)),
        toned("Sharpe", grouped(m.sharpe_ratio, 2), m.sharpe_ratio),
        toned("Sortino", grouped(m.sortino_ratio, 2), m.sortino_ratio),
        neutral(
            "Calmar · Omega",
            format!("{} · {}", grouped(m.calmar_ratio, 2), ratio_or(m.omega_ratio, "n/a")),
        ),
    ]
}

fn trades(m: &Metrics) -> Vec<Line> {
    let count = |x: u64| grouped(x as f64, 0);
    vec![
        neutral("Trades", count(m.trades_total)),
        neutral("Won · lost", format!("{} · {}", count(m.trades_won), count(m.trades_lost))),
        neutral("Win rate", pct(m.win_rate_pct)),
        neutral(
            "Longest streak won · lost",
            format!("{} · {}", m.longest_winning_streak, m.longest_losing_streak),
        ),
        neutral("Profit factor", ratio_or(m.profit_factor, "n/a")),
        neutral("Payoff ratio", ratio_or(m.payoff_ratio, "n/a")),
        neutral("SQN", grouped(m.sqn, 2)),
    ]
}

fn costs(m: &Metrics) -> Vec<Line> {
    vec![
        neutral("Commission", grouped(m.commission_paid, 2)),
        neutral("Slippage", grouped(m.slippage_paid, 2)),
        toned("Average trade", signed(m.average_trade, 2), m.average_trade),
        toned("Best trade", signed(m.best_trade, 2), m.best_trade),
        toned("Worst trade", signed(m.worst_trade, 2), m.worst_trade),
        neutral("Candles held, average", grouped(m.average_candles_held, 1)),
        neutral("Ambiguous exits", grouped(m.ambiguous_exits as f64, 0)),
    ]
}

fn columns(out: &mut String, colour: Colour, left: (&str, &[Line]), right: (&str, &[Line])) {
    let gap = " ".repeat(WIDTH - 2 * COLUMN);
    let title = |text: &str| colour.paint(BOLD, &format!("{text:<COLUMN$}"));
    line(out, &format!("{}{gap}{}", title(left.0), title(right.0)));
    for row in 0..left.1.len().max(right.1.len()) {
        let cells = [left.1.get(row), right.1.get(row)].map(|cell| match cell {
            Some(cell) => cell_text(cell, colour),
            None => " ".repeat(COLUMN),
        });
        line(out, &cells.join(&gap));
    }
    out.push('\n');
}

fn cell_text(Line(name, value, code): &Line, colour: Colour) -> String {
    let room = COLUMN.saturating_sub(width(name) + 1);
    let value = clipped(value, room);
    let space = " ".repeat(room.saturating_sub(width(&value)) + 1);
    let value = if code.is_empty() { value } else { colour.paint(code, &value) };
    format!("{name}{space}{value}")
}

fn reasons<R: Reason>(out: &mut String, what: &str, counts: &Counts<R>) {
    let list: Vec<String> = counts
        .iter()
        .map(|(reason, count)| format!("{}\u{a0}{}", reason.name(), grouped(count as f64, 0)))
        .collect();
    let list = if list.is_empty() { "none".to_owned() } else { list.join(", ") };
    hanging(out, &format!("{what:<10}"), &list);
}

/// `text` after a ten-column `label`, wrapped under itself; not at no-break spaces.
fn hanging(out: &mut String, label: &str, text: &str) {
    const INDENT: usize = 10;
    let mut row = String::new();
    let mut label = label.to_owned();
    for word in text.split([' ', '\n']).filter(|word| !word.is_empty()) {
        if !row.is_empty() && INDENT + width(&row) + 1 + width(word) > WIDTH {
            line(out, &format!("{label}{row}"));
            label = " ".repeat(INDENT);
            row.clear();
        }
        if !row.is_empty() {
            row.push(' ');
        }
        row.push_str(word);
    }
    line(out, &format!("{label}{row}"));
}

fn line(out: &mut String, text: &str) {
    out.push_str(&text.trim_end().replace('\u{a0}', " "));
    out.push('\n');
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// At most `most` columns, with an ellipsis where something was cut; control characters become spaces, so
/// that a name cannot move the cursor.
fn clipped(text: &str, most: usize) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    if width(text) <= most {
        return clean.collect();
    }
    clean.take(most.saturating_sub(1)).chain(std::iter::once('…')).collect()
}

/// `sharpe_ratio 0.81 → 0.93 (+0.12)` for every figure that changed; empty when none did.
pub fn changes(before: &Metrics, after: &Metrics) -> String {
    let mut out = String::new();
    for key in Metrics::KEYS {
        let (old, new) = (before.get(key).flatten(), after.get(key).flatten());
        if old == new {
            continue;
        }
        let decimals = decimals(old, new);
        let text = |x: Option<f64>| x.map_or_else(|| "null".to_owned(), |x| grouped(x, decimals));
        let _ = write!(out, "{key} {} → {}", text(old), text(new));
        if let (Some(old), Some(new)) = (old, new) {
            let _ = write!(out, " ({})", signed(new - old, decimals));
        }
        out.push('\n');
    }
    changed_counts(&mut out, "vetoes", &before.vetoes, &after.vetoes);
    changed_counts(&mut out, "refusals", &before.refusals, &after.refusals);
    changed_counts(&mut out, "exits", &before.exits, &after.exits);
    out
}

/// Whole numbers as such; else two places, or as many as show that there is a difference.
fn decimals(old: Option<f64>, new: Option<f64>) -> usize {
    let whole = |x: Option<f64>| x.is_none_or(|x| x.fract() == 0.0 && !plain_f64(x).contains('.'));
    if whole(old) && whole(new) {
        return 0;
    }
    let difference = (old.unwrap_or_default() - new.unwrap_or_default()).abs();
    (2..12).find(|&places| difference >= 0.5 * 0.1f64.powi(places)).unwrap_or(12) as usize
}

fn changed_counts<R: Reason>(out: &mut String, what: &str, before: &Counts<R>, after: &Counts<R>) {
    for &reason in R::ALL {
        let (old, new) = (before.get(reason), after.get(reason));
        if old != new {
            let name = reason.name();
            let difference = signed(new as f64 - old as f64, 0);
            let _ = writeln!(out, "{what}.{name} {old} → {new} ({difference})");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ExitReason, Refusal, Veto};

    fn metrics() -> Metrics {
        let mut m = Metrics {
            initial_balance: 10_000.0,
            final_balance: 123_456.789,
            cumulative_profit: 113_456.789,
            return_pct: 1134.56789,
            buy_and_hold_pct: 886.1,
            cagr_pct: 48.4,
            max_drawdown_pct: 23.4,
            max_drawdown_quote: 23_456.7,
            max_drawdown_days: 312.4,
            volatility_pct: 41.0,
            sharpe_ratio: 1.234,
            sortino_ratio: -0.5,
            trades_total: 1234,
            trades_won: 700,
            trades_lost: 534,
            worst_trade: -1234.5,
            ambiguous_exits: 3,
            ..Metrics::default()
        };
        for &veto in Veto::ALL {
            for _ in 0..1234 {
                m.vetoes.add(veto);
            }
        }
        m.exits.add(ExitReason::StopLoss);
        m
    }

    fn summary<'a>(
        metrics: &'a Metrics,
        warnings: &'a [String],
        files: &'a [(&'a str, String)],
    ) -> Summary<'a> {
        Summary {
            strategy: "ma_crossover",
            symbol: "BTCUSDT",
            interval: "1h".into(),
            from: "2017-08-17".into(),
            to: "2023-12-31".into(),
            candles: 55_789,
            tier: "interpreter",
            tier_note: None,
            metrics,
            warnings,
            files,
        }
    }

    #[test]
    fn table_in_eighty_columns() {
        let metrics = metrics();
        let warnings = [
            "28 gaps in the candles, 312 missing; the longest, 33, after 2018-02-08T00:00:00Z: mind the gap."
                .to_owned(),
        ];
        let files =
            [("Report", "results/report.html".to_owned()), ("Trades", "results/trades.csv".to_owned())];
        let text = table(&summary(&metrics, &warnings, &files), Colour::Plain);
        insta::assert_snapshot!(text, @r"
        ma_crossover · BTCUSDT 1h
        2017-08-17 to 2023-12-31 · 55,789 candles · interpreter tier
        ────────────────────────────────────────────────────────────────────────────────
        RESULT                                    RISK
        Initial balance              10,000.00    Max drawdown                   23.40 %
        Final balance               123,456.79    Max drawdown, quote          23,456.70
        Profit                     +113,456.79    Longest drawdown              312 days
        Return                     +1,134.57 %    Volatility, yearly             41.00 %
        Buy and hold                 +886.10 %    Sharpe                            1.23
        CAGR                          +48.40 %    Sortino                          -0.50
        Exposure                        0.00 %    Calmar · Omega              0.00 · n/a

        TRADES                                    COSTS AND SIZES
        Trades                           1,234    Commission                        0.00
        Won · lost                   700 · 534    Slippage                          0.00
        Win rate                        0.00 %    Average trade                     0.00
        Longest streak won · lost        0 · 0    Best trade                        0.00
        Profit factor                      n/a    Worst trade                  -1,234.50
        Payoff ratio                       n/a    Candles held, average              0.0
        SQN                               0.00    Ambiguous exits                      3

        Vetoes    atr_filter 1,234, seasonality_filter 1,234, cooldown 1,234,
                  max_cumulative_loss 1,234, max_daily_loss 1,234,
                  max_drawdown_limit 1,234, max_consecutive_losses 1,234, paused 1,234
        Refusals  none
        Exits     stop_loss 1

        Warning   28 gaps in the candles, 312 missing; the longest, 33, after
                  2018-02-08T00:00:00Z: mind the gap.

        Report    results/report.html
        Trades    results/trades.csv
        ");
        assert!(text.lines().all(|line| width(line) <= WIDTH));

        let painted = table(&summary(&metrics, &warnings, &files), Colour::when(true));
        let mut stripped = String::new();
        for (index, part) in painted.split("\x1b[").enumerate() {
            stripped.push_str(if index == 0 { part } else { part.split_once('m').unwrap().1 });
        }
        let trimmed = |text: &str| text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
        assert_eq!(trimmed(&stripped), trimmed(&text));
    }

    #[test]
    fn huge_numbers_and_names_stay_inside() {
        let mut metrics = metrics();
        metrics.final_balance = 1e300;
        metrics.calmar_ratio = -1e40;
        let name = "n".repeat(200) + "\x1b[2J";
        let mut summary = summary(&metrics, &[], &[]);
        summary.strategy = &name;
        summary.tier = &name;
        summary.tier_note = Some(name.clone());
        let text = table(&summary, Colour::Plain);
        assert!(text.lines().all(|line| width(line) <= WIDTH) && !text.contains('\x1b'));
    }

    #[test]
    fn only_what_changed_is_shown() {
        let before = metrics();
        assert_eq!(changes(&before, &before), "");
        let mut after = before.clone();
        after.sharpe_ratio = 1.354;
        after.trades_total = 1233;
        after.omega_ratio = Some(1.5);
        after.return_pct += 0.0001;
        after.refusals.add(Refusal::NoStop);
        insta::assert_snapshot!(changes(&before, &after), @r"
        return_pct 1,134.5679 → 1,134.5680 (+0.0001)
        sharpe_ratio 1.23 → 1.35 (+0.12)
        omega_ratio null → 1.50
        trades_total 1,234 → 1,233 (-1)
        refusals.no_stop 0 → 1 (+1)
        ");
    }
}
