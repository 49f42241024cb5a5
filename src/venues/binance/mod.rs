//! The connector to Binance spot. What can be decided without a socket or a clock is pure and stands in files of
//! its own: [`wire`] (what answers and frames hold), [`parse`] and [`frames`] (how they are read), [`request`]
//! (orders as parameters), [`sign`], [`budget`] (rate limits), [`outcome`] (what became of a request).
//! The rest does I/O: [`endpoints`], [`keys`], [`clock`], [`rest`], [`streams`], [`ws_api`].
//!
//! Invariant: an order is sent once. Whatever leaves it open whether the order was taken is
//! [`outcome::Outcome::Unknown`], and only who asks the exchange for that order may settle it.

pub mod budget;
pub mod clock;
pub mod endpoints;
pub mod frames;
pub mod keys;
pub mod limits;
pub mod outcome;
pub mod parse;
mod read;
pub mod request;
pub mod rest;
pub mod sign;
pub mod socket;
pub mod streams;
pub mod tls;
pub mod wire;
pub mod ws_api;

pub use read::ParseError;
