//! What a server waits for before it can begin: the database, then the registry.
//!
//! Guarantees: a server that cannot reach one of them says so once per attempt and ends with a clear message after a bounded time; a signal ends the
//! waiting at once.

use crate::config::Settings;
use crate::exit::Failure;
use crate::limits::CONNECT_PAUSE;
use crate::servers::database_settings;
use orca_schema::{ErrorClass, Store};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// How long to try, and how often.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    limit: Duration,
    pause: Duration,
}

impl Patience {
    pub(crate) fn of(limit: Duration) -> Self {
        Self {
            limit,
            pause: CONNECT_PAUSE,
        }
    }
}

/// Tries until it works, until there is no point in trying, until the patience is over, or until `stop`, which is `Ok(None)`.
pub(crate) async fn patiently<T, E: std::error::Error>(
    what: &'static str,
    patience: Patience,
    stop: &mut watch::Receiver<bool>,
    may_pass: impl Fn(&E) -> bool,
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> Result<Option<T>, Failure> {
    let deadline = Instant::now() + patience.limit;
    loop {
        let error = match attempt().await {
            Ok(value) => return Ok(Some(value)),
            Err(error) => error,
        };
        let text = chain(&error);
        if !may_pass(&error) {
            return Err(Failure::failed(text));
        }
        if Instant::now() + patience.pause >= deadline {
            let seconds = patience.limit.as_secs();
            return Err(Failure::failed(format!(
                "{what}: gave up after {seconds} s: {text}"
            )));
        }
        log::warn!("{what}: {text}; trying again");
        tokio::select! {
            () = tokio::time::sleep(patience.pause) => {}
            _ = stop.wait_for(|stop| *stop) => return Ok(None),
        }
    }
}

/// The database, reached and with all its tables.
pub(crate) async fn open_store(
    settings: &Settings,
    stop: &mut watch::Receiver<bool>,
) -> Result<Option<Store>, Failure> {
    let database = database_settings(settings);
    let migrate = settings.database.migrate_at_start;
    let attempt = async || {
        let database = database.clone();
        on_a_thread(move || prepared(Store::open(&database)?, migrate)).await
    };
    let passes = |error: &orca_schema::Error| error.class() == ErrorClass::Retry;
    patiently(
        "database",
        Patience::of(settings.database.startup_timeout),
        stop,
        passes,
        attempt,
    )
    .await
}

fn prepared(store: Store, migrate: bool) -> Result<Store, orca_schema::Error> {
    store.ping()?;
    if !migrate {
        store.check_schema()?;
        return Ok(store);
    }
    let report = store.migrate()?;
    if report.created_shared_tables {
        log::info!(
            "database: it was empty; the tables of DolphinScheduler {} are made",
            report.version
        );
    }
    if !report.applied.is_empty() {
        log::info!(
            "database: Orca's own tables are made: {}",
            report.applied.join(", ")
        );
    }
    Ok(store)
}

/// Blocking work, without holding the event loop.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, orca_schema::Error> + Send + 'static,
) -> Result<T, orca_schema::Error> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(orca_schema::Error::JobLost))
}

/// An error with its causes, each once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let reason = next.to_string();
        if !text.contains(&reason) {
            text = format!("{text}: {reason}");
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[derive(Debug, thiserror::Error)]
    #[error("it is {0}")]
    struct Broken(&'static str);

    async fn tried(
        times_bad: u32,
        passes: bool,
        limit: Duration,
        stopped: bool,
    ) -> (Result<Option<u32>, Failure>, u32) {
        let count = Cell::new(0);
        let (sender, mut stop) = watch::channel(stopped);
        let attempt = async || {
            count.set(count.get() + 1);
            if count.get() > times_bad {
                Ok(count.get())
            } else {
                Err(Broken("away"))
            }
        };
        let result = patiently(
            "thing",
            Patience {
                limit,
                pause: Duration::from_millis(1),
            },
            &mut stop,
            |_| passes,
            attempt,
        )
        .await;
        drop(sender);
        (result, count.get())
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_again_for_a_bounded_time() {
        let minute = Duration::from_secs(60);
        assert_eq!(tried(3, true, minute, false).await.0.unwrap(), Some(4));
        let (result, count) = tried(u32::MAX, false, minute, false).await;
        assert_eq!((result.unwrap_err().message.as_str(), count), ("it is away", 1));
        let (result, count) = tried(u32::MAX, true, Duration::ZERO, false).await;
        assert_eq!(
            (result.unwrap_err().message.as_str(), count),
            ("thing: gave up after 0 s: it is away", 1)
        );
        let (result, count) = tried(u32::MAX, true, minute, true).await;
        assert_eq!((result.unwrap(), count), (None, 1));
    }

    #[test]
    fn causes_are_told_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot start")]
        struct Outer(#[source] Broken);
        #[derive(Debug, thiserror::Error)]
        #[error("cannot start: {0}")]
        struct Telling(#[source] Broken);
        assert_eq!(chain(&Outer(Broken("away"))), "cannot start: it is away");
        assert_eq!(chain(&Telling(Broken("away"))), "cannot start: it is away");
    }
}
