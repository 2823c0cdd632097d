//! What a master costs while much waits and nothing happens.

use super::measure::{resident_mb, rest};
use super::{Bench, LOAD_SECONDS, schedules};
use orca_engine::codes::ExecutionType;
use orca_integration::harness::definitions::{shell, workflow};
use orca_integration::harness::{Deadline, Error, until};
use orca_schema::{NewDefinition, NewTask};
use std::time::Duration;

const WAITING: usize = 1_000;
const QUEUE_LEN: usize = 4;
const WATCHED_FOR: Duration = Duration::from_secs(20);
/// No worker has it: what is in it waits.
const NOBODY: &str = "nobody";

pub(super) fn run() -> Result<(), Error> {
    println!(
        "\n| at rest, over 20 s | CPU of the master | statements at the database | memory |\n| --- | --- | --- | --- |"
    );
    measure(&Bench::start()?, "nothing")?;
    let bench = Bench::start()?;
    dependents(&bench)?;
    measure(
        &bench,
        "1,000 workflows wait in DEPENDENT tasks, each for another workflow",
    )?;
    let bench = Bench::start()?;
    one_queue(&bench)?;
    measure(&bench, "1,000 workflows in one serial queue")?;
    let bench = Bench::start()?;
    many_queues(&bench)?;
    measure(&bench, "1,000 workflows in 250 serial queues")?;
    let bench = Bench::start()?;
    schedules::insert(&bench, WAITING, || schedules::in_seconds(24 * 3_600))?;
    measure(&bench, "1,000 schedules that do not fire")
}

fn measure(bench: &Bench, what: &str) -> Result<(), Error> {
    let rest = rest(&bench.cluster, bench.pid(), WATCHED_FOR)?;
    println!(
        "| {what} | {:.2} % of one core | {:.0}/s | {:.0} MB |",
        rest.cpu_percent,
        rest.statements_per_second,
        resident_mb(bench.pid())?
    );
    Ok(())
}

fn dependents(bench: &Bench) -> Result<(), Error> {
    for number in 0..WAITING {
        let target = bench.save(&workflow(
            &format!("never-{number}"),
            vec![shell("t", "true", &[])],
        ))?;
        let project = bench
            .cluster
            .number("SELECT MAX(code) AS number FROM t_ds_project")?;
        let definition = bench.save(&waits_for(&format!("waits-{number}"), project, target.0))?;
        bench.trigger(definition)?;
    }
    await_rows(
        bench,
        "t_ds_task_instance WHERE task_type = 'DEPENDENT' AND state = 1",
        WAITING,
    )
}

fn waits_for(name: &str, project: i64, code: i64) -> NewDefinition {
    let item = format!(
        r#"{{"dependentType":"DEPENDENT_ON_WORKFLOW","projectCode":{project},"definitionCode":{code},"depTaskCode":0,"cycle":"day","dateValue":"today","parameterPassing":false}}"#
    );
    let params = format!(
        r#"{{"localParams":[],"resourceList":[],"dependence":{{"relation":"AND","checkInterval":10,"failurePolicy":"DEPENDENT_FAILURE_FAILURE","dependTaskList":[{{"relation":"AND","dependItemList":[{item}]}}]}}}}"#
    );
    workflow(name, vec![NewTask::new("wait", "DEPENDENT", params)])
}

fn serial(name: &str) -> NewDefinition {
    let mut task = shell("t", "true", &[]);
    task.worker_group = NOBODY.to_owned();
    NewDefinition {
        execution_type: ExecutionType::SerialWait,
        ..workflow(name, vec![task])
    }
}

fn one_queue(bench: &Bench) -> Result<(), Error> {
    let definition = bench.save(&serial("queue"))?;
    bench
        .rpc
        .trigger_many(&[bench.master()], definition.0, definition.1, WAITING)?;
    await_rows(bench, "t_ds_serial_command WHERE state = 0", WAITING - 1)?;
    await_rows(bench, "t_ds_task_instance WHERE state = 0", 1)
}

fn many_queues(bench: &Bench) -> Result<(), Error> {
    let queues = WAITING / QUEUE_LEN;
    for number in 0..queues {
        let definition = bench.save(&serial(&format!("queue-{number}")))?;
        for _ in 0..QUEUE_LEN {
            bench.trigger(definition)?;
        }
    }
    await_rows(bench, "t_ds_serial_command WHERE state = 0", WAITING - queues)?;
    await_rows(bench, "t_ds_task_instance WHERE state = 0", queues)
}

fn await_rows(bench: &Bench, rest: &str, wanted: usize) -> Result<(), Error> {
    until(rest, Deadline::after_seconds(LOAD_SECONDS), || {
        let found = bench.cluster.count_rows(rest).ok()?;
        usize::try_from(found)
            .is_ok_and(|found| found >= wanted)
            .then_some(())
    })
}
