//! What an exporter is answered.

use prost::Message;

use super::Encoding;
use super::messages::Read;

#[derive(Clone, PartialEq, Message)]
struct Response {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_spans: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// `google.rpc.Status`, without details.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// The body of the answer 200 to a request: that all was taken, or how many spans were not and why.
#[must_use]
pub fn answer(read: &Read, encoding: Encoding) -> Vec<u8> {
    let why = read.faults.first().map(ToString::to_string).unwrap_or_default();
    let rejected = i64::try_from(read.rejected).unwrap_or(i64::MAX);
    match encoding {
        Encoding::Protobuf => {
            let partial_success = (rejected > 0).then_some(PartialSuccess { rejected_spans: rejected, error_message: why });
            Response { partial_success }.encode_to_vec()
        }
        Encoding::Json if rejected > 0 => {
            // 64 bits are written in quotes.
            serde_json::json!({ "partialSuccess": { "rejectedSpans": rejected.to_string(), "errorMessage": why } }).to_string().into_bytes()
        }
        Encoding::Json => b"{}".to_vec(),
    }
}

/// The body of an answer 4xx or 5xx; `code` is one of gRPC (3: the request is wrong, 7: not allowed, 8: too much, 14: later, 16: who are you).
#[must_use]
pub fn refusal(code: i32, message: &str, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Protobuf => Status { code, message: message.to_owned() }.encode_to_vec(),
        Encoding::Json => serde_json::json!({ "code": code, "message": message }).to_string().into_bytes(),
    }
}
