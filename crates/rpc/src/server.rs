//! Serves calls of other processes.
//!
//! The server guarantees: answers in any order and never an unasked frame; nothing a peer sends makes it panic or
//! allocate without bound; a panic in a handler is a failed call. When it stops it answers what it has accepted. It
//! refuses to know what a method does.

mod connection;
mod handler;
mod router;
mod settings;

pub use handler::{Declined, Handler, IncomingCall, Reply};
pub use router::Router;
pub use settings::ServerSettings;

use crate::limits;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

/// A listening server. Dropping it closes everything at once; [`Server::drain`] is the polite way.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    handler: Arc<dyn Handler>,
    settings: ServerSettings,
    phase: watch::Sender<Phase>,
    /// The accept loop and the connections that are still there.
    tasks: watch::Sender<usize>,
    large_frames: Arc<Semaphore>,
    counters: Counters,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    /// Nothing new; what was accepted is answered.
    Draining,
    /// Drop everything.
    Closed,
}

#[derive(Default)]
struct Counters {
    connections: AtomicUsize,
    connections_refused: AtomicU64,
    in_flight: AtomicUsize,
    calls: AtomicU64,
    failed: AtomicU64,
    silent: AtomicU64,
    panics: AtomicU64,
    broken: AtomicU64,
}

/// What a server is doing, for metrics and health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ServerSnapshot {
    pub connections: usize,
    /// Calls that are being worked on.
    pub in_flight: usize,
    pub calls_total: u64,
    /// Calls that were answered with a failure of the call itself.
    pub failed_total: u64,
    /// Calls that were deliberately not answered.
    pub silent_total: u64,
    pub panics_total: u64,
    /// Connections closed because of bytes that are no frame.
    pub broken_total: u64,
    /// Connections closed because there were too many.
    pub connections_refused_total: u64,
}

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address}: {source}; check that no other process uses the port and that the address is one of this host"
)]
pub struct BindError {
    pub address: SocketAddr,
    #[source]
    pub source: io::Error,
}

impl Server {
    /// Listens on `address` (port 0: any free one) and serves until drained or dropped. Needs a tokio runtime.
    pub fn bind(
        address: SocketAddr,
        handler: Arc<dyn Handler>,
        settings: ServerSettings,
    ) -> Result<Self, BindError> {
        let listener = listen(address).map_err(|source| BindError { address, source })?;
        let local = listener
            .local_addr()
            .map_err(|source| BindError { address, source })?;
        let shared = Arc::new(Shared {
            handler,
            settings,
            phase: watch::Sender::new(Phase::Serving),
            tasks: watch::Sender::new(1),
            large_frames: Arc::new(Semaphore::new(limits::LARGE_FRAMES_MAX)),
            counters: Counters::default(),
        });
        tokio::spawn(accept(Task::first(&shared), listener));
        Ok(Self {
            address: local,
            shared,
        })
    }

    /// Where it listens, with the real port.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, answers what was accepted, closes. Past `limit` it closes whatever is left. True when everything
    /// accepted was answered.
    pub async fn drain(&self, limit: Duration) -> bool {
        self.shared.enter(Phase::Draining);
        let mut tasks = self.shared.tasks.subscribe();
        let all_gone = timeout(limit, tasks.wait_for(|left| *left == 0)).await;
        // The sender lives in `shared`, so the only failure is the limit.
        let is_clean = all_gone.is_ok();
        self.shared.enter(Phase::Closed);
        is_clean
    }

    /// Load and totals.
    #[must_use]
    pub fn snapshot(&self) -> ServerSnapshot {
        let counters = &self.shared.counters;
        ServerSnapshot {
            connections: counters.connections.load(Ordering::Relaxed),
            in_flight: counters.in_flight.load(Ordering::Relaxed),
            calls_total: counters.calls.load(Ordering::Relaxed),
            failed_total: counters.failed.load(Ordering::Relaxed),
            silent_total: counters.silent.load(Ordering::Relaxed),
            panics_total: counters.panics.load(Ordering::Relaxed),
            broken_total: counters.broken.load(Ordering::Relaxed),
            connections_refused_total: counters.connections_refused.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.enter(Phase::Closed);
    }
}

impl Shared {
    fn enter(&self, next: Phase) {
        self.phase.send_if_modified(|phase| {
            let is_later = next > *phase;
            *phase = next.max(*phase);
            is_later
        });
    }
}

/// A task that a drain waits for.
struct Task {
    shared: Arc<Shared>,
    is_connection: bool,
}

impl Task {
    /// The accept loop, which `tasks` counts from the start.
    fn first(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            is_connection: false,
        }
    }

    fn connection(&self) -> Self {
        self.shared.tasks.send_modify(|count| *count += 1);
        self.shared.counters.connections.fetch_add(1, Ordering::Relaxed);
        Self {
            shared: Arc::clone(&self.shared),
            is_connection: true,
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        if self.is_connection {
            self.shared.counters.connections.fetch_sub(1, Ordering::Relaxed);
        }
        self.shared.tasks.send_modify(|count| *count -= 1);
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv6() {
        TcpSocket::new_v6()?
    } else {
        TcpSocket::new_v4()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(limits::LISTEN_BACKLOG)
}

/// The listener is dropped before the task, so that the port is free when a drain is done.
async fn accept(task: Task, listener: TcpListener) {
    let mut phase = task.shared.phase.subscribe();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // The sender lives in `shared`, which this task holds.
            _ = phase.wait_for(|phase| *phase != Phase::Serving) => return,
        };
        match accepted {
            Ok((stream, peer)) => begin(stream, peer, &task),
            Err(error) => {
                log::warn!("cannot accept a connection: {error}; trying again");
                tokio::time::sleep(limits::ACCEPT_PAUSE).await;
            }
        }
    }
}

fn begin(stream: TcpStream, peer: SocketAddr, task: &Task) {
    let counters = &task.shared.counters;
    if counters.connections.load(Ordering::Relaxed) >= task.shared.settings.connections_max {
        // The stream is dropped, which closes it.
        let refused = counters.connections_refused.fetch_add(1, Ordering::Relaxed) + 1;
        // Not a line for each: whoever floods the port should not flood the log.
        if refused.is_power_of_two() {
            let max = task.shared.settings.connections_max;
            log::warn!("refused a connection of {peer}: {max} are open ({refused} refused so far)");
        }
        return;
    }
    tokio::spawn(connection::serve(stream, peer, task.connection()));
}
