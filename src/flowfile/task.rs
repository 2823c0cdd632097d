//! The section `tasks:`.

use super::flow::{FlowTask, TaskKind};
use super::limits::{DESCRIPTION_CHARACTERS_MAX, NAME_CHARACTERS_MAX, TASKS_MAX};
use super::nearest::suggestion;
use super::node::{Node, Value};
use super::placeholder::Placeholders;
use super::problem::Problems;
use super::section::{Section, Text};
use super::{graph, params};
use orca_engine::codes::{Flag, Priority, TaskTimeoutStrategy};

const COMMON_KEYS: &[&str] = &[
    "name",
    "task_type",
    "deps",
    "description",
    "flag",
    "task_priority",
    "worker_group",
    "environment_name",
    "task_group_id",
    "task_group_priority",
    "delay_time",
    "fail_retry_times",
    "fail_retry_interval",
    "timeout",
    "timeout_notify_strategy",
    "is_cache",
    "input_params",
    "output_params",
    "local_params",
    "resource_list",
    "resource_plugin",
    "dependence",
    "wait_start_timeout",
    "condition_result",
    "cpu_quota",
    "memory_max",
];

const SUPPORTED: &[(&str, TaskKind)] = &[("Shell", TaskKind::Shell), ("Python", TaskKind::Python)];

/// The other types of PyDolphinScheduler.
const UNSUPPORTED: &[&str] = &[
    "Condition",
    "CustomDataX",
    "DataX",
    "Dependent",
    "DVCDownload",
    "DVCInit",
    "DVCUpload",
    "Flink",
    "Http",
    "K8S",
    "Kubernetes",
    "MLflowModels",
    "MLFlowProjectsAutoML",
    "MLFlowProjectsBasicAlgorithm",
    "MLFlowProjectsCustom",
    "MR",
    "OpenMLDB",
    "Procedure",
    "Pytorch",
    "SageMaker",
    "Spark",
    "Sql",
    "SubWorkflow",
    "Switch",
];

const FLAGS: &[(&str, Flag)] = &[("YES", Flag::Yes), ("NO", Flag::No)];

const PRIORITIES: &[(&str, Priority)] = &[
    ("HIGHEST", Priority::Highest),
    ("HIGH", Priority::High),
    ("MEDIUM", Priority::Medium),
    ("LOW", Priority::Low),
    ("LOWEST", Priority::Lowest),
];

const STRATEGIES: &[(&str, TaskTimeoutStrategy)] = &[
    ("WARN", TaskTimeoutStrategy::Warn),
    ("FAILED", TaskTimeoutStrategy::Failed),
    ("WARNFAILED", TaskTimeoutStrategy::WarnFailed),
];

/// PyDolphinScheduler's.
const RETRY_INTERVAL_MINUTES: i32 = 1;

/// All tasks with their dependencies resolved. A task that cannot be used still takes part in the check of names and edges.
pub(super) fn read_all(
    node: &Node,
    placeholders: &Placeholders<'_>,
    problems: &Problems,
) -> Option<Vec<FlowTask>> {
    let Value::List(items) = &node.value else {
        problems.add(
            node.at,
            "tasks",
            format!(
                "expected a list of tasks, found {}; begin each task with `- name:`",
                node.kind()
            ),
        );
        return None;
    };
    if items.is_empty() {
        problems.add(node.at, "tasks", "the list is empty; add at least one task");
        return None;
    }
    if items.len() > TASKS_MAX {
        problems.add(
            node.at,
            "tasks",
            format!(
                "{} tasks; a file may have {TASKS_MAX}, split the workflow",
                items.len()
            ),
        );
        return None;
    }
    let sections: Vec<_> = items
        .iter()
        .enumerate()
        .map(|(index, item)| {
            Section::of(
                item,
                &format!("tasks[{index}]"),
                placeholders,
                problems,
                "a mapping with name and task_type",
            )
        })
        .collect();
    let names: Vec<_> = sections
        .iter()
        .map(|section| section.as_ref().and_then(name_of))
        .collect();
    let deps = graph::dependencies(&sections, &names, problems);
    let tasks = sections.iter().zip(names).zip(deps);
    let read: Vec<_> = tasks
        .map(|((section, name), deps)| task_of(section.as_ref()?, name, deps))
        .collect();
    read.into_iter().collect()
}

fn name_of(section: &Section<'_>) -> Option<Text> {
    section.required("name", "give the task a name")?;
    section.short_text("name", NAME_CHARACTERS_MAX)
}

fn task_of(section: &Section<'_>, name: Option<Text>, deps: Vec<usize>) -> Option<FlowTask> {
    check_what_is_not_built(section);
    let kind = kind_of(section);
    let script_key = match kind {
        Some(TaskKind::Shell) => Some("command"),
        Some(TaskKind::Python) => Some("definition"),
        None => None,
    };
    if let Some(script_key) = script_key {
        let known: Vec<_> = COMMON_KEYS.iter().copied().chain([script_key]).collect();
        section.refuse_unknown_keys(&known, "the keys of this task");
    }
    let script = script_key.and_then(|key| {
        section.required(key, "write what the task runs")?;
        section.text(key)
    });
    let description = section.short_text("description", DESCRIPTION_CHARACTERS_MAX);
    let worker_group = section.short_text("worker_group", NAME_CHARACTERS_MAX);
    let timeout_minutes = section.number("timeout", " of minutes").unwrap_or(0);
    let strategy = section.choice("timeout_notify_strategy", STRATEGIES);
    let quota = |name| {
        section
            .number_within(name, "", -1..=i64::from(i32::MAX))
            .unwrap_or(-1)
    };
    let task = FlowTask {
        name: String::new(),
        kind: kind.unwrap_or(TaskKind::Shell),
        description: description.map(|text| text.value).unwrap_or_default(),
        deps,
        script: String::new(),
        local_params: params::task(section),
        flag: section.choice("flag", FLAGS).unwrap_or(Flag::Yes),
        priority: section
            .choice("task_priority", PRIORITIES)
            .unwrap_or(Priority::Medium),
        worker_group: worker_group.map(|text| text.value),
        delay_minutes: section.number("delay_time", " of minutes").unwrap_or(0),
        retry_times: section.number("fail_retry_times", "").unwrap_or(0),
        retry_interval_minutes: section
            .number("fail_retry_interval", " of minutes")
            .unwrap_or(RETRY_INTERVAL_MINUTES),
        timeout_minutes,
        timeout_strategy: strategy.filter(|_| timeout_minutes > 0),
        cpu_quota: quota("cpu_quota"),
        memory_max: quota("memory_max"),
    };
    let script = executable(kind?, script?.value);
    Some(FlowTask {
        name: name?.value,
        script,
        ..task
    })
}

fn kind_of(section: &Section<'_>) -> Option<TaskKind> {
    section.required("task_type", "supported are Shell and Python")?;
    let text = section.text("task_type")?;
    let wanted = text.value.trim().to_lowercase();
    if let Some((_, kind)) = SUPPORTED.iter().find(|(name, _)| name.to_lowercase() == wanted) {
        return Some(*kind);
    }
    let reason = if UNSUPPORTED.iter().any(|name| name.to_lowercase() == wanted) {
        format!(
            "task type {} is not supported in workflow files; supported are Shell and Python",
            text.value
        )
    } else {
        let advice = suggestion(
            &text.value,
            SUPPORTED.iter().map(|(name, _)| *name),
            "the task types",
        );
        format!("unknown task type {:?}; {advice}", text.value)
    };
    section.wrong(text.at, "task_type", reason);
    None
}

/// Python only: a text that begins with a function is that function and a call of it.
fn executable(kind: TaskKind, script: String) -> String {
    let function = script
        .strip_prefix("def ")
        .and_then(|rest| rest.split_once('('))
        .map(|(name, _)| name.to_owned())
        .filter(|name| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|character| character.is_alphanumeric() || character == '_')
        });
    match (kind, function) {
        (TaskKind::Python, Some(name)) if script.ends_with('\n') => format!("{script}{name}()"),
        (TaskKind::Python, Some(name)) => format!("{script}\n{name}()"),
        _ => script,
    }
}

fn check_what_is_not_built(section: &Section<'_>) {
    let include = "put the text into the task, or include a file with $FILE{\"path\"}";
    section.is_not_supported("resource_list", include);
    section.is_not_supported("resource_plugin", include);
    section.is_not_supported(
        "environment_name",
        "set the variables at the beginning of the script",
    );
    section.is_not_supported("dependence", "remove it; it belongs to Dependent tasks");
    section.is_not_supported("condition_result", "remove it; it belongs to Condition tasks");
    section.is_not_supported("wait_start_timeout", "remove it; use timeout");
    if section.number("task_group_id", "").is_some_and(|id| id > 0)
        && let Some(at) = section.place("task_group_id")
    {
        section.wrong(
            at,
            "task_group_id",
            "task groups are not supported in workflow files; remove it, or limit the worker's task slots",
        );
    }
    section.number("task_group_priority", "");
    if section.truth("is_cache") == Some(true) {
        section.has_no_effect("is_cache", "has no effect; the task is run each time");
    }
}
