//! `$[...]`: what a time expression says at a moment (`TimePlaceholderUtils.formatTimeExpression`).
//!
//! `None` means that the text is no time expression; the caller leaves it as it is.

use super::arithmetic::calculate;
use super::calendar::{
    add_days, add_minutes, add_months, add_weeks, first_day_of_month, last_day_of_month, monday,
    parse_date_time, sunday, year_and_week,
};
use super::pattern;
use crate::time::{MILLIS_PER_SECOND, Millis};
use crate::zone::Zone;
use chrono::Weekday;

/// The text of an expression, the part between `$[` and `]`.
#[must_use]
pub fn evaluate(expression: &str, base: Millis, zone: &Zone) -> Option<String> {
    if expression.is_empty() {
        return None;
    }
    if expression.starts_with("timestamp") {
        return unix_seconds(argument_text(expression, "timestamp")?, base, zone);
    }
    if expression.starts_with("year_week") {
        return year_week(argument_text(expression, "year_week")?, base, zone);
    }
    date_text(expression, base, zone)
}

/// A function on dates: the day it means, from the base and its argument.
type Day = fn(Millis, i32, &Zone) -> Option<Millis>;

enum Arguments {
    /// `(format,n)`, both needed.
    Two,
    /// `(format)` or `(format,n)`.
    OneOrTwo,
    /// `(format)`; the whole text between the parentheses is the format.
    One,
}

/// Chosen by how the expression begins, in this order; no name is the beginning of another.
const FUNCTIONS: [(&str, Arguments, Day); 11] = [
    ("add_months", Arguments::Two, add_months),
    ("month_begin", Arguments::Two, |at, days, zone| {
        add_days(first_day_of_month(at, zone)?, days, zone)
    }),
    ("month_end", Arguments::Two, |at, days, zone| {
        add_days(last_day_of_month(at, zone)?, days, zone)
    }),
    ("week_begin", Arguments::Two, |at, days, zone| {
        add_days(monday(at, zone)?, days, zone)
    }),
    ("week_end", Arguments::Two, |at, days, zone| {
        add_days(sunday(at, zone)?, days, zone)
    }),
    ("month_first_day", Arguments::OneOrTwo, |at, months, zone| {
        add_months(first_day_of_month(at, zone)?, months, zone)
    }),
    ("month_last_day", Arguments::OneOrTwo, |at, months, zone| {
        last_day_of_month(add_months(at, months, zone)?, zone)
    }),
    ("this_day", Arguments::One, |at, _, _| Some(at)),
    ("last_day", Arguments::One, |at, _, zone| add_days(at, -1, zone)),
    ("week_first_day", Arguments::OneOrTwo, |at, weeks, zone| {
        add_weeks(monday(at, zone)?, weeks, zone)
    }),
    ("week_last_day", Arguments::OneOrTwo, |at, weeks, zone| {
        add_weeks(sunday(at, zone)?, weeks, zone)
    }),
];

/// Everything that ends in a format applied to a moment.
fn date_text(expression: &str, base: Millis, zone: &Zone) -> Option<String> {
    let function = FUNCTIONS.iter().find(|(name, _, _)| expression.starts_with(name));
    let (at, format) = match function {
        None => shifted_format(expression, base)?,
        Some((name, arguments, day)) => {
            let (format, number) = arguments.split(argument_text(expression, name)?)?;
            (day(base, number, zone)?, format)
        }
    };
    pattern::format(format, zone.local(at)?)
}

impl Arguments {
    fn split<'a>(&self, text: &'a str) -> Option<(&'a str, i32)> {
        let parts = java_split(text);
        match self {
            Self::One => Some((text, 0)),
            Self::OneOrTwo if !text.contains(',') => Some((text, 0)),
            Self::Two if parts.len() != 2 => None,
            Self::OneOrTwo | Self::Two => Some((parts.first()?, calculate(parts.get(1)?)?)),
        }
    }
}

/// `format+n` and `format-n`. Only the last sign of its kind counts, and a `+` anywhere rules the `-` out.
fn shifted_format(expression: &str, base: Millis) -> Option<(Millis, &str)> {
    let (sign, index) = match (expression.rfind('+'), expression.rfind('-')) {
        (Some(index), _) => (1, index),
        (None, Some(index)) => (-1, index),
        (None, None) => return Some((base, expression)),
    };
    let offset = &expression[index + 1..];
    if !offset.chars().next()?.is_ascii_digit() {
        return Some((base, expression));
    }
    let minutes = sign * i64::from(offset_minutes(offset)?);
    Some((
        add_minutes(base, i32::try_from(minutes).ok()?)?,
        &expression[..index],
    ))
}

/// `n` days; with `/24` after it hours, with `/24/60` minutes.
fn offset_minutes(offset: &str) -> Option<i32> {
    let (number, divisors) = offset
        .find('/')
        .map_or((offset, ""), |index| offset.split_at(index));
    calculate(&format!("60*24*({number}){divisors}"))
}

/// Seconds since 1970 of an inner expression that comes out as a complete yyyyMMddHHmmss.
fn unix_seconds(inner: &str, base: Millis, zone: &Zone) -> Option<String> {
    let local = parse_date_time(&date_text(inner, base, zone)?)?;
    Some((zone.instant(local)?.0 / MILLIS_PER_SECOND).to_string())
}

/// Year and week; the optional second argument is the day that weeks begin with, 1 for Monday (the default) to 7.
fn year_week(text: &str, base: Millis, zone: &Zone) -> Option<String> {
    let (format, first_day) = Arguments::OneOrTwo.split(text)?;
    let first_day = match first_day {
        2 => Weekday::Tue,
        3 => Weekday::Wed,
        4 => Weekday::Thu,
        5 => Weekday::Fri,
        6 => Weekday::Sat,
        7 => Weekday::Sun,
        _ => Weekday::Mon,
    };
    let (year, week) = year_and_week(zone.local(base)?.date(), first_day)?;
    let separator = if format.contains('-') { "-" } else { "" };
    Some(format!("{year}{separator}{week:02}"))
}

/// What stands between the character after the name and the last one, whatever the two are.
fn argument_text<'a>(expression: &'a str, name: &str) -> Option<&'a str> {
    let mut inner = expression[name.len()..].chars();
    inner.next()?;
    inner.next_back()?;
    Some(inner.as_str())
}

/// Split at commas, without empty parts at the end.
fn java_split(text: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = text.split(',').collect();
    while parts.len() > 1 && parts.last().is_some_and(|last| last.is_empty()) {
        parts.pop();
    }
    parts
}
