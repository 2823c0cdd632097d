//! The HTTP server on `server.port`: health and metrics for probes and Prometheus.
//!
//! Guarantees: it runs on a thread of its own, so nothing in the master holds it up and nobody who calls it holds up the master; calls, their size, their time
//! and their number are bounded. It only reads.

mod health;
mod pages;
#[cfg(test)]
mod tests;

pub(crate) use health::DatabaseCheck;
pub(crate) use pages::Pages;

use crate::exit::Failure;
use crate::limits::{
    HTTP_CONNECTION_TIME_MAX, HTTP_CONNECTIONS_MAX, HTTP_HEAD_BYTES_MAX, HTTP_HEAD_TIME_MAX,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// Pause after an accept that failed, which is usually for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A running server; it ends when this is dropped.
pub(crate) struct HttpServer {
    address: SocketAddr,
    _stop: oneshot::Sender<()>,
}

impl HttpServer {
    /// Takes the port and answers from now on.
    pub(crate) fn start(listen: SocketAddr, pages: Pages) -> Result<Self, Failure> {
        let taken = |error: std::io::Error| {
            Failure::failed(format!(
                "server.port: cannot listen on {listen}: {error}; is another server running there? Choose another port with SERVER_PORT"
            ))
        };
        let listener = TcpListener::bind(listen).map_err(taken)?;
        listener.set_nonblocking(true).map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        let failed =
            |error: std::io::Error| Failure::failed(format!("the HTTP server cannot start: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(2)
            .build()
            .map_err(failed)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let serve = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(listener, Arc::new(pages)) => {}
                    // A sender that is dropped says it as well.
                    _ = stopped => {}
                }
            });
            // A check that hangs on a dead database must not keep the thread.
            runtime.shutdown_background();
        };
        std::thread::Builder::new()
            .name("orca-http".to_owned())
            .spawn(serve)
            .map_err(failed)?;
        Ok(Self { address, _stop: stop })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn accept(listener: TcpListener, pages: Arc<Pages>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return log::error!("HTTP: the port cannot be served: {error}"),
    };
    let places = Arc::new(Semaphore::new(HTTP_CONNECTIONS_MAX));
    loop {
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                log::warn!("HTTP: a connection could not be taken: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        // Whoever is too many is hung up on: a probe tries again, and a queue of them would only grow.
        let Ok(place) = places.clone().try_acquire_owned() else {
            log::debug!("HTTP: more than {HTTP_CONNECTIONS_MAX} connections; one is closed");
            continue;
        };
        let pages = pages.clone();
        tokio::spawn(async move {
            serve(socket, &pages).await;
            drop(place);
        });
    }
}

async fn serve(socket: tokio::net::TcpStream, pages: &Pages) {
    let service =
        service_fn(|request| async move { Ok::<_, std::convert::Infallible>(pages.answer(&request).await) });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HTTP_HEAD_TIME_MAX)
        .max_buf_size(HTTP_HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(socket), service);
    match tokio::time::timeout(HTTP_CONNECTION_TIME_MAX, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => log::debug!("HTTP: {error}"),
        Err(_) => log::debug!("HTTP: a connection was open for too long"),
    }
}
