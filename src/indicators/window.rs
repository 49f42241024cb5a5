//! The last n values, and sums over them: the base of everything that averages a window.
//!
//! All are allocated once, at construction.

use super::total::Total;

/// The last `n` values in a ring. Before `n` values have come, the missing ones are zeros.
#[derive(Debug, Clone)]
pub(super) struct Window {
    slots: Vec<f64>,
    next: usize,
    full: bool,
}

impl Window {
    pub fn new(n: usize) -> Self {
        Window { slots: vec![0.0; n.max(1)], next: 0, full: false }
    }

    /// Stores a value and returns the one it displaces: that of `n` values ago, zero while there is none.
    #[inline(always)]
    pub fn push(&mut self, value: f64) -> f64 {
        let slot = &mut self.slots[self.next];
        let old = *slot;
        *slot = value;
        self.next += 1;
        if self.next == self.slots.len() {
            self.next = 0;
            self.full = true;
        }
        old
    }

    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// The values, in no particular order (all of them once full).
    pub fn values(&self) -> &[f64] {
        &self.slots
    }
}

/// Counts how many of the latest values are equal, to know a window without movement for certain: sums over it
/// tell only up to rounding.
#[derive(Debug, Clone)]
pub(super) struct FlatRun {
    n: usize,
    last: f64,
    run: usize,
}

impl FlatRun {
    pub fn new(n: usize) -> Self {
        FlatRun { n, last: f64::NAN, run: 0 }
    }

    /// Takes the next value: are the last `n` all equal?
    #[inline(always)]
    pub fn update(&mut self, value: f64) -> bool {
        self.run = if value == self.last { self.run + 1 } else { 1 };
        self.last = value;
        self.run >= self.n
    }
}

/// Sum of the last `n` values, without drift; exact where they are all equal.
#[derive(Debug, Clone)]
pub(super) struct RollingSum {
    window: Window,
    total: Total,
    flat: FlatRun,
    n: f64,
}

impl RollingSum {
    pub fn new(n: usize) -> Self {
        RollingSum { window: Window::new(n), total: Total::default(), flat: FlatRun::new(n), n: n as f64 }
    }

    #[inline(always)]
    pub fn update(&mut self, value: f64) -> Option<f64> {
        let old = self.window.push(value);
        self.total.replace(value, old);
        if self.flat.update(value) {
            self.total = Total::of(self.n * value);
        }
        if self.window.is_full() { Some(self.total.value()) } else { None }
    }
}

/// Plain and linearly weighted sums of the last `n` values, without drift.
#[derive(Debug, Clone)]
pub(super) struct WeightedSum {
    window: Window,
    plain: Total,
    weighted: Total,
    flat: FlatRun,
    n: f64,
    seen: f64,
}

/// What [`WeightedSum`] gives for a full window.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weighted {
    /// Σ x.
    pub plain: f64,
    /// Σ w·x with w from 1 for the oldest to n for the newest.
    pub weighted: f64,
    /// All values of the window are equal.
    pub flat: bool,
}

impl WeightedSum {
    pub fn new(n: usize) -> Self {
        WeightedSum {
            window: Window::new(n),
            plain: Total::default(),
            weighted: Total::default(),
            flat: FlatRun::new(n),
            n: n as f64,
            seen: 0.0,
        }
    }

    #[inline(always)]
    pub fn update(&mut self, value: f64) -> Option<Weighted> {
        // One step ages every value by one weight, the newest enters with the full one.
        if self.seen < self.n {
            self.seen += 1.0;
        } else {
            self.weighted.subtract(&self.plain);
        }
        self.weighted.add_product(self.seen, value);
        let old = self.window.push(value);
        self.plain.replace(value, old);
        let flat = self.flat.update(value);
        if flat {
            self.plain = Total::of(self.n * value);
            self.weighted = Total::default();
            self.weighted.add_product(self.n * (self.n + 1.0) / 2.0, value);
        }
        if !self.window.is_full() {
            return None;
        }
        Some(Weighted { plain: self.plain.value(), weighted: self.weighted.value(), flat })
    }
}
