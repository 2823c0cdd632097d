//! What an executor reports about a task. One class and one method per event; the first five members and the last are
//! common to all.

use orca_engine::codes::ExecutorEventType;
use orca_engine::model::Property;

/// Declares an event with its own members between the common ones.
macro_rules! event {
    ($(
        $(#[$meta:meta])*
        struct $name:ident = $class:literal / $type:ident {
            $( $(#[$member_meta:meta])* $member:ident : $member_type:ty = $key:literal ),* $(,)?
        }
    )+) => { $(
        super::dto! {
            $(#[$meta])*
            #[derive(Debug)]
            struct $name = $class {
                task_instance_id: i32 = "taskInstanceId",
                /// Epoch milliseconds, on the executor's clock.
                event_create_time: i64 = "eventCreateTime",
                r#type: Option<ExecutorEventType> = "type" or Some(ExecutorEventType::$type),
                workflow_instance_id: i32 = "workflowInstanceId",
                /// The executor's address, as the master wrote it into the context.
                task_instance_host: Option<String> = "taskInstanceHost",
                $( $(#[$member_meta])* $member: $member_type = $key, )*
                /// Epoch milliseconds of this attempt to send it.
                latest_report_time: Option<i64> = "latestReportTime",
            }
        }
    )+ };
}

event! {
    /// The executor has taken the task.
    struct TaskExecutorDispatchedLifecycleEvent =
        "org.apache.dolphinscheduler.task.executor.events.TaskExecutorDispatchedLifecycleEvent" / Dispatched {}

    /// The task runs. Its type, and the type of its ack, is RUNNING.
    struct TaskExecutorStartedLifecycleEvent =
        "org.apache.dolphinscheduler.task.executor.events.TaskExecutorStartedLifecycleEvent" / Running
    {
        /// Epoch milliseconds.
        start_time: i64 = "startTime",
        log_path: Option<String> = "logPath",
        /// Null for logic tasks.
        execute_path: Option<String> = "executePath",
    }

    /// The task has an external id, or a process id, now.
    struct TaskExecutorRuntimeContextChangedLifecycleEvent =
        "org.apache.dolphinscheduler.task.executor.events.TaskExecutorRuntimeContextChangedLifecycleEvent"
        / RuntimeContextChange
    {
        process_id: i32 = "processId",
        app_ids: Option<String> = "appIds",
    }

    struct TaskExecutorSuccessLifecycleEvent =
        "org.apache.dolphinscheduler.task.executor.events.TaskExecutorSuccessLifecycleEvent" / Success
    {
        /// Epoch milliseconds.
        end_time: i64 = "endTime",
        /// The output parameters that the task set; null for dry runs and logic tasks.
        var_pool: Option<Vec<Property>> = "varPool",
    }

    struct TaskExecutorFailedLifecycleEvent =
        "org.apache.dolphinscheduler.task.executor.events.TaskExecutorFailedLifecycleEvent" / Failed
    {
        app_ids: Option<String> = "appIds",
        /// Epoch milliseconds.
        end_time: i64 = "endTime",
    }

    struct TaskExecutorKilledLifecycleEvent =
        "org.apache.dolphinscheduler.task.executor.events.TaskExecutorKilledLifecycleEvent" / Killed
    {
        /// Epoch milliseconds.
        end_time: i64 = "endTime",
    }

    struct TaskExecutorPausedLifecycleEvent =
        "org.apache.dolphinscheduler.task.executor.events.TaskExecutorPausedLifecycleEvent" / Paused
    {
        /// Epoch milliseconds.
        end_time: i64 = "endTime",
    }
}
