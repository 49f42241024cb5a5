//! L1: indicators, one file each, all streaming: constant work per candle, no allocation, `None` until warm.
//!
//! The column a backtest reads is this same code run over the candles ([`Stream::extend`] with all rows at
//! once); a live trader feeds it one row at a time. There is no second implementation to differ from.
//!
//! [`REGISTRY`] is what scripts and `mista series` see.

mod registry;
mod sma;
mod spec;

pub use registry::{Definition, Parameter, REGISTRY, definition};
pub use sma::Sma;
pub use spec::{Argument, ArgumentError, Given, Source, Spec};

use crate::model::{Candle, Candles};
use std::ops::Range;

/// Longest period an indicator takes (the limit TA-Lib has).
pub const PERIOD_MAX: usize = 100_000;

/// A streaming indicator: fed one input per candle, in order.
pub trait Indicator: Send {
    /// A value of the source (`f64`), of two sources (`(f64, f64)`), or the whole [`Candle`].
    type Input: Copy;
    /// One value (`f64`), or one per field (`[f64; N]`, NaN in a field that is not warm yet).
    type Output: Fields;

    /// Takes the next input and gives the value for it: `None` until the first field is warm.
    fn update(&mut self, input: Self::Input) -> Option<Self::Output>;
}

/// The values an indicator gives for one candle, in the order of [`Definition::fields`].
pub trait Fields: Copy {
    const COUNT: usize;
    fn field(&self, index: usize) -> f64;
}

impl Fields for f64 {
    const COUNT: usize = 1;
    fn field(&self, _: usize) -> f64 {
        *self
    }
}

impl<const N: usize> Fields for [f64; N] {
    const COUNT: usize = N;
    fn field(&self, index: usize) -> f64 {
        self[index]
    }
}

/// An indicator wired to its inputs, with its type erased: what a [`Definition`] builds.
pub trait Stream: Send {
    /// Takes the inputs of `rows` and appends one value per row to each column of `out`, NaN where a field
    /// is not warm. `sources` are the columns of the indicator's sources, in the order of its arguments.
    fn extend(&mut self, candles: &Candles, sources: &[&[f64]], rows: Range<usize>, out: &mut [Vec<f64>]);
}

/// Wires an indicator over one source. Rows in which the source is not warm (NaN) are not fed to it.
pub(crate) struct OnSource<I>(pub I);
/// Wires an indicator over two sources; fed once both are warm.
pub(crate) struct OnPair<I>(pub I);
/// Wires an indicator over whole candles.
pub(crate) struct OnCandle<I>(pub I);

fn append<F: Fields>(value: Option<F>, out: &mut [Vec<f64>]) {
    for (index, column) in out.iter_mut().enumerate() {
        column.push(value.as_ref().map_or(f64::NAN, |fields| fields.field(index)));
    }
}

impl<I: Indicator<Input = f64>> Stream for OnSource<I> {
    fn extend(&mut self, _: &Candles, sources: &[&[f64]], rows: Range<usize>, out: &mut [Vec<f64>]) {
        for &value in &sources[0][rows] {
            append(if value.is_nan() { None } else { self.0.update(value) }, out);
        }
    }
}

impl<I: Indicator<Input = (f64, f64)>> Stream for OnPair<I> {
    fn extend(&mut self, _: &Candles, sources: &[&[f64]], rows: Range<usize>, out: &mut [Vec<f64>]) {
        for (&a, &b) in sources[0][rows.clone()].iter().zip(&sources[1][rows]) {
            append(if a.is_nan() || b.is_nan() { None } else { self.0.update((a, b)) }, out);
        }
    }
}

impl<I: Indicator<Input = Candle>> Stream for OnCandle<I> {
    fn extend(&mut self, candles: &Candles, _: &[&[f64]], rows: Range<usize>, out: &mut [Vec<f64>]) {
        for row in rows {
            append(self.0.update(candles.get(row)), out);
        }
    }
}
