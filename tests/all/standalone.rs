//! `orca standalone`, `orca workflow` and `orca status` as somebody at a terminal runs them: real processes on a data directory of their own.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A loaded machine starts members in several seconds; nothing here waits as long as this when all is well.
const PATIENCE: Duration = Duration::from_secs(120);

fn orca(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orca"));
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .current_dir(folder);
    command
}

fn example(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    path.to_str().unwrap().to_owned()
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    orca(folder).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Waits for a condition; what it never became is told with what was seen last.
fn until<T>(what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if Instant::now() > deadline => panic!("{what} did not come; last seen:\n{seen}"),
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}

/// Command lines of all processes that have this folder in their arguments.
fn processes_of(folder: &Path) -> Vec<String> {
    let folder = folder.to_str().unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = text(&line).replace('\0', " ");
        if line.contains(folder) {
            found.push(line);
        }
    }
    found
}

fn none_is_left(folder: &Path) {
    until("the end of all processes", || match processes_of(folder) {
        left if left.is_empty() => Ok(()),
        left => Err(left.join("\n")),
    });
}

/// An `orca standalone` in the background, its output in a file. Killed when a test fails.
struct Background {
    child: Child,
    output: PathBuf,
}

impl Background {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let output = folder.join("output");
        let file = File::create(&output).unwrap();
        let child = orca(folder)
            .arg("standalone")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Self { child, output }
    }

    fn wait_for(&mut self, words: &str) {
        let output = self.output.clone();
        let child = &mut self.child;
        until(words, || {
            let seen = fs::read_to_string(&output).unwrap();
            assert!(
                child.try_wait().unwrap().is_none(),
                "it ended before {words}:\n{seen}"
            );
            if seen.contains(words) { Ok(()) } else { Err(seen) }
        });
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A diamond with a retry and parameters from task to task.
#[test]
fn a_file_is_run_and_its_success_is_the_exit_code() {
    let folder = TempDir::new().unwrap();
    let output = run(folder.path(), &["--json", "standalone", &example("etl.yaml")]);
    let result: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {} {}", text(&output.stdout), text(&output.stderr)));
    assert_eq!(output.status.code(), Some(0), "{result:#}");
    assert_eq!(result["succeeded"], true);
    let tasks: Vec<_> = result["runs"][0]["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| {
            (
                task["name"].as_str().unwrap(),
                task["state"].as_str().unwrap(),
                task["attempts"].as_u64().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("extract", "SUCCESS", 2),
        ("count", "SUCCESS", 1),
        ("transform", "SUCCESS", 1),
        ("load", "SUCCESS", 1),
    ];
    assert_eq!(tasks, expected);
    none_is_left(folder.path());
}

#[test]
fn a_failing_file_names_the_task_and_shows_its_last_words() {
    let folder = TempDir::new().unwrap();
    let output = run(
        folder.path(),
        &["standalone", &example("hello.yaml"), &example("failing.yaml")],
    );
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{shown}{}", text(&output.stderr));
    for words in [
        "task check: failed on 127.0.0.1:",
        "checking file 3: the checksum is wrong",
        "not run: publish",
        ": report: SUCCESS",
    ] {
        assert!(shown.contains(words), "{words} is missing in:\n{shown}");
    }
    assert!(
        !shown.contains('\u{1b}'),
        "no terminal, no escape sequences:\n{shown}"
    );
    none_is_left(folder.path());
}

#[test]
fn a_wrong_file_starts_nothing() {
    let folder = TempDir::new().unwrap();
    fs::write(
        folder.path().join("bad.yaml"),
        "workflow: {name: w, nme: x}\ntasks:\n  - {name: a, task_type: Spark, deps: [b]}\n",
    )
    .unwrap();
    let output = run(folder.path(), &["standalone", "bad.yaml", "missing.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    let expected = "orca: nothing was started:\n\
        bad.yaml:1:21: workflow.nme: unknown key; did you mean \"name\"?\n\
        bad.yaml:3:26: tasks[0].task_type: task type Spark is not supported in workflow files; supported are Shell and Python\n\
        bad.yaml:3:40: tasks[0].deps[0]: there is no task \"b\"; did you mean \"a\"?\n\
        missing.yaml: cannot be read: No such file or directory (os error 2); give the path of a workflow file (YAML)\n";
    assert_eq!(text(&output.stderr), expected);
    assert!(!folder.path().join(".orca").exists());
}

#[test]
fn a_cluster_that_stays_up_serves_the_other_commands() {
    let folder = TempDir::new().unwrap();
    let mut cluster = Background::start(folder.path(), &["--masters", "2", "--data-dir", "data"]);
    cluster.wait_for("Ctrl-C");
    let command = |words: &[&str]| run(folder.path(), &[words, &["--data-dir", "data"]].concat());

    let started = command(&["workflow", "start", "--wait", &example("hello.yaml")]);
    assert_eq!(
        started.status.code(),
        Some(0),
        "{}{}",
        text(&started.stdout),
        text(&started.stderr)
    );
    let failed = command(&["workflow", "start", "--wait", &example("failing.yaml")]);
    assert_eq!(failed.status.code(), Some(1));

    let list = command(&["--json", "workflow", "list", "--state", "failure"]);
    let list: Value = serde_json::from_slice(&list.stdout).unwrap();
    let runs = list["runs"].as_array().unwrap();
    assert_eq!((runs.len(), &runs[0]["state"]), (1, &Value::from("FAILURE")));

    let id = runs[0]["workflowInstanceId"].to_string();
    let shown = text(&command(&["workflow", "show", &id]).stdout);
    for words in [
        "check",
        "FAILURE",
        "NOT_RUN",
        "| ",
        "the checksum is wrong",
        "127.0.0.1:",
    ] {
        assert!(shown.contains(words), "{words} is missing in:\n{shown}");
    }

    let status = command(&["--json", "status"]);
    let status: Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["masters"].as_array().unwrap().len(), 2, "{status:#}");
    assert_eq!(status["workers"].as_array().unwrap().len(), 1, "{status:#}");
    assert_eq!(status["workflowInstances"]["FAILURE"], 1, "{status:#}");

    let second = command(&["standalone"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(
        text(&second.stderr).contains("another `orca standalone` runs on it"),
        "{}",
        text(&second.stderr)
    );

    cluster.signal(Signal::INT);
    assert_eq!(cluster.child.wait().unwrap().code(), Some(0));
    none_is_left(folder.path());
}

/// Fails, goes on, begins again, is paused, goes on, is stopped: each by a command of its own.
#[test]
fn a_run_is_steered_by_commands() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (gate, lines) = (at("gate"), at("lines"));
    let line = |name: &str| format!("echo {name} >> {}", lines.display());
    let file = format!(
        "workflow: {{name: steered}}\ntasks:\n  - {{name: first, task_type: Shell, command: '{}'}}\n  \
         - {{name: second, task_type: Shell, deps: [first], command: '{}; test -e {}'}}\n",
        line("first"),
        line("second"),
        gate.display()
    );
    fs::write(at("steered.yaml"), file).unwrap();
    let mut cluster = Background::start(folder.path(), &["--data-dir", "data"]);
    cluster.wait_for("Ctrl-C");
    let command = |words: &[&str]| run(folder.path(), &[words, &["--data-dir", "data"]].concat());
    let steer = |words: &str, id: &str| {
        let output = command(&["workflow", words, id]);
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let reaches = |id: &str, state: &str, runs_of_first: usize| {
        until(state, || {
            let shown = command(&["--json", "workflow", "show", id]);
            let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
            let runs = fs::read_to_string(&lines)
                .unwrap_or_default()
                .matches("first")
                .count();
            if shown["state"] == state && runs == runs_of_first {
                Ok(())
            } else {
                Err(format!("first ran {runs} times: {shown:#}"))
            }
        });
    };
    let start = |file: &str| {
        let started = command(&["--json", "workflow", "start", file]);
        let started: Value = serde_json::from_slice(&started.stdout).unwrap();
        started["started"][0]["workflowInstanceId"].to_string()
    };

    let id = start("steered.yaml");
    reaches(&id, "FAILURE", 1);
    for words in ["pause", "stop"] {
        let (code, said) = steer(words, &id);
        let expected = format!("run {id} is FAILURE: a run can be");
        assert!(code == Some(1) && said.contains(&expected), "{said}");
    }
    let waited = command(&["workflow", "recover", &id, "--wait"]);
    assert_eq!(waited.status.code(), Some(1), "it has failed again");
    reaches(&id, "FAILURE", 1);
    fs::write(&gate, "").unwrap();
    assert_eq!(
        steer("recover", &id),
        (Some(0), format!("run {id}: goes on from where it ended\n"))
    );
    reaches(&id, "SUCCESS", 1);
    let (code, said) = steer("recover", &id);
    assert!(code == Some(1) && said.contains("is SUCCESS"), "{said}");
    assert_eq!(
        steer("rerun", &id),
        (Some(0), format!("run {id}: begins again\n"))
    );
    reaches(&id, "SUCCESS", 2);

    let hold = format!(
        "{}; until test -e {}; do sleep 0.1; done",
        line("first"),
        at("held").display()
    );
    let file = format!(
        "workflow: {{name: held}}\ntasks:\n  - {{name: first, task_type: Shell, command: '{hold}'}}\n  \
         - {{name: second, task_type: Shell, deps: [first], command: '{hold}'}}\n"
    );
    fs::write(at("held.yaml"), file).unwrap();
    let held = start("held.yaml");
    reaches(&held, "RUNNING_EXECUTION", 3);
    for _ in 0..2 {
        let (code, said) = steer("pause", &held);
        assert!(code == Some(0) && said.contains("pauses"), "{said}");
    }
    fs::write(at("held"), "").unwrap();
    reaches(&held, "PAUSE", 3);
    fs::remove_file(at("held")).unwrap();
    let (code, said) = steer("recover", &held);
    assert_eq!(code, Some(0), "{said}");
    reaches(&held, "RUNNING_EXECUTION", 4);
    let (code, said) = steer("stop", &held);
    assert!(code == Some(0) && said.contains("killed"), "{said}");
    reaches(&held, "STOP", 4);
    fs::write(at("held"), "").unwrap();
    let waited = command(&["--json", "workflow", "rerun", &held, "--wait"]);
    let said: Value = serde_json::from_slice(&waited.stdout).unwrap();
    assert!(waited.status.success() && said["succeeded"] == true, "{said:#}");
    // Both of its tasks write the line.
    reaches(&held, "SUCCESS", 6);
    let (code, said) = steer("rerun", "4711");
    assert!(code == Some(1) && said.contains("there is no run 4711"), "{said}");

    cluster.signal(Signal::INT);
    assert_eq!(cluster.child.wait().unwrap().code(), Some(0));
    none_is_left(folder.path());
}

/// SIGKILL leaves the process no chance to clean up; the kernel and the worker's own guards do.
#[test]
fn no_process_outlives_a_killed_standalone() {
    let folder = TempDir::new().unwrap();
    // The folder in the arguments of the task's own children makes them findable.
    let file = folder.path().join("long.yaml");
    let waiting = format!(
        "sh -c 'sleep 600' {0} & sh -c 'sleep 600; true' {0}",
        folder.path().display()
    );
    let lines = format!(
        "workflow: {{name: long}}\ntasks:\n  - name: a\n    task_type: Shell\n    command: |\n      {waiting}\n"
    );
    fs::write(&file, lines).unwrap();
    let mut cluster = Background::start(folder.path(), &["--masters", "2", file.to_str().unwrap()]);
    cluster.wait_for("a: RUNNING_EXECUTION");
    assert!(
        processes_of(folder.path()).len() >= 4,
        "{:?}",
        processes_of(folder.path())
    );
    cluster.signal(Signal::KILL);
    cluster.child.wait().unwrap();
    none_is_left(folder.path());
}

#[test]
fn a_member_is_not_started_for_a_caller_that_has_gone() {
    let folder = TempDir::new().unwrap();
    let output = run(folder.path(), &["attached", "1", "--", "master"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "orca: the process that started this one has ended\n"
    );
}
