//! What a file may not say, and the exact words of each refusal.

use super::tests::{refusal, with_keys, with_tasks};

/// Each wrong file and the whole text of its refusal.
#[test]
fn refusals_say_where_what_and_what_to_do() {
    let shell =
        |name: &str, more: &str| format!("  - {{name: {name}, task_type: Shell, command: x{more}}}\n");
    let cases: Vec<(String, &str)> = vec![
        (
            String::new(),
            "flow.yaml:1:1: the file is empty; write a workflow: and its tasks:",
        ),
        (
            "- a\n".to_owned(),
            "flow.yaml:1:1: expected a mapping with the keys workflow and tasks, found a list",
        ),
        (
            "workflow: {name: w}\n".to_owned(),
            "flow.yaml:1:1: tasks: is missing; add `tasks:` with a list of tasks",
        ),
        (
            "workflow: {name: w}\ntasks:\n".to_owned(),
            "flow.yaml:2:1: tasks: is empty; add `tasks:` with a list of tasks",
        ),
        (
            "workflow: {name: w}\ntasks: []\n".to_owned(),
            "flow.yaml:2:8: tasks: the list is empty; add at least one task",
        ),
        (
            "workflow: {name: w}\ntasks: {a: b}\n".to_owned(),
            "flow.yaml:2:8: tasks: expected a list of tasks, found a mapping; begin each task with `- name:`",
        ),
        (
            format!("workflow: {{name: w}}\ntaskss: 1\ntasks:\n{}", shell("a", "")),
            "flow.yaml:2:1: taskss: unknown key; did you mean \"tasks\"?",
        ),
        (
            format!("workflow: {{name: }}\ntasks:\n{}", shell("a", "")),
            "flow.yaml:1:12: workflow.name: is empty; give the workflow a name",
        ),
        (
            format!("workflow: {{description: d}}\ntasks:\n{}", shell("a", "")),
            "flow.yaml:1:11: workflow.name: is missing; give the workflow a name",
        ),
        (
            format!("workflow: {{name: [a]}}\ntasks:\n{}", shell("a", "")),
            "flow.yaml:1:18: workflow.name: expected a text, found a list",
        ),
        (
            format!(
                "workflow: {{name: {}}}\ntasks:\n{}",
                "n".repeat(201),
                shell("a", "")
            ),
            "flow.yaml:1:18: workflow.name: is 201 characters long; shorten it to 200",
        ),
        (
            format!(
                "workflow: {{name: w, execution_typ: parallel}}\ntasks:\n{}",
                shell("a", "")
            ),
            "flow.yaml:1:21: workflow.execution_typ: unknown key; did you mean \"execution_type\"?",
        ),
        (
            format!(
                "workflow: {{name: w, execution_type: paralel}}\ntasks:\n{}",
                shell("a", "")
            ),
            "flow.yaml:1:37: workflow.execution_type: unknown value \"paralel\"; did you mean \"PARALLEL\"?",
        ),
        (
            format!(
                "workflow: {{name: w, schedule: '0 0 * * *'}}\ntasks:\n{}",
                shell("a", "")
            ),
            "flow.yaml:1:31: workflow.schedule: expected 7 fields (second to year), found 5; for example \"0 0 6 * * ? *\"",
        ),
        (
            format!("workflow: {{name: w, timeout: soon}}\ntasks:\n{}", shell("a", "")),
            "flow.yaml:1:30: workflow.timeout: expected a whole number of minutes from 0 to 1000000, found \"soon\"",
        ),
        (
            format!("workflow: {{name: w, run: 'yes'}}\ntasks:\n{}", shell("a", "")),
            "flow.yaml:1:26: workflow.run: expected true or false (without quotes), found \"yes\"",
        ),
        (
            format!("workflow: {{name: w, param: [a]}}\ntasks:\n{}", shell("a", "")),
            "flow.yaml:1:28: workflow.param: expected parameters as `name: value`, found a list",
        ),
        (
            format!(
                "workflow: {{name: w, param: {{a: [1]}}}}\ntasks:\n{}",
                shell("a", "")
            ),
            "flow.yaml:1:32: workflow.param.a: expected a single value, found a list; write lists and mappings as a quoted JSON text",
        ),
        (
            with_tasks("  - a\n"),
            "flow.yaml:4:5: tasks[0]: expected a mapping with name and task_type, found a single value",
        ),
        (
            with_tasks("  - {task_type: Shell, command: x}\n"),
            "flow.yaml:4:5: tasks[0].name: is missing; give the task a name",
        ),
        (
            with_tasks("  - {name: a, command: x}\n"),
            "flow.yaml:4:5: tasks[0].task_type: is missing; supported are Shell and Python",
        ),
        (
            with_tasks("  - {name: a, task_type: Spark, main_class: x}\n"),
            "flow.yaml:4:26: tasks[0].task_type: task type Spark is not supported in workflow files; supported are Shell and Python",
        ),
        (
            with_tasks("  - {name: a, task_type: Shel, command: x}\n"),
            "flow.yaml:4:26: tasks[0].task_type: unknown task type \"Shel\"; did you mean \"Shell\"?",
        ),
        (
            with_tasks("  - {name: a, task_type: Cobol, command: x}\n"),
            "flow.yaml:4:26: tasks[0].task_type: unknown task type \"Cobol\"; the task types are Shell, Python",
        ),
        (
            with_tasks("  - {name: a, task_type: Shell}\n"),
            "flow.yaml:4:5: tasks[0].command: is missing; write what the task runs",
        ),
        (
            with_tasks("  - {name: a, task_type: Python, command: x}\n"),
            "flow.yaml:4:5: tasks[0].definition: is missing; write what the task runs\n\
             flow.yaml:4:34: tasks[0].command: unknown key; the keys of this task are name, task_type, deps, description, flag, \
             task_priority, worker_group, environment_name, task_group_id, task_group_priority, delay_time, fail_retry_times, ...",
        ),
        (
            with_keys("    fail_retry_time: 2\n"),
            "flow.yaml:7:5: tasks[0].fail_retry_time: unknown key; did you mean \"fail_retry_times\"?",
        ),
        (
            with_keys("    timeout: -1\n"),
            "flow.yaml:7:14: tasks[0].timeout: expected a whole number of minutes from 0 to 1000000, found \"-1\"",
        ),
        (
            with_keys("    flag: MAYBE\n"),
            "flow.yaml:7:11: tasks[0].flag: unknown value \"MAYBE\"; its values are YES, NO",
        ),
        (
            with_keys("    deps: b\n"),
            "flow.yaml:7:11: tasks[0].deps: expected a list of task names, found a single value; write [name, name]",
        ),
        (
            with_keys("    resource_list: [a.sh]\n"),
            "flow.yaml:7:5: tasks[0].resource_list: is not supported; put the text into the task, or include a file with $FILE{\"path\"}",
        ),
        (
            with_keys("    task_group_id: 1\n"),
            "flow.yaml:7:5: tasks[0].task_group_id: task groups are not supported in workflow files; remove it, or limit the worker's task slots",
        ),
        (
            with_keys("    input_params: {a: VARCHR(x)}\n"),
            "flow.yaml:7:23: tasks[0].input_params.a: unknown parameter type VARCHR; did you mean \"VARCHAR\"? \
             Write VARCHAR(...) around a text that looks like one",
        ),
        (
            with_tasks(&format!(
                "{}{}",
                shell("extract", ""),
                shell("load", ", deps: [extarct]")
            )),
            "flow.yaml:5:55: tasks[1].deps[0]: there is no task \"extarct\"; did you mean \"extract\"?",
        ),
        (
            with_tasks(&format!("{}{}", shell("a", ""), shell("a", ""))),
            "flow.yaml:5:12: tasks[1].name: the name \"a\" is already taken in line 4; give each task its own",
        ),
        (
            with_tasks(&shell("a", ", deps: [a]")),
            "flow.yaml:4:52: tasks[0].deps[0]: the task waits for itself; remove this entry",
        ),
        (
            with_tasks(&format!(
                "{}{}{}",
                shell("a", ", deps: [c]"),
                shell("b", ", deps: [a]"),
                shell("c", ", deps: [b]")
            )),
            "flow.yaml:5:52: tasks[1].deps[0]: the tasks wait for each other in a circle: a waits for c waits for b waits for a; \
             remove one of these dependencies",
        ),
        (
            with_keys("    command: again\n"),
            "flow.yaml:7:5: command: this key was given before, in line 6; keep one of the two",
        ),
        (
            with_tasks("  - {name: a, task_type: Shell, command: '$WORKFLOW{\"b.yaml\"}'}\n"),
            "flow.yaml:4:42: tasks[0].command: $WORKFLOW{...} refers to another workflow, which no supported task type needs; \
             start that file by itself",
        ),
        (
            with_tasks("  - {name: a, task_type: Shell, command: 'echo ${CONFIG.WORKFLOW_USER}'}\n"),
            "flow.yaml:4:42: tasks[0].command: ${CONFIG....} reads the configuration of PyDolphinScheduler, which is not used here; \
             write the value itself or take it from the environment with $ENV{NAME}",
        ),
        (
            "workflow:\n\tname: w\n".to_owned(),
            "flow.yaml:2:2: not valid YAML: tabs disallowed within this context (block indentation); correct the YAML (indentation, quotes, brackets; no tabs)",
        ),
        (
            "a: 1\n---\nb: 2\n".to_owned(),
            "flow.yaml:2:1: a second document begins here; put each workflow into a file of its own",
        ),
        (
            "? [a]\n: b\n".to_owned(),
            "flow.yaml:1:3: a key must be a single word; quote it or remove the brackets",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(&text), expected, "for\n{text}");
    }
}

#[test]
fn all_problems_of_a_file_come_at_once_and_in_order() {
    let text = "workflow:\n  nam: w\n  timeout: x\ntasks:\n  - name: a\n    task_type: Spark\n    deps: [b]\n  - name: b\n    \
                task_type: Shell\n    command: x\n    deps: [a, nobody]\n    colour: red\n";
    let refusal = refusal(text);
    let places: Vec<_> = refusal
        .lines()
        .map(|line| line.split(": ").take(2).collect::<Vec<_>>().join(" "))
        .collect();
    let expected = [
        "flow.yaml:2:3 workflow.nam",
        "flow.yaml:2:3 workflow.name",
        "flow.yaml:3:12 workflow.timeout",
        "flow.yaml:6:16 tasks[0].task_type",
        "flow.yaml:11:12 tasks[1].deps[0]",
        "flow.yaml:11:15 tasks[1].deps[1]",
        "flow.yaml:12:5 tasks[1].colour",
    ];
    assert_eq!(places, expected, "{refusal}");
}

#[test]
fn a_hostile_file_is_refused_quickly() {
    let deep = format!("a: {}", "[".repeat(100));
    assert!(
        refusal(&deep).contains("nested more than 32 levels deep"),
        "{}",
        refusal(&deep)
    );
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let copies = vec![format!("*a{}", level - 1); 10].join(", ");
        laughs.push_str(&format!("a{level}: &a{level} [{copies}]\n"));
    }
    assert!(
        refusal(&laughs).contains("more than 200000 values"),
        "{}",
        refusal(&laughs)
    );
    assert!(refusal("a: &a [*a]\n").contains("this alias points at a value that contains it"));
    let many: String = (0..5_001)
        .map(|index| format!("  - {{name: t{index}, task_type: Shell, command: x}}\n"))
        .collect();
    assert!(refusal(&with_tasks(&many)).contains("5001 tasks; a file may have 5000"));
    let wrong: String = (0..60)
        .map(|index| format!("  - {{name: t{index}, task_type: Shell, command: x, bad: 1}}\n"))
        .collect();
    assert_eq!(
        refusal(&with_tasks(&wrong)).lines().last().unwrap(),
        "flow.yaml: and 10 more problems"
    );
}
