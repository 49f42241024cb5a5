//! Mean and variance of a window, and the covariance of two, without the cancellation of E\[x²\] − E\[x\]².
//!
//! Sums are of distances from an anchor near the window (West 1979; Chan, Golub and LeVeque 1983), and kept by
//! [`Total`], so they do not drift. The anchor moves to the mean of the window when the window has
//! wandered more than 300 deviations away from it; that costs one pass over the window, and does not come again
//! before the window has wandered as far again.

use super::total::Total;
use super::window::{FlatRun, Window};

/// Share of the squared distances from the anchor below which their spread has lost too many digits.
const WANDERED: f64 = 1e-5;

/// The mean of `values`, to the last digit also where they differ by little.
#[cold]
#[inline(never)]
fn mean(values: &[f64], near: f64) -> f64 {
    near + values.iter().map(|value| value - near).sum::<f64>() / values.len() as f64
}

/// One series: its window, the anchor, and the sums of distances and of their squares.
#[derive(Debug, Clone)]
struct Distances {
    window: Window,
    flat: FlatRun,
    anchor: f64,
    sum: Total,
    squares: Total,
    inverse: f64,
}

/// What enters and what leaves, as distances from the anchor.
struct Step {
    entering: f64,
    leaving: f64,
    flat: bool,
}

impl Distances {
    fn new(n: usize) -> Self {
        Distances {
            window: Window::new(n),
            flat: FlatRun::new(n),
            anchor: f64::NAN,
            sum: Total::default(),
            squares: Total::default(),
            inverse: 1.0 / n as f64,
        }
    }

    #[inline(always)]
    fn update(&mut self, value: f64) -> Step {
        if self.anchor.is_nan() {
            self.anchor = value;
        }
        let was_full = self.window.is_full();
        let old = self.window.push(value);
        let entering = value - self.anchor;
        let leaving = if was_full { old - self.anchor } else { 0.0 };
        self.sum.replace(entering, leaving);
        self.squares.replace(entering * entering, leaving * leaving);
        Step { entering, leaving, flat: self.flat.update(value) }
    }

    /// Mean distance from the anchor, mean square of the distances, and variance.
    #[inline(always)]
    fn spread(&self) -> (f64, f64, f64) {
        let mean = self.sum.value() * self.inverse;
        let square = self.squares.value() * self.inverse;
        (mean, square, square - mean * mean)
    }

    fn set_anchor(&mut self, anchor: f64) {
        self.anchor = anchor;
        (self.sum, self.squares) = sums_around(self.window.values(), anchor);
    }
}

/// The sums of distances from an anchor, and of their squares.
#[cold]
#[inline(never)]
fn sums_around(values: &[f64], anchor: f64) -> (Total, Total) {
    let (mut sum, mut squares) = (Total::default(), Total::default());
    for value in values {
        let distance = value - anchor;
        sum.add(distance);
        squares.add(distance * distance);
    }
    (sum, squares)
}

/// The sum of the products of distances from two anchors.
#[cold]
#[inline(never)]
fn products_around(a: &[f64], anchor_a: f64, b: &[f64], anchor_b: f64) -> Total {
    let mut products = Total::default();
    for (x, y) in a.iter().zip(b) {
        products.add((x - anchor_a) * (y - anchor_b));
    }
    products
}

/// Mean and population variance of the last `n` values; the variance of a window without movement is exactly 0.
#[derive(Debug, Clone)]
pub(super) struct Moments {
    distances: Distances,
}

impl Moments {
    pub fn new(n: usize) -> Self {
        Moments { distances: Distances::new(n) }
    }

    /// Takes the next value and gives `(mean, variance)`.
    #[inline(always)]
    pub fn update(&mut self, value: f64) -> Option<(f64, f64)> {
        let distances = &mut self.distances;
        let step = distances.update(value);
        if !distances.window.is_full() {
            return None;
        }
        if step.flat {
            if distances.anchor != value {
                distances.set_anchor(value);
            }
            return Some((value, 0.0));
        }
        let (mut offset, square, mut variance) = distances.spread();
        if variance < WANDERED * square {
            distances.set_anchor(mean(distances.window.values(), value));
            (offset, _, variance) = distances.spread();
        }
        Some((distances.anchor + offset, variance.max(0.0)))
    }
}

/// Correlation of the last `n` pairs; 0 where one of the two did not move.
#[derive(Debug, Clone)]
pub(super) struct PairMoments {
    a: Distances,
    b: Distances,
    products: Total,
}

impl PairMoments {
    pub fn new(n: usize) -> Self {
        PairMoments { a: Distances::new(n), b: Distances::new(n), products: Total::default() }
    }

    #[inline(always)]
    pub fn update(&mut self, a: f64, b: f64) -> Option<f64> {
        let step_a = self.a.update(a);
        let step_b = self.b.update(b);
        self.products.replace(step_a.entering * step_b.entering, step_a.leaving * step_b.leaving);
        if !self.a.window.is_full() {
            return None;
        }
        if step_a.flat || step_b.flat {
            return Some(0.0);
        }
        let (mut mean_a, square_a, mut variance_a) = self.a.spread();
        let (mut mean_b, square_b, mut variance_b) = self.b.spread();
        if variance_a < WANDERED * square_a || variance_b < WANDERED * square_b {
            self.set_anchors(a, b);
            (mean_a, _, variance_a) = self.a.spread();
            (mean_b, _, variance_b) = self.b.spread();
        }
        let scale = (variance_a.max(0.0) * variance_b.max(0.0)).sqrt();
        if scale == 0.0 {
            return Some(0.0);
        }
        let covariance = self.products.value() * self.a.inverse - mean_a * mean_b;
        Some((covariance / scale).clamp(-1.0, 1.0))
    }

    fn set_anchors(&mut self, a: f64, b: f64) {
        self.a.set_anchor(mean(self.a.window.values(), a));
        self.b.set_anchor(mean(self.b.window.values(), b));
        self.products =
            products_around(self.a.window.values(), self.a.anchor, self.b.window.values(), self.b.anchor);
    }
}
