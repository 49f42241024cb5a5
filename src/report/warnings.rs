//! What a reader of a result has to know before believing it.

use super::metrics::Metrics;
use super::number::{counted, grouped, pct};
use crate::backtest::Outcome;
use crate::model::{Candles, Interval, Refusal, iso};

/// Gaps in the data of the range, a script that never had warm indicators, exits that depend on an
/// assumption about the inside of a candle.
pub fn warnings(outcome: &Outcome, candles: &Candles, interval: Interval, metrics: &Metrics) -> Vec<String> {
    let mut warnings = Vec::new();
    let rows = outcome.range.len();
    if rows == 0 {
        warnings.push("No candle is in the range: nothing was run.".to_owned());
    } else if outcome.first_decision.is_none() {
        let rows = grouped(rows as f64, 0);
        warnings.push(format!(
            "The indicators never got warm: the script was called on none of the {rows} candles."
        ));
    }
    warnings.extend(idle(outcome));
    warnings.extend(gaps(candles.open_time.get(outcome.range.clone()).unwrap_or_default(), interval.ms()));
    if metrics.ambiguous_exits > 0 {
        let share = metrics.ambiguous_exits as f64 * 100.0 / metrics.trades_total.max(1) as f64;
        warnings.push(format!(
            "{} of {} exits ({}) depend on the assumed path inside their candle: finer candles (--detail) decide them.",
            metrics.ambiguous_exits,
            metrics.trades_total,
            pct(share),
        ));
    }
    warnings
}

/// Why there was no trade.
fn idle(outcome: &Outcome) -> Option<String> {
    if !outcome.trades.is_empty() || outcome.first_decision.is_none() {
        return None;
    }
    let no_stop = outcome.refusals.get(Refusal::NoStop);
    if no_stop > 0 && no_stop == outcome.refusals.total() {
        return Some(
            "No trade: a risk_pct size needs a fixed stop (stop_loss_pct, ctx.stop_at or ctx.stop_pct) on the far side of the fill."
                .to_owned(),
        );
    }
    if outcome.refusals.total() + outcome.vetoes.total() > 0 {
        return Some("No trade: every entry that was asked for was vetoed or refused.".to_owned());
    }
    Some("No trade: the script never asked for an entry.".to_owned())
}

fn gaps(open_times: &[i64], interval: i64) -> Option<String> {
    let (mut count, mut missing, mut longest) = (0u64, 0, (0, 0));
    for (&before, &after) in open_times.iter().zip(open_times.iter().skip(1)) {
        // Rounded: a candle that begins late is not a missing one.
        let absent = after.saturating_sub(before).saturating_add(interval / 2) / interval - 1;
        if absent > 0 {
            count += 1;
            missing += absent;
            longest = longest.max((absent, before));
        }
    }
    let (most, before) = longest;
    (count > 0).then(|| {
        let mostly = missing > i64::try_from(open_times.len()).unwrap_or(i64::MAX);
        format!(
            "{} in the candles, {} missing; the longest, {}, after {}.{}",
            counted(count, "gap"),
            grouped(missing as f64, 0),
            grouped(most as f64, 0),
            iso(before),
            if mostly { " More are missing than there are: is the interval right?" } else { "" },
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_counted_in_candles() {
        assert_eq!(gaps(&[0, 10, 20], 10), None);
        assert_eq!(gaps(&[0, 13, 20], 10), None, "off the hour is not a gap of a candle");
        let found = gaps(&[0, 20, 30, 60_000], 10).unwrap();
        assert_eq!(
            found,
            "2 gaps in the candles, 5,997 missing; the longest, 5,996, after 1970-01-01T00:00:00.030Z. \
             More are missing than there are: is the interval right?"
        );
    }
}
