//! Real scripts, from the job to the events and the log.

use super::*;
use crate::process::guard::Guard;
use orca_engine::codes::{DataType, Direct, ExecutorEventType};
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

struct Bench {
    workshop: Arc<Workshop>,
    guard: Guard,
    directory: tempfile::TempDir,
}

fn bench() -> Bench {
    use std::sync::atomic::{AtomicI64, Ordering};
    static NEXT: AtomicI64 = AtomicI64::new(1);
    let directory = tempfile::tempdir().unwrap();
    let token = WorkerToken::new(
        "execute-test:1",
        NEXT.fetch_add(1, Ordering::Relaxed),
        std::process::id(),
    );
    let guard = Guard::start(token.clone()).unwrap();
    let settings = TaskSettings {
        execution_directory: directory.path().join("work"),
        log_directory: directory.path().join("logs"),
        kill_wait: Duration::from_millis(300),
        ..TaskSettings::default()
    };
    let workshop = Arc::new(Workshop {
        settings,
        token,
        guard: guard.handle(),
    });
    Bench {
        workshop,
        guard,
        directory,
    }
}

fn job(task_type: &str, task_params: &str) -> Job {
    Job {
        name: LogName {
            first_submit_time: Millis(1_795_563_000_000),
            workflow_definition_code: 77,
            workflow_definition_version: 3,
            workflow_instance_id: 5,
            task_instance_id: 9,
        },
        task_name: "test".to_owned(),
        task_type: task_type.to_owned(),
        task_params: Some(task_params.to_owned()),
        environment: None,
        prepared: BTreeMap::new(),
        tenant: None,
        timeout_seconds: i32::MAX,
        dry_run: false,
    }
}

fn shell(script: &str) -> Job {
    job("SHELL", &serde_json::json!({ "rawScript": script }).to_string())
}

fn property(name: &str, direct: Direct, value: &str) -> Property {
    Property {
        prop: Some(name.to_owned()),
        direct: Some(direct),
        data_type: Some(DataType::Varchar),
        value: Some(value.to_owned()),
    }
}

impl Bench {
    /// Runs a job to its end.
    async fn run(&self, job: Job) -> Vec<TaskEvent> {
        let (_stop, receiver) = watch::channel(Stop::No);
        let events = Mutex::new(Vec::new());
        self.workshop
            .run(job, receiver, &|event| events.lock().unwrap().push(event))
            .await;
        events.into_inner().unwrap()
    }

    /// Runs a job and tells it to stop as soon as its script has printed a line.
    async fn run_and_stop(&self, job: Job, how: Stop) -> Vec<TaskEvent> {
        let (stop, receiver) = watch::channel(Stop::No);
        let (sender, mut events) = mpsc::unbounded_channel();
        let workshop = Arc::clone(&self.workshop);
        let running = tokio::spawn(async move {
            workshop
                .run(job, receiver, &|event| drop(sender.send(event)))
                .await;
        });
        self.until_logged(" -> ready").await;
        stop.send_replace(how);
        running.await.unwrap();
        let mut seen = Vec::new();
        while let Some(event) = events.recv().await {
            seen.push(event);
        }
        seen
    }

    fn log_path(&self) -> PathBuf {
        self.directory.path().join("logs/20261124/77/3/5/9.log")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    async fn until_logged(&self, text: &str) {
        let logged = async {
            while !self.log().contains(text) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), logged)
            .await
            .expect("the line is logged");
    }

    fn work_is_empty(&self) -> bool {
        let work = self.directory.path().join("work/exec/process");
        std::fs::read_dir(work).is_ok_and(|mut entries| entries.next().is_none())
    }
}

fn types(events: &[TaskEvent]) -> Vec<ExecutorEventType> {
    events.iter().map(TaskEvent::event_type).collect()
}

const RAN: [ExecutorEventType; 3] = [
    ExecutorEventType::Running,
    ExecutorEventType::RuntimeContextChange,
    ExecutorEventType::Success,
];

fn ran_to(end: ExecutorEventType) -> Vec<ExecutorEventType> {
    vec![RAN[0], RAN[1], end]
}

#[tokio::test]
async fn a_script_runs_in_its_directory_and_leaves_a_log() {
    let bench = bench();
    let events = bench.run(shell("pwd\necho to-stderr >&2")).await;
    assert_eq!(types(&events), RAN);
    let TaskEvent::Running {
        log_path,
        execute_path,
        ..
    } = &events[0]
    else {
        panic!("{events:?}")
    };
    assert_eq!(Path::new(log_path), bench.log_path());
    let execute_path = execute_path.as_deref().unwrap();
    assert!(execute_path.ends_with("/work/exec/process/9"), "{execute_path}");
    let log = bench.log();
    assert!(log.contains(&format!("INFO  -  -> {execute_path}\n")), "{log}");
    assert!(log.contains(" -> to-stderr\n"), "{log}");
    assert!(bench.work_is_empty());
    bench.guard.stop().await;
}

#[tokio::test]
async fn placeholders_are_replaced_and_outputs_collected() {
    let bench = bench();
    let params = serde_json::json!({
        "rawScript": "echo \"${greeting} ${unknown} $[yyyyMMdd]\"\necho '#{setValue(first=${greeting})}'\n\
                      echo '${setValue(other=1)}'",
        "localParams": [
            {"prop": "first", "direct": "OUT", "type": "VARCHAR", "value": ""},
            {"prop": "second", "direct": "OUT", "type": "VARCHAR", "value": "default"},
            {"prop": "greeting", "direct": "IN", "type": "VARCHAR", "value": "raw"},
        ],
    });
    let mut job = job("SHELL", &params.to_string());
    job.prepared = BTreeMap::from([
        ("greeting".to_owned(), property("greeting", Direct::In, "hello")),
        (
            "system.datetime".to_owned(),
            property("system.datetime", Direct::In, "20260102030405"),
        ),
    ]);
    let events = bench.run(job).await;
    let expected = vec![
        property("first", Direct::Out, "hello"),
        property("second", Direct::Out, "default"),
    ];
    let TaskEvent::Succeeded { var_pool, .. } = &events[2] else {
        panic!("{events:?} {}", bench.log())
    };
    assert_eq!(var_pool.as_ref(), Some(&expected));
    assert!(bench.log().contains(" -> hello  20260102\n"), "{}", bench.log());
}

#[tokio::test]
async fn the_environment_comes_before_the_script_and_is_not_logged() {
    let bench = bench();
    let mut job = shell("echo \"got ${#SECRET_VALUE} characters\"");
    job.environment = Some("export SECRET_VALUE=hunter2".to_owned());
    assert_eq!(types(&bench.run(job).await), RAN);
    assert!(bench.log().contains(" -> got 7 characters"), "{}", bench.log());
    assert!(!bench.log().contains("hunter2"));
}

#[tokio::test]
async fn a_python_task_runs() {
    let bench = bench();
    let params = serde_json::json!({
        "rawScript": "import os\nprint('answer', 6 * ${n})\nprint('${setValue(a=1)}')",
        "localParams": [{"prop": "a", "direct": "OUT", "type": "VARCHAR", "value": ""}],
    });
    let mut job = job("PYTHON", &params.to_string());
    job.prepared = BTreeMap::from([("n".to_owned(), property("n", Direct::In, "7"))]);
    if std::process::Command::new("python3")
        .arg("--version")
        .output()
        .is_err()
    {
        ::log::warn!("python3 is not installed, the test ends here");
        return;
    }
    let events = bench.run(job).await;
    assert!(bench.log().contains(" -> answer 42\n"), "{}", bench.log());
    let TaskEvent::Succeeded { var_pool, .. } = &events[2] else {
        panic!("{events:?}")
    };
    assert_eq!(
        var_pool.as_deref(),
        Some([property("a", Direct::Out, "1")].as_slice())
    );
}

#[tokio::test]
async fn the_exit_code_decides() {
    for (script, end) in [
        ("exit 0", ExecutorEventType::Success),
        ("exit 3", ExecutorEventType::Failed),
        ("exit 137", ExecutorEventType::Killed),
        ("kill -TERM $$", ExecutorEventType::Killed),
        ("kill -SEGV $$", ExecutorEventType::Failed),
        ("no-such-command-anywhere", ExecutorEventType::Failed),
    ] {
        let bench = bench();
        assert_eq!(types(&bench.run(shell(script)).await), ran_to(end), "{script}");
    }
}

#[tokio::test]
async fn a_background_job_that_holds_the_output_is_part_of_the_task() {
    let bench = bench();
    let events = bench.run(shell("(sleep 0.3; echo late) & exit 0")).await;
    assert_eq!(types(&events), RAN);
    assert!(bench.log().contains(" -> late\n"), "{}", bench.log());
}

#[tokio::test]
async fn a_kill_ends_a_script_that_resists_and_is_reported_as_a_kill() {
    let bench = bench();
    let script = "trap '' TERM INT\n(trap '' TERM; sleep 1000) &\necho ready\nsleep 1000\nsleep 1000";
    let events = bench.run_and_stop(shell(script), Stop::Kill).await;
    assert_eq!(types(&events), ran_to(ExecutorEventType::Killed));
    assert!(
        bench.log().contains("WARN  - A kill was requested"),
        "{}",
        bench.log()
    );
    assert!(bench.work_is_empty());
}

#[tokio::test]
async fn a_killed_script_may_clean_up_and_still_counts_as_killed() {
    let bench = bench();
    let script = "trap 'echo cleaned; exit 0' TERM\necho ready\nsleep 1000 & wait";
    let events = bench.run_and_stop(shell(script), Stop::Kill).await;
    assert_eq!(types(&events), ran_to(ExecutorEventType::Killed));
    assert!(bench.log().contains(" -> cleaned\n"), "{}", bench.log());
}

#[tokio::test]
async fn a_kill_is_not_held_up_by_a_log_line_that_is_being_written() {
    // The stop finds the writer of the output in the middle of a write, most of the time.
    for _ in 0..5 {
        let bench = bench();
        let running = bench.run_and_stop(shell("echo ready\nwhile :; do echo more; done"), Stop::Kill);
        let events = tokio::time::timeout(Duration::from_secs(60), running)
            .await
            .expect("the kill is obeyed");
        assert_eq!(types(&events), ran_to(ExecutorEventType::Killed));
        assert!(bench.log().contains("WARN  - A kill was requested"));
    }
}

#[tokio::test]
async fn an_abandoned_task_ends_without_a_report() {
    let bench = bench();
    let events = bench
        .run_and_stop(shell("trap '' TERM\necho ready\nsleep 1000"), Stop::Abandon)
        .await;
    assert_eq!(types(&events), RAN[..2]);
}

#[tokio::test]
async fn a_kill_before_the_start_starts_nothing() {
    let bench = bench();
    let (_stop, receiver) = watch::channel(Stop::Kill);
    let events = Mutex::new(Vec::new());
    bench
        .workshop
        .run(shell("echo started"), receiver, &|event| {
            events.lock().unwrap().push(event)
        })
        .await;
    let events = events.into_inner().unwrap();
    assert_eq!(
        types(&events),
        [ExecutorEventType::Running, ExecutorEventType::Killed]
    );
    assert!(!bench.log().contains(" -> started"));
}

#[tokio::test]
async fn a_task_that_runs_longer_than_its_time_out_fails() {
    let bench = bench();
    let mut job = shell("sleep 1000 & sleep 1000");
    job.timeout_seconds = 1;
    assert_eq!(types(&bench.run(job).await), ran_to(ExecutorEventType::Failed));
    assert!(bench.log().contains("time-out of 1 s"), "{}", bench.log());
}

#[tokio::test]
async fn a_dry_run_starts_nothing_and_succeeds_without_outputs() {
    let bench = bench();
    let mut job = shell("echo started");
    job.dry_run = true;
    let events = bench.run(job).await;
    assert_eq!(
        types(&events),
        [ExecutorEventType::Running, ExecutorEventType::Success]
    );
    assert!(matches!(events[1], TaskEvent::Succeeded { var_pool: None, .. }));
    assert!(!bench.log().contains(" -> started"));
}

#[tokio::test]
async fn an_unknown_type_fails_without_running_and_says_why() {
    let bench = bench();
    assert_eq!(
        types(&bench.run(job("SPARK", "{}")).await),
        [ExecutorEventType::Failed]
    );
    assert!(
        bench
            .log()
            .contains("ERROR - Task type SPARK is not known to this worker"),
        "{}",
        bench.log()
    );
}

#[tokio::test]
async fn bad_parameters_fail_with_the_reason_in_the_log() {
    let bench = bench();
    let events = bench.run(job("SHELL", "{\"rawScript\":")).await;
    assert_eq!(
        types(&events),
        [ExecutorEventType::Running, ExecutorEventType::Failed]
    );
    assert!(
        bench
            .log()
            .contains("ERROR - the task parameters are no JSON object"),
        "{}",
        bench.log()
    );

    let mut circular = shell("echo ${a}");
    circular.prepared = BTreeMap::from([
        ("a".to_owned(), property("a", Direct::In, "${b}")),
        ("b".to_owned(), property("b", Direct::In, "${a}")),
    ]);
    let events = bench.run(circular).await;
    assert_eq!(
        types(&events),
        [ExecutorEventType::Running, ExecutorEventType::Failed]
    );
    assert!(
        bench.log().contains("Circular placeholder reference"),
        "{}",
        bench.log()
    );
    assert!(bench.work_is_empty());
}

#[tokio::test]
async fn a_log_that_cannot_be_opened_fails_the_task() {
    let bench = bench();
    std::fs::write(bench.directory.path().join("logs"), "in the way").unwrap();
    assert_eq!(
        types(&bench.run(shell("echo x")).await),
        [ExecutorEventType::Failed]
    );
}
