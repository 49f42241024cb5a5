//! How often each reason of a closed list occurred.

use crate::model::{ExitReason, Refusal, Veto};

/// A reason from a closed list, usable as an index.
pub trait Reason: Copy + 'static {
    const ALL: &'static [Self];
    fn index(self) -> usize;
    fn name(self) -> &'static str;
}

macro_rules! reason {
    ($($name:ident),+) => {$(
        impl Reason for $name {
            const ALL: &'static [Self] = $name::ALL;
            fn index(self) -> usize { self as usize }
            fn name(self) -> &'static str { $name::name(self) }
        }
    )+};
}

reason!(ExitReason, Refusal, Veto);

/// Room for the longest list.
const COUNTS: usize = 12;

const _: () = assert!(
    ExitReason::ALL.len() <= COUNTS && Refusal::ALL.len() <= COUNTS && Veto::ALL.len() <= COUNTS,
    "room for each reason"
);

/// Occurrences by reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counts<R> {
    counts: [u64; COUNTS],
    reason: std::marker::PhantomData<R>,
}

impl<R> Default for Counts<R> {
    fn default() -> Self {
        Counts { counts: [0; COUNTS], reason: std::marker::PhantomData }
    }
}

impl<R: Reason> Counts<R> {
    pub fn add(&mut self, reason: R) {
        self.counts[reason.index()] += 1;
    }

    pub fn append(&mut self, other: &Counts<R>) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
    }

    pub fn get(&self, reason: R) -> u64 {
        self.counts[reason.index()]
    }

    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The reasons that occurred, in the order of their list.
    pub fn iter(&self) -> impl Iterator<Item = (R, u64)> + '_ {
        R::ALL.iter().map(|&reason| (reason, self.get(reason))).filter(|&(_, count)| count > 0)
    }
}
