//! Settings of a client.

use crate::limits;
use std::time::Duration;

/// The defaults are those of the reference's client, or stated in [`limits`].
#[derive(Clone, Debug)]
pub struct ClientSettings {
    /// How long one attempt to connect may take.
    pub connect_timeout: Duration,
    /// How long a call may take from its start to its answer.
    pub call_timeout: Duration,
    /// A heartbeat is sent when nothing was written for this long.
    pub heartbeat_interval: Duration,
    /// Open calls per connection; further callers wait.
    pub in_flight_max: usize,
    /// Bodies longer than this are neither sent nor received, in bytes.
    pub body_len_max: usize,
    /// After a failed connect, calls fail at once for this long; doubled with each failure.
    pub back_off_min: Duration,
    pub back_off_max: Duration,
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            connect_timeout: limits::CONNECT_TIMEOUT,
            call_timeout: limits::CALL_TIMEOUT,
            heartbeat_interval: limits::HEARTBEAT_INTERVAL,
            in_flight_max: limits::CLIENT_IN_FLIGHT_MAX,
            body_len_max: limits::BODY_LEN_MAX,
            back_off_min: limits::BACK_OFF_MIN,
            back_off_max: limits::BACK_OFF_MAX,
        }
    }
}
