//! The budget in use: shared by all connections to one exchange from here, with the waiting that it asks for.

use super::budget::{Budget, Cost, Priority, Ticket, Used};
use super::clock::Clock;
use super::wire::{LimitKind, RateLimit};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The exchange's limits and clock. Copies share both.
#[derive(Debug, Clone, Default)]
pub struct Limits {
    budget: Arc<Mutex<Budget>>,
    clock: Clock,
}

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
    pub(super) fn heed(&self, status: u16, code: Option<i64>, retry_after_ms: Option<i64>) {
        let now_ms = self.clock.now_ms();
        match status {
            429 if code == Some(-1015) => self.with(|budget| budget.pause_orders(now_ms, retry_after_ms)),
            429 | 418 => {
                self.with(|budget| budget.pause(now_ms, retry_after_ms, status == 418));
                tracing::warn!(status, ?retry_after_ms, "the exchange asks for a pause");
            }
            _ => {}
        }
    }
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
