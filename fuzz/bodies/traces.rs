//! Traces in every form.

use llmos_traces::{Format, detect, markdown, parse};

pub fn run(bytes: &[u8]) {
    let _ = detect("upload", None, bytes);
    for format in [Format::Native, Format::Markdown, Format::ClaudeCode, Format::OtlpJson, Format::OtlpProtobuf] {
        for mut trace in parse(format, bytes).flatten() {
            trace.tidy(|text| text.into(), |_| false);
            assert!(trace.steps.iter().enumerate().all(|(at, step)| step.parent.is_none_or(|parent| parent < at)));
            let once = trace.clone();
            trace.tidy(|text| text.into(), |_| false);
            assert_eq!(trace, once);
            assert_eq!(markdown::parse(trace.to_markdown().as_bytes()).as_ref(), Ok(&trace));
        }
    }
}
