//! Whole runs, and the virtual database held against the real one.
#![allow(clippy::unwrap_used)]

mod schema;
mod seeds;
