//! The task of a connection. It ends when either direction ends, and settles every open call before it does.

use super::queue::Queued;
use super::{Failure, Shared};
use crate::frame::{self, Decoded};
use crate::limits;
use crate::outgoing::Batch;
use bytes::{Bytes, BytesMut};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::mpsc;
use tokio::time::timeout;

pub(super) struct Task {
    pub(super) address: Arc<str>,
    pub(super) shared: Arc<Shared>,
    pub(super) heartbeat: Bytes,
    pub(super) heartbeat_interval: Duration,
    pub(super) body_len_max: usize,
}

impl Task {
    pub(super) async fn run(self, mut stream: TcpStream, mut queued: mpsc::Receiver<Queued>) {
        let mut batch = Batch::default();
        let (mut reader, mut writer) = stream.split();
        let reason = tokio::select! {
            reason = self.read(&mut reader) => reason,
            error = self.write(&mut writer, &mut queued, &mut batch) => error.to_string(),
            () = self.shared.close.notified() => {
                reset_on_drop(&stream);
                self.close_reason()
            }
        };
        drop(stream);
        self.settle(&reason, queued, &batch);
    }

    fn close_reason(&self) -> String {
        let reason = self
            .shared
            .close_reason
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        reason.clone().unwrap_or_else(|| "closed".to_owned())
    }

    /// Hands out answers until the connection ends; gives the reason of the end.
    async fn read(&self, reader: &mut ReadHalf<'_>) -> String {
        let mut buffer = BytesMut::new();
        loop {
            match frame::decode(&mut buffer, self.body_len_max) {
                Ok(Decoded::Frame(frame)) => {
                    if let Err(error) = self.answer(&frame) {
                        return error.to_string();
                    }
                    continue;
                }
                Ok(Decoded::Incomplete { frame_len }) => {
                    let missing = frame_len.map_or(0, |len| len - buffer.len());
                    buffer.reserve(missing.clamp(4096, limits::RESERVE_AHEAD_MAX));
                }
                Err(error) => return error.to_string(),
            }
            match reader.read_buf(&mut buffer).await {
                Ok(0) => return "the peer closed it".to_owned(),
                Ok(_) => {}
                Err(error) => return error.to_string(),
            }
        }
    }

    fn answer(&self, frame: &frame::Frame) -> Result<(), frame::FrameError> {
        let opaque = frame.header()?.opaque;
        if !self.shared.complete(opaque, Ok(frame.body.clone())) {
            log::debug!(
                "an answer of {} has number {opaque}, for which nobody waits any more",
                self.address
            );
        }
        Ok(())
    }

    /// Writes what is queued, several frames at once, and a heartbeat when nothing is; gives the error that ends it.
    async fn write(
        &self,
        writer: &mut WriteHalf<'_>,
        queued: &mut mpsc::Receiver<Queued>,
        batch: &mut Batch<Option<i64>>,
    ) -> io::Error {
        loop {
            match timeout(self.heartbeat_interval, queued.recv()).await {
                Ok(Some(first)) => fill(batch, first, queued),
                Ok(None) => return io::Error::other("nobody uses it any more"),
                Err(_) => batch.push(None, self.heartbeat.clone()),
            }
            while !batch.is_empty() {
                match writer.write_vectored(&batch.slices()).await {
                    Ok(0) => return io::ErrorKind::WriteZero.into(),
                    Ok(written) => batch.advance(written),
                    Err(error) => return error,
                }
            }
        }
    }

    /// Fails every open call: what did not begin to leave was not sent, the rest is unknown.
    fn settle(&self, reason: &str, mut queued: mpsc::Receiver<Queued>, batch: &Batch<Option<i64>>) {
        self.shared.is_alive.store(false, Ordering::Release);
        let not_sent = || Failure::not_sent(format!("the connection was lost before: {reason}"));
        for opaque in batch.untouched().copied().flatten() {
            self.shared.complete(opaque, Err(not_sent()));
        }
        queued.close();
        while let Ok(waiting) = queued.try_recv() {
            self.shared.complete(waiting.opaque, Err(not_sent()));
        }
        let rest = std::mem::take(&mut *self.shared.waiting());
        let unanswered = rest.len();
        for waiter in rest.into_values() {
            // A caller that gave up meanwhile needs no answer.
            let _ = waiter.send(Err(Failure::lost(reason)));
        }
        log::debug!(
            "connection to {} ended with {unanswered} unanswered calls: {reason}",
            self.address
        );
    }
}

/// What has not left this host never will: whoever closes a connection on purpose does not want it to arrive later.
fn reset_on_drop(stream: &TcpStream) {
    if let Err(error) = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO)) {
        log::debug!("a connection cannot be reset and is closed in order: {error}");
    }
}

/// Takes as many queued frames as go well into one write.
fn fill(batch: &mut Batch<Option<i64>>, first: Queued, queued: &mut mpsc::Receiver<Queued>) {
    let mut len = 0;
    let mut next = Some(first);
    while let Some(queued_frame) = next {
        if queued_frame.claim.write() {
            len += queued_frame.frame.len();
            batch.push(Some(queued_frame.opaque), queued_frame.frame);
        }
        if batch.len() >= limits::FRAMES_PER_WRITE_MAX || len >= limits::BYTES_PER_WRITE_MAX {
            return;
        }
        next = queued.try_recv().ok();
    }
}
