//! The command palette and the list of shortcuts: loaded when first opened, so that no first visit pays for them.

use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use super::{Icon, keys::single_keys};
use crate::{
    browser::page,
    features::{
        accounts::state::use_session,
        search::{
            model::{SearchHit, SearchQuery},
            state::{hit_address, recent_searches, remember_search, search_address, search_as_typed, tell_opened},
            ui::{FoundMark, marked},
        },
    },
};

const KEYS: [(&str, &str); 11] = [
    ("Ctrl K", "Search or go to"),
    ("?", "This list"),
    ("g h", "Home"),
    ("g s", "Sessions"),
    ("g a", "Artifacts"),
    ("g m", "Marketplace"),
    ("g c", "Changes"),
    ("g n", "Notifications"),
    ("g ,", "Settings"),
    ("[", "Open or close the navigation"),
    ("Ctrl Z", "Undo the last act while its toast stands"),
];
const KEYS_OF_PAGES: [(&str, &str); 8] = [
    ("/", "Filter of this page"),
    ("j  k", "Move in a list"),
    ("r", "Read the artifact"),
    ("e", "Edit the artifact"),
    ("h", "History of the artifact"),
    ("d", "Diff of the artifact"),
    ("Ctrl S", "Commit what is drafted"),
    ("]", "Show or hide the artifacts of a session"),
];

/// What a person can do from the palette.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PaletteAction {
    pub words: &'static str,
    pub icon: &'static str,
    pub address: &'static str,
}

impl PaletteAction {
    /// Whether each word that was typed begins a word of the action.
    fn matches(&self, typed: &str) -> bool {
        let words = self.words.to_lowercase();
        typed.to_lowercase().split_whitespace().all(|typed| words.split(' ').any(|word| word.starts_with(typed)))
    }
}

const ACTIONS: [PaletteAction; 20] = [
    PaletteAction { words: "Go home", icon: "home", address: "/" },
    PaletteAction { words: "New session", icon: "plus", address: "/sessions?new" },
    PaletteAction { words: "Go to sessions", icon: "session", address: "/sessions" },
    PaletteAction { words: "Search", icon: "search", address: "/search" },
    PaletteAction { words: "Open the library", icon: "artifacts", address: "/artifacts" },
    PaletteAction { words: "New artifact", icon: "plus", address: "/artifacts/new" },
    PaletteAction { words: "Import a folder or a zip", icon: "upload", address: "/import" },
    PaletteAction { words: "Open the marketplace", icon: "market", address: "/marketplace" },
    PaletteAction { words: "See what is installed", icon: "download", address: "/marketplace/installed" },
    PaletteAction { words: "Open evolution", icon: "evolution", address: "/evolution" },
    PaletteAction { words: "See traces", icon: "trace", address: "/traces" },
    PaletteAction { words: "Open analytics", icon: "analytics", address: "/analytics" },
    PaletteAction { words: "See all changes", icon: "commit", address: "/changes" },
    PaletteAction { words: "See notifications", icon: "bell", address: "/notifications" },
    PaletteAction { words: "See the trash", icon: "trash", address: "/artifacts?view=trash" },
    PaletteAction { words: "Your account", icon: "settings", address: "/settings" },
    PaletteAction { words: "API tokens", icon: "key", address: "/settings/tokens" },
    PaletteAction { words: "Teams", icon: "users", address: "/settings/teams" },
    PaletteAction { words: "Help: troubleshooting", icon: "help", address: "/help/troubleshooting" },
    PaletteAction { words: "Help: coming from the predecessor", icon: "help", address: "/help/migrating" },
];

#[derive(Clone, PartialEq)]
enum Hit {
    Found(Box<SearchHit>),
    /// The question itself, on the page of search.
    Everything(String),
    Recent(String),
    Action(PaletteAction),
}

impl Hit {
    fn address(&self) -> String {
        match self {
            Hit::Found(hit) => hit_address(hit),
            Hit::Everything(text) | Hit::Recent(text) => search_address(&SearchQuery { q: Some(text.clone()), ..SearchQuery::default() }),
            Hit::Action(action) => action.address.to_owned(),
        }
    }
}

/// How many matches are shown.
const SHOWN: u32 = 8;

/// Ctrl-K: goes anywhere, and finds by words and by meaning while one types.
#[component]
pub fn Palette() -> impl IntoView {
    let query = RwSignal::new(String::new());
    let chosen = RwSignal::new(0_usize);
    let found = RwSignal::new(Vec::<SearchHit>::new());
    // It stays in the document, and is opened again and again.
    let session = use_session();
    let me = move || session.account_untracked().map(|me| me.person.id);
    let recent = RwSignal::new(recent_searches(me()));
    // Only the answer to the newest question counts.
    let asked = StoredValue::new(0_usize);
    // Acts stand first: they are there at once, and what is found a moment later does not push them from under an Enter.
    let hits = Memo::new(move |_| {
        let asked = query.get().trim().to_owned();
        let actions = ACTIONS.into_iter().filter(|action| action.matches(&asked)).map(Hit::Action);
        let recent = if asked.is_empty() { recent.get() } else { Vec::new() };
        let found = found.get().into_iter().map(|hit| Hit::Found(Box::new(hit)));
        let everything = (!asked.is_empty()).then_some(Hit::Everything(asked.clone()));
        recent.into_iter().map(Hit::Recent).chain(actions).chain(found).chain(everything).collect::<Vec<_>>()
    });
    let ask = move |text: String| {
        asked.update_value(|asked| *asked += 1);
        let number = asked.get_value();
        if text.trim().is_empty() {
            found.set(Vec::new());
            return;
        }
        page::after_forget(120, move || {
            if asked.try_get_value() != Some(number) {
                return;
            }
            let answer = search_as_typed(text.trim().to_owned(), SHOWN);
            leptos::task::spawn_local(async move {
                if let Ok(page) = answer.await
                    && asked.try_get_value() == Some(number)
                {
                    // What a person has moved to stays theirs, wherever it stands now.
                    let moved = chosen.get_untracked();
                    let kept = (moved > 0).then(|| hits.with_untracked(|hits| hits.get(moved).cloned())).flatten();
                    found.set(page.hits);
                    chosen.set(
                        kept.and_then(|kept| hits.with_untracked(|hits| hits.iter().position(|hit| *hit == kept))).unwrap_or_default(),
                    );
                }
            });
        });
    };
    let navigate = use_navigate();
    let open = Callback::new(move |index: usize| {
        if let Some(hit) = hits.with_untracked(|hits| hits.get(index).cloned()) {
            page::close_dialog("palette");
            if let Hit::Found(found) = &hit {
                let position = hits.with_untracked(|hits| hits[..=index].iter().filter(|hit| matches!(hit, Hit::Found(_))).count());
                tell_opened((None, None), position, &found.id);
            }
            if !matches!(hit, Hit::Action(_)) {
                query.with_untracked(|text| remember_search(me(), text));
                recent.set(recent_searches(me()));
            }
            query.set(String::new());
            found.set(Vec::new());
            chosen.set(0);
            let address = hit.address();
            // Pages of help are the server's, outside of the app.
            if address.starts_with("/help") {
                page::go(&address);
            } else {
                navigate(&address, leptos_router::NavigateOptions::default());
            }
        }
    });
    // It was asked for, or it would not be here.
    opens_itself("palette");
    view! {
        <dialog class="palette pop" id="palette" aria-label="Search or go to">
                <div class="q">
                    <Icon name="search"/>
                    <input
                        type="text"
                        role="combobox"
                        aria-label="Search or go to"
                        aria-expanded="true"
                        aria-controls="palette-hits"
                        aria-activedescendant=move || format!("palette-hit-{}", chosen.get())
                        placeholder="Search or go to"
                        autocomplete="off"
                        spellcheck="false"
                        prop:value=move || query.get()
                        on:input=move |event| {
                            let text = event_target_value(&event);
                            query.set(text.clone());
                            chosen.set(0);
                            ask(text);
                        }
                        on:keydown=move |event| {
                            let last = hits.with_untracked(Vec::len).saturating_sub(1);
                            match event.key().as_str() {
                                "ArrowDown" => chosen.update(|chosen| *chosen = (*chosen + 1).min(last)),
                                "ArrowUp" => chosen.update(|chosen| *chosen = chosen.saturating_sub(1)),
                                "Enter" => open.run(chosen.get_untracked()),
                                _ => return,
                            }
                            event.prevent_default();
                            page::scroll_into_view(&format!("palette-hit-{}", chosen.get_untracked()));
                        }
                    />
                    <button type="button" class="btn ghost s" on:click=move |_| page::close_dialog("palette")>
                        <Icon name="x"/>
                        <span class="sr">"Close"</span>
                        <kbd class="kbd">"Esc"</kbd>
                    </button>
                </div>
                <ul id="palette-hits" role="listbox" aria-label="Matches">
                    {move || {
                        hits.get()
                            .into_iter()
                            .enumerate()
                            .map(|(index, hit)| {
                                let (mark, words, more) = match hit {
                                    Hit::Found(hit) => {
                                        (view! { <FoundMark found=hit.kind small=true/> }.into_any(), marked(hit.name_pieces), hit.place)
                                    }
                                    Hit::Everything(text) => (view! { <Icon name="search"/> }.into_any(), format!("Search everything for “{text}”").into_any(), String::new()),
                                    Hit::Recent(text) => (view! { <Icon name="clock"/> }.into_any(), text.into_any(), "recent".to_owned()),
                                    Hit::Action(action) => (view! { <Icon name=action.icon/> }.into_any(), action.words.into_any(), String::new()),
                                };
                                view! {
                                    <li
                                        id=format!("palette-hit-{index}")
                                        role="option"
                                        aria-selected=move || (chosen.get() == index).to_string()
                                        on:click=move |_| open.run(index)
                                    >
                                        {mark}
                                        <span class="tx">{words}</span>
                                        <span class="tail">{more}</span>
                                    </li>
                                }
                            })
                            .collect_view()
                    }}
                </ul>
                {move || hits.with(Vec::is_empty).then(|| view! { <div class="empty" role="status"><p>"Nothing matches."</p></div> })}
        </dialog>
    }
}

/// What was asked for before its code was here opens as soon as it stands in the document. Not by an effect: where the code had to be loaded, that of the list of keys
/// does not run.
fn opens_itself(id: &'static str) {
    page::before_paint(move || page::open_dialog(id));
}

/// `?`: what the keys do, and whether single keys do anything.
#[component]
pub fn ShortcutsDialog() -> impl IntoView {
    opens_itself("shortcuts");
    view! {
        <super::Dialog id="shortcuts" title="Keyboard shortcuts".to_owned() size="l">
            <div class="body"><div class="keys">
                <section><h3>"Everywhere"</h3><KeyList keys=&KEYS/></section>
                <section><h3>"In lists, on an artifact, in a session"</h3><KeyList keys=&KEYS_OF_PAGES/></section>
            </div></div>
            <footer>
                <SingleKeysSwitch/>
            </footer>
        </super::Dialog>
    }
}

#[component]
fn KeyList(keys: &'static [(&'static str, &'static str)]) -> impl IntoView {
    let row = |(keys, what): &(&'static str, &'static str)| {
        let keys = keys.split(' ').filter(|key| !key.is_empty()).map(|key| view! { <kbd class="kbd">{key}</kbd> }).collect_view();
        view! { <div><dt>{*what}</dt><dd>{keys}</dd></div> }
    };
    view! { <dl>{keys.iter().map(row).collect_view()}</dl> }
}

/// WCAG 2.1.4: single-key shortcuts can be turned off.
#[component]
pub fn SingleKeysSwitch() -> impl IntoView {
    let on = RwSignal::new(single_keys());
    view! {
        <label class="check">
            <input
                type="checkbox"
                checked=on.get_untracked()
                prop:checked=move || on.get()
                on:change=move |event| {
                    on.set(event_target_checked(&event));
                    crate::browser::storage::set_preference("keys", if on.get_untracked() { "on" } else { "off" });
                }
            />
            <span>"Single keys work outside of fields"</span>
        </label>
    }
}

#[cfg(test)]
mod tests {
    use super::ACTIONS;

    #[test]
    fn actions_match_by_the_beginnings_of_their_words() {
        let matching = |typed: &str| ACTIONS.iter().filter(|action| action.matches(typed)).map(|action| action.words).collect::<Vec<_>>();
        assert_eq!(matching("changes"), ["See all changes"]);
        assert_eq!(matching("NEW art"), ["New artifact"]);
        assert!(matching("valuation").is_empty());
        assert_eq!(matching("  ").len(), ACTIONS.len());
    }
}
