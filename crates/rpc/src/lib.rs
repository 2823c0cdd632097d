//! The DolphinScheduler 3.4.2 wire: frames and message bodies as values, and connections and calls on top of them.
//!
//! The crate is the only one that knows the byte layout. Its codec half (`frame`, `envelope`, `json`, `date`, `dto`,
//! `methods`) turns bytes into values and back without doing any I/O; its connection half (`client`, `server`) moves
//! them. It guarantees that a peer of the reference cannot tell the difference, that no input makes it panic or
//! allocate without bound, and that a call whose outcome nobody knows is never reported as refused. It refuses to know
//! what a message is for.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod date;
pub mod dto;
pub mod envelope;
pub mod frame;
pub mod json;
pub mod limits;
pub mod methods;
mod outgoing;

pub mod client;
pub mod server;

pub use client::{
    Client, ClientSettings, ClientSnapshot, Outcome, PeerSnapshot, Permit, Refusal, UnknownReason,
};
pub use date::WireDate;
pub use methods::Method;
pub use server::{
    BindError, Declined, Handler, IncomingCall, Reply, Router, Server, ServerSettings, ServerSnapshot,
};
