//! What a master serves as the executor of its own logic tasks (SUB_WORKFLOW, DEPENDENT, CONDITIONS, SWITCH).

use crate::dto::{
    TaskExecutorDispatchRequest, TaskExecutorDispatchResponse, TaskExecutorKillRequest,
    TaskExecutorKillResponse, TaskExecutorLifecycleEventAck, TaskExecutorPauseRequest,
    TaskExecutorPauseResponse,
};

super::methods! {
    /// Run a task.
    DispatchTask(TaskExecutorDispatchRequest) -> TaskExecutorDispatchResponse = "ILogicTaskExecutorOperator.dispatchTask",
        "public abstract org.apache.dolphinscheduler.task.executor.operations.TaskExecutorDispatchResponse org.apache.dolphinscheduler.extract.master.ILogicTaskExecutorOperator.dispatchTask(org.apache.dolphinscheduler.task.executor.operations.TaskExecutorDispatchRequest)";

    /// Kill a task.
    KillTask(TaskExecutorKillRequest) -> TaskExecutorKillResponse = "ILogicTaskExecutorOperator.killTask",
        "public abstract org.apache.dolphinscheduler.task.executor.operations.TaskExecutorKillResponse org.apache.dolphinscheduler.extract.master.ILogicTaskExecutorOperator.killTask(org.apache.dolphinscheduler.task.executor.operations.TaskExecutorKillRequest)";

    /// Pause a task.
    PauseTask(TaskExecutorPauseRequest) -> TaskExecutorPauseResponse = "ILogicTaskExecutorOperator.pauseTask",
        "public abstract org.apache.dolphinscheduler.task.executor.operations.TaskExecutorPauseResponse org.apache.dolphinscheduler.extract.master.ILogicTaskExecutorOperator.pauseTask(org.apache.dolphinscheduler.task.executor.operations.TaskExecutorPauseRequest)";

    /// A report was applied.
    AckLifecycleEvent(TaskExecutorLifecycleEventAck) -> () = "ILogicTaskExecutorOperator.ackTaskExecutorLifecycleEvent",
        "public abstract void org.apache.dolphinscheduler.extract.master.ILogicTaskExecutorOperator.ackTaskExecutorLifecycleEvent(org.apache.dolphinscheduler.task.executor.eventbus.ITaskExecutorLifecycleEventReporter$TaskExecutorLifecycleEventAck)";
}
