//! The patterns of a place in memory: made of what is stored when they are first needed, and let go when others need the room.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use llmos_patterns::{PatternId, Patterns, Trace, Weights, generalise};

use super::super::{model::Ground, store};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    features::{
        search::{self, service::GoalModel},
        traces,
    },
    server::{cluster::Notice, context::Ctx, error::internal},
};

/// Traces that are kept in memory for all places together: some 2 KB each.
const KEPT: usize = 300_000;
/// Traces that are read at once.
const READ: i64 = 1_000;

/// The patterns of one place, and what their vectors can be compared with.
pub struct Engine {
    pub patterns: Patterns,
    model: GoalModel,
    /// Which of all that this process has made.
    made: u64,
}

static MADE: AtomicU64 = AtomicU64::new(0);

type Shared = Arc<tokio::sync::Mutex<Option<Engine>>>;

/// The places that were needed, the one used last at the end.
#[derive(Default)]
pub struct Engines(Mutex<Vec<(String, Shared, usize)>>);

impl Engines {
    fn of(&self, ground: Ground) -> Shared {
        let id = ground.id();
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = match places.iter().position(|(place, ..)| *place == id) {
            Some(at) => places.remove(at),
            None => (id, Shared::default(), 0),
        };
        let shared = place.1.clone();
        places.push(place);
        shared
    }

    /// Lets go what was not used for longest, until the rest fits.
    fn used(&self, ground: Ground, traces: usize) {
        let id = ground.id();
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.iter_mut().find(|(place, ..)| *place == id) {
            place.2 = traces;
        }
        while places.len() > 1 && places.iter().map(|(.., traces)| traces).sum::<usize>() > KEPT {
            places.remove(0);
        }
    }

    /// What is stored has changed under it: it is read again when it is next needed.
    pub fn forget_place(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|(place, ..)| place != id);
    }

    pub fn forget_all(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// Without a model nothing can be compared by meaning.
pub const NO_MODEL: &str = "Patterns need a model for embeddings. Set EMBEDDING_MODEL_DIR, or EMBEDDING_BACKEND=openai with a key.";
/// There is one, and it did not make vectors.
const REFUSED: &str =
    "The model for embeddings did not take the goals of these traces: the log of the server says why. They are tried again soon.";

/// Whether there is no model to group by.
pub fn is_missing(ctx: &Ctx) -> bool {
    !search::service::has_model(ctx)
}

/// Traces with the vectors of their goals; one without a goal has an empty vector.
pub async fn embedded(ctx: &Ctx, ground: Ground, traces: Vec<Trace>) -> AppResult<(GoalModel, Vec<(Trace, Vec<f32>)>)> {
    let goals: Vec<String> = traces.iter().map(|trace| generalise(&trace.goal)).collect();
    let asked: Vec<String> = goals.iter().filter(|goal| !goal.is_empty()).cloned().collect();
    let (model, vectors) = search::service::vectors_of_goals(ctx, ground.team(), &asked)
        .await?
        .ok_or_else(|| if is_missing(ctx) { AppError::conflict(NO_MODEL) } else { AppError::new(ErrorCode::Unavailable, REFUSED) })?;
    let by_goal: HashMap<String, Vec<f32>> = asked.into_iter().zip(vectors).collect();
    let vector = |goal: &String| by_goal.get(goal).cloned().unwrap_or_default();
    Ok((model, traces.into_iter().zip(&goals).map(|(trace, goal)| (trace, vector(goal))).collect()))
}

/// What is stored of a place was changed by this node, whose own patterns are as new: the others read theirs again.
pub fn tell_nodes(ctx: &Ctx, ground: Ground) {
    ctx.state.cluster.announce(&Notice::Patterns { place: ground.id() });
}

/// What is stored was changed beside what is in memory, here and at other nodes.
pub fn forget(ctx: &Ctx, ground: Ground) {
    ctx.state.engines.forget_place(&ground.id());
    tell_nodes(ctx, ground);
}

/// What is in memory of a place is ahead of what is stored, until that is written too. Dropped before, as by an error, a limit or a stop, it lets go of what is
/// in memory: that is read again as it is stored.
pub struct Ahead<'a> {
    ctx: &'a Ctx,
    ground: Ground,
    is_written: bool,
}

impl<'a> Ahead<'a> {
    pub fn new(ctx: &'a Ctx, ground: Ground) -> Self {
        Self { ctx, ground, is_written: false }
    }

    pub fn written(mut self) {
        self.is_written = true;
    }
}

impl Drop for Ahead<'_> {
    fn drop(&mut self) {
        if !self.is_written {
            forget(self.ctx, self.ground);
        }
    }
}

/// Does something with the patterns of a place, alone.
pub async fn with<T, F>(ctx: &Ctx, ground: Ground, act: F) -> AppResult<T>
where
    T: Send + 'static,
    F: FnOnce(&mut Patterns) -> T + Send + 'static,
{
    with_same(ctx, ground, None, act).await.map(|(answer, _)| answer)
}

/// The same, and when they were made; only if they are those that were made then. Work that goes on in steps is of no use to others.
pub async fn with_same<T, F>(ctx: &Ctx, ground: Ground, made: Option<u64>, act: F) -> AppResult<(T, u64)>
where
    T: Send + 'static,
    F: FnOnce(&mut Patterns) -> T + Send + 'static,
{
    let shared = ctx.state.engines.of(ground);
    let mut place = shared.lock_owned().await;
    if place.is_none() {
        *place = Some(load(ctx, ground).await?);
    }
    let (answer, traces) = tokio::task::spawn_blocking(move || {
        let Some(engine) = place.as_mut() else { return (None, 0) };
        let is_same = made.is_none_or(|made| made == engine.made);
        let answer = is_same.then(|| (act(&mut engine.patterns), engine.made));
        (answer, engine.patterns.len())
    })
    .await
    .map_err(|error| internal("patterns", &error))?;
    ctx.state.engines.used(ground, traces);
    answer.ok_or_else(|| AppError::new(ErrorCode::Unavailable, "The patterns were read again meanwhile: this begins anew."))
}

/// Vectors of another model than before cannot be compared with those that are there.
pub async fn checked(ctx: &Ctx, ground: Ground, model: &GoalModel) -> AppResult<()> {
    let shared = ctx.state.engines.of(ground);
    let mut place = shared.lock().await;
    if place.as_ref().is_some_and(|engine| engine.model != *model) {
        *place = None;
    }
    Ok(())
}

/// Reads the patterns of a place as they are stored. Goals whose vectors are kept from another model are embedded anew.
async fn load(ctx: &Ctx, ground: Ground) -> AppResult<Engine> {
    let pool = ctx.db().read();
    let (model, _) = embedded(ctx, ground, Vec::new()).await?;
    let weights = if model.is_adapted { Weights::default() } else { Weights::without_adapter() };
    let mut patterns = Patterns::with_weights(model.dimension, weights);
    let mut after = String::new();
    loop {
        let assigned = store::assigned(pool, ground, &after, READ).await?;
        let Some((last, _)) = assigned.last() else { break };
        after.clone_from(last);
        let numbers: HashMap<&str, i64> = assigned.iter().map(|(trace, number)| (trace.as_str(), *number)).collect();
        let ids: Vec<&str> = numbers.keys().copied().collect();
        let traces = traces::service::to_group(ctx, &ids).await?;
        let (_, traces) = embedded(ctx, ground, traces).await?;
        for (trace, vector) in &traces {
            if let Some(number) = numbers.get(trace.id.as_str()) {
                patterns.restore(trace, vector, PatternId(*number as u64)).map_err(|error| internal("patterns", &error))?;
            }
        }
    }
    patterns.reserve(PatternId(store::last_number(pool, ground).await? as u64));
    Ok(Engine { patterns, model, made: MADE.fetch_add(1, Ordering::Relaxed) })
}
