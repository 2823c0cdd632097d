//! Where the registry is and how to talk to it. The keys are the Java master's.

use crate::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Which registry, with its settings (`registry.type`).
#[derive(Clone, Debug)]
pub enum RegistrySettings {
    /// `zookeeper`
    Zookeeper(ZookeeperSettings),
    /// Embedded, for the processes of one machine.
    EmbeddedSqlite(SqliteSettings),
    /// `jdbc`, on MySQL or MariaDB, beside Java peers.
    EmbeddedMysql(MysqlSettings),
}

/// `registry.zookeeper.*`
#[derive(Clone, Debug)]
pub struct ZookeeperSettings {
    /// `host:port,host:port`, with an optional `/chroot`, which must exist.
    pub connect_string: String,
    /// Top node of everything, without the leading slash.
    pub namespace: String,
    /// Asked for; the server may grant less or more.
    pub session_timeout: Duration,
    /// A connection that has been silent this long is given up for another one; sooner where the lease needs it (`limits::CONNECTION_SILENCE_PER_SESSION`).
    pub connection_timeout: Duration,
    /// How long `connect` tries.
    pub block_until_connected: Duration,
    pub retry_policy: RetryPolicy,
    /// `user:password`. With it every node is readable by its creator's user only.
    pub digest: Option<Secret>,
}

/// `registry.zookeeper.retry-policy.*`: for operations that a lost connection interrupted.
#[derive(Clone, Copy, Debug)]
pub struct RetryPolicy {
    pub base_sleep_time: Duration,
    pub max_sleep: Duration,
    pub max_retries: u32,
}

/// The embedded registry in a file of its own.
#[derive(Clone, Debug)]
pub struct SqliteSettings {
    /// The database; member lock files go into `<path>.members/` beside it.
    pub path: PathBuf,
    /// After this much silence a member that still runs (frozen, say) is removed. One whose process has ended is removed within a poll interval.
    pub session_timeout: Duration,
    pub heartbeat_refresh_interval: Duration,
    /// How often changes are looked for.
    pub poll_interval: Duration,
}

/// The JDBC registry in the main database (`registry.type: jdbc`).
#[derive(Clone, Debug)]
pub struct MysqlSettings {
    /// `mysql://user:password@host:port/database`
    pub url: Secret,
    /// `registry.jdbc-registry-client-name`
    pub client_name: String,
    /// `registry.session-timeout`
    pub session_timeout: Duration,
    /// `registry.heartbeat-refresh-interval`, also how often changes are looked for.
    pub heartbeat_refresh_interval: Duration,
    /// How often changes are looked for. Java polls at the heartbeat interval; Orca looks more often.
    pub poll_interval: Duration,
    /// Offset from UTC of the times Java peers write, because they purge by the `create_time` of rows.
    pub utc_offset_seconds: i32,
}

/// Text that must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Default for ZookeeperSettings {
    fn default() -> Self {
        Self {
            connect_string: "localhost:2181".to_owned(),
            namespace: "dolphinscheduler".to_owned(),
            session_timeout: Duration::from_secs(60),
            connection_timeout: Duration::from_secs(15),
            block_until_connected: Duration::from_secs(15),
            retry_policy: RetryPolicy::default(),
            digest: None,
        }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            base_sleep_time: Duration::from_secs(1),
            max_sleep: Duration::from_secs(3),
            max_retries: 5,
        }
    }
}

impl SqliteSettings {
    /// With a session time-out of a few seconds.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            session_timeout: Duration::from_secs(5),
            heartbeat_refresh_interval: Duration::from_millis(500),
            poll_interval: Duration::from_millis(100),
        }
    }
}

impl MysqlSettings {
    /// With the time-outs of `JdbcRegistryProperties`.
    pub fn new(url: Secret, client_name: impl Into<String>) -> Self {
        Self {
            url,
            client_name: client_name.into(),
            session_timeout: Duration::from_secs(60),
            heartbeat_refresh_interval: Duration::from_secs(3),
            poll_interval: Duration::from_millis(500),
            utc_offset_seconds: 0,
        }
    }
}

impl RegistrySettings {
    /// Checks what can be checked without a server.
    pub fn validate(&self) -> Result<(), Error> {
        match self {
            Self::Zookeeper(settings) => settings.validate(),
            Self::EmbeddedSqlite(settings) => check_session(
                settings.session_timeout,
                settings.heartbeat_refresh_interval,
                settings.poll_interval,
            ),
            Self::EmbeddedMysql(settings) => {
                if !settings.url.reveal().starts_with("mysql://") {
                    return Err(problem(
                        "registry.url",
                        "must look like mysql://user:password@host:port/database",
                    ));
                }
                check_session(
                    settings.session_timeout,
                    settings.heartbeat_refresh_interval,
                    settings.poll_interval,
                )
            }
        }
    }
}

impl ZookeeperSettings {
    fn validate(&self) -> Result<(), Error> {
        if self.connect_string.trim().is_empty() {
            return Err(problem(
                "registry.zookeeper.connect-string",
                "must name at least one host:port",
            ));
        }
        let parts_are_names = self
            .namespace
            .split('/')
            .all(|part| !matches!(part, "" | "." | ".."));
        if !parts_are_names {
            return Err(problem(
                "registry.zookeeper.namespace",
                "must be a name like dolphinscheduler, without a slash at either end",
            ));
        }
        for (key, value) in [
            ("registry.zookeeper.session-timeout", self.session_timeout),
            ("registry.zookeeper.connection-timeout", self.connection_timeout),
            (
                "registry.zookeeper.block-until-connected",
                self.block_until_connected,
            ),
        ] {
            if value.is_zero() {
                return Err(problem(key, "must be above zero"));
            }
        }
        if self
            .digest
            .as_ref()
            .is_some_and(|digest| !digest.reveal().contains(':'))
        {
            return Err(problem(
                "registry.zookeeper.digest",
                "must look like user:password",
            ));
        }
        Ok(())
    }
}

/// `JdbcRegistryProperties` asks for three heartbeats per session.
fn check_session(session: Duration, refresh: Duration, poll: Duration) -> Result<(), Error> {
    if refresh.is_zero() {
        return Err(problem(
            "registry.heartbeat-refresh-interval",
            "must be above zero",
        ));
    }
    if poll.is_zero() {
        return Err(problem("registry.poll-interval", "must be above zero"));
    }
    if session < refresh * 3 {
        return Err(problem(
            "registry.session-timeout",
            "must be at least three times registry.heartbeat-refresh-interval",
        ));
    }
    Ok(())
}

fn problem(key: &'static str, problem: &str) -> Error {
    Error::Settings {
        key,
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_never_printed() {
        let zookeeper = ZookeeperSettings {
            digest: Some(Secret::new("admin:hunter2")),
            ..ZookeeperSettings::default()
        };
        let mysql = MysqlSettings::new(Secret::new("mysql://root:hunter2@h/db"), "m");
        for settings in [
            RegistrySettings::Zookeeper(zookeeper),
            RegistrySettings::EmbeddedMysql(mysql),
        ] {
            let printed = format!("{settings:?}");
            assert!(
                !printed.contains("hunter2") && printed.contains("***"),
                "{printed}"
            );
        }
    }

    #[test]
    fn each_bad_setting_names_its_key() {
        let good = ZookeeperSettings::default();
        let bad = [
            (
                "connect-string",
                ZookeeperSettings {
                    connect_string: " ".into(),
                    ..good.clone()
                },
            ),
            (
                "namespace",
                ZookeeperSettings {
                    namespace: "/ds".into(),
                    ..good.clone()
                },
            ),
            (
                "session-timeout",
                ZookeeperSettings {
                    session_timeout: Duration::ZERO,
                    ..good.clone()
                },
            ),
            (
                "digest",
                ZookeeperSettings {
                    digest: Some(Secret::new("nobody")),
                    ..good.clone()
                },
            ),
        ];
        for (key, settings) in bad {
            let error = RegistrySettings::Zookeeper(settings)
                .validate()
                .unwrap_err()
                .to_string();
            assert!(error.contains(key), "{error}");
        }
        assert!(RegistrySettings::Zookeeper(good).validate().is_ok());
        let mut sqlite = SqliteSettings::new("/tmp/x");
        sqlite.session_timeout = sqlite.heartbeat_refresh_interval;
        assert!(RegistrySettings::EmbeddedSqlite(sqlite).validate().is_err());
    }
}
