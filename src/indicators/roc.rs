//! Rate of change.
//!
//! Formula: 100·(x/x\[n\] − 1), 0 where x\[n\] is 0.
//! Unit: percent.
//! Source: TA-Lib `ROC`.
//! Cost: O(1).
//! Warm: row n.

use super::Indicator;
use super::window::Window;

#[derive(Debug, Clone)]
pub struct Roc {
    window: Window,
}

impl Roc {
    pub fn new(n: usize) -> Self {
        Roc { window: Window::new(n) }
    }
}

impl Indicator for Roc {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        let warm = self.window.is_full();
        let old = self.window.push(value);
        if !warm {
            return None;
        }
        Some(if old == 0.0 { 0.0 } else { (value / old - 1.0) * 100.0 })
    }
}
