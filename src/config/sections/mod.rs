//! The sections, one file per family.

pub(crate) mod datasource;
pub(crate) mod master;
pub(crate) mod network;
pub(crate) mod orca;
pub(crate) mod registry;
pub(crate) mod worker;

use super::section::Checks;
use std::time::Duration;

/// Shared rule: a time that something waits for.
fn above_zero(checks: &mut Checks<'_>, key: &str, duration: Duration) {
    checks.that(!duration.is_zero(), key, "must be longer than nothing");
}

/// Shared rule of the run-time limits: off, or whole minutes.
fn off_or_a_minute(checks: &mut Checks<'_>, key: &str, duration: Duration) {
    checks.that(
        duration.is_zero() || duration >= Duration::from_secs(60),
        key,
        "must be 0 (off) or at least 1m",
    );
}
