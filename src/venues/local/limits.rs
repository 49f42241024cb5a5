//! Rate limits: calendar windows per address and per account, what breaking them costs, and how they are shown.
//! Time comes in, in ms since 1970.

use super::refusal::Refusal;
use crate::venues::sim::exchange::AccountId;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::IpAddr;

/// A kind of limit, as `rateLimits` shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kind {
    name: &'static str,
    interval: &'static str,
    /// In units of the interval.
    count: u32,
    length_ms: i64,
    limit: u64,
}

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

const WEIGHT: Kind =
    Kind { name: "REQUEST_WEIGHT", interval: "MINUTE", count: 1, length_ms: MINUTE_MS, limit: 6000 };
const ORDERS: [Kind; 2] = [
    Kind { name: "ORDERS", interval: "SECOND", count: 10, length_ms: 10_000, limit: 100 },
    Kind { name: "ORDERS", interval: "DAY", count: 1, length_ms: DAY_MS, limit: 200_000 },
];
const RAW: Kind =
    Kind { name: "RAW_REQUESTS", interval: "MINUTE", count: 5, length_ms: 5 * MINUTE_MS, limit: 300_000 };
const CONNECTIONS: Kind =
    Kind { name: "CONNECTIONS", interval: "MINUTE", count: 5, length_ms: 5 * MINUTE_MS, limit: 300 };

/// Refused requests after which an address is banned.
const STRIKES: u32 = 10;
const BAN_MS: i64 = 2 * MINUTE_MS;
const BAN_MAX_MS: i64 = 3 * DAY_MS;
/// What a first fill gives back to the count of unfilled orders.
const TAKER_CREDIT: u64 = 1;
const MAKER_CREDIT: u64 = 5;
/// Addresses remembered at most.
const ADDRESSES: usize = 10_000;

/// Use within the window that `now` lies in.
#[derive(Debug, Clone, Copy, Default)]
struct Window {
    start: i64,
    used: u64,
}

impl Window {
    fn used(&mut self, kind: Kind, now: i64) -> &mut u64 {
        let start = now.div_euclid(kind.length_ms) * kind.length_ms;
        if start != self.start {
            *self = Window { start, used: 0 };
        }
        &mut self.used
    }
}

#[derive(Debug, Default)]
struct Address {
    weight: Window,
    raw: Window,
    connections: Window,
    strikes: u32,
    bans: u32,
    banned_until: i64,
}

/// All counters of the exchange.
#[derive(Debug)]
pub struct Limits {
    factor: f64,
    addresses: HashMap<IpAddr, Address>,
    orders: HashMap<AccountId, [Window; 2]>,
}

impl Limits {
    /// `factor` multiplies every limit.
    pub fn new(factor: f64) -> Self {
        Limits { factor, addresses: HashMap::new(), orders: HashMap::new() }
    }

    fn most(&self, kind: Kind) -> u64 {
        // A float becomes the nearest number that there is.
        ((kind.limit as f64 * self.factor) as u64).max(1)
    }

    fn address(&mut self, ip: IpAddr) -> &mut Address {
        if self.addresses.len() >= ADDRESSES && !self.addresses.contains_key(&ip) {
            self.addresses.clear();
        }
        self.addresses.entry(ip).or_default()
    }

    /// Counts a request of `weight`, or says why it may not be made.
    pub fn admit(&mut self, ip: IpAddr, weight: u64, now: i64) -> Result<(), Refusal> {
        let (most_weight, most_raw) = (self.most(WEIGHT), self.most(RAW));
        let address = self.address(ip);
        if now < address.banned_until {
            return Err(banned(address.banned_until));
        }
        let raw = address.raw.used(RAW, now);
        *raw += 1;
        let too_many = *raw > most_raw;
        let used = address.weight.used(WEIGHT, now);
        *used = used.saturating_add(weight);
        if !too_many && *used <= most_weight {
            address.strikes = 0;
            return Ok(());
        }
        address.strikes += 1;
        if address.strikes > STRIKES {
            let length = BAN_MS.saturating_mul(1 << address.bans.min(20)).min(BAN_MAX_MS);
            address.strikes = 0;
            address.bans += 1;
            address.banned_until = now + length;
            return Err(banned(address.banned_until));
        }
        let (kind, most, what) =
            if too_many { (RAW, most_raw, "raw requests") } else { (WEIGHT, most_weight, "request weight") };
        let text = format!(
            "Too much request weight used; current limit is {most} {what} per {} {}. Please use WebSocket Streams for live updates to avoid polling the API.",
            kind.count, kind.interval
        );
        Err(Refusal { retry_at: Some(window_end(kind, now)), ..Refusal::new(429, -1003, text) })
    }

    /// Bans an address from now on.
    pub fn ban(&mut self, ip: IpAddr, until: i64) -> Refusal {
        self.address(ip).banned_until = until;
        banned(until)
    }

    /// What a request cost that was thought to be free.
    pub fn charge(&mut self, ip: IpAddr, weight: u64, now: i64) {
        let used = self.address(ip).weight.used(WEIGHT, now);
        *used = used.saturating_add(weight);
    }

    /// Counts a connection. `false`: too many of them.
    pub fn connect(&mut self, ip: IpAddr, now: i64) -> bool {
        let most = self.most(CONNECTIONS);
        let used = self.address(ip).connections.used(CONNECTIONS, now);
        *used += 1;
        *used <= most
    }

    pub fn weight_used(&mut self, ip: IpAddr, now: i64) -> u64 {
        *self.address(ip).weight.used(WEIGHT, now)
    }

    /// Whether `count` more orders may be sent.
    pub fn order_room(&mut self, account: AccountId, count: u64, now: i64) -> Result<(), Refusal> {
        for (index, kind) in ORDERS.into_iter().enumerate() {
            let most = self.most(kind);
            let used = *self.order_window(account, index, now);
            if used + count > most {
                let text = format!(
                    "Too many new orders; current limit is {most} orders per {} {}.",
                    kind.count, kind.interval
                );
                return Err(Refusal {
                    retry_at: Some(window_end(kind, now)),
                    ..Refusal::new(429, -1015, text)
                });
            }
        }
        Ok(())
    }

    fn order_window(&mut self, account: AccountId, index: usize, now: i64) -> &mut u64 {
        let [second, day] = self.orders.entry(account).or_default();
        if index == 0 { second.used(ORDERS[0], now) } else { day.used(ORDERS[1], now) }
    }

    /// Counts orders that were taken.
    pub fn count_orders(&mut self, account: AccountId, count: u64, now: i64) {
        for index in 0..ORDERS.len() {
            *self.order_window(account, index, now) += count;
        }
    }

    /// Gives back what the first fill of an order is worth.
    pub fn credit_fill(&mut self, account: AccountId, is_maker: bool, now: i64) {
        let credit = if is_maker { MAKER_CREDIT } else { TAKER_CREDIT };
        for index in 0..ORDERS.len() {
            let used = self.order_window(account, index, now);
            *used = used.saturating_sub(credit);
        }
    }

    /// Unfilled orders of the last 10 s and of today.
    pub fn order_counts(&mut self, account: AccountId, now: i64) -> [u64; 2] {
        [0, 1].map(|index| *self.order_window(account, index, now))
    }

    /// `rateLimits` of exchangeInfo.
    pub fn shown(&self) -> Value {
        [WEIGHT, ORDERS[0], ORDERS[1], RAW].map(|kind| self.show(kind, None)).into_iter().collect()
    }

    /// `rateLimits` of a WebSocket API response: those that count for the request.
    pub fn shown_used(&mut self, ip: IpAddr, account: Option<AccountId>, now: i64) -> Value {
        let weight = self.weight_used(ip, now);
        let mut shown = vec![];
        if let Some(account) = account {
            let counts = self.order_counts(account, now);
            shown.extend(ORDERS.into_iter().zip(counts).map(|(kind, count)| self.show(kind, Some(count))));
        }
        shown.push(self.show(WEIGHT, Some(weight)));
        shown.into()
    }

    /// The answer to what the order limits of an account are.
    pub fn shown_orders(&mut self, account: AccountId, now: i64) -> Value {
        let counts = self.order_counts(account, now);
        ORDERS.into_iter().zip(counts).map(|(kind, count)| self.show(kind, Some(count))).collect()
    }

    fn show(&self, kind: Kind, used: Option<u64>) -> Value {
        let mut shown = json!({
            "rateLimitType": kind.name,
            "interval": kind.interval,
            "intervalNum": kind.count,
            "limit": self.most(kind),
        });
        if let Some(used) = used {
            shown["count"] = used.into();
        }
        shown
    }
}

fn window_end(kind: Kind, now: i64) -> i64 {
    (now.div_euclid(kind.length_ms) + 1) * kind.length_ms
}

fn banned(until: i64) -> Refusal {
    let text = format!(
        "Way too much request weight used; IP banned until {until}. Please use WebSocket Streams for live updates to avoid bans."
    );
    Refusal { retry_at: Some(until), ..Refusal::new(418, -1003, text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const IP: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    /// A full minute.
    const NOW: i64 = 1_700_000_040_000;

    #[test]
    fn weight_counts_by_the_calendar_minute() {
        let mut limits = Limits::new(1.0);
        for _ in 0..60 {
            assert_eq!(limits.admit(IP, 100, NOW + 59_999), Ok(()));
        }
        let refusal = limits.admit(IP, 1, NOW + 59_999).unwrap_err();
        assert_eq!((refusal.status, refusal.code, refusal.retry_at), (429, -1003, Some(NOW + 60_000)));
        assert_eq!(limits.admit(IP, 1, NOW + 60_000), Ok(()));
        assert_eq!(limits.weight_used(IP, NOW + 60_000), 1);
    }

    #[test]
    fn who_does_not_stop_is_banned_and_longer_each_time() {
        let mut limits = Limits::new(1.0);
        let refusals: Vec<u16> =
            (0..=STRIKES).map(|_| limits.admit(IP, 7000, NOW).unwrap_err().status).collect();
        assert_eq!(refusals.iter().filter(|status| **status == 429).count(), STRIKES as usize);
        assert_eq!(refusals.last(), Some(&418));
        let banned = limits.admit(IP, 1, NOW + BAN_MS - 1).unwrap_err();
        assert_eq!((banned.status, banned.retry_at), (418, Some(NOW + BAN_MS)));
        assert!(banned.message.contains(&format!("banned until {}", NOW + BAN_MS)));
        let later = NOW + BAN_MS;
        assert_eq!(limits.admit(IP, 1, later), Ok(()));
        for _ in 0..STRIKES {
            let _ = limits.admit(IP, 7000, later);
        }
        assert_eq!(limits.admit(IP, 7000, later).unwrap_err().retry_at, Some(later + 2 * BAN_MS));
    }

    #[test]
    fn orders_count_until_they_are_filled() {
        let mut limits = Limits::new(0.1);
        let account = AccountId(0);
        assert_eq!(limits.order_room(account, 10, NOW), Ok(()));
        limits.count_orders(account, 10, NOW);
        let refusal = limits.order_room(account, 1, NOW).unwrap_err();
        assert_eq!((refusal.status, refusal.code, refusal.retry_at), (429, -1015, Some(NOW + 10_000)));
        assert_eq!(refusal.message, "Too many new orders; current limit is 10 orders per 10 SECOND.");
        limits.credit_fill(account, false, NOW);
        limits.credit_fill(account, true, NOW);
        assert_eq!(limits.order_counts(account, NOW), [4, 4]);
        limits.credit_fill(account, true, NOW);
        assert_eq!(limits.order_counts(account, NOW), [0, 0]);
        limits.count_orders(account, 2, NOW);
        assert_eq!(limits.order_counts(account, NOW + 10_000), [0, 2]);
        assert_eq!(limits.order_counts(AccountId(1), NOW), [0, 0]);
    }
}
