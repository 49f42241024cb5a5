//! Less to draw than was computed: a screen has some two thousand columns, a run may have millions of candles.

use crate::model::Candles;
use std::ops::Range;

/// How many neighbours one drawn candle stands for, so that at most `most` are drawn.
pub fn stride(rows: usize, most: usize) -> usize {
    rows.div_ceil(most.max(1)).max(1)
}

/// Neighbours merged into one: first open, extremes, last close, volume together.
pub fn merged(candles: &Candles, range: Range<usize>, stride: usize) -> Candles {
    let end = range.end.min(candles.len());
    let stride = stride.max(1);
    (range.start..end)
        .step_by(stride)
        .map(|first| {
            let mut all = candles.get(first);
            for row in first + 1..end.min(first + stride) {
                let candle = candles.get(row);
                all.high = all.high.max(candle.high);
                all.low = all.low.min(candle.low);
                all.close = candle.close;
                all.close_time = candle.close_time;
                all.volume += candle.volume;
            }
            all
        })
        .collect()
}

/// The lowest and the highest point of every bucket, in order of time, and a NaN where a bucket has one, so
/// that a line breaks where its values do. All points when there are no more than `most`.
pub fn envelope(times: &[i64], values: &[f64], most: usize) -> (Vec<i64>, Vec<f64>) {
    let rows = times.len().min(values.len());
    if rows <= most {
        return (times[..rows].to_vec(), values[..rows].to_vec());
    }
    let stride = stride(rows, most / 2);
    let mut out = (Vec::with_capacity(most), Vec::with_capacity(most));
    for (times, values) in times[..rows].chunks(stride).zip(values[..rows].chunks(stride)) {
        let mut push = |time: i64, value: f64| {
            out.0.push(time);
            out.1.push(value);
        };
        let numbers = || values.iter().enumerate().filter(|(_, value)| !value.is_nan());
        let lowest = numbers().min_by(|a, b| a.1.total_cmp(b.1)).map(|(index, _)| index);
        let highest = numbers().max_by(|a, b| a.1.total_cmp(b.1)).map(|(index, _)| index);
        if let (Some(lowest), Some(highest)) = (lowest, highest) {
            let (first, second) = (lowest.min(highest), lowest.max(highest));
            push(times[first], values[first]);
            if first != second {
                push(times[second], values[second]);
            }
        }
        if let (true, Some(&last)) = (values.iter().any(|value| value.is_nan()), times.last()) {
            push(last, f64::NAN);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Candle;
    use proptest::prelude::*;

    fn candle(row: i64, close: f64) -> Candle {
        let (high, low) = (close + 1.0, close - 1.0);
        Candle { open_time: row, close_time: row, open: close, high, low, close, volume: 1.0 }
    }

    #[test]
    fn neighbours_merge_into_one_candle() {
        let candles: Candles = (0..5).map(|row| candle(row, row as f64 * 10.0)).collect();
        let drawn = merged(&candles, 0..5, 2);
        assert_eq!(drawn.open_time, [0, 2, 4]);
        assert_eq!(drawn.close_time, [1, 3, 4]);
        assert_eq!(drawn.open, [0.0, 20.0, 40.0]);
        assert_eq!(drawn.high, [11.0, 31.0, 41.0]);
        assert_eq!(drawn.low, [-1.0, 19.0, 39.0]);
        assert_eq!(drawn.close, [10.0, 30.0, 40.0]);
        assert_eq!(drawn.volume, [2.0, 2.0, 1.0]);
        assert!(merged(&candles, 3..3, 2).is_empty());
    }

    proptest! {
        #[test]
        fn thinning_keeps_extremes_order_and_size(
            values in prop::collection::vec(prop_oneof![9 => -1e6..1e6, 1 => Just(f64::NAN)], 0..3000),
            most in 10usize..400,
        ) {
            let times: Vec<i64> = (0..values.len() as i64).collect();
            let (x, y) = envelope(&times, &values, most);
            prop_assert!(x.len() <= (most / 2 + 1) * 3 && x.len() == y.len());
            prop_assert!(x.is_sorted());
            let extreme = |all: &[f64], of: fn(f64, f64) -> f64| all.iter().copied().fold(f64::NAN, of);
            prop_assert_eq!(extreme(&y, f64::max).to_bits(), extreme(&values, f64::max).to_bits());
            prop_assert_eq!(extreme(&y, f64::min).to_bits(), extreme(&values, f64::min).to_bits());

            let candles: Candles = (0..values.len() as i64).map(|row| candle(row, row as f64)).collect();
            let drawn = merged(&candles, 0..candles.len(), stride(candles.len(), most));
            prop_assert!(drawn.len() <= most);
            prop_assert_eq!(drawn.volume.iter().sum::<f64>(), candles.len() as f64);
        }
    }
}
