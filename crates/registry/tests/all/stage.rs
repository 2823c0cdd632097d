//! Where the contract is played: one kind of registry, and how to connect to it.

use orca_registry::{
    MemberEvent, MemberWatch, MysqlSettings, Registry, RegistrySettings, Secret, SqliteSettings,
    ZookeeperSettings, connect,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Nothing in these tests takes this long unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Sqlite(PathBuf),
    Mysql(String),
    Zookeeper(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) kind: Kind,
    pub(crate) session_timeout: Duration,
}

impl Stage {
    pub(crate) fn settings(&self) -> RegistrySettings {
        match &self.kind {
            Kind::Sqlite(path) => RegistrySettings::EmbeddedSqlite(SqliteSettings {
                session_timeout: self.session_timeout,
                heartbeat_refresh_interval: self.session_timeout / 8,
                poll_interval: Duration::from_millis(50),
                ..SqliteSettings::new(path)
            }),
            Kind::Mysql(url) => RegistrySettings::EmbeddedMysql(MysqlSettings {
                session_timeout: self.session_timeout,
                heartbeat_refresh_interval: self.session_timeout / 8,
                poll_interval: Duration::from_millis(100),
                ..MysqlSettings::new(Secret::new(url.clone()), "test")
            }),
            Kind::Zookeeper(connect_string) => RegistrySettings::Zookeeper(ZookeeperSettings {
                connect_string: connect_string.clone(),
                session_timeout: self.session_timeout,
                ..ZookeeperSettings::default()
            }),
        }
    }

    pub(crate) async fn connect(&self) -> Arc<dyn Registry> {
        connect(&self.settings()).await.unwrap()
    }

    /// For the command line of a child process.
    pub(crate) fn to_text(&self) -> String {
        let (kind, target) = match &self.kind {
            Kind::Sqlite(path) => ("sqlite", path.display().to_string()),
            Kind::Mysql(url) => ("mysql", url.clone()),
            Kind::Zookeeper(connect_string) => ("zookeeper", connect_string.clone()),
        };
        format!("{kind} {} {target}", self.session_timeout.as_millis())
    }

    pub(crate) fn from_text(text: &str) -> Self {
        let mut parts = text.splitn(3, ' ');
        let (kind, ms, target) = (
            parts.next().unwrap(),
            parts.next().unwrap(),
            parts.next().unwrap(),
        );
        let kind = match kind {
            "sqlite" => Kind::Sqlite(target.into()),
            "mysql" => Kind::Mysql(target.to_owned()),
            _ => Kind::Zookeeper(target.to_owned()),
        };
        Self {
            kind,
            session_timeout: Duration::from_millis(ms.parse().unwrap()),
        }
    }
}

/// Waits for a condition, with the reason in the failure.
pub(crate) async fn until<F, Fut>(what: &str, mut holds: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let waited = tokio::time::timeout(PATIENCE, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(waited.await.is_ok(), "never came true: {what}");
}

pub(crate) async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| panic!("never happened: {what}"))
}

/// What a consumer makes of the events, checking that each one fits what was told before.
#[derive(Debug, Default)]
pub(crate) struct Picture {
    pub(crate) members: BTreeMap<String, String>,
    pub(crate) complete: bool,
}

impl Picture {
    pub(crate) fn take(&mut self, event: &MemberEvent) {
        match event {
            MemberEvent::Added { name, data } => {
                let before = self.members.insert(name.clone(), data.clone());
                assert_eq!(before, None, "{name} was added twice");
            }
            MemberEvent::Updated { name, data, previous } => {
                let before = self.members.insert(name.clone(), data.clone());
                assert_eq!(
                    before.as_ref(),
                    Some(previous),
                    "{name} was another before its update"
                );
            }
            MemberEvent::Removed { name, last_data } => {
                let before = self.members.remove(name);
                assert_eq!(
                    before.as_ref(),
                    Some(last_data),
                    "{name} was another before its removal"
                );
            }
            MemberEvent::Resynced => self.complete = true,
        }
    }

    pub(crate) async fn follow_until(
        &mut self,
        watch: &mut MemberWatch,
        what: &str,
        mut holds: impl FnMut(&Self) -> bool,
    ) {
        within(what, async {
            while !holds(self) {
                let event = watch.next().await.expect("the session lives");
                self.take(&event);
            }
        })
        .await;
    }
}

/// The next event that says something about a member.
pub(crate) async fn next_change(watch: &mut MemberWatch) -> MemberEvent {
    within("a member event", async {
        loop {
            match watch.next().await.expect("the session lives") {
                MemberEvent::Resynced => {}
                event => return event,
            }
        }
    })
    .await
}
