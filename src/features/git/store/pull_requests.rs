//! Pull requests of linked volumes, and their reviews.

use std::collections::HashMap;

use sqlx::AnyPool;

use super::super::model::{PullChange, PullRequest, PullState, ReviewStatus, Reviewed, review_status};
use crate::{
    error::AppResult,
    features::marketplace::model::Finding,
    ids::VolumeId,
    server::db::{Sql, Target, Tx, flag},
};

crate::row! {
    #[derive(Clone, Debug)]
    pub struct PullRow {
        pub repository: String, pub number: i64, pub title: String, pub author: String, pub url: String, pub state: String,
        pub draft: i64, pub head_sha: String, pub event_at: i64, pub delivery: String, pub looked_sha: Option<String>, changes: String,
        findings: String, pub problem: Option<String>, pub checked_sha: Option<String>, pub checked: Option<String>, pub comment_id: Option<i64>,
        pub created_at: i64, pub updated_at: i64,
    }
}

impl PullRow {
    pub fn changes(&self) -> AppResult<Vec<PullChange>> {
        Ok(serde_json::from_str(&self.changes)?)
    }
    pub fn findings(&self) -> AppResult<Vec<Finding>> {
        Ok(serde_json::from_str(&self.findings)?)
    }
    pub fn shown(self, review: ReviewStatus) -> AppResult<PullRequest> {
        Ok(PullRequest {
            changes: self.changes()?,
            findings: self.findings()?,
            state: PullState::parse(&self.state),
            draft: self.draft != 0,
            review,
            repository: self.repository,
            number: self.number,
            title: self.title,
            author: self.author,
            url: self.url,
            head_sha: self.head_sha,
            looked_sha: self.looked_sha,
            problem: self.problem,
            checked: self.checked,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

const PULL: &str = "SELECT repository, number, title, author, url, state, draft, head_sha, event_at, delivery, looked_sha, changes, findings, problem, \
     checked_sha, checked, comment_id, created_at, updated_at FROM pull_requests WHERE volume_id = ";

pub async fn get<'c>(executor: impl Target<'c>, volume: VolumeId, repository: &str, number: i64) -> AppResult<Option<PullRow>> {
    let mut sql = Sql::new(PULL);
    sql.bind(volume.to_string()).push(" AND repository = ").bind(repository.to_owned()).push(" AND number = ").bind(number);
    Ok(sql.fetch_all(executor).await?.pop())
}

/// The open ones of a volume, then those that changed last.
pub async fn list(pool: &AnyPool, volume: VolumeId, limit: i64) -> AppResult<Vec<PullRow>> {
    let mut sql = Sql::new(PULL);
    sql.bind(volume.to_string())
        .push(" ORDER BY CASE WHEN state = 'open' THEN 0 ELSE 1 END, event_at DESC, number DESC LIMIT ")
        .number(limit);
    sql.fetch_all(pool).await
}

/// The numbers of a volume's open ones that nothing was seen of, each with its repository.
pub async fn without_preview(pool: &AnyPool, volume: VolumeId) -> AppResult<Vec<(String, i64)>> {
    let mut sql = Sql::new("SELECT repository, number FROM pull_requests WHERE state = 'open' AND problem IS NOT NULL AND volume_id = ");
    sql.bind(volume.to_string()).push(" ORDER BY repository, number");
    sql.fetch_all(pool).await
}

crate::row! {
    struct ReviewRow { repository: String, number: i64, review_id: i64, reviewer: String, state: String, submitted_at: i64 }
}

/// What the reviews of a volume's pull requests come to.
pub async fn reviews(pool: &AnyPool, volume: VolumeId, numbers: &[i64]) -> AppResult<HashMap<(String, i64), ReviewStatus>> {
    let mut sql =
        Sql::new("SELECT repository, number, review_id, reviewer, state, submitted_at FROM pull_request_reviews WHERE volume_id = ");
    sql.bind(volume.to_string()).push(" AND number IN (-1");
    for number in numbers {
        sql.push(", ").number(*number);
    }
    sql.push(")");
    let mut rows: HashMap<(String, i64), Vec<ReviewRow>> = HashMap::new();
    for row in sql.fetch_all::<ReviewRow>(pool).await? {
        rows.entry((row.repository.clone(), row.number)).or_default().push(row);
    }
    let status = |rows: &[ReviewRow]| {
        review_status(rows.iter().map(|row| Reviewed {
            reviewer: &row.reviewer,
            at: (row.submitted_at, row.review_id),
            approves: match row.state.as_str() {
                "approved" => Some(true),
                "changes_requested" => Some(false),
                _ => None,
            },
        }))
    };
    Ok(rows.into_iter().map(|(of, rows)| (of, status(&rows))).collect())
}

/// A pull request as an event has it.
pub struct Pull<'a> {
    pub volume: VolumeId,
    pub repository: &'a str,
    pub number: i64,
    pub title: &'a str,
    pub author: &'a str,
    pub url: &'a str,
    pub state: PullState,
    pub draft: bool,
    pub head_sha: &'a str,
    pub event_at: i64,
    pub delivery: &'a str,
    pub now: i64,
}

/// Writes what an event says, over what an older one said.
pub async fn put(tx: &mut Tx, pull: &Pull<'_>) -> AppResult<()> {
    sqlx::query(
        "INSERT INTO pull_requests (volume_id, repository, number, title, author, url, state, draft, head_sha, event_at, delivery, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) ON CONFLICT (volume_id, repository, number) DO UPDATE SET title = $4, author = $5, \
         url = $6, state = $7, draft = $8, head_sha = $9, event_at = $10, delivery = $11, updated_at = $12",
    )
    .bind(pull.volume.to_string())
    .bind(pull.repository)
    .bind(pull.number)
    .bind(pull.title)
    .bind(pull.author)
    .bind(pull.url)
    .bind(pull.state.as_str())
    .bind(flag(pull.draft))
    .bind(pull.head_sha)
    .bind(pull.event_at)
    .bind(pull.delivery)
    .bind(pull.now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Which pull request of which volume.
#[derive(Clone, Copy, Debug)]
pub struct Which<'a> {
    pub volume: VolumeId,
    pub repository: &'a str,
    pub number: i64,
}

/// What was seen in it, or why nothing could be.
pub async fn set_preview(
    tx: &mut Tx,
    which: Which<'_>,
    looked: Option<(&str, &[PullChange], &[Finding])>,
    problem: Option<&str>,
    now: i64,
) -> AppResult<()> {
    let (sha, changes, findings) = looked.map_or((None, &[][..], &[][..]), |(sha, changes, findings)| (Some(sha), changes, findings));
    sqlx::query(
        "UPDATE pull_requests SET looked_sha = $4, changes = $5, findings = $6, problem = $7, updated_at = $8 \
         WHERE volume_id = $1 AND repository = $2 AND number = $3",
    )
    .bind(which.volume.to_string())
    .bind(which.repository)
    .bind(which.number)
    .bind(sha)
    .bind(serde_json::to_string(changes)?)
    .bind(serde_json::to_string(findings)?)
    .bind(problem)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// What was told to GitHub of which commit; without a commit it is tried again with the next one that asks for it.
pub async fn set_checked(tx: &mut Tx, which: Which<'_>, sha: Option<&str>, how: &str, comment: Option<i64>, now: i64) -> AppResult<()> {
    sqlx::query(
        "UPDATE pull_requests SET checked_sha = COALESCE($4, checked_sha), checked = $5, comment_id = COALESCE($6, comment_id), updated_at = $7 \
         WHERE volume_id = $1 AND repository = $2 AND number = $3",
    )
    .bind(which.volume.to_string())
    .bind(which.repository)
    .bind(which.number)
    .bind(sha)
    .bind(how)
    .bind(comment)
    .bind(now)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// It goes to another branch now.
pub async fn remove(tx: &mut Tx, which: Which<'_>) -> AppResult<()> {
    for table in [
        "DELETE FROM pull_request_reviews WHERE volume_id = $1 AND repository = $2 AND number = $3",
        "DELETE FROM pull_requests WHERE volume_id = $1 AND repository = $2 AND number = $3",
    ] {
        sqlx::query(table).bind(which.volume.to_string()).bind(which.repository).bind(which.number).execute(&mut **tx).await?;
    }
    Ok(())
}

/// The volume is linked elsewhere, or not at all.
pub async fn remove_all(tx: &mut Tx, volume: &str) -> AppResult<()> {
    for table in ["DELETE FROM pull_request_reviews WHERE volume_id = $1", "DELETE FROM pull_requests WHERE volume_id = $1"] {
        sqlx::query(table).bind(volume).execute(&mut **tx).await?;
    }
    Ok(())
}

/// A review; one that was dismissed stays so, whatever comes late. Whether it is the one of its reviewer that counts now, in this state.
pub async fn put_review(tx: &mut Tx, which: Which<'_>, review: i64, reviewer: &str, state: &str, submitted_at: i64) -> AppResult<bool> {
    sqlx::query(
        "INSERT INTO pull_request_reviews (volume_id, repository, number, review_id, reviewer, state, submitted_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (volume_id, repository, number, review_id) DO UPDATE SET \
         state = CASE WHEN pull_request_reviews.state = 'dismissed' THEN 'dismissed' ELSE $6 END",
    )
    .bind(which.volume.to_string())
    .bind(which.repository)
    .bind(which.number)
    .bind(review)
    .bind(reviewer)
    .bind(state)
    .bind(submitted_at)
    .execute(&mut **tx)
    .await?;
    let mut sql = Sql::new("SELECT review_id, state FROM pull_request_reviews WHERE volume_id = ");
    sql.bind(which.volume.to_string()).push(" AND repository = ").bind(which.repository.to_owned());
    sql.push(" AND number = ").bind(which.number).push(" AND reviewer = ").bind(reviewer.to_owned());
    sql.push(" ORDER BY submitted_at DESC, review_id DESC LIMIT 1");
    let latest: Option<(i64, String)> = sql.fetch_all(&mut **tx).await?.pop();
    Ok(latest.is_some_and(|(id, kept)| id == review && kept == state))
}
