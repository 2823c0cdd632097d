//! Frames that wait to be written.

use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Who has a frame: the queue, the writer, or a caller that gave up. Decided once.
#[derive(Default)]
pub(super) struct Claim(AtomicU8);

const QUEUED: u8 = 0;
const WRITTEN: u8 = 1;
const ABANDONED: u8 = 2;

impl Claim {
    /// The writer takes the frame; false when its caller has given up.
    pub(super) fn write(&self) -> bool {
        self.0
            .compare_exchange(QUEUED, WRITTEN, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// The caller takes the frame back, if the writer does not have it.
    pub(super) fn take(&self) {
        // Either outcome is right: afterwards nobody sends a frame that its caller has given up.
        let _ = self
            .0
            .compare_exchange(QUEUED, ABANDONED, Ordering::AcqRel, Ordering::Acquire);
    }

    /// The writer has taken it: some of its bytes may have left.
    pub(super) fn was_written(&self) -> bool {
        self.0.load(Ordering::Acquire) == WRITTEN
    }
}

/// Whether a caller may still send. Asked by the writer, so it must be quick.
pub type Permit = Arc<dyn Fn() -> bool + Send + Sync>;

pub(super) struct Queued {
    pub(super) call: Call,
    pub(super) frame: Bytes,
    pub(super) claim: Arc<Claim>,
}

/// Whose frame it is.
pub(super) struct Call {
    pub(super) opaque: i64,
    pub(super) permit: Option<Permit>,
}

impl Call {
    pub(super) fn may_leave(&self) -> bool {
        self.permit.as_ref().is_none_or(|permit| permit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_either_written_or_taken_back() {
        let claim = Claim::default();
        assert!(claim.write());
        claim.take();
        assert!(claim.was_written());
        let claim = Claim::default();
        claim.take();
        assert!(!claim.write());
        assert!(!claim.was_written());
    }
}
