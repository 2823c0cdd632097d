//! What every registry must do. Each case has a corner of the registry for itself, so they can run at the same time.

mod locks;
mod nodes;
mod sessions;
mod watches;

use crate::stage::{PATIENCE, Stage};
use futures::future::BoxFuture;
use std::time::Instant;

type Case = fn(Stage) -> BoxFuture<'static, ()>;

macro_rules! cases {
    ($($module:ident :: $name:ident),+ $(,)?) => {
        const CASES: &[(&str, Case)] = &[$((stringify!($name), |stage| Box::pin($module::$name(stage)))),+];
    };
}

cases!(
    nodes::nodes_are_written_read_and_deleted,
    nodes::a_persistent_write_never_touches_an_ephemeral_node,
    nodes::a_foreign_node_is_replaced_and_its_owner_knows,
    nodes::repeating_a_create_keeps_the_node,
    nodes::sequences_only_grow,
    nodes::a_guardian_deletes_only_what_the_dead_owned,
    nodes::bad_input_is_refused_by_name,
    sessions::a_closed_session_takes_its_nodes_along,
    sessions::a_dropped_session_takes_its_nodes_along,
    sessions::a_killed_process_loses_node_and_lock,
    sessions::a_frozen_process_stops_before_the_others_see_it_go,
    sessions::a_lease_is_renewed_and_ends_with_its_node,
    sessions::after_close_nothing_works,
    sessions::it_serves_threads_and_runtimes_of_others,
    watches::a_watch_misses_nothing_under_churn,
    watches::a_watch_of_one_node_sees_it_come_and_go,
    locks::a_lock_excludes_and_is_handed_over,
    locks::a_wait_given_up_never_wins,
    locks::a_guarded_write_needs_the_lock,
    locks::an_election_has_one_winner_and_replaces_its_own_past,
);

/// Plays all cases at once and names those that failed.
pub(crate) async fn play(stage: &Stage) {
    let tasks: Vec<_> = CASES
        .iter()
        .map(|(name, case)| {
            let stage = stage.clone();
            let started = Instant::now();
            (
                *name,
                tokio::spawn(async move {
                    case(stage).await;
                    started.elapsed()
                }),
            )
        })
        .collect();
    let mut failed = Vec::new();
    for (name, task) in tasks {
        match tokio::time::timeout(PATIENCE * 4, task).await {
            Ok(Ok(took)) => println!("{name}: {} ms", took.as_millis()),
            Ok(Err(error)) => failed.push(format!("{name}: {error}")),
            Err(_elapsed) => failed.push(format!("{name}: does not end")),
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
