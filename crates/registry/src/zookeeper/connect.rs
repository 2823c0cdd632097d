//! Opens the session and makes the nodes every DolphinScheduler process expects.

use super::ZookeeperRegistry;
use super::endpoints;
use super::session::{Session, is_transient, translate};
use crate::error::Error;
use crate::settings::ZookeeperSettings;
use crate::{limits, paths};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use zookeeper_client as zk;

const CONNECT_STRING: &str = "registry.zookeeper.connect-string";

pub(crate) async fn connect(settings: &ZookeeperSettings) -> Result<ZookeeperRegistry, Error> {
    let client = open_session(settings).await?;
    let acls = if settings.digest.is_some() {
        zk::Acls::creator_all()
    } else {
        zk::Acls::anyone_all()
    };
    let root = client.path().trim_end_matches('/').to_owned();
    let namespaced = format!("{root}/{}", settings.namespace);
    let top = client.clone();
    let Ok(client) = client.chroot(namespaced.clone()) else {
        return Err(Error::Settings {
            key: "registry.zookeeper.namespace",
            problem: format!("{namespaced} is not a ZooKeeper path"),
        });
    };
    let session = Session::new(client, acls, settings.retry_policy);
    let made = make_roots(&session, &top, &format!("/{}", settings.namespace), settings).await;
    drop(top);
    if let Err(error) = made {
        session.close().await;
        return Err(error);
    }
    log::info!(
        "ZooKeeper session {} at {} with time-out {} ms, namespace {namespaced}",
        session.id,
        settings.connect_string,
        session.timeout.as_millis()
    );
    Ok(ZookeeperRegistry { session })
}

async fn open_session(settings: &ZookeeperSettings) -> Result<zk::Client, Error> {
    let silence_max = (settings.session_timeout / limits::CONNECTION_SILENCE_PER_SESSION)
        .max(limits::CONNECTION_SILENCE_MIN);
    let connection_timeout = settings.connection_timeout.min(silence_max);
    let deadline = Instant::now() + settings.block_until_connected;
    let mut reason = "no server answered".to_owned();
    let servers = endpoints::for_client(&settings.connect_string);
    while Instant::now() < deadline {
        let mut connector = zk::Client::connector()
            .with_session_timeout(settings.session_timeout)
            .with_connection_timeout(connection_timeout);
        if let Some(digest) = &settings.digest {
            connector = connector.with_auth("digest", digest.reveal().as_bytes());
        }
        match tokio::time::timeout_at(deadline, connector.connect(&servers)).await {
            Ok(Ok(client)) => return Ok(client),
            Ok(Err(zk::Error::BadArguments(problem))) => {
                return Err(Error::Settings {
                    key: CONNECT_STRING,
                    problem: (*problem).to_owned(),
                });
            }
            Ok(Err(error)) if is_transient(&error) || error == zk::Error::NoHosts => {
                reason = error.to_string();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Ok(Err(error)) => return Err(not_connected(settings, error.to_string())),
            Err(_elapsed) => break,
        }
    }
    Err(not_connected(settings, reason))
}

fn not_connected(settings: &ZookeeperSettings, reason: String) -> Error {
    Error::NotConnected {
        target: settings.connect_string.clone(),
        key: CONNECT_STRING,
        waited_ms: u64::try_from(settings.block_until_connected.as_millis()).unwrap_or(u64::MAX),
        reason,
    }
}

/// The namespace as Curator makes it (a container), and the four directories.
async fn make_roots(
    session: &Arc<Session>,
    top: &zk::Client,
    namespace: &str,
    settings: &ZookeeperSettings,
) -> Result<(), Error> {
    let container = zk::CreateMode::Container.with_acls(session.acls);
    let made = session
        .call(|_| {
            let container = container.clone();
            async move { top.mkdir(namespace, &container).await }
        })
        .await;
    match made {
        Ok(()) => {}
        Err(zk::Error::NoNode) => {
            return Err(Error::Settings {
                key: CONNECT_STRING,
                problem: format!(
                    "the chroot of {} does not exist; create it, or leave it out",
                    settings.connect_string
                ),
            });
        }
        Err(error) => return Err(translate("create", namespace, &error)),
    }
    for path in paths::ROOTS {
        session.make_dir(path).await?;
    }
    Ok(())
}
