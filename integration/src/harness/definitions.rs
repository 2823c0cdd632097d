//! Definitions the tests and benches run.

use orca_engine::codes::ExecutionType;
use orca_schema::{NewDefinition, NewTask};

/// A shell task with that script.
#[must_use]
pub fn shell(name: &str, script: &str, depends_on: &[&str]) -> NewTask {
    shell_with_parameters(name, script, depends_on, "[]")
}

/// The same with `localParams`, as JSON text.
#[must_use]
pub fn shell_with_parameters(name: &str, script: &str, depends_on: &[&str], local_params: &str) -> NewTask {
    let script = serde_json::Value::from(script);
    let params = format!(r#"{{"localParams":{local_params},"rawScript":{script},"resourceList":[]}}"#);
    let mut task = NewTask::new(name, "SHELL", params);
    task.depends_on = depends_on.iter().map(|name| (*name).to_owned()).collect();
    task
}

/// A parallel workflow of these tasks, in the project `tests`.
#[must_use]
pub fn workflow(name: &str, tasks: Vec<NewTask>) -> NewDefinition {
    NewDefinition {
        project: "tests".to_owned(),
        name: name.to_owned(),
        description: None,
        user_id: 1,
        global_params: Vec::new(),
        timeout_minutes: 0,
        execution_type: ExecutionType::Parallel,
        tasks,
    }
}

/// `len` tasks one after the other.
#[must_use]
pub fn chain(name: &str, len: usize, script: &str) -> NewDefinition {
    let task = |index: usize| {
        let before = (index > 0).then(|| format!("t{}", index - 1));
        shell(
            &format!("t{index}"),
            script,
            &before.iter().map(String::as_str).collect::<Vec<_>>(),
        )
    };
    workflow(name, (0..len).map(task).collect())
}

/// `len` tasks side by side.
#[must_use]
pub fn fan(name: &str, len: usize, script: &str) -> NewDefinition {
    workflow(
        name,
        (0..len)
            .map(|index| shell(&format!("t{index}"), script, &[]))
            .collect(),
    )
}
