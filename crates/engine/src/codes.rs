//! The numbers the shared tables store and the names the wire carries, one enum each.
//!
//! A column stores the code, JSON stores the name. An unknown code is an error with the number in it, never a default.
//! The doc comment of each enum names the DolphinScheduler class it answers to.

use serde::{Deserialize, Serialize};

/// A code or a name that no 3.4.2 enum has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownCode {
    #[error("{kind} has no code {code}")]
    Code { kind: &'static str, code: i32 },
    #[error("{kind} has no name {name:?}")]
    Name { kind: &'static str, name: String },
}

macro_rules! coded_enum {
    ($(#[$meta:meta])* $name:ident { $($variant:ident = $code:literal / $text:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $(#[serde(rename = $text)] $variant,)+
        }

        impl $name {
            /// Every value, in the order of the codes.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// What the column stores.
            #[must_use]
            pub const fn code(self) -> i32 {
                match self { $(Self::$variant => $code,)+ }
            }

            /// What JSON and the wire carry.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }
        }

        impl TryFrom<i32> for $name {
            type Error = UnknownCode;
            fn try_from(code: i32) -> Result<Self, UnknownCode> {
                match code {
                    $($code => Ok(Self::$variant),)+
                    _ => Err(UnknownCode::Code { kind: stringify!($name), code }),
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = UnknownCode;
            fn from_str(name: &str) -> Result<Self, UnknownCode> {
                match name {
                    $($text => Ok(Self::$variant),)+
                    _ => Err(UnknownCode::Name { kind: stringify!($name), name: name.to_owned() }),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

coded_enum! {
    /// `WorkflowExecutionStatus`, column `t_ds_workflow_instance.state`.
    WorkflowState {
        SubmittedSuccess = 0 / "SUBMITTED_SUCCESS",
        RunningExecution = 1 / "RUNNING_EXECUTION",
        ReadyPause = 2 / "READY_PAUSE",
        Pause = 3 / "PAUSE",
        ReadyStop = 4 / "READY_STOP",
        Stop = 5 / "STOP",
        Failure = 6 / "FAILURE",
        Success = 7 / "SUCCESS",
        SerialWait = 14 / "SERIAL_WAIT",
        Failover = 18 / "FAILOVER",
    }
}

coded_enum! {
    /// `TaskExecutionStatus`, column `t_ds_task_instance.state`.
    TaskState {
        SubmittedSuccess = 0 / "SUBMITTED_SUCCESS",
        RunningExecution = 1 / "RUNNING_EXECUTION",
        Pause = 3 / "PAUSE",
        Failure = 6 / "FAILURE",
        Success = 7 / "SUCCESS",
        NeedFaultTolerance = 8 / "NEED_FAULT_TOLERANCE",
        Kill = 9 / "KILL",
        DelayExecution = 12 / "DELAY_EXECUTION",
        ForcedSuccess = 13 / "FORCED_SUCCESS",
        Dispatch = 17 / "DISPATCH",
    }
}

coded_enum! {
    /// `CommandType`, column `command_type` of commands and workflow instances.
    CommandType {
        StartProcess = 0 / "START_PROCESS",
        StartCurrentTaskProcess = 1 / "START_CURRENT_TASK_PROCESS",
        RecoverToleranceFaultProcess = 2 / "RECOVER_TOLERANCE_FAULT_PROCESS",
        RecoverSuspendedProcess = 3 / "RECOVER_SUSPENDED_PROCESS",
        StartFailureTaskProcess = 4 / "START_FAILURE_TASK_PROCESS",
        ComplementData = 5 / "COMPLEMENT_DATA",
        Scheduler = 6 / "SCHEDULER",
        RepeatRunning = 7 / "REPEAT_RUNNING",
        Pause = 8 / "PAUSE",
        Stop = 9 / "STOP",
        RecoverSerialWait = 11 / "RECOVER_SERIAL_WAIT",
        ExecuteTask = 12 / "EXECUTE_TASK",
        DynamicGeneration = 13 / "DYNAMIC_GENERATION",
    }
}

coded_enum! {
    /// `TaskDependType`: which part of the graph a run covers.
    TaskDependType {
        TaskOnly = 0 / "TASK_ONLY",
        TaskPre = 1 / "TASK_PRE",
        TaskPost = 2 / "TASK_POST",
    }
}

coded_enum! {
    /// `FailureStrategy`: what a finally failed task does to the others.
    FailureStrategy {
        End = 0 / "END",
        Continue = 1 / "CONTINUE",
    }
}

coded_enum! {
    /// `WarningType`: which endings are announced to the alert group.
    WarningType {
        None = 0 / "NONE",
        Success = 1 / "SUCCESS",
        Failure = 2 / "FAILURE",
        All = 3 / "ALL",
    }
}

coded_enum! {
    /// `Flag`.
    Flag {
        No = 0 / "NO",
        Yes = 1 / "YES",
    }
}

coded_enum! {
    /// `Priority`; the smaller code goes first.
    Priority {
        Highest = 0 / "HIGHEST",
        High = 1 / "HIGH",
        Medium = 2 / "MEDIUM",
        Low = 3 / "LOW",
        Lowest = 4 / "LOWEST",
    }
}

coded_enum! {
    /// `TimeoutFlag`.
    TimeoutFlag {
        Close = 0 / "CLOSE",
        Open = 1 / "OPEN",
    }
}

coded_enum! {
    /// `TaskTimeoutStrategy`.
    TaskTimeoutStrategy {
        Warn = 0 / "WARN",
        Failed = 1 / "FAILED",
        WarnFailed = 2 / "WARNFAILED",
    }
}

coded_enum! {
    /// `WorkflowExecutionTypeEnum`: how runs of one definition version relate.
    ExecutionType {
        Parallel = 0 / "PARALLEL",
        SerialWait = 1 / "SERIAL_WAIT",
        SerialDiscard = 2 / "SERIAL_DISCARD",
        SerialPriority = 3 / "SERIAL_PRIORITY",
    }
}

coded_enum! {
    /// `TaskExecuteType`.
    TaskExecuteType {
        Batch = 0 / "BATCH",
        Stream = 1 / "STREAM",
    }
}

coded_enum! {
    /// `ReleaseState`.
    ReleaseState {
        Offline = 0 / "OFFLINE",
        Online = 1 / "ONLINE",
    }
}

coded_enum! {
    /// `AlertType`, column `t_ds_alert.alert_type`.
    AlertType {
        WorkflowInstanceFailure = 0 / "WORKFLOW_INSTANCE_FAILURE",
        WorkflowInstanceSuccess = 1 / "WORKFLOW_INSTANCE_SUCCESS",
        WorkflowInstanceBlocked = 2 / "WORKFLOW_INSTANCE_BLOCKED",
        WorkflowInstanceTimeout = 3 / "WORKFLOW_INSTANCE_TIMEOUT",
        FaultToleranceWarning = 4 / "FAULT_TOLERANCE_WARNING",
        TaskFailure = 5 / "TASK_FAILURE",
        TaskSuccess = 6 / "TASK_SUCCESS",
        TaskTimeout = 7 / "TASK_TIMEOUT",
    }
}

impl WorkflowState {
    /// No event changes the instance any more: PAUSE, STOP, FAILURE, SUCCESS.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Pause | Self::Stop | Self::Failure | Self::Success)
    }

    /// A dead owner's instance in this state has to move to another master.
    #[must_use]
    pub const fn needs_failover(self) -> bool {
        matches!(self, Self::RunningExecution | Self::ReadyPause | Self::ReadyStop)
    }

    #[must_use]
    pub const fn can_stop(self) -> bool {
        matches!(
            self,
            Self::RunningExecution | Self::ReadyPause | Self::ReadyStop | Self::SerialWait
        )
    }

    #[must_use]
    pub const fn can_pause(self) -> bool {
        matches!(self, Self::RunningExecution | Self::ReadyPause | Self::SerialWait)
    }
}

impl TaskState {
    /// The attempt has ended: PAUSE, FAILURE, SUCCESS, NEED_FAULT_TOLERANCE, KILL, FORCED_SUCCESS.
    #[must_use]
    pub const fn is_finished(self) -> bool {
        matches!(
            self,
            Self::Pause
                | Self::Failure
                | Self::Success
                | Self::NeedFaultTolerance
                | Self::Kill
                | Self::ForcedSuccess
        )
    }
}

/// `Direct` of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direct {
    #[serde(rename = "IN")]
    In,
    #[serde(rename = "OUT")]
    Out,
}

/// `DataType` of a parameter. Values are strings whatever the type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum DataType {
    Varchar,
    Integer,
    Long,
    Float,
    Double,
    Date,
    Time,
    Timestamp,
    Boolean,
    List,
    File,
}

/// `TaskExecutorLifecycleEventType`: the events of an executor that travel, and the type an ack names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ExecutorEventType {
    #[serde(rename = "DISPATCHED")]
    Dispatched,
    #[serde(rename = "RUNNING")]
    Running,
    #[serde(rename = "RUNTIME_CONTEXT_CHANGE")]
    RuntimeContextChange,
    #[serde(rename = "PAUSE")]
    Pause,
    #[serde(rename = "PAUSED")]
    Paused,
    #[serde(rename = "KILL")]
    Kill,
    #[serde(rename = "KILLED")]
    Killed,
    #[serde(rename = "SUCCESS")]
    Success,
    #[serde(rename = "FAILED")]
    Failed,
    #[serde(rename = "FINALIZE")]
    Finalize,
}
