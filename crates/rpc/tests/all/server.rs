//! The server against peers that the test drives itself.

use crate::support::{BODY_MAX, RawPeer, frame_of, soon, until};
use orca_rpc::dto::{TaskExecutorKillRequest, TaskExecutorKillResponse};
use orca_rpc::envelope::{self, Returned};
use orca_rpc::methods::{Method, RefreshWorkerGroup, RemoveTaskInstanceLog, logic::KillTask};
use orca_rpc::{Client, Declined, Outcome, Refusal, Router, Server, ServerSettings};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

fn serve(router: Router, settings: ServerSettings) -> Server {
    Server::bind(
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        Arc::new(router),
        settings,
    )
    .unwrap()
}

/// Kill fails the call for 0, is silent for 1, panics for 2, and answers with the id otherwise.
fn router() -> Router {
    Router::new()
        .on::<RefreshWorkerGroup, _>(|()| async { Ok(()) })
        .on::<KillTask, _>(|request| async move {
            match request.task_instance_id {
                Some(0) => Err(Declined::failed("IllegalStateException: nothing there")),
                Some(1) => Err(Declined::Silence),
                Some(2) => panic!("a bug in a handler"),
                id => Ok(TaskExecutorKillResponse {
                    success: true,
                    message: id.map(|id| id.to_string()),
                }),
            }
        })
}

fn kill(opaque: i64, id: i32) -> bytes::Bytes {
    let request = TaskExecutorKillRequest {
        task_instance_id: Some(id),
    };
    envelope::encode_request::<KillTask>(opaque, &request, BODY_MAX).unwrap()
}

async fn next(peer: &mut RawPeer) -> (i64, Returned<TaskExecutorKillResponse>) {
    let frame = peer.receive().await.expect("an answer");
    let header = frame.header().unwrap();
    assert_eq!(header.method_identifier, KillTask::IDENTIFIER);
    (
        header.opaque,
        envelope::decode_response::<KillTask>(&frame.body).unwrap(),
    )
}

fn killed(id: i32) -> Returned<TaskExecutorKillResponse> {
    Returned::Value(Some(TaskExecutorKillResponse {
        success: true,
        message: Some(id.to_string()),
    }))
}

#[tokio::test]
async fn client_and_server_understand_each_other() {
    let server = serve(router(), ServerSettings::default());
    let address = server.local_address().to_string();
    let client = Client::default();
    let call = |id| {
        let (client, address) = (&client, &address);
        async move {
            let request = TaskExecutorKillRequest { task_instance_id: id };
            client.call::<KillTask>(address, &request).await
        }
    };
    assert_eq!(
        client.call::<RefreshWorkerGroup>(&address, &()).await,
        Outcome::Accepted(())
    );
    assert_eq!(
        call(Some(7)).await.accepted().unwrap().message.as_deref(),
        Some("7")
    );
    let message = Some("IllegalStateException: nothing there".to_owned());
    assert_eq!(call(Some(0)).await, Outcome::Refused(Refusal::Failed { message }));
    let missing = client
        .call::<RemoveTaskInstanceLog>(&address, &"/a".to_owned())
        .await;
    let message = Some(format!(
        "Cannot find the ServerMethodInvoker of {}",
        RemoveTaskInstanceLog::IDENTIFIER
    ));
    assert_eq!(missing, Outcome::Refused(Refusal::Failed { message }));
    let snapshot = server.snapshot();
    assert_eq!(
        (snapshot.connections, snapshot.calls_total, snapshot.failed_total),
        (1, 4, 2)
    );
}

#[tokio::test]
async fn a_heartbeat_or_a_silent_call_has_no_answer() {
    let server = serve(router(), ServerSettings::default());
    let mut peer = RawPeer::connect(server.local_address()).await;
    peer.send(&envelope::encode_heartbeat(5)).await;
    peer.send(&frame_of(
        r#"{"methodIdentifier":"HEART_BEAT","opaque":6}"#,
        "not json",
    ))
    .await;
    peer.send(&kill(7, 1)).await;
    until("the silent call to be through", || {
        server.snapshot().silent_total == 1
    })
    .await;
    peer.send(&kill(8, 9)).await;
    // Whatever had been sent before would come first.
    assert_eq!(next(&mut peer).await, (8, killed(9)));
    drop(server);
    assert!(peer.receive().await.is_none(), "a frame that nobody asked for");
}

#[tokio::test]
async fn a_panic_fails_the_call_and_nothing_else() {
    let server = serve(router(), ServerSettings::default());
    let mut peer = RawPeer::connect(server.local_address()).await;
    peer.send(&kill(1, 2)).await;
    let (opaque, Returned::Failure(Some(message))) = next(&mut peer).await else {
        panic!("no failure")
    };
    assert_eq!(opaque, 1);
    assert!(message.contains("panicked"), "{message}");
    peer.send(&kill(2, 3)).await;
    assert_eq!(next(&mut peer).await, (2, killed(3)));
    assert_eq!(server.snapshot().panics_total, 1);
}

#[tokio::test]
async fn bad_requests_are_answered_and_the_connection_goes_on() {
    let server = serve(router(), ServerSettings::default());
    let mut peer = RawPeer::connect(server.local_address()).await;
    let header = format!(
        r#"{{"x":{{}},"opaque":"11","methodIdentifier":"{}"}}"#,
        KillTask::IDENTIFIER
    );
    for (body, expected) in [
        ("", "StandardRpcRequest"),
        (r#"{"args":[],"argsTypes":[]}"#, "wrong number of arguments"),
        (
            r#"{"args":["e30="],"argsTypes":["java.lang.Long"]}"#,
            "do not match the method signature.",
        ),
        (r#"{"args":[null],"argsTypes":[null]}"#, "is null"),
    ] {
        peer.send(&frame_of(&header, body)).await;
        let (opaque, Returned::Failure(Some(message))) = next(&mut peer).await else {
            panic!("no failure")
        };
        assert_eq!(opaque, 11);
        assert!(message.contains(expected), "{message}");
    }
    peer.send(&kill(12, 4)).await;
    assert_eq!(next(&mut peer).await, (12, killed(4)));
}

#[tokio::test]
async fn bytes_that_are_no_frame_end_the_connection_without_an_answer() {
    let server = serve(router(), ServerSettings::default());
    let broken: [&[u8]; 7] = [
        b"GET / HTTP/1.1\r\n\r\n",
        &[0xbe, 1, 0, 0, 0, 0],
        &[0xbe, 0, 0xff, 0xff, 0xff, 0xff],
        &[0xbe, 0, 0x7f, 0xff, 0xff, 0xff],
        &frame_of("null", "{}"),
        &frame_of(r#"{"opaque":1}"#, "{}"),
        &[&[0xbe, 0, 0, 0, 0, 2][..], b"{}", &[0x7f, 0xff, 0xff, 0xff]].concat(),
    ];
    for bytes in broken {
        let mut peer = RawPeer::connect(server.local_address()).await;
        peer.send(bytes).await;
        assert!(peer.receive().await.is_none(), "answered {bytes:?}");
    }
    assert_eq!(server.snapshot().broken_total, 7);
}

#[tokio::test]
async fn a_silent_connection_is_closed() {
    let settings = ServerSettings {
        idle_timeout: Duration::from_millis(50),
        ..ServerSettings::default()
    };
    let server = serve(router(), settings);
    let mut peer = RawPeer::connect(server.local_address()).await;
    peer.send(&kill(1, 5)).await;
    assert_eq!(next(&mut peer).await, (1, killed(5)));
    assert!(peer.receive().await.is_none(), "still open");
    until("the connection to be forgotten", || {
        server.snapshot().connections == 0
    })
    .await;
}

#[tokio::test]
async fn a_frame_that_trickles_in_is_given_up() {
    let settings = ServerSettings {
        frame_timeout: Duration::from_millis(100),
        ..ServerSettings::default()
    };
    let server = serve(router(), settings);
    let mut peer = RawPeer::connect(server.local_address()).await;
    let frame = kill(1, 5);
    soon("the connection to be closed", async {
        use tokio::io::AsyncWriteExt;
        for byte in frame.iter().cycle() {
            if peer.stream.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
            if server.snapshot().connections == 0 {
                return;
            }
        }
    })
    .await;
    assert_eq!(server.snapshot().calls_total, 0);
}

#[tokio::test]
async fn a_frame_in_pieces_is_one_call() {
    let server = serve(router(), ServerSettings::default());
    let mut peer = RawPeer::connect(server.local_address()).await;
    for byte in kill(3, 6) {
        peer.send(&[byte]).await;
    }
    assert_eq!(next(&mut peer).await, (3, killed(6)));
}

#[tokio::test]
async fn connections_past_the_limit_are_closed_at_once() {
    let server = serve(
        router(),
        ServerSettings {
            connections_max: 1,
            ..ServerSettings::default()
        },
    );
    let mut first = RawPeer::connect(server.local_address()).await;
    first.send(&kill(1, 5)).await;
    assert_eq!(next(&mut first).await, (1, killed(5)));
    let mut second = RawPeer::connect(server.local_address()).await;
    assert!(second.receive().await.is_none(), "still open");
    assert_eq!(server.snapshot().connections_refused_total, 1);
    drop(first);
    until("the place to be free", || server.snapshot().connections == 0).await;
    let mut third = RawPeer::connect(server.local_address()).await;
    third.send(&kill(2, 6)).await;
    assert_eq!(next(&mut third).await, (2, killed(6)));
}

/// A handler that waits for a permit per call.
fn gated(gate: &Arc<Semaphore>) -> Router {
    let gate = Arc::clone(gate);
    Router::new().on::<KillTask, _>(move |request| {
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire().await.unwrap().forget();
            let message = request.task_instance_id.map(|id| id.to_string());
            Ok(TaskExecutorKillResponse {
                success: true,
                message,
            })
        }
    })
}

#[tokio::test]
async fn no_more_calls_are_begun_than_the_limit_allows() {
    let gate = Arc::new(Semaphore::new(0));
    let server = serve(
        gated(&gate),
        ServerSettings {
            in_flight_max: 2,
            ..ServerSettings::default()
        },
    );
    let mut peer = RawPeer::connect(server.local_address()).await;
    for id in 0..6 {
        peer.send(&kill(id.into(), id)).await;
    }
    until("two calls to be begun", || server.snapshot().in_flight == 2).await;
    let mut answered = Vec::new();
    for _ in 0..6 {
        gate.add_permits(1);
        answered.push(next(&mut peer).await.0);
        assert!(server.snapshot().in_flight <= 2);
    }
    answered.sort_unstable();
    assert_eq!(answered, [0, 1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_peer_that_reads_late_gets_every_answer() {
    let long = "x".repeat(60_000);
    let router = Router::new().on::<KillTask, _>(move |_| {
        let message = Some(long.clone());
        async {
            Ok(TaskExecutorKillResponse {
                success: true,
                message,
            })
        }
    });
    let server = serve(
        router,
        ServerSettings {
            in_flight_max: 4,
            ..ServerSettings::default()
        },
    );
    let mut peer = RawPeer::connect(server.local_address()).await;
    const CALLS: i32 = 200;
    for id in 0..CALLS {
        peer.send(&kill(id.into(), id)).await;
    }
    let mut opaques = Vec::new();
    for _ in 0..CALLS {
        opaques.push(next(&mut peer).await.0);
    }
    opaques.sort_unstable();
    assert_eq!(opaques, (0..i64::from(CALLS)).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_answer_past_the_body_limit_is_a_failure() {
    let router = Router::new().on::<KillTask, _>(|_| async {
        Ok(TaskExecutorKillResponse {
            success: true,
            message: Some("x".repeat(5000)),
        })
    });
    let server = serve(
        router,
        ServerSettings {
            body_len_max: 2000,
            ..ServerSettings::default()
        },
    );
    let mut peer = RawPeer::connect(server.local_address()).await;
    peer.send(&kill(1, 1)).await;
    let (_, Returned::Failure(Some(message))) = next(&mut peer).await else {
        panic!("no failure")
    };
    assert!(message.contains("cannot be sent"), "{message}");
}

#[tokio::test]
async fn a_port_in_use_is_named_in_the_error() {
    let server = serve(router(), ServerSettings::default());
    let error = Server::bind(
        server.local_address(),
        Arc::new(router()),
        ServerSettings::default(),
    )
    .err()
    .unwrap();
    let message = error.to_string();
    assert!(message.contains(&server.local_address().to_string()), "{message}");
}
