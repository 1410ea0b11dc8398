//! The usage events of a commit's changes, one for each artifact, and of volumes that come and go.

use crate::{
    error::AppResult,
    features::{
        analytics::service::{Event, Origin, UsageKind, Workspace, record_all},
        artifacts::{
            model::Kind,
            store::{self, ChangeRow, NewRevision},
        },
        volumes::model::Change,
    },
    ids::{ArtifactId, UserId, VolumeId},
    server::{context::Ctx, db::Tx},
};

/// Where a commit is made, by whom, and how it came.
pub struct Happened<'a> {
    pub workspace: Workspace,
    pub volume: VolumeId,
    pub author: UserId,
    /// The commit's.
    pub source: &'a str,
}

/// What a commit does to one artifact.
pub struct Changed {
    artifact: ArtifactId,
    change: Change,
    kind: Kind,
    category: String,
}

impl From<&NewRevision> for Changed {
    fn from(new: &NewRevision) -> Self {
        Self { artifact: new.artifact, change: new.change, kind: new.kind, category: new.facts.category.clone() }
    }
}

impl TryFrom<ChangeRow> for Changed {
    type Error = crate::error::AppError;
    fn try_from(row: ChangeRow) -> AppResult<Self> {
        Ok(Self { artifact: row.artifact()?, change: row.change(), kind: row.kind(), category: row.category() })
    }
}

/// How what a commit creates came to be; none for what was there as a draft, which was counted then.
fn origin(source: &str) -> Option<Origin> {
    match source {
        "fork" => Some(Origin::Forked),
        "import" | "git" | "system" => Some(Origin::Imported),
        "market" => Some(Origin::Installed),
        "promote" => Some(Origin::Generated),
        _ => None,
    }
}

fn kind_of(source: &str, change: Change) -> Option<(UsageKind, i64)> {
    match (source, change) {
        // These say by themselves what they did.
        ("delete" | "restore" | "move", _) | (_, Change::Moved) => None,
        (_, Change::Created) => {
            Some(origin(source).map_or((UsageKind::ArtifactCommitted, 0), |origin| (UsageKind::ArtifactCreated, origin as i64)))
        }
        (_, Change::Updated) => Some((UsageKind::ArtifactCommitted, 0)),
        (_, Change::Deleted) => Some((UsageKind::ArtifactDeleted, 0)),
        (_, Change::Restored) => Some((UsageKind::ArtifactUndeleted, 0)),
    }
}

/// Records what a commit did, in its transaction.
pub async fn record_changes(ctx: &Ctx, tx: &mut Tx, happened: &Happened<'_>, changes: Vec<Changed>) -> AppResult<()> {
    let base = |kind| Event::new(kind).workspace(happened.workspace).volume(happened.volume).by(happened.author);
    let events = changes.into_iter().filter_map(|changed| {
        let (kind, amount) = kind_of(happened.source, changed.change)?;
        Some(base(kind).subject(changed.artifact).artifact(changed.kind, &changed.category).amount(amount))
    });
    record_all(ctx, tx, events.collect()).await
}

/// Records that all live artifacts of a volume left (or entered) its workspace, in the transaction that hides or shows it.
pub async fn record_volume(ctx: &Ctx, tx: &mut Tx, kind: UsageKind, workspace: Workspace, volume: VolumeId) -> AppResult<()> {
    let sorts = store::sorts_of(tx, volume).await?;
    let event = |(artifact_kind, category, many): (String, String, i64)| {
        let of = artifact_kind.parse().unwrap_or(Kind::Skill);
        Event::new(kind).workspace(workspace).volume(volume).artifact(of, &category).amount(many)
    };
    record_all(ctx, tx, sorts.into_iter().map(event).collect()).await
}
