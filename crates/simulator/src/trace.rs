//! What a run tells when it is replayed. Off, it costs one comparison per line.

use crate::limits::TRACE_LINES_MAX;
use std::collections::VecDeque;

#[derive(Debug, Default)]
pub struct Trace {
    on: bool,
    lines: VecDeque<String>,
}

impl Trace {
    #[must_use]
    pub fn new(on: bool) -> Self {
        Self {
            on,
            lines: VecDeque::new(),
        }
    }

    pub fn line(&mut self, now_ms: u64, text: impl FnOnce() -> String) {
        if !self.on {
            return;
        }
        if self.lines.len() >= TRACE_LINES_MAX {
            self.lines.pop_front();
        }
        let (seconds, millis) = (now_ms / 1_000, now_ms % 1_000);
        self.lines
            .push_back(format!("{seconds:>6}.{millis:03} {}", text()));
    }

    #[must_use]
    pub fn into_lines(self) -> Vec<String> {
        self.lines.into()
    }
}
