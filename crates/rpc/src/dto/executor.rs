//! What a master asks of an executor: dispatch, kill, pause, take-over, and the ack of a report.

use super::TaskExecutionContext;
use orca_engine::codes::ExecutorEventType;

super::dto! {
    #[derive(Debug)]
    struct TaskExecutorDispatchRequest =
        "org.apache.dolphinscheduler.task.executor.operations.TaskExecutorDispatchRequest"
    {
        task_execution_context: Option<TaskExecutionContext> = "taskExecutionContext",
    }

    #[derive(Debug)]
    struct TaskExecutorDispatchResponse =
        "org.apache.dolphinscheduler.task.executor.operations.TaskExecutorDispatchResponse"
    {
        /// The key is not `success`.
        dispatch_success: bool = "dispatchSuccess",
        message: Option<String> = "message",
    }

    #[derive(Debug)]
    struct TaskExecutorKillRequest =
        "org.apache.dolphinscheduler.task.executor.operations.TaskExecutorKillRequest"
    {
        task_instance_id: Option<i32> = "taskInstanceId",
    }

    #[derive(Debug)]
    struct TaskExecutorKillResponse =
        "org.apache.dolphinscheduler.task.executor.operations.TaskExecutorKillResponse"
    {
        /// The kill is queued, not done.
        success: bool = "success",
        message: Option<String> = "message",
    }

    #[derive(Debug)]
    struct TaskExecutorPauseRequest =
        "org.apache.dolphinscheduler.task.executor.operations.TaskExecutorPauseRequest"
    {
        task_instance_id: Option<i32> = "taskInstanceId",
    }

    #[derive(Debug)]
    struct TaskExecutorPauseResponse =
        "org.apache.dolphinscheduler.task.executor.operations.TaskExecutorPauseResponse"
    {
        /// True even for physical tasks, which ignore a pause.
        success: bool = "success",
        message: Option<String> = "message",
    }

    /// Points a task's reports to another master.
    #[derive(Debug)]
    struct TaskExecutorReassignMasterRequest =
        "org.apache.dolphinscheduler.task.executor.operations.TaskExecutorReassignMasterRequest"
    {
        task_instance_id: i32 = "taskInstanceId",
        /// The new master's address.
        workflow_host: Option<String> = "workflowHost",
        /// Orca's own: the epoch of the asking owner. Java ignores it; Orca's worker refuses a lower one.
        #[serde(skip_serializing_if = "Option::is_none")]
        orca_owner_epoch: Option<i64> = "orcaOwnerEpoch",
    }

    #[derive(Debug)]
    struct TaskExecutorReassignMasterResponse =
        "org.apache.dolphinscheduler.task.executor.operations.TaskExecutorReassignMasterResponse"
    {
        /// False: the executor does not have the task.
        success: bool = "success",
        message: Option<String> = "message",
    }

    /// Tells an executor that a report was durably applied.
    #[derive(Debug)]
    struct TaskExecutorLifecycleEventAck =
        "org.apache.dolphinscheduler.task.executor.eventbus.ITaskExecutorLifecycleEventReporter$TaskExecutorLifecycleEventAck"
    {
        /// The task instance id.
        task_executor_id: i32 = "taskExecutorId",
        task_executor_lifecycle_event_type: Option<ExecutorEventType> = "taskExecutorLifecycleEventType",
    }

    #[derive(Debug)]
    struct TaskInstanceTriggerSavepointRequest =
        "org.apache.dolphinscheduler.extract.worker.transportor.TaskInstanceTriggerSavepointRequest"
    {
        task_instance_id: i32 = "taskInstanceId",
    }

    #[derive(Debug)]
    struct TaskInstanceTriggerSavepointResponse =
        "org.apache.dolphinscheduler.extract.worker.transportor.TaskInstanceTriggerSavepointResponse"
    {
        success: bool = "success",
        message: Option<String> = "message",
    }
}
