//! Single values, as the reference's serialiser writes and reads them.

use crate::support::vectors;
use orca_engine::time::Millis;
use orca_rpc::dto::{self, Payload};
use orca_rpc::envelope::{RequestBody, ResponseBody};
use orca_rpc::frame::Frame;
use orca_rpc::{WireDate, frame};
use serde_json::Value;

/// Odd input that no server sends, where this reader is stricter or more lenient than Jackson, and why.
const DIFFERENT: &[(&str, &str)] = &[
    ("read.ctx.varPoolNulls", "a null in a list is left out"),
    (
        "read.ctx.scalarString",
        "a fraction that should be a text loses its last zero",
    ),
    (
        "read.ctx.datasourceNoTag",
        "a data source without type tag is read",
    ),
    (
        "read.ctx.resourceUnknownKind",
        "an unknown kind of resource is skipped",
    ),
    ("read.response.classUnknown", "class names are not interpreted"),
];

type Rewritten = Result<Option<String>, String>;

fn payload<P: Payload>(text: &[u8], change: impl Fn(&mut P)) -> Rewritten {
    let value = P::from_json(Some(text)).map_err(|error| error.to_string())?;
    Ok(value.map(|mut value| {
        change(&mut value);
        String::from_utf8(value.to_json().unwrap()).unwrap()
    }))
}

fn in_zone(date: &mut Option<WireDate>, zone: &str) {
    let zone = zone.parse().unwrap();
    *date = date.map(|date| WireDate::from_millis(date.to_millis(zone), zone).unwrap());
}

fn rewrite(class: &str, text: &[u8], zone: &str) -> Rewritten {
    let utf8 = |bytes| Some(String::from_utf8(bytes).unwrap());
    match class.rsplit('.').next().unwrap() {
        "TaskExecutionContext" => payload::<dto::TaskExecutionContext>(text, |_| {}),
        "WorkflowManualTriggerRequest" => payload::<dto::WorkflowManualTriggerRequest>(text, |_| {}),
        "WorkflowScheduleTriggerRequest" => payload::<dto::WorkflowScheduleTriggerRequest>(text, |request| {
            in_zone(&mut request.schedule_time, zone);
        }),
        "TaskExecutorSuccessLifecycleEvent" => {
            payload::<dto::TaskExecutorSuccessLifecycleEvent>(text, |_| {})
        }
        "ITaskExecutorLifecycleEventReporter$TaskExecutorLifecycleEventAck" => {
            payload::<dto::TaskExecutorLifecycleEventAck>(text, |_| {})
        }
        "TaskInstanceLogFileDownloadResponse" => {
            payload::<dto::TaskInstanceLogFileDownloadResponse>(text, |_| {})
        }
        "TaskExecutorDispatchResponse" => payload::<dto::TaskExecutorDispatchResponse>(text, |_| {}),
        "WorkflowExecutorDTO" => {
            payload::<dto::WorkflowExecutorDto>(text, |dto| in_zone(&mut dto.start_time, zone))
        }
        "TaskExecutorDTO" => payload::<dto::TaskExecutorDto>(text, |dto| in_zone(&mut dto.start_time, zone)),
        "StandardRpcRequest" => RequestBody::decode(text)
            .map(|body| utf8(body.encode()))
            .map_err(|error| error.to_string()),
        "StandardRpcResponse" => ResponseBody::decode(text)
            .map(|body| utf8(body.encode()))
            .map_err(|error| error.to_string()),
        "TransporterHeader" => header(text),
        other => panic!("no type for {other}"),
    }
}

fn header(text: &[u8]) -> Rewritten {
    let frame = Frame {
        header: text.to_vec().into(),
        body: bytes::Bytes::new(),
    };
    let header = frame.header().map_err(|error| error.to_string())?;
    let bytes = frame::encode(&header.method_identifier, header.opaque, 0, |_| {}).unwrap();
    let again = crate::support::one_frame(&bytes).header;
    Ok(Some(String::from_utf8(again.to_vec()).unwrap()))
}

/// Objects keep their order as text; the one map without an order is compared by value.
fn assert_same(name: &str, ours: &str, theirs: &str) {
    let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    if name == "ctx.map" {
        assert_eq!(value(ours), value(theirs), "{name}");
    } else {
        assert_eq!(ours, theirs, "{name}");
    }
}

#[test]
fn values_are_written_and_read_like_the_reference_does() {
    let mut read = 0;
    for line in vectors("java-json.jsonl").unwrap_or_default() {
        let text = |key: &str| line[key].as_str().unwrap_or_default();
        let name = text("name");
        if DIFFERENT.iter().any(|(different, _)| *different == name) {
            continue;
        }
        let ours = rewrite(text("class"), text("json").as_bytes(), text("zone"));
        match (text("kind"), line["ok"].as_bool()) {
            ("write", _) => assert_same(name, &ours.unwrap().unwrap(), text("json")),
            ("read", Some(true)) => {
                read += 1;
                assert_same(
                    name,
                    ours.unwrap().as_deref().unwrap_or("null"),
                    text("rewritten"),
                );
            }
            ("read", _) => assert!(ours.is_err(), "{name} was read as {ours:?}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    eprintln!("{read} values read and written again");
}

#[test]
fn a_date_is_written_in_the_zone_of_the_cluster() {
    let mut dto = dto::WorkflowExecutorDto {
        start_time: WireDate::from_millis(Millis(1_774_747_800_000), chrono_tz::Tz::Europe__Berlin),
        ..Default::default()
    };
    let text = String::from_utf8(dto.to_json().unwrap()).unwrap();
    assert!(text.contains("\"startTime\":\"2026-03-29 03:30:00\""), "{text}");
    in_zone(&mut dto.start_time, "UTC");
    assert_eq!(dto.start_time, WireDate::parse("2026-03-29 03:30:00"));
}
