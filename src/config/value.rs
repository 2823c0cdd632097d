//! How the text of a setting becomes a value, and how a value is shown again.
//!
//! Guarantees: what [`Setting::show`] writes, [`Setting::parse`] reads back, except for secrets, which are shown as stars.

use super::duration;
use std::path::PathBuf;
use std::time::Duration;

/// A type that a key of the configuration can have.
pub(crate) trait Setting: Sized {
    /// What an operator has to write, for messages and the reference page.
    const EXPECTED: &'static str;
    /// Never printed.
    const SECRET: bool = false;
    /// Shown, but not all of it.
    const MAY_HOLD_SECRETS: bool = false;
    /// An empty text is a value of its own; for other types it means "not set", as in Spring.
    const EMPTY_IS_A_VALUE: bool = false;

    fn parse(text: &str) -> Option<Self>;
    fn show(&self) -> String;

    /// The value of a YAML sequence.
    fn parse_list(_items: &[String]) -> Option<Self> {
        None
    }
}

/// Text that must not be printed.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(STARS)
    }
}

pub(crate) const STARS: &str = "******";

impl Setting for Secret {
    const EXPECTED: &'static str = "a text";
    const SECRET: bool = true;
    const EMPTY_IS_A_VALUE: bool = true;

    fn parse(text: &str) -> Option<Self> {
        Some(Self(text.to_owned()))
    }

    fn show(&self) -> String {
        if self.0.is_empty() {
            String::new()
        } else {
            STARS.to_owned()
        }
    }
}

/// The address of a database. Credentials inside it are shown as stars.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct DatabaseUrl(String);

impl DatabaseUrl {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.show())
    }
}

impl Setting for DatabaseUrl {
    const EXPECTED: &'static str =
        "an address like jdbc:mysql://host:3306/dolphinscheduler or jdbc:sqlite:file";
    const MAY_HOLD_SECRETS: bool = true;

    fn parse(text: &str) -> Option<Self> {
        Some(Self(text.trim().to_owned()))
    }

    fn show(&self) -> String {
        mask_url(&self.0)
    }
}

/// Replaces what stands before an `@` in the authority, and the value of each parameter whose name speaks of a credential.
fn mask_url(url: &str) -> String {
    let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
    let mut shown = match address.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest
                .split_once('/')
                .map_or((rest, None), |(host, path)| (host, Some(path)));
            let authority = authority
                .rsplit_once('@')
                .map_or(authority.to_owned(), |(_, host)| format!("{STARS}@{host}"));
            path.map_or_else(
                || format!("{scheme}://{authority}"),
                |path| format!("{scheme}://{authority}/{path}"),
            )
        }
        None => address.to_owned(),
    };
    if url.contains('?') {
        let secret = ["password", "pwd", "secret", "user", "token"];
        let parts = parameters.split('&').map(|part| match part.split_once('=') {
            Some((name, _)) if secret.iter().any(|word| name.to_lowercase().contains(word)) => {
                format!("{name}={STARS}")
            }
            _ => part.to_owned(),
        });
        shown = format!("{shown}?{}", parts.collect::<Vec<_>>().join("&"));
    }
    shown
}

impl Setting for String {
    const EXPECTED: &'static str = "a text";
    const EMPTY_IS_A_VALUE: bool = true;

    fn parse(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Setting for PathBuf {
    const EXPECTED: &'static str = "the path of a file or folder";

    fn parse(text: &str) -> Option<Self> {
        Some(Self::from(text.trim()))
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

/// A TCP port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Port(pub(crate) u16);

impl Setting for Port {
    const EXPECTED: &'static str = "a port from 1 to 65535";

    fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok().filter(|port| *port > 0).map(Self)
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

/// A part of the whole: 0.8 is four fifths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Share(pub(crate) f64);

impl Setting for Share {
    const EXPECTED: &'static str = "a share from 0 to 1, like 0.8";

    fn parse(text: &str) -> Option<Self> {
        text.trim()
            .parse()
            .ok()
            .filter(|share| (0.0..=1.0).contains(share))
            .map(Self)
    }

    fn show(&self) -> String {
        self.0.to_string()
    }
}

impl Setting for bool {
    const EXPECTED: &'static str = "true or false";

    /// The words Spring takes.
    fn parse(text: &str) -> Option<Self> {
        match text.trim().to_lowercase().as_str() {
            "true" | "on" | "yes" | "1" => Some(true),
            "false" | "off" | "no" | "0" => Some(false),
            _ => None,
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl Setting for Duration {
    const EXPECTED: &'static str =
        "a duration like 10s, 5m, 250ms, 0d or PT10S (a bare number counts milliseconds)";

    fn parse(text: &str) -> Option<Self> {
        duration::parse(text)
    }

    fn show(&self) -> String {
        duration::show(*self)
    }
}

macro_rules! whole_number {
    ($type:ty, $expected:literal) => {
        impl Setting for $type {
            const EXPECTED: &'static str = $expected;

            fn parse(text: &str) -> Option<Self> {
                text.trim().parse().ok()
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    };
}

whole_number!(i32, "a whole number from -2147483648 to 2147483647");
whole_number!(u32, "a whole number from 0 to 4294967295");
whole_number!(usize, "a whole number, 0 or more");

impl<T: Setting> Setting for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;
    const SECRET: bool = T::SECRET;
    const EMPTY_IS_A_VALUE: bool = true;

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            Some(None)
        } else {
            T::parse(text).map(Some)
        }
    }

    fn show(&self) -> String {
        self.as_ref().map(T::show).unwrap_or_default()
    }
}

impl Setting for Vec<String> {
    const EXPECTED: &'static str = "a list, or texts separated by commas";
    const EMPTY_IS_A_VALUE: bool = true;

    fn parse(text: &str) -> Option<Self> {
        Some(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(str::to_owned)
                .collect(),
        )
    }

    fn show(&self) -> String {
        self.join(",")
    }

    fn parse_list(items: &[String]) -> Option<Self> {
        Some(items.to_vec())
    }
}

/// An enum whose values are words. Case, dashes and underscores do not matter, as in Spring.
macro_rules! choice {
    ($(#[doc = $doc:literal])* $name:ident, $expected:literal, { $($variant:ident => $word:literal),+ $(,)? }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum $name { $($variant),+ }

        impl $crate::config::value::Setting for $name {
            const EXPECTED: &'static str = $expected;

            fn parse(text: &str) -> Option<Self> {
                let word = $crate::config::names::letters(text);
                $( if word == $crate::config::names::letters($word) { return Some(Self::$variant); } )+
                None
            }

            fn show(&self) -> String {
                match self { $(Self::$variant => $word.to_owned()),+ }
            }
        }
    };
}
pub(crate) use choice;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn credentials_in_an_address_are_stars() {
        let cases = [
            ("jdbc:mysql://h:3306/ds", "jdbc:mysql://h:3306/ds"),
            (
                "jdbc:mysql://h/ds?user=me&password=p1&useSSL=false",
                "jdbc:mysql://h/ds?user=******&password=******&useSSL=false",
            ),
            ("mysql://me:p@2@h:1/ds", "mysql://******@h:1/ds"),
            ("jdbc:sqlite:/var/lib/orca.db", "jdbc:sqlite:/var/lib/orca.db"),
            ("mysql://me:p2@h", "mysql://******@h"),
            (
                "jdbc:mysql://h/ds?trustCertificateKeyStorePassword=p3",
                "jdbc:mysql://h/ds?trustCertificateKeyStorePassword=******",
            ),
        ];
        for (url, shown) in cases {
            assert_eq!(DatabaseUrl::new(url).show(), shown);
            assert_eq!(format!("{:?}", DatabaseUrl::new(url)), shown);
        }
        assert_eq!(format!("{:?}", Secret::new("p4")), STARS);
    }

    #[test]
    fn booleans_take_the_words_of_spring() {
        for (text, value) in [
            ("TRUE", Some(true)),
            ("on", Some(true)),
            ("No", Some(false)),
            ("0", Some(false)),
            ("maybe", None),
        ] {
            assert_eq!(bool::parse(text), value, "{text}");
        }
    }

    #[test]
    fn ports_and_shares_have_bounds() {
        assert_eq!(
            (Port::parse("0"), Port::parse("65536"), Port::parse("65535")),
            (None, None, Some(Port(65535)))
        );
        assert_eq!(
            (Share::parse("1.1"), Share::parse("NaN"), Share::parse("1")),
            (None, None, Some(Share(1.0)))
        );
    }
}
