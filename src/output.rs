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

/// Rows as a table with left-aligned columns.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) {
    for text in table_lines(head, rows) {
        line(text);
    }
}

/// The lines of such a table. Widths count characters.
pub(crate) fn table_lines(head: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line_of = |cells: &mut dyn Iterator<Item = &str>| {
        let padded = cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line_of(&mut head.iter().copied())];
    lines.extend(
        rows.iter()
            .map(|row| line_of(&mut row.iter().map(String::as_str))),
    );
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned() {
        let rows = [
            vec!["a".to_owned(), "SUCCESS".to_owned()],
            vec!["long é".to_owned(), "-".to_owned()],
        ];
        assert_eq!(
            table_lines(&["task", "state"], &rows),
            ["task    state", "a       SUCCESS", "long é  -"]
        );
    }
}
