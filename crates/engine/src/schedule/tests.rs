use super::*;

const START: Millis = Millis(1_704_067_200_000); // 2024-01-01 00:00:00 UTC

fn every_five_seconds() -> Trigger {
    Trigger {
        cron_expression: Some("0/5 * * * * ?".to_owned()),
        zone_id: Some("UTC".to_owned()),
        next_fire_time: START,
        end_time: None,
        misfire: Misfire::FireAll,
    }
}

const ONLINE: Subject = Subject {
    schedule_is_online: Some(true),
    workflow_is_online: Some(true),
};

fn decided(trigger: &Trigger, now: Millis) -> Decision {
    decide(trigger, ONLINE, &Zone::parse("UTC").unwrap(), now)
}

fn fire(times: &[i64], next: Option<i64>) -> Decision {
    let at = |seconds: i64| START.plus(seconds * 1000);
    Decision::Fire {
        times: times.iter().copied().map(at).collect(),
        next: next.map(at),
    }
}

#[test]
fn a_due_trigger_fires_once_and_waits_for_the_next_time() {
    assert_eq!(decided(&every_five_seconds(), START), fire(&[0], Some(5)));
    assert_eq!(
        decided(&every_five_seconds(), START.plus(4_999)),
        fire(&[0], Some(5))
    );
    assert_eq!(decided(&every_five_seconds(), START.plus(-1)), fire(&[], Some(0)));
}

#[test]
fn every_missed_time_fires_in_pieces_of_bounded_size() {
    let mut trigger = every_five_seconds();
    let now = START.plus(10 * 3600 * 1000);
    let mut fired = Vec::new();
    loop {
        let Decision::Fire {
            times,
            next: Some(next),
        } = decided(&trigger, now)
        else {
            panic!("it goes on for ever")
        };
        assert!(times.len() <= FIRES_PER_DECISION_MAX);
        if times.is_empty() {
            break;
        }
        fired.extend(times);
        trigger.next_fire_time = next;
    }
    let expected: Vec<Millis> = (0..=7200).map(|n| START.plus(n * 5_000)).collect();
    assert_eq!(fired, expected);
}

#[test]
fn other_misfire_instructions_count_only_after_a_minute() {
    let mut trigger = every_five_seconds();
    let late = START.plus(60_001);
    for (code, within, after) in [
        (0, 13, fire(&[], None)),
        (1, 13, fire(&[], None)),
        (2, 13, fire(&[], Some(65))),
    ] {
        trigger.misfire = Misfire::from_code(code);
        let Decision::Fire { times, .. } = decided(&trigger, START.plus(60_000)) else {
            panic!("not decided")
        };
        assert_eq!(times.len(), within, "{code}");
        let expected = match trigger.misfire {
            Misfire::FireOnce => Decision::Fire {
                times: vec![late],
                next: Some(START.plus(65_000)),
            },
            _ => after,
        };
        assert_eq!(decided(&trigger, late), expected, "{code}");
    }
    assert_eq!(Misfire::from_code(-1), Misfire::FireAll);
    assert_eq!(Misfire::from_code(7), Misfire::FireAll);
}

#[test]
fn the_last_instant_is_inside() {
    let mut trigger = every_five_seconds();
    trigger.end_time = Some(START.plus(10_000));
    assert_eq!(decided(&trigger, START.plus(5_000)), fire(&[0, 5], Some(10)));
    assert_eq!(decided(&trigger, START.plus(60_000)), fire(&[0, 5, 10], None));
    trigger.end_time = Some(START.plus(9_999));
    assert_eq!(decided(&trigger, START), fire(&[0], Some(5)));
    assert_eq!(decided(&trigger, START.plus(60_000)), fire(&[0, 5], None));
}

#[test]
fn the_zone_of_the_trigger_counts_before_that_of_the_master() {
    let mut trigger = every_five_seconds();
    trigger.cron_expression = Some("0 0 0 * * ?".to_owned());
    for (zone, hours) in [
        (Some("Asia/Shanghai"), 16),
        (Some("GMT+02:00"), 22),
        (None, 24),
        (Some(" "), 24),
    ] {
        trigger.zone_id = zone.map(str::to_owned);
        assert_eq!(
            decided(&trigger, START),
            fire(&[0], Some(hours * 3600)),
            "{zone:?}"
        );
    }
}

#[test]
fn what_cannot_fire_is_cleared_away_as_by_java() {
    let trigger = every_five_seconds();
    let zone = Zone::parse("UTC").unwrap();
    for (schedule, workflow, expected) in [
        (None, None, Decision::RemoveJob),
        (None, Some(true), Decision::RemoveJob),
        (Some(false), Some(true), Decision::RemoveJob),
        (Some(false), None, Decision::RemoveJob),
        (Some(true), None, Decision::RemoveSchedule),
        (Some(true), Some(false), Decision::TakeOffline),
    ] {
        let subject = Subject {
            schedule_is_online: schedule,
            workflow_is_online: workflow,
        };
        assert_eq!(decide(&trigger, subject, &zone, START), expected, "{subject:?}");
    }
}

#[test]
fn a_trigger_that_nobody_can_read_is_set_aside_with_its_reason() {
    let broken = |change: fn(&mut Trigger)| {
        let mut trigger = every_five_seconds();
        change(&mut trigger);
        match decided(&trigger, START) {
            Decision::SetAside(broken) => broken.to_string(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        broken(|trigger| trigger.cron_expression = None),
        "it has no cron expression"
    );
    assert!(broken(|trigger| trigger.cron_expression = Some("@daily".to_owned())).contains("\"@daily\""));
    assert!(broken(|trigger| trigger.zone_id = Some("Mars/Base".to_owned())).contains("Mars/Base"));
}

#[test]
fn the_next_look_is_when_something_is_due_and_never_late() {
    let now = START;
    for (due, turn, expected) in [
        (None, 0, 500),
        (Some(100), 0, 100),
        (Some(100), 300, 400),
        (Some(400), 300, 500),
        (Some(-100), 0, 0),
        (Some(-100), 300, 200),
        (Some(i64::MAX / 2), 0, 500),
    ] {
        let due = due.map(|ms| now.plus(ms));
        assert_eq!(wait_ms(due, now, turn, 500), expected, "{due:?} {turn}");
    }
}
