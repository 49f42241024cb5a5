//! L1: indicators, one file each, all streaming: constant work per candle, no allocation for it, `None` until warm.
//!
//! The column a backtest reads is this same code run over the candles ([`Stream::write`] with all rows at
//! once); a live trader feeds it one row at a time.
//!
//! [`REGISTRY`] is what scripts and `mista series` see. Values equal those of TA-Lib where it has the function;
//! `tests/talib/compare.py` measures it and `docs/indicators.md` has the figures.
//!
//! Four internal modules carry the arithmetic that many share: `total` (a sum that does not drift), `window` (the last
//! n values and sums over them), `moments` (mean, variance, correlation), `extreme` (highest and lowest).
//!
//! Two have a form of their own for many rows at once ([`Indicator::update_all`], [`Indicator::update_plain`]), as every
//! strategy uses them: sums leave out steps whose result they know, and extremes, which are exact, are found in another
//! order. A test compares the bits. Other batch forms are absent on purpose: they would be a second implementation to differ from.

mod ad;
mod adosc;
mod adx;
mod aroon;
mod atr;
mod bollinger;
mod cci;
mod cmf;
mod correlation;
mod dema;
mod donchian;
mod ema;
mod extreme;
mod heikin_ashi;
mod highest;
mod hma;
mod ichimoku;
mod kama;
mod keltner;
mod linreg;
mod lowest;
mod macd;
mod mfi;
mod mom;
mod moments;
mod natr;
mod obv;
mod percentile;
mod ppo;
mod psar;
mod registry;
mod rma;
mod roc;
mod rsi;
mod sma;
mod spec;
mod stddev;
mod stoch;
mod stoch_rsi;
mod sum;
mod supertrend;
mod tema;
#[cfg(test)]
mod tests;
mod total;
mod trima;
mod trix;
mod true_range;
mod ultosc;
mod variance;
mod vwap;
mod willr;
mod window;
mod wma;
mod zscore;

pub use ad::Ad;
pub use adosc::Adosc;
pub use adx::Adx;
pub use aroon::Aroon;
pub use atr::Atr;
pub use bollinger::Bollinger;
pub use cci::Cci;
pub use cmf::Cmf;
pub use correlation::Correlation;
pub use dema::Dema;
pub use donchian::Donchian;
pub use ema::Ema;
pub use heikin_ashi::HeikinAshi;
pub use highest::Highest;
pub use hma::Hma;
pub use ichimoku::Ichimoku;
pub use kama::Kama;
pub use keltner::Keltner;
pub use linreg::{Linreg, LinregSlope};
pub use lowest::Lowest;
pub use macd::Macd;
pub use mfi::Mfi;
pub use mom::Mom;
pub use natr::Natr;
pub use obv::Obv;
pub use percentile::Percentile;
pub use ppo::Ppo;
pub use psar::Psar;
pub use registry::{Definition, Parameter, REGISTRY, definition};
pub use rma::Rma;
pub use roc::Roc;
pub use rsi::Rsi;
pub use sma::Sma;
pub use spec::{Argument, ArgumentError, Given, Source, Spec};
pub use stddev::Stddev;
pub use stoch::Stoch;
pub use stoch_rsi::StochRsi;
pub use sum::Sum;
pub use supertrend::Supertrend;
pub use tema::Tema;
pub use trima::Trima;
pub use trix::Trix;
pub use true_range::TrueRange;
pub use ultosc::Ultosc;
pub use variance::Variance;
pub use vwap::Vwap;
pub use willr::Willr;
pub use wma::Wma;
pub use zscore::Zscore;

use crate::model::{Candle, Candles};
use std::ops::Range;

/// Longest period an indicator takes (the limit TA-Lib has).
pub const PERIOD_MAX: usize = 100_000;

/// Most output fields an indicator may have.
const FIELDS_MAX: usize = 8;

/// A streaming indicator: fed one input per candle, in order.
pub trait Indicator: Send {
    /// A value of the source (`f64`), of two sources (`(f64, f64)`), or the whole [`Candle`].
    type Input: Copy;
    /// One value (`f64`), or one per field (`[f64; N]`, NaN in a field that is not warm yet).
    type Output: Fields;

    /// Takes the next input and gives the value for it: `None` until the first field is warm.
    fn update(&mut self, input: Self::Input) -> Option<Self::Output>;

    /// Takes several inputs and writes the first field of each value; a slot without one stays as it is. The values
    /// are those of [`update`](Indicator::update), to the last bit: an override leaves out what it knows already.
    #[inline(always)]
    fn update_all(&mut self, inputs: &[Self::Input], values: &mut [f64]) {
        for (slot, &input) in values.iter_mut().zip(inputs) {
            if let Some(value) = self.update(input) {
                *slot = value.field(0);
            }
        }
    }

    /// The same where a look at the inputs tells that they are as plain as prices mostly are: numbers, and of one size. Then
    /// all slots are written; else `false`, and nothing happened.
    #[inline(always)]
    fn update_plain(&mut self, _inputs: &[Self::Input], _values: &mut [f64]) -> bool {
        false
    }
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
    /// Takes the inputs of `rows` and writes the value of each into the columns of `out`, which have a place for each
    /// row: NaN where a field is not warm. `sources` are the columns of the indicator's sources, in the order of its
    /// arguments.
    fn write(&mut self, candles: &Candles, sources: &[&[f64]], rows: Range<usize>, out: &mut [&mut [f64]]);
}

/// Wires an indicator over one source. Rows in which the source is not warm (NaN) are not fed to it.
pub(crate) struct OnSource<I>(Seat<I>);
/// Wires an indicator over two sources; fed once both are warm.
pub(crate) struct OnPair<I>(Seat<I>);
/// Wires an indicator over whole candles.
pub(crate) struct OnCandle<I>(Seat<I>);

impl<I> OnSource<I> {
    pub(crate) fn new(indicator: I) -> Self {
        OnSource(Seat(Some(indicator)))
    }
}

impl<I> OnPair<I> {
    pub(crate) fn new(indicator: I) -> Self {
        OnPair(Seat(Some(indicator)))
    }
}

impl<I> OnCandle<I> {
    pub(crate) fn new(indicator: I) -> Self {
        OnCandle(Seat(Some(indicator)))
    }
}

/// Where an indicator waits between two calls. While it works it is a local variable, so that the compiler can keep
/// its state in registers: twice as fast over a long column.
struct Seat<I>(Option<I>);

/// Rows in a piece of a column that stays in the cache between being cleared and being filled.
const PIECE: usize = 1024;

impl<I: Indicator<Input = f64>> Seat<I> {
    /// As [`Seat::run`], over one source and for one field.
    fn run_source(&mut self, inputs: &[f64], out: &mut [f64]) {
        let Some(mut indicator) = self.0.take() else { return };
        for (inputs, values) in inputs.chunks(PIECE).zip(out.chunks_mut(PIECE)) {
            if indicator.update_plain(inputs, values) {
                continue;
            }
            values.fill(f64::NAN);
            if !inputs.iter().fold(false, |any, value| any | value.is_nan()) {
                indicator.update_all(inputs, values);
                continue;
            }
            for (slot, &input) in values.iter_mut().zip(inputs) {
                if !input.is_nan()
                    && let Some(value) = indicator.update(input)
                {
                    *slot = value.field(0);
                }
            }
        }
        self.0 = Some(indicator);
    }
}

impl<I: Indicator> Seat<I> {
    /// Feeds the inputs and writes a row of values for each, NaN where a field or the whole input is not there.
    fn run(&mut self, mut inputs: impl ExactSizeIterator<Item = Option<I::Input>>, out: &mut [&mut [f64]]) {
        let Some(mut indicator) = self.0.take() else { return };
        let mut from = 0;
        while inputs.len() > 0 {
            let rows = inputs.len().min(PIECE);
            let mut columns: [&mut [f64]; FIELDS_MAX] = std::array::from_fn(|_| &mut [][..]);
            for (column, out) in columns.iter_mut().zip(out.iter_mut()) {
                *column = &mut out[from..from + rows];
                column.fill(f64::NAN);
            }
            from += rows;
            // Plain loops: behind the closures of an iterator chain the indicator would live in memory again.
            if I::Output::COUNT == 1 {
                let [column, ..] = columns;
                for (slot, input) in column.iter_mut().zip(inputs.by_ref()) {
                    let Some(input) = input else { continue };
                    if let Some(value) = indicator.update(input) {
                        *slot = value.field(0);
                    }
                }
            } else {
                for (row, input) in inputs.by_ref().take(rows).enumerate() {
                    let Some(input) = input else { continue };
                    let Some(fields) = indicator.update(input) else { continue };
                    for (index, column) in columns.iter_mut().enumerate().take(I::Output::COUNT) {
                        column[row] = fields.field(index);
                    }
                }
            }
        }
        self.0 = Some(indicator);
    }
}

impl<I: Indicator<Input = f64>> Stream for OnSource<I> {
    fn write(&mut self, _: &Candles, sources: &[&[f64]], rows: Range<usize>, out: &mut [&mut [f64]]) {
        let inputs = &sources[0][rows];
        if let [out] = out {
            return self.0.run_source(inputs, out);
        }
        let warm = |&value: &f64| if value.is_nan() { None } else { Some(value) };
        self.0.run(inputs.iter().map(warm), out);
    }
}

impl<I: Indicator<Input = (f64, f64)>> Stream for OnPair<I> {
    fn write(&mut self, _: &Candles, sources: &[&[f64]], rows: Range<usize>, out: &mut [&mut [f64]]) {
        let warm = |(&a, &b): (&f64, &f64)| if a.is_nan() || b.is_nan() { None } else { Some((a, b)) };
        self.0.run(sources[0][rows.clone()].iter().zip(&sources[1][rows]).map(warm), out);
    }
}

impl<I: Indicator<Input = Candle>> Stream for OnCandle<I> {
    fn write(&mut self, candles: &Candles, _: &[&[f64]], rows: Range<usize>, out: &mut [&mut [f64]]) {
        // Each column cut to the rows once, so that no access to it has to be checked.
        let (open_time, close_time) = (&candles.open_time[rows.clone()], &candles.close_time[rows.clone()]);
        let (open, high) = (&candles.open[rows.clone()], &candles.high[rows.clone()]);
        let (low, close) = (&candles.low[rows.clone()], &candles.close[rows.clone()]);
        let volume = &candles.volume[rows.clone()];
        let candle = |row: usize| Candle {
            open_time: open_time[row],
            close_time: close_time[row],
            open: open[row],
            high: high[row],
            low: low[row],
            close: close[row],
            volume: volume[row],
        };
        self.0.run((0..rows.len()).map(|row| Some(candle(row))), out);
    }
}
