//! A master that does what the test says: it records events and acknowledges nothing by itself.

use orca_engine::codes::ExecutorEventType;
use orca_engine::model::Property;
use orca_rpc::dto::{
    TaskExecutionContext, TaskExecutorDispatchRequest, TaskExecutorDispatchResponse, TaskExecutorKillRequest,
    TaskExecutorLifecycleEventAck, TaskExecutorQueryRequest, TaskExecutorReassignMasterRequest,
};
use orca_rpc::methods::worker::{AckLifecycleEvent, DispatchTask, KillTask, ReassignWorkflowInstanceHost};
use orca_rpc::methods::{
    OnTaskExecutorDispatched, OnTaskExecutorFailed, OnTaskExecutorKilled, OnTaskExecutorRunning,
    OnTaskExecutorRuntimeContextChanged, OnTaskExecutorSuccess, QueryTaskInstances,
};
use orca_rpc::server::Declined;
use orca_rpc::{Client, Method, Outcome, Router, Server, ServerSettings};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};

/// One event as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) task: i32,
    pub(crate) kind: ExecutorEventType,
    pub(crate) host: String,
    pub(crate) log_path: Option<String>,
    pub(crate) process_id: Option<i32>,
    pub(crate) var_pool: Option<Vec<Property>>,
}

pub(crate) struct Master {
    events: Mutex<mpsc::UnboundedReceiver<Seen>>,
    server: Server,
    client: Client,
    /// Answer event calls with a failure instead of a success.
    refuses: Arc<AtomicBool>,
    /// Give event calls no answer at all.
    silent: Arc<AtomicBool>,
}

const PATIENCE: Duration = Duration::from_secs(30);

impl Master {
    pub(crate) fn start() -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let (refuses, silent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let answer = {
            let (refuses, silent) = (Arc::clone(&refuses), Arc::clone(&silent));
            move |seen: Seen| {
                drop(sender.send(seen));
                std::future::ready(if silent.load(Ordering::SeqCst) {
                    Err(Declined::Silence)
                } else if refuses.load(Ordering::SeqCst) {
                    Err(Declined::failed("Cannot find the WorkflowExecuteRunnable: 10"))
                } else {
                    Ok(())
                })
            }
        };
        macro_rules! record {
            ($router:expr, $method:ty $(, $member:ident: $value:expr)*) => {{
                let answer = answer.clone();
                $router.on::<$method, _>(move |event| {
                    let mut seen = Seen {
                        task: event.task_instance_id,
                        kind: event.r#type.unwrap(),
                        host: event.task_instance_host.clone().unwrap(),
                        log_path: None,
                        process_id: None,
                        var_pool: None,
                    };
                    assert_eq!(event.workflow_instance_id, 10);
                    assert!(event.latest_report_time.unwrap() >= event.event_create_time);
                    $(seen.$member = $value(&event);)*
                    let _ = &mut seen;
                    answer(seen)
                })
            }};
        }
        let router = record!(Router::new(), OnTaskExecutorDispatched);
        let router = record!(router, OnTaskExecutorRunning,
            log_path: |event: &<OnTaskExecutorRunning as Method>::Request| event.log_path.clone());
        let router = record!(router, OnTaskExecutorRuntimeContextChanged,
            process_id: |event: &<OnTaskExecutorRuntimeContextChanged as Method>::Request| Some(event.process_id));
        let router = record!(router, OnTaskExecutorSuccess,
            var_pool: |event: &<OnTaskExecutorSuccess as Method>::Request| event.var_pool.clone());
        let router = record!(router, OnTaskExecutorFailed);
        let router = record!(router, OnTaskExecutorKilled);
        let address = "127.0.0.1:0".parse().unwrap();
        let server = Server::bind(address, Arc::new(router), ServerSettings::default()).unwrap();
        Self {
            events: Mutex::new(events),
            server,
            client: Client::default(),
            refuses,
            silent,
        }
    }

    pub(crate) fn address(&self) -> String {
        self.server.local_address().to_string()
    }

    pub(crate) fn refuse(&self, refuses: bool) {
        self.refuses.store(refuses, Ordering::SeqCst);
    }

    pub(crate) fn be_silent(&self) {
        self.silent.store(true, Ordering::SeqCst);
    }

    /// A SHELL task of this master.
    pub(crate) fn shell(&self, id: i32, script: &str) -> TaskExecutionContext {
        TaskExecutionContext {
            task_instance_id: id,
            task_name: Some(format!("task-{id}")),
            task_type: Some("SHELL".to_owned()),
            first_submit_time: 1_795_563_000_000,
            workflow_instance_host: Some(self.address()),
            host: Some("as-the-master-wrote-it:1".to_owned()),
            workflow_definition_code: Some(77),
            workflow_definition_version: 3,
            workflow_instance_id: 10,
            workflow_instance_name: Some("workflow".to_owned()),
            project_code: Some(1),
            task_params: Some(serde_json::json!({ "rawScript": script }).to_string()),
            task_timeout: i32::MAX,
            ..TaskExecutionContext::default()
        }
    }

    pub(crate) async fn dispatch(
        &self,
        worker: &str,
        context: TaskExecutionContext,
    ) -> TaskExecutorDispatchResponse {
        let request = TaskExecutorDispatchRequest {
            task_execution_context: Some(context),
        };
        self.call::<DispatchTask>(worker, &request).await
    }

    pub(crate) async fn accepted(&self, worker: &str, context: TaskExecutionContext) {
        let response = self.dispatch(worker, context).await;
        assert!(response.dispatch_success, "{response:?}");
    }

    pub(crate) async fn refused(&self, worker: &str, context: TaskExecutionContext) -> String {
        let response = self.dispatch(worker, context).await;
        assert!(!response.dispatch_success);
        response.message.unwrap()
    }

    pub(crate) async fn ack(&self, worker: &str, task: i32, kind: ExecutorEventType) {
        let ack = TaskExecutorLifecycleEventAck {
            task_executor_id: task,
            task_executor_lifecycle_event_type: Some(kind),
        };
        self.call::<AckLifecycleEvent>(worker, &ack).await;
    }

    pub(crate) async fn kill(&self, worker: &str, task: i32) -> (bool, Option<String>) {
        let request = TaskExecutorKillRequest {
            task_instance_id: Some(task),
        };
        let response = self.call::<KillTask>(worker, &request).await;
        (response.success, response.message)
    }

    /// Takes the task over.
    pub(crate) async fn take_over(&self, worker: &str, task: i32, epoch: Option<i64>) -> bool {
        let request = TaskExecutorReassignMasterRequest {
            task_instance_id: task,
            workflow_host: Some(self.address()),
            orca_owner_epoch: epoch,
        };
        self.call::<ReassignWorkflowInstanceHost>(worker, &request)
            .await
            .success
    }

    pub(crate) async fn tasks_of(&self, worker: &str) -> Vec<i32> {
        let response = self
            .call::<QueryTaskInstances>(worker, &TaskExecutorQueryRequest::default())
            .await;
        response
            .task_executors
            .unwrap()
            .iter()
            .map(|task| task.id)
            .collect()
    }

    /// A call that has to succeed.
    pub(crate) async fn call<M: Method>(&self, worker: &str, request: &M::Request) -> M::Response {
        match self.client.call::<M>(worker, request).await {
            Outcome::Accepted(response) => response,
            Outcome::Refused(refusal) => panic!("{} was refused: {refusal}", M::NAME),
            Outcome::Unknown(reason) => panic!("{} has no outcome: {reason}", M::NAME),
        }
    }

    /// The next event, which has to come.
    pub(crate) async fn next(&self) -> Seen {
        let mut events = self.events.lock().await;
        tokio::time::timeout(PATIENCE, events.recv())
            .await
            .expect("an event")
            .expect("a master")
    }

    /// The next event, which has to be this one.
    pub(crate) async fn expect(&self, task: i32, kind: ExecutorEventType) -> Seen {
        let seen = self.next().await;
        assert_eq!((seen.task, seen.kind), (task, kind), "{seen:?}");
        seen
    }

    /// The next event has to be this one, and is acknowledged.
    pub(crate) async fn expect_and_ack(&self, worker: &str, task: i32, kind: ExecutorEventType) -> Seen {
        let seen = self.expect(task, kind).await;
        self.ack(worker, task, kind).await;
        seen
    }

    /// What has come in and was not looked at.
    pub(crate) async fn unseen(&self) -> Vec<Seen> {
        let mut events = self.events.lock().await;
        let mut unseen = Vec::new();
        while let Ok(seen) = events.try_recv() {
            unseen.push(seen);
        }
        unseen
    }

    /// Acknowledges everything of a task until its end, which is answered.
    pub(crate) async fn follow(&self, worker: &str, task: i32) -> Vec<Seen> {
        let mut all = Vec::new();
        loop {
            let seen = self.next().await;
            assert_eq!(seen.task, task, "{seen:?}");
            self.ack(worker, task, seen.kind).await;
            let is_end = matches!(
                seen.kind,
                ExecutorEventType::Success | ExecutorEventType::Failed | ExecutorEventType::Killed
            );
            all.push(seen);
            if is_end {
                return all;
            }
        }
    }
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{what}");
}
