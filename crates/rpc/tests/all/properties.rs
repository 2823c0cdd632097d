//! Properties of the codec: what is written is read again, whatever the pieces it comes in, and nothing makes it panic.

use crate::support::{BODY_MAX, one_frame};
use crate::table::{Entry, table};
use bytes::BytesMut;
use orca_engine::codes::{DataType, Direct, ExecutorEventType};
use orca_engine::model::Property;
use orca_rpc::dto::{
    Payload, TaskExecutionContext, TaskExecutorDispatchRequest, TaskExecutorLifecycleEventAck,
    TaskExecutorSuccessLifecycleEvent, WorkflowBackfillTriggerRequest,
};
use orca_rpc::envelope::{self, Answer, RequestBody, ResponseBody, Returned};
use orca_rpc::frame::{self, Decoded, Frame};
use orca_rpc::methods::{self, Method, worker};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::LazyLock;

fn property() -> impl Strategy<Value = Property> {
    let direct = option::of(prop_oneof![Just(Direct::In), Just(Direct::Out)]);
    let data_type = option::of(prop_oneof![Just(DataType::Varchar), Just(DataType::File)]);
    (
        option::of(any::<String>()),
        direct,
        data_type,
        option::of(any::<String>()),
    )
        .prop_map(|(prop, direct, data_type, value)| Property {
            prop,
            direct,
            data_type,
            value,
        })
}

fn context() -> impl Strategy<Value = TaskExecutionContext> {
    let texts = vec(option::of(any::<String>()), 4);
    let params = option::of(btree_map(any::<String>(), option::of(property()), 0..4));
    (
        any::<[i32; 3]>(),
        any::<[i64; 3]>(),
        texts,
        params,
        option::of(any::<i64>()),
    )
        .prop_map(|(ints, longs, texts, prepare_params_map, own)| {
            let mut texts = texts.into_iter();
            let mut text = || texts.next().flatten();
            TaskExecutionContext {
                task_instance_id: ints[0],
                dry_run: ints[1],
                cpu_quota: Some(ints[2]),
                first_submit_time: longs[0],
                schedule_time: longs[1],
                project_code: Some(longs[2]),
                task_name: text(),
                task_params: text(),
                environment_config: text(),
                host: text(),
                prepare_params_map,
                orca_owner_epoch: own,
                orca_worker_startup_time: own,
                ..Default::default()
            }
        })
}

fn event() -> impl Strategy<Value = TaskExecutorSuccessLifecycleEvent> {
    let var_pool = option::of(vec(property(), 0..4));
    (
        any::<[i32; 2]>(),
        any::<[i64; 2]>(),
        option::of(any::<String>()),
        var_pool,
        option::of(any::<i64>()),
    )
        .prop_map(
            |(ints, longs, task_instance_host, var_pool, latest_report_time)| {
                TaskExecutorSuccessLifecycleEvent {
                    task_instance_id: ints[0],
                    workflow_instance_id: ints[1],
                    event_create_time: longs[0],
                    end_time: longs[1],
                    task_instance_host,
                    var_pool,
                    latest_report_time,
                    r#type: Some(ExecutorEventType::Success),
                }
            },
        )
}

/// Through the whole stack: frame, envelope, message.
fn assert_round_trip<M: Method>(opaque: i64, request: &M::Request) -> Result<(), TestCaseError>
where
    M::Request: PartialEq + std::fmt::Debug,
{
    let bytes = envelope::encode_request::<M>(opaque, request, BODY_MAX).unwrap();
    let frame = one_frame(&bytes);
    let header = frame.header().unwrap();
    prop_assert_eq!(
        (header.method_identifier.as_ref(), header.opaque),
        (M::IDENTIFIER, opaque)
    );
    let decoded = envelope::decode_request::<M>(&frame.body).unwrap();
    prop_assert_eq!(decoded.as_ref(), Some(request));
    Ok(())
}

proptest! {
    #[test]
    fn a_context_survives(opaque: i64, context in context()) {
        let request = TaskExecutorDispatchRequest { task_execution_context: Some(context) };
        assert_round_trip::<worker::DispatchTask>(opaque, &request)?;
    }

    #[test]
    fn an_event_survives(opaque: i64, event in event()) {
        assert_round_trip::<methods::OnTaskExecutorSuccess>(opaque, &event)?;
    }

    #[test]
    fn a_trigger_survives(times in option::of(vec(any::<String>(), 0..5)), nodes in option::of(vec(any::<i64>(), 0..5))) {
        let request = WorkflowBackfillTriggerRequest {
            backfill_time_list: times,
            start_nodes: nodes,
            ..Default::default()
        };
        assert_round_trip::<methods::BackfillTriggerWorkflow>(0, &request)?;
    }

    #[test]
    fn a_text_survives(path: String) {
        assert_round_trip::<methods::RemoveTaskInstanceLog>(1, &path)?;
    }

    #[test]
    fn a_failure_survives(message in option::of(any::<String>()), identifier: String, opaque: i64) {
        let answer = Answer::Failed(message.clone());
        let bytes = envelope::encode_response(&identifier, opaque, &answer, BODY_MAX).unwrap();
        let frame = one_frame(&bytes);
        let header = frame.header().unwrap();
        prop_assert_eq!(header.method_identifier.as_ref(), identifier.as_str());
        let returned = envelope::decode_response::<methods::RefreshWorkerGroup>(&frame.body).unwrap();
        prop_assert_eq!(returned, Returned::Failure(message));
    }

    #[test]
    fn frames_do_not_depend_on_the_pieces_they_come_in(
        bodies in vec(vec(any::<u8>(), 0..200), 1..8),
        cuts in vec(1..97_usize, 1..16),
    ) {
        let mut stream = Vec::new();
        for (number, body) in bodies.iter().enumerate() {
            let opaque = i64::try_from(number).unwrap();
            stream.extend_from_slice(&frame::encode("m", opaque, BODY_MAX, |out| out.extend_from_slice(body)).unwrap());
        }
        let (mut buffer, mut decoded, mut rest) = (BytesMut::new(), Vec::new(), stream.as_slice());
        for cut in cuts.iter().cycle() {
            let (piece, tail) = rest.split_at((*cut).min(rest.len()));
            buffer.extend_from_slice(piece);
            rest = tail;
            while let Decoded::Frame(frame) = frame::decode(&mut buffer, BODY_MAX).unwrap() {
                prop_assert_eq!(frame.header().unwrap().opaque, i64::try_from(decoded.len()).unwrap());
                decoded.push(frame.body.to_vec());
            }
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(decoded, bodies);
        prop_assert!(buffer.is_empty());
    }

    #[test]
    fn arbitrary_bytes_are_harmless(bytes in vec(any::<u8>(), 0..300)) {
        read_everything(&bytes);
        read_everything(&[&[0xbe, 0][..], &bytes].concat());
    }

    #[test]
    fn damaged_messages_are_harmless(event in event(), at: prop::sample::Index, byte: u8) {
        let mut json = event.to_json().unwrap();
        let at = at.index(json.len());
        json[at] = byte;
        read_everything(&json);
        let mut frame = envelope::encode_request::<methods::OnTaskExecutorSuccess>(1, &event, BODY_MAX).unwrap().to_vec();
        let at = at % frame.len();
        frame[at] = byte;
        read_everything(&frame);
        read_everything(&frame[..at]);
    }
}

fn read_everything(bytes: &[u8]) {
    let mut buffer = BytesMut::from(bytes);
    // Only panics matter here; a decoder that makes no progress would not end.
    while let Ok(Decoded::Frame(frame)) = frame::decode(&mut buffer, BODY_MAX) {
        let _ = frame.header();
        read_body(&frame.body);
    }
    let _ = Frame {
        header: bytes.to_vec().into(),
        body: bytes::Bytes::new(),
    }
    .header();
    read_body(bytes);
}

fn read_body(bytes: &[u8]) {
    let _ = RequestBody::decode(bytes);
    let _ = ResponseBody::decode(bytes);
    static TABLE: LazyLock<HashMap<&'static str, Entry>> = LazyLock::new(table);
    for entry in TABLE.values() {
        (entry.read_anything)(bytes);
    }
}

#[test]
fn deep_nesting_is_an_error_and_not_an_overflow() {
    let deep = "[".repeat(1_000_000);
    assert!(TaskExecutorLifecycleEventAck::from_json(Some(format!("{{\"x\":{deep}").as_bytes())).is_err());
    assert!(RequestBody::decode(deep.as_bytes()).is_err());
}
