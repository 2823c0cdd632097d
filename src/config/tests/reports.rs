//! What is reported about a configuration, and what is never shown.

use super::*;

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
