//! Tests of the wire from outside: recorded frames, own frames, properties, and connections on loopback.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

mod client;
mod codec_purity;
mod conversion;
mod frames;
mod java_json;
mod properties;
mod recorded;
mod replay;
mod safety;
mod server;
mod server_stop;
mod support;
mod table;
