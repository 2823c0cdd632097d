//! One binary for all tests of this crate.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod failover;
mod path;
mod support;
mod tidy;
mod trouble;
