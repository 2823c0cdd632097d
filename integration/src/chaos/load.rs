//! The load: workflows of several shapes, triggered on every master without a pause. Each task writes down when it really runs.

use super::plan::Dice;
use orca_integration::harness::MasterRpc;
use orca_integration::harness::definitions::{shell, shell_with_parameters, workflow};
use orca_schema::NewDefinition;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two triggers of one master.
const PAUSE_MS: (u64, u64) = (500, 1_500);

/// Appends `word, task instance, worker's process, own process, time`; one short write each, so lines never mix.
fn script(lines: &Path, body: &str) -> String {
    format!(
        "p() {{ echo \"$1 ${{system.task.instance.id}} $PPID $$ $EPOCHREALTIME\" >> {}; }}\np start\n{body}\np end\n",
        lines.display()
    )
}

/// The shapes. All of them end in SUCCESS, whatever happens to masters and workers.
pub(crate) fn shapes(folder: &Path, lines: &Path) -> Vec<NewDefinition> {
    let quick = script(lines, "sleep 0.$((RANDOM % 8 + 1))");
    let slow = script(lines, "sleep $((6 + RANDOM % 8))");
    let chain = (0..5).map(|index| {
        let before = format!("t{}", index - 1);
        let before = if index == 0 { vec![] } else { vec![before.as_str()] };
        shell(&format!("t{index}"), &quick, &before)
    });
    let mut fan: Vec<_> = (0..6)
        .map(|index| shell(&format!("t{index}"), &quick, &["root"]))
        .collect();
    fan.push(shell("root", &quick, &[]));
    let names: Vec<String> = (0..6).map(|index| format!("t{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    fan.push(shell("last", &quick, &names));
    vec![
        workflow("chain", chain.collect()),
        workflow("fan", fan),
        workflow(
            "slow",
            vec![
                shell("first", &slow, &[]),
                shell("beside", &slow, &[]),
                shell("after", &quick, &["first", "beside"]),
            ],
        ),
        retries(folder, lines),
        parameters(lines),
    ]
}

/// `flaky` fails the first time it runs and has retries.
fn retries(folder: &Path, lines: &Path) -> NewDefinition {
    let marker = folder.join("markers");
    let body = format!(
        "sleep 0.3; m={}/${{system.workflow.instance.id}}; [ -e $m ] || {{ touch $m; p fail; exit 1; }}",
        marker.display()
    );
    let mut flaky = shell("flaky", &script(lines, &body), &[]);
    flaky.fail_retry_times = 3;
    flaky.fail_retry_interval = 0;
    let after = shell("after", &script(lines, "sleep 0.5"), &["flaky"]);
    workflow("retries", vec![flaky, after])
}

/// What `make` puts out must reach `use`, whoever owns the workflow by then.
fn parameters(lines: &Path) -> NewDefinition {
    let out = r#"[{"prop":"made","direct":"OUT","type":"VARCHAR","value":""}]"#;
    let input = r#"[{"prop":"made","direct":"IN","type":"VARCHAR","value":"nothing"}]"#;
    let make = "sleep 0.5; echo \"#{setValue(made=by-${system.workflow.instance.id})}\"";
    let check = "[ \"${made}\" = \"by-${system.workflow.instance.id}\" ] || { p wrong; exit 1; }";
    workflow(
        "parameters",
        vec![
            shell_with_parameters("make", &script(lines, make), &[], out),
            shell("between", &script(lines, "sleep 3"), &["make"]),
            shell_with_parameters("use", &script(lines, check), &["make", "between"], input),
        ],
    )
}

#[derive(Default)]
struct Shared {
    accepted: Mutex<BTreeSet<i32>>,
    failed_calls: AtomicU64,
    is_over: AtomicBool,
}

/// One thread per master, until it is stopped.
pub(crate) struct Load {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// What the load leaves.
pub(crate) struct Triggered {
    /// Instances whose trigger was answered with their id.
    pub(crate) accepted: BTreeSet<i32>,
    /// Calls that were refused or not answered; what an unanswered one made is found in the rows.
    pub(crate) failed_calls: u64,
}

impl Load {
    pub(crate) fn start(masters: &[String], definitions: &[(i64, i32)], seed: u64) -> Self {
        let shared = Arc::new(Shared::default());
        let threads = (0_u64..)
            .zip(masters)
            .map(|(index, master)| {
                let (shared, master, definitions) =
                    (Arc::clone(&shared), master.clone(), definitions.to_vec());
                let dice = Dice::new(seed.wrapping_add(index));
                std::thread::spawn(move || trigger(&shared, &master, &definitions, dice))
            })
            .collect();
        Self { shared, threads }
    }

    pub(crate) fn stop(self) -> Triggered {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            let _ = thread.join();
        }
        let mut accepted = self
            .shared
            .accepted
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        Triggered {
            accepted: std::mem::take(&mut accepted),
            failed_calls: self.shared.failed_calls.load(Ordering::Relaxed),
        }
    }
}

fn trigger(shared: &Shared, master: &str, definitions: &[(i64, i32)], mut dice: Dice) {
    let Ok(rpc) = MasterRpc::new() else { return };
    while !shared.is_over.load(Ordering::Relaxed) {
        let (code, version) = definitions[dice.index(definitions.len())];
        match rpc.trigger(master, code, version, Vec::new()) {
            Ok(id) => {
                let mut accepted = shared
                    .accepted
                    .lock()
                    .unwrap_or_else(|poisoned| poisoned.into_inner());
                accepted.insert(id);
            }
            Err(_) => {
                shared.failed_calls.fetch_add(1, Ordering::Relaxed);
            }
        }
        // The pace of the load, not a wait for anything.
        std::thread::sleep(Duration::from_millis(dice.between(PAUSE_MS.0, PAUSE_MS.1)));
    }
}
