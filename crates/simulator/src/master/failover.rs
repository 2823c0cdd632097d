//! Moves the instances of a dead master (`orca_actors::failover`): turn, lock, dead incarnation, fence, pages, empty scan.

use super::{MasterEvent, Then, ThenRead};
use crate::limits::{FAILOVER_LOCK_WAIT_MS, FAILOVER_PAGE_LEN, FAILOVER_RETRY_MS, FAILOVER_SCAN_LEN};
use crate::network::End;
use crate::registry::Ask;
use crate::store::{Body, Read, Rows};
use crate::world::World;
use orca_engine::failover;
use orca_schema::DeadMaster;

const STAGGER_MS: u64 = 1_000;

/// One death that this master works on.
#[derive(Clone, Debug)]
pub struct Rescue {
    number: u64,
    /// A later loss of the same address waits for its turn.
    again: bool,
    dead: Option<DeadMaster>,
    /// The fence stands; who is dead is looked at once more.
    fenced: bool,
    locked: bool,
    pages: Vec<Vec<i32>>,
}

/// Why a rescue is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Turn,
    LockWaited,
}

impl World {
    pub(super) fn begin_rescue(&mut self, index: usize, number: u32, address: String) {
        let Some(term) = self.term(index, number) else {
            return;
        };
        if let Some(under_way) = term.rescues.get_mut(&address) {
            under_way.again = true;
            return;
        }
        term.timer_serial += 1;
        let serial = term.timer_serial;
        let rescue = Rescue {
            number: serial,
            again: false,
            dead: None,
            fenced: false,
            locked: false,
            pages: Vec::new(),
        };
        term.rescues.insert(address.clone(), rescue);
        let order = term
            .picture
            .as_ref()
            .map(|picture| picture.order.clone())
            .unwrap_or_default();
        let rank = failover::rank(&order, &term.node_name) as u64;
        self.rescue_later(index, &address, serial, rank * STAGGER_MS, Due::Turn);
    }

    fn rescue_later(&mut self, index: usize, address: &str, number: u64, pause_ms: u64, due: Due) {
        let Some(term) = &self.masters[index].term else {
            return;
        };
        let event = MasterEvent::Rescue {
            term: term.number,
            address: address.to_owned(),
            number,
            due,
        };
        self.to_master(index, pause_ms, event);
    }

    fn rescue(&mut self, index: usize, address: &str, number: u64) -> Option<&mut Rescue> {
        let term = self.masters[index].term.as_mut()?;
        term.rescues
            .get_mut(address)
            .filter(|rescue| rescue.number == number)
    }

    pub(super) fn rescue_goes_on(&mut self, index: usize, term: u32, address: &str, number: u64, due: Due) {
        if self.term(index, term).is_none() {
            return;
        }
        self.trace.line(self.now_ms, || {
            format!("master {index}: rescue of {address}: {due:?}")
        });
        let Some(rescue) = self.rescue(index, address, number) else {
            return;
        };
        match due {
            Due::Turn => {
                let member = self.member(index);
                let Some(session) = self.masters[index]
                    .term
                    .as_ref()
                    .filter(|term| term.lease.holds())
                    .map(|term| term.session)
                else {
                    return;
                };
                let ask = Ask::Lock {
                    session,
                    address: address.to_owned(),
                };
                self.send_to_registry(member, number, ask);
                self.rescue_later(index, address, number, FAILOVER_LOCK_WAIT_MS, Due::LockWaited);
            }
            Due::LockWaited if !rescue.locked => self.rescue_fails(index, address, number),
            Due::LockWaited => {}
        }
    }

    pub(super) fn locked(&mut self, index: usize, address: &str) {
        let found = self.masters[index]
            .term
            .as_mut()
            .and_then(|term| term.rescues.get_mut(address));
        let Some(rescue) = found else {
            return self.unlock(index, address);
        };
        if std::mem::replace(&mut rescue.locked, true) {
            return;
        }
        let number = rescue.number;
        let Some(term) = &self.masters[index].term else {
            return;
        };
        if let Some(epoch) = failover::own_dead_epoch(&term.incarnation, address) {
            return self.fence_dead(index, address, number, epoch);
        }
        self.judge(index, address, number);
    }

    fn judge(&mut self, index: usize, address: &str, number: u64) {
        let then = ThenRead::LatestEpoch {
            address: address.to_owned(),
            number,
        };
        self.read(index, Read::LatestEpoch(address.to_owned()), then);
    }

    fn unlock(&mut self, index: usize, address: &str) {
        let member = self.member(index);
        let Some(session) = self.masters[index].term.as_ref().map(|term| term.session) else {
            return;
        };
        let ask = Ask::Unlock {
            session,
            address: address.to_owned(),
        };
        self.send_to_registry(member, 0, ask);
    }

    /// Not done yet: everything anew after a pause.
    fn rescue_fails(&mut self, index: usize, address: &str, number: u64) {
        let Some(rescue) = self.rescue(index, address, number) else {
            return;
        };
        rescue.locked = false;
        rescue.fenced = false;
        rescue.pages.clear();
        self.unlock(index, address);
        self.rescue_later(index, address, number, FAILOVER_RETRY_MS, Due::Turn);
    }

    pub(super) fn epoch_read(&mut self, index: usize, address: &str, number: u64, rows: Option<Rows>) {
        let Some(Rows::LatestEpoch(latest)) = rows else {
            return self.rescue_fails(index, address, number);
        };
        let registry_hears = self
            .network
            .heals_at(End::Master(index), End::Registry, self.now_ms)
            .is_none();
        if !registry_hears {
            return self.rescue_fails(index, address, number);
        }
        let is_registered = self.registry.picture.masters.contains_key(address);
        let look = failover::dead_epoch(latest, is_registered);
        let Some(rescue) = self.rescue(index, address, number) else {
            return;
        };
        let Some(judged) = rescue.dead.as_mut().filter(|_| rescue.fenced) else {
            return match look {
                Some(epoch) => self.fence_dead(index, address, number, epoch),
                None => self.rescue_done(index, address, number),
            };
        };
        match failover::fenced_dead_epoch(judged.epoch, look) {
            Some(epoch) => {
                judged.epoch = epoch;
                self.scan(index, address, number);
            }
            None => self.rescue_done(index, address, number),
        }
    }

    fn fence_dead(&mut self, index: usize, address: &str, number: u64, epoch: i64) {
        let dead = DeadMaster {
            address: address.to_owned(),
            epoch,
        };
        let Some(rescue) = self.rescue(index, address, number) else {
            return;
        };
        rescue.dead = Some(dead.clone());
        let then = Then::Fence {
            address: address.to_owned(),
            number,
        };
        self.transact(index, Body::FenceMaster(dead), then);
    }

    pub(super) fn fenced(&mut self, index: usize, address: &str, number: u64, done: bool) {
        if !done {
            return self.rescue_fails(index, address, number);
        }
        let own = self.masters[index].address.clone();
        let Some(rescue) = self.rescue(index, address, number) else {
            return;
        };
        rescue.fenced = true;
        if address == &*own {
            self.scan(index, address, number);
        } else {
            self.judge(index, address, number);
        }
    }

    fn scan(&mut self, index: usize, address: &str, number: u64) {
        let Some(dead) = self
            .rescue(index, address, number)
            .and_then(|rescue| rescue.dead.clone())
        else {
            return;
        };
        let read = Read::OfDead {
            dead,
            len: FAILOVER_SCAN_LEN,
        };
        let then = ThenRead::OfDead {
            address: address.to_owned(),
            number,
        };
        self.read(index, read, then);
    }

    pub(super) fn scanned(&mut self, index: usize, address: &str, number: u64, rows: Option<Rows>) {
        let Some(Rows::Ids(ids)) = rows else {
            return self.rescue_fails(index, address, number);
        };
        if ids.is_empty() {
            return self.rescue_done(index, address, number);
        }
        self.trace.line(self.now_ms, || {
            format!("master {index}: rescue of {address}: {ids:?} are to move")
        });
        if let Some(rescue) = self.rescue(index, address, number) {
            rescue.pages = ids.chunks(FAILOVER_PAGE_LEN).map(<[i32]>::to_vec).collect();
        }
        self.move_page(index, address, number);
    }

    fn move_page(&mut self, index: usize, address: &str, number: u64) {
        let Some(rescue) = self.rescue(index, address, number) else {
            return;
        };
        let (Some(dead), Some(page)) = (rescue.dead.clone(), rescue.pages.pop()) else {
            return self.scan(index, address, number);
        };
        let then = Then::Move {
            address: address.to_owned(),
            number,
        };
        self.transact(index, Body::Move(dead, page), then);
    }

    pub(super) fn page_moved(&mut self, index: usize, address: &str, number: u64, done: bool) {
        if done {
            self.move_page(index, address, number);
        } else {
            self.rescue_fails(index, address, number);
        }
    }

    fn rescue_done(&mut self, index: usize, address: &str, number: u64) {
        let Some(rescue) = self.rescue(index, address, number) else {
            return;
        };
        let again = rescue.again;
        self.trace.line(self.now_ms, || {
            format!("master {index}: rescue of {address} is done")
        });
        self.unlock(index, address);
        let Some(term) = &mut self.masters[index].term else {
            return;
        };
        term.rescues.remove(address);
        let number = term.number;
        if again {
            self.begin_rescue(index, number, address.to_owned());
        }
    }
}
