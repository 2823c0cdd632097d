//! The registry in four tables, shaped as those of the JDBC registry of DolphinScheduler.
//!
//! On SQLite it has a file of its own and serves the processes of one machine. On MySQL it shares the main database with Java peers and keeps
//! their rules: rows, events, heartbeats and purges are such that a Java `JdbcRegistryServer` reads them.

mod connection;
mod judge;
mod locks;
mod members;
mod nodes;
mod queries;
mod session;
mod tables;
mod watch;

use crate::error::Error;
use crate::lease::{Lease, LeaseKeeper};
use crate::lock::LockGuard;
use crate::member::MemberWatch;
use crate::node::EphemeralNode;
use crate::registry::{Registry, SessionId, SessionState};
use crate::settings::{MysqlSettings, SqliteSettings};
use crate::{paths, renewal};
use async_trait::async_trait;
use connection::{Target, Worker};
use members::Members;
use session::Session;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Handle;

pub(crate) struct EmbeddedRegistry {
    session: Arc<Session>,
}

pub(crate) async fn connect_sqlite(settings: &SqliteSettings) -> Result<EmbeddedRegistry, Error> {
    let target = settings.path.display().to_string();
    if let Some(folder) = settings
        .path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder).map_err(|error| Error::Refused {
            operation: "create folder",
            path: folder.display().to_string(),
            reason: error.to_string(),
        })?;
    }
    let session = Session {
        members: Some(Members::beside(&settings.path)),
        ..new_session(
            Target::Sqlite(settings.path.clone()),
            settings.session_timeout,
            settings.heartbeat_refresh_interval,
            settings.poll_interval,
        )?
    };
    start(
        session,
        &format!("orca_{}", std::process::id()),
        target,
        "registry.path",
    )
    .await
}

pub(crate) async fn connect_mysql(settings: &MysqlSettings) -> Result<EmbeddedRegistry, Error> {
    let session = Session {
        utc_offset_seconds: settings.utc_offset_seconds,
        ..new_session(
            Target::Mysql(settings.url.clone()),
            settings.session_timeout,
            settings.heartbeat_refresh_interval,
            settings.poll_interval,
        )?
    };
    start(
        session,
        &settings.client_name,
        "the MySQL database".to_owned(),
        "registry.url",
    )
    .await
}

fn new_session(
    target: Target,
    timeout: Duration,
    refresh_interval: Duration,
    poll_interval: Duration,
) -> Result<Session, Error> {
    let (keeper, lease) = LeaseKeeper::new();
    // Any number nobody else has; below 2^53, so that JSON readers keep it whole.
    let (high, _low) = uuid::Uuid::new_v4().as_u64_pair();
    let id = i64::try_from(high >> 11).unwrap_or(i64::MAX).max(1);
    Ok(Session {
        id: SessionId(id),
        timeout,
        refresh_interval,
        poll_interval,
        utc_offset_seconds: 0,
        state: tokio::sync::watch::Sender::new(SessionState::Connected),
        lease,
        keeper: Arc::new(keeper),
        lease_started: AtomicBool::new(false),
        runtime: Handle::current(),
        pulse: Worker::start("registry-pulse", target.clone(), timeout)?,
        work: Worker::start("registry-work", target, timeout)?,
        members: None,
        membership: Mutex::new(None),
        tasks: Mutex::default(),
    })
}

async fn start(
    session: Session,
    name: &str,
    target: String,
    key: &'static str,
) -> Result<EmbeddedRegistry, Error> {
    if let Some(members) = &session.members {
        *session::locked(&session.membership) = Some(members.join(session.id.0)?);
    }
    let session = Arc::new(session);
    let (name, config) = (name.to_owned(), judge::config_of(session.timeout));
    let registered = session
        .run(&session.work, "register", "session", move |connection, author| {
            queries::register(connection, author, &name, &config)?;
            queries::remove_orphans(connection, author).map(|_removed| ())
        })
        .await;
    if let Err(error) = registered {
        if let Some(membership) = session::locked(&session.membership).take() {
            membership.leave();
        }
        let waited_ms = u64::try_from(session.timeout.as_millis()).unwrap_or(u64::MAX);
        return Err(Error::NotConnected {
            target,
            key,
            waited_ms,
            reason: error.to_string(),
        });
    }
    session.spawn(session::pulse(Arc::clone(&session)));
    let registry = EmbeddedRegistry { session };
    for path in paths::ROOTS {
        if !registry.exists(path).await? {
            registry.put_persistent(path, "").await?;
        }
    }
    Ok(registry)
}

#[async_trait]
impl Registry for EmbeddedRegistry {
    fn session_id(&self) -> SessionId {
        self.session.id
    }

    fn session_timeout(&self) -> Duration {
        self.session.timeout
    }

    fn session(&self) -> tokio::sync::watch::Receiver<SessionState> {
        self.session.state.subscribe()
    }

    fn lease(&self) -> Lease {
        self.session.lease.clone()
    }

    async fn start_lease(&self, node: &EphemeralNode) -> Result<Lease, Error> {
        let session = &self.session;
        renewal::start(node, &session.keeper, &session.lease_started, session.timeout).await?;
        session.spawn(renewal::keep(
            node.clone(),
            Arc::clone(&session.keeper),
            session.timeout,
        ));
        Ok(self.lease())
    }

    async fn get(&self, path: &str) -> Result<Option<String>, Error> {
        paths::check("get", path)?;
        let key = path.to_owned();
        let row = self
            .session
            .run(&self.session.work, "get", path, move |connection, _| {
                queries::find(connection, &key)
            })
            .await?;
        Ok(row.map(|row| row.data_value))
    }

    async fn exists(&self, path: &str) -> Result<bool, Error> {
        Ok(self.get(path).await?.is_some())
    }

    async fn children(&self, path: &str) -> Result<Vec<String>, Error> {
        paths::check("children", path)?;
        let dir = path.to_owned();
        let rows = self
            .session
            .run(&self.session.work, "children", path, move |connection, _| {
                queries::below(connection, &dir)
            })
            .await?;
        // A key below a child makes the child a name even without a row of its own.
        let names: BTreeSet<String> = rows
            .iter()
            .filter_map(|row| {
                row.data_key
                    .strip_prefix(path)?
                    .strip_prefix('/')?
                    .split('/')
                    .next()
            })
            .map(str::to_owned)
            .collect();
        Ok(names.into_iter().collect())
    }

    async fn put_persistent(&self, path: &str, data: &str) -> Result<(), Error> {
        paths::check("put", path)?;
        paths::check_data("put", path, data)?;
        let (key, data) = (path.to_owned(), data.to_owned());
        self.session
            .run(&self.session.work, "put", path, move |connection, author| {
                queries::put_persistent(connection, author, &key, &data)
            })
            .await
    }

    async fn delete(&self, path: &str) -> Result<(), Error> {
        paths::check("delete", path)?;
        let key = path.to_owned();
        self.session
            .run(&self.session.work, "delete", path, move |connection, author| {
                queries::delete_tree(connection, author, &key)
            })
            .await
    }

    async fn create_ephemeral(&self, path: &str, data: &str) -> Result<EphemeralNode, Error> {
        paths::check("create", path)?;
        paths::check_data("create", path, data)?;
        let (key, data) = (path.to_owned(), data.to_owned());
        let id = self
            .session
            .run(&self.session.work, "create", path, move |connection, author| {
                queries::create_ephemeral(connection, author, &key, &data)
            })
            .await?;
        Ok(nodes::own(&self.session, id, path))
    }

    async fn create_ephemeral_sequential(
        &self,
        dir: &str,
        prefix: &str,
        data: &str,
    ) -> Result<EphemeralNode, Error> {
        let start = format!("{dir}/{prefix}");
        // Room for the provisional name, which is longer than the final one.
        paths::check("create", &format!("{start}{:032}", 0))?;
        paths::check_data("create", dir, data)?;
        let data = data.to_owned();
        let (id, path) = self
            .session
            .run(&self.session.work, "create", dir, move |connection, author| {
                let unique = uuid::Uuid::new_v4().simple().to_string();
                queries::create_sequential(connection, author, &start, &data, &unique)
            })
            .await?;
        Ok(nodes::own(&self.session, id, &path))
    }

    async fn watch_children(&self, dir: &str) -> Result<MemberWatch, Error> {
        paths::check("watch", dir)?;
        watch::start(&self.session, dir, watch::Target::Children)
    }

    async fn watch_path(&self, path: &str) -> Result<MemberWatch, Error> {
        paths::check("watch", path)?;
        watch::start(&self.session, path, watch::Target::Node)
    }

    async fn lock(&self, path: &str, within: Option<Duration>) -> Result<LockGuard, Error> {
        paths::check("lock", path)?;
        locks::acquire(&self.session, path, within).await
    }

    async fn delete_owned(&self, owner: SessionId, paths: &[String]) -> Result<Vec<String>, Error> {
        for path in paths {
            crate::paths::check("delete", path)?;
        }
        let keys = paths.to_vec();
        self.session
            .run(
                &self.session.work,
                "delete",
                &paths.join(", "),
                move |connection, author| queries::delete_owned(connection, author, owner.0, &keys),
            )
            .await
    }

    async fn close(&self) {
        self.session.close().await;
    }
}

impl fmt::Debug for EmbeddedRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedRegistry")
            .field("session", &self.session.id)
            .finish_non_exhaustive()
    }
}

impl Drop for EmbeddedRegistry {
    fn drop(&mut self) {
        self.session.abandon();
    }
}
