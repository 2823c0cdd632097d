//! The two envelopes as values, without knowledge of the method.

use crate::frame::TextSeed;
use crate::json::{self, Seed};
use serde::Serialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

type Texts<'a> = Option<Vec<Option<Cow<'a, str>>>>;

/// `StandardRpcRequest`.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
pub struct RequestBody<'a> {
    /// Base64 of the JSON of each argument.
    pub args: Texts<'a>,
    /// The Java class of each argument.
    #[serde(rename = "argsTypes")]
    pub args_types: Texts<'a>,
}

/// `StandardRpcResponse`.
#[derive(Clone, Default, PartialEq, Eq, Serialize)]
pub struct ResponseBody<'a> {
    /// The method ran and returned.
    pub success: bool,
    pub message: Option<Cow<'a, str>>,
    /// Base64 of the JSON of the result.
    pub body: Option<Cow<'a, str>>,
    #[serde(rename = "bodyType")]
    pub body_type: Option<Cow<'a, str>>,
}

impl<'a> RequestBody<'a> {
    pub fn decode(text: &'a [u8]) -> Result<Self, json::Error> {
        serde_json::Deserializer::from_slice(text)
            .deserialize_map(RequestVisitor)
            .map_err(|source| json::Error {
                class: "StandardRpcRequest",
                source,
            })
    }

    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        json::to_vec(self)
    }
}

impl<'a> ResponseBody<'a> {
    pub fn decode(text: &'a [u8]) -> Result<Self, json::Error> {
        serde_json::Deserializer::from_slice(text)
            .deserialize_map(ResponseVisitor)
            .map_err(|source| json::Error {
                class: "StandardRpcResponse",
                source,
            })
    }

    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        json::to_vec(self)
    }
}

/// Arguments carry secrets, so only the classes are shown.
impl fmt::Debug for RequestBody<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody")
            .field("args_types", &self.args_types)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ResponseBody<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody")
            .field("success", &self.success)
            .field("message", &self.message)
            .field("body_type", &self.body_type)
            .finish_non_exhaustive()
    }
}

struct RequestVisitor;

impl<'de> Visitor<'de> for RequestVisitor {
    type Value = RequestBody<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a request object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut request = RequestBody::default();
        while let Some(key) = map.next_key_seed(TextSeed)? {
            match key.as_deref() {
                Some("args") => request.args = map.next_value_seed(TextsSeed)?,
                Some("argsTypes") => request.args_types = map.next_value_seed(TextsSeed)?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(request)
    }
}

struct ResponseVisitor;

impl<'de> Visitor<'de> for ResponseVisitor {
    type Value = ResponseBody<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a response object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut response = ResponseBody::default();
        while let Some(key) = map.next_key_seed(TextSeed)? {
            match key.as_deref() {
                Some("success") => response.success = map.next_value_seed(Seed(PhantomData))?,
                Some("message") => response.message = map.next_value_seed(TextSeed)?,
                Some("body") => response.body = map.next_value_seed(TextSeed)?,
                Some("bodyType") => response.body_type = map.next_value_seed(TextSeed)?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(response)
    }
}

/// A list of texts and nulls, or null.
struct TextsSeed;

impl<'de> DeserializeSeed<'de> for TextsSeed {
    type Value = Texts<'de>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TextsSeed {
    type Value = Texts<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        // The protocol has one argument or none.
        let mut texts = Vec::with_capacity(1);
        while let Some(text) = sequence.next_element_seed(TextSeed)? {
            texts.push(text);
        }
        Ok(Some(texts))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}
