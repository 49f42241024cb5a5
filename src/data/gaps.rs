//! What is missing from a series of candles, and what lies off its grid. Reported, never filled in.

use crate::model::{Interval, iso};
use serde::Serialize;
use std::collections::HashMap;
use std::fmt;

/// Gaps written out by `Display`; the rest are counted.
const SHOWN: usize = 5;

/// Different steps after which a series has no step worth calling its own.
const STEPS_MAX: usize = 4096;

/// A place where the next candle opens later than one interval after the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The first open time that is missing.
    pub from: i64,
    /// The open time of the next candle there is.
    pub to: i64,
    /// Whole candles missing in between; 0 where the step is longer than one interval but shorter than two.
    pub missing: u64,
}

/// The regularity of a series of candles.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GapReport {
    #[serde(serialize_with = "as_text")]
    pub interval: Interval,
    pub candles: usize,
    pub gaps: Vec<Gap>,
    /// Candles missing in all gaps together.
    pub missing: u64,
    /// Candles that do not open a whole number of intervals away from the others. The grid is the one that
    /// most candles are on, so weekly candles may open on a Monday and daily ones at any hour.
    pub off_grid: usize,
    /// Candles whose close time was later than `open_time + interval - 1` and was set to that.
    pub late_closes: usize,
}

fn as_text<S: serde::Serializer>(interval: &Interval, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(interval)
}

impl GapReport {
    /// The report on candles that open at `open_times`, which rise.
    pub fn new(open_times: &[i64], interval: Interval) -> GapReport {
        let step = interval.ms();
        let gaps: Vec<Gap> = open_times
            .windows(2)
            .filter(|pair| pair[1] - pair[0] > step)
            .map(|pair| Gap {
                from: pair[0] + step,
                to: pair[1],
                missing: u64::try_from((pair[1] - pair[0]) / step - 1).unwrap_or(0),
            })
            .collect();
        let grid = majority(open_times.iter().map(|time| time.rem_euclid(step))).unwrap_or(0);
        GapReport {
            interval,
            candles: open_times.len(),
            missing: gaps.iter().map(|gap| gap.missing).sum(),
            gaps,
            off_grid: open_times.iter().filter(|time| time.rem_euclid(step) != grid).count(),
            late_closes: 0,
        }
    }

    /// Nothing missing and nothing irregular.
    pub fn is_clean(&self) -> bool {
        self.gaps.is_empty() && self.off_grid == 0 && self.late_closes == 0
    }
}

impl fmt::Display for GapReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let GapReport { interval, candles, gaps, missing, off_grid, late_closes } = self;
        if self.is_clean() {
            return write!(f, "{candles} candles of {interval}, no gaps");
        }
        write!(f, "{candles} candles of {interval}, {}, {missing} missing", count(gaps.len(), "gap"))?;
        for gap in gaps.iter().take(SHOWN) {
            write!(f, "\n  {} to {}: {} missing", iso(gap.from), iso(gap.to), gap.missing)?;
        }
        if gaps.len() > SHOWN {
            write!(f, "\n  and {} more", gaps.len() - SHOWN)?;
        }
        if *off_grid > 0 {
            write!(f, "\n{} off the {interval} grid", count(*off_grid, "candle"))?;
        }
        if *late_closes > 0 {
            write!(f, "\n{} set back to the end of the candle", count(*late_closes, "close time"))?;
        }
        Ok(())
    }
}

fn count(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

/// The shortest step between `open_times` that makes up a tenth of all steps or more: a few odd candles do
/// not hide the interval, nor do many missing ones. `None` without steps, or where no step is that common.
pub(super) fn usual_step(open_times: &[i64]) -> Option<i64> {
    let mut counts: HashMap<i64, usize> = HashMap::new();
    let (mut last, mut run) = (0, 0);
    for pair in open_times.windows(2) {
        let step = pair[1] - pair[0];
        if step != last {
            *counts.entry(last).or_default() += run;
            (last, run) = (step, 0);
            if counts.len() > STEPS_MAX {
                return None;
            }
        }
        run += 1;
    }
    *counts.entry(last).or_default() += run;
    counts
        .into_iter()
        .filter(|(_, count)| *count > 0 && count * 10 >= open_times.len() - 1)
        .map(|(step, _)| step)
        .min()
}

/// The value that more than half of `values` have, if any (Boyer and Moore's vote, then a recount).
fn majority(values: impl Iterator<Item = i64> + Clone) -> Option<i64> {
    let (mut candidate, mut votes) = (0, 0_usize);
    let mut total = 0_usize;
    for value in values.clone() {
        total += 1;
        if votes == 0 {
            candidate = value;
        }
        if value == candidate { votes += 1 } else { votes -= 1 }
    }
    (values.filter(|value| *value == candidate).count() * 2 > total).then_some(candidate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{DAY_MS, HOUR_MS};

    fn report(open_times: &[i64], interval: &str) -> GapReport {
        GapReport::new(open_times, interval.parse().unwrap())
    }

    #[test]
    fn a_gap_runs_from_the_first_missing_open_to_the_next_candle() {
        let hours: Vec<i64> = [0, 1, 4, 5].iter().map(|h| h * HOUR_MS).collect();
        let report = report(&hours, "1h");
        assert_eq!(report.gaps, [Gap { from: 2 * HOUR_MS, to: 4 * HOUR_MS, missing: 2 }]);
        assert_eq!((report.missing, report.off_grid), (2, 0));
    }

    #[test]
    fn the_grid_is_where_most_candles_are() {
        let mondays: Vec<i64> = (0..4).map(|week| (4 + 7 * week) * DAY_MS).collect();
        assert!(report(&mondays, "1w").is_clean());
        let mut shifted = mondays;
        shifted[1] += HOUR_MS;
        assert_eq!(report(&shifted, "1w").off_grid, 1);
    }

    #[test]
    fn a_step_between_one_and_two_intervals_is_a_gap_with_nothing_whole_missing() {
        let report = report(&[0, HOUR_MS, 2 * HOUR_MS + 1], "1h");
        assert_eq!((report.gaps.len(), report.missing, report.off_grid), (1, 0, 1));
    }

    #[test]
    fn the_usual_step_survives_odd_candles_and_many_missing_ones() {
        assert_eq!(usual_step(&[]), None);
        assert_eq!(usual_step(&[7]), None);
        assert_eq!(usual_step(&[0, 20, 40, 50]), Some(10), "most are missing");
        let one_odd: Vec<i64> = (0..20).map(|n| n * 10).chain([193]).collect();
        assert_eq!(usual_step(&one_odd), Some(10));
        let irregular: Vec<i64> = (0..10_000).map(|n| n * n).collect();
        assert_eq!(usual_step(&irregular), None);
        assert_eq!(usual_step(&irregular[..20]), None);
    }

    #[test]
    fn few_gaps_are_listed_and_many_are_counted() {
        let times: Vec<i64> = (0..8).map(|n| n * 2 * HOUR_MS).chain([14 * HOUR_MS + 60_000]).collect();
        let mut report = report(&times, "1h");
        report.late_closes = 1;
        insta::assert_snapshot!(report, @r#"
        9 candles of 1h, 7 gaps, 7 missing
          1970-01-01T01:00:00Z to 1970-01-01T02:00:00Z: 1 missing
          1970-01-01T03:00:00Z to 1970-01-01T04:00:00Z: 1 missing
          1970-01-01T05:00:00Z to 1970-01-01T06:00:00Z: 1 missing
          1970-01-01T07:00:00Z to 1970-01-01T08:00:00Z: 1 missing
          1970-01-01T09:00:00Z to 1970-01-01T10:00:00Z: 1 missing
          and 2 more
        1 candle off the 1h grid
        1 close time set back to the end of the candle
        "#);
        insta::assert_snapshot!(serde_json::to_string(&GapReport::new(&times[..2], report.interval)).unwrap(), @r#"{"interval":"1h","candles":2,"gaps":[{"from":3600000,"to":7200000,"missing":1}],"missing":1,"off_grid":0,"late_closes":0}"#);
        assert_eq!(GapReport::new(&[0, HOUR_MS], report.interval).to_string(), "2 candles of 1h, no gaps");
    }
}
