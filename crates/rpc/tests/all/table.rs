//! All methods behind one untyped face, so that vectors can be run through the types.

use bytes::Bytes;
use futures::future::BoxFuture;
use orca_rpc::dto::Payload;
use orca_rpc::{Client, IncomingCall, Method, Outcome, Reply, envelope, json, methods};
use std::collections::HashMap;

use crate::support::BODY_MAX;

/// JSON read as a type and written again; `None` is nothing.
pub(crate) type Rewritten = Option<Vec<u8>>;
type Rewrite = fn(&[u8]) -> Result<Rewritten, json::Error>;
type Call = for<'a> fn(&'a Client, &'a str, &'a [u8]) -> BoxFuture<'a, Outcome<Rewritten>>;

pub(crate) struct Entry {
    /// Reads and writes an argument, and a result.
    pub(crate) rewrite_request: Rewrite,
    pub(crate) rewrite_response: Rewrite,
    /// The whole request frame for an argument.
    pub(crate) request_frame: fn(i64, &[u8]) -> Bytes,
    /// The reply for a result; none is void.
    pub(crate) reply: fn(Option<&[u8]>) -> Reply,
    /// What a server makes of the argument, written again.
    pub(crate) argument: fn(&IncomingCall) -> Result<Rewritten, Reply>,
    /// Calls, and writes the result again.
    pub(crate) call: Call,
    /// Must not panic.
    pub(crate) read_anything: fn(&[u8]),
}

fn rewrite<P: Payload>(text: &[u8]) -> Result<Rewritten, json::Error> {
    Ok(P::from_json(Some(text))?.and_then(|value| value.to_json()))
}

fn value<P: Payload>(text: Option<&[u8]>) -> P {
    P::from_json(text).unwrap().unwrap()
}

fn entry<M: Method>() -> (&'static str, Entry) {
    let entry = Entry {
        rewrite_request: rewrite::<M::Request>,
        rewrite_response: rewrite::<M::Response>,
        request_frame: |opaque, text| {
            envelope::encode_request::<M>(opaque, &value(Some(text)), BODY_MAX).unwrap()
        },
        reply: |text| Reply::of::<M>(&value(text)),
        argument: |call| call.argument::<M>().map(|argument| argument.to_json()),
        call: |client, address, text| {
            Box::pin(async move {
                let argument = value::<M::Request>(Some(text));
                client
                    .call::<M>(address, &argument)
                    .await
                    .map(|result| result.to_json())
            })
        },
        read_anything: |bytes| {
            // Only panics matter here.
            let _ = envelope::decode_request::<M>(bytes);
            let _ = envelope::decode_response::<M>(bytes);
            let _ = M::Request::from_json(Some(bytes));
            let _ = M::Response::from_json(Some(bytes));
        },
    };
    (M::IDENTIFIER, entry)
}

macro_rules! entries {
    ($($method:path),+ $(,)?) => { HashMap::from([$(entry::<$method>()),+]) };
}

pub(crate) fn table() -> HashMap<&'static str, Entry> {
    let table = entries!(
        methods::ManualTriggerWorkflow,
        methods::BackfillTriggerWorkflow,
        methods::ScheduleTriggerWorkflow,
        methods::RepeatTriggerWorkflowInstance,
        methods::TriggerFromFailureTasks,
        methods::TriggerFromSuspendTasks,
        methods::PauseWorkflowInstance,
        methods::StopWorkflowInstance,
        methods::OnTaskExecutorDispatched,
        methods::OnTaskExecutorRunning,
        methods::OnTaskExecutorRuntimeContextChanged,
        methods::OnTaskExecutorSuccess,
        methods::OnTaskExecutorFailed,
        methods::OnTaskExecutorKilled,
        methods::OnTaskExecutorPaused,
        methods::NotifyTaskGroupSlotAcquireSuccess,
        methods::RefreshWorkerGroup,
        methods::QueryWorkflowExecutors,
        methods::QueryTaskInstances,
        methods::GetTaskInstanceWholeLogFileBytes,
        methods::PageQueryTaskInstanceLog,
        methods::RemoveTaskInstanceLog,
        methods::logic::DispatchTask,
        methods::logic::KillTask,
        methods::logic::PauseTask,
        methods::logic::AckLifecycleEvent,
        methods::worker::DispatchTask,
        methods::worker::KillTask,
        methods::worker::PauseTask,
        methods::worker::ReassignWorkflowInstanceHost,
        methods::worker::AckLifecycleEvent,
        methods::peers::TriggerSavepoint,
        methods::peers::SendTestAlert,
        methods::peers::SendAlert,
    );
    assert_eq!(table.len(), methods::all().count());
    table
}
