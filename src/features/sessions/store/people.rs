//! `session_people`: how far each has read, and who was noted as having come.

use crate::{
    error::AppResult,
    ids::{SessionId, UserId},
    server::db::Tx,
};

/// Has read up to `number`; never goes back.
pub async fn mark_read(tx: &mut Tx, session: SessionId, user: UserId, number: i64, now: i64) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO session_people (session_id, user_id, read_number, updated_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (session_id, user_id) DO UPDATE SET \
         read_number = CASE WHEN excluded.read_number > session_people.read_number THEN excluded.read_number ELSE session_people.read_number END, \
         updated_at = excluded.updated_at",
    )
    .bind(session.to_string())
    .bind(user.to_string())
    .bind(number)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Notes that somebody came; false when that was noted before.
pub async fn mark_joined(tx: &mut Tx, session: SessionId, user: UserId, now: i64) -> AppResult<bool> {
    mark_read(tx, session, user, 0, now).await?;
    let done = sqlx::query("UPDATE session_people SET joined_at = $3 WHERE session_id = $1 AND user_id = $2 AND joined_at IS NULL")
        .bind(session.to_string())
        .bind(user.to_string())
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() == 1)
}
