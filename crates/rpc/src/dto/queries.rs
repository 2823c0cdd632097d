//! What a process tells about itself: the monitor page's questions, and the task-group notification.

use crate::date::WireDate;
use orca_engine::codes::WorkflowState;

super::dto! {
    #[derive(Debug)]
    struct WorkflowExecutorQueryRequest =
        "org.apache.dolphinscheduler.extract.master.transportor.WorkflowExecutorQueryRequest" {}

    #[derive(Debug)]
    struct WorkflowExecutorQueryResponse =
        "org.apache.dolphinscheduler.extract.master.transportor.WorkflowExecutorQueryResponse"
    {
        success: bool = "success",
        message: Option<String> = "message",
        /// Null on failure.
        workflow_executors: Option<Vec<WorkflowExecutorDto>> = "workflowExecutors",
    }

    /// A workflow instance that a master holds.
    #[derive(Debug)]
    struct WorkflowExecutorDto = "org.apache.dolphinscheduler.extract.master.dto.WorkflowExecutorDTO" {
        id: i32 = "id",
        name: Option<String> = "name",
        project_code: i64 = "projectCode",
        workflow_definition_code: i64 = "workflowDefinitionCode",
        state: Option<WorkflowState> = "state",
        start_time: Option<WireDate> = "startTime",
        run_times: i32 = "runTimes",
    }

    #[derive(Debug)]
    struct TaskExecutorQueryRequest =
        "org.apache.dolphinscheduler.extract.worker.transportor.TaskExecutorQueryRequest" {}

    #[derive(Debug)]
    struct TaskExecutorQueryResponse =
        "org.apache.dolphinscheduler.extract.worker.transportor.TaskExecutorQueryResponse"
    {
        success: bool = "success",
        message: Option<String> = "message",
        /// Null on failure.
        task_executors: Option<Vec<TaskExecutorDto>> = "taskExecutors",
    }

    /// A task that an executor has.
    #[derive(Debug)]
    struct TaskExecutorDto = "org.apache.dolphinscheduler.task.executor.dto.TaskExecutorDTO" {
        /// The task instance id.
        id: i32 = "id",
        name: Option<String> = "name",
        task_type: Option<String> = "taskType",
        project_code: i64 = "projectCode",
        workflow_instance_id: i32 = "workflowInstanceId",
        workflow_instance_name: Option<String> = "workflowInstanceName",
        start_time: Option<WireDate> = "startTime",
    }

    /// A task has got its task-group slot.
    #[derive(Debug)]
    struct TaskGroupSlotAcquireSuccessNotifyRequest =
        "org.apache.dolphinscheduler.extract.master.transportor.TaskGroupSlotAcquireSuccessNotifyRequest"
    {
        workflow_instance_id: Option<i32> = "workflowInstanceId",
        task_instance_id: Option<i32> = "taskInstanceId",
    }

    #[derive(Debug)]
    struct TaskGroupSlotAcquireSuccessNotifyResponse =
        "org.apache.dolphinscheduler.extract.master.transportor.TaskGroupSlotAcquireSuccessNotifyResponse"
    {
        success: bool = "success",
        message: Option<String> = "message",
    }
}
