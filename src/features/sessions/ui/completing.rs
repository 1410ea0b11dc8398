//! People and artifacts that are offered after `@` in a text area.

use leptos::prelude::*;

use crate::{
    browser::page,
    features::sessions::{model::Completion, state::read_completions},
    ui::{Avatar, KindMark},
};

/// What is offered for the word after an `@` before the caret.
#[derive(Clone, Copy)]
pub struct Completing {
    /// The id of the text area.
    field: StoredValue<String>,
    /// Where they are asked for.
    path: StoredValue<String>,
    text: RwSignal<String>,
    options: RwSignal<Vec<Completion>>,
    chosen: RwSignal<usize>,
    asked: StoredValue<u32>,
}

impl Completing {
    pub fn new(field: &str, path: String, text: RwSignal<String>) -> Self {
        Self {
            field: StoredValue::new(field.to_owned()),
            path: StoredValue::new(path),
            text,
            options: RwSignal::new(Vec::new()),
            chosen: RwSignal::new(0),
            asked: StoredValue::new(0),
        }
    }

    /// The id of the list that is offered.
    pub fn list(self) -> String {
        self.field.with_value(|field| format!("{field}-options"))
    }

    /// Writes the sign where the caret is, and offers what it can mean.
    pub fn begin(self) {
        let at = self.field.with_value(|field| page::caret(field)).unwrap_or(0);
        if let Some(now) = self.field.with_value(|field| page::replace_text(field, at, at, "@")) {
            self.text.set(now);
            self.look();
        }
    }

    /// The word being written, and where it begins.
    fn word(self) -> Option<(u32, u32, String)> {
        let caret = self.field.try_with_value(|field| page::caret(field))??;
        let (start, word) = self.text.with_untracked(|text| word_at(text, caret))?;
        Some((start, caret, word))
    }

    pub fn look(self) {
        self.asked.update_value(|asked| *asked += 1);
        let number = self.asked.get_value();
        let Some((_, _, word)) = self.word() else {
            self.options.set(Vec::new());
            return;
        };
        page::after_forget(80, move || {
            if self.asked.try_get_value() != Some(number) {
                return;
            }
            let answer = read_completions(&self.path.get_value(), &word);
            leptos::task::spawn_local(async move {
                if let Ok(options) = answer.await
                    && self.asked.try_get_value() == Some(number)
                {
                    self.chosen.try_set(0);
                    self.options.try_set(options);
                }
            });
        });
    }

    pub fn close(self) {
        let _ = self.asked.try_update_value(|asked| *asked += 1);
        if self.options.try_with_untracked(|options| !options.is_empty()) == Some(true) {
            self.options.set(Vec::new());
        }
    }

    pub fn active(self) -> Option<String> {
        self.options.with(|options| (!options.is_empty()).then(|| format!("{}-{}", self.list(), self.chosen.get())))
    }

    /// Whether the key was meant for what is offered.
    pub fn key(self, key: &str) -> bool {
        let number = self.options.with_untracked(Vec::len);
        if number == 0 {
            return false;
        }
        match key {
            "ArrowDown" => self.chosen.update(|chosen| *chosen = (*chosen + 1) % number),
            "ArrowUp" => self.chosen.update(|chosen| *chosen = (*chosen + number - 1) % number),
            "Enter" | "Tab" => self.take(self.chosen.get_untracked()),
            "Escape" => self.close(),
            _ => return false,
        }
        true
    }

    fn take(self, index: usize) {
        let words = self.options.with_untracked(|options| {
            options.get(index).map(|option| match option {
                Completion::Person { person } => person.name.split_whitespace().collect::<String>(),
                Completion::Artifact { artifact } => artifact.slug.clone(),
            })
        });
        if let (Some(words), Some((start, end, _))) = (words, self.word())
            && let Some(now) = self.field.with_value(|field| page::replace_text(field, start, end, &format!("@{words} ")))
        {
            self.text.set(now);
        }
        self.close();
    }
}

/// The word that begins with an `@` and ends at the caret, without it, and where the `@` is. Positions count UTF-16 code units, as
/// browsers do.
fn word_at(text: &str, caret: u32) -> Option<(u32, String)> {
    let mut position = 0;
    let mut found = None;
    let mut before = ' ';
    for character in text.chars() {
        if position >= caret {
            break;
        }
        if character == '@' && !before.is_alphanumeric() {
            found = Some((position, String::new()));
        } else if character.is_whitespace() {
            found = None;
        } else if let Some((_, word)) = &mut found {
            word.push(character);
        }
        before = character;
        position += character.len_utf16() as u32;
    }
    found
}

#[component]
pub fn Completions(completion: Completing) -> impl IntoView {
    let row = move |(index, option): (usize, Completion)| {
        let (mark, name, more) = match option {
            Completion::Person { person } => (view! { <Avatar person=person.clone() size="xs"/> }.into_any(), person.name, String::new()),
            Completion::Artifact { artifact } => {
                (view! { <KindMark kind=artifact.kind small=true/> }.into_any(), artifact.slug, artifact.volume_name)
            }
        };
        view! {
            <li
                id=format!("{}-{index}", completion.list())
                role="option"
                aria-selected=move || (completion.chosen.get() == index).to_string()
                on:mousedown=move |event| {
                    event.prevent_default();
                    completion.take(index);
                }
            >
                {mark}
                <span class="trunc grow">{name}</span>
                <span class="t3 trunc">{more}</span>
            </li>
        }
    };
    view! {
        <ul class="pop options" id=completion.list() role="listbox" aria-label="People and artifacts" hidden=move || completion.options.with(Vec::is_empty)>
            {move || completion.options.get().into_iter().enumerate().map(row).collect_view()}
        </ul>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_after_an_at_sign_is_found_before_the_caret() {
        let at = |text, caret| word_at(text, caret);
        assert_eq!(at("see @code-re", 12), Some((4, "code-re".to_owned())));
        assert_eq!(at("@", 1), Some((0, String::new())));
        assert_eq!(at("see @code", 6), Some((4, "c".to_owned())));
        assert_eq!(at("see @code now", 13), None);
        assert_eq!(at("mail@example.org", 16), None);
        assert_eq!(at("🙂 @tö", 6), Some((3, "tö".to_owned())));
        assert_eq!(at("(@a", 3), Some((1, "a".to_owned())));
    }
}
