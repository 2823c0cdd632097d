//! Where the shared database is.

use crate::config::section::{Checks, section};
use crate::config::value::{DatabaseUrl, Secret};

section! {
    /// The database that masters and API servers share.
    pub(crate) struct Datasource {
        /// Address of the database: `jdbc:mysql://host[:3306][,host2...]/name[?parameters]` for MySQL and MariaDB, `jdbc:sqlite:path` for one
        /// machine. `orca standalone` uses `jdbc:sqlite:${orca.data-directory}/orca.db` when nothing is set.
        "url" => url: DatabaseUrl = DatabaseUrl::new("jdbc:mysql://127.0.0.1:3306/dolphinscheduler");
        /// User of the database. Wins over a `user` in the address.
        "username" => username: String = "root".to_owned();
        /// Password of that user. Wins over a `password` in the address.
        "password" => password: Secret = Secret::new("root");
    }
}

impl Datasource {
    pub(crate) fn check(&self, checks: &mut Checks<'_>) {
        let url = self.url.reveal();
        let key = "spring.datasource.url";
        let scheme = url
            .strip_prefix("jdbc:")
            .unwrap_or(url)
            .split(':')
            .next()
            .unwrap_or_default();
        match scheme {
            "mysql" | "mariadb" | "sqlite" => {}
            "postgresql" => checks.that(
                false,
                key,
                "PostgreSQL is not supported yet: use MySQL or MariaDB (activate the profile with SPRING_PROFILES_ACTIVE=mysql and set SPRING_DATASOURCE_URL)",
            ),
            _ => checks.that(false, key, "must be an address like jdbc:mysql://host:3306/dolphinscheduler or jdbc:sqlite:file"),
        }
    }

    /// Whether the database is a file of this machine.
    pub(crate) fn is_sqlite(&self) -> bool {
        let url = self.url.reveal();
        url.strip_prefix("jdbc:").unwrap_or(url).starts_with("sqlite:")
    }
}
