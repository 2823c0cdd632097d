//! The configuration in the terms of the crates that use it.
//!
//! Guarantees: every setting that a crate takes has its value from the configuration. What it refuses to know: what they do with it.

use crate::address;
use crate::config::{Balancer, RegistryType, Settings};
use crate::exit::{Exit, Failure};
use crate::limits::{WORKFLOW_THREADS_DEFAULT_MAX, WORKFLOW_THREADS_DEFAULT_MIN};
use chrono::{Offset, Utc};
use orca_actors::MasterSettings;
use orca_actors::settings::{
    DispatchSettings, HeartbeatSettings, IntakeSettings, LogicSettings, StoreSettings,
};
use orca_engine::balancing::{BalancerKind, DynamicWeights};
use orca_registry::heartbeat::LoadProtection;
use orca_registry::{MysqlSettings, RegistrySettings, RetryPolicy, SqliteSettings, ZookeeperSettings};
use orca_schema::DatabaseSettings;
use orca_worker::{TaskSettings, WorkerSettings};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use std::time::Duration;

pub(crate) fn database_settings(settings: &Settings) -> DatabaseSettings {
    let (datasource, database) = (&settings.datasource, &settings.database);
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    DatabaseSettings {
        url: datasource.url.reveal().to_owned(),
        username: text(&datasource.username),
        password: Some(orca_schema::Secret::new(datasource.password.reveal())),
        pool_size: database.pool_size,
        zone: settings.zone,
        connect_timeout: database.connect_timeout,
        idle_transaction_timeout: (!database.idle_transaction_timeout.is_zero())
            .then_some(database.idle_transaction_timeout),
    }
}

pub(crate) fn registry_settings(settings: &Settings) -> RegistrySettings {
    match settings.registry.kind {
        RegistryType::Zookeeper => RegistrySettings::Zookeeper(zookeeper(settings)),
        RegistryType::Jdbc => RegistrySettings::EmbeddedMysql(jdbc(settings)),
        RegistryType::Embedded => RegistrySettings::EmbeddedSqlite(SqliteSettings {
            path: settings.registry_path(),
            session_timeout: settings.orca_registry.session_timeout,
            heartbeat_refresh_interval: settings.orca_registry.heartbeat_refresh_interval,
            poll_interval: settings.orca_registry.poll_interval,
        }),
    }
}

fn zookeeper(settings: &Settings) -> ZookeeperSettings {
    let zookeeper = &settings.zookeeper;
    ZookeeperSettings {
        connect_string: zookeeper.connect_string.clone(),
        namespace: zookeeper.namespace.clone(),
        session_timeout: zookeeper.session_timeout,
        connection_timeout: zookeeper.connection_timeout,
        block_until_connected: zookeeper.block_until_connected,
        retry_policy: RetryPolicy {
            base_sleep_time: zookeeper.retry_base_sleep_time,
            max_sleep: zookeeper.retry_max_sleep,
            max_retries: zookeeper.retry_max_retries,
        },
        digest: zookeeper
            .digest
            .as_ref()
            .map(|digest| orca_registry::Secret::new(digest.reveal())),
    }
}

fn jdbc(settings: &Settings) -> MysqlSettings {
    let registry = &settings.registry;
    let name = registry.client_name.clone().unwrap_or_else(|| {
        let host = address::own_host(&settings.network, settings.in_kubernetes);
        address::join(
            &host.unwrap_or_else(|_| "127.0.0.1".to_owned()),
            settings.server.port.0,
        )
    });
    let now = Utc::now().with_timezone(&settings.zone);
    MysqlSettings {
        url: orca_registry::Secret::new(registry_url(settings)),
        client_name: name,
        session_timeout: registry.session_timeout,
        heartbeat_refresh_interval: registry.heartbeat_refresh_interval,
        poll_interval: settings.orca_registry.jdbc_poll_interval,
        utc_offset_seconds: now.offset().fix().local_minus_utc(),
    }
}

/// `mysql://user:password@host:port/database` of the main database. Of several hosts the first counts: the registry must be one place.
fn registry_url(settings: &Settings) -> String {
    let url = settings.datasource.url.reveal();
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, path) = rest
        .split('?')
        .next()
        .unwrap_or_default()
        .split_once('/')
        .unwrap_or((rest, ""));
    let host = authority
        .rsplit('@')
        .next()
        .unwrap_or_default()
        .split(',')
        .next()
        .unwrap_or_default();
    let (user, password) = (
        &settings.datasource.username,
        settings.datasource.password.reveal(),
    );
    format!(
        "mysql://{}:{}@{host}/{path}",
        percent_encoded(user),
        percent_encoded(password)
    )
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

pub(crate) fn master_settings(settings: &Settings) -> Result<MasterSettings, Failure> {
    let master = &settings.master;
    let port = master.listen_port.0;
    let address = match &master.address {
        Some(address) => address.clone(),
        None => address::join(&own_host(settings)?, port),
    };
    let some = |duration: Duration| (!duration.is_zero()).then_some(duration);
    let batch_len = i32::try_from(settings.intake.batch_len).unwrap_or(i32::MAX);
    Ok(MasterSettings {
        zone: settings.zone,
        heartbeat: HeartbeatSettings {
            interval_max: master.max_heartbeat_interval,
            load_protection: master_load(settings),
        },
        intake: IntakeSettings {
            id_step: master.id_step,
            batch_len: master.fetch_size.max(batch_len),
            poll_interval: settings.intake.poll_interval,
        },
        dispatch: dispatch(settings),
        logic: LogicSettings {
            log_directory: absolute(task_logs(settings))?,
            fake_task_enabled: settings.orca.fake_task_enabled,
        },
        store: StoreSettings {
            threads: settings.database.pool_size as usize,
            commits_in_flight: settings.database.commits_in_flight as usize,
        },
        worker_group_refresh_interval: master.worker_group_refresh_interval,
        java_grace: settings.failover.java_worker_grace,
        silence_interval: settings.failover.silence_interval,
        sweep_interval: settings.failover.sweep_interval,
        task_runtime_max: some(settings.master_load.max_task_instance_runtime),
        stop_timeout: settings.orca.stop_timeout,
        slot_settle: settings.coordinator.slot_settle,
        rejoin: settings.lease.rejoin,
        workflow_threads: master.workflow_threads.unwrap_or_else(default_workflow_threads),
        ..MasterSettings::new(SocketAddr::from(([0, 0, 0, 0], port)), address)
    })
}

/// The logs of tasks that run inside the master.
fn task_logs(settings: &Settings) -> PathBuf {
    let own = settings.orca.log_directory.clone();
    own.unwrap_or_else(|| settings.orca.data_directory.join("logs"))
}

/// Workflow actors mostly wait for the database: more threads than this bring nothing, on a small machine two keep one long step from holding all.
fn default_workflow_threads() -> usize {
    let processors = available_parallelism().map_or(1, usize::from);
    processors.clamp(WORKFLOW_THREADS_DEFAULT_MIN, WORKFLOW_THREADS_DEFAULT_MAX)
}

fn master_load(settings: &Settings) -> LoadProtection {
    let load = &settings.master_load;
    LoadProtection {
        enabled: load.enabled,
        max_system_cpu: load.system_cpu.0,
        max_process_cpu: load.process_cpu.0,
        max_system_memory: load.system_memory.0,
        max_disk: load.disk.0,
        max_running: load.max_concurrent_workflow_instances.unsigned_abs().into(),
    }
}

fn dispatch(settings: &Settings) -> DispatchSettings {
    let master = &settings.master;
    let weight = |weight: u32| i32::try_from(weight).unwrap_or(i32::MAX);
    DispatchSettings {
        balancer: match master.balancer {
            Balancer::Random => BalancerKind::Random,
            Balancer::RoundRobin => BalancerKind::RoundRobin,
            Balancer::FixedWeightedRoundRobin => BalancerKind::FixedWeightedRoundRobin,
            Balancer::DynamicWeightedRoundRobin => BalancerKind::DynamicWeightedRoundRobin,
        },
        weights: DynamicWeights {
            cpu_usage: weight(master.cpu_usage_weight),
            memory_usage: weight(master.memory_usage_weight),
            task_thread_pool_usage: weight(master.slot_usage_weight),
        },
        duration_max: master
            .dispatch_timeout_enabled
            .then_some(master.max_task_dispatch_duration),
        call_timeout: settings.dispatch.call_timeout,
    }
}

pub(crate) fn worker_settings(settings: &Settings) -> Result<WorkerSettings, Failure> {
    let (worker, own) = (&settings.worker, &settings.orca_worker);
    let named = worker
        .address
        .as_deref()
        .and_then(address::split)
        .map(|(host, _)| host);
    let host = match named.or_else(|| own.host.clone()) {
        Some(host) => host,
        None => own_host(settings)?,
    };
    let load = &settings.worker_load;
    Ok(WorkerSettings {
        listen_port: worker.listen_port.0,
        worker_group: worker.group.trim().to_owned(),
        host_weight: worker.host_weight,
        heartbeat_interval: worker.max_heartbeat_interval,
        load_protection: LoadProtection {
            enabled: load.enabled,
            max_system_cpu: load.system_cpu.0,
            max_process_cpu: load.process_cpu.0,
            max_system_memory: load.system_memory.0,
            max_disk: load.disk.0,
            ..LoadProtection::default()
        },
        stop_wait: own.stop_wait,
        tasks: task_settings(settings)?,
        ..WorkerSettings::new(host, registry_settings(settings))
    })
}

fn task_settings(settings: &Settings) -> Result<TaskSettings, Failure> {
    let (own, common, data) = (
        &settings.orca_worker,
        &settings.common,
        &settings.orca.data_directory,
    );
    let execution = own
        .execution_directory
        .clone()
        .or_else(|| common.base_directory.clone());
    Ok(TaskSettings {
        execution_slots: settings.worker.execution_slots,
        execution_directory: absolute(execution.unwrap_or_else(|| data.join("work")))?,
        log_directory: absolute(own.log_directory.clone().unwrap_or_else(|| data.join("logs")))?,
        zone: settings.zone,
        kill_wait: Duration::from_secs(common.kill_wait_seconds.into()),
        leave_wait: own.leave_wait,
        keep_working_directories: common.development_state,
        python_launcher: own.python_launcher.clone(),
        hidden_variables: Settings::secret_variables(),
        event_resend_interval: own.event_resend_interval,
    })
}

/// Paths travel to masters, into rows and to other folders of this machine: they must not depend on where this process was started.
fn absolute(path: impl AsRef<Path>) -> Result<PathBuf, Failure> {
    let path = path.as_ref();
    std::path::absolute(path).map_err(|error| {
        Failure::failed(format!(
            "the folder {} has no whole path: {error}",
            path.display()
        ))
    })
}

fn own_host(settings: &Settings) -> Result<String, Failure> {
    address::own_host(&settings.network, settings.in_kubernetes).map_err(|error| Failure {
        exit: Exit::Configuration,
        message: error.to_string(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::{Environment, Purpose, Request, load};

    fn settings(properties: &[(&str, &str)]) -> Settings {
        let properties = properties
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let request = Request {
            properties,
            purpose: Purpose::Standalone,
            file: None,
        };
        load(&request, &Environment::default()).usable().unwrap().0
    }

    #[test]
    fn every_kind_of_registry_is_reached() {
        let zookeeper = settings(&[
            ("registry.type", "zookeeper"),
            ("registry.zookeeper.digest", "a:b"),
            ("registry.zookeeper.session-timeout", "7s"),
        ]);
        let RegistrySettings::Zookeeper(found) = registry_settings(&zookeeper) else {
            panic!("not ZooKeeper")
        };
        assert!(found.digest.is_some() && found.session_timeout == Duration::from_secs(7));
        let RegistrySettings::EmbeddedSqlite(found) =
            registry_settings(&settings(&[("orca.data-directory", "/d")]))
        else {
            panic!("not SQLite")
        };
        assert_eq!(found.path, PathBuf::from("/d/registry.db"));
        let jdbc = settings(&[
            ("registry.type", "jdbc"),
            (
                "spring.datasource.url",
                "jdbc:mysql://h1:3306,h2:3306/ds?useSSL=false",
            ),
            ("spring.datasource.username", "me"),
            ("spring.datasource.password", "p@:/?#w"),
            ("registry.jdbc-registry-client-name", "m"),
            ("orca.time-zone", "GMT+08:00"),
        ]);
        assert_eq!(registry_url(&jdbc), "mysql://me:p%40%3A%2F%3F%23w@h1:3306/ds");
        let RegistrySettings::EmbeddedMysql(found) = registry_settings(&jdbc) else {
            panic!("not MySQL")
        };
        assert_eq!(
            (found.client_name.as_str(), found.utc_offset_seconds),
            ("m", 8 * 3600)
        );
        for settings in [registry_settings(&zookeeper), registry_settings(&jdbc)] {
            assert!(settings.validate().is_ok());
        }
    }

    #[test]
    fn a_master_gets_its_settings() {
        let settings = settings(&[
            ("master.listen-port", "6001"),
            ("master.master-address", "m1:6001"),
            ("master.command-fetch-strategy.config.fetch-size", "300"),
            ("master.task-dispatch-policy.dispatch-timeout-enabled", "true"),
            ("master.server-load-protection.max-task-instance-runtime", "2m"),
            ("orca.lease.rejoin", "false"),
        ]);
        let master = master_settings(&settings).unwrap();
        assert_eq!(
            (
                master.listen.port(),
                master.address.as_str(),
                master.intake.batch_len
            ),
            (6001, "m1:6001", 300)
        );
        assert_eq!(master.dispatch.duration_max, Some(Duration::from_secs(3600)));
        assert_eq!(
            (master.task_runtime_max, master.rejoin),
            (Some(Duration::from_secs(120)), false)
        );
        assert!(master.workflow_threads >= WORKFLOW_THREADS_DEFAULT_MIN);
    }

    #[test]
    fn a_worker_gets_its_settings() {
        let named = settings(&[
            ("worker.worker-address", "w1:1234"),
            ("orca.worker.host", "other"),
            ("data.basedir.path", "/base"),
        ]);
        let worker = worker_settings(&named).unwrap();
        assert_eq!(worker.advertised_host, "w1");
        assert_eq!(worker.tasks.execution_directory, PathBuf::from("/base"));
        assert!(
            worker.tasks.log_directory.is_absolute() && worker.problems().is_empty(),
            "{:?}",
            worker.problems()
        );
        assert_eq!(
            worker_settings(&settings(&[("orca.worker.host", "w2")]))
                .unwrap()
                .advertised_host,
            "w2"
        );
    }

    #[test]
    fn the_database_gets_its_settings() {
        let database = database_settings(&settings(&[
            ("orca.database.idle-transaction-timeout", "0s"),
            ("spring.datasource.username", ""),
        ]));
        assert_eq!(
            (database.username, database.idle_transaction_timeout),
            (None, None)
        );
        let shown = format!(
            "{:?}",
            database_settings(&settings(&[("spring.datasource.password", "hunter2")]))
        );
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
