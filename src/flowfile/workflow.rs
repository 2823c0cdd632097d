//! The section `workflow:`.

use super::flow::Flow;
use super::limits::{DESCRIPTION_CHARACTERS_MAX, NAME_CHARACTERS_MAX};
use super::node::Node;
use super::params;
use super::placeholder::Placeholders;
use super::problem::Problems;
use super::section::Section;
use orca_engine::codes::{ExecutionType, WarningType};

const KEYS: &[&str] = &[
    "name",
    "description",
    "project",
    "user",
    "tenant",
    "worker_group",
    "warning_type",
    "warning_group_id",
    "execution_type",
    "timeout",
    "release_state",
    "param",
    "run",
    "schedule",
    "online_schedule",
    "start_time",
    "end_time",
    "timezone",
    "resource_list",
    "resource_plugin",
];

const WARNING_TYPES: &[(&str, WarningType)] = &[
    ("NONE", WarningType::None),
    ("SUCCESS", WarningType::Success),
    ("FAILURE", WarningType::Failure),
    ("ALL", WarningType::All),
];

const EXECUTION_TYPES: &[(&str, ExecutionType)] = &[
    ("PARALLEL", ExecutionType::Parallel),
    ("SERIAL_WAIT", ExecutionType::SerialWait),
    ("SERIAL_DISCARD", ExecutionType::SerialDiscard),
    ("SERIAL_PRIORITY", ExecutionType::SerialPriority),
];

/// What PyDolphinScheduler takes when a file names none.
const PROJECT: &str = "project-pydolphin";
const WORKER_GROUP: &str = "default";

/// A cron expression of the form has seconds to years.
const SCHEDULE_FIELDS: usize = 7;

/// The settings of the workflow; its tasks are still to come.
pub(super) fn read(node: &Node, placeholders: &Placeholders<'_>, problems: &Problems) -> Option<Flow> {
    let section = Section::of(
        node,
        "workflow",
        placeholders,
        problems,
        "a mapping with at least the key name",
    )?;
    section.refuse_unknown_keys(KEYS, "the keys of a workflow");
    check_what_has_no_effect(&section);
    section.is_not_supported(
        "resource_list",
        "put the text into the task, or include a file with $FILE{\"path\"}",
    );
    section.is_not_supported("resource_plugin", "include files with $FILE{\"path\"}");

    let name = section
        .required("name", "give the workflow a name")
        .and_then(|_| section.short_text("name", NAME_CHARACTERS_MAX));
    let description = section.short_text("description", DESCRIPTION_CHARACTERS_MAX);
    let project = section.short_text("project", NAME_CHARACTERS_MAX);
    let worker_group = section.short_text("worker_group", NAME_CHARACTERS_MAX);
    let flow = Flow {
        name: String::new(),
        description: description.map(|text| text.value).unwrap_or_default(),
        project: project.map_or_else(|| PROJECT.to_owned(), |text| text.value),
        worker_group: worker_group.map_or_else(|| WORKER_GROUP.to_owned(), |text| text.value),
        tenant: section
            .short_text("tenant", NAME_CHARACTERS_MAX)
            .map(|text| text.value),
        warning_type: section
            .choice("warning_type", WARNING_TYPES)
            .unwrap_or(WarningType::None),
        warning_group_id: section.number("warning_group_id", "").unwrap_or(0),
        execution_type: section
            .choice("execution_type", EXECUTION_TYPES)
            .unwrap_or(ExecutionType::Parallel),
        timeout_minutes: section.number("timeout", " of minutes").unwrap_or(0),
        params: params::workflow(&section, "param"),
        tasks: Vec::new(),
        notes: Vec::new(),
    };
    // Last, so that a missing name does not hide what else is wrong.
    Some(Flow {
        name: name?.value,
        ..flow
    })
}

/// Checked, because a typing error here would be one in DolphinScheduler too; then left alone, because the file is run once, now.
fn check_what_has_no_effect(section: &Section<'_>) {
    if let Some(schedule) = section.text("schedule")
        && schedule.value.split_whitespace().count() != SCHEDULE_FIELDS
    {
        let found = schedule.value.split_whitespace().count();
        let text = format!(
            "expected {SCHEDULE_FIELDS} fields (second to year), found {found}; for example \"0 0 6 * * ? *\""
        );
        section.wrong(schedule.at, "schedule", text);
    }
    section.choice("release_state", &[("ONLINE", ()), ("OFFLINE", ())]);
    section.truth("run");
    section.truth("online_schedule");
    section.has_no_effect(
        "schedule",
        "no schedule is made; the workflow is started once, now",
    );
    section.has_no_effect("user", "has no effect; the run belongs to the user admin");
}
