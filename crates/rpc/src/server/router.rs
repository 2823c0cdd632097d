//! A handler made of one function per method.

use super::{Declined, Handler, IncomingCall, Reply};
use crate::methods::Method;
use futures::future::BoxFuture;
use std::collections::HashMap;
use std::sync::Arc;

type Route = Arc<dyn Fn(IncomingCall) -> BoxFuture<'static, Reply> + Send + Sync>;

/// Decodes the argument, calls the function for the method, encodes its result.
///
/// ```
/// use orca_rpc::{Router, methods::RefreshWorkerGroup};
/// let router = Router::new().on::<RefreshWorkerGroup, _>(|()| async { Ok(()) });
/// assert!(router.serves::<RefreshWorkerGroup>());
/// ```
#[derive(Clone, Default)]
pub struct Router {
    routes: HashMap<&'static str, Route>,
}

impl Router {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Serves one more method. A second function for the same method replaces the first.
    #[must_use]
    pub fn on<M: Method, F>(mut self, function: impl Fn(M::Request) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<M::Response, Declined>> + Send + 'static,
    {
        let route = move |call: IncomingCall| -> BoxFuture<'static, Reply> {
            let running = match call.argument::<M>() {
                Ok(argument) => function(argument),
                Err(reply) => return Box::pin(std::future::ready(reply)),
            };
            Box::pin(async move {
                match running.await {
                    Ok(result) => Reply::of::<M>(&result),
                    Err(declined) => declined.into(),
                }
            })
        };
        self.routes.insert(M::IDENTIFIER, Arc::new(route));
        self
    }

    #[must_use]
    pub fn serves<M: Method>(&self) -> bool {
        self.serves_identifier(M::IDENTIFIER)
    }

    #[must_use]
    pub fn serves_identifier(&self, identifier: &str) -> bool {
        self.routes.contains_key(identifier)
    }
}

#[async_trait::async_trait]
impl Handler for Router {
    async fn handle(&self, call: IncomingCall) -> Reply {
        match self.routes.get(call.identifier()) {
            Some(route) => route(call).await,
            None => {
                log::warn!("{call:?} is not served here");
                Reply::unknown_method(call.identifier())
            }
        }
    }
}
