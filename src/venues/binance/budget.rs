//! How much may still be asked of the exchange. Pure: the exchange's time comes in as a parameter, in ms.
//!
//! The exchange counts in calendar windows. A request reserves its cost before it is sent, so that many at once
//! never exceed a limit together; what the answer's headers say then replaces what was counted here, because
//! the address may be shared with other programs.

use super::wire::{LimitKind, RateLimit};
use std::collections::VecDeque;

/// What a request costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    pub weight: u64,
    /// Orders that it places.
    pub orders: u64,
}

/// Who may use up the limits how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// What can wait: history, prices, queries.
    Read,
    Order,
    /// What protects: cancels, and orders that close.
    Cancel,
}

impl Priority {
    /// Percent of a limit that it may use; the rest is for those above it.
    fn share(self) -> u64 {
        match self {
            Priority::Read => 80,
            Priority::Order => 95,
            Priority::Cancel => 100,
        }
    }
}

/// A reservation: to be handed back with what came of the request.
#[derive(Debug)]
#[must_use = "a reservation that is never settled is never free again"]
pub struct Ticket {
    cost: Cost,
    number: u64,
}

/// That there is no room yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// When there may be, in the exchange's time.
    pub until_ms: i64,
}

/// What an answer's headers say is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    pub kind: LimitKind,
    pub interval_ms: i64,
    pub count: u64,
}

#[derive(Debug)]
struct Window {
    limit: RateLimit,
    /// Number of the calendar window that `used` is of.
    index: i64,
    used: u64,
    /// Reserved by requests that are on their way.
    pending: u64,
    /// The latest request whose answer said how much is used.
    told_by: u64,
}

impl Window {
    fn new(limit: RateLimit) -> Window {
        Window { limit, index: i64::MIN, used: 0, pending: 0, told_by: 0 }
    }

    fn turn(&mut self, now_ms: i64) {
        let index = now_ms.div_euclid(self.limit.interval_ms);
        if index != self.index {
            self.index = index;
            self.used = 0;
        }
    }

    fn end_ms(&self) -> i64 {
        self.index.saturating_add(1).saturating_mul(self.limit.interval_ms)
    }

    fn cost(&self, cost: Cost) -> u64 {
        match self.limit.kind {
            LimitKind::Weight => cost.weight,
            LimitKind::Orders => cost.orders,
            LimitKind::RawRequests => 1,
        }
    }

    fn has_room(&self, cost: u64, priority: Priority) -> bool {
        let taken = self.used.saturating_add(self.pending);
        let most = (self.limit.limit.saturating_mul(priority.share()) / 100).max(1);
        // What alone exceeds the limit is for the exchange to judge.
        cost == 0 || taken == 0 || taken.saturating_add(cost) <= most
    }
}

/// The limits of an address and an account, and how much of them is used.
#[derive(Debug)]
pub struct Budget {
    windows: Vec<Window>,
    next: u64,
    /// No request at all before this.
    paused_until_ms: i64,
    /// No order before this.
    orders_paused_until_ms: i64,
}

impl Default for Budget {
    fn default() -> Self {
        Budget::new()
    }
}

impl Budget {
    /// With the limits that the exchange is known to have, until it tells them.
    pub fn new() -> Budget {
        let limit = |kind, interval_ms, limit| RateLimit { kind, interval_ms, limit, count: None };
        let mut budget =
            Budget { windows: Vec::new(), next: 1, paused_until_ms: 0, orders_paused_until_ms: 0 };
        budget.set_limits(&[
            limit(LimitKind::Weight, 60_000, 6000),
            limit(LimitKind::Orders, 10_000, 100),
            limit(LimitKind::Orders, 86_400_000, 200_000),
            limit(LimitKind::RawRequests, 300_000, 300_000),
        ]);
        budget
    }

    /// Takes over the limits that `exchangeInfo` tells; what was counted stays counted.
    pub fn set_limits(&mut self, limits: &[RateLimit]) {
        let mut old = std::mem::take(&mut self.windows);
        for limit in limits.iter().filter(|limit| limit.interval_ms > 0) {
            let same = |it: &Window| it.limit.kind == limit.kind && it.limit.interval_ms == limit.interval_ms;
            let mut window = match old.iter().position(same) {
                Some(index) => old.swap_remove(index),
                // What is on its way is settled against every window of its kind.
                None => {
                    let pending =
                        old.iter().find(|it| it.limit.kind == limit.kind).map_or(0, |it| it.pending);
                    Window { pending, ..Window::new(*limit) }
                }
            };
            window.limit = *limit;
            self.windows.push(window);
        }
    }

    /// Sets aside what a request costs, or says when to ask again.
    pub fn reserve(&mut self, now_ms: i64, cost: Cost, priority: Priority) -> Result<Ticket, Wait> {
        let mut until_ms = self.paused_until_ms;
        if cost.orders > 0 {
            until_ms = until_ms.max(self.orders_paused_until_ms);
        }
        for window in &mut self.windows {
            window.turn(now_ms);
            if !window.has_room(window.cost(cost), priority) {
                until_ms = until_ms.max(window.end_ms());
            }
        }
        if until_ms > now_ms {
            return Err(Wait { until_ms });
        }
        for window in &mut self.windows {
            window.pending += window.cost(cost);
        }
        let number = self.next;
        self.next += 1;
        Ok(Ticket { cost, number })
    }

    /// The request is over: `used` is what its answer's headers say, empty where no answer came.
    pub fn settle(&mut self, now_ms: i64, ticket: Ticket, used: &[Used]) {
        for window in &mut self.windows {
            window.turn(now_ms);
            let cost = window.cost(ticket.cost);
            window.pending = window.pending.saturating_sub(cost);
            let told = used
                .iter()
                .find(|it| it.kind == window.limit.kind && it.interval_ms == window.limit.interval_ms);
            match told {
                // Answers overtake each other; the latest request knows best.
                Some(told) if ticket.number > window.told_by => {
                    window.told_by = ticket.number;
                    window.used = told.count;
                }
                Some(told) => window.used = window.used.max(told.count),
                None => window.used = window.used.saturating_add(cost),
            }
        }
    }

    /// Too many requests, or a ban: nothing for a while. Without `retry_after_ms`, for as long as is usual.
    pub fn pause(&mut self, now_ms: i64, retry_after_ms: Option<i64>, banned: bool) {
        let usual = if banned { 120_000 } else { 60_000 - now_ms.rem_euclid(60_000) };
        let until_ms = now_ms.saturating_add(retry_after_ms.unwrap_or(usual).max(0));
        self.paused_until_ms = self.paused_until_ms.max(until_ms);
    }

    /// Too many orders: none for a while.
    pub fn pause_orders(&mut self, now_ms: i64, retry_after_ms: Option<i64>) {
        let usual = 10_000 - now_ms.rem_euclid(10_000);
        let until_ms = now_ms.saturating_add(retry_after_ms.unwrap_or(usual).max(0));
        self.orders_paused_until_ms = self.orders_paused_until_ms.max(until_ms);
    }

    /// Until when nothing may be sent.
    pub fn paused_until_ms(&self) -> i64 {
        self.paused_until_ms
    }

    /// What is counted of a limit in the window of `now_ms`, what is on its way included.
    pub fn used(&mut self, now_ms: i64, kind: LimitKind, interval_ms: i64) -> Option<u64> {
        let window = self
            .windows
            .iter_mut()
            .find(|it| it.limit.kind == kind && it.limit.interval_ms == interval_ms)?;
        window.turn(now_ms);
        Some(window.used.saturating_add(window.pending))
    }

    /// What is counted of the limit on weight in its shortest window, and that limit.
    pub fn weight(&mut self, now_ms: i64) -> Option<(u64, u64)> {
        let windows = self.windows.iter().filter(|it| it.limit.kind == LimitKind::Weight);
        let limit = windows.map(|it| it.limit).min_by_key(|limit| limit.interval_ms)?;
        Some((self.used(now_ms, limit.kind, limit.interval_ms)?, limit.limit))
    }
}

/// Reads a header such as `X-MBX-USED-WEIGHT-1M: 25`; `None` where it is another one.
pub fn used_in_header(name: &str, value: &str) -> Option<Used> {
    let name = name.to_ascii_lowercase();
    let (kind, interval) = match name.strip_prefix("x-mbx-used-weight-") {
        Some(interval) => (LimitKind::Weight, interval),
        None => (LimitKind::Orders, name.strip_prefix("x-mbx-order-count-")?),
    };
    let number = interval.strip_suffix(|c: char| c.is_ascii_alphabetic())?;
    let unit = match &interval[number.len()..] {
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let interval_ms = number.parse::<i64>().ok().filter(|it| *it > 0)?.checked_mul(unit)?;
    Some(Used { kind, interval_ms, count: value.trim().parse().ok()? })
}

/// When a ban ends by the text that tells it, such as `IP banned until 1573465222000.`, in ms.
pub fn banned_until_ms(message: &str) -> Option<i64> {
    let (_, rest) = message.split_once("banned until ")?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// At most so many connections in five minutes.
#[derive(Debug)]
pub struct ConnectBudget {
    most: usize,
    made_ms: VecDeque<i64>,
}

/// With a margin to the exchange's 300.
pub const CONNECTS: usize = 240;
const CONNECTS_MS: i64 = 300_000;

impl Default for ConnectBudget {
    fn default() -> Self {
        ConnectBudget::of(CONNECTS)
    }
}

impl ConnectBudget {
    pub fn of(most: usize) -> ConnectBudget {
        ConnectBudget { most, made_ms: VecDeque::new() }
    }

    /// Counts a connection that is about to be made, or says when to ask again.
    pub fn admit(&mut self, now_ms: i64) -> Result<(), Wait> {
        while self.made_ms.front().is_some_and(|made| now_ms.saturating_sub(*made) >= CONNECTS_MS) {
            self.made_ms.pop_front();
        }
        match self.made_ms.front() {
            Some(oldest) if self.made_ms.len() >= self.most => {
                Err(Wait { until_ms: oldest.saturating_add(CONNECTS_MS) })
            }
            _ => {
                self.made_ms.push_back(now_ms);
                Ok(())
            }
        }
    }
}
