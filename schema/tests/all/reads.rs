//! What is only read: contexts, lists, counts.

use crate::harness::{ADDRESS, on_databases};
use crate::support::{claimed, insert, step};
use orca_engine::codes::{DataType, WorkflowState};
use orca_schema::{InstanceFilter, Page};

#[test]
fn rows_of_the_execution_context() {
    on_databases(|database| {
        let mut raw = database.raw();
        raw.run(
            "INSERT INTO t_ds_project_parameter (param_name, param_value, param_data_type, code, project_code, create_time) VALUES \
             ('p', 'v', 'INTEGER', 1, 5, '2024-01-01 00:00:00'), ('q', 'w', 'NONSENSE', 2, 5, '2024-01-01 00:00:00')",
        );
        raw.run("INSERT INTO t_ds_environment (code, name, config) VALUES (9, 'e', 'export A=1'), (10, 'f', NULL)");
        raw.run(
            "INSERT INTO t_ds_datasource (id, name, type, user_id, connection_params, create_time) \
             VALUES (3, 'd', 0, 1, '{\"password\":\"x\"}', '2024-01-01 00:00:00')",
        );
        raw.run("INSERT INTO t_ds_cluster (code, name, config) VALUES (1, 'c', '{\"k8s\":\"y\"}')");
        raw.run("INSERT INTO t_ds_worker_group (name, addr_list) VALUES ('g', 'a:1, b:2,'), ('empty', NULL)");
        let store = &database.store;
        let parameters = store.project_parameters(5).unwrap();
        assert_eq!(
            (parameters[0].prop.as_deref(), parameters[0].value.as_deref()),
            (Some("p"), Some("v"))
        );
        assert_eq!(
            (parameters[0].data_type, parameters[1].data_type),
            (Some(DataType::Integer), None)
        );
        assert!(store.project_parameters(6).unwrap().is_empty());
        assert_eq!(
            store.environment_config(9).unwrap().as_deref(),
            Some("export A=1")
        );
        assert_eq!(store.environment_config(10).unwrap().as_deref(), Some(""));
        assert_eq!(store.environment_config(11).unwrap(), None);
        let sources = store.data_sources(&[3, 4]).unwrap();
        assert_eq!(
            (
                sources.len(),
                sources[0].db_type,
                sources[0].connection_params.as_str()
            ),
            (1, 0, "{\"password\":\"x\"}")
        );
        assert!(store.data_sources(&[]).unwrap().is_empty());
        assert_eq!(
            store.cluster_config("c").unwrap().as_deref(),
            Some("{\"k8s\":\"y\"}")
        );
        assert_eq!(store.cluster_config("d").unwrap(), None);
        let groups = store.worker_groups().unwrap();
        assert_eq!(
            groups[0],
            ("g".to_owned(), vec!["a:1".to_owned(), "b:2".to_owned()])
        );
        assert_eq!(groups[1], ("empty".to_owned(), Vec::new()));
        assert_eq!(
            (
                store.user_name(1).unwrap().as_deref(),
                store.user_name(2).unwrap()
            ),
            (Some("admin"), None)
        );
    });
}

#[test]
fn lists_and_counts() {
    on_databases(|database| {
        let (owner, fences) = claimed(database, 5);
        let store = &database.store;
        let ids: Vec<i32> = fences.iter().map(|fence| fence.workflow_instance_id).collect();
        store
            .commit(&[step(&fences[0], 1, vec![insert(0, ids[0], "a")])], &|| true)
            .remove(0)
            .unwrap();
        database.raw().run(&format!(
            "UPDATE t_ds_workflow_instance SET state = 7 WHERE id = {}",
            ids[4]
        ));
        let list = |filter: &InstanceFilter, page| -> Vec<i32> {
            store
                .list_instances(filter, page)
                .unwrap()
                .iter()
                .map(|instance| instance.id)
                .collect()
        };
        let all = InstanceFilter::default();
        assert_eq!(
            list(
                &all,
                Page {
                    before_id: None,
                    len: 2
                }
            ),
            [ids[4], ids[3]]
        );
        assert_eq!(
            list(
                &all,
                Page {
                    before_id: Some(ids[3]),
                    len: 2
                }
            ),
            [ids[2], ids[1]]
        );
        let running = InstanceFilter {
            states: vec![WorkflowState::RunningExecution],
            project: Some("project".to_owned()),
            name_contains: Some("orkflow-".to_owned()),
            host: Some(ADDRESS.to_owned()),
            workflow_definition_code: None,
        };
        assert_eq!(list(&running, Page::default()).len(), 4);
        let nowhere = InstanceFilter {
            project: Some("x' OR '1'='1".to_owned()),
            ..InstanceFilter::default()
        };
        assert!(list(&nowhere, Page::default()).is_empty());
        let counts = store.counts().unwrap();
        assert_eq!(
            (counts.workflow_instances[&1], counts.workflow_instances[&7]),
            (4, 1)
        );
        assert_eq!(
            (counts.task_instances[&0], counts.commands, counts.error_commands),
            (1, 0, 0)
        );
        let masters = store.list_masters().unwrap();
        assert_eq!(
            (masters[0].address.as_str(), masters[0].epoch, masters[0].running),
            (ADDRESS, owner.epoch, 4)
        );
        assert_eq!(masters[0].state, "active");
        assert_eq!(store.list_tasks(ids[0]).unwrap().len(), 1);
        assert!(store.list_commands(10).unwrap().is_empty());
        let attempt = store.list_tasks(ids[0]).unwrap()[0].id;
        let view = store.attempt(attempt).unwrap().unwrap();
        assert!(view.task_is_valid && view.workflow_host.as_deref() == Some(ADDRESS));
        assert_eq!(store.attempt(attempt + 1).unwrap(), None);
    });
}

#[test]
fn a_quarantine_leaves_an_alert() {
    on_databases(|database| {
        let (_, fences) = claimed(database, 1);
        let id = fences[0].workflow_instance_id;
        database
            .store
            .alert_quarantine(id, "the decision panicked: \"x\"")
            .unwrap();
        let mut raw = database.raw();
        assert_eq!(
            raw.row(
                "alertgroup_id, warning_type, alert_type, alert_status",
                "FROM t_ds_alert"
            ),
            "1,2,2,0"
        );
        let content: serde_json::Value =
            serde_json::from_str(&raw.row("content", "FROM t_ds_alert")).unwrap();
        assert_eq!(content[0]["workflowInstanceId"], id);
        assert_eq!(content[0]["reason"], "the decision panicked: \"x\"");
        assert!(
            database
                .store
                .alert_quarantine(id, &"\u{1}".repeat(100_000))
                .is_ok()
        );
        assert!(database.store.alert_quarantine(999_999, "x").is_err());
    });
}
