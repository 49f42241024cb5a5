//! The greatest of the last n values in amortised constant time.
//!
//! Values come in blocks of n. A window covers the tail of the previous block and the head of the current one,
//! so its greatest value is the greater of a suffix maximum (computed once per block, in place, when the block is
//! complete) and a running prefix maximum: van Herk (1992), Gil and Werman (1993). Less branching than the usual
//! monotonic deque, and the same bound: 3 comparisons per value.
//!
//! For the least value, feed and read negated values.

/// Greatest of the last `n` values. `T` may be a pair `(value, position)`: of equal values the latest then wins.
#[derive(Debug, Clone)]
pub(super) struct Extreme<T> {
    /// Before `next`: values of the current block. From `next` on: suffix maxima of the previous one.
    slots: Vec<T>,
    next: usize,
    prefix: T,
    least: T,
    warm: bool,
}

/// What can be the greatest of a window.
pub(super) trait Ranked: Copy {
    fn is_above(self, other: Self) -> bool;
}

impl Ranked for f64 {
    #[inline(always)]
    fn is_above(self, other: Self) -> bool {
        self > other
    }
}

/// A value and its position.
impl Ranked for (f64, u64) {
    #[inline(always)]
    fn is_above(self, other: Self) -> bool {
        (self.0 > other.0) | ((self.0 == other.0) & (self.1 > other.1))
    }
}

#[inline(always)]
fn greater<T: Ranked>(a: T, b: T) -> T {
    if b.is_above(a) { b } else { a }
}

/// Turns the slots of a complete block into its suffix maxima.
#[inline(never)]
fn suffix_maxima<T: Ranked>(slots: &mut [T], least: T) {
    let mut suffix = least;
    for slot in slots.iter_mut().rev() {
        suffix = greater(suffix, *slot);
        *slot = suffix;
    }
}

impl<T: Ranked> Extreme<T> {
    /// `least` is a value below all others.
    pub fn new(n: usize, least: T) -> Self {
        Extreme { slots: vec![least; n.max(1)], next: 0, prefix: least, least, warm: false }
    }

    #[inline(always)]
    pub fn update(&mut self, value: T) -> Option<T> {
        self.prefix = greater(self.prefix, value);
        self.slots[self.next] = value;
        self.next += 1;
        let greatest = if self.next < self.slots.len() {
            greater(self.prefix, self.slots[self.next])
        } else {
            let whole = self.prefix;
            suffix_maxima(&mut self.slots, self.least);
            self.next = 0;
            self.prefix = self.least;
            self.warm = true;
            whole
        };
        if self.warm { Some(greatest) } else { None }
    }
}

impl Extreme<f64> {
    /// [`update`](Extreme::update) with `sign` times each of the values, and `sign` times what it gives.
    #[inline(always)]
    pub fn update_all(&mut self, mut values: &[f64], mut out: &mut [f64], sign: f64) {
        while !values.is_empty() {
            // As many as the block in hand takes without being complete, then the one that completes it.
            let count = values.len().min(self.slots.len() - 1 - self.next);
            let (now, later) = values.split_at(count);
            let (now_out, later_out) = std::mem::take(&mut out).split_at_mut(count);
            let ahead = &self.slots[self.next + 1..self.next + 1 + count];
            let mut prefix = self.prefix;
            for ((value, slot), ahead) in now.iter().zip(now_out).zip(ahead) {
                prefix = greater(prefix, sign * value);
                if self.warm {
                    *slot = sign * greater(prefix, *ahead);
                }
            }
            for (slot, value) in self.slots[self.next..self.next + count].iter_mut().zip(now) {
                *slot = sign * value;
            }
            (self.prefix, self.next) = (prefix, self.next + count);
            (values, out) = (later, later_out);
            if let ([value, later @ ..], [slot, later_out @ ..]) = (values, std::mem::take(&mut out)) {
                if let Some(greatest) = self.update(sign * value) {
                    *slot = sign * greatest;
                }
                (values, out) = (later, later_out);
            }
        }
    }
}

/// Highest and lowest of the last `n` candles.
#[derive(Debug, Clone)]
pub(super) struct Range {
    highest: Extreme<f64>,
    lowest: Extreme<f64>,
}

impl Range {
    pub fn new(n: usize) -> Self {
        Range { highest: Extreme::new(n, f64::NEG_INFINITY), lowest: Extreme::new(n, f64::NEG_INFINITY) }
    }

    /// Takes the next candle's extremes and gives `(highest, lowest)` of the window.
    #[inline(always)]
    pub fn update(&mut self, high: f64, low: f64) -> Option<(f64, f64)> {
        let highest = self.highest.update(high);
        let lowest = self.lowest.update(-low);
        Some((highest?, -lowest?))
    }
}
