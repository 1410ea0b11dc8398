//! The editor of an artifact: its text as several write it at once, the preview or the comments beside it, and the commit at its foot.

use leptos::prelude::*;
use leptos_router::{
    NavigateOptions,
    hooks::{use_navigate, use_query_map},
};

use super::{
    artifact::Shown,
    editing::{Editing, Phase, Saved},
    parts::page_keys,
    read::HintList,
};
use crate::{
    browser::{data::Sent, editor::Link, page},
    error::{AppError, ErrorCode},
    features::{
        accounts::{model::Action, state::use_utc_offset},
        artifacts::model::validate::MAX_DESCRIPTION,
        collaboration::ui::Presence,
        comments::{
            model::{Anchor, Subject},
            ui::CommentsPane,
        },
        outbox::state::say_sent,
        volumes::{
            model::{CommitItem, CreateCommit, subject},
            state::create_commit,
        },
    },
    ids::CommitId,
    ui::{Icon, clock_time, count, plural, toast, toast_error, use_toasts},
};

/// What stands beside the text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beside {
    Nothing,
    Preview,
    Comments,
}

#[component]
pub fn EditTab(
    shown: Shown,
    /// With the commit act at its foot.
    #[prop(default = true)]
    foot: bool,
) -> impl IntoView {
    let editing = Editing::new(shown);
    let beside = RwSignal::new(Beside::Nothing);
    editing.preview_while(move || beside.get() == Beside::Preview);
    // A thread that was pressed in the text is shown beside it.
    Effect::new(move |_| {
        if editing.thread.with(Option::is_some) {
            beside.set(Beside::Comments);
        }
    });
    // The comments of another part of the page lead to their place in the text.
    let query = use_query_map();
    Effect::new(move |_| {
        let asked = query.with_untracked(|query| Some(Anchor { start: query.get("from")?, end: query.get("to")?, quote: String::new() }));
        if let Some(anchor) = asked.filter(|_| editing.phase.get() == Phase::Ready) {
            editing.reveal(&anchor);
        }
    });
    let initial = escaped(&shown.detail.with_untracked(|detail| detail.text.clone()));
    view! {
        <EditBar editing=editing beside=beside/>
        <EndedBanner editing=editing/>
        <div class="editing">
            <div class="edit-split" data-beside=move || match beside.get() { Beside::Nothing => None, Beside::Preview => Some("preview"), Beside::Comments => Some("comments") }>
                // The script puts the editor in the place of the text that the server sent.
                <div class="codearea" id=editing.host() data-ready=move || (editing.phase.get() == Phase::Ready).then_some("")>
                    <textarea id="source" readonly spellcheck="false" aria-label="Source" inner_html=initial></textarea>
                </div>
                {move || match beside.get() {
                    Beside::Nothing => ().into_any(),
                    Beside::Preview => view! { <div class="preview"><div class="prose" inner_html=move || editing.html.get()></div></div> }.into_any(),
                    Beside::Comments => view! { <Comments editing=editing/> }.into_any(),
                }}
            </div>
        </div>
        {move || (!editing.read_only.get()).then(|| view! { <Findings editing=editing/> })}
        {foot.then_some(move || (!editing.read_only.get()).then(|| view! { <CommitFoot editing=editing/> }))}
    }
}

/// For the text between the tags of a text area.
fn escaped(text: &str) -> String {
    // A first line end would be taken for part of the tag.
    format!("\n{}", text.replace('&', "&amp;").replace('<', "&lt;"))
}

/// How what is written stands, who writes, and what is shown beside it.
#[component]
fn EditBar(editing: Editing, beside: RwSignal<Beside>) -> impl IntoView {
    let choice = move |it: Beside, icon: &'static str, words: &'static str| {
        view! {
            <button type="button" aria-label=words title=words aria-pressed=move || (beside.get() == it).to_string() on:click=move |_| beside.set(it)>
                <span class="phone-only"><Icon name=icon/></span>
                <span class="wide-only">{words}</span>
            </button>
        }
    };
    let comment = move |_| {
        editing.take_selection();
        beside.set(Beside::Comments);
    };
    view! {
        <div class="toolbar">
            <SavedBadge editing=editing/>
            <span class="push row gap-8">
                <Presence users=editing.people size="s" label="Writing here"/>
                {move || {
                    (editing.selected.get() && beside.get() != Beside::Preview && editing.may_comment())
                        .then(|| {
                            view! {
                                <button type="button" class="btn s" title="Comment on what is selected" on:mousedown=|event| event.prevent_default() on:click=comment>
                                    <Icon name="comment"/>
                                    <span class="wide-only">"Comment"</span>
                                </button>
                            }
                        })
                }}
                <span class="seg" role="group" aria-label="Beside the text">
                    {choice(Beside::Nothing, "edit", "Write")}
                    {choice(Beside::Preview, "eye", "Preview")}
                    {choice(Beside::Comments, "comment", "Comments")}
                </span>
            </span>
        </div>
    }
}

#[component]
fn SavedBadge(editing: Editing) -> impl IntoView {
    let offset = use_utc_offset();
    let clock = move |at| clock_time(at, offset.get());
    let state = move || {
        if editing.read_only.get() {
            return view! { <span class="saved"><Icon name="eye"/>"Read only"</span> }.into_any();
        }
        match (editing.phase.get(), editing.saved.get(), editing.link.get()) {
            (Phase::Opening, ..) => view! { <span class="saved"><span class="spin"></span>"Opening"</span> }.into_any(),
            (Phase::Failed, ..) => view! {
                <span class="saved bad">
                    <Icon name="alert"/>
                    "The editor could not be loaded."
                    <button type="button" class="btn s" on:click=move |_| editing.open()>"Retry"</button>
                </span>
            }
            .into_any(),
            (Phase::Ended(_), ..) => view! { <span class="saved warn"><Icon name="alert"/>"Not connected"</span> }.into_any(),
            (Phase::Ready, Saved::Waiting, Link::Live) if editing.apart.get() => {
                view! { <span class="saved"><span class="spin"></span>"On its way"</span> }.into_any()
            }
            (Phase::Ready, Saved::Waiting, Link::Live) => {
                view! { <span class="saved"><span class="spin"></span>"Saving"</span> }.into_any()
            }
            (Phase::Ready, Saved::Waiting, Link::Offline) => {
                view! { <span class="saved warn"><Icon name="offline"/>"Offline: kept on this device"</span> }.into_any()
            }
            (Phase::Ready, Saved::Waiting, _) => {
                view! { <span class="saved warn"><Icon name="refresh"/>"Reconnecting: kept on this device"</span> }.into_any()
            }
            (Phase::Ready, _, Link::Offline) => view! { <span class="saved"><Icon name="offline"/>"Offline"</span> }.into_any(),
            (Phase::Ready, _, Link::Connecting | Link::Reconnecting) => {
                view! { <span class="saved"><Icon name="refresh"/>"Reconnecting"</span> }.into_any()
            }
            (Phase::Ready, Saved::OnDisk(at), Link::Live) => {
                view! { <span class="saved ok"><Icon name="disk"/>"Saved on disk "<time>{clock(at)}</time></span> }.into_any()
            }
            (Phase::Ready, Saved::Clean, Link::Live) => {
                let at = editing
                    .shown
                    .detail
                    .with(|detail| detail.draft.as_ref().map(|draft| (draft.updated_by.name.clone(), draft.updated_at)));
                match at {
                    Some((who, at)) => {
                        view! { <span class="saved"><Icon name="disk"/>{format!("Saved by {who}")}<time>{format!(", {}", clock(at))}</time></span> }
                            .into_any()
                    }
                    None => view! { <span class="saved"><Icon name="commit"/>"As committed"</span> }.into_any(),
                }
            }
        }
    };
    view! { <span role="status" aria-live="polite">{state}</span> }
}

/// The server does not take any more: why, and what can be done with what is written here.
#[component]
fn EndedBanner(editing: Editing) -> impl IntoView {
    let toasts = use_toasts();
    let copy = move |_| {
        page::copy(editing.content(), move |done| {
            if done {
                toast(toasts, "Copied");
            } else {
                toast_error(toasts, &AppError::invalid("The browser did not let the page copy."));
            }
        });
    };
    move || {
        let Phase::Ended(code) = editing.phase.get() else { return ().into_any() };
        let (title, text) = match code {
            4401 => ("You were signed out.", "What you wrote is kept on this device until you sign in again."),
            4403 | 4404 => ("This is not shared with you any more.", "Copy what you wrote if you need it."),
            4413 => ("The text would be too long.", "Copy what you wrote, then go on with the text that the others have."),
            _ => ("The server did not understand this editor.", "Copy what you wrote, then go on with the text that the others have."),
        };
        view! {
            <div class="banner warn" role="alert">
                <Icon name="alert"/>
                <span><b>{title}</b>" "{text}</span>
                <span class="push row">
                    {if code == 4401 {
                        view! { <a class="btn s" href="/login">"Sign in"</a> }.into_any()
                    } else {
                        view! { <button type="button" class="btn s" on:click=copy>"Copy the text"</button> }.into_any()
                    }}
                    {matches!(code, 4400 | 4413)
                        .then(|| view! { <button type="button" class="btn s" on:click=move |_| editing.begin_again()>"Go on with theirs"</button> })}
                </span>
            </div>
        }
            .into_any()
    }
}

/// What is said about the text, beside it.
#[component]
fn Comments(editing: Editing) -> impl IntoView {
    let toasts = use_toasts();
    let on_show = Callback::new(move |anchor: Anchor| {
        if !editing.reveal(&anchor) {
            toast(toasts, "The text that it was about is gone");
        }
    });
    view! {
        <div class="beside">
            <For
                each=move || [editing.thread.get()]
                key=|thread| *thread
                children=move |thread| {
                    view! { <CommentsPane subject=Subject::Artifact(editing.shown.id) pending=editing.pending on_show=on_show focus=thread/> }
                }
            />
        </div>
    }
}

/// What the rules of the format say of the text, and how long the description is.
#[component]
fn Findings(editing: Editing) -> impl IntoView {
    let length = Memo::new(move |_| editing.text.with(|text| description_chars(text)));
    view! {
        <div class="hints">
            {move || {
                let hints = editing.hints.get();
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
fn CommitFoot(editing: Editing) -> impl IntoView {
    let shown = editing.shown;
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
            // Out of reach, the outbox takes the text and then the commit, in that order.
            let away = editing.is_away();
            if away && let Err(error) = editing.put().await {
                toast_error(toasts, &error);
                busy.try_set(false);
                return;
            }
            if !away && !editing.settled().await {
                toast_error(
                    toasts,
                    &AppError::new(
                        ErrorCode::Unavailable,
                        "What you wrote has not reached the server yet. Commit when it says \u{201c}Saved\u{201d}.",
                    ),
                );
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
                after_own: false,
            };
            let said = subject(&commit.message).to_owned();
            match create_commit(commit).await {
                Ok(sent) => {
                    say_sent(toasts, sent, format!("Committed \u{201c}{}\u{201d}", said));
                    message.try_set(String::new());
                    // What waits is in no history yet.
                    if sent == Sent::Done {
                        shown.reload.try_run(());
                        navigate(&shown.tab("history"), NavigateOptions::default());
                    }
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
    let changed = move || editing.saved.get() != Saved::Clean || shown.detail.with(|detail| detail.draft.is_some() || detail.summary.new);
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
