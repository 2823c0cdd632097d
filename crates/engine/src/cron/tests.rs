//! Times recorded from Quartz 2.3.2.

use super::Cron;
use crate::time::Millis;
use crate::zone::Zone;
use chrono::NaiveDateTime;

const FORMAT: &str = "%Y-%m-%d %H:%M:%S";

/// The next times as wall times, with the offset in hours where it is not that of UTC.
fn next(expression: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let zone = Zone::parse(zone).unwrap();
    let cron = Cron::parse(expression).unwrap();
    let mut at = zone
        .instant(NaiveDateTime::parse_from_str(after, FORMAT).unwrap())
        .unwrap();
    let mut times = Vec::new();
    while let Some(time) = (times.len() < count)
        .then(|| cron.next_after(at, &zone))
        .flatten()
    {
        assert!(time > at, "{expression}");
        let offset = zone.offset_seconds(time).unwrap() / 3_600;
        let suffix = if offset == 0 {
            String::new()
        } else {
            format!(" {offset}")
        };
        times.push(format!("{}{suffix}", zone.local(time).unwrap().format(FORMAT)));
        at = time;
    }
    times
}

/// Days of 2024 on which a noon expression fires.
fn days(expression: &str, after: &str, expected: &[&str]) {
    let expected: Vec<String> = expected
        .iter()
        .map(|day| format!("2024-{day} 12:00:00"))
        .collect();
    assert_eq!(
        next(
            expression,
            "UTC",
            &format!("2024-{after} 00:00:00"),
            expected.len()
        ),
        expected,
        "{expression}"
    );
}

#[test]
fn days_of_the_month() {
    days("0 0 12 L * ?", "01-30", &["01-31", "02-29", "03-31"]);
    days("0 0 12 L-3 * ?", "01-01", &["01-28", "02-26", "03-28"]);
    days(
        "0 0 12 LW * ?",
        "01-01",
        &["01-31", "02-29", "03-29", "04-30", "05-31", "06-28"],
    );
    days(
        "0 0 12 L-3W * ?",
        "01-01",
        &["01-29", "02-26", "03-28", "04-26", "05-28", "06-27"],
    );
    days(
        "0 0 12 L-30 * ?",
        "01-02",
        &["03-01", "05-01", "07-01", "08-01", "10-01", "12-01"],
    );
    days("0 0 12 15W * ?", "05-16", &["06-14", "07-15"]);
    days("0 0 12 1W * ?", "05-02", &["06-03"]);
    days("0 0 12 31W * ?", "02-01", &["03-29", "05-31", "07-31", "08-30"]);
    days(
        "0 0 12 15W,1 * ?",
        "01-02",
        &["02-01", "03-01", "04-01", "05-01", "06-03"],
    );
    days(
        "0 0 12 */5 * ?",
        "01-02",
        &["01-06", "01-11", "01-16", "01-21", "01-26", "01-31", "02-01"],
    );
    days(
        "0 0 12 28-3 * ?",
        "01-02",
        &["01-02", "01-03", "01-28", "01-29", "01-30", "01-31", "02-01"],
    );
    days(
        "0 0 12 1 NOV-FEB ?",
        "01-01",
        &["01-01", "02-01", "11-01", "12-01"],
    );
    days("0 0 12 1 1/3 ?", "01-02", &["04-01", "07-01", "10-01"]);
}

#[test]
fn days_of_the_week() {
    days("0 0 12 ? * 6L", "01-01", &["01-26", "02-23", "03-29"]);
    days("0 0 12 ? * monl", "01-02", &["01-29", "02-26", "03-25"]);
    days("0 0 12 ? * L", "01-01", &["01-06", "01-13"]);
    days("0 0 12 ? * MON#5", "01-01", &["01-29", "04-29", "07-29"]);
    days("0 0 12 ? * FRI,MON#1", "01-02", &["02-05", "03-04", "04-01"]);
    days(
        "0 0 12 ? * MON-FRI/2",
        "01-02",
        &["01-02", "01-03", "01-04", "01-05", "01-08"],
    );
    days("0 0 12 ? * MON/2", "01-02", &["01-08", "01-15"]);
    days("0 0 12 ? * 1-7/3", "01-02", &["01-03", "01-06", "01-07", "01-10"]);
    days(
        "0 0 12 ? * FRI-MON",
        "01-02",
        &["01-05", "01-06", "01-07", "01-08", "01-12"],
    );
}

#[test]
fn times_of_day_and_years() {
    let hours: Vec<String> = ["01 01", "01 02", "01 22", "01 23", "02 00"]
        .iter()
        .map(|at| format!("2024-01-{at}:00:00"))
        .collect();
    assert_eq!(next("0 0 22-2 * * ?", "UTC", "2024-01-01 00:00:00", 5), hours);
    assert_eq!(
        next("50-10/7 59 23 31 12 ?", "UTC", "2024-01-01 00:00:00", 3),
        [
            "2024-12-31 23:59:04",
            "2024-12-31 23:59:50",
            "2024-12-31 23:59:57"
        ]
    );
    assert_eq!(
        next("*/20 5/30 8 1 1 ? 2023/2", "UTC", "2024-01-01 00:00:00", 4),
        [
            "2025-01-01 08:05:00",
            "2025-01-01 08:05:20",
            "2025-01-01 08:05:40",
            "2025-01-01 08:35:00"
        ]
    );
    assert_eq!(
        next(
            "0 0 0 1 1 ? 2024,2026-2027 and more",
            "UTC",
            "2024-01-01 00:00:00",
            9
        ),
        ["2026-01-01 00:00:00", "2027-01-01 00:00:00"]
    );
    assert_eq!(
        next("0 0 0 30 2 ?", "UTC", "2024-01-01 00:00:00", 1),
        Vec::<String>::new()
    );
    assert_eq!(
        next("0 0 0 ? 2 SUN#5", "UTC", "2024-03-01 00:00:00", 1),
        ["2032-02-29 00:00:00"]
    );
    assert_eq!(
        next("0 0 0 * * ?", "Asia/Shanghai", "2024-01-01 00:00:00", 1),
        ["2024-01-02 00:00:00 8"]
    );
}

#[test]
fn a_fraction_of_a_second_is_cut() {
    let cron = Cron::parse("* * * * * ?").unwrap();
    assert_eq!(cron.next_after(Millis(1_999), &Zone::UTC), Some(Millis(2_000)));
    assert_eq!(cron.next_after(Millis(2_000), &Zone::UTC), Some(Millis(3_000)));
    assert_eq!(cron.next_after(Millis(-1), &Zone::UTC), Some(Millis(0)));
    assert_eq!(cron.next_after(Millis(i64::MAX), &Zone::UTC), None);
}

#[test]
fn clock_changes() {
    let new_york = |expression, after, count| next(expression, "America/New_York", after, count);
    assert_eq!(
        new_york("0 30 2 * * ?", "2024-03-09 12:00:00", 1),
        ["2024-03-11 02:30:00 -4"]
    );
    assert_eq!(
        new_york("0 30 1 * * ?", "2024-11-02 12:00:00", 2),
        ["2024-11-03 01:30:00 -5", "2024-11-04 01:30:00 -5"]
    );
    assert_eq!(
        new_york("0 0/30 * * * ?", "2024-11-03 00:40:00", 3),
        [
            "2024-11-03 01:00:00 -5",
            "2024-11-03 01:30:00 -5",
            "2024-11-03 02:00:00 -5"
        ]
    );
    assert_eq!(
        new_york("0 0/30 * * * ?", "2024-03-10 01:10:00", 2),
        ["2024-03-10 01:30:00 -5", "2024-03-10 03:00:00 -4"]
    );
}

#[test]
fn what_is_no_expression_is_refused_with_its_field() {
    for (expression, message) in [
        ("* * * * * *", "exactly one of"),
        ("0 0 0 ? * ?", "exactly one of"),
        ("0 0 0 1 * 2", "exactly one of"),
        (
            "0 0/70 * * * ?",
            "cron field minute has the bad part \"0/70\": the step",
        ),
        ("0 0 0 ? * 0", "cron field day-of-week"),
        (
            "0 0 24 * * ?",
            "cron field hour has the bad part \"24\": not a value",
        ),
        ("0 0 0 1,L * ?", "cron field day-of-month"),
        ("0 0 0 L,1 * ?", "cron field day-of-month"),
        (
            "0 0 0 ? * 2#1,6#3",
            "cron field day-of-week has the bad part \"2#1,6#3\": only one #",
        ),
        ("0 0 0 ? * 2#6", "cron field day-of-week"),
        ("0 0 0 ? * 2L,3", "cron field day-of-week"),
        ("0 0 0 L-31 * ?", "cron field day-of-month"),
        ("0 0 0 32W * ?", "cron field day-of-month"),
        (
            "0 0 0 1 1 ? 2024-2020",
            "cron field year has the bad part \"2024-2020\": the range runs backwards",
        ),
        ("0 0 0 1 1 ? 1969", "cron field year"),
        ("0 0 0 1 1 ? ?", "cron field year"),
        ("? 0 0 1 * ?", "cron field second"),
        ("0,, 0 0 1 * ?", "cron field second"),
        ("5x 0 0 1 * ?", "cron field second"),
        ("1-2-3 0 0 1 * ?", "cron field second"),
        ("0/0 0 0 1 * ?", "cron field second"),
        (
            "0 0 0 1 MAY-7 ?",
            "cron field month has the bad part \"MAY-7\": a range has two names",
        ),
        ("0 0 0 ? * 2-FRI", "cron field day-of-week"),
        ("/ 0 0 1 * ?", "cron field second"),
        ("+5 0 0 1 * ?", "cron field second"),
        ("99999999999 0 0 1 * ?", "cron field second"),
        ("@daily", "a cron expression has 6 or 7 fields"),
        ("0 0 0 1 *", "a cron expression has 6 or 7 fields"),
        ("", "a cron expression has 6 or 7 fields"),
    ] {
        let error = Cron::parse(expression).unwrap_err().to_string();
        assert!(error.starts_with(message), "{expression}: {error}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_answered(text in "[-*/,?LW#0-9A-Z ]{0,30}", millis: i64) {
        if let Ok(cron) = Cron::parse(&text) {
            let _ = cron.next_after(Millis(millis), &Zone::UTC);
        }
    }

    /// The next time matches, and no second between matches.
    #[test]
    fn nothing_is_passed_over(second in 0..60_u32, minute in 0..60_u32, hour in 0..24_u32, step in 1..60_u32, after in 0..2_000_000_000_i64) {
        let cron = Cron::parse(&format!("{second} {minute}/{step} {hour} * * ?")).unwrap();
        let next = cron.next_after(Millis(after * 1_000), &Zone::UTC).unwrap().0 / 1_000;
        let matches = |at: i64| {
            let (of_hour, of_day) = ((at / 60) % 60, (at / 3_600) % 24);
            at % 60 == i64::from(second)
                && of_day == i64::from(hour)
                && of_hour >= i64::from(minute)
                && (of_hour - i64::from(minute)) % i64::from(step) == 0
        };
        proptest::prop_assert!(matches(next) && next > after);
        proptest::prop_assert_eq!((after + 1..next).find(|at| matches(*at)), None);
    }
}
