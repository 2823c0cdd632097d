//! Numbers, booleans, texts and enums, read as leniently as Jackson reads them.

use super::{Member, Nullable, empty_sequence, shortened};
use orca_engine::codes;
use serde::de::{self, Deserializer, SeqAccess, Unexpected, Visitor};
use std::fmt;
use std::marker::PhantomData;

struct WholeNumber {
    min: i64,
    max: i64,
}

impl WholeNumber {
    fn within<E: de::Error>(&self, value: i64) -> Result<Option<i64>, E> {
        if (self.min..=self.max).contains(&value) {
            Ok(Some(value))
        } else {
            Err(E::invalid_value(Unexpected::Signed(value), self))
        }
    }
}

impl Visitor<'_> for WholeNumber {
    type Value = Option<i64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a number from {} to {}", self.min, self.max)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        self.within(value)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        match i64::try_from(value) {
            Ok(value) => self.within(value),
            Err(_) => Err(E::invalid_value(Unexpected::Unsigned(value), &self)),
        }
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        // 2^63 is the first number past every i64; the cast below it cuts the fraction off, as Java does.
        const LIMIT: f64 = 9_223_372_036_854_775_808.0;
        if value.is_finite() && value.abs() < LIMIT {
            self.within(value as i64)
        } else {
            Err(E::invalid_value(Unexpected::Float(value), &self))
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        match text.trim() {
            "" => Ok(None),
            digits => match digits.parse() {
                Ok(value) => self.within(value),
                Err(_) => Err(E::invalid_value(Unexpected::Str(shortened(text)), &self)),
            },
        }
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

impl Nullable for i64 {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        deserializer.deserialize_any(WholeNumber {
            min: i64::MIN,
            max: i64::MAX,
        })
    }
}

impl Nullable for i32 {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        let bounds = WholeNumber {
            min: i32::MIN.into(),
            max: i32::MAX.into(),
        };
        // The bounds make the cast exact.
        Ok(deserializer.deserialize_any(bounds)?.map(|value| value as i32))
    }
}

struct Truth;

impl Visitor<'_> for Truth {
    type Value = Option<bool>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value != 0))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value != 0))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        match text.trim() {
            "" => Ok(None),
            "true" | "True" | "TRUE" => Ok(Some(true)),
            "false" | "False" | "FALSE" => Ok(Some(false)),
            _ => Err(E::invalid_value(Unexpected::Str(shortened(text)), &self)),
        }
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

impl Nullable for bool {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        deserializer.deserialize_any(Truth)
    }
}

macro_rules! primitive {
    ($($type:ty),+) => {
        $(impl Member for $type {
            fn read_member<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(<$type as Nullable>::read(deserializer)?.unwrap_or_default())
            }
        })+
    };
}
primitive!(i32, i64, bool);

struct Text;

impl Visitor<'_> for Text {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<Self::Value, E> {
        Ok(Some(text))
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Some(value.to_string()))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

impl Nullable for String {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        deserializer.deserialize_any(Text)
    }
}

/// An enum that travels by name.
pub trait JavaEnum: Copy + 'static {
    /// In Java's order of declaration, which ordinals count.
    const VALUES: &'static [Self];
    fn java_name(self) -> &'static str;
}

/// Reads a name. One that this version does not know is null, as for a Java peer.
pub struct EnumVisitor<E>(pub PhantomData<E>);

impl<E: JavaEnum> EnumVisitor<E> {
    fn ordinal(value: u64) -> Option<E> {
        E::VALUES.get(usize::try_from(value).ok()?).copied()
    }
}

impl<'de, E: JavaEnum> Visitor<'de> for EnumVisitor<E> {
    type Value = Option<E>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an enum value")
    }

    fn visit_str<X: de::Error>(self, text: &str) -> Result<Self::Value, X> {
        let name = text.trim();
        let found = E::VALUES.iter().copied().find(|value| value.java_name() == name);
        Ok(found.or_else(|| Self::ordinal(name.parse().ok()?)))
    }

    fn visit_u64<X: de::Error>(self, value: u64) -> Result<Self::Value, X> {
        Ok(Self::ordinal(value))
    }

    fn visit_i64<X: de::Error>(self, _negative: i64) -> Result<Self::Value, X> {
        Ok(None)
    }

    fn visit_unit<X: de::Error>(self) -> Result<Self::Value, X> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<Self::Value, A::Error> {
        empty_sequence(sequence, &self)
    }
}

/// Makes enums readable: `java_enum!(Enum, VALUES, |value| name)`.
macro_rules! java_enum {
    ($enum:ty, $values:expr, $name:expr) => {
        impl $crate::json::JavaEnum for $enum {
            const VALUES: &'static [Self] = $values;
            fn java_name(self) -> &'static str {
                let name: fn(Self) -> &'static str = $name;
                name(self)
            }
        }

        impl $crate::json::Nullable for $enum {
            fn read<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
                deserializer.deserialize_any($crate::json::EnumVisitor(std::marker::PhantomData))
            }
        }
    };
}
pub(crate) use java_enum;

macro_rules! coded_enums {
    ($($enum:ident),+) => { $(java_enum!(codes::$enum, codes::$enum::ALL, |value| value.name());)+ };
}
coded_enums!(
    Flag,
    FailureStrategy,
    TaskDependType,
    WarningType,
    Priority,
    WorkflowState,
    TaskTimeoutStrategy
);

use codes::{DataType, Direct, ExecutorEventType};

java_enum!(Direct, &[Direct::In, Direct::Out], |value| match value {
    Direct::In => "IN",
    Direct::Out => "OUT",
});

java_enum!(
    DataType,
    &[
        DataType::Varchar,
        DataType::Integer,
        DataType::Long,
        DataType::Float,
        DataType::Double,
        DataType::Date,
        DataType::Time,
        DataType::Timestamp,
        DataType::Boolean,
        DataType::List,
        DataType::File,
    ],
    |value| match value {
        DataType::Varchar => "VARCHAR",
        DataType::Integer => "INTEGER",
        DataType::Long => "LONG",
        DataType::Float => "FLOAT",
        DataType::Double => "DOUBLE",
        DataType::Date => "DATE",
        DataType::Time => "TIME",
        DataType::Timestamp => "TIMESTAMP",
        DataType::Boolean => "BOOLEAN",
        DataType::List => "LIST",
        DataType::File => "FILE",
    }
);

java_enum!(
    ExecutorEventType,
    &[
        ExecutorEventType::Dispatched,
        ExecutorEventType::Running,
        ExecutorEventType::RuntimeContextChange,
        ExecutorEventType::Pause,
        ExecutorEventType::Paused,
        ExecutorEventType::Kill,
        ExecutorEventType::Killed,
        ExecutorEventType::Success,
        ExecutorEventType::Failed,
        ExecutorEventType::Finalize,
    ],
    |value| match value {
        ExecutorEventType::Dispatched => "DISPATCHED",
        ExecutorEventType::Running => "RUNNING",
        ExecutorEventType::RuntimeContextChange => "RUNTIME_CONTEXT_CHANGE",
        ExecutorEventType::Pause => "PAUSE",
        ExecutorEventType::Paused => "PAUSED",
        ExecutorEventType::Kill => "KILL",
        ExecutorEventType::Killed => "KILLED",
        ExecutorEventType::Success => "SUCCESS",
        ExecutorEventType::Failed => "FAILED",
        ExecutorEventType::Finalize => "FINALIZE",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: Nullable>(text: &str) -> Result<Option<T>, String> {
        T::read(&mut serde_json::Deserializer::from_str(text)).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_may_come_as_text_or_with_a_fraction_but_not_out_of_range() {
        assert_eq!(read::<i32>("\" 7 \""), Ok(Some(7)));
        assert_eq!(read::<i32>("7.9"), Ok(Some(7)));
        assert_eq!(read::<i64>("3e2"), Ok(Some(300)));
        assert_eq!(read::<i32>("\"\""), Ok(None));
        assert_eq!(read::<i64>("9223372036854775807"), Ok(Some(i64::MAX)));
        for bad in [
            "2147483648",
            "1e99",
            "\"seven\"",
            "true",
            "[1]",
            "NaN",
            "-2147483649",
        ] {
            assert!(read::<i32>(bad).is_err(), "{bad}");
        }
        assert!(read::<i64>("9223372036854775808").is_err());
    }

    #[test]
    fn truth_has_a_few_spellings() {
        for yes in ["true", "1", "\"true\"", "\"TRUE\""] {
            assert_eq!(read::<bool>(yes), Ok(Some(true)), "{yes}");
        }
        assert_eq!(read::<bool>("null"), Ok(None));
        assert!(read::<bool>("\"yes\"").is_err());
    }

    #[test]
    fn an_unknown_enum_name_is_null() {
        assert_eq!(read::<Direct>("\" OUT \""), Ok(Some(Direct::Out)));
        assert_eq!(read::<Direct>("1"), Ok(Some(Direct::Out)));
        for none in ["\"out\"", "\"SIDEWAYS\"", "\"\"", "99", "-1", "null", "[]"] {
            assert_eq!(read::<Direct>(none), Ok(None), "{none}");
        }
    }

    #[test]
    fn names_are_the_ones_that_are_written() {
        for value in DataType::VALUES {
            assert_eq!(
                serde_json::to_string(value).unwrap(),
                format!("{:?}", value.java_name())
            );
        }
        for value in ExecutorEventType::VALUES {
            assert_eq!(
                serde_json::to_string(value).unwrap(),
                format!("{:?}", value.java_name())
            );
        }
        for value in Direct::VALUES {
            assert_eq!(
                serde_json::to_string(value).unwrap(),
                format!("{:?}", value.java_name())
            );
        }
    }
}
