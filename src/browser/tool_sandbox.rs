//! Runs a tool's JavaScript in this browser, where it can do no harm: a script of its own (`web/tool-sandbox`), loaded when a tool first runs.

use std::sync::atomic::{AtomicU32, Ordering};

use serde::Deserialize;

pub use inner::*;

/// The name by which pages load the script; the document says where it is.
pub const TOOL_SANDBOX: &str = "llmos/tool-sandbox";

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Ran {
    /// The outputs as JSON, up to 1 MB.
    pub outputs: Option<String>,
    /// Why there are none, as a sentence.
    pub error: Option<String>,
    /// What the code printed, a line each.
    pub console: Vec<String>,
    pub millis: u64,
}

/// A run of this page's, by which it is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ToolRun(u32);

impl ToolRun {
    /// Another one each time.
    pub fn fresh() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        Self(LAST.fetch_add(1, Ordering::Relaxed))
    }
}

/// Runs `main` of the code with the inputs (a JSON object); it may reach the hosts and nothing else. The outputs as JSON.
///
/// # Errors
/// A sentence for the person.
pub async fn run(code: String, inputs_json: String, hosts: Vec<String>) -> Result<String, String> {
    let ran = try_out(ToolRun::fresh(), code, inputs_json, hosts).await;
    match (ran.outputs, ran.error) {
        (Some(outputs), None) => Ok(outputs),
        (_, error) => Err(error.unwrap_or_else(|| "The tool ended without an answer.".to_owned())),
    }
}

#[cfg(feature = "hydrate")]
mod inner {
    use js_sys::JSON;
    use serde::Serialize;
    use wasm_bindgen::JsValue;

    use super::{Ran, TOOL_SANDBOX, ToolRun};
    use crate::browser::script;

    #[derive(Serialize)]
    struct Ask {
        id: u32,
        code: String,
        inputs: String,
        hosts: Vec<String>,
    }

    #[derive(Serialize)]
    struct Stop {
        stop: u32,
    }

    /// The same as `run`, with what the code printed and how long it took. Dropping the future does not end the run: `stop` does.
    pub async fn try_out(id: ToolRun, code: String, inputs: String, hosts: Vec<String>) -> Ran {
        let text = serde_json::to_string(&Ask { id: id.0, code, inputs, hosts }).unwrap_or_default();
        let otherwise = "This browser cannot run tools. Current versions of Chrome, Edge, Firefox and Safari can.";
        script::ask(TOOL_SANDBOX, text, otherwise).await.unwrap_or_else(|error| Ran { error: Some(error.message), ..Ran::default() })
    }

    /// Ends a run, if it is not over; it answers that it was stopped.
    pub fn stop(id: ToolRun) {
        let text = serde_json::to_string(&Stop { stop: id.0 }).unwrap_or_default();
        wasm_bindgen_futures::spawn_local(async move { drop(script::answer(TOOL_SANDBOX, text, "").await) });
    }

    /// What somebody wrote as JSON, in the browser's own form; none if it is no JSON.
    pub fn json(written: &str) -> Option<String> {
        JSON::stringify(&JSON::parse(written).ok()?).ok().map(String::from)
    }

    /// JSON with a line for each value, to be read.
    pub fn pretty(json: &str) -> Option<String> {
        let value = JSON::parse(json).ok()?;
        JSON::stringify_with_replacer_and_space(&value, &JsValue::NULL, &JsValue::from_f64(2.0)).ok().map(String::from)
    }
}

#[cfg(not(feature = "hydrate"))]
mod inner {
    //! The server never executes what artifacts hold.

    use serde_json::Value;

    use super::{Ran, ToolRun};

    pub async fn try_out(_: ToolRun, _: String, _: String, _: Vec<String>) -> Ran {
        Ran { error: Some("Tools run in the browser of the person who allows it, never on the server.".to_owned()), ..Ran::default() }
    }

    pub fn stop(_: ToolRun) {}

    pub fn json(written: &str) -> Option<String> {
        serde_json::from_str::<Value>(written).ok().map(|value| value.to_string())
    }

    pub fn pretty(json: &str) -> Option<String> {
        serde_json::from_str::<Value>(json).ok().map(|value| format!("{value:#}"))
    }
}
