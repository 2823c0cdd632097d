//! Reading files and judging rows; what needs servers is tried in the integration tests.

use super::context::Context;
use super::expectations::{Moment, Names, Outside};
use super::format::{Case, Expectation, Metric, RowCount, Step, Success};
use super::snapshot::Snapshot;
use super::{Options, files_below, find};
use serde_json::json;
use std::path::{Path, PathBuf};

fn shared() -> Option<PathBuf> {
    let named = std::env::var_os("ORCA_SHARED").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let folder = named.unwrap_or(beside).join("cases");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no folder of shared cases");
    None
}

fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

fn every_file_reads(folder: &Path) {
    let options = Options::parse(&[folder.display().to_string()]).unwrap();
    let tasks = find(&options).unwrap();
    assert!(!tasks.is_empty());
    for task in tasks {
        let case = Case::read(&task.path).unwrap();
        assert_eq!(case.case, task.name);
        assert!(
            folder.join("context").join(&case.context).is_file(),
            "{}",
            task.name
        );
    }
    for path in files_below(&folder.join("context")).unwrap() {
        Context::read(&path).unwrap();
    }
}

#[test]
fn every_shared_case_reads() {
    if let Some(folder) = shared() {
        every_file_reads(&folder);
    }
}

#[test]
fn every_own_case_reads() {
    every_file_reads(&own());
}

const HEAD: &str = "case: a/b\ntitle: t\ncontext: a/b.yaml\nsteps:\n";

fn steps(text: &str) -> Result<Vec<Step>, String> {
    Case::parse(&format!("{HEAD}{text}")).map(|case| case.steps)
}

#[test]
fn what_the_format_does_not_know_is_refused_with_its_place() {
    for (text, word) in [
        ("  - explode: {}\n", "explode"),
        ("  - sleep: {second: 1}\n", "second"),
        ("  - sleep: {seconds: soon}\n", "soon"),
        (
            "  - expect: [{task_instances: {of: all, all: {colour: red}}}]\n",
            "colour",
        ),
        (
            "  - expect: [{task_instances: {of: all, all: {state: RED}}}]\n",
            "RED",
        ),
        ("  - trigger_workflow: {workflow: 1}\n", "as"),
    ] {
        let error = steps(text).unwrap_err();
        assert!(error.contains(word), "{text}: {error}");
    }
    let error = steps("  - sleep: {seconds: 1}\n  - explode: {}\n").unwrap_err();
    assert!(error.contains("line 6"), "{error}");
}

#[test]
fn answers_may_be_wanted_unwanted_or_left_open() {
    let read = steps(
        "  - stop: {instance: 1}\n  - stop: {instance: 1, success: any}\n  - stop: {instance: run, success: false}\n",
    );
    let wanted: Vec<Success> = read
        .unwrap()
        .iter()
        .map(|step| match step {
            Step::Stop(stop) => stop.success,
            other => panic!("{}", other.name()),
        })
        .collect();
    assert_eq!(wanted, [Success::Yes, Success::Any, Success::No]);
}

struct Nowhere;

impl Outside for Nowhere {
    fn metric(&self, _: &Metric) -> Result<f64, String> {
        Ok(3.0)
    }

    fn node_exists(&self, path: &str) -> Result<bool, String> {
        Ok(path == "/there")
    }

    fn count_rows(&self, _: &RowCount) -> Result<i64, String> {
        Err("the server is away".to_owned())
    }

    fn address_of(&self, master: &str) -> Option<String> {
        (master == "second").then(|| "h:2".to_owned())
    }
}

fn rows() -> Snapshot {
    let row = |value: serde_json::Value| value.as_object().unwrap().clone();
    Snapshot {
        workflow_instances: vec![
            row(
                json!({"id": 1, "workflow_definition_code": 7, "workflow_definition_version": 1, "state": 7, "host": "h:1",
                "start_time": "2024-01-01 00:00:00", "end_time": "2024-01-01 00:00:05.000000", "schedule_time": null,
                "global_params": "[{\"prop\":\"a\",\"direct\":\"IN\",\"type\":\"VARCHAR\",\"value\":\"1\"}]"}),
            ),
            row(
                json!({"id": 2, "workflow_definition_code": 7, "workflow_definition_version": 1, "state": 1, "host": "h:2",
                "start_time": "2024-01-01 00:00:05", "end_time": null, "schedule_time": "2024-08-11 00:00:00"}),
            ),
        ],
        task_instances: vec![
            row(
                json!({"id": 1, "workflow_instance_id": 1, "name": "A", "state": 7, "flag": 1, "log_path": "/x"}),
            ),
            row(
                json!({"id": 2, "workflow_instance_id": 2, "name": "A", "state": 8, "flag": 0, "log_path": ""}),
            ),
            row(
                json!({"id": 3, "workflow_instance_id": 2, "name": "A", "state": 1, "flag": 1,
                "var_pool": "[{\"prop\":\"x\",\"direct\":\"OUT\",\"type\":\"VARCHAR\",\"value\":\"1\"}]"}),
            ),
        ],
        alerts: vec![row(
            json!({"id": 1, "workflow_instance_id": 1, "title": "t", "alert_type": 3}),
        )],
    }
}

fn judge(expectation: &str) -> Result<(), String> {
    let read = steps(&format!("  - expect: [{expectation}]\n")).unwrap();
    let Some(Step::Expect(expectations)) = read.first() else {
        panic!("no expectation")
    };
    let expectations: &[Expectation] = expectations;
    Moment {
        rows: &rows(),
        names: &Names::from([("run".to_owned(), 2)]),
        outside: &Nowhere,
    }
    .check_all(expectations)
}

#[test]
fn expectations_that_hold() {
    for text in [
        "{workflow_instance: {of: run, is: {state: RUNNING_EXECUTION, host: {master: second}, end_time: {not_null: false}}}}",
        "{workflow_instance: {of: 1, is: {state: SUCCESS, host: 'h:1', global_params: {count: 1, any: [{prop: a, value: '1'}]}}}}",
        "{workflow_instance: {of: run, is: {schedule_time: '2024-08-11 00:00:00'}}}",
        "{workflow_instances: {of: {workflow: 7}, exactly: [{state: SUCCESS}, {state: RUNNING_EXECUTION}]}}",
        "{workflow_instances: {of: {workflow: 8}, count: 0, all: {state: STOP}}}",
        "{task_instances: {of: {workflow: 7, at: 1}, count: 2, where: {name: A}, any: [{state: NEED_FAULT_TOLERANCE, flag: 'NO'}]}}",
        "{task_instances: {of: all, where: {id: {not: 2}}, count: 2}}",
        "{task_instances: {of: {instance: 1}, all: {log_path: {not_empty: true}}}}",
        "{task_instances: {of: {instance: run}, where: {id: {gt: 2}}, exactly: [{var_pool: [{prop: x, direct: OUT, type: VARCHAR, value: '1'}]}]}}",
        "{alerts: {of: 1, min_count: 1, any: [{alert_type: WORKFLOW_INSTANCE_TIMEOUT, title: t}]}}",
        "{compare: {left: {instance: 1, field: end_time}, op: ge, right: {instance: 1, field: start_time, plus_seconds: 5}}}",
        "{metric: {name: a, tags: {}, equals: 3}}",
        "{registry_node: {path: /there, exists: true}}",
        "{registry_node: {path: /elsewhere, exists: false}}",
    ] {
        judge(text).unwrap_or_else(|why| panic!("{text}: {why}"));
    }
}

#[test]
fn expectations_that_do_not_hold_say_what_is_there() {
    for (text, why) in [
        (
            "{workflow_instance: {of: run, is: {state: STOP}}}",
            "state is 1, not 5 (STOP)",
        ),
        ("{workflow_instance: {of: 9, is: {state: STOP}}}", "no instance 9"),
        (
            "{workflow_instance: {of: nobody, is: {state: STOP}}}",
            "named an instance \"nobody\"",
        ),
        (
            "{workflow_instance: {of: 1, is: {host: {master: second}}}}",
            "not \"h:2\" (second)",
        ),
        (
            "{workflow_instance: {of: 1, is: {schedule_time: {not_null: true}}}}",
            "not a value",
        ),
        (
            "{workflow_instance: {of: 1, is: {global_params: {any: [{prop: b}]}}}}",
            "a list with",
        ),
        (
            "{workflow_instances: {of: all, exactly: [{state: SUCCESS}]}}",
            "2 instances, not 1",
        ),
        ("{workflow_instances: {of: all, min_count: 3}}", "fewer than 3"),
        ("{task_instances: {of: all, any: [{name: B}]}}", "like any[0]"),
        (
            "{task_instances: {of: {instance: run}, all: {flag: 'YES'}}}",
            "tasks[0]: flag is 0",
        ),
        (
            "{task_instances: {of: {instance: run}, where: {state: RUNNING_EXECUTION}, all: {var_pool: []}}}",
            "var_pool",
        ),
        (
            "{compare: {left: {instance: 1, field: end_time}, op: lt, right: {instance: 1, field: start_time}}}",
            "not <",
        ),
        (
            "{compare: {left: {instance: run, field: end_time}, op: lt, right: {instance: 1, field: start_time}}}",
            "end_time is null",
        ),
        ("{metric: {name: a, tags: {}, equals: 2}}", "is 3, not 2"),
        ("{registry_node: {path: /there, exists: false}}", "/there exists"),
        ("{rows: {table: t_ds_command, count: 0}}", "the server is away"),
    ] {
        let error = judge(text).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
    }
}
