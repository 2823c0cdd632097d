//! The port of a worker: listening, and which call goes where.

use crate::error::Error;
use crate::operator;
use crate::reporter::tick;
use crate::service::Core;
use orca_rpc::dto::TaskExecutorDispatchRequest;
use orca_rpc::methods::worker::{
    AckLifecycleEvent, DispatchTask, KillTask, PauseTask, ReassignWorkflowInstanceHost,
};
use orca_rpc::methods::{
    GetTaskInstanceWholeLogFileBytes, PageQueryTaskInstanceLog, QueryTaskInstances, RemoveTaskInstanceLog,
};
use orca_rpc::server::Declined;
use orca_rpc::{Router, Server, ServerSettings};
use std::future::ready;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

/// Listens on the first address the host has.
pub(crate) async fn bind(host: &str, port: u16, router: Router) -> Result<Server, Error> {
    let failed = |source| Error::ListenHost {
        host: host.to_owned(),
        source,
    };
    let address: SocketAddr = tokio::net::lookup_host((host, port))
        .await
        .map_err(failed)?
        .next()
        .ok_or_else(|| failed(io::Error::other("it has no address")))?;
    Ok(Server::bind(
        address,
        Arc::new(router),
        ServerSettings::default(),
    )?)
}

/// Everything a worker serves.
pub(crate) fn router(core: &Arc<Core>) -> Router {
    log_routers(operator_routes(Router::new(), core), core)
}

fn operator_routes(router: Router, core: &Arc<Core>) -> Router {
    let with = || Arc::clone(core);
    let (dispatch, kill, pause, reassign, ack, query) = (with(), with(), with(), with(), with(), with());
    router
        .on::<DispatchTask, _>(move |request: TaskExecutorDispatchRequest| {
            let refusal = dispatch.dispatch(request.task_execution_context).err();
            ready(Ok(operator::dispatch_response(refusal)))
        })
        .on::<KillTask, _>(move |request| ready(Ok(operator::kill(kill.executors(), &request, tick()))))
        .on::<PauseTask, _>(move |request| ready(Ok(operator::pause(pause.executors(), &request))))
        .on::<ReassignWorkflowInstanceHost, _>(move |request| {
            ready(Ok(operator::reassign(reassign.executors(), request, tick())))
        })
        .on::<AckLifecycleEvent, _>(move |request| {
            operator::acknowledge(ack.executors(), &request, tick());
            ready(Ok(()))
        })
        .on::<QueryTaskInstances, _>(move |_| ready(Ok(operator::query(query.executors(), query.zone()))))
}

/// Files are read on the blocking pool.
fn log_routers(router: Router, core: &Arc<Core>) -> Router {
    let (page, file, remove) = (core.logs().clone(), core.logs().clone(), core.logs().clone());
    router
        .on::<PageQueryTaskInstanceLog, _>(move |request| {
            let logs = page.clone();
            blocking(move || operator::log_page(&logs, &request))
        })
        .on::<GetTaskInstanceWholeLogFileBytes, _>(move |request| {
            let logs = file.clone();
            blocking(move || operator::log_file(&logs, &request))
        })
        .on::<RemoveTaskInstanceLog, _>(move |path: String| {
            let logs = remove.clone();
            blocking(move || logs.remove(Some(&path)))
        })
}

async fn blocking<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> Result<T, Declined> {
    let read = tokio::task::spawn_blocking(read).await;
    read.map_err(|error| Declined::failed(format!("the log service has failed: {error}")))
}
