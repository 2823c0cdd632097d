//! An ephemeral node of this session, known by its row id: a row of the same key but another id is another node.

use super::queries;
use super::session::Session;
use super::tables::EPHEMERAL;
use crate::error::Error;
use crate::node::{EphemeralNode, NodeBackend};
use async_trait::async_trait;
use std::sync::Arc;

struct OwnNode {
    session: Arc<Session>,
    id: i64,
    path: String,
}

pub(super) fn own(session: &Arc<Session>, id: i64, path: &str) -> EphemeralNode {
    EphemeralNode::new(
        path,
        Arc::new(OwnNode {
            session: Arc::clone(session),
            id,
            path: path.to_owned(),
        }),
    )
}

#[async_trait]
impl NodeBackend for OwnNode {
    async fn update(&self, data: &str) -> Result<(), Error> {
        let (id, key, data) = (self.id, self.path.clone(), data.to_owned());
        let work = &self.session.work;
        let written = self
            .session
            .run(work, "update", &self.path, move |connection, author| {
                queries::write_own(connection, author, id, &key, Some(&data))
            });
        written.await
    }

    async fn renew(&self) -> Result<(), Error> {
        let (id, key) = (self.id, self.path.clone());
        let pulse = &self.session.pulse;
        let written = self
            .session
            .run(pulse, "renew", &self.path, move |connection, author| {
                queries::write_own(connection, author, id, &key, None)
            });
        written.await
    }

    async fn delete(&self) -> Result<(), Error> {
        let keys = [self.path.clone()];
        let work = &self.session.work;
        let deleted = self
            .session
            .run(work, "delete", &self.path, move |connection, author| {
                queries::delete_owned(connection, author, author.client_id, &keys)
            });
        deleted.await.map(|_paths| ())
    }

    async fn is_owned(&self) -> Result<bool, Error> {
        let (id, key) = (self.id, self.path.clone());
        let work = &self.session.work;
        let found = self
            .session
            .run(work, "check", &self.path, move |connection, author| {
                let row = queries::find(connection, &key)?;
                Ok(row.is_some_and(|row| {
                    row.id == id && row.client_id == author.client_id && row.data_type == EPHEMERAL
                }))
            });
        found.await
    }
}
