//! Faults by a seed: what goes wrong is decided by counting requests and frames, never by time, so that the same
//! seed gives the same faults.

/// What can go wrong by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 503 with a body that is no JSON, nothing done.
    ServerError,
    /// 429, nothing done.
    Limited,
    /// The answer comes late.
    Delay,
    /// An order is taken, and the answer is -1007.
    UnknownOutcome,
    /// A request is done, and the connection closed without an answer.
    DropAnswer,
    /// An order is filled in two pieces, the second only in part.
    PartialFill,
    /// A stream is cut off.
    Disconnect,
    /// A frame comes twice.
    Repeat,
    /// A frame is overtaken by the next.
    Reorder,
    /// A frame of a kline stream is not sent.
    SkipFrame,
}

/// How often each of them happens, in 1/10,000 of what it can happen to, and how often in a row at most.
const RATES: [(Kind, u64, u32); 10] = [
    (Kind::ServerError, 300, 2),
    (Kind::Limited, 100, 1),
    (Kind::Delay, 500, 3),
    (Kind::UnknownOutcome, 500, 1),
    (Kind::DropAnswer, 300, 2),
    (Kind::PartialFill, 1000, 2),
    (Kind::Disconnect, 20, 1),
    (Kind::Repeat, 300, 2),
    (Kind::Reorder, 300, 1),
    (Kind::SkipFrame, 200, 1),
];

/// The rates as text, for the documentation and the help.
pub fn rates() -> impl Iterator<Item = (Kind, u64)> {
    RATES.into_iter().map(|(kind, rate, _)| (kind, rate))
}

/// How long a delayed answer waits, in ms, at most.
const DELAY_MS_MAX: u64 = 3000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chaos {
    seed: u64,
}

impl Chaos {
    pub fn new(seed: u64) -> Self {
        Chaos { seed }
    }

    /// Whether `kind` happens to the `count`-th request or frame of `whose`.
    pub fn decide(self, kind: Kind, whose: u64, count: u64) -> bool {
        let Some((_, rate, in_a_row)) = RATES.into_iter().find(|(known, _, _)| *known == kind) else {
            return false;
        };
        let hit = |count: u64| self.number(kind, whose, count) % 10_000 < rate;
        let before = u64::from(in_a_row);
        hit(count) && !(1..=before).all(|back| count.checked_sub(back).is_some_and(hit))
    }

    pub fn delay_ms(self, whose: u64, count: u64) -> u64 {
        self.number(Kind::Delay, whose, count) / 10_000 % DELAY_MS_MAX
    }

    fn number(self, kind: Kind, whose: u64, count: u64) -> u64 {
        let kind = RATES.iter().position(|(known, _, _)| *known == kind).unwrap_or(0);
        [u64::try_from(kind).unwrap_or(0), whose, count]
            .into_iter()
            .fold(mix(self.seed), |hash, part| mix(hash ^ mix(part.wrapping_add(0x632b_e59b_d9b4_e019))))
    }
}

/// Spreads the bits of a number over all of its places (the finisher of SplitMix64).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_faults_at_their_rates() {
        for (kind, rate) in rates() {
            let hits = |seed: u64| -> Vec<u64> {
                (0..100_000).filter(|count| Chaos::new(seed).decide(kind, 3, *count)).collect()
            };
            let first = hits(1);
            assert_eq!(first, hits(1));
            assert_ne!(first, hits(2), "{kind:?}");
            let expected = usize::try_from(rate * 10).unwrap();
            assert!(first.len() > expected / 2 && first.len() < expected * 2, "{kind:?}: {}", first.len());
        }
    }

    #[test]
    fn nothing_goes_wrong_for_long() {
        for (kind, _, in_a_row) in RATES {
            let chaos = Chaos::new(7);
            let mut run = 0;
            for count in 0..100_000 {
                run = if chaos.decide(kind, 0, count) { run + 1 } else { 0 };
                assert!(run <= in_a_row, "{kind:?}");
            }
        }
    }
}
