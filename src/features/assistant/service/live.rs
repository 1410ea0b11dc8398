//! Answers that are being given by this process: what was said so far, and the way to stop or go on. Other nodes ask for the former, and
//! tell of the latter.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    ids::RunId,
    server::{
        cluster::{Cluster, Listening, Notice, Subject},
        context::Ctx,
        state::AppState,
    },
};

/// For so long another node is waited for that says what was said so far; what is stored is shown otherwise.
const ASKED_FOR: Duration = Duration::from_millis(500);

/// One answer on its way.
#[derive(Clone, Default)]
pub struct Answering {
    text: Arc<Mutex<String>>,
    /// Cancelled when somebody stops it.
    pub stop: CancellationToken,
    /// Told when somebody has said something about a call of a tool.
    pub decided: Arc<Notify>,
}

impl Answering {
    fn lock(&self) -> MutexGuard<'_, String> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn text(&self) -> String {
        self.lock().clone()
    }

    /// Puts a piece behind what was said; gives where it begins, in bytes.
    pub fn push(&self, piece: &str) -> usize {
        let mut text = self.lock();
        let from = text.len();
        text.push_str(piece);
        from
    }

    /// Begins again with what is sure.
    pub fn reset(&self, text: String) {
        *self.lock() = text;
    }
}

/// All of them; those of other nodes are not here.
#[derive(Default)]
pub struct Answers(Mutex<HashMap<RunId, Answering>>);

impl Answers {
    fn lock(&self) -> MutexGuard<'_, HashMap<RunId, Answering>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn get(&self, id: RunId) -> Option<Answering> {
        self.lock().get(&id).cloned()
    }

    /// Begins one; it is here until the guard goes.
    pub fn begin(&self, cluster: &Cluster, id: RunId) -> (Answering, Here<'_>) {
        let answering = Answering::default();
        self.lock().insert(id, answering.clone());
        let told = answering.clone();
        let asked = cluster.answer(Subject::Answer(id), move || Bytes::from(told.text()));
        (answering, Here { answers: self, id, _asked: asked })
    }

    /// Something was decided about an answer, or it is to stop, as the database has it: whoever gives it looks.
    pub fn tell(&self, state: &AppState, run: RunId, stop: bool) {
        self.hear(run, stop);
        state.cluster.announce(&Notice::Decided { run, stop });
    }

    /// The same, said at another node.
    pub fn hear(&self, run: RunId, stop: bool) {
        match self.get(run) {
            Some(answering) if stop => answering.stop.cancel(),
            Some(answering) => answering.decided.notify_waiters(),
            None => {}
        }
    }
}

/// What was said so far of an answer, here or at another node; none: nobody gives it, or they do not say.
pub async fn said_so_far(ctx: &Ctx, id: RunId) -> Option<String> {
    if let Some(answering) = ctx.state.answers.get(id) {
        return Some(answering.text());
    }
    let said = ctx.state.cluster.ask(Subject::Answer(id), ASKED_FOR).await?;
    String::from_utf8(said.to_vec()).ok()
}

/// Takes an answer out when its job ends, however it ends.
pub struct Here<'a> {
    answers: &'a Answers,
    id: RunId,
    _asked: Listening,
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.answers.lock().remove(&self.id);
    }
}
