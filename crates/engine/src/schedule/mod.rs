//! Schedules whose time has come: what becomes of a trigger row, and when to look again.
//!
//! Guarantees: each fire time of a trigger is in exactly one decision, in order, as long as each decision is carried out whole; a decision is bounded however long
//! nobody looked. Refuses to know the tables and the clock.

mod peers;
#[cfg(test)]
mod tests;

pub use peers::{Peer, Peers};

use crate::cron::{Cron, CronError};
use crate::limits::FIRES_PER_DECISION_MAX;
use crate::time::Millis;
use crate::zone::{UnknownZone, Zone};

/// How late a trigger may be before its misfire instruction counts (`org.quartz.jobStore.misfireThreshold`).
const MISFIRE_THRESHOLD_MS: i64 = 60_000;

/// The cron trigger of a schedule, as its rows say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    pub cron_expression: Option<String>,
    /// `None` means the zone of the master.
    pub zone_id: Option<String>,
    pub next_fire_time: Millis,
    /// The last instant at which it may fire.
    pub end_time: Option<Millis>,
    pub misfire: Misfire,
}

/// What to do about fire times that nobody was there for (`MISFIRE_INSTR`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfire {
    /// Fire for each of them. What the API server writes.
    FireAll,
    FireOnce,
    DoNothing,
}

impl Misfire {
    /// 0, "smart", means fire once for a cron trigger; a number that Quartz does not know changes nothing about the fire times.
    #[must_use]
    pub const fn from_code(code: i32) -> Self {
        match code {
            0 | 1 => Self::FireOnce,
            2 => Self::DoNothing,
            _ => Self::FireAll,
        }
    }
}

/// What the schedule and its workflow say today. `None`: there is no such row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    pub schedule_is_online: Option<bool>,
    pub workflow_is_online: Option<bool>,
}

/// What becomes of a trigger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// An instance for each of the times, which may be none; then the trigger waits for `next`, or goes with its job when there is none.
    Fire {
        times: Vec<Millis>,
        next: Option<Millis>,
    },
    /// The schedule is gone or offline: the job goes.
    RemoveJob,
    /// The workflow is gone: schedule and job go.
    RemoveSchedule,
    /// The workflow is offline: the schedule goes offline, the job goes.
    TakeOffline,
    /// Nobody can tell its fire times: it is set aside, as Quartz does.
    SetAside(Broken),
}

/// Why a trigger cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    #[error("it has no cron expression")]
    NoExpression,
    #[error("its cron expression {expression:?} is not one: {reason}")]
    Expression { expression: String, reason: CronError },
    #[error(transparent)]
    Zone(#[from] UnknownZone),
}

/// Decides about one trigger that is due.
#[must_use]
pub fn decide(trigger: &Trigger, subject: Subject, own_zone: &Zone, now: Millis) -> Decision {
    match (subject.schedule_is_online, subject.workflow_is_online) {
        (None | Some(false), _) => Decision::RemoveJob,
        (Some(true), None) => Decision::RemoveSchedule,
        (Some(true), Some(false)) => Decision::TakeOffline,
        (Some(true), Some(true)) => match Times::of(trigger, own_zone) {
            Ok(times) => times.fire(trigger, now),
            Err(broken) => Decision::SetAside(broken),
        },
    }
}

/// The fire times of a trigger.
struct Times {
    cron: Cron,
    zone: Zone,
    end: Option<Millis>,
}

impl Times {
    fn of(trigger: &Trigger, own_zone: &Zone) -> Result<Self, Broken> {
        let expression = trigger.cron_expression.as_deref().ok_or(Broken::NoExpression)?;
        let cron = Cron::parse(expression).map_err(|reason| Broken::Expression {
            expression: expression.to_owned(),
            reason,
        })?;
        let zone = match trigger
            .zone_id
            .as_deref()
            .map(str::trim)
            .filter(|zone| !zone.is_empty())
        {
            Some(zone) => Zone::parse(zone)?,
            None => *own_zone,
        };
        Ok(Self {
            cron,
            zone,
            end: trigger.end_time,
        })
    }

    fn after(&self, time: Millis) -> Option<Millis> {
        self.cron
            .next_after(time, &self.zone)
            .filter(|next| self.end.is_none_or(|end| *next <= end))
    }

    fn fire(&self, trigger: &Trigger, now: Millis) -> Decision {
        let mut times = Vec::new();
        let mut next = Some(trigger.next_fire_time);
        if now.since(trigger.next_fire_time) > MISFIRE_THRESHOLD_MS {
            next = match trigger.misfire {
                Misfire::FireAll => next,
                Misfire::FireOnce => Some(now),
                Misfire::DoNothing => self.after(now),
            };
        }
        while let Some(due) = next.filter(|due| *due <= now && times.len() < FIRES_PER_DECISION_MAX) {
            times.push(due);
            next = self.after(due);
        }
        Decision::Fire { times, next }
    }
}

/// How long a master waits before it looks at the triggers again. `turn_ms` is its place behind the others, so that they do not all come for the same trigger.
#[must_use]
pub fn wait_ms(next_due: Option<Millis>, now: Millis, turn_ms: i64, poll_ms: i64) -> i64 {
    let until = next_due.map_or(poll_ms, |due| due.plus(turn_ms).since(now));
    until.clamp(0, poll_ms)
}
