//! Control of workflow instances: start, pause, stop, recover, rerun.

use crate::date::WireDate;
use orca_engine::codes::{FailureStrategy, Flag, Priority, TaskDependType, WarningType};
use orca_engine::model::Property;

super::dto! {
    /// Starts a workflow.
    #[derive(Debug)]
    struct WorkflowManualTriggerRequest =
        "org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowManualTriggerRequest"
    {
        user_id: Option<i32> = "userId",
        workflow_definition_code: Option<i64> = "workflowDefinitionCode",
        workflow_definition_version: Option<i32> = "workflowDefinitionVersion",
        /// Task codes; null or empty means all.
        start_nodes: Option<Vec<i64>> = "startNodes",
        failure_strategy: Option<FailureStrategy> = "failureStrategy" or Some(FailureStrategy::Continue),
        task_depend_type: Option<TaskDependType> = "taskDependType" or Some(TaskDependType::TaskPost),
        /// Null means NONE.
        warning_type: Option<WarningType> = "warningType" or Some(WarningType::None),
        warning_group_id: Option<i32> = "warningGroupId",
        workflow_instance_priority: Option<Priority> = "workflowInstancePriority" or Some(Priority::Medium),
        /// Null or blank means the default group.
        worker_group: Option<String> = "workerGroup",
        tenant_code: Option<String> = "tenantCode",
        /// Null or -1 means none.
        environment_code: Option<i64> = "environmentCode",
        /// Set for sub-workflows only.
        schedule_time: Option<WireDate> = "scheduleTime",
        time_zone: Option<String> = "timeZone",
        /// The API server sends null when the user gave none.
        start_param_list: Option<Vec<Property>> = "startParamList" or Some(Vec::new()),
        dry_run: Option<Flag> = "dryRun" or Some(Flag::No),
    }

    #[derive(Debug)]
    struct WorkflowManualTriggerResponse =
        "org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowManualTriggerResponse"
    {
        success: bool = "success",
        message: Option<String> = "message",
        workflow_instance_id: Option<i32> = "workflowInstanceId",
    }

    /// Runs a workflow for a list of schedule times.
    #[derive(Debug)]
    struct WorkflowBackfillTriggerRequest =
        "org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowBackfillTriggerRequest"
    {
        user_id: Option<i32> = "userId",
        /// `yyyy-MM-dd HH:mm:ss`, in order, not empty.
        backfill_time_list: Option<Vec<String>> = "backfillTimeList",
        workflow_code: Option<i64> = "workflowCode",
        workflow_version: Option<i32> = "workflowVersion",
        start_nodes: Option<Vec<i64>> = "startNodes",
        failure_strategy: Option<FailureStrategy> = "failureStrategy" or Some(FailureStrategy::Continue),
        task_depend_type: Option<TaskDependType> = "taskDependType" or Some(TaskDependType::TaskPost),
        warning_type: Option<WarningType> = "warningType" or Some(WarningType::None),
        warning_group_id: Option<i32> = "warningGroupId",
        workflow_instance_priority: Option<Priority> = "workflowInstancePriority" or Some(Priority::Medium),
        worker_group: Option<String> = "workerGroup",
        tenant_code: Option<String> = "tenantCode",
        environment_code: Option<i64> = "environmentCode",
        start_param_list: Option<Vec<Property>> = "startParamList" or Some(Vec::new()),
        dry_run: Option<Flag> = "dryRun" or Some(Flag::No),
    }

    #[derive(Debug)]
    struct WorkflowBackfillTriggerResponse =
        "org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowBackfillTriggerResponse"
    {
        success: bool = "success",
        message: Option<String> = "message",
        workflow_instance_id: Option<i32> = "workflowInstanceId",
    }

    /// Runs a workflow because its schedule is due.
    #[derive(Debug)]
    struct WorkflowScheduleTriggerRequest =
        "org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowScheduleTriggerRequest"
    {
        user_id: Option<i32> = "userId",
        /// The key is spelled like this.
        schedule_time: Option<WireDate> = "scheduleTIme",
        timezone_id: Option<String> = "timezoneId",
        workflow_code: Option<i64> = "workflowCode",
        workflow_version: Option<i32> = "workflowVersion",
        failure_strategy: Option<FailureStrategy> = "failureStrategy" or Some(FailureStrategy::Continue),
        task_depend_type: Option<TaskDependType> = "taskDependType" or Some(TaskDependType::TaskPost),
        warning_type: Option<WarningType> = "warningType" or Some(WarningType::None),
        warning_group_id: Option<i32> = "warningGroupId",
        workflow_instance_priority: Option<Priority> = "workflowInstancePriority" or Some(Priority::Medium),
        worker_group: Option<String> = "workerGroup",
        tenant_code: Option<String> = "tenantCode",
        environment_code: Option<i64> = "environmentCode",
        dry_run: Option<Flag> = "dryRun" or Some(Flag::No),
    }

    #[derive(Debug)]
    struct WorkflowScheduleTriggerResponse =
        "org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowScheduleTriggerResponse"
    {
        success: bool = "success",
        message: Option<String> = "message",
        workflow_instance_id: Option<i32> = "workflowInstanceId",
    }

    /// Runs an ended instance again from its start.
    #[derive(Debug)]
    struct WorkflowInstanceRepeatRunningRequest =
        "org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstanceRepeatRunningRequest"
    {
        workflow_instance_id: Option<i32> = "workflowInstanceId",
        user_id: Option<i32> = "userId",
    }

    #[derive(Debug)]
    struct WorkflowInstanceRepeatRunningResponse =
        "org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstanceRepeatRunningResponse"
    {
        success: bool = "success",
        message: Option<String> = "message",
    }

    /// Runs an ended instance again from its failed tasks.
    #[derive(Debug)]
    struct WorkflowInstanceRecoverFailureTasksRequest =
        "org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstanceRecoverFailureTasksRequest"
    {
        workflow_instance_id: Option<i32> = "workflowInstanceId",
        user_id: Option<i32> = "userId",
    }

    #[derive(Debug)]
    struct WorkflowInstanceRecoverFailureTasksResponse =
        "org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstanceRecoverFailureTasksResponse"
    {
        success: bool = "success",
        message: Option<String> = "message",
    }

    /// Goes on with an instance that was paused or stopped.
    #[derive(Debug)]
    struct WorkflowInstanceRecoverSuspendTasksRequest =
        "org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstanceRecoverSuspendTasksRequest"
    {
        workflow_instance_id: Option<i32> = "workflowInstanceId",
        user_id: Option<i32> = "userId",
    }

    #[derive(Debug)]
    struct WorkflowInstanceRecoverSuspendTasksResponse =
        "org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstanceRecoverSuspendTasksResponse"
    {
        success: bool = "success",
        message: Option<String> = "message",
    }

    #[derive(Debug)]
    struct WorkflowInstancePauseRequest =
        "org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstancePauseRequest"
    {
        workflow_instance_id: Option<i32> = "workflowInstanceId",
    }

    #[derive(Debug)]
    struct WorkflowInstancePauseResponse =
        "org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstancePauseResponse"
    {
        success: bool = "success",
        message: Option<String> = "message",
    }

    #[derive(Debug)]
    struct WorkflowInstanceStopRequest =
        "org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstanceStopRequest"
    {
        workflow_instance_id: Option<i32> = "workflowInstanceId",
    }

    #[derive(Debug)]
    struct WorkflowInstanceStopResponse =
        "org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstanceStopResponse"
    {
        success: bool = "success",
        message: Option<String> = "message",
    }
}
