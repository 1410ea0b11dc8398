//! What it means when a language model's service answers with something else than success, for the people who wait.

use serde_json::Value;

use crate::stream::{message_of, one_line};

/// Milliseconds that a service may ask to be left alone, at most; it asks for more when a day's limit is spent.
const WAIT_MAX_MS: u64 = 30_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It may pass: after so many milliseconds, if the service says.
    Retry { after_ms: Option<u64> },
    /// It stays until somebody changes something: a sentence that says what.
    Refused(String),
}

/// `retry_after`: the header of that name, in seconds. No sentence holds what looks like a key.
pub fn classify(status: u16, retry_after: Option<&str>, body: &str) -> Failure {
    let body_value = serde_json::from_str::<Value>(body).ok();
    // Most put an `error` around it; vLLM did not, and FastAPI calls it `detail`. A page of HTML says nothing to people.
    let error = body_value.as_ref().map(|value| value.get("error").filter(|error| !error.is_null()).unwrap_or(value));
    let said = match error {
        Some(error) => ["message", "detail"]
            .iter()
            .find_map(|key| error.get(*key).filter(|text| text.is_string()))
            .map_or_else(|| message_of(error), message_of),
        None if body.trim_start().starts_with('<') => String::new(),
        None => one_line(body),
    };
    let code = |name: &str| ["code", "type"].iter().filter_map(|key| error?.get(*key)?.as_str()).any(|code| code.contains(name));
    let refused = |sentence: &str| {
        let said = said.trim_end_matches('.');
        Failure::Refused(if said.is_empty() { sentence.to_owned() } else { format!("{sentence} It says: {said}.") })
    };
    let is_too_long =
        code("context_length") || code("exceed_context_size") || said.contains("context length") || said.contains("maximum context");
    match status {
        400 | 413 | 422 if status == 413 || is_too_long => refused(
            "The question with its thread and skills is too long for the language model: begin a new session, or set LLM_CONTEXT lower.",
        ),
        401 | 403 => refused(
            "The language model's service does not accept the key: whoever runs the server, or an owner of the team, sets another one.",
        ),
        402 => refused("The account at the language model's service has no credit left."),
        404 => refused(
            "The language model's service does not know the model or the address: whoever runs the server looks at LLM_MODEL and OPENAI_BASE_URL.",
        ),
        429 if code("insufficient_quota") => refused("The account at the language model's service has no credit left."),
        408 | 409 | 425 | 429 | 500..=599 => {
            let seconds =
                retry_after.and_then(|seconds| seconds.trim().parse::<f64>().ok()).filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
            match seconds.map(|seconds| (seconds * 1_000.0) as u64) {
                Some(wait) if wait > WAIT_MAX_MS => {
                    refused("The language model's service has had enough requests for now: ask again later.")
                }
                after_ms => Failure::Retry { after_ms },
            }
        }
        _ => refused("The language model's service refuses the question."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sentence(status: u16, body: &str) -> String {
        match classify(status, None, body) {
            Failure::Refused(sentence) => sentence,
            Failure::Retry { after_ms } => format!("retry {after_ms:?}"),
        }
    }

    #[test]
    fn what_may_pass_is_tried_again_and_the_rest_says_what_to_do() {
        for status in [408, 409, 425, 429, 500, 502, 503, 529] {
            assert_eq!(classify(status, None, "busy"), Failure::Retry { after_ms: None }, "{status}");
        }
        assert_eq!(classify(429, Some("2"), ""), Failure::Retry { after_ms: Some(2_000) });
        assert_eq!(classify(503, Some("0.5"), ""), Failure::Retry { after_ms: Some(500) });
        assert_eq!(classify(503, Some("Fri, 27 Nov 2026 10:00:00 GMT"), ""), Failure::Retry { after_ms: None });
        assert!(matches!(classify(429, Some("86400"), ""), Failure::Refused(_)));
        let quota = r#"{"error":{"message":"You exceeded your current quota.","type":"insufficient_quota","code":"insufficient_quota"}}"#;
        assert_eq!(
            sentence(429, quota),
            "The account at the language model's service has no credit left. It says: You exceeded your current quota."
        );
        let long = r#"{"error":{"message":"This model's maximum context length is 4096 tokens.","code":"context_length_exceeded"}}"#;
        assert!(sentence(400, long).contains("LLM_CONTEXT"));
        let llama =
            r#"{"error":{"code":400,"message":"the request exceeds the available context size","type":"exceed_context_size_error"}}"#;
        assert!(sentence(400, llama).contains("LLM_CONTEXT"));
        let vllm = r#"{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","code":404}"#;
        assert!(sentence(404, vllm).ends_with("It says: The model `x` does not exist."));
        assert_eq!(sentence(400, "<html>no</html>"), sentence(400, ""));
        assert!(sentence(400, r#"{"detail":"no tools here"}"#).ends_with("It says: no tools here."));
        assert!(sentence(413, "").contains("LLM_CONTEXT"));
        assert!(sentence(404, r#"{"error":{"message":"model not found"}}"#).contains("LLM_MODEL"));
        assert_eq!(sentence(400, ""), "The language model's service refuses the question.");
        assert_eq!(sentence(418, "I am\na teapot"), "The language model's service refuses the question. It says: I am a teapot.");
    }

    #[test]
    fn keys_are_never_repeated() {
        let body = r#"{"error":{"message":"Incorrect API key provided: sk-proj-abcdef0123456789. Authorization: Bearer abc"}}"#;
        let sentence = sentence(401, body);
        assert!(!sentence.contains("sk-proj") && sentence.contains("does not accept the key"), "{sentence}");
        let long = sentence_of_length(10_000);
        assert!(long.chars().count() < 500, "{long}");
    }

    fn sentence_of_length(length: usize) -> String {
        sentence(400, &"word ".repeat(length))
    }
}
