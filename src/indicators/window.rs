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

    /// Stores values one after the other, has `see` make something of each and of the one it displaces, and writes what
    /// `of` makes of that.
    #[inline(always)]
    fn push_all(
        &mut self,
        values: &[f64],
        out: &mut [f64],
        mut see: impl FnMut(f64, f64) -> f64,
        of: impl Fn(f64) -> f64,
    ) {
        debug_assert_eq!(values.len(), out.len());
        // So many at a time that what `of` does can be done to two at once, which is a division for many.
        const LANES: usize = 4;
        // The first displace what is here, the others what came with them.
        let n = self.slots.len();
        let (first, later) = values.split_at(n.min(values.len()));
        let (first_out, later_out) = out.split_at_mut(first.len());
        for (&value, out) in first.iter().zip(first_out) {
            *out = of(see(value, self.push(value)));
        }
        let (old, old_rest) = values[..later.len()].as_chunks::<LANES>();
        let (new, new_rest) = later.as_chunks::<LANES>();
        let (later_out, out_rest) = later_out.as_chunks_mut::<LANES>();
        for ((new, old), out) in new.iter().zip(old).zip(later_out) {
            let mut seen = [0.0; LANES];
            for ((seen, &new), &old) in seen.iter_mut().zip(new).zip(old) {
                *seen = see(new, old);
            }
            *out = seen.map(&of);
        }
        for ((&value, &old), out) in new_rest.iter().zip(old_rest).zip(out_rest) {
            *out = of(see(value, old));
        }
        if !later.is_empty() {
            self.slots.copy_from_slice(&values[later.len()..]);
            self.next = 0;
        }
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
#[derive(Debug, Clone, Copy)]
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
        self.is_flat()
    }

    /// Whether the last `n` are all equal.
    #[inline(always)]
    fn is_flat(&self) -> bool {
        self.run >= self.n
    }

    /// Whether among the values that come the last `n` may ever be equal: looks at so few neighbours that a run of `n`
    /// cannot pass between them.
    #[inline(always)]
    fn may_come(&self, values: &[f64]) -> bool {
        let (Some(&first), true) = (values.first(), self.n > 1) else { return true };
        let equal = |row: usize| row > 0 && values[row] == values[row - 1];
        let is_run = |row: usize| {
            let same = |value: &&f64| **value == values[row];
            let before = values[..row].iter().rev().take(self.n).take_while(same).count();
            before + values[row..].iter().take(self.n).take_while(same).count() >= self.n
        };
        first == self.last || (0..values.len()).step_by(self.n - 1).any(|row| equal(row) && is_run(row))
    }

    /// [`update`](FlatRun::update) with each of the values, of which the first is not equal to what came before.
    #[inline(always)]
    fn update_all(&mut self, values: &[f64]) {
        let Some(&last) = values.last() else { return };
        self.run = values.iter().rev().take_while(|&&value| value == last).count();
        self.last = last;
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
            self.total = Total::of_product(self.n, value);
        }
        if self.window.is_full() { Some(self.total.value()) } else { None }
    }

    /// Takes the next value and gives the mean: of equal values this value, which their sum divided may miss by a last
    /// digit.
    #[inline(always)]
    pub fn update_mean(&mut self, value: f64) -> Option<f64> {
        let sum = self.update(value)?;
        Some(if self.flat.is_flat() { value } else { sum / self.n })
    }

    /// [`update`](RollingSum::update) with each of the values: the same to the last bit.
    #[inline(always)]
    pub fn update_all(&mut self, values: &[f64], out: &mut [f64]) {
        self.update_quickly(values, out, Self::update, |sum| sum);
    }

    /// [`update_mean`](RollingSum::update_mean) with each of the values: the same to the last bit.
    #[inline(always)]
    pub fn update_mean_all(&mut self, values: &[f64], out: &mut [f64]) {
        let n = self.n;
        self.update_quickly(values, out, Self::update_mean, |sum| sum / n);
    }

    /// [`update_all`](RollingSum::update_all) where `values` are all from one power of 2 to the next, as prices mostly are, and
    /// so is the window; else nothing happens, and `false`.
    #[inline(always)]
    pub fn update_plain(&mut self, values: &[f64], out: &mut [f64]) -> bool {
        self.update_if_plain(values, out, |sum| sum)
    }

    /// [`update_mean_all`](RollingSum::update_mean_all) in the same case.
    #[inline(always)]
    pub fn update_mean_plain(&mut self, values: &[f64], out: &mut [f64]) -> bool {
        let n = self.n;
        self.update_if_plain(values, out, |sum| sum / n)
    }

    #[inline(always)]
    fn update_if_plain(&mut self, values: &[f64], out: &mut [f64], of: impl Fn(f64) -> f64) -> bool {
        let plain = self.window.is_full() && self.are_of_one_power(values) && !self.flat.may_come(values);
        if plain {
            self.update_by(Total::replace_near, values, out, of);
        }
        plain
    }

    /// `update` with each of the values; `of` makes of a sum over values that are not all equal what `update` makes of it.
    #[inline(always)]
    fn update_quickly(
        &mut self,
        values: &[f64],
        out: &mut [f64],
        update: impl Fn(&mut Self, f64) -> Option<f64>,
        of: impl Fn(f64) -> f64,
    ) {
        if !self.window.is_full() || self.flat.may_come(values) {
            for (slot, &value) in out.iter_mut().zip(values) {
                if let Some(value) = update(self, value) {
                    *slot = value;
                }
            }
        } else if self.are_near(values) {
            self.update_by(Total::replace_near, values, out, of);
        } else {
            self.update_by(Total::replace, values, out, of);
        }
    }

    #[inline(always)]
    fn update_by(
        &mut self,
        replace: impl Fn(&mut Total, f64, f64),
        values: &[f64],
        out: &mut [f64],
        of: impl Fn(f64) -> f64,
    ) {
        // In a local variable, so that it stays in registers.
        let mut total = self.total;
        let sum = |value, old| {
            replace(&mut total, value, old);
            total.value()
        };
        self.window.push_all(values, out, sum, of);
        self.flat.update_all(values);
        self.total = total;
    }

    /// The values of the window, if there are few enough of them beside `values` for a look to be worth it.
    fn looked_at(&self, values: &[f64]) -> Option<&[f64]> {
        Some(self.window.values()).filter(|slots| (2..=values.len()).contains(&slots.len()))
    }

    /// Whether all of the values and of the window, which is full, are from one power of 2 to the next: as
    /// [`are_near`](RollingSum::are_near), and faster to know.
    fn are_of_one_power(&self, values: &[f64]) -> bool {
        let Some(slots) = self.looked_at(values) else { return false };
        binade(values).is_some_and(|power| binade(slots) == Some(power) && self.total.is_within(power))
    }

    /// Whether each of the values and all of the window, which is full, are within a factor of 2 of each other, as prices
    /// are. Then their differences are exact (Sterbenz) and none is larger than the sum of two of them.
    fn are_near(&self, values: &[f64]) -> bool {
        let Some(slots) = self.looked_at(values) else { return false };
        let (least, most) = range(values);
        let (least_before, most_before) = range(slots);
        let (least, most) = (least.min(least_before), most.max(most_before));
        least > 0.0 && most <= 2.0 * least && self.total.is_within(least)
    }
}

/// The power of 2 from which to the next one all values are, if there is one: known from their bits, faster than
/// [`range`]. None of them is no number then.
fn binade(values: &[f64]) -> Option<f64> {
    const DIGITS: u32 = f64::MANTISSA_DIGITS - 1;
    let (mut all, mut any) = (u64::MAX, 0);
    for value in values {
        all &= value.to_bits();
        any |= value.to_bits();
    }
    let (all, any) = (all >> DIGITS, any >> DIGITS);
    // Sign and exponent: positive, neither 0 nor next to it, and finite.
    let is_plain = (1..0x7ff).contains(&any);
    (all == any && is_plain).then(|| f64::from_bits(any << DIGITS))
}

/// The least and the greatest of values, several at a time.
fn range(values: &[f64]) -> (f64, f64) {
    const LANES: usize = 8;
    let (mut least, mut most) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
    let mut see = |lane: usize, value: f64| {
        least[lane] = if value < least[lane] { value } else { least[lane] };
        most[lane] = if value > most[lane] { value } else { most[lane] };
    };
    let (lanes, rest) = values.as_chunks::<LANES>();
    lanes.iter().for_each(|values| (0..LANES).for_each(|lane| see(lane, values[lane])));
    rest.iter().for_each(|&value| see(0, value));
    (least.into_iter().fold(f64::INFINITY, f64::min), most.into_iter().fold(f64::NEG_INFINITY, f64::max))
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
            self.plain = Total::of_product(self.n, value);
            self.weighted = Total::default();
            self.weighted.add_product(self.n * (self.n + 1.0) / 2.0, value);
        }
        if !self.window.is_full() {
            return None;
        }
        Some(Weighted { plain: self.plain.value(), weighted: self.weighted.value(), flat })
    }
}
