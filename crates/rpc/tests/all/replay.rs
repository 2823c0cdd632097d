//! The recorded traffic again, with this crate on one side of it.

use crate::recorded::{Recorded, recorded};
use crate::support::{RawPeer, listener, one_frame, soon};
use crate::table::{Entry, Rewritten, table};
use async_trait::async_trait;
use orca_engine::codes::ExecutorEventType;
use orca_rpc::dto::TaskExecutorLifecycleEventAck;
use orca_rpc::envelope::ResponseBody;
use orca_rpc::methods::{self, Method, worker};
use orca_rpc::{
    Client, ClientSettings, Handler, IncomingCall, Outcome, Refusal, Reply, Router, Server, ServerSettings,
};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Requests with their answers, where the answer was recorded.
fn pairs() -> Vec<(Recorded, Recorded)> {
    let (requests, rest): (Vec<_>, Vec<_>) = recorded().into_iter().partition(Recorded::is_request);
    // Two recordings may have the same name; the number tells them apart.
    let mut answers: HashMap<(String, i64), Recorded> = rest
        .into_iter()
        .map(|answer| ((answer.name.clone(), answer.opaque), answer))
        .collect();
    let pair = |request: Recorded| {
        let answer = answers.remove(&(request.name.replace(".request", ".response"), request.opaque))?;
        Some((request, answer))
    };
    requests.into_iter().filter_map(pair).collect()
}

/// By identifier and number: the argument, and the answer.
type Script = HashMap<(String, i64), (Rewritten, Recorded)>;

/// Checks each argument and gives back what was recorded.
struct Stub {
    table: HashMap<&'static str, Entry>,
    script: Mutex<Script>,
}

#[async_trait]
impl Handler for Stub {
    async fn handle(&self, call: IncomingCall) -> Reply {
        let key = (call.identifier().to_owned(), call.opaque);
        let (argument, answer) = self.script.lock().unwrap().remove(&key).unwrap();
        let Some(entry) = self.table.get(call.identifier()) else {
            return Reply::unknown_method(call.identifier());
        };
        let read = (entry.argument)(&call);
        let body = one_frame(&answer.bytes).body;
        let recorded = ResponseBody::decode(&body).unwrap();
        if argument.is_none() && read.is_err() {
            // A null argument: the reference answers in the words of its runtime.
            return Reply::failed(recorded.message.unwrap());
        }
        let value = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).unwrap();
        assert_eq!(
            read.unwrap().as_deref().map(value),
            argument.as_deref().map(value),
            "{}",
            answer.name
        );
        if !recorded.success {
            return Reply::failed(recorded.message.unwrap());
        }
        (entry.reply)(answer.inner_json().as_deref())
    }
}

#[tokio::test]
async fn a_server_answers_recorded_requests_byte_for_byte() {
    let pairs: Vec<_> = pairs()
        .into_iter()
        // The transport's own test interfaces have no types here.
        .filter(|(request, _)| {
            !request.identifier.contains(" selftest.") || request.name.contains("unknownMethod")
        })
        .collect();
    let mut expected = HashMap::new();
    let mut script = HashMap::new();
    let mut requests = Vec::new();
    for (request, answer) in pairs {
        requests.extend_from_slice(&request.bytes);
        let key = (request.identifier.clone(), request.opaque);
        assert!(
            expected.insert(key.clone(), answer.bytes.clone()).is_none(),
            "{} twice",
            request.name
        );
        script.insert(key, (request.inner_json(), answer));
    }
    let stub = Stub {
        table: table(),
        script: Mutex::new(script),
    };
    let server = Server::bind(ANY_PORT, Arc::new(stub), ServerSettings::default()).unwrap();
    let mut peer = RawPeer::connect(server.local_address()).await;
    // All at once; the answers come in any order.
    peer.send(&requests).await;
    while !expected.is_empty() {
        let frame = peer.receive().await.unwrap();
        let header = frame.header().unwrap();
        let key = (header.method_identifier.clone().into_owned(), header.opaque);
        let recorded = one_frame(
            &expected
                .remove(&key)
                .unwrap_or_else(|| panic!("unexpected answer {key:?}")),
        );
        assert_eq!(frame.header, recorded.header);
        assert_eq!(frame.body, recorded.body, "{key:?}");
    }
    assert_eq!(server.snapshot().panics_total, 0);
}

#[tokio::test]
async fn a_client_understands_recorded_answers() {
    let table = table();
    let (listener, address) = listener().await;
    let client = Client::new(ClientSettings::default());
    let mut peer = None;
    for (request, answer) in pairs() {
        let Some(entry) = table.get(request.identifier.as_str()) else {
            continue;
        };
        let argument = request.inner_json().unwrap_or_else(|| b"{}".to_vec());
        let body = one_frame(&answer.bytes).body;
        let recorded = ResponseBody::decode(&body).unwrap();
        let scripted = async {
            if peer.is_none() {
                peer = Some(RawPeer::accept(&listener).await);
            }
            let peer = peer.as_mut().unwrap();
            let opaque = peer.receive_call().await;
            let bytes = orca_rpc::frame::encode(&answer.identifier, opaque, body.len(), |out| {
                out.extend_from_slice(&body);
            });
            peer.send(&bytes.unwrap()).await;
        };
        let (outcome, ()) = tokio::join!((entry.call)(&client, &address, &argument), scripted);
        let expected = if recorded.success {
            Outcome::Accepted(answer.inner_json())
        } else {
            Outcome::Refused(Refusal::Failed {
                message: recorded.message.map(|message| message.into_owned()),
            })
        };
        assert_eq!(outcome, expected, "{}", answer.name);
    }
}

/// The life of one task: the worker's side sends the recorded events, the next one when the last is acked; the master's
/// side answers each event and then acks it.
#[tokio::test]
async fn the_life_of_a_task_goes_by_in_the_recorded_order() {
    let trace: Vec<_> = recorded()
        .into_iter()
        .filter(|frame| frame.line["trace"] == "produce")
        .collect();
    let events: Vec<_> = trace
        .iter()
        .filter(|frame| methods::is_executor_event(&frame.identifier) && frame.is_request())
        .collect();
    let recorded_acks: Vec<TaskExecutorLifecycleEventAck> = trace
        .iter()
        .filter(|frame| frame.identifier == worker::AckLifecycleEvent::IDENTIFIER && frame.is_request())
        .map(|frame| {
            orca_rpc::dto::Payload::from_json(frame.inner_json().as_deref())
                .unwrap()
                .unwrap()
        })
        .collect();

    let (acks, mut acked) = mpsc::unbounded_channel();
    let worker_router = Router::new().on::<worker::AckLifecycleEvent, _>(move |ack| {
        acks.send(ack).unwrap();
        async { Ok(()) }
    });
    let worker = Server::bind(ANY_PORT, Arc::new(worker_router), ServerSettings::default()).unwrap();
    let master = Server::bind(
        ANY_PORT,
        Arc::new(acking_master(
            Client::default(),
            worker.local_address().to_string(),
        )),
        ServerSettings::default(),
    )
    .unwrap();

    let table = table();
    let client = Client::default();
    let mut seen = Vec::new();
    for event in &events {
        let call = table[event.identifier.as_str()].call;
        let outcome = call(
            &client,
            &master.local_address().to_string(),
            &event.inner_json().unwrap(),
        )
        .await;
        assert_eq!(outcome, Outcome::Accepted(None), "{}", event.name);
        seen.push(soon("the ack", acked.recv()).await.unwrap());
    }
    assert_eq!(seen, recorded_acks);
    if !events.is_empty() {
        use ExecutorEventType::{Dispatched, Running, RuntimeContextChange, Success};
        let types: Vec<_> = seen
            .iter()
            .map(|ack| ack.task_executor_lifecycle_event_type.unwrap())
            .collect();
        assert_eq!(types, [Dispatched, Running, RuntimeContextChange, Success]);
    }
}

fn acking_master(client: Client, worker: String) -> Router {
    macro_rules! serve {
        ($router:expr, $($method:ident),+) => { $router $(.on::<methods::$method, _>({
            let (client, worker) = (client.clone(), worker.clone());
            move |event| {
                let (client, worker) = (client.clone(), worker.clone());
                async move {
                    let ack = TaskExecutorLifecycleEventAck {
                        task_executor_id: event.task_instance_id,
                        task_executor_lifecycle_event_type: event.r#type,
                    };
                    tokio::spawn(async move {
                        assert_eq!(client.call::<worker::AckLifecycleEvent>(&worker, &ack).await, Outcome::Accepted(()));
                    });
                    Ok(())
                }
            }
        }))+ };
    }
    serve!(
        Router::new(),
        OnTaskExecutorDispatched,
        OnTaskExecutorRunning,
        OnTaskExecutorRuntimeContextChanged,
        OnTaskExecutorSuccess
    )
}
