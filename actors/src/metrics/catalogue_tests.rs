use super::super::{Exposition, Metrics};
use super::*;
use crate::observatory::Observatory;
use orca_engine::codes::WorkflowState;
use orca_rpc::{Outcome, UnknownReason};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

fn helped(text: &str) -> BTreeSet<&str> {
    let helps = text.lines().filter_map(|line| line.strip_prefix("# HELP "));
    helps
        .filter_map(|line| line.split_once(' '))
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn every_family_is_exported_once_and_nothing_else() {
    let text = Observatory::default().exposition();
    let names: BTreeSet<&str> = ALL.iter().map(|family| family.name).collect();
    assert_eq!(names.len(), ALL.len(), "a name is used twice");
    assert_eq!(helped(&text), names);
    assert_eq!(
        text.matches("# HELP ").count(),
        ALL.len(),
        "a family is written twice"
    );
}

#[test]
fn samples_have_the_labels_of_their_family() {
    let metrics = Metrics::default();
    metrics.workflow(WorkflowState::Success, 210_101);
    metrics.call(
        "ITaskExecutorOperator.dispatchTask",
        "w:1",
        Duration::from_millis(3),
        &Outcome::Accepted(()),
    );
    let late: Outcome<()> = Outcome::Unknown(UnknownReason::TimedOut {
        after: Duration::from_secs(1),
    });
    metrics.call(
        "ITaskExecutorOperator.killTask",
        "w:1",
        Duration::from_secs(1),
        &late,
    );
    let mut text = Exposition::default();
    metrics.write(&mut text, "m:5678");
    let text = text.into_text();
    for expected in [
        r#"ds_workflow_instance_count_total{application="master-server",state="SUCCESS",workflow_definition_code="210101"} 1.0"#,
        r#"ds_workflow_instance_count_total{application="master-server",state="SERIAL_WAIT",workflow_definition_code="dummy"} 0.0"#,
        r#"ds_rpc_client_sync_request_duration_time_seconds_bucket{application="master-server",client_host="m:5678",method_name="ITaskExecutorOperator.dispatchTask",server_host="w:1",le="0.005"} 1.0"#,
        r#"ds_rpc_client_sync_request_exception_count_total{application="master-server",client_host="m:5678",method_name="ITaskExecutorOperator.killTask",server_host="w:1",exception_name="RemotingTimeoutException"} 1.0"#,
    ] {
        assert!(
            text.lines().any(|line| line == expected),
            "no {expected} in\n{text}"
        );
    }
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, _) = line.split_once('{').unwrap();
        let family = ALL
            .iter()
            .filter(|family| name.starts_with(family.name))
            .max_by_key(|family| family.name.len());
        let family = family.unwrap_or_else(|| panic!("{line} has no family"));
        assert!(
            family
                .labels
                .iter()
                .all(|label| line.contains(&format!("{label}=\""))),
            "{line}"
        );
    }
}

fn table(origin: Origin) -> String {
    let mut text = "| name | type | labels | unit | what it says, and when it moves |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for family in ALL.iter().filter(|family| family.origin == origin) {
        let kind = format!("{:?}", family.kind).to_lowercase();
        let labels = family
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect::<Vec<_>>()
            .join(", ");
        text += &format!(
            "| `{}` | {kind} | {labels} | {} | {} |\n",
            family.name, family.unit, family.help
        );
    }
    text
}

fn page() -> String {
    format!(
        "# Metrics and health\n\n\
        A master answers HTTP on `server.port` (5679), `GET` and `HEAD`:\n\n\
        | path | answer |\n| --- | --- |\n\
        | `/actuator/health` | 200 with `\"status\":\"UP\"` when the database answers (`db`) and this master is registered (`master`), else 503 with `DOWN` |\n\
        | `/actuator/health/liveness` | 200 as long as the process answers |\n\
        | `/actuator/health/readiness` | 200 while this master takes requests, else 503 with `OUT_OF_SERVICE`: while it starts, without a lease, and while it stops |\n\
        | `/actuator/prometheus` | the metrics below, in the text format 0.0.4 |\n\n\
        The database is asked at most once a second, whoever asks. A check without an answer within two seconds counts as `DOWN`.\n\n\
        Every sample has the label `application=\"master-server\"`. Summaries and histograms have `_count`, `_sum` and `_max`, the largest value of the\n\
        last one to two minutes; histograms have `_bucket` as well. Beyond a limit of series the label values of new ones become `other`.\n\
        This page is made from `actors/src/metrics/catalogue.rs`.\n\n\
        ## Names that a Java master 3.4.2 exports\n\n{}\n\
        A Java master exports `jvm_*`, `jetty_*` and the like as well, which say nothing about a process without a JVM. Where its series of calls carry the\n\
        host of the first call of a method, these carry the host that was called.\n\n\
        ## Names of the Java sources and dashboards that no Java master exports\n\n{}\n\
        ## Orca's own\n\n{}",
        table(Origin::Java),
        table(Origin::JavaUnused),
        table(Origin::Orca)
    )
}

#[test]
fn the_reference_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/metrics.md");
    if std::env::var_os("ORCA_REGENERATE").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == page(),
        "docs/reference/metrics.md is stale; run this test with ORCA_REGENERATE=1"
    );
}
