//! The search for what nobody saw go wrong: owners that rows name and the registry does not, and instances that nobody would ever run.
//!
//! Guarantees: an instance that was found is acted on one sweep later at the earliest, and only if it is then still as it was found, which is looked up under the
//! lock of its row. So masters may search at the same time, and what is on its way between two owners is left alone.

use crate::limits::{ASIDE_LEN_MAX, FAILOVER_PAGE_LEN};
use crate::term::Term;
use crate::workflow::Verify;
use orca_engine::orphan::{Fate, Search, Suspect, SuspectKind};
use orca_registry::paths;
use std::collections::BTreeSet;
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

/// Instances that were set aside here: a defect stopped them, so nobody but an operator, or the next life of this master, takes them up again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aside(BTreeSet<i32>);

impl Aside {
    pub(crate) fn put(&mut self, id: i32) {
        self.0.insert(id);
        if self.0.len() > ASIDE_LEN_MAX {
            self.0.pop_first();
        }
    }

    pub(crate) fn remove(&mut self, id: i32) {
        self.0.remove(&id);
    }
}

/// One look for orphans: what was read, for the next one, and what is due now.
pub(crate) async fn look(
    term: Arc<Term>,
    mut search: Search,
    aside: Aside,
) -> Result<(Search, BTreeSet<Suspect>), String> {
    let (own, asked) = (term.incarnation.address.clone(), search.clone());
    let (ranges, found) = term
        .pool
        .run(move |store| {
            let ranges = asked.ranges(store.newest_instance()?);
            let mut found = Vec::new();
            for range in &ranges {
                found.extend(store.suspects(*range, &own)?);
            }
            Ok((ranges, found))
        })
        .await
        .map_err(|error| error.to_string())?;
    let due = search.look(
        &ranges,
        found.into_iter().filter(|one| is_suspect(&term, one, &aside)),
    );
    Ok((search, due))
}

/// Asked after the rows were read, so an instance that was claimed here meanwhile is seen.
fn is_suspect(term: &Term, suspect: &Suspect, aside: &Aside) -> bool {
    let id = suspect.workflow_instance_id;
    match suspect.kind {
        SuspectKind::Unrun => true,
        SuspectKind::Unheld => term.directory.actor(id).is_none() && !aside.0.contains(&id),
    }
}

/// Recovers what can be and ends what cannot.
pub(crate) async fn recover(term: Arc<Term>, due: BTreeSet<Suspect>, aside: Aside) {
    let due = due.into_iter().filter(|one| is_suspect(&term, one, &aside));
    let (unrun, unheld): (Vec<Suspect>, Vec<Suspect>) = due.partition(|one| one.kind == SuspectKind::Unrun);
    for suspect in unrun {
        recover_one(&term, suspect).await;
    }
    for page in unheld.chunks(FAILOVER_PAGE_LEN) {
        retake(&term, page.to_vec()).await;
    }
}

/// Tells the workflows whose rows name another owner to look for themselves: one that has nothing to write would never learn of it.
pub(crate) async fn verify_owned(term: Arc<Term>) {
    let (ids, own) = (term.directory.ids(), term.incarnation.address.clone());
    match term.pool.run(move |store| store.taken_among(&ids, &own)).await {
        Ok(taken) => {
            for workflow in taken.iter().filter_map(|id| term.directory.actor(*id)) {
                workflow.do_send(Verify);
            }
        }
        Err(error) => log::warn!("the owners of running instances cannot be read: {error}"),
    }
}

async fn recover_one(term: &Term, suspect: Suspect) {
    let id = suspect.workflow_instance_id;
    let (master, lease) = (term.incarnation.clone(), term.lease.clone());
    let recovered = term
        .pool
        .run(move |store| store.recover_orphan(&master, suspect, &|| lease.holds()))
        .await;
    match recovered {
        Ok(None) => {}
        Ok(Some(Fate::TakeUp(state))) => {
            term.metrics.orphans_recovered.add(1);
            log::warn!(workflow_instance_id = id; "nobody would have run it: it goes on in {state}");
        }
        Ok(Some(Fate::GiveUp(reason))) => {
            term.metrics.orphans_recovered.add(1);
            log::error!(workflow_instance_id = id; "nobody can run it, it ends in FAILURE: {reason}");
        }
        Err(error) => log::warn!(workflow_instance_id = id; "it is not recovered yet: {error}"),
    }
}

async fn retake(term: &Term, page: Vec<Suspect>) {
    let (master, lease) = (term.incarnation.clone(), term.lease.clone());
    let moved = term
        .pool
        .run(move |store| store.retake_unheld(&master, &page, &|| lease.holds()))
        .await;
    match moved {
        Ok(moved) => {
            term.metrics.orphans_recovered.add(moved.len() as u64);
            for one in moved {
                log::warn!(workflow_instance_id = one.workflow_instance_id;
                    "it is this master's by its row and did not run here: it is taken up again");
            }
        }
        Err(error) => log::warn!("instances that do not run here are not taken up yet: {error}"),
    }
}
