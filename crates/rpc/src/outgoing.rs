//! Frames that are being written: several with one system call, and how far each has come.

use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io::IoSlice;

/// What the writer of a connection has taken and not finished. Each frame carries a tag, which is dropped when its last
/// byte has left. The batch outlives the writing, so that after a failure each frame's fate is known.
pub(crate) struct Batch<T> {
    frames: VecDeque<Part<T>>,
}

struct Part<T> {
    tag: T,
    rest: Bytes,
    len: usize,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self {
            frames: VecDeque::new(),
        }
    }
}

impl<T> Batch<T> {
    pub(crate) fn push(&mut self, tag: T, frame: Bytes) {
        self.frames.push_back(Part {
            tag,
            len: frame.len(),
            rest: frame,
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.frames.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(crate) fn slices(&self) -> Vec<IoSlice<'_>> {
        self.frames.iter().map(|part| IoSlice::new(&part.rest)).collect()
    }

    /// The first `written` bytes have left.
    pub(crate) fn advance(&mut self, mut written: usize) {
        while let Some(first) = self.frames.front_mut() {
            let taken = written.min(first.rest.len());
            first.rest.advance(taken);
            written -= taken;
            if !first.rest.is_empty() {
                return;
            }
            self.frames.pop_front();
        }
    }

    /// Takes out those frames of which not one byte has left and that are not to `stay`.
    pub(crate) fn withdraw(&mut self, stay: impl Fn(&T) -> bool) -> Vec<T> {
        let mut withdrawn = Vec::new();
        let mut index = 0;
        while let Some(part) = self.frames.get(index) {
            if part.rest.len() < part.len || stay(&part.tag) {
                index += 1;
            } else {
                withdrawn.extend(self.frames.remove(index).map(|part| part.tag));
            }
        }
        withdrawn
    }

    /// The tags of the frames of which not one byte has left.
    pub(crate) fn untouched(&self) -> impl Iterator<Item = &T> {
        self.frames
            .iter()
            .filter(|part| part.rest.len() == part.len)
            .map(|part| &part.tag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_knows_what_has_not_begun() {
        let mut batch = Batch::default();
        for (tag, frame) in [(1, "aaa"), (0, "hh"), (2, "bbb"), (3, "ccc")] {
            batch.push(tag, Bytes::from_static(frame.as_bytes()));
        }
        let untouched = |batch: &Batch<i32>| batch.untouched().copied().collect::<Vec<_>>();
        assert_eq!(untouched(&batch), [1, 0, 2, 3]);
        batch.advance(0);
        assert_eq!(untouched(&batch), [1, 0, 2, 3]);
        batch.advance(1);
        assert_eq!(untouched(&batch), [0, 2, 3]);
        batch.advance(5);
        assert_eq!(untouched(&batch), [3]);
        let bytes: Vec<u8> = batch.slices().iter().flat_map(|slice| slice.to_vec()).collect();
        assert_eq!(bytes, b"bbccc");
        batch.advance(5);
        assert!(batch.is_empty());
    }

    #[test]
    fn what_has_begun_cannot_be_withdrawn() {
        let mut batch = Batch::default();
        for (tag, frame) in [(1, "aaa"), (2, "bbb"), (3, "ccc")] {
            batch.push(tag, Bytes::from_static(frame.as_bytes()));
        }
        batch.advance(1);
        assert_eq!(batch.withdraw(|tag| *tag == 3), [2]);
        let bytes: Vec<u8> = batch.slices().iter().flat_map(|slice| slice.to_vec()).collect();
        assert_eq!(bytes, b"aaccc");
    }
}
