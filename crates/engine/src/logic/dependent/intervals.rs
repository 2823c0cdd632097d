//! From a business date and a `dateValue` to the intervals in which a run has to be found (`DependentDateUtils`).

use crate::time::Millis;
use crate::zone::Zone;
use chrono::{Datelike, Days, Months, NaiveDate, NaiveDateTime, TimeDelta, Timelike};

/// From `start` to just before `end`, in whole hours or days of the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval {
    pub start: Millis,
    pub end: Millis,
}

/// In the order in which they are looked at. Empty for a `dateValue` that nobody knows, and for dates beyond the calendar: such a dependency fails.
#[must_use]
pub fn intervals(date: Millis, date_value: &str, zone: Zone) -> Vec<Interval> {
    zone.local(date)
        .and_then(|local| wall_clock(local, date_value))
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(start, end)| {
            Some(Interval {
                start: zone.calendar_instant(start)?,
                end: zone.calendar_instant(end)?,
            })
        })
        .collect()
}

type Wall = (NaiveDateTime, NaiveDateTime);

fn wall_clock(now: NaiveDateTime, date_value: &str) -> Option<Vec<Wall>> {
    let today = now.date();
    let monday = today.checked_sub_days(Days::new(today.weekday().num_days_from_monday().into()))?;
    let first = today.with_day(1)?;
    let day_before = |days: u64| today.checked_sub_days(Days::new(days));
    let of_last_week = |day: u64| {
        let date = monday.checked_sub_days(Days::new(7 - day))?;
        days(date, date)
    };
    match date_value {
        "currentHour" => hours(now, 0, 0),
        "last1Hour" => hours(now, 1, 1),
        "last2Hours" => hours(now, 2, 1),
        "last3Hours" => hours(now, 3, 1),
        // From one o'clock of the day before to the first hour of the day.
        "last24Hours" => hours(now, i64::from(now.hour()) + 23, i64::from(now.hour())),
        "today" => days(today, today),
        "last1Days" => days(day_before(1)?, day_before(1)?),
        "last2Days" => days(day_before(2)?, day_before(1)?),
        "last3Days" => days(day_before(3)?, day_before(1)?),
        "last7Days" => days(day_before(7)?, day_before(1)?),
        "thisWeek" => days(monday, today),
        "lastWeek" => days(
            monday.checked_sub_days(Days::new(7))?,
            monday.checked_sub_days(Days::new(1))?,
        ),
        "lastMonday" => of_last_week(0),
        "lastTuesday" => of_last_week(1),
        "lastWednesday" => of_last_week(2),
        "lastThursday" => of_last_week(3),
        "lastFriday" => of_last_week(4),
        "lastSaturday" => of_last_week(5),
        "lastSunday" => of_last_week(6),
        "thisMonth" => days(first, today),
        "thisMonthBegin" => days(first, first),
        "thisMonthEnd" => {
            let last = first.checked_add_months(Months::new(1))?.pred_opt()?;
            days(last, last)
        }
        "lastMonth" => days(first.checked_sub_months(Months::new(1))?, first.pred_opt()?),
        "lastMonthBegin" => {
            let begin = first.checked_sub_months(Months::new(1))?;
            days(begin, begin)
        }
        "lastMonthEnd" => days(first.pred_opt()?, first.pred_opt()?),
        _ => None,
    }
}

/// Each hour from `oldest` hours ago to `newest` hours ago.
fn hours(now: NaiveDateTime, oldest: i64, newest: i64) -> Option<Vec<Wall>> {
    let this = now.date().and_hms_opt(now.hour(), 0, 0)?;
    (newest..=oldest)
        .rev()
        .map(|ago| {
            let start = this.checked_sub_signed(TimeDelta::hours(ago))?;
            Some((start, start.checked_add_signed(TimeDelta::hours(1))?))
        })
        .collect()
}

/// Each day from `first` to `last`.
fn days(first: NaiveDate, last: NaiveDate) -> Option<Vec<Wall>> {
    first
        .iter_days()
        .take_while(|day| *day <= last)
        .map(|day| Some((day.and_hms_opt(0, 0, 0)?, day.succ_opt()?.and_hms_opt(0, 0, 0)?)))
        .collect()
}
