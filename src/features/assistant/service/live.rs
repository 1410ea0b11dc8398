//! Answers that are being given by this process: what was said so far, and the way to stop or go on.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::ids::RunId;

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
    pub fn begin(&self, id: RunId) -> (Answering, Here<'_>) {
        let answering = Answering::default();
        self.lock().insert(id, answering.clone());
        (answering, Here { answers: self, id })
    }
}

/// Takes an answer out when its job ends, however it ends.
pub struct Here<'a> {
    answers: &'a Answers,
    id: RunId,
}

impl Drop for Here<'_> {
    fn drop(&mut self) {
        self.answers.lock().remove(&self.id);
    }
}
