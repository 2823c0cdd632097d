//! The messages of the protocol, one type per Java class; the doc comment of each names that class.
//!
//! Members stand in the order in which Java writes them. A member is an `Option` where Java has an object, which may be
//! null, and a bare number or boolean where Java has a primitive. What is missing when a message is read keeps Java's
//! default for it.

mod alert;
mod context;
mod events;
mod executor;
mod logs;
mod queries;
mod workflow;

pub use alert::{AlertSendRequest, AlertSendResponse, AlertSendResult, AlertTestSendRequest};
pub use context::{
    AlwaysNull, DataSourceParameters, DataSourceTag, DbType, K8sTaskExecutionContext, ResourceContext,
    ResourceMap, ResourceParametersHelper, SqlTaskExecutionContext, TaskExecutionContext,
    task_execution_context,
};
pub use events::{
    TaskExecutorDispatchedLifecycleEvent, TaskExecutorFailedLifecycleEvent, TaskExecutorKilledLifecycleEvent,
    TaskExecutorPausedLifecycleEvent, TaskExecutorRuntimeContextChangedLifecycleEvent,
    TaskExecutorStartedLifecycleEvent, TaskExecutorSuccessLifecycleEvent,
};
pub use executor::{
    TaskExecutorDispatchRequest, TaskExecutorDispatchResponse, TaskExecutorKillRequest,
    TaskExecutorKillResponse, TaskExecutorLifecycleEventAck, TaskExecutorPauseRequest,
    TaskExecutorPauseResponse, TaskExecutorReassignMasterRequest, TaskExecutorReassignMasterResponse,
    TaskInstanceTriggerSavepointRequest, TaskInstanceTriggerSavepointResponse,
};
pub use logs::{
    LogBytes, LogResponseStatus, TaskInstanceLogFileDownloadRequest, TaskInstanceLogFileDownloadResponse,
    TaskInstanceLogPageQueryRequest, TaskInstanceLogPageQueryResponse,
};
pub use queries::{
    TaskExecutorDto, TaskExecutorQueryRequest, TaskExecutorQueryResponse,
    TaskGroupSlotAcquireSuccessNotifyRequest, TaskGroupSlotAcquireSuccessNotifyResponse, WorkflowExecutorDto,
    WorkflowExecutorQueryRequest, WorkflowExecutorQueryResponse,
};
pub use workflow::{
    WorkflowBackfillTriggerRequest, WorkflowBackfillTriggerResponse, WorkflowInstancePauseRequest,
    WorkflowInstancePauseResponse, WorkflowInstanceRecoverFailureTasksRequest,
    WorkflowInstanceRecoverFailureTasksResponse, WorkflowInstanceRecoverSuspendTasksRequest,
    WorkflowInstanceRecoverSuspendTasksResponse, WorkflowInstanceRepeatRunningRequest,
    WorkflowInstanceRepeatRunningResponse, WorkflowInstanceStopRequest, WorkflowInstanceStopResponse,
    WorkflowManualTriggerRequest, WorkflowManualTriggerResponse, WorkflowScheduleTriggerRequest,
    WorkflowScheduleTriggerResponse,
};

use crate::json;
use orca_engine::model::Property;

/// A value that a call carries: an argument or a result.
pub trait Payload: Sized + Send + Sync + 'static {
    /// The Java class that travels beside it; `None` for "nothing" (`void`, or no parameter).
    const CLASS: Option<&'static str>;

    /// `None` for nothing.
    fn to_json(&self) -> Option<Vec<u8>>;

    /// Reads the value; `Ok(None)` is a null where a value belongs.
    fn from_json(text: Option<&[u8]>) -> Result<Option<Self>, json::Error>;
}

/// No parameter, or a void result.
impl Payload for () {
    const CLASS: Option<&'static str> = None;

    fn to_json(&self) -> Option<Vec<u8>> {
        None
    }

    fn from_json(_text: Option<&[u8]>) -> Result<Option<Self>, json::Error> {
        Ok(Some(()))
    }
}

impl Payload for String {
    const CLASS: Option<&'static str> = Some("java.lang.String");

    fn to_json(&self) -> Option<Vec<u8>> {
        Some(json::to_vec(self))
    }

    fn from_json(text: Option<&[u8]>) -> Result<Option<Self>, json::Error> {
        text.map_or(Ok(None), |text| json::from_slice("java.lang.String", text))
    }
}

/// Declares a message: `struct Name = "java.Class" { member: Type = "jsonKey" or default, }`.
macro_rules! dto {
    ($(
        $(#[$meta:meta])*
        struct $name:ident = $class:literal {
            $( $(#[$member_meta:meta])* $member:ident : $type:ty = $key:literal $(or $default:expr)? ),* $(,)?
        }
    )+) => { $(
        $(#[$meta])*
        #[doc = ""]
        #[doc = concat!("Java: `", $class, "`.")]
        #[derive(Clone, PartialEq, Eq, serde::Serialize)]
        pub struct $name {
            $( $(#[$member_meta])* #[serde(rename = $key)] pub $member: $type, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $member: $crate::dto::default_of!($($default)?), )* }
            }
        }

        impl $name {
            /// The Java class.
            pub const CLASS: &'static str = $class;
        }

        impl $crate::json::Object for $name {
            const KEYS: &'static [&'static str] = &[$($key),*];

            #[allow(unused_variables, reason = "a message may have no member")]
            fn read_key<'de, A: serde::de::MapAccess<'de>>(
                &mut self,
                index: usize,
                map: &mut A,
            ) -> Result<(), A::Error> {
                #[allow(non_camel_case_types, reason = "named after the members, to number them")]
                enum Index { $($member,)* Unknown }
                $(
                    if index == Index::$member as usize {
                        self.$member = map.next_value_seed($crate::json::Seed::<$type>(std::marker::PhantomData))?;
                        return Ok(());
                    }
                )*
                debug_assert!(index < Index::Unknown as usize, "an index comes from KEYS");
                Ok(())
            }
        }

        impl $crate::json::Nullable for $name {
            fn read<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
                $crate::json::read_object(deserializer)
            }
        }

        impl $crate::dto::Payload for $name {
            const CLASS: Option<&'static str> = Some($class);

            fn to_json(&self) -> Option<Vec<u8>> {
                Some($crate::json::to_vec(self))
            }

            fn from_json(text: Option<&[u8]>) -> Result<Option<Self>, $crate::json::Error> {
                text.map_or(Ok(None), |text| $crate::json::from_slice($class, text))
            }
        }
    )+ };
}
use dto;

macro_rules! default_of {
    () => {
        Default::default()
    };
    ($default:expr) => {
        $default
    };
}
use default_of;

impl json::Object for Property {
    const KEYS: &'static [&'static str] = &["prop", "direct", "type", "value"];

    fn read_key<'de, A: serde::de::MapAccess<'de>>(
        &mut self,
        index: usize,
        map: &mut A,
    ) -> Result<(), A::Error> {
        use std::marker::PhantomData;
        match index {
            0 => self.prop = map.next_value_seed(json::Seed(PhantomData))?,
            1 => self.direct = map.next_value_seed(json::Seed(PhantomData))?,
            2 => self.data_type = map.next_value_seed(json::Seed(PhantomData))?,
            _ => self.value = map.next_value_seed(json::Seed(PhantomData))?,
        }
        Ok(())
    }
}

impl json::Nullable for Property {
    fn read<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        json::read_object(deserializer)
    }
}
