//! Returns by calendar month and year (UTC), from the same equity curve as every other figure.

use crate::backtest::Outcome;
use crate::model::Candles;
use chrono::{DateTime, Datelike, TimeZone, Utc};

/// One calendar year of returns in percent; `None` in months without a close, or where the return is
/// undefined because nothing was left before.
#[derive(Debug, Clone, PartialEq)]
pub struct Year {
    pub year: i32,
    pub months: [Option<f64>; 12],
    pub total: Option<f64>,
}

/// Equity at the last close of each month against that of the month with closes before it, the first against
/// the initial balance; years likewise.
pub fn monthly_returns(outcome: &Outcome, candles: &Candles) -> Vec<Year> {
    let times = candles.close_time.get(outcome.range.clone()).unwrap_or_default();
    let mut years: Vec<Year> = Vec::new();
    let (mut month_start, mut year_start) = (outcome.initial_balance, outcome.initial_balance);
    let mut month_end = i64::MIN;
    let mut month = 0;
    let mut before = outcome.initial_balance;
    for (&equity, &time) in outcome.equity.iter().zip(times) {
        if time >= month_end {
            let Some((year, index, end)) = month_of(time) else { continue };
            month_start = before;
            if years.last().is_none_or(|last| last.year != year) {
                year_start = before;
                years.push(Year { year, months: [None; 12], total: None });
            }
            (month, month_end) = (index, end);
        }
        before = equity;
        if let Some(year) = years.last_mut() {
            year.months[month] = change(month_start, equity);
            year.total = change(year_start, equity);
        }
    }
    years
}

fn change(from: f64, to: f64) -> Option<f64> {
    let change = (to / from - 1.0) * 100.0;
    (from > 0.0 && change.is_finite()).then_some(change)
}

/// Year, month from 0, and the first instant after the month.
fn month_of(time: i64) -> Option<(i32, usize, i64)> {
    let date = DateTime::<Utc>::from_timestamp_millis(time)?;
    let (year, month) = (date.year(), date.month());
    let (next_year, next) = if month == 12 { (year.checked_add(1)?, 1) } else { (year, month + 1) };
    let end = Utc.with_ymd_and_hms(next_year, next, 1, 0, 0, 0).single()?;
    Some((year, date.month0() as usize, end.timestamp_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Counts;
    use crate::model::{Candle, parse_iso};

    #[test]
    fn months_and_years_chain() {
        let rows = [
            ("2023-11-30T23:59:59.999Z", 1100.0), // +10 % on 1000
            ("2023-12-10", 550.0),
            ("2023-12-31T23:59:59.999Z", 1210.0), // +10 % on 1100; the year: 21 %
            ("2024-02-01", 1331.0),               // no January; +10 % on 1210
            ("2024-03-01", 0.0),                  // −100 %
            ("2024-04-01", 5.0),                  // undefined
        ];
        let candles: Candles = rows
            .iter()
            .map(|(text, _)| {
                let close_time = parse_iso(text).unwrap();
                let (open, high, low, close) = (1.0, 1.0, 1.0, 1.0);
                Candle { open_time: close_time - 1, close_time, open, high, low, close, volume: 0.0 }
            })
            .collect();
        let outcome = Outcome {
            initial_balance: 1000.0,
            range: 0..rows.len(),
            first_decision: None,
            trades: Vec::new(),
            equity: rows.iter().map(|&(_, equity)| equity).collect(),
            closes_in_position: 0,
            vetoes: Counts::default(),
            refusals: Counts::default(),
        };
        let shown: Vec<String> = monthly_returns(&outcome, &candles)
            .iter()
            .map(|year| {
                let cell = |x: &Option<f64>| x.map_or("-".to_owned(), |x| format!("{x:.1}"));
                let months: Vec<String> = year.months.iter().map(cell).collect();
                format!("{}: {} = {}", year.year, months.join(" "), cell(&year.total))
            })
            .collect();
        assert_eq!(
            shown,
            ["2023: - - - - - - - - - - 10.0 10.0 = 21.0", "2024: - 10.0 -100.0 - - - - - - - - - = -99.6"]
        );
    }
}
