//! L3: where orders go. One simulated venue so far; the exchange's connector and the local exchange join it.

pub mod sim;
