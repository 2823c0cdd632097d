//! Task groups: a bounded number of attempts at a time, the most urgent first (`TaskGroupCoordinator`).

use std::cmp::Reverse;

/// What a task group is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupState {
    pub size: i32,
    /// A closed group limits nothing.
    pub is_open: bool,
}

/// A waiting row of `t_ds_task_group_queue`, whose attempt could go now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotRequest {
    pub queue_id: i32,
    pub task_instance_id: i32,
    pub workflow_instance_id: i32,
    /// The owner of the workflow instance.
    pub host: String,
    /// The larger, the sooner.
    pub priority: i32,
}

/// A slot that is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub queue_id: i32,
    pub task_instance_id: i32,
    pub workflow_instance_id: i32,
    pub host: String,
}

/// Who gets the free slots: by priority, and among equals who came first.
#[must_use]
pub fn assign(group: GroupState, used: i64, mut requests: Vec<SlotRequest>) -> Vec<Grant> {
    let free = if group.is_open {
        i64::from(group.size).saturating_sub(used).max(0)
    } else {
        0
    };
    requests.sort_by_key(|request| (Reverse(request.priority), request.queue_id));
    requests
        .into_iter()
        .take(usize::try_from(free).unwrap_or(usize::MAX))
        .map(|request| Grant {
            queue_id: request.queue_id,
            task_instance_id: request.task_instance_id,
            workflow_instance_id: request.workflow_instance_id,
            host: request.host,
        })
        .collect()
}

/// What the database says of the place of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotRow {
    pub has_slot: bool,
    /// An operator lets it go without one.
    pub is_forced: bool,
    /// `None`: the group is gone.
    pub group_is_open: Option<bool>,
}

/// Whether an attempt that waits may go. Without a row nothing limits it: the group was closed or gone when it asked, or a coordinator has let it go.
#[must_use]
pub const fn may_go(row: Option<SlotRow>) -> bool {
    match row {
        None => true,
        Some(row) => row.has_slot || row.is_forced || !matches!(row.group_is_open, Some(true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(queue_id: i32, priority: i32) -> SlotRequest {
        SlotRequest {
            queue_id,
            task_instance_id: queue_id + 100,
            workflow_instance_id: 7,
            host: "m:1".to_owned(),
            priority,
        }
    }

    fn given(size: i32, is_open: bool, used: i64, requests: &[(i32, i32)]) -> Vec<i32> {
        let requests = requests
            .iter()
            .map(|&(id, priority)| request(id, priority))
            .collect();
        assign(GroupState { size, is_open }, used, requests)
            .into_iter()
            .map(|grant| grant.queue_id)
            .collect()
    }

    #[test]
    fn the_most_urgent_first_and_no_more_than_the_group_is_large() {
        let waiting = [(1, 1), (2, 5), (3, 5), (4, 2)];
        assert_eq!(given(1, true, 0, &waiting), [2]);
        assert_eq!(given(3, true, 0, &waiting), [2, 3, 4]);
        assert_eq!(given(3, true, 2, &waiting), [2]);
        assert_eq!(given(9, true, 0, &waiting), [2, 3, 4, 1]);
    }

    #[test]
    fn a_full_or_empty_or_closed_group_gives_nothing() {
        for (size, is_open, used) in [
            (2, true, 2),
            (2, true, 5),
            (0, true, 0),
            (-1, true, 0),
            (4, false, 0),
        ] {
            assert_eq!(given(size, is_open, used, &[(1, 1)]), [] as [i32; 0]);
        }
    }

    #[test]
    fn what_waits_goes_when_nothing_limits_it() {
        let row = |has_slot, is_forced, group_is_open| {
            may_go(Some(SlotRow {
                has_slot,
                is_forced,
                group_is_open,
            }))
        };
        assert!(may_go(None));
        assert!(!row(false, false, Some(true)));
        assert!(row(true, false, Some(true)));
        assert!(row(false, true, Some(true)));
        assert!(row(false, false, Some(false)));
        assert!(row(false, false, None));
    }
}
