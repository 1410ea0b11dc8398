//! Vectors for what is in the index: of the first passage of every document, then of the others. In the background and one batch at a time,
//! so that requests keep the machine; what was embedded once is kept by the hash of its text.

use std::{collections::VecDeque, time::Duration};

use llmos_search::{Document, passages};

use super::{
    super::{masking::mask, store},
    index::{SearchIndex, document},
    model::name_of,
};
use crate::{
    error::AppResult,
    features::artifacts::service as artifacts,
    ids::{ArtifactId, RevisionId, VolumeId},
    server::{context::Ctx, error::internal},
};

/// Documents whose passages are read at once.
const BATCH: usize = 8;
/// Texts embedded in one go: some 50 ms of one core.
const TEXTS: usize = 8;
const PAUSE: Duration = Duration::from_secs(5);

/// What has no vectors yet: first passages, then the others.
#[derive(Default)]
pub struct Waiting {
    first: VecDeque<ArtifactId>,
    others: VecDeque<ArtifactId>,
    /// Taken, and not done yet.
    at_work: usize,
}

impl Waiting {
    pub fn add(&mut self, id: ArtifactId) {
        self.first.push_back(id);
    }

    pub fn len(&self) -> usize {
        self.first.len() + self.others.len() + self.at_work
    }

    /// The next documents, and whether it is about their first passages.
    fn next(&mut self) -> Option<(Vec<ArtifactId>, bool)> {
        let is_first = !self.first.is_empty();
        let from = if is_first { &mut self.first } else { &mut self.others };
        let ids: Vec<ArtifactId> = from.drain(..from.len().min(BATCH)).collect();
        self.at_work = ids.len();
        (!ids.is_empty()).then_some((ids, is_first))
    }
}

/// A passage to be embedded.
struct Text {
    id: ArtifactId,
    revision: RevisionId,
    passage: usize,
    masked: String,
    sha: String,
}

/// Until the process ends: the model, then the vectors of whatever comes into the index.
pub async fn embed_all(ctx: &Ctx) {
    let search = &ctx.state.search;
    let Some(embedder) = ctx.state.search_model.load(&ctx.state.config.embedding_model_dir).await else { return };
    if search.set_dimension(embedder.identity().dimension) {
        super::take_in_all(ctx).await;
    }
    loop {
        let next = search.waiting(|waiting| waiting.next());
        let Some((ids, is_first)) = next else {
            tokio::select! {
                () = ctx.state.shutdown.cancelled() => return,
                () = search.came() => continue,
            }
        };
        if ctx.state.shutdown.is_cancelled() {
            return;
        }
        if let Err(error) = embed(ctx, &ids, is_first).await {
            tracing::warn!(%error, "passages could not be embedded; they are tried again");
            search.waiting(|waiting| {
                waiting.at_work = 0;
                if is_first { waiting.first.extend(&ids) } else { waiting.others.extend(&ids) }
            });
            tokio::time::sleep(PAUSE).await;
        } else {
            search.waiting(|waiting| {
                waiting.at_work = 0;
                if is_first {
                    waiting.others.extend(&ids);
                }
            });
        }
    }
}

async fn embed(ctx: &Ctx, ids: &[ArtifactId], is_first: bool) -> AppResult<()> {
    let Some(embedder) = ctx.state.search_model.embedder() else { return Ok(()) };
    let model = embedder.identity().to_string();
    let heads = artifacts::heads_of(ctx, ids).await?;
    let bodies = artifacts::bodies(ctx, &heads.iter().map(|(.., head)| head).collect::<Vec<_>>()).await?;
    let documents: Vec<(ArtifactId, RevisionId, Document)> = heads
        .into_iter()
        .zip(bodies)
        .map(|((id, volume, head), body): ((ArtifactId, VolumeId, _), _)| {
            let revision = head.revision;
            (id, revision, document(id, volume, head, body))
        })
        .collect();
    let texts = tokio::task::spawn_blocking(move || texts_of(&documents, is_first)).await.map_err(|error| internal("passages", &error))?;
    let shas: Vec<String> = texts.iter().map(|text| text.sha.clone()).collect();
    let known = store::vectors(ctx.db().read(), &model, &shas).await?;
    let (old, new): (Vec<Text>, Vec<Text>) = texts.into_iter().partition(|text| known.contains_key(&text.sha));
    for text in old {
        if let Some(vector) = known.get(&text.sha) {
            set(&ctx.state.search, &text, vector);
        }
    }
    let mut new = VecDeque::from(new);
    while !new.is_empty() {
        let batch: Vec<Text> = new.drain(..new.len().min(TEXTS)).collect();
        let worker = embedder.clone();
        let (batch, vectors) = tokio::task::spawn_blocking(move || {
            let vectors = worker.embed(&batch.iter().map(|text| text.masked.as_str()).collect::<Vec<_>>());
            (batch, vectors)
        })
        .await
        .map_err(|error| internal("embedding", &error))?;
        let kept: Vec<(String, Vec<f32>)> = batch.iter().map(|text| text.sha.clone()).zip(vectors).collect();
        let mut tx = ctx.db().write_tx().await?;
        store::keep(&mut tx, &model, &kept, ctx.now()).await?;
        tx.commit().await?;
        for (text, (_, vector)) in batch.iter().zip(&kept) {
            set(&ctx.state.search, text, vector);
        }
    }
    Ok(())
}

fn texts_of(documents: &[(ArtifactId, RevisionId, Document)], is_first: bool) -> Vec<Text> {
    let mut texts = Vec::new();
    for (id, revision, document) in documents {
        for (at, passage) in passages(document).into_iter().enumerate().skip(usize::from(!is_first)) {
            let masked = mask(&passage.text).into_owned();
            texts.push(Text { id: *id, revision: *revision, passage: at, sha: name_of(&masked), masked });
            if is_first {
                break;
            }
        }
    }
    texts
}

/// Unless another text has come since.
fn set(search: &SearchIndex, text: &Text, vector: &[f32]) {
    if let Err(error) = search.set_vector(text.id, text.revision, text.passage, vector) {
        tracing::debug!(%error, artifact = %text.id, "a vector came too late");
    }
}
