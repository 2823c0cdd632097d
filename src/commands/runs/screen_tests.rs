use super::*;

fn task(name: &str, state: &'static str) -> TaskView {
    let has_row = state != "WAITING";
    TaskView {
        name: name.to_owned(),
        task_type: "SHELL".to_owned(),
        state,
        task_instance_id: has_row.then_some(1),
        attempts: usize::from(has_row),
        attempts_max: 1,
        host: has_row.then(|| "h:1".to_owned()),
        start_time: None,
        end_time: None,
        duration_millis: has_row.then_some(1_500),
        log_path: None,
        reason: None,
        log_lines: Vec::new(),
    }
}

fn run(state: &'static str, tasks: Vec<TaskView>) -> RunView {
    let finished = state == "SUCCESS" || state == "FAILURE";
    RunView {
        workflow_instance_id: 3,
        name: "etl".to_owned(),
        state,
        finished,
        succeeded: state == "SUCCESS",
        host: Some("m:1".to_owned()),
        start_time: None,
        end_time: None,
        duration_millis: Some(2_000),
        tasks,
    }
}

fn text(output: &[u8]) -> String {
    String::from_utf8(output.to_vec()).unwrap()
}

#[test]
fn lines_tell_each_change_once() {
    let mut output = Vec::new();
    let mut screen = Screen::lines(&mut output);
    let running = run(
        "RUNNING_EXECUTION",
        vec![task("a", "RUNNING_EXECUTION"), task("b", "WAITING")],
    );
    screen.show(std::slice::from_ref(&running)).unwrap();
    screen.show(&[running]).unwrap();
    screen.say("a word").unwrap();
    let mut retried = task("b", "FAILURE");
    (retried.attempts, retried.attempts_max) = (2, 2);
    screen
        .show(&[run("FAILURE", vec![task("a", "SUCCESS"), retried])])
        .unwrap();
    let expected = "etl: RUNNING_EXECUTION on m:1\netl: a: RUNNING_EXECUTION on h:1\na word\n\
                    etl: a: SUCCESS on h:1\netl: b: FAILURE on h:1, attempt 2/2\netl: FAILURE after 2 s\n";
    assert_eq!(text(&output), expected);
}

#[test]
fn the_table_is_drawn_over_the_last_one() {
    let mut output = Vec::new();
    let mut screen = Screen::live(&mut output, false, || Some((80, 24)));
    screen
        .show(&[run("RUNNING_EXECUTION", vec![task("a", "DISPATCH")])])
        .unwrap();
    screen.say("a word").unwrap();
    screen
        .show(&[run("SUCCESS", vec![task("a", "SUCCESS")])])
        .unwrap();
    let first = "etl  RUNNING_EXECUTION  2 s on m:1\n  TASK  STATE     ATTEMPT  TIME  HOST\n  a     DISPATCH  1/1      1 s   h:1\n";
    let second = "etl  SUCCESS  2 s on m:1\n  TASK  STATE    ATTEMPT  TIME  HOST\n  a     SUCCESS  1/1      1 s   h:1\n";
    assert_eq!(
        text(&output),
        format!("{first}\u{1b}[3A\r\u{1b}[Ja word\n{first}\u{1b}[3A\r\u{1b}[J{second}")
    );
}

#[test]
fn an_unchanged_table_is_left_alone() {
    let mut output = Vec::new();
    let mut screen = Screen::live(&mut output, true, || None);
    let failed = run("FAILURE", vec![task("a", "FAILURE")]);
    screen.show(std::slice::from_ref(&failed)).unwrap();
    screen.show(&[failed]).unwrap();
    assert_eq!(text(&output).matches("TASK").count(), 1);
    assert!(
        text(&output).contains("\u{1b}[31m  a     FAILURE"),
        "{}",
        text(&output)
    );
}

#[test]
fn a_small_terminal_keeps_what_is_going_on() {
    let mut tasks: Vec<_> = (0..30)
        .map(|index| task(&format!("t{index}"), "SUCCESS"))
        .collect();
    tasks[20] = task("bad", "FAILURE");
    tasks[25] = task("busy", "RUNNING_EXECUTION");
    let frame = frame(&[run("RUNNING_EXECUTION", tasks)], 30, 8, false);
    assert!(frame.len() < 8, "{frame:#?}");
    assert!(
        frame.iter().all(|line| crate::commands::table::width(line) <= 30),
        "{frame:#?}"
    );
    let all = frame.join("\n");
    assert!(
        all.contains("bad") && all.contains("busy") && all.contains("and 26 more tasks"),
        "{all}"
    );
}

#[test]
fn nothing_is_said_in_silence() {
    let mut output = Vec::new();
    let mut screen = Screen::silent(&mut output);
    screen.say("a word").unwrap();
    screen.show(&[run("SUCCESS", vec![])]).unwrap();
    assert!(output.is_empty());
}
