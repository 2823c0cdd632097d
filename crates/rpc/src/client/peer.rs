//! One address: its connection, or the reason why there is none at the moment.

use super::connection::{Connection, Failure};
use super::{ClientSettings, Refusal};
use crate::limits;
use bytes::Bytes;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

pub(super) struct Peer {
    address: Arc<str>,
    settings: Arc<ClientSettings>,
    /// Held while connecting, so that callers who arrive meanwhile share the attempt.
    connecting: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<Arc<Connection>>,
    back_off: Option<BackOff>,
    is_closed: bool,
}

struct BackOff {
    until: Instant,
    length: Duration,
    reason: String,
}

/// What is known about one address.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PeerSnapshot {
    pub address: String,
    pub is_connected: bool,
    /// Calls that wait for their answer.
    pub in_flight: usize,
    /// Frames that are not written yet.
    pub queued: usize,
    /// Why the last attempt to connect failed, when calls fail at once because of it.
    pub unreachable: Option<String>,
}

impl Peer {
    pub(super) fn new(address: Arc<str>, settings: Arc<ClientSettings>) -> Self {
        Self {
            address,
            settings,
            connecting: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The living connection, or a new one. Fails at once while an earlier failure is fresh.
    pub(super) async fn connection(
        &self,
        deadline: Instant,
        heartbeat: &Bytes,
    ) -> Result<Arc<Connection>, Failure> {
        if let Some(known) = self.known() {
            return known;
        }
        let Ok(_turn) = timeout_at(deadline, self.connecting.lock()).await else {
            return Err(self.unreachable("another caller is still connecting"));
        };
        if let Some(known) = self.known() {
            return known;
        }
        let attempt_ends = deadline.min(Instant::now() + self.settings.connect_timeout);
        match timeout_at(attempt_ends, connect(&self.address)).await {
            Ok(Ok(stream)) => self.connected(stream, heartbeat),
            Ok(Err(error)) => Err(self.failed(&error.to_string())),
            Err(_) => Err(self.failed("the attempt to connect timed out")),
        }
    }

    /// A usable connection or a fresh failure.
    fn known(&self) -> Option<Result<Arc<Connection>, Failure>> {
        let state = self.lock();
        if let Some(connection) = state
            .connection
            .as_ref()
            .filter(|connection| connection.is_alive())
        {
            return Some(Ok(Arc::clone(connection)));
        }
        let back_off = state
            .back_off
            .as_ref()
            .filter(|back_off| Instant::now() < back_off.until)?;
        Some(Err(
            self.unreachable(&format!("{} (a moment ago)", back_off.reason))
        ))
    }

    fn connected(&self, stream: TcpStream, heartbeat: &Bytes) -> Result<Arc<Connection>, Failure> {
        let mut state = self.lock();
        state.back_off = None;
        if state.is_closed {
            return Err(self.unreachable("the connection was closed on this side"));
        }
        let connection = Connection::start(stream, &self.address, &self.settings, heartbeat.clone());
        state.connection = Some(Arc::clone(&connection));
        Ok(connection)
    }

    fn failed(&self, reason: &str) -> Failure {
        let mut state = self.lock();
        let length = state
            .back_off
            .as_ref()
            .map_or(self.settings.back_off_min, |last| last.length * 2);
        let length = length.min(self.settings.back_off_max);
        state.back_off = Some(BackOff {
            until: Instant::now() + length,
            length,
            reason: reason.to_owned(),
        });
        self.unreachable(reason)
    }

    fn unreachable(&self, reason: &str) -> Failure {
        Failure::NotSent(Refusal::Unreachable {
            address: self.address.to_string(),
            reason: reason.to_owned(),
        })
    }

    /// No connection and nobody about to make one.
    pub(super) fn is_idle(&self) -> bool {
        let has_connection = self
            .lock()
            .connection
            .as_ref()
            .is_some_and(|connection| connection.is_alive());
        !has_connection && self.connecting.try_lock().is_ok()
    }

    /// For good: the client makes a new peer for the next call.
    pub(super) fn close(&self, reason: &str) {
        let mut state = self.lock();
        state.is_closed = true;
        if let Some(connection) = state.connection.take() {
            connection.close(reason);
        }
    }

    pub(super) fn snapshot(&self) -> PeerSnapshot {
        let state = self.lock();
        let connection = state
            .connection
            .as_ref()
            .filter(|connection| connection.is_alive());
        let (in_flight, queued) = connection.map_or((0, 0), |connection| connection.load());
        let back_off = state
            .back_off
            .as_ref()
            .filter(|back_off| Instant::now() < back_off.until);
        PeerSnapshot {
            address: self.address.to_string(),
            is_connected: connection.is_some(),
            in_flight,
            queued,
            unreachable: back_off.map(|back_off| back_off.reason.clone()),
        }
    }
}

/// Tries each address of the name in turn.
async fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for candidate in lookup_host(address).await? {
        match connect_one(candidate).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn connect_one(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv6() {
        TcpSocket::new_v6()?
    } else {
        TcpSocket::new_v4()?
    };
    socket.set_keepalive(true)?;
    socket.set_nodelay(true)?;
    let stream = socket.connect(address).await?;
    // On loopback a socket can connect to itself when its own port is the one it calls; nobody serves there.
    if stream.local_addr()? == stream.peer_addr()? {
        return Err(io::Error::new(
            io::ErrorKind::ConnectionRefused,
            "the socket connected to itself",
        ));
    }
    rustix::net::sockopt::set_tcp_user_timeout(&stream, limits::UNACKNOWLEDGED_MAX_MS)?;
    Ok(stream)
}
