//! The registry on ZooKeeper, beside Java peers.
//!
//! Three habits of the client library shape this module. A request made while the connection is down waits in the client until the connection is back, so every
//! call here has a deadline of its own, and a request we gave up may still be carried out later. One-shot watches are set again by the client after a
//! reconnection and the server then delivers what was missed. And the session ends when the last clone of the client is dropped, so
//! [`Session`] alone owns one and lends it for the length of a call.

mod connect;
mod endpoints;
mod locks;
mod nodes;
mod session;
mod watch;

use crate::error::Error;
use crate::lease::Lease;
use crate::lock::LockGuard;
use crate::member::MemberWatch;
use crate::node::EphemeralNode;
use crate::registry::{Registry, SessionId, SessionState};
use crate::{paths, renewal};
use async_trait::async_trait;
pub(crate) use connect::connect;
use session::Session;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use zookeeper_client as zk;

pub(crate) struct ZookeeperRegistry {
    session: Arc<Session>,
}

#[async_trait]
impl Registry for ZookeeperRegistry {
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
        match self
            .session
            .call(|client| async move { client.get_data(path).await })
            .await
        {
            Ok((data, _stat)) => Ok(Some(session::text(data))),
            Err(zk::Error::NoNode) => Ok(None),
            Err(error) => Err(session::translate("get", path, &error)),
        }
    }

    async fn exists(&self, path: &str) -> Result<bool, Error> {
        paths::check("exists", path)?;
        let stat = self
            .session
            .call(|client| async move { client.check_stat(path).await })
            .await;
        stat.map(|stat| stat.is_some())
            .map_err(|error| session::translate("exists", path, &error))
    }

    async fn children(&self, path: &str) -> Result<Vec<String>, Error> {
        paths::check("children", path)?;
        match self
            .session
            .call(|client| async move { client.list_children(path).await })
            .await
        {
            Ok(mut names) => {
                names.sort_unstable();
                Ok(names)
            }
            Err(zk::Error::NoNode) => Ok(Vec::new()),
            Err(error) => Err(session::translate("children", path, &error)),
        }
    }

    async fn put_persistent(&self, path: &str, data: &str) -> Result<(), Error> {
        paths::check("put", path)?;
        paths::check_data("put", path, data)?;
        nodes::put_persistent(&self.session, path, data).await
    }

    async fn delete(&self, path: &str) -> Result<(), Error> {
        paths::check("delete", path)?;
        nodes::delete_tree(&self.session, path).await
    }

    async fn create_ephemeral(&self, path: &str, data: &str) -> Result<EphemeralNode, Error> {
        paths::check("create", path)?;
        paths::check_data("create", path, data)?;
        nodes::create_ephemeral(&self.session, path, data).await
    }

    async fn create_ephemeral_sequential(
        &self,
        dir: &str,
        prefix: &str,
        data: &str,
    ) -> Result<EphemeralNode, Error> {
        paths::check("create", &format!("{dir}/{prefix}0000000000"))?;
        paths::check_data("create", dir, data)?;
        nodes::create_sequential(&self.session, dir, prefix, data).await
    }

    async fn watch_children(&self, dir: &str) -> Result<MemberWatch, Error> {
        paths::check("watch", dir)?;
        watch::children(&self.session, dir)
    }

    async fn watch_path(&self, path: &str) -> Result<MemberWatch, Error> {
        paths::check("watch", path)?;
        watch::node(&self.session, path)
    }

    async fn lock(&self, path: &str, within: Option<Duration>) -> Result<LockGuard, Error> {
        paths::check("lock", path)?;
        locks::acquire(&self.session, path, within).await
    }

    async fn delete_owned(&self, owner: SessionId, paths: &[String]) -> Result<Vec<String>, Error> {
        for path in paths {
            crate::paths::check("delete", path)?;
        }
        nodes::delete_owned(&self.session, owner, paths).await
    }

    async fn close(&self) {
        self.session.close().await;
    }
}

impl fmt::Debug for ZookeeperRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZookeeperRegistry")
            .field("session", &self.session.id)
            .finish_non_exhaustive()
    }
}

/// A registry that is dropped without `close` ends its session too: its tasks must not keep it alive.
impl Drop for ZookeeperRegistry {
    fn drop(&mut self) {
        self.session.abandon();
    }
}
