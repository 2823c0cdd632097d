//! The four tables of the JDBC registry. On MySQL they belong to the main schema; on SQLite they are made here.

use chrono::NaiveDateTime;
use diesel::prelude::*;

diesel::table! {
    t_ds_jdbc_registry_data (id) {
        id -> BigInt,
        data_key -> Text,
        data_value -> Text,
        data_type -> Text,
        client_id -> BigInt,
        create_time -> Timestamp,
        last_update_time -> Timestamp,
    }
}

diesel::table! {
    t_ds_jdbc_registry_lock (id) {
        id -> BigInt,
        lock_key -> Text,
        lock_owner -> Text,
        client_id -> BigInt,
        create_time -> Timestamp,
    }
}

diesel::table! {
    t_ds_jdbc_registry_client_heartbeat (id) {
        id -> BigInt,
        client_name -> Text,
        last_heartbeat_time -> BigInt,
        connection_config -> Text,
        create_time -> Timestamp,
    }
}

diesel::table! {
    t_ds_jdbc_registry_data_change_event (id) {
        id -> BigInt,
        event_type -> Text,
        jdbc_registry_data -> Text,
        create_time -> Timestamp,
    }
}

/// `AUTOINCREMENT`, because an id must never be used twice: it tells one incarnation of a node from the next.
pub(super) const SQLITE_DDL: &str = "
CREATE TABLE IF NOT EXISTS t_ds_jdbc_registry_data (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    data_key TEXT NOT NULL UNIQUE,
    data_value TEXT NOT NULL,
    data_type TEXT NOT NULL,
    client_id BIGINT NOT NULL,
    create_time TIMESTAMP NOT NULL,
    last_update_time TIMESTAMP NOT NULL
);
CREATE TABLE IF NOT EXISTS t_ds_jdbc_registry_lock (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    lock_key TEXT NOT NULL UNIQUE,
    lock_owner TEXT NOT NULL,
    client_id BIGINT NOT NULL,
    create_time TIMESTAMP NOT NULL
);
CREATE TABLE IF NOT EXISTS t_ds_jdbc_registry_client_heartbeat (
    id BIGINT PRIMARY KEY NOT NULL,
    client_name TEXT NOT NULL,
    last_heartbeat_time BIGINT NOT NULL,
    connection_config TEXT NOT NULL,
    create_time TIMESTAMP NOT NULL
);
CREATE TABLE IF NOT EXISTS t_ds_jdbc_registry_data_change_event (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_type TEXT NOT NULL,
    jdbc_registry_data TEXT NOT NULL,
    create_time TIMESTAMP NOT NULL
);
";

pub(super) const EPHEMERAL: &str = "EPHEMERAL";
pub(super) const PERSISTENT: &str = "PERSISTENT";

/// A node.
#[derive(Clone, Debug, Queryable)]
pub(super) struct DataRow {
    pub(super) id: i64,
    pub(super) data_key: String,
    pub(super) data_value: String,
    pub(super) data_type: String,
    pub(super) client_id: i64,
    pub(super) create_time: NaiveDateTime,
    pub(super) last_update_time: NaiveDateTime,
}

/// A session.
#[derive(Clone, Debug, Queryable)]
pub(super) struct ClientRow {
    pub(super) id: i64,
    pub(super) last_heartbeat_time: i64,
    pub(super) connection_config: String,
}
