//! Vectors for what is in the index: of the first passage of every document, then of the others. In the background and one batch at a time,
//! so that requests keep the machine; what was embedded once is kept by the hash of its text.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    time::Duration,
};

use llmos_search::{Scope, mask, passages};

use super::{
    super::store,
    index::{SearchIndex, Source, Taken, scope_of, taken_of_artifact, taken_of_listing, taken_of_session},
    model::{Backend, Wanted, name_of},
    near::{self, Placed},
    openai::Urgency,
};
use crate::{
    error::AppResult,
    features::{artifacts::service as artifacts, marketplace::service as marketplace, sessions::service as sessions, volumes},
    ids::{ArtifactId, ListingId, SessionId, TeamId},
    server::{context::Ctx, error::internal},
};

/// Documents whose passages are read at once.
const BATCH: usize = 8;
const PAUSE: Duration = Duration::from_secs(5);
const REFUSED_AGAIN: Duration = Duration::from_secs(300);

/// What has no vectors yet: first passages, then the others.
#[derive(Default)]
pub struct Waiting {
    first: VecDeque<Source>,
    others: VecDeque<Source>,
    /// What the service refused: it is tried again after a while.
    refused: VecDeque<Source>,
    /// What is built in, while nobody has needed the model.
    built_in: VecDeque<Source>,
    /// Taken, and not done yet.
    at_work: usize,
}

impl Waiting {
    pub fn add(&mut self, source: Source) {
        self.first.push_back(source);
    }

    pub fn len(&self) -> usize {
        self.first.len() + self.others.len() + self.refused.len() + self.at_work
    }

    /// How many there are that nothing holds up.
    pub fn due(&self, backend: &Backend) -> usize {
        self.len() + if backend.sleeps() { 0 } else { self.built_in.len() }
    }

    /// The next documents, and whether it is about their first passages.
    fn next(&mut self) -> Option<(Vec<Source>, bool)> {
        let is_first = !self.first.is_empty();
        let from = if is_first { &mut self.first } else { &mut self.others };
        let sources: Vec<Source> = from.drain(..from.len().min(BATCH)).collect();
        self.at_work = sources.len();
        (!sources.is_empty()).then_some((sources, is_first))
    }
}

/// A passage to be embedded.
struct Text {
    source: Source,
    scope: Scope,
    state: u128,
    passage: usize,
    masked: String,
    sha: String,
}

/// What came of one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Done,
    /// Nothing waits, but for what was refused.
    Idle,
    /// Those documents wait on.
    Failed,
}

/// Until the process ends: whether there is a model, then the vectors of whatever comes into the index. What is built in does not wake the model of
/// this machine: it waits until something that somebody wrote or asked does. Its vectors are kept, so that this is so once for an installation.
pub async fn embed_all(ctx: &Ctx) {
    let search = &ctx.state.search;
    let Some(backend) = ctx.state.search_model.look().await else { return };
    if search.set_model(&backend.identity(), backend.dimension()).await {
        super::make(ctx).await;
    }
    near::begin(ctx, &backend).await;
    while !ctx.state.shutdown.is_cancelled() {
        if !backend.sleeps() {
            search.waiting(|waiting| waiting.first.append(&mut waiting.built_in));
        }
        match step(ctx, search, &backend).await {
            Step::Done => {}
            Step::Idle => tokio::select! {
                () = ctx.state.shutdown.cancelled() => return,
                () = search.came() => {}
                () = backend.woken() => {}
                () = tokio::time::sleep(REFUSED_AGAIN) => search.waiting(|waiting| waiting.first.append(&mut waiting.refused)),
            },
            Step::Failed if ctx.state.search_model.backend().is_none() => return,
            Step::Failed => {
                let pause = backend.paused().unwrap_or(PAUSE);
                ctx.state.shutdown.run_until_cancelled(tokio::time::sleep(pause)).await;
            }
        }
    }
}

/// Embeds some passages of what waits longest.
pub async fn step(ctx: &Ctx, search: &SearchIndex, backend: &Backend) -> Step {
    let Some((sources, is_first)) = search.waiting(|waiting| waiting.next()) else { return Step::Idle };
    match embed(ctx, search, backend, &sources, is_first).await {
        Ok(Left { refused, built_in }) => {
            search.waiting(|waiting| {
                waiting.at_work = 0;
                if is_first {
                    waiting.others.extend(sources.iter().filter(|source| !refused.contains(source) && !built_in.contains(source)));
                }
                waiting.refused.extend(refused);
                waiting.built_in.extend(built_in);
            });
            Step::Done
        }
        Err(error) => {
            tracing::warn!(%error, "passages could not be embedded; they are tried again");
            search.waiting(|waiting| {
                waiting.at_work = 0;
                if is_first { waiting.first.extend(&sources) } else { waiting.others.extend(&sources) }
            });
            Step::Failed
        }
    }
}

/// What has no vectors after a step.
#[derive(Default)]
struct Left {
    /// The service refuses it for as long as nobody mends its key.
    refused: BTreeSet<Source>,
    /// It would have woken the model.
    built_in: BTreeSet<Source>,
}

async fn embed(ctx: &Ctx, search: &SearchIndex, backend: &Backend, sources: &[Source], is_first: bool) -> AppResult<Left> {
    let mut left = Left::default();
    let model = backend.identity();
    let documents = read(ctx, sources).await?;
    let texts = tokio::task::spawn_blocking(move || texts_of(&documents, is_first)).await.map_err(|error| internal("passages", &error))?;
    let shas: Vec<String> = texts.iter().map(|text| text.sha.clone()).collect();
    let known = store::vectors(ctx.db().read(), &model, &shas).await?;
    let (old, mut new): (Vec<Text>, Vec<Text>) = texts.into_iter().partition(|text| known.contains_key(&text.sha));
    let found: Vec<(&Text, &[f32])> = old.iter().filter_map(|text| Some((text, known.get(&text.sha)?.as_slice()))).collect();
    set_all(ctx, search, &model, &found).await;
    if backend.sleeps() {
        let built_in = scope_of(volumes::service::system_volume());
        left.built_in.extend(new.extract_if(.., |text| text.scope == built_in).map(|text| text.source));
    }
    let keys = keys_of_scopes(ctx, backend).await?;
    // One request is paid for by one key.
    let mut by_key: BTreeMap<Option<&str>, VecDeque<Text>> = BTreeMap::new();
    for text in new {
        by_key.entry(keys.get(&text.scope).map(String::as_str)).or_default().push_back(text);
    }
    for (key, mut texts) in by_key {
        while !texts.is_empty() {
            let batch: Vec<Text> = texts.drain(..texts.len().min(backend.batch())).collect();
            let masked: Vec<&str> = batch.iter().map(|text| text.masked.as_str()).collect();
            let vectors = match backend.embed(Wanted { texts: &masked, key, urgency: Urgency::Background }).await {
                Ok(vectors) => vectors,
                // Their words are found all the same.
                Err(failure) if !failure.may_pass() => {
                    tracing::warn!(%failure, passages = texts.len() + batch.len(), "passages have no vectors yet");
                    left.refused.extend(batch.iter().chain(&texts).map(|text| text.source));
                    break;
                }
                Err(failure) => return Err(internal("embedding", &failure)),
            };
            let kept: Vec<(String, Vec<f32>)> = batch.iter().map(|text| text.sha.clone()).zip(vectors).collect();
            let mut tx = ctx.db().write_tx().await?;
            store::keep(&mut tx, &model, &kept, ctx.now()).await?;
            tx.commit().await?;
            let made: Vec<(&Text, &[f32])> = batch.iter().zip(&kept).map(|(text, (_, vector))| (text, vector.as_slice())).collect();
            set_all(ctx, search, &model, &made).await;
        }
    }
    Ok(left)
}

/// The vectors of a text's passages, from what is kept or new; none where a service refuses. What is new is kept.
pub async fn vectors_of(ctx: &Ctx, backend: &Backend, taken: Taken) -> AppResult<Option<Vec<Vec<f32>>>> {
    let cut = move || {
        let documents = [taken];
        let mut texts = texts_of(&documents, true);
        texts.extend(texts_of(&documents, false));
        texts
    };
    let texts = tokio::task::spawn_blocking(cut).await.map_err(|error| internal("passages", &error))?;
    let wanted: Vec<(&str, &str)> = texts.iter().map(|text| (text.sha.as_str(), text.masked.as_str())).collect();
    let Some(known) = kept_or_new(ctx, backend, &wanted, None).await? else { return Ok(None) };
    Ok(Some(texts.iter().filter_map(|text| known.get(&text.sha).cloned()).collect()))
}

/// The vector of one text as those of documents are, from what is kept or new; none without a model, or where a service refuses. A team's own key pays for it,
/// where it has one.
pub async fn vector_of_text(ctx: &Ctx, team: Option<TeamId>, text: &str) -> AppResult<Option<Vec<f32>>> {
    let Some(backend) = ctx.state.search_model.settled().await else { return Ok(None) };
    let masked = mask(text).into_owned();
    let sha = name_of(&masked);
    let keys = backend.team_keys(ctx).await?;
    let key = team.and_then(|team| keys.get(&team)).map(String::as_str);
    let known = kept_or_new(ctx, &backend, &[(sha.as_str(), masked.as_str())], key).await?;
    Ok(known.and_then(|mut known| known.remove(&sha)))
}

/// What makes the vectors of goals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoalModel {
    /// Only vectors of one identity may be compared.
    pub identity: String,
    /// Numbers in a vector.
    pub dimension: usize,
    /// Whether it is this machine's model with [`llmos_patterns::GOAL_ADAPTER`]: how alike two goals have to be depends on that.
    pub is_adapted: bool,
}

/// The vectors of goals of runs, in their order, from what is kept or new; none without a model, or where a service refuses. What is new is kept. A
/// team's own key pays for it, where it has one. They are not to be compared with those that search has of other texts.
pub async fn vectors_of_goals(ctx: &Ctx, team: Option<TeamId>, goals: &[String]) -> AppResult<Option<(GoalModel, Vec<Vec<f32>>)>> {
    let Some((backend, is_adapted)) = ctx.state.search_model.for_goals().await? else { return Ok(None) };
    let masked: Vec<(String, String)> = goals
        .iter()
        .map(|text| {
            let masked = llmos_search::mask(text).into_owned();
            (name_of(&masked), masked)
        })
        .collect();
    let keys = backend.team_keys(ctx).await?;
    let key = team.and_then(|team| keys.get(&team)).map(String::as_str);
    let wanted: Vec<(&str, &str)> = masked.iter().map(|(sha, masked)| (sha.as_str(), masked.as_str())).collect();
    let Some(known) = kept_or_new(ctx, &backend, &wanted, key).await? else { return Ok(None) };
    let model = GoalModel { identity: backend.identity(), dimension: backend.dimension(), is_adapted };
    Ok(Some((model, masked.iter().filter_map(|(sha, _)| known.get(sha).cloned()).collect())))
}

/// The vectors of masked texts, by their hashes; none where a service refuses.
async fn kept_or_new(
    ctx: &Ctx,
    backend: &Backend,
    texts: &[(&str, &str)],
    key: Option<&str>,
) -> AppResult<Option<HashMap<String, Vec<f32>>>> {
    let model = backend.identity();
    let shas: Vec<String> = texts.iter().map(|(sha, _)| (*sha).to_owned()).collect();
    let mut known = store::vectors(ctx.db().read(), &model, &shas).await?;
    let mut seen = BTreeSet::new();
    let new: Vec<&(&str, &str)> = texts.iter().filter(|(sha, _)| !known.contains_key(*sha) && seen.insert(*sha)).collect();
    for batch in new.chunks(backend.batch()) {
        let masked: Vec<&str> = batch.iter().map(|(_, masked)| *masked).collect();
        let vectors = match backend.embed(Wanted { texts: &masked, key, urgency: Urgency::Background }).await {
            Ok(vectors) => vectors,
            Err(failure) if !failure.may_pass() => return Ok(None),
            Err(failure) => return Err(internal("embedding", &failure)),
        };
        let kept: Vec<(String, Vec<f32>)> = batch.iter().map(|(sha, _)| (*sha).to_owned()).zip(vectors).collect();
        let mut tx = ctx.db().write_tx().await?;
        store::keep(&mut tx, &model, &kept, ctx.now()).await?;
        tx.commit().await?;
        known.extend(kept);
    }
    Ok(Some(known))
}

/// The keys of teams, by what is theirs: their volumes, and their sessions.
async fn keys_of_scopes(ctx: &Ctx, backend: &Backend) -> AppResult<HashMap<Scope, String>> {
    let mut keys = HashMap::new();
    for (team, key) in backend.team_keys(ctx).await? {
        for volume in volumes::service::ids_of_team(ctx, team).await? {
            keys.insert(scope_of(volume), key.clone());
        }
        keys.insert(Scope(team.bits()), key);
    }
    Ok(keys)
}

/// What these are now, in any order.
pub async fn read(ctx: &Ctx, sources: &[Source]) -> AppResult<Vec<Taken>> {
    let (mut artifact_ids, mut session_ids, mut listing_ids) = (Vec::<ArtifactId>::new(), Vec::<SessionId>::new(), Vec::<ListingId>::new());
    for source in sources {
        match source {
            Source::Artifact(id) => artifact_ids.push(*id),
            Source::Session(id) => session_ids.push(*id),
            Source::Listing(id) => listing_ids.push(*id),
        }
    }
    let heads = artifacts::heads_of(ctx, &artifact_ids).await?;
    let bodies = artifacts::bodies(ctx, &heads.iter().map(|(.., head)| head).collect::<Vec<_>>()).await?;
    let of_artifacts = heads.into_iter().zip(bodies).map(|((id, volume, head), body)| taken_of_artifact(id, volume, head, body));
    let of_sessions = sessions::texts_of(ctx, &session_ids).await?.into_iter().map(taken_of_session);
    let of_listings = marketplace::texts_of(ctx, &listing_ids).await?.into_iter().map(taken_of_listing);
    Ok(of_artifacts.chain(of_sessions).chain(of_listings).collect())
}

fn texts_of(documents: &[Taken], is_first: bool) -> Vec<Text> {
    let mut texts = Vec::new();
    for Taken { source, state, document, .. } in documents {
        for (at, passage) in passages(document).into_iter().enumerate().skip(usize::from(!is_first)) {
            let masked = mask(&passage.text).into_owned();
            texts.push(Text { source: *source, scope: document.scope, state: *state, passage: at, sha: name_of(&masked), masked });
            if is_first {
                break;
            }
        }
    }
    texts
}

/// In memory, and where all nodes find them.
async fn set_all(ctx: &Ctx, search: &SearchIndex, model: &str, vectors: &[(&Text, &[f32])]) {
    vectors.iter().for_each(|(text, vector)| set(search, text, vector));
    let placed: Vec<Placed<'_>> = vectors
        .iter()
        .map(|(text, vector)| Placed { source: text.source, scope: text.scope, state: text.state, passage: text.passage, vector })
        .collect();
    near::put(ctx, model, &placed).await;
}

/// Unless another text has come since.
fn set(search: &SearchIndex, text: &Text, vector: &[f32]) {
    if let Err(error) = search.set_vector(text.source, text.state, text.passage, vector) {
        tracing::debug!(%error, "a vector came too late");
    }
}
