//! Which layer wins, and what placeholders, profiles and purposes do to it.

use super::super::sections::master::Balancer;
use super::*;
use std::time::Duration;

const LAYERS: &str = "\
master: {listen-port: 1001}
spring: {profiles: {active: blue}}
---
spring: {config: {activate: {on-profile: blue}}}
master: {listen-port: 1002}
---
spring: {config: {activate: {on-profile: red}}}
master: {listen-port: 1009}
";

#[test]
fn later_layers_win() {
    let variable = [("MASTER_LISTEN_PORT", "1003")];
    let java = [("JAVA_OPTS", "-Xmx1g -Dmaster.listen-port=1004")];
    let argument = [("master.listenPort", "1005")];
    let port = |setup: Setup| {
        let report = setup.load();
        assert!(report.problems.is_empty(), "{}", problems(&report));
        report.settings.master.listen_port.0
    };
    assert_eq!(port(Setup::new("")), 5678, "the default");
    assert_eq!(
        port(Setup::new("master: {listen-port: 1001}")),
        1001,
        "the base section"
    );
    assert_eq!(port(Setup::new(LAYERS)), 1002, "the profile section");
    assert_eq!(
        port(Setup::new(LAYERS).variables(&variable)),
        1003,
        "the environment"
    );
    assert_eq!(
        port(Setup::new(LAYERS).variables(&variable).variables(&java)),
        1004,
        "JAVA_OPTS"
    );
    assert_eq!(
        port(
            Setup::new(LAYERS)
                .variables(&variable)
                .variables(&java)
                .properties(&argument)
        ),
        1005,
        "the command line"
    );
}

#[test]
fn profiles_are_chosen_by_the_strongest_layer() {
    let cases = [
        (vec![], vec![], 1002, "blue"),
        (vec![("SPRING_PROFILES_ACTIVE", "red")], vec![], 1009, "red"),
        (
            vec![("SPRING_PROFILES_ACTIVE", "red")],
            vec![("spring.profiles.active", "green")],
            1001,
            "green",
        ),
        (
            vec![("SPRING_PROFILES_ACTIVE", "red,blue")],
            vec![],
            1009,
            "red,blue",
        ),
        (vec![("SPRING_PROFILES_ACTIVE", "")], vec![], 1002, "blue"),
        (
            vec![("JAVA_OPTS", "-Dspring.profiles.active=red")],
            vec![],
            1009,
            "red",
        ),
    ];
    for (variables, properties, port, profiles) in cases {
        let report = Setup::new(LAYERS)
            .variables(&variables)
            .properties(&properties)
            .load();
        assert_eq!(report.settings.master.listen_port.0, port, "{profiles}");
        assert_eq!(report.profiles.join(","), profiles);
        assert!(
            report.problems.is_empty() && report.warnings.is_empty(),
            "{:?}",
            report.warnings
        );
    }
}

#[test]
fn files_beside_the_file_are_read() {
    let setup = Setup::new("worker: {group: base}\ndolphin.scheduler.network.interface.restrict: [a, b]\n")
        .variables(&[("SPRING_PROFILES_ACTIVE", "blue")]);
    setup.file("application-blue.yaml", "worker: {host-weight: 7}\n");
    setup.file(
        "common.properties",
        "# comment\nshell.kill.wait.timeout = 3\nyarn.x=1\ndolphin.scheduler.network.interface.restrict=c\n",
    );
    let report = setup.load();
    let settings = &report.settings;
    assert_eq!(
        (
            settings.worker.group.as_str(),
            settings.worker.host_weight,
            settings.common.kill_wait_seconds
        ),
        ("base", 7, 3)
    );
    assert_eq!(
        settings.network.restricted,
        ["a", "b"],
        "application.yaml wins over common.properties"
    );
    assert_eq!(
        (report.files.len(), report.problems.len(), report.warnings.len()),
        (3, 0, 0),
        "{:?}",
        report.warnings
    );
}

#[test]
fn both_environment_names_are_read() {
    for name in ["MASTER_MAX_HEARTBEAT_INTERVAL", "MASTER_MAXHEARTBEATINTERVAL"] {
        let report = Setup::new("master: {max-heartbeat-interval: 7s}")
            .variables(&[(name, "3s")])
            .load();
        assert_eq!(
            report.settings.master.max_heartbeat_interval,
            Duration::from_secs(3),
            "{name}"
        );
        assert_eq!(
            report.origins["master.max-heartbeat-interval"],
            format!("environment variable {name}")
        );
    }
    let both = [
        ("MASTER_MAX_HEARTBEAT_INTERVAL", "4s"),
        ("MASTER_MAXHEARTBEATINTERVAL", "5s"),
    ];
    assert_eq!(
        Setup::new("")
            .variables(&both)
            .load()
            .settings
            .master
            .max_heartbeat_interval,
        Duration::from_secs(5),
        "Spring's own form wins"
    );
}

#[test]
fn relaxed_spellings_are_one_key() {
    for spelling in [
        "max-heartbeat-interval",
        "maxHeartbeatInterval",
        "max_heartbeat_interval",
        "MAXHEARTBEATINTERVAL",
    ] {
        let report = Setup::new(&format!("master:\n  {spelling}: 4s\n")).load();
        assert_eq!(
            report.settings.master.max_heartbeat_interval,
            Duration::from_secs(4),
            "{spelling}"
        );
        assert!(report.warnings.is_empty(), "{spelling}: {:?}", report.warnings);
    }
    let twice = Setup::new("master:\n  max-heartbeat-interval: 4s\n  maxHeartbeatInterval: 4s\n").load();
    assert!(
        twice.warnings[0].contains("written twice"),
        "{:?}",
        twice.warnings
    );
}

#[test]
fn empty_means_the_default_but_for_texts() {
    let variables = [
        ("MASTER_LISTEN_PORT", ""),
        ("SPRING_DATASOURCE_PASSWORD", ""),
        ("WORKER_HOST_WEIGHT", ""),
    ];
    let report = Setup::new(
        "master: {listen-port: 1001}\nworker: {host-weight: ~}\nregistry: {zookeeper: {digest: ~}}\n",
    )
    .variables(&variables)
    .load();
    assert!(report.problems.is_empty(), "{}", problems(&report));
    let settings = report.settings;
    assert_eq!(
        (settings.master.listen_port.0, settings.worker.host_weight),
        (1001, 100)
    );
    assert_eq!(
        (settings.datasource.password.reveal(), settings.zookeeper.digest),
        ("", None)
    );
}

#[test]
fn placeholders_refer_to_keys_and_variables() {
    let yaml = "\
my: {host: db1}
spring:
  datasource:
    url: jdbc:mysql://${my.host}:${DB_PORT:3307}/${DB_NAME:${worker.group}}
master: {listen-port: '${worker.listen-port}'}
worker: {listen-port: 1299, group: g}
";
    let url = |report: &Report| report.settings.datasource.url.reveal().to_owned();
    let report = Setup::new(yaml).load();
    assert_eq!(
        (url(&report).as_str(), report.settings.master.listen_port.0),
        ("jdbc:mysql://db1:3307/g", 1299)
    );
    assert_eq!(
        report.warnings.len(),
        1,
        "my.host is nobody's key: {:?}",
        report.warnings
    );
    let report = Setup::new(yaml)
        .variables(&[
            ("DB_PORT", "1"),
            ("DB_NAME", "ds"),
            ("WORKER_LISTEN_PORT", "1300"),
        ])
        .load();
    assert_eq!(
        (url(&report).as_str(), report.settings.master.listen_port.0),
        ("jdbc:mysql://db1:1/ds", 1300)
    );
    let report = Setup::new("master: {listen-port: '${NOT_SET}'}\nworker: {group: '${worker.group}'}\nlogging: {file: '${LATER}'}\n").load();
    let text = problems(&report);
    assert!(
        text.contains("master.listen-port: the placeholder ${NOT_SET} has no value"),
        "{text}"
    );
    assert!(
        text.contains("worker.group: placeholders refer to each other without end"),
        "{text}"
    );
    assert_eq!(
        report.problems.len(),
        2,
        "keys that nobody reads are not complained about: {text}"
    );
}

#[test]
fn the_zone_follows_java() {
    let zone = |variables: &[(&'static str, &'static str)], yaml: &str| {
        Setup::new(yaml)
            .variables(variables)
            .load()
            .settings
            .zone
            .name()
            .to_owned()
    };
    let java = ("JAVA_OPTS", "-Xmx1g -Duser.timezone=Asia/Tokyo");
    let spring = ("SPRING_JACKSON_TIME_ZONE", "Asia/Shanghai");
    assert_eq!(zone(&[], ""), "UTC");
    assert_eq!(
        zone(&[], "spring: {jackson: {time-zone: Europe/Paris}}"),
        "Europe/Paris"
    );
    assert_eq!(
        zone(&[spring], "spring: {jackson: {time-zone: Europe/Paris}}"),
        "Asia/Shanghai"
    );
    assert_eq!(zone(&[spring, java], ""), "Asia/Tokyo");
    assert_eq!(zone(&[spring, java], "orca: {time-zone: GMT+08:00}"), "Etc/GMT-8");
    let unexpanded = ("JAVA_OPTS", "-Duser.timezone=${SPRING_JACKSON_TIME_ZONE}");
    assert_eq!(zone(&[unexpanded, spring], ""), "Asia/Shanghai");
    assert_eq!(
        zone(&[unexpanded], ""),
        "UTC",
        "what cannot be expanded means nothing"
    );
}

#[test]
fn standalone_has_its_own_defaults() {
    let load_with = |properties: Vec<(String, String)>| {
        load(
            &Request {
                file: None,
                properties,
                purpose: Purpose::Standalone,
            },
            &Environment::default(),
        )
        .settings
    };
    let settings = load_with(Vec::new());
    assert_eq!(
        (settings.datasource.url.reveal(), settings.registry.kind),
        ("jdbc:sqlite:.orca/orca.db", RegistryType::Embedded)
    );
    let settings = load_with(vec![("orca.data-directory".to_owned(), "/d".to_owned())]);
    assert_eq!(settings.datasource.url.reveal(), "jdbc:sqlite:/d/orca.db");
    assert_eq!(settings.registry_path(), PathBuf::from("/d/registry.db"));
}

#[test]
fn the_file_in_conf_is_clean() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/application.yaml");
    let report = load(
        &Request {
            file: Some(file),
            ..Request::default()
        },
        &Environment::default(),
    );
    assert!(
        report.problems.is_empty() && report.warnings.is_empty(),
        "{} {:?}",
        problems(&report),
        report.warnings
    );
    assert_eq!(report.profiles, ["mysql"]);
    // It says what the defaults are, so it changes nothing.
    let defaults = load(
        &Request {
            purpose: Purpose::Standalone,
            ..Request::default()
        },
        &Environment::default(),
    );
    let skip = |key: &str| key.starts_with("spring.") || key == "registry.type";
    let shown = |report: &Report| {
        report
            .settings
            .show()
            .into_iter()
            .filter(|(key, _)| !skip(key))
            .collect::<Vec<_>>()
    };
    assert_eq!(shown(&report), shown(&defaults));
    assert_eq!(
        report.settings.master.balancer,
        Balancer::DynamicWeightedRoundRobin
    );
}
