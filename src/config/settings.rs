//! All sections together.

use super::names::environment_names;
use super::section::{Checks, Field, Reader, Section, join};
use super::sections::datasource::Datasource;
use super::sections::master::{Master, MasterLoadProtection, Server};
use super::sections::network::Network;
use super::sections::orca::{Coordinator, Database, Dispatch, Failover, Intake, Lease, Orca, Spring};
use super::sections::registry::{OrcaRegistry, RegistryChoice, RegistryType, Zookeeper};
use super::sections::worker::{Common, OrcaWorker, Worker, WorkerLoadProtection};
use super::zone;
use chrono_tz::Tz;
use std::path::PathBuf;

/// The part of the reference page about one section.
pub(crate) struct SectionFields {
    pub(crate) prefix: &'static str,
    pub(crate) about: &'static str,
    pub(crate) fields: Vec<Field>,
}

impl SectionFields {
    /// The documented name of a field.
    pub(crate) fn full(&self, field: &Field) -> String {
        join(self.prefix, field.key)
    }
}

macro_rules! settings {
    ($( $prefix:literal, $about:literal => $field:ident : $type:ty; )*) => {
        /// The effective configuration of a process.
        #[derive(Clone, Debug)]
        pub(crate) struct Settings {
            $( pub(crate) $field: $type, )*
            /// The zone of the times in rows, messages and logs.
            pub(crate) zone: Tz,
            /// Whether the process runs in a pod.
            pub(crate) in_kubernetes: bool,
        }

        impl Settings {
            pub(crate) fn sections() -> Vec<SectionFields> {
                vec![ $( SectionFields { prefix: $prefix, about: $about, fields: <$type>::fields() } ),* ]
            }

            pub(crate) fn read(reader: &mut Reader) -> Self {
                Self { $( $field: <$type>::read(reader, $prefix), )* zone: Tz::UTC, in_kubernetes: false }
            }

            /// Full keys and values in the order of the reference page, secrets as stars.
            pub(crate) fn show(&self) -> Vec<(String, String)> {
                let mut shown = Vec::new();
                $( shown.extend(self.$field.show().into_iter().map(|(key, value)| (join($prefix, key), value))); )*
                shown
            }
        }
    };
}

settings! {
    "spring.datasource", "The database" => datasource: Datasource;
    "registry", "The registry" => registry: RegistryChoice;
    "registry.zookeeper", "ZooKeeper" => zookeeper: Zookeeper;
    "master", "Masters" => master: Master;
    "master.server-load-protection", "Load protection of masters" => master_load: MasterLoadProtection;
    "worker", "Workers" => worker: Worker;
    "worker.server-load-protection", "Load protection of workers" => worker_load: WorkerLoadProtection;
    "server", "HTTP" => server: Server;
    "spring", "Spring" => spring: Spring;
    "dolphin.scheduler.network", "The own address (`common.properties`)" => network: Network;
    "", "Tasks (`common.properties`)" => common: Common;
    "orca", "Orca" => orca: Orca;
    "orca.database", "Use of the database" => database: Database;
    "orca.registry", "The embedded registry" => orca_registry: OrcaRegistry;
    "orca.intake", "Taking commands" => intake: Intake;
    "orca.dispatch", "Sending tasks" => dispatch: Dispatch;
    "orca.coordinator", "The coordinator" => coordinator: Coordinator;
    "orca.lease", "The lease of a master" => lease: Lease;
    "orca.failover", "Failover" => failover: Failover;
    "orca.worker", "Orca's worker" => orca_worker: OrcaWorker;
}

impl Settings {
    /// Everything that is wrong with values that could be read.
    pub(crate) fn validate(&self, checks: &mut Checks<'_>) {
        self.datasource.check(checks);
        self.registry.check(checks);
        self.zookeeper.check(checks);
        self.master.check(checks);
        self.master_load.check(checks);
        self.worker.check(checks);
        self.orca.check(checks);
        self.database.check(checks);
        self.orca_registry.check(checks);
        self.intake.check(checks);
        self.dispatch.check(checks);
        self.failover.check(checks);
        self.orca_worker.check(checks);
        let jdbc_on_file = self.registry.kind == RegistryType::Jdbc && self.datasource.is_sqlite();
        checks.that(
            !jdbc_on_file,
            "registry.type",
            "jdbc needs MySQL or MariaDB; with SQLite use embedded",
        );
    }

    /// Chooses the zone. The first that is set counts; what cannot be understood is a problem.
    pub(crate) fn choose_zone(&mut self, java_zone: Option<&str>, checks: &mut Checks<'_>) {
        let candidates = [
            ("orca.time-zone", self.orca.time_zone.as_deref()),
            ("user.timezone", java_zone),
            ("spring.jackson.time-zone", self.spring.time_zone.as_deref()),
        ];
        let chosen = candidates.into_iter().find_map(|(key, name)| Some((key, name?)));
        if let Some((key, name)) = chosen {
            match zone::parse(name) {
                Some(zone) => self.zone = zone,
                None => checks.that(
                    false,
                    key,
                    format!("\"{name}\" is not a time zone like UTC, Asia/Shanghai or GMT+08:00"),
                ),
            }
        }
    }

    /// Environment variables that may hold credentials. Tasks of a worker must not get them.
    pub(crate) fn secret_variables() -> Vec<String> {
        let sections = Self::sections();
        let is_secret = |field: &&Field| field.is_secret;
        let names = |section: &SectionFields| {
            let secret = section.fields.iter().filter(is_secret);
            secret
                .flat_map(|field| environment_names(&section.full(field)))
                .collect::<Vec<_>>()
        };
        sections
            .iter()
            .flat_map(names)
            .chain(["SPRING_DATASOURCE_USERNAME".to_owned()])
            .collect()
    }

    /// The file of the embedded registry.
    pub(crate) fn registry_path(&self) -> PathBuf {
        self.orca_registry
            .path
            .clone()
            .unwrap_or_else(|| self.orca.data_directory.join("registry.db"))
    }
}
