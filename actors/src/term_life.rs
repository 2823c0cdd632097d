//! One term from its registration to its end.

use crate::boot::BootError;
use crate::calls::Calls;
use crate::cluster::{ClusterActor, ClusterParts, ClusterState, MasterChanged, WorkerChanged};
use crate::context_reads::ContextReads;
use crate::coordinator;
use crate::definitions::Definitions;
use crate::directory::Directory;
use crate::dispatch::Dispatchers;
use crate::guardian::Guardian;
use crate::heartbeat::HeartbeatNode;
use crate::intake::IntakeActor;
use crate::logic::{Children, Dependents, LogicTasks};
use crate::master_node::MasterNode;
use crate::observatory::Observatory;
use crate::rpc_server::{Desk, Reception};
use crate::schedule::SchedulerActor;
use crate::settings::MasterSettings;
use crate::slot_watch::SlotWatch;
use crate::store::{Commits, StorePool, Triggers};
use crate::term::Term;
use crate::timeline::Timeline;
use actix::{Actor, Addr, Arbiter};
use orca_engine::balancing::Balancer;
use orca_engine::fence::Incarnation;
use orca_engine::workflow::Rules;
use orca_registry::heartbeat::HeartbeatEnd;
use orca_registry::{Lease, MemberEvent, MemberWatch, Registry, RegistrySettings, paths};
use orca_rpc::Client;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// How a term ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TermEnd {
    Stopped,
    LeaseLost,
}

/// Pause between two tries to enter the registry and the database at the start of a later term.
const ENTRY_PAUSE: Duration = Duration::from_secs(1);

/// What outlives a term.
pub(crate) struct House {
    pub(crate) settings: Arc<MasterSettings>,
    pub(crate) pool: StorePool,
    pub(crate) registry: RegistrySettings,
    pub(crate) guardian: Option<Arc<dyn Guardian>>,
    pub(crate) client: Client,
    pub(crate) io: Handle,
    pub(crate) reception: Reception,
    pub(crate) observatory: Observatory,
}

/// Our place in the registry and the database.
pub(crate) struct Entry {
    pub(crate) registry: Arc<dyn Registry>,
    incarnation: Incarnation,
    lease: Lease,
    node_name: String,
}

/// Enters, works until told to stop or until the lease is lost, and leaves.
pub(crate) async fn run_term(
    house: &House,
    first: bool,
    stop: &mut watch::Receiver<bool>,
) -> Result<TermEnd, BootError> {
    let entry = loop {
        let entered = tokio::select! {
            entered = enter(house) => entered,
            stopped = asked_to(stop) => return Ok(stopped),
        };
        match entered {
            Ok(entry) => break entry,
            Err(error) if first => return Err(error),
            Err(error) => {
                log::warn!("cannot join again yet: {error}");
                tokio::select! {
                    () = tokio::time::sleep(ENTRY_PAUSE) => {}
                    stopped = asked_to(stop) => return Ok(stopped),
                }
            }
        }
    };
    let works = Works::start(house, &entry).await?;
    log::info!(
        "master {} is registered as incarnation {}",
        entry.incarnation.address,
        entry.incarnation.epoch
    );
    let end = tokio::select! {
        () = entry.lease.lost() => TermEnd::LeaseLost,
        stopped = asked_to(stop) => stopped,
    };
    works.end(house, &entry, end).await;
    Ok(end)
}

/// A sender that is gone means that nobody will ever ask for a stop: everything else decides alone.
async fn asked_to(stop: &mut watch::Receiver<bool>) -> TermEnd {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
    TermEnd::Stopped
}

async fn enter(house: &House) -> Result<Entry, BootError> {
    let settings = house.registry.clone();
    let registry = on(&house.io, async move { orca_registry::connect(&settings).await }).await?;
    let address = house.settings.address.clone();
    let incarnation = house
        .pool
        .run(move |store| store.register_master(&address))
        .await?;
    let (door, payload) = (registry.clone(), node_payload(&incarnation));
    let (lease, node_name) = on(&house.io, async move {
        let node = door
            .create_ephemeral_sequential(paths::ORCA_MASTERS, paths::ORCA_MASTER_PREFIX, &payload)
            .await?;
        Ok((door.start_lease(&node).await?, node.name().to_owned()))
    })
    .await?;
    Ok(Entry {
        registry,
        incarnation,
        lease,
        node_name,
    })
}

/// Runs a registry operation on the runtime of the sockets.
async fn on<T: Send + 'static>(
    io: &Handle,
    operation: impl Future<Output = Result<T, orca_registry::Error>> + Send + 'static,
) -> Result<T, BootError> {
    match io.spawn(operation).await {
        Ok(result) => Ok(result?),
        Err(lost) => Err(BootError::Runtime(std::io::Error::other(lost))),
    }
}

fn node_payload(incarnation: &Incarnation) -> String {
    serde_json::json!({ "address": &*incarnation.address, "epoch": incarnation.epoch }).to_string()
}

fn java_grace(settings: &MasterSettings, session_timeout: Duration) -> Duration {
    let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX / 2);
    Duration::from_millis(orca_engine::failover::java_grace_ms(
        ms(settings.java_grace),
        ms(session_timeout),
    ))
}

/// The actors and arbiters of one term.
pub(crate) struct Works {
    pub(crate) term: Arc<Term>,
    pub(crate) node: Addr<MasterNode>,
    pub(crate) intake: Addr<IntakeActor>,
    pub(crate) scheduler: Addr<SchedulerActor>,
    pub(crate) arbiters: Vec<Arbiter>,
    pub(crate) tasks: Vec<tokio::task::AbortHandle>,
}

impl Works {
    async fn start(house: &House, entry: &Entry) -> Result<Self, BootError> {
        let settings = house.settings.clone();
        let (published, cluster) = watch::channel(Arc::new(ClusterState::default()));
        let workflow_arbiters: Vec<Arbiter> = (0..settings.workflow_threads.max(1))
            .map(|_| Arbiter::new())
            .collect();
        let dispatch_arbiter = Arbiter::new();
        let balancer = Arc::new(Mutex::new(Balancer::new(
            settings.dispatch.balancer,
            settings.dispatch.weights,
        )));
        let dispatch = Dispatchers::new(
            dispatch_arbiter.handle(),
            cluster.clone(),
            balancer.clone(),
            settings.dispatch.duration_max,
        );
        let metrics = house.observatory.metrics.clone();
        let (commits, queue) = Commits::new(metrics.clone());
        let committing = house.io.spawn(queue.run(
            house.pool.clone(),
            entry.lease.clone(),
            settings.store.commits_in_flight,
        ));
        let (timeline, lines) = Timeline::new();
        let telling = house.io.spawn(lines.run(house.pool.clone()));
        let term = Arc::new(Term {
            incarnation: entry.incarnation.clone(),
            lease: entry.lease.clone(),
            registry: entry.registry.clone(),
            node_name: entry.node_name.clone(),
            pool: house.pool.clone(),
            commits,
            timeline,
            definitions: Definitions::new(house.pool.clone()),
            context_reads: ContextReads::new(house.pool.clone()),
            calls: Calls::new(
                house.client.clone(),
                entry.lease.clone(),
                entry.incarnation.address.clone(),
                metrics.clone(),
            ),
            dispatch: dispatch.clone(),
            logic: LogicTasks::default(),
            children: Children::default(),
            dependents: Dependents::default(),
            cluster: cluster.clone(),
            directory: Directory::default(),
            metrics: metrics.clone(),
            slots: SlotWatch::default(),
            coordinator_bell: Arc::default(),
            rules: Arc::new(rules(&settings, &entry.incarnation)),
            leaving: Arc::default(),
            io: house.io.clone(),
            settings: settings.clone(),
        });
        let node = MasterNode::new(
            term.clone(),
            workflow_arbiters.iter().map(Arbiter::handle).collect(),
        )
        .start();
        let parts = ClusterParts {
            own_address: entry.incarnation.address.clone(),
            pool: house.pool.clone(),
            balancer,
            dispatch,
            node: node.clone(),
            refresh_interval: settings.worker_group_refresh_interval,
            java_grace: java_grace(&settings, entry.registry.session_timeout()),
        };
        let cluster_actor = ClusterActor::new(parts, published).start();
        let intake = IntakeActor::new(term.clone(), node.clone(), cluster).start();
        let scheduler = SchedulerActor::new(term.clone(), intake.clone()).start();
        // The node of an earlier life of this master may still be there, and is replaced by this: whoever looks for members before takes its place for ours, claims, and
        // loses what it claimed when that life is taken for dead.
        let beating = start_heartbeat(house, entry, &term).await?;
        let mut tasks = watch_members(house, entry, &cluster_actor).await?;
        tasks.push(beating);
        tasks.push(committing.abort_handle());
        let following = house.io.spawn(term.children.clone().run(term.clone()));
        tasks.push(following.abort_handle());
        let waiting = house.io.spawn(term.dependents.clone().run(term.clone()));
        tasks.push(waiting.abort_handle());
        // Not among the tasks that end with the works: it ends with the lease, and has to see that.
        house.io.spawn(term.logic.clone().watch(term.lease.clone()));
        tasks.push(telling.abort_handle());
        tasks.push(
            house
                .io
                .spawn(term.slots.clone().run(term.clone()))
                .abort_handle(),
        );
        let coordinating = coordinator::run(term.clone(), intake.clone());
        tasks.push(house.io.spawn(coordinating).abort_handle());
        if let Some(guardian) = &house.guardian {
            let order = format!("{}/{}", paths::ORCA_MASTERS, entry.node_name);
            guardian.watch(
                entry.registry.session_id(),
                &[
                    paths::master(&settings.address),
                    order,
                    paths::COORDINATOR.to_owned(),
                ],
            );
        }
        let triggers = {
            let _inside = house.io.enter();
            Triggers::start(house.pool.clone())
        };
        let desk = Desk {
            term: term.clone(),
            triggers,
            intake: intake.clone(),
            cluster: cluster_actor,
        };
        house.reception.open(desk);
        house.observatory.show(Some(term.clone()));
        let mut arbiters = workflow_arbiters;
        arbiters.push(dispatch_arbiter);
        Ok(Self {
            term,
            node,
            intake,
            scheduler,
            arbiters,
            tasks,
        })
    }
}

fn rules(settings: &MasterSettings, incarnation: &Incarnation) -> Rules {
    let mut rules = Rules::new(incarnation.address.clone(), settings.zone);
    rules.fake_task_enabled = settings.logic.fake_task_enabled;
    rules.task_runtime_max_ms = settings
        .task_runtime_max
        .map(|limit| i64::try_from(limit.as_millis()).unwrap_or(i64::MAX));
    rules.silence_interval_ms = i64::try_from(settings.silence_interval.as_millis()).ok();
    rules
}

async fn watch_members(
    house: &House,
    entry: &Entry,
    cluster: &Addr<ClusterActor>,
) -> Result<Vec<tokio::task::AbortHandle>, BootError> {
    let watch = |path: &'static str| {
        let registry = entry.registry.clone();
        on(&house.io, async move { registry.watch_children(path).await })
    };
    let (masters, workers) = (watch(paths::MASTERS).await?, watch(paths::WORKERS).await?);
    let (to_masters, to_workers) = (cluster.clone(), cluster.clone());
    let masters = house.io.spawn(forward(masters, move |event| {
        to_masters.do_send(MasterChanged(event))
    }));
    let workers = house.io.spawn(forward(workers, move |event| {
        to_workers.do_send(WorkerChanged(event))
    }));
    Ok(vec![masters.abort_handle(), workers.abort_handle()])
}

async fn forward(mut watch: MemberWatch, deliver: impl Fn(MemberEvent)) {
    while let Some(event) = watch.next().await {
        deliver(event);
    }
}

/// Announces this master and keeps its heartbeat up. A lost place ends the term through the lease, which ends with the session or is given up here.
async fn start_heartbeat(
    house: &House,
    entry: &Entry,
    term: &Arc<Term>,
) -> Result<tokio::task::AbortHandle, BootError> {
    let (registry, announced) = (entry.registry.clone(), term.clone());
    let node = on(&house.io, HeartbeatNode::register(registry, announced)).await?;
    let registry = entry.registry.clone();
    let beating = house.io.spawn(async move {
        match node.run().await {
            HeartbeatEnd::Deposed { marker } => {
                log::error!("this master has been failed over by its peers ({marker})")
            }
            HeartbeatEnd::NodeLost(error) => log::error!("the node of this master is gone: {error}"),
            HeartbeatEnd::SessionLost(error) => log::error!("the registry session is over: {error}"),
        }
        registry.close().await;
    });
    Ok(beating.abort_handle())
}
