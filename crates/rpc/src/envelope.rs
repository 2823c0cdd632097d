//! The envelopes inside the bodies: arguments and results as base64 of their JSON, with their Java classes beside them
//! (`StandardRpcRequest`, `StandardRpcResponse`).
//!
//! Reading a request answers what is wrong with it in the words of the reference. Class names are compared, never
//! interpreted.

mod body;

pub use body::{RequestBody, ResponseBody};

use crate::dto::Payload;
use crate::frame::{self, FrameError};
use crate::json;
use crate::methods::{self, Method};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;

/// Base64 with the standard alphabet and padding.
#[must_use]
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Line breaks are tolerated; missing padding and the URL alphabet are not.
pub fn from_base64(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    if text.contains(['\r', '\n']) {
        let joined: String = text.chars().filter(|char| !matches!(char, '\r' | '\n')).collect();
        return STANDARD.decode(joined);
    }
    STANDARD.decode(text)
}

/// The frame of a call.
pub fn encode_request<M: Method>(
    opaque: i64,
    argument: &M::Request,
    body_len_max: usize,
) -> Result<Bytes, FrameError> {
    frame::encode(M::IDENTIFIER, opaque, body_len_max, |out| {
        match (argument.to_json(), M::REQUEST_CLASS) {
            (Some(json), Some(class)) => {
                out.extend_from_slice(b"{\"args\":[\"");
                append_base64(out, &json);
                out.extend_from_slice(b"\"],\"argsTypes\":[\"");
                out.extend_from_slice(class.as_bytes());
                out.extend_from_slice(b"\"]}");
            }
            _ => out.extend_from_slice(b"{\"args\":null,\"argsTypes\":null}"),
        }
    })
}

/// What a method gave back, ready to be sent.
#[derive(Clone, PartialEq, Eq)]
pub enum Answer {
    /// The JSON of the result and its class; `None` for void or null.
    Returned(Option<(Vec<u8>, &'static str)>),
    /// The call itself failed.
    Failed(Option<String>),
}

impl Answer {
    /// The result of a method.
    #[must_use]
    pub fn of<M: Method>(result: &M::Response) -> Self {
        Self::Returned(result.to_json().zip(M::RESPONSE_CLASS))
    }
}

/// The frame of an answer. `method_identifier` and `opaque` are those of the request.
pub fn encode_response(
    method_identifier: &str,
    opaque: i64,
    answer: &Answer,
    body_len_max: usize,
) -> Result<Bytes, FrameError> {
    frame::encode(method_identifier, opaque, body_len_max, |out| match answer {
        Answer::Returned(Some((json, class))) => {
            out.extend_from_slice(b"{\"success\":true,\"message\":null,\"body\":\"");
            append_base64(out, json);
            out.extend_from_slice(b"\",\"bodyType\":\"");
            out.extend_from_slice(class.as_bytes());
            out.extend_from_slice(b"\"}");
        }
        Answer::Returned(None) => {
            out.extend_from_slice(b"{\"success\":true,\"message\":null,\"body\":null,\"bodyType\":null}");
        }
        Answer::Failed(message) => {
            out.extend_from_slice(b"{\"success\":false,\"message\":");
            json::write_to(out, message);
            out.extend_from_slice(b",\"body\":null,\"bodyType\":null}");
        }
    })
}

/// The frame that keeps a connection open. Its body is an empty response, as the reference has it.
#[must_use]
pub fn encode_heartbeat(opaque: i64) -> Bytes {
    encode_response(
        methods::HEARTBEAT,
        opaque,
        &Answer::Failed(None),
        crate::limits::BODY_LEN_MAX,
    )
    .expect("a heartbeat has about a hundred bytes, far below the limits")
}

fn append_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    let at = out.len();
    // Four characters for each three bytes begun; the sum cannot overflow for bytes that are in memory.
    out.resize(at + bytes.len().div_ceil(3) * 4, 0);
    let written = STANDARD
        .encode_slice(bytes, &mut out[at..])
        .expect("the slice has the length of the text");
    out.truncate(at + written);
}

/// A request that cannot be served; the message is what the caller gets, in the reference's words where it has any.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", message.as_deref().unwrap_or("the request has no argsTypes"))]
pub struct BadRequest {
    pub message: Option<String>,
}

impl BadRequest {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: Some(message.into()),
        }
    }
}

/// The argument in a request body; `Ok(None)` when it is null.
pub fn decode_request<M: Method>(body: &[u8]) -> Result<Option<M::Request>, BadRequest> {
    let request = RequestBody::decode(body).map_err(|error| BadRequest::new(error.to_string()))?;
    let types = request.args_types.as_deref();
    if let Some(unknown) = types
        .into_iter()
        .flatten()
        .flatten()
        .find(|class| !is_known_class(class))
    {
        let class = json::shortened(unknown);
        return Err(BadRequest::new(format!(
            "Cannot construct instance of `java.lang.Class`, problem: {class}"
        )));
    }
    let arguments = match request.args {
        Some(arguments) if !arguments.is_empty() => arguments,
        _ if M::REQUEST_CLASS.is_none() => return decode_argument::<M>(None),
        _ => return Err(BadRequest::new("wrong number of arguments")),
    };
    let Some(types) = types else {
        return Err(BadRequest { message: None });
    };
    check_types(types, M::REQUEST_CLASS)?;
    let [argument] = arguments.as_slice() else {
        return Err(BadRequest::new("wrong number of arguments"));
    };
    match (argument, &types[0]) {
        (Some(_), None) => Err(BadRequest::new("Unrecognized Type: [null]")),
        (argument, _) => decode_argument::<M>(argument.as_deref()),
    }
}

/// One parameter of the right class, or none and no types.
fn check_types(
    types: &[Option<std::borrow::Cow<'_, str>>],
    expected: Option<&str>,
) -> Result<(), BadRequest> {
    let fits = match (types, expected) {
        ([found], Some(expected)) => found.as_deref().is_none_or(|found| found == expected),
        _ => false,
    };
    if fits {
        return Ok(());
    }
    let names: Vec<String> = types
        .iter()
        .take(16)
        .map(|class| {
            class
                .as_deref()
                .map_or("null".to_owned(), |class| format!("class {class}"))
        })
        .collect();
    Err(BadRequest::new(format!(
        "Parameter types: [{}] do not match the method signature.",
        names.join(", ")
    )))
}

fn decode_argument<M: Method>(argument: Option<&str>) -> Result<Option<M::Request>, BadRequest> {
    let text = argument
        .map(from_base64)
        .transpose()
        .map_err(|error| BadRequest::new(format!("an argument is not base64: {error}")))?;
    M::Request::from_json(text.as_deref()).map_err(|error| BadRequest::new(error.to_string()))
}

/// A class that a Java server could load, as far as this protocol is concerned.
fn is_known_class(class: &str) -> bool {
    class.starts_with("java.")
        || methods::all()
            .any(|method| method.request_class == Some(class) || method.response_class == Some(class))
}

/// What came back from a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Returned<T> {
    /// The method ran; `None` is a null result.
    Value(Option<T>),
    /// The call itself failed at the peer.
    Failure(Option<String>),
}

/// Bytes that are not an answer to this method.
#[derive(Debug, thiserror::Error)]
pub enum BadResponse {
    #[error(transparent)]
    Json(#[from] json::Error),
    #[error("the result is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
}

/// The result in a response body.
pub fn decode_response<M: Method>(body: &[u8]) -> Result<Returned<M::Response>, BadResponse> {
    let response = ResponseBody::decode(body)?;
    if !response.success {
        return Ok(Returned::Failure(
            response.message.map(std::borrow::Cow::into_owned),
        ));
    }
    let text = response.body.as_deref().map(from_base64).transpose()?;
    Ok(Returned::Value(M::Response::from_json(text.as_deref())?))
}

#[cfg(test)]
mod tests;
