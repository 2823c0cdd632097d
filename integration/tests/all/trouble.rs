//! Bad rows, servers that are down, ports that are taken: a clear word, and nothing lost.

use crate::support::Scene;
use orca_engine::codes::WorkflowState;
use orca_integration::harness::definitions::{chain, shell, workflow};
use orca_integration::harness::{ClusterOptions, OrcaProcess, Stack, free_port};
use std::net::TcpListener;
use std::time::Duration;

const ENDS_WITHIN: Duration = Duration::from_secs(90);

#[test]
fn a_broken_definition_fails_its_instance_alone() {
    let scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let mut broken = shell("broken", "true", &[]);
    broken.task_params = r#"{"localParams": [{"prop": "#.to_owned();
    let broken = scene.save(&workflow("broken", vec![broken]));
    let sound = scene.save(&workflow("sound", vec![shell("sound", "true", &[])]));
    let (bad, good) = (scene.trigger(broken), scene.trigger(sound));
    assert_eq!(scene.await_end(bad), WorkflowState::Failure);
    assert_eq!(scene.await_end(good), WorkflowState::Success);
}

#[test]
fn a_command_of_an_unknown_type_goes_to_the_error_table() {
    let scene = Scene::start(ClusterOptions::new(Stack::Embedded));
    let sound = scene.save(&workflow("sound", vec![shell("sound", "true", &[])]));
    let done = scene.trigger(sound);
    assert_eq!(scene.await_end(done), WorkflowState::Success);
    scene.insert_command(99, sound, done);
    scene.await_error_commands(1);
    let next = scene.trigger(sound);
    assert_eq!(
        scene.await_end(next),
        WorkflowState::Success,
        "the master goes on"
    );
}

#[test]
fn a_database_restart_loses_nothing_and_keeps_the_order() {
    let mut scene = Scene::start(ClusterOptions::new(Stack::Real));
    let definition = scene.save(&chain("chain", 12, "sleep 0.2"));
    let ids = scene.trigger_many(definition, 5);
    scene.cluster.mariadb.as_mut().unwrap().restart().unwrap();
    for id in ids {
        assert_eq!(scene.await_end(id), WorkflowState::Success);
        let tasks = scene.tasks(id);
        assert_eq!(tasks.len(), 12, "one attempt each");
        assert!(
            tasks.windows(2).all(|pair| pair[0].end_time <= pair[1].end_time),
            "in order"
        );
    }
}

#[test]
fn a_zookeeper_restart_within_the_session_loses_nothing() {
    let mut scene = Scene::start(ClusterOptions::new(Stack::Real));
    let definition = scene.save(&chain("chain", 6, "sleep 0.3"));
    let ids = scene.trigger_many(definition, 3);
    let zookeeper = scene.cluster.zookeeper.as_mut().unwrap();
    zookeeper.stop();
    zookeeper.restart().unwrap();
    for id in ids {
        assert_eq!(scene.await_end(id), WorkflowState::Success);
        assert_eq!(scene.tasks(id).len(), 6, "one attempt each");
    }
}

#[test]
fn a_taken_port_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind(("0.0.0.0", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let text = fails_to_start(folder.path(), &[("MASTER_LISTEN_PORT", port.to_string())], true);
    assert!(text.contains(&port.to_string()), "{text}");
}

#[test]
fn a_database_that_is_down_at_start_is_named_without_its_password() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("jdbc:mysql://127.0.0.1:{}/dolphinscheduler", free_port());
    let text = fails_to_start(
        folder.path(),
        &[
            ("SPRING_DATASOURCE_URL", url),
            ("SPRING_DATASOURCE_PASSWORD", "hunter2".to_owned()),
            ("ORCA_DATABASE_STARTUP_TIMEOUT", "2s".to_owned()),
        ],
        false,
    );
    assert!(text.contains("127.0.0.1") && text.contains("database"), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_registry_that_is_down_at_start_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let text = fails_to_start(
        folder.path(),
        &[
            ("REGISTRY_TYPE", "zookeeper".to_owned()),
            ("REGISTRY_ZOOKEEPER_CONNECT_STRING", format!("127.0.0.1:{port}")),
            ("REGISTRY_ZOOKEEPER_BLOCK_UNTIL_CONNECTED", "2s".to_owned()),
            ("ORCA_REGISTRY_STARTUP_TIMEOUT", "2s".to_owned()),
        ],
        true,
    );
    assert!(text.contains(&port.to_string()), "{text}");
}

/// Starts a master on SQLite with these changes; what it said when it gave up.
fn fails_to_start(folder: &std::path::Path, changes: &[(&str, String)], migrate: bool) -> String {
    let mut variables = vec![
        (
            "SPRING_DATASOURCE_URL".to_owned(),
            format!("jdbc:sqlite:{}", folder.join("orca.db").display()),
        ),
        ("REGISTRY_TYPE".to_owned(), "embedded".to_owned()),
        (
            "ORCA_REGISTRY_PATH".to_owned(),
            folder.join("registry.db").display().to_string(),
        ),
        ("MASTER_LISTEN_PORT".to_owned(), free_port().to_string()),
        ("SERVER_PORT".to_owned(), free_port().to_string()),
    ];
    for (name, value) in changes {
        variables.retain(|(known, _)| known != name);
        variables.push(((*name).to_owned(), value.clone()));
    }
    if migrate {
        let mut migration =
            OrcaProcess::start_without_waiting("migrate", &["migrate"], &variables, 0, folder).unwrap();
        assert!(
            migration.process.wait(ENDS_WITHIN).unwrap().success(),
            "{}",
            migration.process.log_tail()
        );
    }
    let mut master =
        OrcaProcess::start_without_waiting("master", &["master"], &variables, 0, folder).unwrap();
    let status = master.process.wait(ENDS_WITHIN).unwrap();
    let text = master.process.log_tail();
    assert!(!status.success(), "it must not go on: {text}");
    text
}
