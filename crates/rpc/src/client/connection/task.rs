//! The task of a connection. It ends when either direction ends, and settles every open call before it does.

use super::queue::{Call, Queued};
use super::{Failure, Shared};
use crate::frame::{self, Decoded};
use crate::limits;
use crate::outgoing::Batch;
use bytes::{Bytes, BytesMut};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::io::AsyncReadExt;
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
        batch: &mut Batch<Option<Call>>,
    ) -> io::Error {
        loop {
            match timeout(self.heartbeat_interval, queued.recv()).await {
                Ok(Some(first)) => fill(batch, first, queued),
                Ok(None) => return io::Error::other("nobody uses it any more"),
                Err(_) => batch.push(None, self.heartbeat.clone()),
            }
            while !batch.is_empty() {
                if let Err(error) = writer.writable().await {
                    return error;
                }
                self.withdraw(batch);
                match writer.try_write_vectored(&batch.slices()) {
                    Ok(0) if !batch.is_empty() => return io::ErrorKind::WriteZero.into(),
                    Ok(written) => batch.advance(written),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return error,
                }
            }
        }
    }

    /// Takes out the calls whose callers may not send them any more.
    fn withdraw(&self, batch: &mut Batch<Option<Call>>) {
        let may_leave = |call: &Option<Call>| call.as_ref().is_none_or(Call::may_leave);
        for call in batch.withdraw(may_leave).into_iter().flatten() {
            let reason = "whoever called may not send it any more";
            self.shared.complete(call.opaque, Err(Failure::not_sent(reason)));
        }
    }

    /// Fails every open call: what did not begin to leave was not sent, the rest is unknown.
    fn settle(&self, reason: &str, mut queued: mpsc::Receiver<Queued>, batch: &Batch<Option<Call>>) {
        self.shared.is_alive.store(false, Ordering::Release);
        let not_sent = || Failure::not_sent(format!("the connection was lost before: {reason}"));
        for call in batch.untouched().flatten() {
            self.shared.complete(call.opaque, Err(not_sent()));
        }
        queued.close();
        while let Ok(waiting) = queued.try_recv() {
            self.shared.complete(waiting.call.opaque, Err(not_sent()));
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
fn fill(batch: &mut Batch<Option<Call>>, first: Queued, queued: &mut mpsc::Receiver<Queued>) {
    let mut len = 0;
    let mut next = Some(first);
    while let Some(queued_frame) = next {
        if queued_frame.claim.write() {
            len += queued_frame.frame.len();
            batch.push(Some(queued_frame.call), queued_frame.frame);
        }
        if batch.len() >= limits::FRAMES_PER_WRITE_MAX || len >= limits::BYTES_PER_WRITE_MAX {
            return;
        }
        next = queued.try_recv().ok();
    }
}
