//! Time zones and the two ways Java turns wall time into an instant.
//!
//! Guarantees: every conversion is total within the years chrono knows (about 262 000 either way) and `None` beyond.
//! Refuses to know which zone the process runs in: the zone is an argument everywhere.

use crate::time::Millis;
use chrono::{DateTime, FixedOffset, MappedLocalTime, NaiveDateTime, Offset, TimeDelta, TimeZone};
use std::fmt;

/// A region with its history, or a fixed offset: what `ZoneId.of` accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    Region(chrono_tz::Tz),
    Fixed(FixedOffset),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown time zone {name:?}: give a region such as Asia/Shanghai or an offset such as +08:00")]
pub struct UnknownZone {
    pub name: String,
}

/// Java refuses larger offsets.
const OFFSET_SECONDS_MAX: i32 = 18 * 3_600;
/// The longest gap of any zone is one skipped day; the search for its start goes back in these steps.
const GAP_STEP_MINUTES: i32 = 15;
const GAP_STEPS_MAX: i32 = 2 * 24 * 4;

impl Zone {
    pub const UTC: Self = Self::Region(chrono_tz::Tz::UTC);

    /// `Asia/Shanghai`, `UTC`, `Z`, `+8`, `+08:00`, `GMT+8`, `UTC-03:30` and the like.
    pub fn parse(name: &str) -> Result<Self, UnknownZone> {
        let name = name.trim();
        if let Ok(region) = name.parse::<chrono_tz::Tz>() {
            return Ok(Self::Region(region));
        }
        let offset = ["UTC", "GMT", "UT"]
            .iter()
            .find_map(|prefix| name.strip_prefix(prefix))
            .unwrap_or(name);
        if matches!(offset, "" | "Z" | "z") && !name.is_empty() {
            return Ok(Self::UTC);
        }
        offset_seconds(offset)
            .and_then(FixedOffset::east_opt)
            .map(Self::Fixed)
            .ok_or_else(|| UnknownZone {
                name: name.to_owned(),
            })
    }

    /// The wall time at an instant.
    #[must_use]
    pub fn local(&self, at: Millis) -> Option<NaiveDateTime> {
        let utc = DateTime::from_timestamp_millis(at.0)?.naive_utc();
        utc.checked_add_offset(self.offset_at(utc))
    }

    /// Seconds east of Greenwich at an instant.
    #[must_use]
    pub fn offset_seconds(&self, at: Millis) -> Option<i32> {
        Some(
            self.offset_at(DateTime::from_timestamp_millis(at.0)?.naive_utc())
                .local_minus_utc(),
        )
    }

    /// The instant of a wall time as `LocalDateTime.atZone` has it: the earlier one where clocks were set back; moved on by
    /// the length of the gap where they were set forward.
    #[must_use]
    pub fn instant(&self, local: NaiveDateTime) -> Option<Millis> {
        self.resolve(local, MappedLocalTime::earliest)
    }

    /// The instant of a wall time as `GregorianCalendar` has it: the later one where clocks were set back; gaps as in
    /// [`Zone::instant`].
    #[must_use]
    pub fn calendar_instant(&self, local: NaiveDateTime) -> Option<Millis> {
        self.resolve(local, MappedLocalTime::latest)
    }

    fn resolve(
        &self,
        local: NaiveDateTime,
        choose: fn(MappedLocalTime<FixedOffset>) -> Option<FixedOffset>,
    ) -> Option<Millis> {
        (0..=GAP_STEPS_MAX).find_map(|step| {
            let before = local.checked_sub_signed(TimeDelta::minutes(i64::from(step * GAP_STEP_MINUTES)))?;
            let offset = choose(self.offset_of_local(before))?;
            Some(Millis(
                local.checked_sub_offset(offset)?.and_utc().timestamp_millis(),
            ))
        })
    }

    fn offset_at(&self, utc: NaiveDateTime) -> FixedOffset {
        match self {
            Self::Region(region) => region.offset_from_utc_datetime(&utc).fix(),
            Self::Fixed(offset) => *offset,
        }
    }

    fn offset_of_local(&self, local: NaiveDateTime) -> MappedLocalTime<FixedOffset> {
        match self {
            Self::Region(region) => region
                .offset_from_local_datetime(&local)
                .map(|offset| offset.fix()),
            Self::Fixed(offset) => MappedLocalTime::Single(*offset),
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region(region) => f.write_str(region.name()),
            Self::Fixed(offset) => write!(f, "{offset}"),
        }
    }
}

impl std::str::FromStr for Zone {
    type Err = UnknownZone;
    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        Self::parse(name)
    }
}

/// `+h`, `+hh`, `+hh:mm`, `+hhmm`, `+hh:mm:ss`, `+hhmmss`; the sign is needed.
fn offset_seconds(text: &str) -> Option<i32> {
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let digits: String = match rest.len() {
        1 => format!("0{rest}"),
        2 | 4 | 6 => rest.to_owned(),
        5 | 8 if rest.split(':').all(|part| part.len() == 2) => rest.replace(':', ""),
        _ => return None,
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part = |at: usize| {
        digits
            .get(at..at + 2)
            .map_or(Some(0), |two| two.parse::<i32>().ok())
    };
    let (hours, minutes, seconds) = (part(0)?, part(2)?, part(4)?);
    let total = hours * 3_600 + minutes * 60 + seconds;
    (minutes < 60 && seconds < 60 && total <= OFFSET_SECONDS_MAX).then_some(sign * total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;

    fn at(text: &str) -> NaiveDateTime {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap()
    }

    fn utc(text: &str) -> Millis {
        Millis(at(text).and_utc().timestamp_millis())
    }

    #[test]
    fn reads_regions_and_offsets() {
        for (name, hours) in [
            ("Asia/Shanghai", 8),
            ("UTC", 0),
            ("Z", 0),
            ("+8", 8),
            ("+08:00", 8),
            ("GMT+8", 8),
            ("UTC-0530", -5),
        ] {
            let zone = Zone::parse(name).unwrap();
            let seconds = zone.offset_seconds(Millis(0)).unwrap();
            assert_eq!(seconds / 3_600, hours, "{name}");
        }
        for name in [
            "",
            " ",
            "Mars/Phobos",
            "+",
            "+19:00",
            "8",
            "+8:0",
            "+08:60",
            "GMT+x",
            "+0é",
        ] {
            assert!(Zone::parse(name).is_err(), "{name}");
        }
    }

    #[test]
    fn gap_moves_on_and_overlap_has_two_answers() {
        let zone = Zone::parse("America/New_York").unwrap();
        assert_eq!(
            zone.instant(at("2024-03-10 02:30")),
            Some(utc("2024-03-10 07:30"))
        );
        assert_eq!(
            zone.calendar_instant(at("2024-03-10 02:30")),
            Some(utc("2024-03-10 07:30"))
        );
        assert_eq!(
            zone.instant(at("2024-11-03 01:30")),
            Some(utc("2024-11-03 05:30"))
        );
        assert_eq!(
            zone.calendar_instant(at("2024-11-03 01:30")),
            Some(utc("2024-11-03 06:30"))
        );
        let samoa = Zone::parse("Pacific/Apia").unwrap();
        assert_eq!(
            samoa.instant(at("2011-12-30 12:00")),
            Some(utc("2011-12-30 22:00")),
            "a skipped day"
        );
    }

    #[test]
    fn far_times_are_none_or_right_but_never_a_panic() {
        for millis in [i64::MIN, i64::MAX, 8_210_266_876_799_000, -8_334_601_228_800_000] {
            let zone = Zone::parse("+18").unwrap();
            let _ = zone.local(Millis(millis));
        }
        assert_eq!(Zone::UTC.local(Millis(i64::MAX)), None);
        assert!(
            Zone::parse("+18")
                .unwrap()
                .instant(NaiveDate::MIN.and_hms_opt(0, 0, 0).unwrap())
                .is_none()
        );
    }
}
