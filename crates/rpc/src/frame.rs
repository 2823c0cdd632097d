//! Frames: a header and a body, both JSON, each behind its length.
//!
//! The decoder guarantees that no announced length makes anybody allocate: a length past its limit is an error as soon
//! as it is read. It refuses to know what is in a body.

use crate::limits;
use bytes::{Buf, Bytes, BytesMut};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

const MAGIC: u8 = 0xbe;
const VERSION: u8 = 0;
/// Magic, version and header length.
const PREFIX_LEN: usize = 6;
const LENGTH_LEN: usize = 4;

/// Bytes that cannot be, or cannot become, a frame. The connection they came from is of no more use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    #[error("a frame begins with magic {found:#04x}, expected 0xbe: the peer speaks another protocol")]
    Magic { found: u8 },
    #[error("a frame has version {found}, expected 0")]
    Version { found: u8 },
    #[error("the {part} of a frame has length {len}, allowed are 0 to {max}")]
    Length {
        part: &'static str,
        len: i64,
        max: usize,
    },
    #[error("a frame header is not a JSON object with a method identifier: {reason}")]
    Header { reason: String },
}

/// A frame as it was on the wire.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    pub header: Bytes,
    pub body: Bytes,
}

/// Bodies carry secrets, so only the sizes are shown.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "frame with {} bytes of header and {} of body",
            self.header.len(),
            self.body.len()
        )
    }
}

/// `TransporterHeader`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    pub method_identifier: Cow<'a, str>,
    /// Number of the call, chosen by the caller and repeated in the answer; 0 when missing.
    pub opaque: i64,
}

impl Frame {
    pub fn header(&self) -> Result<Header<'_>, FrameError> {
        let mut json = serde_json::Deserializer::from_slice(&self.header);
        let (identifier, opaque) =
            json.deserialize_map(HeaderVisitor)
                .map_err(|error| FrameError::Header {
                    reason: error.to_string(),
                })?;
        match identifier {
            Some(method_identifier) => Ok(Header {
                method_identifier,
                opaque,
            }),
            None => Err(FrameError::Header {
                reason: "methodIdentifier is missing".to_owned(),
            }),
        }
    }
}

/// What the start of a buffer holds.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded {
    Frame(Frame),
    /// Not all of it is there; its whole length, once known.
    Incomplete {
        frame_len: Option<usize>,
    },
}

/// Takes the first frame off `buffer`, if it is complete. Bodies longer than `body_len_max` are an error.
pub fn decode(buffer: &mut BytesMut, body_len_max: usize) -> Result<Decoded, FrameError> {
    if let Some(&found) = buffer.first()
        && found != MAGIC
    {
        return Err(FrameError::Magic { found });
    }
    if let Some(&found) = buffer.get(1)
        && found != VERSION
    {
        return Err(FrameError::Version { found });
    }
    let Some(header_len) = length(buffer, PREFIX_LEN - LENGTH_LEN, "header", limits::HEADER_LEN_MAX)? else {
        return Ok(Decoded::Incomplete { frame_len: None });
    };
    let Some(body_len) = length(buffer, PREFIX_LEN + header_len, "body", body_len_max)? else {
        return Ok(Decoded::Incomplete { frame_len: None });
    };
    let frame_len = PREFIX_LEN + header_len + LENGTH_LEN + body_len;
    if buffer.len() < frame_len {
        return Ok(Decoded::Incomplete {
            frame_len: Some(frame_len),
        });
    }
    let mut frame = buffer.split_to(frame_len).freeze();
    frame.advance(PREFIX_LEN);
    let header = frame.split_to(header_len);
    frame.advance(LENGTH_LEN);
    Ok(Decoded::Frame(Frame { header, body: frame }))
}

/// The length at `offset`; `None` when it has not arrived.
fn length(buffer: &[u8], offset: usize, part: &'static str, max: usize) -> Result<Option<usize>, FrameError> {
    let Some(bytes) = buffer.get(offset..offset + LENGTH_LEN) else {
        return Ok(None);
    };
    let announced = bytes
        .iter()
        .fold(0_u32, |len, byte| (len << 8) | u32::from(*byte));
    // The field is signed.
    let len = announced.cast_signed();
    match usize::try_from(len) {
        Ok(len) if len <= max => Ok(Some(len)),
        _ => Err(FrameError::Length {
            part,
            len: len.into(),
            max,
        }),
    }
}

/// Builds a frame in one buffer; `write_body` appends the body.
pub fn encode(
    method_identifier: &str,
    opaque: i64,
    body_len_max: usize,
    write_body: impl FnOnce(&mut Vec<u8>),
) -> Result<Bytes, FrameError> {
    let mut out = Vec::with_capacity(method_identifier.len() + 512);
    out.extend_from_slice(&[MAGIC, VERSION, 0, 0, 0, 0]);
    out.extend_from_slice(b"{\"methodIdentifier\":");
    crate::json::write_to(&mut out, method_identifier);
    out.extend_from_slice(b",\"opaque\":");
    crate::json::write_to(&mut out, &opaque);
    out.push(b'}');
    let header_len = out.len() - PREFIX_LEN;
    put_length(
        &mut out,
        PREFIX_LEN - LENGTH_LEN,
        header_len,
        "header",
        limits::HEADER_LEN_MAX,
    )?;
    let body_at = out.len();
    out.extend_from_slice(&[0; LENGTH_LEN]);
    write_body(&mut out);
    let body_len = out.len() - body_at - LENGTH_LEN;
    put_length(&mut out, body_at, body_len, "body", body_len_max)?;
    Ok(out.into())
}

fn put_length(
    out: &mut [u8],
    at: usize,
    len: usize,
    part: &'static str,
    max: usize,
) -> Result<(), FrameError> {
    match i32::try_from(len) {
        Ok(small) if len <= max => {
            out[at..at + LENGTH_LEN].copy_from_slice(&small.to_be_bytes());
            Ok(())
        }
        _ => Err(FrameError::Length {
            part,
            len: i64::try_from(len).unwrap_or(i64::MAX),
            max,
        }),
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = (Option<Cow<'de, str>>, i64);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut header = (None, 0);
        while let Some(key) = map.next_key_seed(TextSeed)? {
            match key.as_deref() {
                Some("methodIdentifier") => header.0 = map.next_value_seed(TextSeed)?,
                Some("opaque") => {
                    header.1 = map.next_value_seed(crate::json::Seed(std::marker::PhantomData))?
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(header)
    }
}

/// Reads a text without copying it when it has no escapes.
pub(crate) struct TextSeed;

impl<'de> DeserializeSeed<'de> for TextSeed {
    type Value = Option<Cow<'de, str>>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for TextSeed {
    type Value = Option<Cow<'de, str>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Borrowed(text)))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Cow::Owned(text.to_owned())))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX: usize = 1000;

    fn frame(identifier: &str, opaque: i64, body: &[u8]) -> Bytes {
        encode(identifier, opaque, MAX, |out| out.extend_from_slice(body)).unwrap()
    }

    fn decode_bytes(bytes: &[u8]) -> Result<Decoded, FrameError> {
        decode(&mut BytesMut::from(bytes), MAX)
    }

    #[test]
    fn has_the_layout_of_the_reference() {
        let bytes = frame("m", 9_007_199_254_740_993, b"{}");
        let header = br#"{"methodIdentifier":"m","opaque":9007199254740993}"#;
        let expected = [&[0xbe, 0, 0, 0, 0, 50][..], header, &[0, 0, 0, 2], b"{}"].concat();
        assert_eq!(header.len(), 50);
        assert_eq!(bytes, expected);
    }

    #[test]
    fn frames_come_apart_as_they_were_put_together() {
        let mut buffer = BytesMut::new();
        buffer.extend_from_slice(&frame("grüße \"x\"", -1, b"first"));
        buffer.extend_from_slice(&frame("b", 2, b""));
        let Ok(Decoded::Frame(first)) = decode(&mut buffer, MAX) else {
            panic!("no frame")
        };
        assert_eq!(
            first.header().unwrap(),
            Header {
                method_identifier: "grüße \"x\"".into(),
                opaque: -1
            }
        );
        assert_eq!(first.body, "first");
        let Ok(Decoded::Frame(second)) = decode(&mut buffer, MAX) else {
            panic!("no frame")
        };
        assert_eq!(second.header().unwrap().opaque, 2);
        assert_eq!(
            decode(&mut buffer, MAX),
            Ok(Decoded::Incomplete { frame_len: None })
        );
    }

    #[test]
    fn an_absurd_length_is_refused_before_the_bytes_arrive() {
        let header_len = |len: [u8; 4]| decode_bytes(&[&[0xbe, 0][..], &len].concat());
        assert!(matches!(
            header_len([0x7f, 0xff, 0xff, 0xff]),
            Err(FrameError::Length { part: "header", .. })
        ));
        assert!(matches!(
            header_len([0xff, 0xff, 0xff, 0xff]),
            Err(FrameError::Length {
                len: -1,
                part: "header",
                ..
            })
        ));
        assert_eq!(
            header_len([0, 1, 0, 0]),
            Ok(Decoded::Incomplete { frame_len: None })
        );
        assert!(matches!(header_len([0, 1, 0, 1]), Err(FrameError::Length { .. })));
        let body = [&[0xbe, 0, 0, 0, 0, 2][..], b"{}", &[0, 0, 3, 0xe9]].concat();
        assert!(matches!(
            decode_bytes(&body),
            Err(FrameError::Length {
                part: "body",
                len: 1001,
                max: MAX
            })
        ));
    }

    #[test]
    fn another_protocol_is_recognised_by_its_first_bytes() {
        assert_eq!(
            decode_bytes(b"GET / HTTP/1.1"),
            Err(FrameError::Magic { found: b'G' })
        );
        assert_eq!(decode_bytes(&[0xbe, 1]), Err(FrameError::Version { found: 1 }));
        assert_eq!(decode_bytes(&[]), Ok(Decoded::Incomplete { frame_len: None }));
    }

    #[test]
    fn an_outgoing_body_past_the_limit_is_an_error() {
        let result = encode("m", 1, 3, |out| out.extend_from_slice(b"four"));
        assert_eq!(
            result,
            Err(FrameError::Length {
                part: "body",
                len: 4,
                max: 3
            })
        );
    }

    #[test]
    fn headers_are_read_leniently_but_need_an_identifier() {
        let header = |text: &'static str| {
            let frame = Frame {
                header: Bytes::from_static(text.as_bytes()),
                body: Bytes::new(),
            };
            frame
                .header()
                .map(|header| (header.method_identifier.into_owned(), header.opaque))
        };
        assert_eq!(
            header(r#"{"opaque":"12","x":[1],"methodIdentifier":"m"} x"#),
            Ok(("m".to_owned(), 12))
        );
        assert_eq!(
            header(r#"{"methodIdentifier":"a","methodIdentifier":"m"}"#),
            Ok(("m".to_owned(), 0))
        );
        for bad in [
            "",
            "null",
            "[]",
            "{",
            "{}",
            r#"{"opaque":1}"#,
            r#"{"methodIdentifier":null}"#,
            "\"m\"",
        ] {
            assert!(header(bad).is_err(), "{bad}");
        }
    }
}
