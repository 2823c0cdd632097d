//! SUB_WORKFLOW: a task whose work is another workflow instance, its child.
//!
//! Guarantees: the child of an attempt is named by the attempt's `app_link`, written in the transaction that creates the child; so a child that was started is found
//! again, and an attempt without a link has started none. That a child has to be recovered with its parent stands in the link too, and is taken out in the
//! transaction that recovers it. It refuses to know who owns the child and how it is told anything.

use crate::codes::{CommandType, ExecutionType, WorkflowState};
use crate::command_param::CommandParam;
use crate::model::{Property, RunOptions, TaskInstance, WorkflowInstance};
use crate::params::{ParamError, parse_properties};
use crate::time::Millis;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub const TASK_TYPE: &str = "SUB_WORKFLOW";
const CHILD: &str = "subWorkflowInstanceId";
/// A member of our own; the reference ignores members that it does not know.
const RECOVERY: &str = "orcaRecoveryOwed";

/// `SubWorkflowLogicTaskRuntimeContext`: the text in `app_link`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildLink {
    pub workflow_instance_id: i32,
    /// The parent was recovered, and this attempt has not recovered the child yet.
    pub recovery_owed: bool,
}

impl ChildLink {
    #[must_use]
    pub const fn to(workflow_instance_id: i32) -> Self {
        Self {
            workflow_instance_id,
            recovery_owed: false,
        }
    }

    /// The child that the task has by its row.
    #[must_use]
    pub fn of(task: &TaskInstance) -> Option<Self> {
        if task.task_type == TASK_TYPE {
            Self::parse(task.app_link.as_deref())
        } else {
            None
        }
    }

    #[must_use]
    pub fn parse(app_link: Option<&str>) -> Option<Self> {
        let value: Value = serde_json::from_str(app_link?).ok()?;
        let id = i32::try_from(value[CHILD].as_i64()?).ok().filter(|id| *id > 0)?;
        Some(Self {
            workflow_instance_id: id,
            recovery_owed: value[RECOVERY].as_bool().unwrap_or(false),
        })
    }

    #[must_use]
    pub fn text(self) -> String {
        if self.recovery_owed {
            json!({ CHILD: self.workflow_instance_id, RECOVERY: true }).to_string()
        } else {
            json!({ CHILD: self.workflow_instance_id }).to_string()
        }
    }
}

/// The definition to start, at its current version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChildDefinition {
    pub code: i64,
    pub version: i32,
    pub name: String,
    pub project_code: i64,
    /// Minutes; 0 means none.
    pub timeout: i32,
    pub execution_type: ExecutionType,
}

/// What an attempt has found before it acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChildFound {
    /// The instance that the link names.
    Instance,
    /// There is none, or its row is gone; this is to be started.
    Definition(ChildDefinition),
}

/// A child to be started: everything that its rows need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewChild {
    pub definition: ChildDefinition,
    pub user_id: i32,
    pub user_name: String,
    pub start_params: Vec<Property>,
    pub time_zone: Option<String>,
    pub schedule_time: Option<Millis>,
    pub options: RunOptions,
}

/// `workflowDefinitionCode` of the task's parameters.
pub fn definition_code(task_params: Option<&str>) -> Result<i64, String> {
    let value: Value = serde_json::from_str(task_params.unwrap_or("null"))
        .map_err(|error| format!("the task parameters are not JSON: {error}"))?;
    match &value["workflowDefinitionCode"] {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_i64(),
    }
    .ok_or_else(|| "the task parameters name no workflowDefinitionCode".to_owned())
}

/// The child of a parent: what the parent was given goes on to it, and so do its variables. All tasks of the child run.
pub fn new_child(
    parent: &WorkflowInstance,
    param: &CommandParam,
    definition: ChildDefinition,
) -> Result<NewChild, ParamError> {
    let globals = parse_properties(
        parent.global_params.as_deref(),
        "global_params of the workflow instance",
    )?;
    let variables = parse_properties(parent.var_pool.as_deref(), "var_pool of the workflow instance")?;
    let by_name: BTreeMap<Option<String>, Property> = globals
        .into_iter()
        .chain(param.command_params.iter().cloned())
        .chain(variables)
        .map(|property| (property.prop.clone(), property))
        .collect();
    Ok(NewChild {
        definition,
        user_id: parent.executor_id,
        user_name: parent.executor_name.clone().unwrap_or_default(),
        start_params: by_name.into_values().collect(),
        time_zone: param.time_zone.clone(),
        schedule_time: parent.schedule_time,
        options: parent.run_options(),
    })
}

/// How the task stands by the state of its child; `None` for a child that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Runs,
    Succeeded,
    Failed,
    Paused,
    Killed,
}

#[must_use]
pub const fn verdict(child: Option<WorkflowState>) -> Verdict {
    match child {
        None | Some(WorkflowState::Failure) => Verdict::Failed,
        Some(WorkflowState::Success) => Verdict::Succeeded,
        Some(WorkflowState::Pause) => Verdict::Paused,
        Some(WorkflowState::Stop) => Verdict::Killed,
        Some(
            WorkflowState::SubmittedSuccess
            | WorkflowState::RunningExecution
            | WorkflowState::ReadyPause
            | WorkflowState::ReadyStop
            | WorkflowState::SerialWait
            | WorkflowState::Failover,
        ) => Verdict::Runs,
    }
}

/// The command that recovers a child in this state with its parent. Nothing has to be done for one that runs or has succeeded.
#[must_use]
pub const fn recovery(child: WorkflowState) -> Option<CommandType> {
    match child {
        WorkflowState::Failure => Some(CommandType::StartFailureTaskProcess),
        WorkflowState::Pause | WorkflowState::Stop => Some(CommandType::RecoverSuspendedProcess),
        WorkflowState::Success
        | WorkflowState::SubmittedSuccess
        | WorkflowState::RunningExecution
        | WorkflowState::ReadyPause
        | WorkflowState::ReadyStop
        | WorkflowState::SerialWait
        | WorkflowState::Failover => None,
    }
}

/// What the parent wants of its child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wish {
    Pause,
    Stop,
}

/// What is to be done about a wish, by the child's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asking {
    /// Its owner is asked now.
    Ask,
    /// Nobody owns it at the moment, or its owner has just changed: it is asked later.
    Later,
    /// Nobody ever runs it unless its turn in the serial queue comes: it is closed where it waits.
    CloseInQueue,
    /// The child knows, or has ended.
    Done,
}

#[must_use]
pub const fn asking(wish: Wish, child: Option<WorkflowState>) -> Asking {
    match (child, wish) {
        (Some(WorkflowState::RunningExecution), _) | (Some(WorkflowState::ReadyPause), Wish::Stop) => {
            Asking::Ask
        }
        (Some(WorkflowState::SubmittedSuccess | WorkflowState::Failover), _) => Asking::Later,
        (Some(WorkflowState::SerialWait), _) => Asking::CloseInQueue,
        (Some(WorkflowState::ReadyPause), Wish::Pause) | (Some(WorkflowState::ReadyStop), _) => Asking::Done,
        (
            None
            | Some(
                WorkflowState::Pause | WorkflowState::Stop | WorkflowState::Failure | WorkflowState::Success,
            ),
            _,
        ) => Asking::Done,
    }
}

/// The row of a recovered run's task: a child that the earlier attempt left is recovered too.
#[must_use]
pub fn owing_recovery(mut task: TaskInstance) -> TaskInstance {
    if let Some(link) = ChildLink::of(&task) {
        task.app_link = Some(
            ChildLink {
                recovery_owed: true,
                ..link
            }
            .text(),
        );
    }
    task
}

/// The row of a retry: a child that has failed stays with the attempt that it failed.
pub(crate) fn without_child(task: &mut TaskInstance) {
    if task.task_type == TASK_TYPE {
        task.app_link = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::TaskState;
    use crate::workflow::tests::kit;

    fn property(name: &str, value: &str) -> Property {
        Property {
            prop: Some(name.to_owned()),
            value: Some(value.to_owned()),
            ..Property::default()
        }
    }

    fn row(link: Option<&str>) -> TaskInstance {
        let mut task = kit::task(1, "A");
        task.task_type = TASK_TYPE.to_owned();
        let mut row = kit::row(51, &task, TaskState::Failure, None);
        row.app_link = link.map(str::to_owned);
        row
    }

    #[test]
    fn the_link_is_the_one_of_the_reference_with_one_member_of_ours() {
        let link = ChildLink::parse(Some(r#"{"subWorkflowInstanceId":12}"#)).unwrap();
        assert_eq!(link, ChildLink::to(12));
        assert_eq!(link.text(), r#"{"subWorkflowInstanceId":12}"#);
        let owed = owing_recovery(row(Some(&link.text()))).app_link.unwrap();
        let read = ChildLink::parse(Some(&owed)).unwrap();
        assert!(read.recovery_owed && read.workflow_instance_id == 12, "{owed}");
        for text in [
            None,
            Some(""),
            Some("null"),
            Some("{}"),
            Some("application_1"),
            Some(r#"{"subWorkflowInstanceId":-1}"#),
        ] {
            assert_eq!(ChildLink::parse(text), None, "{text:?}");
        }
        assert_eq!(owing_recovery(row(None)).app_link, None);
        let mut shell = row(Some(r#"{"subWorkflowInstanceId":12}"#));
        shell.task_type = "SHELL".to_owned();
        assert_eq!(ChildLink::of(&shell), None);
        without_child(&mut shell);
        assert!(shell.app_link.is_some());
    }

    #[test]
    fn a_child_gets_what_the_parent_has() {
        let mut parent = kit::instance();
        parent.global_params = Some(r#"[{"prop":"a","direct":"IN","type":"VARCHAR","value":"global"},{"prop":"b","direct":"IN","type":"VARCHAR","value":"global"},{"prop":"c","direct":"IN","type":"VARCHAR","value":"global"}]"#.to_owned());
        parent.var_pool = Some(r#"[{"prop":"c","direct":"OUT","type":"VARCHAR","value":"pool"}]"#.to_owned());
        parent.schedule_time = Some(kit::START);
        parent.warning_group_id = Some(4);
        parent.dry_run = true;
        let mut param = CommandParam::new(crate::command_param::Kind::StartProcess);
        param.command_params = vec![property("b", "start"), property("d", "start")];
        param.time_zone = Some("Asia/Shanghai".to_owned());
        let child = new_child(&parent, &param, kit::child_definition()).unwrap();
        let given: Vec<String> = child
            .start_params
            .iter()
            .map(|one| {
                format!(
                    "{}={}",
                    one.prop.as_deref().unwrap(),
                    one.value.as_deref().unwrap()
                )
            })
            .collect();
        assert_eq!(given, ["a=global", "b=start", "c=pool", "d=start"]);
        assert_eq!(child.time_zone.as_deref(), Some("Asia/Shanghai"));
        assert_eq!(
            (
                child.schedule_time,
                child.options.warning_group_id,
                child.options.dry_run
            ),
            (Some(kit::START), Some(4), true)
        );
        assert_eq!((child.user_id, child.user_name.as_str()), (1, "admin"));
        parent.var_pool = Some("{".to_owned());
        assert!(new_child(&parent, &param, kit::child_definition()).is_err());
    }

    #[test]
    fn definition_codes_are_read_leniently_and_refused_clearly() {
        assert_eq!(definition_code(Some(r#"{"workflowDefinitionCode":7}"#)), Ok(7));
        assert_eq!(definition_code(Some(r#"{"workflowDefinitionCode":"7"}"#)), Ok(7));
        for text in [
            None,
            Some("{}"),
            Some("{"),
            Some(r#"{"workflowDefinitionCode":"x"}"#),
        ] {
            assert!(definition_code(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn each_state_of_the_child_has_one_meaning() {
        for state in WorkflowState::ALL.iter().copied() {
            let runs = verdict(Some(state)) == Verdict::Runs;
            assert_eq!(runs, !state.is_final(), "{state}");
            assert_eq!(
                recovery(state).is_some(),
                state.is_final() && state != WorkflowState::Success,
                "{state}"
            );
            for wish in [Wish::Pause, Wish::Stop] {
                let settled = state.is_final()
                    || state == WorkflowState::ReadyStop
                    || (state == WorkflowState::ReadyPause && wish == Wish::Pause);
                assert_eq!(
                    asking(wish, Some(state)) == Asking::Done,
                    settled,
                    "{state} {wish:?}"
                );
            }
        }
        assert_eq!(verdict(None), Verdict::Failed);
        assert_eq!(asking(Wish::Stop, None), Asking::Done);
        assert_eq!(asking(Wish::Stop, Some(WorkflowState::ReadyPause)), Asking::Ask);
        assert_eq!(
            recovery(WorkflowState::Stop),
            Some(CommandType::RecoverSuspendedProcess)
        );
    }
}
