//! A copy of the index on disk, so that a process need not make it anew: written now and then and at the end, read at start, brought up to date by the
//! numbers like any index. Whatever is wrong with it, the index is made from the database.
//!
//! One line of JSON says what is known of the documents; the engine's own snapshot follows.

use std::{
    collections::HashMap,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use llmos_search::{Index, Scope};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    SearchIndex,
    index::{Known, MARKET, Source, scope_of},
};
use crate::{
    error::AppResult,
    features::{marketplace, sessions::service as sessions, volumes},
    ids::{ArtifactId, ListingId, SessionId},
    server::context::Ctx,
};

/// Between two copies of an index that changes.
const OFTEN: Duration = Duration::from_secs(300);

#[derive(Serialize, Deserialize)]
struct Head {
    model: String,
    /// The newest change that is taken in, by scope.
    numbers: Vec<(Uuid, i64)>,
    /// Ids with their scope and state.
    artifacts: Vec<(Uuid, Uuid, Uuid)>,
    sessions: Vec<(Uuid, Uuid, Uuid)>,
    #[serde(default)]
    listings: Vec<(Uuid, Uuid, Uuid)>,
}

fn path(ctx: &Ctx) -> PathBuf {
    ctx.state.config.data_dir.join("derived").join("search.index")
}

/// Takes up the copy of the process before, if there is one and the database has not gone back since. Gives the count of changes up to which there is
/// a copy.
pub async fn read(ctx: &Ctx) -> u64 {
    match ctx.state.search.replace(ctx, found(ctx)).await {
        Ok(changes) => changes.unwrap_or(0),
        Err(error) => {
            tracing::warn!(%error, "the copy of the search index is not used; the index is made anew");
            0
        }
    }
}

async fn found(ctx: &Ctx) -> Option<SearchIndex> {
    let path = path(ctx);
    let loaded = tokio::task::spawn_blocking(move || load(&path)).await.unwrap_or_else(|error| Err(error.to_string()));
    let newest = newest(ctx).await.map_err(|error| error.to_string());
    let why = match (loaded, newest) {
        (Ok(None), _) => return None,
        (Ok(Some((mut index, mut known))), Ok(newest)) if fits(&known, &newest) => {
            forget_gone(&mut index, &mut known, &newest);
            tracing::info!(documents = index.len(), "the search index is read");
            return Some(SearchIndex::of(index, known));
        }
        (Ok(Some(_)), Ok(_)) => "the database is older than it".to_owned(),
        (Err(why), _) | (_, Err(why)) => why,
    };
    tracing::warn!(%why, "the copy of the search index is not used; the index is made anew");
    None
}

/// The numbers in the database.
async fn newest(ctx: &Ctx) -> AppResult<HashMap<Scope, i64>> {
    let volumes = volumes::service::all_numbers(ctx).await?.into_iter().map(|(volume, seq)| (scope_of(volume), seq));
    let sessions = sessions::all_scopes(ctx).await?.into_iter().map(|(scope, number)| (Scope(scope.bits()), number));
    let listings = (MARKET, marketplace::service::number(ctx).await?);
    Ok(volumes.chain(sessions).chain([listings]).collect())
}

/// A database that was put back to an earlier state counts again from there: what the copy has may be something else.
fn fits(known: &Known, newest: &HashMap<Scope, i64>) -> bool {
    known.numbers.iter().all(|(scope, number)| newest.get(scope).is_none_or(|newest| number <= newest))
}

/// What volumes had that are gone now.
fn forget_gone(index: &mut Index, known: &mut Known, newest: &HashMap<Scope, i64>) {
    known.numbers.retain(|scope, _| newest.contains_key(scope));
    known.taken.retain(|source, (scope, _)| {
        let stays = newest.contains_key(scope);
        if !stays {
            index.remove(source.id());
        }
        stays
    });
}

/// Until the process ends, and once more then: what has changed since `written`.
pub async fn write_often(ctx: &Ctx, mut written: u64) {
    let mut ends = false;
    while !ends {
        ends = ctx.state.shutdown.run_until_cancelled(tokio::time::sleep(OFTEN)).await.is_none();
        let changes = ctx.state.search.changes();
        if changes != written {
            match write(ctx).await {
                Ok(()) => written = changes,
                Err(error) => tracing::warn!(%error, "the copy of the search index could not be written"),
            }
        }
    }
}

/// Leaves a copy of the index as it is.
pub async fn write(ctx: &Ctx) -> std::io::Result<()> {
    let (search, path) = (ctx.state.search.clone(), path(ctx));
    tokio::task::spawn_blocking(move || {
        // Questions go on while the copy is turned into bytes.
        let (mut index, known) = search.copy();
        save(&path, &mut index, known)
    })
    .await
    .map_err(std::io::Error::other)?
}

fn save(path: &Path, index: &mut Index, known: Known) -> std::io::Result<()> {
    let mut head = Head { model: known.model, numbers: Vec::new(), artifacts: Vec::new(), sessions: Vec::new(), listings: Vec::new() };
    head.numbers.extend(known.numbers.iter().map(|(scope, number)| (Uuid::from_u128(scope.0), *number)));
    for (source, (scope, state)) in &known.taken {
        let rest = (Uuid::from_u128(scope.0), Uuid::from_u128(*state));
        match source {
            Source::Artifact(id) => head.artifacts.push((id.same_as(), rest.0, rest.1)),
            Source::Session(id) => head.sessions.push((id.same_as(), rest.0, rest.1)),
            Source::Listing(id) => head.listings.push((id.same_as(), rest.0, rest.1)),
        }
    }
    let folder = path.parent().unwrap_or(path);
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut file, &head)?;
    file.write_all(b"\n")?;
    file.write_all(&index.to_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

/// None where there is no file.
fn load(path: &Path) -> Result<Option<(Index, Known)>, String> {
    let bytes = match std::fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|error| error.to_string())?,
    };
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or("it is cut off")?;
    let head: Head = serde_json::from_slice(&bytes[..end]).map_err(|error| error.to_string())?;
    let index = Index::from_bytes(&bytes[end + 1..]).map_err(|error| error.to_string())?;
    let scope = |id: Uuid| Scope(id.as_u128());
    let artifacts =
        head.artifacts.into_iter().map(|(id, of, state)| (Source::Artifact(ArtifactId::from(id)), (scope(of), state.as_u128())));
    let sessions = head.sessions.into_iter().map(|(id, of, state)| (Source::Session(SessionId::from(id)), (scope(of), state.as_u128())));
    let listings = head.listings.into_iter().map(|(id, of, state)| (Source::Listing(ListingId::from(id)), (scope(of), state.as_u128())));
    let known = Known {
        taken: artifacts.chain(sessions).chain(listings).collect(),
        numbers: head.numbers.into_iter().map(|(of, number)| (scope(of), number)).collect(),
        model: head.model,
    };
    if known.taken.len() != index.len() || !known.taken.keys().all(|source| index.contains(source.id())) {
        return Err("its two halves do not belong together".to_owned());
    }
    Ok(Some((index, known)))
}

#[cfg(test)]
mod tests {
    use llmos_search::{Document, Kind};

    use super::*;

    fn sample() -> (Index, Known) {
        let mut index = Index::new(4);
        let mut known = Known { model: "m".to_owned(), ..Known::default() };
        for (number, source) in [(1, Source::Artifact(ArtifactId::from_bits(1))), (2, Source::Session(SessionId::from_bits(2)))] {
            index.put(&Document {
                id: source.id(),
                kind: Kind::Skill,
                scope: Scope(10 + number),
                slug: String::new(),
                name: "lamp".to_owned(),
                description: String::new(),
                body: "wick".to_owned(),
                tags: Vec::new(),
                category: String::new(),
                author: None,
                version: None,
                rating: None,
                updated_at: 0,
            });
            known.taken.insert(source, (Scope(10 + number), number << 70));
            known.numbers.insert(Scope(10 + number), 5);
        }
        (index, known)
    }

    #[test]
    fn a_copy_is_read_as_it_was_written_and_a_damaged_one_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("derived").join("search.index");
        assert!(load(&path).expect("no file").is_none());
        let (mut index, known) = sample();
        save(&path, &mut index, known.clone()).expect("written");
        let (read, again) = load(&path).expect("read").expect("there");
        assert_eq!((read.len(), &again.taken, &again.numbers, &again.model), (2, &known.taken, &known.numbers, &known.model));
        let whole = std::fs::read(&path).expect("bytes");
        for cut in [0, 5, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, &whole[..cut]).expect("written");
            assert!(load(&path).is_err(), "{cut}");
        }
        let mut foreign = known.clone();
        foreign.taken.remove(&Source::Artifact(ArtifactId::from_bits(1)));
        save(&path, &mut index, foreign).expect("written");
        assert!(load(&path).is_err());
    }

    #[test]
    fn a_database_that_went_back_makes_the_index_anew_and_what_is_gone_goes() {
        let (mut index, mut known) = sample();
        assert!(fits(&known, &HashMap::from([(Scope(11), 5), (Scope(12), 9)])));
        assert!(!fits(&known, &HashMap::from([(Scope(11), 4), (Scope(12), 9)])));
        let left = HashMap::from([(Scope(12), 5)]);
        assert!(fits(&known, &left));
        forget_gone(&mut index, &mut known, &left);
        assert_eq!((index.len(), known.taken.len(), known.numbers.len()), (1, 1, 1));
    }
}
