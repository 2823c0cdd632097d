//! Durations as Spring reads them: `10s`, `5m`, `250ms`, `0d`, ISO `PT1M30S`; a bare number counts milliseconds.
//!
//! Negative durations are refused: no setting has a use for one.

use std::time::Duration;

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// Units, largest first, in nanoseconds.
const UNITS: [(&str, u128); 7] = [
    ("d", 86_400 * NANOS_PER_SECOND),
    ("h", 3_600 * NANOS_PER_SECOND),
    ("m", 60 * NANOS_PER_SECOND),
    ("s", NANOS_PER_SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim().trim_start_matches('+');
    if text.starts_with(['P', 'p']) {
        parse_iso(text)
    } else {
        parse_simple(text)
    }
}

/// The shortest way to write it with one unit.
pub(crate) fn show(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    let (unit, size) = UNITS
        .into_iter()
        .find(|(_, size)| nanos.is_multiple_of(*size))
        .unwrap_or(("ns", 1));
    format!("{}{unit}", nanos / size)
}

fn parse_simple(text: &str) -> Option<Duration> {
    let digits = text.len()
        - text
            .trim_start_matches(|letter: char| letter.is_ascii_digit())
            .len();
    let (number, unit) = text.split_at(digits);
    let unit = if unit.is_empty() { "ms" } else { unit };
    let (_, size) = UNITS
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    from_nanos(number.parse::<u128>().ok()?.checked_mul(size)?)
}

/// `P[nD][T[nH][nM][n.nS]]`
fn parse_iso(text: &str) -> Option<Duration> {
    let text = text.to_ascii_uppercase();
    let (days, time) = text.strip_prefix('P')?.split_once('T').map_or_else(
        || (text.trim_start_matches('P'), None),
        |(days, time)| (days, Some(time)),
    );
    let mut nanos: u128 = 0;
    let mut parts = 0;
    if !days.is_empty() {
        nanos = days
            .strip_suffix('D')?
            .parse::<u128>()
            .ok()?
            .checked_mul(UNITS[0].1)?;
        parts += 1;
    }
    let mut rest = time.unwrap_or_default();
    for (letter, size) in [('H', UNITS[1].1), ('M', UNITS[2].1)] {
        if let Some((number, after)) = rest.split_once(letter) {
            nanos = nanos.checked_add(number.parse::<u128>().ok()?.checked_mul(size)?)?;
            rest = after;
            parts += 1;
        }
    }
    if !rest.is_empty() {
        nanos = nanos.checked_add(seconds_in_nanos(rest.strip_suffix('S')?)?)?;
        parts += 1;
    }
    if parts == 0 { None } else { from_nanos(nanos) }
}

fn seconds_in_nanos(text: &str) -> Option<u128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: u128 = format!("{fraction:0<9}").parse().ok()?;
    whole
        .parse::<u128>()
        .ok()?
        .checked_mul(NANOS_PER_SECOND)?
        .checked_add(fraction)
}

/// Beyond this many nanoseconds (292 years) arithmetic on points in time would overflow.
fn from_nanos(nanos: u128) -> Option<Duration> {
    i64::try_from(nanos)
        .ok()
        .map(|nanos| Duration::from_nanos(nanos.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spring_forms_are_read() {
        let cases = [
            ("10s", Some(10_000)),
            ("5m", Some(300_000)),
            ("1H", Some(3_600_000)),
            ("0d", Some(0)),
            ("250ms", Some(250)),
            ("1500", Some(1_500)),
            ("+2s", Some(2_000)),
            ("PT10S", Some(10_000)),
            ("pt1m30.5s", Some(90_500)),
            ("P1DT2H", Some(93_600_000)),
            ("P2D", Some(172_800_000)),
            ("", None),
            ("s", None),
            ("-1s", None),
            ("PT-1S", None),
            ("P", None),
            ("PT", None),
            ("PT1S2M", None),
            ("10 s", None),
            ("10sec", None),
            ("1.5s", None),
            ("99999999999999999999d", None),
            ("300000d", None),
            ("PTé", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text), expected.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn what_is_shown_reads_back() {
        for text in [
            "0s", "10s", "5m", "250ms", "1d", "90s", "1500ms", "7us", "3ns", "25h",
        ] {
            let duration = parse(text);
            assert_eq!(duration.map(show).as_deref(), Some(text));
        }
    }
}
