use proptest::prelude::*;
use prost::Message;

use super::messages::Span;
use super::*;
use crate::model::{Outcome, Step, StepKind};

const JSON: &[u8] = include_bytes!("../../fixtures/otlp.json");
/// The same request, written by the OpenTelemetry project's own library.
const PROTOBUF: &[u8] = include_bytes!("../../fixtures/otlp.pb");

fn traces(bytes: &[u8], encoding: Encoding) -> Vec<Trace> {
    parse(bytes, encoding).collect::<Result<_, _>>().expect("no faults")
}

#[test]
fn spans_of_one_id_are_one_run() {
    let traces = traces(JSON, Encoding::Json);
    assert_eq!(traces.len(), 2);
    let run = &traces[0];
    assert_eq!((run.id.as_str(), run.goal.as_str()), ("5b8efff798038103d269b633813fc60c", "Count the orders of May"));
    assert_eq!((run.started_at, run.ended_at), (1_790_000_000_000, 1_790_000_009_000));
    assert_eq!((run.user.as_deref(), run.session.as_deref(), run.model.as_deref()), (Some("u-ana"), Some("conv-1"), Some("gpt-x")));
    assert_eq!((run.success, run.tokens_in, run.tokens_out), (Some(true), 120, 8));
    assert_eq!(run.skills_used, ["sales-report"]);
    assert_eq!(
        run.steps,
        [
            Step {
                name: "gpt-x".into(),
                kind: StepKind::Llm,
                output: r#"sql {"query":"select 1"}"#.into(),
                offset_ms: Some(1_000),
                duration_ms: 750,
                tokens_in: 120,
                tokens_out: 8,
                ..Step::default()
            },
            Step {
                name: "sales-report".into(),
                kind: StepKind::Skill,
                input: r#"{"skill": "office:sales-report"}"#.into(),
                offset_ms: Some(1_800),
                duration_ms: 1_200,
                ..Step::default()
            },
            Step {
                name: "sql".into(),
                parent: Some(1),
                input: r#"{"limits":[10,0.5,true],"query":"select 1"}"#.into(),
                output: "no such table".into(),
                outcome: Outcome::Error,
                offset_ms: Some(2_000),
                duration_ms: 500,
                ..Step::default()
            },
        ]
    );
}

#[test]
fn what_older_versions_wrote_is_read_and_a_root_may_be_missing() {
    let run = &traces(JSON, Encoding::Json)[1];
    assert_eq!((run.goal.as_str(), run.model.as_deref(), run.success), ("Is the train on time?", Some("gpt-old"), None));
    assert_eq!((run.tokens_in, run.tokens_out), (30, 4));
    assert_eq!((run.steps.len(), run.steps[0].output.as_str(), run.steps[0].parent), (1, "Yes", None));
}

#[test]
fn numbered_attributes_are_messages() {
    let text = |key: &str, value: &str| format!(r#"{{"key": "{key}", "value": {{"stringValue": "{value}"}}}}"#);
    let attributes = [
        text("gen_ai.prompt.1.content", "Second"),
        text("gen_ai.prompt.1.role", "user"),
        text("gen_ai.prompt.0.content", "First"),
        text("gen_ai.prompt.0.role", "user"),
        text("gen_ai.request.model", "m"),
        text("gen_ai.completion.0.content", "Done"),
    ];
    let request = format!(
        r#"{{"resource_spans": [{{"scope_spans": [{{"spans": [{{"trace_id": "0000000000000000000000000000000A", "span_id": "000000000000000a", "attributes": [{}]}}]}}]}}]}}"#,
        attributes.join(",")
    );
    let run = &traces(request.as_bytes(), Encoding::Json)[0];
    assert_eq!((run.id.as_str(), run.goal.as_str(), run.steps[0].output.as_str()), ("0000000000000000000000000000000a", "Second", "Done"));
}

#[test]
fn both_encodings_say_the_same() {
    assert_eq!(traces(PROTOBUF, Encoding::Protobuf), traces(JSON, Encoding::Json));
    let read = read(PROTOBUF, Encoding::Protobuf).expect("a request");
    assert_eq!((read.runs.len(), read.rejected, read.ignored), (2, 0, 2));
}

#[test]
fn a_run_comes_in_pieces_and_twice() {
    let whole = read(JSON, Encoding::Json).expect("a request").runs.remove(0);
    let text = String::from_utf8_lossy(JSON);
    let (start, end) = (text.find("  {\"traceId\"").expect("spans"), text.rfind("\n]}]}]}").expect("an end"));
    let spans: Vec<&str> = text[start..end].split(",\n  {\"traceId\": ").collect();
    let piece = |numbers: &[usize]| {
        let spans: Vec<String> =
            numbers.iter().map(|&n| if n == 0 { spans[0].to_owned() } else { format!("{{\"traceId\": {}", spans[n]) }).collect();
        let request = format!("{}{}]}}]}}]}}", &text[..start], spans.join(","));
        read(request.as_bytes(), Encoding::Json).expect("a request").runs.remove(0)
    };
    let mut run = piece(&[0, 3]);
    run.merge(piece(&[2, 0]));
    run.merge(piece(&[1, 4]));
    assert_eq!(run.len(), 5);
    assert_eq!(run.trace(), whole.trace());
    let kept: Run = serde_json::from_str(&serde_json::to_string(&run).expect("JSON")).expect("a run");
    assert_eq!(kept, run);
}

#[test]
fn a_bad_span_is_refused_alone() {
    let request = br#"{"resourceSpans": [{"scopeSpans": [{"spans": [
        {"traceId": "xyz", "spanId": "000000000000000a"},
        {"traceId": "0000000000000000000000000000000a", "spanId": "0000000000000000"},
        {"traceId": "0000000000000000000000000000000a", "spanId": "000000000000000a", "attributes": [{"key": "gen_ai.tool.name", "value": {"intValue": "x"}}]},
        {"traceId": "0000000000000000000000000000000a", "spanId": "000000000000000a", "attributes": [{"key": "gen_ai.tool.name", "value": {"stringValue": "sql"}}]}
    ]}]}]}"#;
    let read = read(request, Encoding::Json).expect("a request");
    assert_eq!((read.runs.len(), read.rejected), (1, 3));
    let told: Vec<String> = read.faults.iter().map(ToString::to_string).collect();
    assert_eq!(told[0], "Item 1: `traceId` is written in hexadecimal digits.");
    assert_eq!(told[1], "Item 2: A span id has 8 bytes, not all of them zero.");
    assert!(told[2].starts_with("Item 3: `attributes[0].value"), "{}", told[2]);

    let json: serde_json::Value = serde_json::from_slice(&answer(&read, Encoding::Json)).expect("JSON");
    assert_eq!(json["partialSuccess"]["rejectedSpans"], "3");
    assert_eq!(json["partialSuccess"]["errorMessage"], told[0]);
    // Field 1, of which field 1 is the number 3 and field 2 the sentence.
    let bytes = answer(&read, Encoding::Protobuf);
    let length = told[0].len() as u8;
    assert_eq!(bytes[..6], [0x0A, length + 4, 0x08, 3, 0x12, length]);
    assert_eq!(&bytes[6..], told[0].as_bytes());
}

#[test]
fn answers() {
    let all = Read::default();
    assert_eq!(answer(&all, Encoding::Json), b"{}");
    assert_eq!(answer(&all, Encoding::Protobuf), b"");
    assert_eq!(refusal(3, "No", Encoding::Json), br#"{"code":3,"message":"No"}"#);
    assert_eq!(refusal(3, "No", Encoding::Protobuf), b"\x08\x03\x12\x02No");
    assert_eq!(Encoding::of("application/json; charset=utf-8"), Some(Encoding::Json));
    assert_eq!(Encoding::of("application/x-protobuf").map(Encoding::content_type), Some("application/x-protobuf"));
    assert_eq!(Encoding::of("text/plain"), None);
}

#[test]
fn faults_of_a_request() {
    let fault = |bytes: &[u8], encoding| read(bytes, encoding).expect_err("a fault").to_string();
    assert_eq!(fault(b"[]", Encoding::Json), "This is no OTLP request: a JSON object with a list `resourceSpans` is expected.");
    assert!(fault(b"{\"resourceSpans\":\n[}", Encoding::Json).starts_with("Line 2: This is not valid JSON"));
    assert!(fault(b"\x0A\x7F", Encoding::Protobuf).contains("damaged"));
    let none = parse(br#"{"resourceSpans": []}"#, Encoding::Json).next().expect("a fault").expect_err("a fault");
    assert!(none.message.starts_with("No span in this file"));
}

#[test]
fn a_collectors_file_has_a_request_a_line() {
    let line = |id: u8| {
        format!(
            r#"{{"resourceSpans": [{{"scopeSpans": [{{"spans": [{{"traceId": "{id:032x}", "spanId": "000000000000000a", "attributes": [{{"key": "gen_ai.tool.name", "value": {{"stringValue": "sql"}}}}]}}]}}]}}]}}"#
        )
    };
    assert_eq!(traces(format!("{}\n{}\n", line(1), line(2)).as_bytes(), Encoding::Json).len(), 2);
}

#[test]
fn many_spans_take_little_memory_and_too_many_are_refused() {
    // A span of no bytes: two bytes in the request.
    let spans = [0x12, 0].repeat(60_000);
    let wrap = |tag: u8, inner: &[u8]| {
        let mut out = vec![tag];
        prost::encode_length_delimiter(inner.len(), &mut out).expect("room");
        out.extend_from_slice(inner);
        out
    };
    let read = read(&wrap(0x0A, &wrap(0x12, &spans)), Encoding::Protobuf).expect("a request");
    assert_eq!((read.rejected, read.faults.len(), read.runs.len()), (60_000, 20, 0));
}

proptest! {
    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..80), at in 0..900_usize, byte in any::<u8>()) {
        let _ = read(&bytes, Encoding::Protobuf);
        for (fixture, encoding) in [(PROTOBUF, Encoding::Protobuf), (JSON, Encoding::Json)] {
            let mut damaged = fixture.to_vec();
            let at = at * damaged.len() / 900;
            damaged[at] = byte;
            for trace in parse(&damaged, encoding).flatten() {
                let mut trace = trace;
                trace.tidy(|text| text.into(), |_| false);
            }
            let _ = read(&fixture[..at], encoding);
        }
        if let Ok(span) = Span::decode(bytes.as_slice()) {
            let _ = Run::of(&span);
        }
    }
}
