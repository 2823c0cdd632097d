use super::BASE;
use crate::params::evaluate_time_expression;
use crate::time::Millis;
use crate::zone::Zone;

fn text(expression: &str, base: Millis, zone: &str) -> String {
    let zone = Zone::parse(zone).unwrap();
    evaluate_time_expression(expression, base, &zone).unwrap_or_else(|| "unchanged".to_owned())
}

fn check(table: &[(&str, &str)]) {
    for (expression, expected) in table {
        assert_eq!(text(expression, BASE, "UTC"), *expected, "{expression}");
    }
}

#[test]
fn documented_expressions() {
    check(&[
        ("yyyyMMdd", "20220826"),
        ("yyyyMMdd+1", "20220827"),
        ("yyyyMMdd-1", "20220825"),
        ("yyyyMMdd+7*2", "20220909"),
        ("yyyyMMddHHmmss-1/24", "20220826120507"),
        ("HHmmss+1/24/60", "130607"),
        ("yyyy-MM-dd-1", "2022-08-25"),
        ("this_day(yyyy-MM-dd)", "2022-08-26"),
        ("last_day(yyyy-MM-dd)", "2022-08-25"),
        ("add_months(yyyyMMdd,-1)", "20220726"),
        ("add_months(yyyyMMdd,12*1)", "20230826"),
        ("month_begin(yyyyMMdd,1)", "20220802"),
        ("month_begin(yyyyMMdd,-1)", "20220731"),
        ("month_end(yyyyMMdd,-1)", "20220830"),
        ("month_end(yyyyMMdd,0)", "20220831"),
        ("week_begin(yyyyMMdd,1)", "20220823"),
        ("week_end(yyyyMMdd,-1)", "20220827"),
        ("month_first_day(yyyy-MM-dd,-1)", "2022-07-01"),
        ("month_first_day(yyyyMMdd)", "20220801"),
        ("month_last_day(yyyy-MM-dd,-1)", "2022-07-31"),
        ("week_first_day(yyyy-MM-dd,-1)", "2022-08-15"),
        ("week_first_day(yyyyMMdd,0)", "20220822"),
        ("week_last_day(yyyy-MM-dd)", "2022-08-28"),
        ("week_last_day(yyyy-MM-dd,-1)", "2022-08-21"),
        ("year_week(yyyy-MM-dd)", "2022-34"),
        ("year_week(yyyyMMdd)", "202234"),
        ("year_week(yyyy-MM-dd,5)", "2022-35"),
        ("timestamp(yyyyMMddHHmmss)", "1661519107"),
        ("timestamp(yyyyMMdd00mmss)", "1661472307"),
        ("timestamp(add_months(yyyyMMddHHmmss,1))", "1664197507"),
        ("timestamp(week_last_day(yyyyMMdd235959))", "1661731199"),
        ("timestamp(yyyyMM31HHmmss)", "1661951107"),
    ]);
}

#[test]
fn what_cannot_be_evaluated_is_left_alone() {
    for expression in [
        "abc",
        "xyz!",
        "yyyyMMdd-(1+1)",
        "yyyyMMdd-",
        "yyyyMMdd+",
        "timestamp(yyyyMMdd)",
        "timestamp",
        "timestamp()",
        "add_months(yyyyMMdd)",
        "add_months(yyyyMMdd,)",
        "add_months(yyyyMMdd,x)",
        "add_months(yyyyMMdd,1,2)",
        "add_months(yyyyMMdd,-1)+1",
        "add_months",
        "add_months(",
        "month_end(yyyyMMdd,1/0)",
        "year_week",
        "year_week(,)",
        "dd#",
        "yyyyMMdd]",
        "ddd",
        "'open",
        "XXX",
        "VV",
        "add_months(yyyyMMdd,2147483647)",
        "",
    ] {
        assert_eq!(text(expression, BASE, "UTC"), "unchanged", "{expression}");
    }
}

#[test]
fn signs_without_a_number_belong_to_the_format() {
    check(&[
        ("123", "123"),
        ("yyyyMMdd+-1", "20220826+-1"),
        ("yyyyMMdd + 1", "20220826 + 1"),
        ("yyyyMMdd+1-1", "20220826"),
        ("yyyyMMdd/24", "20220826/24"),
        ("yyyy/MM/dd HH:mm:ss-1/24", "2022/08/26 12:05:07"),
        ("month_begin(yyyyMMdd,-3+6)", "20220723"),
        // The minutes of that many days wrap at 32 bits.
        ("yyyyMMdd+999999999", "42770714"),
    ]);
}

#[test]
fn pattern_letters() {
    check(&[
        ("E", "Fri"),
        ("EEEE, d MMMM yyyy h:mm a", "Friday, 26 August 2022 1:05 PM"),
        ("yyyy-MM-dd'T'HH:mm:ss", "2022-08-26T13:05:07"),
        (
            "D k K A N n Q QQQ qqqq L LLL G",
            "238 13 1 47107000 47107000000000 0 3 Q3 3rd quarter 8 Aug AD",
        ),
        ("pppd|ppppH|yy|u|F|W|c", " 26|  13|22|2022|5|4|6"),
        ("Y w W e c F E D", "2022 35 4 6 6 5 Fri 238"),
        (
            "GGGG QQQ qqqq QQQQQ MMMMM EEEEE",
            "Anno Domini Q3 3rd quarter 3 A F",
        ),
        ("yyyy[-MM[-dd'T'HHVV", "2022-08"),
        ("'it''s' yyyy''", "it's 2022'"),
        ("yyyyyy", "002022"),
        ("YYYYMMDD", "202208238"),
        ("yyyy年MM月dd日", "2022年08月26日"),
        ("SSS", "000"),
    ]);
    assert_eq!(
        text("HH:mm:ss.SSS", Millis(1_709_164_800_123), "UTC"),
        "00:00:00.123"
    );
    assert_eq!(
        text("YYYY-'W'ww e", Millis(1_641_168_000_000), "UTC"),
        "2022-W02 2"
    );
    assert_eq!(text("y u G", Millis(-62_198_755_200_000), "UTC"), "2 -1 BC");
}

#[test]
fn months_and_weeks_at_their_edges() {
    for (millis, expression, expected) in [
        (1_709_164_800_123, "add_months(yyyyMMdd,12*1)", "20250228"),
        (1_711_843_200_000, "add_months(yyyyMMdd,-1)", "20240229"),
        (1_704_067_200_000, "year_week(yyyy-MM-dd)", "2024-01"),
        (1_672_531_199_000, "year_week(yyyy-MM-dd)", "2022-52"),
        (1_672_531_200_000, "year_week(yyyyMMdd,7)", "202301"),
        (1_662_336_000_000, "week_first_day(yyyyMMdd)", "20220905"),
        (1_662_249_600_000, "week_last_day(yyyyMMdd)", "20220904"),
        (1_644_537_600_000, "timestamp(yyyyMM31HHmmss)", "1646006400"),
    ] {
        assert_eq!(
            text(expression, Millis(millis), "UTC"),
            expected,
            "{expression} at {millis}"
        );
    }
}

#[test]
fn zones_and_clock_changes() {
    for (millis, zone, expression, expected) in [
        (
            1_661_519_107_000,
            "Asia/Kathmandu",
            "yyyyMMddHHmmss",
            "20220826185007",
        ),
        // 10 March 2024, 02:00: clocks go to 03:00. A day in an offset is 24 hours, a day of a function is a wall day.
        (
            1_710_055_800_000,
            "America/New_York",
            "yyyyMMddHHmmss+1",
            "20240311033000",
        ),
        (
            1_710_057_600_000,
            "America/New_York",
            "last_day(yyyyMMddHHmmss)",
            "20240309040000",
        ),
        (
            1_707_550_200_000,
            "America/New_York",
            "add_months(yyyyMMddHHmmss,1)",
            "20240310033000",
        ),
        (
            1_709_969_400_000,
            "America/New_York",
            "month_begin(yyyyMMddHHmmss,9)",
            "20240310013000",
        ),
        // 3 November 2024, 02:00: clocks go back to 01:00; the earlier 01:30 counts.
        (
            1_730_525_400_000,
            "America/New_York",
            "timestamp(yyyyMMddHHmmss+1)",
            "1730611800",
        ),
    ] {
        assert_eq!(
            text(expression, Millis(millis), zone),
            expected,
            "{expression} in {zone}"
        );
    }
}

proptest::proptest! {
    #[test]
    fn any_text_at_any_time_is_answered(expression in "\\PC{0,24}", millis: i64) {
        for zone in ["UTC", "America/New_York", "+14"] {
            let _ = text(&expression, Millis(millis), zone);
        }
    }

    #[test]
    fn anything_like_an_expression_is_answered(
        name in "(add_months|month_end|week_begin|month_last_day|year_week|timestamp|this_day|)",
        format in "[yMdHhmsSEaDwWuLQeckKnNpG'\\[ -]{0,8}",
        number in "[-+*/()0-9]{0,6}",
        millis in -62_000_000_000_000_i64..250_000_000_000_000,
    ) {
        let _ = text(&format!("{name}({format},{number})"), Millis(millis), "Europe/Berlin");
        let _ = text(&format!("{format}+{number}"), Millis(millis), "Europe/Berlin");
    }

    #[test]
    fn days_and_hours_add_up(days in -2_000_i64..2_000, hours in 1_i64..48) {
        let sign = if days < 0 { "" } else { "+" };
        let expected = text("yyyyMMddHHmmss", BASE.plus(days * 86_400_000), "UTC");
        proptest::prop_assert_eq!(text(&format!("yyyyMMddHHmmss{sign}{days}"), BASE, "UTC"), expected);
        let expected = text("yyyyMMddHHmmss", BASE.plus(-hours * 3_600_000), "UTC");
        proptest::prop_assert_eq!(text(&format!("yyyyMMddHHmmss-{hours}/24"), BASE, "UTC"), expected);
    }

    #[test]
    fn months_back_and_forth_keep_the_first(months in -600_i32..600) {
        let moved = text(&format!("month_first_day(yyyyMMdd,{months})"), BASE, "UTC");
        proptest::prop_assert!(moved.ends_with("01"), "{}", moved);
        let year = 2022 + (7 + months).div_euclid(12);
        proptest::prop_assert_eq!(moved, format!("{year}{:02}01", (7 + months).rem_euclid(12) + 1));
    }
}
