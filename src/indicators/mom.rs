//! Momentum; `change` is another name for it.
//!
//! Formula: x − x\[n\].
//! Unit: that of the source.
//! Source: TA-Lib `MOM`.
//! Cost: O(1).
//! Warm: row n.

use super::Indicator;
use super::window::Window;

#[derive(Debug, Clone)]
pub struct Mom {
    window: Window,
}

impl Mom {
    pub fn new(n: usize) -> Self {
        Mom { window: Window::new(n) }
    }
}

impl Indicator for Mom {
    type Input = f64;
    type Output = f64;

    #[inline]
    fn update(&mut self, value: f64) -> Option<f64> {
        let warm = self.window.is_full();
        let old = self.window.push(value);
        if warm { Some(value - old) } else { None }
    }
}
