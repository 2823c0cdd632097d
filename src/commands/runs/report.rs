//! What is said of runs that have ended, and by `orca workflow show`.

use super::view::{RunView, TaskView};
use crate::commands::table::{duration, printable, render};
use orca_engine::codes::WorkflowState;

/// One line per run, and for each task that failed why, where its log is and how it ends.
pub(crate) fn summary(runs: &[RunView]) -> Vec<String> {
    let mut lines = Vec::new();
    for run in runs {
        let took = run
            .duration_millis
            .map_or_else(String::new, |millis| format!(" in {}", duration(millis)));
        let (id, name, state) = (run.workflow_instance_id, printable(&run.name), run.state);
        lines.push(format!("{name} (instance {id}): {state}{took}"));
        lines.extend(failures(run));
        let not_run: Vec<_> = run
            .tasks
            .iter()
            .filter(|task| task.state == "NOT_RUN")
            .map(|task| printable(&task.name))
            .collect();
        if !not_run.is_empty() {
            lines.push(format!("  not run: {}", not_run.join(", ")));
        }
    }
    lines
}

fn failures(run: &RunView) -> Vec<String> {
    let lines: Vec<_> = run
        .tasks
        .iter()
        .filter(|task| task.failed())
        .flat_map(failure)
        .collect();
    if lines.is_empty() && run.state == WorkflowState::Failure.name() {
        // What a master cannot even begin leaves its reason there.
        return vec![
            "  no task failed: the master refused the run; its log and table t_ds_error_command say why"
                .to_owned(),
        ];
    }
    lines
}

fn failure(task: &TaskView) -> Vec<String> {
    let reason = task.reason.as_deref().unwrap_or("did not succeed");
    let on = task
        .host
        .as_ref()
        .map_or_else(String::new, |host| format!(" on {host}"));
    let mut lines = vec![format!("  task {}: {reason}{on}", printable(&task.name))];
    lines.extend(
        task.log_path
            .as_ref()
            .map(|path| format!("    log: {}", printable(path))),
    );
    lines.extend(
        task.log_lines
            .iter()
            .map(|line| format!("    | {}", printable(line))),
    );
    lines
}

/// Everything about one run.
pub(crate) fn details(run: &RunView) -> Vec<String> {
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let took = run.duration_millis.map_or_else(|| "-".to_owned(), duration);
    let mut lines = vec![
        format!(
            "{} (instance {}): {}",
            printable(&run.name),
            run.workflow_instance_id,
            run.state
        ),
        format!(
            "master {}, started {}, ended {}, took {took}",
            text(&run.host),
            text(&run.start_time),
            text(&run.end_time)
        ),
    ];
    let rows: Vec<Vec<String>> = run
        .tasks
        .iter()
        .map(|task| {
            vec![
                task.name.clone(),
                task.task_type.clone(),
                task.state.to_owned(),
                task.attempts_text(),
                task.duration_millis.map(duration).unwrap_or_default(),
                task.start_time.clone().unwrap_or_default(),
                task.host.clone().unwrap_or_default(),
                task.log_path.clone().unwrap_or_default(),
            ]
        })
        .collect();
    lines.extend(render(
        &[
            "TASK", "TYPE", "STATE", "ATTEMPT", "TIME", "STARTED", "HOST", "LOG",
        ],
        &rows,
        0,
    ));
    lines.extend(failures(run));
    lines
}

#[cfg(test)]
mod tests {
    use super::super::view::{tests, view};
    use super::*;
    use orca_engine::codes::TaskState;
    use orca_engine::time::Millis;

    fn failed_run() -> RunView {
        let rows = [
            tests::task(1, 5, TaskState::Success),
            tests::task(2, 6, TaskState::Failure),
        ];
        let mut run = view(
            &tests::instance(WorkflowState::Failure),
            &rows,
            None,
            Millis(0),
            chrono_tz::UTC,
        );
        run.tasks[1].log_lines = vec!["the last\u{7} words".to_owned()];
        run
    }

    #[test]
    fn a_summary_names_the_task_that_failed_and_shows_its_last_words() {
        let expected = [
            "etl-1 (instance 7): FAILURE in 5 s",
            "  task task6: failed in attempt 1 of 3 on 127.0.0.1:1234",
            "    log: /logs/1.log",
            "    | the last\u{fffd} words",
        ];
        assert_eq!(summary(&[failed_run()]), expected);
    }

    #[test]
    fn a_run_that_never_began_says_where_to_look() {
        let run = view(
            &tests::instance(WorkflowState::Failure),
            &[],
            None,
            Millis(0),
            chrono_tz::UTC,
        );
        let expected =
            "  no task failed: the master refused the run; its log and table t_ds_error_command say why";
        assert_eq!(summary(&[run])[1], expected);
    }

    #[test]
    fn details_have_a_row_for_each_task() {
        let lines = details(&failed_run());
        assert_eq!(
            lines[1],
            "master 127.0.0.1:5678, started 1970-01-01 00:00:10, ended 1970-01-01 00:00:15, took 5 s"
        );
        assert_eq!(
            lines[2],
            "TASK   TYPE   STATE    ATTEMPT  TIME  STARTED              HOST            LOG"
        );
        assert_eq!(
            lines[3],
            "task5  SHELL  SUCCESS  1/3      1 s   1970-01-01 00:00:11  127.0.0.1:1234  /logs/1.log"
        );
    }
}
