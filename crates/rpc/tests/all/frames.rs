//! Own frames, written by hand from the description of the wire.

use crate::support::{BODY_MAX, frame_of, one_frame};
use orca_engine::codes::{DataType, Direct, ExecutorEventType, FailureStrategy};
use orca_engine::model::Property;
use orca_rpc::dto::{
    LogBytes, TaskExecutorDispatchRequest, TaskExecutorDispatchResponse, TaskExecutorLifecycleEventAck,
    TaskExecutorReassignMasterRequest, TaskExecutorSuccessLifecycleEvent,
    TaskInstanceLogFileDownloadResponse, WorkflowManualTriggerRequest,
};
use orca_rpc::envelope::{self, Answer, Returned, to_base64};
use orca_rpc::methods::{self, Method, worker};

/// The request frame of a method, from its parts.
fn request<M: Method>(opaque: i64, argument: &str) -> bytes::Bytes {
    let header = format!(
        "{{\"methodIdentifier\":\"{}\",\"opaque\":{opaque}}}",
        M::IDENTIFIER
    );
    let class = M::REQUEST_CLASS.unwrap();
    let text = to_base64(argument.as_bytes());
    frame_of(
        &header,
        &format!("{{\"args\":[\"{text}\"],\"argsTypes\":[\"{class}\"]}}"),
    )
}

fn assert_request<M: Method>(argument: &M::Request, json: &str)
where
    M::Request: PartialEq + std::fmt::Debug,
{
    let expected = request::<M>(42, json);
    assert_eq!(
        envelope::encode_request::<M>(42, argument, BODY_MAX).unwrap(),
        expected,
        "{json}"
    );
    let decoded = envelope::decode_request::<M>(&one_frame(&expected).body).unwrap();
    assert_eq!(decoded.as_ref(), Some(argument), "{json}");
}

#[test]
fn an_ack_names_the_type_of_the_event() {
    assert_request::<worker::AckLifecycleEvent>(
        &TaskExecutorLifecycleEventAck {
            task_executor_id: 12,
            task_executor_lifecycle_event_type: Some(ExecutorEventType::RuntimeContextChange),
        },
        r#"{"taskExecutorId":12,"taskExecutorLifecycleEventType":"RUNTIME_CONTEXT_CHANGE"}"#,
    );
}

#[test]
fn a_success_brings_its_output() {
    let property = Property {
        prop: Some("größe".to_owned()),
        direct: Some(Direct::Out),
        data_type: Some(DataType::Integer),
        value: None,
    };
    assert_request::<methods::OnTaskExecutorSuccess>(
        &TaskExecutorSuccessLifecycleEvent {
            task_instance_id: 3,
            event_create_time: 1_800_000_000_001,
            workflow_instance_id: 2,
            task_instance_host: Some("worker-0.pool:1234".to_owned()),
            end_time: 1_800_000_000_000,
            var_pool: Some(vec![property]),
            latest_report_time: Some(1_800_000_000_002),
            ..Default::default()
        },
        concat!(
            r#"{"taskInstanceId":3,"eventCreateTime":1800000000001,"type":"SUCCESS","workflowInstanceId":2,"#,
            r#""taskInstanceHost":"worker-0.pool:1234","endTime":1800000000000,"#,
            r#""varPool":[{"prop":"größe","direct":"OUT","type":"INTEGER","value":null}],"#,
            r#""latestReportTime":1800000000002}"#
        ),
    );
}

#[test]
fn a_trigger_writes_its_defaults_and_its_nulls() {
    assert_request::<methods::ManualTriggerWorkflow>(
        &WorkflowManualTriggerRequest {
            user_id: Some(1),
            start_nodes: Some(vec![5, 6]),
            failure_strategy: Some(FailureStrategy::End),
            start_param_list: None,
            ..Default::default()
        },
        concat!(
            r#"{"userId":1,"workflowDefinitionCode":null,"workflowDefinitionVersion":null,"startNodes":[5,6],"#,
            r#""failureStrategy":"END","taskDependType":"TASK_POST","warningType":"NONE","warningGroupId":null,"#,
            r#""workflowInstancePriority":"MEDIUM","workerGroup":null,"tenantCode":null,"environmentCode":null,"#,
            r#""scheduleTime":null,"timeZone":null,"startParamList":null,"dryRun":"NO"}"#
        ),
    );
}

#[test]
fn the_epoch_of_the_owner_travels_only_when_there_is_one() {
    let mut reassign = TaskExecutorReassignMasterRequest {
        task_instance_id: 9,
        workflow_host: Some("[::1]:5678".to_owned()),
        orca_owner_epoch: None,
    };
    assert_request::<worker::ReassignWorkflowInstanceHost>(
        &reassign,
        r#"{"taskInstanceId":9,"workflowHost":"[::1]:5678"}"#,
    );
    reassign.orca_owner_epoch = Some(7);
    assert_request::<worker::ReassignWorkflowInstanceHost>(
        &reassign,
        r#"{"taskInstanceId":9,"workflowHost":"[::1]:5678","orcaOwnerEpoch":7}"#,
    );
}

#[test]
fn a_missing_context_is_null() {
    assert_request::<worker::DispatchTask>(
        &TaskExecutorDispatchRequest::default(),
        r#"{"taskExecutionContext":null}"#,
    );
}

#[test]
fn no_argument_and_no_result_are_nulls() {
    type M = methods::RefreshWorkerGroup;
    let header = format!("{{\"methodIdentifier\":\"{}\",\"opaque\":67}}", M::IDENTIFIER);
    let request = frame_of(&header, r#"{"args":null,"argsTypes":null}"#);
    assert_eq!(request.len(), 183);
    assert_eq!(envelope::encode_request::<M>(67, &(), BODY_MAX).unwrap(), request);
    let response = frame_of(
        &header,
        r#"{"success":true,"message":null,"body":null,"bodyType":null}"#,
    );
    assert_eq!(response.len(), 212);
    let answer = Answer::of::<M>(&());
    assert_eq!(
        envelope::encode_response(M::IDENTIFIER, 67, &answer, BODY_MAX).unwrap(),
        response
    );
}

#[test]
fn a_result_brings_its_class() {
    type M = worker::DispatchTask;
    let busy = TaskExecutorDispatchResponse {
        dispatch_success: false,
        message: Some("busy".to_owned()),
    };
    let json = to_base64(br#"{"dispatchSuccess":false,"message":"busy"}"#);
    let body = format!(
        "{{\"success\":true,\"message\":null,\"body\":\"{json}\",\"bodyType\":\"{}\"}}",
        TaskExecutorDispatchResponse::CLASS
    );
    let header = format!("{{\"methodIdentifier\":\"{}\",\"opaque\":-8}}", M::IDENTIFIER);
    let answer = Answer::of::<M>(&busy);
    assert_eq!(
        envelope::encode_response(M::IDENTIFIER, -8, &answer, BODY_MAX).unwrap(),
        frame_of(&header, &body)
    );
    assert_eq!(
        envelope::decode_response::<M>(body.as_bytes()).unwrap(),
        Returned::Value(Some(busy))
    );
}

#[test]
fn a_log_is_base64_inside_base64() {
    type M = methods::GetTaskInstanceWholeLogFileBytes;
    let log = TaskInstanceLogFileDownloadResponse {
        log_bytes: Some(LogBytes(vec![0, 0xff, 0x3e, 0x3f, 0x0a])),
        ..Default::default()
    };
    let json = to_base64(br#"{"logBytes":"AP8+Pwo=","code":"SUCCESS","message":null}"#);
    let body = format!("{{\"success\":true,\"message\":null,\"body\":\"{json}\",\"bodyType\":null}}");
    assert_eq!(
        envelope::decode_response::<M>(body.as_bytes()).unwrap(),
        Returned::Value(Some(log))
    );
}
