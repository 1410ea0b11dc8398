//! Taking a delivery in: looked at, then stored together with the others that wait, and only then answered.
//!
//! A commit waits for the disk, so what comes meanwhile is written by the next one, all of it at once. Nobody waits for a timer: a delivery
//! that comes alone is written alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::http::HeaderMap;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::{
    super::{
        model::{
            BodyKind, DeliveryState, KEPT_HEADERS, PAYLOAD_MAX, delivery_guid, is_acted_on, is_event_name, read_heading, read_signature,
        },
        store::deliveries::{self as store, New},
    },
    act, networks, secrets,
};
use crate::{
    error::{AppError, AppResult, ErrorCode},
    ids::DeliveryId,
    server::{context::Ctx, state::AppState},
};

/// Bodies that are read or wait to be stored hold so much memory together, others wait until there is room: their beginnings, and what large ones have
/// behind it. Only what has come is held of a beginning, so that nobody takes room by saying how much will come.
const BEGINNINGS_KIB: usize = 32 * 1024;
const LARGE_KIB: usize = 96 * 1024;
const BEGINNING: usize = 1024 * 1024;
const ROOM_WAIT: Duration = Duration::from_secs(3);
/// For a whole body; GitHub itself gives up after ten seconds.
pub const BODY_TIME: Duration = Duration::from_secs(15);
/// Deliveries that wait at most: two seconds of the most that is ever expected.
const WAITING_MAX: usize = 4_096;
/// One transaction: it holds the writer for some milliseconds.
const BATCH: usize = 256;
const BATCH_BYTES: usize = 4 * 1024 * 1024;
const RETRY_AFTER_SECONDS: u32 = 5;

/// What waits to be stored.
pub struct Intake {
    queue: Mutex<Queue>,
    beginnings: Arc<Semaphore>,
    large: Arc<Semaphore>,
}

impl Default for Intake {
    fn default() -> Self {
        let room = |kib| Arc::new(Semaphore::new(kib));
        Self { queue: Mutex::default(), beginnings: room(BEGINNINGS_KIB), large: room(LARGE_KIB) }
    }
}

/// The memory that one body holds.
struct Room {
    /// How long the body says it is.
    length: usize,
    came: usize,
    beginning: Option<OwnedSemaphorePermit>,
    rest: Option<OwnedSemaphorePermit>,
}

impl Room {
    fn of(length: usize) -> Self {
        Self { length, came: 0, beginning: None, rest: None }
    }

    /// So many bytes more have come. What is large proves it by its beginning, and has room for all of the rest then: several that grew side by side would
    /// wait for each other.
    async fn grow(&mut self, intake: &Intake, bytes: usize) -> AppResult<()> {
        let kib = |bytes: usize| bytes.min(BEGINNING).div_ceil(1024);
        let before = kib(self.came);
        self.came += bytes;
        take(&intake.beginnings, kib(self.came) - before, &mut self.beginning).await?;
        if self.came > BEGINNING && self.rest.is_none() {
            take(&intake.large, self.length.max(self.came).saturating_sub(BEGINNING).div_ceil(1024), &mut self.rest).await?;
        }
        Ok(())
    }
}

async fn take(room: &Arc<Semaphore>, kib: usize, held: &mut Option<OwnedSemaphorePermit>) -> AppResult<()> {
    if kib == 0 {
        return Ok(());
    }
    let kib = u32::try_from(kib).unwrap_or(u32::MAX);
    let Ok(Ok(permit)) = tokio::time::timeout(ROOM_WAIT, room.clone().acquire_many_owned(kib)).await else { return Err(busy()) };
    match held {
        Some(held) => held.merge(permit),
        None => *held = Some(permit),
    }
    Ok(())
}

#[derive(Default)]
struct Queue {
    items: Vec<Item>,
    /// Whether somebody writes; that one takes what comes meanwhile.
    writing: bool,
}

struct Item {
    new: New,
    answer: oneshot::Sender<AppResult<bool>>,
    _room: Room,
}

impl Intake {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A delivery of which all but its body was looked at.
pub struct Arrival {
    event: String,
    guid: String,
    kind: BodyKind,
    signature: [u8; 32],
    headers: BTreeMap<&'static str, String>,
    listed: Option<bool>,
    received_at: i64,
    room: Room,
}

impl Arrival {
    /// So many bytes of its body have come.
    ///
    /// # Errors
    /// There is no room for them now.
    pub async fn hold(&mut self, ctx: &Ctx, bytes: usize) -> AppResult<()> {
        self.room.grow(&ctx.state.intake, bytes).await
    }
}

/// What GitHub is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Received {
    #[serde(skip)]
    pub event: String,
    /// It was here already; nothing is done twice.
    pub repeated: bool,
    pub message: &'static str,
}

fn busy() -> AppError {
    let error =
        AppError::new(ErrorCode::Unavailable, "More deliveries come than can be stored. Nothing was kept of this one; send it again.");
    AppError { retry_after: Some(RETRY_AFTER_SECONDS), ..error }
}

/// Looks at everything that is there before the body is: whoever is refused here costs nothing.
pub async fn admit(ctx: &Ctx, headers: &HeaderMap) -> AppResult<Arrival> {
    let received_at = ctx.now();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    secrets::require_any(ctx).await?;
    let listed = networks::look_at_address(ctx).await?;
    let kind = BodyKind::of(text("content-type").unwrap_or_default()).ok_or_else(|| {
        AppError::new(ErrorCode::UnsupportedMediaType, "Send the webhook as application/json or application/x-www-form-urlencoded.")
    })?;
    let event = text("x-github-event")
        .filter(|event| is_event_name(event))
        .ok_or_else(|| AppError::invalid("The header X-GitHub-Event is missing, or it is not the name of an event."))?;
    let guid = text("x-github-delivery")
        .and_then(delivery_guid)
        .ok_or_else(|| AppError::invalid("The header X-GitHub-Delivery is missing, or it is not a UUID."))?;
    let signature = read_signature(text("x-hub-signature-256"), headers.contains_key("x-hub-signature"))
        .map_err(|problem| AppError::new(ErrorCode::Unauthenticated, problem.sentence()))?;
    let length = text("content-length").map_or(PAYLOAD_MAX, |length| length.parse().unwrap_or(usize::MAX));
    if length > PAYLOAD_MAX {
        return Err(too_large());
    }
    Ok(Arrival {
        event: event.to_owned(),
        guid,
        kind,
        signature,
        headers: KEPT_HEADERS.iter().filter_map(|name| Some((*name, text(name)?.chars().take(300).collect()))).collect(),
        listed,
        received_at,
        room: Room::of(length),
    })
}

/// The body did not come in its time.
pub fn too_slow() -> AppError {
    AppError::new(
        ErrorCode::Unavailable,
        format!("The body took longer than {} s. Nothing was kept of it; send it again.", BODY_TIME.as_secs()),
    )
}

pub fn too_large() -> AppError {
    AppError::too_large("A payload has 25 MB at most.")
}

/// Verifies and stores. When this gives an answer, the delivery is on the disk.
pub async fn receive(ctx: &Ctx, arrival: Arrival, body: &[u8]) -> AppResult<Received> {
    let Arrival { event, guid, kind, signature, headers, listed, received_at, room } = arrival;
    let form = match kind {
        BodyKind::Json => None,
        BodyKind::Form => Some(form_urlencoded::parse(body).find(|(name, _)| name == "payload").map(|(_, payload)| payload.into_owned())),
    };
    let payload = match &form {
        None => body,
        Some(payload) => payload.as_deref().unwrap_or_default().as_bytes(),
    };
    let signed_by = secrets::signer(ctx, body, payload, &signature).await?;
    let heading = read_heading(&event, payload);
    let ping = event == "ping" && heading.is_ok();
    let (state, done, error) = match &heading {
        Err(sentence) => (DeliveryState::Failed, Vec::new(), Some(sentence.clone())),
        Ok(_) if ping => (DeliveryState::Done, vec!["Answered."], None),
        Ok(_) if is_acted_on(&event) => (DeliveryState::Received, Vec::new(), None),
        Ok(_) => (DeliveryState::Ignored, Vec::new(), None),
    };
    let heading = heading.unwrap_or_default();
    let new = New {
        // Given where it is written, so that ids are in that order.
        id: DeliveryId::generate(),
        guid,
        event: event.clone(),
        action: heading.action,
        repository: heading.repository,
        about: heading.about,
        headers: serde_json::to_string(&headers)?,
        address: ctx.address.to_string(),
        listed,
        signed_by,
        size: payload.len() as i64,
        state,
        done: serde_json::to_string(&done)?,
        error,
        received_at,
        payload: lz4_flex::compress_prepend_size(payload),
    };
    let repeated = store_with_others(&ctx.state, new, room).await?;
    let message = match (repeated, ping) {
        (true, _) => "This delivery was here already; nothing is done twice.",
        (false, true) => "pong",
        (false, false) => "Stored.",
    };
    Ok(Received { event, repeated, message })
}

/// The payload as it came.
pub fn unpack(data: &[u8]) -> AppResult<Vec<u8>> {
    lz4_flex::decompress_size_prepended(data).map_err(|error| crate::server::error::internal("a stored payload is damaged", &error))
}

/// Whether it was here already.
async fn store_with_others(state: &AppState, new: New, room: Room) -> AppResult<bool> {
    let (answer, answered) = oneshot::channel();
    {
        let mut queue = state.intake.queue();
        if queue.items.len() >= WAITING_MAX {
            return Err(busy());
        }
        queue.items.push(Item { new, answer, _room: room });
        if !mem::replace(&mut queue.writing, true) {
            // A task of its own: the request may end before the others of its transaction are answered.
            tokio::spawn(write_all(state.clone()));
        }
    }
    answered.await.unwrap_or_else(|_| Err(AppError::internal()))
}

/// If writing ends in a panic, the next delivery begins it again.
struct Writing<'a>(&'a Intake);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.queue().writing = false;
    }
}

async fn write_all(state: AppState) {
    let ctx = Ctx::internal(state.clone(), None);
    let intake = &state.intake;
    let writing = Writing(intake);
    loop {
        let batch = {
            let mut queue = intake.queue();
            if queue.items.is_empty() {
                // In the same moment: what comes now begins anew.
                queue.writing = false;
                mem::forget(writing);
                return;
            }
            let mut bytes = 0;
            let fits = queue.items.iter().take(BATCH).take_while(|item| {
                bytes += item.new.payload.len();
                bytes < BATCH_BYTES
            });
            // A large one goes alone.
            let fits = fits.count().max(1);
            let rest = queue.items.split_off(fits);
            mem::replace(&mut queue.items, rest)
        };
        write_batch(&ctx, batch).await;
    }
}

async fn write_batch(ctx: &Ctx, batch: Vec<Item>) {
    let (mut new, answers): (Vec<New>, Vec<_>) = batch.into_iter().map(|item| (item.new, (item.answer, item._room))).unzip();
    match write(ctx, &mut new).await {
        Ok(repeated) => {
            for ((answer, _), repeated) in answers.into_iter().zip(repeated) {
                let _ = answer.send(Ok(repeated));
            }
        }
        // One that cannot be stored must not take the others with it.
        Err(error) if error.code != ErrorCode::Unavailable && new.len() > 1 => {
            for (mut new, (answer, _)) in new.into_iter().zip(answers) {
                let written = write(ctx, std::slice::from_mut(&mut new)).await;
                let _ = answer.send(written.map(|repeated| repeated.first().is_some_and(|repeated| *repeated)));
            }
        }
        Err(error) => {
            let error = AppError { retry_after: Some(RETRY_AFTER_SECONDS), ..error };
            for (answer, _) in answers {
                let _ = answer.send(Err(error.clone()));
            }
        }
    }
}

/// One transaction: the deliveries, and a job for each repository of which one waits. For each, whether it was here already.
async fn write(ctx: &Ctx, new: &mut [New]) -> AppResult<Vec<bool>> {
    let now = ctx.now();
    for new in &mut *new {
        new.id = DeliveryId::generate();
    }
    let mut tx = ctx.db().write_tx().await?;
    let inserted: BTreeSet<String> = store::insert(&mut tx, new).await?.into_iter().collect();
    let mut repeated = Vec::with_capacity(new.len());
    let mut repositories = BTreeSet::new();
    for new in &*new {
        let is_new = inserted.contains(&new.id.to_string());
        if is_new && new.state == DeliveryState::Received {
            repositories.insert(new.repository.clone());
        } else if !is_new {
            repositories.extend(store::note_repeat(&mut tx, &new.guid, now).await?);
        }
        repeated.push(!is_new);
    }
    for repository in &repositories {
        act::enqueue(&mut tx, repository, now).await?;
    }
    tx.commit().await?;
    if !repositories.is_empty() {
        act::wake(ctx, &repositories).await;
    }
    Ok(repeated)
}
