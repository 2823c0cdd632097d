//! Every bound of this crate, with its reason.

use std::time::Duration;

/// Series of `ds.workflow.instance.count`: ten states of so many definitions as a large installation has; a page of a few megabytes at most.
pub(crate) const WORKFLOW_SERIES_MAX: usize = 20_000;
/// Series of any other family with labels: methods times servers.
pub(crate) const METRIC_SERIES_MAX: usize = 2_000;
/// Steps of one group commit. Past this a batch holds row locks for longer than it saves round trips.
pub(crate) const COMMIT_BATCH_LEN_MAX: usize = 256;
/// Steps that may wait for a commit. Each workflow has at most one step waiting, so this is reached only by that many
/// busy workflows; then intake stops before anything else does.
pub(crate) const COMMIT_QUEUE_LEN_MAX: usize = 65_536;
/// Waiting steps above which intake takes no more commands: new work would only make the queue longer.
pub(crate) const COMMIT_QUEUE_INTAKE_STOP: usize = 4_096;
/// Trigger requests of one transaction.
pub(crate) const TRIGGER_BATCH_LEN_MAX: usize = 128;
/// Trigger requests that may wait; beyond it the caller is told to come back.
pub(crate) const TRIGGER_QUEUE_LEN_MAX: usize = 8_192;
/// Events that one step decides together. Enough for a fan-out to be one commit, small enough to bound the step.
pub(crate) const EVENTS_PER_STEP_MAX: usize = 512;
/// Mailbox of a workflow actor. Worker events go around it (`do_send`): each task has at most one outstanding.
pub(crate) const WORKFLOW_MAILBOX_LEN: usize = 64;
/// Mailbox of the control-plane actors: one message per member change or command.
pub(crate) const CONTROL_MAILBOX_LEN: usize = 1_024;
/// First and largest pause before a step whose commit failed for a passing reason is tried again.
pub(crate) const COMMIT_RETRY_FIRST: Duration = Duration::from_millis(100);
pub(crate) const COMMIT_RETRY_MAX: Duration = Duration::from_secs(5);
/// Definition versions kept in memory. A version is immutable; the least recently used goes first.
pub(crate) const DEFINITIONS_CACHED_MAX: usize = 2_000;
/// How long project parameters, environments, data sources and clusters are reused: the reference reads them at each
/// dispatch, and a burst of dispatches must not ask for the same rows a thousand times.
pub(crate) const CONTEXT_READ_TTL: Duration = Duration::from_secs(1);
pub(crate) const CONTEXT_READS_CACHED_MAX: usize = 4_096;
/// How often a report for a workflow that is being loaded is looked up again, and for how long in all. An executor
/// that is told "not found" waits three minutes, so the answer is held while a claim may be under way.
pub(crate) const EVENT_PARK_INTERVAL: Duration = Duration::from_millis(50);
pub(crate) const EVENT_PARK_ROUNDS_MAX: u32 = 60;
/// Logic tasks that run at the same time: each is a small future and an open log file, and descriptors are finite.
pub(crate) const LOGIC_TASKS_MAX: usize = 16_384;
/// Scripts of `LogicFakeTask` at the same time: each is a process of the master's own machine.
pub(crate) const LOGIC_SCRIPTS_MAX: usize = 64;
/// How long the output of a killed script is read on: somebody waits for the end, and a child of the shell may hold it open.
pub(crate) const LOGIC_SCRIPT_DRAIN: Duration = Duration::from_millis(500);
/// Attempts dispatched per look at a queue; the actor yields to its mailbox in between.
pub(crate) const DISPATCH_BURST_MAX: usize = 1_024;
/// Pause after a failed read of the command table.
pub(crate) const INTAKE_RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Shortest pause between two looks of a master that has as many instances as it may: each look searches all commands for the few that it still takes.
pub(crate) const INTAKE_FULL_PAUSE: Duration = Duration::from_secs(1);
/// Pause before rows that a task's context needs are read again after a failed read.
pub(crate) const CONTEXT_RETRY_PAUSE: Duration = Duration::from_secs(1);
/// Instances read by one scan of a dead master, and moved by one transaction: a page holds its row locks only briefly, and the survivor's memory
/// never holds the whole load of the dead one.
pub(crate) const FAILOVER_SCAN_LEN: i64 = 1_000;
pub(crate) const FAILOVER_PAGE_LEN: usize = 100;
/// Each rank in the order of the survivors waits this much longer before it takes up a death.
pub(crate) const FAILOVER_STAGGER: Duration = Duration::from_millis(1_000);
/// How long the lock of an address is waited for before the situation is looked at anew.
pub(crate) const FAILOVER_LOCK_WAIT: Duration = Duration::from_secs(5);
pub(crate) const FAILOVER_RETRY_PAUSE: Duration = Duration::from_millis(500);
/// How long a master that left nothing behind is given to say that it ended in order, before its end counts as a death in the timeline.
pub(crate) const FAILOVER_FAREWELL_WAIT: Duration = Duration::from_secs(2);
pub(crate) const FAILOVER_FAREWELL_POLL: Duration = Duration::from_millis(100);
/// Lines of the timeline of failovers that may wait to be written. A failover of that many tasks at once fills it in a moment; beyond it lines are dropped,
/// which the log says, since the timeline must never hold up the work.
pub(crate) const TIMELINE_QUEUE_LEN_MAX: usize = 65_536;
/// Lines of one transaction, and the pause in which lines gather for it.
pub(crate) const TIMELINE_BATCH_LEN_MAX: usize = 1_000;
pub(crate) const TIMELINE_PAUSE: Duration = Duration::from_millis(200);
/// How long a line waits for the record of the move that it belongs to; a move by a Java master has none.
pub(crate) const TIMELINE_WAIT: Duration = Duration::from_secs(60);
/// How often the places of attempts that wait for a slot are looked up, in case the message is lost; new ones are looked up at once, after a moment in which
/// they gather. Attempts of one look: one statement.
pub(crate) const SLOT_LOOK_INTERVAL: Duration = Duration::from_secs(1);
pub(crate) const SLOT_GATHER: Duration = Duration::from_millis(20);
pub(crate) const SLOT_LOOK_LEN_MAX: usize = 1_000;
/// How often the coordinator looks at the queues, and its pause after a look that failed.
pub(crate) const COORDINATOR_LOOK: Duration = Duration::from_millis(250);
pub(crate) const COORDINATOR_RETRY_PAUSE: Duration = Duration::from_secs(1);
/// How often the coordinator removes what others have left behind in the queues, as often as the reference looks at all.
pub(crate) const COORDINATOR_SWEEP: Duration = Duration::from_secs(5);
/// How long the election's lock is waited for, and how often a master that is not the coordinator makes sure that there is one.
pub(crate) const ELECTION_LOCK_WAIT: Duration = Duration::from_secs(5);
pub(crate) const ELECTION_CHECK: Duration = Duration::from_secs(30);
/// How often an instance that has to give way is asked to stop.
pub(crate) const SERIAL_STOP_AGAIN: Duration = Duration::from_secs(5);
/// Age at which finish markers of failovers are removed, and how often: the reference's.
pub(crate) const MARKER_AGE_MAX: Duration = Duration::from_secs(7 * 24 * 3_600);
pub(crate) const MARKER_SWEEP: Duration = Duration::from_secs(24 * 3_600);
/// A pause or stop for an instance that is between two owners, or not yet taken up, waits for its owner so long and so often. The API server gives a call
/// ten seconds in all.
pub(crate) const CONTROL_WAIT: Duration = Duration::from_millis(250);
pub(crate) const CONTROL_WAITS_MAX: u32 = 20;
/// How long the owner may take to answer a request that is forwarded to it.
pub(crate) const CONTROL_CALL_WAIT: Duration = Duration::from_secs(4);
/// How often running instances are looked up for rows that a Java peer has set to FAILURE; only once there was such a peer.
pub(crate) const REPAIR_INTERVAL: Duration = Duration::from_secs(5);
/// A planned stop. How long it waits until the peers' slots leave this master out: a change of the registry reaches everybody in milliseconds, and one that does
/// not must not cost the time that the instances need.
pub(crate) const LEAVE_BUSY_WAIT: Duration = Duration::from_millis(500);
/// How often it looks whether what it waits for is done.
pub(crate) const LEAVE_POLL: Duration = Duration::from_millis(5);
/// The end of the stop's time that is kept for closing the session, and for the calls that are being answered.
pub(crate) const LEAVE_CLOSE_TIME: Duration = Duration::from_millis(1_000);
pub(crate) const LEAVE_SERVER_TIME: Duration = Duration::from_millis(250);
/// Instances that were set aside and are remembered: each is a defect with an alert. The oldest beyond it are tried once more.
pub(crate) const ASIDE_LEN_MAX: usize = 10_000;
/// How often the children of sub workflow tasks are looked at, all in one query; the reference takes 10 s for each.
pub(crate) const CHILD_LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Looks for which a child that nobody can ask is waited for: ten minutes, beyond any failover. Then an operator has to look.
pub(crate) const CHILD_ASK_LOOKS_MAX: u32 = 1_200;
/// How often what dependent tasks wait for is looked at, all together; the reference takes 10 s for each.
pub(crate) const DEPENDENT_LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// Rounds of questions of one look: two for each of the 31 days of a month, and one for the first run ever.
pub(crate) const DEPENDENT_ROUNDS_MAX: usize = 64;
/// Questions of one database job, so that a look does not keep a connection from the commits.
pub(crate) const DEPENDENT_QUESTIONS_PER_JOB_MAX: usize = 500;
/// Pause before a task inside this master reads again what it could not read.
pub(crate) const LOGIC_READ_PAUSE: Duration = Duration::from_secs(1);
/// How often the triggers of schedules are looked at for new ones; what is known is looked at when it is due. One read of an index, far below a second so that a
/// schedule that has just come online does not miss its first time.
pub(crate) const SCHEDULE_POLL: Duration = Duration::from_millis(500);
/// Each master comes this much later to a trigger than the one before it, up to a bound well below a second: otherwise all would wait for the same lock.
pub(crate) const SCHEDULE_STAGGER: Duration = Duration::from_millis(150);
pub(crate) const SCHEDULE_TURN_MAX: Duration = Duration::from_millis(600);
/// Pause after a look that failed.
pub(crate) const SCHEDULE_RETRY_PAUSE: Duration = Duration::from_millis(500);
/// How often the Quartz schedulers of Java masters are looked at.
pub(crate) const QUARTZ_WATCH_INTERVAL: Duration = Duration::from_secs(5);
