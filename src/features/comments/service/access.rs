//! Where comments are: what they are about decides who reads and writes them.

use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        accounts::{Action, Scope},
        artifacts,
        collaboration::{
            self,
            model::{RoomEvent, RoomType},
        },
        comments::{
            model::{Subject, subject},
            store::ThreadRow,
        },
        notifications::model::{Spot, SubjectKind},
        sessions::{self, model::SessionStatus},
        volumes::model::VolumeKind,
    },
    ids::{TeamId, ThreadId, UserId},
    server::context::Ctx,
};

/// What a thread is about, for a caller who sees it.
pub struct Place {
    pub subject: Subject,
    pub team: Option<TeamId>,
    pub title: String,
    /// Why nobody can write here now.
    closed: Option<AppError>,
    may_write: bool,
    /// Of an entry: its number, and who wrote it.
    entry: Option<sessions::service::Place>,
}

/// The place, if the caller may do `action` there. Not shared with the caller: not found.
pub async fn find(ctx: &Ctx, subject: Subject, action: Action) -> AppResult<Place> {
    let writes = ctx.actor_with(action.scope())?.has_scope(Scope::Write);
    match subject {
        Subject::Artifact(id) => {
            let place = artifacts::service::find_place(ctx, id, action).await?;
            let trashed = || AppError::conflict("This artifact is in the trash: take it out first.");
            Ok(Place {
                subject,
                team: place.volume.team,
                title: place.name,
                closed: place.trashed.then(trashed),
                may_write: writes && place.volume.role.allows(Action::Converse) && place.volume.kind != VolumeKind::System,
                entry: None,
            })
        }
        Subject::Entry(session, entry) => {
            let access = sessions::service::find_session(ctx, session, action).await?;
            let entry = sessions::service::place_of(ctx, &access, entry).await?;
            Ok(Place {
                subject,
                team: access.team,
                closed: (access.row.status() == SessionStatus::Archived).then(sessions::service::archived),
                may_write: writes && access.can_write(),
                title: access.row.title,
                entry: Some(entry),
            })
        }
    }
}

/// The place, if the caller may write there now.
pub async fn find_open(ctx: &Ctx, subject: Subject) -> AppResult<Place> {
    let mut place = find(ctx, subject, Action::Converse).await?;
    match place.closed.take() {
        Some(why) => Err(why),
        None => Ok(place),
    }
}

/// The place of a stored thread. Not shared with the caller is the same as not there: `what` is what they asked for.
pub async fn find_of(ctx: &Ctx, row: &ThreadRow, action: Action, what: &str) -> AppResult<Place> {
    let not_found = || AppError::not_found(what);
    let subject = subject(row.artifact()?, row.session()?, row.entry()?).ok_or_else(not_found)?;
    let place = if action == Action::Read { find(ctx, subject, action).await } else { find_open(ctx, subject).await };
    place.map_err(|error| if error.code == ErrorCode::NotFound { not_found() } else { error })
}

impl Place {
    pub fn can_write(&self) -> bool {
        self.may_write && self.closed.is_none()
    }

    /// Who wrote the message that it is about.
    pub fn written_by(&self) -> Option<UserId> {
        self.entry.as_ref().and_then(|entry| entry.written_by)
    }

    /// For notifications.
    pub fn spot(&self, thread: ThreadId) -> (SubjectKind, String, Spot) {
        let spot = Spot { thread_id: Some(thread), ..Spot::default() };
        match self.subject {
            Subject::Artifact(id) => (SubjectKind::Artifact, id.to_string(), spot),
            Subject::Entry(session, entry) => {
                let number = self.entry.as_ref().map(|entry| entry.number);
                (SubjectKind::Session, session.to_string(), Spot { number, entry_id: Some(entry), ..spot })
            }
        }
    }

    /// Tells whoever is there, after the commit.
    pub fn announce(&self, ctx: &Ctx, thread: ThreadId) {
        let Ok(actor) = ctx.actor() else { return };
        let (kind, room, subject_id) = match self.subject {
            Subject::Artifact(id) => (RoomType::Artifact, id.same_as(), id.to_string()),
            Subject::Entry(session, _) => (RoomType::Session, session.same_as(), session.to_string()),
        };
        let event = RoomEvent::Comment { subject_id, thread_id: thread.to_string() };
        collaboration::service::announce(&ctx.state, kind, room, actor.id(), event);
        // The entry shows how many there are.
        if let (Subject::Entry(session, _), Some(entry)) = (self.subject, &self.entry) {
            sessions::service::announce_entry(ctx, session, entry.number);
        }
    }
}
