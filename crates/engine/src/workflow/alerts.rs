//! Rows for the alert server, committed with the step that causes them (`WorkflowAlertManager`). Members and their order are
//! the reference's; absent ones are left out.

use super::{Draft, NodeId, Write};
use crate::codes::{AlertType, CommandType, Flag, WarningType, WorkflowState};
use crate::model::Alert;
use crate::time::{Millis, wall_clock_text};
use serde::Serialize;

/// One object for all kinds: what a kind does not have stays absent.
#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    project_code: i64,
    project_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    workflow_instance_id: i32,
    workflow_definition_code: i64,
    workflow_instance_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    command_type: Option<CommandType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_execution_status: Option<WorkflowState>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modify_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery: Option<Flag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_times: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_end_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workflow_host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_code: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_start_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warn_level: Option<&'static str>,
}

const TIME_OUT: Option<&str> = Some("TIME_OUT");
const MIDDLE: Option<&str> = Some("MIDDLE");

impl Draft<'_> {
    /// For an ended instance whose warning type covers the ending and that has an alert group. Sub-workflows are their parent's
    /// business.
    pub(super) fn finish_alert(&mut self) {
        let instance = self.instance();
        let success = instance.state == WorkflowState::Success;
        let wanted = match instance.warning_type {
            WarningType::None => false,
            WarningType::All => true,
            WarningType::Success => success,
            WarningType::Failure => instance.state == WorkflowState::Failure,
        };
        let has_group = instance.warning_group_id.is_some_and(|group| group != 0);
        if !wanted || !has_group || instance.is_sub_workflow == Flag::Yes {
            return;
        }
        let content = Content {
            workflow_execution_status: Some(instance.state),
            modify_by: Some(
                self.base
                    .definition
                    .workflow
                    .operator_name
                    .clone()
                    .unwrap_or_default(),
            ),
            recovery: Some(Flag::No),
            workflow_end_time: self.clock_text(instance.end_time),
            ..self.of_workflow()
        };
        let result = if success { "success" } else { "failed" };
        let title = format!("{} {result}", command_title(instance.command_type));
        let (warning_type, alert_type) = if success {
            (WarningType::Success, AlertType::WorkflowInstanceSuccess)
        } else {
            (WarningType::Failure, AlertType::WorkflowInstanceFailure)
        };
        self.alert(title, warning_type, alert_type, &content);
    }

    /// False when nobody is to be told.
    pub(super) fn workflow_timeout_alert(&mut self) -> bool {
        if self.instance().warning_group_id.is_none() {
            return false;
        }
        let content = Content {
            workflow_execution_status: Some(self.state()),
            owner: self.owner(),
            event: TIME_OUT,
            warn_level: MIDDLE,
            ..self.of_workflow()
        };
        let title = "Workflow Timeout Warn".to_owned();
        self.alert(
            title,
            WarningType::Failure,
            AlertType::WorkflowInstanceTimeout,
            &content,
        );
        self.write(Write::SettleTimeout);
        true
    }

    pub(super) fn task_timeout_alert(&mut self, node: NodeId) {
        if self.instance().warning_group_id.is_none() {
            return;
        }
        let row = self.row(node);
        let content = Content {
            task_code: Some(row.task_code),
            task_name: Some(row.name.clone()),
            task_type: Some(row.task_type.clone()),
            task_start_time: self.clock_text(row.start_time),
            task_host: row.host.clone(),
            owner: self.owner(),
            event: TIME_OUT,
            warn_level: MIDDLE,
            ..self.of_anything()
        };
        let title = "Task Timeout Warn".to_owned();
        self.alert(title, WarningType::Failure, AlertType::TaskTimeout, &content);
    }

    fn of_anything(&self) -> Content {
        let (instance, project) = (self.instance(), &self.base.definition.project);
        Content {
            project_code: project.code,
            project_name: project.name.clone(),
            workflow_instance_id: instance.id,
            workflow_definition_code: instance.workflow_definition_code,
            workflow_instance_name: instance.name.clone(),
            ..Content::default()
        }
    }

    fn of_workflow(&self) -> Content {
        let instance = self.instance();
        Content {
            command_type: Some(instance.command_type),
            run_times: Some(instance.run_times),
            workflow_start_time: self.clock_text(instance.start_time),
            workflow_host: instance.host.clone(),
            ..self.of_anything()
        }
    }

    /// The user of the project; the alerts about an end do not name it.
    fn owner(&self) -> Option<String> {
        self.base.definition.project.user_name.clone()
    }

    fn clock_text(&self, time: Option<Millis>) -> Option<String> {
        time.map(|time| wall_clock_text(time, self.base.rules.zone))
    }

    fn alert(&mut self, title: String, warning_type: WarningType, alert_type: AlertType, content: &Content) {
        let content = serde_json::to_string(&[content]).expect("plain strings and numbers are always JSON");
        let instance = self.instance();
        let alert = Alert {
            title,
            content,
            warning_type,
            alert_type,
            alert_group_id: instance.warning_group_id,
            project_code: instance.project_code,
            workflow_definition_code: instance.workflow_definition_code,
            workflow_instance_id: instance.id,
        };
        self.write(Write::InsertAlert(alert));
    }
}

const fn command_title(command: CommandType) -> &'static str {
    match command {
        CommandType::StartProcess => "start workflow",
        CommandType::StartCurrentTaskProcess => "start current task workflow",
        CommandType::RecoverToleranceFaultProcess => "recover fault tolerance workflow",
        CommandType::RecoverSuspendedProcess => "recover suspended workflow",
        CommandType::StartFailureTaskProcess => "start failure task workflow",
        CommandType::ComplementData => "complement data",
        CommandType::Scheduler => "scheduler",
        CommandType::RepeatRunning => "repeat running",
        CommandType::Pause => "pause",
        CommandType::Stop => "stop",
        CommandType::RecoverSerialWait | CommandType::ExecuteTask | CommandType::DynamicGeneration => {
            "unknown type"
        }
    }
}
