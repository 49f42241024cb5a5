//! The table of docs/exchange.md.
