//! What a release may use, as a form: five groups, one name on each line, and beside them what the texts seem to use.

use leptos::prelude::*;

use super::parts::{Lines, lines};
use crate::{browser::page, error::AppError, features::marketplace::model::Capabilities, ui::Icon};

/// A group: the id of its field, its name in English for one of it, and what to write there.
const GROUPS: [(&str, &str, &str); 5] = [
    ("publish-hosts", "network host", "Such as api.example.org; *.example.org is for all below it."),
    ("publish-paths", "path", "Such as ~/.config/tool. Its own folder needs no word."),
    ("publish-commands", "command", "Such as git or python3."),
    ("publish-env", "environment variable", "Such as GITHUB_TOKEN."),
    ("publish-tools", "tool", "As it calls them, such as Read or Bash."),
];

/// The texts of the five fields.
#[derive(Clone, Copy)]
pub struct Declared([RwSignal<String>; 5]);

impl Declared {
    pub fn new(capabilities: &Capabilities) -> Self {
        Self(capabilities.groups().map(|(_, _, values)| RwSignal::new(values.join("\n"))))
    }

    pub fn read(self) -> Capabilities {
        let [hosts, paths, commands, env, tools] = self.0.map(|text| text.with_untracked(|text| lines(text)));
        Capabilities { hosts, paths, commands, env, tools }
    }
}

/// Of what was `seen`, what no line of `text` speaks of.
fn undeclared(text: &str, seen: &[String]) -> Vec<String> {
    let declared = lines(text);
    let covers = |line: &String, value: &String| {
        line == value || line.strip_prefix('*').is_some_and(|rest| rest.starts_with('.') && value.ends_with(rest))
    };
    seen.iter().filter(|value| !declared.iter().any(|line| covers(line, value))).cloned().collect()
}

fn with_lines(text: &str, more: &[String]) -> String {
    let mut all = lines(text);
    all.extend(more.iter().cloned());
    all.join("\n")
}

#[component]
pub fn CapabilityFields(declared: Declared, seen: Capabilities, error: RwSignal<Option<AppError>>) -> impl IntoView {
    let seen = seen.groups().map(|(icon, words, values)| (icon, words, StoredValue::new(values.to_vec())));
    let missing = move |index: usize| {
        let (_, _, seen) = seen[index];
        declared.0[index].with(|text| seen.with_value(|seen| undeclared(text, seen)))
    };
    let all = move || (0..GROUPS.len()).map(|index| missing(index).len()).sum::<usize>();
    let add_all = move |_| {
        for (index, text) in declared.0.into_iter().enumerate() {
            let more = untrack(|| missing(index));
            text.update(|text| *text = with_lines(text, &more));
        }
        page::focus(GROUPS[0].0);
    };
    view! {
        <div class="caps-head">
            <p class="hint">"It may use no more than what stands here, and whoever installs it reads it. One on each line."</p>
            {move || {
                let all = all();
                (all > 1).then(|| view! { <button type="button" class="btn s" on:click=add_all><Icon name="plus"/>{format!("Declare all {all}")}</button> })
            }}
        </div>
        <div class="caps-form">
            {GROUPS
                .into_iter()
                .zip(seen)
                .enumerate()
                .map(|(index, ((id, one, hint), (_, words, _)))| {
                    let text = declared.0[index];
                    view! {
                        <div class="cap-group">
                            <Lines id=id label=words name="capabilities" value=text rows=2 hint=hint mono=true error=error/>
                            {move || {
                                let missing = missing(index);
                                (!missing.is_empty())
                                    .then(|| {
                                        view! {
                                            <div class="seen">
                                                <span class="f12 c-warn"><Icon name="eye" class="s"/>"Seen, not declared"</span>
                                                {missing.into_iter().map(|value| view! { <Seen value=value one=one field=id text=text/> }).collect_view()}
                                            </div>
                                        }
                                    })
                            }}
                        </div>
                    }
                })
                .collect_view()}
        </div>
    }
}

/// Something that the texts seem to use; pressed, it is declared.
#[component]
fn Seen(value: String, one: &'static str, field: &'static str, text: RwSignal<String>) -> impl IntoView {
    let label = format!("Declare the {one} {value}");
    let shown = value.clone();
    let add = move |_| {
        text.update(|text| *text = with_lines(text, std::slice::from_ref(&value)));
        // It goes from here: what was declared is where one goes on.
        page::focus(field);
    };
    view! { <button type="button" class="chip warn mono" aria-label=label.clone() title=label on:click=add><Icon name="plus"/><span class="trunc">{shown}</span></button> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_may_speak_of_all_hosts_below_one() {
        let seen = ["api.example.org", "example.org", "git.example.net"].map(str::to_owned);
        assert_eq!(undeclared("*.example.org\n", &seen), ["example.org", "git.example.net"]);
        assert_eq!(undeclared(" example.org \napi.example.org\ngit.example.net", &seen), [""; 0]);
        assert_eq!(undeclared("*", &seen), seen, "everything at once is not declared that way");
    }

    #[test]
    fn what_is_declared_comes_back_as_it_was() {
        let capabilities = Capabilities { hosts: vec!["a.example".to_owned(), "b.example".to_owned()], ..Capabilities::default() };
        let owner = Owner::new();
        owner.with(|| assert_eq!(Declared::new(&capabilities).read(), capabilities));
        assert_eq!(with_lines("git\n", &["curl".to_owned()]), "git\ncurl");
    }
}
