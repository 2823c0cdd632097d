//! One handler per command type (`AbstractCommandHandler` and its children).

use super::recover::recover;
use super::{ClaimPlan, CommandError, append_state_history};
use crate::codes::{CommandType, WorkflowState};
use crate::command_param::{CommandParam, Kind, ParamError, execute_task_start_nodes};
use crate::graph::{ExecutionGraph, StaticGraph};
use crate::model::{Command, DefinitionSnapshot, TaskInstance, WorkflowInstance};
use crate::params::merge_global_params;
use crate::time::Millis;
use chrono_tz::Tz;
use std::collections::BTreeMap;

/// What the handlers have in common.
struct Claim<'a> {
    command: &'a Command,
    command_type: CommandType,
    /// The valid rows of the instance.
    rows: Vec<TaskInstance>,
    definition: &'a DefinitionSnapshot,
    host: &'a str,
    now: Millis,
    zone: Tz,
}

/// Whether commands of this type need the instance's valid task rows for their plan.
#[must_use]
pub fn starts_from_rows(command_type: i32) -> bool {
    match CommandType::try_from(command_type) {
        Ok(
            CommandType::RecoverToleranceFaultProcess
            | CommandType::RepeatRunning
            | CommandType::StartFailureTaskProcess
            | CommandType::RecoverSuspendedProcess
            | CommandType::ExecuteTask,
        ) => true,
        Ok(
            CommandType::StartProcess
            | CommandType::Scheduler
            | CommandType::ComplementData
            | CommandType::StartCurrentTaskProcess
            | CommandType::Pause
            | CommandType::Stop
            | CommandType::RecoverSerialWait
            | CommandType::DynamicGeneration,
        )
        | Err(_) => false,
    }
}

/// Start nodes that the command names and the instance does not: for `WorkflowMachine::new_from`. `None` for every
/// command but EXECUTE_TASK.
pub fn start_codes(command: &Command) -> Result<Option<Vec<i64>>, ParamError> {
    if command.command_type != CommandType::ExecuteTask.code() {
        return Ok(None);
    }
    execute_task_start_nodes(command.command_param.as_deref()).map(Some)
}

/// Decides a claim. `rows` are the instance's valid task rows where [`starts_from_rows`] says so, else none. An error means
/// that the command can never run; everything a machine would refuse is refused here already.
pub fn plan(
    command: &Command,
    instance: WorkflowInstance,
    rows: Vec<TaskInstance>,
    definition: &DefinitionSnapshot,
    host: &str,
    now: Millis,
    zone: Tz,
) -> Result<ClaimPlan, CommandError> {
    let no_handler = |command_type: String| CommandError::NoHandler { command_type };
    let command_type = CommandType::try_from(command.command_type)
        .map_err(|_| no_handler(command.command_type.to_string()))?;
    let claim = Claim {
        command,
        command_type,
        rows,
        definition,
        host,
        now,
        zone,
    };
    match command_type {
        CommandType::StartProcess | CommandType::Scheduler | CommandType::ComplementData => {
            claim.start(instance)
        }
        CommandType::RepeatRunning => claim.repeat(instance),
        CommandType::StartFailureTaskProcess | CommandType::RecoverSuspendedProcess => {
            claim.recover(instance)
        }
        CommandType::RecoverToleranceFaultProcess => claim.fail_over(instance),
        CommandType::ExecuteTask => claim.execute_task(instance),
        CommandType::StartCurrentTaskProcess
        | CommandType::Pause
        | CommandType::Stop
        | CommandType::RecoverSerialWait
        | CommandType::DynamicGeneration => Err(no_handler(command_type.name().to_owned())),
    }
}

impl Claim<'_> {
    /// A first run: no row is looked at.
    fn start(self, mut instance: WorkflowInstance) -> Result<ClaimPlan, CommandError> {
        refuse_running(&instance)?;
        if instance.state.is_final() {
            return Err(CommandError::Withdrawn {
                state: instance.state,
            });
        }
        let param = CommandParam::of_instance(self.command.command_param.as_deref())?;
        let globals = self.definition.workflow.global_params.as_deref();
        instance.global_params = Some(merge_global_params(globals, &param.command_params)?);
        instance.command_param.clone_from(&self.command.command_param);
        self.run(&mut instance);
        self.select(&instance, &param.start_nodes)?;
        Ok(self.plan(instance))
    }

    /// All over again: every row is superseded.
    fn repeat(self, mut instance: WorkflowInstance) -> Result<ClaimPlan, CommandError> {
        refuse_running(&instance)?;
        let param = CommandParam::of_instance(instance.command_param.as_deref())?;
        instance.var_pool = None;
        instance.command_type = self.command_type;
        instance.run_times = instance.run_times.saturating_add(1);
        instance.end_time = None;
        self.run(&mut instance);
        self.select(&instance, &param.start_nodes)?;
        let supersede = self.rows.iter().map(|row| row.id).collect();
        Ok(ClaimPlan {
            supersede,
            ..self.plan(instance)
        })
    }

    /// From what has not succeeded. Run times and end time were set when the recovery was asked for.
    fn recover(mut self, mut instance: WorkflowInstance) -> Result<ClaimPlan, CommandError> {
        refuse_running(&instance)?;
        let param = CommandParam::of_instance(instance.command_param.as_deref())?;
        instance.var_pool = None;
        instance.command_type = self.command_type;
        if instance.global_params.is_none() {
            // It was paused or stopped while it waited for its turn: this is its first run.
            let globals = self.definition.workflow.global_params.as_deref();
            instance.global_params = Some(merge_global_params(globals, &param.command_params)?);
        }
        self.run(&mut instance);
        let graph = self.select(&instance, &param.start_nodes)?;
        let rows = by_name(std::mem::take(&mut self.rows))?;
        let recovery = recover(&graph, self.definition, rows, self.now);
        Ok(ClaimPlan {
            supersede: recovery.supersede,
            clone: recovery.clone,
            reset: recovery.reset,
            relink: recovery.relink,
            attach: recovery.attach,
            ..self.plan(instance)
        })
    }

    /// Goes on where another master stopped: state and rows as they were.
    fn fail_over(mut self, mut instance: WorkflowInstance) -> Result<ClaimPlan, CommandError> {
        refuse_running(&instance)?;
        if instance.state != WorkflowState::Failover {
            return Err(CommandError::NotInFailover {
                state: instance.state,
            });
        }
        instance.state = self.state_to_restore()?;
        instance.restart_time = Some(self.now);
        instance.host = Some(self.host.to_owned());
        let start_nodes = self.start_nodes_of(&instance)?;
        self.select(&instance, &start_nodes)?;
        let attach = by_name(std::mem::take(&mut self.rows))?.into_values().collect();
        Ok(ClaimPlan {
            attach,
            ..self.plan(instance)
        })
    }

    fn state_to_restore(&self) -> Result<WorkflowState, CommandError> {
        let text = self.command.command_param.as_deref();
        let missing = || CommandError::NoStateToRestore {
            text: text.unwrap_or("null").to_owned(),
        };
        match CommandParam::parse(text.ok_or_else(missing)?)?.kind {
            Kind::RecoverToleranceFault {
                workflow_execution_status: Some(state),
            } if state.needs_failover() => Ok(state),
            _ => Err(missing()),
        }
    }

    /// Only the part of the graph that the command names; its rows are superseded.
    fn execute_task(self, mut instance: WorkflowInstance) -> Result<ClaimPlan, CommandError> {
        refuse_running(&instance)?;
        CommandParam::of_instance(instance.command_param.as_deref())?;
        let codes = execute_task_start_nodes(self.command.command_param.as_deref())?;
        instance.command_type = self.command_type;
        instance.task_depend_type = self.command.task_depend_type.unwrap_or(instance.task_depend_type);
        instance.end_time = None;
        self.run(&mut instance);
        let graph = self.select(&instance, &codes)?;
        let covered = |row: &&TaskInstance| graph.node_of_code(row.task_code).is_some();
        let supersede = self.rows.iter().filter(covered).map(|row| row.id).collect();
        Ok(ClaimPlan {
            supersede,
            ..self.plan(instance)
        })
    }

    /// The command that runs the instance may be an EXECUTE_TASK whose parameter is gone; what is left is the instance's own.
    fn start_nodes_of(&self, instance: &WorkflowInstance) -> Result<Vec<i64>, CommandError> {
        Ok(CommandParam::of_instance(instance.command_param.as_deref())?.start_nodes)
    }

    fn run(&self, instance: &mut WorkflowInstance) {
        let (state, history) = (WorkflowState::RunningExecution, instance.state_history.as_deref());
        let history = append_state_history(history, state, self.command_type.name(), self.now, self.zone);
        instance.state_history = Some(history);
        instance.state = state;
        instance.host = Some(self.host.to_owned());
        instance.restart_time = Some(self.now);
    }

    fn select(
        &self,
        instance: &WorkflowInstance,
        start_nodes: &[i64],
    ) -> Result<ExecutionGraph, CommandError> {
        let graph = StaticGraph::new(self.definition)?;
        Ok(ExecutionGraph::select(
            &graph,
            start_nodes,
            instance.task_depend_type,
        )?)
    }

    fn plan(&self, instance: WorkflowInstance) -> ClaimPlan {
        ClaimPlan {
            command_id: self.command.id,
            instance,
            supersede: Vec::new(),
            clone: Vec::new(),
            reset: Vec::new(),
            relink: Vec::new(),
            attach: Vec::new(),
        }
    }
}

fn refuse_running(instance: &WorkflowInstance) -> Result<(), CommandError> {
    match instance.state {
        state if state.needs_failover() => Err(CommandError::AlreadyRunning { state }),
        _ => Ok(()),
    }
}

fn by_name(rows: Vec<TaskInstance>) -> Result<BTreeMap<String, TaskInstance>, CommandError> {
    let mut by_name = BTreeMap::new();
    for row in rows {
        if let Some(double) = by_name.insert(row.name.clone(), row) {
            return Err(CommandError::DuplicateTaskInstance { name: double.name });
        }
    }
    Ok(by_name)
}
