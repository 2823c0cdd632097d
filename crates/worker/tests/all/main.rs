//! The worker from the outside: over RPC, with real scripts, and killed without warning.
#![allow(clippy::unwrap_used)]

mod crash;
mod master;
mod protocol;
mod registration;
mod stub;
mod tasks;
