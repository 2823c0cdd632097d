use super::*;
use crate::codes::{Flag, TaskExecuteType, TaskState, WorkflowState};
use crate::time::{MILLIS_PER_MINUTE, Millis};
use crate::zone::Zone;
use chrono::NaiveDateTime;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn zone() -> Zone {
    Zone::parse("Asia/Shanghai").unwrap()
}

fn at(text: &str, zone: Zone) -> Millis {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").unwrap();
    zone.calendar_instant(local).unwrap()
}

/// Each interval as `start..end`, days as dates where both ends are midnights.
fn shown(date: &str, date_value: &str, zone: Zone) -> String {
    let text = |time| zone.local(time).unwrap().format("%m-%dT%H").to_string();
    intervals(at(date, zone), date_value, zone)
        .iter()
        .map(|one| format!("{}..{}", text(one.start), text(one.end)))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn intervals_of_a_wednesday_in_march() {
    // 2026-03-11 is a Wednesday.
    let expected = [
        ("currentHour", "03-11T10..03-11T11"),
        ("last1Hour", "03-11T09..03-11T10"),
        ("last2Hours", "03-11T08..03-11T09 03-11T09..03-11T10"),
        (
            "last3Hours",
            "03-11T07..03-11T08 03-11T08..03-11T09 03-11T09..03-11T10",
        ),
        ("today", "03-11T00..03-12T00"),
        ("last1Days", "03-10T00..03-11T00"),
        ("last2Days", "03-09T00..03-10T00 03-10T00..03-11T00"),
        (
            "last3Days",
            "03-08T00..03-09T00 03-09T00..03-10T00 03-10T00..03-11T00",
        ),
        (
            "thisWeek",
            "03-09T00..03-10T00 03-10T00..03-11T00 03-11T00..03-12T00",
        ),
        ("lastMonday", "03-02T00..03-03T00"),
        ("lastTuesday", "03-03T00..03-04T00"),
        ("lastWednesday", "03-04T00..03-05T00"),
        ("lastThursday", "03-05T00..03-06T00"),
        ("lastFriday", "03-06T00..03-07T00"),
        ("lastSaturday", "03-07T00..03-08T00"),
        ("lastSunday", "03-08T00..03-09T00"),
        ("thisMonthBegin", "03-01T00..03-02T00"),
        ("thisMonthEnd", "03-31T00..04-01T00"),
        ("lastMonthBegin", "02-01T00..02-02T00"),
        ("lastMonthEnd", "02-28T00..03-01T00"),
        ("nextYear", ""),
        ("", ""),
    ];
    for (date_value, intervals) in expected {
        assert_eq!(
            shown("2026-03-11 10:20:30", date_value, zone()),
            intervals,
            "{date_value}"
        );
    }
}

#[test]
fn long_families_are_complete_and_without_gaps() {
    for (date_value, count, first, last) in [
        ("last24Hours", 24, "03-10T01..03-10T02", "03-11T00..03-11T01"),
        ("last7Days", 7, "03-04T00..03-05T00", "03-10T00..03-11T00"),
        ("lastWeek", 7, "03-02T00..03-03T00", "03-08T00..03-09T00"),
        ("thisMonth", 11, "03-01T00..03-02T00", "03-11T00..03-12T00"),
        ("lastMonth", 28, "02-01T00..02-02T00", "02-28T00..03-01T00"),
    ] {
        let text = shown("2026-03-11 10:20:30", date_value, zone());
        let all: Vec<&str> = text.split(' ').collect();
        assert_eq!(
            (all.len(), all[0], all[all.len() - 1]),
            (count, first, last),
            "{date_value}"
        );
        let exact = intervals(at("2026-03-11 10:20:30", zone()), date_value, zone());
        assert!(
            exact.windows(2).all(|pair| pair[0].end == pair[1].start),
            "{date_value}"
        );
    }
}

#[test]
fn edges_of_week_month_year_and_clock_changes() {
    assert_eq!(
        shown("2026-03-09 00:00:00", "thisWeek", zone()),
        "03-09T00..03-10T00",
        "a Monday"
    );
    assert_eq!(
        shown("2026-01-01 00:30:00", "last1Hour", zone()),
        "12-31T23..01-01T00"
    );
    assert_eq!(
        shown("2026-01-01 00:30:00", "lastMonthBegin", zone()),
        "12-01T00..12-02T00"
    );
    assert_eq!(
        shown("2024-03-31 00:30:00", "lastMonthEnd", zone()),
        "02-29T00..03-01T00"
    );
    let york = Zone::parse("America/New_York").unwrap();
    let day = intervals(at("2024-03-10 12:00:00", york), "today", york)[0];
    assert_eq!(
        day.end.since(day.start),
        23 * 60 * MILLIS_PER_MINUTE,
        "the hour that is left out"
    );
    let day = intervals(at("2024-11-03 12:00:00", york), "today", york)[0];
    assert_eq!(
        day.end.since(day.start),
        25 * 60 * MILLIS_PER_MINUTE,
        "the hour that comes twice"
    );
}

const OWN: Own = Own {
    workflow_instance_id: 50,
    definition_code: 9,
    task_code: 90,
};

/// One group of items `(definition, target, date value)`.
fn parameters(relation: &str, items: &[(i64, i64, &str)]) -> DependentParameters {
    let items: Vec<String> = items
        .iter()
        .map(|(definition, task, date)| {
            format!(r#"{{"projectCode":1,"definitionCode":{definition},"depTaskCode":{task},"cycle":"day","dateValue":"{date}"}}"#)
        })
        .collect();
    let text = format!(
        r#"{{"dependence":{{"relation":"AND","dependTaskList":[{{"relation":"{relation}","dependItemList":[{}]}}]}}}}"#,
        items.join(",")
    );
    DependentParameters::parse(Some(&text)).unwrap()
}

fn waiting(parameters: &DependentParameters) -> Waiting {
    Waiting::new(parameters, OWN, at("2026-03-11 10:20:30", zone()), zone())
}

fn run(state: WorkflowState) -> Candidates {
    Candidates {
        scheduled: Some(Candidate { id: 7, state }),
        ..Candidates::default()
    }
}

/// Asks until there is a verdict, answering with `candidates` and `last`.
fn verdict(waiting: &mut Waiting, candidates: Candidates, last: Option<LastTask>, all: bool) -> Look {
    let mut answers = Answers::default();
    for _ in 0..100 {
        let Look::Ask(asks) = waiting.look(&answers, at("2026-03-11 10:20:30", zone())) else {
            return waiting.look(&answers, at("2026-03-11 10:20:30", zone()));
        };
        for ask in asks {
            match ask {
                Question::Candidate(question) => {
                    answers.candidates.insert(question, candidates);
                }
                Question::LastTask {
                    workflow_instance_id,
                    task_code,
                } => {
                    answers
                        .last_tasks
                        .insert((workflow_instance_id, task_code), last.unwrap());
                }
                Question::AllTasks { workflow_instance_id } => {
                    answers.all_tasks.insert(workflow_instance_id, all);
                }
                Question::First { definition_code } => {
                    answers
                        .firsts
                        .insert(definition_code, Some(OWN.workflow_instance_id + 1));
                }
            }
        }
    }
    panic!("it never stops asking");
}

fn row(state: TaskState) -> TaskRow {
    TaskRow {
        id: 1,
        state,
        execute_type: TaskExecuteType::Batch,
        end_time: Some(Millis(5)),
        retry_times: 0,
        max_retry_times: 0,
    }
}

#[test]
fn a_workflow_counts_by_its_state() {
    for (state, expected) in [
        (WorkflowState::Success, Look::Succeeded),
        (WorkflowState::Failure, Look::Failed),
        (WorkflowState::Stop, Look::Failed),
        (WorkflowState::Pause, Look::Failed),
        (WorkflowState::RunningExecution, Look::Waiting),
        (WorkflowState::ReadyStop, Look::Waiting),
        (WorkflowState::Failover, Look::Waiting),
    ] {
        let mut waiting = waiting(&parameters("AND", &[(2, 0, "today")]));
        assert_eq!(verdict(&mut waiting, run(state), None, true), expected, "{state}");
    }
    let mut nobody = waiting(&parameters("AND", &[(2, 0, "today")]));
    assert_eq!(
        verdict(&mut nobody, Candidates::default(), None, true),
        Look::Waiting,
        "no run yet"
    );
}

#[test]
fn what_runs_comes_before_what_ended_and_the_later_one_before_the_earlier() {
    let one = |id, state| Some(Candidate { id, state });
    let both = Candidates {
        running: None,
        scheduled: one(4, WorkflowState::Success),
        manual: one(5, WorkflowState::Failure),
    };
    assert_eq!(both.chosen().unwrap().id, 5);
    let running = Candidates {
        running: one(1, WorkflowState::RunningExecution),
        ..both
    };
    assert_eq!(running.chosen().unwrap().id, 1);
    assert_eq!(Candidates::default().chosen(), None);
}

#[test]
fn a_task_counts_by_its_last_row() {
    let over = WorkflowState::Failure;
    let runs = WorkflowState::RunningExecution;
    let retry = TaskRow {
        max_retry_times: 2,
        ..row(TaskState::Failure)
    };
    let stream = TaskRow {
        execute_type: TaskExecuteType::Stream,
        ..row(TaskState::RunningExecution)
    };
    for (state, last, expected) in [
        (over, LastTask::Row(row(TaskState::Success)), Look::Succeeded),
        (runs, LastTask::Row(row(TaskState::Success)), Look::Succeeded),
        (over, LastTask::Row(row(TaskState::ForcedSuccess)), Look::Failed),
        (runs, LastTask::Row(row(TaskState::Failure)), Look::Failed),
        (runs, LastTask::Row(retry), Look::Waiting),
        (over, LastTask::Row(retry), Look::Failed),
        (
            runs,
            LastTask::Row(row(TaskState::RunningExecution)),
            Look::Waiting,
        ),
        (runs, LastTask::Row(stream), Look::Succeeded),
        (over, LastTask::None(Some(Flag::No)), Look::Succeeded),
        (over, LastTask::None(Some(Flag::Yes)), Look::Failed),
        (runs, LastTask::None(Some(Flag::Yes)), Look::Waiting),
        (runs, LastTask::None(None), Look::Failed),
    ] {
        let mut waiting = waiting(&parameters("AND", &[(2, 22, "today")]));
        assert_eq!(
            verdict(&mut waiting, run(state), Some(last), true),
            expected,
            "{state} {last:?}"
        );
    }
}

#[test]
fn the_last_row_is_the_one_that_has_not_ended_else_the_latest_end() {
    let at = |id, end: Option<i64>, state| TaskRow {
        id,
        end_time: end.map(Millis),
        ..row(state)
    };
    let rows = [
        at(1, Some(10), TaskState::Failure),
        at(2, Some(30), TaskState::Success),
        at(3, Some(20), TaskState::Failure),
        at(4, Some(99), TaskState::NeedFaultTolerance),
    ];
    assert_eq!(last_of(rows).unwrap().id, 2);
    let with_open = rows.into_iter().chain([at(5, None, TaskState::RunningExecution)]);
    assert_eq!(last_of(with_open).unwrap().id, 5);
    assert_eq!(last_of([at(4, None, TaskState::NeedFaultTolerance)]), None);
}

#[test]
fn all_tasks_need_a_run_that_succeeded() {
    for (state, all, expected) in [
        (WorkflowState::Success, true, Look::Succeeded),
        (WorkflowState::Success, false, Look::Failed),
        (WorkflowState::Failure, true, Look::Failed),
        (WorkflowState::RunningExecution, true, Look::Waiting),
    ] {
        let mut waiting = waiting(&parameters("AND", &[(2, -1, "today")]));
        assert_eq!(
            verdict(&mut waiting, run(state), None, all),
            expected,
            "{state} {all}"
        );
    }
}

#[test]
fn a_dependency_on_itself_is_met_at_the_first_run_only() {
    for (task, first, expected) in [
        (-1, OWN.workflow_instance_id, Look::Succeeded),
        (OWN.task_code, OWN.workflow_instance_id, Look::Succeeded),
        (OWN.task_code, 1, Look::Waiting),
    ] {
        let mut waiting = waiting(&parameters("AND", &[(OWN.definition_code, task, "last1Days")]));
        let mut answers = Answers::default();
        answers.firsts.insert(OWN.definition_code, Some(first));
        for question in questions_of(&mut waiting, &answers) {
            answers.candidates.insert(question, Candidates::default());
        }
        assert_eq!(waiting.look(&answers, Millis(0)), expected, "{task} {first}");
    }
    let mut whole = waiting(&parameters("AND", &[(OWN.definition_code, 0, "today")]));
    assert!(
        matches!(whole.look(&Answers::default(), Millis(0)), Look::Ask(asks) if asks.iter().all(|ask| matches!(ask, Question::Candidate(_))))
    );
}

fn questions_of(waiting: &mut Waiting, answers: &Answers) -> Vec<CandidateQuestion> {
    match waiting.look(answers, Millis(0)) {
        Look::Ask(asks) => asks
            .into_iter()
            .filter_map(|ask| match ask {
                Question::Candidate(question) => Some(question),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

#[test]
fn a_failure_may_have_to_wait_and_a_settled_item_stays() {
    let text = r#"{"dependence":{"relation":"AND","failurePolicy":"DEPENDENT_FAILURE_WAITING","failureWaitingTime":10,"dependTaskList":
        [{"relation":"AND","dependItemList":[{"projectCode":1,"definitionCode":2,"depTaskCode":0,"cycle":"day","dateValue":"today"}]}]}}"#;
    let parameters = DependentParameters::parse(Some(text)).unwrap();
    let mut waiting = waiting(&parameters);
    let date = at("2026-03-11 10:20:30", zone());
    let mut answers = Answers::default();
    for question in questions_of(&mut waiting, &answers) {
        answers.candidates.insert(question, run(WorkflowState::Failure));
    }
    assert_eq!(waiting.look(&answers, date.plus_minutes(10)), Look::Waiting);
    assert_eq!(
        waiting.look(&Answers::default(), date.plus_minutes(10)),
        Look::Waiting,
        "nothing is asked again"
    );
    assert_eq!(
        waiting.look(&Answers::default(), date.plus_minutes(10).plus(1)),
        Look::Failed
    );
    assert_eq!(waiting.settled(), 1);
    assert_eq!(waiting.watched().count(), 0);
    assert_eq!(
        waiting.context_text().unwrap(),
        r#"[{"contextType":"DEPENDENT_RESULT_CONTEXT","projectCode":1,"workflowDefinitionCode":2,"taskDefinitionCode":0,"dateCycle":"today","dependentResult":"FAILED"}]"#
    );
}

#[test]
fn every_group_has_to_be_settled_even_for_or() {
    let text = r#"{"dependence":{"relation":"OR","dependTaskList":[
        {"relation":"AND","dependItemList":[{"projectCode":1,"definitionCode":2,"depTaskCode":0,"dateValue":"today"}]},
        {"relation":"AND","dependItemList":[{"projectCode":1,"definitionCode":3,"depTaskCode":0,"dateValue":"today"}]}]}}"#;
    let mut waiting = waiting(&DependentParameters::parse(Some(text)).unwrap());
    let asked = questions_of(&mut waiting, &Answers::default());
    let mut answers = Answers::default();
    answers.candidates.insert(asked[0], run(WorkflowState::Success));
    answers.candidates.insert(asked[1], Candidates::default());
    assert_eq!(waiting.look(&answers, Millis(0)), Look::Waiting);
    answers.candidates.insert(asked[1], run(WorkflowState::Failure));
    assert_eq!(waiting.look(&answers, Millis(0)), Look::Succeeded);
}

#[test]
fn equal_questions_are_one() {
    let parameters = parameters(
        "AND",
        &[(2, 0, "today"), (2, -1, "today"), (2, 0, "thisMonthBegin")],
    );
    let mut waiting = waiting(&parameters);
    assert_eq!(questions_of(&mut waiting, &Answers::default()).len(), 2);
}

/// As in the reference, whatever it says.
#[test]
fn the_check_interval_is_not_read() {
    let item = r#"{"definitionCode":2,"depTaskCode":0,"cycle":"day","dateValue":"today"}"#;
    for interval in ["", r#""checkInterval":1,"#, r#""checkInterval":"soon","#] {
        let text = format!(
            r#"{{"dependence":{{"relation":"AND",{interval}"dependTaskList":[{{"relation":"AND","dependItemList":[{item}]}}]}}}}"#
        );
        let parameters = DependentParameters::parse(Some(&text)).unwrap();
        assert_eq!(
            questions_of(&mut waiting(&parameters), &Answers::default()).len(),
            1
        );
    }
}

#[test]
fn bad_parameters_say_what_is_bad() {
    for (text, expected) in [
        (
            "",
            "the task parameters are not JSON: EOF while parsing a value at line 1 column 0",
        ),
        ("{}", "the task parameters have no member dependence"),
        (
            r#"{"dependence":{"relation":"AND"}}"#,
            "the task parameters have no member dependTaskList",
        ),
        (
            r#"{"dependence":{"relation":"XOR","dependTaskList":[]}}"#,
            "the task parameters have a bad member relation: \"XOR\"",
        ),
        (
            r#"{"dependence":{"relation":"OR","dependTaskList":[{"relation":"OR","dependItemList":[{"depTaskCode":"x","dateValue":"today"}]}]}}"#,
            "the task parameters have a bad member depTaskCode: \"x\"",
        ),
        (
            r#"{"dependence":{"relation":"OR","dependTaskList":[{"relation":"OR","dependItemList":[{"depTaskCode":1}]}]}}"#,
            "the task parameters have no member dateValue",
        ),
    ] {
        assert_eq!(
            DependentParameters::parse(Some(text)).unwrap_err().to_string(),
            expected
        );
    }
}

fn result() -> impl Strategy<Value = (WorkflowState, Look)> {
    prop_oneof![
        Just((WorkflowState::Success, Look::Succeeded)),
        Just((WorkflowState::Failure, Look::Failed)),
        Just((WorkflowState::RunningExecution, Look::Waiting)),
    ]
}

proptest! {
    #[test]
    fn a_group_is_the_combination_of_its_items(items in proptest::collection::vec(result(), 1..6), is_and: bool) {
        let listed: Vec<(i64, i64, &str)> = (0..items.len()).map(|n| (100 + i64::try_from(n).unwrap(), 0, "today")).collect();
        let mut waiting = waiting(&parameters(if is_and { "AND" } else { "OR" }, &listed));
        let mut answers = Answers::default();
        for question in questions_of(&mut waiting, &answers) {
            let place = usize::try_from(question.definition_code - 100).unwrap();
            answers.candidates.insert(question, run(items[place].0));
        }
        let has = |look: &Look| items.iter().any(|(_, one)| one == look);
        let order = if is_and {
            [Look::Failed, Look::Waiting, Look::Succeeded]
        } else {
            [Look::Succeeded, Look::Waiting, Look::Failed]
        };
        let expected = order.into_iter().find(has).unwrap();
        prop_assert_eq!(waiting.look(&answers, Millis(0)), expected);
    }

    #[test]
    fn intervals_lie_in_order_and_never_panic(millis in any::<i64>(), which in 0usize..24) {
        const VALUES: &[&str] = &["currentHour", "last1Hour", "last2Hours", "last3Hours", "last24Hours", "today", "last1Days", "last2Days",
            "last3Days", "last7Days", "thisWeek", "lastWeek", "lastMonday", "lastTuesday", "lastWednesday", "lastThursday", "lastFriday",
            "lastSaturday", "lastSunday", "thisMonth", "thisMonthBegin", "thisMonthEnd", "lastMonth", "lastMonthBegin"];
        let all = intervals(Millis(millis), VALUES[which], zone());
        prop_assert!(all.len() <= 31);
        prop_assert!(all.iter().all(|one| one.start < one.end));
        let starts: BTreeSet<Millis> = all.iter().map(|one| one.start).collect();
        prop_assert_eq!(starts.len(), all.len());
    }
}
