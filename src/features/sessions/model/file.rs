//! A session as a file: `sessions/<id>.json` in a volume, and what the export gives.
//!
//! It is the predecessor's form with more in it, so one reader understands both. What a file says beyond this is kept.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What our own files begin with.
pub const FORMAT: &str = "llmos-session-1";
/// Bytes of one file.
pub const FILE_BYTES: usize = 32 * 1024 * 1024;
/// Messages of one file.
pub const MESSAGES_MAX: usize = 100_000;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SessionFile {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    #[serde(deserialize_with = "any_text")]
    pub id: String,
    #[serde(deserialize_with = "any_text")]
    pub name: String,
    #[serde(deserialize_with = "any_text")]
    pub status: String,
    /// `user` or `team`.
    #[serde(deserialize_with = "any_text", skip_serializing_if = "String::is_empty")]
    pub volume: String,
    #[serde(deserialize_with = "any_text")]
    pub goal: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    pub messages: Vec<FileMessage>,
    /// What else stands in the timeline: who came, which artifacts and commits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<Value>,
    pub artifacts: Vec<FileArtifact>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FileMessage {
    #[serde(deserialize_with = "any_text")]
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<i64>,
    /// `user`, `assistant` or `system`.
    #[serde(deserialize_with = "any_text")]
    pub role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    #[serde(deserialize_with = "any_text")]
    pub content: String,
    /// RFC 3339; `HH:MM` in the predecessor's files.
    #[serde(deserialize_with = "any_text")]
    pub timestamp: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deleted_at: Option<String>,
    /// A name, or an object with a type and a name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<FileArtifact>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Value>,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FileArtifact {
    /// `skill`, `tool` or `agent`.
    #[serde(rename = "type", deserialize_with = "any_text")]
    pub kind: String,
    /// Its slug; in the predecessor's files its name.
    #[serde(deserialize_with = "any_text")]
    pub name: String,
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// Text, a number or nothing: files written by hand say `"id": 7` and `"goal": null`.
fn any_text<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::String(text) => text,
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => String::new(),
    })
}

impl SessionFile {
    /// Reads a file, or says in a sentence why it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        if bytes.len() > FILE_BYTES {
            return Err(format!("It is over {} MB.", FILE_BYTES / 1024 / 1024));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let value: Value = serde_json::from_slice(bytes).map_err(|error| format!("It is not valid JSON (line {}).", error.line()))?;
        if !value.is_object() || !(value.get("messages").is_some_and(Value::is_array) || value.get("goal").is_some()) {
            return Err("It is not a session: it has neither messages nor a goal.".to_owned());
        }
        let file: Self = serde_json::from_value(value).map_err(|error| format!("It cannot be read as a session: {error}."))?;
        if file.id.trim().is_empty() {
            return Err("It has no id, so it could not be known again.".to_owned());
        }
        if file.id.chars().count() > 200 {
            return Err("Its id is too long.".to_owned());
        }
        if file.messages.len() > MESSAGES_MAX {
            return Err(format!("It has more than {MESSAGES_MAX} messages."));
        }
        Ok(file)
    }
}

/// `14:05` and the like: a time without a day.
pub fn is_clock_time(text: &str) -> bool {
    let digits = |part: &str, most: u32| part.len() <= 2 && part.parse::<u32>().is_ok_and(|number| number < most);
    let mut parts = text.trim().split(':');
    let (hours, minutes, seconds, more) = (parts.next(), parts.next(), parts.next(), parts.next());
    hours.is_some_and(|part| digits(part, 24))
        && minutes.is_some_and(|part| part.len() == 2 && digits(part, 60))
        && seconds.is_none_or(|part| digits(part, 61))
        && more.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_others_are_read_and_what_is_unknown_stays() {
        let file = SessionFile::parse(
            br#"{"id": 7, "name": "A", "status": "saved", "goal": null, "messages": [{"id": 1, "role": "user", "content": "hi", "timestamp": "14:05", "mood": "good"}],
                "artifacts": [{"type": "skill", "name": "x", "path": "p"}], "evolution": {"patterns": 3}}"#,
        )
        .expect("a session");
        assert_eq!((file.id.as_str(), file.goal.as_str(), file.messages[0].id.as_str()), ("7", "", "1"));
        assert_eq!(file.extra["evolution"]["patterns"], 3);
        assert_eq!((&file.messages[0].extra["mood"], &file.artifacts[0].extra["path"]), (&Value::from("good"), &Value::from("p")));
        let again = SessionFile::parse(&serde_json::to_vec(&file).expect("JSON")).expect("a session");
        assert_eq!(again, file);
    }

    #[test]
    fn what_is_no_session_is_named() {
        for (bad, reason) in [
            ("{", "JSON"),
            ("[]", "not a session"),
            ("{\"a\": 1}", "not a session"),
            ("{\"goal\": \"x\"}", "no id"),
            ("{\"id\": \"a\", \"messages\": [1]}", "cannot be read"),
        ] {
            let error = SessionFile::parse(bad.as_bytes()).expect_err(bad);
            assert!(error.contains(reason), "{bad}: {error}");
        }
    }

    #[test]
    fn clock_times() {
        assert!(is_clock_time("09:05") && is_clock_time("9:05") && is_clock_time("23:59:59"));
        for bad in ["", "24:00", "12:60", "12", "12:5", "a:b", "2026-01-01T00:00:00Z", "1:22:3:4"] {
            assert!(!is_clock_time(bad), "{bad}");
        }
    }
}
