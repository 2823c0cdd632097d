//! A door in front of a server: it passes bytes on, and can hold back what goes in or what comes out, as a server or a network that has become slow
//! does. What is held is delivered when it is released, also when its sender has gone since.

use super::Error;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Loopback has a whole network of addresses.
const HOST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const BUFFER_LEN: usize = 64 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From those who dial to the server.
    In,
    /// From the server to those who dial.
    Out,
}

/// Closed, with all its connections, when dropped.
pub struct Door {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    server: SocketAddr,
    ways: [Gate; 2],
    is_closed: AtomicBool,
    sockets: Mutex<Vec<TcpStream>>,
}

#[derive(Default)]
struct Gate {
    is_holding: Mutex<bool>,
    changed: Condvar,
    held_len: AtomicU64,
}

impl Door {
    /// A door at 127.0.0.2 before the server at 127.0.0.1 with the same port, which may start later.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn before(port: u16) -> Result<Self, Error> {
        let failed = |source| Error::Start {
            what: "a door".to_owned(),
            source,
        };
        let listener = TcpListener::bind((HOST, port)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared {
            server: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            ways: [Gate::default(), Gate::default()],
            is_closed: AtomicBool::new(false),
            sockets: Mutex::default(),
        });
        let inside = Arc::clone(&shared);
        std::thread::spawn(move || inside.accept(&listener));
        Ok(Self { address, shared })
    }

    /// What is dialled.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on nothing passes this way.
    pub fn hold(&self, way: Way) {
        self.shared.gate(way).set(true);
    }

    /// What was held passes, and what comes after it.
    pub fn release(&self, way: Way) {
        self.shared.gate(way).set(false);
    }

    /// Bytes that wait at this moment; more may wait behind them.
    #[must_use]
    pub fn held_len(&self, way: Way) -> u64 {
        self.shared.gate(way).held_len.load(Ordering::SeqCst)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        for way in [Way::In, Way::Out] {
            self.release(way);
        }
        for socket in lock(&self.shared.sockets).drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
        // The acceptor wakes up and sees that it is over.
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn gate(&self, way: Way) -> &Gate {
        &self.ways[usize::from(way == Way::Out)]
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming() {
            if self.is_closed.load(Ordering::SeqCst) {
                return;
            }
            // A server that is not there is one that refuses.
            if let Ok(client) = client {
                let _ = self.connect(client);
            }
        }
    }

    fn connect(self: &Arc<Self>, client: TcpStream) -> std::io::Result<()> {
        let server = TcpStream::connect(self.server)?;
        for socket in [&client, &server] {
            socket.set_nodelay(true)?;
            lock(&self.sockets).push(socket.try_clone()?);
        }
        self.pass(client.try_clone()?, server.try_clone()?, Way::In);
        self.pass(server, client, Way::Out);
        Ok(())
    }

    fn pass(self: &Arc<Self>, mut from: TcpStream, mut to: TcpStream, way: Way) {
        let shared = Arc::clone(self);
        std::thread::spawn(move || {
            let mut buffer = vec![0; BUFFER_LEN];
            while let Ok(len) = from.read(&mut buffer) {
                if len == 0 {
                    break;
                }
                shared.gate(way).wait(len);
                if to.write_all(&buffer[..len]).is_err() {
                    break;
                }
            }
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}

impl Gate {
    fn set(&self, is_holding: bool) {
        *lock(&self.is_holding) = is_holding;
        self.changed.notify_all();
    }

    fn wait(&self, len: usize) {
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        self.held_len.fetch_add(len, Ordering::SeqCst);
        let guard = lock(&self.is_holding);
        let guard = self.changed.wait_while(guard, |is_holding| *is_holding);
        drop(guard);
        self.held_len.fetch_sub(len, Ordering::SeqCst);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
