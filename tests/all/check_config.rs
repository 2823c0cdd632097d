//! `orca check-config` as an operator runs it.

use std::fs;
use std::process::{Command, Output};
use tempfile::TempDir;

fn check(folder: &TempDir, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_orca"));
    command
        .env_clear()
        .envs(variables.iter().copied())
        .current_dir(folder.path());
    command.arg("check-config").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_good_configuration_ends_with_0_and_shows_no_secret() {
    let folder = TempDir::new().unwrap();
    fs::create_dir(folder.path().join("conf")).unwrap();
    fs::write(
        folder.path().join("conf/application.yaml"),
        "spring: {datasource: {password: hunter2}}\n",
    )
    .unwrap();
    let output = check(&folder, &[], &[("MASTER_LISTEN_PORT", "6000")]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    assert!(
        shown.contains("master.listen-port=6000   # environment variable MASTER_LISTEN_PORT"),
        "{shown}"
    );
    assert!(
        shown.contains("spring.datasource.password=******   # conf/application.yaml"),
        "{shown}"
    );
    assert!(!shown.contains("hunter2") && !text(&output.stderr).contains("hunter2"));
}

#[test]
fn problems_end_with_3_and_are_all_shown() {
    let folder = TempDir::new().unwrap();
    fs::write(
        folder.path().join("my.yaml"),
        "master: {listen-port: abc, lisen-port: 1, max-heartbeat-interval: x}\n",
    )
    .unwrap();
    let output = check(&folder, &["my.yaml", "--worker.host-weight=0"], &[]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(3), "{shown}");
    for line in [
        "problem: my.yaml: master.listen-port: \"abc\" is not a port from 1 to 65535",
        "problem: my.yaml: master.max-heartbeat-interval: \"x\" is not a duration",
        "problem: command line: worker.host-weight: must be 1 or more",
        "warning: my.yaml: master.lisen-port is not a known key and has no effect; did you mean master.listen-port?",
        "3 problems, 1 warnings",
    ] {
        assert!(shown.contains(line), "{line} is missing in:\n{shown}");
    }
}

#[test]
fn json_can_be_read_by_programs() {
    let folder = TempDir::new().unwrap();
    let output = check(
        &folder,
        &["--json", "--standalone"],
        &[("ORCA_DATA_DIRECTORY", "d")],
    );
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        value["settings"]["spring.datasource.url"]["value"],
        "jdbc:sqlite:d/orca.db"
    );
    assert_eq!(
        (&value["timeZone"], &value["problems"]),
        (&serde_json::json!("UTC"), &serde_json::json!([]))
    );
}

#[test]
fn a_missing_file_and_wrong_arguments_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let missing = check(&folder, &["nowhere.yaml"], &[]);
    assert_eq!(missing.status.code(), Some(3));
    assert!(text(&missing.stdout).contains("problem: nowhere.yaml: cannot be read"));
    assert_eq!(check(&folder, &["--fly"], &[]).status.code(), Some(2));
}
