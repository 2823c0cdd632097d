//! What a file may say, what it may not, and the exact words of each refusal.

use super::flow::TaskKind;
use super::*;
use orca_engine::codes::{DataType, Direct, ExecutionType, Flag, Priority, TaskTimeoutStrategy, WarningType};
use orca_engine::model::Property;
use proptest::prelude::*;
use std::fs;

pub(super) fn environment(name: &str) -> Option<String> {
    (name == "COLOUR").then(|| "blue".to_owned())
}

pub(super) fn read(text: &str) -> Result<Flow, Error> {
    parse(Path::new("flow.yaml"), text, &environment)
}

pub(super) fn flow(text: &str) -> Flow {
    read(text).unwrap_or_else(|error| panic!("{error}"))
}

pub(super) fn refusal(text: &str) -> String {
    match read(text) {
        Ok(flow) => panic!("this was read: {flow:?}"),
        Err(error) => error.to_string(),
    }
}

/// A file around the tasks.
pub(super) fn with_tasks(tasks: &str) -> String {
    format!("workflow:\n  name: w\ntasks:\n{tasks}")
}

/// A file with one shell task that has more keys.
pub(super) fn with_keys(keys: &str) -> String {
    with_tasks(&format!(
        "  - name: a\n    task_type: Shell\n    command: 'true'\n{keys}"
    ))
}

fn property(name: &str, direct: Direct, data_type: DataType, value: &str) -> Property {
    Property {
        prop: Some(name.to_owned()),
        direct: Some(direct),
        data_type: Some(data_type),
        value: Some(value.to_owned()),
    }
}

#[test]
fn the_shortest_file_takes_the_defaults() {
    let flow = flow(
        "workflow:\n  name: hello\ntasks:\n  - name: a\n    task_type: Shell\n    command: echo hello\n",
    );
    assert_eq!(
        (
            flow.name.as_str(),
            flow.project.as_str(),
            flow.worker_group.as_str()
        ),
        ("hello", "project-pydolphin", "default")
    );
    assert_eq!(
        (flow.timeout_minutes, flow.warning_type, flow.execution_type),
        (0, WarningType::None, ExecutionType::Parallel)
    );
    let task = &flow.tasks[0];
    assert_eq!(
        (task.name.as_str(), task.kind, task.script.as_str()),
        ("a", TaskKind::Shell, "echo hello")
    );
    assert_eq!(
        (task.retry_times, task.retry_interval_minutes, task.delay_minutes),
        (0, 1, 0)
    );
    assert_eq!(
        (task.flag, task.priority, task.cpu_quota),
        (Flag::Yes, Priority::Medium, -1)
    );
    assert_eq!(
        task.task_params(),
        r#"{"localParams":[],"rawScript":"echo hello","resourceList":[]}"#
    );
    assert!(flow.notes.is_empty(), "{:?}", flow.notes);
}

/// The examples of this repository are what people try first.
#[test]
fn the_examples_are_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().path();
        let flow = load(&file, &environment).unwrap_or_else(|error| panic!("{error}"));
        assert!(flow.notes.is_empty(), "{}: {:?}", file.display(), flow.notes);
        names.push(flow.name);
    }
    names.sort();
    assert_eq!(names, ["etl", "failing", "hello", "python"]);
}

/// The file that PyDolphinScheduler ships as its tutorial has these keys.
#[test]
fn the_tutorial_form_is_read() {
    let flow = flow(
        "# comment\nworkflow:\n  name: \"tutorial\"\n  schedule: \"0 0 0 * * ? *\"\n  start_time: \"2021-01-01\"\n  \
         release_state: \"offline\"\n  run: true\n\ntasks:\n  - name: parent\n    task_type: Shell\n    command: echo parent\n  \
         - name: one\n    task_type: Shell\n    deps: [parent]\n    command: echo \"child one\"\n  \
         - { \"task_type\": \"Shell\", \"deps\": [parent], \"name\": \"two\", \"command\": \"echo two\" }\n  \
         - name: union\n    task_type: Shell\n    deps: [one, two]\n    command: echo \"union\"\n",
    );
    let deps: Vec<_> = flow.tasks.iter().map(|task| task.deps.clone()).collect();
    assert_eq!(deps, [vec![], vec![0], vec![0], vec![1, 2]]);
    assert_eq!(flow.tasks[1].script, "echo \"child one\"");
    let notes: Vec<_> = flow
        .notes
        .iter()
        .map(|note| (note.at.line, note.text.as_str()))
        .collect();
    assert_eq!(
        notes,
        [(
            4,
            "workflow.schedule: no schedule is made; the workflow is started once, now"
        )]
    );
}

#[test]
fn every_setting_arrives() {
    let flow = flow(
        "workflow:\n  name: w\n  description: about\n  project: p\n  tenant: t\n  worker_group: g\n  warning_type: failure\n  \
         warning_group_id: 3\n  execution_type: serial_wait\n  timeout: 30\n  param: {n: 1, text: \"a b\", none: }\n\
         tasks:\n  - name: a\n    task_type: SHELL\n    description: d\n    flag: \"NO\"\n    command: |\n      one\n      two\n    \
         task_priority: \"HIGH\"\n    delay_time: 20\n    fail_retry_times: 30\n    fail_retry_interval: 0\n    timeout: 60\n    \
         timeout_notify_strategy: warnfailed\n    worker_group: other\n    cpu_quota: 5\n    memory_max: 6\n    is_cache: true\n    \
         input_params:\n      varchar: \"abc\"\n      integer: 123\n      float: 0.1\n      truth: True\n      word: infinity\n    \
         output_params:\n      empty: \"\"\n      typed: VARCHAR()\n      path: FILE(text.txt)\n    \
         local_params:\n      - {prop: old, direct: IN, type: LONG, value: 7}\n",
    );
    assert_eq!(
        (
            flow.description.as_str(),
            flow.project.as_str(),
            flow.tenant.as_deref()
        ),
        ("about", "p", Some("t"))
    );
    assert_eq!(
        (flow.warning_type, flow.warning_group_id),
        (WarningType::Failure, 3)
    );
    assert_eq!(
        (flow.execution_type, flow.timeout_minutes),
        (ExecutionType::SerialWait, 30)
    );
    let varchar = |name, value| property(name, Direct::In, DataType::Varchar, value);
    assert_eq!(
        flow.params,
        [varchar("n", "1"), varchar("text", "a b"), varchar("none", "")]
    );
    let task = &flow.tasks[0];
    assert_eq!(
        (task.flag, task.priority, task.worker_group.as_deref()),
        (Flag::No, Priority::High, Some("other"))
    );
    assert_eq!((task.script.as_str(), task.delay_minutes), ("one\ntwo\n", 20));
    assert_eq!((task.retry_times, task.retry_interval_minutes), (30, 0));
    assert_eq!(
        (task.timeout_minutes, task.timeout_strategy),
        (60, Some(TaskTimeoutStrategy::WarnFailed))
    );
    assert_eq!((task.cpu_quota, task.memory_max), (5, 6));
    let expected = [
        property("old", Direct::In, DataType::Long, "7"),
        varchar("varchar", "abc"),
        property("integer", Direct::In, DataType::Integer, "123"),
        property("float", Direct::In, DataType::Float, "0.1"),
        property("truth", Direct::In, DataType::Boolean, "True"),
        varchar("word", "infinity"),
        property("empty", Direct::Out, DataType::Varchar, ""),
        property("typed", Direct::Out, DataType::Varchar, ""),
        property("path", Direct::Out, DataType::File, "text.txt"),
    ];
    assert_eq!(task.local_params, expected);
    assert_eq!(
        flow.notes[0].text,
        "tasks[0].is_cache: has no effect; the task is run each time"
    );
}

#[test]
fn a_python_function_is_called() {
    let script = |definition: &str| {
        let text = with_tasks(&format!(
            "  - name: p\n    task_type: python\n    definition: {definition}\n"
        ));
        flow(&text).tasks[0].script.clone()
    };
    assert_eq!(script("print(1)"), "print(1)");
    assert_eq!(script("\"def f():\\n  pass\""), "def f():\n  pass\nf()");
    assert_eq!(script("|\n      def f():\n        pass"), "def f():\n  pass\nf()");
}

#[test]
fn anchors_aliases_and_merges_work() {
    let flow = flow(
        "defaults: &defaults\n  task_type: Shell\n  fail_retry_times: 2\nscript: &script echo hi\nworkflow: {name: w}\ntasks:\n  \
         - <<: *defaults\n    name: a\n    command: *script\n  - <<: *defaults\n    name: b\n    fail_retry_times: 5\n    command: *script\n",
    );
    assert_eq!((flow.tasks[0].retry_times, flow.tasks[1].retry_times), (2, 5));
    assert_eq!(flow.tasks[1].script, "echo hi");
}

#[test]
fn placeholders_are_filled() {
    let script = |command: &str| {
        flow(&with_tasks(&format!(
            "  - {{name: a, task_type: Shell, command: '{command}'}}\n"
        )))
        .tasks[0]
            .script
            .clone()
    };
    assert_eq!(script("echo $ENV{COLOUR} and $ENV{COLOUR}"), "echo blue and blue");
    assert_eq!(script("echo $ENV{NOT_SET}/x"), "echo $NOT_SET/x");
    assert_eq!(script("echo ${HOME} $ENV{"), "echo ${HOME} $ENV{");
}

#[test]
fn a_file_is_included() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("script.sh"), "echo from $ENV{COLOUR} file\n").unwrap();
    let file = folder.path().join("flow.yaml");
    fs::write(
        &file,
        with_tasks("  - name: a\n    task_type: Shell\n    command: $FILE{\"script.sh\"}\n"),
    )
    .unwrap();
    assert_eq!(
        load(&file, &environment).unwrap().tasks[0].script,
        "echo from blue file\n"
    );

    fs::remove_file(folder.path().join("script.sh")).unwrap();
    let error = load(&file, &environment).unwrap_err().to_string();
    let expected = format!(
        "{}:6:14: tasks[0].command: $FILE: {} cannot be read: No such file or directory (os error 2); give a path relative to this file",
        file.display(),
        folder.path().join("script.sh").display()
    );
    assert_eq!(error, expected);
}

#[test]
fn what_cannot_be_read_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.yaml");
    let error = load(&missing, &environment).unwrap_err().to_string();
    let reason =
        "cannot be read: No such file or directory (os error 2); give the path of a workflow file (YAML)";
    assert_eq!(error, format!("{}: {reason}", missing.display()));
    let error = load(folder.path(), &environment).unwrap_err().to_string();
    assert!(error.contains("it is not a regular file"), "{error}");
    let binary = folder.path().join("binary.yaml");
    fs::write(&binary, b"name: \xff").unwrap();
    let error = load(&binary, &environment).unwrap_err().to_string();
    assert!(error.contains("it is not UTF-8 text (byte 6)"), "{error}");
    let large = folder.path().join("large.yaml");
    fs::write(&large, vec![b'#'; 4 * 1024 * 1024 + 1]).unwrap();
    let error = load(&large, &environment).unwrap_err().to_string();
    assert!(error.contains("it is larger than 4194304 bytes"), "{error}");
}

/// Deep chains are walked without recursion.
#[test]
fn a_long_chain_is_read() {
    let chain: String = (0..5_000_usize)
        .map(|index| {
            format!(
                "  - {{name: t{index}, task_type: Shell, command: x, deps: [t{}]}}\n",
                index.saturating_sub(1)
            )
        })
        .collect();
    let chain = chain.replacen(", deps: [t0]", "", 1);
    assert_eq!(flow(&with_tasks(&chain)).tasks.len(), 5_000);
    let ring = chain.replacen("command: x}", "command: x, deps: [t4999]}", 1);
    assert!(refusal(&with_tasks(&ring)).contains("wait for each other in a circle"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        let _ = read(&text).map_err(|error| error.to_string());
    }

    /// Pieces of the form in any order: nearer to real files than random characters.
    #[test]
    fn any_mix_of_pieces_is_read_or_refused(pieces in prop::collection::vec(prop::sample::select(vec![
        "workflow:", "tasks:", "name: ", "task_type: Shell", "deps: [", "]", "{", "}", "- ", "\n", "\n  ", "\n    ", "command: |", "a", "&a ",
        "*a", "<<: ", "$FILE{\"", "\"}", "$ENV{", "'", "\"", "\t", "---\n", "# x", ": ", ", ", "!!str ", "? ", "%TAG ! x\n", "é",
    ]), 0..40)) {
        let _ = read(&pieces.concat()).map_err(|error| error.to_string());
    }

    /// Edges that only point backwards never make a cycle, and each is found again.
    #[test]
    fn a_graph_without_a_cycle_is_read(edges in prop::collection::btree_set((1_usize..20, 0_usize..19), 0..60)) {
        let deps = |task: usize| edges.iter().filter(|(to, from)| *to == task && *from < task).map(|(_, from)| *from).collect::<Vec<_>>();
        let tasks: String = (0..20)
            .map(|task| {
                let names: Vec<_> = deps(task).iter().map(|from| format!("t{from}")).collect();
                format!("  - {{name: t{task}, task_type: Shell, command: x, deps: [{}]}}\n", names.join(", "))
            })
            .collect();
        let read = flow(&with_tasks(&tasks));
        for (task, read) in read.tasks.iter().enumerate() {
            prop_assert_eq!(&read.deps, &deps(task));
        }
    }
}
