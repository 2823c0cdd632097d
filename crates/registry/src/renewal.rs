//! Keeps a lease alive by writing to the own node, for every registry alike.

use crate::error::{Error, ErrorClass};
use crate::lease::LeaseKeeper;
use crate::limits::{LEASE_RENEWALS_PER_SESSION, LEASE_SHARE_OF_SESSION};
use crate::node::EphemeralNode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Renews once. The lease counts from before the write was sent.
async fn renew_once(
    node: &EphemeralNode,
    keeper: &LeaseKeeper,
    session_timeout: Duration,
) -> Result<(), Error> {
    let sent_at = keeper.now();
    node.renew().await?;
    if keeper.renew(sent_at, session_timeout / LEASE_SHARE_OF_SESSION) {
        return Ok(());
    }
    Err(Error::NotOwner {
        path: node.path().to_owned(),
        reason: "the lease ran out before its renewal was acknowledged",
    })
}

/// The first renewal, which starts the lease. Only one may be started in a session.
pub(crate) async fn start(
    node: &EphemeralNode,
    keeper: &LeaseKeeper,
    started: &AtomicBool,
    session_timeout: Duration,
) -> Result<(), Error> {
    if started.swap(true, Ordering::AcqRel) {
        return Err(Error::Refused {
            operation: "start lease",
            path: node.path().to_owned(),
            reason: "this session has a lease already".to_owned(),
        });
    }
    let renewed = renew_once(node, keeper, session_timeout).await;
    if renewed.is_err() {
        started.store(false, Ordering::Release);
    }
    renewed
}

/// Renews until the lease is over. Only an answer that says "not yours" or "session over" ends it at once; silence lets it run out.
pub(crate) async fn keep(node: EphemeralNode, keeper: Arc<LeaseKeeper>, session_timeout: Duration) {
    let mut ticks = tokio::time::interval(session_timeout / LEASE_RENEWALS_PER_SESSION);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks.tick().await;
    let patience = session_timeout / LEASE_SHARE_OF_SESSION;
    while !keeper.is_over() {
        ticks.tick().await;
        match tokio::time::timeout(patience, renew_once(&node, &keeper, session_timeout)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) if error.class() == ErrorClass::Retry => {
                log::warn!("lease not renewed: {error}");
            }
            Ok(Err(error)) => {
                log::warn!("lease lost: {error}");
                keeper.revoke();
            }
            Err(_elapsed) => log::warn!("lease not renewed: no answer within {} ms", patience.as_millis()),
        }
    }
}
