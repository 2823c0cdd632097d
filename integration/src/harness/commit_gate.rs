//! A proxy in front of MariaDB that can hold back one COMMIT.
//!
//! It understands just enough of the protocol to know which statement a packet carries. Everything else passes unchanged, in both directions.

use super::{Deadline, Error, until};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

const COM_QUERY: u8 = 0x03;
const COM_STMT_PREPARE: u8 = 0x16;
const COM_STMT_EXECUTE: u8 = 0x17;
const HEADER_LEN: usize = 4;

/// Passes bytes between its clients and the server until it is dropped.
pub struct CommitGate {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Text of a statement: the next COMMIT of a transaction that has run it is held.
    armed: Option<String>,
    held: bool,
}

/// What one connection has said.
#[derive(Default)]
struct Dialogue {
    /// The text of a PREPARE whose answer has not come yet.
    preparing: Option<String>,
    prepared: HashMap<u32, String>,
    /// Statements since the transaction began.
    transaction: Vec<String>,
}

impl CommitGate {
    /// Listens on a free port of loopback.
    ///
    /// # Errors
    /// When it cannot listen.
    pub fn start(server: SocketAddr) -> Result<Self, Error> {
        let failed = |source| Error::Start {
            what: "a proxy of the database".to_owned(),
            source,
        };
        let listener = TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared::default());
        let ours = shared.clone();
        // Ends with the process of the tests: a blocked accept holds nothing.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = ours.clone();
                thread::spawn(move || pass(&client, server, &shared));
            }
        });
        Ok(Self { address, shared })
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on the first COMMIT of a transaction that has run a statement with this text is held back.
    pub fn hold_commit_after(&self, statement: &str) {
        self.shared.lock().armed = Some(statement.to_owned());
    }

    /// # Errors
    /// When none comes in time.
    pub fn await_held(&self, deadline: Deadline) -> Result<(), Error> {
        until("a COMMIT to be held", deadline, || {
            self.shared.lock().held.then_some(())
        })
    }

    /// Lets the held COMMIT go on to the server.
    pub fn release(&self) {
        self.shared.lock().held = false;
        self.shared.changed.notify_all();
    }
}

impl Drop for CommitGate {
    fn drop(&mut self) {
        self.shared.lock().armed = None;
        self.release();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns at once unless this is the COMMIT that is waited for; then when it is released.
    fn pass_commit(&self, transaction: &[String]) {
        let mut state = self.lock();
        let is_it = |text: &String| {
            transaction
                .iter()
                .any(|statement| statement.contains(text.as_str()))
        };
        if state.armed.as_ref().is_some_and(is_it) {
            state.armed = None;
            state.held = true;
            while state.held {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

/// One connection: two directions, each until one end closes.
fn pass(client: &TcpStream, server: SocketAddr, shared: &Shared) {
    let Ok(server) = TcpStream::connect(server) else {
        return;
    };
    let dialogue = Mutex::new(Dialogue::default());
    thread::scope(|scope| {
        scope.spawn(|| {
            let _ = forward(client, &server, |packet| dialogue.statement(packet, shared));
            let _ = server.shutdown(Shutdown::Both);
        });
        scope.spawn(|| {
            let _ = forward(&server, client, |packet| {
                dialogue.answer(packet);
                Ok(())
            });
            let _ = client.shutdown(Shutdown::Both);
        });
    });
}

fn forward(
    mut from: &TcpStream,
    mut to: &TcpStream,
    mut look: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    loop {
        let mut packet = vec![0; HEADER_LEN];
        from.read_exact(&mut packet)?;
        let len = usize::from(packet[0]) | usize::from(packet[1]) << 8 | usize::from(packet[2]) << 16;
        packet.resize(HEADER_LEN + len, 0);
        from.read_exact(&mut packet[HEADER_LEN..])?;
        look(&packet)?;
        to.write_all(&packet)?;
    }
}

trait Listen {
    fn statement(&self, packet: &[u8], shared: &Shared) -> io::Result<()>;
    fn answer(&self, packet: &[u8]);
}

impl Listen for Mutex<Dialogue> {
    /// A packet of the client. Commands begin with the number 0; what else it sends belongs to the login.
    fn statement(&self, packet: &[u8], shared: &Shared) -> io::Result<()> {
        if packet[HEADER_LEN - 1] != 0 {
            return Ok(());
        }
        let mut dialogue = self.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((command, rest)) = packet[HEADER_LEN..].split_first() else {
            return Ok(());
        };
        let text = match *command {
            COM_STMT_PREPARE => {
                dialogue.preparing = Some(String::from_utf8_lossy(rest).into_owned());
                return Ok(());
            }
            COM_QUERY => Some(String::from_utf8_lossy(rest).into_owned()),
            COM_STMT_EXECUTE => number(rest).and_then(|id| dialogue.prepared.get(&id).cloned()),
            _ => None,
        };
        let Some(text) = text else { return Ok(()) };
        if text.starts_with("START TRANSACTION") {
            dialogue.transaction.clear();
        }
        if text == "COMMIT" {
            let transaction = std::mem::take(&mut dialogue.transaction);
            // The answers of the server pass meanwhile.
            drop(dialogue);
            shared.pass_commit(&transaction);
        } else {
            dialogue.transaction.push(text);
        }
        Ok(())
    }

    /// A packet of the server: the first one after a PREPARE names the statement's number.
    fn answer(&self, packet: &[u8]) {
        let mut dialogue = self.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(text) = dialogue.preparing.take() else {
            return;
        };
        if let Some((0, rest)) = packet[HEADER_LEN..].split_first()
            && let Some(id) = number(rest)
        {
            dialogue.prepared.insert(id, text);
        }
    }
}

fn number(bytes: &[u8]) -> Option<u32> {
    let first: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
    Some(u32::from_le_bytes(first))
}
