//! The port of a worker: listening, and which call goes where.

use crate::error::Error;
use crate::operator;
use crate::reporter::tick;
use crate::service::Core;
use orca_rpc::dto::TaskExecutorDispatchRequest;
use orca_rpc::methods::QueryTaskInstances;
use orca_rpc::methods::worker::{
    AckLifecycleEvent, DispatchTask, KillTask, PauseTask, ReassignWorkflowInstanceHost,
};
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
    orca_task_log::routes(operator_routes(Router::new(), core), core.logs())
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
