//! How to reach the database. Secrets print as stars.

use std::fmt;
use std::time::Duration;

/// A text that must not be shown: `Debug` and `Display` print stars.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Everything the store needs to open its pool.
#[derive(Clone)]
pub struct DatabaseSettings {
    /// `jdbc:mysql://...`, `jdbc:sqlite:...`, or the same without `jdbc:`.
    pub url: String,
    /// Wins over a `user` in the URL.
    pub username: Option<String>,
    pub password: Option<Secret>,
    /// Connections; at least one more than the commits in flight.
    pub pool_size: u32,
    /// The zone whose wall clock the `datetime` columns show: that of the Java peers.
    pub zone: chrono_tz::Tz,
    /// For one address of the URL. A `connectTimeout` in the URL wins.
    pub connect_timeout: Duration,
    /// MariaDB ends a transaction that is idle for so long, so that a frozen master keeps no row locks. Well below the
    /// registry's session time-out. `None` leaves the server's default.
    pub idle_transaction_timeout: Option<Duration>,
}

impl DatabaseSettings {
    /// Settings with the defaults of the reference for everything but the URL.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            username: None,
            password: None,
            pool_size: 10,
            zone: chrono_tz::UTC,
            connect_timeout: Duration::from_secs(5),
            idle_transaction_timeout: Some(Duration::from_secs(5)),
        }
    }
}

/// The URL is shown without its query, where a password may hide.
impl fmt::Debug for DatabaseSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseSettings")
            .field("url", &crate::url::without_secrets(&self.url))
            .field("username", &self.username)
            .field("password", &self.password)
            .field("pool_size", &self.pool_size)
            .field("zone", &self.zone)
            .field("connect_timeout", &self.connect_timeout)
            .field("idle_transaction_timeout", &self.idle_transaction_timeout)
            .finish()
    }
}
