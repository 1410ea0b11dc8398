//! Runs a tool's JavaScript in this browser, where it can do no harm: a script of its own (`web/tool-sandbox`), loaded when a tool first runs.

use serde::Deserialize;

pub use inner::*;

/// The name by which pages load the script; the document says where it is.
pub const TOOL_SANDBOX: &str = "llmos/tool-sandbox";

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Ran {
    /// The outputs as JSON.
    pub outputs: Option<String>,
    /// Why there are none, as a sentence.
    pub error: Option<String>,
    /// What the code printed, a line each.
    pub console: Vec<String>,
    pub millis: u64,
}

/// Runs `main` of the code with the inputs; it may reach the hosts and nothing else. The outputs as JSON.
///
/// # Errors
/// A sentence for the person.
pub async fn run(code: String, inputs_json: String, hosts: Vec<String>) -> Result<String, String> {
    let ran = try_out(code, inputs_json, hosts).await?;
    match (ran.outputs, ran.error) {
        (Some(outputs), None) => Ok(outputs),
        (_, error) => Err(error.unwrap_or_else(|| "The tool ended without an answer.".to_owned())),
    }
}

#[cfg(feature = "hydrate")]
mod inner {
    use serde::Serialize;

    use super::{Ran, TOOL_SANDBOX};
    use crate::browser::script;

    #[derive(Serialize)]
    struct Ask {
        code: String,
        inputs: String,
        hosts: Vec<String>,
    }

    /// The same as `run`, with what the code printed and how long it took.
    ///
    /// # Errors
    /// A sentence for the person: it did not begin.
    pub async fn try_out(code: String, inputs: String, hosts: Vec<String>) -> Result<Ran, String> {
        let text = serde_json::to_string(&Ask { code, inputs, hosts }).unwrap_or_default();
        let otherwise = "This browser cannot run tools. Current versions of Chrome, Edge, Firefox and Safari can.";
        script::ask(TOOL_SANDBOX, text, otherwise).await.map_err(|error| error.message)
    }
}

#[cfg(not(feature = "hydrate"))]
mod inner {
    //! The server never executes what artifacts hold.

    use super::Ran;

    pub async fn try_out(_: String, _: String, _: Vec<String>) -> Result<Ran, String> {
        Err("Tools run in the browser of the person who allows it, never on the server.".to_owned())
    }
}
