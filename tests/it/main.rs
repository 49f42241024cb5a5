//! Integration tests: a table of contents. What each module proves stands at its top; docs/testing.md says
//! how to review a snapshot.

mod architecture;
mod bad_input;
mod determinism;
mod ledger;
mod property;
mod protection;
mod strategies;
mod support;
