//! The scripts of ours that pages load by name (`web/`); the document says where each is. One place for all of them: it is in the first load.
//! Only the parts of `browser` for the browser itself call it, so it has no twin.

use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast as _, prelude::*};
use wasm_bindgen_futures::JsFuture;

use super::json;
use crate::error::{AppError, AppResult};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = import)]
    fn import(name: &str) -> js_sys::Promise;

    type Script;
    #[wasm_bindgen(method)]
    fn ask(this: &Script, text: &str) -> js_sys::Promise;
}

/// Loads a script, if it is not there yet.
pub async fn load(name: &str) -> Result<JsValue, JsValue> {
    JsFuture::from(import(name)).await
}

/// Asks a script whose one function `ask` takes and gives JSON. It says in a sentence what went wrong; the browser itself says it in words
/// that help nobody: for these stands `otherwise`.
pub async fn ask<T: DeserializeOwned>(name: &str, text: String, otherwise: &str) -> AppResult<T> {
    let answer = answer(name, text, otherwise).await?;
    json::read(&answer).map_err(|_| AppError::invalid("This page is older than its scripts. Load it again."))
}

/// The same, with the answer as it came.
pub async fn answer(name: &str, text: String, otherwise: &str) -> AppResult<String> {
    let script: Script = load(name).await.map_err(|_| AppError::offline())?.unchecked_into();
    match JsFuture::from(script.ask(&text)).await {
        Ok(answer) => Ok(answer.as_string().unwrap_or_default()),
        Err(error) => Err(AppError::invalid(match error.dyn_into::<js_sys::Error>() {
            Ok(error) if error.name() == "Error" => String::from(error.message()),
            _ => otherwise.to_owned(),
        })),
    }
}
