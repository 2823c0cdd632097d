//! What must hold of a machine after each step, by name. Checked in debug builds for the nodes a step has touched, and in tests
//! for whole machines; the code that upholds one names it.

use crate::workflow::{NodeId, Phase, Stage, WorkflowMachine};

/// Name and wording of every invariant.
pub const ALL: &[(&str, &str)] = &[
    (
        "INV-DISPATCH-1",
        "an attempt is sent to a worker only out of the dispatcher, with state DISPATCH and its host committed",
    ),
    (
        "INV-ATTEMPT-1",
        "every stage but Idle has a row, and the row's state is one of that stage",
    ),
    (
        "INV-ATTEMPT-2",
        "the id of a node's current row leads to that node",
    ),
    ("INV-FLOW-1", "the counts are those of the nodes"),
    (
        "INV-FLOW-2",
        "a node is active or passed only when all its predecessors are passed and none of them ended its chain",
    ),
    (
        "INV-END-1",
        "an instance is final exactly when its machine is retired, and then no node is active",
    ),
];

/// Panics when one of the touched nodes, or the machine's own state, breaks an invariant.
pub(crate) fn check_touched(machine: &WorkflowMachine, touched: &[NodeId]) {
    for &node in touched {
        check_node(machine, node);
    }
    let (state, retired) = (machine.instance().state, machine.is_retired());
    assert_eq!(
        state.is_final(),
        retired,
        "INV-END-1: the instance is {state} and retired is {retired}"
    );
    assert!(
        !retired || machine.counts().active == 0,
        "INV-END-1: retired with active nodes"
    );
}

/// Panics when the machine breaks an invariant anywhere.
pub fn check(machine: &WorkflowMachine) {
    let all: Vec<NodeId> = machine.graph().nodes().collect();
    check_touched(machine, &all);
    let counts = machine.counts();
    assert_eq!(
        counts.active,
        machine.recount(Phase::Active),
        "INV-FLOW-1: active"
    );
    assert_eq!(
        counts.inactive,
        machine.recount(Phase::Inactive),
        "INV-FLOW-1: inactive"
    );
}

fn check_node(machine: &WorkflowMachine, id: NodeId) {
    let node = machine.node(id);
    let stage = node.stage();
    match node.task() {
        Some(row) => {
            assert!(
                stage.allows(row.state),
                "INV-ATTEMPT-1: {} with a row in {}",
                stage.name(),
                row.state
            );
            assert_eq!(
                machine.node_of(row.id),
                Some(id),
                "INV-ATTEMPT-2: task instance {}",
                row.id
            );
            let has_host = row.host.as_deref().is_some_and(|host| !host.is_empty());
            assert!(
                stage != Stage::Sent || has_host,
                "INV-DISPATCH-1: sent without a host in the row"
            );
        }
        None => assert_eq!(
            stage,
            Stage::Idle,
            "INV-ATTEMPT-1: {} without a row",
            stage.name()
        ),
    }
    if node.phase() != Phase::Idle {
        let before = machine.graph().predecessors(id);
        let passed = |&one: &NodeId| machine.node(one).phase() == Phase::Inactive;
        assert!(
            before.iter().all(passed),
            "INV-FLOW-2: node {} runs before its predecessors",
            id.0
        );
        assert!(
            node.blocking_predecessors == 0,
            "INV-FLOW-2: node {} runs behind an ended chain",
            id.0
        );
    }
}
