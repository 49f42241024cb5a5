//! The greatest of the last n values in amortised constant time.
//!
//! Values come in blocks of n. A window covers the tail of the previous block and the head of the current one,
//! so its greatest value is the greater of a suffix maximum (computed once per block, in place, when the block is
//! complete) and a running prefix maximum: van Herk (1992), Gil and Werman (1993). Less branching than the usual
//! monotonic deque, and the same bound: 3 comparisons per value. Of many values at once, windows of 1, 2, 4 and so on
//! values are compared instead: log n comparisons per value, but several in one instruction.
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
    pub fn update_all(&mut self, values: &[f64], out: &mut [f64], sign: f64) {
        let n = self.slots.len();
        // The windows of the first values reach back to what came before; of few values it is all of them, or most.
        let first = if values.len() < 2 * n { values.len() } else { n - 1 };
        for (&value, slot) in values[..first].iter().zip(&mut *out) {
            if let Some(greatest) = self.update(sign * value) {
                *slot = sign * greatest + 0.0;
            }
        }
        if first == values.len() {
            return;
        }
        windows(values, n, &mut out[first..], sign);
        // As if a block ended here.
        for (slot, value) in self.slots.iter_mut().zip(&values[values.len() - n..]) {
            *slot = sign * value;
        }
        suffix_maxima(&mut self.slots, self.least);
        (self.next, self.prefix, self.warm) = (0, self.least, true);
    }
}

/// `sign` times the greatest of each `n` neighbours, times `sign`: of 1, 2, 4 and so on, and at last of two such
/// windows that together are `n` long. No step waits for the one before it, so that several are made at once.
#[inline(always)]
fn windows(values: &[f64], n: usize, out: &mut [f64], sign: f64) {
    let mut greatest: Vec<f64> = values.iter().map(|value| sign * value).collect();
    let mut wider = greatest.clone();
    let mut width = 1;
    while 2 * width <= n {
        let pairs = greatest.iter().zip(&greatest[width..]);
        for (slot, (&one, &other)) in wider.iter_mut().zip(pairs) {
            *slot = greater(one, other);
        }
        wider.truncate(greatest.len() - width);
        std::mem::swap(&mut greatest, &mut wider);
        width *= 2;
    }
    let pairs = greatest.iter().zip(&greatest[n - width..]);
    for (slot, (&one, &other)) in out.iter_mut().zip(pairs) {
        *slot = sign * greater(one, other) + 0.0;
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
