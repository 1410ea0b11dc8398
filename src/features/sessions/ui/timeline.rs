//! The timeline: as much of it as one looks at, however long it is. Above and below what is there stands empty space as tall as the
//! rest probably is; scrolling into it fetches the entries that belong there, by number.

use std::{collections::BTreeMap, sync::Arc};

use leptos::prelude::*;

use super::{
    entry::{EntryContext, EntryRow},
    pointers::{PointerViews, Pointers},
    rows::{DAY_MS, Row, rows_of, said},
};
use crate::{
    browser::{page, scroll},
    features::{
        accounts::state::use_utc_offset,
        sessions::{
            model::{Entry, EntryKind, EntryPage, EntryQuery, PAGE},
            state::{mark_read, read_entries},
        },
    },
    ids::{ArtifactId, SessionId},
    ui::{Icon, clock_time, plural, utc_time},
};

const LOG: &str = ".log";
pub const ITEMS: &str = ".log .item";
const LIST: &str = ".log .items";
/// Entries that are in the document at most; beyond, the far end goes.
const KEPT: usize = 3 * PAGE as usize;
/// So close to the edge of what is there, in pixels, the next page is fetched.
const AHEAD: f64 = 800.0;
/// So close to the end counts as being there.
const END: f64 = 48.0;
/// Pixels of an entry, before any was measured.
const USUAL: f64 = 72.0;
/// Reading is noted when one has stayed that long, in milliseconds.
const NOTE: u32 = 800;

/// The piece of a session's timeline that is there.
#[derive(Clone, Copy)]
pub struct Timeline {
    pub session: SessionId,
    /// Without a gap.
    entries: RwSignal<BTreeMap<i64, Arc<Entry>>>,
    /// The newest number.
    pub total: RwSignal<i64>,
    /// Whether the newest is in sight.
    pub at_end: RwSignal<bool>,
    /// Up to where one had read when the page came.
    read: i64,
    unread: i64,
    noted: RwSignal<i64>,
    /// What came last from somebody else, for those who do not see it.
    spoken: RwSignal<String>,
    me: StoredValue<String>,
    /// Pixels of an entry, on average.
    mean: RwSignal<f64>,
    reading: StoredValue<bool>,
    /// Counts the pages asked for: an answer that a later question has overtaken is not put in.
    asked: StoredValue<u32>,
    /// On the way to an entry: until it is shown, scrolling is not the reader's.
    going: StoredValue<bool>,
    looked: StoredValue<bool>,
    /// Counts up when the rows stand elsewhere in the window.
    pub moved: RwSignal<u32>,
    /// Minutes that the reader's clock is ahead of UTC.
    offset: RwSignal<i64>,
    /// The artifact that is open beside it.
    pub open: RwSignal<Option<ArtifactId>>,
}

impl Timeline {
    pub fn new(session: SessionId, page: EntryPage, read: i64, me: StoredValue<String>) -> Self {
        let total = page.total;
        let timeline = Self {
            session,
            entries: RwSignal::new(by_number(page)),
            total: RwSignal::new(total),
            at_end: RwSignal::new(true),
            read,
            unread: total - read,
            noted: RwSignal::new(read),
            spoken: RwSignal::new(String::new()),
            me,
            mean: RwSignal::new(USUAL),
            reading: StoredValue::new(false),
            asked: StoredValue::new(0),
            going: StoredValue::new(false),
            looked: StoredValue::new(false),
            moved: RwSignal::new(0),
            offset: use_utc_offset(),
            open: RwSignal::new(None),
        };
        Effect::new(move |_| timeline.note_read());
        timeline
    }

    /// "09:44".
    pub fn clock(self, at: i64) -> String {
        clock_time(at, self.offset.get())
    }

    pub fn machine_time(self, at: i64) -> String {
        utc_time(at).replace(" UTC", "Z").replace(' ', "T")
    }

    fn ends(self) -> Option<(i64, i64)> {
        self.entries.try_with_untracked(|entries| Some((*entries.first_key_value()?.0, *entries.last_key_value()?.0)))?
    }

    /// The rows, newest last.
    fn rows(self) -> Vec<Row> {
        let offset = self.offset.get() * 60_000;
        self.entries
            .with(|entries| rows_of(entries.values(), self.read, self.unread, page::now_ms(), |at| (at + offset).div_euclid(DAY_MS)))
    }

    /// The newest message of one's own that is there and can be edited.
    pub fn own_last(self) -> Option<Arc<Entry>> {
        let mine = |entry: &&Arc<Entry>| {
            let written = matches!(entry.what, EntryKind::Message { deleted_at: None, .. });
            written && self.me.with_value(|me| *me == entry.author.id.to_string())
        };
        self.entries.with_untracked(|entries| entries.values().rev().find(mine).cloned())
    }

    /// The first unread entry, when it is too far up to be there.
    fn far_unread(self) -> Option<(i64, i64)> {
        let first = self.entries.with(|entries| entries.first_key_value().map(|(number, _)| *number))?;
        let far = self.unread > 0 && self.read > 0 && first > self.read + 1 && self.noted.get() < self.read + self.unread;
        far.then_some((self.read + 1, self.unread))
    }

    fn speak(self, page: &EntryPage) {
        let others = |entry: &&Entry| self.me.try_with_value(|me| *me != entry.author.id.to_string()).unwrap_or_default();
        if let Some(words) = page.items.iter().rev().find(others).map(said) {
            self.spoken.try_set(words);
        }
    }

    /// How tall an entry is on average: the empty space changes with it, and what one looks at stays where it is.
    fn measure(self, mean: f64) {
        let known = self.mean.get_untracked();
        if (mean - known).abs() < known / 50.0 {
            return;
        }
        let anchor = scroll::anchor(LOG, ITEMS);
        self.mean.set(mean);
        if !self.at_end.get_untracked()
            && let Some(anchor) = anchor
        {
            // After the space has changed, in the same frame.
            page::after_effects(move || scroll::hold(LOG, &anchor));
        }
    }

    /// Changes what is there; what one looks at stays where it is.
    fn change(self, act: impl FnOnce(&mut BTreeMap<i64, Arc<Entry>>)) {
        let follows = self.at_end.try_get_untracked().unwrap_or_default();
        let anchor = scroll::anchor(LOG, ITEMS);
        if self.entries.try_update(act).is_none() {
            return;
        }
        page::before_paint(move || match anchor {
            Some(anchor) if !follows => scroll::hold(LOG, &anchor),
            _ if follows => scroll::to_end(LOG),
            _ => {}
        });
    }

    /// Reads entries from `from` on and lets `act` put them in. One page at a time.
    fn read_page(self, from: i64, limit: u32, act: impl FnOnce(Self, EntryPage) + 'static) {
        if self.reading.try_get_value() == Some(false) {
            self.read_instead(from, limit, act);
        }
    }

    /// The same for where one wants to be next: what is on its way for elsewhere does not count any more.
    fn read_instead(self, from: i64, limit: u32, act: impl FnOnce(Self, EntryPage) + 'static) {
        let Some(number) = self.asked.try_update_value(|asked| {
            *asked = asked.wrapping_add(1);
            *asked
        }) else {
            return;
        };
        self.reading.set_value(true);
        let answer = read_entries(self.session, EntryQuery { from: Some(from.max(1)), limit: Some(limit) });
        leptos::task::spawn_local(async move {
            let answer = answer.await;
            let overtaken = self.asked.try_get_value() != Some(number);
            if !overtaken {
                self.reading.try_set_value(false);
            }
            // A failure is no news here: the link's state is shown, and the next look asks again.
            match answer {
                Ok(page) => {
                    self.total.try_update(|total| *total = (*total).max(page.total));
                    if !overtaken {
                        act(self, page);
                    }
                }
                Err(_) if !overtaken => {
                    self.going.try_set_value(false);
                }
                Err(_) => {}
            }
        });
    }

    /// Something new came: it is fetched when it goes on where one is, otherwise only counted.
    pub fn grown(self, number: i64) {
        if number <= self.ends().map_or(0, |(_, last)| last) {
            self.refresh(number);
            return;
        }
        self.total.try_update(|total| *total = (*total).max(number));
        self.follow(number);
    }

    /// Several may come while one is being read: each waits for its turn, and goes when the page before has brought it along.
    fn follow(self, number: i64) {
        let last = self.ends().map_or(0, |(_, last)| last);
        let goes_on = number == last + 1 || self.at_end.try_get_untracked() == Some(true);
        if number <= last || !goes_on {
            return;
        }
        if self.reading.try_get_value() == Some(true) {
            page::after_forget(60, move || self.follow(number));
            return;
        }
        self.read_page(last + 1, PAGE, |timeline, page| {
            timeline.speak(&page);
            timeline.put(page, true);
            timeline.note_read();
        });
    }

    /// Reads what came since the page was read, when nobody told it.
    pub fn catch_up(self) {
        if self.reading.try_get_value() == Some(true) {
            page::after_forget(60, move || self.catch_up());
            return;
        }
        let Some(known) = self.total.try_get_untracked() else { return };
        self.read_page(known + 1, PAGE, move |timeline, page| {
            // Somewhere else in the timeline it is only counted.
            if !page.items.is_empty() && timeline.ends().map_or(0, |(_, last)| last) == known {
                timeline.put(page, true);
                timeline.note_read();
            }
        });
    }

    /// Reads one entry again: it was edited or deleted.
    pub fn refresh(self, number: i64) {
        let there = self.entries.try_with_untracked(|entries| entries.contains_key(&number)).unwrap_or_default();
        if !there {
            return;
        }
        let answer = read_entries(self.session, EntryQuery { from: Some(number), limit: Some(1) });
        leptos::task::spawn_local(async move {
            if let Ok(page) = answer.await {
                self.change(|entries| entries.extend(by_number(page)));
            }
        });
    }

    /// One's own message, as the server took it.
    pub fn sent(self, entry: Entry) {
        let number = entry.number;
        let last = self.ends().map_or(0, |(_, last)| last);
        if number == last + 1 {
            self.total.try_update(|total| *total = (*total).max(number));
            self.at_end.try_set(true);
            self.change(move |entries| {
                entries.insert(number, Arc::new(entry));
            });
            self.note_read();
        } else if number > last {
            self.to_newest();
        }
    }

    fn put(self, page: EntryPage, forward: bool) {
        self.change(move |entries| {
            entries.extend(by_number(page));
            while entries.len() > KEPT {
                if forward {
                    entries.pop_first()
                } else {
                    entries.pop_last()
                };
            }
        });
    }

    /// Everything again, around where one is: too much was missed.
    pub fn resync(self) {
        let from = self.ends().map_or(1, |(first, _)| first);
        self.read_page(from, KEPT as u32, |timeline, page| timeline.change(|entries| *entries = by_number(page)));
    }

    /// Shows the newest entries.
    pub fn to_newest(self) {
        let total = self.total.try_get_untracked().unwrap_or_default();
        if self.ends().is_some_and(|(_, last)| last >= total) {
            scroll::to_end(LOG);
            return;
        }
        self.going.try_set_value(false);
        self.read_instead(total - i64::from(PAGE) + 1, PAGE * 2, |timeline, page| {
            timeline.at_end.try_set(true);
            timeline.change(|entries| *entries = by_number(page));
            timeline.note_read();
        });
    }

    /// Shows the entry with this number.
    pub fn go_to(self, number: i64) {
        self.at_end.try_set(false);
        self.going.try_set_value(true);
        if self.entries.with_untracked(|entries| entries.contains_key(&number)) {
            self.center_soon(number, FRAMES);
            return;
        }
        self.read_instead(number - i64::from(PAGE) / 2, PAGE, move |timeline, page| {
            timeline.entries.try_update(|entries| *entries = by_number(page));
            timeline.center_soon(number, FRAMES);
        });
    }

    /// Shows the entry as soon as it stands in the document; after so many frames whatever is nearest.
    fn center_soon(self, number: i64, frames: u32) {
        page::before_paint(move || {
            if frames > 0 && !scroll::center(&format!("entry-{number}")) {
                self.center_soon(number, frames - 1);
                return;
            }
            if frames == 0 {
                center(number);
            }
            self.going.try_set_value(false);
            self.look_soon();
        });
    }

    /// After scrolling: fetches what comes into sight.
    fn look(self) {
        if self.going.try_get_value() != Some(false) {
            return;
        }
        let Some(sight) = scroll::sight(LOG, LIST) else { return };
        let Some((first, last)) = self.ends() else { return };
        let total = self.total.get_untracked();
        let there = (last - first + 1) as f64;
        if there > 5.0 && sight.items > 0.0 {
            self.measure(sight.items / there);
        }
        let mean = self.mean.get_untracked();
        let at_end = last >= total && sight.to_end < END;
        if self.at_end.get_untracked() != at_end {
            self.at_end.set(at_end);
        }
        if at_end {
            self.note_read();
        }
        let page = i64::from(PAGE);
        // Beyond the edge altogether: somewhere else.
        if sight.above > sight.height && first > 1 {
            let number = first - (sight.above / mean) as i64;
            self.read_page(number - page / 2, PAGE * 2, move |timeline, page| timeline.replace(page, number));
        } else if sight.below > sight.height && last < total {
            let number = last + (sight.below / mean) as i64;
            self.read_page(number - page / 2, PAGE * 2, move |timeline, page| timeline.replace(page, number));
        } else if sight.above > -AHEAD && first > 1 {
            let from = (first - page).max(1);
            self.read_page(from, (first - from) as u32, |timeline, page| timeline.put(page, false));
        } else if sight.below > -AHEAD && last < total {
            self.read_page(last + 1, PAGE, |timeline, page| timeline.put(page, true));
        }
    }

    fn replace(self, page: EntryPage, number: i64) {
        self.entries.try_update(|entries| *entries = by_number(page));
        page::before_paint(move || {
            center(number);
            self.look();
        });
    }

    /// At most once for each frame.
    fn look_soon(self) {
        if self.looked.try_update_value(|looked| std::mem::replace(looked, true)) == Some(false) {
            page::before_paint(move || {
                self.looked.try_set_value(false);
                self.moved.try_update(|moved| *moved = moved.wrapping_add(1));
                self.look();
            });
        }
    }

    /// Tells the server that all is read, when one stays at the end.
    fn note_read(self) {
        let total = self.total.try_get_untracked().unwrap_or_default();
        if self.at_end.try_get_untracked() != Some(true) || self.noted.try_get_untracked().is_none_or(|noted| noted >= total) {
            return;
        }
        page::after_forget(NOTE, move || {
            let still = self.at_end.try_get_untracked() == Some(true) && self.noted.try_get_untracked().is_some_and(|noted| noted < total);
            if still && page::is_visible() {
                self.noted.try_set(total);
                let answer = mark_read(self.session, total);
                leptos::task::spawn_local(async move {
                    if answer.await.is_err() {
                        self.noted.try_update(|noted| *noted = (*noted).min(total - 1));
                    }
                });
            }
        });
    }
}

/// Shows the entry with this number, or the row that it stands in: several that joined are one.
fn center(number: i64) {
    let _ = (0..KEPT as i64).find(|back| scroll::center(&format!("entry-{}", number - back)));
}

fn by_number(page: EntryPage) -> BTreeMap<i64, Arc<Entry>> {
    page.items.into_iter().map(|entry| (entry.number, Arc::new(entry))).collect()
}

/// How many frames an entry that was read takes at most to stand in the document.
const FRAMES: u32 = 20;

/// The scrolling part. `children`: what is on its way.
#[component]
pub fn TimelineView(timeline: Timeline, context: EntryContext, pointers: Pointers, children: Children) -> impl IntoView {
    let first = move || timeline.entries.with(|entries| entries.first_key_value().map_or(1, |(number, _)| *number));
    let last = move || timeline.entries.with(|entries| entries.last_key_value().map_or(0, |(number, _)| *number));
    let space = move |entries: i64| format!("height:{}px", (entries.max(0) as f64 * timeline.mean.get()).round());
    let newer = move || timeline.total.get() - timeline.noted.get();
    view! {
        <div class="log-box" on:pointermove=move |event| pointers.point(&event)>
            <div class="scroll log" tabindex="0" role="log" aria-label="Timeline" aria-live="off" on:scroll=move |_| timeline.look_soon()>
                <div class="timeline">
                    <div class="space" aria-hidden="true" style=move || space(first() - 1)></div>
                    <div class="items">
                        <For
                            each=move || timeline.rows()
                            key=|row| {
                                let version = match &row.entry.what {
                                    EntryKind::Message { edited_at, deleted_at, .. } => (*edited_at, *deleted_at),
                                    _ => (None, None),
                                };
                                (row.entry.number, version, row.entry.comments, row.compact, row.day.clone(), row.also.len())
                            }
                            children=move |row| view! { <EntryRow row=row context=context/> }
                        />
                    </div>
                    {children()}
                    <div class="space" aria-hidden="true" style=move || space(timeline.total.get() - last())></div>
                </div>
            </div>
            <PointerViews pointers=pointers/>
            <span class="sr" aria-live="polite">{move || timeline.spoken.get()}</span>
            {move || {
                timeline
                    .far_unread()
                    .map(|(first, number)| {
                        view! {
                            <button type="button" class="btn s oldest" on:click=move |_| timeline.go_to(first)>
                                <Icon name="arrow-u"/>
                                {format!("To the first of {}", plural(number, "new entry", "new entries"))}
                            </button>
                        }
                    })
            }}
            {move || {
                (!timeline.at_end.get())
                    .then(|| {
                        let count = newer();
                        view! {
                            <button type="button" class="btn s newest" on:click=move |_| timeline.to_newest()>
                                <Icon name="arrow-d"/>
                                {if count > 0 { plural(count, "new message", "new messages") } else { "Newest".to_owned() }}
                            </button>
                        }
                    })
            }}
        </div>
    }
}
