//! Workflows that stand still in their first task until the test lets them go, and whose tasks leave a line each time they really run.

use crate::support::{Scene, states};
use orca_engine::codes::{TaskState, WorkflowState};
use orca_integration::harness::definitions::{shell, workflow};
use orca_integration::harness::{Deadline, until};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// How often each line stands in a file that the tasks write when they really run.
pub(crate) fn runs(path: &Path) -> BTreeMap<String, usize> {
    let mut runs = BTreeMap::new();
    for line in fs::read_to_string(path).unwrap_or_default().lines() {
        *runs.entry(line.to_owned()).or_default() += 1;
    }
    runs
}

/// `first` runs until the file `go` is there, then `second` follows.
pub(crate) fn two_tasks(scene: &Scene) -> orca_schema::NewDefinition {
    let (lines, go) = (scene.folder().join("lines"), scene.folder().join("go"));
    let line = |task: &str| {
        format!(
            "echo ${{system.workflow.instance.id}} {task} >> {}",
            lines.display()
        )
    };
    let first = format!(
        "{}; until [ -e {} ]; do sleep 0.1; done",
        line("first"),
        go.display()
    );
    workflow(
        "held",
        vec![
            shell("first", &first, &[]),
            shell("second", &line("second"), &["first"]),
        ],
    )
}

pub(crate) fn await_first_tasks(scene: &Scene, ids: &[i32]) {
    let lines = scene.folder().join("lines");
    until("every first task to run", Deadline::after_seconds(60), || {
        (runs(&lines).len() == ids.len()).then_some(())
    })
    .unwrap();
    for id in ids {
        let running = || (states(&scene.tasks(*id)) == [TaskState::RunningExecution]).then_some(());
        until(
            "the row of the first task to say so",
            Deadline::after_seconds(60),
            running,
        )
        .unwrap();
    }
}

pub(crate) fn let_go_and_check(scene: &Scene, ids: &[i32]) {
    fs::write(scene.folder().join("go"), "").unwrap();
    for id in ids {
        assert_eq!(
            scene.await_end(*id),
            WorkflowState::Success,
            "workflow instance {id}"
        );
        assert_eq!(
            states(&scene.tasks(*id)),
            vec![TaskState::Success; 2],
            "no attempt was replaced"
        );
    }
    let runs = runs(&scene.folder().join("lines"));
    assert_eq!(runs.len(), ids.len() * 2, "every task ran");
    assert!(
        runs.values().all(|times| *times == 1),
        "no task ran twice: {runs:?}"
    );
    scene.assert_released();
}
