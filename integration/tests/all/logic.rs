//! Tasks that run inside the master, in real masters without a worker.

use crate::support::{Scene, states};
use orca_engine::codes::{Flag, TaskState, WorkflowState};
use orca_engine::model::TaskInstance;
use orca_integration::harness::definitions::workflow;
use orca_integration::harness::{ClusterOptions, Deadline, Signal, Stack, until};
use orca_rpc::dto::{
    LogResponseStatus, TaskExecutorQueryRequest, TaskInstanceLogFileDownloadRequest,
    TaskInstanceLogPageQueryRequest,
};
use orca_rpc::methods::{
    GetTaskInstanceWholeLogFileBytes, PageQueryTaskInstanceLog, QueryTaskInstances, RemoveTaskInstanceLog,
};
use orca_schema::NewTask;
use std::fs;

fn options(masters: usize) -> ClusterOptions {
    ClusterOptions::new(Stack::Embedded)
        .masters(masters)
        .workers(0)
        .master_variable("ORCA_FAKE_TASK_ENABLED", "true")
}

pub(crate) fn fake(name: &str, script: &str, local_params: &str, depends_on: &[&str]) -> NewTask {
    let script = serde_json::Value::from(script);
    let params = format!(r#"{{"localParams":{local_params},"varPool":[],"shellScript":{script}}}"#);
    let mut task = NewTask::new(name, "LogicFakeTask", params);
    task.depends_on = depends_on.iter().map(|name| (*name).to_owned()).collect();
    task
}

fn await_running(scene: &Scene, id: i32) -> TaskInstance {
    until("the task to run", Deadline::after_seconds(60), || {
        let tasks = scene.tasks(id);
        tasks
            .into_iter()
            .find(|task| task.state == TaskState::RunningExecution)
    })
    .unwrap()
}

fn page(scene: &Scene, path: &str) -> (Option<LogResponseStatus>, String) {
    let request = TaskInstanceLogPageQueryRequest {
        task_instance_log_absolute_path: Some(path.to_owned()),
        skip_line_num: 0,
        limit: 1_000,
        ..TaskInstanceLogPageQueryRequest::default()
    };
    let answer = scene
        .rpc
        .call::<PageQueryTaskInstanceLog>(scene.master(0), &request);
    let answer = answer.unwrap();
    (answer.code, answer.log_content.unwrap_or_default())
}

#[test]
fn a_script_inside_the_master_hands_its_outputs_on_and_its_log_can_be_read() {
    let scene = Scene::start(options(1));
    scene
        .cluster
        .execute_sql(
            "INSERT INTO t_ds_environment (id, code, name, config, description, operator) \
             VALUES (1, 77, 'e', 'export GREETING=\"hello ${who}\"', '', 1)",
        )
        .unwrap();
    let out = r#"[{"prop":"rows","direct":"OUT","type":"VARCHAR","value":""}]"#;
    let input = r#"[{"prop":"rows","direct":"IN","type":"VARCHAR","value":"none"}]"#;
    let mut first = fake("first", "echo $GREETING; echo '${setValue(rows=42)}'", out, &[]);
    first.environment_code = 77;
    let second = fake("second", "test '${rows}' = 42 || exit 3", input, &["first"]);
    let id = scene.trigger(scene.save(&workflow("outputs", vec![first, second])));
    assert_eq!(scene.await_end(id), WorkflowState::Success);
    let tasks = scene.tasks(id);
    assert_eq!(states(&tasks), vec![TaskState::Success; 2]);
    for task in &tasks {
        assert_eq!(task.host.as_deref(), Some(scene.master(0)));
        assert!(task.start_time.is_some() && task.end_time.is_some());
    }
    assert!(tasks[0].var_pool.as_deref().unwrap().contains("\"42\""));
    let log = tasks[0].log_path.clone().unwrap();
    let (code, text) = page(&scene, &log);
    assert_eq!(code, Some(LogResponseStatus::Success));
    assert!(
        text.contains(" -> hello") && text.contains("The task has ended: SUCCESS"),
        "{text}"
    );
    log_service_stays_in_its_folder(&scene, &log);
    scene.assert_released();
    let listed = scene
        .rpc
        .call::<QueryTaskInstances>(scene.master(0), &TaskExecutorQueryRequest {});
    assert_eq!(listed.unwrap().task_executors.map(|tasks| tasks.len()), Some(0));
}

fn log_service_stays_in_its_folder(scene: &Scene, log: &str) {
    let secret = scene.folder().join("secret");
    fs::write(&secret, "secret").unwrap();
    let folder = log.rsplit_once('/').unwrap().0;
    std::os::unix::fs::symlink(&secret, format!("{folder}/link.log")).unwrap();
    let up = "../".repeat(12);
    for outside in [
        secret.display().to_string(),
        format!("{folder}/{up}etc/passwd"),
        format!("{folder}/link.log"),
        "/proc/self/environ".to_owned(),
    ] {
        let (code, text) = page(scene, &outside);
        assert_eq!(code, Some(LogResponseStatus::Error), "{outside}");
        assert_eq!(text, "", "{outside}");
        let request = TaskInstanceLogFileDownloadRequest {
            task_instance_log_absolute_path: Some(outside.clone()),
            ..TaskInstanceLogFileDownloadRequest::default()
        };
        let answer = scene
            .rpc
            .call::<GetTaskInstanceWholeLogFileBytes>(scene.master(0), &request);
        assert_eq!(answer.unwrap().code, Some(LogResponseStatus::Error), "{outside}");
    }
    let path = secret.display().to_string();
    scene
        .rpc
        .call::<RemoveTaskInstanceLog>(scene.master(0), &path)
        .unwrap();
    assert!(secret.exists());
    scene
        .rpc
        .call::<RemoveTaskInstanceLog>(scene.master(0), &log.to_owned())
        .unwrap();
    assert!(!std::path::Path::new(log).exists());
}

#[test]
fn a_failing_script_is_tried_again_and_a_broken_one_says_why() {
    let scene = Scene::start(options(1));
    let mut failing = fake("failing", "exit 7", "[]", &[]);
    failing.fail_retry_times = 1;
    failing.fail_retry_interval = 0;
    let mut broken = NewTask::new("broken", "LogicFakeTask", r#"{"localParams":[]}"#);
    broken.depends_on = vec!["other".to_owned()];
    let tasks = vec![failing, fake("other", "true", "[]", &[]), broken];
    let id = scene.trigger(scene.save(&workflow("failing", tasks)));
    assert_eq!(scene.await_end(id), WorkflowState::Failure);
    let tasks = scene.tasks(id);
    let of = |name: &str| -> Vec<&TaskInstance> { tasks.iter().filter(|task| task.name == name).collect() };
    let attempts = of("failing");
    assert_eq!(
        attempts
            .iter()
            .map(|task| (task.state, task.flag))
            .collect::<Vec<_>>(),
        [(TaskState::Failure, Flag::No), (TaskState::Failure, Flag::Yes)]
    );
    let reason = |task: &TaskInstance| page(&scene, task.log_path.as_deref().unwrap()).1;
    assert!(reason(attempts[1]).contains("exit code 7"));
    assert!(reason(of("broken")[0]).contains("needs shellScript"));
}

#[test]
fn a_stop_kills_the_shell_even_when_a_child_holds_its_output() {
    let scene = Scene::start(options(1));
    let id = scene.trigger(scene.save(&workflow(
        "killed",
        vec![
            fake("a", "sleep 5 & sleep 600", "[]", &[]),
            fake("b", "true", "[]", &["a"]),
        ],
    )));
    let running = await_running(&scene, id);
    assert!(
        running
            .log_path
            .as_deref()
            .is_some_and(|path| path.starts_with('/'))
    );
    let listed = scene
        .rpc
        .call::<QueryTaskInstances>(scene.master(0), &TaskExecutorQueryRequest {})
        .unwrap();
    let listed = listed.task_executors.unwrap();
    assert_eq!(
        listed.iter().map(|task| task.id).collect::<Vec<_>>(),
        [running.id]
    );
    scene.rpc.stop(scene.master(0), id).unwrap();
    assert_eq!(scene.await_end(id), WorkflowState::Stop);
    assert_eq!(states(&scene.tasks(id)), [TaskState::Kill]);
    scene.assert_released();
}

#[test]
fn a_pause_lets_a_script_run_on_and_holds_what_follows() {
    let scene = Scene::start(options(1));
    let go = scene.folder().join("go");
    let held = format!("until [ -e {} ]; do sleep 0.1; done", go.display());
    let id = scene.trigger(scene.save(&workflow(
        "paused",
        vec![fake("a", &held, "[]", &[]), fake("b", "true", "[]", &["a"])],
    )));
    await_running(&scene, id);
    scene.rpc.pause(scene.master(0), id).unwrap();
    until("the pause to be written", Deadline::after_seconds(60), || {
        (scene.instance(id).state == WorkflowState::ReadyPause).then_some(())
    })
    .unwrap();
    fs::write(go, "").unwrap();
    assert_eq!(scene.await_end(id), WorkflowState::Pause);
    assert_eq!(states(&scene.tasks(id)), [TaskState::Success, TaskState::Pause]);
}

#[test]
fn a_logic_task_whose_master_dies_is_started_anew_elsewhere() {
    let mut scene = Scene::start(options(2));
    let starts = scene.folder().join("starts");
    let go = scene.folder().join("go");
    let script = format!(
        "echo x >> {}; until [ -e {} ]; do sleep 0.1; done",
        starts.display(),
        go.display()
    );
    let id = scene.trigger(scene.save(&workflow("moved", vec![fake("a", &script, "[]", &[])])));
    let lost = await_running(&scene, id);
    let owner = lost.host.clone().unwrap();
    let index = usize::from(scene.master(0) != owner);
    scene.cluster.masters[index].process.signal(Signal::KILL);
    let fresh = until("a new attempt", Deadline::after_seconds(120), || {
        let tasks = scene.tasks(id);
        tasks
            .into_iter()
            .find(|task| task.id != lost.id && task.state == TaskState::RunningExecution)
    })
    .unwrap();
    assert_eq!(fresh.host.as_deref(), Some(scene.master(1 - index)));
    fs::write(go, "").unwrap();
    assert_eq!(scene.await_end(id), WorkflowState::Success);
    let tasks = scene.tasks(id);
    assert_eq!(
        tasks
            .iter()
            .map(|task| (task.state, task.flag))
            .collect::<Vec<_>>(),
        [
            (TaskState::NeedFaultTolerance, Flag::No),
            (TaskState::Success, Flag::Yes)
        ]
    );
    assert_eq!(fs::read_to_string(starts).unwrap().lines().count(), 2);
}

/// Names of the tasks that have a row, with their states.
fn rows(scene: &Scene, id: i32) -> Vec<(String, TaskState)> {
    let mut rows: Vec<_> = scene
        .tasks(id)
        .into_iter()
        .map(|task| (task.name, task.state))
        .collect();
    rows.sort();
    rows
}

fn row(name: &str, state: TaskState) -> (String, TaskState) {
    (name.to_owned(), state)
}

/// A task with a code of its own choice, for parameters that name it.
fn coded(mut task: NewTask, code: i64) -> NewTask {
    task.code = Some(code);
    task
}

#[test]
fn conditions_choose_a_branch_by_the_state_before() {
    let scene = Scene::start(options(1));
    for (name, script, state, branch) in [
        ("good", "true", TaskState::Success, "yes"),
        ("bad", "false", TaskState::Failure, "no"),
    ] {
        let base = if name == "good" { 9_100_000 } else { 9_200_000 };
        let params = format!(
            r#"{{"localParams":[],"dependence":{{"relation":"AND","dependTaskList":[{{"relation":"AND","dependItemList":
            [{{"depTaskCode":{},"status":"SUCCESS"}}]}}]}},"conditionResult":{{"successNode":[{}],"failedNode":[{}]}}}}"#,
            base + 1,
            base + 3,
            base + 4
        );
        let mut conditions = NewTask::new("check", "CONDITIONS", params);
        conditions.depends_on = vec!["first".to_owned()];
        let definition = workflow(
            name,
            vec![
                coded(fake("first", script, "[]", &[]), base + 1),
                coded(conditions, base + 2),
                coded(fake("yes", "true", "[]", &["check"]), base + 3),
                coded(fake("no", "true", "[]", &["check"]), base + 4),
            ],
        );
        let id = scene.trigger(scene.save(&definition));
        assert_eq!(scene.await_end(id), WorkflowState::Success);
        let expected = [
            row("check", TaskState::Success),
            row("first", state),
            row(branch, TaskState::Success),
        ];
        assert_eq!(rows(&scene, id), expected);
        let tasks = scene.tasks(id);
        let check = tasks.iter().find(|task| task.name == "check").unwrap();
        let written = format!(r#""conditionSuccess":{}"#, name == "good");
        assert!(check.task_params.as_deref().unwrap().contains(&written));
    }
}

#[test]
fn a_switch_goes_where_the_first_true_condition_leads_and_past_an_endless_loop() {
    let scene = Scene::start(options(1));
    let switch = |base: i64, rows: &str| {
        let rows = serde_json::json!({"prop": "rows", "direct": "IN", "type": "INTEGER", "value": rows});
        let params = serde_json::json!({"localParams": [rows], "switchResult": {"dependTaskList": [
            {"condition": "while (true) {}", "nextNode": base + 3},
            {"condition": "${rows} > 40 && ['a','b'].includes('b')", "nextNode": base + 4},
        ], "nextNode": base + 5}});
        let mut task = NewTask::new("switch", "SWITCH", params.to_string());
        task.depends_on = vec!["first".to_owned()];
        coded(task, base + 2)
    };
    for (base, name, value, branch) in [
        (9_300_000, "second", "42", "two"),
        (9_400_000, "else", "4", "three"),
    ] {
        let definition = workflow(
            name,
            vec![
                coded(fake("first", "true", "[]", &[]), base + 1),
                switch(base, value),
                coded(fake("one", "true", "[]", &["switch"]), base + 3),
                coded(fake("two", "true", "[]", &["switch"]), base + 4),
                coded(fake("three", "true", "[]", &["switch"]), base + 5),
            ],
        );
        let id = scene.trigger(scene.save(&definition));
        assert_eq!(scene.await_end(id), WorkflowState::Success);
        let mut expected = vec![
            row("first", TaskState::Success),
            row("switch", TaskState::Success),
            row(branch, TaskState::Success),
        ];
        expected.sort();
        assert_eq!(rows(&scene, id), expected);
        let tasks = scene.tasks(id);
        let switch = tasks.iter().find(|task| task.name == "switch").unwrap();
        let log = page(&scene, switch.log_path.as_deref().unwrap()).1;
        assert!(log.contains("an endless loop perhaps"), "{log}");
    }
}

#[test]
fn the_test_plug_in_is_off_unless_it_is_asked_for() {
    let scene = Scene::start(ClusterOptions::new(Stack::Embedded).workers(0));
    let id = scene.trigger(scene.save(&workflow("off", vec![fake("a", "true", "[]", &[])])));
    assert_eq!(scene.await_end(id), WorkflowState::Failure);
    let tasks = scene.tasks(id);
    assert_eq!(states(&tasks), [TaskState::Failure]);
    assert_eq!(tasks[0].host, None);
    // The line is written after the commit that the row shows.
    until("the reason in the log", Deadline::after_seconds(60), || {
        let log = scene.cluster.masters[0].process.log_tail();
        log.contains("orca.fake-task.enabled=true switches it on")
            .then_some(())
    })
    .unwrap();
}
