//! Harness, cases and benches.
