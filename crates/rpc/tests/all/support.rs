//! Helpers: the folder of shared vectors, and a peer that sends and receives raw frames.

use bytes::{Bytes, BytesMut};
use orca_rpc::envelope::{self, Answer};
use orca_rpc::frame::{self, Decoded, Frame};
use serde_json::Value;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

pub(crate) const BODY_MAX: usize = 64 * 1024 * 1024;

/// Far above anything that a test waits for; reaching it is a failure.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The lines of a shared vector file; `None`, said aloud, when this machine does not have it.
pub(crate) fn vectors(file: &str) -> Option<Vec<Value>> {
    let shared = std::env::var_os("ORCA_SHARED").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
        PathBuf::from,
    );
    let path = shared.join("vectors").join(file);
    match std::fs::read_to_string(&path) {
        Ok(text) => Some(
            text.lines()
                .map(|line| serde_json::from_str(line).unwrap())
                .collect(),
        ),
        Err(error) => {
            eprintln!(
                "skipped: {} cannot be read ({error}); set ORCA_SHARED to run this test",
                path.display()
            );
            None
        }
    }
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digit = |char: u8| (char as char).to_digit(16).unwrap() as u8;
    text.as_bytes()
        .chunks(2)
        .map(|pair| digit(pair[0]) << 4 | digit(pair[1]))
        .collect()
}

pub(crate) fn one_frame(bytes: &[u8]) -> Frame {
    let mut buffer = BytesMut::from(bytes);
    let Ok(Decoded::Frame(frame)) = frame::decode(&mut buffer, BODY_MAX) else {
        panic!("not one frame")
    };
    assert!(buffer.is_empty(), "bytes after the frame");
    frame
}

/// Fails the test instead of hanging.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("{what} did not happen"))
}

/// Waits for a condition.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    soon(what, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

/// One end of a connection that the test drives itself.
pub(crate) struct RawPeer {
    pub(crate) stream: TcpStream,
    buffer: BytesMut,
}

impl RawPeer {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) async fn accept(listener: &TcpListener) -> Self {
        Self::new(soon("a connection", listener.accept()).await.unwrap().0)
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        soon("sending", self.stream.write_all(bytes)).await.unwrap();
    }

    /// The next frame; `None` when the other side has closed or reset the connection.
    pub(crate) async fn receive(&mut self) -> Option<Frame> {
        soon("a frame", async {
            loop {
                if let Decoded::Frame(frame) = frame::decode(&mut self.buffer, BODY_MAX).unwrap() {
                    return Some(frame);
                }
                if !matches!(self.stream.read_buf(&mut self.buffer).await, Ok(1..)) {
                    return None;
                }
            }
        })
        .await
    }

    /// The number of the next call.
    pub(crate) async fn receive_call(&mut self) -> i64 {
        self.receive().await.expect("a call").header().unwrap().opaque
    }

    pub(crate) async fn answer(&mut self, opaque: i64, answer: &Answer) {
        let bytes = envelope::encode_response("m", opaque, answer, BODY_MAX).unwrap();
        self.send(&bytes).await;
    }
}

pub(crate) async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

pub(crate) fn void() -> Answer {
    Answer::Returned(None)
}

/// The parts of a frame put together by hand.
pub(crate) fn frame_of(header: &str, body: &str) -> Bytes {
    let mut bytes = vec![0xbe, 0];
    for part in [header, body] {
        bytes.extend_from_slice(&u32::try_from(part.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes.into()
}
