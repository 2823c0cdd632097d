use orca_simulator::run;
use std::time::{SystemTime, UNIX_EPOCH};

const FIXED_SEEDS: u64 = 150;
const FRESH_SEEDS: u64 = 15;

fn assert_kept(seed: u64) {
    let outcome = run(seed, false);
    assert!(
        outcome.violations.is_empty(),
        "seed {seed}: {:#?}; look at it with: cargo run --release -p orca-simulator -- replay {seed}",
        outcome.violations
    );
}

#[test]
fn no_promise_is_broken_for_a_fixed_set_of_seeds() {
    (0..FIXED_SEEDS).for_each(assert_kept);
}

#[test]
#[allow(clippy::print_stdout)]
fn no_promise_is_broken_for_fresh_seeds() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let base = u64::try_from(now.as_millis()).unwrap();
    println!("fresh seeds from {base}");
    (base..base + FRESH_SEEDS).for_each(assert_kept);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let (one, other) = (run(11, true), run(11, true));
    assert!(one.trace.len() > 20, "a run that tells nothing shows nothing");
    assert_eq!(one.trace, other.trace);
}

/// The registry drops a worker that still answers; it takes the question, ends its tasks when it learns of its session, and nobody says so.
#[test]
fn a_worker_that_answers_without_being_registered_is_asked_again() {
    assert_kept(7);
}

/// A master that comes back is fenced by the peer that takes up its earlier death, between its row and its node.
#[test]
fn a_master_that_was_fenced_at_its_birth_comes_back_as_another_incarnation() {
    assert_kept(101);
    assert_kept(362);
}

/// The dispatch of an earlier owner arrives after its new owner has asked for the attempt: the executor reports to the earlier one until it is told.
#[test]
fn an_attempt_that_is_found_late_is_taken_over() {
    assert_kept(332);
}

/// The clock of a master is set back between the dispatch and the loss of the worker.
#[test]
fn a_worker_is_lost_after_the_clock_was_set_back() {
    assert_kept(9);
    assert_kept(115);
}

/// A dispatch for a dead worker process waits behind a cut link, and its successor is registered when the link heals.
#[test]
fn a_dispatch_for_a_dead_process_is_not_taken_by_its_successor() {
    assert_kept(3538);
    assert_kept(14067);
}

/// The loss of a worker is announced after another process at its address has taken an attempt, and that one does not answer at once.
#[test]
fn a_successor_that_does_not_answer_is_asked_again() {
    assert_kept(4091);
    assert_kept(10908);
}

/// A registered worker that does not answer while its former node goes.
#[test]
fn a_slow_worker_is_not_given_up() {
    assert_kept(563);
}

/// The COMMIT of a claim took place, and the database was gone for longer than its outcome is asked for: the instance is its master's own and runs nowhere.
#[test]
fn a_claim_that_nobody_heard_of_is_taken_up_again() {
    assert_kept(11480);
    assert_kept(20632);
}

/// A worker denies a dispatch that has not arrived yet and then reports it, both while the database is down.
#[test]
fn a_denial_that_a_report_has_overtaken_counts_for_nothing() {
    assert_kept(30355);
}

/// A master comes up again, and claims, between the look of the peer that takes up its earlier death and the fence.
#[test]
fn a_life_that_came_up_under_the_fence_keeps_its_workflows() {
    assert_kept(77866);
}

/// A master comes up again while the node of its earlier life is still there, and its own comes late.
#[test]
fn a_life_claims_nothing_on_the_strength_of_the_node_of_the_one_before() {
    assert_kept(14048);
}

/// The registry ends the session of a master before its time, and it begins a task inside itself that has been replaced.
#[test]
fn a_task_inside_a_master_without_a_session_counts_as_restarted() {
    assert_kept(58197);
}

/// A frozen worker that has left the registry wakes up and takes a dispatch whose attempt was closed meanwhile.
#[test]
fn a_dispatch_may_come_after_the_end_of_its_attempt() {
    assert_kept(7021);
}
