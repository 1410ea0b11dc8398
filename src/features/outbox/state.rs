//! What the outbox told this page.

use std::sync::OnceLock;

use leptos::prelude::*;

use crate::{
    browser::{
        data::Sent,
        json,
        outbox::{self, Heard, Item, ItemState, Items, Said},
    },
    error::AppResult,
    features::volumes::{
        model::CreateCommit,
        state::{COMMITS, merge_address, onto_heads},
    },
    ids::{self, UserId},
    ui::{ToastsContext, toast, toast_link},
};

/// Where all that waits is listed.
pub const UNSENT: &str = "/settings/unsent";

/// What waits on this device.
#[derive(Clone, Copy)]
pub struct OutboxContext {
    /// How many changes the server does not have, and how many need somebody.
    pub counts: RwSignal<(u32, u32)>,
    list: RwSignal<List>,
    /// Counts up with each that arrives: a thousand do one after another, and only what shows one object follows each of them.
    arrivals: RwSignal<u32>,
    listeners: StoredValue<Vec<(u32, Callback<Heard>)>>,
    next: StoredValue<u32>,
}

/// What waited when it was told last.
#[derive(Default)]
struct List {
    /// [`Items`] as JSON, as it came.
    text: String,
    /// The same, read by the first that shows it.
    read: OnceLock<Items>,
    /// Keys of those that arrived since it came.
    arrived: Vec<String>,
}

impl List {
    fn items(&self, which: impl Fn(&Item) -> bool) -> Items {
        let Items { lasts, changes } = self.read.get_or_init(|| json::read(&self.text).unwrap_or_default());
        let changes = changes.iter().filter(|item| which(item) && !self.arrived.contains(&item.key)).cloned().collect();
        Items { lasts: *lasts, changes }
    }
}

/// Provides the [`OutboxContext`] to everything below.
pub fn provide_outbox() -> OutboxContext {
    let context = OutboxContext {
        counts: RwSignal::default(),
        list: RwSignal::default(),
        arrivals: RwSignal::new(0),
        listeners: StoredValue::default(),
        next: StoredValue::new(0),
    };
    provide_context(context);
    context
}

pub fn use_outbox() -> OutboxContext {
    expect_context()
}

impl OutboxContext {
    /// Once it is known whose page it is.
    pub fn start(self, account: UserId, toasts: ToastsContext) {
        outbox::start(account.to_string(), move |said| match said {
            Said::Count { all, failed } => {
                let before = self.counts.try_get_untracked().unwrap_or_default();
                let _ = self.counts.try_set((all, failed));
                // What failed before this page came stands in the status line.
                if before != (0, 0) && failed > before.1 {
                    toast_link(toasts, "A change needs you", "See why", UNSENT.to_owned());
                }
            }
            Said::Clock(ahead) => ids::follow_clock(ahead),
            Said::List(text) => drop(self.list.try_set(List { text, ..List::default() })),
            Said::Heard(text) => {
                if let Ok(heard) = json::read(&text) {
                    self.hear(heard);
                }
            }
        });
    }

    fn hear(self, heard: Heard) {
        if heard.what == "done" {
            self.list.maybe_update(|list| {
                list.arrived.push(heard.key.clone());
                false
            });
            let _ = self.arrivals.try_update(|arrivals| *arrivals += 1);
        }
        // Not while they are borrowed: one of them may go away by what it hears.
        for listener in self.listeners.try_with_value(|all| all.iter().map(|(_, act)| *act).collect::<Vec<_>>()).unwrap_or_default() {
            listener.try_run(heard.clone());
        }
    }

    /// What becomes of changes of this object, for as long as the caller's component is there.
    pub fn on_heard(self, object: String, act: impl Fn(Heard) + Send + Sync + 'static) {
        let number = self.next.get_value();
        self.next.set_value(number.wrapping_add(1));
        let act = Callback::new(move |heard: Heard| {
            if heard.objects.contains(&object) {
                act(heard);
            }
        });
        self.listeners.update_value(|all| all.push((number, act)));
        on_cleanup(move || {
            let _ = self.listeners.try_update_value(|all| all.retain(|(known, _)| *known != number));
        });
    }

    /// All that waits, oldest first. Reactive, with each list: what arrives is gone from it with the next one, which comes a moment later, or up to two seconds
    /// where a thousand wait.
    pub fn items(self) -> Items {
        self.list.with(|list| list.items(|_| true))
    }

    /// Those that wait and are what `which` says, oldest first. Reactive, with each that arrives.
    pub fn those(self, which: impl Fn(&Item) -> bool) -> Vec<Item> {
        self.arrivals.track();
        self.list.with(|list| list.items(which).changes)
    }

    /// What waits of one object. Reactive, with each that arrives.
    pub fn about(self, object: &str) -> Vec<Item> {
        self.those(|item| item.objects.iter().any(|known| known == object))
    }
}

/// How changes of an object stand as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemsState {
    Synced,
    Waiting,
    Failed,
}

/// How what waits of something stands: one that was not taken counts for all. What is to be looked at is on the server.
pub fn state_of(items: &[Item]) -> ItemsState {
    let state = |item: &Item| match item.state {
        ItemState::Look => ItemsState::Synced,
        ItemState::Waiting => ItemsState::Waiting,
        ItemState::Conflict | ItemState::Refused => ItemsState::Failed,
    };
    items.iter().map(state).max().unwrap_or(ItemsState::Synced)
}

/// Says what became of a change: `done`, or that it waits.
pub fn say_sent(toasts: ToastsContext, sent: Sent, done: impl Into<String>) {
    match sent {
        Sent::Done => toast(toasts, done),
        Sent::Waiting => {
            toast_link(toasts, "Kept on this device, and sent when the server can be reached", "What waits", UNSENT.to_owned())
        }
    }
}

/// Says that a change waits, and nothing of one that arrived: its page shows that.
pub fn say_waiting(toasts: ToastsContext, sent: Sent) {
    if sent == Sent::Waiting {
        say_sent(toasts, sent, "");
    }
}

/// Sends one again that was refused.
pub async fn retry(key: String) -> AppResult<()> {
    outbox::retry(&key).await
}

/// The same from the list of all of them: a commit that somebody was faster than is based on what is the head by now, since whoever asks for that has merged.
///
/// # Errors
/// The heads cannot be read.
pub async fn send_again(item: Item) -> AppResult<()> {
    let commit = item.body.as_deref().filter(|_| item.state == ItemState::Conflict && item.path == COMMITS);
    match commit.and_then(|body| json::read::<CreateCommit>(body).ok()) {
        Some(commit) => {
            let commit = onto_heads(commit).await?;
            outbox::edit(&item.key, &serde_json::to_string(&commit).unwrap_or_default()).await
        }
        None => retry(item.key).await,
    }
}

/// Where a conflict is settled, or what there is to look at, with a sentence for each: of a commit of several artifacts each that is in the way.
pub fn places_of(item: &Item) -> Vec<(String, String)> {
    if item.merge.is_empty() || !matches!(item.state, ItemState::Conflict | ItemState::Look) {
        return Vec::new();
    }
    let artifact = |(id, sentence): (&String, &String)| Some((merge_address(id.parse().ok()?), sentence.clone()));
    let several: Vec<_> = item.blocked.iter().filter_map(artifact).collect();
    if several.is_empty() { vec![(item.merge.clone(), item.error.clone())] } else { several }
}

/// Forgets one.
pub async fn discard(key: String) -> AppResult<()> {
    outbox::discard(&key).await
}

/// Gives one another content and sends it.
///
/// # Errors
/// It is on its way already.
pub async fn edit(key: String, body: String) -> AppResult<()> {
    outbox::edit(&key, &body).await
}

/// What a person wrote in a change, and its name there: the part of it that can be put right without knowing what the change is.
pub fn words_of(item: &Item) -> Option<(&'static str, String)> {
    // The editor of a text keeps it too, and is where it is put right.
    if item.path.ends_with("/edits") {
        return None;
    }
    const NAMES: [&str; 5] = ["text", "message", "review", "title", "name"];
    let Ok(serde_json::Value::Object(body)) = json::read(item.body.as_deref()?) else { return None };
    NAMES.into_iter().find_map(|name| Some((name, body.get(name)?.as_str()?.to_owned())))
}

/// The content of a change with other words in it.
pub fn with_words(body: &str, name: &str, words: String) -> Option<String> {
    let Ok(serde_json::Value::Object(mut body)) = json::read(body) else { return None };
    body.insert(name.to_owned(), words.into());
    serde_json::to_string(&body).ok()
}

/// Gives all that waits as a file.
pub async fn export() -> AppResult<u32> {
    outbox::export().await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn item(state: ItemState) -> Item {
        Item {
            key: String::new(),
            objects: Vec::new(),
            path: String::new(),
            body: Some(r#"{"id":"7","text":"Helo","attachmentIds":[]}"#.to_owned()),
            label: String::new(),
            merge: String::new(),
            at: 0,
            state,
            error: "Somebody was faster.".to_owned(),
            blocked: BTreeMap::new(),
            editable: true,
        }
    }

    #[test]
    fn the_words_of_a_change_are_found_and_put_back() {
        let item = item(ItemState::Refused);
        assert_eq!(words_of(&item), Some(("text", "Helo".to_owned())));
        let body = with_words(item.body.as_deref().unwrap_or_default(), "text", "Hello".to_owned()).unwrap_or_default();
        assert_eq!(words_of(&Item { body: Some(body.clone()), ..item.clone() }), Some(("text", "Hello".to_owned())));
        assert!(body.contains(r#""id":"7""#));
        assert_eq!(words_of(&Item { path: "/artifacts/7/edits".to_owned(), ..item.clone() }), None);
        assert_eq!(words_of(&Item { body: None, ..item }), None);
        assert_eq!(with_words("[]", "text", String::new()), None);
    }

    #[test]
    fn what_arrives_is_gone_at_once_from_its_object_and_with_the_next_list_from_all() {
        let told = |keys: &[&str]| {
            let change = |key: &&str| {
                format!(
                    r#"{{"key":"{key}","objects":["session:1"],"path":"/sessions/1/messages","body":null,"label":"","merge":"","at":0,
                    "state":"waiting","error":"","editable":true}}"#
                )
            };
            let changes: Vec<_> = keys.iter().map(change).collect();
            List { text: format!(r#"{{"lasts":true,"changes":[{}]}}"#, changes.join(",")), ..List::default() }
        };
        let owner = Owner::new();
        owner.with(|| {
            let outbox = provide_outbox();
            outbox.list.set(told(&["a", "b"]));
            let all = Memo::new(move |_| outbox.items().changes.len());
            let of_one = Memo::new(move |_| outbox.about("session:1").len());
            assert_eq!((all.get_untracked(), of_one.get_untracked()), (2, 2));
            outbox.hear(Heard {
                key: "a".to_owned(),
                objects: vec!["session:1".to_owned()],
                label: String::new(),
                what: "done".to_owned(),
                text: String::new(),
            });
            assert_eq!((all.get_untracked(), of_one.get_untracked()), (2, 1));
            assert_eq!(outbox.items().changes.len(), 1, "whoever looks anew");
            outbox.list.set(told(&["b"]));
            assert_eq!((all.get_untracked(), of_one.get_untracked()), (1, 1));
            assert!(outbox.about("session:2").is_empty());
        });
    }

    #[test]
    fn one_that_failed_counts_for_all() {
        assert_eq!(state_of(&[]), ItemsState::Synced);
        assert_eq!(state_of(&[item(ItemState::Waiting)]), ItemsState::Waiting);
        assert_eq!(state_of(&[item(ItemState::Waiting), item(ItemState::Conflict)]), ItemsState::Failed);
        assert_eq!(state_of(&[item(ItemState::Refused)]), ItemsState::Failed);
        assert_eq!(state_of(&[item(ItemState::Look)]), ItemsState::Synced);
    }

    #[test]
    fn a_conflict_leads_to_each_artifact_that_is_in_the_way() {
        let merge = "/artifacts/0192a000-0000-7000-8000-000000000001?tab=merge".to_owned();
        let item = Item { merge: merge.clone(), ..item(ItemState::Conflict) };
        assert_eq!(places_of(&item), [(merge.clone(), "Somebody was faster.".to_owned())]);
        let second = "0192a000-0000-7000-8000-000000000002".to_owned();
        let blocked = BTreeMap::from([(second.clone(), "Merge it first.".to_owned()), ("message".to_owned(), "No.".to_owned())]);
        let several = Item { blocked, ..item.clone() };
        assert_eq!(places_of(&several), [(format!("/artifacts/{second}?tab=merge"), "Merge it first.".to_owned())]);
        assert!(places_of(&Item { state: ItemState::Refused, ..item.clone() }).is_empty());
        assert!(places_of(&Item { merge: String::new(), ..item }).is_empty());
    }
}
