//! A worker that has become slow: its own tasks take their time, nobody else's, and nothing runs twice.

use crate::held::runs;
use crate::support::{Definition, Scene};
use orca_engine::codes::{TaskState, WorkflowState};
use orca_engine::model::TaskInstance;
use orca_integration::harness::definitions::{shell, workflow};
use orca_integration::harness::{ClusterOptions, Deadline, Door, Stack, Way, free_port, until};
use orca_registry::{RegistrySettings, SqliteSettings};
use orca_worker::{Worker, WorkerSettings};
use tokio::runtime::Runtime;

/// Two tasks each: so many that both workers get a share of them.
const WORKFLOWS: usize = 20;
const WAIT_SECONDS: u64 = 120;

/// A master with an ordinary worker, and one behind a door.
struct Stage {
    scene: Scene,
    door: Door,
    slow: Worker,
    definition: Definition,
    runtime: Runtime,
}

impl Stage {
    fn start(call_timeout: &str) -> Self {
        // Both workers get a share whatever else the machine does.
        let options = ClusterOptions::new(Stack::Embedded)
            .master_variable("ORCA_DISPATCH_CALL_TIMEOUT", call_timeout)
            .master_variable(
                "MASTER_WORKER_LOAD_BALANCER_CONFIGURATION_PROPERTIES_TYPE",
                "ROUND_ROBIN",
            );
        let scene = Scene::start(options);
        let runtime = Runtime::new().unwrap();
        let port = free_port();
        let door = Door::before(port).unwrap();
        let slow = runtime.block_on(start_worker(&scene, &door));
        let line = format!(
            "echo ${{system.task.instance.id}} >> {}",
            scene.folder().join("lines").display()
        );
        let tasks = vec![shell("first", &line, &[]), shell("second", &line, &["first"])];
        let definition = scene.save(&workflow("slow", tasks));
        let stage = Self {
            scene,
            door,
            slow,
            definition,
            runtime,
        };
        stage.await_both_workers();
        stage
    }

    fn await_both_workers(&self) {
        until(
            "the second worker to be given something",
            Deadline::after_seconds(WAIT_SECONDS),
            || {
                let id = self.scene.trigger(self.definition);
                assert_eq!(self.scene.await_end(id), WorkflowState::Success);
                self.scene
                    .tasks(id)
                    .iter()
                    .any(|task| self.is_at_slow(task))
                    .then_some(())
            },
        )
        .unwrap();
    }

    fn is_at_slow(&self, task: &TaskInstance) -> bool {
        task.host.as_deref() == Some(self.slow.address())
    }

    fn tasks(&self, ids: &[i32]) -> Vec<TaskInstance> {
        ids.iter().flat_map(|id| self.scene.tasks(*id)).collect()
    }

    /// Nobody holds anything any more, each task has one row, and its script ran once.
    fn finish(self, ids: &[i32]) {
        self.scene.assert_released();
        self.scene.assert_workers_free();
        let behind_the_door = format!("127.0.0.1:{}", self.door.address().port());
        until(
            "the slow worker to be free",
            Deadline::after_seconds(WAIT_SECONDS),
            || {
                self.scene
                    .rpc
                    .held_by_worker(&behind_the_door)
                    .ok()
                    .filter(Vec::is_empty)
            },
        )
        .unwrap();
        let tasks = self.tasks(ids);
        assert_eq!(tasks.len(), ids.len() * 2, "one attempt each: {tasks:?}");
        let runs = runs(&self.scene.folder().join("lines"));
        for task in tasks {
            assert_eq!(
                runs.get(&task.id.to_string()),
                Some(&1),
                "task instance {}",
                task.id
            );
        }
        self.runtime.block_on(self.slow.stop());
    }
}

async fn start_worker(scene: &Scene, door: &Door) -> Worker {
    let registry = RegistrySettings::EmbeddedSqlite(SqliteSettings::new(scene.folder().join("registry.db")));
    let mut settings = WorkerSettings::new(door.address().ip().to_string(), registry.clone());
    settings.listen_host = "127.0.0.1".to_owned();
    settings.listen_port = door.address().port();
    settings.load_protection.enabled = false;
    settings.tasks.log_directory = scene.folder().join("slow-logs");
    settings.tasks.execution_directory = scene.folder().join("slow-work");
    let registry = orca_registry::connect(&registry).await.unwrap();
    Worker::start(settings, registry).await.unwrap()
}

/// The worker does everything at once but none of its answers arrives: what it reports decides, and the calls are never repeated.
#[test]
fn a_worker_whose_answers_do_not_arrive_delays_nobody_and_runs_nothing_twice() {
    let stage = Stage::start("2s");
    stage.door.hold(Way::Out);
    let ids = stage.scene.trigger_many(stage.definition, WORKFLOWS);
    for id in &ids {
        assert_eq!(stage.scene.await_end(*id), WorkflowState::Success);
    }
    assert!(
        stage.door.held_len(Way::Out) > 0,
        "the answers are still on their way"
    );
    let tasks = stage.tasks(&ids);
    let (of_the_slow, others): (Vec<_>, Vec<_>) = tasks.iter().partition(|task| stage.is_at_slow(task));
    assert!(
        !of_the_slow.is_empty() && !others.is_empty(),
        "both workers had a share"
    );
    stage.door.release(Way::Out);
    stage.finish(&ids);
}

/// The worker learns of nothing: only its own tasks wait for it.
#[test]
fn a_worker_that_no_call_reaches_delays_only_its_own_tasks() {
    let stage = Stage::start("120s");
    stage.door.hold(Way::In);
    let ids = stage.scene.trigger_many(stage.definition, WORKFLOWS);
    let is_settled = |id: i32| {
        let tasks = stage.scene.tasks(id);
        let waits = tasks
            .iter()
            .any(|task| stage.is_at_slow(task) && task.state == TaskState::Dispatch);
        waits || stage.scene.instance(id).state == WorkflowState::Success
    };
    let settled = until(
        "the other worker's tasks to end",
        Deadline::after_seconds(WAIT_SECONDS),
        || ids.iter().all(|id| is_settled(*id)).then_some(()),
    );
    settled.unwrap_or_else(|error| panic!("{error}\n{}", stage.scene.logs()));
    assert!(
        stage.door.held_len(Way::In) > 0,
        "the calls are still on their way"
    );
    let (waiting, others): (Vec<_>, Vec<_>) = stage
        .tasks(&ids)
        .into_iter()
        .partition(|task| stage.is_at_slow(task));
    assert!(
        !waiting.is_empty() && !others.is_empty(),
        "both workers had a share"
    );
    assert!(
        others.iter().all(|task| task.state == TaskState::Success),
        "{others:?}"
    );
    assert!(
        waiting.iter().all(|task| task.state == TaskState::Dispatch),
        "{waiting:?}"
    );
    stage.door.release(Way::In);
    for id in &ids {
        assert_eq!(stage.scene.await_end(*id), WorkflowState::Success);
    }
    stage.finish(&ids);
}
