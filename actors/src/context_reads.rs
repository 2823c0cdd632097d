//! Rows that an execution context is made from: project parameters, environments, data sources, clusters.
//!
//! The reference reads them at each dispatch. Here each is reused for a second, so a burst of dispatches reads it once and an edit is seen by the
//! next burst. A failed read is an answer too: the attempt that needs the row waits and asks again.

use crate::limits::{CONTEXT_READ_TTL, CONTEXT_READS_CACHED_MAX};
use crate::store::StorePool;
use orca_engine::context::{ContextInputs, ContextNeeds};
use orca_schema::{Error, Store};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

type Cache = HashMap<ContextNeeds, (Instant, Arc<ContextInputs>)>;

/// Cheap to clone; one cache.
#[derive(Clone)]
pub(crate) struct ContextReads {
    pool: StorePool,
    cache: Arc<Mutex<Cache>>,
}

impl ContextReads {
    pub(crate) fn new(pool: StorePool) -> Self {
        Self {
            pool,
            cache: Arc::default(),
        }
    }

    /// What was read within the last second.
    pub(crate) fn cached(&self, needs: &ContextNeeds) -> Option<Arc<ContextInputs>> {
        let cache = self.cache.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        cache
            .get(needs)
            .filter(|(read, _)| read.elapsed() < CONTEXT_READ_TTL)
            .map(|(_, inputs)| inputs.clone())
    }

    pub(crate) async fn read(&self, needs: &ContextNeeds) -> Result<Arc<ContextInputs>, Error> {
        let wanted = needs.clone();
        let inputs = Arc::new(self.pool.run(move |store| read(store, &wanted)).await?);
        let mut cache = self.cache.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if cache.len() >= CONTEXT_READS_CACHED_MAX {
            cache.retain(|_, (read, _)| read.elapsed() < CONTEXT_READ_TTL);
        }
        cache.insert(needs.clone(), (Instant::now(), inputs.clone()));
        Ok(inputs)
    }
}

fn read(store: &Store, needs: &ContextNeeds) -> Result<ContextInputs, Error> {
    Ok(ContextInputs {
        project_params: store.project_parameters(needs.project_code)?,
        environment: match needs.environment_code {
            Some(code) => Some(store.environment_config(code)?),
            None => None,
        },
        data_sources: match needs.data_source_ids.as_slice() {
            [] => Vec::new(),
            ids => store.data_sources(ids)?,
        },
        cluster_config: match &needs.cluster {
            Some(name) => store.cluster_config(name)?,
            None => None,
        },
    })
}
