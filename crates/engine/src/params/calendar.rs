//! Date arithmetic on instants as `java.util.Calendar` does it: the wall time is kept, the instant moves.
//!
//! `None` where a date leaves the range of chrono; the caller then leaves its expression as it is.

use crate::time::Millis;
use crate::zone::Zone;
use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Weekday};

const MILLIS_PER_SECOND: i64 = 1_000;
const DAYS_PER_WEEK: i32 = 7;

/// The same wall time `days` later. Where the offset differs, the wall time is kept unless that changes the date.
pub(super) fn add_days(at: Millis, days: i32, zone: &Zone) -> Option<Millis> {
    let date = shifted(zone.local(at)?.date(), days)?;
    let moved =
        at.0.checked_add(i64::from(days).checked_mul(86_400 * MILLIS_PER_SECOND)?)?;
    let change =
        i64::from(zone.offset_seconds(at)? - zone.offset_seconds(Millis(moved))?) * MILLIS_PER_SECOND;
    let corrected = Millis(moved.checked_add(change)?);
    let kept = zone.local(corrected)?.date() == date;
    Some(if kept { corrected } else { Millis(moved) })
}

pub(super) fn add_weeks(at: Millis, weeks: i32, zone: &Zone) -> Option<Millis> {
    add_days(at, weeks.checked_mul(DAYS_PER_WEEK)?, zone)
}

/// The same wall time `months` later; a day that month does not have becomes its last one.
pub(super) fn add_months(at: Millis, months: i32, zone: &Zone) -> Option<Millis> {
    let local = zone.local(at)?;
    let count = Months::new(months.unsigned_abs());
    let moved = if months < 0 {
        local.checked_sub_months(count)
    } else {
        local.checked_add_months(count)
    };
    zone.calendar_instant(moved?)
}

pub(super) fn first_day_of_month(at: Millis, zone: &Zone) -> Option<Millis> {
    zone.calendar_instant(zone.local(at)?.with_day(1)?)
}

pub(super) fn last_day_of_month(at: Millis, zone: &Zone) -> Option<Millis> {
    let next = first_day_of_month(add_months(at, 1, zone)?, zone)?;
    add_days(next, -1, zone)
}

/// Monday of the week that ends on Sunday.
pub(super) fn monday(at: Millis, zone: &Zone) -> Option<Millis> {
    in_week(at, 0, zone)
}

/// Sunday of the week that begins on Monday.
pub(super) fn sunday(at: Millis, zone: &Zone) -> Option<Millis> {
    in_week(at, DAYS_PER_WEEK - 1, zone)
}

/// The year of a date and the number of its week, when weeks begin on `first_day` and the first week of a year is the one
/// with at least four days in it. The year is the date's own, not the week's.
pub(super) fn year_and_week(date: NaiveDate, first_day: Weekday) -> Option<(i32, u32)> {
    let into_week = i32::try_from(date.weekday().days_since(first_day)).ok()?;
    let middle = shifted(date, 3 - into_week)?;
    Some((date.year(), middle.ordinal0() / 7 + 1))
}

fn in_week(at: Millis, day: i32, zone: &Zone) -> Option<Millis> {
    let local = zone.local(at)?;
    let today = i32::try_from(local.weekday().num_days_from_monday()).ok()?;
    zone.calendar_instant(NaiveDateTime::new(
        shifted(local.date(), day - today)?,
        local.time(),
    ))
}

fn shifted(date: NaiveDate, days: i32) -> Option<NaiveDate> {
    let count = Days::new(u64::from(days.unsigned_abs()));
    if days < 0 {
        date.checked_sub_days(count)
    } else {
        date.checked_add_days(count)
    }
}

/// `minutes` of real time later.
pub(super) fn add_minutes(at: Millis, minutes: i32) -> Option<Millis> {
    at.0.checked_add(TimeDelta::minutes(i64::from(minutes)).num_milliseconds())
        .map(Millis)
}

/// Exactly fourteen digits as yyyyMMddHHmmss. A day 29 to 31 that the month does not have becomes its last one, as
/// java.time's smart resolution does.
pub(super) fn parse_date_time(text: &str) -> Option<NaiveDateTime> {
    if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<u32>().ok();
    let year = i32::try_from(number(0, 4)?).ok().filter(|year| *year > 0)?;
    let (month, day) = (number(4, 6)?, number(6, 8)?);
    if !(1..=31).contains(&day) {
        return None;
    }
    let last_day = NaiveDate::from_ymd_opt(year, month, 1)?
        .checked_add_months(Months::new(1))?
        .pred_opt()?
        .day();
    let time = NaiveTime::from_hms_opt(number(8, 10)?, number(10, 12)?, number(12, 14)?)?;
    Some(NaiveDateTime::new(
        NaiveDate::from_ymd_opt(year, month, day.min(last_day))?,
        time,
    ))
}
