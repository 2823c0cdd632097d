//! What a worker gets.

use super::{ContextError, ContextInputs, ContextNeeds, build, needs};
use crate::codes::{DataType, Direct, TaskTimeoutStrategy, TimeoutFlag};
use crate::model::{DataSource, Property, TaskDefinition};
use crate::workflow::tests::kit;
use crate::workflow::{Event, ExecutorEventKind, NodeId, WorkflowMachine};

fn property(name: &str, direct: Direct, value: &str) -> Property {
    Property {
        prop: Some(name.to_owned()),
        direct: Some(direct),
        data_type: Some(DataType::Varchar),
        value: Some(value.to_owned()),
    }
}

/// A machine whose only task, or second task with A before it, is queued.
fn queued(task: TaskDefinition) -> WorkflowMachine {
    let mut machine = kit::machine(kit::definition(vec![task], &[]), kit::instance(), Vec::new());
    let step = machine.decide(&[Event::Started], kit::START);
    kit::apply(&mut machine, step, &mut 100);
    machine
}

#[test]
fn needs_name_what_the_task_names() {
    let with = |task_type: &str, params: &str| {
        let mut task = kit::task(1, "A");
        task.task_type = task_type.to_owned();
        task.task_params = Some(params.to_owned());
        needs(&queued(task), NodeId(0))
    };
    let plain = ContextNeeds {
        project_code: 9,
        environment_code: None,
        data_source_ids: vec![],
        cluster: None,
    };
    assert_eq!(with("SHELL", r#"{"datasource":4}"#), plain);
    assert_eq!(with("SQL", "not json"), plain);
    assert_eq!(with("SQL", r#"{"datasource":4}"#).data_source_ids, [4]);
    assert_eq!(
        with("DATAX", r#"{"dataSource":"5","dataTarget":3}"#).data_source_ids,
        [3, 5]
    );
    let sqoop = r#"{"sourceParams":"{\"srcDatasource\":8}","targetParams":"{\"targetDatasource\":8}"}"#;
    assert_eq!(with("SQOOP", sqoop).data_source_ids, [8]);
    let k8s = r#"{"namespace":"{\"name\":\"jobs\",\"cluster\":\"c1\"}"}"#;
    assert_eq!(with("K8S", k8s).cluster.as_deref(), Some("c1"));
    let mut task = kit::task(1, "A");
    task.environment_code = 77;
    assert_eq!(needs(&queued(task), NodeId(0)).environment_code, Some(77));
}

#[test]
fn a_context_carries_what_was_read() {
    let mut task = kit::task(1, "A");
    task.task_type = "SQL".to_owned();
    task.task_params = Some(
        r#"{"datasource":4,"localParams":[{"prop":"p","direct":"IN","type":"VARCHAR","value":"${g}!"}]}"#
            .to_owned(),
    );
    task.environment_code = 77;
    task.worker_group = Some("big".to_owned());
    (task.timeout, task.timeout_flag) = (2, TimeoutFlag::Open);
    task.timeout_notify_strategy = Some(TaskTimeoutStrategy::WarnFailed);
    let machine = queued(task);
    let source = DataSource {
        id: 4,
        db_type: 0,
        connection_params: "secret".to_owned(),
    };
    let inputs = ContextInputs {
        project_params: vec![property("g", Direct::In, "from the project")],
        environment: Some(Some("export A=1".to_owned())),
        data_sources: vec![source.clone()],
        cluster_config: None,
    };
    let context = build(&machine, NodeId(0), &inputs, kit::START).unwrap();
    assert_eq!(
        (context.task_instance_id, context.worker_group.as_str()),
        (101, "big")
    );
    assert_eq!(
        (&*context.workflow_instance_host, context.timeout_seconds),
        ("me:5678", 120)
    );
    assert_eq!(context.environment_config.as_deref(), Some("export A=1"));
    assert_eq!(context.data_sources[&4].as_ref(), Some(&source));
    assert_eq!(
        context.prepare_params["p"].value.as_deref(),
        Some("from the project!")
    );
    assert_eq!(
        context.prepare_params["system.task.instance.id"].value.as_deref(),
        Some("101")
    );
    assert_eq!(
        (context.first_submit_time, context.first_dispatch_time),
        (kit::START, kit::START)
    );
}

#[test]
fn a_missing_environment_is_fatal_and_a_missing_data_source_is_not() {
    let mut task = kit::task(1, "A");
    task.environment_code = 77;
    let inputs = ContextInputs {
        environment: Some(None),
        ..ContextInputs::default()
    };
    let error = build(&queued(task), NodeId(0), &inputs, kit::START).err();
    assert_eq!(error, Some(ContextError::NoEnvironment { code: 77 }));
    assert_eq!(error.unwrap().to_string(), "Cannot find the environment: 77");
    let mut task = kit::task(1, "A");
    (task.task_type, task.task_params) = ("SQL".to_owned(), Some(r#"{"datasource":4}"#.to_owned()));
    let context = build(&queued(task), NodeId(0), &ContextInputs::default(), kit::START)
        .ok()
        .unwrap();
    assert_eq!(
        (context.data_sources.len(), context.data_sources[&4].is_none()),
        (1, true)
    );
}

#[test]
fn a_limit_reaches_the_worker_only_when_it_ends_the_task() {
    for (flag, strategy, minutes, seconds) in [
        (TimeoutFlag::Close, Some(TaskTimeoutStrategy::Failed), 1, i32::MAX),
        (TimeoutFlag::Open, None, 1, i32::MAX),
        (TimeoutFlag::Open, Some(TaskTimeoutStrategy::Warn), 1, i32::MAX),
        (TimeoutFlag::Open, Some(TaskTimeoutStrategy::Failed), 0, i32::MAX),
        (TimeoutFlag::Open, Some(TaskTimeoutStrategy::Failed), 1, 60),
        (
            TimeoutFlag::Open,
            Some(TaskTimeoutStrategy::WarnFailed),
            i32::MAX,
            i32::MAX,
        ),
    ] {
        let mut task = kit::task(1, "A");
        (task.timeout_flag, task.timeout_notify_strategy, task.timeout) = (flag, strategy, minutes);
        let context = build(&queued(task), NodeId(0), &ContextInputs::default(), kit::START)
            .ok()
            .unwrap();
        assert_eq!(
            context.timeout_seconds, seconds,
            "{flag:?} {strategy:?} {minutes}"
        );
    }
}

#[test]
fn outputs_reach_the_parameter_of_that_name() {
    let mut after = kit::task(2, "B");
    after.task_params =
        Some(r#"{"localParams":[{"prop":"out","direct":"IN","type":"VARCHAR","value":"own"}]}"#.to_owned());
    let definition = kit::definition(vec![kit::task(1, "A"), after], &[(1, 2)]);
    let mut machine = kit::machine(definition, kit::instance(), Vec::new());
    let mut next_id = 100;
    let put_out = vec![
        property("out", Direct::Out, "made by A"),
        property("other", Direct::Out, "x"),
    ];
    let end = ExecutorEventKind::Succeeded {
        end_time: kit::START,
        var_pool: put_out,
    };
    let host = "w1:1".to_owned();
    for events in [
        vec![Event::Started],
        vec![Event::WorkerChosen {
            task_instance_id: 101,
            host,
        }],
        vec![kit::report(101, "w1:1", end)],
    ] {
        let step = machine.decide(&events, kit::START);
        kit::apply(&mut machine, step, &mut next_id);
    }
    let context = build(&machine, NodeId(1), &ContextInputs::default(), kit::START)
        .ok()
        .unwrap();
    assert_eq!(context.prepare_params["out"].value.as_deref(), Some("made by A"));
    assert!(
        !context.prepare_params.contains_key("other"),
        "an output adds no name"
    );
}
