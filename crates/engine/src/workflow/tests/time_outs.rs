//! What the next owner of an instance does about a time-out.

use super::kit;
use crate::model::WorkflowInstance;
use crate::time::Millis;
use crate::workflow::{Effect, Event, TIMEOUT_SETTLED, Timer, Write};

/// When the workflow's time-out fires, in a run that is taken over with that base; 10 minutes are given.
fn armed_with(base: Millis) -> Option<Millis> {
    let instance = WorkflowInstance {
        timeout: 10,
        warning_group_id: Some(1),
        ..kit::instance()
    };
    let definition = kit::definition(vec![kit::task(1, "A")], &[]);
    let machine = kit::machine(definition, instance, Vec::new()).with_timeout_base(base);
    let step = machine.decide(&[Event::Started], kit::START);
    step.after_commit.iter().find_map(|effect| match effect {
        Effect::ArmTimer {
            timer: Timer::WorkflowTimeout,
            at,
        } => Some(*at),
        _ => None,
    })
}

#[test]
fn a_time_out_that_was_told_is_not_told_again_by_the_next_owner() {
    assert_eq!(armed_with(kit::START), Some(kit::START.plus_minutes(10)));
    assert_eq!(armed_with(TIMEOUT_SETTLED), None);
}

#[test]
fn telling_it_settles_it_in_the_same_step() {
    let instance = WorkflowInstance {
        timeout: 10,
        warning_group_id: Some(1),
        ..kit::instance()
    };
    let mut machine = kit::machine(
        kit::definition(vec![kit::task(1, "A")], &[]),
        instance,
        Vec::new(),
    );
    let step = machine.decide(&[Event::Started], kit::START);
    kit::apply(&mut machine, step, &mut 0);
    let step = machine.decide(&[Event::TimerFired(Timer::WorkflowTimeout)], kit::START);
    assert!(
        matches!(&step.writes[..], [Write::InsertAlert(alert), Write::SettleTimeout] if alert.content.contains(r#""owner":"admin""#)),
        "{:?}",
        step.writes
    );
}
