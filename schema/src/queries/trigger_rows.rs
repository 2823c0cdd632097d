//! The rows of a new run: the instance as `AbstractWorkflowTrigger` makes it, its command, or its place in the serial queue; and the command of an instance that runs again.

use crate::clock::WallClock;
use crate::queries::triggers::DefinitionRow;
use crate::sql::Value;
use crate::statements::Rows;
use crate::types::{NewRun, RunKind};
use orca_engine::codes::{CommandType, ExecutionType, FailureStrategy, Flag, TaskDependType, WorkflowState};
use orca_engine::model::{Property, WorkflowInstance};
use orca_engine::time::Millis;
use serde::Serialize;

const SERIAL_REASON: &str = "Waiting for serial execution";
const DEFAULT_GROUP: &str = "default";
const DEFAULT_TENANT: &str = "default";
const NO_ENVIRONMENT: i64 = -1;

/// A request whose definition and user exist.
#[derive(Clone, Copy)]
pub(crate) struct Accepted<'a> {
    pub(crate) run: &'a NewRun,
    pub(crate) definition: &'a DefinitionRow,
    pub(crate) user_name: &'a str,
    pub(crate) schedule_time: Option<Millis>,
    pub(crate) execution_type: ExecutionType,
}

#[derive(Serialize)]
struct HistoryEntry<'a> {
    time: String,
    state: WorkflowState,
    desc: &'a str,
}

/// `ICommandParam`: the members that all kinds have, and those of a backfill.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CommandParam<'a> {
    command_type: &'static str,
    sub_workflow_instance: bool,
    start_nodes: Option<&'a [i64]>,
    command_params: Option<&'a [Property]>,
    time_zone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backfill_time_list: Option<&'a [String]>,
}

/// The command of a serial run, as JSON. The members that are null become the column's defaults when it is launched.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SerialCommand<'a> {
    id: Option<i32>,
    command_type: &'static str,
    workflow_definition_code: i64,
    workflow_definition_version: i32,
    workflow_instance_id: i32,
    command_param: Option<String>,
    workflow_instance_priority: Option<&'static str>,
    executor_id: i32,
    task_depend_type: TaskDependType,
    failure_strategy: FailureStrategy,
    warning_type: Option<&'a str>,
    warning_group_id: Option<i32>,
    schedule_time: Option<&'a str>,
    start_time: Option<String>,
    update_time: String,
    worker_group: Option<&'a str>,
    tenant_code: Option<&'a str>,
    environment_code: Option<i64>,
    dry_run: i32,
}

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("structs of texts and numbers with fixed keys always serialize")
}

fn state_history(one: &Accepted<'_>, clock: WallClock, now: Millis) -> String {
    let time = clock.json_text(now);
    let desc = one.run.kind.command_type().name();
    let mut history = vec![HistoryEntry {
        time: time.clone(),
        state: WorkflowState::SubmittedSuccess,
        desc,
    }];
    if one.execution_type != ExecutionType::Parallel {
        history.push(HistoryEntry {
            time,
            state: WorkflowState::SerialWait,
            desc: SERIAL_REASON,
        });
    }
    json(&history)
}

fn command_param(run: &NewRun, clock: WallClock) -> String {
    let zone = run.time_zone.as_deref().filter(|zone| !zone.trim().is_empty());
    let own_zone = clock.zone_name();
    let params = CommandParam {
        command_type: run.kind.command_type().name(),
        sub_workflow_instance: false,
        start_nodes: run.start_nodes.as_deref(),
        command_params: run.start_params.as_deref(),
        time_zone: Some(zone.unwrap_or(own_zone)),
        backfill_time_list: None,
    };
    match &run.kind {
        RunKind::Manual | RunKind::SubWorkflow => json(&params),
        // A schedule names its zone and nothing else.
        RunKind::Schedule => json(&CommandParam {
            start_nodes: None,
            command_params: None,
            time_zone: run.time_zone.as_deref(),
            ..params
        }),
        RunKind::Backfill { times } => json(&CommandParam {
            time_zone: Some(own_zone),
            backfill_time_list: Some(times),
            ..params
        }),
    }
}

fn text_or<'a>(text: Option<&'a str>, default: &'static str) -> &'a str {
    text.filter(|text| !text.trim().is_empty()).unwrap_or(default)
}

pub(crate) fn instance_rows<'a>(runs: &[Accepted<'a>], clock: WallClock, now: Millis) -> Rows<'a> {
    let mut rows = Rows::new(
        "write new workflow instances",
        "t_ds_workflow_instance",
        INSTANCE_COLUMNS,
    );
    for one in runs {
        let Accepted { run, definition, .. } = *one;
        let command_type = run.kind.command_type();
        let state = match one.execution_type {
            ExecutionType::Parallel => WorkflowState::SubmittedSuccess,
            _ => WorkflowState::SerialWait,
        };
        let sub = if run.kind == RunKind::SubWorkflow {
            Flag::Yes
        } else {
            Flag::No
        };
        rows.rows.push(vec![
            format!(
                "{}-{}",
                definition.name.as_deref().unwrap_or_default(),
                clock.name_suffix(now)
            )
            .into(),
            definition.code.into(),
            definition.version.into(),
            definition.project_code.into(),
            state.code().into(),
            state_history(one, clock, now).into(),
            Flag::No.code().into(),
            clock.local(now).into(),
            clock.local(now).into(),
            1.into(),
            command_type.code().into(),
            run.task_depend_type.code().into(),
            0.into(),
            run.options.failure_strategy.code().into(),
            run.options.warning_type.code().into(),
            run.options.warning_group_id.into(),
            clock.local_option(one.schedule_time).into(),
            sub.code().into(),
            run.user_id.into(),
            one.user_name.into(),
            command_type.name().into(),
            run.options.priority.code().into(),
            text_or(run.options.worker_group.as_deref(), DEFAULT_GROUP).into(),
            run.options.environment_code.unwrap_or(NO_ENVIRONMENT).into(),
            definition.timeout.unwrap_or(0).into(),
            text_or(run.options.tenant_code.as_deref(), DEFAULT_TENANT).into(),
            i32::from(run.options.dry_run).into(),
            0.into(),
            // A run that is paused while it waits can be recovered by this; the others get it with their claim.
            (one.execution_type != ExecutionType::Parallel)
                .then(|| command_param(run, clock))
                .into(),
        ]);
    }
    rows
}

const INSTANCE_COLUMNS: &[&str] = &[
    "name",
    "workflow_definition_code",
    "workflow_definition_version",
    "project_code",
    "state",
    "state_history",
    "recovery",
    "start_time",
    "restart_time",
    "run_times",
    "command_type",
    "task_depend_type",
    "max_try_times",
    "failure_strategy",
    "warning_type",
    "warning_group_id",
    "schedule_time",
    "is_sub_workflow",
    "executor_id",
    "executor_name",
    "history_cmd",
    "workflow_instance_priority",
    "worker_group",
    "environment_code",
    "timeout",
    "tenant_code",
    "dry_run",
    "next_workflow_instance_id",
    "command_param",
];

/// The other columns are left to their defaults, as by the reference: handlers read them from the instance.
const COMMAND_COLUMNS: &[&str] = &[
    "command_type",
    "workflow_definition_code",
    "workflow_definition_version",
    "workflow_instance_id",
    "command_param",
    "task_depend_type",
    "failure_strategy",
    "executor_id",
    "update_time",
    "workflow_instance_priority",
    "dry_run",
];

pub(crate) fn command_rows<'r, 'a: 'r>(
    runs: impl Iterator<Item = (&'r Accepted<'a>, i32)>,
    clock: WallClock,
    now: Millis,
) -> Rows<'static> {
    let mut rows = Rows::new("write new commands", "t_ds_command", COMMAND_COLUMNS);
    for (one, id) in runs {
        rows.rows.push(vec![
            one.run.kind.command_type().code().into(),
            one.definition.code.into(),
            one.definition.version.into(),
            id.into(),
            command_param(one.run, clock).into(),
            TaskDependType::TaskPost.code().into(),
            FailureStrategy::Continue.code().into(),
            0.into(),
            clock.local(now).into(),
            one.run.options.priority.code().into(),
            0.into(),
        ]);
    }
    rows
}

const SERIAL_COLUMNS: &[&str] = &[
    "workflow_definition_code",
    "workflow_definition_version",
    "workflow_instance_id",
    "state",
    "command",
    "create_time",
    "update_time",
];

pub(crate) fn serial_rows<'r, 'a: 'r>(
    runs: impl Iterator<Item = (&'r Accepted<'a>, i32)>,
    clock: WallClock,
    now: Millis,
) -> Rows<'static> {
    let mut rows = Rows::new("write serial commands", "t_ds_serial_command", SERIAL_COLUMNS);
    for (one, id) in runs {
        let definition = (one.definition.code, one.definition.version);
        let command = serial_command(one, id, clock, now);
        rows.rows.push(serial_row(definition, id, &command, clock, now));
    }
    rows
}

fn serial_command(one: &Accepted<'_>, id: i32, clock: WallClock, now: Millis) -> SerialCommand<'static> {
    SerialCommand {
        command_param: Some(command_param(one.run, clock)),
        workflow_instance_priority: Some(one.run.options.priority.name()),
        ..SerialCommand::new(
            one.run.kind.command_type(),
            (one.definition.code, one.definition.version),
            id,
            clock.json_text(now),
        )
    }
}

impl SerialCommand<'_> {
    /// With what the reference leaves to the defaults.
    fn new(
        command_type: CommandType,
        (code, version): (i64, i32),
        workflow_instance_id: i32,
        update_time: String,
    ) -> Self {
        Self {
            id: None,
            command_type: command_type.name(),
            workflow_definition_code: code,
            workflow_definition_version: version,
            workflow_instance_id,
            command_param: None,
            workflow_instance_priority: None,
            executor_id: 0,
            task_depend_type: TaskDependType::TaskPost,
            failure_strategy: FailureStrategy::Continue,
            warning_type: None,
            warning_group_id: None,
            schedule_time: None,
            start_time: None,
            update_time,
            worker_group: None,
            tenant_code: None,
            environment_code: None,
            dry_run: 0,
        }
    }
}

/// What the command of an instance that runs again is made of.
pub(crate) struct AgainRows<'a> {
    pub(crate) instance: &'a WorkflowInstance,
    pub(crate) command_type: CommandType,
    pub(crate) user_id: i32,
}

/// No parameter and no priority: handlers read the first from the instance, and the second is left to the column's default.
const AGAIN_COLUMNS: &[&str] = &[
    "command_type",
    "workflow_definition_code",
    "workflow_definition_version",
    "workflow_instance_id",
    "task_depend_type",
    "failure_strategy",
    "executor_id",
    "start_time",
    "update_time",
    "dry_run",
];

pub(crate) fn again_command(again: &AgainRows<'_>, clock: WallClock, now: Millis) -> Rows<'static> {
    let mut rows = Rows::new(
        "write the command of a workflow instance",
        "t_ds_command",
        AGAIN_COLUMNS,
    );
    rows.rows.push(vec![
        again.command_type.code().into(),
        again.instance.workflow_definition_code.into(),
        again.instance.workflow_definition_version.into(),
        again.instance.id.into(),
        TaskDependType::TaskPost.code().into(),
        FailureStrategy::Continue.code().into(),
        again.user_id.into(),
        clock.local(now).into(),
        clock.local(now).into(),
        0.into(),
    ]);
    rows
}

pub(crate) fn again_serial(again: &AgainRows<'_>, clock: WallClock, now: Millis) -> Rows<'static> {
    let (id, definition) = (
        again.instance.id,
        (
            again.instance.workflow_definition_code,
            again.instance.workflow_definition_version,
        ),
    );
    let command = SerialCommand {
        executor_id: again.user_id,
        start_time: Some(clock.json_text(now)),
        ..SerialCommand::new(again.command_type, definition, id, clock.json_text(now))
    };
    let mut rows = Rows::new("write serial commands", "t_ds_serial_command", SERIAL_COLUMNS);
    rows.rows.push(serial_row(definition, id, &command, clock, now));
    rows
}

fn serial_row(
    (code, version): (i64, i32),
    id: i32,
    command: &SerialCommand<'_>,
    clock: WallClock,
    now: Millis,
) -> Vec<Value<'static>> {
    vec![
        code.into(),
        version.into(),
        i64::from(id).into(),
        0.into(),
        json(command).into(),
        clock.local(now).into(),
        clock.local(now).into(),
    ]
}
