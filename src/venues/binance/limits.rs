//! The budget in use: shared by all connections to one exchange from here, with the waiting that it asks for.

use super::budget::{Budget, Cost, Priority, Ticket, Used, banned_until_ms};
use super::clock::Clock;
use super::parse;
use super::wire::{LimitKind, RateLimit};
use reqwest::header::HeaderValue;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The exchange's limits and clock. Copies share both.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    budget: Arc<Mutex<Budget>>,
    clock: Clock,
}

/// A pause is never longer than this, whatever is said: the longest ban takes three days.
const PAUSE_MOST_MS: i64 = 7 * 86_400_000;

/// A reservation. It is settled even where its request is given up half-way.
#[derive(Debug)]
pub(super) struct Permit {
    limits: Limits,
    ticket: Option<Ticket>,
}

impl Limits {
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Takes over what the exchange tells.
    pub fn set(&self, limits: &[RateLimit]) {
        self.with(|budget| budget.set_limits(limits));
    }

    /// How much of a limit is used in the window that is running; `None` where there is no such limit.
    pub fn used(&self, kind: LimitKind, interval_ms: i64) -> Option<u64> {
        let now_ms = self.clock.now_ms();
        self.with(|budget| budget.used(now_ms, kind, interval_ms))
    }

    /// What is used of the limit on weight in the shortest window there is one for, and that limit.
    pub fn weight(&self) -> Option<(u64, u64)> {
        let now_ms = self.clock.now_ms();
        self.with(|budget| budget.weight(now_ms))
    }

    pub(super) fn with<T>(&self, f: impl FnOnce(&mut Budget) -> T) -> T {
        f(&mut self.budget.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for room; where that would take longer than `patience`, says how long it would (ms).
    pub(super) async fn admit(
        &self,
        cost: Cost,
        priority: Priority,
        patience: Duration,
    ) -> Result<Permit, i64> {
        let started = Instant::now();
        loop {
            let now_ms = self.clock.now_ms();
            let wait_ms = match self.with(|budget| budget.reserve(now_ms, cost, priority)) {
                Ok(ticket) => return Ok(Permit { limits: self.clone(), ticket: Some(ticket) }),
                Err(wait) => wait.until_ms.saturating_sub(now_ms).max(1),
            };
            let wait = Duration::from_millis(u64::try_from(wait_ms).unwrap_or(1));
            if wait > patience.saturating_sub(started.elapsed()) {
                return Err(wait_ms);
            }
            sleep(wait).await;
        }
    }

    /// Takes in what an answer says about limits that are exceeded.
    pub(super) fn heed(&self, status: u16, body: &[u8], retry_after_ms: Option<i64>) {
        if !matches!(status, 429 | 418) {
            return;
        }
        let now_ms = self.clock.now_ms();
        let error = parse::api_error(body);
        // Too many orders, by themselves or as half of a replacement: everything else may go on.
        let of_orders = error.as_ref().is_some_and(|error| matches!(error.code, -1015 | -2021 | -2022));
        // A time that is over by the clock here tells nothing.
        let said = || {
            let until_ms = banned_until_ms(&error.as_ref()?.message)?;
            Some(until_ms.saturating_sub(now_ms)).filter(|wait_ms| *wait_ms > 0)
        };
        let retry_after_ms = retry_after_ms.or_else(said).map(|wait_ms| wait_ms.min(PAUSE_MOST_MS));
        match status {
            429 if of_orders => self.with(|budget| budget.pause_orders(now_ms, retry_after_ms)),
            _ => {
                self.with(|budget| budget.pause(now_ms, retry_after_ms, status == 418));
                tracing::warn!(status, ?retry_after_ms, "the exchange asks for a pause");
            }
        }
    }
}

/// What a `Retry-After` header says, in ms.
pub(crate) fn retry_after_ms(header: Option<&HeaderValue>) -> Option<i64> {
    let seconds = header?.to_str().ok()?.trim().parse::<i64>().ok()?;
    Some(seconds.clamp(0, PAUSE_MOST_MS / 1000) * 1000)
}

impl Permit {
    pub fn settle(&mut self, used: &[Used]) {
        if let Some(ticket) = self.ticket.take() {
            let now_ms = self.limits.clock.now_ms();
            self.limits.with(|budget| budget.settle(now_ms, ticket, used));
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.settle(&[]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ORDER: Cost = Cost { weight: 1, orders: 1 };
    const READ: Cost = Cost { weight: 1, orders: 0 };

    fn waits(limits: &Limits, cost: Cost) -> Option<i64> {
        let now_ms = limits.clock.now_ms();
        let asked = limits.with(|budget| budget.reserve(now_ms, cost, Priority::Cancel));
        asked.err().map(|wait| wait.until_ms - now_ms)
    }

    #[test]
    fn too_many_orders_keep_only_orders_back() {
        for code in [-1015, -2021, -2022] {
            let limits = Limits::default();
            let body = format!(r#"{{"code":{code},"msg":"Order cancel-replace failed.","data":{{}}}}"#);
            limits.heed(429, body.as_bytes(), Some(5000));
            assert!(waits(&limits, ORDER).is_some_and(|wait_ms| wait_ms > 4000), "{code}");
            assert_eq!(waits(&limits, READ), None, "{code}");
        }
        let limits = Limits::default();
        limits.heed(429, br#"{"code":-1003,"msg":"Too much request weight used"}"#, Some(5000));
        assert!(waits(&limits, READ).is_some());
    }

    #[test]
    fn a_ban_lasts_as_long_as_its_header_or_else_its_text_says() {
        for (in_ms, retry_after_ms, expected_ms) in [
            (900_000, None, 900_000),
            (900_000, Some(5000), 5000),
            // Over already, or beyond any ban: what is usual, and the most.
            (-1, None, 120_000),
            (i64::MAX / 2, None, PAUSE_MOST_MS),
        ] {
            let limits = Limits::default();
            let until_ms = limits.clock.now_ms().saturating_add(in_ms);
            let body =
                format!(r#"{{"code":-1003,"msg":"Way too many requests; IP banned until {until_ms}."}}"#);
            limits.heed(418, body.as_bytes(), retry_after_ms);
            let wait_ms = waits(&limits, READ).unwrap_or(0);
            assert!((expected_ms - 2000..=expected_ms).contains(&wait_ms), "{wait_ms} of {expected_ms}");
        }
    }
}
