//! `state_history`: the JSON list that shows how an instance came to its state (`WorkflowInstance.setStateWithDesc`).

use crate::codes::WorkflowState;
use crate::time::{Millis, wall_clock_text};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Entry {
    time: Option<String>,
    state: Option<String>,
    desc: Option<String>,
}

/// The history with one more entry. A history that cannot be read begins anew: it is shown, never decided on.
#[must_use]
pub fn append(
    history: Option<&str>,
    state: WorkflowState,
    description: &str,
    now: Millis,
    zone: Tz,
) -> String {
    let mut entries: Vec<Entry> = history
        .and_then(|text| serde_json::from_str::<Option<Vec<Entry>>>(text).ok())
        .flatten()
        .unwrap_or_default();
    entries.push(Entry {
        time: Some(wall_clock_text(now, zone)),
        state: Some(state.name().to_owned()),
        desc: Some(description.to_owned()),
    });
    serde_json::to_string(&entries).expect("a list of plain strings is always JSON")
}
