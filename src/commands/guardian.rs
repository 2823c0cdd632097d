//! `orca guardian`: waits for the end of the master that started it, then removes that master's registry nodes, each only while it still belongs to the
//! master's session. Nothing else is in its power.

use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::guardian::{RELEASE, SEPARATOR, WATCH};
use crate::limits::GUARDIAN_RETRY_PAUSE;
use crate::servers::registry_settings;
use clap::Args;
use orca_registry::{Registry, RegistrySettings, SessionId, SessionState};
use std::io::BufRead;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug, Args)]
pub(crate) struct Arguments {}

/// What goes when the master goes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Charge {
    session: SessionId,
    paths: Vec<String>,
}

pub(crate) fn run(_: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let settings = context.server_settings()?;
    let registry = registry_settings(&settings);
    // After that time the session has ended by itself.
    let patience = settings.zookeeper.session_timeout;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format!("the event loop cannot be started: {error}")))?;
    // A connection that is there already saves the moment that counts.
    let open: Arc<Mutex<Option<Arc<dyn Registry>>>> = Arc::default();
    let (opened, settings) = (open.clone(), registry.clone());
    runtime.spawn(async move {
        if let Ok(session) = orca_registry::connect(&settings).await {
            *opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
        }
    });
    let charge = await_end(std::io::stdin().lock());
    let session = open.lock().unwrap_or_else(PoisonError::into_inner).take();
    let result = match charge {
        Some(charge) => runtime.block_on(Box::pin(remove(&charge, session, &registry, patience))),
        None => {
            runtime.block_on(async {
                if let Some(session) = session {
                    session.close().await;
                }
            });
            Ok(Exit::Ok)
        }
    };
    runtime.shutdown_background();
    result
}

/// Reads until the master is gone; what it has left to be removed.
fn await_end(lines: impl BufRead) -> Option<Charge> {
    let mut charge = None;
    for line in lines.lines().map_while(Result::ok) {
        match charge_of(&line) {
            Some(new) => charge = Some(new),
            None if line == RELEASE => charge = None,
            None => log::warn!("the guardian does not understand {line:?}"),
        }
    }
    charge
}

fn charge_of(line: &str) -> Option<Charge> {
    let mut words = line.split(SEPARATOR);
    if words.next() != Some(WATCH) {
        return None;
    }
    let session = words.next()?.parse().ok()?;
    Some(Charge {
        session,
        paths: words.map(str::to_owned).collect(),
    })
}

async fn remove(
    charge: &Charge,
    mut open: Option<Arc<dyn Registry>>,
    settings: &RegistrySettings,
    patience: Duration,
) -> Result<Exit, Failure> {
    let start = Instant::now();
    loop {
        match remove_once(charge, open.take(), settings).await {
            Ok(removed) => {
                log::warn!("the master is gone; its nodes are removed: {removed:?}");
                return Ok(Exit::Ok);
            }
            Err(error) if start.elapsed() > patience => {
                return Err(Failure::failed(format!(
                    "the nodes of the master that is gone stay until its session ends: {error}"
                )));
            }
            Err(_) => tokio::time::sleep(GUARDIAN_RETRY_PAUSE).await,
        }
    }
}

async fn remove_once(
    charge: &Charge,
    open: Option<Arc<dyn Registry>>,
    settings: &RegistrySettings,
) -> Result<Vec<String>, orca_registry::Error> {
    let registry = match open.filter(|session| *session.session().borrow() == SessionState::Connected) {
        Some(session) => session,
        None => orca_registry::connect(settings).await?,
    };
    let removed = registry.delete_owned(charge.session, &charge.paths).await?;
    registry.close().await;
    Ok(removed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts() {
        let watch = "watch\t0x1000\t/nodes/master/a:1\t/orca/masters/m-1\n";
        let charge = await_end(watch.as_bytes()).unwrap();
        assert_eq!(charge.session, SessionId(0x1000));
        assert_eq!(charge.paths, ["/nodes/master/a:1", "/orca/masters/m-1"]);
        assert_eq!(await_end(format!("{watch}release\n").as_bytes()), None);
        assert_eq!(
            await_end(format!("{watch}release\n{watch}").as_bytes()).unwrap(),
            charge
        );
        assert_eq!(await_end("nonsense\nwatch\tno-number\t/x\n".as_bytes()), None);
    }
}
