//! One running cluster with everything a test asks of it.

use orca_engine::codes::{TaskState, WorkflowState};
use orca_engine::model::{Property, TaskInstance, WorkflowInstance};
use orca_integration::harness::{Cluster, ClusterOptions, Deadline, MasterRpc, until};
use orca_schema::{DatabaseSettings, InstanceFilter, NewDefinition, Page, Secret, Store};
use std::path::Path;

/// A definition's code and version.
pub(crate) type Definition = (i64, i32);

const END_SECONDS: u64 = 120;
const REGISTERED_SECONDS: u64 = 60;

pub(crate) struct Scene {
    pub(crate) cluster: Cluster,
    pub(crate) rpc: MasterRpc,
    store: Store,
}

impl Scene {
    pub(crate) fn start(options: ClusterOptions) -> Self {
        let cluster = Cluster::start(options).unwrap();
        let (url, user, password) = cluster.database();
        let mut settings = DatabaseSettings::new(url);
        if !user.is_empty() {
            settings.username = Some(user.to_owned());
            settings.password = Some(Secret::new(password));
        }
        let store = Store::open(&settings).unwrap();
        Self {
            cluster,
            rpc: MasterRpc::new().unwrap(),
            store,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.cluster.folder()
    }

    pub(crate) fn master(&self, index: usize) -> &str {
        self.cluster.masters[index].address()
    }

    pub(crate) fn save(&self, definition: &NewDefinition) -> Definition {
        self.store.save_definition(definition).unwrap()
    }

    pub(crate) fn trigger(&self, definition: Definition) -> i32 {
        self.trigger_with(definition, Vec::new())
    }

    pub(crate) fn project_code(&self, (code, version): Definition) -> i64 {
        let definition = self.store.load_definition(code, version).unwrap();
        definition.unwrap().project.code
    }

    /// How many workflow instances there are in all.
    pub(crate) fn instance_count(&self) -> i64 {
        self.store.counts().unwrap().workflow_instances.values().sum()
    }

    /// A master that has just opened its port may not be registered yet, so the first trigger is tried until one is taken.
    pub(crate) fn trigger_with(&self, (code, version): Definition, parameters: Vec<Property>) -> i32 {
        until("a trigger", Deadline::after_seconds(REGISTERED_SECONDS), || {
            self.rpc
                .trigger(self.master(0), code, version, parameters.clone())
                .ok()
        })
        .unwrap()
    }

    /// Over all masters in turn.
    pub(crate) fn trigger_many(&self, definition: Definition, count: usize) -> Vec<i32> {
        let masters: Vec<String> = self
            .cluster
            .masters
            .iter()
            .map(|master| master.address().to_owned())
            .collect();
        for master in &masters {
            until(
                "the master to be registered",
                Deadline::after_seconds(REGISTERED_SECONDS),
                || self.rpc.is_registered(master).then_some(()),
            )
            .unwrap();
        }
        self.rpc
            .trigger_many(&masters, definition.0, definition.1, count)
            .unwrap()
    }

    pub(crate) fn instance(&self, id: i32) -> WorkflowInstance {
        self.store.get_instance(id).unwrap().unwrap()
    }

    /// Every instance of a definition, the first first.
    pub(crate) fn instances_of(&self, definition: Definition) -> Vec<WorkflowInstance> {
        let filter = InstanceFilter {
            workflow_definition_code: Some(definition.0),
            ..InstanceFilter::default()
        };
        let mut instances = self.store.list_instances(&filter, Page::default()).unwrap();
        instances.reverse();
        instances
    }

    /// The final state of the instance, once it has one.
    pub(crate) fn await_end(&self, id: i32) -> WorkflowState {
        let ended = until(
            "the end of the workflow",
            Deadline::after_seconds(END_SECONDS),
            || {
                let state = self.store.get_instance(id).ok()??.state;
                state.is_final().then_some(state)
            },
        );
        ended.unwrap_or_else(|error| panic!("{error}\n{:?}\n{}", self.tasks(id), self.logs()))
    }

    /// The ends of the masters' logs.
    pub(crate) fn logs(&self) -> String {
        let tail = self
            .cluster
            .masters
            .iter()
            .map(|master| master.process.log_tail());
        tail.collect::<Vec<_>>().join("\n---\n")
    }

    pub(crate) fn tasks(&self, id: i32) -> Vec<TaskInstance> {
        let mut tasks = self.store.list_tasks(id).unwrap();
        tasks.sort_by_key(|task| task.id);
        tasks
    }

    /// No master holds anything any more.
    pub(crate) fn assert_released(&self) {
        for master in &self.cluster.masters {
            until("the masters to let go", Deadline::after_seconds(10), || {
                self.rpc.running(master.address()).ok().filter(Vec::is_empty)
            })
            .unwrap();
        }
    }

    /// No worker holds an attempt any more: neither a running one nor an ended one that waits for its acknowledgement.
    pub(crate) fn assert_workers_free(&self) {
        for worker in &self.cluster.workers {
            until("the workers to be free", Deadline::after_seconds(60), || {
                self.rpc
                    .held_by_worker(worker.address())
                    .ok()
                    .filter(Vec::is_empty)
            })
            .unwrap();
        }
    }

    pub(crate) fn await_gone(&self, pid: &str) {
        let process = Path::new("/proc").join(pid.trim());
        until("the end of a process", Deadline::after_seconds(30), || {
            (!process.exists()).then_some(())
        })
        .unwrap();
    }

    /// A command row as another program might write it.
    pub(crate) fn insert_command(
        &self,
        command_type: i32,
        (code, version): Definition,
        workflow_instance_id: i32,
    ) {
        self.cluster
            .execute_sql(&format!(
                "INSERT INTO t_ds_command (command_type, workflow_definition_code, workflow_definition_version, \
                 workflow_instance_id, workflow_instance_priority) VALUES ({command_type}, {code}, {version}, \
                 {workflow_instance_id}, 2)"
            ))
            .unwrap();
    }

    pub(crate) fn await_error_commands(&self, count: i64) {
        until("an error command", Deadline::after_seconds(30), || {
            self.store
                .counts()
                .ok()
                .filter(|counts| counts.error_commands == count)
        })
        .unwrap();
    }
}

pub(crate) fn states(tasks: &[TaskInstance]) -> Vec<TaskState> {
    tasks.iter().map(|task| task.state).collect()
}
