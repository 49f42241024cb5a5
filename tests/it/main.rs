//! Integration tests: a table of contents. What each module proves stands at its top; docs/testing.md says
//! how to review a snapshot.

// Helpers of tests may fail a test; clippy knows only functions marked as one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod architecture;
mod bad_input;
mod bad_search;
mod cases;
mod connector;
mod connector_sockets;
mod control;
mod corpus;
mod determinism;
mod doctor;
mod exchange;
mod exchange_server;
mod fetch;
mod forward_test;
mod ledger;
mod live;
mod market;
mod optimize;
mod optimize_grid;
mod optimize_resume;
mod playground;
mod property;
mod protection;
mod simulated_exchange;
mod strategies;
mod support;
mod tiers;
mod verify;
