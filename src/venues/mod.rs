//! L3: where orders go: the simulated venue, the exchange and the connector to it, and a local exchange that
//! speaks the same protocol.

mod base64;
pub mod binance;
pub mod local;
pub mod rules;
pub mod sim;
pub mod words;
