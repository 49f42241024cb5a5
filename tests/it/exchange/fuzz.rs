//! Bytes that no client would send.
