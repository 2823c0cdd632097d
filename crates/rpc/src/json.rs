//! JSON as the reference's serialiser (Jackson, `JsonSerializer`) writes and reads it.
//!
//! Writing: declaration order, explicit nulls, only what must be escaped is escaped. Reading is as lenient as Jackson is
//! where a Java peer could profit: unknown keys, missing keys, nulls for numbers, numbers in strings, unknown enum names
//! (null), `[]` for null, duplicate keys (the last wins), anything after the value.

mod object;
mod scalar;

pub use object::{Object, read_object};
pub(crate) use object::{Seed, empty_sequence};
pub(crate) use scalar::java_enum;
pub use scalar::{EnumVisitor, JavaEnum};

use serde::{Deserializer, Serialize};
use std::io;

/// Text that is not the JSON of the expected class.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {class} from JSON: {source}")]
pub struct Error {
    /// Java class or part of the message that was expected.
    pub class: &'static str,
    #[source]
    pub source: serde_json::Error,
}

/// A value that can be read from JSON, where `null` is always possible.
pub trait Nullable: Sized {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error>;
}

/// The type of a member: an `Option` where Java has an object, the bare type where Java has a primitive.
pub trait Member: Sized {
    fn read_member<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

impl<T: Nullable> Member for Option<T> {
    fn read_member<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::read(deserializer)
    }
}

/// Reads the value at the start of `text`; what follows it is ignored. `None` is JSON null, or `[]` for an object.
pub fn from_slice<T: Nullable>(class: &'static str, text: &[u8]) -> Result<Option<T>, Error> {
    T::read(&mut serde_json::Deserializer::from_slice(text)).map_err(|source| Error { class, source })
}

/// Writes a value of this crate's vocabulary at the end of `out`.
pub(crate) fn write_to<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    value
        .serialize(&mut serde_json::Serializer::with_formatter(out, JavaFormatter))
        .expect("messages have string keys and cannot fail to serialise, and a Vec takes every byte");
}

/// The JSON text of a value of this crate's vocabulary.
pub(crate) fn to_vec<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    write_to(&mut out, value);
    out
}

/// Compact JSON whose escapes have capital hexadecimal digits, as Java's do.
struct JavaFormatter;

impl serde_json::ser::Formatter for JavaFormatter {
    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        escape: serde_json::ser::CharEscape,
    ) -> io::Result<()> {
        use serde_json::ser::CharEscape;
        let short: &[u8] = match escape {
            CharEscape::Quote => b"\\\"",
            CharEscape::ReverseSolidus => b"\\\\",
            CharEscape::Solidus => b"\\/",
            CharEscape::Backspace => b"\\b",
            CharEscape::FormFeed => b"\\f",
            CharEscape::LineFeed => b"\\n",
            CharEscape::CarriageReturn => b"\\r",
            CharEscape::Tab => b"\\t",
            CharEscape::AsciiControl(byte) => return write!(writer, "\\u{byte:04X}"),
        };
        writer.write_all(short)
    }
}

/// The start of a text from outside, for a message.
pub(crate) fn shortened(text: &str) -> &str {
    const SHOWN: usize = 80;
    let mut end = text.len().min(SHOWN);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_only_what_must_be_escaped() {
        let text = "\u{1}\u{b}\u{1f}\u{7f}/\"\\\n\t\u{2028}grüße🐬";
        let json = String::from_utf8(to_vec(text)).unwrap();
        assert_eq!(
            json,
            "\"\\u0001\\u000B\\u001F\u{7f}/\\\"\\\\\\n\\t\u{2028}grüße🐬\""
        );
    }

    #[test]
    fn a_shortened_text_ends_between_characters() {
        assert_eq!(shortened("short"), "short");
        assert!(shortened(&"ü".repeat(99)).len() <= 80);
        assert_eq!(shortened(&format!("a{}", "ü".repeat(99))).len(), 79);
    }
}
