//! Who is alive, who may act, and who holds which lock.
//!
//! [`Registry`] is one session with a registry: ZooKeeper in production, tables in SQLite or MySQL for an embedded cluster.
//! [`connect`] opens a session; when it has ended nothing brings it back, and a new start in life is a new [`connect`].
//!
//! What this crate guarantees: an ephemeral node is written only by the session that owns it; a watch shows every member that
//! stays and every incarnation that was seen; past its [`Lease`] a session never again claims to hold it. What it refuses to know: workflows,
//! tasks, and the main schema.
#![cfg_attr(test, allow(clippy::unwrap_used))]

mod clock;
mod embedded;
mod error;
pub mod heartbeat;
mod lease;
pub mod limits;
mod lock;
mod member;
mod node;
pub mod paths;
mod registry;
mod renewal;
mod settings;
mod zookeeper;

pub use clock::{Clock, SystemClock};
pub use error::{Error, ErrorClass};
pub use lease::{Lease, LeaseKeeper};
pub use lock::LockGuard;
pub use member::{MemberEvent, MemberWatch};
pub use node::EphemeralNode;
pub use registry::{Registry, SessionId, SessionState};
pub use settings::{MysqlSettings, RegistrySettings, RetryPolicy, Secret, SqliteSettings, ZookeeperSettings};

use std::sync::Arc;

/// Opens a session. Must be awaited on a tokio runtime, on which the session then lives.
pub async fn connect(settings: &RegistrySettings) -> Result<Arc<dyn Registry>, Error> {
    settings.validate()?;
    match settings {
        RegistrySettings::Zookeeper(settings) => Ok(Arc::new(zookeeper::connect(settings).await?)),
        RegistrySettings::EmbeddedSqlite(settings) => Ok(Arc::new(embedded::connect_sqlite(settings).await?)),
        RegistrySettings::EmbeddedMysql(settings) => Ok(Arc::new(embedded::connect_mysql(settings).await?)),
    }
}
