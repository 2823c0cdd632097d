//! What `migrate` makes of each kind of database.

use crate::harness::{Database, on_databases, on_empty_databases};
use orca_schema::{ErrorClass, Store};
use std::collections::BTreeMap;

#[test]
fn an_empty_database_gets_everything_once() {
    on_empty_databases(|database| {
        assert_eq!(
            database.store.check_schema().unwrap_err().class(),
            ErrorClass::Fatal
        );
        let report = database.store.migrate().unwrap();
        assert!(report.created_shared_tables);
        assert_eq!(
            (report.applied[0].as_str(), report.version.as_str()),
            ("0001_masters_and_fences", "3.4.2")
        );
        database.store.check_schema().unwrap();
        let again = database.store.migrate().unwrap();
        assert!(!again.created_shared_tables && again.applied.is_empty());
        let mut raw = database.raw();
        assert_eq!(
            raw.row("user_name, user_password, tenant_id", "FROM t_ds_user"),
            "admin,7ad2410b2f4c074479a8937a28a22b8f,-1"
        );
        assert_eq!(raw.row("id, tenant_code", "FROM t_ds_tenant"), "-1,default");
        assert_eq!(raw.row("version", "FROM t_ds_version"), "3.4.2");
        assert_eq!(
            raw.row("id, group_name", "FROM t_ds_alertgroup"),
            "1,default admin warning group"
        );
        assert_eq!(raw.row("queue", "FROM t_ds_queue"), "default");
    });
}

#[test]
fn a_database_of_the_product_gets_only_our_own_tables() {
    on_databases(|database| {
        let mut raw = database.raw();
        for table in [
            "t_orca_master",
            "t_orca_instance",
            "t_orca_failover",
            "t_orca_failover_entry",
            "t_orca_schema_version",
        ] {
            raw.run(&format!("DROP TABLE {table}"));
        }
        let before = columns(database);
        let report = database.store.migrate().unwrap();
        assert!(!report.created_shared_tables);
        assert_eq!(report.applied[0], "0001_masters_and_fences");
        let after: Vec<_> = columns(database)
            .into_iter()
            .filter(|line| !line.starts_with("t_orca_"))
            .collect();
        assert_eq!(before, after);
    });
}

#[test]
fn other_versions_and_half_made_databases_are_refused() {
    on_databases(|database| {
        let mut raw = database.raw();
        raw.run("UPDATE t_ds_version SET version = '3.2.0'");
        refused(&database.store, "t_ds_version says 3.2.0");
        raw.run("DELETE FROM t_ds_version");
        refused(&database.store, "no row");
        raw.run("INSERT INTO t_ds_version (version) VALUES ('3.4.2')");
        raw.run("DROP TABLE t_ds_serial_command");
        refused(&database.store, "missing: t_ds_serial_command");
        raw.run("DROP TABLE t_ds_version");
        refused(&database.store, "no t_ds_version");
    });
}

fn refused(store: &Store, part: &str) {
    for error in [store.migrate().unwrap_err(), store.check_schema().unwrap_err()] {
        assert_eq!(error.class(), ErrorClass::Fatal);
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn an_interrupted_creation_is_finished_by_the_next() {
    on_databases(|database| {
        let mut raw = database.raw();
        raw.run("DROP TABLE t_ds_serial_command; DELETE FROM t_ds_version");
        raw.run("UPDATE t_orca_schema_version SET state = 'started' WHERE number = 0");
        assert!(database.store.migrate().unwrap().created_shared_tables);
        database.store.check_schema().unwrap();
    });
}

#[test]
fn two_processes_may_start_at_once() {
    on_empty_databases(|database| {
        let created: usize = std::thread::scope(|scope| {
            let start = || scope.spawn(|| Store::open(&database.settings).unwrap().migrate().unwrap());
            let (one, two) = (start(), start());
            [one, two]
                .into_iter()
                .filter(|_| true)
                .map(|thread| usize::from(thread.join().unwrap().created_shared_tables))
                .sum()
        });
        assert_eq!(created, 1);
        database.store.check_schema().unwrap();
    });
}

/// `table.column type null default` of every column of a MySQL database, or what SQLite knows of it.
fn columns(database: &Database) -> Vec<String> {
    let mut raw = database.raw();
    if database.is_mysql() {
        raw.texts(
            "CONCAT(table_name, '.', column_name, ' ', column_type, ' ', is_nullable, ' ', IFNULL(column_default, '-'), ' ', extra)",
            "FROM information_schema.columns WHERE table_schema = DATABASE() ORDER BY table_name, ordinal_position",
        )
    } else {
        raw.texts(
            "m.name || '.' || c.name || ' ' || c.type || ' ' || c.\"notnull\" || ' ' || IFNULL(c.dflt_value, '-')",
            "FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' ORDER BY m.name, c.cid",
        )
    }
}

/// Both dialects have the same tables with the same columns in the same order.
#[test]
fn both_dialects_have_the_same_columns() {
    let names = |database: &Database| -> BTreeMap<String, Vec<String>> {
        let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for line in columns(database) {
            let name = line.split(' ').next().unwrap();
            let (table, column) = name.split_once('.').unwrap();
            if table != "sqlite_sequence" {
                tables
                    .entry(table.to_owned())
                    .or_default()
                    .push(column.to_owned());
            }
        }
        tables
    };
    let sqlite = Database::sqlite();
    sqlite.store.migrate().unwrap();
    let sqlite = names(&sqlite);
    assert_eq!(sqlite.keys().filter(|name| name.starts_with("t_ds_")).count(), 53);
    assert_eq!(sqlite.keys().filter(|name| name.starts_with("QRTZ_")).count(), 11);
    let Some(mariadb) = Database::mariadb() else {
        return;
    };
    mariadb.store.migrate().unwrap();
    assert_eq!(sqlite, names(&mariadb));
}
