//! Nodes: persistent ones, our own ephemeral ones, and the conditions under which they may be written.

use super::session::{Session, is_transient, text, translate};
use crate::error::Error;
use crate::limits::{DELETE_DEPTH_MAX, RACE_ATTEMPTS_MAX};
use crate::node::{EphemeralNode, NodeBackend};
use crate::registry::SessionId;
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::Mutex;
use zookeeper_client as zk;

const GONE: &str = "the node is gone";
const FOREIGN: &str = "the node belongs to another session";

/// An ephemeral node of this session.
struct OwnNode {
    session: Arc<Session>,
    path: String,
    last: Mutex<LastWrite>,
}

struct LastWrite {
    data: String,
    /// Unknown while a write is on its way and after one without an answer.
    version: Option<i32>,
}

#[async_trait]
impl NodeBackend for OwnNode {
    async fn update(&self, data: &str) -> Result<(), Error> {
        let mut last = self.last.lock().await;
        data.clone_into(&mut last.data);
        self.write_checked(&mut last).await
    }

    async fn renew(&self) -> Result<(), Error> {
        let mut last = self.last.lock().await;
        let Some(version) = last.version.take() else {
            return self.write_checked(&mut last).await;
        };
        let (path, data) = (self.path.as_str(), last.data.as_bytes());
        let written = self
            .session
            .call(|client| async move { client.set_data(path, data, Some(version)).await })
            .await;
        match written {
            Ok(stat) => self.accept(&mut last, &stat),
            // Somebody wrote, perhaps we ourselves without hearing of it. Only the owner counts.
            Err(zk::Error::BadVersion) => self.write_checked(&mut last).await,
            Err(zk::Error::NoNode) => Err(self.not_owner(GONE)),
            Err(error) => Err(translate("renew", path, &error)),
        }
    }

    async fn delete(&self) -> Result<(), Error> {
        delete_if_own(&self.session, &self.path).await
    }

    async fn is_owned(&self) -> Result<bool, Error> {
        let stat = stat_of(&self.session, "check", &self.path).await?;
        Ok(stat.is_some_and(|stat| stat.ephemeral_owner == self.session.id.0))
    }
}

impl OwnNode {
    /// Reads the owner, then writes on the condition that the node is still the one that was read.
    async fn write_checked(&self, last: &mut LastWrite) -> Result<(), Error> {
        let path = self.path.as_str();
        for _ in 0..RACE_ATTEMPTS_MAX {
            last.version = None;
            let stat = stat_of(&self.session, "update", path)
                .await?
                .ok_or_else(|| self.not_owner(GONE))?;
            if stat.ephemeral_owner != self.session.id.0 {
                return Err(self.not_owner(FOREIGN));
            }
            let data = last.data.as_bytes();
            let written = self
                .session
                .call(|client| async move { client.set_data(path, data, Some(stat.version)).await })
                .await;
            match written {
                Ok(stat) => return self.accept(last, &stat),
                Err(zk::Error::BadVersion) => {}
                Err(zk::Error::NoNode) => return Err(self.not_owner(GONE)),
                Err(error) => return Err(translate("update", path, &error)),
            }
        }
        Err(contended("update", path))
    }

    fn accept(&self, last: &mut LastWrite, stat: &zk::Stat) -> Result<(), Error> {
        if stat.ephemeral_owner != self.session.id.0 {
            return Err(self.not_owner(FOREIGN));
        }
        last.version = Some(stat.version);
        Ok(())
    }

    fn not_owner(&self, reason: &'static str) -> Error {
        Error::NotOwner {
            path: self.path.clone(),
            reason,
        }
    }
}

pub(super) fn own(session: &Arc<Session>, path: &str, data: &str, version: Option<i32>) -> EphemeralNode {
    session.remember_node(path);
    let last = Mutex::new(LastWrite {
        data: data.to_owned(),
        version,
    });
    let node = OwnNode {
        session: Arc::clone(session),
        path: path.to_owned(),
        last,
    };
    EphemeralNode::new(path, Arc::new(node))
}

pub(super) async fn create_ephemeral(
    session: &Arc<Session>,
    path: &str,
    data: &str,
) -> Result<EphemeralNode, Error> {
    let options = zk::CreateMode::Ephemeral.with_acls(session.acls);
    for _ in 0..RACE_ATTEMPTS_MAX {
        let created = session
            .call(|client| {
                let options = options.clone();
                async move { client.create(path, data.as_bytes(), &options).await }
            })
            .await;
        match created {
            Ok((stat, _)) => return Ok(own(session, path, data, Some(stat.version))),
            Err(zk::Error::NoNode) => session.make_parent(path).await?,
            Err(zk::Error::NodeExists) => match stat_of(session, "create", path).await? {
                None => {}
                // Made by an attempt whose answer was lost, or by an earlier call.
                Some(stat) if stat.ephemeral_owner == session.id.0 => {
                    let node = own(session, path, data, None);
                    node.update(data).await?;
                    return Ok(node);
                }
                Some(stat) => remove_foreign(session, path, &stat).await?,
            },
            Err(error) => return Err(translate("create", path, &error)),
        }
    }
    Err(contended("create", path))
}

/// Deletes the very node that was looked at.
async fn remove_foreign(session: &Session, path: &str, stat: &zk::Stat) -> Result<(), Error> {
    log::warn!(
        "{path} belongs to session {:#x}, it is replaced",
        stat.ephemeral_owner
    );
    let version = stat.version;
    match session
        .call(|client| async move { client.delete(path, Some(version)).await })
        .await
    {
        Ok(()) | Err(zk::Error::NoNode | zk::Error::BadVersion) => Ok(()),
        Err(error) => Err(translate("replace", path, &error)),
    }
}

/// Not repeatable: an attempt without an answer may have made a node, which is looked for before another is made.
pub(super) async fn create_sequential(
    session: &Arc<Session>,
    dir: &str,
    prefix: &str,
    data: &str,
) -> Result<EphemeralNode, Error> {
    let options = zk::CreateMode::EphemeralSequential.with_acls(session.acls);
    let start = format!("{dir}/{prefix}");
    for _ in 0..RACE_ATTEMPTS_MAX {
        let client = session
            .client()
            .ok_or_else(|| translate("create", dir, &zk::Error::ClientClosed))?;
        let created = tokio::time::timeout(session.timeout, client.create(&start, data.as_bytes(), &options))
            .await
            .unwrap_or(Err(zk::Error::Timeout));
        match created {
            Ok((stat, sequence)) => {
                return Ok(own(
                    session,
                    &format!("{start}{sequence}"),
                    data,
                    Some(stat.version),
                ));
            }
            Err(zk::Error::NoNode) => session.make_dir(dir).await?,
            Err(error) if is_transient(&error) => {
                if let Some(path) = find_unknown_own(session, dir, prefix).await? {
                    return Ok(own(session, &path, data, None));
                }
            }
            Err(error) => return Err(translate("create", dir, &error)),
        }
    }
    Err(contended("create", dir))
}

/// A sequential node of this session that no handle knows.
async fn find_unknown_own(session: &Session, dir: &str, prefix: &str) -> Result<Option<String>, Error> {
    let listed = session
        .call(|client| async move { client.list_children(dir).await })
        .await;
    let names = match listed {
        Ok(names) => names,
        Err(zk::Error::NoNode) => return Ok(None),
        Err(error) => return Err(translate("create", dir, &error)),
    };
    for name in names.iter().filter(|name| name.starts_with(prefix)) {
        let path = format!("{dir}/{name}");
        let stat = stat_of(session, "create", &path).await?;
        if stat.is_some_and(|stat| stat.ephemeral_owner == session.id.0) && !session.has_node(&path) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

pub(super) async fn put_persistent(session: &Session, path: &str, data: &str) -> Result<(), Error> {
    let options = zk::CreateMode::Persistent.with_acls(session.acls);
    for _ in 0..RACE_ATTEMPTS_MAX {
        let created = session
            .call(|client| {
                let options = options.clone();
                async move { client.create(path, data.as_bytes(), &options).await }
            })
            .await;
        match created {
            Ok(_) => return Ok(()),
            Err(zk::Error::NoNode) => session.make_parent(path).await?,
            Err(zk::Error::NodeExists) => {
                let Some(stat) = stat_of(session, "put", path).await? else {
                    continue;
                };
                refuse_ephemeral(path, &stat)?;
                let version = stat.version;
                let written = session
                    .call(|client| async move { client.set_data(path, data.as_bytes(), Some(version)).await })
                    .await;
                match written {
                    Ok(_) => return Ok(()),
                    Err(zk::Error::BadVersion | zk::Error::NoNode) => {}
                    Err(error) => return Err(translate("put", path, &error)),
                }
            }
            Err(error) => return Err(translate("put", path, &error)),
        }
    }
    Err(contended("put", path))
}

pub(super) fn refuse_ephemeral(path: &str, stat: &zk::Stat) -> Result<(), Error> {
    if stat.ephemeral_owner == 0 {
        return Ok(());
    }
    Err(Error::Refused {
        operation: "put",
        path: path.to_owned(),
        reason: format!(
            "there is an ephemeral node of session {:#x}",
            stat.ephemeral_owner
        ),
    })
}

/// Children first. A child that comes in between starts it over.
pub(super) async fn delete_tree(session: &Session, path: &str) -> Result<(), Error> {
    for _ in 0..RACE_ATTEMPTS_MAX {
        match session
            .call(|client| async move { client.delete(path, None).await })
            .await
        {
            Ok(()) | Err(zk::Error::NoNode) => return Ok(()),
            Err(zk::Error::NotEmpty) => {
                let depth = path.split('/').count() - 1;
                if depth >= DELETE_DEPTH_MAX {
                    return Err(contended("delete", path));
                }
                let listed = session
                    .call(|client| async move { client.list_children(path).await })
                    .await;
                let names = match listed {
                    Ok(names) => names,
                    Err(zk::Error::NoNode) => return Ok(()),
                    Err(error) => return Err(translate("delete", path, &error)),
                };
                for name in names {
                    Box::pin(delete_tree(session, &format!("{path}/{name}"))).await?;
                }
            }
            Err(error) => return Err(translate("delete", path, &error)),
        }
    }
    Err(contended("delete", path))
}

pub(super) async fn delete_if_own(session: &Session, path: &str) -> Result<(), Error> {
    for _ in 0..RACE_ATTEMPTS_MAX {
        let stat = stat_of(session, "delete", path).await?;
        let Some(stat) = stat.filter(|stat| stat.ephemeral_owner == session.id.0) else {
            session.forget_node(path);
            return Ok(());
        };
        let version = stat.version;
        match session
            .call(|client| async move { client.delete(path, Some(version)).await })
            .await
        {
            Ok(()) | Err(zk::Error::NoNode) => {
                session.forget_node(path);
                return Ok(());
            }
            Err(zk::Error::BadVersion) => {}
            Err(error) => return Err(translate("delete", path, &error)),
        }
    }
    Err(contended("delete", path))
}

/// All in one transaction, so that watchers never see half of a dead process.
pub(super) async fn delete_owned(
    session: &Session,
    owner: SessionId,
    paths: &[String],
) -> Result<Vec<String>, Error> {
    for _ in 0..RACE_ATTEMPTS_MAX {
        let mut owned = Vec::new();
        for path in paths {
            let stat = stat_of(session, "delete", path).await?;
            if let Some(stat) = stat.filter(|stat| stat.ephemeral_owner == owner.0) {
                owned.push((path.clone(), stat.version));
            }
        }
        if owned.is_empty() {
            return Ok(Vec::new());
        }
        let owned_ref = &owned;
        let deleted = session
            .call(|client| async move {
                let mut writer = client.new_multi_writer();
                for (path, version) in owned_ref {
                    writer.add_delete(path, Some(*version))?;
                }
                writer.commit().await.map_err(zk::Error::from)
            })
            .await;
        match deleted {
            Ok(_) => return Ok(owned.into_iter().map(|(path, _)| path).collect()),
            Err(zk::Error::BadVersion | zk::Error::NoNode) => {}
            Err(error) => return Err(translate("delete", &paths.join(", "), &error)),
        }
    }
    Err(contended("delete", &paths.join(", ")))
}

pub(super) async fn stat_of(
    session: &Session,
    operation: &'static str,
    path: &str,
) -> Result<Option<zk::Stat>, Error> {
    let stat = session
        .call(|client| async move { client.check_stat(path).await })
        .await;
    stat.map_err(|error| translate(operation, path, &error))
}

pub(super) async fn read(
    session: &Session,
    operation: &'static str,
    path: &str,
) -> Result<Option<(String, zk::Stat)>, Error> {
    match session
        .call(|client| async move { client.get_data(path).await })
        .await
    {
        Ok((data, stat)) => Ok(Some((text(data), stat))),
        Err(zk::Error::NoNode) => Ok(None),
        Err(error) => Err(translate(operation, path, &error)),
    }
}

pub(super) fn contended(operation: &'static str, path: &str) -> Error {
    Error::Unanswered {
        operation,
        path: path.to_owned(),
        reason: "other processes changed the node all the time".to_owned(),
    }
}
