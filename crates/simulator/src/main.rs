//! `orca-simulator run --seeds A..B` and `replay SEED`.

use clap::{Parser, Subcommand};
use orca_simulator::tally::Tally;
use orca_simulator::{Outcome, run};
use std::io::Write;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Instant;

/// How many violations are shown one by one.
const SHOWN_MAX: usize = 20;
/// Seeds between two lines of progress.
const PROGRESS_SEEDS: u64 = 500;

#[derive(Parser)]
#[command(about = "Runs Orca's masters and workers on virtual time, with faults by seed")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Runs a range of seeds; ends with 1 when a promise was broken.
    Run {
        /// For example 0..10000; the end is not included.
        #[arg(long, value_parser = seeds)]
        seeds: Range<u64>,
        /// Threads; all processors by default.
        #[arg(long)]
        threads: Option<usize>,
        /// Stop at the first violation.
        #[arg(long)]
        first: bool,
        /// One line per seed.
        #[arg(long)]
        verbose: bool,
    },
    /// Runs one seed and prints what happened.
    Replay { seed: u64 },
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let wrong = || format!("{text:?} is no range of seeds; write for example 0..1000");
    let (from, to) = text.split_once("..").ok_or_else(wrong)?;
    let (from, to) = (
        from.parse::<u64>().map_err(|_| wrong())?,
        to.parse::<u64>().map_err(|_| wrong())?,
    );
    if from < to { Ok(from..to) } else { Err(wrong()) }
}

fn main() -> ExitCode {
    let broken = match Arguments::parse().command {
        Task::Run {
            seeds,
            threads,
            first,
            verbose,
        } => run_many(seeds, threads, first, verbose),
        Task::Replay { seed } => replay(seed),
    };
    match broken {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) | Err(_) => ExitCode::FAILURE,
    }
}

fn replay(seed: u64) -> std::io::Result<usize> {
    let mut out = std::io::stdout().lock();
    let outcome = run(seed, true);
    for line in &outcome.trace {
        writeln!(out, "{line}")?;
    }
    show(&mut out, seed, &outcome)?;
    Ok(outcome.violations.len())
}

fn show(out: &mut impl Write, seed: u64, outcome: &Outcome) -> std::io::Result<()> {
    for violation in &outcome.violations {
        writeln!(
            out,
            "seed {seed}: violation {} at {} ms: {}",
            violation.promise.name(),
            violation.at_ms,
            violation.text
        )?;
    }
    Ok(())
}

fn run_many(seeds: Range<u64>, threads: Option<usize>, first: bool, verbose: bool) -> std::io::Result<usize> {
    let mut out = std::io::stdout().lock();
    let started = Instant::now();
    let threads = threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let next = AtomicU64::new(seeds.start);
    let (sender, outcomes) = mpsc::sync_channel::<(u64, Outcome)>(threads * 4);
    let mut tally = Tally::default();
    let mut broken = 0;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (sender, next, end) = (sender.clone(), &next, seeds.end);
            scope.spawn(move || {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end || sender.send((seed, run(seed, false))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (seed, outcome) in outcomes {
            tally.seeds += 1;
            tally.add(&outcome.tally);
            if !outcome.violations.is_empty() {
                broken += 1;
                if broken <= SHOWN_MAX {
                    show(&mut out, seed, &outcome)?;
                }
            }
            if verbose {
                writeln!(out, "seed {seed}: {} happenings", outcome.tally.happenings)?;
            }
            if tally.seeds.is_multiple_of(PROGRESS_SEEDS) {
                writeln!(out, "{} seeds, {broken} broken", tally.seeds)?;
            }
            if first && broken > 0 {
                next.store(seeds.end, Ordering::Relaxed);
                writeln!(out, "stopped after {} seeds", tally.seeds)?;
                break;
            }
        }
        summary(&mut out, &tally, broken, started.elapsed().as_secs_f64())
    })?;
    Ok(broken)
}

fn summary(out: &mut impl Write, tally: &Tally, broken: usize, seconds: f64) -> std::io::Result<()> {
    let hours = tally.virtual_ms / 3_600_000;
    writeln!(
        out,
        "{} seeds, {hours} virtual hours, {} happenings in {seconds:.0} s",
        tally.seeds, tally.happenings
    )?;
    writeln!(
        out,
        "{} attempts, {} instances moved, {} take-over calls, {} restarted beside a worker without registration, {} windows of Java workers",
        tally.attempts, tally.moved, tally.taken_over, tally.restarted, tally.windows
    )?;
    for (kind, count) in &tally.faults {
        writeln!(out, "  {count:>8} {kind}")?;
    }
    writeln!(out, "{broken} seeds with violations")
}
