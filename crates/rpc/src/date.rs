//! Dates on the wire: local time without a zone, in the zone that all processes of a cluster share (`java.util.Date`
//! as the reference's serialiser writes it).
//!
//! The value keeps what was on the wire; turning it into a point in time needs the zone, which the caller gives.

use crate::json::{self, Nullable};
use chrono::{DateTime, Duration, MappedLocalTime, NaiveDate, NaiveDateTime, Offset, TimeZone};
use chrono_tz::Tz;
use orca_engine::time::Millis;
use serde::{Deserializer, Serialize, Serializer, de};

/// How Java writes a date: whole seconds, no zone.
const PATTERN: &str = "%Y-%m-%d %H:%M:%S";

/// A date of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireDate {
    /// Text: the wall clock of the sender's zone.
    Local(NaiveDateTime),
    /// A JSON integer: read like the reference does, never written by it.
    Epoch(Millis),
}

impl WireDate {
    /// The date that a process in `zone` writes for `time`; milliseconds are cut off. `None` when the year does not fit.
    #[must_use]
    pub fn from_millis(time: Millis, zone: Tz) -> Option<Self> {
        let instant = DateTime::from_timestamp_millis(time.whole_second().0)?;
        Some(Self::Local(instant.with_timezone(&zone).naive_local()))
    }

    /// The point in time that a process in `zone` reads. A wall-clock time that the zone skips moves forward, one that
    /// it has twice means the later, as Java's calendar does.
    #[must_use]
    pub fn to_millis(self, zone: Tz) -> Millis {
        match self {
            Self::Epoch(time) => time,
            Self::Local(local) => Millis(local_to_millis(local, zone)),
        }
    }

    /// Parses the text form leniently: fields may be short or too large (month 13 rolls over), and what follows the
    /// seconds is ignored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim_start();
        let year = number(&mut rest, "-")?;
        let month = number(&mut rest, "-")?;
        let day = number(&mut rest, " ")?;
        let hour = number(&mut rest, ":")?;
        let minute = number(&mut rest, ":")?;
        let second = number(&mut rest, "")?;
        let months = year.checked_mul(12)?.checked_add(month)?.checked_sub(1)?;
        let first = NaiveDate::from_ymd_opt(
            i32::try_from(months.div_euclid(12)).ok()?,
            u32::try_from(months.rem_euclid(12)).ok()? + 1,
            1,
        )?;
        let seconds = (day - 1) * 86_400 + hour * 3_600 + minute * 60 + second;
        first
            .and_hms_opt(0, 0, 0)?
            .checked_add_signed(Duration::try_seconds(seconds)?)
            .map(Self::Local)
    }
}

fn local_to_millis(local: NaiveDateTime, zone: Tz) -> i64 {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(time) | MappedLocalTime::Ambiguous(_, time) => time.timestamp_millis(),
        MappedLocalTime::None => {
            // Skipped: count with the offset that was valid before the gap.
            let before = local.checked_sub_signed(Duration::days(1)).unwrap_or(local);
            let offset = zone.offset_from_utc_datetime(&before).fix().local_minus_utc();
            local.and_utc().timestamp_millis() - i64::from(offset) * 1_000
        }
    }
}

/// Takes the leading digits of `rest` and the separator after them.
fn number(rest: &mut &str, separator: &str) -> Option<i64> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    // Nine digits fit every sum above into an i64.
    if digits == 0 || digits > 9 {
        return None;
    }
    let (text, tail) = rest.split_at(digits);
    *rest = tail.strip_prefix(separator)?;
    text.parse().ok()
}

impl Serialize for WireDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Local(local) => serializer.collect_str(&local.format(PATTERN)),
            Self::Epoch(time) => serializer.serialize_i64(time.0),
        }
    }
}

impl Nullable for WireDate {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        deserializer.deserialize_any(DateVisitor)
    }
}

struct DateVisitor;

impl<'de> de::Visitor<'de> for DateVisitor {
    type Value = Option<WireDate>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a date as `yyyy-MM-dd HH:mm:ss` or epoch milliseconds")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        WireDate::parse(text)
            .map(Some)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Str(json::shortened(text)), &self))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(WireDate::Epoch(Millis(value))))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        i64::try_from(value)
            .map(|value| Some(WireDate::Epoch(Millis(value))))
            .map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, sequence: A) -> Result<Self::Value, A::Error> {
        json::empty_sequence(sequence, &self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(text: &str, zone: Tz) -> i64 {
        WireDate::parse(text).unwrap().to_millis(zone).0
    }

    fn text(time: i64, zone: Tz) -> String {
        serde_json::to_string(&WireDate::from_millis(Millis(time), zone).unwrap()).unwrap()
    }

    #[test]
    fn writes_the_wall_clock_of_the_zone() {
        assert_eq!(text(1_767_225_600_123, Tz::UTC), "\"2026-01-01 00:00:00\"");
        assert_eq!(
            text(1_767_225_600_123, Tz::Europe__Berlin),
            "\"2026-01-01 01:00:00\""
        );
        assert_eq!(text(-1, Tz::UTC), "\"1969-12-31 23:59:59\"");
    }

    #[test]
    fn skipped_time_moves_forward_and_repeated_time_is_the_later() {
        let gap = millis("2026-03-29 02:30:00", Tz::Europe__Berlin);
        assert_eq!(text(gap, Tz::Europe__Berlin), "\"2026-03-29 03:30:00\"");
        let twice = millis("2026-10-25 02:30:00", Tz::Europe__Berlin);
        assert_eq!(text(twice, Tz::UTC), "\"2026-10-25 01:30:00\"");
    }

    #[test]
    fn reads_leniently_but_not_everything() {
        assert_eq!(
            millis("2026-1-2 3:4:5", Tz::UTC),
            millis("2026-01-02 03:04:05.678", Tz::UTC)
        );
        assert_eq!(
            millis("2026-13-45 99:99:99", Tz::UTC),
            millis("2027-02-18 04:40:39", Tz::UTC)
        );
        for bad in [
            "2026-01-02T03:04:05Z",
            "2026-01-02",
            "1767225600123",
            "x",
            "2026-01-02 03:04:",
            "-1-1-1 1:1:1",
        ] {
            assert_eq!(WireDate::parse(bad), None, "{bad}");
        }
        assert_eq!(WireDate::parse("999999999-01-01 00:00:00"), None);
    }
}
