//! Slots of task groups: who waits, who may go, and the giving of slots.
//!
//! Guarantees: slots are given under the lock of the group's row and counted there, so that two coordinators at once give no slot twice; a queue row
//! whose attempt has ended goes, whoever left it behind. Source of the rows: `TaskGroupCoordinator`.

use crate::db::Connection;
use crate::error::Error;
use crate::limits::{IDS_PER_STATEMENT_MAX, SLOT_REQUESTS_MAX};
use crate::sql::Sql;
use crate::store::{Store, now};
use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};
use orca_engine::codes::{Flag, TaskState, WorkflowState};
use orca_engine::coordinator::{Grant, GroupState, SlotRequest, SlotRow, assign};
use std::collections::{BTreeSet, HashMap};

/// `TaskGroupQueueStatus` WAIT_QUEUE and ACQUIRE_SUCCESS.
pub(crate) const WAIT_QUEUE: i32 = -1;
const ACQUIRED: i32 = 1;

#[derive(QueryableByName)]
struct PlaceRow {
    #[diesel(sql_type = Integer)]
    task_id: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    status: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    force_start: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    group_status: Option<i32>,
}

#[derive(QueryableByName)]
struct IdRow {
    #[diesel(sql_type = Integer)]
    id: i32,
}

#[derive(QueryableByName)]
struct GroupRow {
    #[diesel(sql_type = Integer)]
    group_size: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    use_size: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    status: Option<i32>,
}

#[derive(QueryableByName)]
struct CountRow {
    #[diesel(sql_type = BigInt)]
    number: i64,
}

#[derive(QueryableByName)]
struct RequestRow {
    #[diesel(sql_type = Integer)]
    id: i32,
    #[diesel(sql_type = Integer)]
    task_id: i32,
    #[diesel(sql_type = Integer)]
    workflow_instance_id: i32,
    #[diesel(sql_type = Integer)]
    priority: i32,
    #[diesel(sql_type = Text)]
    host: String,
}

impl RequestRow {
    fn into_grant(self) -> Grant {
        Grant {
            queue_id: self.id,
            task_instance_id: self.task_id,
            workflow_instance_id: self.workflow_instance_id,
            host: self.host,
        }
    }
}

/// Owners that can be told of a slot.
#[derive(Clone, Debug, Default)]
pub struct SlotOwners {
    /// They find their slots in the rows; a message only makes it quicker.
    pub orca: BTreeSet<String>,
    /// They learn of a slot by the message alone, so it is given when they have it.
    pub java: BTreeSet<String>,
}

/// What a look at one group has led to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlotsGiven {
    /// Committed: the owner may be told.
    pub given: Vec<Grant>,
    /// To be told first, then committed by [`Store::take_slot`].
    pub to_offer: Vec<Grant>,
}

impl Store {
    /// The places of attempts in their queues. An attempt without a row is not in the answer.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn slot_places(&self, task_instance_ids: &[i32]) -> Result<HashMap<i32, SlotRow>, Error> {
        let mut places: HashMap<i32, SlotRow> = HashMap::new();
        let mut connection = self.reader()?;
        for ids in task_instance_ids.chunks(IDS_PER_STATEMENT_MAX) {
            let text = "SELECT q.task_id, q.status, q.force_start, g.status AS group_status FROM t_ds_task_group_queue q \
                 LEFT JOIN t_ds_task_group g ON g.id = q.group_id WHERE q.in_queue = 1 AND q.task_id IN ";
            let sql = Sql::batch("read the places in task group queues", text).list(ids.iter().copied());
            for row in connection.rows::<PlaceRow>(sql)? {
                let place = places.entry(row.task_id).or_insert(SlotRow {
                    has_slot: false,
                    is_forced: false,
                    group_is_open: row.group_status.map(|status| status == Flag::Yes.code()),
                });
                // A Java master may have queued it a second time.
                place.has_slot |= row.status == Some(ACQUIRED);
                place.is_forced |= row.force_start == Some(Flag::Yes.code());
            }
        }
        Ok(places)
    }

    /// Open groups that have a free slot and somebody who waits: a full group costs nothing but its count.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn groups_waited_for(&self) -> Result<Vec<i32>, Error> {
        let sql = Sql::fixed(
            "read the task groups that are waited for",
            "SELECT g.id FROM t_ds_task_group g WHERE g.status = 1 AND EXISTS (SELECT 1 FROM t_ds_task_group_queue w \
             WHERE w.group_id = g.id AND w.status = -1 AND w.in_queue = 1 AND w.force_start = 0) \
             AND g.group_size > (SELECT COUNT(*) FROM t_ds_task_group_queue u \
             WHERE u.group_id = g.id AND u.status = 1 AND u.in_queue = 1 AND u.force_start = 0)",
        );
        let rows = self.reader()?.rows::<IdRow>(sql)?;
        Ok(rows.into_iter().map(|row| row.id).collect())
    }

    /// Gives the free slots of a group to the most urgent of the attempts that wait and whose owners are there.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn give_slots(&self, group_id: i32, owners: &SlotOwners) -> Result<SlotsGiven, Error> {
        self.write("give slots of a task group", |connection| {
            let Some(group) = lock_group(connection, group_id)? else {
                return Ok(SlotsGiven::default());
            };
            let used = slots_in_use(connection, group_id)?;
            let state = GroupState {
                size: group.group_size,
                is_open: group.status == Some(Flag::Yes.code()),
            };
            let requests = waiting_requests(connection, group_id, owners)?;
            let (given, to_offer): (Vec<Grant>, Vec<Grant>) = assign(state, used, requests)
                .into_iter()
                .partition(|grant| owners.orca.contains(&grant.host));
            let taken = self.mark_taken(connection, &given)?;
            let in_use = i32::try_from(used).unwrap_or(i32::MAX).saturating_add(taken);
            if group.use_size != Some(in_use) {
                self.set_use_size(connection, group_id, in_use)?;
            }
            Ok(SlotsGiven { given, to_offer })
        })
    }

    /// Marks a slot that a Java master has taken.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn take_slot(&self, group_id: i32, grant: &Grant) -> Result<(), Error> {
        self.write("mark a slot of a task group", |connection| {
            lock_group(connection, group_id)?;
            self.mark_taken(connection, std::slice::from_ref(grant))?;
            let in_use = i32::try_from(slots_in_use(connection, group_id)?).unwrap_or(i32::MAX);
            self.set_use_size(connection, group_id, in_use)
        })
    }

    /// Takes a row out of the queue: its owner has refused the slot, or lets it go without one.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn drop_slot_request(&self, queue_id: i32) -> Result<(), Error> {
        self.write("drop a request for a task group slot", |connection| {
            let sql = Sql::fixed(
                "drop a request for a task group slot",
                "DELETE FROM t_ds_task_group_queue WHERE id = ? AND status = -1",
            );
            connection.execute(sql.bind(queue_id)).map(|_| ())
        })
    }

    /// Attempts of Java masters that an operator lets go without a slot. Those of Orca masters find it in the rows.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn forced_requests(&self, java: &BTreeSet<String>) -> Result<Vec<Grant>, Error> {
        if java.is_empty() {
            return Ok(Vec::new());
        }
        let sql = Sql::batch(
            "read what is started by force",
            format!("{REQUESTS} WHERE q.in_queue = 1 AND q.force_start = 1 AND q.status = -1 AND i.host IN "),
        )
        .list(java.iter().map(String::as_str))
        .then(" ORDER BY q.id LIMIT 1000");
        let rows = self.reader()?.rows::<RequestRow>(sql)?;
        Ok(rows.into_iter().map(RequestRow::into_grant).collect())
    }

    /// Removes queue rows whose attempt is gone, replaced or ended, or whose instance is, and writes the true number of used slots into each group.
    ///
    /// # Errors
    /// When the database does not answer.
    pub fn sweep_task_groups(&self) -> Result<usize, Error> {
        let removed = self.write("sweep the task group queues", |connection| {
            let text = "DELETE FROM t_ds_task_group_queue WHERE in_queue = 1 AND NOT EXISTS (SELECT 1 FROM t_ds_task_instance t \
                 JOIN t_ds_workflow_instance i ON i.id = t.workflow_instance_id WHERE t.id = t_ds_task_group_queue.task_id \
                 AND t.flag = 1 AND t.state NOT IN ";
            let finished = TaskState::ALL.iter().filter(|state| state.is_finished()).map(|state| state.code());
            let ended = WorkflowState::ALL.iter().filter(|state| state.is_final()).map(|state| state.code());
            let sql = Sql::fixed("sweep the task group queues", text)
                .list(finished)
                .then(" AND i.state NOT IN ")
                .list(ended)
                .then(")");
            connection.execute(sql)
        })?;
        self.write("count the slots in use", |connection| {
            let count = "(SELECT COUNT(*) FROM t_ds_task_group_queue q WHERE q.group_id = t_ds_task_group.id \
                 AND q.status = 1 AND q.in_queue = 1 AND q.force_start = 0)";
            let text = format!("UPDATE t_ds_task_group SET use_size = {count} WHERE use_size <> {count}");
            connection.execute(Sql::fixed("count the slots in use", text))
        })?;
        Ok(removed)
    }

    fn mark_taken(&self, connection: &mut Connection, grants: &[Grant]) -> Result<i32, Error> {
        let mut taken = 0;
        for grants in grants.chunks(IDS_PER_STATEMENT_MAX) {
            let now = self.clock.local(now(connection)?);
            let sql = Sql::batch(
                "give slots of a task group",
                "UPDATE t_ds_task_group_queue SET status = 1, in_queue = 1, update_time = ?",
            )
            .bind(now)
            .then(" WHERE status = -1 AND force_start = 0 AND id IN ")
            .list(grants.iter().map(|grant| grant.queue_id));
            taken += i32::try_from(connection.execute(sql)?).unwrap_or(i32::MAX);
        }
        Ok(taken)
    }

    fn set_use_size(&self, connection: &mut Connection, group_id: i32, in_use: i32) -> Result<(), Error> {
        let sql = Sql::fixed(
            "write the slots in use",
            "UPDATE t_ds_task_group SET use_size = ? WHERE id = ?",
        );
        connection.execute(sql.bind(in_use).bind(group_id)).map(|_| ())
    }
}

/// Waiting rows with what a coordinator has to know of them.
const REQUESTS: &str = "SELECT q.id, q.task_id, q.workflow_instance_id, COALESCE(q.priority, 0) AS priority, i.host \
     FROM t_ds_task_group_queue q JOIN t_ds_task_instance t ON t.id = q.task_id \
     JOIN t_ds_workflow_instance i ON i.id = q.workflow_instance_id";

fn lock_group(connection: &mut Connection, group_id: i32) -> Result<Option<GroupRow>, Error> {
    let text = format!(
        "SELECT group_size, use_size, status FROM t_ds_task_group WHERE id = ?{}",
        connection.dialect.for_update()
    );
    let sql = Sql::fixed("lock a task group", text).bind(group_id);
    Ok(connection.rows::<GroupRow>(sql)?.pop())
}

fn slots_in_use(connection: &mut Connection, group_id: i32) -> Result<i64, Error> {
    let sql = Sql::fixed(
        "count the slots in use",
        "SELECT COUNT(*) AS number FROM t_ds_task_group_queue \
         WHERE group_id = ? AND status = 1 AND in_queue = 1 AND force_start = 0",
    );
    let row = connection.rows::<CountRow>(sql.bind(group_id))?.pop();
    Ok(row.map_or(0, |row| row.number))
}

/// The most urgent of those who could go now.
fn waiting_requests(
    connection: &mut Connection,
    group_id: i32,
    owners: &SlotOwners,
) -> Result<Vec<SlotRequest>, Error> {
    let hosts: Vec<&str> = owners
        .orca
        .iter()
        .chain(&owners.java)
        .map(String::as_str)
        .collect();
    if hosts.is_empty() {
        return Ok(Vec::new());
    }
    let text = format!(
        "{REQUESTS} WHERE q.group_id = ? AND q.status = -1 AND q.in_queue = 1 AND q.force_start = 0 AND t.flag = 1 \
         AND t.state IN (0, 12) AND i.state = 1 AND i.host IN "
    );
    let sql = Sql::batch("read who waits for a task group", text)
        .bind(group_id)
        .list(hosts)
        .then(" ORDER BY priority DESC, q.id LIMIT ?")
        .bind(SLOT_REQUESTS_MAX);
    let rows = connection.rows::<RequestRow>(sql)?;
    let request = |row: RequestRow| SlotRequest {
        queue_id: row.id,
        task_instance_id: row.task_id,
        workflow_instance_id: row.workflow_instance_id,
        host: row.host,
        priority: row.priority,
    };
    Ok(rows.into_iter().map(request).collect())
}

/// Which of these groups are open, and which of these attempts have a row already: what a request for a slot needs to know.
pub(crate) struct SlotFacts {
    pub(crate) open_groups: BTreeSet<i32>,
    pub(crate) queued_tasks: BTreeSet<i32>,
}

pub(crate) fn slot_facts(
    connection: &mut Connection,
    groups: &BTreeSet<i32>,
    tasks: &[i32],
) -> Result<SlotFacts, Error> {
    let groups: Vec<i32> = groups.iter().copied().collect();
    Ok(SlotFacts {
        open_groups: found(
            connection,
            "SELECT id FROM t_ds_task_group WHERE status = 1 AND id IN ",
            &groups,
        )?,
        queued_tasks: found(
            connection,
            "SELECT task_id AS id FROM t_ds_task_group_queue WHERE task_id IN ",
            tasks,
        )?,
    })
}

fn found(connection: &mut Connection, text: &'static str, ids: &[i32]) -> Result<BTreeSet<i32>, Error> {
    let mut found = BTreeSet::new();
    for ids in ids.chunks(IDS_PER_STATEMENT_MAX) {
        let sql = Sql::batch("read task groups", text).list(ids.iter().copied());
        found.extend(connection.rows::<IdRow>(sql)?.into_iter().map(|row| row.id));
    }
    Ok(found)
}
