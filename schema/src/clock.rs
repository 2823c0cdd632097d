//! Wall clocks of the shared columns: local time of one configured zone, whole seconds, cut and never rounded.

use chrono::{DateTime, LocalResult, NaiveDateTime, TimeDelta, TimeZone, Utc};
use orca_engine::time::{MILLIS_PER_SECOND, Millis};

/// The range that every database and zone can show: from year 2 to the end of year 9998.
const FIRST_DAY_MILLIS: i64 = -62_104_060_800_000;
const LAST_DAY_MILLIS: i64 = 253_370_764_800_000;

/// Converts between instants and what a `datetime` column shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WallClock {
    zone: chrono_tz::Tz,
}

impl WallClock {
    pub(crate) const fn new(zone: chrono_tz::Tz) -> Self {
        Self { zone }
    }

    pub(crate) const fn zone(self) -> chrono_tz::Tz {
        self.zone
    }

    pub(crate) fn zone_name(self) -> &'static str {
        self.zone.name()
    }

    /// The wall clock at `time`, cut to the second. A time outside the range of the calendar is brought to its edge.
    pub(crate) fn local(self, time: Millis) -> NaiveDateTime {
        self.exact(Millis(time.0.clamp(FIRST_DAY_MILLIS, LAST_DAY_MILLIS)).whole_second())
    }

    fn exact(self, time: Millis) -> NaiveDateTime {
        let within = time.0.clamp(FIRST_DAY_MILLIS, LAST_DAY_MILLIS);
        let utc =
            DateTime::<Utc>::from_timestamp_millis(within).expect("years 2 to 9998 are within the calendar");
        utc.with_timezone(&self.zone).naive_local()
    }

    pub(crate) fn local_option(self, time: Option<Millis>) -> Option<NaiveDateTime> {
        time.map(|time| self.local(time))
    }

    /// The instant of a wall clock. In the hour that happens twice the later one (standard time) is meant, as in Java; a time
    /// in the hour that does not happen is read with the offset before the change.
    pub(crate) fn instant(self, local: NaiveDateTime) -> Millis {
        let instant = match self.zone.from_local_datetime(&local) {
            LocalResult::Single(time) | LocalResult::Ambiguous(_, time) => time.timestamp_millis(),
            LocalResult::None => {
                let before = self
                    .zone
                    .offset_from_utc_datetime(&(local - TimeDelta::hours(24)));
                local.and_utc().timestamp_millis()
                    - i64::from(chrono::Offset::fix(&before).local_minus_utc()) * MILLIS_PER_SECOND
            }
        };
        Millis(instant)
    }

    pub(crate) fn instant_option(self, local: Option<NaiveDateTime>) -> Option<Millis> {
        local.map(|local| self.instant(local))
    }

    /// `yyyy-MM-dd HH:mm:ss`, the form of times in JSON columns.
    pub(crate) fn json_text(self, time: Millis) -> String {
        self.local(time).format("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// `yyyyMMddHHmmssSSS`, the end of an instance's name.
    pub(crate) fn name_suffix(self, time: Millis) -> String {
        self.exact(time).format("%Y%m%d%H%M%S%3f").to_string()
    }

    /// The instant of `yyyy-MM-dd HH:mm:ss`.
    pub(crate) fn parse(self, text: &str) -> Option<Millis> {
        NaiveDateTime::parse_from_str(text.trim(), "%Y-%m-%d %H:%M:%S")
            .ok()
            .map(|local| self.instant(local))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        Millis(DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis())
    }

    #[test]
    fn writes_whole_seconds_of_the_zone() {
        let clock = WallClock::new(chrono_tz::Asia::Shanghai);
        let time = at("2026-11-24T18:00:00.999Z");
        assert_eq!(clock.json_text(time), "2026-11-25 02:00:00");
        assert_eq!(clock.instant(clock.local(time)), at("2026-11-24T18:00:00Z"));
        assert_eq!(clock.name_suffix(time), "20261125020000999");
    }

    #[test]
    fn reads_both_edges_of_daylight_saving() {
        let clock = WallClock::new(chrono_tz::America::New_York);
        assert_eq!(
            clock.parse("2024-11-03 01:30:00").unwrap(),
            at("2024-11-03T06:30:00Z")
        );
        assert_eq!(
            clock.parse("2024-03-10 02:30:00").unwrap(),
            at("2024-03-10T07:30:00Z")
        );
        assert_eq!(clock.parse("2024-03-32 02:30:00"), None);
    }

    #[test]
    fn survives_times_outside_the_calendar() {
        let clock = WallClock::new(chrono_tz::UTC);
        assert!(clock.local(Millis(i64::MAX)) > clock.local(Millis(0)));
        assert!(clock.local(Millis(i64::MIN)) < clock.local(Millis(0)));
    }
}
