//! Which of the other sessions have ended. Compares no clocks: a session is dead when its heartbeat has not changed for its whole time-out *as
//! seen by us*, while we were awake to see it, or when its process is known to have ended.

use super::tables::ClientRow;
use std::collections::HashMap;
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Judge {
    silences: HashMap<i64, Silence>,
}

#[derive(Debug)]
struct Silence {
    last_heartbeat_time: i64,
    lasting: Duration,
}

/// A verdict on one session.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Dead {
    pub(super) id: i64,
    /// Valid only while the heartbeat still is this one; nothing when the process has ended.
    pub(super) last_heartbeat_time: Option<i64>,
}

impl Judge {
    /// Takes in one look. `since_last_look` must already be cut to what we can have been awake for: after a sleep of our own, silence proves nothing.
    pub(super) fn look(
        &mut self,
        rows: &[ClientRow],
        own_id: i64,
        since_last_look: Duration,
        default_timeout: Duration,
        has_ended: impl Fn(i64) -> bool,
    ) -> Vec<Dead> {
        let mut dead = Vec::new();
        let mut silences = HashMap::new();
        for row in rows.iter().filter(|row| row.id != own_id) {
            let lasting = match self.silences.get(&row.id) {
                Some(known) if known.last_heartbeat_time == row.last_heartbeat_time => {
                    known.lasting + since_last_look
                }
                _ => Duration::ZERO,
            };
            if has_ended(row.id) {
                dead.push(Dead {
                    id: row.id,
                    last_heartbeat_time: None,
                });
            } else if lasting > timeout_of(&row.connection_config).unwrap_or(default_timeout) {
                dead.push(Dead {
                    id: row.id,
                    last_heartbeat_time: Some(row.last_heartbeat_time),
                });
            }
            silences.insert(
                row.id,
                Silence {
                    last_heartbeat_time: row.last_heartbeat_time,
                    lasting,
                },
            );
        }
        self.silences = silences;
        dead
    }
}

/// `{"sessionTimeout":60000}`
pub(super) fn config_of(timeout: Duration) -> String {
    format!("{{\"sessionTimeout\":{}}}", timeout.as_millis())
}

fn timeout_of(config: &str) -> Option<Duration> {
    let config: serde_json::Value = serde_json::from_str(config).ok()?;
    config
        .get("sessionTimeout")?
        .as_u64()
        .filter(|ms| *ms > 0)
        .map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64, heartbeat: i64) -> ClientRow {
        ClientRow {
            id,
            last_heartbeat_time: heartbeat,
            connection_config: config_of(Duration::from_secs(1)),
        }
    }

    fn look(judge: &mut Judge, rows: &[ClientRow], ms: u64) -> Vec<i64> {
        let dead = judge.look(
            rows,
            1,
            Duration::from_millis(ms),
            Duration::from_secs(60),
            |_| false,
        );
        dead.into_iter().map(|dead| dead.id).collect()
    }

    #[test]
    fn only_a_whole_timeout_of_observed_silence_is_death() {
        let mut judge = Judge::default();
        assert_eq!(
            look(&mut judge, &[row(1, 0), row(2, 5)], 5_000),
            Vec::<i64>::new(),
            "first look"
        );
        assert_eq!(
            look(&mut judge, &[row(1, 0), row(2, 5)], 1_000),
            Vec::<i64>::new(),
            "exactly the timeout"
        );
        assert_eq!(look(&mut judge, &[row(1, 0), row(2, 5)], 1), vec![2]);
    }

    #[test]
    fn any_change_is_a_sign_of_life_even_backwards() {
        let mut judge = Judge::default();
        look(&mut judge, &[row(2, 5)], 0);
        look(&mut judge, &[row(2, 5)], 900);
        assert!(look(&mut judge, &[row(2, 4)], 900).is_empty());
        assert!(look(&mut judge, &[row(2, 4)], 900).is_empty());
        assert_eq!(look(&mut judge, &[row(2, 4)], 200), vec![2]);
    }

    #[test]
    fn an_ended_process_needs_no_waiting_and_we_never_judge_ourselves() {
        let mut judge = Judge::default();
        let dead = judge.look(
            &[row(1, 0), row(2, 5)],
            1,
            Duration::ZERO,
            Duration::from_secs(60),
            |_| true,
        );
        assert_eq!(
            dead,
            vec![Dead {
                id: 2,
                last_heartbeat_time: None
            }]
        );
    }

    #[test]
    fn an_unreadable_config_falls_back_to_our_own_timeout() {
        assert_eq!(
            timeout_of("{\"sessionTimeout\":60000}"),
            Some(Duration::from_secs(60))
        );
        for bad in [
            "",
            "{}",
            "[1]",
            "{\"sessionTimeout\":-1}",
            "{\"sessionTimeout\":0}",
            "{\"sessionTimeout\":\"x\"}",
        ] {
            assert_eq!(timeout_of(bad), None, "{bad}");
        }
    }
}
