//! Entries as the rows of a timeline: what stands together, and what its neighbours say already. Pure.

use std::sync::Arc;

use crate::{
    features::{
        notifications::model::excerpt,
        sessions::model::{Entry, EntryKind, references::plain},
    },
    ids::UserId,
    ui::utc_time,
};

/// Messages of one account within this time stand together.
const TOGETHER_MS: i64 = 5 * 60 * 1_000;
pub const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// An entry with what its neighbours decide.
#[derive(Clone)]
pub struct Row {
    pub entry: Arc<Entry>,
    /// Who joined right after it, where it is a joining itself.
    pub also: Vec<Arc<Entry>>,
    /// Goes on where the one before ended: no name, no avatar.
    pub compact: bool,
    /// The first one of its day.
    pub day: Option<String>,
    /// "2 new": the first one that was not read when the page came.
    pub marks_new: Option<String>,
}

/// What a screen reader says of an entry that came.
pub fn said(entry: &Entry) -> String {
    let name = &entry.author.name;
    match &entry.what {
        EntryKind::Message { text, .. } => format!("{name}: {}", excerpt(&plain(text))),
        EntryKind::Artifact { artifact } => format!("{name} added {}", artifact.name),
        EntryKind::Commit { message, .. } => format!("{name} committed {message}"),
        EntryKind::Joined => format!("{name} joined"),
    }
}

/// Whom an entry is from, as it is shown.
fn by(entry: &Entry) -> (UserId, Option<&str>) {
    (entry.author.id, entry.imported.as_ref().map(|imported| imported.author.as_str()))
}

/// Entries as they stand in the timeline. People who join one after the other are one row, and an artifact that came with the message
/// above it has its card there. `now` is this moment; `day`: which day a moment is in where the reader is.
pub fn rows_of<'a>(entries: impl Iterator<Item = &'a Arc<Entry>>, read: i64, unread: i64, now: i64, day: impl Fn(i64) -> i64) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut last: Option<&Arc<Entry>> = None;
    let mut marks = unread > 0 && read > 0;
    for entry in entries {
        // The first unread one may be further up.
        marks &= last.is_some() || entry.number <= read + 1;
        let its_day = day(entry.created_at);
        let new_day = last.is_none_or(|last| day(last.created_at) != its_day);
        let begins_new = marks && entry.number > read;
        last = Some(entry);
        let above = rows.last_mut().filter(|_| !new_day && !begins_new && entry.comments == 0);
        if let Some(above) = above {
            match (&above.entry.what, &entry.what) {
                (EntryKind::Joined, EntryKind::Joined) if above.entry.comments == 0 => {
                    above.also.push(entry.clone());
                    continue;
                }
                (EntryKind::Message { artifacts, .. }, EntryKind::Artifact { artifact })
                    if above.entry.author.id == entry.author.id && artifacts.iter().any(|named| named.id == artifact.id) =>
                {
                    continue;
                }
                _ => {}
            }
        }
        let goes_on = |above: &Row| {
            // An answer has what it was made with under it: the next one begins anew.
            let messages = [&above.entry, entry].iter().all(|entry| matches!(entry.what, EntryKind::Message { answered: None, .. }));
            let same = by(&above.entry) == by(entry);
            messages && same && entry.created_at - above.entry.created_at < TOGETHER_MS
        };
        rows.push(Row {
            entry: entry.clone(),
            also: Vec::new(),
            compact: !new_day && !begins_new && rows.last().is_some_and(goes_on),
            day: new_day.then(|| day_words(its_day, day(now))),
            marks_new: begins_new.then(|| format!("{unread} new")),
        });
        marks &= !begins_new;
    }
    rows
}

fn day_words(day: i64, today: i64) -> String {
    match today - day {
        0 => "Today".to_owned(),
        1 => "Yesterday".to_owned(),
        _ => utc_time(day * DAY_MS)[..10].to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        features::{
            accounts::model::{Person, UserKind},
            artifacts::model::Kind,
            sessions::model::SessionArtifact,
        },
        ids::{ArtifactId, EntryId},
    };

    /// In the week after the entries.
    const NOW: i64 = 7 * DAY_MS;

    #[test]
    fn the_days_next_to_now_are_named() {
        assert_eq!(day_words(20_784, 20_784), "Today");
        assert_eq!(day_words(20_783, 20_784), "Yesterday");
        assert_eq!(day_words(20_782, 20_784), "2026-11-25");
        // A clock that is behind the server's.
        assert_eq!(day_words(20_785, 20_784), "2026-11-28");
    }

    struct Script {
        people: [UserId; 2],
        artifact: ArtifactId,
        entries: Vec<Arc<Entry>>,
    }

    impl Script {
        fn new() -> Self {
            Self { people: [UserId::generate(), UserId::generate()], artifact: ArtifactId::generate(), entries: Vec::new() }
        }

        /// A minute after the one before.
        fn add(&mut self, who: usize, what: EntryKind) {
            let number = self.entries.len() as i64 + 1;
            let author = Person { id: self.people[who], name: format!("P{who}"), kind: UserKind::Human, color: 1, avatar: None };
            let entry = Entry { id: EntryId::generate(), number, author, created_at: number * 60_000, imported: None, comments: 0, what };
            self.entries.push(Arc::new(entry));
        }

        fn shown(&self) -> SessionArtifact {
            let name = "mooring".to_owned();
            SessionArtifact {
                id: self.artifact,
                kind: Kind::Skill,
                slug: name.clone(),
                name,
                volume_id: None,
                volume_name: String::new(),
                has_draft: false,
                gone: false,
            }
        }

        fn say(&mut self, who: usize, names: bool) {
            let artifacts = if names { vec![self.shown()] } else { Vec::new() };
            let (text, html) = ("hello".to_owned(), String::new());
            self.add(
                who,
                EntryKind::Message { text, html, attachments: Vec::new(), artifacts, answered: None, edited_at: None, deleted_at: None },
            );
        }

        fn rows(&self, read: i64) -> Vec<Row> {
            let unread = self.entries.len() as i64 - read;
            rows_of(self.entries.iter(), read, unread, NOW, |at| at.div_euclid(DAY_MS))
        }
    }

    fn numbers(rows: &[Row]) -> Vec<i64> {
        rows.iter().map(|row| row.entry.number).collect()
    }

    #[test]
    fn who_joins_together_is_one_row_and_unread_ones_are_another() {
        let mut script = Script::new();
        for _ in 0..4 {
            script.add(0, EntryKind::Joined);
        }
        assert_eq!(script.rows(0).iter().map(|row| row.also.len()).collect::<Vec<_>>(), [3]);
        let rows = script.rows(2);
        assert_eq!(numbers(&rows), [1, 3]);
        assert_eq!(rows[1].marks_new.as_deref(), Some("2 new"));
    }

    #[test]
    fn an_artifact_that_came_with_its_message_has_no_row_of_its_own() {
        let mut script = Script::new();
        script.say(0, true);
        let artifact = script.shown();
        script.add(0, EntryKind::Artifact { artifact: artifact.clone() });
        script.say(0, false);
        script.add(1, EntryKind::Artifact { artifact });
        let rows = script.rows(0);
        assert_eq!(numbers(&rows), [1, 3, 4], "somebody else's says who it was");
        assert!(rows[1].compact, "it goes on where the message ended");
        // Unread, it takes the mark along.
        assert_eq!(numbers(&script.rows(1)), [1, 2, 3, 4]);
    }

    #[test]
    fn the_mark_of_what_is_new_waits_for_its_entry() {
        let mut script = Script::new();
        for _ in 0..6 {
            script.say(0, false);
        }
        let marked = |rows: &[Row]| rows.iter().find(|row| row.marks_new.is_some()).map(|row| row.entry.number);
        assert_eq!(marked(&script.rows(4)), Some(5));
        // Only a later piece is there.
        let rows = rows_of(script.entries[3..].iter(), 1, 5, NOW, |at| at.div_euclid(DAY_MS));
        assert_eq!(marked(&rows), None);
        assert_eq!(marked(&script.rows(6)), None);
        assert_eq!(marked(&script.rows(0)), None, "everything is new to who comes first");
    }
}
