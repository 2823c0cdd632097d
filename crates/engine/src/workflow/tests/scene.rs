//! The machine a scenario starts from: a line for the workflow, and one for each task and row.

use super::kit;
use crate::codes::*;
use crate::model::{Property, TaskDefinition, TaskInstance, WorkflowInstance};
use crate::workflow::{Rules, WorkflowMachine};
use std::sync::Arc;

pub(super) fn output((name, value): (&str, &str)) -> Property {
    Property {
        prop: Some(name.to_owned()),
        direct: Some(Direct::Out),
        data_type: Some(DataType::Varchar),
        value: Some(value.to_owned()),
    }
}

/// `workflow key=value...`, then a line per task: `B after=A,C retries=1 ...`, or per row: `row A SUCCESS id=5 host=w1:1234`.
pub(super) fn build(lines: &[&str]) -> WorkflowMachine {
    let mut rules = Rules::clone(&super::kit::rules());
    let mut instance = kit::instance();
    let mut execution_type = ExecutionType::Parallel;
    for (key, value) in pairs(lines[0]) {
        match key {
            "system" => rules.task_runtime_max_ms = Some(value.parse::<i64>().unwrap() * 60_000),
            "fake" => rules.fake_task_enabled = value == "on",
            "take_over" => rules.take_over_on_worker_loss = value == "yes",
            "serial" => execution_type = ExecutionType::SerialWait,
            _ => set_instance(&mut instance, key, value),
        }
    }
    let (mut tasks, mut edges, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for line in &lines[1..] {
        if let Some(row) = line.strip_prefix("row ") {
            rows.push(read_row(row, &tasks));
        } else {
            read_task(line, &mut tasks, &mut edges);
        }
    }
    let mut definition = kit::definition(tasks, &edges);
    definition.workflow.execution_type = execution_type;
    WorkflowMachine::new(Arc::new(definition), instance, rows, Arc::new(rules)).unwrap()
}

fn pairs(line: &str) -> Vec<(&str, &str)> {
    line.split_whitespace()
        .skip(1)
        .map(|word| word.split_once('=').unwrap_or((word, "")))
        .collect()
}

fn set_instance(instance: &mut WorkflowInstance, key: &str, value: &str) {
    match key {
        "state" => instance.state = value.parse().unwrap(),
        "failure" => instance.failure_strategy = value.parse().unwrap(),
        "warning" => instance.warning_type = value.parse().unwrap(),
        "group" => instance.warning_group_id = Some(value.parse().unwrap()),
        "timeout" => instance.timeout = value.parse().unwrap(),
        "depend" => instance.task_depend_type = value.parse().unwrap(),
        "dry_run" => instance.dry_run = true,
        "start" => {
            instance.command_param = Some(format!(
                r#"{{"commandType":"START_PROCESS","startNodes":[{value}]}}"#
            ));
        }
        "backfill" => {
            let times: Vec<String> = value
                .split(',')
                .map(|day| format!("\"{day} 00:00:00\""))
                .collect();
            instance.command_param = Some(format!(
                r#"{{"commandType":"COMPLEMENT_DATA","backfillTimeList":[{}]}}"#,
                times.join(",")
            ));
        }
        // Days after the start of 2026.
        "date" => instance.schedule_time = Some(kit::START.plus(value.parse::<i64>().unwrap() * 86_400_000)),
        "pool" => instance.var_pool = Some(pool_text(value)),
        other => panic!("no workflow key {other}"),
    }
}

fn pool_text(value: &str) -> String {
    let properties: Vec<Property> = value
        .split(',')
        .filter_map(|pair| pair.split_once(':'))
        .map(output)
        .collect();
    serde_json::to_string(&properties).unwrap()
}

fn read_task(line: &str, tasks: &mut Vec<TaskDefinition>, edges: &mut Vec<(i64, i64)>) {
    let code = i64::try_from(tasks.len()).unwrap() + 1;
    let mut task = kit::task(code, line.split_whitespace().next().unwrap());
    for (key, value) in pairs(line) {
        match key {
            "after" => edges.extend(
                value
                    .split(',')
                    .map(|name| (tasks.iter().find(|task| task.name == name).unwrap().code, code)),
            ),
            "retries" => task.fail_retry_times = value.parse().unwrap(),
            "interval" => task.fail_retry_interval = value.parse().unwrap(),
            "delay" => task.delay_time = value.parse().unwrap(),
            "timeout" => task.timeout = value.parse().unwrap(),
            "strategy" => task.timeout_notify_strategy = Some(value.parse().unwrap()),
            "forbidden" => task.flag = Flag::No,
            "type" => task.task_type = value.to_owned(),
            "params" => task.task_params = Some(value.to_owned()),
            "group" => task.task_group_id = value.parse().unwrap(),
            "workers" => task.worker_group = Some(value.to_owned()),
            other => panic!("no task key {other}"),
        }
    }
    tasks.push(task);
}

fn read_row(line: &str, tasks: &[TaskDefinition]) -> TaskInstance {
    let words: Vec<&str> = line.split_whitespace().collect();
    let task = tasks.iter().find(|task| task.name == words[0]).unwrap();
    let mut row = kit::row(
        50 + i32::try_from(task.code).unwrap(),
        task,
        words[1].parse().unwrap(),
        None,
    );
    for word in &words[2..] {
        match word.split_once('=').unwrap() {
            ("id", value) => row.id = value.parse().unwrap(),
            ("host", value) => row.host = Some(value.to_owned()),
            ("ended", value) => row.end_time = Some(kit::START.plus(value.parse::<i64>().unwrap() * 1_000)),
            ("tried", value) => row.retry_times = value.parse().unwrap(),
            ("link", value) => row.app_link = Some(value.to_owned()),
            ("pool", value) => row.var_pool = Some(pool_text(value)),
            ("params", value) => row.task_params = Some(Arc::from(value)),
            (other, _) => panic!("no row key {other}"),
        }
    }
    row
}
