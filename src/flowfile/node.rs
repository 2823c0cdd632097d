//! A YAML document as a tree in which every key and value knows its place.

use super::limits::{DEPTH_MAX, NODES_MAX};
use super::problem::{Position, Problems};
use std::collections::{BTreeMap, BTreeSet};
use yaml_rust2::parser::{Event, Parser};
use yaml_rust2::scanner::{Marker, TScalarStyle};

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) at: Position,
    /// Carries `&name`: a place that others refer to.
    pub(super) anchored: bool,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    /// `quoted` texts are never null, a number or a truth value.
    Scalar {
        text: String,
        quoted: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: Position,
    pub(super) value: Node,
}

impl Node {
    /// Nothing was written: `key:`, `key: ~`, `key: null`.
    pub(super) fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, quoted: false } if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// What it is, for "expected a list, found ...".
    pub(super) fn kind(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    fn count(&self) -> usize {
        match &self.value {
            Value::Scalar { .. } => 1,
            Value::List(items) => 1 + items.iter().map(Self::count).sum::<usize>(),
            Value::Map(entries) => 1 + entries.iter().map(|entry| 1 + entry.value.count()).sum::<usize>(),
        }
    }
}

/// The single document of `text`. What is not YAML is left in `problems`.
pub(super) fn parse(text: &str, problems: &Problems) -> Option<Node> {
    let mut parser = Parser::new_from_str(text);
    let mut builder = Builder {
        problems,
        open: Vec::new(),
        anchors: BTreeMap::new(),
        nodes: 0,
        root: None,
    };
    loop {
        match parser.next_token() {
            Ok((Event::StreamEnd, marker)) => {
                if builder.root.is_none() {
                    problems.add(
                        position(&marker),
                        "",
                        "the file is empty; write a workflow: and its tasks:",
                    );
                }
                return builder.root;
            }
            Ok((event, marker)) => builder.take(event, position(&marker)).ok()?,
            Err(error) => {
                let advice = "correct the YAML (indentation, quotes, brackets; no tabs)";
                problems.add(
                    position(error.marker()),
                    "",
                    format!("not valid YAML: {}; {advice}", error.info()),
                );
                return None;
            }
        }
    }
}

fn position(marker: &Marker) -> Position {
    Position {
        line: marker.line().max(1),
        column: marker.col() + 1,
    }
}

/// The reason is already among the problems.
struct Refused;

struct Builder<'a> {
    problems: &'a Problems,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    root: Option<Node>,
}

/// A list or mapping whose end has not come yet.
struct Open {
    at: Position,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        key: Option<(String, Position)>,
        lines: BTreeMap<String, usize>,
    },
}

impl Builder<'_> {
    fn take(&mut self, event: Event, at: Position) -> Result<(), Refused> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart if self.root.is_none() => Ok(()),
            Event::DocumentStart => self.refuse(
                at,
                "a second document begins here; put each workflow into a file of its own",
            ),
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(node) => {
                    let copy = Node { at, ..node.clone() };
                    self.nodes += copy.count();
                    self.close(copy, 0)
                }
                None => self.refuse(
                    at,
                    "this alias points at a value that contains it; write the value out",
                ),
            },
            Event::Scalar(text, style, anchor, _) => {
                let quoted = style != TScalarStyle::Plain;
                self.close(
                    Node {
                        at,
                        anchored: anchor > 0,
                        value: Value::Scalar { text, quoted },
                    },
                    anchor,
                )
            }
            Event::SequenceStart(anchor, _) => self.open(at, anchor, Content::List(Vec::new())),
            Event::MappingStart(anchor, _) => self.open(
                at,
                anchor,
                Content::Map {
                    entries: Vec::new(),
                    key: None,
                    lines: BTreeMap::new(),
                },
            ),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { at, anchor, content }) = self.open.pop() else {
                    return Ok(());
                };
                // The parser knows of a block mapping only at its first colon; it begins at its first key.
                let (at, value) = match content {
                    Content::List(items) => (at, Value::List(items)),
                    Content::Map { entries, .. } => (
                        entries.first().map_or(at, |first| at.min(first.at)),
                        Value::Map(merged(entries)),
                    ),
                };
                self.close(
                    Node {
                        at,
                        anchored: anchor > 0,
                        value,
                    },
                    anchor,
                )
            }
        }
    }

    fn open(&mut self, at: Position, anchor: usize, content: Content) -> Result<(), Refused> {
        if self.open.len() >= DEPTH_MAX {
            return self.refuse(
                at,
                &format!("nested more than {DEPTH_MAX} levels deep; the form needs six"),
            );
        }
        self.open.push(Open { at, anchor, content });
        Ok(())
    }

    /// A complete node goes to whatever is open around it.
    fn close(&mut self, node: Node, anchor: usize) -> Result<(), Refused> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            return self.refuse(
                node.at,
                &format!("more than {NODES_MAX} values; split the file, use fewer aliases"),
            );
        }
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        let problems = self.problems;
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map { entries, key, lines }) => match key.take() {
                None => *key = Some(key_of(node, lines, problems)?),
                Some((key, at)) => entries.push(Entry { key, at, value: node }),
            },
        }
        Ok(())
    }

    fn refuse(&self, at: Position, text: &str) -> Result<(), Refused> {
        self.problems.add(at, "", text);
        Err(Refused)
    }
}

fn key_of(
    node: Node,
    lines: &mut BTreeMap<String, usize>,
    problems: &Problems,
) -> Result<(String, Position), Refused> {
    let Value::Scalar { text, .. } = node.value else {
        problems.add(
            node.at,
            "",
            "a key must be a single word; quote it or remove the brackets",
        );
        return Err(Refused);
    };
    if let Some(line) = lines.insert(text.clone(), node.at.line) {
        problems.add(
            node.at,
            &text,
            format!("this key was given before, in line {line}; keep one of the two"),
        );
    }
    Ok((text, node.at))
}

/// `<<: *defaults` brings in the keys that are not given here.
fn merged(entries: Vec<Entry>) -> Vec<Entry> {
    let (merges, mut own): (Vec<_>, Vec<_>) = entries.into_iter().partition(|entry| entry.key == "<<");
    let mut known: BTreeSet<String> = own.iter().map(|entry| entry.key.clone()).collect();
    for merge in merges {
        let sources = match merge.value.value {
            Value::List(items) => items,
            _ => vec![merge.value],
        };
        for entry in sources.into_iter().flat_map(|source| {
            if let Value::Map(map) = source.value {
                map
            } else {
                Vec::new()
            }
        }) {
            if known.insert(entry.key.clone()) {
                own.push(entry);
            }
        }
    }
    own
}
