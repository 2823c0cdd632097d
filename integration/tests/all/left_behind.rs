//! Servers do not outlive the program that started them, however it ends.

use orca_integration::harness::{Deadline, Folder, Process, Signal, until};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

const ROLE: &str = "ORCA_TEST_STARTS_A_SERVER";

/// The role of the program that is killed: says what it started, and waits.
#[test]
fn program_with_a_server() {
    if std::env::var_os(ROLE).is_none() {
        return;
    }
    let folder = Folder::new().unwrap();
    let mut command = Command::new("sleep");
    command.arg("3600");
    let server = Process::start("server", command, &folder.path().join("log")).unwrap();
    println!("\nstarted {} {}", server.pid(), folder.path().display());
    loop {
        std::thread::park();
    }
}

/// One that has ended may wait for whoever inherited it to take note.
fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit_once(") ")
        .map(|(_, rest)| rest.starts_with(['Z', 'X']));
    state == Some(false)
}

fn ends_with(signal: Signal) {
    let folder = Folder::new().unwrap();
    let mut program = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "left_behind::program_with_a_server", "--nocapture"])
        .env(ROLE, "yes")
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
    let line = lines.find_map(|line| line.unwrap().strip_prefix("started ").map(str::to_owned));
    let line = line.unwrap();
    let (server, place) = line.split_once(' ').unwrap();
    let place = PathBuf::from(place);
    assert!(is_alive(server) && place.exists(), "{line}");
    rustix::process::kill_process(rustix::process::Pid::from_child(&program), signal).unwrap();
    program.wait().unwrap();
    until(
        "the end of the server and its folder",
        Deadline::after_seconds(60),
        || (!is_alive(server) && !place.exists()).then_some(()),
    )
    .unwrap();
}

#[test]
fn a_server_ends_with_a_program_that_is_terminated() {
    ends_with(Signal::TERM);
}

#[test]
fn a_server_ends_with_a_program_that_is_killed() {
    ends_with(Signal::KILL);
}
