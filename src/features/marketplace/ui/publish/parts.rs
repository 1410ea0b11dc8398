//! What the pages of publishing share.

use leptos::prelude::*;

use crate::{
    error::AppError,
    features::marketplace::model::{Finding, ReleaseState, Submission},
    ui::{Icon, plural},
};

/// What the server says of the field with this name.
pub fn problem_of(error: RwSignal<Option<AppError>>, name: &'static str) -> Memo<Option<String>> {
    Memo::new(move |_| error.with(|error| error.as_ref().and_then(|error| error.fields.get(name).cloned())))
}

/// Below a field: what is wrong with it, or else what it is for.
#[component]
fn Note(id: String, problem: Memo<Option<String>>, #[prop(into)] hint: String) -> impl IntoView {
    view! {
        <span id=id>
            {move || match problem.get() {
                Some(problem) => view! { <span class="err" role="alert"><Icon name="alert"/>{problem}</span> }.into_any(),
                None => view! { <span class="hint">{hint.clone()}</span> }.into_any(),
            }}
        </span>
    }
}

/// A choice that the server may refuse.
#[component]
pub fn Choice(
    id: &'static str,
    #[prop(into)] label: String,
    /// As the server names it.
    name: &'static str,
    value: RwSignal<String>,
    /// Value and words of each.
    options: Vec<(String, String)>,
    error: RwSignal<Option<AppError>>,
) -> impl IntoView {
    let problem = problem_of(error, name);
    let note = format!("{id}-note");
    let chosen = value.get_untracked();
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <span class="select">
                <select
                    class="input"
                    id=id
                    name=name
                    required
                    aria-describedby=note.clone()
                    aria-invalid=move || problem.get().map(|_| "true")
                    prop:value=move || value.get()
                    on:change=move |event| value.set(event_target_value(&event))
                >
                    {options.into_iter().map(|(key, words)| view! { <option selected=key == chosen value=key>{words}</option> }).collect_view()}
                </select>
                <Icon name="chev-d"/>
            </span>
            <Note id=note problem=problem hint=""/>
        </div>
    }
}

/// Several lines of text.
#[component]
pub fn Lines(
    #[prop(into)] id: String,
    #[prop(into)] label: String,
    /// As the server names it.
    name: &'static str,
    value: RwSignal<String>,
    #[prop(default = 3)] rows: u32,
    #[prop(optional, into)] hint: String,
    #[prop(optional, into)] required: Signal<bool>,
    /// For names and paths.
    #[prop(optional)]
    mono: bool,
    error: RwSignal<Option<AppError>>,
) -> impl IntoView {
    let problem = problem_of(error, name);
    let note = format!("{id}-note");
    view! {
        <div class="field">
            <label for=id.clone()>{label}</label>
            <textarea
                class="input"
                class:mono=mono
                id=id
                name=name
                rows=rows.to_string()
                spellcheck=if mono { "false" } else { "true" }
                required=move || required.get()
                aria-describedby=note.clone()
                aria-invalid=move || problem.get().map(|_| "true")
                prop:value=move || value.get()
                on:input=move |event| value.set(event_target_value(&event))
            >
                // For whoever reads the form without script.
                {value.get_untracked().trim().to_owned()}
            </textarea>
            <Note id=note problem=problem hint=hint/>
        </div>
    }
}

/// What the server refused, beside the button that sends the form: a field further up says the same, and may be out of sight.
#[component]
pub fn Refused(error: RwSignal<Option<AppError>>) -> impl IntoView {
    view! {
        <div role="alert">
            {move || error.get().map(|error| view! { <div class="banner bad inset"><Icon name="alert"/><span>{error.message}</span></div> })}
        </div>
    }
}

/// The lines of a field, without empty ones.
pub fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// What blocks first, and otherwise as it came.
pub fn held_first(mut report: Vec<Finding>) -> Vec<Finding> {
    report.sort_by_key(|finding| !finding.blocks);
    report
}

/// What the checks come to, in a few words.
pub fn report_words(report: &[Finding]) -> String {
    let blocking = report.iter().filter(|finding| finding.blocks).count() as i64;
    match (report.len() as i64, blocking) {
        (0, _) => "The checks found nothing".to_owned(),
        (found, 0) => format!("{}, none of them blocks", plural(found, "finding", "findings")),
        (found, blocking) if found == blocking => format!("{} that {}", plural(found, "finding", "findings"), blocks(blocking)),
        (found, blocking) => format!("{}, of which {blocking} {}", plural(found, "finding", "findings"), blocks(blocking)),
    }
}

fn blocks(number: i64) -> &'static str {
    if number == 1 { "blocks" } else { "block" }
}

/// Where a release stands, and whether something holds it there.
#[component]
pub fn StateChips(state: ReleaseState, held: bool) -> impl IntoView {
    let class = match state {
        ReleaseState::Review | ReleaseState::Approved => "chip info",
        ReleaseState::Changes => "chip warn",
        ReleaseState::Rejected => "chip bad",
        ReleaseState::Public => "chip ok",
        ReleaseState::Withdrawn => "chip",
    };
    view! {
        {(held && state == ReleaseState::Review).then(|| view! { <span class="chip bad"><Icon name="stop"/>"Held"</span> })}
        <span class=class>{state.words()}</span>
    }
}

/// Who reads where a release stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Who submitted it: they sign it.
    Author,
    /// Somebody else of the team that publishes it.
    Publisher,
    Moderator,
    Other,
}

/// Where a release stands and what is next, in one sentence.
pub fn next_step(submission: &Submission, reader: Reader) -> &'static str {
    let publishes = matches!(reader, Reader::Author | Reader::Publisher);
    match submission.state {
        ReleaseState::Review if submission.checking => {
            "Is being compared with other items, and its links are looked at; then a moderator decides."
        }
        ReleaseState::Review if reader == Reader::Moderator && submission.held => {
            "Held by what blocks: let it pass with a reason, ask for changes, or reject it."
        }
        ReleaseState::Review if reader == Reader::Moderator => "Waits for a decision: yours, or another moderator\u{2019}s.",
        ReleaseState::Review if submission.held => {
            "Waits for a moderator; what blocks holds it until they let it pass or a version without it is submitted."
        }
        ReleaseState::Review if submission.signed => "Waits for a moderator; it is signed, and public as soon as they approve it.",
        ReleaseState::Review => "Waits for a moderator.",
        ReleaseState::Changes if publishes => "A moderator asks for changes: make and commit them, then submit this version again.",
        ReleaseState::Changes => "Waits for the changes that its author was asked for.",
        ReleaseState::Rejected if publishes => "A moderator rejected it: submit another version, or appeal with a reason.",
        ReleaseState::Rejected => "A moderator rejected it; its author may appeal.",
        ReleaseState::Approved if reader == Reader::Author => "Approved: sign it, and it is public.",
        ReleaseState::Approved => "Approved: it is public as soon as who submitted it has signed it.",
        ReleaseState::Public => "Public: everybody here can install it.",
        ReleaseState::Withdrawn => "Withdrawn: it stays where it is installed, and nobody installs it anew.",
    }
}

/// Whether its author has something to do.
pub fn waits_for_author(state: ReleaseState) -> bool {
    matches!(state, ReleaseState::Changes | ReleaseState::Approved)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(blocks: bool) -> Finding {
        Finding {
            rule: String::new(),
            class: String::new(),
            severity: "low".to_owned(),
            blocks,
            path: String::new(),
            line: 0,
            evidence: String::new(),
            why: String::new(),
            fix: String::new(),
        }
    }

    #[test]
    fn what_blocks_is_said_and_comes_first() {
        let report = held_first(vec![finding(false), finding(true), finding(false)]);
        assert_eq!(report.iter().map(|finding| finding.blocks).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(report_words(&report), "3 findings, of which 1 blocks");
        assert_eq!(report_words(&report[..1]), "1 finding that blocks");
        assert_eq!(report_words(&report[1..]), "2 findings, none of them blocks");
        assert_eq!(report_words(&[]), "The checks found nothing");
    }

    #[test]
    fn lines_without_anything_are_left_out() {
        assert_eq!(lines(" pdf-tools@^1.2 \n\n\tsheets\n"), ["pdf-tools@^1.2", "sheets"]);
    }
}
