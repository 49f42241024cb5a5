//! Every candle, packed, for when the reader has zoomed in so far that each can be drawn.
//!
//! A column becomes 16-bit steps of one size, in base64: 2.7 characters a value instead of some ten. Each step
//! starts from what the reader will have reached, so errors stay below half a step and do not add up.

use super::Page;
use super::charts::candles_per_drawn;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

/// Characters of packed data at most. Candles come first, then lines as long as they fit.
const BUDGET: usize = 1_100_000;
/// Marks a value that is none.
const NONE: i16 = i16::MIN;

#[derive(Serialize)]
pub struct Detail {
    /// Regular distance of open times, and where they do not keep to it: (row, open time).
    step: i64,
    starts: Vec<(usize, i64)>,
    rows: usize,
    /// Open, high, low, close of every row in turn.
    candles: Packed,
    /// Index of the trace that a line belongs to, and a value per row.
    lines: Vec<(usize, Packed)>,
}

#[derive(Serialize)]
struct Packed {
    first: f64,
    step: f64,
    data: String,
}

impl Detail {
    /// Whether so many candles may be carried.
    pub fn fits(rows: usize) -> bool {
        size(rows * 4) <= BUDGET
    }

    /// `None` where all candles are drawn anyway, or where there are too many or too irregular ones.
    /// `columns` are the lines to carry: index of their trace, and a value per row of the range.
    pub fn of(page: &Page, columns: &[(usize, &[f64])]) -> Option<Detail> {
        let range = page.outcome.range.clone();
        let times = page.candles.open_time.get(range.clone())?;
        let (rows, step) = (times.len(), times.get(1)? - times.first()?);
        let mut budget = BUDGET.checked_sub(size(rows * 4))?;
        if candles_per_drawn(page) == 1 {
            return None;
        }
        let mut starts = Vec::new();
        let mut expected = None;
        for (row, &time) in times.iter().enumerate() {
            if expected != Some(time) {
                starts.push((row, time));
            }
            expected = time.checked_add(step);
        }
        if starts.len() > rows / 20 {
            return None;
        }
        let prices: Vec<f64> = range
            .map(|row| page.candles.get(row))
            .flat_map(|candle| [candle.open, candle.high, candle.low, candle.close])
            .collect();
        let candles = Packed::of(&prices)?;
        let mut lines = Vec::new();
        for &(trace, values) in columns {
            let Some(rest) = budget.checked_sub(size(rows)) else { break };
            if values.len() == rows
                && let Some(packed) = Packed::of(values)
            {
                lines.push((trace, packed));
                budget = rest;
            }
        }
        Some(Detail { step, starts, rows, candles, lines })
    }
}

/// Characters of `values` packed values.
fn size(values: usize) -> usize {
    (values * 2).div_ceil(3) * 4
}

impl Packed {
    /// `None` for values without a finite one among them.
    fn of(values: &[f64]) -> Option<Packed> {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let first = finite().next()?;
        let widest = finite().zip(finite().skip(1)).map(|(a, b)| (b - a).abs()).fold(0.0, f64::max);
        // A little less than the range of 16 bits: a step starts from a rounded value.
        let step = if widest > 0.0 && widest.is_finite() { widest / 32_000.0 } else { 1.0 };
        let mut reached = first;
        let mut bytes = Vec::with_capacity(values.len() * 2);
        for &value in values {
            let steps = if value.is_finite() {
                let steps = ((value - reached) / step).round().clamp(-32_767.0, 32_767.0);
                reached += steps * step;
                steps as i16
            } else {
                NONE
            };
            bytes.extend(steps.to_le_bytes());
        }
        Some(Packed { first, step, data: STANDARD.encode(&bytes) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn base64_of_every_remainder() {
        // RFC 4648, section 10.
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(STANDARD.encode(bytes), text);
        }
    }

    /// What `page.js` does.
    fn unpacked(packed: &Packed) -> Vec<f64> {
        let digit = |c: u8| match c {
            b'A'..=b'Z' => u32::from(c - b'A'),
            b'a'..=b'z' => u32::from(c - b'a') + 26,
            b'0'..=b'9' => u32::from(c - b'0') + 52,
            b'+' => 62,
            b'/' => 63,
            _ => 0,
        };
        let mut bytes = Vec::new();
        for chunk in packed.data.as_bytes().chunks(4) {
            let bits = chunk.iter().fold(0, |bits, &c| bits << 6 | digit(c));
            bytes.extend(&bits.to_be_bytes()[1..]);
        }
        bytes.truncate(packed.data.trim_end_matches('=').len() * 3 / 4);
        let mut reached = packed.first;
        let steps = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
        let values = steps.map(|steps| {
            if steps == NONE {
                return f64::NAN;
            }
            reached += f64::from(steps) * packed.step;
            reached
        });
        values.collect()
    }

    proptest! {
        #[test]
        fn packed_values_come_back_within_a_step(
            values in prop::collection::vec(prop_oneof![9 => 1.0..1e5, 1 => Just(f64::NAN)], 1..300),
        ) {
            if let Some(packed) = Packed::of(&values) {
                let back = unpacked(&packed);
                prop_assert_eq!(back.len(), values.len());
                for (back, value) in back.iter().zip(&values) {
                    prop_assert_eq!(back.is_nan(), value.is_nan());
                    prop_assert!(value.is_nan() || (back - value).abs() <= packed.step, "{back} {value}");
                }
            }
        }
    }
}
