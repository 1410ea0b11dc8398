//! Lists of sessions that are read again while one looks: who is where, and what is unread.

use std::collections::BTreeMap;

use leptos::prelude::*;

use crate::{
    browser::{page, socket},
    features::{
        collaboration::ui::Presence,
        sessions::{
            model::{SessionStatus, SessionSummary},
            state::{read_sessions, session_address},
        },
    },
    ids::SessionId,
    ui::{Icon, Time, count},
};

/// A list that is read again.
#[derive(Clone, Copy)]
pub struct Watched {
    pub sessions: RwSignal<Vec<SessionSummary>>,
    path: StoredValue<String>,
    /// Where it stands in the document.
    list: &'static str,
    asking: StoredValue<bool>,
}

impl Watched {
    /// Begins with `sessions`; `path` is what is read.
    pub fn new(sessions: Vec<SessionSummary>, path: String, list: &'static str) -> Self {
        Self { sessions: RwSignal::new(sessions), path: StoredValue::new(path), list, asking: StoredValue::new(false) }
    }

    /// Reads it again, unless nobody looks. The order stays as long as a pointer or the focus is in the list, so that nothing moves away
    /// from under them.
    pub fn read(self) {
        if !page::is_visible() || self.asking.try_get_value() != Some(false) {
            return;
        }
        self.asking.set_value(true);
        let answer = read_sessions(self.path.get_value());
        leptos::task::spawn_local(async move {
            // A failure is no news here: what is shown stays.
            if let Ok(page) = answer.await {
                let held = page::has_pointer_or_focus(self.list);
                self.sessions.try_update(|sessions| *sessions = renewed(std::mem::take(sessions), page.items, held));
            }
            self.asking.try_set_value(false);
        });
    }

    /// Reads it that often, in milliseconds, for as long as the calling component lives.
    pub fn read_every(self, millis: u32) {
        // In an effect: the server looks once.
        Effect::new(move |_| {
            let ticker = StoredValue::new_local(Some(socket::every(millis, move || self.read())));
            on_cleanup(move || {
                ticker.try_update_value(Option::take);
            });
        });
    }
}

/// What is shown now, from what was shown and what was read. `held`: each stays at its place, and new ones wait.
fn renewed(shown: Vec<SessionSummary>, read: Vec<SessionSummary>, held: bool) -> Vec<SessionSummary> {
    if !held || shown.is_empty() {
        return read;
    }
    let mut read: BTreeMap<SessionId, SessionSummary> = read.into_iter().map(|session| (session.id, session)).collect();
    shown.into_iter().map(|old| read.remove(&old.id).unwrap_or(old)).collect()
}

/// What `row` makes of each, once: what it shows follows the list.
#[component]
pub fn EachSession(#[prop(into)] sessions: Signal<Vec<SessionSummary>>, row: fn(Memo<SessionSummary>) -> AnyView) -> impl IntoView {
    view! {
        <For
            each=move || sessions.with(|sessions| sessions.iter().map(|session| (session.id, session.deleted_at.is_some())).collect::<Vec<_>>())
            key=|key| *key
            children=move |(id, _)| {
                let find = move |sessions: &Vec<SessionSummary>| sessions.iter().find(|session| session.id == id).cloned();
                sessions
                    .with_untracked(find)
                    .map(|first| row(Memo::new(move |last: Option<&SessionSummary>| sessions.with(find).unwrap_or_else(|| last.unwrap_or(&first).clone()))))
            }
        />
    }
}

/// Sessions as rows that lead to them.
#[component]
pub fn SessionRows(
    #[prop(into)] sessions: Signal<Vec<SessionSummary>>,
    #[prop(default = |session| view! { <SessionRow session=session/> }.into_any())] row: fn(Memo<SessionSummary>) -> AnyView,
) -> impl IntoView {
    view! { <ul class="rows sessions"><EachSession sessions=sessions row=row/></ul> }
}

/// `children`: what one can do with it, behind the rest.
#[component]
pub fn SessionRow(session: Memo<SessionSummary>, #[prop(optional)] children: Option<Children>) -> impl IntoView {
    let (id, private) = session.with_untracked(|session| (session.id, session.team_id.is_none()));
    let title = move || session.with(|session| session.title.clone());
    let goal = move || {
        session.with(|session| if session.goal.is_empty() { format!("Begun by {}", session.owner.name) } else { session.goal.clone() })
    };
    let unread = Memo::new(move |_| session.with(|session| session.unread));
    let here = Memo::new(move |_| session.with(|session| session.here.clone()));
    let at = Memo::new(move |_| session.with(|session| session.deleted_at.unwrap_or(session.active_at)));
    let committed = move || session.with(|session| session.status == SessionStatus::Committed);
    view! {
        <li>
            <Icon name=if private { "lock" } else { "session" }/>
            <div class="tx">
                <a class="cover" href=session_address(id)><b>{title}</b></a>
                <small class="trunc">{goal}</small>
            </div>
            <span class="tail">
                {move || {
                    let unread = unread.get();
                    (unread > 0).then(|| view! { <span class="count unread"><span aria-hidden="true">{count(unread)}</span><span class="sr">{format!("{unread} unread")}</span></span> })
                }}
                <Presence users=here size="xs"/>
                {move || session.with(|session| session.team_name.clone()).map(|name| view! { <span class="chip line wide-only"><span class="trunc">{name}</span></span> })}
                {move || committed().then(|| view! { <span class="chip ok wide-only">"Committed"</span> })}
                {move || view! { <Time at=at.get()/> }}
                {children.map(|children| children())}
            </span>
        </li>
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        features::accounts::model::{Person, UserKind},
        ids::UserId,
    };

    fn session(id: SessionId, unread: i64) -> SessionSummary {
        SessionSummary {
            id,
            title: String::new(),
            goal: String::new(),
            status: SessionStatus::Active,
            team_id: None,
            team_name: None,
            owner: Person { id: UserId::generate(), name: String::new(), kind: UserKind::Human, color: 1, avatar: None },
            entries: 0,
            unread,
            here: Vec::new(),
            created_at: 0,
            active_at: 0,
            deleted_at: None,
        }
    }

    #[test]
    fn a_list_that_somebody_points_at_keeps_its_order() {
        let [a, b, c] = [(); 3].map(|()| SessionId::generate());
        let shown = || vec![session(a, 0), session(b, 0)];
        let read = || vec![session(c, 1), session(b, 2)];
        let ids = |list: &[SessionSummary]| list.iter().map(|one| (one.id, one.unread)).collect::<Vec<_>>();
        assert_eq!(ids(&renewed(shown(), read(), false)), [(c, 1), (b, 2)]);
        assert_eq!(ids(&renewed(shown(), read(), true)), [(a, 0), (b, 2)]);
    }
}
