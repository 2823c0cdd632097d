use super::{BASE, input, output, property};
use crate::codes::{
    CommandType, Direct, FailureStrategy, Flag, Priority, TaskDependType, TaskExecuteType, TaskState,
    WarningType, WorkflowState,
};
use crate::model::{Property, TaskInstance, WorkflowInstance};
use crate::params::{ParamError, PrepareInputs, prepare_params, write_properties};
use crate::time::Millis;
use crate::zone::Zone;
use std::collections::BTreeMap;

fn instance() -> WorkflowInstance {
    WorkflowInstance {
        id: 7,
        name: "flow-1".to_owned(),
        workflow_definition_code: 70,
        workflow_definition_version: 1,
        project_code: 700,
        state: WorkflowState::RunningExecution,
        state_history: None,
        start_time: None,
        end_time: None,
        restart_time: None,
        run_times: 1,
        host: None,
        command_type: CommandType::StartProcess,
        command_param: None,
        task_depend_type: TaskDependType::TaskPost,
        failure_strategy: FailureStrategy::Continue,
        warning_type: WarningType::None,
        warning_group_id: None,
        schedule_time: None,
        global_params: None,
        is_sub_workflow: Flag::No,
        executor_id: 1,
        executor_name: None,
        history_cmd: Some("START_PROCESS".to_owned()),
        priority: Priority::Medium,
        worker_group: None,
        environment_code: -1,
        timeout: 0,
        tenant_code: None,
        var_pool: None,
        dry_run: false,
    }
}

fn task() -> TaskInstance {
    TaskInstance {
        id: 8,
        name: "step".to_owned(),
        task_type: "SHELL".to_owned(),
        task_execute_type: TaskExecuteType::Batch,
        task_code: 80,
        task_definition_version: 1,
        workflow_instance_id: 7,
        workflow_instance_name: None,
        project_code: 700,
        state: TaskState::SubmittedSuccess,
        submit_time: None,
        first_submit_time: None,
        start_time: None,
        end_time: None,
        host: None,
        log_path: None,
        retry_times: 0,
        max_retry_times: 0,
        retry_interval: 0,
        app_link: None,
        task_params: None,
        flag: Flag::Yes,
        priority: Priority::Medium,
        worker_group: None,
        environment_code: -1,
        executor_id: 1,
        executor_name: None,
        delay_time: 0,
        var_pool: None,
        task_group_id: 0,
        dry_run: false,
        cpu_quota: -1,
        memory_max: -1,
    }
}

/// The sources of one preparation.
struct Sources {
    instance: WorkflowInstance,
    task: TaskInstance,
    execute_path: Option<&'static str>,
    project: Vec<Property>,
    local: Vec<Property>,
    command: Vec<Property>,
    time_zone: Option<&'static str>,
    var_pool: Vec<Property>,
    now: Millis,
    zone: Zone,
}

impl Sources {
    fn new() -> Self {
        Self {
            instance: instance(),
            task: task(),
            execute_path: None,
            project: vec![],
            local: vec![],
            command: vec![],
            time_zone: None,
            var_pool: vec![],
            now: BASE,
            zone: Zone::UTC,
        }
    }

    fn globals(mut self, globals: &[Property]) -> Self {
        self.instance.global_params = Some(write_properties(globals));
        self
    }

    fn prepare(&self) -> Result<BTreeMap<String, Property>, ParamError> {
        prepare_params(&PrepareInputs {
            task: &self.task,
            instance: &self.instance,
            workflow_definition_name: "flow",
            project_name: "house",
            execute_path: self.execute_path,
            project_params: &self.project,
            local_params: &self.local,
            command_params: &self.command,
            time_zone: self.time_zone,
            var_pool: &self.var_pool,
            now: self.now,
            zone: &self.zone,
        })
    }

    fn value(&self, name: &str) -> Option<String> {
        self.prepare()
            .unwrap()
            .get(name)
            .and_then(|property| property.value.clone())
    }
}

#[test]
fn built_in_parameters() {
    let mut sources = Sources::new();
    sources.execute_path = Some("/tmp/exec");
    let params = sources.prepare().unwrap();
    let expected = BTreeMap::from([
        ("system.biz.date", "20220825"),
        ("system.biz.curdate", "20220826"),
        ("system.datetime", "20220826130507"),
        ("system.task.execute.path", "/tmp/exec"),
        ("system.task.instance.id", "8"),
        ("system.task.definition.code", "80"),
        ("system.task.definition.name", "step"),
        ("system.workflow.instance.id", "7"),
        ("system.workflow.definition.code", "70"),
        ("system.workflow.definition.name", "flow"),
        ("system.project.code", "700"),
        ("system.project.name", "house"),
    ]);
    let got: BTreeMap<&str, &str> = params
        .iter()
        .map(|(name, property)| (name.as_str(), property.value.as_deref().unwrap_or_default()))
        .collect();
    assert_eq!(got, expected);
    assert_eq!(params["system.biz.date"], input("system.biz.date", "20220825"));
    sources.execute_path = Some(" ");
    assert_eq!(sources.value("system.task.execute.path"), None);
}

#[test]
fn dates_follow_the_schedule_time_in_the_zone_of_the_command() {
    let mut sources = Sources::new();
    // 2024-01-01 20:00 UTC is 2 January in Shanghai.
    sources.instance.schedule_time = Some(Millis(1_704_139_200_000));
    sources.time_zone = Some("Asia/Shanghai");
    assert_eq!(sources.value("system.biz.date").as_deref(), Some("20240101"));
    assert_eq!(sources.value("system.biz.curdate").as_deref(), Some("20240102"));
    let params = sources.prepare().unwrap();
    let datetime = &params["system.datetime"];
    assert_eq!(
        datetime.value.as_deref(),
        Some("20240101200000"),
        "step 7 is in the zone of the process"
    );
    assert_eq!((datetime.direct, datetime.data_type), (None, None));
    sources.time_zone = Some("");
    assert_eq!(sources.value("system.biz.date").as_deref(), Some("20231231"));
    sources.time_zone = Some("Mars/Phobos");
    assert!(matches!(sources.prepare(), Err(ParamError::Zone(_))));
}

#[test]
fn a_backfill_without_a_date_has_no_dates() {
    let mut sources = Sources::new();
    sources.instance.history_cmd = Some("COMPLEMENT_DATA,START_FAILURE_TASK_PROCESS".to_owned());
    let params = sources.prepare().unwrap();
    assert!(!params.contains_key("system.biz.date") && !params.contains_key("system.datetime"));
    assert!(params.contains_key("system.task.instance.id"));
}

#[test]
fn the_stronger_source_wins() {
    let name = "system.project.name";
    let mut sources = Sources::new();
    assert_eq!(sources.value(name).as_deref(), Some("house"));
    sources.project = vec![input(name, "project")];
    assert_eq!(sources.value(name).as_deref(), Some("project"));
    sources = sources.globals(&[input(name, "global")]);
    assert_eq!(sources.value(name).as_deref(), Some("global"));
    sources.local = vec![input(name, "local")];
    assert_eq!(sources.value(name).as_deref(), Some("local"));
    sources.command = vec![input(name, "start"), input(name, "start again")];
    assert_eq!(sources.value(name).as_deref(), Some("start again"));
    sources.var_pool = vec![output(name, "upstream")];
    assert_eq!(sources.value(name).as_deref(), Some("upstream"));
}

#[test]
fn an_upstream_output_needs_a_declared_input() {
    let mut sources = Sources::new().globals(&[input("global", "0")]);
    sources.local = vec![
        input("in", "0"),
        output("out", "0"),
        Property {
            direct: None,
            ..input("none", "0")
        },
    ];
    sources.var_pool = ["global", "in", "out", "none", "unknown", " "]
        .map(|name| output(name, "1"))
        .to_vec();
    sources.var_pool.push(Property::default());
    let params = sources.prepare().unwrap();
    let value = |name: &str| params.get(name).and_then(|property| property.value.as_deref());
    assert_eq!([value("global"), value("in")], [Some("1"), Some("1")]);
    assert_eq!([value("out"), value("none")], [Some("0"), Some("0")]);
    assert_eq!([value("unknown"), value(" ")], [None, None]);
    assert_eq!(params["in"], input("in", "1"), "only the value changes");
    sources.var_pool = vec![Property {
        value: None,
        ..output("in", "")
    }];
    assert_eq!(sources.value("in"), None, "a null value is a value too");
}

#[test]
fn names_that_are_null_or_blank_are_skipped() {
    let nameless = Property {
        prop: None,
        ..input("", "x")
    };
    let mut sources = Sources::new().globals(&[nameless.clone(), input("", "x"), input(" \t", "x")]);
    sources.project = vec![nameless.clone()];
    sources.local = vec![nameless.clone()];
    sources.command = vec![nameless, input("ok", "1")];
    let params = sources.prepare().unwrap();
    assert_eq!(params.len(), 12, "{params:?}");
    assert_eq!(params["ok"], input("ok", "1"));
}

#[test]
fn every_value_is_resolved_against_all_of_them() {
    let mut sources = Sources::new().globals(&[input("day", "$[yyyyMMdd-1]"), input("path", "/data/${day}")]);
    sources.local = vec![
        input("file", "${path}/${part}.csv"),
        output("part", "p${system.task.instance.id}"),
        input("raw", "!{day}"),
    ];
    sources.instance.schedule_time = Some(Millis(1_704_139_200_000));
    assert_eq!(sources.value("file").as_deref(), Some("/data/20231231/p8.csv"));
    assert_eq!(sources.value("raw").as_deref(), Some("!{day}"));
    sources.command = vec![input("part", "${file}")];
    let error = sources.prepare().unwrap_err();
    assert!(
        matches!(&error, ParamError::Circular { name } if name == "file" || name == "part"),
        "{error}"
    );
}

#[test]
fn broken_global_params_name_their_column() {
    let mut sources = Sources::new();
    sources.instance.global_params = Some("{}".to_owned());
    let error = sources.prepare().unwrap_err().to_string();
    assert_eq!(
        error,
        "global_params of the instance is no JSON list of parameters: it is not a list"
    );
    sources.instance.global_params = None;
    sources.now = Millis(i64::MAX);
    assert_eq!(
        sources.prepare(),
        Err(ParamError::TimeOutOfRange { millis: i64::MAX })
    );
}

proptest::proptest! {
    /// The rule of the eight steps, said the other way round: who wins, and with which value.
    #[test]
    fn precedence(levels in proptest::collection::vec(proptest::option::of((proptest::bool::ANY, "[a-z]{1,3}")), 4), upstream in proptest::option::of("[a-z]{1,3}")) {
        let at = |level: usize| -> Vec<Property> {
            levels[level]
                .iter()
                .map(|(is_in, value)| property("p", if *is_in { Direct::In } else { Direct::Out }, value))
                .collect()
        };
        let mut sources = Sources::new().globals(&at(1));
        (sources.project, sources.local, sources.command) = (at(0), at(2), at(3));
        sources.var_pool = upstream.iter().map(|value| output("p", value)).collect();
        let winner = levels.iter().rev().flatten().next();
        let expected = winner.map(|(is_in, value)| match &upstream {
            Some(upstream) if *is_in => upstream.clone(),
            _ => value.clone(),
        });
        proptest::prop_assert_eq!(sources.value("p"), expected);
    }
}
