//! Everything this program prints apart from its log: results to the standard output, complaints to the standard error.
//!
//! A reader that has gone away (a closed pipe) is no error: there is nobody left to tell.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is the one place that prints"
)]

use serde::Serialize;
use std::io::{self, IsTerminal, Write};

/// A result.
pub(crate) fn line(text: impl AsRef<str>) {
    let _ = writeln!(io::stdout().lock(), "{}", text.as_ref());
}

/// A part of a line, shown at once: for live displays.
pub(crate) fn raw(text: &str) {
    let mut output = io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

/// A result for programs.
pub(crate) fn json(value: &impl Serialize) {
    match serde_json::to_string_pretty(value) {
        Ok(text) => line(text),
        Err(error) => complaint(format!("the result cannot be written as JSON: {error}")),
    }
}

/// Something the caller has to know that is no result.
pub(crate) fn complaint(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "orca: {}", text.as_ref());
}

/// Whether somebody watches the standard output.
pub(crate) fn is_terminal() -> bool {
    io::stdout().is_terminal()
}
