//! Tasks that say nothing: their workers are asked, and only a denial makes a new attempt.

use super::kit;
use crate::codes::TaskState;
use crate::model::TaskDefinition;
use crate::time::Millis;
use crate::workflow::{Effect, Event, ExecutorEventKind, NodeId, Rules, Stage, Timer, WorkflowMachine};
use std::sync::Arc;

const ID: i32 = 101;
const WORKER: &str = "w1:1234";
const INTERVAL_MS: i64 = 60_000;

struct Run {
    machine: WorkflowMachine,
    now: i64,
    next_id: i32,
}

impl Run {
    /// A task that its worker has accepted, a second after the start.
    fn held() -> Self {
        Self::held_at("SHELL", WORKER)
    }

    fn held_at(task_type: &str, host: &str) -> Self {
        let task = TaskDefinition {
            task_type: task_type.to_owned(),
            ..kit::task(1, "A")
        };
        let definition = Arc::new(kit::definition(vec![task], &[]));
        let rules = Arc::new(Rules {
            silence_interval_ms: Some(INTERVAL_MS),
            ..Rules::new("me:5678", chrono_tz::Tz::UTC)
        });
        let machine = WorkflowMachine::new(definition, kit::instance(), Vec::new(), rules).unwrap();
        let mut run = Self {
            machine,
            now: 0,
            next_id: ID - 1,
        };
        let armed = run.step(Event::Started);
        assert!(armed.contains(&Effect::ArmTimer {
            timer: Timer::Silence,
            at: kit::START.plus(INTERVAL_MS),
        }));
        let (task_instance_id, host) = (ID, host.to_owned());
        run.step(Event::WorkerChosen {
            task_instance_id,
            host: host.clone(),
        });
        run.now = 1_000;
        run.step(Event::DispatchAccepted {
            task_instance_id,
            host,
        });
        run
    }

    fn running() -> Self {
        let mut run = Self::held();
        run.step(running());
        run
    }

    fn step(&mut self, event: Event) -> Vec<Effect> {
        let now: Millis = kit::START.plus(self.now);
        let step = self.machine.decide(&[event], now);
        assert!(step.refused.is_empty(), "{:?}", step.refused);
        kit::apply(&mut self.machine, step, &mut self.next_id)
    }

    /// Whether the worker is asked at that time.
    fn is_asked_at(&mut self, now: i64) -> bool {
        self.now = now;
        let effects = self.step(Event::TimerFired(Timer::Silence));
        assert!(effects.contains(&Effect::ArmTimer {
            timer: Timer::Silence,
            at: kit::START.plus(now + INTERVAL_MS),
        }));
        effects.iter().any(|effect| {
            matches!(
                effect,
                Effect::SendTakeOver {
                    task_instance_id: ID,
                    ..
                }
            )
        })
    }

    fn answer(&mut self, taken: Option<bool>) -> Vec<Effect> {
        self.step(Event::TakeOverAnswered {
            task_instance_id: ID,
            host: WORKER.to_owned(),
            taken,
        })
    }

    fn stage(&self) -> Stage {
        self.machine.node(NodeId(0)).stage()
    }

    fn current(&self) -> (i32, TaskState, i32) {
        let row = self.machine.task(NodeId(0)).unwrap();
        (row.id, row.state, row.retry_times)
    }
}

fn running() -> Event {
    let kind = ExecutorEventKind::Running {
        start_time: kit::START,
        log_path: None,
    };
    kit::report(ID, WORKER, kind)
}

#[test]
fn only_a_task_that_has_said_nothing_for_the_interval_is_asked_for() {
    let mut run = Run::running();
    assert!(
        !run.is_asked_at(INTERVAL_MS),
        "it was heard a second after the start"
    );
    assert!(run.is_asked_at(2 * INTERVAL_MS));
    run.answer(Some(true));
    assert_eq!(run.stage(), Stage::Running);
    assert!(
        !run.is_asked_at(3 * INTERVAL_MS - 1),
        "the answer was a sign of life"
    );
    assert!(run.is_asked_at(3 * INTERVAL_MS));
}

#[test]
fn a_worker_that_lost_a_running_task_makes_room_for_a_new_attempt_without_a_retry() {
    let mut run = Run::running();
    assert!(run.is_asked_at(2 * INTERVAL_MS));
    let effects = run.answer(Some(false));
    assert_eq!(run.current(), (ID + 1, TaskState::SubmittedSuccess, 0));
    assert!(
        effects
            .iter()
            .any(|effect| matches!(effect, Effect::QueueDispatch { .. }))
    );
    assert!(effects.iter().any(|effect| matches!(
        effect,
        Effect::SendKill {
            task_instance_id: ID,
            ..
        }
    )));
}

#[test]
fn a_worker_that_denies_what_it_took_is_asked_until_the_bound() {
    let mut run = Run::held();
    assert!(run.is_asked_at(2 * INTERVAL_MS));
    run.answer(Some(false));
    assert_eq!((run.stage(), run.current().0), (Stage::Doubtful, ID));
}

#[test]
fn a_slow_worker_is_only_asked_again() {
    let mut run = Run::running();
    for round in 2..20 {
        assert!(run.is_asked_at(round * INTERVAL_MS));
        run.answer(None);
        assert_eq!((run.stage(), run.current().0), (Stage::Running, ID));
    }
}

#[test]
fn a_denial_that_nobody_asked_for_changes_nothing() {
    let mut run = Run::running();
    run.answer(Some(false));
    assert_eq!((run.stage(), run.current().0), (Stage::Running, ID));
    assert!(run.is_asked_at(2 * INTERVAL_MS));
    run.step(running());
    run.answer(Some(true));
    run.answer(Some(false));
    assert_eq!(
        (run.stage(), run.current().0),
        (Stage::Running, ID),
        "it answers an earlier call"
    );
}

#[test]
fn a_task_that_is_to_be_killed_and_is_not_there_is_killed() {
    let mut run = Run::running();
    run.step(Event::StopRequested);
    assert!(run.is_asked_at(2 * INTERVAL_MS));
    run.answer(Some(false));
    assert_eq!(run.stage(), Stage::Killed);
}

/// Its host is the address of this master, which no list of workers names: that must never count as a loss.
#[test]
fn a_task_inside_the_master_is_never_missed_among_the_workers() {
    let mut run = Run::held_at("SWITCH", "me:5678");
    let kind = ExecutorEventKind::Running {
        start_time: kit::START,
        log_path: None,
    };
    run.step(kit::report(ID, "", kind));
    for round in 2..20 {
        assert!(!run.is_asked_at(round * INTERVAL_MS));
        let effects = run.step(Event::WorkerLost {
            host: WORKER.to_owned(),
            before: kit::START.plus(run.now + 1),
            is_replaced: false,
        });
        assert!(effects.is_empty(), "{effects:?}");
    }
    assert_eq!((run.stage(), run.current().0), (Stage::Running, ID));
}
