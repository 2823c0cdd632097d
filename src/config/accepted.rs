//! Keys of the Java servers that Orca takes without using them, so that their files work unchanged.

use super::names::uniform;

/// Whole families of keys, by prefix, with what became of them.
pub(crate) const UNUSED: &[(&str, &str)] = &[
    (
        "spring.application",
        "the name of the application, a label of metrics",
    ),
    ("spring.autoconfigure", "Java only"),
    ("spring.banner", "Java only"),
    ("spring.cache", "Java only: definitions are always cached"),
    ("spring.cloud", "Java only"),
    ("spring.config", "read while profiles are chosen"),
    (
        "spring.datasource.driver-class-name",
        "follows from `spring.datasource.url`",
    ),
    ("spring.datasource.hikari", "Java's pool; see `orca.database`"),
    (
        "spring.jackson.date-format",
        "the format of times in messages is fixed",
    ),
    ("spring.main", "Java only"),
    ("spring.messages", "Java only"),
    ("spring.profiles", "read while profiles are chosen"),
    (
        "spring.quartz",
        "Java's scheduler; Orca does not fire schedules yet",
    ),
    (
        "scheduler-plugin",
        "Java's scheduler; Orca does not fire schedules yet",
    ),
    ("mybatis-plus", "Java only"),
    (
        "management",
        "endpoints of the Java server; those of Orca are always on",
    ),
    ("server.servlet", "Java only"),
    ("server.compression", "Java only"),
    ("server.jetty", "Java only"),
    ("logging", "see `orca.log.filter`"),
    ("springdoc", "the API server's"),
    ("security", "the API server's"),
    ("api", "the API server's"),
    ("python-gateway", "the API server's"),
    ("alert", "the alert server's"),
    ("metrics", "Java only"),
    ("audit", "the API server's"),
    ("master.logic-task-config", "logic tasks are not built yet"),
    ("worker.tenant-config", "Orca's worker runs tasks as its own user"),
    ("worker.worker-registry-path", "derived, in Java too"),
    ("master.master-registry-path", "derived, in Java too"),
    ("registry.hikari-config", "Java's pool of the jdbc registry"),
    ("resource", "resource files are not read"),
    ("remote", "logs are kept on this machine"),
    ("hadoop", "resource files are not read"),
    ("java", "Java only"),
    (
        "user",
        "Java only; `user.timezone` is read while the zone is chosen",
    ),
    ("login", "resource files are not read"),
    ("kerberos", "resource files are not read"),
    ("yarn", "Java only"),
    (
        "datasource",
        "data source passwords are passed on as they are stored",
    ),
    ("support", "Java only"),
    ("sudo", "Orca's worker runs tasks as its own user"),
    ("conda", "Java only"),
    ("task", "Java only"),
    ("ml", "Java only"),
    ("appid", "Java only"),
    ("shell", "Java only, but for `shell.kill.wait.timeout`"),
    ("aws", "resource files are not read"),
    ("alibaba", "resource files are not read"),
    ("setting", "Java only"),
    ("zeppelin", "Java only"),
    ("dev", "Java only"),
];

/// Keys that older releases had, by prefix, with what to do about them.
pub(crate) const REMOVED: &[(&str, &str)] = &[
    (
        "master.exec-threads",
        "workflows have no threads of their own any more",
    ),
    (
        "master.dispatch-task-number",
        "every ready task is dispatched at once",
    ),
    (
        "master.pre-exec-threads",
        "workflows have no threads of their own any more",
    ),
    (
        "master.host-selector",
        "use `master.worker-load-balancer-configuration-properties.type`",
    ),
    ("master.heartbeat-interval", "use `master.max-heartbeat-interval`"),
    ("master.heartbeat-error-threshold", "a lost lease ends the term"),
    (
        "master.task-commit-retry-times",
        "commits are tried again until they succeed or the lease ends",
    ),
    (
        "master.task-commit-interval",
        "commits are tried again until they succeed or the lease ends",
    ),
    ("master.state-wheel-interval", "there is no polling of states"),
    (
        "master.max-cpu-load-avg",
        "use `master.server-load-protection.max-system-cpu-usage-percentage-thresholds`",
    ),
    (
        "master.reserved-memory",
        "use `master.server-load-protection.max-system-memory-usage-percentage-thresholds`",
    ),
    (
        "master.failover-interval",
        "failover follows events of the registry",
    ),
    (
        "master.kill-application-when-handle-failover",
        "running tasks are taken over",
    ),
    (
        "master.kill-yarn-job-when-task-failover",
        "running tasks are taken over",
    ),
    ("master.registry-disconnect-strategy", "the lease decides"),
    (
        "master.fetch-command-num",
        "use `master.command-fetch-strategy.config.fetch-size`",
    ),
    (
        "master.master-async-task-executor-thread-pool-size",
        "it went with 3.3",
    ),
    (
        "master.master-sync-task-executor-thread-pool-size",
        "it went with 3.3",
    ),
    (
        "worker.exec-threads",
        "use `worker.physical-task-config.task-executor-thread-size`",
    ),
    ("worker.heartbeat-interval", "use `worker.max-heartbeat-interval`"),
    (
        "worker.tenant-auto-create",
        "Orca's worker runs tasks as its own user",
    ),
    (
        "worker.tenant-distributed-user",
        "Orca's worker runs tasks as its own user",
    ),
    (
        "worker.max-cpu-load-avg",
        "use `worker.server-load-protection.max-system-cpu-usage-percentage-thresholds`",
    ),
    (
        "worker.reserved-memory",
        "use `worker.server-load-protection.max-system-memory-usage-percentage-thresholds`",
    ),
    ("worker.groups", "use `worker.group`"),
    ("worker.alert-listen-host", "it went with 3.2"),
    ("worker.alert-listen-port", "it went with 3.2"),
    ("worker.registry-disconnect-strategy", "the session decides"),
    (
        "worker.task-execute-threads-full-policy",
        "a full worker refuses, and the master chooses another",
    ),
    (
        "registry.zookeeper.retry-policy.max-sleep-time",
        "use `registry.zookeeper.retry-policy.max-sleep`",
    ),
];

/// What `key` (in uniform form) is, when it is one of these.
pub(crate) fn find(
    uniform_key: &str,
    table: &[(&'static str, &'static str)],
) -> Option<(&'static str, &'static str)> {
    table
        .iter()
        .copied()
        .find(|(prefix, _)| is_at_or_below(uniform_key, &uniform(prefix)))
}

fn is_at_or_below(key: &str, prefix: &str) -> bool {
    key.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_end_at_a_dot() {
        assert!(find("spring.quartz.properties.org.quartz.jobstore", UNUSED).is_some());
        assert!(find("spring.quartzes", UNUSED).is_none());
        assert!(find("master.execthreads", REMOVED).is_some());
        assert!(find("master.listenport", REMOVED).is_none());
    }
}
