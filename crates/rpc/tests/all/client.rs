//! The client against peers that the test drives itself.

use crate::support::{PATIENCE, RawPeer, frame_of, listener, soon, until, void};
use orca_rpc::dto::{TaskExecutorKillRequest, TaskExecutorKillResponse};
use orca_rpc::envelope::{self, Answer};
use orca_rpc::methods::{RefreshWorkerGroup, worker::KillTask};
use orca_rpc::{Client, ClientSettings, Outcome, Refusal, UnknownReason};
use std::time::Duration;

/// Long enough that a test which waits for it fails by its own patience first.
const NEVER: Duration = Duration::from_secs(600);

fn client() -> Client {
    Client::new(ClientSettings {
        call_timeout: NEVER,
        ..ClientSettings::default()
    })
}

/// Calls in a task of its own.
fn refresh(client: &Client, address: &str) -> tokio::task::JoinHandle<Outcome<()>> {
    let (client, address) = (client.clone(), address.to_owned());
    tokio::spawn(async move { client.call::<RefreshWorkerGroup>(&address, &()).await })
}

async fn result(call: tokio::task::JoinHandle<Outcome<()>>) -> Outcome<()> {
    soon("the outcome", call).await.unwrap()
}

fn is_lost(outcome: &Outcome<()>) -> bool {
    matches!(outcome, Outcome::Unknown(UnknownReason::ConnectionLost { .. }))
}

#[tokio::test]
async fn a_refused_connection_is_a_refusal() {
    let (closed, address) = listener().await;
    drop(closed);
    let client = client();
    for _ in 0..2 {
        let outcome = soon("the outcome", client.call::<RefreshWorkerGroup>(&address, &())).await;
        assert!(
            matches!(&outcome, Outcome::Refused(Refusal::Unreachable { .. })),
            "{outcome:?}"
        );
    }
    assert_eq!(client.snapshot().refused_total, 2);
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_a_refusal() {
    for address in ["no-port", "host.invalid:1", "127.0.0.1:99999", ""] {
        let outcome = soon("the outcome", client().call::<RefreshWorkerGroup>(address, &())).await;
        assert!(
            matches!(outcome, Outcome::Refused(Refusal::Unreachable { .. })),
            "{address}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_peer_that_comes_back_is_found_within_a_second() {
    let (closed, address) = listener().await;
    drop(closed);
    let client = client();
    // Many failures, so that the back-off is at its longest.
    for _ in 0..50 {
        assert!(matches!(
            client.call::<RefreshWorkerGroup>(&address, &()).await,
            Outcome::Refused(_)
        ));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let listener = tokio::net::TcpListener::bind(&address).await.unwrap();
    let back = std::time::Instant::now();
    let serve = tokio::spawn(async move {
        let mut peer = RawPeer::accept(&listener).await;
        let opaque = peer.receive_call().await;
        peer.answer(opaque, &void()).await;
        peer
    });
    soon("an answer", async {
        while client.call::<RefreshWorkerGroup>(&address, &()).await != Outcome::Accepted(()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert!(
        back.elapsed() < Duration::from_millis(1500),
        "{:?}",
        back.elapsed()
    );
    drop(serve.await.unwrap());
}

#[tokio::test]
async fn no_answer_is_unknown() {
    let (listener, address) = listener().await;
    let client = client();
    let limit = Duration::from_millis(50);
    let (outcome, mut peer) = tokio::join!(
        client.call_within::<RefreshWorkerGroup>(&address, &(), limit),
        RawPeer::accept(&listener)
    );
    assert_eq!(
        outcome,
        Outcome::Unknown(UnknownReason::TimedOut { after: limit })
    );
    assert_eq!(client.snapshot().peers[0].in_flight, 0);
    // The answer that comes too late disturbs nobody.
    let late = peer.receive_call().await;
    peer.answer(late, &Answer::Failed(None)).await;
    let next = refresh(&client, &address);
    let opaque = peer.receive_call().await;
    peer.answer(opaque, &void()).await;
    assert_eq!(result(next).await, Outcome::Accepted(()));
}

#[tokio::test]
async fn a_peer_that_dies_in_the_middle_of_a_call_leaves_it_unknown_at_once() {
    let (listener, address) = listener().await;
    let client = client();
    let calls = [refresh(&client, &address), refresh(&client, &address)];
    let mut peer = RawPeer::accept(&listener).await;
    for _ in &calls {
        peer.receive_call().await;
    }
    drop(peer);
    for call in calls {
        let outcome = result(call).await;
        assert!(is_lost(&outcome), "{outcome:?}");
    }
    // The next call opens another connection.
    let next = refresh(&client, &address);
    let mut peer = RawPeer::accept(&listener).await;
    let opaque = peer.receive_call().await;
    peer.answer(opaque, &void()).await;
    assert_eq!(result(next).await, Outcome::Accepted(()));
    assert_eq!(client.snapshot().unknown_total, 2);
}

#[tokio::test]
async fn answers_may_come_in_any_order_on_one_connection() {
    let (listener, address) = listener().await;
    let client = client();
    let calls: Vec<_> = (0..20)
        .map(|id| {
            let (client, address) = (client.clone(), address.clone());
            tokio::spawn(async move {
                let request = TaskExecutorKillRequest {
                    task_instance_id: Some(id),
                };
                client.call::<KillTask>(&address, &request).await
            })
        })
        .collect();
    let mut peer = RawPeer::accept(&listener).await;
    let mut open = Vec::new();
    for _ in &calls {
        let frame = peer.receive().await.unwrap();
        let request = envelope::decode_request::<KillTask>(&frame.body)
            .unwrap()
            .unwrap();
        open.push((frame.header().unwrap().opaque, request.task_instance_id.unwrap()));
    }
    for (opaque, id) in open.into_iter().rev() {
        let response = TaskExecutorKillResponse {
            success: true,
            message: Some(id.to_string()),
        };
        peer.answer(opaque, &Answer::of::<KillTask>(&response)).await;
    }
    for (id, call) in calls.into_iter().enumerate() {
        let Outcome::Accepted(response) = soon("the outcome", call).await.unwrap() else {
            panic!("no answer")
        };
        assert_eq!(response.message, Some(id.to_string()));
    }
}

#[tokio::test]
async fn an_answer_nobody_asked_for_is_dropped() {
    let (listener, address) = listener().await;
    let client = client();
    let call = refresh(&client, &address);
    let mut peer = RawPeer::accept(&listener).await;
    let opaque = peer.receive_call().await;
    peer.answer(opaque + 1000, &Answer::Failed(None)).await;
    peer.answer(opaque, &void()).await;
    assert_eq!(result(call).await, Outcome::Accepted(()));
}

#[tokio::test]
async fn an_rpc_failure_is_a_refusal_with_its_message() {
    let (listener, address) = listener().await;
    let client = client();
    for message in [Some("Cannot find it".to_owned()), None] {
        let call = refresh(&client, &address);
        let mut peer = RawPeer::accept(&listener).await;
        let opaque = peer.receive_call().await;
        peer.answer(opaque, &Answer::Failed(message.clone())).await;
        assert_eq!(result(call).await, Outcome::Refused(Refusal::Failed { message }));
        client.close_connection(&address);
    }
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_unknown() {
    let (listener, address) = listener().await;
    let client = client();
    let bodies = [
        "",
        "null",
        r#"{"success":true,"body":null}"#,
        r#"{"success":true,"body":"e30"}"#,
    ];
    for body in bodies {
        let request = TaskExecutorKillRequest::default();
        let call = client.call::<KillTask>(&address, &request);
        let peer = async {
            let mut peer = RawPeer::accept(&listener).await;
            let opaque = peer.receive_call().await;
            let header = format!("{{\"methodIdentifier\":\"m\",\"opaque\":{opaque}}}");
            peer.send(&frame_of(&header, body)).await;
            peer
        };
        let (outcome, _peer) = tokio::join!(soon("the outcome", call), peer);
        assert!(
            matches!(outcome, Outcome::Unknown(UnknownReason::BadAnswer { .. })),
            "{body}: {outcome:?}"
        );
        client.close_connection(&address);
    }
}

#[tokio::test]
async fn bytes_that_are_no_frame_end_the_connection() {
    let (listener, address) = listener().await;
    let client = client();
    let garbage: [&[u8]; 4] = [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        &[0xbe, 0, 0x7f, 0xff, 0xff, 0xff],
        &[0xbe, 0, 0xff, 0xff, 0xff, 0xff],
        &frame_of("[]", "{}"),
    ];
    for bytes in garbage {
        let call = refresh(&client, &address);
        let mut peer = RawPeer::accept(&listener).await;
        peer.receive_call().await;
        peer.send(bytes).await;
        let outcome = result(call).await;
        assert!(is_lost(&outcome), "{outcome:?}");
        assert!(peer.receive().await.is_none(), "the connection is still open");
    }
}

#[tokio::test]
async fn closing_a_connection_fails_its_calls_and_shutdown_refuses_later_ones() {
    let (listener, address) = listener().await;
    let client = client();
    let call = refresh(&client, &address);
    let mut first = RawPeer::accept(&listener).await;
    first.receive_call().await;
    client.close_connection(&address);
    let outcome = result(call).await;
    assert!(is_lost(&outcome), "{outcome:?}");
    assert!(first.receive().await.is_none(), "the connection is still open");

    let call = refresh(&client, &address);
    let mut second = RawPeer::accept(&listener).await;
    second.receive_call().await;
    client.shutdown();
    let outcome = result(call).await;
    assert!(is_lost(&outcome), "{outcome:?}");
    assert!(second.receive().await.is_none(), "the connection is still open");
    let outcome = client.call::<RefreshWorkerGroup>(&address, &()).await;
    assert!(
        matches!(outcome, Outcome::Refused(Refusal::NotSent { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn dropping_the_client_closes_its_connections() {
    let (listener, address) = listener().await;
    let client = client();
    let call = refresh(&client, &address);
    let mut peer = RawPeer::accept(&listener).await;
    let opaque = peer.receive_call().await;
    peer.answer(opaque, &void()).await;
    assert_eq!(result(call).await, Outcome::Accepted(()));
    drop(client);
    assert!(peer.receive().await.is_none(), "the connection is still open");
}

#[tokio::test]
async fn a_quiet_connection_has_heartbeats() {
    let (listener, address) = listener().await;
    let client = Client::new(ClientSettings {
        heartbeat_interval: Duration::from_millis(20),
        call_timeout: NEVER,
        ..ClientSettings::default()
    });
    let call = refresh(&client, &address);
    let mut peer = RawPeer::accept(&listener).await;
    let opaque = peer.receive_call().await;
    let first = peer.receive().await.unwrap();
    assert_eq!(first.header().unwrap().method_identifier, "HEART_BEAT");
    assert_eq!(
        first.body,
        r#"{"success":false,"message":null,"body":null,"bodyType":null}"#
    );
    // The same frame again, as from the reference.
    assert_eq!(peer.receive().await.unwrap(), first);
    peer.answer(opaque, &void()).await;
    assert_eq!(result(call).await, Outcome::Accepted(()));
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_nothing_behind() {
    let (listener, address) = listener().await;
    let client = client();
    let call = refresh(&client, &address);
    let mut peer = RawPeer::accept(&listener).await;
    peer.receive_call().await;
    assert_eq!(client.snapshot().peers[0].in_flight, 1);
    call.abort();
    until("the call to be forgotten", || {
        client.snapshot().peers[0].in_flight == 0
    })
    .await;
    assert!(client.snapshot().peers[0].is_connected);
}

#[tokio::test]
async fn calls_past_the_limit_wait_for_a_place() {
    let (listener, address) = listener().await;
    let client = Client::new(ClientSettings {
        in_flight_max: 1,
        call_timeout: NEVER,
        ..ClientSettings::default()
    });
    let first = refresh(&client, &address);
    let mut peer = RawPeer::accept(&listener).await;
    let opaque = peer.receive_call().await;
    let limit = Duration::from_millis(30);
    let outcome = client
        .call_within::<RefreshWorkerGroup>(&address, &(), limit)
        .await;
    assert!(
        matches!(outcome, Outcome::Refused(Refusal::NotSent { .. })),
        "{outcome:?}"
    );
    let third = refresh(&client, &address);
    peer.answer(opaque, &void()).await;
    assert_eq!(result(first).await, Outcome::Accepted(()));
    let opaque = peer.receive_call().await;
    peer.answer(opaque, &void()).await;
    assert_eq!(result(third).await, Outcome::Accepted(()));
}

#[tokio::test]
async fn a_request_past_the_body_limit_is_not_sent() {
    let (_listener, address) = listener().await;
    let client = Client::new(ClientSettings {
        body_len_max: 10,
        ..ClientSettings::default()
    });
    let outcome = client.call::<RefreshWorkerGroup>(&address, &()).await;
    assert!(
        matches!(outcome, Outcome::Refused(Refusal::NotSent { .. })),
        "{outcome:?}"
    );
    assert!(PATIENCE < NEVER);
}
