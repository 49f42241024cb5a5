//! A running total that does not drift.
//!
//! A plain `f64` total that values enter and leave keeps the rounding of every step for ever, and of the largest
//! value it has held. This one keeps that rounding in a second number (Knuth's exact two-sum, 1969), so after
//! N steps the error is about N·2⁻¹⁰⁶ of the largest value it held: nothing after 10 million candles.
//!
//! The chain from one step to the next is a single addition, as in the plain total.

/// A sum held as `high + low`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Total {
    high: f64,
    low: f64,
}

/// `a + b` rounded, and what the rounding lost.
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_part = sum - a;
    (sum, (a - (sum - b_part)) + (b - b_part))
}

/// `factor · value` in two parts that add up to it exactly, for whole factors below 2²⁶ (Veltkamp's split).
#[inline(always)]
fn exact_product(factor: f64, value: f64) -> (f64, f64) {
    let scaled = 134_217_729.0 * value;
    let upper = scaled - (scaled - value);
    (factor * upper, factor * (value - upper))
}

impl Total {
    /// `factor · value`, of which nothing is lost, for whole factors below 2²⁶.
    pub fn of_product(factor: f64, value: f64) -> Self {
        let mut total = Total::default();
        total.add_product(factor, value);
        total
    }

    #[inline(always)]
    pub fn value(&self) -> f64 {
        self.high + self.low
    }

    #[inline(always)]
    pub fn add(&mut self, value: f64) {
        let (high, lost) = two_sum(self.high, value);
        self.high = high;
        self.low += lost;
    }

    /// Adds `factor · value` without rounding the product.
    #[inline(always)]
    pub fn add_product(&mut self, factor: f64, value: f64) {
        let (a, b) = exact_product(factor, value);
        self.add(a);
        self.add(b);
    }

    /// Takes all of another total away.
    #[inline(always)]
    pub fn subtract(&mut self, other: &Total) {
        self.add(-other.high);
        self.low -= other.low;
    }

    /// Adds `new` and takes `old` away.
    #[inline(always)]
    pub fn replace(&mut self, new: f64, old: f64) {
        let (change, lost_here) = two_sum(new, -old);
        let (high, lost_there) = two_sum(self.high, change);
        self.high = high;
        self.low += lost_here + lost_there;
    }

    /// [`replace`](Total::replace) where `new - old` is exact and not larger than the total: what the general form
    /// computes besides is zero, or the same in fewer steps (Dekker's sum).
    #[inline(always)]
    pub fn replace_near(&mut self, new: f64, old: f64) {
        let change = new - old;
        let high = self.high + change;
        self.low += change - (high - self.high);
        self.high = high;
    }

    /// Whether what was lost so far is at most a quarter of `value`.
    pub fn is_within(&self, value: f64) -> bool {
        self.low.abs() < value / 4.0
    }
}
