//! What a device has to have to search without the server: the documents that its person may read with their vectors, and the model in 8 bits.

use std::path::PathBuf;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use llmos_search::{
    Id, Kind, Listed, Scope,
    embed::quantise,
    wire::{Found, Manifest, ManifestModel, Named, Place, Record},
};
use uuid::Uuid;

use super::{
    Readable,
    answer::place_of_session,
    embedding::read,
    index::{Source, Taken, scope_of},
    model::Backend,
};
use crate::{
    error::{AppError, AppResult},
    features::accounts,
    ids::{ArtifactId, SessionId, UserId},
    server::{context::Ctx, error::internal, secrets},
};

/// What a device is given at most: the newest. Some 250 MB, of which it asks first.
const DOCUMENTS_MAX: usize = 5_000;
/// Records in one answer.
const RECORDS_MAX: usize = 100;

/// All that the caller may read, by id and state.
pub async fn manifest(ctx: &Ctx) -> AppResult<Manifest> {
    let readable = Readable::of(ctx).await?;
    readable.bring_up_to_date(ctx).await?;
    let filter = readable.filter();
    let mut listed = ctx.state.search.read().list(&filter);
    listed.retain(|document| document.kind != Kind::Listing);
    listed.sort_unstable_by_key(|document| (std::cmp::Reverse(document.updated_at), document.id));
    let left_out = listed.len().saturating_sub(DOCUMENTS_MAX);
    listed.truncate(DOCUMENTS_MAX);
    let model = model(ctx).await?;
    let (dimension, identity) = (ctx.state.search.read().dimension(), identity(ctx));
    let state = |document: &Listed| {
        let (scope, state) = ctx.state.search.taken(source_of(document.id, document.kind))?;
        Some((Uuid::from_u128(document.id.0), state_of(scope, state, document.arrived, &identity)))
    };
    Ok(Manifest {
        places: places(ctx, &readable).await?,
        documents: listed.iter().filter_map(state).collect(),
        left_out,
        bytes: listed.iter().map(|document| (document.body + document.passages * (4 + dimension)) as u64).sum(),
        dimension,
        model,
    })
}

/// Documents that the caller may read; others are left out.
pub async fn records(ctx: &Ctx, ids: &[Uuid]) -> AppResult<Vec<Record>> {
    if ids.len() > RECORDS_MAX {
        return Err(AppError::field("ids", format!("Ask for at most {RECORDS_MAX} documents at once.")));
    }
    let readable = Readable::of(ctx).await?;
    readable.bring_up_to_date(ctx).await?;
    let (search, scopes) = (&ctx.state.search, readable.scopes());
    let either = |id: &Uuid| [Source::Artifact(ArtifactId::from(*id)), Source::Session(SessionId::from(*id))];
    let sources: Vec<Source> = ids.iter().flat_map(either).filter(|source| search.is_in(*source, &scopes)).collect();
    let documents = read(ctx, &sources).await?;
    let authors = documents.iter().filter_map(|taken| taken.document.author.as_ref()).map(|author| UserId::from_bits(author.id));
    let people = accounts::service::people(ctx, authors).await?;
    let identity = identity(ctx);
    let record = |Taken { source, state, document, version, messages }: Taken| {
        // It may have moved since the index was asked.
        let found = scopes.contains(&document.scope).then(|| Found::of(document.kind))?;
        let index = search.read();
        let is_taken = search.taken(source) == Some((document.scope, state));
        let (_, arrived) = index.progress(document.id).filter(|_| is_taken).unwrap_or_default();
        let vectors = (arrived > 0).then(|| index.packed_vectors(document.id)).flatten();
        Some(Record {
            id: Uuid::from_u128(document.id.0),
            state: state_of(document.scope, state, arrived, &identity),
            kind: found,
            scope: Uuid::from_u128(document.scope.0),
            slug: document.slug,
            name: document.name,
            description: document.description,
            body: document.body,
            messages,
            category: document.category,
            tags: document.tags,
            author: document.author.map(|author| Named {
                name: people.get(&UserId::from_bits(author.id)).map(|person| person.name.clone()).unwrap_or_default(),
                id: Uuid::from_u128(author.id),
            }),
            version,
            updated_at: document.updated_at,
            vectors: vectors.map(|packed| BASE64_STANDARD.encode(packed)),
        })
    };
    Ok(documents.into_iter().filter_map(record).collect())
}

/// A file of the model, by what it is: `config`, `weights` (in 8 bits), `tokenizer`, `pooling`.
pub async fn model_file(ctx: &Ctx, name: &str) -> AppResult<PathBuf> {
    ctx.actor_with(accounts::Scope::Read)?;
    let none = || AppError::not_found("file of a model");
    let folder = ctx.state.search_model.folder().ok_or_else(none)?;
    let path = match name {
        "config" => folder.join("config.json"),
        "tokenizer" => folder.join("tokenizer.json"),
        "pooling" => folder.join("1_Pooling").join("config.json"),
        "weights" => small_weights(ctx).await?.ok_or_else(none)?,
        _ => return Err(none()),
    };
    if path.is_file() { Ok(path) } else { Err(none()) }
}

async fn model(ctx: &Ctx) -> AppResult<Option<ManifestModel>> {
    let (Some(Backend::Local(model)), Some(weights)) = (ctx.state.search_model.backend(), small_weights(ctx).await?) else {
        return Ok(None);
    };
    let mut bytes = std::fs::metadata(&weights).map_or(0, |file| file.len());
    for name in ["config", "tokenizer"] {
        bytes += std::fs::metadata(model_file(ctx, name).await?).map_or(0, |file| file.len());
    }
    let identity = model.identity();
    Ok(Some(ManifestModel { identity: identity.to_string(), name: identity.name.clone(), bytes }))
}

/// The weights in a quarter of their size, which load as the same model to the bit. Made when they are first asked for.
async fn small_weights(ctx: &Ctx) -> AppResult<Option<PathBuf>> {
    let (Some(Backend::Local(model)), Some(folder)) = (ctx.state.search_model.backend(), ctx.state.search_model.folder()) else {
        return Ok(None);
    };
    let derived = ctx.state.config.data_dir.join("derived");
    let (source, path) = (folder.join("model.safetensors"), derived.join(format!("model-{}.safetensors", model.identity().sha256)));
    if path.is_file() {
        return Ok(Some(path));
    }
    let making = tokio::task::spawn_blocking(move || -> Result<PathBuf, String> {
        let bytes = std::fs::read(&source).map_err(|error| error.to_string())?;
        // A file in 8 bits is what it is.
        let Ok(small) = quantise(&bytes) else { return Ok(source) };
        std::fs::create_dir_all(&derived).map_err(|error| error.to_string())?;
        let mut file = tempfile::NamedTempFile::new_in(&derived).map_err(|error| error.to_string())?;
        std::io::Write::write_all(&mut file, &small).map_err(|error| error.to_string())?;
        file.persist(&path).map_err(|error| error.to_string())?;
        Ok(path)
    });
    let made = making.await.map_err(|error| internal("a small model", &error))?;
    made.map(Some).map_err(|error| internal("a small model", &std::io::Error::other(error)))
}

async fn places(ctx: &Ctx, readable: &Readable) -> AppResult<Vec<Place>> {
    let teams = accounts::service::list_teams(ctx).await?;
    let volumes = readable.volumes.iter().map(|volume| Place {
        scope: Uuid::from_u128(scope_of(volume.id).0),
        name: volume.name.clone(),
        volume_id: Some(volume.id.same_as()),
        team_id: volume.team.map(|team| team.same_as()),
    });
    let sessions = readable.sessions.iter().map(|(scope, _)| {
        let team = teams.iter().find(|team| team.id.bits() == scope.bits());
        Place { scope: scope.same_as(), name: place_of_session(team), volume_id: None, team_id: team.map(|team| team.id.same_as()) }
    });
    Ok(volumes.chain(sessions).collect())
}

fn source_of(id: Id, kind: Kind) -> Source {
    match kind {
        Kind::Session => Source::Session(SessionId::from_bits(id.0)),
        _ => Source::Artifact(ArtifactId::from_bits(id.0)),
    }
}

/// Vectors of which model are in the index; nothing without one.
fn identity(ctx: &Ctx) -> String {
    ctx.state.search_model.backend().map(|backend| backend.identity()).unwrap_or_default()
}

/// Names all that a record is made from.
fn state_of(scope: Scope, state: u128, arrived: usize, model: &str) -> String {
    let mut name = secrets::sha256(format!("{:x} {state:x} {arrived} {model}", scope.0).as_bytes());
    name.truncate(16);
    name
}
