//! What the search for orphaned instances reads.

use crate::term::Term;
use orca_registry::paths;
use std::sync::Arc;

/// The owners that running instances name, and then the registered masters: in this order, so that a master that registers and claims meanwhile is seen.
pub(crate) async fn owners_and_masters(term: Arc<Term>) -> Result<(Vec<String>, Vec<String>), String> {
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
    Ok((hosts, registered))
}
