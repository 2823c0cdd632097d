//! Where the registry is: who is alive, who holds which lock.

use super::above_zero;
use crate::config::section::{Checks, section};
use crate::config::value::{Secret, choice};
use std::path::PathBuf;
use std::time::Duration;

choice! {
    /// `registry.type`
    RegistryType, "zookeeper, jdbc or embedded", { Zookeeper => "zookeeper", Jdbc => "jdbc", Embedded => "embedded" }
}

section! {
    /// Which registry the cluster has. `jdbc` uses tables of the main database, beside Java peers; `embedded` a file on this machine.
    pub(crate) struct RegistryChoice {
        /// `zookeeper`, `jdbc` or, for the processes of one machine, `embedded`. `orca standalone` uses `embedded` when nothing is set.
        "type" => kind: RegistryType = RegistryType::Zookeeper;
        /// `jdbc`: after this much silence a member counts as dead. At least three times the heartbeat interval.
        "session-timeout" => session_timeout: Duration = Duration::from_secs(60);
        /// `jdbc`: how often a member shows that it lives.
        "heartbeat-refresh-interval" => heartbeat_refresh_interval: Duration = Duration::from_secs(3);
        /// `jdbc`: the name of this member in the table of members. Without it: host and `server.port`.
        "jdbc-registry-client-name" => client_name: Option<String> = None;
    }
}

section! {
    /// The ZooKeeper ensemble.
    pub(crate) struct Zookeeper {
        /// Top node of the cluster, without slashes at its ends.
        "namespace" => namespace: String = "dolphinscheduler".to_owned();
        /// `host:port,host:port`, with an optional `/chroot` that exists.
        "connect-string" => connect_string: String = "localhost:2181".to_owned();
        /// Asked for; the server may grant less or more. A third of what it grants bounds how long a frozen master can hold others up.
        "session-timeout" => session_timeout: Duration = Duration::from_secs(60);
        /// A server that is silent for so long is given up for another one.
        "connection-timeout" => connection_timeout: Duration = Duration::from_secs(15);
        /// How long one attempt to connect may take at the start; `orca.registry.startup-timeout` bounds all of them.
        "block-until-connected" => block_until_connected: Duration = Duration::from_secs(15);
        /// `user:password`. With it every node is readable for that user only; all servers of the cluster must have the same.
        "digest" => digest: Option<Secret> = None;
        /// First pause before an interrupted operation is tried again; later ones are longer.
        "retry-policy.base-sleep-time" => retry_base_sleep_time: Duration = Duration::from_secs(1);
        /// Longest such pause.
        "retry-policy.max-sleep" => retry_max_sleep: Duration = Duration::from_secs(3);
        /// How often it is tried again.
        "retry-policy.max-retries" => retry_max_retries: u32 = 5;
    }
}

section! {
    /// The embedded registry, and what all registries have in common.
    pub(crate) struct OrcaRegistry {
        /// `embedded`: the file. Without it: `registry.db` in `orca.data-directory`. All processes of one cluster name the same file.
        "path" => path: Option<PathBuf> = None;
        /// `embedded`: after this much silence a member that still runs (a frozen one) counts as dead. One that has ended is noticed at once.
        "session-timeout" => session_timeout: Duration = Duration::from_secs(5);
        /// `embedded`: how often a member shows that it lives.
        "heartbeat-refresh-interval" => heartbeat_refresh_interval: Duration = Duration::from_millis(500);
        /// `embedded`: how often changes are looked for.
        "poll-interval" => poll_interval: Duration = Duration::from_millis(100);
        /// `jdbc`: how often changes are looked for. Java looks once per heartbeat.
        "jdbc-poll-interval" => jdbc_poll_interval: Duration = Duration::from_millis(500);
        /// How long a process that starts keeps trying to reach the registry before it gives up.
        "startup-timeout" => startup_timeout: Duration = Duration::from_secs(60);
    }
}

impl RegistryChoice {
    pub(crate) fn check(&self, checks: &mut Checks<'_>) {
        if self.kind == RegistryType::Jdbc {
            let prefix = "registry";
            session(
                checks,
                prefix,
                self.session_timeout,
                self.heartbeat_refresh_interval,
            );
        }
    }
}

impl Zookeeper {
    pub(crate) fn check(&self, checks: &mut Checks<'_>) {
        let key = |name: &str| format!("registry.zookeeper.{name}");
        let is_name = self
            .namespace
            .split('/')
            .all(|part| !matches!(part, "" | "." | ".."));
        checks.that(
            is_name,
            &key("namespace"),
            "must be a name like dolphinscheduler, without a slash at either end",
        );
        let hosts = self.connect_string.split('/').next().unwrap_or_default();
        let are_hosts = hosts.split(',').all(|host| is_host_and_port(host.trim()));
        checks.that(
            are_hosts,
            &key("connect-string"),
            "must look like host:2181 or host1:2181,host2:2181/chroot",
        );
        above_zero(checks, &key("session-timeout"), self.session_timeout);
        above_zero(checks, &key("connection-timeout"), self.connection_timeout);
        above_zero(checks, &key("block-until-connected"), self.block_until_connected);
        let digest = self
            .digest
            .as_ref()
            .is_none_or(|digest| digest.reveal().contains(':'));
        checks.that(digest, &key("digest"), "must look like user:password");
    }
}

impl OrcaRegistry {
    pub(crate) fn check(&self, checks: &mut Checks<'_>) {
        session(
            checks,
            "orca.registry",
            self.session_timeout,
            self.heartbeat_refresh_interval,
        );
        above_zero(checks, "orca.registry.poll-interval", self.poll_interval);
        above_zero(
            checks,
            "orca.registry.jdbc-poll-interval",
            self.jdbc_poll_interval,
        );
    }
}

/// Three heartbeats per session (`JdbcRegistryProperties`).
fn session(checks: &mut Checks<'_>, prefix: &str, timeout: Duration, refresh: Duration) {
    above_zero(checks, &format!("{prefix}.heartbeat-refresh-interval"), refresh);
    let text = format!("must be at least three times {prefix}.heartbeat-refresh-interval");
    checks.that(
        timeout >= refresh.saturating_mul(3),
        &format!("{prefix}.session-timeout"),
        text,
    );
}

/// The port may be left out; ZooKeeper's is 2181.
fn is_host_and_port(text: &str) -> bool {
    match text.rsplit_once(':') {
        Some((host, port)) => !host.is_empty() && port.parse::<u16>().is_ok_and(|port| port > 0),
        None => !text.is_empty(),
    }
}
