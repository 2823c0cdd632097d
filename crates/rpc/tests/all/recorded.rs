//! Frames recorded from the reference: they decode, and come out the same when written again.

use crate::support::{hex, one_frame, vectors};
use crate::table::table;
use orca_rpc::envelope::{RequestBody, ResponseBody, from_base64};
use orca_rpc::{envelope, frame, methods};
use serde_json::Value;

pub(crate) struct Recorded {
    pub(crate) name: String,
    pub(crate) direction: String,
    pub(crate) identifier: String,
    pub(crate) opaque: i64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) line: Value,
}

impl Recorded {
    pub(crate) fn is_request(&self) -> bool {
        self.direction.ends_with(" request")
    }

    /// The JSON of the only argument, or of the result.
    pub(crate) fn inner_json(&self) -> Option<Vec<u8>> {
        let frame = one_frame(&self.bytes);
        let text = if self.is_request() {
            let args = RequestBody::decode(&frame.body).unwrap().args.unwrap_or_default();
            args.into_iter().next().flatten()
        } else {
            ResponseBody::decode(&frame.body).unwrap().body
        };
        text.map(|text| from_base64(&text).unwrap())
    }
}

/// All recorded frames, in the order of the files; nothing when the files are absent.
pub(crate) fn recorded() -> Vec<Recorded> {
    let mut lines = vectors("rpc-frames.jsonl").unwrap_or_default();
    lines.extend(vectors("rpc-frames-reconstructed.jsonl").unwrap_or_default());
    let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    lines
        .into_iter()
        .map(|line| Recorded {
            name: text(&line, "name"),
            direction: text(&line, "direction"),
            identifier: text(&line["header"], "methodIdentifier"),
            opaque: line["header"]["opaque"].as_i64().unwrap(),
            bytes: hex(line["hex"].as_str().unwrap()),
            line,
        })
        .collect()
}

#[test]
fn envelopes_come_out_byte_for_byte() {
    for vector in recorded() {
        let name = &vector.name;
        let frame = one_frame(&vector.bytes);
        let header = frame.header().unwrap();
        assert_eq!(
            (header.method_identifier.as_ref(), header.opaque),
            (vector.identifier.as_str(), vector.opaque)
        );
        let body: Value = serde_json::from_slice(&frame.body).unwrap();
        assert_eq!(body, vector.line["body"], "{name}");
        let again = if vector.is_request() {
            RequestBody::decode(&frame.body).unwrap().encode()
        } else {
            ResponseBody::decode(&frame.body).unwrap().encode()
        };
        let bytes = frame::encode(&header.method_identifier, header.opaque, again.len(), |out| {
            out.extend_from_slice(&again);
        });
        assert_eq!(bytes.unwrap(), vector.bytes, "{name}");
        if vector.direction.ends_with("heartbeat") {
            assert_eq!(header.method_identifier, methods::HEARTBEAT);
            assert_eq!(envelope::encode_heartbeat(header.opaque), vector.bytes, "{name}");
        }
    }
}

#[test]
fn messages_come_out_as_they_came_in() {
    let table = table();
    let mut seen = std::collections::BTreeSet::new();
    for vector in recorded() {
        let (Some(entry), Some(json)) = (table.get(vector.identifier.as_str()), vector.inner_json()) else {
            continue;
        };
        let name = &vector.name;
        let rewrite = if vector.is_request() {
            entry.rewrite_request
        } else {
            entry.rewrite_response
        };
        let again = rewrite(&json)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
            .unwrap();
        let value = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
        assert_eq!(value(&again), value(&json), "{name}");
        let recorded = if vector.is_request() {
            &vector.line["args"][0]
        } else {
            &vector.line["result"]
        };
        assert_eq!(&value(&again), recorded, "{name}");
        // The reference writes that map in the order of its hash table; everything else has one order.
        let has_map = recorded
            .pointer("/taskExecutionContext/prepareParamsMap")
            .is_some();
        if !has_map {
            assert_eq!(again, json, "{name}");
            if vector.is_request() {
                assert_eq!(
                    (entry.request_frame)(vector.opaque, &json),
                    vector.bytes,
                    "{name}"
                );
            }
        }
        seen.insert(vector.identifier.clone());
    }
    if !seen.is_empty() {
        let with_content = methods::all()
            .filter(|method| method.request_class.is_some())
            .map(|method| method.identifier);
        let missing: Vec<_> = with_content
            .filter(|identifier| !seen.contains(*identifier))
            .collect();
        assert!(missing.is_empty(), "no vector for {missing:?}");
    }
}
