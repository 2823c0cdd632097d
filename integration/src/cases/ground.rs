//! What all cases of a run stand on: one database server and one registry, in which each case has a place of its own.

use super::database::Database;
use crate::harness::{Error, Folder, MariaDb, Stack, ZooKeeper};
use orca_registry::{RegistrySettings, SqliteSettings, ZookeeperSettings};
use orca_schema::{DatabaseSettings, Secret, Store};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The session time-out of masters and runner.
const SESSION_TIMEOUT: Duration = Duration::from_secs(10);
/// The runner's own session stands for masters that do not exist and must outlive a busy machine.
const OWN_SESSION_TIMEOUT: Duration = Duration::from_secs(30);

/// Servers of the run. Fields are dropped in this order.
pub(super) struct Ground {
    zookeeper: Option<ZooKeeper>,
    mariadb: Option<MariaDb>,
    template: Option<PathBuf>,
    folder: Folder,
}

/// One case's database, registry namespace and folder.
pub(super) struct Place {
    pub(super) folder: PathBuf,
    /// Environment of its masters and workers.
    pub(super) variables: Vec<(String, String)>,
    pub(super) registry: RegistrySettings,
    database: DatabaseOf,
}

enum DatabaseOf {
    MariaDb { url: String },
    Sqlite { path: String },
}

impl Ground {
    /// # Errors
    /// When a server does not start.
    pub(super) fn start(stack: Stack) -> Result<Self, Error> {
        let folder = Folder::new()?;
        let mut ground = Self {
            zookeeper: None,
            mariadb: None,
            template: None,
            folder,
        };
        match stack {
            Stack::Real => {
                ground.zookeeper = Some(ZooKeeper::start(ground.folder.path())?);
                ground.mariadb = Some(MariaDb::start(ground.folder.path())?);
            }
            Stack::Embedded => {
                let path = ground.folder.path().join("template.db");
                migrate(DatabaseSettings::new(format!("jdbc:sqlite:{}", path.display())))?;
                ground.template = Some(path);
            }
        }
        Ok(ground)
    }

    /// A new database with nothing but the seed rows, an empty registry namespace and a folder.
    ///
    /// # Errors
    /// What the servers say against it.
    pub(super) fn place(&self, name: &str) -> Result<Place, Error> {
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).map_err(|source| Error::Start {
            what: folder.display().to_string(),
            source,
        })?;
        let mut variables = vec![
            ("SPRING_JACKSON_TIME_ZONE".to_owned(), "UTC".to_owned()),
            ("TZ".to_owned(), "UTC".to_owned()),
        ];
        let database = self.database(name, &folder, &mut variables)?;
        let registry = self.registry(name, &folder, &mut variables);
        Ok(Place {
            folder,
            variables,
            registry,
            database,
        })
    }

    /// Removes a place that is no longer needed; the servers would keep hundreds of databases otherwise.
    pub(super) fn clear(&self, name: &str, place: &Place) {
        if let Some(server) = &self.mariadb
            && let Ok(mut database) = Database::mariadb(&server.diesel_url())
        {
            // What is left goes with the server.
            let _ = database.execute(&format!("DROP DATABASE IF EXISTS {name}"));
        }
        let _ = std::fs::remove_dir_all(&place.folder);
    }

    fn database(
        &self,
        name: &str,
        folder: &Path,
        variables: &mut Vec<(String, String)>,
    ) -> Result<DatabaseOf, Error> {
        match (&self.mariadb, &self.template) {
            (Some(server), _) => {
                let (user, password) = server.login();
                server.create_database(name)?;
                let mut settings = DatabaseSettings::new(server.jdbc_url_of(name));
                settings.username = Some(user.to_owned());
                settings.password = Some(Secret::new(password));
                migrate(settings)?;
                variables.extend([
                    ("SPRING_PROFILES_ACTIVE".to_owned(), "mysql".to_owned()),
                    ("SPRING_DATASOURCE_URL".to_owned(), server.jdbc_url_of(name)),
                    ("SPRING_DATASOURCE_USERNAME".to_owned(), user.to_owned()),
                    ("SPRING_DATASOURCE_PASSWORD".to_owned(), password.to_owned()),
                ]);
                let url = server.diesel_url_of(name);
                Ok(DatabaseOf::MariaDb { url })
            }
            (None, Some(template)) => {
                let path = folder.join("orca.db");
                std::fs::copy(template, &path).map_err(|source| Error::Start {
                    what: path.display().to_string(),
                    source,
                })?;
                let path = path.display().to_string();
                variables.push(("SPRING_DATASOURCE_URL".to_owned(), format!("jdbc:sqlite:{path}")));
                Ok(DatabaseOf::Sqlite { path })
            }
            (None, None) => Err(Error::Failed {
                what: "a database".to_owned(),
                reason: "no server of this run has one".to_owned(),
            }),
        }
    }

    fn registry(&self, name: &str, folder: &Path, variables: &mut Vec<(String, String)>) -> RegistrySettings {
        let session_timeout = format!("{}s", SESSION_TIMEOUT.as_secs());
        match &self.zookeeper {
            Some(server) => {
                variables.extend([
                    ("REGISTRY_TYPE".to_owned(), "zookeeper".to_owned()),
                    (
                        "REGISTRY_ZOOKEEPER_CONNECT_STRING".to_owned(),
                        server.connect_string(),
                    ),
                    ("REGISTRY_ZOOKEEPER_NAMESPACE".to_owned(), name.to_owned()),
                    ("REGISTRY_ZOOKEEPER_SESSION_TIMEOUT".to_owned(), session_timeout),
                ]);
                RegistrySettings::Zookeeper(ZookeeperSettings {
                    connect_string: server.connect_string(),
                    namespace: name.to_owned(),
                    session_timeout: OWN_SESSION_TIMEOUT,
                    ..ZookeeperSettings::default()
                })
            }
            None => {
                let path = folder.join("registry.db");
                variables.extend([
                    ("REGISTRY_TYPE".to_owned(), "embedded".to_owned()),
                    ("ORCA_REGISTRY_PATH".to_owned(), path.display().to_string()),
                ]);
                RegistrySettings::EmbeddedSqlite(SqliteSettings::new(path))
            }
        }
    }
}

impl Place {
    /// A connection to the case's database.
    ///
    /// # Errors
    /// When the server does not let us in.
    pub(super) fn connect(&self) -> Result<Database, Error> {
        match &self.database {
            DatabaseOf::MariaDb { url } => Database::mariadb(url),
            DatabaseOf::Sqlite { path } => Database::sqlite(path),
        }
    }
}

fn migrate(mut settings: DatabaseSettings) -> Result<(), Error> {
    settings.pool_size = 2;
    let migrated = Store::open(&settings).and_then(|store| store.migrate().map(|_| ()));
    migrated.map_err(|error| Error::Failed {
        what: format!("the tables of {}", settings.url),
        reason: error.to_string(),
    })
}
