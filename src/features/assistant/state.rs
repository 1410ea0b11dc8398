//! The assistant of a session as its page reads and tells it.

use std::future::Future;

use super::model::{Ask, Assistant, CallResult, CallWork, ChooseSkill, DecideCall};
use crate::{
    browser::data,
    error::AppResult,
    features::volumes::state::tell,
    ids::{ArtifactId, CallId, RunId, SessionId},
};

fn path(session: SessionId) -> String {
    format!("/sessions/{session}/assistant")
}

pub fn read_assistant(session: SessionId) -> impl Future<Output = AppResult<Assistant>> + Send + 'static {
    data::get(path(session))
}
