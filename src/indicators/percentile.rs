//! Rolling percentile.
//!
//! Formula: the value at rank q/100·(n − 1) of the last n values in order, interpolated linearly between ranks.
//! Unit: that of the source.
//! Source: R. Hyndman and Y. Fan, type 7 (1996); `numpy.percentile`.
//! Cost: O(log n) comparisons, and moving up to n values in one block copy.
//! Warm: row n − 1.

use super::Indicator;
use super::window::Window;

#[derive(Debug, Clone)]
pub struct Percentile {
    window: Window,
    /// The window in order; as long as the window is full.
    sorted: Vec<f64>,
    rank: usize,
    share: f64,
}

impl Percentile {
    pub fn new(n: usize, q: f64) -> Self {
        let position = q / 100.0 * (n as f64 - 1.0);
        let rank = (position.floor() as usize).min(n.saturating_sub(1));
        Percentile {
            window: Window::new(n),
            sorted: Vec::with_capacity(n),
            rank,
            share: position - rank as f64,
        }
    }

    /// First place in order whose value is not below `value`.
    fn place(&self, value: f64) -> usize {
        self.sorted.partition_point(|other| other.total_cmp(&value).is_lt())
    }
}

impl Indicator for Percentile {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        let was_full = self.window.is_full();
        let old = self.window.push(value);
        let to = self.place(value);
        if was_full {
            // The old value's place is taken over, and what lies between it and the new one moves up or down by one.
            let from = self.place(old);
            if from < to {
                self.sorted.copy_within(from + 1..to, from);
                self.sorted[to - 1] = value;
            } else {
                self.sorted.copy_within(to..from, to + 1);
                self.sorted[to] = value;
            }
        } else {
            self.sorted.insert(to, value);
        }
        if !self.window.is_full() {
            return None;
        }
        let below = self.sorted[self.rank];
        let above = self.sorted.get(self.rank + 1).copied().unwrap_or(below);
        Some(below + self.share * (above - below))
    }
}
