//! When the process is asked to end: SIGTERM, SIGINT.
//!
//! Guarantees: the first signal is passed on; a second one, or an end that takes longer than allowed, ends the process at once. Works on a thread of
//! its own, so that nothing in the server can hold it up.

use crate::exit::{Exit, Failure};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Starts listening. The receiver turns true when the process is to end; from then on it has `limit` to do so.
pub(crate) fn listen(limit: Duration) -> Result<watch::Receiver<bool>, Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("signals cannot be received: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let (terminate, interrupt) = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::terminate()).map_err(failed)?,
            signal(SignalKind::interrupt()).map_err(failed)?,
        )
    };
    let (sender, receiver) = watch::channel(false);
    let body = move || runtime.block_on(pass_on(terminate, interrupt, sender, limit));
    std::thread::Builder::new()
        .name("orca-signals".to_owned())
        .spawn(body)
        .map_err(failed)?;
    Ok(receiver)
}

async fn pass_on(mut terminate: Signal, mut interrupt: Signal, sender: watch::Sender<bool>, limit: Duration) {
    let name = next(&mut terminate, &mut interrupt).await;
    log::info!("{name}: stopping");
    // Nobody listens when the server has ended by itself; then the process is about to end as well.
    let _ = sender.send(true);
    tokio::select! {
        name = next(&mut terminate, &mut interrupt) => log::warn!("{name} again: ending at once"),
        () = tokio::time::sleep(limit) => log::error!("not stopped after {} s: ending at once", limit.as_secs_f32()),
    }
    std::process::exit(Exit::Failed.code().into());
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
