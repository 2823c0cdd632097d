//! Workflow files: YAML in the form that PyDolphinScheduler's `pydolphinscheduler yaml` reads.
//!
//! Guarantees: a file is either read whole or refused with every problem found, each with line, column, key and what to do;
//! no input makes it panic or grow without bound. Refuses to know: databases, the environment (given as a function), how a run is
//! started. The form, key by key, is in docs/workflow-files.md.

mod flow;
mod graph;
mod limits;
mod nearest;
mod node;
mod params;
mod placeholder;
mod problem;
mod section;
mod task;
mod workflow;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod refusal_tests;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

pub(crate) use flow::{Flow, FlowTask};
pub(crate) use problem::Error;

use placeholder::Placeholders;
use problem::{Problems, Report};
use section::Section;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Looks up an environment variable for `$ENV{NAME}`.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Reads the workflow that `file` defines.
///
/// # Errors
/// When the file cannot be read, and with every problem in it.
pub(crate) fn load(file: &Path, environment: Environment<'_>) -> Result<Flow, Error> {
    let text = read_limited(file, limits::FILE_BYTES_MAX).map_err(|reason| Error::Unreadable {
        file: file.to_owned(),
        reason,
    })?;
    parse(file, &text, environment)
}

/// The same for a text that is already here; `file` names it in messages and is where relative `$FILE` paths start.
fn parse(file: &Path, text: &str, environment: Environment<'_>) -> Result<Flow, Error> {
    let problems = Problems::default();
    let folder = file.parent().unwrap_or(Path::new("."));
    let placeholders = Placeholders { folder, environment };
    let flow = node::parse(text, &problems).and_then(|root| read_file(&root, &placeholders, &problems));
    let (found, notes) = problems.into_parts();
    match flow {
        Some(flow) if found.is_empty() => Ok(Flow { notes, ..flow }),
        _ => Err(Error::Wrong(Report::new(file, found))),
    }
}

fn read_file(root: &node::Node, placeholders: &Placeholders<'_>, problems: &Problems) -> Option<Flow> {
    let top = Section::of(
        root,
        "",
        placeholders,
        problems,
        "a mapping with the keys workflow and tasks",
    )?;
    top.refuse_unknown_top_keys(&["workflow", "tasks"]);
    let settings = top.required("workflow", "add `workflow:` with at least `name:`");
    let list = top.required("tasks", "add `tasks:` with a list of tasks");
    let flow = settings.and_then(|node| workflow::read(node, placeholders, problems));
    let tasks = list.and_then(|node| task::read_all(node, placeholders, problems));
    Some(Flow {
        tasks: tasks?,
        ..flow?
    })
}

/// The text of a file of at most `bytes_max` bytes; the reason in words otherwise.
fn read_limited(file: &Path, bytes_max: u64) -> Result<String, String> {
    let opened = File::open(file).map_err(|error| error.to_string())?;
    let kind = opened.metadata().map_err(|error| error.to_string())?;
    if !kind.is_file() {
        return Err("it is not a regular file".to_owned());
    }
    let mut bytes = Vec::new();
    opened
        .take(bytes_max + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > bytes_max {
        return Err(format!("it is larger than {bytes_max} bytes"));
    }
    String::from_utf8(bytes)
        .map_err(|error| format!("it is not UTF-8 text (byte {})", error.utf8_error().valid_up_to()))
}
