//! Figures on a real ZooKeeper and a real MariaDB: `bench` for the loads of one master, `failover` for the death of one of two, `slow-worker` for one slow
//! worker of two.
//! `cases` runs conformance cases against real masters, `chaos` a whole cluster under faults.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program reports to a terminal"
)]

mod bench;
mod chaos;
mod failover_bench;
mod slow_worker_bench;
mod stage;

use orca_integration::{cases, harness};
use std::process::ExitCode;

const USAGE: &str = "usage: orca-integration bench [--only NAME]...\n    \
    names: workflows, chain, fan, latency, start, waiting, engine, graph, idle, schedules\n       \
    orca-integration failover\n       \
    orca-integration slow-worker\n       \
    orca-integration chaos MINUTES [--seed N] [--cycle N] [--keep]\n       \
    orca-integration chaos --clean";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some((command, rest)) = arguments.split_first()
        && command == "cases"
    {
        return run_cases(rest);
    }
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.split_first() {
        Some((&"bench", rest)) => only(rest).map(|only| bench::run(&only).map(|()| true)),
        Some((&"failover", [])) => Some(failover_bench::run().map(|()| true)),
        Some((&"slow-worker", [])) => Some(slow_worker_bench::run().map(|()| true)),
        Some((&"chaos", ["--clean"])) => Some(chaos::clean().map(|()| true)),
        Some((&"chaos", rest)) => chaos_options(rest).map(|options| chaos::run(&options)),
        _ => None,
    };
    match result {
        Some(Ok(true)) => ExitCode::SUCCESS,
        Some(Ok(false)) => ExitCode::FAILURE,
        Some(Err(error)) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
        None => {
            eprintln!("{USAGE}\n{}", cases::USAGE);
            ExitCode::from(2)
        }
    }
}

fn run_cases(arguments: &[String]) -> ExitCode {
    let options = match cases::Options::parse(arguments) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("error: {why}\n{}", cases::USAGE);
            return ExitCode::from(2);
        }
    };
    let run = harness::build_orca_binary().and_then(|()| cases::run(&options));
    match run {
        Ok(summary) if summary.failed() == 0 => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn only(arguments: &[&str]) -> Option<Vec<String>> {
    let pairs = arguments.chunks(2).map(|pair| match pair {
        ["--only", name] => Some((*name).to_owned()),
        _ => None,
    });
    pairs.collect()
}

/// Without a seed every run has another plan.
fn chaos_options(arguments: &[&str]) -> Option<chaos::Options> {
    let (minutes, mut rest) = arguments.split_first()?;
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let mut options = chaos::Options {
        minutes: minutes.parse().ok()?,
        seed: since.map_or(1, |since| since.as_secs()),
        only_cycle: None,
        keep: false,
    };
    while let Some((option, others)) = rest.split_first() {
        rest = others;
        if *option == "--keep" {
            options.keep = true;
            continue;
        }
        let (value, others) = rest.split_first()?;
        rest = others;
        match *option {
            "--seed" => options.seed = value.parse().ok()?,
            "--cycle" => options.only_cycle = Some(value.parse().ok()?),
            _ => return None,
        }
    }
    Some(options)
}
