//! One mapping of the file, read key by key. Each reader returns what it could use and leaves a problem for what it could not.

use super::limits::NUMBER_MAX;
use super::nearest::suggestion;
use super::node::{Entry, Node, Value};
use super::placeholder::Placeholders;
use super::problem::{Position, Problems};
use std::ops::RangeInclusive;

pub(super) struct Section<'a> {
    /// Where the mapping is in the file: `tasks[2]`, empty for the top.
    path: String,
    pub(super) at: Position,
    entries: &'a [Entry],
    pub(super) placeholders: &'a Placeholders<'a>,
    pub(super) problems: &'a Problems,
}

/// A text of the file and its place.
pub(super) struct Text {
    pub(super) value: String,
    pub(super) at: Position,
}

impl<'a> Section<'a> {
    /// The node as a mapping; a problem that says what was `expected` when it is something else.
    pub(super) fn of(
        node: &'a Node,
        path: &str,
        placeholders: &'a Placeholders<'a>,
        problems: &'a Problems,
        expected: &str,
    ) -> Option<Self> {
        let Value::Map(entries) = &node.value else {
            problems.add(
                node.at,
                path,
                format!("expected {expected}, found {}", node.kind()),
            );
            return None;
        };
        Some(Self {
            path: path.to_owned(),
            at: node.at,
            entries,
            placeholders,
            problems,
        })
    }

    /// The full name of a key of this mapping.
    pub(super) fn key(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// A problem with the value of `name`.
    pub(super) fn wrong(&self, at: Position, name: &str, text: impl Into<String>) {
        self.problems.add(at, &self.key(name), text);
    }

    fn entry(&self, name: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == name)
    }

    /// Where the key was written.
    pub(super) fn place(&self, name: &str) -> Option<Position> {
        self.entry(name).map(|entry| entry.at)
    }

    /// What was written for the key; nothing when it is absent or empty.
    pub(super) fn node(&self, name: &str) -> Option<&'a Node> {
        self.entry(name)
            .map(|entry| &entry.value)
            .filter(|node| !node.is_null())
    }

    pub(super) fn required(&self, name: &str, advice: &str) -> Option<&'a Node> {
        let found = self.node(name);
        if found.is_none() {
            let (at, text) = match self.entry(name) {
                Some(entry) => (entry.at, format!("is empty; {advice}")),
                None => (self.at, format!("is missing; {advice}")),
            };
            self.wrong(at, name, text);
        }
        found
    }

    /// Keys that the form does not have.
    pub(super) fn refuse_unknown_keys(&self, known: &[&str], what: &str) {
        for entry in self
            .entries
            .iter()
            .filter(|entry| !known.contains(&entry.key.as_str()))
        {
            let advice = suggestion(&entry.key, known.iter().copied(), what);
            self.wrong(entry.at, &entry.key, format!("unknown key; {advice}"));
        }
    }

    /// At the top, a value that carries an anchor may stand under any key: it is there to be referred to.
    pub(super) fn refuse_unknown_top_keys(&self, known: &[&str]) {
        for entry in self
            .entries
            .iter()
            .filter(|entry| !known.contains(&entry.key.as_str()) && !entry.value.anchored)
        {
            let advice = suggestion(&entry.key, known.iter().copied(), "the keys at the top of a file");
            self.wrong(entry.at, &entry.key, format!("unknown key; {advice}"));
        }
    }

    /// A text with its placeholders filled in.
    pub(super) fn text(&self, name: &str) -> Option<Text> {
        let node = self.node(name)?;
        let Value::Scalar { text, .. } = &node.value else {
            self.wrong(node.at, name, format!("expected a text, found {}", node.kind()));
            return None;
        };
        match self.placeholders.fill(text) {
            Ok(value) => Some(Text { value, at: node.at }),
            Err(reason) => {
                self.wrong(node.at, name, reason);
                None
            }
        }
    }

    /// A text of at most `characters_max` characters.
    pub(super) fn short_text(&self, name: &str, characters_max: usize) -> Option<Text> {
        let text = self.text(name)?;
        let characters = text.value.chars().count();
        if characters > characters_max {
            let reason = format!("is {characters} characters long; shorten it to {characters_max}");
            self.wrong(text.at, name, reason);
            return None;
        }
        Some(text)
    }

    /// A whole number that is not negative.
    pub(super) fn number(&self, name: &str, unit: &str) -> Option<i32> {
        self.number_within(name, unit, 0..=NUMBER_MAX)
    }

    pub(super) fn number_within(&self, name: &str, unit: &str, range: RangeInclusive<i64>) -> Option<i32> {
        let node = self.node(name)?;
        let number = match &node.value {
            Value::Scalar { text, .. } => text
                .trim()
                .parse::<i64>()
                .ok()
                .filter(|number| range.contains(number)),
            _ => None,
        };
        let Some(number) = number.and_then(|number| i32::try_from(number).ok()) else {
            let found = match &node.value {
                Value::Scalar { text, .. } => format!("{text:?}"),
                _ => node.kind().to_owned(),
            };
            let (least, most) = (range.start(), range.end());
            let text = format!("expected a whole number{unit} from {least} to {most}, found {found}");
            self.wrong(node.at, name, text);
            return None;
        };
        Some(number)
    }

    pub(super) fn truth(&self, name: &str) -> Option<bool> {
        let node = self.node(name)?;
        match &node.value {
            Value::Scalar { text, quoted: false } if matches!(text.as_str(), "true" | "True" | "TRUE") => {
                Some(true)
            }
            Value::Scalar { text, quoted: false } if matches!(text.as_str(), "false" | "False" | "FALSE") => {
                Some(false)
            }
            Value::Scalar { text, .. } => {
                self.wrong(
                    node.at,
                    name,
                    format!("expected true or false (without quotes), found {text:?}"),
                );
                None
            }
            _ => {
                self.wrong(
                    node.at,
                    name,
                    format!("expected true or false, found {}", node.kind()),
                );
                None
            }
        }
    }

    /// One of a few words, in any case.
    pub(super) fn choice<T: Copy>(&self, name: &str, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let wanted = text.value.trim().to_uppercase();
        let found = choices.iter().find(|(word, _)| *word == wanted);
        if found.is_none() {
            let advice = suggestion(&wanted, choices.iter().map(|(word, _)| *word), "its values");
            self.wrong(text.at, name, format!("unknown value {:?}; {advice}", text.value));
        }
        found.map(|(_, value)| *value)
    }

    /// Says that a key is accepted and has no effect here.
    pub(super) fn has_no_effect(&self, name: &str, why: &str) {
        if self.node(name).is_some()
            && let Some(at) = self.place(name)
        {
            self.problems.note(at, format!("{}: {why}", self.key(name)));
        }
    }

    /// Refuses a key that would change what the run does and that is not built.
    pub(super) fn is_not_supported(&self, name: &str, advice: &str) {
        let Some(node) = self.node(name) else { return };
        let is_empty = match &node.value {
            Value::List(items) => items.is_empty(),
            Value::Map(entries) => entries.is_empty(),
            Value::Scalar { .. } => false,
        };
        if !is_empty && let Some(at) = self.place(name) {
            self.wrong(at, name, format!("is not supported; {advice}"));
        }
    }
}
