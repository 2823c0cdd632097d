//! From the text of an expression to its sets.

use super::{Cron, Days, Years};

/// Why a text is no cron expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    #[error(
        "a cron expression has 6 or 7 fields (second minute hour day-of-month month day-of-week [year]), not {count}"
    )]
    FieldCount { count: usize },
    #[error("cron field {field} has the bad part {part:?}: {reason}")]
    Field {
        field: &'static str,
        part: String,
        reason: &'static str,
    },
    #[error("exactly one of day-of-month and day-of-week must be '?'")]
    TwoDayFields,
}

/// Years that can be named. Quartz goes to a hundred years from now, the API to 2099.
const YEAR_MIN: u32 = 1970;
const YEAR_MAX: u32 = 2199;

/// One field: its name, its range, and the names of its values, the first one for `min`.
struct Field {
    name: &'static str,
    min: u32,
    max: u32,
    names: &'static [&'static str],
}

const SECOND: Field = Field {
    name: "second",
    min: 0,
    max: 59,
    names: &[],
};
const MINUTE: Field = Field {
    name: "minute",
    min: 0,
    max: 59,
    names: &[],
};
const HOUR: Field = Field {
    name: "hour",
    min: 0,
    max: 23,
    names: &[],
};
const DAY_OF_MONTH: Field = Field {
    name: "day-of-month",
    min: 1,
    max: 31,
    names: &[],
};
const MONTH: Field = Field {
    name: "month",
    min: 1,
    max: 12,
    names: &[
        "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
    ],
};
const DAY_OF_WEEK: Field = Field {
    name: "day-of-week",
    min: 1,
    max: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
};
const YEAR: Field = Field {
    name: "year",
    min: YEAR_MIN,
    max: YEAR_MAX,
    names: &[],
};

pub(super) fn parse(expression: &str) -> Result<Cron, CronError> {
    let upper = expression.to_uppercase();
    let fields: Vec<&str> = upper.split_whitespace().collect();
    let [second, minute, hour, day_of_month, month, day_of_week, rest @ ..] = fields.as_slice() else {
        return Err(CronError::FieldCount { count: fields.len() });
    };
    Ok(Cron {
        seconds: SECOND.set(second)?,
        minutes: MINUTE.set(minute)?,
        hours: HOUR.set(hour)?,
        months: MONTH.set(month)?,
        days: match (*day_of_month, *day_of_week) {
            ("?", "?") => return Err(CronError::TwoDayFields),
            (days, "?") => days_of_month(days)?,
            ("?", days) => days_of_week(days)?,
            _ => return Err(CronError::TwoDayFields),
        },
        // What follows the year is ignored, as in Quartz.
        years: rest.first().map_or(Ok(Years::All), |year| years(year))?,
    })
}

/// `L`, `L-3`, `LW`, `L-3W` stand alone. `15W` in a list makes the whole list mean its smallest day, as in Quartz.
fn days_of_month(text: &str) -> Result<Days, CronError> {
    if let Some(rest) = text.strip_prefix('L') {
        let (rest, weekday) = rest.strip_suffix('W').map_or((rest, false), |rest| (rest, true));
        let offset = match rest.strip_prefix('-') {
            None if rest.is_empty() => 0,
            None => return Err(DAY_OF_MONTH.bad(text, "L stands alone, or with an offset and W as in L-3W")),
            Some(offset) => number(offset)
                .filter(|offset| *offset <= 30)
                .ok_or_else(|| DAY_OF_MONTH.bad(text, "the offset from the last day is a number up to 30"))?,
        };
        return Ok(Days::FromEnd { offset, weekday });
    }
    if text.contains('L') {
        return Err(DAY_OF_MONTH.bad(text, "L cannot be in a list"));
    }
    if !text.contains('W') {
        return Ok(Days::OfMonth(DAY_OF_MONTH.set(text)?));
    }
    let mut smallest = DAY_OF_MONTH.max;
    for part in text.split(',') {
        let first = match part.strip_suffix('W') {
            Some(day) => number(day)
                .filter(|day| (DAY_OF_MONTH.min..=DAY_OF_MONTH.max).contains(day))
                .ok_or_else(|| DAY_OF_MONTH.bad(part, "W follows one day from 1 to 31"))?,
            None => DAY_OF_MONTH.values(part)?.into_iter().min().unwrap_or(smallest),
        };
        smallest = smallest.min(first);
    }
    Ok(Days::NearestWeekday(smallest))
}

/// `L` is Saturday, `6L` the last Friday, `2#1` the first Monday. A list with one `#` means its smallest day, as in Quartz.
fn days_of_week(text: &str) -> Result<Days, CronError> {
    if text == "L" {
        return Ok(Days::OfWeek(1 << DAY_OF_WEEK.max));
    }
    // No name of a day has an L.
    if let Some(day) = text.strip_suffix('L') {
        return match DAY_OF_WEEK.value(day) {
            Some(day) => Ok(Days::LastOfWeek(day)),
            None => Err(DAY_OF_WEEK.bad(text, "L follows one day of the week, and cannot be in a list")),
        };
    }
    if !text.contains('#') {
        return Ok(Days::OfWeek(DAY_OF_WEEK.set(text)?));
    }
    let (mut smallest, mut nth) = (DAY_OF_WEEK.max, None);
    for part in text.split(',') {
        let first = match part.split_once('#') {
            Some((day, count)) => {
                let count = number(count)
                    .filter(|count| (1..=5).contains(count))
                    .ok_or_else(|| DAY_OF_WEEK.bad(part, "a number from 1 to 5 follows #"))?;
                if nth.replace(count).is_some() {
                    return Err(DAY_OF_WEEK.bad(text, "only one # is possible"));
                }
                DAY_OF_WEEK
                    .value(day)
                    .ok_or_else(|| DAY_OF_WEEK.bad(part, "# follows one day of the week"))?
            }
            None => DAY_OF_WEEK.values(part)?.into_iter().min().unwrap_or(smallest),
        };
        smallest = smallest.min(first);
    }
    nth.map(|nth| Days::NthOfWeek { day: smallest, nth })
        .ok_or_else(|| DAY_OF_WEEK.bad(text, "# follows one day of the week"))
}

fn years(text: &str) -> Result<Years, CronError> {
    if text == "*" {
        return Ok(Years::All);
    }
    let mut years = Vec::new();
    for part in text.split(',') {
        years.extend(
            YEAR.values(part)?
                .into_iter()
                .filter_map(|year| i32::try_from(year).ok()),
        );
    }
    years.sort_unstable();
    years.dedup();
    Ok(Years::Some(years))
}

impl Field {
    /// Bits of a list.
    fn set(&self, text: &str) -> Result<u64, CronError> {
        let mut set = 0;
        for part in text.split(',') {
            set |= self
                .values(part)?
                .into_iter()
                .fold(0, |set, value| set | 1 << value);
        }
        Ok(set)
    }

    /// `*`, `a`, `a-b`, each with `/n` if wanted. A step after a name is ignored, as in Quartz.
    fn values(&self, part: &str) -> Result<Vec<u32>, CronError> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(self.step(part, step)?)),
            None => (part, None),
        };
        let named = starts_with_letter(range);
        let step = step.filter(|_| !named);
        let value = |text: &str| {
            self.value(text)
                .ok_or_else(|| self.bad(part, "not a value of this field"))
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" || range.is_empty() && step.is_some() => (self.min, self.max),
            Some((_, to)) if named != starts_with_letter(to) => {
                return Err(self.bad(part, "a range has two names or two numbers"));
            }
            Some((from, to)) => (value(from)?, value(to)?),
            None if step.is_some() => (value(range)?, self.max),
            None => (value(range)?, value(range)?),
        };
        self.between(from, to, step.unwrap_or(1))
            .ok_or_else(|| self.bad(part, "the range runs backwards"))
    }

    /// From one value to the other, on past the largest to the smallest if need be; years do not wrap.
    fn between(&self, from: u32, to: u32, step: u32) -> Option<Vec<u32>> {
        let size = self.max - self.min + 1;
        let end = match to {
            to if to >= from => to,
            _ if self.max == YEAR_MAX => return None,
            to => to + size,
        };
        let step = usize::try_from(step).ok()?;
        Some(
            (from..=end)
                .step_by(step)
                .map(|value| if value > self.max { value - size } else { value })
                .collect(),
        )
    }

    fn step(&self, part: &str, text: &str) -> Result<u32, CronError> {
        number(text)
            .filter(|step| (1..=self.max).contains(step))
            .ok_or_else(|| {
                self.bad(
                    part,
                    "the step is a number from 1 to the largest value of the field",
                )
            })
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| *name == text);
        let value = match named {
            Some(index) => self.min + u32::try_from(index).ok()?,
            None => number(text)?,
        };
        (self.min..=self.max).contains(&value).then_some(value)
    }

    fn bad(&self, part: &str, reason: &'static str) -> CronError {
        CronError::Field {
            field: self.name,
            part: part.chars().take(64).collect(),
            reason,
        }
    }
}

fn starts_with_letter(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_ascii_alphabetic())
}

/// Digits only, and not more than a `u32` of them.
fn number(text: &str) -> Option<u32> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())
        .flatten()
}
