//! `orca master`: boot and shutdown order. Database, then registry and RPC port, then work; the other way round at the end.

use crate::config::{RegistryType, Settings};
use crate::context::Context;
use crate::exit::{Exit, Failure};
use crate::guardian::Pipe;
use crate::http::{DatabaseCheck, HttpServer, Pages};
use crate::limits::STOP_MARGIN;
use crate::servers::{master_settings, registry_settings};
use crate::startup::{Patience, open_store, patiently};
use crate::stop;
use clap::Args;
use orca_actors::{BootError, Guardian, Observatory};
use orca_registry::ErrorClass;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::watch;

#[derive(Debug, Args)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let settings = context.server_settings()?;
    if settings.orca.fake_task_enabled {
        log::warn!(
            "orca.fake-task.enabled is on: whoever may write a workflow runs shell scripts as the user of this master"
        );
    }
    let stop = stop::listen(settings.orca.stop_timeout + STOP_MARGIN)?;
    let guardian = wants_guardian(&settings).then(|| Pipe::start(context)).flatten();
    let guardian = guardian.map(|pipe| Arc::new(pipe) as Arc<dyn Guardian>);
    let exit = actix::System::new().block_on(Box::pin(serve(settings, guardian, stop)))?;
    log::info!("stopped");
    Ok(exit)
}

/// The embedded registry notices the end of a process by itself.
fn wants_guardian(settings: &Settings) -> bool {
    settings.orca.guardian_enabled && settings.registry.kind == RegistryType::Zookeeper
}

async fn serve(
    settings: Settings,
    guardian: Option<Arc<dyn Guardian>>,
    mut stop: watch::Receiver<bool>,
) -> Result<Exit, Failure> {
    let (master, registry) = (master_settings(&settings)?, registry_settings(&settings));
    log::info!(
        "master {}: starting on port {}",
        master.address,
        master.listen.port()
    );
    let (observatory, database) = (Observatory::default(), DatabaseCheck::default());
    count_panics(&observatory);
    let listen = SocketAddr::from((master.listen.ip(), settings.server.port.0));
    let http = HttpServer::start(listen, Pages::new(observatory.clone(), database.clone()))?;
    log::info!("HTTP: health and metrics at http://{}/actuator", http.address());
    let Some(store) = open_store(&settings, &mut stop).await? else {
        return Ok(Exit::Ok);
    };
    database.use_store(&store);
    let told = stop.clone();
    let attempt = async || {
        Box::pin(orca_actors::run_master(
            master.clone(),
            store.clone(),
            registry.clone(),
            guardian.clone(),
            observatory.clone(),
            told.clone(),
        ))
        .await
    };
    let patience = Patience::of(settings.orca_registry.startup_timeout);
    let ended = patiently("registry", patience, &mut stop, registry_may_come_back, attempt).await?;
    Ok(match ended {
        Some(orca_actors::Exit::Stopped) | None => Exit::Ok,
        Some(orca_actors::Exit::LeaseLost) => {
            log::error!("the lease is lost and orca.lease.rejoin is off: ending");
            Exit::Failed
        }
    })
}

/// What is caught further down is still a defect that an operator should see.
fn count_panics(observatory: &Observatory) {
    let (observatory, before) = (observatory.clone(), std::panic::take_hook());
    std::panic::set_hook(Box::new(move |panic| {
        observatory.count_panic();
        before(panic);
    }));
}

/// Nothing else that keeps a master from starting gets better by waiting.
fn registry_may_come_back(error: &BootError) -> bool {
    match error {
        BootError::Registry(error) => matches!(error.class(), ErrorClass::Retry | ErrorClass::SessionLost),
        _ => false,
    }
}
