//! The list of sessions that the caller sees.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::here;
use crate::{
    error::{AppError, AppResult},
    features::{
        accounts::{self, Action, Scope},
        sessions::{
            model::{LIST_MAX, LIST_PAGE, SessionPage, SessionQuery, SessionSort, SessionSummary},
            store::{self, Listed, Place, PlaceKey, SessionRow},
        },
    },
    ids::SessionId,
    server::context::Ctx,
};

const QUERY_CHARS: usize = 200;

pub async fn list_sessions(ctx: &Ctx, query: SessionQuery) -> AppResult<SessionPage> {
    let caller = ctx.actor_with(Scope::Read)?.id();
    let limit = query.limit.unwrap_or(LIST_PAGE).clamp(1, LIST_MAX) as usize;
    let after = query.cursor.as_deref().map(|cursor| decode(cursor, query.sort)).transpose()?;
    let q = query.q.unwrap_or_default();
    if q.chars().count() > QUERY_CHARS || q.contains('\0') {
        return Err(AppError::field("q", format!("A filter has at most {QUERY_CHARS} characters.")));
    }
    let words: Vec<String> = q.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let roles = accounts::service::roles_of(ctx).await?;
    let with = |action: Action| roles.iter().filter(|(_, role)| role.allows(action)).map(|(team, _)| *team).collect::<Vec<_>>();
    let (teams, writes, manages) = (with(Action::Read), with(Action::Converse), with(Action::ManageVolumes));
    if query.team.is_some_and(|team| !teams.contains(&team)) {
        return Err(AppError::not_found("team"));
    }
    let listed = Listed {
        caller,
        teams: &teams,
        writes: &writes,
        manages: &manages,
        words: &words,
        view: query.view,
        team: query.team,
        status: query.status,
    };
    let pool = ctx.db().read();
    // One more than the page shows: then there is a next one.
    let mut rows = store::list(pool, &listed, query.sort, after.as_ref(), limit as i64 + 1).await?;
    let total = store::count(pool, &listed).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = if more { rows.last().map(|row| encode(row, query.sort)) } else { None };
    Ok(SessionPage { items: summaries(ctx, rows).await?, total, next_cursor })
}

/// The titles of those of these sessions that the caller sees.
pub async fn titles(ctx: &Ctx, ids: &[SessionId]) -> AppResult<Vec<(SessionId, String)>> {
    let caller = ctx.actor_with(Scope::Read)?.id();
    let teams: Vec<_> = accounts::service::roles_of(ctx).await?.into_iter().map(|(team, _)| team).collect();
    store::titles(ctx.db().read(), caller, &teams, ids).await
}

/// Rows with who is there.
pub async fn summaries(ctx: &Ctx, rows: Vec<SessionRow>) -> AppResult<Vec<SessionSummary>> {
    let ids = rows.iter().map(SessionRow::id).collect::<AppResult<Vec<SessionId>>>()?;
    let mut present = here(ctx, &ids).await?;
    rows.into_iter()
        .zip(ids)
        .map(|(row, id)| {
            Ok(SessionSummary {
                id,
                status: row.status(),
                team_id: row.team()?,
                owner: row.owner()?,
                entries: row.entries,
                unread: (row.entries - row.read_number.unwrap_or(0)).max(0),
                here: present.remove(&id).unwrap_or_default(),
                created_at: row.created_at,
                active_at: row.active_at,
                deleted_at: row.deleted_at,
                team_name: row.team_name,
                title: row.title,
                goal: row.goal,
            })
        })
        .collect()
}

fn encode(row: &SessionRow, sort: SessionSort) -> String {
    let key = match sort {
        SessionSort::Activity => row.active_at.to_string(),
        SessionSort::Created => row.created_at.to_string(),
        SessionSort::Title => row.title_key.clone(),
    };
    URL_SAFE_NO_PAD.encode(format!("{} {key}", row.id))
}

fn decode(cursor: &str, sort: SessionSort) -> AppResult<Place> {
    let read = || {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
        let (id, key) = text.split_once(' ')?;
        let key = match sort {
            SessionSort::Title if key.contains('\0') => return None,
            SessionSort::Title => PlaceKey::Title(key.to_owned()),
            SessionSort::Activity | SessionSort::Created => PlaceKey::Time(key.parse().ok()?),
        };
        Some(Place { key, id: id.parse().ok()? })
    };
    read().ok_or_else(|| AppError::field("cursor", "This page of the list cannot be found: begin with the first."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_read_and_nonsense_is_refused() {
        let id = SessionId::generate();
        let cursor = URL_SAFE_NO_PAD.encode(format!("{id} a ö"));
        assert_eq!(decode(&cursor, SessionSort::Title).ok(), Some(Place { key: PlaceKey::Title("a ö".into()), id }));
        for (bad, sort) in [(cursor.as_str(), SessionSort::Activity), ("!!", SessionSort::Title), ("YWJj", SessionSort::Created)] {
            assert!(decode(bad, sort).is_err(), "{bad}");
        }
    }
}
