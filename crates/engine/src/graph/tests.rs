//! Graphs as text: tasks and edges in, nodes or the error out. `ORCA_REGENERATE=1` writes the answers anew.

use super::{ExecutionGraph, StaticGraph};
use crate::codes::TaskDependType;
use crate::model::DefinitionSnapshot;
use crate::workflow::tests::kit;
use std::fmt::Write as _;
use std::path::PathBuf;

#[test]
fn selections() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/graph/testdata/selections.txt");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut should = String::new();
    let mut definition = None;
    for block in text
        .split("\n\n")
        .map(str::trim_end)
        .filter(|block| !block.is_empty())
    {
        let input = block.split_once("\n----").map_or(block, |(input, _)| input);
        let command = input.lines().find(|line| !line.starts_with('#')).unwrap();
        let answer = match command.strip_prefix("graph") {
            Some(edges) => {
                definition = Some(read(edges));
                built(definition.as_ref().unwrap())
            }
            None => selected(definition.as_ref().unwrap(), command),
        };
        writeln!(should, "{input}\n----\n{answer}\n").unwrap();
    }
    let should = format!("{}\n", should.trim_end());
    if std::env::var_os("ORCA_REGENERATE").is_some() {
        std::fs::write(&path, &should).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        should,
        "ORCA_REGENERATE=1 writes it anew"
    );
}

/// `1:A 2:B 1>2 0>1`: tasks by code and name, relations by codes.
fn read(text: &str) -> DefinitionSnapshot {
    let (mut tasks, mut relations) = (Vec::new(), Vec::new());
    for word in text.split_whitespace() {
        if let Some((code, name)) = word.split_once(':') {
            tasks.push(kit::task(code.parse().unwrap(), name));
        } else {
            let (from, to) = word.split_once('>').unwrap();
            relations.push((from.parse().unwrap(), to.parse().unwrap()));
        }
    }
    DefinitionSnapshot {
        relations,
        ..kit::definition(tasks, &[])
    }
}

fn built(definition: &DefinitionSnapshot) -> String {
    match StaticGraph::new(definition) {
        Ok(graph) => format!("{} tasks", graph.len()),
        Err(error) => error.to_string(),
    }
}

/// `TASK_POST 1,2`: a direction and start codes.
fn selected(definition: &DefinitionSnapshot, command: &str) -> String {
    let (direction, codes) = command.split_once(' ').unwrap_or((command, ""));
    let codes: Vec<i64> = codes
        .split(',')
        .filter(|code| !code.is_empty())
        .map(|code| code.parse().unwrap())
        .collect();
    let direction: TaskDependType = direction.parse().unwrap();
    let graph = match ExecutionGraph::select(&StaticGraph::new(definition).unwrap(), &codes, direction) {
        Ok(graph) => graph,
        Err(error) => return error.to_string(),
    };
    let name = |node| definition.tasks[graph.task_index(node)].name.clone();
    let mut lines = vec![format!(
        "start: {}",
        graph.start_nodes().into_iter().map(name).collect::<String>()
    )];
    for node in graph.nodes() {
        let after: String = graph.successors(node).iter().map(|&node| name(node)).collect();
        assert!(
            graph
                .successors(node)
                .iter()
                .all(|&next| graph.predecessors(next).contains(&node))
        );
        assert_eq!(
            graph.node_of_code(definition.tasks[graph.task_index(node)].code),
            Some(node)
        );
        lines.push(format!("{} -> {after}", name(node)));
    }
    lines
        .iter()
        .map(|line| line.trim_end())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_large_graph_is_built_in_one_pass() {
    let (count, width) = (5_000, 50);
    let tasks = (1..=count)
        .map(|code| kit::task(code, &format!("T{code}")))
        .collect();
    let edges: Vec<(i64, i64)> = (width + 1..=count)
        .flat_map(|code| [(code - width, code), (code - width + 1, code)])
        .collect();
    let edges: Vec<(i64, i64)> = edges.into_iter().filter(|(from, to)| from < to).collect();
    let definition = kit::definition(tasks, &[]);
    let definition = DefinitionSnapshot {
        relations: edges.clone(),
        ..definition
    };
    let graph = StaticGraph::new(&definition).unwrap();
    let selected = ExecutionGraph::select(&graph, &[], TaskDependType::TaskPost).unwrap();
    assert_eq!(selected.len(), 5_000);
    assert_eq!(
        selected
            .nodes()
            .map(|node| selected.successors(node).len())
            .sum::<usize>(),
        edges.len()
    );
}
