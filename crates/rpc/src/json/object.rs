//! Objects, lists and maps.

use super::{Member, Nullable};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// A message or a part of one: named members, all of which may be missing.
pub trait Object: Default {
    /// The members' JSON names, in the order in which Java writes them.
    const KEYS: &'static [&'static str];

    /// Reads the member with this index in [`Self::KEYS`].
    fn read_key<'de, A: MapAccess<'de>>(&mut self, index: usize, map: &mut A) -> Result<(), A::Error>;
}

/// Reads an object; unknown keys are skipped, of duplicate keys the last wins.
pub fn read_object<'de, T: Object, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    deserializer.deserialize_any(ObjectVisitor(PhantomData))
}

/// Reads one member.
pub(crate) struct Seed<T>(pub(crate) PhantomData<T>);

impl<'de, T: Member> DeserializeSeed<'de> for Seed<T> {
    type Value = T;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        T::read_member(deserializer)
    }
}

/// The index of a key, sought from where it is expected: writers keep the order of declaration.
struct KeySeed {
    keys: &'static [&'static str],
    expected: usize,
}

impl<'de> DeserializeSeed<'de> for KeySeed {
    type Value = Option<usize>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for KeySeed {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, key: &str) -> Result<Self::Value, E> {
        if self.keys.get(self.expected) == Some(&key) {
            return Ok(Some(self.expected));
        }
        Ok(self.keys.iter().position(|candidate| *candidate == key))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Object> Visitor<'de> for ObjectVisitor<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut value = T::default();
        let mut expected = 0;
        while let Some(found) = map.next_key_seed(KeySeed {
            keys: T::KEYS,
            expected,
        })? {
            match found {
                Some(index) => {
                    value.read_key(index, &mut map)?;
                    expected = index + 1;
                }
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Some(value))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<Self::Value, A::Error> {
        empty_sequence(sequence, &self)
    }
}

/// An empty array stands for null; any other is not what was expected.
pub(crate) fn empty_sequence<'de, T, A: SeqAccess<'de>>(
    mut sequence: A,
    expected: &dyn de::Expected,
) -> Result<Option<T>, A::Error> {
    match sequence.next_element::<IgnoredAny>()? {
        None => Ok(None),
        Some(_) => Err(de::Error::invalid_type(de::Unexpected::Seq, expected)),
    }
}

/// A list; nulls in it, which no peer has a use for, are left out.
impl<T: Nullable> Nullable for Vec<T> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Nullable> Visitor<'de> for ListVisitor<T> {
    type Value = Option<Vec<T>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = sequence.next_element_seed(Seed::<Option<T>>(PhantomData))? {
            list.extend(element);
        }
        Ok(Some(list))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

impl<T: Nullable> Nullable for BTreeMap<String, Option<T>> {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Self>, D::Error> {
        deserializer.deserialize_any(MapVisitor(PhantomData))
    }
}

struct MapVisitor<T>(PhantomData<T>);

impl<'de, T: Nullable> Visitor<'de> for MapVisitor<T> {
    type Value = Option<BTreeMap<String, Option<T>>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            entries.insert(key, map.next_value_seed(Seed::<Option<T>>(PhantomData))?);
        }
        Ok(Some(entries))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sequence: A) -> Result<Self::Value, A::Error> {
        empty_sequence(sequence, &self)
    }
}
