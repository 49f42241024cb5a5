//! Less to draw than was computed: a screen has some two thousand columns, a run may have millions of candles.

use crate::engine::Column;
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

/// Times and values of a line.
pub type Points = (Vec<i64>, Vec<f64>);

/// The lowest and the highest point of every bucket, in order of time, and a NaN where a bucket has one, so
/// that a line breaks where its values do. All points when there are no more than `most`.
pub fn envelope(times: &[i64], values: &[f64], most: usize) -> Points {
    let rows = times.len().min(values.len());
    if rows <= most {
        return (times[..rows].to_vec(), values[..rows].to_vec());
    }
    let mut points = Points::default();
    thin(&times[..rows], &values[..rows], stride(rows, most / 2), &mut points);
    points
}

/// Rows that are thinned at once, about.
const PIECE: usize = 4096;

/// [`envelope`] of the rows in `range` of the first of these columns, and of those after it that the same indicator
/// gives. Values that nobody keeps are not kept here either. `times` are those of all rows.
pub fn envelopes(times: &[i64], columns: &[&Column], range: Range<usize>, most: usize) -> Vec<Points> {
    let Some(first) = columns.first() else { return Vec::new() };
    let times = times.get(range.clone()).unwrap_or_default();
    let stream = if times.len() > most { first.stream() } else { None };
    let Some(mut stream) = stream else {
        return vec![envelope(times, first.values().get(range).unwrap_or_default(), most)];
    };
    let fields: Vec<usize> = columns.iter().map_while(|column| stream.field(column)).collect();
    let mut lines = vec![Points::default(); fields.len()];
    let stride = stride(times.len(), most / 2);
    // Whole buckets.
    let piece = stride * (PIECE / stride).max(1);
    let mut room = vec![vec![0.0; piece]; stream.fields()];
    let mut row = 0;
    while row < range.end {
        let end = if row < range.start { range.start } else { range.end }.min(row + piece);
        let mut out: Vec<&mut [f64]> = room.iter_mut().map(|values| &mut values[..end - row]).collect();
        stream.write(&mut out);
        if row >= range.start {
            let times = &times[row - range.start..end - range.start];
            for (line, &field) in lines.iter_mut().zip(&fields) {
                thin(times, &room[field][..end - row], stride, line);
            }
        }
        row = end;
    }
    lines
}

/// Adds what is drawn of these rows, the first of which begins a bucket.
fn thin(times: &[i64], values: &[f64], stride: usize, out: &mut Points) {
    for (times, values) in times.chunks(stride).zip(values.chunks(stride)) {
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::ColumnCache;
    use crate::indicators::{Given, Source, Spec, definition};
    use crate::model::{Candle, Price};
    use proptest::prelude::*;
    use std::sync::Arc;

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

    #[test]
    fn what_is_not_kept_is_drawn_the_same() {
        let candles: Arc<Candles> =
            Arc::new((0..20_000).map(|row| candle(row, 100.0 + (row as f64 / 37.0).sin())).collect());
        let spec =
            |name: &str, given: Vec<Given>| Arc::new(Spec::new(definition(name).unwrap(), given).unwrap());
        let close = Given::Source(Source::Price(Price::Close));
        let bands = spec("bollinger", vec![close.clone(), Given::Integer(20), Given::Real(2.0)]);
        let average = spec("sma", vec![close, Given::Integer(300)]);
        for range in [0..20_000, 777..19_001, 100..2_000] {
            let drawn = |cache: ColumnCache| {
                let columns: Vec<Column> =
                    [&bands, &average].into_iter().flat_map(|spec| cache.columns(spec)).collect();
                let mut rest: Vec<&Column> = columns.iter().collect();
                let mut lines = Vec::new();
                while !rest.is_empty() {
                    let these = envelopes(&candles.open_time, &rest, range.clone(), 3000);
                    rest.drain(..these.len());
                    lines.extend(these);
                }
                let kept = columns.iter().filter(|column| column.known().is_some()).count();
                (lines.iter().map(|(x, y)| format!("{x:?} {y:?}")).collect::<Vec<_>>(), kept)
            };
            let (whole, all) = drawn(ColumnCache::new(candles.clone()));
            let (passing, kept) = drawn(ColumnCache::for_one_run(candles.clone()));
            assert_eq!((whole.len(), all), (6, 6));
            assert_eq!(kept, if range.len() > 3000 { 0 } else { 6 });
            assert!(whole == passing, "{range:?}");
        }
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
