//! Exponential moving average.
//!
//! Formula: ema = ema\[1\] + k·(x − ema\[1\]), k = 2/(n + 1); the first is the mean of the first n values.
//! Unit: that of the source.
//! Source: TA-Lib `EMA`.
//! Cost: O(1).
//! Warm: row n − 1.

use super::Indicator;

#[derive(Debug, Clone)]
pub struct Ema {
    n: usize,
    weight: f64,
    seen: usize,
    /// The average; while cold, the sum of the values so far.
    value: f64,
}

impl Ema {
    pub fn new(n: usize) -> Self {
        Ema { n, weight: 2.0 / (n as f64 + 1.0), seen: 0, value: 0.0 }
    }
}

impl Indicator for Ema {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        if self.n == 1 {
            return Some(value);
        }
        if self.seen >= self.n {
            // In this form a flat source gives a flat average, to the last digit, and MACD of it exactly 0.
            self.value += (value - self.value) * self.weight;
            return Some(self.value);
        }
        self.seen += 1;
        self.value += value;
        if self.seen < self.n {
            return None;
        }
        self.value /= self.n as f64;
        Some(self.value)
    }
}

/// `N` averages, each over the one before: what DEMA, TEMA and TRIX are made of. Warm when the last one is.
#[derive(Debug, Clone)]
pub(super) struct EmaChain<const N: usize>([Ema; N]);

impl<const N: usize> EmaChain<N> {
    pub fn new(n: usize) -> Self {
        EmaChain(std::array::from_fn(|_| Ema::new(n)))
    }

    #[inline]
    pub fn update(&mut self, value: f64) -> Option<[f64; N]> {
        let mut values = [value; N];
        let mut last = value;
        for (ema, value) in self.0.iter_mut().zip(&mut values) {
            last = ema.update(last)?;
            *value = last;
        }
        Some(values)
    }
}
