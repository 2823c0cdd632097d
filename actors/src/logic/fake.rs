//! `LogicFakeTask`: a shell script inside the master, for conformance tests; off unless `orca.fake-task.enabled` says otherwise.
//!
//! It is what the reference's test plug-in is, down to its limits: it cannot be paused, and a kill ends the shell and not its children.

use super::{Asked, Desk, Ending};
use crate::limits::LOGIC_SCRIPT_DRAIN;
use orca_engine::logic::fake::FakeTask;
use orca_engine::params::output::OutputParser;
use orca_engine::zone::Zone;
use orca_task_log::record_output;
use std::io;
use std::process::Stdio;
use tokio::net::unix::pipe;
use tokio::process::{Child, Command};

pub(crate) struct Fake;

impl Fake {
    pub(super) async fn run(self, desk: &mut Desk) -> Ending {
        let context = &desk.context;
        let task = match FakeTask::parse(context.task_params.as_deref()) {
            Ok(task) => task,
            Err(error) => return Ending::Failed(error.to_string()),
        };
        let script = task.script(
            context.environment_config.as_deref(),
            &context.prepare_params,
            desk.term.now(),
            &Zone::Region(desk.term.settings.zone),
        );
        let script = match script {
            Ok(script) => script,
            Err(error) => return Ending::Failed(error.to_string()),
        };
        let (mut child, output) = match start(&script) {
            Ok(started) => started,
            Err(error) => return Ending::Failed(format!("the shell cannot be started: {error}")),
        };
        let mut values = OutputParser::default();
        match supervise(desk, &mut child, output, &mut values).await {
            Ok(Some(0)) => Ending::Succeeded(task.put_out(&values.into_values())),
            Ok(Some(code)) => Ending::Failed(format!("the script ended with exit code {code}")),
            Ok(None) => Ending::Killed,
            Err(error) => Ending::Failed(format!("the shell cannot be waited for: {error}")),
        }
    }
}

fn start(script: &str) -> io::Result<(Child, pipe::Receiver)> {
    let (output, standard_output) = io::pipe()?;
    let standard_error = standard_output.try_clone()?;
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", script])
        .stdin(Stdio::null())
        .stdout(standard_output)
        .stderr(standard_error)
        .kill_on_drop(true);
    let child = command.spawn()?;
    // The command still holds the writing ends; the output would never end.
    drop(command);
    Ok((child, pipe::Receiver::from_owned_fd(output.into())?))
}

/// The exit code, or nothing when it was killed. 128 and the signal, where somebody else's signal ended it.
async fn supervise(
    desk: &mut Desk,
    child: &mut Child,
    output: pipe::Receiver,
    values: &mut OutputParser,
) -> io::Result<Option<i32>> {
    let log = desk.log.clone();
    let mut pump = Box::pin(record_output(output, &log, values));
    tokio::select! {
        biased;
        (status, ()) = async { tokio::join!(child.wait(), &mut pump) } => return Ok(Some(exit_code(status?))),
        _ = desk.asked_to(Asked::Kill) => {}
    }
    child.start_kill()?;
    // A child of the shell may hold the output open for as long as it likes.
    let _ = tokio::time::timeout(LOGIC_SCRIPT_DRAIN, async {
        tokio::join!(child.wait(), &mut pump)
    })
    .await;
    Ok(None)
}

fn exit_code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    let by_signal = || status.signal().map(|signal| 128 + signal);
    status.code().or_else(by_signal).unwrap_or(-1)
}
