//! The hot queries use their indexes on tables with many rows.

use crate::harness::{Database, on_databases};
use diesel::connection::SimpleConnection;

const MANY: usize = 20_000;

fn fill(database: &Database) {
    let mut raw = database.raw();
    let insert = |raw: &mut crate::harness::Raw, head: &str, row: &dyn Fn(usize) -> String| {
        for start in (0..MANY).step_by(2_000) {
            let rows: Vec<String> = (start..start + 2_000).map(row).collect();
            raw.run(&format!("{head} VALUES {}", rows.join(", ")));
        }
    };
    insert(
        &mut raw,
        "INSERT INTO t_ds_workflow_instance (workflow_definition_code, executor_id, state)",
        &|n| format!("({n}, 1, 1)"),
    );
    insert(
        &mut raw,
        "INSERT INTO t_orca_instance (workflow_instance_id, owner, owner_epoch, epoch, step, timeout_base)",
        &|n| format!("({}, 'h', 1, 1, 0, 0)", n + 1),
    );
    insert(
        &mut raw,
        "INSERT INTO t_ds_task_instance (task_type, task_code, workflow_instance_id)",
        &|n| format!("('SHELL', 1, {})", n / 4),
    );
    insert(
        &mut raw,
        "INSERT INTO t_ds_command (workflow_definition_code, workflow_instance_id)",
        &|n| format!("(1, {n})"),
    );
    if database.is_mysql() {
        raw.run("ANALYZE TABLE t_ds_workflow_instance, t_orca_instance, t_ds_task_instance, t_ds_command");
    } else {
        raw.run("ANALYZE");
    }
}

/// The statements as the store sends them, with values in place.
fn statements(mysql: bool) -> Vec<(&'static str, &'static str)> {
    let lock = if mysql {
        "SELECT i.id, i.host, o.epoch FROM t_ds_workflow_instance i JOIN t_orca_instance o ON o.workflow_instance_id = i.id \
         WHERE i.id IN (7, 9, 11) ORDER BY i.id FOR UPDATE"
    } else {
        "SELECT i.id, i.host, o.epoch FROM t_ds_workflow_instance i JOIN t_orca_instance o ON o.workflow_instance_id = i.id \
         WHERE i.id IN (7, 9, 11) ORDER BY i.id"
    };
    vec![
        ("lock", lock),
        (
            "change tasks",
            "UPDATE t_ds_task_instance SET state = 1, log_path = CASE id WHEN 5 THEN 'a' WHEN 9 THEN 'b' END \
             WHERE id IN (5, 9) AND workflow_instance_id IN (1, 2)",
        ),
        (
            "steps",
            "UPDATE t_orca_instance SET step = 3 WHERE workflow_instance_id IN (5, 9)",
        ),
        (
            "valid tasks",
            "SELECT id FROM t_ds_task_instance WHERE flag = 1 AND workflow_instance_id IN (5, 9) ORDER BY id",
        ),
        (
            "commands",
            "SELECT id FROM t_ds_command WHERE (id % 3) = 1 ORDER BY workflow_instance_priority, id LIMIT 10",
        ),
        (
            "own instances of a range",
            "SELECT w.id, COALESCE(o.epoch, 0) FROM t_ds_workflow_instance w LEFT JOIN t_orca_instance o ON o.workflow_instance_id = w.id \
             WHERE w.id BETWEEN 101 AND 130 AND w.state IN (1, 2, 4) AND w.host = 'h'",
        ),
        (
            "orphans of a range",
            "SELECT w.id, COALESCE(o.epoch, 0) FROM t_ds_workflow_instance w LEFT JOIN t_orca_instance o ON o.workflow_instance_id = w.id \
             WHERE w.id BETWEEN 101 AND 130 AND (w.state IN (0, 18) OR (w.state IN (1, 2, 4) AND (w.host IS NULL OR w.host = '')))",
        ),
        ("newest instance", "SELECT MAX(id) FROM t_ds_workflow_instance"),
        ("delete commands", "DELETE FROM t_ds_command WHERE id IN (4, 5)"),
    ]
}

#[test]
fn no_hot_statement_reads_a_whole_table() {
    on_databases(|database| {
        fill(database);
        for (name, statement) in statements(database.is_mysql()) {
            let read = if database.is_mysql() {
                rows_read_by_mysql(database, statement)
            } else {
                scans_of_sqlite(database, statement)
            };
            // The command query walks its index in order and stops at the tenth hit.
            assert!(read < 200, "{name} reads {read} rows: {statement}");
        }
    });
}

/// How many rows the storage engine handed over for the statement.
fn rows_read_by_mysql(database: &Database, statement: &str) -> i64 {
    let mut raw = database.raw();
    raw.run("FLUSH STATUS");
    raw.run(statement);
    let reads = "FROM information_schema.session_status WHERE variable_name IN \
                 ('Handler_read_next', 'Handler_read_rnd_next', 'Handler_read_prev', 'Handler_read_key', 'Handler_read_first')";
    let values = raw.texts("variable_value", reads);
    // Reading the status itself reads a few hundred rows of a temporary table of which `rnd_next` is told only afterwards.
    values.iter().map(|value| value.parse::<i64>().unwrap()).sum()
}

/// Tables that SQLite would walk from end to end, a thousand each.
fn scans_of_sqlite(database: &Database, statement: &str) -> i64 {
    use diesel::prelude::*;
    #[derive(QueryableByName)]
    struct Detail {
        #[diesel(sql_type = diesel::sql_types::Text)]
        detail: String,
    }
    let path = database.settings.url.strip_prefix("jdbc:sqlite:").unwrap();
    let mut connection = SqliteConnection::establish(path).unwrap();
    connection.batch_execute("PRAGMA busy_timeout = 20000").unwrap();
    let plan: Vec<Detail> = diesel::sql_query(format!("EXPLAIN QUERY PLAN {statement}"))
        .load(&mut connection)
        .unwrap();
    let scan = |detail: &Detail| detail.detail.starts_with("SCAN") && !detail.detail.contains("USING");
    let sorts =
        |detail: &Detail| detail.detail.contains("TEMP B-TREE FOR ORDER BY") && statement.contains("LIMIT");
    plan.iter()
        .map(|detail| if scan(detail) || sorts(detail) { 1_000 } else { 0 })
        .sum()
}
