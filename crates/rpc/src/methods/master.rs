//! What a master serves, the executor half apart ([`super::logic`]). Log service and task query are served by workers too.

use crate::dto::{
    TaskExecutorDispatchedLifecycleEvent, TaskExecutorFailedLifecycleEvent, TaskExecutorKilledLifecycleEvent,
    TaskExecutorPausedLifecycleEvent, TaskExecutorQueryRequest, TaskExecutorQueryResponse,
    TaskExecutorRuntimeContextChangedLifecycleEvent, TaskExecutorStartedLifecycleEvent,
    TaskExecutorSuccessLifecycleEvent, TaskGroupSlotAcquireSuccessNotifyRequest,
    TaskGroupSlotAcquireSuccessNotifyResponse, TaskInstanceLogFileDownloadRequest,
    TaskInstanceLogFileDownloadResponse, TaskInstanceLogPageQueryRequest, TaskInstanceLogPageQueryResponse,
    WorkflowBackfillTriggerRequest, WorkflowBackfillTriggerResponse, WorkflowExecutorQueryRequest,
    WorkflowExecutorQueryResponse, WorkflowInstancePauseRequest, WorkflowInstancePauseResponse,
    WorkflowInstanceRecoverFailureTasksRequest, WorkflowInstanceRecoverFailureTasksResponse,
    WorkflowInstanceRecoverSuspendTasksRequest, WorkflowInstanceRecoverSuspendTasksResponse,
    WorkflowInstanceRepeatRunningRequest, WorkflowInstanceRepeatRunningResponse, WorkflowInstanceStopRequest,
    WorkflowInstanceStopResponse, WorkflowManualTriggerRequest, WorkflowManualTriggerResponse,
    WorkflowScheduleTriggerRequest, WorkflowScheduleTriggerResponse,
};

super::methods! {
    /// Starts a workflow.
    ManualTriggerWorkflow(WorkflowManualTriggerRequest) -> WorkflowManualTriggerResponse = "IWorkflowControlClient.manualTriggerWorkflow",
        "public abstract org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowManualTriggerResponse org.apache.dolphinscheduler.extract.master.IWorkflowControlClient.manualTriggerWorkflow(org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowManualTriggerRequest)";

    /// Runs a workflow for a list of schedule times.
    BackfillTriggerWorkflow(WorkflowBackfillTriggerRequest) -> WorkflowBackfillTriggerResponse = "IWorkflowControlClient.backfillTriggerWorkflow",
        "public abstract org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowBackfillTriggerResponse org.apache.dolphinscheduler.extract.master.IWorkflowControlClient.backfillTriggerWorkflow(org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowBackfillTriggerRequest)";

    /// Runs a workflow whose schedule is due. No Java server sends it.
    ScheduleTriggerWorkflow(WorkflowScheduleTriggerRequest) -> WorkflowScheduleTriggerResponse = "IWorkflowControlClient.scheduleTriggerWorkflow",
        "public abstract org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowScheduleTriggerResponse org.apache.dolphinscheduler.extract.master.IWorkflowControlClient.scheduleTriggerWorkflow(org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowScheduleTriggerRequest)";

    /// Runs an ended instance again.
    RepeatTriggerWorkflowInstance(WorkflowInstanceRepeatRunningRequest) -> WorkflowInstanceRepeatRunningResponse = "IWorkflowControlClient.repeatTriggerWorkflowInstance",
        "public abstract org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstanceRepeatRunningResponse org.apache.dolphinscheduler.extract.master.IWorkflowControlClient.repeatTriggerWorkflowInstance(org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstanceRepeatRunningRequest)";

    /// Runs an ended instance again from its failed tasks.
    TriggerFromFailureTasks(WorkflowInstanceRecoverFailureTasksRequest) -> WorkflowInstanceRecoverFailureTasksResponse = "IWorkflowControlClient.triggerFromFailureTasks",
        "public abstract org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstanceRecoverFailureTasksResponse org.apache.dolphinscheduler.extract.master.IWorkflowControlClient.triggerFromFailureTasks(org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstanceRecoverFailureTasksRequest)";

    /// Goes on with a paused or stopped instance.
    TriggerFromSuspendTasks(WorkflowInstanceRecoverSuspendTasksRequest) -> WorkflowInstanceRecoverSuspendTasksResponse = "IWorkflowControlClient.triggerFromSuspendTasks",
        "public abstract org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstanceRecoverSuspendTasksResponse org.apache.dolphinscheduler.extract.master.IWorkflowControlClient.triggerFromSuspendTasks(org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstanceRecoverSuspendTasksRequest)";

    /// Pauses a running instance.
    PauseWorkflowInstance(WorkflowInstancePauseRequest) -> WorkflowInstancePauseResponse = "IWorkflowControlClient.pauseWorkflowInstance",
        "public abstract org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstancePauseResponse org.apache.dolphinscheduler.extract.master.IWorkflowControlClient.pauseWorkflowInstance(org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstancePauseRequest)";

    /// Stops a running instance; repeatable.
    StopWorkflowInstance(WorkflowInstanceStopRequest) -> WorkflowInstanceStopResponse = "IWorkflowControlClient.stopWorkflowInstance",
        "public abstract org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstanceStopResponse org.apache.dolphinscheduler.extract.master.IWorkflowControlClient.stopWorkflowInstance(org.apache.dolphinscheduler.extract.master.transportor.workflow.WorkflowInstanceStopRequest)";

    /// The executor has taken a task.
    OnTaskExecutorDispatched(TaskExecutorDispatchedLifecycleEvent) -> () = "ITaskExecutorEventListener.onTaskExecutorDispatched",
        "public abstract void org.apache.dolphinscheduler.extract.master.ITaskExecutorEventListener.onTaskExecutorDispatched(org.apache.dolphinscheduler.task.executor.events.TaskExecutorDispatchedLifecycleEvent)";

    /// A task runs.
    OnTaskExecutorRunning(TaskExecutorStartedLifecycleEvent) -> () = "ITaskExecutorEventListener.onTaskExecutorRunning",
        "public abstract void org.apache.dolphinscheduler.extract.master.ITaskExecutorEventListener.onTaskExecutorRunning(org.apache.dolphinscheduler.task.executor.events.TaskExecutorStartedLifecycleEvent)";

    /// A task has an external id.
    OnTaskExecutorRuntimeContextChanged(TaskExecutorRuntimeContextChangedLifecycleEvent) -> () = "ITaskExecutorEventListener.onTaskExecutorRuntimeContextChanged",
        "public abstract void org.apache.dolphinscheduler.extract.master.ITaskExecutorEventListener.onTaskExecutorRuntimeContextChanged(org.apache.dolphinscheduler.task.executor.events.TaskExecutorRuntimeContextChangedLifecycleEvent)";

    /// A task succeeded.
    OnTaskExecutorSuccess(TaskExecutorSuccessLifecycleEvent) -> () = "ITaskExecutorEventListener.onTaskExecutorSuccess",
        "public abstract void org.apache.dolphinscheduler.extract.master.ITaskExecutorEventListener.onTaskExecutorSuccess(org.apache.dolphinscheduler.task.executor.events.TaskExecutorSuccessLifecycleEvent)";

    /// A task failed.
    OnTaskExecutorFailed(TaskExecutorFailedLifecycleEvent) -> () = "ITaskExecutorEventListener.onTaskExecutorFailed",
        "public abstract void org.apache.dolphinscheduler.extract.master.ITaskExecutorEventListener.onTaskExecutorFailed(org.apache.dolphinscheduler.task.executor.events.TaskExecutorFailedLifecycleEvent)";

    /// A task was killed.
    OnTaskExecutorKilled(TaskExecutorKilledLifecycleEvent) -> () = "ITaskExecutorEventListener.onTaskExecutorKilled",
        "public abstract void org.apache.dolphinscheduler.extract.master.ITaskExecutorEventListener.onTaskExecutorKilled(org.apache.dolphinscheduler.task.executor.events.TaskExecutorKilledLifecycleEvent)";

    /// A task was paused.
    OnTaskExecutorPaused(TaskExecutorPausedLifecycleEvent) -> () = "ITaskExecutorEventListener.onTaskExecutorPaused",
        "public abstract void org.apache.dolphinscheduler.extract.master.ITaskExecutorEventListener.onTaskExecutorPaused(org.apache.dolphinscheduler.task.executor.events.TaskExecutorPausedLifecycleEvent)";

    /// Tells the owner of an instance that a task has its task-group slot.
    NotifyTaskGroupSlotAcquireSuccess(TaskGroupSlotAcquireSuccessNotifyRequest) -> TaskGroupSlotAcquireSuccessNotifyResponse = "ITaskInstanceController.notifyTaskGroupSlotAcquireSuccess",
        "public abstract org.apache.dolphinscheduler.extract.master.transportor.TaskGroupSlotAcquireSuccessNotifyResponse org.apache.dolphinscheduler.extract.master.ITaskInstanceController.notifyTaskGroupSlotAcquireSuccess(org.apache.dolphinscheduler.extract.master.transportor.TaskGroupSlotAcquireSuccessNotifyRequest)";

    /// Read the worker groups anew.
    RefreshWorkerGroup(()) -> () = "IMasterContainerService.refreshWorkerGroup",
        "public abstract void org.apache.dolphinscheduler.extract.master.IMasterContainerService.refreshWorkerGroup()";

    /// Which workflow instances does this master hold?
    QueryWorkflowExecutors(WorkflowExecutorQueryRequest) -> WorkflowExecutorQueryResponse = "IWorkflowExecutorQueryClient.queryWorkflowExecutors",
        "public abstract org.apache.dolphinscheduler.extract.master.transportor.WorkflowExecutorQueryResponse org.apache.dolphinscheduler.extract.master.IWorkflowExecutorQueryClient.queryWorkflowExecutors(org.apache.dolphinscheduler.extract.master.transportor.WorkflowExecutorQueryRequest)";

    /// Which tasks does this executor have? Read-only; masters and workers answer it.
    QueryTaskInstances(TaskExecutorQueryRequest) -> TaskExecutorQueryResponse = "ITaskExecutorQueryClient.queryTaskInstances",
        "public abstract org.apache.dolphinscheduler.extract.worker.transportor.TaskExecutorQueryResponse org.apache.dolphinscheduler.extract.worker.ITaskExecutorQueryClient.queryTaskInstances(org.apache.dolphinscheduler.extract.worker.transportor.TaskExecutorQueryRequest)";

    /// A whole log file.
    GetTaskInstanceWholeLogFileBytes(TaskInstanceLogFileDownloadRequest) -> TaskInstanceLogFileDownloadResponse = "ILogService.getTaskInstanceWholeLogFileBytes",
        "public abstract org.apache.dolphinscheduler.extract.common.transportor.TaskInstanceLogFileDownloadResponse org.apache.dolphinscheduler.extract.common.ILogService.getTaskInstanceWholeLogFileBytes(org.apache.dolphinscheduler.extract.common.transportor.TaskInstanceLogFileDownloadRequest)";

    /// Some lines of a log file.
    PageQueryTaskInstanceLog(TaskInstanceLogPageQueryRequest) -> TaskInstanceLogPageQueryResponse = "ILogService.pageQueryTaskInstanceLog",
        "public abstract org.apache.dolphinscheduler.extract.common.transportor.TaskInstanceLogPageQueryResponse org.apache.dolphinscheduler.extract.common.ILogService.pageQueryTaskInstanceLog(org.apache.dolphinscheduler.extract.common.transportor.TaskInstanceLogPageQueryRequest)";

    /// Delete a log file.
    RemoveTaskInstanceLog(String) -> () = "ILogService.removeTaskInstanceLog",
        "public abstract void org.apache.dolphinscheduler.extract.common.ILogService.removeTaskInstanceLog(java.lang.String)";
}
