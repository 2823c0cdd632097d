//! `dolphin.scheduler.network.*`: which of the machine's addresses is the one that peers dial (`NetUtils`).

use crate::config::section::section;
use crate::config::value::choice;

choice! {
    /// `dolphin.scheduler.network.priority.strategy`
    NetworkStrategy, "default, inner or outer", { Default => "default", Inner => "inner", Outer => "outer" }
}

section! {
    /// How a process finds its own address, when none is set.
    pub(crate) struct Network {
        /// The one interface to use, like `eth0`.
        "interface.preferred" => preferred: Option<String> = None;
        /// Interfaces never to use.
        "interface.restrict" => restricted: Vec<String> = vec!["docker0".to_owned()];
        /// `inner`: private addresses only; `outer`: public ones only; `default`: private ones first.
        "priority.strategy" => strategy: NetworkStrategy = NetworkStrategy::Default;
    }
}
