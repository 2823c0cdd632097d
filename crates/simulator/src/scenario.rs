//! What one run is about: how many servers, which workflows, and what each task will do. Made from the seed alone.

use crate::chance::Chance;
use crate::clock::EPOCH_MS;
use crate::features::Features;
use orca_engine::codes::{
    CommandType, ExecutionType, FailureStrategy, Flag, Priority, TaskDependType, TaskExecuteType,
    TimeoutFlag, WarningType, WorkflowState,
};
use orca_engine::model::{DefinitionSnapshot, Project, TaskDefinition, WorkflowDefinition, WorkflowInstance};
use orca_engine::time::Millis;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Clone, Debug)]
pub struct Scenario {
    pub masters: usize,
    pub workers: usize,
    /// Workers behave as Java 3.4.2: they take a duplicate id and know no epochs.
    pub java_workers: bool,
    pub guardian: bool,
    pub session_timeout_ms: u64,
    pub event_resend_ms: u64,
    /// Faults happen from the start until here.
    pub trouble_until_ms: u64,
    /// One fault every so often on average.
    pub fault_every_ms: u64,
    pub flows: Vec<Flow>,
    pub features: Features,
}

/// One workflow of a run.
#[derive(Clone, Debug)]
pub struct Flow {
    pub definition: Arc<DefinitionSnapshot>,
    pub instance: WorkflowInstance,
    pub starts_at_ms: u64,
    pub scripts: BTreeMap<i64, Script>,
    /// An operator asks for the end.
    pub stop_at_ms: Option<u64>,
    /// It takes turns with other runs of its definition.
    pub serial: Option<ExecutionType>,
}

/// What the attempts of one task do, by the retry they are.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    pub duration_ms: u64,
    /// Attempts with a lower retry number fail.
    pub fails: i32,
    /// Only its time-out ends it.
    pub is_endless: bool,
}

impl Scenario {
    #[must_use]
    pub fn of_seed(seed: u64, chance: &mut Chance) -> Self {
        let flows = chance.between(2, 7);
        let trouble_until_ms = chance.between(40_000, 150_000);
        let mut scenario = Self {
            masters: chance.index(3) + 2,
            workers: chance.index(3) + 2,
            java_workers: chance.one_in(4),
            guardian: chance.one_in(2),
            session_timeout_ms: [6_000, 10_000, 30_000][chance.index(3)],
            event_resend_ms: [10_000, 180_000][chance.index(2)],
            trouble_until_ms,
            fault_every_ms: [2_500, 6_000, 15_000][chance.index(3)],
            flows: (0..flows)
                .map(|number| flow(chance, number, trouble_until_ms))
                .collect(),
            features: Features::default(),
        };
        crate::features::add(&mut scenario, seed);
        scenario
    }
}

pub(crate) fn flow(chance: &mut Chance, number: u64, trouble_until_ms: u64) -> Flow {
    let id = i32::try_from(number + 1).unwrap_or(1);
    let code = i64::from(id) * 1_000;
    let len = i64::try_from(chance.between(1, 6)).unwrap_or(1);
    let mut scripts = BTreeMap::new();
    let mut tasks = Vec::new();
    let mut relations = Vec::new();
    for place in 1..=len {
        let retries = i32::try_from(chance.below(3)).unwrap_or(0);
        let fails = if chance.one_in(4) {
            i32::try_from(chance.below(4)).unwrap_or(0)
        } else {
            0
        };
        let duration_ms = [chance.between(50, 2_000), chance.between(2_000, 40_000)][chance.index(2)];
        let script = Script {
            duration_ms,
            fails,
            is_endless: false,
        };
        scripts.insert(code + place, script);
        tasks.push(task(
            code + place,
            retries,
            i32::from(retries > 0 && chance.one_in(3)),
        ));
        let before: Vec<i64> = (1..place).filter(|_| chance.one_in(2)).collect();
        if before.is_empty() {
            relations.push((0, code + place));
        }
        relations.extend(before.into_iter().map(|earlier| (code + earlier, code + place)));
    }
    let strategy = if chance.one_in(4) {
        FailureStrategy::End
    } else {
        FailureStrategy::Continue
    };
    Flow {
        definition: Arc::new(definition(code, tasks, relations)),
        instance: instance(id, code, strategy),
        starts_at_ms: chance.below(trouble_until_ms * 3 / 4),
        scripts,
        stop_at_ms: chance.one_in(8).then(|| chance.between(5_000, trouble_until_ms)),
        serial: None,
    }
}

fn task(code: i64, retries: i32, retry_interval: i32) -> TaskDefinition {
    TaskDefinition {
        code,
        version: 1,
        name: format!("task-{code}"),
        project_code: 9,
        task_type: "SHELL".to_owned(),
        task_execute_type: TaskExecuteType::Batch,
        task_params: Some(r#"{"localParams":[],"rawScript":"true"}"#.to_owned()),
        flag: Flag::Yes,
        priority: Priority::Medium,
        worker_group: Some("default".to_owned()),
        environment_code: -1,
        fail_retry_times: retries,
        fail_retry_interval: retry_interval,
        timeout_flag: TimeoutFlag::Close,
        timeout_notify_strategy: None,
        timeout: 0,
        delay_time: 0,
        task_group_id: 0,
        task_group_priority: 0,
        cpu_quota: -1,
        memory_max: -1,
    }
}

fn definition(code: i64, tasks: Vec<TaskDefinition>, relations: Vec<(i64, i64)>) -> DefinitionSnapshot {
    DefinitionSnapshot {
        workflow: WorkflowDefinition {
            code,
            version: 1,
            name: format!("flow-{code}"),
            project_code: 9,
            global_params: Some("[]".to_owned()),
            timeout_minutes: 0,
            execution_type: ExecutionType::Parallel,
            user_id: Some(1),
            operator_name: Some("admin".to_owned()),
        },
        project: Project {
            id: 1,
            code: 9,
            name: "project".to_owned(),
            user_id: Some(1),
            user_name: None,
        },
        tasks,
        relations,
    }
}

/// As the trigger writes it: nobody has claimed it yet.
fn instance(id: i32, code: i64, failure_strategy: FailureStrategy) -> WorkflowInstance {
    WorkflowInstance {
        id,
        name: format!("flow-{code}-1"),
        workflow_definition_code: code,
        workflow_definition_version: 1,
        project_code: 9,
        state: WorkflowState::SubmittedSuccess,
        state_history: None,
        start_time: Some(Millis(EPOCH_MS)),
        end_time: None,
        restart_time: None,
        run_times: 1,
        host: None,
        command_type: CommandType::StartProcess,
        command_param: Some(r#"{"commandType":"START_PROCESS"}"#.to_owned()),
        task_depend_type: TaskDependType::TaskPost,
        failure_strategy,
        warning_type: WarningType::None,
        warning_group_id: None,
        schedule_time: None,
        global_params: Some("[]".to_owned()),
        is_sub_workflow: Flag::No,
        executor_id: 1,
        executor_name: Some("admin".to_owned()),
        history_cmd: Some("START_PROCESS".to_owned()),
        priority: Priority::Medium,
        worker_group: Some("default".to_owned()),
        environment_code: -1,
        timeout: 0,
        tenant_code: Some("default".to_owned()),
        var_pool: None,
        dry_run: false,
    }
}
