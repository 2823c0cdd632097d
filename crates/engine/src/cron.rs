//! Schedules: the cron dialect of Quartz 2.3.2, which the tables of a shared cluster hold.
//!
//! Guarantees: for every expression that the API accepts the same times as Quartz, clock changes included, or an error that names
//! the field. Refuses to know the clock; and what Quartz accepts only because it does not look (`5x`, `1-2-3`) is refused.

mod parse;
#[cfg(test)]
mod tests;

pub use parse::CronError;

use crate::time::Millis;
use crate::zone::Zone;
use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Weekday};

/// How far the search goes. The rarest date, a fifth weekday on 29 February, comes back within 40 years.
const SEARCH_YEARS_MAX: i32 = 100;

/// A parsed expression. The sets have a bit for each value that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cron {
    seconds: u64,
    minutes: u64,
    hours: u64,
    months: u64,
    days: Days,
    years: Years,
}

/// Which days of a month match: exactly one of the two day fields says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Days {
    OfMonth(u64),
    /// So many days before the last one, or the weekday nearest to that.
    FromEnd {
        offset: u32,
        weekday: bool,
    },
    /// The weekday (Monday to Friday) nearest to this day, inside the month.
    NearestWeekday(u32),
    /// Sunday is 1.
    OfWeek(u64),
    LastOfWeek(u32),
    NthOfWeek {
        day: u32,
        nth: u32,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Years {
    All,
    /// In ascending order.
    Some(Vec<i32>),
}

impl Cron {
    /// Six fields, and the year as an optional seventh: seconds, minutes, hours, day of month, month, day of week.
    pub fn parse(expression: &str) -> Result<Self, CronError> {
        parse::parse(expression)
    }

    /// The first matching whole second after an instant, as wall time in the zone. A time that a clock change skips does not
    /// match; of one that comes twice the second counts. `None`: not within the next hundred years.
    #[must_use]
    pub fn next_after(&self, after: Millis, zone: &Zone) -> Option<Millis> {
        let local = zone.local(after.whole_second())?;
        let last_year = local.year().saturating_add(SEARCH_YEARS_MAX);
        let mut from = local.checked_add_signed(TimeDelta::seconds(1))?;
        while from.year() <= last_year {
            if !self.has_date(from.date()) {
                from = self.next_possible_date(from.date())?.and_time(NaiveTime::MIN);
                continue;
            }
            let Some(time) = self.next_time(from.time()) else {
                from = from.date().succ_opt()?.and_time(NaiveTime::MIN);
                continue;
            };
            let candidate = from.date().and_time(time);
            if let Some(instant) = existing(candidate, zone).filter(|instant| *instant > after) {
                return Some(instant);
            }
            from = candidate.checked_add_signed(TimeDelta::seconds(1))?;
        }
        None
    }

    fn has_date(&self, date: NaiveDate) -> bool {
        self.has_year(date.year()) && has(self.months, date.month()) && self.days.contains(date)
    }

    fn has_year(&self, year: i32) -> bool {
        match &self.years {
            Years::All => true,
            Years::Some(years) => years.binary_search(&year).is_ok(),
        }
    }

    /// The day after a date that does not match; whole months and years that cannot match are passed over.
    fn next_possible_date(&self, date: NaiveDate) -> Option<NaiveDate> {
        if !self.has_year(date.year()) {
            return NaiveDate::from_ymd_opt(date.year().checked_add(1)?, 1, 1);
        }
        if !has(self.months, date.month()) {
            return match date.month() {
                12 => NaiveDate::from_ymd_opt(date.year().checked_add(1)?, 1, 1),
                month => NaiveDate::from_ymd_opt(date.year(), month + 1, 1),
            };
        }
        date.succ_opt()
    }

    /// The first matching time of day from `from` on.
    fn next_time(&self, from: NaiveTime) -> Option<NaiveTime> {
        let (mut hour, mut minute, mut second) = (from.hour(), from.minute(), from.second());
        loop {
            let next_hour = first_from(self.hours, hour)?;
            if next_hour > hour {
                (hour, minute, second) = (next_hour, 0, 0);
            }
            let Some(next_minute) = first_from(self.minutes, minute) else {
                (hour, minute, second) = (hour + 1, 0, 0);
                continue;
            };
            if next_minute > minute {
                (minute, second) = (next_minute, 0);
            }
            match first_from(self.seconds, second) {
                Some(second) => return NaiveTime::from_hms_opt(hour, minute, second),
                None => (minute, second) = (minute + 1, 0),
            }
        }
    }
}

impl std::str::FromStr for Cron {
    type Err = CronError;
    fn from_str(expression: &str) -> Result<Self, CronError> {
        Self::parse(expression)
    }
}

impl Days {
    fn contains(&self, date: NaiveDate) -> bool {
        let day = date.day();
        let weekday = date.weekday().number_from_sunday();
        match *self {
            Self::OfMonth(days) => has(days, day),
            Self::FromEnd { offset, weekday } => {
                let target = last_day(date).checked_sub(offset).filter(|target| *target > 0);
                let target = if weekday {
                    target.and_then(|target| nearest_weekday(date, target))
                } else {
                    target
                };
                target == Some(day)
            }
            Self::NearestWeekday(target) => nearest_weekday(date, target) == Some(day),
            Self::OfWeek(days) => has(days, weekday),
            Self::LastOfWeek(wanted) => weekday == wanted && day + 7 > last_day(date),
            Self::NthOfWeek { day: wanted, nth } => weekday == wanted && (day - 1) / 7 + 1 == nth,
        }
    }
}

/// The working day nearest to a day, inside the month of `date`; none in a month that does not have that day.
fn nearest_weekday(date: NaiveDate, day: u32) -> Option<u32> {
    let last = last_day(date);
    let weekday = date.with_day(day)?.weekday();
    Some(match weekday {
        Weekday::Sat if day == 1 => day + 2,
        Weekday::Sat => day - 1,
        Weekday::Sun if day == last => day - 2,
        Weekday::Sun => day + 1,
        _ => day,
    })
}

fn last_day(date: NaiveDate) -> u32 {
    u32::from(date.num_days_in_month())
}

/// The instant of a wall time; none when the clocks skip it.
fn existing(local: NaiveDateTime, zone: &Zone) -> Option<Millis> {
    zone.calendar_instant(local)
        .filter(|instant| zone.local(*instant) == Some(local))
}

fn has(set: u64, value: u32) -> bool {
    value < u64::BITS && set >> value & 1 == 1
}

fn first_from(set: u64, value: u32) -> Option<u32> {
    let rest = set.checked_shr(value)?;
    (rest != 0).then(|| value + rest.trailing_zeros())
}
