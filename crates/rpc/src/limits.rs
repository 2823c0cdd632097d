//! Every bound of this crate, with its reason. What is a default here can be changed in the settings.

use std::time::Duration;

/// Real headers have 48 to 600 bytes; the longest identifier of the protocol is below 500.
pub const HEADER_LEN_MAX: usize = 64 * 1024;

/// A whole log file travels in one frame, base64 inside base64, so bodies can be large. Default of both halves.
pub const BODY_LEN_MAX: usize = 64 * 1024 * 1024;

/// What a decoder reserves ahead of the bytes, however much a peer announces: memory follows data, never promises.
pub const RESERVE_AHEAD_MAX: usize = 256 * 1024;

/// Bodies above this share the permits of [`LARGE_FRAMES_MAX`]; calls of the protocol, logs apart, stay far below.
pub const LARGE_FRAME_LEN: usize = 1024 * 1024;

/// Large frames that one server receives at the same time; with the body limit this bounds its memory.
pub const LARGE_FRAMES_MAX: usize = 8;

/// Open calls on one client connection. A worker runs at most a few hundred tasks; more callers wait for a place.
pub const CLIENT_IN_FLIGHT_MAX: usize = 1024;

/// Frames gathered into one write, small enough for the number of slices that one system call takes.
pub const FRAMES_PER_WRITE_MAX: usize = 64;

/// A write is not extended past this many bytes: beyond it a larger one saves nothing.
pub const BYTES_PER_WRITE_MAX: usize = 256 * 1024;

/// Calls of one connection that a server works on; reading stops at the limit, so the peer feels it.
pub const SERVER_IN_FLIGHT_MAX: usize = 1024;

/// What the two settings above can be raised to: more would only be memory, and semaphores have a limit of their own.
pub const IN_FLIGHT_CEILING: usize = 1 << 20;

/// Connections of one server. A cluster has one per peer process and direction.
pub const CONNECTIONS_MAX: usize = 4096;

/// Answers waiting in memory for a peer that does not read; above this nothing more is read from it.
pub const ANSWER_BYTES_WAITING_MAX: usize = 64 * 1024;

/// The reference's backlog.
pub const LISTEN_BACKLOG: u32 = 1024;

pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// A peer closes a connection on which it has read nothing for [`IDLE_TIMEOUT`].
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(10);
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// A frame that has begun must end within this time, else a peer could hold a buffer for ever with one byte a minute.
pub const FRAME_TIMEOUT: Duration = Duration::from_secs(120);

/// After a failed connect further calls fail at once for this long, doubled with each failure up to the maximum. The
/// maximum is below a second, so that a restarted peer is reached within a second.
pub const BACK_OFF_MIN: Duration = Duration::from_millis(20);
pub const BACK_OFF_MAX: Duration = Duration::from_millis(500);

/// How long a connection that we close waits for the peer's end, so that the last answers are not lost with a reset.
pub const LINGER_TIMEOUT: Duration = Duration::from_millis(200);

/// Pause of the accept loop after an error such as "too many open files", which would otherwise spin.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Addresses remembered by a client; a cluster has far fewer. The oldest idle ones are forgotten first.
pub const PEERS_MAX: usize = 4096;

/// Text of a failure that is kept or sent; the rest is cut.
pub const MESSAGE_LEN_MAX: usize = 8 * 1024;

/// Bytes that the peer's host does not even acknowledge for this long end the connection: the host is gone or cut off.
/// Longer than any call, shorter than the operating system's quarter of an hour.
pub const UNACKNOWLEDGED_MAX_MS: u32 = 30_000;
