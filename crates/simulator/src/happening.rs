//! Everything that can happen, with whom it happens to. The queue of these is the run.

use crate::master::MasterEvent;
use crate::registry;
use crate::store;
use crate::worker::WorkerEvent;

/// One connection of a master process to a worker.
#[derive(Clone, Copy, Debug)]
pub struct Socket {
    pub client: store::Client,
    pub resets: Option<u64>,
}

#[derive(Clone, Debug)]
pub enum Happening {
    /// To one life of a master process; another life never hears of it.
    Master {
        index: usize,
        life: u32,
        event: MasterEvent,
    },
    Worker {
        index: usize,
        life: u32,
        event: WorkerEvent,
    },
    /// Bytes that have waited in the socket of a master behind a cut link. Those of a dead process are still sent; a connection that was closed on purpose
    /// loses them.
    Waited {
        socket: Socket,
        index: usize,
        life: u32,
        event: WorkerEvent,
    },
    Store {
        client: store::Client,
        call: u64,
        ask: store::Ask,
    },
    StoreTick,
    /// The database server notices that a client process is gone.
    StoreClientGone(store::Client),
    Registry {
        from: registry::Member,
        call: u64,
        ask: registry::Ask,
    },
    RegistryTick,
    StartMaster(usize),
    StartWorker(usize),
    ThawMaster(usize, u32),
    ThawWorker(usize, u32),
    /// Something goes wrong, drawn when it does.
    Trouble,
    /// The end of all troubles.
    Heal,
    Submit(usize),
    /// An operator asks for the end of a workflow, until somebody hears it.
    Stop(usize),
}
