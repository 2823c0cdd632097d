//! Definition versions, read once. A version never changes, so the cache is keyed by `(code, version)` and never stale.

use crate::limits::DEFINITIONS_CACHED_MAX;
use crate::store::StorePool;
use orca_engine::model::DefinitionSnapshot;
use orca_schema::Error;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

type Key = (i64, i32);

#[derive(Default)]
struct Cache {
    entries: HashMap<Key, (u64, Arc<DefinitionSnapshot>)>,
    clock: u64,
}

impl Cache {
    fn get(&mut self, key: Key) -> Option<Arc<DefinitionSnapshot>> {
        self.clock += 1;
        let clock = self.clock;
        self.entries.get_mut(&key).map(|(used, definition)| {
            *used = clock;
            definition.clone()
        })
    }

    fn put(&mut self, key: Key, definition: Arc<DefinitionSnapshot>) {
        if self.entries.len() >= DEFINITIONS_CACHED_MAX
            && let Some(oldest) = self
                .entries
                .iter()
                .min_by_key(|(_, (used, _))| *used)
                .map(|(key, _)| *key)
        {
            self.entries.remove(&oldest);
        }
        self.clock += 1;
        self.entries.insert(key, (self.clock, definition));
    }
}

/// Cheap to clone; one cache.
#[derive(Clone)]
pub(crate) struct Definitions {
    pool: StorePool,
    cache: Arc<Mutex<Cache>>,
}

impl Definitions {
    pub(crate) fn new(pool: StorePool) -> Self {
        Self {
            pool,
            cache: Arc::default(),
        }
    }

    /// The definition at that version, or `None` when there is no such row.
    pub(crate) async fn get(
        &self,
        code: i64,
        version: i32,
    ) -> Result<Option<Arc<DefinitionSnapshot>>, Error> {
        if let Some(known) = self.lock().get((code, version)) {
            return Ok(Some(known));
        }
        let read = self
            .pool
            .run(move |store| store.load_definition(code, version))
            .await?;
        Ok(read.map(|definition| {
            let definition = Arc::new(definition);
            self.lock().put((code, version), definition.clone());
            definition
        }))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
