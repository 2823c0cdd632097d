//! Settings of a server.

use crate::limits;
use std::time::Duration;

/// The defaults are those of the reference's server, or stated in [`limits`].
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// A connection on which nothing was read for this long is closed.
    pub idle_timeout: Duration,
    /// A frame that has begun must end within this time.
    pub frame_timeout: Duration,
    /// Calls of one connection that are worked on at the same time; no more is read meanwhile.
    pub in_flight_max: usize,
    /// Connections at the same time; further ones are closed at once.
    pub connections_max: usize,
    /// Bodies longer than this end the connection, in bytes.
    pub body_len_max: usize,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            idle_timeout: limits::IDLE_TIMEOUT,
            frame_timeout: limits::FRAME_TIMEOUT,
            in_flight_max: limits::SERVER_IN_FLIGHT_MAX,
            connections_max: limits::CONNECTIONS_MAX,
            body_len_max: limits::BODY_LEN_MAX,
        }
    }
}
