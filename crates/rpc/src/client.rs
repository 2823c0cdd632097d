//! Calls on other processes: one connection per address, opened on first use, shared by all callers, pipelined.
//!
//! What the client guarantees: every call ends within its time-out with one of three outcomes, and "refused" is said only
//! when the peer said so or when no byte of the request left this process. It sends a request at most once. What it
//! refuses to know: whether a call may be repeated.

mod connection;
mod outcome;
mod peer;
mod settings;

pub use outcome::{Outcome, Refusal, UnknownReason};
pub use peer::PeerSnapshot;
pub use settings::ClientSettings;

use crate::envelope::{self, Returned};
use crate::limits;
use crate::methods::Method;
use bytes::Bytes;
use connection::Failure;
pub use connection::Permit;
use peer::Peer;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Cheap to clone; all clones share the connections.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Arc<ClientSettings>,
    heartbeat: Bytes,
    /// One counter for all connections, as in the reference.
    next_opaque: AtomicI64,
    peers: Mutex<HashMap<Arc<str>, Arc<Peer>>>,
    is_shut_down: AtomicBool,
    counters: Counters,
}

#[derive(Default)]
struct Counters {
    accepted: AtomicU64,
    refused: AtomicU64,
    unknown: AtomicU64,
}

/// What a client is doing, for metrics and health.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ClientSnapshot {
    /// In order of the address.
    pub peers: Vec<PeerSnapshot>,
    pub accepted_total: u64,
    pub refused_total: u64,
    pub unknown_total: u64,
}

impl Client {
    /// Connections are made and kept in the tokio runtime that first calls.
    #[must_use]
    pub fn new(settings: ClientSettings) -> Self {
        Self {
            shared: Arc::new(Shared {
                settings: Arc::new(settings),
                // The reference builds its heartbeat once, too, and spends the first number on it.
                heartbeat: envelope::encode_heartbeat(1),
                next_opaque: AtomicI64::new(2),
                peers: Mutex::default(),
                is_shut_down: AtomicBool::new(false),
                counters: Counters::default(),
            }),
        }
    }

    /// Calls a method at `address` (`host:port`) and waits for the outcome, at most for the time-out of the settings.
    pub async fn call<M: Method>(&self, address: &str, request: &M::Request) -> Outcome<M::Response> {
        self.call_within::<M>(address, request, self.shared.settings.call_timeout)
            .await
    }

    /// [`Self::call`] with a time-out of its own, which covers connecting, waiting for a place, and the answer.
    pub async fn call_within<M: Method>(
        &self,
        address: &str,
        request: &M::Request,
        timeout: Duration,
    ) -> Outcome<M::Response> {
        self.perform::<M>(address, request, timeout, None).await
    }

    /// [`Self::call`] for a caller whose right to send may end, as that of a master does with its lease: `permit` is asked right before the first byte
    /// leaves. Refused as not sent when it says no.
    pub async fn call_with_permit<M: Method>(
        &self,
        address: &str,
        request: &M::Request,
        permit: Permit,
    ) -> Outcome<M::Response> {
        let timeout = self.shared.settings.call_timeout;
        self.perform::<M>(address, request, timeout, Some(permit)).await
    }

    async fn perform<M: Method>(
        &self,
        address: &str,
        request: &M::Request,
        timeout: Duration,
        permit: Option<Permit>,
    ) -> Outcome<M::Response> {
        let outcome = match self.exchange::<M>(address, request, timeout, permit).await {
            Ok(body) => read_answer::<M>(&body),
            Err(Failure::NotSent(refusal)) => Outcome::Refused(refusal),
            Err(Failure::Unanswered(reason)) => Outcome::Unknown(reason),
        };
        let counters = &self.shared.counters;
        let counter = match &outcome {
            Outcome::Accepted(_) => &counters.accepted,
            Outcome::Refused(_) => &counters.refused,
            Outcome::Unknown(_) => &counters.unknown,
        };
        counter.fetch_add(1, Ordering::Relaxed);
        outcome
    }

    async fn exchange<M: Method>(
        &self,
        address: &str,
        request: &M::Request,
        timeout: Duration,
        permit: Option<Permit>,
    ) -> Result<Bytes, Failure> {
        let shared = &self.shared;
        let deadline = Instant::now() + timeout;
        let opaque = shared.next_opaque.fetch_add(1, Ordering::Relaxed);
        let frame = envelope::encode_request::<M>(opaque, request, shared.settings.body_len_max)
            .map_err(|error| Failure::not_sent(error.to_string()))?;
        let connection = shared
            .peer(address)?
            .connection(deadline, &shared.heartbeat)
            .await?;
        connection
            .exchange(opaque, frame, permit, deadline, timeout)
            .await
    }

    /// Closes the connection to this address and forgets that it could not be reached. Its open calls fail at once; the
    /// next call opens a new connection.
    pub fn close_connection(&self, address: &str) {
        let peer = self.shared.lock_peers().remove(address);
        if let Some(peer) = peer {
            peer.close("the connection was closed on this side");
        }
    }

    /// Closes all connections. Open calls fail at once, later ones are refused.
    pub fn shutdown(&self) {
        let peers = {
            let mut peers = self.shared.lock_peers();
            self.shared.is_shut_down.store(true, Ordering::Release);
            std::mem::take(&mut *peers)
        };
        for peer in peers.into_values() {
            peer.close("this client was shut down");
        }
    }

    /// Open calls, waiting frames and state of each address.
    #[must_use]
    pub fn snapshot(&self) -> ClientSnapshot {
        let mut peers: Vec<_> = self
            .shared
            .lock_peers()
            .values()
            .map(|peer| peer.snapshot())
            .collect();
        peers.sort_by(|a, b| a.address.cmp(&b.address));
        let counters = &self.shared.counters;
        ClientSnapshot {
            peers,
            accepted_total: counters.accepted.load(Ordering::Relaxed),
            refused_total: counters.refused.load(Ordering::Relaxed),
            unknown_total: counters.unknown.load(Ordering::Relaxed),
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new(ClientSettings::default())
    }
}

impl Shared {
    /// A poisoned map is as good as any: no operation on it can fail half-way.
    fn lock_peers(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, Arc<Peer>>> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn peer(&self, address: &str) -> Result<Arc<Peer>, Failure> {
        let mut peers = self.lock_peers();
        if self.is_shut_down.load(Ordering::Acquire) {
            return Err(Failure::not_sent("this client is shut down"));
        }
        if let Some(peer) = peers.get(address) {
            return Ok(Arc::clone(peer));
        }
        if peers.len() >= limits::PEERS_MAX {
            peers.retain(|_, peer| !peer.is_idle());
        }
        let address: Arc<str> = address.into();
        let peer = Arc::new(Peer::new(Arc::clone(&address), Arc::clone(&self.settings)));
        peers.insert(address, Arc::clone(&peer));
        Ok(peer)
    }
}

/// The last clone closes the connections.
impl Drop for Shared {
    fn drop(&mut self) {
        for peer in self
            .peers
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
        {
            peer.close("the client was dropped");
        }
    }
}

fn read_answer<M: Method>(body: &[u8]) -> Outcome<M::Response> {
    match envelope::decode_response::<M>(body) {
        Ok(Returned::Value(Some(value))) => Outcome::Accepted(value),
        Ok(Returned::Failure(message)) => Outcome::Refused(Refusal::Failed { message }),
        Ok(Returned::Value(None)) => Outcome::Unknown(UnknownReason::BadAnswer {
            reason: format!("{} returned null", M::NAME),
        }),
        Err(error) => Outcome::Unknown(UnknownReason::BadAnswer {
            reason: error.to_string(),
        }),
    }
}
