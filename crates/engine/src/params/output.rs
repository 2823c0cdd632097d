//! `${setValue(name=value)}` in a task's output (`TaskOutputParameterParser`): fed line by line, it collects what the task
//! sets.
//!
//! Guarantees: bounded memory whatever a task prints. An expression may span lines and a line may hold several; of equal
//! names the last wins. Refuses to know which of the names the task has declared as OUT.

use super::limits::{OUTPUT_EXPRESSION_LEN_MAX, OUTPUT_NAMES_MAX, OUTPUT_ROWS_MAX};
use std::collections::BTreeMap;

const BEGINS: [&str; 2] = ["${setValue(", "#{setValue("];
const END: &str = ")}";

/// Between two lines: outside of an expression, or inside one whose end has not come yet.
#[derive(Clone, Debug, Default)]
pub struct OutputParser {
    values: BTreeMap<String, String>,
    /// What has been read of an open expression, after its beginning.
    open: Option<Open>,
    dropped: usize,
}

#[derive(Clone, Debug, Default)]
struct Open {
    rows: usize,
    text: String,
}

impl OutputParser {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Take in one line, without its line end.
    pub fn line(&mut self, line: &str) {
        let mut rest = line;
        loop {
            if let Some(open) = self.open.take() {
                match self.go_on(open, rest) {
                    Some(after) if !after.is_empty() => rest = after,
                    _ => return,
                }
            }
            match begin_of(rest) {
                Some(after) => {
                    self.open = Some(Open::default());
                    rest = after;
                }
                None => return,
            }
        }
    }

    /// What has been set so far.
    #[must_use]
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.values
    }

    #[must_use]
    pub fn into_values(self) -> BTreeMap<String, String> {
        self.values
    }

    /// Expressions that were given up: too long, never an `=`, or too many names.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Returns what follows the expression's end, or nothing when the line belongs to the expression as a whole. An
    /// expression over its bound is given up, and the line that would have been too much with it.
    fn go_on<'a>(&mut self, mut open: Open, line: &'a str) -> Option<&'a str> {
        if open.rows > OUTPUT_ROWS_MAX || open.text.len() > OUTPUT_EXPRESSION_LEN_MAX {
            self.dropped += 1;
            return None;
        }
        if open.rows > 0 {
            open.text.push('\n');
        }
        let end = line.find(END);
        let part = &line[..end.unwrap_or(line.len())];
        if open.text.len().saturating_add(part.len()) > OUTPUT_EXPRESSION_LEN_MAX {
            self.dropped += 1;
            return end.map(|end| &line[end + END.len()..]);
        }
        open.text.push_str(part);
        match end {
            Some(end) => {
                self.close(&open.text);
                Some(&line[end + END.len()..])
            }
            None => {
                open.rows += 1;
                self.open = Some(open);
                None
            }
        }
    }

    fn close(&mut self, text: &str) {
        match text.split_once('=') {
            Some((name, value)) if self.values.len() < OUTPUT_NAMES_MAX || self.values.contains_key(name) => {
                self.values.insert(name.to_owned(), value.to_owned());
            }
            _ => self.dropped += 1,
        }
    }
}

/// The text after the first beginning of an expression. The `$` form is looked for first, as in the reference.
fn begin_of(text: &str) -> Option<&str> {
    BEGINS
        .iter()
        .find_map(|begin| text.find(begin).map(|at| &text[at + begin.len()..]))
}
