//! The contract on tables, and what only tables have.

use crate::contract;
use crate::servers::Mariadb;
use crate::stage::{Kind, Picture, Stage, until, within};
use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use orca_registry::{ErrorClass, MysqlSettings, RegistrySettings, Secret, SessionState, connect};
use std::time::Duration;

const SESSION_TIMEOUT: Duration = Duration::from_secs(3);

fn sqlite(folder: &tempfile::TempDir) -> Stage {
    Stage {
        kind: Kind::Sqlite(folder.path().join("deep/registry.db")),
        session_timeout: SESSION_TIMEOUT,
    }
}

/// The tables as the main schema has them.
const MYSQL_DDL: &str = "
CREATE TABLE t_ds_jdbc_registry_data (id bigint NOT NULL AUTO_INCREMENT, data_key varchar(256) NOT NULL, data_value text NOT NULL,
  data_type varchar(64) NOT NULL, client_id bigint NOT NULL, create_time timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  last_update_time timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (id), UNIQUE KEY uk_key (data_key)) ENGINE=InnoDB DEFAULT CHARSET=utf8;
CREATE TABLE t_ds_jdbc_registry_lock (id bigint NOT NULL AUTO_INCREMENT, lock_key varchar(256) NOT NULL, lock_owner varchar(256) NOT NULL,
  client_id bigint NOT NULL, create_time timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (id),
  UNIQUE KEY uk_lock (lock_key)) ENGINE=InnoDB DEFAULT CHARSET=utf8;
CREATE TABLE t_ds_jdbc_registry_client_heartbeat (id bigint NOT NULL, client_name varchar(256) NOT NULL, last_heartbeat_time bigint NOT NULL,
  connection_config text NOT NULL, create_time timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (id)) ENGINE=InnoDB DEFAULT CHARSET=utf8;
CREATE TABLE t_ds_jdbc_registry_data_change_event (id bigint NOT NULL AUTO_INCREMENT, event_type varchar(64) NOT NULL,
  jdbc_registry_data text NOT NULL, create_time timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP, PRIMARY KEY (id)) ENGINE=InnoDB DEFAULT CHARSET=utf8;";

fn mysql(server: &Mariadb, session_timeout: Duration) -> Stage {
    let mut connection = diesel::MysqlConnection::establish(&server.url()).unwrap();
    for statement in MYSQL_DDL
        .split(';')
        .filter(|statement| !statement.trim().is_empty())
    {
        connection.batch_execute(statement).unwrap();
    }
    Stage {
        kind: Kind::Mysql(server.url()),
        session_timeout,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    contract::play(&sqlite(&folder)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_contract_holds_on_mysql() {
    let Some(server) = Mariadb::start_if_installed() else {
        return;
    };
    contract::play(&mysql(&server, Duration::from_secs(4))).await;
}

/// On SQLite somebody else can hold the write lock for longer than a lease.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_runs_out_when_the_sqlite_file_is_locked() {
    let folder = tempfile::tempdir().unwrap();
    let stage = sqlite(&folder);
    let registry = stage.connect().await;
    let node = registry
        .create_ephemeral_sequential("/orca/masters", "m-", "")
        .await
        .unwrap();
    let lease = registry.start_lease(&node).await.unwrap();
    let Kind::Sqlite(path) = &stage.kind else {
        unreachable!("made above")
    };
    let mut blocker = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    blocker
        .batch_execute("PRAGMA busy_timeout = 2000; BEGIN IMMEDIATE")
        .unwrap();
    let blocked_at = std::time::Instant::now();
    within("the lease runs out", lease.lost()).await;
    let lasted = blocked_at.elapsed();
    assert!(
        lasted < SESSION_TIMEOUT / 2 + Duration::from_millis(500),
        "{lasted:?}"
    );
    blocker.batch_execute("COMMIT").unwrap();
    drop(blocker);
    until("the registry answers again", async || {
        registry.get("/orca/x").await.is_ok()
    })
    .await;
    assert!(!lease.holds(), "a lost lease stays lost");
    registry.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removed_session_is_told_so_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let stage = sqlite(&folder);
    let (ours, theirs) = (stage.connect().await, stage.connect().await);
    let node = ours.create_ephemeral("/x/node", "x").await.unwrap();
    let Kind::Sqlite(path) = &stage.kind else {
        unreachable!("made above")
    };
    let mut admin = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    admin.batch_execute("PRAGMA busy_timeout = 2000").unwrap();
    let id = ours.session_id().0;
    admin
        .batch_execute(&format!(
            "DELETE FROM t_ds_jdbc_registry_client_heartbeat WHERE id = {id}"
        ))
        .unwrap();
    let mut state = ours.session();
    within(
        "the session learns of it",
        state.wait_for(|state| *state == SessionState::Expired),
    )
    .await
    .unwrap();
    assert_eq!(
        node.update("y").await.unwrap_err().class(),
        ErrorClass::SessionLost
    );
    until("the orphaned node is removed", async || {
        !theirs.exists("/x/node").await.unwrap()
    })
    .await;
    theirs.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_row_deleted_by_hand_is_a_lost_lock() {
    let folder = tempfile::tempdir().unwrap();
    let stage = sqlite(&folder);
    let registry = stage.connect().await;
    let guard = registry.lock("/l", None).await.unwrap();
    let Kind::Sqlite(path) = &stage.kind else {
        unreachable!("made above")
    };
    let mut admin = diesel::SqliteConnection::establish(path.to_str().unwrap()).unwrap();
    admin
        .batch_execute("PRAGMA busy_timeout = 2000; DELETE FROM t_ds_jdbc_registry_lock")
        .unwrap();
    let failed = guard.put_persistent("/x/marker", "1").await.unwrap_err();
    assert_eq!(failed.class(), ErrorClass::NotOwner, "{failed}");
    assert!(!registry.exists("/x/marker").await.unwrap());
    assert!(!guard.is_held().await.unwrap());
    registry.close().await;
}

#[derive(QueryableByName)]
struct EventRow {
    #[diesel(sql_type = diesel::sql_types::Text)]
    event_type: String,
    #[diesel(sql_type = diesel::sql_types::Text)]
    jdbc_registry_data: String,
}

/// Freeze, restart and rows in one test, because a MariaDB takes seconds to start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mysql_freezes_restarts_and_writes_rows_java_can_read() {
    let Some(mut server) = Mariadb::start_if_installed() else {
        return;
    };
    let stage = mysql(&server, Duration::from_secs(20));
    let registry = stage.connect().await;

    let node = registry
        .create_ephemeral("/nodes/master/h:1", "{}")
        .await
        .unwrap();
    node.update("{\"a\":1}").await.unwrap();
    node.delete().await.unwrap();
    let mut admin = diesel::MysqlConnection::establish(&server.url()).unwrap();
    let events: Vec<EventRow> = diesel::sql_query(
        "SELECT event_type, jdbc_registry_data FROM t_ds_jdbc_registry_data_change_event \
         WHERE jdbc_registry_data LIKE '%/nodes/master/h:1%' ORDER BY id",
    )
    .load(&mut admin)
    .unwrap();
    let kinds: Vec<_> = events.iter().map(|event| event.event_type.as_str()).collect();
    assert_eq!(kinds, ["ADD", "UPDATE", "DELETE"]);
    let data: serde_json::Value = serde_json::from_str(&events[2].jdbc_registry_data).unwrap();
    assert_eq!(data["dataKey"], "/nodes/master/h:1");
    assert_eq!(
        data["dataValue"], "{\"a\":1}",
        "a removal carries the last payload"
    );
    assert_eq!(data["dataType"], "EPHEMERAL");
    assert_eq!(data["clientId"], registry.session_id().0);
    assert_eq!(
        data["createTime"].as_str().unwrap().len(),
        "yyyy-MM-dd HH:mm:ss".len()
    );

    let mut watch = registry.watch_children("/w").await.unwrap();
    let mut picture = Picture::default();
    registry.put_persistent("/w/before", "1").await.unwrap();
    picture
        .follow_until(&mut watch, "the first node", |p| p.members.contains_key("before"))
        .await;
    server.restart();
    until("the registry writes again", async || {
        registry.put_persistent("/w/after", "2").await.is_ok()
    })
    .await;
    picture.complete = false;
    picture
        .follow_until(&mut watch, "the node after the restart", |p| {
            p.members.contains_key("after")
        })
        .await;
    assert_eq!(*registry.session().borrow(), SessionState::Connected);
    registry.close().await;

    let short = Stage {
        session_timeout: Duration::from_secs(3),
        ..stage
    };
    let registry = short.connect().await;
    let node = registry
        .create_ephemeral_sequential("/orca/masters", "m-", "")
        .await
        .unwrap();
    let lease = registry.start_lease(&node).await.unwrap();
    let mut state = registry.session();
    server.process().freeze();
    let frozen_at = std::time::Instant::now();
    within("the lease runs out", lease.lost()).await;
    let lasted = frozen_at.elapsed();
    assert!(
        lasted < Duration::from_millis(2_500),
        "a lease of 1.5 s lasted {lasted:?}"
    );
    let expired = state.wait_for(|state| *state == SessionState::Expired);
    within("the session is given up", expired).await.unwrap();
    server.process().thaw();
    assert!(!lease.holds());
    assert_eq!(
        registry.get("/w/before").await.unwrap_err().class(),
        ErrorClass::SessionLost
    );
}

#[tokio::test]
async fn no_database_is_said_in_time_and_without_the_password() {
    let port = crate::servers::free_port();
    let url = Secret::new(format!("mysql://orca:hunter2@127.0.0.1:{port}/orca"));
    let settings = MysqlSettings {
        session_timeout: Duration::from_secs(9),
        ..MysqlSettings::new(url, "test")
    };
    let error = connect(&RegistrySettings::EmbeddedMysql(settings))
        .await
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::Retry);
    let text = format!("{error} {error:?}");
    assert!(
        text.contains("registry.url") && !text.contains("hunter2"),
        "{text}"
    );
}
