//! The story behind the tests: what is set up before the death, what happens while no master is there, and what the survivor is given.

use crate::held::runs;
use crate::support::{Definition, Scene, states};
use orca_engine::codes::{TaskState, WorkflowState};
use orca_engine::model::TaskInstance;
use orca_integration::harness::definitions::{shell, shell_with_parameters, workflow};
use orca_integration::harness::{ClusterOptions, Deadline, Signal, Stack, until};
use orca_registry::paths;
use orca_schema::NewTask;
use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::OnceLock;

const WAIT_SECONDS: u64 = 120;
/// Worker groups. That of `STEADY` is there throughout (`default` would be all workers). The worker of `FROZEN` sleeps from before the death until after the take-over, that of `LOST` dies with
/// the master and gets a successor, and that of `LATE` comes after the take-over.
const STEADY: &str = "steady";
const FROZEN: &str = "frozen";
const LOST: &str = "lost";
const LATE: &str = "late";

/// How a workflow ended.
pub(super) struct Found {
    pub(super) state: WorkflowState,
    pub(super) tasks: Vec<TaskInstance>,
    /// How often each task's script began.
    pub(super) began: BTreeMap<String, usize>,
}

/// A workflow whose rows are changed while no master is there, and what has to become of them.
pub(super) struct Left {
    pub(super) name: &'static str,
    workflow: WorkflowState,
    task: TaskState,
    pub(super) workflow_ends: WorkflowState,
    pub(super) task_ends: TaskState,
}

const fn left(
    name: &'static str,
    (workflow, task): (WorkflowState, TaskState),
    (workflow_ends, task_ends): (WorkflowState, TaskState),
) -> Left {
    Left {
        name,
        workflow,
        task,
        workflow_ends,
        task_ends,
    }
}

#[rustfmt::skip]
pub(super) const LEFT: [Left; 13] = {
    use {TaskState as T, WorkflowState as W};
    [
        left("running_left_finished", (W::RunningExecution, T::Success), (W::Success, T::Success)),
        left("running_left_failed", (W::RunningExecution, T::Failure), (W::Failure, T::Failure)),
        left("running_left_killed", (W::RunningExecution, T::Kill), (W::Stop, T::Kill)),
        left("running_left_paused", (W::RunningExecution, T::Pause), (W::Pause, T::Pause)),
        left("pause_left_submitted", (W::ReadyPause, T::SubmittedSuccess), (W::Pause, T::Pause)),
        left("pause_left_finished", (W::ReadyPause, T::Success), (W::Success, T::Success)),
        left("pause_left_failed", (W::ReadyPause, T::Failure), (W::Failure, T::Failure)),
        left("pause_left_killed", (W::ReadyPause, T::Kill), (W::Stop, T::Kill)),
        left("pause_left_paused", (W::ReadyPause, T::Pause), (W::Pause, T::Pause)),
        left("stop_left_submitted", (W::ReadyStop, T::SubmittedSuccess), (W::Stop, T::Kill)),
        left("stop_left_finished", (W::ReadyStop, T::Success), (W::Success, T::Success)),
        left("stop_left_failed", (W::ReadyStop, T::Failure), (W::Failure, T::Failure)),
        left("stop_left_killed", (W::ReadyStop, T::Kill), (W::Stop, T::Kill)),
    ]
};

/// What was found of one workflow at the end. The story is played once, for whoever asks first.
pub(super) fn found(name: &str) -> &'static Found {
    static PLAYED: OnceLock<Option<BTreeMap<&'static str, Found>>> = OnceLock::new();
    let played = PLAYED.get_or_init(|| catch_unwind(AssertUnwindSafe(|| Story::begin().play())).ok());
    let played = played.as_ref().unwrap_or_else(|| {
        panic!("the story was not played to its end: another test of this module says why")
    });
    &played[name]
}

struct Story {
    scene: Scene,
    ids: BTreeMap<&'static str, i32>,
}

impl Story {
    fn begin() -> Self {
        // Nobody is to lose a session by being frozen: who dies is said by the guardian, or by hand.
        let options = ClusterOptions::new(Stack::Real)
            .workers(0)
            .variable("REGISTRY_ZOOKEEPER_SESSION_TIMEOUT", "60s");
        let mut scene = Scene::start(options);
        for group in [STEADY, FROZEN, LOST] {
            scene.cluster.add_worker_with(&[("WORKER_GROUP", group)]).unwrap();
        }
        Self {
            scene,
            ids: BTreeMap::new(),
        }
    }

    fn play(mut self) -> BTreeMap<&'static str, Found> {
        self.let_tasks_run();
        self.freeze_two_workers();
        self.dispatch_to_the_frozen();
        self.pause_and_stop();
        self.kill_the_master();
        self.go_on();
        self.collect()
    }

    /// Everything that has to be running, or to have ended, when the workers freeze.
    fn let_tasks_run(&mut self) {
        self.start("running", vec![self.held("running", "only", STEADY)]);
        self.start(
            "running_and_lost",
            vec![self.held("running_and_lost", "only", LOST)],
        );
        self.start("stopped_later", vec![self.held("stopped_later", "only", STEADY)]);
        self.start("submitted", vec![self.quick("submitted", "only", LATE)]);
        for (name, exit) in [("ended_meanwhile", "0"), ("failed_meanwhile", "7")] {
            let script = format!("{}; touch {}; exit {exit}", self.until("early"), self.file(name));
            self.start(name, vec![self.task(name, "only", STEADY, &script)]);
        }
        self.start_with_output("finished_then_submitted");
        let failing = self.task("failed_beside_running", "failing", STEADY, "exit 3");
        self.start(
            "failed_beside_running",
            vec![failing, self.held("failed_beside_running", "other", STEADY)],
        );
        self.start(
            "pause_with_paused",
            vec![
                self.held("pause_with_paused", "running", STEADY),
                self.quick("pause_with_paused", "paused", LATE),
            ],
        );
        let second = after("first", self.held("pause_with_finished", "second", STEADY));
        let first = self.quick("pause_with_finished", "first", STEADY);
        self.start("pause_with_finished", vec![first, second]);
        let second = after("first", self.quick("pause_before_second", "second", STEADY));
        let first = self.held("pause_before_second", "first", STEADY);
        self.start("pause_before_second", vec![first, second]);
        self.start(
            "stop_with_killed",
            vec![
                self.held("stop_with_killed", "killed", STEADY),
                self.held("stop_with_killed", "running", FROZEN),
            ],
        );
        for left in &LEFT {
            self.start(left.name, vec![self.quick(left.name, "only", LATE)]);
        }
        self.await_running();
    }

    fn start_with_output(&mut self, name: &'static str) {
        let out = r#"[{"prop":"rows","direct":"OUT","type":"VARCHAR","value":""}]"#;
        let input = r#"[{"prop":"rows","direct":"IN","type":"VARCHAR","value":"none"}]"#;
        let script = format!("{}; echo '${{setValue(rows=42)}}'", self.begun(name, "first"));
        let first = shell_with_parameters("first", &script, &[], out);
        let script = format!("{}; test '${{rows}}' = 42", self.begun(name, "second"));
        let mut second = shell_with_parameters("second", &script, &["first"], input);
        second.worker_group = LATE.to_owned();
        self.start(name, vec![first, second]);
    }

    fn await_running(&self) {
        const RUNNING: TaskState = TaskState::RunningExecution;
        const WAITING: TaskState = TaskState::SubmittedSuccess;
        for name in [
            "running",
            "running_and_lost",
            "stopped_later",
            "ended_meanwhile",
            "failed_meanwhile",
        ] {
            self.await_states(name, &[RUNNING]);
        }
        self.await_states("submitted", &[WAITING]);
        self.await_states("finished_then_submitted", &[TaskState::Success, WAITING]);
        self.await_states("failed_beside_running", &[TaskState::Failure, RUNNING]);
        self.await_states("pause_with_paused", &[WAITING, RUNNING]);
        self.await_states("pause_with_finished", &[TaskState::Success, RUNNING]);
        self.await_states("pause_before_second", &[RUNNING]);
        self.await_states("stop_with_killed", &[RUNNING, RUNNING]);
        for left in &LEFT {
            self.await_states(left.name, &[WAITING]);
        }
    }

    fn freeze_two_workers(&mut self) {
        for index in [1, 2] {
            self.scene.cluster.workers[index].process.signal(Signal::STOP);
        }
    }

    /// The calls stay in the sockets: the rows say DISPATCH.
    fn dispatch_to_the_frozen(&mut self) {
        let there = [
            ("dispatched", FROZEN),
            ("stop_with_dispatched", FROZEN),
            ("dispatched_and_lost", LOST),
            ("pause_with_lost", LOST),
        ];
        for (name, group) in there {
            self.start(name, vec![self.quick(name, "only", group)]);
        }
        for (name, _) in there {
            self.await_states(name, &[TaskState::Dispatch]);
        }
    }

    fn pause_and_stop(&self) {
        let master = self.scene.master(0);
        for name in [
            "pause_with_paused",
            "pause_with_finished",
            "pause_before_second",
            "pause_with_lost",
        ] {
            self.scene.rpc.pause(master, self.ids[name]).unwrap();
            self.await_workflow(name, WorkflowState::ReadyPause);
        }
        for name in ["stop_with_killed", "stop_with_dispatched"] {
            self.scene.rpc.stop(master, self.ids[name]).unwrap();
            self.await_workflow(name, WorkflowState::ReadyStop);
        }
        self.await_states(
            "pause_with_paused",
            &[TaskState::Pause, TaskState::RunningExecution],
        );
        self.await_states(
            "stop_with_killed",
            &[TaskState::Kill, TaskState::RunningExecution],
        );
    }

    /// The survivor is frozen meanwhile, so that there is a time without any master.
    fn kill_the_master(&mut self) {
        let survivor = self.scene.cluster.add_master().unwrap().address().to_owned();
        until(
            "the survivor to be registered",
            Deadline::after_seconds(WAIT_SECONDS),
            || self.scene.rpc.is_registered(&survivor).then_some(()),
        )
        .unwrap();
        self.scene.cluster.masters[1].process.signal(Signal::STOP);
        self.scene.cluster.masters[0].process.kill();
        self.change_rows();
        self.touch("early");
        for name in ["ended_meanwhile", "failed_meanwhile"] {
            let ended = || self.file_path(name).exists().then_some(());
            until("the end of a task", Deadline::after_seconds(WAIT_SECONDS), ended).unwrap();
        }
        let lost = &mut self.scene.cluster.workers[2];
        lost.process.kill();
        let node = paths::worker(lost.address());
        self.end_session(&node);
        self.scene.cluster.masters[1].process.signal(Signal::CONT);
        // Dropped: what is asked of all masters is not asked of the dead one.
        self.scene.cluster.masters.remove(0);
    }

    fn change_rows(&self) {
        for left in &LEFT {
            let (id, workflow, task) = (self.ids[left.name], left.workflow.code(), left.task.code());
            let statement = format!(
                "UPDATE t_ds_workflow_instance SET state = {workflow} WHERE id = {id}; \
                 UPDATE t_ds_task_instance SET state = {task}, end_time = now() WHERE workflow_instance_id = {id};"
            );
            for one in statement.split_inclusive(';') {
                self.scene.cluster.execute_sql(one.trim()).unwrap();
            }
        }
    }

    /// What ZooKeeper does once the session of a dead process is over, sooner.
    fn end_session(&self, node: &str) {
        let settings = self.scene.cluster.registry().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let registry = orca_registry::connect(&settings).await.unwrap();
            assert!(registry.exists(node).await.unwrap(), "{node}");
            registry.delete(node).await.unwrap();
            registry.close().await;
        });
    }

    fn go_on(&mut self) {
        let survivor = self.scene.master(0).to_owned();
        for (name, id) in &self.ids {
            let is_taken = || {
                let instance = self.scene.instance(*id);
                let is_there = instance.host.as_deref() == Some(&*survivor);
                (instance.state.is_final() || is_there && instance.state != WorkflowState::Failover)
                    .then_some(())
            };
            self.expect_soon(&format!("the survivor to own {name}"), is_taken);
        }
        self.scene.rpc.stop(&survivor, self.ids["stopped_later"]).unwrap();
        self.scene.cluster.workers[1].process.signal(Signal::CONT);
        self.scene.cluster.workers.remove(2);
        for group in [LOST, LATE] {
            self.scene
                .cluster
                .add_worker_with(&[("WORKER_GROUP", group)])
                .unwrap();
        }
        self.touch("go");
    }

    fn collect(self) -> BTreeMap<&'static str, Found> {
        let mut all = BTreeMap::new();
        for (name, id) in &self.ids {
            let state = self.scene.await_end(*id);
            let tasks = self.scene.tasks(*id);
            all.insert(*name, (state, tasks));
        }
        self.scene.assert_released();
        self.scene.assert_workers_free();
        let lines = runs(&self.file_path("lines"));
        let found = all.into_iter().map(|(name, (state, tasks))| {
            let of_this = |(line, times): (&String, &usize)| {
                let (workflow, task) = line.split_once(' ')?;
                (workflow == name).then(|| (task.to_owned(), *times))
            };
            let began = lines.iter().filter_map(of_this).collect();
            (name, Found { state, tasks, began })
        });
        found.collect()
    }

    fn start(&mut self, name: &'static str, tasks: Vec<NewTask>) {
        let definition: Definition = self.scene.save(&workflow(name, tasks));
        let id = self.scene.trigger(definition);
        self.ids.insert(name, id);
    }

    /// Ends at once.
    fn quick(&self, workflow: &str, name: &str, group: &str) -> NewTask {
        self.task(workflow, name, group, "true")
    }

    /// Runs until the end of the story.
    fn held(&self, workflow: &str, name: &str, group: &str) -> NewTask {
        self.task(workflow, name, group, &self.until("go"))
    }

    fn task(&self, workflow: &str, name: &str, group: &str, script: &str) -> NewTask {
        let mut task = shell(name, &format!("{}; {script}", self.begun(workflow, name)), &[]);
        task.worker_group = group.to_owned();
        task
    }

    fn begun(&self, workflow: &str, name: &str) -> String {
        format!("echo {workflow} {name} >> {}", self.file("lines"))
    }

    fn until(&self, file: &str) -> String {
        format!("until [ -e {} ]; do sleep 0.1; done", self.file(file))
    }

    fn file_path(&self, name: &str) -> PathBuf {
        self.scene.folder().join(name)
    }

    fn file(&self, name: &str) -> String {
        self.file_path(name).display().to_string()
    }

    fn touch(&self, name: &str) {
        fs::write(self.file_path(name), "").unwrap();
    }

    /// The rows' states, by the tasks' names.
    fn await_states(&self, name: &str, wanted: &[TaskState]) {
        self.expect_soon(&format!("the tasks of {name} to be {wanted:?}"), || {
            let mut tasks = self.scene.tasks(self.ids[name]);
            tasks.sort_by(|one, other| one.name.cmp(&other.name));
            (states(&tasks) == wanted).then_some(())
        });
    }

    fn await_workflow(&self, name: &str, wanted: WorkflowState) {
        self.expect_soon(&format!("{name} to be {wanted:?}"), || {
            (self.scene.instance(self.ids[name]).state == wanted).then_some(())
        });
    }

    fn expect_soon(&self, what: &str, seen: impl FnMut() -> Option<()>) {
        until(what, Deadline::after_seconds(WAIT_SECONDS), seen)
            .unwrap_or_else(|error| panic!("{error}\n{}", self.scene.logs()));
    }
}

fn after(before: &str, mut task: NewTask) -> NewTask {
    task.depends_on = vec![before.to_owned()];
    task
}
