//! The configuration as a whole: which layer wins, what is reported, what is never shown.

#![allow(clippy::unwrap_used)]

use super::sections::master::Balancer;
use super::*;
use std::time::Duration;
use tempfile::TempDir;

/// A folder with a configuration file, and the other places settings come from.
struct Setup {
    folder: TempDir,
    variables: Vec<(&'static str, &'static str)>,
    properties: Vec<(&'static str, &'static str)>,
}

impl Setup {
    fn new(yaml: &str) -> Self {
        let setup = Self {
            folder: TempDir::new().unwrap(),
            variables: Vec::new(),
            properties: Vec::new(),
        };
        setup.file("application.yaml", yaml);
        setup
    }

    fn file(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).unwrap();
    }

    fn variables(mut self, variables: &[(&'static str, &'static str)]) -> Self {
        self.variables.extend(variables);
        self
    }

    fn properties(mut self, properties: &[(&'static str, &'static str)]) -> Self {
        self.properties.extend(properties);
        self
    }

    fn load(&self) -> Report {
        let request = Request {
            file: Some(self.folder.path().join("application.yaml")),
            properties: self
                .properties
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            purpose: Purpose::Cluster,
        };
        load(&request, &Environment::from_iter(self.variables.iter().copied()))
    }
}

fn problems(report: &Report) -> String {
    report
        .problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

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
fn a_wrong_type_names_file_key_value_and_what_is_expected() {
    let cases = [
        (
            "master: {listen-port: abc}",
            "master.listen-port: \"abc\" is not a port from 1 to 65535",
        ),
        (
            "master: {listen-port: 70000}",
            "master.listen-port: \"70000\" is not a port",
        ),
        (
            "master: {max-heartbeat-interval: soon}",
            "master.max-heartbeat-interval: \"soon\" is not a duration like 10s",
        ),
        (
            "master: {max-heartbeat-interval: [1, 2]}",
            "master.max-heartbeat-interval: \"[1, 2]\" is not a duration",
        ),
        (
            "registry: {type: etcd}",
            "registry.type: \"etcd\" is not zookeeper, jdbc or embedded",
        ),
        (
            "master: {server-load-protection: {enabled: maybe}}",
            "master.server-load-protection.enabled: \"maybe\" is not true or false",
        ),
        (
            "worker: {host-weight: 1.5}",
            "worker.host-weight: \"1.5\" is not a whole number",
        ),
        (
            "master:\n  server-load-protection: 5\n",
            "master.server-load-protection: has keys below it",
        ),
    ];
    for (yaml, expected) in cases {
        let setup = Setup::new(yaml);
        let report = setup.load();
        let file = setup.folder.path().join("application.yaml").display().to_string();
        assert_eq!(report.problems.len(), 1, "{yaml}: {}", problems(&report));
        assert!(
            problems(&report).starts_with(&format!("{file}: {expected}")),
            "{yaml}: {}",
            problems(&report)
        );
    }
}

#[test]
fn broken_files_are_problems() {
    let cases = [
        ("a: [1\n---\nb: 2\n", "is not YAML"),
        ("a: 1\n---\nmaster:\n\tx: 1\n", "line 4"),
        ("- a\n- b\n", "is not YAML"),
    ];
    for (yaml, expected) in cases {
        let report = Setup::new(yaml).load();
        assert!(
            problems(&report).contains(expected),
            "{yaml}: {}",
            problems(&report)
        );
    }
    let setup = Setup::new("");
    std::fs::remove_file(setup.folder.path().join("application.yaml")).unwrap();
    assert!(
        problems(&setup.load()).contains("cannot be read"),
        "{}",
        problems(&setup.load())
    );
    std::fs::write(setup.folder.path().join("application.yaml"), [0xff, 0xfe]).unwrap();
    assert!(problems(&setup.load()).contains("is not UTF-8"));
    setup.file(
        "application.yaml",
        &"#".repeat(usize::try_from(crate::limits::CONFIGURATION_LEN_MAX).unwrap() + 1),
    );
    assert!(problems(&setup.load()).contains("is longer than"));
}

#[test]
fn all_problems_come_at_once() {
    let yaml = "\
master:
  listen-port: abc
  worker-group-refresh-interval: 1s
  command-fetch-strategy: {config: {id-step: 0, fetch-size: -1}}
  server-load-protection: {max-task-instance-runtime: 30s, max-concurrent-workflow-instances: 0}
  task-dispatch-policy: {dispatch-timeout-enabled: true, max-task-dispatch-duration: 0s}
  worker-load-balancer-configuration-properties: {dynamic-weight-config-properties: {cpu-usage-weight: 31}}
  master-address: nowhere
registry: {zookeeper: {namespace: /ds, session-timeout: 0s, digest: hunter2, connect-string: 'a:b'}}
spring: {datasource: {url: 'jdbc:postgresql://h/ds'}}
worker: {physical-task-config: {task-executor-thread-size: 0}}
orca: {database: {pool-size: 1}, time-zone: Middle/Earth, log.filter: x=loud, intake: {batch-size: 0}}
";
    let report = Setup::new(yaml).load();
    let text = problems(&report);
    let keys = [
        "master.listen-port",
        "master.worker-group-refresh-interval",
        "master.command-fetch-strategy.config.id-step",
        "master.command-fetch-strategy.config.fetch-size",
        "master.server-load-protection.max-task-instance-runtime",
        "master.server-load-protection.max-concurrent-workflow-instances",
        "master.task-dispatch-policy.max-task-dispatch-duration",
        "master.worker-load-balancer-configuration-properties.dynamic-weight-config-properties",
        "master.master-address",
        "registry.zookeeper.namespace",
        "registry.zookeeper.session-timeout",
        "registry.zookeeper.digest",
        "registry.zookeeper.connect-string",
        "spring.datasource.url",
        "worker.physical-task-config.task-executor-thread-size",
        "orca.database.pool-size",
        "orca.database.commits-in-flight",
        "orca.time-zone",
        "orca.log.filter",
        "orca.intake.batch-size",
    ];
    for key in keys {
        assert!(
            report.problems.iter().any(|problem| problem.key == key),
            "{key} is missing in:\n{text}"
        );
    }
    assert_eq!(report.problems.len(), keys.len(), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let unusable = report.usable().unwrap_err().to_string();
    assert!(
        unusable.starts_with("the configuration has 20 problems:\n  "),
        "{unusable}"
    );
}

#[test]
fn unknown_keys_are_named_with_the_nearest() {
    let yaml = "\
master: {lisen-port: 1, exec-threads: 100, registry-disconnect-strategy: {strategy: waiting}}
wroker: {group: x}
completely: {different: 1}
spring: {quartz: {properties: {org.quartz.x: 1}}, datasource: {hikari: {pool-name: x}}}
management: {endpoints: {web: {exposure: {include: health}}}}
";
    let report = Setup::new(yaml).load();
    assert!(report.problems.is_empty(), "{}", problems(&report));
    let warnings = report.warnings.join("\n");
    let expected = [
        "master.lisen-port is not a known key and has no effect; did you mean master.listen-port?",
        "master.exec-threads is a key of an older release",
        "master.registry-disconnect-strategy.strategy is a key of an older release and has no effect: the lease decides",
        "wroker.group is not a known key and has no effect; did you mean worker.group?",
        "completely.different is not a known key and has no effect",
    ];
    for text in expected {
        assert!(warnings.contains(text), "{text} is missing in:\n{warnings}");
    }
    assert_eq!(report.warnings.len(), expected.len(), "{warnings}");
}

#[test]
fn variables_that_are_nearly_ours_are_named() {
    let variables = [
        ("MASTER_LISTEN_PROT", "1"),
        ("MASTER_EXEC_THREADS", "100"),
        ("MASTER_SERVICE_HOST", "10.0.0.1"),
        ("ORCA_SHARED", "x"),
        ("WORKER_TENANT_CONFIG_AUTO_CREATE_TENANT_ENABLED", "true"),
        ("SPRING_DATASOURCE_HIKARI_POOL_NAME", "x"),
        ("UNRELATED", "x"),
    ];
    let warnings = Setup::new("").variables(&variables).load().warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings
            .iter()
            .any(|text| text
                .contains("MASTER_LISTEN_PROT sets no known key; did you mean MASTER_LISTEN_PORT?")),
        "{warnings:?}"
    );
    assert!(
        warnings
            .iter()
            .any(|text| text.contains("MASTER_EXEC_THREADS sets a key of an older release")),
        "{warnings:?}"
    );
}

#[test]
fn secrets_are_never_shown() {
    let yaml = "spring: {datasource: {password: hunter2, url: 'jdbc:mysql://h/ds?password=hunter2'}}\nregistry: {zookeeper: {digest: 'me:hunter2'}}\npasword: hunter2\n";
    let report = Setup::new(yaml)
        .properties(&[("registry.zookeper.digest", "hunter2:x")])
        .load();
    let shown = format!("{:?} {:?} {report:?}", report.settings.show(), report.warnings);
    assert!(!shown.contains("hunter2"), "{shown}");
    assert!(shown.contains("******"));
    let list = Setup::new("spring: {datasource: {password: [hunter2]}}").load();
    assert_eq!(
        problems(&list).matches("******").count(),
        1,
        "{}",
        problems(&list)
    );
    assert!(!problems(&list).contains("hunter2"));
}

#[test]
fn tasks_do_not_get_credentials() {
    let names = Settings::secret_variables();
    for name in [
        "SPRING_DATASOURCE_URL",
        "SPRING_DATASOURCE_USERNAME",
        "SPRING_DATASOURCE_PASSWORD",
        "REGISTRY_ZOOKEEPER_DIGEST",
    ] {
        assert!(
            names.iter().any(|known| known == name),
            "{name} is missing in {names:?}"
        );
    }
    assert!(!names.iter().any(|name| name == "MASTER_LISTEN_PORT"));
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
