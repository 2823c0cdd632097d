//! One connection of a server: reads calls, hands each to a task, writes the answers in the order in which they come.
//!
//! A call occupies a place from its arrival until the last byte of its answer has left. No place, or too many bytes of
//! answers waiting: nothing is read, and the peer feels it.

use super::{IncomingCall, Phase, Reply, Shared, Task};
use crate::envelope::{self, Answer};
use crate::frame::{self, Decoded, Frame, FrameError};
use crate::limits;
use crate::methods;
use crate::outgoing::Batch;
use bytes::{Bytes, BytesMut};
use futures::FutureExt;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout, timeout_at};

/// Why a connection ends.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the peer closed it")]
    ClosedByPeer,
    #[error("nothing was read for {} s", .0.as_secs())]
    Idle(std::time::Duration),
    #[error("a frame did not arrive completely within {} s", .0.as_secs())]
    SlowFrame(std::time::Duration),
    #[error("the peer does not read its answers")]
    NotReading,
    #[error(transparent)]
    Broken(#[from] FrameError),
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("the server stops and everything is answered")]
    Drained,
    #[error("the server closes")]
    Closed,
}

/// An answer on its way, with the place that its call occupies.
struct Outgoing {
    frame: Bytes,
    place: Option<OwnedSemaphorePermit>,
}

struct Connection {
    task: Task,
    peer: SocketAddr,
    places: Arc<Semaphore>,
    answers: mpsc::Sender<Outgoing>,
    waiting: Arc<Waiting>,
}

/// Bytes of answers in memory.
#[derive(Default)]
struct Waiting {
    bytes: AtomicUsize,
    fell: Notify,
}

pub(super) async fn serve(mut stream: TcpStream, peer: SocketAddr, task: Task) {
    let places_max = task
        .shared
        .settings
        .in_flight_max
        .clamp(1, limits::IN_FLIGHT_CEILING);
    // Twice the places: answers to late calls have none.
    let (answers, mut outgoing) = mpsc::channel(places_max * 2);
    let connection = Connection {
        task,
        peer,
        places: Arc::new(Semaphore::new(places_max)),
        answers,
        waiting: Arc::default(),
    };
    let end = match prepare(&stream) {
        Ok(()) => connection.run(&mut stream, &mut outgoing, places_max).await,
        Err(error) => End::Io(error),
    };
    log::debug!("connection of {peer} ended: {end}");
    if let End::Broken(error) = &end {
        connection
            .task
            .shared
            .counters
            .broken
            .fetch_add(1, Ordering::Relaxed);
        log::warn!("closed the connection of {peer}: {error}");
    }
    if matches!(end, End::Drained) {
        part(&mut stream).await;
    }
}

fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    rustix::net::sockopt::set_socket_keepalive(stream, true)?;
    rustix::net::sockopt::set_tcp_user_timeout(stream, limits::UNACKNOWLEDGED_MAX_MS)?;
    Ok(())
}

/// Ends our direction and waits for the end of the other, so that unread bytes do not turn into a reset that would take
/// the last answers with it.
async fn part(stream: &mut TcpStream) {
    let goodbye = async {
        stream.shutdown().await?;
        let mut ignored = [0; 4096];
        while stream.read(&mut ignored).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    // Whatever goes wrong here, the connection ends.
    let _ = timeout(limits::LINGER_TIMEOUT, goodbye).await;
}

impl Connection {
    async fn run(
        &self,
        stream: &mut TcpStream,
        outgoing: &mut mpsc::Receiver<Outgoing>,
        places_max: usize,
    ) -> End {
        let (mut reader, mut writer) = stream.split();
        let mut drain_phase = self.task.shared.phase.subscribe();
        let mut close_phase = drain_phase.clone();
        let drained = async {
            // The sender lives in `shared`, which this task holds.
            let _ = drain_phase.wait_for(|phase| *phase != Phase::Serving).await;
            let all = u32::try_from(places_max).expect("the ceiling is far below u32::MAX");
            let _ = self.places.acquire_many(all).await;
        };
        tokio::select! {
            Err(end) = self.read(&mut reader) => end,
            Err(end) = self.write(&mut writer, outgoing) => end,
            () = drained => End::Drained,
            _ = close_phase.wait_for(|phase| *phase == Phase::Closed) => End::Closed,
        }
    }

    /// Reads calls until the connection ends.
    async fn read(&self, reader: &mut ReadHalf<'_>) -> Result<std::convert::Infallible, End> {
        let settings = &self.task.shared.settings;
        let mut buffer = BytesMut::new();
        let mut large_place = None;
        let mut frame_began = Instant::now();
        loop {
            match frame::decode(&mut buffer, settings.body_len_max)? {
                Decoded::Frame(frame) => {
                    self.accept(&frame, large_place.take()).await?;
                    frame_began = Instant::now();
                    continue;
                }
                Decoded::Incomplete { frame_len } => {
                    let frame_len = frame_len.unwrap_or(0);
                    if frame_len > limits::LARGE_FRAME_LEN && large_place.is_none() {
                        let large_frames = Arc::clone(&self.task.shared.large_frames);
                        // The semaphore is never closed.
                        large_place = large_frames.acquire_owned().await.ok();
                    }
                    let missing = frame_len.saturating_sub(buffer.len());
                    buffer.reserve(missing.clamp(4096, limits::RESERVE_AHEAD_MAX));
                }
            }
            let has_begun = !buffer.is_empty();
            let idle_ends = Instant::now() + settings.idle_timeout;
            let frame_ends = frame_began + settings.frame_timeout;
            let ends = if has_begun {
                idle_ends.min(frame_ends)
            } else {
                idle_ends
            };
            match timeout_at(ends, reader.read_buf(&mut buffer)).await {
                Ok(Ok(0)) => return Err(End::ClosedByPeer),
                Ok(Ok(_)) if has_begun => {}
                Ok(Ok(_)) => frame_began = Instant::now(),
                Ok(Err(error)) => return Err(error.into()),
                Err(_) if has_begun && frame_ends <= idle_ends => {
                    return Err(End::SlowFrame(settings.frame_timeout));
                }
                Err(_) => return Err(End::Idle(settings.idle_timeout)),
            }
        }
    }

    async fn accept(&self, frame: &Frame, large_place: Option<OwnedSemaphorePermit>) -> Result<(), End> {
        let call = IncomingCall::read(frame, self.peer)?;
        if call.identifier() == methods::HEARTBEAT {
            return Ok(());
        }
        let shared = &self.task.shared;
        shared.counters.calls.fetch_add(1, Ordering::Relaxed);
        if *shared.phase.borrow() != Phase::Serving {
            let reply = shared.handler.late(&call);
            if let Some(frame) = self.encode(&call, &reply) {
                // With a full queue the late answer is lost, as it would be with the connection a moment later.
                let _ = self.answers.try_send(Outgoing { frame, place: None });
            }
            return Ok(());
        }
        while self.waiting.bytes.load(Ordering::Acquire) > limits::ANSWER_BYTES_WAITING_MAX {
            self.waiting.fell.notified().await;
        }
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
            return Err(End::Closed);
        };
        let worker = Worker {
            shared: Arc::clone(shared),
            waiting: Arc::clone(&self.waiting),
            answers: self.answers.clone(),
        };
        tokio::spawn(worker.work(call, place, large_place));
        Ok(())
    }

    fn encode(&self, call: &IncomingCall, reply: &Reply) -> Option<Bytes> {
        let frame = encode(&self.task.shared, call, reply)?;
        self.waiting.bytes.fetch_add(frame.len(), Ordering::AcqRel);
        Some(frame)
    }

    /// Writes answers, several at once.
    async fn write(
        &self,
        writer: &mut WriteHalf<'_>,
        outgoing: &mut mpsc::Receiver<Outgoing>,
    ) -> Result<std::convert::Infallible, End> {
        let patience = self.task.shared.settings.idle_timeout;
        let mut batch = Batch::default();
        loop {
            // This side holds a sender, so the channel does not end.
            let Some(first) = outgoing.recv().await else {
                return Err(End::Closed);
            };
            fill(&mut batch, first, outgoing);
            while !batch.is_empty() {
                let slices = batch.slices();
                let Ok(written) = timeout(patience, writer.write_vectored(&slices)).await else {
                    return Err(End::NotReading);
                };
                let written = written?;
                if written == 0 {
                    return Err(End::ClosedByPeer);
                }
                batch.advance(written);
                self.waiting.bytes.fetch_sub(written, Ordering::AcqRel);
                self.waiting.fell.notify_one();
            }
        }
    }
}

fn fill(
    batch: &mut Batch<Option<OwnedSemaphorePermit>>,
    first: Outgoing,
    outgoing: &mut mpsc::Receiver<Outgoing>,
) {
    let mut len = 0;
    let mut next = Some(first);
    while let Some(answer) = next {
        len += answer.frame.len();
        batch.push(answer.place, answer.frame);
        if batch.len() >= limits::FRAMES_PER_WRITE_MAX || len >= limits::BYTES_PER_WRITE_MAX {
            return;
        }
        next = outgoing.try_recv().ok();
    }
}

/// What one call needs to be worked on apart from its connection.
struct Worker {
    shared: Arc<Shared>,
    waiting: Arc<Waiting>,
    answers: mpsc::Sender<Outgoing>,
}

impl Worker {
    async fn work(
        self,
        call: IncomingCall,
        place: OwnedSemaphorePermit,
        _large_place: Option<OwnedSemaphorePermit>,
    ) {
        let counters = &self.shared.counters;
        counters.in_flight.fetch_add(1, Ordering::Relaxed);
        let reply = AssertUnwindSafe(self.shared.handler.handle(call.clone()))
            .catch_unwind()
            .await;
        let reply = reply.unwrap_or_else(|_| {
            counters.panics.fetch_add(1, Ordering::Relaxed);
            log::error!("the handler of {call:?} panicked; the call fails, the server goes on");
            Reply::failed("internal error: the handler of this method panicked; see the log of the server")
        });
        if let Some(frame) = encode(&self.shared, &call, &reply) {
            self.waiting.bytes.fetch_add(frame.len(), Ordering::AcqRel);
            // Fails only when the connection has ended, and then nobody waits for the answer.
            let _ = self
                .answers
                .send(Outgoing {
                    frame,
                    place: Some(place),
                })
                .await;
        }
        counters.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The frame of a reply; `None` for silence.
fn encode(shared: &Shared, call: &IncomingCall, reply: &Reply) -> Option<Bytes> {
    let answer = match reply {
        Reply::Answer(answer) => answer,
        Reply::Silence => {
            shared.counters.silent.fetch_add(1, Ordering::Relaxed);
            return None;
        }
    };
    if matches!(answer, Answer::Failed(_)) {
        shared.counters.failed.fetch_add(1, Ordering::Relaxed);
    }
    let max = shared.settings.body_len_max;
    envelope::encode_response(call.identifier(), call.opaque, answer, max)
        .or_else(|error| {
            log::warn!("the answer to {call:?} cannot be sent: {error}");
            let failure = Answer::Failed(Some(format!("the answer cannot be sent: {error}")));
            envelope::encode_response(call.identifier(), call.opaque, &failure, max)
        })
        .ok()
}
