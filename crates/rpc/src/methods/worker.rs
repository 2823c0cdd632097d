//! What a master calls on workers.

use crate::dto::{
    TaskExecutorDispatchRequest, TaskExecutorDispatchResponse, TaskExecutorKillRequest,
    TaskExecutorKillResponse, TaskExecutorLifecycleEventAck, TaskExecutorPauseRequest,
    TaskExecutorPauseResponse, TaskExecutorReassignMasterRequest, TaskExecutorReassignMasterResponse,
};

super::methods! {
    /// Run a task.
    DispatchTask(TaskExecutorDispatchRequest) -> TaskExecutorDispatchResponse = "IPhysicalTaskExecutorOperator.dispatchTask",
        "public abstract org.apache.dolphinscheduler.task.executor.operations.TaskExecutorDispatchResponse org.apache.dolphinscheduler.extract.worker.IPhysicalTaskExecutorOperator.dispatchTask(org.apache.dolphinscheduler.task.executor.operations.TaskExecutorDispatchRequest)";

    /// Kill a task.
    KillTask(TaskExecutorKillRequest) -> TaskExecutorKillResponse = "IPhysicalTaskExecutorOperator.killTask",
        "public abstract org.apache.dolphinscheduler.task.executor.operations.TaskExecutorKillResponse org.apache.dolphinscheduler.extract.worker.IPhysicalTaskExecutorOperator.killTask(org.apache.dolphinscheduler.task.executor.operations.TaskExecutorKillRequest)";

    /// Pause a task.
    PauseTask(TaskExecutorPauseRequest) -> TaskExecutorPauseResponse = "IPhysicalTaskExecutorOperator.pauseTask",
        "public abstract org.apache.dolphinscheduler.task.executor.operations.TaskExecutorPauseResponse org.apache.dolphinscheduler.extract.worker.IPhysicalTaskExecutorOperator.pauseTask(org.apache.dolphinscheduler.task.executor.operations.TaskExecutorPauseRequest)";

    /// Report to another master from now on.
    ReassignWorkflowInstanceHost(TaskExecutorReassignMasterRequest) -> TaskExecutorReassignMasterResponse = "IPhysicalTaskExecutorOperator.reassignWorkflowInstanceHost",
        "public abstract org.apache.dolphinscheduler.task.executor.operations.TaskExecutorReassignMasterResponse org.apache.dolphinscheduler.extract.worker.IPhysicalTaskExecutorOperator.reassignWorkflowInstanceHost(org.apache.dolphinscheduler.task.executor.operations.TaskExecutorReassignMasterRequest)";

    /// A report was applied. The name differs from the one that a master serves.
    AckLifecycleEvent(TaskExecutorLifecycleEventAck) -> () = "IPhysicalTaskExecutorOperator.ackPhysicalTaskExecutorLifecycleEvent",
        "public abstract void org.apache.dolphinscheduler.extract.worker.IPhysicalTaskExecutorOperator.ackPhysicalTaskExecutorLifecycleEvent(org.apache.dolphinscheduler.task.executor.eventbus.ITaskExecutorLifecycleEventReporter$TaskExecutorLifecycleEventAck)";
}
