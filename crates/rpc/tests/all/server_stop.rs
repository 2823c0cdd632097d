//! How a server ends: what was accepted is answered, late reports of executors are not, and the port is free.

use crate::support::{BODY_MAX, PATIENCE, RawPeer, soon, until};
use orca_rpc::dto::{TaskExecutorSuccessLifecycleEvent, WorkflowInstanceStopRequest};
use orca_rpc::envelope::{self, Returned};
use orca_rpc::methods::{Method, OnTaskExecutorSuccess, RefreshWorkerGroup, StopWorkflowInstance};
use orca_rpc::{Client, Outcome, Router, Server, ServerSettings};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// Refreshing waits at the gate.
fn gated_server(gate: &Arc<Semaphore>) -> Arc<Server> {
    let gate = Arc::clone(gate);
    let router = Router::new()
        .on::<RefreshWorkerGroup, _>(move |()| {
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.unwrap().forget();
                Ok(())
            }
        })
        .on::<OnTaskExecutorSuccess, _>(|_| async { Ok(()) });
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    Arc::new(Server::bind(any_port, Arc::new(router), ServerSettings::default()).unwrap())
}

async fn begin_call(server: &Server) -> RawPeer {
    let mut peer = RawPeer::connect(server.local_address()).await;
    peer.send(&envelope::encode_request::<RefreshWorkerGroup>(1, &(), BODY_MAX).unwrap())
        .await;
    until("the call to be begun", || server.snapshot().in_flight == 1).await;
    peer
}

#[tokio::test]
async fn a_drain_answers_what_was_accepted() {
    let gate = Arc::new(Semaphore::new(0));
    let server = gated_server(&gate);
    let mut peer = begin_call(&server).await;
    let drain = tokio::spawn({
        let server = Arc::clone(&server);
        async move { server.drain(PATIENCE).await }
    });
    soon("the port to be closed", async {
        while TcpStream::connect(server.local_address()).await.is_ok() {}
    })
    .await;
    // Late: the report stays without an answer, the other call fails at once.
    let event = TaskExecutorSuccessLifecycleEvent::default();
    peer.send(&envelope::encode_request::<OnTaskExecutorSuccess>(2, &event, BODY_MAX).unwrap())
        .await;
    let stop = WorkflowInstanceStopRequest::default();
    peer.send(&envelope::encode_request::<StopWorkflowInstance>(3, &stop, BODY_MAX).unwrap())
        .await;
    let late = peer.receive().await.unwrap();
    assert_eq!(late.header().unwrap().opaque, 3);
    let message = Some("NettyRemotingServer's thread pool is full".to_owned());
    let failure = envelope::decode_response::<StopWorkflowInstance>(&late.body).unwrap();
    assert_eq!(failure, Returned::Failure(message));

    assert!(!drain.is_finished());
    gate.add_permits(1);
    let answer = peer.receive().await.unwrap();
    assert_eq!(answer.header().unwrap().opaque, 1);
    assert!(peer.receive().await.is_none(), "still open");
    drop(peer);
    assert!(soon("the drain", drain).await.unwrap());
    assert_eq!(server.snapshot().connections, 0);
    let again = Server::bind(
        server.local_address(),
        Arc::new(Router::new()),
        ServerSettings::default(),
    );
    assert!(again.is_ok(), "{:?}", again.err());
}

#[tokio::test]
async fn a_drain_gives_up_at_its_limit() {
    let gate = Arc::new(Semaphore::new(0));
    let server = gated_server(&gate);
    let mut peer = begin_call(&server).await;
    assert!(!soon("the drain", server.drain(Duration::from_millis(50))).await);
    assert!(peer.receive().await.is_none(), "still open");
}

#[tokio::test]
async fn an_idle_server_drains_at_once_and_only_once() {
    let server = gated_server(&Arc::new(Semaphore::new(0)));
    let client = Client::default();
    let address = server.local_address().to_string();
    let event = TaskExecutorSuccessLifecycleEvent::default();
    assert_eq!(
        client.call::<OnTaskExecutorSuccess>(&address, &event).await,
        Outcome::Accepted(())
    );
    assert!(soon("the drain", server.drain(PATIENCE)).await);
    assert!(soon("the second drain", server.drain(PATIENCE)).await);
    until("the client to see the end", || {
        !client.snapshot().peers[0].is_connected
    })
    .await;
    let outcome = client.call::<OnTaskExecutorSuccess>(&address, &event).await;
    assert!(matches!(outcome, Outcome::Refused(_)), "{outcome:?}");
    assert!(OnTaskExecutorSuccess::IDENTIFIER.contains("ITaskExecutorEventListener"));
}
