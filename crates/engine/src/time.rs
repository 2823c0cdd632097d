//! Points in time. Wall time may be stored and compared with rows; monotonic time never leaves the process.

use serde::{Deserialize, Serialize};
use std::ops::Add;

/// Wall-clock time, milliseconds since the Unix epoch. This is what rows and messages carry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

/// Monotonic time, milliseconds since an arbitrary start. Never stored, never sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(pub u64);

pub const MILLIS_PER_SECOND: i64 = 1_000;
pub const MILLIS_PER_MINUTE: i64 = 60_000;

impl Millis {
    /// The time `minutes` later.
    #[must_use]
    pub fn plus_minutes(self, minutes: i64) -> Self {
        Self(self.0.saturating_add(minutes.saturating_mul(MILLIS_PER_MINUTE)))
    }

    /// The time `millis` later.
    #[must_use]
    pub fn plus(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this time; negative when `earlier` lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Cut to the whole second: what a `datetime` column without fractions keeps.
    #[must_use]
    pub fn whole_second(self) -> Self {
        Self(self.0 - self.0.rem_euclid(MILLIS_PER_SECOND))
    }
}

impl Add<u64> for Tick {
    type Output = Self;
    fn add(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

/// `yyyy-MM-dd HH:mm:ss` in the zone: how JSON columns and alerts write a time. A time outside the calendar's years is
/// written as its number.
#[must_use]
pub fn wall_clock_text(time: Millis, zone: chrono_tz::Tz) -> String {
    match chrono::DateTime::from_timestamp_millis(time.0) {
        Some(utc) => utc.with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string(),
        None => time.0.to_string(),
    }
}
