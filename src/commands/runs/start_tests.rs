//! Files on a real database: what is saved, and what is seen of a run that no master has taken yet.

use super::*;
use crate::commands::cluster::Database;
use crate::commands::runs::follow::follow;
use crate::commands::runs::screen::Screen;
use orca_engine::codes::{Flag, Priority};
use orca_schema::{DatabaseSettings, NewRun, Store};
use std::fs;
use std::path::Path;

struct Fixture {
    store: Store,
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("jdbc:sqlite:{}", folder.path().join("orca.db").display());
        let store = Store::open(&DatabaseSettings::new(url)).unwrap();
        store.migrate().unwrap();
        Self { store, folder }
    }

    fn flow(&self, text: &str) -> Flow {
        let file = self.folder.path().join("flow.yaml");
        fs::write(&file, text).unwrap();
        crate::flowfile::load(&file, &|_| None).unwrap()
    }

    fn save(&self, flow: &Flow) -> (i64, i32, DefinitionSnapshot) {
        let (code, version) = self.store.save_definition(&definition_of(flow)).unwrap();
        let snapshot = self.store.load_definition(code, version).unwrap().unwrap();
        (code, version, snapshot)
    }
}

const DIAMOND: &str = "workflow: {name: d, project: p, timeout: 9, worker_group: w, param: {n: 1}}
tasks:
  - {name: a, task_type: Shell, command: x, fail_retry_times: 3, fail_retry_interval: 0, task_priority: HIGH}
  - {name: b, task_type: Shell, command: x, deps: [a], timeout: 5, timeout_notify_strategy: FAILED, flag: 'NO'}
  - {name: c, task_type: Python, definition: x, deps: [a], worker_group: other, delay_time: 2}
  - {name: d, task_type: Shell, command: x, deps: [b, c]}
";

#[test]
fn everything_a_file_says_is_in_the_saved_definition() {
    let fixture = Fixture::new();
    let (_, version, saved) = fixture.save(&fixture.flow(DIAMOND));
    assert_eq!(
        (
            version,
            saved.project.name.as_str(),
            saved.workflow.timeout_minutes
        ),
        (1, "p", 9)
    );
    assert_eq!(
        saved.workflow.global_params.as_deref(),
        Some(r#"[{"prop":"n","direct":"IN","type":"VARCHAR","value":"1"}]"#)
    );
    let task = |name: &str| saved.tasks.iter().find(|task| task.name == name).unwrap();
    let (a, b, c) = (task("a"), task("b"), task("c"));
    assert_eq!(
        (
            a.task_type.as_str(),
            a.fail_retry_times,
            a.fail_retry_interval,
            a.priority
        ),
        ("SHELL", 3, 0, Priority::High)
    );
    assert_eq!(
        (b.timeout, b.timeout_flag, b.flag),
        (5, TimeoutFlag::Open, Flag::No)
    );
    assert_eq!(
        (c.task_type.as_str(), c.worker_group.as_deref(), c.delay_time),
        ("PYTHON", Some("other"), 2)
    );
    assert_eq!(a.worker_group.as_deref(), Some("w"));
    let mut edges = saved.relations.clone();
    edges.sort_unstable();
    let code = |name: &str| task(name).code;
    let mut expected = [("", "a"), ("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]
        .map(|(pre, post)| (if pre.is_empty() { 0 } else { code(pre) }, code(post)));
    expected.sort_unstable();
    assert_eq!(edges, expected);
}

#[test]
fn an_unchanged_file_keeps_its_version_and_a_changed_one_gets_the_next() {
    let fixture = Fixture::new();
    let (code, first, _) = fixture.save(&fixture.flow(DIAMOND));
    let (same_code, same, _) = fixture.save(&fixture.flow(DIAMOND));
    let changed = DIAMOND.replace("delay_time: 2", "delay_time: 3");
    let (changed_code, next, _) = fixture.save(&fixture.flow(&changed));
    assert_eq!(
        ((same_code, same), (changed_code, next)),
        ((code, first), (code, first + 1))
    );
}

#[test]
fn every_example_can_be_saved() {
    let fixture = Fixture::new();
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    for entry in fs::read_dir(examples).unwrap() {
        let flow = crate::flowfile::load(&entry.unwrap().path(), &|_| None).unwrap();
        let (_, _, saved) = fixture.save(&flow);
        assert_eq!(saved.tasks.len(), flow.tasks.len(), "{}", flow.name);
    }
}

#[test]
fn a_run_is_followed_from_its_rows() {
    let fixture = Fixture::new();
    let (code, version, definition) = fixture.save(&fixture.flow(DIAMOND));
    let ids = fixture
        .store
        .trigger(&[NewRun::manual(ADMIN_USER_ID, code, version)])
        .unwrap();
    let run = StartedRun {
        workflow_instance_id: *ids[0].as_ref().unwrap(),
        definition: Arc::new(definition),
    };
    let mut shown = Vec::new();
    let mut screen = Screen::live(&mut shown, false, || Some((80, 24)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let database = Database::of(fixture.store);
    let ended = runtime.block_on(follow(&database, &[run], &mut screen, |_| {
        Err(Failure::failed("seen enough"))
    }));
    assert_eq!(ended.unwrap_err().message, "seen enough");
    let shown = String::from_utf8(shown).unwrap();
    let states: Vec<Vec<&str>> = shown
        .lines()
        .skip(2)
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        states,
        [
            ["a", "WAITING"],
            ["b", "SKIPPED"],
            ["c", "WAITING"],
            ["d", "WAITING"]
        ],
        "{shown}"
    );
}

#[test]
fn a_run_that_does_not_exist_is_an_error() {
    let fixture = Fixture::new();
    let (_, _, definition) = fixture.save(&fixture.flow(DIAMOND));
    let run = StartedRun {
        workflow_instance_id: 99,
        definition: Arc::new(definition),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let database = Database::of(fixture.store);
    let mut screen = Screen::silent(Vec::new());
    let ended = runtime.block_on(follow(&database, &[run], &mut screen, |_| Ok(())));
    assert_eq!(
        ended.unwrap_err().message,
        "the runs cannot be followed: workflow instance 99 is not in the database"
    );
}
