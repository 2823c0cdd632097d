//! Every statement of the embedded registry. Each function is one transaction or a part of one.
//!
//! A session exists as long as its heartbeat row does, so every write that is made in the name of a session starts by touching that row: that
//! locks it, and whoever removes the session waits for us or we for them.

use super::connection::{Database, Fault, is_taken, transact};
use super::tables::{
    ClientRow, DataRow, EPHEMERAL, PERSISTENT, t_ds_jdbc_registry_client_heartbeat as client,
    t_ds_jdbc_registry_data as data, t_ds_jdbc_registry_data_change_event as event,
    t_ds_jdbc_registry_lock as lock,
};
use crate::error::Error;
use crate::limits::{CHANGE_EVENT_PURGE_MAX, MEMBERS_MAX};
use chrono::NaiveDateTime;
use diesel::prelude::*;

/// Whose name a write is made in, and the time it carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Author {
    pub(super) client_id: i64,
    /// In the zone Java peers write.
    pub(super) now: NaiveDateTime,
    pub(super) now_epoch_ms: i64,
}

/// A node that could be claimed, or not.
pub(super) enum Claim {
    Ours(i64),
    Somebody,
}

pub(super) fn register(
    connection: &mut Database,
    author: Author,
    name: &str,
    config: &str,
) -> Result<(), Fault> {
    let row = (
        client::id.eq(author.client_id),
        client::client_name.eq(name),
        client::last_heartbeat_time.eq(author.now_epoch_ms),
        client::connection_config.eq(config),
        client::create_time.eq(author.now),
    );
    diesel::insert_into(client::table)
        .values(row)
        .execute(connection)?;
    Ok(())
}

/// Refreshes the heartbeat. Fails when the session has been removed.
pub(super) fn touch_session(connection: &mut Database, author: Author) -> Result<(), Fault> {
    let ours = client::table.filter(client::id.eq(author.client_id));
    let touched = diesel::update(ours)
        .set(client::last_heartbeat_time.eq(author.now_epoch_ms))
        .execute(connection)?;
    if touched == 1 {
        return Ok(());
    }
    Err(Fault::Answer(Error::SessionLost {
        operation: "refresh",
        path: format!("session {:#x}", author.client_id),
    }))
}

pub(super) fn sessions(connection: &mut Database) -> Result<Vec<ClientRow>, Fault> {
    let rows = client::table
        .select((client::id, client::last_heartbeat_time, client::connection_config))
        .order(client::id)
        .limit(i64::try_from(MEMBERS_MAX).unwrap_or(i64::MAX))
        .load(connection)?;
    Ok(rows)
}

/// Removes a session with its nodes and locks, in one transaction. With `last_seen`, only if it has not been refreshed since.
pub(super) fn remove_session(
    connection: &mut Database,
    author: Author,
    id: i64,
    last_seen: Option<i64>,
) -> Result<bool, Fault> {
    transact(connection, |connection| {
        let row = client::table.filter(client::id.eq(id));
        let removed = match last_seen {
            Some(time) => {
                diesel::delete(row.filter(client::last_heartbeat_time.eq(time))).execute(connection)?
            }
            None => diesel::delete(row).execute(connection)?,
        };
        if removed == 0 {
            return Ok(false);
        }
        let nodes: Vec<DataRow> = data::table
            .filter(data::client_id.eq(id).and(data::data_type.eq(EPHEMERAL)))
            .load(connection)?;
        for node in &nodes {
            delete_row(connection, author, node)?;
        }
        diesel::delete(lock::table.filter(lock::client_id.eq(id))).execute(connection)?;
        Ok(true)
    })
}

/// Removes nodes and locks whose session is gone: what a Java peer left behind that stopped between two statements.
///
/// Nodes and locks are read before the sessions: a session is there before anything of it, so what has none at the second look is an orphan.
pub(super) fn remove_orphans(connection: &mut Database, author: Author) -> Result<usize, Fault> {
    transact(connection, |connection| {
        let limit = i64::try_from(MEMBERS_MAX).unwrap_or(i64::MAX);
        let nodes: Vec<DataRow> = data::table
            .filter(data::data_type.eq(EPHEMERAL))
            .limit(limit)
            .load(connection)?;
        let locks: Vec<(i64, i64)> = lock::table
            .select((lock::id, lock::client_id))
            .limit(limit)
            .load(connection)?;
        let living: Vec<i64> = client::table.select(client::id).load(connection)?;
        let mut removed = 0;
        for node in nodes.iter().filter(|node| !living.contains(&node.client_id)) {
            delete_row(connection, author, node)?;
            removed += 1;
        }
        for (id, _) in locks.iter().filter(|(_, client_id)| !living.contains(client_id)) {
            removed += diesel::delete(lock::table.filter(lock::id.eq(id))).execute(connection)?;
        }
        Ok(removed)
    })
}

pub(super) fn purge_events(connection: &mut Database, older_than: NaiveDateTime) -> Result<usize, Fault> {
    let ids: Vec<i64> = event::table
        .select(event::id)
        .filter(event::create_time.lt(older_than))
        .order(event::id)
        .limit(CHANGE_EVENT_PURGE_MAX)
        .load(connection)?;
    let Some(last) = ids.last() else { return Ok(0) };
    let old = event::table.filter(event::id.le(*last).and(event::create_time.lt(older_than)));
    Ok(diesel::delete(old).execute(connection)?)
}

pub(super) fn find(connection: &mut Database, key: &str) -> Result<Option<DataRow>, Fault> {
    Ok(data::table
        .filter(data::data_key.eq(key))
        .first(connection)
        .optional()?)
}

/// Everything below `dir`.
pub(super) fn below(connection: &mut Database, dir: &str) -> Result<Vec<DataRow>, Fault> {
    // '0' follows '/' in ASCII, so this is a range of the index on the key.
    let (from, to) = (format!("{dir}/"), format!("{dir}0"));
    let rows: Vec<DataRow> = data::table
        .filter(data::data_key.gt(&from).and(data::data_key.lt(&to)))
        .order(data::data_key)
        .limit(i64::try_from(MEMBERS_MAX).unwrap_or(i64::MAX))
        .load(connection)?;
    // The collation of MySQL ignores case; nodes do not.
    Ok(rows
        .into_iter()
        .filter(|row| row.data_key.starts_with(&from))
        .collect())
}

pub(super) fn put_persistent(
    connection: &mut Database,
    author: Author,
    key: &str,
    value: &str,
) -> Result<(), Fault> {
    transact(connection, |connection| {
        touch_session(connection, author)?;
        put_persistent_here(connection, author, key, value)
    })
}

pub(super) fn put_persistent_here(
    connection: &mut Database,
    author: Author,
    key: &str,
    value: &str,
) -> Result<(), Fault> {
    match find(connection, key)? {
        None => insert_row(connection, author, key, value, PERSISTENT).map(|_id| ()),
        Some(row) if row.data_type == PERSISTENT => update_row(connection, author, &row, value),
        Some(row) => Err(Fault::Answer(Error::Refused {
            operation: "put",
            path: key.to_owned(),
            reason: format!("there is an ephemeral node of session {:#x}", row.client_id),
        })),
    }
}

/// Deletes the key and all below it.
pub(super) fn delete_tree(connection: &mut Database, author: Author, key: &str) -> Result<(), Fault> {
    transact(connection, |connection| {
        touch_session(connection, author)?;
        let mut rows = below(connection, key)?;
        rows.extend(find(connection, key)?);
        for row in &rows {
            delete_row(connection, author, row)?;
        }
        Ok(())
    })
}

/// Makes an ephemeral node of ours, whatever was there. Returns its row id.
pub(super) fn create_ephemeral(
    connection: &mut Database,
    author: Author,
    key: &str,
    value: &str,
) -> Result<i64, Fault> {
    transact(connection, |connection| {
        touch_session(connection, author)?;
        match find(connection, key)? {
            None => insert_row(connection, author, key, value, EPHEMERAL),
            Some(row) if is_own(&row, author) => {
                update_row(connection, author, &row, value)?;
                Ok(row.id)
            }
            Some(row) => replace(connection, author, &row, value),
        }
    })
}

pub(super) fn create_sequential(
    connection: &mut Database,
    author: Author,
    start: &str,
    value: &str,
    unique: &str,
) -> Result<(i64, String), Fault> {
    transact(connection, |connection| {
        touch_session(connection, author)?;
        // The row id is the sequence, and it is known only once the row is there.
        let provisional = format!("{start}{unique}");
        insert_bare(connection, author, &provisional, value, EPHEMERAL)?;
        let row = found(find(connection, &provisional)?, &provisional)?;
        let key = format!("{start}{:010}", row.id);
        diesel::update(data::table.filter(data::id.eq(row.id)))
            .set(data::data_key.eq(&key))
            .execute(connection)?;
        let row = DataRow {
            data_key: key.clone(),
            ..row
        };
        announce(connection, author, "ADD", &row)?;
        Ok((row.id, key))
    })
}

/// Writes an ephemeral node of ours; `None` writes the same again, which only proves that it is ours and says nothing to watchers.
pub(super) fn write_own(
    connection: &mut Database,
    author: Author,
    id: i64,
    key: &str,
    value: Option<&str>,
) -> Result<(), Fault> {
    transact(connection, |connection| {
        touch_session(connection, author)?;
        let ours = data::table.filter(
            data::id
                .eq(id)
                .and(data::client_id.eq(author.client_id))
                .and(data::data_key.eq(key)),
        );
        let touched = diesel::update(ours)
            .set(data::last_update_time.eq(author.now))
            .execute(connection)?;
        if touched == 0 {
            return Err(Fault::Answer(Error::NotOwner {
                path: key.to_owned(),
                reason: "the node is gone or belongs to another session",
            }));
        }
        match value {
            None => Ok(()),
            Some(value) => {
                let row = found(find(connection, key)?, key)?;
                update_row(connection, author, &row, value)
            }
        }
    })
}

/// Deletes those of `keys` that are ephemeral nodes of `owner`.
pub(super) fn delete_owned(
    connection: &mut Database,
    author: Author,
    owner: i64,
    keys: &[String],
) -> Result<Vec<String>, Fault> {
    transact(connection, |connection| {
        let mut deleted = Vec::new();
        for key in keys {
            let row = find(connection, key)?;
            if let Some(row) = row.filter(|row| row.client_id == owner && row.data_type == EPHEMERAL) {
                delete_row(connection, author, &row)?;
                deleted.push(row.data_key);
            }
        }
        Ok(deleted)
    })
}

/// Takes the lock if it is free. Returns the id of the lock row.
pub(super) fn try_lock(
    connection: &mut Database,
    author: Author,
    key: &str,
    owner: &str,
) -> Result<Option<i64>, Fault> {
    let taken = transact(connection, |connection| {
        touch_session(connection, author)?;
        let row = (
            lock::lock_key.eq(key),
            lock::lock_owner.eq(owner),
            lock::client_id.eq(author.client_id),
            lock::create_time.eq(author.now),
        );
        diesel::insert_into(lock::table).values(row).execute(connection)?;
        let id = lock::table
            .select(lock::id)
            .filter(lock::lock_key.eq(key))
            .first(connection)?;
        Ok(Some(id))
    });
    match taken {
        Err(Fault::Database(error)) if is_taken(&error) => Ok(None),
        taken => taken,
    }
}

/// Is the lock row ours? Locks it until the end of the transaction.
pub(super) fn touch_lock(connection: &mut Database, author: Author, id: i64, key: &str) -> Result<(), Fault> {
    let ours = lock::table.filter(
        lock::id
            .eq(id)
            .and(lock::client_id.eq(author.client_id))
            .and(lock::lock_key.eq(key)),
    );
    if diesel::update(ours)
        .set(lock::client_id.eq(author.client_id))
        .execute(connection)?
        == 1
    {
        return Ok(());
    }
    Err(Fault::Answer(Error::LockLost { path: key.to_owned() }))
}

pub(super) fn unlock(connection: &mut Database, author: Author, id: i64) -> Result<(), Fault> {
    let ours = lock::table.filter(lock::id.eq(id).and(lock::client_id.eq(author.client_id)));
    diesel::delete(ours).execute(connection)?;
    Ok(())
}

/// Takes back whatever `owner` may have locked.
pub(super) fn unlock_owner(connection: &mut Database, author: Author, owner: &str) -> Result<(), Fault> {
    let ours = lock::table.filter(
        lock::lock_owner
            .eq(owner)
            .and(lock::client_id.eq(author.client_id)),
    );
    diesel::delete(ours).execute(connection)?;
    Ok(())
}

pub(super) fn delete_here(connection: &mut Database, author: Author, key: &str) -> Result<(), Fault> {
    match find(connection, key)? {
        Some(row) => delete_row(connection, author, &row),
        None => Ok(()),
    }
}

/// Within an election: see `LockGuard::claim_ephemeral`.
pub(super) fn claim_here(
    connection: &mut Database,
    author: Author,
    key: &str,
    value: &str,
) -> Result<Claim, Fault> {
    match find(connection, key)? {
        None => insert_row(connection, author, key, value, EPHEMERAL).map(Claim::Ours),
        Some(row) if is_own(&row, author) => {
            update_row(connection, author, &row, value)?;
            Ok(Claim::Ours(row.id))
        }
        Some(row) if row.data_value == value => replace(connection, author, &row, value).map(Claim::Ours),
        Some(_) => Ok(Claim::Somebody),
    }
}

fn is_own(row: &DataRow, author: Author) -> bool {
    row.data_type == EPHEMERAL && row.client_id == author.client_id
}

/// Deletes the node of another session and makes ours, so that watchers see both.
fn replace(connection: &mut Database, author: Author, row: &DataRow, value: &str) -> Result<i64, Fault> {
    log::warn!(
        "{} belongs to session {:#x}, it is replaced",
        row.data_key,
        row.client_id
    );
    delete_row(connection, author, row)?;
    insert_row(connection, author, &row.data_key, value, EPHEMERAL)
}

fn insert_row(
    connection: &mut Database,
    author: Author,
    key: &str,
    value: &str,
    kind: &str,
) -> Result<i64, Fault> {
    insert_bare(connection, author, key, value, kind)?;
    let row = found(find(connection, key)?, key)?;
    announce(connection, author, "ADD", &row)?;
    Ok(row.id)
}

fn insert_bare(
    connection: &mut Database,
    author: Author,
    key: &str,
    value: &str,
    kind: &str,
) -> Result<(), Fault> {
    let row = (
        data::data_key.eq(key),
        data::data_value.eq(value),
        data::data_type.eq(kind),
        data::client_id.eq(author.client_id),
        data::create_time.eq(author.now),
        data::last_update_time.eq(author.now),
    );
    diesel::insert_into(data::table).values(row).execute(connection)?;
    Ok(())
}

fn update_row(connection: &mut Database, author: Author, row: &DataRow, value: &str) -> Result<(), Fault> {
    diesel::update(data::table.filter(data::id.eq(row.id)))
        .set((data::data_value.eq(value), data::last_update_time.eq(author.now)))
        .execute(connection)?;
    let row = DataRow {
        data_value: value.to_owned(),
        last_update_time: author.now,
        ..row.clone()
    };
    announce(connection, author, "UPDATE", &row)
}

fn delete_row(connection: &mut Database, author: Author, row: &DataRow) -> Result<(), Fault> {
    if diesel::delete(data::table.filter(data::id.eq(row.id))).execute(connection)? == 1 {
        announce(connection, author, "DELETE", row)?;
    }
    Ok(())
}

/// Java peers learn of changes from this table only. The JSON is a `JdbcRegistryDataDTO`.
fn announce(connection: &mut Database, author: Author, kind: &str, row: &DataRow) -> Result<(), Fault> {
    let json = serde_json::json!({
        "id": row.id,
        "dataKey": row.data_key,
        "dataValue": row.data_value,
        "dataType": row.data_type,
        "clientId": row.client_id,
        "createTime": row.create_time.format("%Y-%m-%d %H:%M:%S").to_string(),
        "lastUpdateTime": row.last_update_time.format("%Y-%m-%d %H:%M:%S").to_string(),
    });
    let row = (
        event::event_type.eq(kind),
        event::jdbc_registry_data.eq(json.to_string()),
        event::create_time.eq(author.now),
    );
    diesel::insert_into(event::table)
        .values(row)
        .execute(connection)?;
    Ok(())
}

/// A row this transaction has just written.
fn found<T>(row: Option<T>, key: &str) -> Result<T, Fault> {
    row.ok_or_else(|| {
        Fault::Answer(Error::Refused {
            operation: "read back",
            path: key.to_owned(),
            reason: "the row just written is not there".to_owned(),
        })
    })
}
