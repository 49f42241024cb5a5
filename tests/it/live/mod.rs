//! The trader's shell.

mod store;
