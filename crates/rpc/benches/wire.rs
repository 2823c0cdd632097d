//! How long the hot paths take: `cargo bench -p orca-rpc`. Prints one line per path; nothing is judged here.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench prints its result"
)]

use orca_engine::codes::ExecutorEventType;
use orca_engine::model::{ExecutionContext, Property};
use orca_engine::time::Millis;
use orca_rpc::dto::{TaskExecutorDispatchRequest, TaskExecutorSuccessLifecycleEvent, task_execution_context};
use orca_rpc::methods::{OnTaskExecutorSuccess, worker::DispatchTask};
use orca_rpc::{Client, Outcome, Router, Server, ServerSettings, envelope, frame};
use std::hint::black_box;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

const BODY_MAX: usize = 1 << 20;
const ROUNDS: u32 = 20_000;

fn report(what: &str, rounds: u32, began: Instant) {
    let each = began.elapsed() / rounds;
    println!(
        "{what:<48} {:>9.2} µs  {:>10.0} /s",
        each.as_secs_f64() * 1e6,
        1.0 / each.as_secs_f64()
    );
}

fn event() -> TaskExecutorSuccessLifecycleEvent {
    let property = Property {
        prop: Some("key".to_owned()),
        value: Some("value".to_owned()),
        ..Property::default()
    };
    TaskExecutorSuccessLifecycleEvent {
        task_instance_id: 9959,
        event_create_time: 1_795_399_566_990,
        r#type: Some(ExecutorEventType::Success),
        workflow_instance_id: 3788,
        task_instance_host: Some("127.0.0.1:1234".to_owned()),
        end_time: 1_795_399_566_990,
        var_pool: Some(vec![property; 2]),
        latest_report_time: Some(1_795_399_567_035),
    }
}

/// As large as that of a plain SHELL task: a dozen parameters, a script of a few lines.
fn context() -> ExecutionContext {
    let parameter = |number: usize| {
        let name = format!("system.parameter.number.{number}");
        let value = Property {
            prop: Some(name.clone()),
            value: Some("20261123".to_owned()),
            ..Property::default()
        };
        (name, value)
    };
    ExecutionContext {
        task_instance_id: 9959,
        task_name: "produce".to_owned(),
        first_submit_time: Millis(1_795_399_566_734),
        start_time: None,
        task_type: "SHELL".to_owned(),
        workflow_instance_host: "127.0.0.1:5678".into(),
        log_path: None,
        workflow_definition_code: 190_432_426_366_016,
        workflow_definition_version: 1,
        app_ids: None,
        workflow_instance_id: 3788,
        workflow_instance_name: "basic-99566348-20261123020606427".to_owned(),
        project_code: 190_432_317_447_232,
        schedule_time: None,
        global_params: Some("[]".to_owned()),
        executor_id: 1,
        tenant_code: Some("default".to_owned()),
        task_params: Some("{\"rawScript\":\"echo one\\necho two\\n\",\"localParams\":[]}".repeat(6)),
        environment_config: None,
        prepare_params: (0..12).map(parameter).collect(),
        timeout_strategy: None,
        timeout_seconds: i32::MAX,
        worker_group: "default".to_owned(),
        data_sources: [].into(),
        kubernetes: None,
        dry_run: false,
        cpu_quota: -1,
        memory_max: -1,
        first_dispatch_time: Millis(1_795_399_566_740),
    }
}

fn codec() {
    let bytes = envelope::encode_request::<OnTaskExecutorSuccess>(7, &event(), BODY_MAX).unwrap();
    let began = Instant::now();
    for _ in 0..ROUNDS {
        let mut buffer = bytes::BytesMut::from(&bytes[..]);
        let Ok(frame::Decoded::Frame(frame)) = frame::decode(&mut buffer, BODY_MAX) else {
            panic!("no frame")
        };
        black_box(frame.header().unwrap());
        black_box(envelope::decode_request::<OnTaskExecutorSuccess>(&frame.body).unwrap());
    }
    report("SUCCESS event: frame to value", ROUNDS, began);

    let context = context();
    let began = Instant::now();
    let mut len = 0;
    for number in 0..ROUNDS {
        let wire = task_execution_context(&context, "127.0.0.1:1234", 0);
        let request = TaskExecutorDispatchRequest {
            task_execution_context: Some(wire),
        };
        len = envelope::encode_request::<DispatchTask>(number.into(), &request, BODY_MAX)
            .unwrap()
            .len();
    }
    report(
        &format!("dispatch: context to frame of {len} bytes"),
        ROUNDS,
        began,
    );
}

async fn calls(callers: u32) {
    let router = Router::new().on::<OnTaskExecutorSuccess, _>(|event| async move {
        black_box(event);
        Ok(())
    });
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let server = Server::bind(any_port, Arc::new(router), ServerSettings::default()).unwrap();
    let address: Arc<str> = server.local_address().to_string().into();
    let client = Client::default();
    let began = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (client, address) = (client.clone(), Arc::clone(&address));
            tokio::spawn(async move {
                let event = event();
                for _ in 0..ROUNDS / callers {
                    let outcome = client.call::<OnTaskExecutorSuccess>(&address, &event).await;
                    assert_eq!(outcome, Outcome::Accepted(()));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    report(
        &format!("event call on loopback, {callers} callers"),
        ROUNDS,
        began,
    );
}

fn main() {
    codec();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for callers in [1, 64] {
        runtime.block_on(calls(callers));
    }
}
