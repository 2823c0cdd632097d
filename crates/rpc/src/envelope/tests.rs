use super::*;
use crate::dto::{TaskExecutorKillRequest, TaskExecutorKillResponse};
use crate::methods::worker::KillTask;
use crate::methods::{RefreshWorkerGroup, RemoveTaskInstanceLog};

const CLASS: &str = "org.apache.dolphinscheduler.task.executor.operations.TaskExecutorKillRequest";

fn kill(args: &str, types: &str) -> Result<Option<TaskExecutorKillRequest>, Option<String>> {
    let body = format!("{{\"args\":{args},\"argsTypes\":{types}}}");
    decode_request::<KillTask>(body.as_bytes()).map_err(|error| error.message)
}

fn argument(json: &str) -> String {
    format!("[\"{}\"]", to_base64(json.as_bytes()))
}

fn failed(message: &str) -> Result<Option<TaskExecutorKillRequest>, Option<String>> {
    Err(Some(message.to_owned()))
}

#[test]
fn an_argument_is_read_by_the_method() {
    let types = format!("[\"{CLASS}\"]");
    let expected = TaskExecutorKillRequest {
        task_instance_id: Some(7),
    };
    assert_eq!(
        kill(&argument(r#"{"taskInstanceId":7}"#), &types),
        Ok(Some(expected))
    );
    assert_eq!(kill("[null]", "[null]"), Ok(None));
    assert_eq!(kill(&argument("null"), &types), Ok(None));
    assert_eq!(kill(&argument("[]"), &types), Ok(None));
}

#[test]
fn a_bad_request_is_answered_in_the_words_of_the_reference() {
    let json = argument("{}");
    assert_eq!(kill("null", "null"), failed("wrong number of arguments"));
    assert_eq!(kill("[]", "[]"), failed("wrong number of arguments"));
    assert_eq!(kill(&json, "null"), Err(None));
    assert_eq!(
        kill(&json, "[]"),
        failed("Parameter types: [] do not match the method signature.")
    );
    assert_eq!(
        kill(&json, "[\"java.lang.String\"]"),
        failed("Parameter types: [class java.lang.String] do not match the method signature.")
    );
    assert_eq!(
        kill(&json, "[\"no.Such\"]"),
        failed("Cannot construct instance of `java.lang.Class`, problem: no.Such")
    );
    assert_eq!(kill(&json, "[null]"), failed("Unrecognized Type: [null]"));
}

#[test]
fn what_is_not_json_or_base64_is_an_error_with_a_reason() {
    let types = format!("[\"{CLASS}\"]");
    for bad in ["", "null", "x", "[1]", "{\"args\":7}"] {
        let error = decode_request::<KillTask>(bad.as_bytes()).unwrap_err();
        assert!(error.message.unwrap().contains("StandardRpcRequest"), "{bad}");
    }
    assert!(kill("[\"%%%\"]", &types).unwrap_err().unwrap().contains("base64"));
    assert!(kill(&argument("{"), &types).unwrap_err().unwrap().contains(CLASS));
    assert!(
        kill(&argument(r#"{"taskInstanceId":"x"}"#), &types)
            .unwrap_err()
            .unwrap()
            .contains(CLASS)
    );
}

#[test]
fn no_argument_is_null_or_nothing() {
    for body in [
        r#"{"args":null,"argsTypes":null}"#,
        r#"{"args":[],"argsTypes":[]}"#,
        "{}",
    ] {
        assert_eq!(
            decode_request::<RefreshWorkerGroup>(body.as_bytes()),
            Ok(Some(())),
            "{body}"
        );
    }
    let surplus = br#"{"args":["MQ=="],"argsTypes":["java.lang.Integer"]}"#;
    let error = decode_request::<RefreshWorkerGroup>(surplus).unwrap_err();
    assert_eq!(
        error.message.unwrap(),
        "Parameter types: [class java.lang.Integer] do not match the method signature."
    );
}

#[test]
fn a_text_is_json_first() {
    let bytes = encode_request::<RemoveTaskInstanceLog>(1, &"/a".to_owned(), 1000).unwrap();
    let body = br#"{"args":["Ii9hIg=="],"argsTypes":["java.lang.String"]}"#;
    assert!(bytes.ends_with(body));
    assert_eq!(
        decode_request::<RemoveTaskInstanceLog>(body),
        Ok(Some("/a".to_owned()))
    );
}

#[test]
fn results_and_failures_are_told_apart() {
    let read = |text: &str| decode_response::<KillTask>(text.as_bytes());
    let yes = to_base64(br#"{"success":true,"message":null}"#);
    let value = TaskExecutorKillResponse {
        success: true,
        message: None,
    };
    let text = format!(r#"{{"success":true,"body":"{yes}","bodyType":"no.Such"}}"#);
    assert_eq!(read(&text).unwrap(), Returned::Value(Some(value)));
    assert_eq!(read(r#"{"success":true}"#).unwrap(), Returned::Value(None));
    assert_eq!(read("{}").unwrap(), Returned::Failure(None));
    assert_eq!(
        read(r#"{"success":false,"message":"m"}"#).unwrap(),
        Returned::Failure(Some("m".to_owned()))
    );
    for bad in [
        "",
        "null",
        "[]",
        r#"{"success":true,"body":"AP8-Pwo="}"#,
        r#"{"success":true,"body":"e30"}"#,
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}

#[test]
fn base64_may_be_broken_into_lines() {
    assert_eq!(from_base64("AP8+\r\nPwo=").unwrap(), [0, 0xff, 0x3e, 0x3f, 0x0a]);
    assert!(from_base64("AP8+Pwo").is_err());
}

#[test]
fn a_heartbeat_is_the_one_of_the_reference() {
    let bytes = encode_heartbeat(24_986);
    assert_eq!(bytes.len(), 118);
    let body = br#"{"success":false,"message":null,"body":null,"bodyType":null}"#;
    assert!(bytes.ends_with(body));
}
