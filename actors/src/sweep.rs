//! Owners that rows name and the registry does not.

use crate::term::Term;
use orca_registry::paths;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Addresses other than ours that have running instances and no node. The registry is read after the rows, so a master that registers and
/// claims meanwhile is seen.
pub(crate) async fn orphaned_owners(term: Arc<Term>) -> Result<BTreeSet<String>, String> {
    let hosts = term
        .pool
        .run(orca_schema::Store::hosts_with_instances)
        .await
        .map_err(|error| error.to_string())?;
    let registered = term
        .registry
        .children(paths::MASTERS)
        .await
        .map_err(|error| error.to_string())?;
    let orphaned = |host: &String| *host != *term.incarnation.address && !registered.contains(host);
    Ok(hosts.into_iter().filter(orphaned).collect())
}
