//! What a section of the configuration is: a struct whose fields know their key, their default and their text in the reference page.

use super::value::{STARS, Setting};
use std::collections::BTreeMap;
use std::fmt;

/// One key, for the reference page and for the search for known names.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    /// Without the prefix of its section.
    pub(crate) key: &'static str,
    pub(crate) expected: &'static str,
    pub(crate) default: String,
    pub(crate) text: &'static str,
    pub(crate) empty_is_a_value: bool,
    /// It is a credential or may hold one.
    pub(crate) is_secret: bool,
}

/// A group of keys below one prefix.
pub(crate) trait Section: Sized + Default {
    fn fields() -> Vec<Field>;
    fn read(reader: &mut Reader, prefix: &str) -> Self;
    /// Keys and values, secrets as stars.
    fn show(&self) -> Vec<(&'static str, String)>;
}

/// The whole key. A section without a prefix has keys that are whole already.
pub(crate) fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() {
        key.to_owned()
    } else {
        format!("{prefix}.{key}")
    }
}

/// Declares a section. Each line is `"key" => field: Type = default;` below the text of the reference page.
macro_rules! section {
    (
        $(#[doc = $about:literal])*
        pub(crate) struct $name:ident {
            $( $(#[doc = $text:literal])* $key:literal => $field:ident : $type:ty = $default:expr; )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug)]
        pub(crate) struct $name {
            $( $(#[doc = $text])* pub(crate) $field: $type, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }

        impl $crate::config::section::Section for $name {
            fn fields() -> Vec<$crate::config::section::Field> {
                use $crate::config::value::Setting;
                let default = Self::default();
                vec![ $( $crate::config::section::Field {
                    key: $key,
                    expected: <$type as Setting>::EXPECTED,
                    default: default.$field.show(),
                    text: concat!($($text),*),
                    empty_is_a_value: <$type as Setting>::EMPTY_IS_A_VALUE,
                    is_secret: <$type as Setting>::SECRET || <$type as Setting>::MAY_HOLD_SECRETS,
                } ),* ]
            }

            fn read(reader: &mut $crate::config::section::Reader, prefix: &str) -> Self {
                let default = Self::default();
                Self { $( $field: reader.value(prefix, $key, default.$field), )* }
            }

            fn show(&self) -> Vec<(&'static str, String)> {
                use $crate::config::value::Setting;
                vec![ $( ($key, self.$field.show()) ),* ]
            }
        }
    };
}
pub(crate) use section;

/// A value as some layer gave it, placeholders resolved.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) text: Text,
    /// The file, the environment variable or the argument it comes from.
    pub(crate) origin: String,
}

#[derive(Clone, Debug)]
pub(crate) enum Text {
    One(String),
    Many(Vec<String>),
}

/// Something an operator has to correct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Where it was written, when it was.
    pub(crate) origin: Option<String>,
    pub(crate) key: String,
    pub(crate) text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(formatter, "{origin}: ")?;
        }
        if !self.key.is_empty() {
            write!(formatter, "{}: ", self.key)?;
        }
        formatter.write_str(&self.text)
    }
}

impl Problem {
    /// A problem of a place as a whole.
    pub(crate) fn of(origin: &str, text: impl Into<String>) -> Self {
        Self {
            origin: Some(origin.to_owned()),
            key: String::new(),
            text: text.into(),
        }
    }
}

/// Reads values by key and collects what is wrong with them; a wrong value is replaced by its default so that reading goes on.
pub(crate) struct Reader {
    values: BTreeMap<String, Given>,
    pub(crate) problems: Vec<Problem>,
    /// Where each key that was given comes from, by its full documented name.
    pub(crate) origins: BTreeMap<String, String>,
}

impl Reader {
    /// `values` by uniform name.
    pub(crate) fn new(values: BTreeMap<String, Given>, problems: Vec<Problem>) -> Self {
        Self {
            values,
            problems,
            origins: BTreeMap::new(),
        }
    }

    pub(crate) fn value<T: Setting>(&mut self, prefix: &str, key: &str, default: T) -> T {
        let full = join(prefix, key);
        let Some(given) = self.values.get(&super::names::uniform(&full)) else {
            return default;
        };
        let (read, shown) = match &given.text {
            Text::One(text) if text.is_empty() && !T::EMPTY_IS_A_VALUE => return default,
            Text::One(text) => (T::parse(text), text.clone()),
            Text::Many(items) => (T::parse_list(items), format!("[{}]", items.join(", "))),
        };
        if let Some(value) = read {
            self.origins.insert(full, given.origin.clone());
            return value;
        }
        let shown = if T::SECRET { STARS.to_owned() } else { shown };
        self.problems.push(Problem {
            origin: Some(given.origin.clone()),
            key: full,
            text: format!("\"{shown}\" is not {}", T::EXPECTED),
        });
        default
    }
}

/// Collects what is wrong with values that could be read.
pub(crate) struct Checks<'a> {
    origins: &'a BTreeMap<String, String>,
    pub(crate) problems: Vec<Problem>,
}

impl<'a> Checks<'a> {
    pub(crate) fn new(origins: &'a BTreeMap<String, String>) -> Self {
        Self {
            origins,
            problems: Vec::new(),
        }
    }

    /// A problem with `key` unless `good`.
    pub(crate) fn that(&mut self, good: bool, key: &str, text: impl Into<String>) {
        if !good {
            self.problems.push(Problem {
                origin: self.origins.get(key).cloned(),
                key: key.to_owned(),
                text: text.into(),
            });
        }
    }
}
