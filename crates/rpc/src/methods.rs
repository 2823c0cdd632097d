//! The methods of the protocol, one type each: what goes in, what comes out, and the strings that name them.
//!
//! An identifier is `Method.toGenericString()` of the Java interface method and is compared as a whole.

pub mod logic;
pub mod master;
pub mod peers;
pub mod worker;

pub use master::*;

use crate::dto::Payload;

/// The pseudo method of a heartbeat frame.
pub const HEARTBEAT: &str = "HEART_BEAT";

/// A method of the protocol. All have one parameter or none.
pub trait Method: Send + Sync + 'static {
    /// What names it on the wire.
    const IDENTIFIER: &'static str;
    /// Interface and method, for people.
    const NAME: &'static str;
    /// `()` for no parameter.
    type Request: Payload;
    /// `()` for void.
    type Response: Payload;
    /// Java class of the parameter.
    const REQUEST_CLASS: Option<&'static str> = Self::Request::CLASS;
    /// Java class of the result.
    const RESPONSE_CLASS: Option<&'static str> = Self::Response::CLASS;
}

/// A method as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Description {
    pub identifier: &'static str,
    pub name: &'static str,
    pub request_class: Option<&'static str>,
    pub response_class: Option<&'static str>,
}

impl Description {
    #[must_use]
    pub const fn of<M: Method>() -> Self {
        Self {
            identifier: M::IDENTIFIER,
            name: M::NAME,
            request_class: M::REQUEST_CLASS,
            response_class: M::RESPONSE_CLASS,
        }
    }
}

/// Every method that this crate knows: those a master serves, those it calls, those of test doubles.
pub fn all() -> impl Iterator<Item = &'static Description> {
    [master::ALL, logic::ALL, worker::ALL, peers::ALL]
        .into_iter()
        .flatten()
}

/// The 26 methods that a master serves.
pub fn served_by_master() -> impl Iterator<Item = &'static Description> {
    [master::ALL, logic::ALL].into_iter().flatten()
}

/// The name for people of an identifier, or the start of the identifier itself when it is unknown.
#[must_use]
pub fn short_name(identifier: &str) -> &str {
    all()
        .find(|method| method.identifier == identifier)
        .map_or_else(|| crate::json::shortened(identifier), |method| method.name)
}

/// Is it one of the seven reports of an executor?
#[must_use]
pub fn is_executor_event(identifier: &str) -> bool {
    identifier.contains(".ITaskExecutorEventListener.onTaskExecutor")
}

/// Declares methods: `Type(Request) -> Response = "name", "identifier";`.
macro_rules! methods {
    ($(
        $(#[$meta:meta])*
        $name:ident($request:ty) -> $response:ty = $short:literal, $identifier:literal;
    )+) => {
        $(
            $(#[$meta])*
            #[derive(Clone, Copy, Debug)]
            pub struct $name;

            impl super::Method for $name {
                const IDENTIFIER: &'static str = $identifier;
                const NAME: &'static str = $short;
                type Request = $request;
                type Response = $response;
            }
        )+

        /// The methods of this module.
        pub(super) const ALL: &[super::Description] = &[$(super::Description::of::<$name>()),+];
    };
}
use methods;

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn identifiers_are_made_of_the_classes() {
        for method in all() {
            let (head, arguments) = method.identifier.split_once('(').unwrap();
            let words: Vec<_> = head.split(' ').collect();
            assert_eq!(words[..2], ["public", "abstract"], "{}", method.name);
            assert_eq!(
                words[2],
                method.response_class.unwrap_or("void"),
                "{}",
                method.name
            );
            assert!(
                words[3].ends_with(&format!(".{}", method.name)),
                "{}",
                method.name
            );
            assert_eq!(
                arguments,
                format!("{})", method.request_class.unwrap_or("")),
                "{}",
                method.name
            );
        }
    }

    #[test]
    fn the_table_is_complete_and_unambiguous() {
        assert_eq!(served_by_master().count(), 26);
        assert_eq!(worker::ALL.len(), 5);
        assert_eq!(peers::ALL.len(), 3);
        let identifiers: HashSet<_> = all().map(|method| method.identifier).collect();
        assert_eq!(identifiers.len(), all().count());
        assert_eq!(
            all()
                .filter(|method| is_executor_event(method.identifier))
                .count(),
            7
        );
    }

    #[test]
    fn an_unknown_identifier_has_a_short_name() {
        assert_eq!(
            short_name(RefreshWorkerGroup::IDENTIFIER),
            "IMasterContainerService.refreshWorkerGroup"
        );
        assert!(short_name(&"x".repeat(10_000)).len() < 100);
    }
}
