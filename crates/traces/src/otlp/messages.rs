//! The messages of OTLP, as far as they are read here.
//!
//! Spans are read one after another: a few bytes of a request can be a whole span, so all of them at once could take a hundred times the
//! memory of the request. One that cannot be read is refused alone.

use std::borrow::Cow;

use prost::Message;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Encoding, Run};
use crate::fault::{Fault, Place};
use crate::json;
use crate::lines::LINE;

/// Spans of a request; what comes after is refused.
const MOST_SPANS: usize = 50_000;
/// Faults that are told; the others are counted.
const MOST_FAULTS: usize = 20;

/// What was in a request.
#[derive(Debug, Default)]
pub struct Read {
    /// One for each trace id, in the order in which they came.
    pub runs: Vec<Run>,
    /// Spans that could not be taken: they belong into the answer.
    pub rejected: usize,
    /// Spans about something else, which are left out.
    pub ignored: usize,
    /// Why spans were refused, of the first of them.
    pub faults: Vec<Fault>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Span {
    #[prost(bytes = "vec", tag = "1")]
    pub trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub span_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub parent_span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    pub name: String,
    #[prost(fixed64, tag = "7")]
    pub start: u64,
    #[prost(fixed64, tag = "8")]
    pub end: u64,
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<KeyValue>,
    #[prost(message, repeated, tag = "11")]
    pub events: Vec<Event>,
    #[prost(message, optional, tag = "15")]
    pub status: Option<Status>,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default)]
pub(super) struct Event {
    #[prost(string, tag = "2")]
    #[serde(deserialize_with = "json::or_default")]
    pub name: String,
    #[prost(message, repeated, tag = "3")]
    #[serde(deserialize_with = "json::or_default")]
    pub attributes: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default)]
pub(super) struct KeyValue {
    #[prost(string, tag = "1")]
    #[serde(deserialize_with = "json::or_default")]
    pub key: String,
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct AnyValue {
    #[prost(oneof = "Value", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub value: Option<Value>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Value {
    #[prost(string, tag = "1")]
    Text(String),
    #[prost(bool, tag = "2")]
    Bool(bool),
    #[prost(int64, tag = "3")]
    Int(i64),
    #[prost(double, tag = "4")]
    Double(f64),
    #[prost(message, tag = "5")]
    List(List),
    #[prost(message, tag = "6")]
    Map(Map),
    #[prost(bytes, tag = "7")]
    Bytes(Vec<u8>),
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default)]
pub(super) struct List {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "json::or_default")]
    pub values: Vec<AnyValue>,
}

#[derive(Clone, PartialEq, Message, Deserialize)]
#[serde(default)]
pub(super) struct Map {
    #[prost(message, repeated, tag = "1")]
    #[serde(deserialize_with = "json::or_default")]
    pub values: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct Status {
    #[prost(string, tag = "2")]
    pub message: String,
    #[prost(int32, tag = "3")]
    pub code: i32,
}

/// Reads a request.
///
/// # Errors
/// If it is no request at all. Spans that cannot be read are counted in [`Read::rejected`].
pub fn read(bytes: &[u8], encoding: Encoding) -> Result<Read, Fault> {
    let mut reader = Reader::default();
    match encoding {
        Encoding::Protobuf => protobuf(bytes, &mut reader)
            .ok_or_else(|| Fault::file("This is no OTLP request: its Protocol Buffers are damaged, or something else."))?,
        Encoding::Json => {
            let text = std::str::from_utf8(bytes).map_err(|_| Fault::file("This is not text in UTF-8."))?;
            let text = text.trim_start_matches('\u{FEFF}').trim();
            match json_request(text, &mut reader) {
                Ok(()) => {}
                // A collector's file has a request on each line.
                Err(fault) if text.lines().nth(1).is_some_and(|line| line.trim_start().starts_with('{')) => {
                    let mut is_any = false;
                    for line in text.lines().filter(|line| !line.trim().is_empty()) {
                        is_any |= json_request(line, &mut reader).is_ok();
                    }
                    if !is_any {
                        return Err(fault);
                    }
                }
                Err(fault) => return Err(fault),
            }
        }
    }
    let mut read = reader.read;
    read.ignored = read.runs.iter().map(Run::others).sum();
    read.runs.retain(|run| run.others() < run.len());
    read.runs.iter_mut().for_each(Run::settle);
    Ok(read)
}

#[derive(Default)]
struct Reader {
    read: Read,
    seen: usize,
    at: std::collections::HashMap<String, usize>,
}

impl Reader {
    fn span(&mut self, length: usize, span: impl FnOnce() -> Result<Span, String>) {
        self.seen += 1;
        let span = if self.seen > MOST_SPANS {
            Err(format!("This request has more than {MOST_SPANS} spans: send fewer at a time."))
        } else if length > LINE {
            Err(format!("This span is larger than {} MB.", LINE / 1_000_000))
        } else {
            span()
        };
        match span.and_then(|span| Run::of(&span)) {
            Ok(run) => match self.at.get(&run.id) {
                Some(&at) => self.read.runs[at].append(run),
                None => {
                    self.at.insert(run.id.clone(), self.read.runs.len());
                    self.read.runs.push(run);
                }
            },
            Err(message) => {
                self.read.rejected += 1;
                if self.read.faults.len() < MOST_FAULTS {
                    self.read.faults.push(Fault { place: Place::Item(self.seen), message });
                }
            }
        }
    }
}

/// Request, resources and scopes are lists of lists: `resource_spans = 1`, `scope_spans = 2`, `spans = 2`.
fn protobuf(request: &[u8], reader: &mut Reader) -> Option<()> {
    for resource in Fields(request) {
        let Some(resource) = resource?.of(1) else { continue };
        for scope in Fields(resource) {
            let Some(scope) = scope?.of(2) else { continue };
            for span in Fields(scope) {
                let Some(span) = span?.of(2) else { continue };
                reader.span(span.len(), || Span::decode(span).map_err(|_| "The Protocol Buffers of this span are damaged.".to_owned()));
            }
        }
    }
    Some(())
}

struct Field<'a> {
    tag: usize,
    /// Of those that have a length.
    bytes: Option<&'a [u8]>,
}

impl<'a> Field<'a> {
    fn of(&self, tag: usize) -> Option<&'a [u8]> {
        self.bytes.filter(|_| self.tag == tag)
    }
}

/// The fields of a message, without looking into them. Gives `None` once where it is damaged.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<Field<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<Field<'a>> {
        // A key, a number and a length are written in the same way.
        let key = prost::decode_length_delimiter(&mut self.0).ok()?;
        let is_counted = key & 7 == 2;
        let length = match key & 7 {
            0 => {
                prost::decode_length_delimiter(&mut self.0).ok()?;
                0
            }
            1 => 8,
            2 => prost::decode_length_delimiter(&mut self.0).ok()?,
            5 => 4,
            _ => return None,
        };
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(Field { tag: key >> 3, bytes: is_counted.then_some(bytes) })
    }
}

#[derive(Deserialize)]
struct JsonRequest<'a> {
    #[serde(borrow, rename = "resourceSpans", alias = "resource_spans")]
    resource_spans: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct JsonResource<'a> {
    #[serde(borrow, default, rename = "scopeSpans", alias = "scope_spans", alias = "instrumentationLibrarySpans")]
    scope_spans: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct JsonScope<'a> {
    #[serde(borrow, default)]
    spans: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct JsonSpan<'a> {
    #[serde(borrow, alias = "trace_id")]
    trace_id: Cow<'a, str>,
    #[serde(borrow, alias = "span_id")]
    span_id: Cow<'a, str>,
    #[serde(borrow, alias = "parent_span_id")]
    parent_span_id: Option<Cow<'a, str>>,
    #[serde(deserialize_with = "json::or_default")]
    name: String,
    #[serde(deserialize_with = "nanoseconds", alias = "start_time_unix_nano")]
    start_time_unix_nano: u64,
    #[serde(deserialize_with = "nanoseconds", alias = "end_time_unix_nano")]
    end_time_unix_nano: u64,
    #[serde(deserialize_with = "json::or_default")]
    attributes: Vec<KeyValue>,
    #[serde(deserialize_with = "json::or_default")]
    events: Vec<Event>,
    status: Option<JsonStatus>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct JsonStatus {
    #[serde(deserialize_with = "json::or_default")]
    message: String,
    #[serde(deserialize_with = "json::text")]
    code: Option<String>,
}

fn json_request(text: &str, reader: &mut Reader) -> Result<(), Fault> {
    let fault = |error: serde_json::Error| match error.classify() {
        serde_json::error::Category::Data => Fault::file("This is no OTLP request: a JSON object with a list `resourceSpans` is expected."),
        _ => Fault::line(error.line(), json::sentence(&error, ".")),
    };
    let request: JsonRequest = serde_json::from_str(text).map_err(fault)?;
    for resource in request.resource_spans {
        let resource: JsonResource = serde_json::from_str(resource.get()).map_err(fault)?;
        for scope in resource.scope_spans {
            let scope: JsonScope = serde_json::from_str(scope.get()).map_err(fault)?;
            for span in scope.spans {
                reader.span(span.get().len(), || json_span(span.get()));
            }
        }
    }
    Ok(())
}

fn json_span(text: &str) -> Result<Span, String> {
    let mut json = serde_json::Deserializer::from_str(text);
    let span: JsonSpan =
        serde_path_to_error::deserialize(&mut json).map_err(|error| json::sentence(error.inner(), &error.path().to_string()))?;
    let id = |name: &str, text: &str| hex(text).ok_or_else(|| format!("`{name}` is written in hexadecimal digits."));
    Ok(Span {
        trace_id: id("traceId", &span.trace_id)?,
        span_id: id("spanId", &span.span_id)?,
        parent_span_id: id("parentSpanId", span.parent_span_id.as_deref().unwrap_or_default())?,
        name: span.name,
        start: span.start_time_unix_nano,
        end: span.end_time_unix_nano,
        attributes: span.attributes,
        events: span.events,
        status: span.status.map(|status| Status {
            message: status.message,
            code: match status.code.as_deref() {
                Some("1" | "STATUS_CODE_OK") => 1,
                Some("2" | "STATUS_CODE_ERROR") => 2,
                _ => 0,
            },
        }),
    })
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text.chars().map(|c| c.to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// A number of 64 bits, mostly written in quotes; a float would not hold it.
fn nanoseconds<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let text = json::text(from)?.unwrap_or_default();
    if text.is_empty() { Ok(0) } else { text.parse().map_err(|_| serde::de::Error::custom("a time is written as nanoseconds since 1970")) }
}

impl<'de> Deserialize<'de> for AnyValue {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        /// Exactly one of these is there.
        #[derive(Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct Json {
            #[serde(alias = "string_value")]
            string_value: Option<String>,
            #[serde(alias = "bool_value")]
            bool_value: Option<bool>,
            #[serde(alias = "int_value", deserialize_with = "json::text")]
            int_value: Option<String>,
            #[serde(alias = "double_value", deserialize_with = "json::number")]
            double_value: Option<f64>,
            #[serde(alias = "array_value")]
            array_value: Option<List>,
            #[serde(alias = "kvlist_value")]
            kvlist_value: Option<Map>,
        }
        let json = Json::deserialize(from)?;
        let int =
            json.int_value.map(|text| text.parse().map_err(|_| serde::de::Error::custom("`intValue` is a whole number"))).transpose()?;
        let value = json.string_value.map(Value::Text);
        let value = value.or(json.bool_value.map(Value::Bool)).or(int.map(Value::Int)).or(json.double_value.map(Value::Double));
        Ok(Self { value: value.or(json.array_value.map(Value::List)).or(json.kvlist_value.map(Value::Map)) })
    }
}

impl AnyValue {
    /// As one would write it: texts as they are, anything of parts as JSON.
    pub fn text(&self) -> String {
        match &self.value {
            Some(Value::Text(text)) => text.clone(),
            None => String::new(),
            Some(_) => self.json().to_string(),
        }
    }

    pub fn json(&self) -> serde_json::Value {
        match &self.value {
            None => serde_json::Value::Null,
            Some(Value::Text(text)) => text.as_str().into(),
            Some(Value::Bool(value)) => (*value).into(),
            Some(Value::Int(value)) => (*value).into(),
            Some(Value::Double(value)) => (*value).into(),
            Some(Value::List(list)) => list.values.iter().map(Self::json).collect(),
            Some(Value::Map(map)) => {
                map.values.iter().map(|pair| (pair.key.clone(), pair.value.as_ref().map(Self::json).unwrap_or_default())).collect()
            }
            Some(Value::Bytes(bytes)) => format!("[{} bytes]", bytes.len()).into(),
        }
    }

    pub fn number(&self) -> Option<f64> {
        match &self.value {
            Some(Value::Int(value)) => Some(*value as f64),
            Some(Value::Double(value)) => Some(*value),
            Some(Value::Text(text)) => text.trim().parse().ok(),
            _ => None,
        }
    }
}
