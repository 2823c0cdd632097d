//! The promise that the engine builds on: a call that was reported as not sent never reaches the peer.

use crate::support::{RawPeer, listener, soon};
use orca_rpc::envelope;
use orca_rpc::methods::RemoveTaskInstanceLog;
use orca_rpc::{Client, ClientSettings, Outcome, Permit, Refusal, UnknownReason};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;

/// Larger than what the kernel takes from a peer that does not read.
const ARGUMENT_LEN: usize = 1024 * 1024;
const CALLS: usize = 24;
const NEVER: Duration = Duration::from_secs(600);

fn argument(number: usize) -> String {
    format!("{number}:{}", "x".repeat(ARGUMENT_LEN))
}

/// Calls to a peer that does not read; gives the numbers of those reported as not sent, and whether any was unknown.
async fn calls_without_reader(client: &Client, address: &str, limit: Duration) -> (BTreeSet<usize>, bool) {
    let calls = (0..CALLS).map(|number| {
        let (client, address) = (client.clone(), address.to_owned());
        tokio::spawn(async move {
            client
                .call_within::<RemoveTaskInstanceLog>(&address, &argument(number), limit)
                .await
        })
    });
    let (mut not_sent, mut any_unknown) = (BTreeSet::new(), false);
    for (number, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
        match soon("the outcome", call).await.unwrap() {
            Outcome::Refused(Refusal::NotSent { .. } | Refusal::Unreachable { .. }) => {
                not_sent.insert(number);
            }
            Outcome::Unknown(_) => any_unknown = true,
            other => panic!("{other:?}"),
        }
    }
    (not_sent, any_unknown)
}

/// The calls that arrive at the peer until the connection ends. `last` hears of the one with the highest number.
async fn arrived(mut peer: RawPeer, last: oneshot::Sender<()>) -> BTreeSet<usize> {
    let (mut numbers, mut last) = (BTreeSet::new(), Some(last));
    while let Some(frame) = peer.receive().await {
        let path = envelope::decode_request::<RemoveTaskInstanceLog>(&frame.body)
            .unwrap()
            .unwrap();
        let number = path.split(':').next().unwrap().parse().unwrap();
        numbers.insert(number);
        if number == CALLS
            && let Some(last) = last.take()
        {
            last.send(()).unwrap();
        }
    }
    numbers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_timed_out_in_the_queue_is_never_sent() {
    let (listener, address) = listener().await;
    let client = Client::new(ClientSettings::default());
    let limit = Duration::from_secs(2);
    let (peer, (not_sent, any_unknown)) = tokio::join!(
        RawPeer::accept(&listener),
        calls_without_reader(&client, &address, limit)
    );
    assert!(!not_sent.is_empty() && any_unknown, "{not_sent:?} {any_unknown}");
    // The peer reads again, gets what was begun, and then one more call.
    let (last, last_arrived) = oneshot::channel();
    let reading = tokio::spawn(arrived(peer, last));
    let more = tokio::spawn({
        let (client, address) = (client.clone(), address.clone());
        async move {
            client
                .call_within::<RemoveTaskInstanceLog>(&address, &argument(CALLS), NEVER)
                .await
        }
    });
    soon("the call after the jam", last_arrived).await.unwrap();
    client.shutdown();
    let outcome = soon("the outcome", more).await.unwrap();
    assert!(
        matches!(outcome, Outcome::Unknown(UnknownReason::ConnectionLost { .. })),
        "{outcome:?}"
    );
    let arrived = soon("the end of the connection", reading).await.unwrap();
    assert!(
        arrived.is_disjoint(&not_sent),
        "sent although reported as not sent: {arrived:?} and {not_sent:?}"
    );
}

/// As in a process that was frozen with calls on their way out: what has not begun to leave is looked at again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_not_be_sent_any_more_stays_here() {
    let (listener, address) = listener().await;
    let client = Client::new(ClientSettings {
        call_timeout: NEVER,
        ..ClientSettings::default()
    });
    let may_send = Arc::new(AtomicBool::new(true));
    let calls: Vec<_> = (0..CALLS)
        .map(|number| {
            let (client, address, may_send) = (client.clone(), address.clone(), may_send.clone());
            let permit: Permit = Arc::new(move || may_send.load(Ordering::Acquire));
            tokio::spawn(async move {
                client
                    .call_with_permit::<RemoveTaskInstanceLog>(&address, &argument(number), permit)
                    .await
            })
        })
        .collect();
    let peer = RawPeer::accept(&listener).await;
    soon("the first bytes", peer.stream.readable()).await.unwrap();
    crate::support::until("the calls to be queued", || {
        client.snapshot().peers[0].in_flight == CALLS
    })
    .await;
    may_send.store(false, Ordering::Release);
    let (last, last_arrived) = oneshot::channel();
    let reading = tokio::spawn(arrived(peer, last));
    let free = tokio::spawn({
        let (client, address) = (client.clone(), address.clone());
        async move {
            client
                .call::<RemoveTaskInstanceLog>(&address, &argument(CALLS))
                .await
        }
    });
    soon("the call that needs no permit", last_arrived).await.unwrap();
    client.shutdown();
    soon("its outcome", free).await.unwrap();
    let arrived = soon("the end of the connection", reading).await.unwrap();
    let mut kept = 0;
    for (number, call) in calls.into_iter().enumerate() {
        match soon("the outcome", call).await.unwrap() {
            Outcome::Refused(Refusal::NotSent { .. }) => {
                kept += 1;
                assert!(!arrived.contains(&number), "{number} arrived all the same");
            }
            Outcome::Unknown(_) => assert!(arrived.contains(&number), "{number} has not arrived"),
            other => panic!("{other:?}"),
        }
    }
    assert!(kept > 0, "{arrived:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waited_when_the_connection_died_was_not_sent() {
    let (listener, address) = listener().await;
    let client = Client::new(ClientSettings::default());
    let kill = async {
        let peer = RawPeer::accept(&listener).await;
        // Some of it has arrived, so that at least one call has begun to leave.
        soon("the first bytes", peer.stream.readable()).await.unwrap();
        crate::support::until("the calls to be queued", || {
            client.snapshot().peers[0].in_flight == CALLS
        })
        .await;
        drop(peer);
    };
    let (calls, ()) = tokio::join!(calls_without_reader(&client, &address, NEVER), kill);
    let (not_sent, any_unknown) = calls;
    assert!(!not_sent.is_empty() && any_unknown, "{not_sent:?} {any_unknown}");
}
