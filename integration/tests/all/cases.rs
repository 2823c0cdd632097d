//! The case runner says yes only to what holds.

use orca_integration::cases::{Options, Summary, run};
use std::fs;
use std::path::Path;

const ROWS: &str = "\
project: {name: p, code: 1, userId: 1, userName: admin, createTime: 2026-01-01 00:00:00, updateTime: 2026-01-01 00:00:00}
workflows:
  - {name: w, code: 1, version: 1, projectCode: 1, userId: 1, releaseState: ONLINE, executionType: PARALLEL,
     createTime: 2026-01-01 00:00:00, updateTime: 2026-01-01 00:00:00}
tasks:
  - {name: T, code: 1, version: 1, projectCode: 1, userId: 1, taskType: SHELL, taskExecuteType: BATCH, workerGroup: default,
     taskParams: '{\"localParams\":[],\"rawScript\":\"true\",\"resourceList\":[]}',
     createTime: 2026-01-01 00:00:00, updateTime: 2026-01-01 00:00:00}
taskRelations:
  - {projectCode: 1, workflowDefinitionCode: 1, workflowDefinitionVersion: 1, preTaskCode: 0, preTaskVersion: 0,
     postTaskCode: 1, postTaskVersion: 1, createTime: 2026-01-01 00:00:00, updateTime: 2026-01-01 00:00:00}
";

fn case(name: &str, expectation: &str) -> String {
    format!(
        "case: tried/{name}\ntitle: t\ncontext: tried/rows.yaml\nsteps:\n  - start_master: {{}}\n  - start_worker: {{}}\n  \
         - load_context: {{}}\n  - trigger_workflow: {{workflow: 1, as: run}}\n  - await: {{within: 60, expect: [{{workflow_instance: \
         {{of: run, is: {{state: SUCCESS}}}}}}]}}\n  - expect: [{expectation}]\n"
    )
}

fn run_in(folder: &Path, files: &[(&str, String)]) -> Summary {
    fs::create_dir_all(folder.join("context/tried")).unwrap();
    fs::create_dir_all(folder.join("tried")).unwrap();
    fs::write(folder.join("context/tried/rows.yaml"), ROWS).unwrap();
    for (name, text) in files {
        fs::write(folder.join(format!("tried/{name}.yaml")), text).unwrap();
    }
    let arguments = [
        folder.display().to_string(),
        "--stack".to_owned(),
        "embedded".to_owned(),
    ];
    run(&Options::parse(&arguments).unwrap()).unwrap()
}

#[test]
fn a_case_passes_or_fails_by_what_the_rows_say() {
    let folder = tempfile::tempdir().unwrap();
    let one = |state: &str| {
        format!("{{task_instances: {{of: {{instance: run}}, exactly: [{{name: T, state: {state}}}]}}}}")
    };
    let summary = run_in(
        folder.path(),
        &[
            ("holds", case("holds", &one("SUCCESS"))),
            ("holds_not", case("holds_not", &one("KILL"))),
            ("is_no_case", "case: tried/is_no_case\nsteps: {}\n".to_owned()),
        ],
    );
    assert_eq!(summary.last_line(), "1 passed, 2 failed");
    let failure = |at: usize| summary.outcomes[at].failure.clone().unwrap_or_default();
    assert_eq!(failure(0), "");
    let why = failure(1);
    assert!(why.contains("step 6 expect"), "{why}");
    assert!(why.contains("state is 7, not 9 (KILL)"), "{why}");
    assert!(why.contains("task 1 T of 1 SUCCESS"), "{why}");
    assert!(failure(2).contains("is_no_case.yaml"), "{}", failure(2));
    assert!(summary.outcomes[1].line().starts_with("FAIL tried/holds_not ("));
}
