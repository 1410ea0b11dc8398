//! What somebody did without a network, or before the server answered: kept on the device until the server has it. A script of its own (`web/outbox`), loaded when a
//! page stands; the service worker sends with it too.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use inner::*;

/// The name by which pages load the script; the document says where it is.
pub const OUTBOX: &str = "llmos/outbox";

/// A change as a page wants it. Ids of what it makes are in its body, so that later changes can name them before the server knows of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wish {
    /// What it is about, such as `session:ID`: changes that have one of these in common are sent one after the other.
    pub objects: Vec<String>,
    pub method: &'static str,
    /// Below `/api/v1`.
    pub path: String,
    /// JSON.
    pub body: Option<String>,
    /// What it is, for the list of what waits.
    pub label: String,
    /// The page where a conflict is settled; empty where there is none.
    pub merge: String,
    /// Whether later changes of its objects build on it: they wait when it was refused.
    pub holds: bool,
    /// It takes the place of the newest change of its objects, if that is the same one and was not sent.
    pub latest: bool,
}

impl Wish {
    /// A change of one thing, on which others of it build.
    pub fn new(object: String, method: &'static str, path: String, body: &impl Serialize, label: String) -> Self {
        Self {
            objects: vec![object],
            method,
            path,
            body: serde_json::to_string(body).ok(),
            label,
            merge: String::new(),
            holds: true,
            latest: false,
        }
    }

    /// Later changes go on without it, should it be refused.
    pub fn alone(self) -> Self {
        Self { holds: false, ..self }
    }

    /// Of what is said again and again only the last counts.
    pub fn latest(self) -> Self {
        Self { latest: true, ..self }
    }

    /// Where a conflict is settled.
    pub fn merged_at(self, address: String) -> Self {
        Self { merge: address, ..self }
    }
}

/// How a change stands that the server does not have yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ItemState {
    /// It is to be sent.
    Waiting,
    /// Somebody else changed the same in between.
    Conflict,
    /// The server will not have it as it is.
    Refused,
    /// The server has it, and somebody has to look at what came of it.
    Look,
}

/// A change that the server does not have yet.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Item {
    pub key: String,
    pub objects: Vec<String>,
    pub path: String,
    pub body: Option<String>,
    pub label: String,
    pub merge: String,
    /// UTC milliseconds, by this device's clock.
    pub at: i64,
    pub state: ItemState,
    /// The server's sentence; empty before the first try.
    pub error: String,
    /// Of a conflict: what is in the way, by id, with a sentence for each.
    #[serde(default)]
    pub blocked: BTreeMap<String, String>,
    /// Whether it can still be changed: it has not been sent, or was refused.
    pub editable: bool,
}

/// All that waits, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Items {
    /// Whether it outlives the page. In private windows of some browsers nothing does.
    pub lasts: bool,
    pub changes: Vec<Item>,
}

/// What became of a change, in whichever tab or worker it was sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Heard {
    pub key: String,
    pub objects: Vec<String>,
    pub label: String,
    /// `done`, `conflict`, `refused`; anything else: it waits.
    pub what: String,
    /// The server's answer.
    pub text: String,
}

/// What the script tells a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// [`Items`] as JSON: whoever shows them reads them.
    List(String),
    /// [`Heard`] as JSON.
    Heard(String),
    /// How many milliseconds the server's clock is ahead of this device's.
    Clock(i64),
    /// How many the server does not have, and how many changes need somebody: they were refused, there is a conflict, or what came of them is to be looked at.
    Count { all: u32, failed: u32 },
}

/// What became of a wish while the page waited for it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Outcome {
    pub state: OutcomeState,
    /// The server's answer, or its error.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OutcomeState {
    Done,
    /// It is kept, and sent as soon as that can be.
    Waiting,
    /// It is not kept: whoever wanted it has it still.
    Refused,
}

#[cfg(feature = "hydrate")]
mod inner {
    use std::cell::RefCell;

    use js_sys::JsString;
    use serde::{Serialize, de::DeserializeOwned};
    use wasm_bindgen::{JsCast as _, closure::Closure, prelude::*};

    use super::{OUTBOX, Outcome, Said, Wish};
    use crate::{
        browser::{pwa, script},
        error::{AppError, AppResult},
    };

    thread_local! {
        /// Whose changes are kept; empty while nobody is known.
        static ACCOUNT: RefCell<String> = const { RefCell::new(String::new()) };
    }

    #[wasm_bindgen]
    extern "C" {
        type Script;
        #[wasm_bindgen(method)]
        fn start(this: &Script, account: &str, told: &Closure<dyn FnMut(JsString, JsString)>);
    }

    #[derive(Serialize)]
    #[serde(tag = "act", rename_all = "camelCase")]
    enum Ask<'a> {
        Add { account: &'a str, wish: &'a Wish, wait: bool },
        Retry { key: &'a str },
        Discard { key: &'a str },
        Edit { key: &'a str, body: &'a str },
        Waits { path: &'a str },
        Export,
        Leave,
    }

    async fn ask<T: DeserializeOwned>(what: Ask<'_>) -> AppResult<T> {
        let otherwise = "This browser did not keep it. Leave the page open and try again.";
        script::ask(OUTBOX, serde_json::to_string(&what).unwrap_or_default(), otherwise).await
    }

    /// Begins, for the account that opened the page: sends what waits from before, and tells what becomes of it.
    /// It comes after what the page itself needs, or with the first change.
    pub fn start(account: String, told: impl Fn(Said) + 'static) {
        ACCOUNT.set(account.clone());
        let begin = async move {
            let Ok(script) = script::load(OUTBOX).await else { return };
            let told = Closure::<dyn FnMut(JsString, JsString)>::new(move |what: JsString, text: JsString| {
                let text = String::from(text);
                match String::from(what).as_str() {
                    "list" => told(Said::List(text)),
                    "heard" => told(Said::Heard(text)),
                    "clock" => told(Said::Clock(text.parse().unwrap_or_default())),
                    _ => {
                        if let Some((Ok(all), Ok(failed))) = text.split_once(' ').map(|(all, failed)| (all.parse(), failed.parse())) {
                            told(Said::Count { all, failed });
                        }
                    }
                }
            });
            script.unchecked_into::<Script>().start(&account, &told);
            told.forget();
        };
        pwa::when_it_stands(move || wasm_bindgen_futures::spawn_local(begin));
    }

    /// Keeps a change and has it sent. With `wait` it waits a little for what the server says; otherwise it ends when the change is kept.
    ///
    /// # Errors
    /// It could not be kept, with a sentence; `Offline` if the script itself is not there.
    pub async fn add(wish: &Wish, wait: bool) -> AppResult<Outcome> {
        let account = ACCOUNT.with_borrow(Clone::clone);
        if account.is_empty() {
            return Err(AppError::offline());
        }
        ask(Ask::Add { account: &account, wish, wait }).await
    }

    /// Sends one again that was refused.
    pub async fn retry(key: &str) -> AppResult<()> {
        ask::<bool>(Ask::Retry { key }).await.map(drop)
    }

    /// Forgets one.
    pub async fn discard(key: &str) -> AppResult<()> {
        ask::<bool>(Ask::Discard { key }).await.map(drop)
    }

    /// Gives one another content, as JSON, and has it sent.
    ///
    /// # Errors
    /// It is on its way already.
    pub async fn edit(key: &str, body: &str) -> AppResult<()> {
        ask::<bool>(Ask::Edit { key, body }).await.map(drop)
    }

    /// Whether a change of this path waits. True as well where that is not known.
    pub async fn waits(path: &str) -> bool {
        ask(Ask::Waits { path }).await.unwrap_or(true)
    }

    /// Sends what waits, now. Every page has this in its first load, so nothing is put into JSON or read from it here.
    pub async fn run() {
        let _ = script::answer(OUTBOX, r#"{"act":"run"}"#.to_owned(), "").await;
    }

    /// Gives all that waits to the person as a file.
    pub async fn export() -> AppResult<u32> {
        ask(Ask::Export).await
    }

    /// Somebody signs out: what is unsent stays for when they sign in again.
    pub async fn leave() {
        let _ = ask::<u32>(Ask::Leave).await;
        ACCOUNT.take();
    }
}

#[cfg(not(feature = "hydrate"))]
mod inner {
    //! On the server nothing waits.

    use super::{Outcome, Said, Wish};
    use crate::error::{AppError, AppResult};

    pub fn start(_: String, _: impl Fn(Said) + 'static) {}
    pub async fn add(_: &Wish, _: bool) -> AppResult<Outcome> {
        Err(AppError::offline())
    }
    pub async fn retry(_: &str) -> AppResult<()> {
        Ok(())
    }
    pub async fn discard(_: &str) -> AppResult<()> {
        Ok(())
    }
    pub async fn edit(_: &str, _: &str) -> AppResult<()> {
        Ok(())
    }
    pub async fn waits(_: &str) -> bool {
        true
    }
    pub async fn run() {}
    pub async fn export() -> AppResult<u32> {
        Ok(0)
    }
    pub async fn leave() {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::browser::json;

    #[test]
    fn what_the_script_tells_is_read() {
        let text = r#"{"lasts":true,"changes":[{"objects":["session:1"],"method":"POST","path":"/sessions/1/messages","body":"{}","label":"Message","merge":"",
            "holds":false,"key":"k","at":5,"state":"refused","error":"No.","tries":2,"seq":9,"editable":true}]}"#;
        let items: Items = json::read(text).unwrap_or_default();
        assert_eq!(items.changes.first().map(|item| (item.state, item.at, item.editable)), Some((ItemState::Refused, 5, true)));
        let outcome = json::read::<Outcome>(r#"{"state":"waiting","text":""}"#).map(|outcome| outcome.state);
        assert_eq!(outcome, Ok(OutcomeState::Waiting));
    }

    #[test]
    fn wishes_say_what_builds_on_them() {
        let wish = Wish::new("session:1".to_owned(), "POST", "/sessions".to_owned(), &(), "New session".to_owned());
        assert!(wish.holds && wish.body.as_deref() == Some("null"));
        assert!(!wish.clone().alone().holds);
        assert_eq!(wish.merged_at("/x".to_owned()).merge, "/x");
    }
}
