//! The exchange's time, by this machine's clock and the difference between the two.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// Tells the exchange's time. Copies share the difference. It goes on by the monotonic clock, so that nothing
/// moves when somebody sets this machine's clock.
#[derive(Debug, Clone)]
pub struct Clock {
    start: Instant,
    start_ms: i64,
    offset_ms: Arc<AtomicI64>,
    learnt: Arc<AtomicBool>,
}

/// An answer that took longer says little of the time in it.
const SLOW_MS: i64 = 1000;

impl Default for Clock {
    fn default() -> Self {
        Clock::new()
    }
}

impl Clock {
    /// Agrees with this machine's clock until it is set.
    pub fn new() -> Clock {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let start_ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        Clock { start: Instant::now(), start_ms, offset_ms: Arc::default(), learnt: Arc::default() }
    }

    /// This machine's time as it would be without being set since the start, in UTC milliseconds.
    pub fn local_ms(&self) -> i64 {
        self.start_ms.saturating_add(i64::try_from(self.start.elapsed().as_millis()).unwrap_or(i64::MAX))
    }

    /// The exchange's time, in UTC milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.local_ms().saturating_add(self.offset_ms())
    }

    /// How far the exchange's clock is ahead of this machine's.
    pub fn offset_ms(&self) -> i64 {
        self.offset_ms.load(Ordering::Relaxed)
    }

    /// Learns from an answer: the exchange's time in it was that of the middle between asking and answer. One that
    /// took over a second is ignored, as long as what is known may be true by it.
    pub fn learn(&self, asked_ms: i64, answered_ms: i64, server_ms: i64) {
        let slow = answered_ms.saturating_sub(asked_ms) > SLOW_MS;
        let possible = server_ms.saturating_sub(answered_ms)..=server_ms.saturating_sub(asked_ms);
        if self.learnt.swap(true, Ordering::Relaxed) && slow && possible.contains(&self.offset_ms()) {
            return;
        }
        let middle = asked_ms + (answered_ms - asked_ms) / 2;
        self.offset_ms.store(server_ms.saturating_sub(middle), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_answer_says_less_than_what_is_known_unless_it_disproves_it() {
        let clock = Clock::new();
        let learn = |took_ms: i64, server_ms: i64| {
            clock.learn(10_000, 10_000 + took_ms, server_ms);
            clock.offset_ms()
        };
        // Better than nothing.
        assert_eq!(learn(2000, 16_000), 5000);
        assert_eq!(learn(100, 15_070), 5020);
        // It spent nearly all its time on the way back: that is no news.
        assert_eq!(learn(2000, 15_030), 5020);
        // Nothing on the way explains this one.
        assert_eq!(learn(2000, 21_000), 10_000);
        assert_eq!(learn(1000, 21_000), 10_500);
    }
}
