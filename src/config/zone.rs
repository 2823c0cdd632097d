//! Time zones by the names Java knows: IANA names, and fixed offsets like `GMT+08:00`.

use chrono_tz::Tz;

/// Java's three-letter names that are not IANA's (`ZoneId.SHORT_IDS`, as far as they are not ambiguous to operators).
const SHORT_NAMES: [(&str, &str); 6] = [
    ("Z", "UTC"),
    ("CTT", "Asia/Shanghai"),
    ("JST", "Asia/Tokyo"),
    ("PST", "America/Los_Angeles"),
    ("IST", "Asia/Kolkata"),
    ("ECT", "Europe/Paris"),
];

pub(crate) fn parse(name: &str) -> Option<Tz> {
    let name = name.trim();
    let long = SHORT_NAMES
        .into_iter()
        .find_map(|(short, long)| (short == name).then_some(long));
    long.unwrap_or(name)
        .parse()
        .ok()
        .or_else(|| whole_hour_offset(name))
}

/// `GMT+8`, `UTC+08:00`, `+08:00`. The names of the fixed zones have the opposite sign: `Etc/GMT-8` is eight hours ahead of UTC.
/// Offsets with minutes have no such name and are refused.
fn whole_hour_offset(name: &str) -> Option<Tz> {
    let offset = ["GMT", "UTC", "UT"]
        .into_iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .unwrap_or(name);
    let (opposite, digits) = match offset.split_at_checked(1)? {
        ("+", digits) => ('-', digits),
        ("-", digits) => ('+', digits),
        _ => return None,
    };
    let hours = match digits.split_once(':') {
        Some((hours, "00")) => hours,
        Some(_) => return None,
        None if digits.len() == 4 => digits.strip_suffix("00")?,
        None => digits,
    };
    match hours.parse::<u8>().ok()? {
        0 => Some(Tz::UTC),
        hours => format!("Etc/GMT{opposite}{hours}").parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_java_are_understood() {
        let cases = [
            ("UTC", Some(Tz::UTC)),
            ("Asia/Shanghai", Some(Tz::Asia__Shanghai)),
            ("GMT+8", Some(Tz::Etc__GMTMinus8)),
            ("GMT+08:00", Some(Tz::Etc__GMTMinus8)),
            ("UTC-03:00", Some(Tz::Etc__GMTPlus3)),
            ("+0800", Some(Tz::Etc__GMTMinus8)),
            ("GMT+00:00", Some(Tz::UTC)),
            ("GMT+05:30", None),
            ("GMT+99", None),
            ("${SPRING_JACKSON_TIME_ZONE}", None),
            ("Middle/Earth", None),
            ("", None),
            ("é", None),
        ];
        for (name, zone) in cases {
            assert_eq!(parse(name), zone, "{name}");
        }
    }
}
