//! Saving and loading definitions.

use crate::harness::{on_databases, two_tasks};
use orca_engine::codes::Flag;
use orca_schema::{ErrorClass, NewDefinition, NewTask};

#[test]
fn a_saved_definition_is_loaded_as_it_was() {
    on_databases(|database| {
        let (code, version) = database.store.save_definition(&two_tasks()).unwrap();
        let loaded = database.store.load_definition(code, version).unwrap().unwrap();
        assert_eq!(
            (loaded.workflow.name.as_str(), loaded.project.name.as_str()),
            ("workflow", "project")
        );
        assert_eq!(loaded.workflow.operator_name.as_deref(), Some("admin"));
        assert_eq!(loaded.workflow.global_params.as_deref(), Some("[]"));
        let names: Vec<&str> = loaded.tasks.iter().map(|task| task.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        let (a, b) = (loaded.tasks[0].code, loaded.tasks[1].code);
        assert_eq!(loaded.relations, [(0, a), (a, b)]);
        assert_eq!(loaded.tasks[1].flag, Flag::Yes);
        assert_eq!(database.store.load_definition(code, version + 1).unwrap(), None);
    });
}

#[test]
fn only_a_change_makes_a_new_version() {
    on_databases(|database| {
        let store = &database.store;
        let first = store.save_definition(&two_tasks()).unwrap();
        assert_eq!(store.save_definition(&two_tasks()).unwrap(), first);
        let mut changed = two_tasks();
        changed.tasks[1].task_params = "{}".to_owned();
        let second = store.save_definition(&changed).unwrap();
        assert_eq!(second, (first.0, first.1 + 1));
        let old = store.load_definition(first.0, first.1).unwrap().unwrap();
        let new = store.load_definition(second.0, second.1).unwrap().unwrap();
        assert_eq!(old.tasks[0], new.tasks[0]);
        assert_eq!(
            (new.tasks[1].code, new.tasks[1].version),
            (old.tasks[1].code, old.tasks[1].version + 1)
        );
        let mut raw = database.raw();
        assert_eq!(raw.row("version", "FROM t_ds_workflow_definition"), "2");
        assert_eq!(raw.count("FROM t_ds_task_definition"), 2);
        assert_eq!(raw.count("FROM t_ds_task_definition_log"), 3);
    });
}

#[test]
fn codes_given_beforehand_are_used() {
    on_databases(|database| {
        let codes = database
            .store
            .task_codes("project", "workflow", &["a", "b"])
            .unwrap();
        let mut definition = two_tasks();
        for task in &mut definition.tasks {
            task.code = Some(codes[&task.name]);
        }
        let (code, version) = database.store.save_definition(&definition).unwrap();
        let loaded = database.store.load_definition(code, version).unwrap().unwrap();
        assert_eq!(loaded.tasks[0].code, codes["a"]);
        assert_eq!(
            database
                .store
                .task_codes("project", "workflow", &["a", "b"])
                .unwrap(),
            codes
        );
    });
}

#[test]
fn impossible_definitions_are_refused() {
    on_databases(|database| {
        let refused = |change: &dyn Fn(&mut NewDefinition), part: &str| {
            let mut definition = two_tasks();
            change(&mut definition);
            let error = database.store.save_definition(&definition).unwrap_err();
            assert_eq!(error.class(), ErrorClass::Refuse);
            assert!(error.to_string().contains(part), "{error}");
        };
        refused(&|definition| definition.name.clear(), "no name");
        refused(&|definition| definition.tasks.clear(), "0 tasks");
        refused(
            &|definition| definition.tasks[0].depends_on = vec!["z".to_owned()],
            "\"z\"",
        );
        refused(
            &|definition| definition.tasks.push(NewTask::new("a", "SHELL", "{}")),
            "two tasks",
        );
        assert_eq!(database.raw().count("FROM t_ds_project"), 0);
    });
}

#[test]
fn rows_that_cannot_be_read_are_named() {
    on_databases(|database| {
        let (code, version) = database.store.save_definition(&two_tasks()).unwrap();
        database
            .raw()
            .run("UPDATE t_ds_task_definition_log SET task_priority = 9 WHERE name = 'b'");
        let error = database.store.load_definition(code, version).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Refuse);
        assert!(
            error
                .to_string()
                .contains("t_ds_task_definition_log has a bad task_priority"),
            "{error}"
        );
        database.raw().run("DELETE FROM t_ds_project");
        let error = database.store.load_definition(code, version).unwrap_err();
        assert_eq!(error.class(), ErrorClass::Refuse);
    });
}
