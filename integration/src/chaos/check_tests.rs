//! Each violation is found, and what is allowed is not taken for one.

use super::*;

const SECOND: Micros = 1_000_000;

fn task(id: i32, state: TaskState) -> TaskRow {
    TaskRow {
        id,
        workflow_instance_id: 1,
        task_code: 10,
        state: state.code(),
    }
}

fn ended(state: WorkflowState) -> Vec<InstanceRow> {
    vec![InstanceRow {
        id: 1,
        state: state.code(),
        tasks: 1,
    }]
}

fn run(started: Micros, ended: Option<(Ending, Micros)>, gone: Option<Micros>) -> Run {
    Run {
        worker_pid: 77,
        pid: 1_000,
        started: started * SECOND,
        ended: ended.map(|(ending, at)| (ending, at * SECOND)),
        gone: gone.map(|at| at * SECOND),
    }
}

/// Attempts 1 and 2 of one task; the second is seen at second 10, ran from 11 to 15. The worker of the first was registered until `registered`.
fn two_attempts(first: Run, state: TaskState, registered: Micros) -> Verdict {
    let mut evidence = Evidence::default();
    evidence.worker_seen(77, 0);
    evidence.worker_seen(77, registered * SECOND);
    evidence.rows.extend([(1, 0), (2, 10 * SECOND)]);
    evidence.runs.insert(1, vec![first]);
    let second = Run {
        worker_pid: 78,
        ..run(11, Some((Ending::Success, 15)), None)
    };
    evidence.runs.insert(2, vec![second]);
    let tasks = [task(1, state), task(2, TaskState::Success)];
    judge(
        &BTreeSet::from([1]),
        &ended(WorkflowState::Success),
        &tasks,
        &evidence,
    )
}

fn kinds(verdict: &Verdict) -> Vec<&'static str> {
    verdict.violations.iter().map(Violation::kind).collect()
}

#[test]
fn a_new_attempt_while_the_old_one_runs_on_a_registered_worker() {
    let verdict = two_attempts(run(1, None, Some(20)), TaskState::NeedFaultTolerance, 12);
    assert_eq!(
        verdict.violations,
        [Violation::ReplacedWhileRunning {
            running: 1,
            replacement: 2,
            worker_pid: 77
        }]
    );
}

#[test]
fn a_worker_that_has_lost_its_place_only_restarts() {
    let verdict = two_attempts(run(1, None, Some(13)), TaskState::NeedFaultTolerance, 9);
    assert_eq!(kinds(&verdict), [""; 0]);
    assert_eq!(verdict.restarted, [Restarted { overlap: 2 * SECOND }]);
}

#[test]
fn an_attempt_that_was_killed_first_may_be_replaced() {
    let verdict = two_attempts(run(1, None, Some(9)), TaskState::NeedFaultTolerance, 12);
    assert_eq!(kinds(&verdict), [""; 0]);
    assert!(verdict.restarted.is_empty());
}

#[test]
fn a_retry_after_a_failure_is_no_repetition() {
    let verdict = two_attempts(run(1, Some((Ending::Failure, 9)), None), TaskState::Failure, 12);
    assert_eq!(kinds(&verdict), [""; 0]);
}

#[test]
fn a_recorded_success_is_not_run_again() {
    let verdict = two_attempts(run(1, Some((Ending::Success, 9)), None), TaskState::Success, 12);
    assert_eq!(kinds(&verdict), ["ii: a finished task run again"]);
}

#[test]
fn a_success_that_its_registered_worker_could_tell_is_not_run_again() {
    let first = || run(1, Some((Ending::Success, 8)), None);
    let verdict = two_attempts(first(), TaskState::NeedFaultTolerance, 12);
    assert_eq!(kinds(&verdict), ["ii: a finished task run again"]);
    let verdict = two_attempts(first(), TaskState::NeedFaultTolerance, 9);
    assert_eq!(kinds(&verdict), [""; 0], "nobody was left to tell it");
}

#[test]
fn two_runs_of_one_task_instance() {
    let mut evidence = Evidence::default();
    let once = run(1, Some((Ending::Success, 2)), None);
    evidence.runs.insert(1, vec![once.clone(), once]);
    let verdict = judge(
        &BTreeSet::new(),
        &ended(WorkflowState::Success),
        &[task(1, TaskState::Success)],
        &evidence,
    );
    assert_eq!(kinds(&verdict), ["i: one task instance accepted twice"]);
}

#[test]
fn lost_stuck_and_wrongly_ended_workflows() {
    let nothing = Evidence::default();
    let lost = judge(&BTreeSet::from([5]), &[], &[], &nothing);
    assert_eq!(
        lost.violations,
        [Violation::Lost {
            workflow_instance_id: 5
        }]
    );
    let stuck = judge(&BTreeSet::new(), &ended(WorkflowState::Failover), &[], &nothing);
    assert_eq!(kinds(&stuck), ["iv: lost or stuck after healing"]);
    let failed = judge(&BTreeSet::new(), &ended(WorkflowState::Failure), &[], &nothing);
    assert_eq!(kinds(&failed), ["wrong end state"]);
    let incomplete = judge(&BTreeSet::new(), &ended(WorkflowState::Success), &[], &nothing);
    assert_eq!(
        kinds(&incomplete),
        ["wrong end state"],
        "its task never succeeded"
    );
}

#[test]
fn a_success_has_a_run_behind_it() {
    let verdict = judge(
        &BTreeSet::new(),
        &ended(WorkflowState::Success),
        &[task(1, TaskState::Success)],
        &Evidence::default(),
    );
    assert_eq!(kinds(&verdict), ["success without a run"]);
}
