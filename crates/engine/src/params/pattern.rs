//! Formats of dates: the pattern letters of `java.time.format.DateTimeFormatter`, in English, weeks beginning on Sunday.
//!
//! `None` where Java refuses the pattern, or where it asks for something a date without a zone does not have.

use super::limits::EXPRESSION_LEN_MAX;
use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, Timelike};

/// The date in the given pattern.
#[must_use]
pub fn format(pattern: &str, at: NaiveDateTime) -> Option<String> {
    if pattern.len() > EXPRESSION_LEN_MAX {
        return None;
    }
    let letters: Vec<char> = pattern.chars().collect();
    let mut output = Output::default();
    let mut index = 0;
    while let Some(letter) = letters.get(index).copied() {
        index += match letter {
            'A'..='Z' | 'a'..='z' => push_field(&letters[index..], at, &mut output)?,
            '\'' => push_quoted(&letters[index..], &mut output)?,
            '[' => output.open(),
            ']' => output.close()?,
            '{' | '}' | '#' => return None,
            other => output.push(&other.to_string()),
        };
    }
    output.finish()
}

/// The text so far, with the optional sections that are open. A section with a field that cannot be had is left out.
struct Output {
    sections: Vec<Option<String>>,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            sections: vec![Some(String::new())],
        }
    }
}

impl Output {
    fn push(&mut self, text: &str) -> usize {
        if let Some(Some(section)) = self.sections.last_mut() {
            section.push_str(text);
        }
        1
    }

    fn fail(&mut self) {
        if let Some(section) = self.sections.last_mut() {
            *section = None;
        }
    }

    fn open(&mut self) -> usize {
        self.sections.push(Some(String::new()));
        1
    }

    fn close(&mut self) -> Option<usize> {
        if self.sections.len() < 2 {
            return None;
        }
        if let Some(text) = self.sections.pop().flatten() {
            self.push(&text);
        }
        Some(1)
    }

    fn finish(mut self) -> Option<String> {
        while self.sections.len() > 1 {
            self.close()?;
        }
        self.sections.pop().flatten()
    }
}

/// `'text'`, with `''` for a quote inside; `''` alone is a quote. Returns the letters used.
fn push_quoted(letters: &[char], output: &mut Output) -> Option<usize> {
    let mut text = String::new();
    let mut index = 1;
    loop {
        match (letters.get(index)?, letters.get(index + 1)) {
            ('\'', Some('\'')) => {
                text.push('\'');
                index += 2;
            }
            ('\'', _) => break,
            (other, _) => {
                text.push(*other);
                index += 1;
            }
        }
    }
    output.push(if text.is_empty() { "'" } else { &text });
    Some(index + 1)
}

/// A run of one letter; `p` in front of it pads it with blanks. Returns the letters used.
fn push_field(letters: &[char], at: NaiveDateTime, output: &mut Output) -> Option<usize> {
    let (first, count) = run(letters)?;
    if first != 'p' {
        push_or_fail(field(first, count, at)?, output);
        return Some(count);
    }
    let (letter, inner_count) = run(&letters[count..])?;
    if !letter.is_ascii_alphabetic() || letter == 'p' {
        return None;
    }
    let padded = match field(letter, inner_count, at)? {
        Rendered::Text(text) if text.chars().count() <= count => Rendered::Text(format!("{text:>count$}")),
        Rendered::Text(_) | Rendered::Absent => Rendered::Absent,
    };
    push_or_fail(padded, output);
    Some(count + inner_count)
}

fn push_or_fail(rendered: Rendered, output: &mut Output) {
    match rendered {
        Rendered::Text(text) => {
            output.push(&text);
        }
        Rendered::Absent => output.fail(),
    }
}

fn run(letters: &[char]) -> Option<(char, usize)> {
    let first = *letters.first()?;
    Some((
        first,
        letters.iter().take_while(|letter| **letter == first).count(),
    ))
}

enum Rendered {
    Text(String),
    /// A valid field that a date and time without a zone does not have.
    Absent,
}

/// One field; `None`: no such letter, or not with that count.
fn field(letter: char, count: usize, at: NaiveDateTime) -> Option<Rendered> {
    let text = match letter {
        'u' => year(i64::from(at.year()), count)?,
        'y' => year(year_of_era(at), count)?,
        'Y' => year(i64::from(week_based(at.date())?.0), count)?,
        'G' => named(
            count,
            ["AD", "Anno Domini", "A"],
            ["BC", "Before Christ", "B"],
            at.year() > 0,
        )?,
        'M' | 'L' => month(count, at)?,
        'Q' | 'q' => quarter(count, at)?,
        'E' => weekday_name(count.max(3), at)?,
        'e' | 'c' => weekday(letter, count, at)?,
        'D' => number(at.ordinal(), count, 3)?,
        'd' => number(at.day(), count, 2)?,
        'H' => number(at.hour(), count, 2)?,
        'k' => number(if at.hour() == 0 { 24 } else { at.hour() }, count, 2)?,
        'K' => number(at.hour() % 12, count, 2)?,
        'h' => number(at.hour12().1, count, 2)?,
        'm' => number(at.minute(), count, 2)?,
        's' => number(at.second(), count, 2)?,
        'w' => number(week_based(at.date())?.1, count, 2)?,
        'W' => number(week_of_month(at.date())?, count, 1)?,
        'F' => number((at.day() - 1) % 7 + 1, count, 1)?,
        'a' if count == 1 => (if at.hour() < 12 { "AM" } else { "PM" }).to_owned(),
        'S' if count <= 9 => format!("{:09}", nanos(at))[..count].to_owned(),
        'A' => wide(
            u64::from(at.num_seconds_from_midnight()) * 1_000 + u64::from(nanos(at)) / 1_000_000,
            count,
        )?,
        'n' => wide(u64::from(nanos(at)), count)?,
        'N' => wide(
            u64::from(at.num_seconds_from_midnight()) * 1_000_000_000 + u64::from(nanos(at)),
            count,
        )?,
        'V' | 'z' | 'O' | 'X' | 'x' | 'Z' => return Some(Rendered::Absent),
        _ => return None,
    };
    Some(Rendered::Text(text))
}

/// A leap second is the last of its minute's.
fn nanos(at: NaiveDateTime) -> u32 {
    at.nanosecond().min(999_999_999)
}

fn number(value: u32, count: usize, count_max: usize) -> Option<String> {
    (count <= count_max).then(|| format!("{value:0count$}"))
}

/// Days and nanoseconds come in any width up to 19 digits.
fn wide(value: u64, count: usize) -> Option<String> {
    (count <= 19).then(|| format!("{value:0count$}"))
}

/// Two letters give the last two digits; from four letters on a longer year gets a sign.
fn year(value: i64, count: usize) -> Option<String> {
    let digits = value.unsigned_abs();
    let sign = match value {
        ..0 => "-",
        _ if count >= 4 && digits.to_string().len() > count => "+",
        _ => "",
    };
    match count {
        2 => Some(format!("{:02}", digits % 100)),
        1..=19 => Some(format!("{sign}{digits:0count$}")),
        _ => None,
    }
}

fn year_of_era(at: NaiveDateTime) -> i64 {
    let year = i64::from(at.year());
    if year > 0 { year } else { 1 - year }
}

fn named(count: usize, yes: [&str; 3], no: [&str; 3], choice: bool) -> Option<String> {
    let names = if choice { yes } else { no };
    let name = match count {
        1..=3 => names[0],
        4 => names[1],
        5 => names[2],
        _ => return None,
    };
    Some(name.to_owned())
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

fn month(count: usize, at: NaiveDateTime) -> Option<String> {
    match count {
        1 | 2 => number(at.month(), count, 2),
        _ => cut(MONTHS.get(at.month0() as usize)?, count),
    }
}

fn quarter(count: usize, at: NaiveDateTime) -> Option<String> {
    let quarter = at.month0() / 3 + 1;
    let long = ["1st quarter", "2nd quarter", "3rd quarter", "4th quarter"];
    match count {
        1 | 2 => number(quarter, count, 2),
        3 => Some(format!("Q{quarter}")),
        4 => Some((*long.get(quarter as usize - 1)?).to_owned()),
        5 => Some(quarter.to_string()),
        _ => None,
    }
}

fn weekday(letter: char, count: usize, at: NaiveDateTime) -> Option<String> {
    match (letter, count) {
        (_, 1) | ('e', 2) => number(at.weekday().number_from_sunday(), count, 2),
        (_, 2) => None,
        _ => weekday_name(count, at),
    }
}

fn weekday_name(count: usize, at: NaiveDateTime) -> Option<String> {
    cut(WEEKDAYS.get(at.weekday().num_days_from_sunday() as usize)?, count)
}

/// Three letters: the short name; four: the whole; five: the first letter.
fn cut(name: &str, count: usize) -> Option<String> {
    match count {
        3 => name.get(..3).map(str::to_owned),
        4 => Some(name.to_owned()),
        5 => name.get(..1).map(str::to_owned),
        _ => None,
    }
}

/// Year and week where weeks begin on Sunday and the week of 1 January is the first: a week belongs to the year of its
/// Saturday.
fn week_based(date: NaiveDate) -> Option<(i32, u32)> {
    let to_saturday = 6 - u64::from(date.weekday().num_days_from_sunday());
    let saturday = date.checked_add_days(Days::new(to_saturday))?;
    Some((saturday.year(), saturday.ordinal0() / 7 + 1))
}

fn week_of_month(date: NaiveDate) -> Option<u32> {
    Some((date.day0() + date.with_day(1)?.weekday().num_days_from_sunday()) / 7 + 1)
}
