//! Whatever a peer sends: frames, headers, envelopes and messages are read or refused, never panicked on. What is read
//! is written and read again, and stays the same.

#![no_main]

use bytes::{Bytes, BytesMut};
use libfuzzer_sys::fuzz_target;
use orca_rpc::dto::{
    Payload, TaskExecutorDispatchRequest, TaskExecutorSuccessLifecycleEvent, WorkflowManualTriggerRequest,
};
use orca_rpc::envelope::{self, RequestBody, ResponseBody};
use orca_rpc::frame::{self, Decoded, Frame};
use orca_rpc::methods::{self, worker};

const BODY_MAX: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    let mut buffer = BytesMut::from(bytes);
    while let Ok(Decoded::Frame(frame)) = frame::decode(&mut buffer, BODY_MAX) {
        read_frame(&frame);
    }
    // Most inputs do not get past the lengths, so the parts are read by themselves, too.
    let whole = Bytes::copy_from_slice(bytes);
    read_frame(&Frame { header: whole.clone(), body: whole });
    read_message::<TaskExecutorDispatchRequest>(bytes);
    read_message::<TaskExecutorSuccessLifecycleEvent>(bytes);
    read_message::<WorkflowManualTriggerRequest>(bytes);
});

fn read_frame(frame: &Frame) {
    if let Ok(header) = frame.header() {
        let again = frame::encode(&header.method_identifier, header.opaque, BODY_MAX, |_| {});
        assert!(again.is_ok() || header.method_identifier.len() > 10_000);
    }
    if let Ok(request) = RequestBody::decode(&frame.body) {
        assert!(RequestBody::decode(&request.encode()).unwrap() == request);
    }
    if let Ok(response) = ResponseBody::decode(&frame.body) {
        assert!(ResponseBody::decode(&response.encode()).unwrap() == response);
    }
    let _ = envelope::decode_request::<worker::DispatchTask>(&frame.body);
    let _ = envelope::decode_request::<methods::OnTaskExecutorSuccess>(&frame.body);
    let _ = envelope::decode_request::<methods::RefreshWorkerGroup>(&frame.body);
    let _ = envelope::decode_response::<methods::QueryTaskInstances>(&frame.body);
}

fn read_message<P: Payload + PartialEq>(bytes: &[u8]) {
    let Ok(Some(message)) = P::from_json(Some(bytes)) else { return };
    let again = message.to_json().unwrap();
    assert!(P::from_json(Some(&again)).unwrap().unwrap() == message);
}
