//! The editor: a plain text area over the shared draft, saved while one types, committed at its foot.

use leptos::prelude::*;
use leptos_router::{NavigateOptions, hooks::use_navigate};

use super::{artifact::Shown, parts::page_keys, read::HintList};
use crate::{
    browser::page,
    error::{AppError, ErrorCode},
    features::{
        accounts::model::Action,
        artifacts::{
            model::{
                ArtifactDetail,
                validate::{Hint, MAX_DESCRIPTION},
            },
            state::{preview, read_artifact, save_draft},
        },
        volumes::{
            model::{CommitItem, CreateCommit},
            state::{VolumesContext, create_commit, use_volumes},
        },
    },
    ids::CommitId,
    ui::{Icon, count, plural, toast, toast_error, use_toasts, utc_time},
};

/// How long typing pauses before it is saved, in milliseconds.
const PAUSE: u32 = 800;

#[derive(Clone, PartialEq)]
enum Saved {
    /// As it came.
    Clean,
    Waiting,
    Saving,
    OnDisk(i64),
    /// Somebody else saved the same draft.
    Conflict,
    Failed(AppError),
}

/// The draft as this page has it. One save is under way at a time; what is typed meanwhile follows.
#[derive(Clone, Copy)]
struct Editor {
    shown: Shown,
    volumes: VolumesContext,
    text: StoredValue<String>,
    /// What the text area is set to, when the text comes from elsewhere.
    loaded: RwSignal<String>,
    /// The count that the next save states.
    saves: StoredValue<i64>,
    state: RwSignal<Saved>,
    hints: RwSignal<Vec<Hint>>,
    /// Counts the changes typed, and how many of them are saved.
    typed: RwSignal<u32>,
    kept: StoredValue<u32>,
    /// The newest wait for a pause.
    wait: StoredValue<u32>,
}

impl Editor {
    fn new(shown: Shown) -> Self {
        let (text, saves, hints) = shown.detail.with_untracked(|detail| (detail.text.clone(), saves_of(detail), detail.hints.clone()));
        Self {
            shown,
            volumes: use_volumes(),
            text: StoredValue::new(text.clone()),
            loaded: RwSignal::new(text),
            saves: StoredValue::new(saves),
            state: RwSignal::new(Saved::Clean),
            hints: RwSignal::new(hints),
            typed: RwSignal::new(0),
            kept: StoredValue::new(0),
            wait: StoredValue::new(0),
        }
    }

    fn dirty(self) -> bool {
        self.typed.try_get_untracked() != self.kept.try_get_value()
    }

    fn type_in(self, text: String) {
        self.text.set_value(text);
        self.typed.update(|typed| *typed += 1);
        if self.state.with_untracked(|state| *state == Saved::Conflict) {
            return;
        }
        if self.state.with_untracked(|state| *state != Saved::Saving) {
            self.state.set(Saved::Waiting);
        }
        self.save_later();
    }

    /// Saves when nothing more was typed for a while.
    fn save_later(self) {
        self.wait.update_value(|wait| *wait += 1);
        let number = self.wait.get_value();
        page::after_forget(PAUSE, move || {
            if self.wait.try_get_value() == Some(number) {
                self.save();
            }
        });
    }

    fn save(self) {
        leptos::task::spawn_local(async move {
            self.flush().await;
        });
    }

    /// Saves what is typed; true when the draft on disk is the text here.
    async fn flush(self) -> bool {
        // The save under way carries an older text, and the count that the next one has to state.
        while self.state.try_with_untracked(|state| *state == Saved::Saving).unwrap_or(false) {
            page::pause(50).await;
        }
        if !self.dirty() {
            return self.state.try_with_untracked(|state| matches!(state, Saved::Clean | Saved::OnDisk(_))).unwrap_or(false);
        }
        if self.state.with_untracked(|state| *state == Saved::Conflict) {
            return false;
        }
        let typed = self.typed.get_untracked();
        self.state.set(Saved::Saving);
        let answer = save_draft(self.shown.id, self.text.get_value(), self.saves.get_value()).await;
        // The page may be another by now.
        if self.state.is_disposed() {
            return answer.is_ok();
        }
        match answer {
            Ok(saved) => {
                // A draft where there was none, or none any more: the volume's count of them is another.
                if (self.saves.get_value() == 0) != (saved.saves == 0) {
                    self.volumes.refresh();
                }
                self.saves.set_value(saved.saves);
                self.kept.set_value(typed);
                self.hints.set(saved.hints);
                if self.dirty() {
                    self.state.set(Saved::Waiting);
                    self.save_later();
                } else {
                    self.state.set(Saved::OnDisk(saved.saved_at));
                }
                true
            }
            Err(error) if error.code == ErrorCode::Conflict => {
                self.state.set(Saved::Conflict);
                false
            }
            Err(error) => {
                self.state.set(Saved::Failed(error));
                false
            }
        }
    }

    /// After a conflict: their text replaces ours, or ours goes over theirs.
    fn settle(self, keep_mine: bool) {
        let toasts = use_toasts();
        leptos::task::spawn_local(async move {
            match read_artifact(self.shown.id).await {
                Ok(detail) => {
                    self.saves.try_set_value(saves_of(&detail));
                    self.state.try_set(Saved::Waiting);
                    if keep_mine {
                        self.flush().await;
                    } else {
                        self.text.try_set_value(detail.text.clone());
                        self.loaded.try_set(detail.text.clone());
                        self.hints.try_set(detail.hints.clone());
                        self.kept.try_set_value(self.typed.try_get_untracked().unwrap_or_default());
                        self.state.try_set(Saved::Clean);
                    }
                    self.shown.detail.try_set(detail);
                }
                Err(error) => toast_error(toasts, &error),
            }
        });
    }
}

fn saves_of(detail: &ArtifactDetail) -> i64 {
    detail.draft.as_ref().map_or(0, |draft| draft.saves)
}

#[component]
pub fn EditTab(
    shown: Shown,
    /// With the commit act at its foot.
    #[prop(default = true)]
    foot: bool,
) -> impl IntoView {
    let editor = Editor::new(shown);
    let showing = RwSignal::new(false);
    let html = RwSignal::new(shown.detail.with_untracked(|detail| detail.html.clone()));
    // The preview follows what is typed, a moment later.
    let asked = StoredValue::new(0_u32);
    Effect::new(move |_| {
        if !showing.get() || editor.typed.get() == 0 {
            return;
        }
        asked.update_value(|asked| *asked += 1);
        let number = asked.get_value();
        page::after_forget(300, move || {
            if asked.try_get_value() != Some(number) {
                return;
            }
            let answer = preview(shown.id, editor.text.get_value());
            leptos::task::spawn_local(async move {
                if let Ok(rendered) = answer.await {
                    html.try_set(rendered);
                }
            });
        });
    });
    // What is typed and not saved yet goes out when one leaves for another part of the page; the other parts read it then.
    // In an effect: it is no matter of the server.
    Effect::new(move |_| {
        on_cleanup(move || {
            let unsaved = editor.dirty().then(|| save_draft(shown.id, editor.text.get_value(), editor.saves.get_value()));
            let toasts = use_toasts();
            leptos::task::spawn_local(async move {
                if let Some(unsaved) = unsaved
                    && let Err(error) = unsaved.await
                {
                    toast_error(toasts, &error);
                }
                shown.reload.try_run(());
            });
        });
    });
    Effect::new(move |_| page::before_leaving(move || editor.dirty()));
    let initial = escaped(&editor.loaded.get_untracked());
    view! {
        <div class="toolbar">
            <SavedBadge editor=editor/>
            <span class="push">
                <span class="seg" role="group" aria-label="View">
                    <button type="button" aria-pressed=move || (!showing.get()).to_string() on:click=move |_| showing.set(false)>"Write"</button>
                    <button type="button" aria-pressed=move || showing.get().to_string() on:click=move |_| showing.set(true)>"Preview"</button>
                </span>
            </span>
        </div>
        <ConflictBanner editor=editor/>
        <div class="scroll">
            <div class="edit-split">
                <div class="codearea">
                    <textarea
                        id="source"
                        spellcheck="false"
                        autocapitalize="off"
                        aria-label="Source"
                        inner_html=initial
                        prop:value=move || editor.loaded.get()
                        on:input=move |event| editor.type_in(event_target_value(&event))
                    ></textarea>
                </div>
                <div class="preview" hidden=move || !showing.get()>
                    <div class="prose" inner_html=move || html.get()></div>
                </div>
            </div>
        </div>
        <Findings editor=editor/>
        {foot.then(|| view! { <CommitFoot editor=editor/> })}
    }
}

/// For the text between the tags of a text area.
fn escaped(text: &str) -> String {
    // A first line end would be taken for part of the tag.
    format!("\n{}", text.replace('&', "&amp;").replace('<', "&lt;"))
}

#[component]
fn SavedBadge(editor: Editor) -> impl IntoView {
    view! {
        <span role="status" aria-live="polite">
            {move || match editor.state.get() {
                Saved::Clean => {
                    let at = editor.shown.detail.with(|detail| detail.draft.as_ref().map(|draft| (draft.updated_by.name.clone(), draft.updated_at)));
                    match at {
                        Some((who, at)) => view! { <span class="saved"><Icon name="disk"/>{format!("Saved by {who}, ")}<time>{clock(at)}</time></span> }.into_any(),
                        None => view! { <span class="saved"><Icon name="commit"/>"As committed"</span> }.into_any(),
                    }
                }
                Saved::Waiting | Saved::Saving => view! { <span class="saved"><span class="spin"></span>"Saving"</span> }.into_any(),
                Saved::OnDisk(at) => view! { <span class="saved ok"><Icon name="disk"/>"Saved on disk "<time>{clock(at)}</time></span> }.into_any(),
                Saved::Conflict => view! { <span class="saved warn"><Icon name="merge"/>"Not saved: changed by somebody else"</span> }.into_any(),
                Saved::Failed(error) => {
                    view! {
                        <span class="saved bad">
                            <Icon name="alert"/>
                            {format!("Not saved. {}", error.message)}
                            <button type="button" class="btn s" on:click=move |_| editor.save()>"Retry"</button>
                        </span>
                    }
                        .into_any()
                }
            }}
        </span>
    }
}

/// "18:37 UTC".
fn clock(at: i64) -> String {
    utc_time(at).split_off(11)
}

#[component]
fn ConflictBanner(editor: Editor) -> impl IntoView {
    let conflict = Memo::new(move |_| editor.state.with(|state| *state == Saved::Conflict));
    move || {
        conflict.get().then(|| {
            view! {
                <div class="banner warn" role="alert">
                    <Icon name="merge"/>
                    <span><b>"Somebody else changed this draft."</b>" Your text is still here and not saved."</span>
                    <span class="push row">
                        <button type="button" class="btn s" on:click=move |_| editor.settle(false)>"Load theirs"</button>
                        <button type="button" class="btn s" on:click=move |_| editor.settle(true)>"Keep mine"</button>
                    </span>
                </div>
            }
        })
    }
}

/// What the rules of the format say of the text, and how long the description is.
#[component]
fn Findings(editor: Editor) -> impl IntoView {
    let length = Memo::new(move |_| {
        editor.typed.track();
        editor.loaded.track();
        editor.text.with_value(|text| description_chars(text))
    });
    view! {
        <div class="hints">
            {move || {
                let hints = editor.hints.get();
                if hints.is_empty() {
                    view! { <span class="c-ok"><Icon name="ok"/>"No hints"</span> }.into_any()
                } else {
                    view! {
                        <details class="drop up">
                            <summary class="btn ghost s c-warn"><Icon name="alert"/>{plural(hints.len() as i64, "hint", "hints")}</summary>
                            <div class="pop hint-pop"><HintList hints=hints/></div>
                        </details>
                    }
                        .into_any()
                }
            }}
            {move || {
                length
                    .get()
                    .map(|length| {
                        let class = if length > MAX_DESCRIPTION { "c-warn" } else { "" };
                        view! { <span class=class>{format!("Description {} of {}", count(length as i64), count(MAX_DESCRIPTION as i64))}</span> }
                    })
            }}
            <span class="push wide-only">"Markdown with YAML frontmatter"</span>
        </div>
    }
}

/// About how long the frontmatter's description is: the text of its line and of the indented ones below. The server counts exactly.
fn description_chars(text: &str) -> Option<usize> {
    let mut lines = text.lines();
    if lines.next().map(str::trim_end) != Some("---") {
        return None;
    }
    let mut found = None::<usize>;
    for line in lines.take_while(|line| line.trim_end() != "---") {
        if let Some(first) = line.strip_prefix("description:") {
            let first = first.trim();
            found = Some(if matches!(first, "|" | ">" | "|-" | ">-" | "|+" | ">+") {
                0
            } else {
                first.trim_matches(['"', '\'']).chars().count()
            });
        } else if let Some(total) = &mut found {
            if !line.starts_with([' ', '\t']) {
                break;
            }
            *total += line.trim().chars().count() + usize::from(*total > 0);
        }
    }
    found
}

#[component]
fn CommitFoot(editor: Editor) -> impl IntoView {
    let shown = editor.shown;
    let toasts = use_toasts();
    let navigate = use_navigate();
    let message = RwSignal::new(String::new());
    let busy = RwSignal::new(false);
    let usual =
        move || shown.detail.with(|detail| format!("{} {}", if detail.summary.new { "Add" } else { "Update" }, detail.summary.name));
    let commit = Callback::new(move |()| {
        if busy.get_untracked() {
            return;
        }
        busy.set(true);
        let navigate = navigate.clone();
        leptos::task::spawn_local(async move {
            if !editor.flush().await {
                busy.try_set(false);
                return;
            }
            let text = message.with_untracked(|message| message.trim().to_owned());
            let commit = CreateCommit {
                id: Some(CommitId::generate()),
                message: if text.is_empty() { untrack(usual) } else { text },
                artifacts: vec![CommitItem {
                    id: shown.id,
                    base_revision_id: shown.detail.with_untracked(|detail| detail.summary.head_revision_id),
                }],
            };
            let said = commit.message.clone();
            match create_commit(commit).await {
                Ok(()) => {
                    toast(toasts, format!("Committed \u{201c}{}\u{201d}", said));
                    shown.reload.try_run(());
                    navigate(&shown.tab("history"), NavigateOptions::default());
                }
                Err(error) => {
                    // Behind: the page shows the way to the merge.
                    if error.code == ErrorCode::Conflict {
                        shown.reload.try_run(());
                    }
                    toast_error(toasts, &error);
                }
            }
            busy.try_set(false);
        });
    });
    page_keys(move |key| {
        if key.command && key.key.eq_ignore_ascii_case("s") {
            commit.run(());
            return true;
        }
        false
    });
    let changed = move || editor.typed.get() > 0 || shown.detail.with(|detail| detail.draft.is_some());
    view! {
        <form
            class="doc-foot"
            on:submit=move |event| {
                event.prevent_default();
                commit.run(());
            }
        >
            <input
                class="input"
                aria-label="Message of the commit"
                placeholder=move || format!("What changed? Such as \u{201c}{}\u{201d}", usual())
                maxlength="2000"
                prop:value=move || message.get()
                on:input=move |event| message.set(event_target_value(&event))
            />
            {move || {
                shown
                    .detail
                    .with(|detail| detail.role.allows(Action::Commit))
                    .then(|| {
                        view! {
                            <button type="submit" class=move || if busy.get() { "btn primary busy" } else { "btn primary" } disabled=move || !changed() title="Commit (Ctrl S)">
                                {move || if busy.get() { view! { <span class="spin"></span> }.into_any() } else { view! { <Icon name="commit"/> }.into_any() }}
                                "Commit"
                            </button>
                        }
                    })
            }}
        </form>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_are_counted_over_their_lines() {
        assert_eq!(description_chars("---\nname: x\ndescription: \"Four\"\n---\n"), Some(4));
        assert_eq!(description_chars("---\ndescription: >\n  one\n  two\nversion: 1\n---\n"), Some(7));
        assert_eq!(description_chars("---\nname: x\n---\n"), None);
        assert_eq!(description_chars("# x"), None);
    }

    #[test]
    fn text_areas_keep_their_first_line_and_markup() {
        assert_eq!(escaped("\n<a> & b"), "\n\n&lt;a> &amp; b");
    }
}
