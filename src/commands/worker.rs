//! `orca worker`: a worker server that runs SHELL and PYTHON tasks.

use crate::config::Settings;
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::limits::WORKER_STOP_MARGIN;
use crate::servers::worker_settings;
use crate::startup::{Patience, patiently};
use crate::stop;
use clap::Args;
use orca_worker::Error;
use tokio::sync::watch;

#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let settings = context.server_settings()?;
    let own = &settings.orca_worker;
    let stop = stop::listen(own.stop_wait + own.leave_wait + WORKER_STOP_MARGIN)?;
    let failed = |error| Failure::failed(format!("the event loop cannot be started: {error}"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(failed)?;
    let result = runtime.block_on(Box::pin(serve(settings, stop)));
    // A task's log that cannot be written must not keep the process.
    runtime.shutdown_background();
    result?;
    log::info!("stopped");
    Ok(Exit::Ok)
}

async fn serve(settings: Settings, mut stop: watch::Receiver<bool>) -> Result<(), Failure> {
    let worker = worker_settings(&settings)?;
    log::info!(
        "worker {}: starting on port {}",
        worker.advertised_host,
        worker.listen_port
    );
    let told = stop.clone();
    let attempt = async || {
        let mut told = told.clone();
        let shutdown = async move {
            // A sender that is gone means that nobody will ever ask.
            if told.wait_for(|stop| *stop).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        Box::pin(orca_worker::run(worker.clone(), shutdown)).await
    };
    let patience = Patience::of(settings.orca_registry.startup_timeout);
    patiently(
        "registry",
        patience,
        &mut stop,
        |error| matches!(error, Error::Registry(_)),
        attempt,
    )
    .await
    .map(|_| ())
}
