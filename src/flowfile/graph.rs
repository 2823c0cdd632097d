//! Names and dependencies: every name once, every dependency known, no way around in a circle.

use super::nearest::suggestion;
use super::node::{Node, Value};
use super::problem::{Position, Problems};
use super::section::{Section, Text};
use std::collections::BTreeMap;

/// For each task the indices of the tasks it waits for. Wrong names and edges are left out and among the problems.
pub(super) fn dependencies(
    sections: &[Option<Section<'_>>],
    names: &[Option<Text>],
    problems: &Problems,
) -> Vec<Vec<usize>> {
    let known = index_names(sections, names);
    let edges: Vec<Vec<Edge>> = sections
        .iter()
        .enumerate()
        .map(|(task, section)| {
            section
                .as_ref()
                .map_or_else(Vec::new, |section| edges_of(task, section, &known))
        })
        .collect();
    if let Some(cycle) = find_cycle(&edges) {
        report_cycle(&cycle, names, &edges, problems);
    }
    edges
        .iter()
        .map(|edges| edges.iter().map(|edge| edge.upstream).collect())
        .collect()
}

/// One entry of a `deps` list.
struct Edge {
    upstream: usize,
    at: Position,
    /// Its number in the list.
    index: usize,
}

fn index_names<'a>(sections: &[Option<Section<'_>>], names: &'a [Option<Text>]) -> BTreeMap<&'a str, usize> {
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, (section, name)) in sections.iter().zip(names).enumerate() {
        let (Some(section), Some(name)) = (section, name) else {
            continue;
        };
        if let Some(first) = known.get(name.value.as_str()) {
            let line = names[*first].as_ref().map_or(0, |text| text.at.line);
            let text = format!(
                "the name {:?} is already taken in line {line}; give each task its own",
                name.value
            );
            section.wrong(name.at, "name", text);
        } else {
            known.insert(&name.value, index);
        }
    }
    known
}

fn edges_of(task: usize, section: &Section<'_>, known: &BTreeMap<&str, usize>) -> Vec<Edge> {
    let Some(node) = section.node("deps") else {
        return Vec::new();
    };
    let items: &[Node] = match &node.value {
        Value::List(items) => items,
        _ => {
            section.wrong(
                node.at,
                "deps",
                format!(
                    "expected a list of task names, found {}; write [name, name]",
                    node.kind()
                ),
            );
            return Vec::new();
        }
    };
    let mut edges: Vec<Edge> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let key = format!("deps[{index}]");
        let Value::Scalar { text, .. } = &item.value else {
            section.wrong(
                item.at,
                &key,
                format!("expected the name of a task, found {}", item.kind()),
            );
            continue;
        };
        match known.get(text.as_str()) {
            None => {
                let advice = suggestion(text, known.keys().copied(), "the tasks of this file");
                section.wrong(item.at, &key, format!("there is no task {text:?}; {advice}"));
            }
            Some(upstream) if *upstream == task => {
                section.wrong(item.at, &key, "the task waits for itself; remove this entry");
            }
            // Naming a task twice says the same thing twice.
            Some(upstream) if edges.iter().any(|edge| edge.upstream == *upstream) => {}
            Some(upstream) => edges.push(Edge {
                upstream: *upstream,
                at: item.at,
                index,
            }),
        }
    }
    edges
}

/// The tasks of one cycle, each waiting for the next and the last for the first.
fn find_cycle(edges: &[Vec<Edge>]) -> Option<Vec<usize>> {
    #[derive(Clone, Copy, PartialEq)]
    enum Mark {
        New,
        OnPath,
        Done,
    }
    let mut marks = vec![Mark::New; edges.len()];
    for start in 0..edges.len() {
        // The way from `start`, each with the number of edges already followed.
        let mut path: Vec<(usize, usize)> = Vec::new();
        if marks[start] == Mark::New {
            marks[start] = Mark::OnPath;
            path.push((start, 0));
        }
        while let Some((task, followed)) = path.last_mut() {
            let Some(edge) = edges[*task].get(*followed) else {
                marks[*task] = Mark::Done;
                path.pop();
                continue;
            };
            *followed += 1;
            match marks[edge.upstream] {
                Mark::Done => {}
                Mark::New => {
                    marks[edge.upstream] = Mark::OnPath;
                    path.push((edge.upstream, 0));
                }
                Mark::OnPath => {
                    let cycle = path
                        .iter()
                        .map(|(task, _)| *task)
                        .skip_while(|task| *task != edge.upstream);
                    return Some(cycle.collect());
                }
            }
        }
    }
    None
}

/// Told at the edge that closes the circle in the order of the file.
fn report_cycle(cycle: &[usize], names: &[Option<Text>], edges: &[Vec<Edge>], problems: &Problems) {
    let (Some(first), Some(last)) = (cycle.first(), cycle.last()) else {
        return;
    };
    let name = |task: usize| names[task].as_ref().map_or("?", |text| text.value.as_str());
    let way: Vec<_> = cycle.iter().chain([first]).map(|task| name(*task)).collect();
    let closing = edges[*last].iter().find(|edge| edge.upstream == *first);
    if let Some(edge) = closing {
        let text = format!(
            "the tasks wait for each other in a circle: {}; remove one of these dependencies",
            way.join(" waits for ")
        );
        problems.add(edge.at, &format!("tasks[{last}].deps[{}]", edge.index), text);
    }
}
