//! Tasks that say nothing: their worker is asked for them. The worker here is the stub, which can lose a task and leave calls unanswered.

use crate::support::{Scene, states};
use orca_engine::codes::{Flag, TaskState, WorkflowState};
use orca_integration::harness::definitions::{shell, workflow};
use orca_integration::harness::{ClusterOptions, Deadline, Stack, until};
use orca_registry::{RegistrySettings, SqliteSettings};
use orca_worker::{StubCounters, StubSettings, StubWorker};
use std::time::Duration;
use tokio::runtime::Runtime;

const WAIT_SECONDS: u64 = 120;
/// Longer than any test: no task ends by itself.
const HELD_FOR: Duration = Duration::from_secs(3_600);

struct Stage {
    scene: Scene,
    stub: StubWorker,
    ids: Vec<i32>,
    /// Dropped last: the stub lives on it.
    _runtime: Runtime,
}

impl Stage {
    /// A master that asks after a second of silence, and so many workflows whose task runs at the stub.
    fn start(workflows: usize) -> Self {
        let options = ClusterOptions::new(Stack::Embedded)
            .workers(0)
            .master_variable("ORCA_FAILOVER_SILENCE_INTERVAL", "1s")
            .master_variable("ORCA_DISPATCH_CALL_TIMEOUT", "1s");
        let scene = Scene::start(options);
        let runtime = Runtime::new().unwrap();
        let settings =
            RegistrySettings::EmbeddedSqlite(SqliteSettings::new(scene.folder().join("registry.db")));
        let stub = runtime.block_on(async {
            let registry = orca_registry::connect(&settings).await.unwrap();
            let settings = StubSettings {
                run_for: HELD_FOR,
                ..StubSettings::default()
            };
            StubWorker::start(settings, Some(registry)).await.unwrap()
        });
        let definition = scene.save(&workflow("silent", vec![shell("only", "held", &[])]));
        let ids = scene.trigger_many(definition, workflows);
        let stage = Self {
            scene,
            stub,
            ids,
            _runtime: runtime,
        };
        for id in &stage.ids {
            stage.await_states(*id, &[TaskState::RunningExecution]);
        }
        stage
    }

    fn counters(&self) -> StubCounters {
        self.stub.counters()
    }

    fn await_states(&self, id: i32, wanted: &[TaskState]) {
        let seen = until("the tasks", Deadline::after_seconds(WAIT_SECONDS), || {
            (states(&self.scene.tasks(id)) == wanted).then_some(())
        });
        let tell = |error| panic!("{error}\n{:?}\n{}", self.scene.tasks(id), self.scene.logs());
        seen.unwrap_or_else(tell);
    }

    fn await_questions(&self, count: u64) {
        until(
            "the worker to be asked",
            Deadline::after_seconds(WAIT_SECONDS),
            || (self.counters().take_overs >= count).then_some(()),
        )
        .unwrap();
    }

    /// Every workflow can be stopped, and then nobody holds anything.
    fn stop_all(&self) {
        for id in &self.ids {
            self.scene.rpc.stop(self.scene.master(0), *id).unwrap();
            assert_eq!(self.scene.await_end(*id), WorkflowState::Stop);
        }
        self.scene.assert_released();
        until(
            "the stub to be free",
            Deadline::after_seconds(WAIT_SECONDS),
            || (self.stub.open_tasks() == 0).then_some(()),
        )
        .unwrap();
    }
}

#[test]
fn a_task_that_its_worker_has_lost_gets_a_new_attempt_and_the_others_are_left_alone() {
    let stage = Stage::start(2);
    let (loser, other) = (stage.ids[0], stage.ids[1]);
    let lost = stage.scene.tasks(loser)[0].id;
    assert!(stage.stub.forget(lost));
    stage.await_states(
        loser,
        &[TaskState::NeedFaultTolerance, TaskState::RunningExecution],
    );
    let rows = stage.scene.tasks(loser);
    assert_eq!([rows[0].flag, rows[1].flag], [Flag::No, Flag::Yes]);
    assert_eq!(rows[1].retry_times, 0, "it is no retry");
    // The rest is asked as well, several times, and answers that it is there.
    stage.await_questions(stage.counters().take_overs + 4);
    assert_eq!(states(&stage.scene.tasks(other)), [TaskState::RunningExecution]);
    let counters = stage.counters();
    assert_eq!((counters.accepted, counters.duplicates), (3, 0), "{counters:?}");
    stage.stop_all();
}

#[test]
fn a_worker_that_does_not_answer_is_only_asked_again() {
    let stage = Stage::start(1);
    stage.stub.answer_take_overs(false);
    stage.await_questions(stage.counters().take_overs + 4);
    assert_eq!(
        states(&stage.scene.tasks(stage.ids[0])),
        [TaskState::RunningExecution]
    );
    let counters = stage.counters();
    assert_eq!((counters.accepted, counters.duplicates), (1, 0), "{counters:?}");
    stage.stub.answer_take_overs(true);
    stage.stop_all();
}
